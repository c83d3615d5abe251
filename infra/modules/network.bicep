metadata description = 'A virtual network with a subnet for the apps, a subnet for private endpoints, and DNS zones for the endpoints.'

import { Tags } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('Name of the virtual network.')
param networkName string

@description('Address space of the virtual network, at least a /24 in size.')
param addressPrefix string

// A zone is named privatelink and the public domain of the service. Only Key Vault has a
// different domain there.
var storageServices = ['blob', 'queue', 'table']
var zoneNames = concat(
  map(storageServices, service => 'privatelink.${service}.${environment().suffixes.storage}'),
  ['privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}']
)

resource closed 'Microsoft.Network/networkSecurityGroups@2025-09-01' = {
  name: 'nsg-${networkName}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'no-internet-inbound'
        properties: {
          access: 'Deny'
          direction: 'Inbound'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-09-01' = {
  name: networkName
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'apps'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          networkSecurityGroup: { id: closed.id }
          delegations: [
            { name: 'flex-consumption', properties: { serviceName: 'Microsoft.App/environments' } }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
          networkSecurityGroup: { id: closed.id }
          defaultOutboundAccess: false
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }

  resource apps 'subnets' existing = {
    name: 'apps'
  }

  resource endpoints 'subnets' existing = {
    name: 'endpoints'
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zoneName in zoneNames: {
    name: zoneName
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zoneName, i) in zoneNames: {
    parent: zones[i]
    name: 'apps'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: network.id }
    }
  }
]

@description('Resource id of the subnet for the apps.')
output appsSubnetId string = network::apps.id

@description('Resource id of the subnet for private endpoints.')
output endpointsSubnetId string = network::endpoints.id

@description('Resource ids of the private DNS zones: blob, queue, table, vault.')
output zoneIds string[] = [for (zoneName, i) in zoneNames: zones[i].id]
