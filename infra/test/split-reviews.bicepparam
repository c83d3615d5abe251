using '../main.bicep'

// An app for each part, that of the review pages too.
param organisation = 'Wingtip Toys'

param splitIdentities = true

param settings = {
  GUESTLIST_SIGN_IN_CLIENT_ID: 'aaaaaaaa-0000-4000-8000-000000000003'
}
