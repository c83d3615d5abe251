// Package signup is the form with which partners sign up.
//
//	GET  ──▶ the form, with a token
//	POST ──▶ guards ──▶ fields ──▶ captcha ──▶ queue ──▶ the status page
//	            └──────────┴─────────┴──────────┴─────▶ the form again, with what was typed
//
// It validates, renders and enqueues, and reads no table. It must not know the status page,
// policy rows, Table Storage, Microsoft Graph or the Functions host. It imports only branding,
// i18n, maildomain, problem, submission, web/guard, web/problemdetails and web/site of this module.
package signup
