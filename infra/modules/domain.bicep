metadata description = 'A custom host name for an app, with a certificate that Azure issues and renews.'

import { Tags } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('Name of the function app.')
param appName string

@description('The host name. DNS must already have a CNAME to the app and a TXT record asuid.NAME with its verification id.')
param hostName string

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

// Only the first time. Later, a binding without a certificate would remove the one that was
// bound.
@onlyIfNotExists()
resource name 'Microsoft.Web/sites/hostNameBindings@2025-03-01' = {
  parent: app
  name: hostName
  properties: {
    siteName: appName
    hostNameType: 'Verified'
    customHostNameDnsRecordType: 'CName'
  }
}

resource certificate 'Microsoft.Web/sites/certificates@2025-03-01' = {
  parent: app
  name: replace(hostName, '.', '-')
  location: location
  tags: tags
  properties: { canonicalName: hostName }
  dependsOn: [name]
}

module binding 'domain-tls.bicep' = {
  params: {
    appName: appName
    hostName: hostName
    thumbprint: certificate.properties.thumbprint
  }
}
