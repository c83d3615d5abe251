package operate

import (
	"cmp"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// RequestSummary is what a list of requests tells of one.
type RequestSummary struct {
	ID    submission.ID `json:"id"`
	State request.State `json:"state"`
	// Address is masked unless whole addresses were asked for, and empty once the personal data is erased.
	Address string    `json:"address"`
	Company string    `json:"company"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
	// Due is when the request looks again by itself; nil where it waits for a person or for nothing.
	Due *time.Time `json:"due,omitempty"`
	// Reason is one sentence on why the request stands where it stands.
	Reason string `json:"reason"`
}

// ListRequests returns what a list tells of the requests, in their order.
func ListRequests(requests []request.Request, showAddresses bool) []RequestSummary {
	summaries := make([]RequestSummary, 0, len(requests))
	for _, r := range requests {
		address := r.Submission.Email.Masked()
		if showAddresses {
			address = r.Submission.Email.String()
		}
		summaries = append(summaries, RequestSummary{
			ID: r.ID, State: r.State, Address: address, Company: r.Submission.Company,
			Created: r.Created, Changed: r.Changed, Due: moment(r.Due), Reason: r.Reason,
		})
	}
	return summaries
}

// RequestDetail is all that an admin may need to know of one request, with the partner's address and words.
type RequestDetail struct {
	ID    submission.ID `json:"id"`
	State request.State `json:"state"`
	// Meaning says what the state means and what an admin can do.
	Meaning string `json:"meaning"`
	Reason  string `json:"reason"`
	// Words are those of the person who brought it to its state, if there are any.
	Words string `json:"words,omitempty"`
	// Since is when it came to its state.
	Since *time.Time `json:"since,omitempty"`
	// Submission is without the invite code, from whose hash a short code can be found; CodeGiven says whether there is one.
	Submission submission.Submission `json:"submission"`
	CodeGiven  bool                  `json:"codeGiven"`
	// Erased says that the personal data is gone from Submission.
	Erased bool `json:"erased"`
	// ResendWished and ErasureWished say who wants the mail sent again, or the request erased; both are done by the app within minutes.
	ResendWished  string `json:"resendWished,omitempty"`
	ErasureWished string `json:"erasureWished,omitempty"`
	// Decision is policy's, nil before there is one. An invite code does not stand in it.
	Decision *policy.Decision `json:"decision,omitempty"`
	// Approval is a person's, nil if there is none.
	Approval *request.Approval `json:"approval,omitempty"`
	RepeatOf submission.ID     `json:"repeatOf,omitempty"`
	GuestID  string            `json:"guestId,omitempty"`
	// Attempt counts the tries of the present step that failed for a passing reason.
	Attempt int             `json:"attempt"`
	Grants  []request.Grant `json:"grants"`
	Created time.Time       `json:"created"`
	Changed time.Time       `json:"changed"`
	// Due is when the request looks again by itself; nil where it waits for a person or for nothing.
	Due     *time.Time     `json:"due,omitempty"`
	History []HistoryEntry `json:"history"`
}

// HistoryEntry is one event of a request's history; see [invite.Event].
type HistoryEntry struct {
	At     time.Time     `json:"at"`
	State  request.State `json:"state"`
	What   string        `json:"what"`
	Detail string        `json:"detail"`
}

// ShowRequest returns all that an admin may need to know of the request.
func ShowRequest(r request.Request, history []request.Event) RequestDetail {
	detail := RequestDetail{
		ID: r.ID, State: r.State, Meaning: StateMeaning(r.State), Reason: r.Reason, Words: r.Words, Since: moment(r.Since),
		Submission: r.Submission, CodeGiven: r.Submission.InviteCode != "", Erased: r.Submission.Email == submission.Address{},
		Decision: withoutCode(r.Decision), Approval: r.Approval, RepeatOf: r.RepeatOf, GuestID: r.GuestID, Attempt: r.Attempt,
		Grants: append([]request.Grant{}, r.Grants...), Created: r.Created, Changed: r.Changed, Due: moment(r.Due),
		History: make([]HistoryEntry, 0, len(history)),
	}
	detail.Submission.InviteCode = ""
	if r.Resend.Open() {
		detail.ResendWished = r.Resend.By
	}
	if r.Withdrawal.Open() && r.Erased.IsZero() {
		detail.ErasureWished = r.Withdrawal.By
	}
	for _, event := range history {
		detail.History = append(detail.History, HistoryEntry(event))
	}
	return detail
}

// withoutCode returns the decision with a row in which no invite code is to be seen.
func withoutCode(decision *policy.Decision) *policy.Decision {
	if decision == nil || decision.Row == nil {
		return decision
	}
	copied, row := *decision, *decision.Row
	row.Columns = map[string]string{}
	for name, text := range decision.Row.Columns {
		row.Columns[name] = shown(name, text)
	}
	copied.Row = &row
	return &copied
}

// advice is what an admin can do about a request that has ended, by its state.
var advice = map[request.State]string{
	request.Review:    "Use guestlist request approve, or deny with a reason.",
	request.Parked:    "It goes on by itself once invitations are possible again: guestlist breaker show tells more.",
	request.Done:      "There is nothing to do.",
	request.Denied:    "There is nothing to do; the partner can sign up again.",
	request.Cancelled: "There is nothing to do; the partner can sign up again.",
	request.Failed:    "Fix the cause, then use guestlist request retry; or cancel.",
}

// StateMeaning returns what the state means and what an admin can do, in whole sentences; empty for an unknown state.
func StateMeaning(state request.State) string {
	if !state.Known() {
		return ""
	}
	return state.Meaning() + " " + cmp.Or(advice[state], "It goes on by itself.")
}
