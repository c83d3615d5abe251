using '../main.bicep'

import { everySetting } from 'settings.bicep'

// Three apps, with everything else that can be switched on.
param organisation = 'Wingtip Toys'

param baseName = 'wingtip-guests'

param settings = everySetting

param splitIdentities = true

param scale = {
  instanceMemoryMB: 4096
  maximumInstances: 100
  alwaysReady: 2
  zoneRedundant: true
}

param network = {
  private: true
  addressPrefix: '10.20.0.0/24'
}

param entrance = {
  hostName: 'join.wingtiptoys.example'
  statusHostName: 'status.wingtiptoys.example'
  reviewHostName: 'reviews.wingtiptoys.example'
  allowedAddresses: [
    { name: 'office', range: '203.0.113.0/24' }
    {
      name: 'front'
      range: 'AzureFrontDoor.Backend'
      frontDoorId: '12345678-1234-4234-8234-123456789abc'
    }
  ]
  reviewAddresses: [{ name: 'office', range: '203.0.113.0/24' }]
}

param people = {
  policyEditors: [{ id: '11111111-1111-4111-8111-111111111111', type: 'Group' }]
  operators: [{ id: '22222222-2222-4222-8222-222222222222', type: 'User' }]
}

param mail = {
  service: 'acs'
  dataLocation: 'Europe'
  domain: { kind: 'own', name: 'guests.wingtiptoys.example', verified: true }
  roleId: '33333333-3333-4333-8333-333333333333'
}

param channels = { topic: true }

param watch = {
  emails: ['guest-access@wingtiptoys.example']
  actionGroupIds: [
    '/subscriptions/00000000-0000-4000-8000-000000000002/resourceGroups/rg-watch/providers/Microsoft.Insights/actionGroups/ag-watch'
  ]
  retentionDays: 90
  dailyCapGb: 2
}

param protect = true

param packagesUrl = 'https://github.com/OWNER/REPOSITORY/releases/download/v1.0.0'

param tags = {
  environment: 'test'
}
