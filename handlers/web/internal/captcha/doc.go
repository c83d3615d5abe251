// Package captcha asks a service whether a person fills in the form: Cloudflare Turnstile,
// hCaptcha or Friendly Captcha (version 2). The service's widget on the page puts an answer into
// a field of the form, and [Checker.Verify] asks the service about it.
//
// It fails closed: only a clear yes counts. The form then depends on scripts and on that service,
// so there is no captcha by default. The outside (settings, error codes, the JSON property) calls
// it a challenge.
//
// It must not know forms, pages or submissions. It imports only problem of this module.
package captcha
