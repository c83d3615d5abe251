using '../main.bicep'

// Nothing but what has no default.
param organisation = 'Wingtip Toys'
