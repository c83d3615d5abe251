// Package route has the addresses of the pages, so that a page can lead to another without
// importing it. It must not know the pages. It imports only submission of this module.
package route

import "guestlist/handlers/submission"

// Signup is the path of the form. The status pages are below it.
const Signup = "/signup"

// Status returns the path of the status page of a request.
func Status(id submission.ID) string { return Signup + "/" + string(id) }
