using '../main.bicep'

// Three apps, with what only a subscription can show to be needed.
param organisation = 'Wingtip Toys'

param splitIdentities = true

param entrance = {
  openWorker: true
}

param rights = {
  tables: 'account'
  queues: 'account'
}

param people = {
  policyEditors: [{ id: '11111111-1111-4111-8111-111111111111', type: 'Group' }]
  operators: [{ id: '22222222-2222-4222-8222-222222222222', type: 'Group' }]
}
