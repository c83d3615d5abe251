metadata description = 'The app registration that people sign in to for the review pages. An admin of the tenant deploys it, and again after each change; see docs/deploy.md.'

extension microsoftGraphV1

targetScope = 'resourceGroup'

@description('Scheme and host of the review pages: the output reviewOrigin of the deployment.')
@minLength(9)
param origin string

@description('Object id of the identity that serves the review pages: the output reviewIdentityPrincipalId of the deployment.')
@minLength(36)
@maxLength(36)
param identityPrincipalId string

@description('The name that people see when they sign in.')
@minLength(1)
@maxLength(120)
param displayName string = 'Guestlist reviews'

@description('What the registration is found by when it is deployed again: letters, digits and hyphens. Another name makes another registration.')
@minLength(1)
@maxLength(60)
param uniqueName string = 'guestlist-reviews'

@description('Object ids of users and groups with the role Reviewer, who may decide any request. The worker also wants them in the group of the setting GUESTLIST_REVIEWERS. Groups need Entra ID P1, and only direct members count.')
param reviewers string[] = []

@description('Object ids of users and groups with the role Operator, who see what failed. The worker also wants them in the group of the setting GUESTLIST_OPERATORS before it tries anything again for them.')
param operators string[] = []

@description('Object ids of users and groups with the role PolicyReader, who see policy rows.')
param policyReaders string[] = []

@description('Object ids of users and groups with the role Auditor, who see everything and decide nothing.')
param auditors string[] = []

@description('Let only people with a role sign in. Sponsors and the approvers of a row, who need none, then see an error page of Entra.')
param assignmentRequired bool = false

@description('Whether anybody can sign in. False is the emergency switch: it shuts everybody out.')
param enabled bool = true

@description('Object ids of further owners of the registration. A pipeline with Application.ReadWrite.OwnedBy has to name its own identity, or its second deployment fails.')
param owners string[] = []

// The ids must stay as they are: assignments refer to them. To take a role away, first set
// isEnabled to false and deploy.
var roles = [
  {
    id: 'd06b8f14-65f7-48d2-a4fd-457d5b74e4a4'
    value: 'Reviewer'
    displayName: 'Reviewer'
    description: 'Decides any request.'
    people: reviewers
  }
  {
    id: 'edfa9621-d3e8-4f9e-8dc5-bfb6ac9be8f3'
    value: 'Operator'
    displayName: 'Operator'
    description: 'Tries again what failed.'
    people: operators
  }
  {
    id: 'd47465c4-32fd-4abf-b3fc-c6841852a015'
    value: 'PolicyReader'
    displayName: 'Policy reader'
    description: 'Sees policy rows and what they decide.'
    people: policyReaders
  }
  {
    id: '5a643005-e5d2-4c12-8ed2-a1ecfe5aac6e'
    value: 'Auditor'
    displayName: 'Auditor'
    description: 'Sees everything, decides nothing.'
    people: auditors
  }
]

// The permissions of Microsoft Graph that a person consents to, or an admin for everybody. They
// are the same in every tenant.
var scopes = {
  openid: '37f7f235-527c-4136-accd-4a02d197296e'
  profile: '14dad69e-099b-42c9-810b-d002981feec1'
  'User.Read': 'e1fe6dd8-ba31-4d61-89e7-88639da4683d'
}

var graphAppId = '00000003-0000-0000-c000-000000000000'
var audiences = {
  AzureCloud: 'api://AzureADTokenExchange'
  AzureUSGovernment: 'api://AzureADTokenExchangeUSGov'
  AzureChinaCloud: 'api://AzureADTokenExchangeChina'
}

var pages = '${endsWith(origin, '/') ? take(origin, length(origin) - 1) : origin}/reviews'

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: graphAppId
}

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: displayName
  // Only accounts of this tenant. Its guests are among them: the app refuses those itself.
  signInAudience: 'AzureADMyOrg'
  web: {
    homePageUrl: pages
    redirectUris: [
      '${pages}/signed-in'
      '${pages}/signed-out'
    ]
    implicitGrantSettings: { enableAccessTokenIssuance: false, enableIdTokenIssuance: false }
  }
  appRoles: map(roles, role => {
    id: role.id
    value: role.value
    displayName: role.displayName
    description: role.description
    allowedMemberTypes: ['User']
    isEnabled: true
  })
  // Says whether a person is a guest of the tenant.
  optionalClaims: {
    idToken: [{ name: 'acct' }]
  }
  requiredResourceAccess: [
    {
      resourceAppId: graphAppId
      resourceAccess: map(items(scopes), scope => { id: scope.value, type: 'Scope' })
    }
  ]
  owners: { relationships: owners }

  // In place of a secret.
  resource credential 'federatedIdentityCredentials' = {
    name: '${application.uniqueName}/managed-identity'
    description: 'The managed identity that serves the review pages.'
    audiences: [audiences[environment().name]]
    issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
    // Entra compares it with the case that tokens have.
    subject: toLower(identityPrincipalId)
  }
}

resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: application.appId
  accountEnabled: enabled
  appRoleAssignmentRequired: assignmentRequired
  // Shows it among the enterprise applications in the portal.
  tags: ['WindowsAzureActiveDirectoryIntegratedApp']
}

// Consent for everybody, so that nobody is asked.
resource consent 'Microsoft.Graph/oauth2PermissionGrants@v1.0' = {
  clientId: servicePrincipal.id
  resourceId: graph.id
  consentType: 'AllPrincipals'
  scope: join(map(items(scopes), scope => scope.key), ' ')
}

var assigned = flatten(map(
  roles,
  role => map(role.people, person => { role: role.id, person: person })
))

resource assignments 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for assignment in assigned: {
    appRoleId: assignment.role
    principalId: assignment.person
    resourceId: servicePrincipal.id
  }
]

@description('Client id of the registration, for settings.GUESTLIST_SIGN_IN_CLIENT_ID.')
output clientId string = application.appId
