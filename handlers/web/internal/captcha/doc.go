// Package challenge asks a service whether whoever fills in the form is a person: Cloudflare Turnstile, hCaptcha or Friendly Captcha (version
// 2). The service's widget on the page puts an answer into a field of the form, and [Challenge.Verify] asks the service about it.
//
// It fails closed: without a clear yes nothing is taken. What that costs is said at its error codes, and that the form then needs scripts and
// a service of somebody else's is why there is no challenge unless one is set.
//
// It must not know forms, pages or submissions.
package captcha
