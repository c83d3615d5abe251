using '../graph/reviews.bicep'

// Everything that the registration of the review pages can have.
param origin = 'https://reviews.wingtiptoys.example/'
param identityPrincipalId = 'ABCDEF44-4444-4444-8444-444444444444'

param displayName = 'Wingtip reviews'
param uniqueName = 'wingtip-reviews'

// People, in the ways in which lists are written.
param reviewers = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']
param operators = [
  '33333333-3333-4333-8333-333333333333'
  // '55555555-5555-4555-8555-555555555555'
]
param policyReaders = []
param auditors = ['11111111-1111-4111-8111-111111111111']

param assignmentRequired = true
param enabled = false
param owners = ['66666666-6666-4666-8666-666666666666']
