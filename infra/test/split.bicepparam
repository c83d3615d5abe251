using '../main.bicep'

// Three apps, and nothing else that has a default.
param organisation = 'Wingtip Toys'

param splitIdentities = true
