using '../main.bicep'

// One app, and nothing that has a default.
param organisation = 'Wingtip Toys'
