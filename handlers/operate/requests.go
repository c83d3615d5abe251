package operate

import (
	"cmp"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// RequestSummary is a request in a list.
type RequestSummary struct {
	ID    submission.ID `json:"id"`
	State request.State `json:"state"`
	// Address is masked unless asked for otherwise, and empty once the personal data is erased.
	Address string    `json:"address"`
	Company string    `json:"company"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
	// Due is when the request goes on by itself; zero if it waits for a person or for nothing.
	Due time.Time `json:"due,omitzero"`
	// Reason is one sentence on why the request is in its state.
	Reason string `json:"reason"`
}

// ListRequests returns summaries of the requests, in their order.
func ListRequests(requests []request.Request, showAddresses bool) []RequestSummary {
	summaries := make([]RequestSummary, 0, len(requests))
	for _, r := range requests {
		address := r.Submission.Email.Masked()
		if showAddresses {
			address = r.Submission.Email.String()
		}
		summaries = append(summaries, RequestSummary{
			ID: r.ID, State: r.State, Address: address, Company: r.Submission.Company,
			Created: r.Created, Changed: r.Changed, Due: r.Due, Reason: r.Reason,
		})
	}
	return summaries
}

// RequestDetail is a request in full, with the partner's address and words.
type RequestDetail struct {
	ID    submission.ID `json:"id"`
	State request.State `json:"state"`
	// Meaning explains the state and what an admin can do.
	Meaning string `json:"meaning"`
	Reason  string `json:"reason"`
	// Words are those of the person who brought it to its state, if any.
	Words string    `json:"words,omitempty"`
	Since time.Time `json:"since,omitzero"` // in this state
	// Submission has no invite code, since a short code can be found from its hash; CodeGiven says
	// whether there is one.
	Submission submission.Submission `json:"submission"`
	CodeGiven  bool                  `json:"codeGiven"`
	// Erased: the personal data is removed from Submission.
	Erased bool `json:"erased"`
	// ResendWished and ErasureWished say who asked for the mail again, or for erasure; the app does
	// both within minutes.
	ResendWished  string `json:"resendWished,omitempty"`
	ErasureWished string `json:"erasureWished,omitempty"`
	// Decision is policy's, without an invite code; nil if there is none yet.
	Decision *policy.Decision `json:"decision,omitempty"`
	// Approval is a person's; nil if there is none.
	Approval *request.Approval `json:"approval,omitempty"`
	RepeatOf submission.ID     `json:"repeatOf,omitempty"`
	GuestID  string            `json:"guestId,omitempty"`
	// Attempt counts the attempts of the present step that failed temporarily.
	Attempt int             `json:"attempt"`
	Grants  []request.Grant `json:"grants"`
	Created time.Time       `json:"created"`
	Changed time.Time       `json:"changed"`
	// Due is when the request goes on by itself; zero if it waits for a person or for nothing.
	Due     time.Time      `json:"due,omitzero"`
	History []HistoryEntry `json:"history"`
}

// HistoryEntry is a [request.Event] as JSON.
type HistoryEntry struct {
	At     time.Time     `json:"at"`
	State  request.State `json:"state"`
	What   string        `json:"what"`
	Detail string        `json:"detail"`
}

// ShowRequest returns the request in full.
func ShowRequest(r request.Request, history []request.Event) RequestDetail {
	detail := RequestDetail{
		ID: r.ID, State: r.State, Meaning: meaning(r.State), Reason: r.Reason, Words: r.Words, Since: r.Since,
		Submission: r.Submission, CodeGiven: r.Submission.InviteCode != "", Erased: r.Submission.Email == submission.Address{},
		Decision: withoutCode(r.Decision), Approval: r.Approval, RepeatOf: r.RepeatOf, GuestID: r.GuestID, Attempt: r.Attempt,
		Grants: append([]request.Grant{}, r.Grants...), Created: r.Created, Changed: r.Changed, Due: r.Due,
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

// withoutCode returns the decision without the invite code of its row.
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

// advice is what an admin can do about a request in a state in which it does not go on by itself.
var advice = map[request.State]string{
	request.Review:    "Use guestlist request approve, or deny with a reason.",
	request.Parked:    "It goes on by itself once invitations are possible again: guestlist breaker show tells more.",
	request.Done:      "There is nothing to do.",
	request.Denied:    "There is nothing to do; the partner can sign up again.",
	request.Cancelled: "There is nothing to do; the partner can sign up again.",
	request.Failed:    "Fix the cause, then use guestlist request retry; or cancel.",
}

// meaning explains a known state and what an admin can do, in whole sentences.
func meaning(state request.State) string {
	return state.Meaning() + " " + cmp.Or(advice[state], "It goes on by itself.")
}
