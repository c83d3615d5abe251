metadata description = 'The settings of the program. A test holds the list to the one that the program reads, and the defaults to its own.'

@export()
@sealed()
@description('Settings that an admin may want to change, by the names and with the meanings of the README. What is left out keeps its default.')
type ProgramSettings = {
  @description('Where guests land after they accept, unless the policy row says otherwise.')
  GUESTLIST_REDIRECT_URL: string?

  @description('How long an invitation whose outcome is unknown is left alone before the directory is asked; 2s to 1h.')
  GUESTLIST_INTENT_LEASE: string?

  @description('The most invitations in a day (UTC), by all instances together; 0 is no limit.')
  GUESTLIST_DAILY_INVITATIONS: string?

  @description('The least time between two invitations; 0s to 10m.')
  GUESTLIST_INVITATION_SPACING: string?

  @description('Days after which the personal data of a finished request is erased; 0 keeps it.')
  GUESTLIST_RETENTION_DAYS: string?

  @description('When waiting requests are looked at: six fields, seconds first, UTC.')
  GUESTLIST_UPKEEP_SCHEDULE: string?

  @description('debug, info, warn or error.')
  GUESTLIST_LOG_LEVEL: string?
}

@export()
@description('The app settings of the program, but for those about storage, identity and the directory, which main.bicep and app.bicep know.')
func programSettings(organisation string, given ProgramSettings) object => {
  GUESTLIST_ORGANISATION: organisation
  GUESTLIST_REDIRECT_URL: given.?GUESTLIST_REDIRECT_URL ?? 'https://myapplications.microsoft.com'
  GUESTLIST_INTENT_LEASE: given.?GUESTLIST_INTENT_LEASE ?? '2m'
  GUESTLIST_DAILY_INVITATIONS: given.?GUESTLIST_DAILY_INVITATIONS ?? '80'
  GUESTLIST_INVITATION_SPACING: given.?GUESTLIST_INVITATION_SPACING ?? '1s'
  GUESTLIST_RETENTION_DAYS: given.?GUESTLIST_RETENTION_DAYS ?? '90'
  GUESTLIST_UPKEEP_SCHEDULE: given.?GUESTLIST_UPKEEP_SCHEDULE ?? '0 * * * * *'
  GUESTLIST_LOG_LEVEL: given.?GUESTLIST_LOG_LEVEL ?? 'info'
}
