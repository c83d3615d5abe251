using 'reviews.bicep'

// infra/graph/reviews.sh reads this file too, so write values as they are, without expressions.

// The outputs reviewOrigin and reviewIdentityPrincipalId of the deployment.
param origin = 'https://reviews.wingtiptoys.example'
param identityPrincipalId = '00000000-0000-0000-0000-000000000000'

param displayName = 'Guestlist reviews'

// Object ids of users and groups.
param reviewers = []
param operators = []
param policyReaders = []
param auditors = []
