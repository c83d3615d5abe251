using '../main.bicep'

// In earnest. Replace what is Wingtip's by your own.
param organisation = 'Wingtip Toys'

param settings = {
  GUESTLIST_DAILY_INVITATIONS: '80'
}

param splitIdentities = true

// Over availability zones (zoneRedundant: true) Azure keeps two instances of all five groups of functions running, which costs many times what
// the rest does; and storage can hardly be changed afterwards. So decide before the first deployment.
param scale = {
  maximumInstances: 10
  alwaysReady: 1
  zoneRedundant: false
}

param network = {
  private: false
}

// Who edits policy rows and who works on requests: object ids of people or, better, of a group for each.
param people = {
  policyEditors: []
  operators: []
}

param watch = {
  emails: ['guest-access@wingtiptoys.example']
  retentionDays: 90
}

param protect = true

param tags = {
  environment: 'prod'
}
