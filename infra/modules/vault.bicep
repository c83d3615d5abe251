metadata description = 'A key vault for the secrets of the form: its signing key, and keys of programs and of a captcha service where they are used.'

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
@description('The signing key to store if the vault has none. An existing key stays.')
param formSigningKey string

@secure()
@description('Keys of programs that may send sign-ups. Empty: the vault is not changed.')
param jsonKeys string

@secure()
@description('Secret key of the captcha service. Empty: the vault is not changed.')
param challengeSecret string

@description('Object id of the identity that may read the secrets.')
param readerId string

@description('Object id of the identity of the status page, which may read the signing key alone. Empty: none.')
param statusReaderId string

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

@onlyIfNotExists()
resource signingKey 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  parent: vault
  name: 'form-signing-key'
  properties: {
    value: formSigningKey
    contentType: 'text/plain'
  }
}

resource programKeys 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = if (!empty(jsonKeys)) {
  parent: vault
  name: 'json-keys'
  properties: {
    value: jsonKeys
    contentType: 'text/plain'
  }
}

resource captcha 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = if (!empty(challengeSecret)) {
  parent: vault
  name: 'challenge-secret'
  properties: {
    value: challengeSecret
    contentType: 'text/plain'
  }
}

// On the vault, which holds nothing else, because a role can't be assigned on a secret that does
// not exist yet.
resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, readerId, readerRole)
  scope: vault
  properties: {
    principalId: readerId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', readerRole)
  }
}

resource signingKeyReader 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(statusReaderId)) {
  name: guid(signingKey.id, statusReaderId, readerRole)
  scope: signingKey
  properties: {
    principalId: statusReaderId
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
