metadata description = 'A key vault for the secrets of channels that get notices. It is the worker\'s alone: the form may read all of its own vault.'

import { Tags } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('Name of the key vault.')
@minLength(3)
@maxLength(24)
param vaultName string

@description('Make it reachable only through private endpoints.')
param private bool

@description('Prevent purging of the vault.')
param protect bool

@secure()
@description('Address of the workflow that posts into Teams. Empty: the vault is not changed.')
param teamsUrl string

@secure()
@description('Keys that sign webhooks. Empty: the vault is not changed.')
param webhookKeys string

@description('Object id of the identity that may read the secrets.')
param readerId string

@description('Id of the role that allows it.')
param readerRole string

@description('Resource id of the Log Analytics workspace for the audit log.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: vaultName
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
    // Azure refuses false where it was true before, so it is true or absent.
    enablePurgeProtection: protect ? true : null
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
    }
  }
}

resource workflow 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = if (!empty(teamsUrl)) {
  parent: vault
  name: 'teams-url'
  properties: {
    value: teamsUrl
    contentType: 'text/plain'
  }
}

resource signatures 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = if (!empty(webhookKeys)) {
  parent: vault
  name: 'webhook-keys'
  properties: {
    value: webhookKeys
    contentType: 'text/plain'
  }
}

resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, readerId, readerRole)
  scope: vault
  properties: {
    principalId: readerId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', readerRole)
  }
}

// The newest stable version, 2016-09-01, has other properties.
#disable-next-line use-recent-api-versions
resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'AuditEvent', enabled: true }
    ]
  }
}

@description('Resource id of the vault.')
output vaultId string = vault.id

@description('Address of secrets, to be followed by a name. It has no version, so new versions are used automatically.')
output referenceUrl string = '${vault.properties.vaultUri}secrets/'

@description('Name of the vault.')
output vaultName string = vault.name
