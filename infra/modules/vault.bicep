metadata description = 'A key vault for the secrets of the form: the key by which it signs, and, where they are used, keys of programs and of a challenge.'

import { Tags } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('Name of the key vault.')
@minLength(3)
@maxLength(24)
param vaultName string

@description('Reachable by private endpoints only.')
param private bool

@description('Keep the vault from being purged.')
param protect bool

@secure()
@description('The key that is kept if there is none yet. One that is there already stays.')
param formSigningKey string

@secure()
@description('Keys of programs that may send sign-ups; empty leaves what is there.')
param jsonKeys string

@secure()
@description('Secret key of the challenge; empty leaves what is there.')
param challengeSecret string

@description('Object id of the identity that may read the secrets.')
param readerId string

@description('Id of the role that lets it.')
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
    // False is refused where it was ever true, so it is true or absent.
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

@onlyIfNotExists()
resource key 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  parent: vault
  name: 'form-signing-key'
  properties: {
    value: formSigningKey
    contentType: 'text/plain'
  }
}

resource programs 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = if (!empty(jsonKeys)) {
  parent: vault
  name: 'json-keys'
  properties: {
    value: jsonKeys
    contentType: 'text/plain'
  }
}

resource challenge 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = if (!empty(challengeSecret)) {
  parent: vault
  name: 'challenge-secret'
  properties: {
    value: challengeSecret
    contentType: 'text/plain'
  }
}

// On the vault, which holds nothing else: a right can't be given on a secret that is not there yet.
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

@description('Address that the names of secrets are put behind. Without a version, so that a new one is taken up by itself. It is no secret.')
output referenceUrl string = '${vault.properties.vaultUri}secrets/'

@description('Name of the vault.')
output vaultName string = vault.name
