// Package status is the page that tells partners how far their sign-up is, and takes their
// instructions: to send the invitation again, or to withdraw.
//
// It reads requests and puts messages on the queue; it changes nothing itself. It must not know
// the form, policy rows, Table Storage, Microsoft Graph or the Functions host. It imports only
// branding, problem, request, submission and web/site of this module.
package status
