metadata description = 'The settings of the program. A test holds the list to the one that the program reads, and the defaults to its own.'

@export()
@sealed()
@description('Settings that an admin may want to change, by the names and with the meanings of the README. What is left out keeps its default.')
type ProgramSettings = {
  @description('The logo: a path on the pages\' own origin, or a data: address of an SVG, PNG, JPEG or WebP image in base64, at most 8 KiB.')
  GUESTLIST_LOGO: string?

  @description('Colour of links and buttons on a light ground, with a contrast of at least 4.5 to 1.')
  GUESTLIST_ACCENT: string?

  @description('The same on a dark ground; unset: a tint of the other.')
  GUESTLIST_ACCENT_DARK: string?

  @description('Where partners can ask: an e-mail address or an https address.')
  GUESTLIST_CONTACT: string?

  @description('https address of the privacy notice.')
  GUESTLIST_PRIVACY_URL: string?

  @description('https address of the terms of use, which partners must then accept.')
  GUESTLIST_TERMS_URL: string?

  @description('Version of the terms, stored with each request.')
  GUESTLIST_TERMS_VERSION: string?

  @description('What the form opens with, for all languages, or by language as JSON.')
  GUESTLIST_INTRO: string?

  @description('What the form asks for beside names and address: required, optional, linked or hidden.')
  GUESTLIST_FIELDS: string?

  @description('accept, or refuse for addresses at mail services that are open to everybody.')
  GUESTLIST_FREE_MAIL: string?

  @description('refuse, or accept for addresses at services for throw-away mailboxes.')
  GUESTLIST_DISPOSABLE_MAIL: string?

  @description('Exceptions from the built-in lists of such services, such as +gmx.de -example.com.')
  GUESTLIST_MAIL_DOMAINS: string?

  @description('discreet, or detailed for a status page that tells what was decided.')
  GUESTLIST_STATUS_PAGE: string?

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
  GUESTLIST_LOGO: given.?GUESTLIST_LOGO ?? ''
  GUESTLIST_ACCENT: given.?GUESTLIST_ACCENT ?? '#17567f'
  GUESTLIST_ACCENT_DARK: given.?GUESTLIST_ACCENT_DARK ?? ''
  GUESTLIST_CONTACT: given.?GUESTLIST_CONTACT ?? ''
  GUESTLIST_PRIVACY_URL: given.?GUESTLIST_PRIVACY_URL ?? ''
  GUESTLIST_TERMS_URL: given.?GUESTLIST_TERMS_URL ?? ''
  GUESTLIST_TERMS_VERSION: given.?GUESTLIST_TERMS_VERSION ?? ''
  GUESTLIST_INTRO: given.?GUESTLIST_INTRO ?? ''
  GUESTLIST_FIELDS: given.?GUESTLIST_FIELDS ?? 'company=required country=optional reason=optional sponsor=hidden inviteCode=linked'
  GUESTLIST_FREE_MAIL: given.?GUESTLIST_FREE_MAIL ?? 'accept'
  GUESTLIST_DISPOSABLE_MAIL: given.?GUESTLIST_DISPOSABLE_MAIL ?? 'refuse'
  GUESTLIST_MAIL_DOMAINS: given.?GUESTLIST_MAIL_DOMAINS ?? ''
  GUESTLIST_STATUS_PAGE: given.?GUESTLIST_STATUS_PAGE ?? 'discreet'
  GUESTLIST_REDIRECT_URL: given.?GUESTLIST_REDIRECT_URL ?? 'https://myapplications.microsoft.com'
  GUESTLIST_INTENT_LEASE: given.?GUESTLIST_INTENT_LEASE ?? '2m'
  GUESTLIST_DAILY_INVITATIONS: given.?GUESTLIST_DAILY_INVITATIONS ?? '80'
  GUESTLIST_INVITATION_SPACING: given.?GUESTLIST_INVITATION_SPACING ?? '1s'
  GUESTLIST_RETENTION_DAYS: given.?GUESTLIST_RETENTION_DAYS ?? '90'
  GUESTLIST_UPKEEP_SCHEDULE: given.?GUESTLIST_UPKEEP_SCHEDULE ?? '0 * * * * *'
  GUESTLIST_LOG_LEVEL: given.?GUESTLIST_LOG_LEVEL ?? 'info'
}
