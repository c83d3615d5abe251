metadata description = 'The rights of one principal in one storage account, each on the narrowest scope that works.'

import { Grant } from '../types.bicep'

@description('Name of the storage account.')
param accountName string

@description('Object id of the principal.')
param principalId string

@description('The kind of principal.')
param principalType 'ServicePrincipal' | 'User' | 'Group'

@description('The rights.')
param grants Grant[]

var onAccount = filter(grants, grant => grant.on == 'account')
var onQueues = filter(grants, grant => grant.on == 'queue')
var onTables = filter(grants, grant => grant.on == 'table')

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: accountName
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2026-04-01' existing = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = [
  for grant in onQueues: {
    parent: queueService
    name: grant.?name ?? ''
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2026-04-01' existing = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2026-04-01' existing = [
  for grant in onTables: {
    parent: tableService
    name: grant.?name ?? ''
  }
]

resource accountGrants 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in onAccount: {
    name: guid(account.id, principalId, grant.role)
    scope: account
    properties: {
      principalId: principalId
      principalType: principalType
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        grant.role
      )
    }
  }
]

resource queueGrants 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (grant, i) in onQueues: {
    name: guid(queues[i].id, principalId, grant.role)
    scope: queues[i]
    properties: {
      principalId: principalId
      principalType: principalType
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        grant.role
      )
    }
  }
]

resource tableGrants 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (grant, i) in onTables: {
    name: guid(tables[i].id, principalId, grant.role)
    scope: tables[i]
    properties: {
      principalId: principalId
      principalType: principalType
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        grant.role
      )
    }
  }
]
