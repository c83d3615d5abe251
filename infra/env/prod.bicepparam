using '../main.bicep'

// In earnest. Replace what is Wingtip's by your own.
param organisation = 'Wingtip Toys'

param settings = {
  GUESTLIST_DAILY_INVITATIONS: '80'
}

param splitIdentities = true

param scale = {
  maximumInstances: 10
  alwaysReady: 1
  zoneRedundant: true
}

param network = {
  private: false
}

param watch = {
  emails: ['guest-access@wingtiptoys.example']
  retentionDays: 90
}

param protect = true

param tags = {
  environment: 'prod'
}
