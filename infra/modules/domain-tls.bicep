metadata description = 'Binds a certificate to the host name of an app. A template can\'t change a resource twice, so this is a separate one.'

@description('Name of the function app.')
param appName string

@description('The host name.')
param hostName string

@description('Thumbprint of the certificate.')
param thumbprint string

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource name 'Microsoft.Web/sites/hostNameBindings@2025-03-01' = {
  parent: app
  name: hostName
  properties: {
    siteName: appName
    hostNameType: 'Verified'
    customHostNameDnsRecordType: 'CName'
    sslState: 'SniEnabled'
    thumbprint: thumbprint
  }
}
