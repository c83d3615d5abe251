using '../main.bicep'

// Three apps, and a domain for mails that is not verified yet.
param organisation = 'Wingtip Toys'

param splitIdentities = true

param mail = {
  service: 'acs'
  dataLocation: 'Europe'
  domain: { kind: 'own', name: 'guests.wingtiptoys.example', verified: false }
}
