using '../main.bicep'

// For trying out: small, cheap, easy to remove.
param organisation = 'Wingtip Toys (test)'

param settings = {
  GUESTLIST_DAILY_INVITATIONS: '10'
  GUESTLIST_LOG_LEVEL: 'debug'
}

param scale = {
  instanceMemoryMB: 512
  maximumInstances: 2
}

param tags = {
  environment: 'dev'
}
