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

// Who edits policy rows and who works on requests: object ids of people or, better, of a group for each.
param people = {
  policyEditors: []
  operators: []
}

param tags = {
  environment: 'dev'
}
