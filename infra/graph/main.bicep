metadata description = 'The Microsoft Graph permissions of the identity that invites. An admin of the tenant deploys them once; see docs/deploy.md.'

extension microsoftGraphV1

targetScope = 'resourceGroup'

@description('Object id of the identity that invites: the output identityPrincipalId of the deployment.')
@minLength(36)
@maxLength(36)
param identityPrincipalId string

@description('The permissions. Without one of them, Guestlist works without what it is for.')
param permissions ('User.Invite.All' | 'GroupMember.ReadWrite.All' | 'User.Read.All')[] = [
  'User.Invite.All'
  'GroupMember.ReadWrite.All'
  'User.Read.All'
]

// The same in every tenant. The parameter takes names, so that nobody has to compare ids.
var appRoleIds = {
  'User.Invite.All': '09850681-111b-4a89-9bed-3f2cae46d706'
  'GroupMember.ReadWrite.All': 'dbaae8cf-10b5-4b86-a4a1-f871c94c6695'
  'User.Read.All': 'df021288-bdef-4463-88db-98f22de89214'
}

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000'
}

resource assignments 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for permission in permissions: {
    appRoleId: appRoleIds[permission]
    principalId: identityPrincipalId
    resourceId: graph.id
  }
]

@description('The permissions that the identity has now.')
output granted string[] = [
  for (permission, i) in permissions: '${permission} (${assignments[i].appRoleId})'
]
