metadata description = 'Guestlist in a resource group: the function app, what it stores, what it may do, and who watches it.'

import { Tags, Scale, Network, Entrance, Watch, People } from 'types.bicep'
import { ProgramSettings, programSettings } from 'settings.bicep'
import { roles } from 'roles.bicep'

targetScope = 'resourceGroup'

@description('Region of all resources. It must have the Flex Consumption plan: az functionapp list-flexconsumption-locations.')
param location string = resourceGroup().location

@description('What the names of all resources begin with after the kind: lower-case letters, digits and hyphens.')
@minLength(3)
@maxLength(16)
param baseName string = 'guestlist'

@description('The name of the inviting organisation, as partners read it.')
@minLength(1)
param organisation string

@description('Settings of the program; what is left out keeps its default.')
param settings ProgramSettings = {}

@secure()
@description('The key by which the form signs its tokens. Made up at the first deployment and kept in the key vault from then on; nobody needs to know it.')
param formSigningKey string = '${newGuid()}${newGuid()}'

@secure()
@description('Keys of programs that may send sign-ups as JSON, parted by spaces, to be kept in the key vault. Empty: what is there stays. They count with settings.GUESTLIST_JSON_KEYS.')
param jsonKeys string = ''

@secure()
@description('The secret key of the challenge, to be kept in the key vault. Empty: what is there stays. It counts with settings.GUESTLIST_CHALLENGE_SECRET.')
param challengeSecret string = ''

@description('The public form, the status page and the work behind the queue as three apps with an identity each: the form\'s may only put messages on the queue, the status page\'s may read requests beside that, and nobody can reach the one that invites.')
param splitIdentities bool = false

@description('How the apps scale.')
param scale Scale = {}

@description('The network of the apps.')
param network Network = {}

@description('How partners reach the form.')
param entrance Entrance = {}

@description('Who may work with policy rows and requests.')
param people People = {}

@description('What is watched, and who is told.')
param watch Watch = {}

@description('For what is in earnest: no deletion of the storage account, and no purge of the key vault.')
param protect bool = false

@description('Address of the folder with the zips of a release, to deploy the program together with everything else: https://github.com/OWNER/REPOSITORY/releases/download/TAG. Empty: the zip is sent afterwards, by infra/deploy.sh.')
param packagesUrl string = ''

@description('Tags for every resource.')
param tags Tags = {}

// Names that are unique in the world get this behind them.
var token = uniqueString(resourceGroup().id, baseName)
var shortName = take(replace(baseName, '-', ''), 8)
var private = network.?private ?? false
var zoneRedundant = scale.?zoneRedundant ?? false

var queueName = 'signups'
var poisonQueueName = 'signups-poison'
var policiesTable = 'Policies'
var requestsTable = 'Requests'
// What the program keeps. Policies are not among them: those the admins write, and the program only reads.
var stateTables = [requestsTable, 'Guests', 'Waiting', 'Seats', 'Tenant', 'Poison']

var graphUrls = {
  AzureCloud: 'https://graph.microsoft.com'
  AzureUSGovernment: 'https://graph.microsoft.us'
  AzureChinaCloud: 'https://microsoftgraph.chinacloudapi.cn'
}
var appSettings = union(programSettings(organisation, settings), {
  GUESTLIST_GRAPH_URL: graphUrls[environment().name]
  GUESTLIST_GRAPH_CREDENTIAL: 'managed-identity'
})
// The app with the form, and no other, may read the secrets. App Service puts the secret where such a reference stands.
var formSettings = union(appSettings, {
  GUESTLIST_FORM_KEYS: '@Microsoft.KeyVault(SecretUri=${vault.outputs.referenceUrl}form-signing-key)'
  GUESTLIST_JSON_KEYS: empty(settings.?GUESTLIST_JSON_KEYS)
    ? ''
    : '@Microsoft.KeyVault(SecretUri=${vault.outputs.referenceUrl}json-keys)'
  GUESTLIST_CHALLENGE: settings.?GUESTLIST_CHALLENGE ?? 'none'
  GUESTLIST_CHALLENGE_SECRET: empty(settings.?GUESTLIST_CHALLENGE_SECRET)
    ? ''
    : '@Microsoft.KeyVault(SecretUri=${vault.outputs.referenceUrl}challenge-secret)'
})

var workAppName = 'func-${baseName}-${token}'
var formAppName = 'func-${baseName}-form-${token}'
var statusAppName = 'func-${baseName}-status-${token}'
// The hosts of all apps differ by the apps' names alone. What comes behind is the cloud's, and one app has told it.
var formHost = entrance.?hostName ?? replace(workApp.outputs.hostName, workAppName, formAppName)
var statusHost = entrance.?statusHostName ?? replace(
  workApp.outputs.hostName,
  workAppName,
  statusAppName
)

var stateGrants = map(
  stateTables,
  table => { role: roles.tableDataContributor, on: 'table', name: table }
)
var workGrants = concat(stateGrants, [
  { role: roles.blobDataOwner, on: 'account' }
  { role: roles.queueDataContributor, on: 'queue', name: queueName }
  { role: roles.queueDataContributor, on: 'queue', name: poisonQueueName }
  { role: roles.tableDataReader, on: 'table', name: policiesTable }
])
var hostGrants = [
  { role: roles.blobDataOwner, on: 'account' }
]

resource workIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${baseName}-${token}'
  location: location
  tags: tags
}

resource formIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (splitIdentities) {
  name: 'id-${baseName}-form-${token}'
  location: location
  tags: tags
}

resource statusIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (splitIdentities) {
  name: 'id-${baseName}-status-${token}'
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    location: location
    tags: tags
    workspaceName: 'log-${baseName}-${token}'
    componentName: 'appi-${baseName}-${token}'
    retentionDays: watch.?retentionDays ?? 30
    dailyCapGb: watch.?dailyCapGb ?? 1
    publisherRole: roles.monitoringMetricsPublisher
    publishers: concat(
      [workIdentity.properties.principalId],
      splitIdentities ? [formIdentity!.properties.principalId] : [],
      splitIdentities ? [statusIdentity!.properties.principalId] : []
    )
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    location: location
    tags: tags
    accountName: 'st${shortName}${token}'
    zoneRedundant: zoneRedundant
    private: private
    queueNames: [queueName, poisonQueueName]
    tableNames: concat(stateTables, [policiesTable])
    packageContainer: 'package'
    workspaceId: monitoring.outputs.workspaceId
    protect: protect
  }
}

// The public apps get accounts of their own for what their hosts keep, since a host must own its account.
module formStorage 'modules/storage.bicep' = if (splitIdentities) {
  params: {
    location: location
    tags: tags
    accountName: 'stf${take(shortName, 7)}${token}'
    zoneRedundant: zoneRedundant
    private: private
    packageContainer: 'package'
    workspaceId: monitoring.outputs.workspaceId
    protect: false
  }
}

module statusStorage 'modules/storage.bicep' = if (splitIdentities) {
  params: {
    location: location
    tags: tags
    accountName: 'sts${take(shortName, 7)}${token}'
    zoneRedundant: zoneRedundant
    private: private
    packageContainer: 'package'
    workspaceId: monitoring.outputs.workspaceId
    protect: false
  }
}

module vault 'modules/vault.bicep' = {
  params: {
    location: location
    tags: tags
    vaultName: 'kv-${shortName}${token}'
    private: private
    protect: protect
    formSigningKey: formSigningKey
    jsonKeys: jsonKeys
    challengeSecret: challengeSecret
    readerId: splitIdentities
      ? formIdentity!.properties.principalId
      : workIdentity.properties.principalId
    readerRole: roles.keyVaultSecretsUser
    workspaceId: monitoring.outputs.workspaceId
  }
}

module workAccess 'modules/access.bicep' = {
  params: {
    accountName: storage.outputs.accountName
    principalId: workIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    grants: workGrants
  }
}

module formHostAccess 'modules/access.bicep' = if (splitIdentities) {
  params: {
    accountName: formStorage!.outputs.accountName
    principalId: formIdentity!.properties.principalId
    principalType: 'ServicePrincipal'
    grants: hostGrants
  }
}

module formAccess 'modules/access.bicep' = if (splitIdentities) {
  params: {
    accountName: storage.outputs.accountName
    principalId: formIdentity!.properties.principalId
    principalType: 'ServicePrincipal'
    grants: [
      { role: roles.queueDataMessageSender, on: 'queue', name: queueName }
    ]
  }
}

module statusHostAccess 'modules/access.bicep' = if (splitIdentities) {
  params: {
    accountName: statusStorage!.outputs.accountName
    principalId: statusIdentity!.properties.principalId
    principalType: 'ServicePrincipal'
    grants: hostGrants
  }
}

module statusAccess 'modules/access.bicep' = if (splitIdentities) {
  params: {
    accountName: storage.outputs.accountName
    principalId: statusIdentity!.properties.principalId
    principalType: 'ServicePrincipal'
    grants: [
      { role: roles.tableDataReader, on: 'table', name: requestsTable }
      { role: roles.queueDataMessageSender, on: 'queue', name: queueName }
    ]
  }
}

var editors = people.?policyEditors ?? []
var operators = people.?operators ?? []

module editorAccess 'modules/access.bicep' = [
  for editor in editors: {
    params: {
      accountName: storage.outputs.accountName
      principalId: editor.id
      principalType: editor.type
      grants: [
        { role: roles.tableDataContributor, on: 'table', name: policiesTable }
      ]
    }
  }
]

module operatorAccess 'modules/access.bicep' = [
  for operator in operators: {
    params: {
      accountName: storage.outputs.accountName
      principalId: operator.id
      principalType: operator.type
      grants: concat(stateGrants, [
        { role: roles.tableDataReader, on: 'table', name: policiesTable }
        { role: roles.queueDataMessageSender, on: 'queue', name: queueName }
        { role: roles.queueDataReader, on: 'queue', name: queueName }
        { role: roles.queueDataReader, on: 'queue', name: poisonQueueName }
      ])
    }
  }
]

module net 'modules/network.bicep' = if (private) {
  params: {
    location: location
    tags: tags
    networkName: 'vnet-${baseName}-${token}'
    addressPrefix: network.?addressPrefix ?? '10.90.0.0/24'
  }
}

var storageServices = ['blob', 'queue', 'table']

module storageEndpoints 'modules/endpoint.bicep' = [
  for (service, i) in storageServices: if (private) {
    params: {
      location: location
      tags: tags
      endpointName: 'pep-${baseName}-${service}-${token}'
      targetId: storage.outputs.accountId
      service: service
      subnetId: net!.outputs.endpointsSubnetId
      zoneId: net!.outputs.zoneIds[i]
    }
  }
]

module formEndpoint 'modules/endpoint.bicep' = if (private && splitIdentities) {
  params: {
    location: location
    tags: tags
    endpointName: 'pep-${baseName}-form-${token}'
    targetId: formStorage!.outputs.accountId
    service: 'blob'
    subnetId: net!.outputs.endpointsSubnetId
    zoneId: net!.outputs.zoneIds[0]
  }
}

module statusEndpoint 'modules/endpoint.bicep' = if (private && splitIdentities) {
  params: {
    location: location
    tags: tags
    endpointName: 'pep-${baseName}-status-${token}'
    targetId: statusStorage!.outputs.accountId
    service: 'blob'
    subnetId: net!.outputs.endpointsSubnetId
    zoneId: net!.outputs.zoneIds[0]
  }
}

module vaultEndpoint 'modules/endpoint.bicep' = if (private) {
  params: {
    location: location
    tags: tags
    endpointName: 'pep-${baseName}-vault-${token}'
    targetId: vault.outputs.vaultId
    service: 'vault'
    subnetId: net!.outputs.endpointsSubnetId
    zoneId: net!.outputs.zoneIds[3]
  }
}

// An app starts when everything that it needs on its first second is there: rights above all, which a Functions host asks for only once.
module workApp 'modules/app.bicep' = {
  params: {
    location: location
    tags: tags
    appName: workAppName
    identityId: workIdentity.id
    clientId: workIdentity.properties.clientId
    storage: storage.outputs.endpoints
    packageUrl: storage.outputs.packageUrl
    zipUrl: empty(packagesUrl)
      ? ''
      : '${packagesUrl}/${splitIdentities ? 'guestlist-work.zip' : 'guestlist.zip'}'
    telemetry: monitoring.outputs.telemetry
    settings: splitIdentities ? appSettings : formSettings
    scale: scale
    reachable: !splitIdentities
    allowedAddresses: splitIdentities ? [] : entrance.?allowedAddresses ?? []
    subnetId: private ? net!.outputs.appsSubnetId : null
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [workAccess, storageEndpoints, vaultEndpoint]
}

module formApp 'modules/app.bicep' = if (splitIdentities) {
  params: {
    location: location
    tags: tags
    appName: formAppName
    identityId: formIdentity!.id
    clientId: formIdentity!.properties.clientId
    storage: {
      blob: formStorage!.outputs.endpoints.blob
      queue: storage.outputs.endpoints.queue
      table: formStorage!.outputs.endpoints.table
    }
    packageUrl: formStorage!.outputs.packageUrl
    zipUrl: empty(packagesUrl) ? '' : '${packagesUrl}/guestlist-form.zip'
    telemetry: monitoring.outputs.telemetry
    settings: union(formSettings, { GUESTLIST_STATUS_ORIGIN: 'https://${statusHost}' })
    scale: scale
    reachable: true
    allowedAddresses: entrance.?allowedAddresses ?? []
    subnetId: private ? net!.outputs.appsSubnetId : null
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [formHostAccess, formAccess, storageEndpoints, formEndpoint, vaultEndpoint]
}

module statusApp 'modules/app.bicep' = if (splitIdentities) {
  params: {
    location: location
    tags: tags
    appName: statusAppName
    identityId: statusIdentity!.id
    clientId: statusIdentity!.properties.clientId
    storage: {
      blob: statusStorage!.outputs.endpoints.blob
      queue: storage.outputs.endpoints.queue
      table: storage.outputs.endpoints.table
    }
    packageUrl: statusStorage!.outputs.packageUrl
    zipUrl: empty(packagesUrl) ? '' : '${packagesUrl}/guestlist-status.zip'
    telemetry: monitoring.outputs.telemetry
    settings: union(appSettings, { GUESTLIST_FORM_ORIGIN: 'https://${formHost}' })
    scale: scale
    reachable: true
    allowedAddresses: entrance.?allowedAddresses ?? []
    subnetId: private ? net!.outputs.appsSubnetId : null
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [statusHostAccess, statusAccess, storageEndpoints, statusEndpoint]
}

module formDomain 'modules/domain.bicep' = if (!empty(entrance.?hostName)) {
  params: {
    location: location
    tags: tags
    appName: splitIdentities ? formApp!.outputs.appName : workApp.outputs.appName
    hostName: entrance.?hostName ?? ''
  }
}

module statusDomain 'modules/domain.bicep' = if (splitIdentities && !empty(entrance.?statusHostName)) {
  params: {
    location: location
    tags: tags
    appName: statusApp!.outputs.appName
    hostName: entrance.?statusHostName ?? ''
  }
}

module alerts 'modules/alerts.bicep' = {
  params: {
    location: location
    tags: tags
    baseName: '${baseName}-${token}'
    workspaceId: monitoring.outputs.workspaceId
    emails: watch.?emails ?? []
    actionGroupIds: watch.?actionGroupIds ?? []
  }
}

module workbook 'modules/workbook.bicep' = {
  params: {
    location: location
    tags: tags
    displayName: 'Guestlist (${baseName})'
    workspaceId: monitoring.outputs.workspaceId
  }
}

@description('Address of the form.')
output formUrl string = 'https://${entrance.?hostName ?? (splitIdentities ? formApp!.outputs.hostName : workApp.outputs.hostName)}/signup'

@description('Name of the app that does the work, and everything else where identities are not split.')
output workAppName string = workApp.outputs.appName

@description('Name of the app with the form; empty where identities are not split.')
output formAppName string = splitIdentities ? formApp!.outputs.appName : ''

@description('Name of the app with the status page; empty where identities are not split.')
output statusAppName string = splitIdentities ? statusApp!.outputs.appName : ''

@description('Name of the storage account with policy rows and requests: the --account of the admin\'s command.')
output storageAccountName string = storage.outputs.accountName

@description('Name of the key vault.')
output vaultName string = vault.outputs.vaultName

@description('Object id of the identity that invites: the tenant admin gives it its Graph permissions.')
output identityPrincipalId string = workIdentity.properties.principalId

@description('Resource id of the workbook with tables and charts.')
output workbookId string = workbook.outputs.workbookId

@description('Name of the identity that invites.')
output identityName string = workIdentity.name
