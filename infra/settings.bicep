metadata description = 'The settings of the program. A test compares the list and the defaults with those of the program.'

import { Settings } from 'types.bicep'

@export()
@sealed()
@description('Settings that an admin can change; docs/settings.md describes them. What is left out keeps its default.')
type ProgramSettings = {
  @description('The logo: a path on the pages\' own origin, or a data: address of an SVG, PNG, JPEG or WebP image in base64, at most 3 KiB.')
  GUESTLIST_LOGO: string?

  @description('Colour of links and buttons on a light background, with a contrast of at least 4.5 to 1.')
  GUESTLIST_ACCENT: string?

  @description('The same on a dark background. Default: a tint of the other.')
  GUESTLIST_ACCENT_DARK: string?

  @description('Where partners can ask: an e-mail address or an https address.')
  GUESTLIST_CONTACT: string?

  @description('https address of the privacy notice.')
  GUESTLIST_PRIVACY_URL: string?

  @description('https address of the terms of use, which partners must then accept.')
  GUESTLIST_TERMS_URL: string?

  @description('Version of the terms, stored with each request.')
  GUESTLIST_TERMS_VERSION: string?

  @description('Introduction of the form, for all languages, or by language as JSON.')
  GUESTLIST_INTRO: string?

  @description('Fields of the form beside names and address: required, optional, linked or hidden.')
  GUESTLIST_FIELDS: string?

  @description('accept or refuse: addresses at mail services that are open to everybody.')
  GUESTLIST_FREE_MAIL: string?

  @description('refuse or accept: addresses at services for throw-away mailboxes.')
  GUESTLIST_DISPOSABLE_MAIL: string?

  @description('Exceptions from the built-in lists of such services, such as +gmx.de -example.com.')
  GUESTLIST_MAIL_DOMAINS: string?

  @description('discreet, or detailed for a status page that shows the decision.')
  GUESTLIST_STATUS_PAGE: string?

  @description('The least time between opening the form and sending it; 0s to 1m.')
  GUESTLIST_FORM_WAIT: string?

  @description('How long an open form can be sent; 10m to 96h. After that it is shown again with all entries.')
  GUESTLIST_FORM_LIFETIME: string?

  @description('Scheme and host under which partners reach the pages, such as https://join.contoso.com, if a proxy hides them from the app; several are separated by spaces.')
  GUESTLIST_PUBLIC_ORIGINS: string?

  @description('Sites whose pages may send sign-ups as JSON, such as https://www.contoso.com. A program can claim to be any site.')
  GUESTLIST_JSON_ORIGINS: string?

  @description('vault: take the keys of programs that may send sign-ups as JSON from the secret json-keys of the key vault.')
  GUESTLIST_JSON_KEYS: 'vault'?

  @description('How many forms a network address may send at once, and as many again in that time, to each instance; off is no limit.')
  GUESTLIST_CLIENT_POSTS: string?

  @description('Number of your own proxies before the app, such as 1 for Front Door. They decide from where the client\'s address is read.')
  GUESTLIST_PROXIES: string?

  @description('turnstile, hcaptcha or friendlycaptcha: check with a captcha that a person sends the form, which then needs JavaScript and that service.')
  GUESTLIST_CHALLENGE: string?

  @description('Public site key of the captcha service.')
  GUESTLIST_CHALLENGE_SITE_KEY: string?

  @description('vault: take the secret key, or API key, of the captcha service from the secret challenge-secret of the key vault.')
  GUESTLIST_CHALLENGE_SECRET: 'vault'?

  @description('Scheme and host of the captcha service, if not the usual one, such as https://eu.frcapi.com.')
  GUESTLIST_CHALLENGE_URL: string?

  @description('Where guests go after they accept, unless the policy row says otherwise.')
  GUESTLIST_REDIRECT_URL: string?

  @description('How long to wait before asking the directory about an invitation whose outcome is unknown; 2s to 1h.')
  GUESTLIST_INTENT_LEASE: string?

  @description('The most invitations in a day (UTC), by all instances together; 0 is no limit.')
  GUESTLIST_DAILY_INVITATIONS: string?

  @description('How much of the day\'s invitations one domain, and one policy row, may have, in percent; 100 is all.')
  GUESTLIST_DAILY_SHARE: string?

  @description('The least time between two invitations; 0s to 10m.')
  GUESTLIST_INVITATION_SPACING: string?

  @description('Days after which the personal data of a finished request is erased; 0 keeps it.')
  GUESTLIST_RETENTION_DAYS: string?

  @description('The most mails of its own that the app sends in a minute. Default: what the mail service allows at first. Raise it once Azure has raised the limits.')
  GUESTLIST_MAIL_PER_MINUTE: string?

  @description('The same for an hour.')
  GUESTLIST_MAIL_PER_HOUR: string?

  @description('code or none: whether partners prove their mailbox by a code, unless the policy row says otherwise. Default: code if the app sends mails.')
  GUESTLIST_PROOF: string?

  @description('How many days a proof counts; 0 to 90.')
  GUESTLIST_PROOF_DAYS: string?

  @description('After how many days a guest who has not accepted is reminded by a mail of the app: one or two whole numbers such as 3 10. Default: no reminders.')
  GUESTLIST_REMINDERS: string?

  @description('Object id of the group whose members may decide any request.')
  GUESTLIST_REVIEWERS: string?

  @description('Object id of the group whose members may try failed requests again, send mails again and close the circuit breaker, on the review pages. They need the role Operator, too.')
  GUESTLIST_OPERATORS: string?

  @description('For how many days a request waits for a person before it expires, unless its policy row says another number; 0 is for ever.')
  GUESTLIST_DECIDE_DAYS: string?

  @description('Which notices people who decide get by mail: asked,reminder,escalated,last-day,decided,expired, or none.')
  GUESTLIST_NOTICES: string?

  @description('vault: take the address of the Power Automate workflow that posts notices into Teams from the secret teams-url of the key vault for channels.')
  GUESTLIST_TEAMS_URL: 'vault'?

  @description('Scope of the tokens that this workflow takes in place of the secret in its address, such as https://service.flow.microsoft.com//.default. Default: no token.')
  GUESTLIST_TEAMS_SCOPE: string?

  @description('https address of a program that gets notices as Standard Webhooks has it.')
  GUESTLIST_WEBHOOK_URL: string?

  @description('vault: take the keys that sign webhooks from the secret webhook-keys of the key vault for channels.')
  GUESTLIST_WEBHOOK_KEYS: 'vault'?

  @description('Endpoint of a custom topic of Event Grid that exists already and takes CloudEvents. Its owner gives the identity of the worker the role EventGrid Data Sender on it.')
  GUESTLIST_EVENTGRID_URL: string?

  @description('Scheme and host of the review pages, such as https://reviews.contoso.com. Set together with the next two.')
  GUESTLIST_REVIEW_ORIGIN: string?

  @description('Id of the tenant whose members sign in to the review pages.')
  GUESTLIST_SIGN_IN_TENANT: string?

  @description('Client id of the app registration that they sign in to.')
  GUESTLIST_SIGN_IN_CLIENT_ID: string?

  @description('refuse or accept: guests of the tenant who sign in to the review pages.')
  GUESTLIST_SIGN_IN_GUESTS: string?

  @description('When waiting requests are checked: six fields, seconds first, UTC.')
  GUESTLIST_UPKEEP_SCHEDULE: string?

  @description('debug or info. With warn or error, the heartbeat is not written and the alert on its absence is raised.')
  GUESTLIST_LOG_LEVEL: string?
}

@export()
@description('The app settings of the program except those for storage, identity and directory, which main.bicep and app.bicep add. main.bicep adds secrets, and the captcha that needs one, for the app with the form only, and what sends mails and notices for the app that does.')
func programSettings(organisation string, given ProgramSettings) Settings => {
  GUESTLIST_ORGANISATION: organisation
  GUESTLIST_FORM_KEYS: ''
  GUESTLIST_FORM_ORIGIN: ''
  GUESTLIST_STATUS_ORIGIN: ''
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
  GUESTLIST_FORM_WAIT: given.?GUESTLIST_FORM_WAIT ?? '3s'
  GUESTLIST_FORM_LIFETIME: given.?GUESTLIST_FORM_LIFETIME ?? '12h'
  GUESTLIST_PUBLIC_ORIGINS: given.?GUESTLIST_PUBLIC_ORIGINS ?? ''
  GUESTLIST_JSON_ORIGINS: given.?GUESTLIST_JSON_ORIGINS ?? ''
  GUESTLIST_JSON_KEYS: ''
  GUESTLIST_CLIENT_POSTS: given.?GUESTLIST_CLIENT_POSTS ?? '30/10m'
  GUESTLIST_PROXIES: given.?GUESTLIST_PROXIES ?? '0'
  GUESTLIST_CHALLENGE: 'none'
  GUESTLIST_CHALLENGE_SITE_KEY: given.?GUESTLIST_CHALLENGE_SITE_KEY ?? ''
  GUESTLIST_CHALLENGE_SECRET: ''
  GUESTLIST_CHALLENGE_URL: given.?GUESTLIST_CHALLENGE_URL ?? ''
  GUESTLIST_REDIRECT_URL: given.?GUESTLIST_REDIRECT_URL ?? 'https://myapplications.microsoft.com'
  GUESTLIST_INTENT_LEASE: given.?GUESTLIST_INTENT_LEASE ?? '2m'
  GUESTLIST_DAILY_INVITATIONS: given.?GUESTLIST_DAILY_INVITATIONS ?? '80'
  GUESTLIST_DAILY_SHARE: given.?GUESTLIST_DAILY_SHARE ?? '50'
  GUESTLIST_INVITATION_SPACING: given.?GUESTLIST_INVITATION_SPACING ?? '1s'
  GUESTLIST_RETENTION_DAYS: given.?GUESTLIST_RETENTION_DAYS ?? '90'
  GUESTLIST_MAIL: 'none'
  GUESTLIST_MAIL_URL: ''
  GUESTLIST_MAIL_SENDER: ''
  GUESTLIST_MAIL_PER_MINUTE: given.?GUESTLIST_MAIL_PER_MINUTE ?? ''
  GUESTLIST_MAIL_PER_HOUR: given.?GUESTLIST_MAIL_PER_HOUR ?? ''
  GUESTLIST_PROOF: given.?GUESTLIST_PROOF ?? ''
  GUESTLIST_PROOF_DAYS: given.?GUESTLIST_PROOF_DAYS ?? '7'
  GUESTLIST_REMINDERS: given.?GUESTLIST_REMINDERS ?? ''
  GUESTLIST_REVIEWERS: given.?GUESTLIST_REVIEWERS ?? ''
  GUESTLIST_OPERATORS: given.?GUESTLIST_OPERATORS ?? ''
  GUESTLIST_DECIDE_DAYS: given.?GUESTLIST_DECIDE_DAYS ?? '30'
  GUESTLIST_NOTICES: given.?GUESTLIST_NOTICES ?? 'asked,escalated,last-day,decided,expired'
  GUESTLIST_TEAMS_URL: ''
  GUESTLIST_TEAMS_SCOPE: ''
  GUESTLIST_WEBHOOK_URL: ''
  GUESTLIST_WEBHOOK_KEYS: ''
  GUESTLIST_EVENTGRID_URL: ''
  GUESTLIST_REVIEW_ORIGIN: given.?GUESTLIST_REVIEW_ORIGIN ?? ''
  GUESTLIST_SIGN_IN_TENANT: given.?GUESTLIST_SIGN_IN_TENANT ?? ''
  GUESTLIST_SIGN_IN_CLIENT_ID: given.?GUESTLIST_SIGN_IN_CLIENT_ID ?? ''
  GUESTLIST_SIGN_IN_URL: ''
  GUESTLIST_SIGN_IN_GUESTS: given.?GUESTLIST_SIGN_IN_GUESTS ?? 'refuse'
  GUESTLIST_UPKEEP_SCHEDULE: given.?GUESTLIST_UPKEEP_SCHEDULE ?? '0 * * * * *'
  GUESTLIST_LOG_LEVEL: given.?GUESTLIST_LOG_LEVEL ?? 'info'
}
