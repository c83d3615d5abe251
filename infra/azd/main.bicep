metadata description = 'What azd up deploys: a resource group with everything of ../main.bicep in it. For whoever may make resource groups.'

import { Scale, Network, Entrance, Watch, People } from '../types.bicep'
import { ProgramSettings } from '../settings.bicep'

targetScope = 'subscription'

@description('Name of the azd environment; the resource group is named for it.')
@minLength(1)
@maxLength(60)
param environmentName string

@description('Region of all resources.')
@metadata({ azd: { type: 'location' } })
param location string

@description('What the names of all resources begin with after the kind.')
@minLength(3)
@maxLength(16)
param baseName string = 'guestlist'

@description('The name of the inviting organisation, as partners read it.')
@minLength(1)
param organisation string

@description('Settings of the program; what is left out keeps its default.')
param settings ProgramSettings = {}

@secure()
@description('Keys of programs that may send sign-ups as JSON, to be kept in the key vault.')
param jsonKeys string = ''

@secure()
@description('The secret key of the challenge, to be kept in the key vault.')
param challengeSecret string = ''

@description('The public form, the status page and the work as three apps with an identity each.')
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

@description('No deletion of the storage account, and no purge of the key vault.')
param protect bool = false

@description('Address of the folder with the zips of a release; empty where the zips are built here.')
param packagesUrl string = ''

var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module guestlist '../main.bicep' = {
  scope: group
  params: {
    location: location
    baseName: baseName
    organisation: organisation
    settings: settings
    jsonKeys: jsonKeys
    challengeSecret: challengeSecret
    splitIdentities: splitIdentities
    scale: scale
    network: network
    entrance: entrance
    people: people
    watch: watch
    protect: protect
    packagesUrl: packagesUrl
    tags: tags
  }
}

@description('Name of the resource group.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Address of the form.')
output GUESTLIST_FORM_URL string = guestlist.outputs.formUrl

@description('Name of the app that does the work.')
output GUESTLIST_WORK_APP string = guestlist.outputs.workAppName

@description('Name of the app with the form; empty where identities are not split.')
output GUESTLIST_FORM_APP string = guestlist.outputs.formAppName

@description('Name of the app with the status page; empty where identities are not split.')
output GUESTLIST_STATUS_APP string = guestlist.outputs.statusAppName

@description('Name of the storage account: the --account of the admin\'s command.')
output GUESTLIST_STORAGE_ACCOUNT string = guestlist.outputs.storageAccountName

@description('Object id of the identity that invites.')
output GUESTLIST_IDENTITY string = guestlist.outputs.identityPrincipalId
