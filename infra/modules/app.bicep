metadata description = 'A function app on the Flex Consumption plan that runs all of Guestlist or a part of it.'

import { Tags, Settings, Scale, AddressRange, Endpoints } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('Name of the function app. Its plan has the same name with a prefix.')
@minLength(2)
@maxLength(60)
param appName string

@description('Resource id of the identity that the app acts as.')
param identityId string

@description('Client id of that identity.')
param clientId string

@description('Name of the storage account for the locks and keys of the Functions host.')
param hostAccountName string

@description('Queue service of the bindings, and table service of the program. They may belong to another account.')
param storage Endpoints

@description('Address of the container with the package.')
param packageUrl string

@description('Address of a zip to copy into the container and run. Empty: the zip is sent afterwards.')
param zipUrl string

@description('Connection string of Application Insights.')
param telemetry string

@description('The app settings of the program.')
param settings Settings

@description('Name of the app whose status page the mails of this one link to. Empty: none, or the settings say where it is.')
param statusAppName string = ''

@description('Name of the app that serves the review pages under its host name in Azure. Empty: none, or the settings say where they are.')
param reviewAppName string = ''

@description('How the app scales.')
param scale Scale

@description('Whether the app serves pages.')
param reachable bool

@description('Whether an app that serves no pages can be reached over HTTP all the same.')
param open bool = false

@description('The only addresses that can reach it. Empty: everybody.')
param allowedAddresses AddressRange[]

@description('Resource id of the subnet for outgoing connections, if there is one.')
param subnetId string?

@description('Resource id of the Log Analytics workspace for metrics.')
param workspaceId string

var rules = [
  for (address, i) in allowedAddresses: {
    name: address.name
    priority: 100 + i
    action: 'Allow'
    ipAddress: address.range
    tag: contains(address.range, '/') ? 'Default' : 'ServiceTag'
    headers: empty(address.?frontDoorId) ? null : { 'x-azure-fdid': [address.?frontDoorId ?? ''] }
  }
]

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${appName}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: {
    // Reserved means Linux.
    reserved: true
    zoneRedundant: scale.?zoneRedundant ?? false
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: appName
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: subnetId
    // On this plan, certificates of custom host names need it. It can be set only at creation,
    // and the published types lack it.
    #disable-next-line BCP037
    siteScopedCertificatesEnabled: true
    functionAppConfig: {
      runtime: { name: 'custom', version: '1.0' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: scale.?instanceMemoryMB ?? 2048
        maximumInstanceCount: scale.?maximumInstances ?? 100
        alwaysReady: reachable && (scale.?alwaysReady ?? 0) > 0
          ? [{ name: 'http', instanceCount: scale.?alwaysReady ?? 0 }]
          : []
      }
    }
    // This plan refuses many usual keys, such as ftpsState and alwaysOn (error 51021). It accepts
    // these.
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictions: rules
      ipSecurityRestrictionsDefaultAction: (reachable || open) && empty(allowedAddresses)
        ? 'Allow'
        : 'Deny'
      // Deployments use this site, with a token of the deploying identity.
      scmIpSecurityRestrictionsUseMain: false
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
    }
  }

  resource values 'config' = {
    name: 'appsettings'
    // The host names of the apps differ only in the name of the app.
    properties: union(
      settings,
      empty(statusAppName)
        ? {}
        : {
            GUESTLIST_STATUS_ORIGIN: 'https://${replace(app.properties.defaultHostName, appName, statusAppName)}'
          },
      empty(reviewAppName)
        ? {}
        : {
            GUESTLIST_REVIEW_ORIGIN: 'https://${replace(app.properties.defaultHostName, appName, reviewAppName)}'
          },
      {
        // At some starts the host does not see addresses in place of the name. It would also take
        // the name for bindings, before any address, so they have a connection of their own.
        AzureWebJobsStorage__accountName: hostAccountName
        AzureWebJobsStorage__credential: 'managedidentity'
        AzureWebJobsStorage__clientId: clientId
        AzureWebJobsDisableHomepage: 'true'
        GUESTLIST_STORAGE__queueServiceUri: storage.queue
        GUESTLIST_STORAGE__tableServiceUri: storage.table
        GUESTLIST_STORAGE__credential: 'managedidentity'
        GUESTLIST_STORAGE__clientId: clientId
        AZURE_CLIENT_ID: clientId
        APPLICATIONINSIGHTS_CONNECTION_STRING: telemetry
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
      }
    )
  }
}

resource code 'Microsoft.Web/sites/extensions@2025-03-01' = if (!empty(zipUrl)) {
  parent: app
  name: 'onedeploy'
  #disable-next-line BCP187
  properties: {
    packageUri: zipUrl
    remoteBuild: false
  }
  dependsOn: [app::values]
}

// The newest stable version, 2016-09-01, has other properties.
#disable-next-line use-recent-api-versions
resource metrics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'metrics'
  scope: app
  properties: {
    workspaceId: workspaceId
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

@description('Name of the app.')
output appName string = app.name

@description('Resource id of the app.')
output appId string = app.id

@description('Host name of the app in Azure.')
output hostName string = app.properties.defaultHostName
