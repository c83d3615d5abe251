metadata description = 'The types of parameters that several files share.'

@export()
@description('Tags for every resource.')
type Tags = {
  @description('Name and value of a tag.')
  *: string
}

@export()
@description('Names and values of app settings.')
type Settings = {
  @description('The value of a setting.')
  *: string
}

@export()
@sealed()
@description('How the apps scale. What is left out keeps its default.')
type Scale = {
  @description('Memory of an instance in MiB. Some regions refuse 512, with which the Functions host also starts slowly. Default: 2048, as in Azure.')
  instanceMemoryMB: (512 | 2048 | 4096)?

  @description('The most instances for a group of functions, from 1 to 1000: HTTP functions are one group, every other function is its own. Many regions refuse less than 40. Default: 100, as in Azure.')
  @minValue(1)
  @maxValue(1000)
  maximumInstances: int?

  @description('Instances that always run for the form, so that no partner waits for a cold start. They are billed by the hour. Default: 0.')
  @minValue(0)
  @maxValue(1000)
  alwaysReady: int?

  @description('Distribute instances and storage over availability zones, where the region has them. Azure then keeps two instances of every group of functions running, at the price of always-ready instances. Changing storage afterwards is hard. Default: false.')
  zoneRedundant: bool?
}

@export()
@sealed()
@description('The network of the apps. What is left out keeps its default.')
type Network = {
  @description('Make storage and the key vault reachable only through private endpoints in a virtual network. Default: false.')
  private: bool?

  @description('Address space of the virtual network, at least a /24 in size. Default: 10.90.0.0/24.')
  addressPrefix: string?
}

@export()
@sealed()
@description('A range of addresses that may reach pages.')
type AddressRange = {
  @description('A name for people.')
  name: string

  @description('Addresses in CIDR notation, such as 203.0.113.0/24, or a service tag such as AzureFrontDoor.Backend.')
  range: string

  @description('Id of your Azure Front Door profile (its property frontDoorId). Without it the service tag admits every Front Door profile of every customer. Default: none.')
  frontDoorId: string?
}

@export()
@sealed()
@description('How partners reach the form, and approvers the review pages. What is left out keeps its default.')
type Entrance = {
  @description('Custom host name, such as join.contoso.com, with a certificate that Azure issues and renews. Its DNS records must exist first. Default: none.')
  hostName: string?

  @description('Custom host name for the status page, if identities are split. Default: none.')
  statusHostName: string?

  @description('Custom host name for the review pages, if identities are split. Default: none.')
  reviewHostName: string?

  @description('The only addresses that may reach the form and the status page. Default: everybody.')
  allowedAddresses: AddressRange[]?

  @description('The only addresses that may reach the review pages, if identities are split. Default: those of allowedAddresses.')
  reviewAddresses: AddressRange[]?

  @description('If identities are split: let everybody reach the app that invites too, for a subscription where Azure does not find its functions otherwise. It serves no pages. Default: false.')
  openWorker: bool?
}

@export()
@sealed()
@description('How wide the roles for tables and queues are. What is left out keeps its default.')
type Rights = {
  @description('each: a role on each table. account: on all tables of the account, for a subscription where Azure refuses transactions otherwise. Then the app may also change policy rows, and people who edit rows may change requests. Default: each.')
  tables: ('each' | 'account')?

  @description('each: a role on each queue. account: on all queues of the account, for a subscription where messages do not start the app otherwise. Default: each.')
  queues: ('each' | 'account')?
}

@export()
@sealed()
@description('Alerts and logs. What is left out keeps its default.')
type Watch = {
  @description('Mail addresses that receive the alerts. Default: none; alerts then appear in the portal only.')
  emails: string[]?

  @description('Resource ids of your own action groups that also receive the alerts. Default: none.')
  actionGroupIds: string[]?

  @description('How many days logs are kept, from 30 to 730. Default: 30.')
  @minValue(30)
  @maxValue(730)
  retentionDays: int?

  @description('The most that is logged in a day, in whole GB. It limits the bill; more is not logged. Default: 1.')
  @minValue(1)
  dailyCapGb: int?
}

@export()
@sealed()
@description('A person or a group of people in the directory.')
type Principal = {
  @description('Object id.')
  id: string

  @description('The kind of principal.')
  type: 'User' | 'Group' | 'ServicePrincipal'
}

@export()
@sealed()
@description('Who may work with the tables, preferably one group for each role. What is left out keeps its default.')
type People = {
  @description('People who edit policy rows. Default: nobody.')
  policyEditors: Principal[]?

  @description('People who view, approve, retry and erase requests, close the circuit breaker, read policy rows, and see the length of the queues. Default: nobody.')
  operators: Principal[]?
}

@export()
@sealed()
@description('A role for one principal on one scope in a storage account.')
type Grant = {
  @description('Id of the role, from roles.bicep.')
  role: string

  @description('The kind of scope.')
  on: 'account' | 'queue' | 'table'

  @description('Name of the queue or table; left out for the account.')
  name: string?
}

@export()
@sealed()
@description('Addresses of the queue and table service of a storage account.')
type Endpoints = {
  @description('Address of the queue service.')
  queue: string

  @description('Address of the table service.')
  table: string
}

@export()
@sealed()
@description('No mails of its own: Microsoft mails its invitations.')
type NoMail = {
  @description('Nothing sends mails.')
  service: 'none'
}

@export()
@sealed()
@description('A domain that Azure makes up, with at most 10 mails an hour. For trying out only.')
type AzureMailDomain = {
  @description('Azure\'s domain.')
  kind: 'azure'
}

@export()
@sealed()
@description('Where mails come from.')
type MailSender = {
  @description('What comes before the @, such as guests.')
  @minLength(1)
  @maxLength(64)
  username: string

  @description('The name that mail programs show. Default: the username.')
  displayName: string?
}

@export()
@sealed()
@description('Your own domain. It is created with the first deployment, and used once it is verified.')
type OwnMailDomain = {
  @description('Your domain.')
  kind: 'own'

  @description('The domain. Better one for these mails alone, such as guests.contoso.com, than that of your people\'s mail. A host name of the form cannot be used: its DNS record allows no others.')
  name: string

  @description('Whether Azure has verified the domain: infra/verify-mail-domain.sh says so. Until then it is not linked and the app sends nothing.')
  verified: bool

  @description('The sender. Azure accepts one only after it has raised the sending limits of the domain. Default: donotreply, which every domain has.')
  sender: MailSender?
}

@export()
@discriminator('kind')
@description('The domain of the sender.')
type MailDomain = AzureMailDomain | OwnMailDomain

@export()
@sealed()
@description('Azure Communication Services, with resources that belong to this deployment.')
type AcsMail = {
  @description('Azure Communication Services.')
  service: 'acs'

  @description('Where the service keeps its data, such as Europe, Germany, Switzerland, UK or United States. It cannot be changed later.')
  dataLocation: string

  @description('The domain of the sender.')
  domain: MailDomain

  @description('Id of a role of your own that lets the app send, in place of Communication and Email Service Owner. Default: none.')
  roleId: string?

  @description('Log what became of each mail. That log holds the addresses of partners. Default: false.')
  logDelivery: bool?
}

@export()
@sealed()
@description('A resource of Azure Communication Services that exists already. Its owner gives the identity that invites a role on it.')
type ExistingMail = {
  @description('An existing resource.')
  service: 'existing'

  @description('Scheme and host of the resource, such as https://NAME.europe.communication.azure.com.')
  url: string

  @description('The address of a sender of a domain that is linked to it.')
  sender: string
}

@export()
@sealed()
@description('A mailbox of the tenant, through Microsoft Graph. An Exchange admin lets the app send from it.')
type GraphMail = {
  @description('Microsoft Graph.')
  service: 'graph'

  @description('The address of the mailbox.')
  mailbox: string
}

@export()
@discriminator('service')
@description('What sends the app\'s own mails.')
type Mail = NoMail | AcsMail | ExistingMail | GraphMail

@export()
@sealed()
@description('Where notices to those who decide go besides their mails. Teams and webhooks are settings, with their secrets in a key vault. What is left out keeps its default.')
type Channels = {
  @description('Create a custom topic of Event Grid, to which the app sends notices as CloudEvents. Default: false.')
  topic: bool?
}

@export()
@sealed()
@description('A DNS record that proves the domain of the sender.')
type MailRecord = {
  @description('What it proves: Domain, SPF, DKIM or DKIM2.')
  proves: string

  @description('The type of the record: TXT or CNAME.')
  type: string

  @description('The name of the record. That of a DKIM record ends before the domain.')
  name: string

  @description('The value of the record.')
  value: string
}
