metadata description = 'Azure Communication Services for the mails of the app: a domain, a resource that sends, and the right to use it.'

import { Tags, MailDomain, MailRecord } from '../types.bicep'

@description('Tags for every resource.')
param tags Tags

@description('Name of the resource that sends. Globally unique.')
@minLength(1)
@maxLength(63)
param serviceName string

@description('Name of the resource that holds the domain.')
@minLength(1)
@maxLength(63)
param domainsName string

@description('Where both keep their data.')
param dataLocation string

@description('The domain of the sender.')
param domain MailDomain

@description('Object id of the identity that sends.')
param senderId string

@description('Id of the role that lets it.')
param senderRole string

@description('Log what became of each mail, with the addresses of partners.')
param logDelivery bool

@description('Resource id of the Log Analytics workspace for the log.')
param workspaceId string

// A domain that Azure has not verified can't be linked: the deployment would fail.
var own = domain.kind == 'own'
var usable = !own || (domain.?verified ?? false)
var username = domain.?sender.?username ?? 'donotreply'

resource domains 'Microsoft.Communication/emailServices@2026-03-18' = {
  name: domainsName
  location: 'global'
  tags: tags
  properties: { dataLocation: dataLocation }
}

resource sending 'Microsoft.Communication/emailServices/domains@2026-03-18' = {
  parent: domains
  name: domain.?name ?? 'AzureManagedDomain'
  location: 'global'
  tags: tags
  properties: {
    domainManagement: own ? 'CustomerManaged' : 'AzureManaged'
    // Tracking replaces the links of a mail by the service's own, the redeem link included.
    userEngagementTracking: 'Disabled'
  }
}

// Azure refuses it for its own domains, and while a domain has the first sending limits.
resource sender 'Microsoft.Communication/emailServices/domains/senderUsernames@2026-03-18' = if (usable && !empty(domain.?sender)) {
  parent: sending
  name: username
  properties: {
    username: username
    displayName: domain.?sender.?displayName ?? username
  }
}

// The resource type has no private endpoints, so its network stays public, also where that of
// storage does not. It takes tokens of the directory only: with local authentication off, its keys
// are worth nothing.
resource service 'Microsoft.Communication/communicationServices@2026-03-18' = {
  name: serviceName
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
    linkedDomains: usable ? [sending.id] : []
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
  }
}

// With the first deployment, before the app needs it: a new role takes minutes to take effect.
resource mayUse 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(service.id, senderId, senderRole)
  scope: service
  properties: {
    principalId: senderId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', senderRole)
  }
}

// The first category counts recipients. Only the second names them.
// The newest stable version, 2016-09-01, has other properties.
#disable-next-line use-recent-api-versions
resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'mails'
  scope: service
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: concat(
      [{ category: 'EmailSendMailOperational', enabled: true }],
      logDelivery ? [{ category: 'EmailStatusUpdateOperational', enabled: true }] : []
    )
  }
}

var records = sending.properties.verificationRecords

@description('Whether the domain is linked, so that the app can send.')
output usable bool = usable

@description('Scheme and host of the resource that sends.')
output url string = 'https://${service.properties.hostName}'

@description('The address that mails come from.')
output sender string = '${username}@${domain.?name ?? sending.properties.fromSenderDomain}'

@description('Resource id of the domain; empty for one of Azure.')
output domainId string = own ? sending.id : ''

@description('The DNS records that prove the domain; none for one of Azure.')
output records MailRecord[] = own
  ? [
      {
        proves: 'Domain'
        type: records.?Domain.?type ?? ''
        name: records.?Domain.?name ?? ''
        value: records.?Domain.?value ?? ''
      }
      {
        proves: 'SPF'
        type: records.?SPF.?type ?? ''
        name: records.?SPF.?name ?? ''
        value: records.?SPF.?value ?? ''
      }
      {
        proves: 'DKIM'
        type: records.?DKIM.?type ?? ''
        name: records.?DKIM.?name ?? ''
        value: records.?DKIM.?value ?? ''
      }
      {
        proves: 'DKIM2'
        type: records.?DKIM2.?type ?? ''
        name: records.?DKIM2.?name ?? ''
        value: records.?DKIM2.?value ?? ''
      }
    ]
  : []
