// Package signup is what partners meet: the form, the answer to a submission, and the status page.
//
// It trusts nothing and knows nothing: it validates, renders and puts submissions on the queue. It reads no policy, holds no right in
// the directory, and answers the same to a known, an unknown and a denied partner. Its handlers are plain net/http.
//
// It must not know policy, Table Storage, Microsoft Graph or the Functions host.
package signup
