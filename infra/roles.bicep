metadata description = 'The Azure roles that a deployment assigns. A test allows no others.'

@export()
@description('Ids of built-in roles (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).')
var roles = {
  // The Functions host keeps its locks and keys in blobs, and reads the package.
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  // Receives, renews and deletes messages, and counts them.
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  // Counts and shows the messages of a queue.
  queueDataReader: '19e7f393-937e-4f77-808e-94535e297925'
  // Receives and deletes messages.
  queueDataMessageProcessor: '8a0f0c08-91a1-4084-bc3d-661d67233fed'
  // Puts messages on a queue, and nothing else.
  queueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  tableDataReader: '76199698-9eea-4c19-bc75-cec21354c6b6'
  // Sends telemetry to Application Insights.
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  // Reads the values of secrets.
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  // Sends mails. There is no narrower built-in role: this one may also read, change and delete the
  // resource that it is assigned on.
  communicationOwner: '09976791-48a7-449e-bb21-39d1a415f350'
  // Sends events to a topic of Event Grid, and nothing else.
  eventGridDataSender: 'd5a91429-5739-47e2-a06b-3470a27159e7'
}
