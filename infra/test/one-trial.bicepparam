using '../main.bicep'

// One app that sends mails from a domain of Azure.
param organisation = 'Wingtip Toys'

param mail = {
  service: 'acs'
  dataLocation: 'Europe'
  domain: { kind: 'azure' }
}
