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
  @description('Memory of an instance in MiB. The smallest is enough for the handler; the Functions host next to it runs better with more. Default: 2048.')
  instanceMemoryMB: (512 | 2048 | 4096)?

  @description('The most instances for a group of functions, from 1 to 1000: HTTP functions are one group, every other function is its own. A low number also limits the bill. Default: 40.')
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
@description('A range of addresses that may reach the form.')
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
@description('How partners reach the form. What is left out keeps its default.')
type Entrance = {
  @description('Custom host name, such as join.contoso.com, with a certificate that Azure issues and renews. Its DNS records must exist first. Default: none.')
  hostName: string?

  @description('Custom host name for the status page, if identities are split. Default: none.')
  statusHostName: string?

  @description('The only addresses that may reach the form and the status page. Default: everybody.')
  allowedAddresses: AddressRange[]?
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
@description('Addresses of the services of a storage account.')
type Endpoints = {
  @description('Address of the blob service.')
  blob: string

  @description('Address of the queue service.')
  queue: string

  @description('Address of the table service.')
  table: string
}
