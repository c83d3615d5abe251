metadata description = 'For azd up: a resource group with ../main.bicep in it. Needs the right to create resource groups.'

import { Scale, Network, Entrance, Rights, Watch, People, Mail, Channels } from '../types.bicep'
import { ProgramSettings } from '../settings.bicep'

targetScope = 'subscription'

@description('Name of the azd environment; the resource group is named for it.')
@minLength(1)
@maxLength(60)
param environmentName string

@description('Region of all resources.')
@metadata({ azd: { type: 'location' } })
param location string

@description('What the names of all resources begin with, after the abbreviation of the kind.')
@minLength(3)
@maxLength(16)
param baseName string = 'guestlist'

@description('The name of the inviting organisation, as partners read it.')
@minLength(1)
param organisation string

@description('Settings of the program. A setting that is left out keeps its default.')
param settings ProgramSettings = {}

@secure()
@description('Keys of programs that may send sign-ups as JSON, to keep in the key vault.')
param jsonKeys string = ''

@secure()
@description('The secret key of the captcha service, to keep in the key vault.')
param challengeSecret string = ''

@secure()
@description('Address of the workflow that posts notices into Teams, to keep in the key vault for channels.')
param teamsUrl string = ''

@secure()
@description('Keys that sign webhooks, to keep in the key vault for channels.')
param webhookKeys string = ''

@description('Deploy the public form, the status page and the work as three apps, each with its own identity.')
param splitIdentities bool = false

@description('How the apps scale.')
param scale Scale = {}

@description('The network of the apps.')
param network Network = {}

@description('How partners reach the form.')
param entrance Entrance = {}

@description('How wide the roles for tables and queues are.')
param rights Rights = {}

@description('Who may work with policy rows and requests.')
param people People = {}

@description('What sends the app\'s own mails.')
param mail Mail = { service: 'none' }

@description('Where notices to those who decide go besides their mails.')
param channels Channels = {}

@description('Alerts and logs.')
param watch Watch = {}

@description('Prevent deletion of the storage account and purging of the key vault.')
param protect bool = false

@description('Address of the folder with the zips of a release. Empty: the zips are built here.')
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
    teamsUrl: teamsUrl
    webhookKeys: webhookKeys
    splitIdentities: splitIdentities
    scale: scale
    network: network
    entrance: entrance
    rights: rights
    people: people
    mail: mail
    channels: channels
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

@description('Name of the app with the review pages; empty where identities are not split, or before the pages have an app registration.')
output GUESTLIST_REVIEWS_APP string = guestlist.outputs.reviewsAppName

@description('Scheme and host of the review pages.')
output GUESTLIST_REVIEWS_ORIGIN string = guestlist.outputs.reviewOrigin

@description('Object id of the identity that serves the review pages.')
output GUESTLIST_REVIEWS_IDENTITY string = guestlist.outputs.reviewIdentityPrincipalId

@description('Name of the storage account: the --account of the command line.')
output GUESTLIST_STORAGE_ACCOUNT string = guestlist.outputs.storageAccountName

@description('Object id of the identity that invites.')
output GUESTLIST_IDENTITY string = guestlist.outputs.identityPrincipalId

@description('Resource id of your own domain for mails; empty without one.')
output GUESTLIST_MAIL_DOMAIN string = guestlist.outputs.mailDomainId
