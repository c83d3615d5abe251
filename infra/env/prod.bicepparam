using '../main.bicep'

// For production. Replace the values of Wingtip Toys by your own.
param organisation = 'Wingtip Toys'

param settings = {
  GUESTLIST_DAILY_INVITATIONS: '80'
}

param splitIdentities = true

// With zoneRedundant: true, Azure keeps two instances of all five groups of functions running,
// which costs many times as much as the rest. Storage is hard to change afterwards, so decide
// before the first deployment.
param scale = {
  alwaysReady: 1
  zoneRedundant: false
}

param network = {
  private: false
}

// Object ids of people, or better of one group for each role.
param people = {
  policyEditors: []
  operators: []
}

// What sends the app's own mails: nothing. See docs/deploy.md for the choices.
param mail = { service: 'none' }

param watch = {
  emails: ['guest-access@wingtiptoys.example']
  retentionDays: 90
}

param protect = true

param tags = {
  environment: 'prod'
}
