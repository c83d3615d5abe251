metadata description = 'A private endpoint for one service of a resource, with its DNS name.'

import { Tags } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('Name of the endpoint.')
param endpointName string

@description('Resource id of the target.')
param targetId string

@description('The service of the target: blob, queue, table or vault.')
param service 'blob' | 'queue' | 'table' | 'vault'

@description('Resource id of the subnet.')
param subnetId string

@description('Resource id of the private DNS zone of the service.')
param zoneId string

resource endpoint 'Microsoft.Network/privateEndpoints@2025-09-01' = {
  name: endpointName
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    customNetworkInterfaceName: 'nic-${endpointName}'
    privateLinkServiceConnections: [
      { name: service, properties: { privateLinkServiceId: targetId, groupIds: [service] } }
    ]
  }

  resource names 'privateDnsZoneGroups' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        { name: service, properties: { privateDnsZoneId: zoneId } }
      ]
    }
  }
}
