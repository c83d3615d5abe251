// Package webhook implements the port for notices by a webhook as Standard Webhooks 1.0.0 has it
// (https://www.standardwebhooks.com): a program of the tenant gets a POST, and checks by a shared
// key that it comes from this app.
//
//	webhook-id         the notice's id, the same at every attempt
//	webhook-timestamp  when the attempt is made, in seconds
//	webhook-signature  v1,BASE64 for each key: the HMAC-SHA256 of id.timestamp.body
//	body               {"type": "guestlist.notice.asked", "timestamp": ..., "data": {...}}
//
// The body is thin: numbers and names of policy rows, and a link to the pages for reviews. It
// stands with the adapters to Azure because it calls and fails as those for notices do; nothing in
// it is Azure's.
//
// It must not know when a notice is due. It imports only azure/internal/posting and request of this
// module.
package webhook
