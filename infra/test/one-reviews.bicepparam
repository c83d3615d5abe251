using '../main.bicep'

// One app that also serves the review pages.
param organisation = 'Wingtip Toys'

param settings = {
  GUESTLIST_SIGN_IN_CLIENT_ID: 'aaaaaaaa-0000-4000-8000-000000000003'
}
