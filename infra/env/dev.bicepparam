using '../main.bicep'

// For a trial: small, cheap, easy to remove.
param organisation = 'Wingtip Toys (test)'

param settings = {
  GUESTLIST_DAILY_INVITATIONS: '10'
  GUESTLIST_LOG_LEVEL: 'debug'
}

// Object ids of people, or better of one group for each role.
param people = {
  policyEditors: []
  operators: []
}

// What sends the app's own mails: nothing. See docs/deploy.md for the choices.
param mail = { service: 'none' }

param tags = {
  environment: 'dev'
}
