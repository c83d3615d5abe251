using 'main.bicep'

// azd sets the first two. Set the others with: azd env set NAME VALUE
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')

param location = readEnvironmentVariable('AZURE_LOCATION')

param organisation = readEnvironmentVariable('GUESTLIST_ORGANISATION')

param splitIdentities = readEnvironmentVariable('GUESTLIST_SPLIT_IDENTITIES', 'false') == 'true'

param settings = {
  GUESTLIST_DAILY_INVITATIONS: readEnvironmentVariable('GUESTLIST_DAILY_INVITATIONS', '80')
}

// Object ids of people, or better of one group for each role.
param people = {
  policyEditors: []
  operators: []
}

// What sends the app's own mails: nothing. See docs/deploy.md for the choices.
param mail = { service: 'none' }

param watch = {
  emails: empty(readEnvironmentVariable('GUESTLIST_ALERT_EMAIL', ''))
    ? []
    : [readEnvironmentVariable('GUESTLIST_ALERT_EMAIL', '')]
}
