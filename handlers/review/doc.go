// Package review is what a person may do with a request: approve, deny, cancel, retry, resend and
// erase.
//
// A [Reviewer] checks that the state of the request allows that, changes the record, and makes it
// due. Package workflow does the work that follows, at the next upkeep.
//
// It must not import workflow, adapters or pages. It imports only policy, problem, request and
// submission of this module.
package review
