metadata description = 'A custom topic of Event Grid for notices, and the right to send to it. Who gets the events is added to it afterwards.'

import { Tags } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('Name of the topic.')
@minLength(3)
@maxLength(50)
param topicName string

@description('Object id of the identity that sends.')
param senderId string

@description('Id of the role that lets it.')
param senderRole string

@description('Resource id of the Log Analytics workspace for the log.')
param workspaceId string

// Its network stays public: it takes tokens of the directory only, and with local authentication
// off, its keys are worth nothing.
resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: topicName
  location: location
  tags: tags
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource maySend 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(topic.id, senderId, senderRole)
  scope: topic
  properties: {
    principalId: senderId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', senderRole)
  }
}

// Events that could not be taken or delivered; their content is in none of the categories.
// The newest stable version, 2016-09-01, has other properties.
#disable-next-line use-recent-api-versions
resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'events'
  scope: topic
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'PublishFailures', enabled: true }
      { category: 'DeliveryFailures', enabled: true }
    ]
  }
}

@description('Where events are sent.')
output endpoint string = topic.properties.endpoint

@description('Name of the topic.')
output topicName string = topic.name
