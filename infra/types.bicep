metadata description = 'The shapes of parameters that several files share.'

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
  @description('Memory of an instance in MiB. The handler is content with the smallest; the Functions host beside it likes more. Default: 2048.')
  instanceMemoryMB: (512 | 2048 | 4096)?

  @description('The most instances that are started for a group of functions, from 1 to 1000: those called by HTTP are one group, every other function is one of its own. A low number also bounds the bill. Default: 40.')
  @minValue(1)
  @maxValue(1000)
  maximumInstances: int?

  @description('Instances that are always running for the form, so that no partner waits for a cold start. They cost by the hour. Default: 0.')
  @minValue(0)
  @maxValue(1000)
  alwaysReady: int?

  @description('Spread instances and storage over availability zones, where the region has them. Azure then keeps two instances of every group of functions running, at the price of instances that are always ready. Storage can hardly be changed afterwards. Default: false.')
  zoneRedundant: bool?
}

@export()
@sealed()
@description('The network of the apps. What is left out keeps its default.')
type Network = {
  @description('Reach storage and the key vault by private endpoints in a virtual network of their own, and by nothing else. Default: false.')
  private: bool?

  @description('Address space of the virtual network, at least a /24 in size. Default: 10.90.0.0/24.')
  addressPrefix: string?
}

@export()
@sealed()
@description('A range of addresses that may reach the form.')
type AddressRange = {
  @description('A name for people.')
  name: string

  @description('Addresses in CIDR notation, such as 203.0.113.0/24, or a service tag such as AzureFrontDoor.Backend.')
  range: string

  @description('Id of your Azure Front Door profile (its property frontDoorId). Without it the service tag lets in whoever has any Front Door. Default: none.')
  frontDoorId: string?
}

@export()
@sealed()
@description('How partners reach the form. What is left out keeps its default.')
type Entrance = {
  @description('Host name of your own, such as join.contoso.com, with a certificate that Azure issues and renews. Its DNS records must exist before. Default: none.')
  hostName: string?

  @description('Host name of your own for the status page, where identities are split and the page is an app of its own. Default: none.')
  statusHostName: string?

  @description('The only addresses that may reach the form and the status page. Default: everybody.')
  allowedAddresses: AddressRange[]?
}

@export()
@sealed()
@description('What is watched, and who is told. What is left out keeps its default.')
type Watch = {
  @description('Mail addresses that get the alerts. Default: none; then alerts show in the portal only.')
  emails: string[]?

  @description('Resource ids of action groups of your own that get the alerts too. Default: none.')
  actionGroupIds: string[]?

  @description('Days that logs are kept, from 30 to 730. Default: 30.')
  @minValue(30)
  @maxValue(730)
  retentionDays: int?

  @description('The most that is logged in a day, in whole GB. It bounds the bill; what goes beyond is not logged. Default: 1.')
  @minValue(1)
  dailyCapGb: int?
}

@export()
@sealed()
@description('A person or a group of people in the directory.')
type Principal = {
  @description('Object id.')
  id: string

  @description('What it is.')
  type: 'User' | 'Group' | 'ServicePrincipal'
}

@export()
@sealed()
@description('Who may work with the tables. A group for each is wise. What is left out keeps its default.')
type People = {
  @description('They edit policy rows. Default: nobody.')
  policyEditors: Principal[]?

  @description('They look into requests, approve, retry and erase them, close the breaker, read policy rows, and see how full the queues are. Default: nobody.')
  operators: Principal[]?
}

@export()
@sealed()
@description('A role for one principal at one place of a storage account.')
type Grant = {
  @description('Id of the role, from roles.bicep.')
  role: string

  @description('Where the role is given.')
  on: 'account' | 'queue' | 'table'

  @description('Name of the queue or table; left out for the account.')
  name: string?
}

@export()
@sealed()
@description('Where the services of a storage account answer.')
type Endpoints = {
  @description('Address of the blob service.')
  blob: string

  @description('Address of the queue service.')
  queue: string

  @description('Address of the table service.')
  table: string
}
