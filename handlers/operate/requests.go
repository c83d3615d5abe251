package operate

import (
	"cmp"
	"fmt"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// RequestSummary is a request in a list.
type RequestSummary struct {
	ID submission.ID `json:"id"`
	// Reference is what the partner gives to people who help.
	Reference submission.Reference `json:"reference"`
	State     request.State        `json:"state"`
	// Address is masked unless asked for otherwise, and empty once the personal data is erased.
	Address string    `json:"address"`
	Company string    `json:"company"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
	// Due is when the request goes on by itself; zero if it waits for a person or for nothing.
	Due    time.Time `json:"due,omitzero"`
	Reason string    `json:"reason"` // one sentence on why the request is in its state
	// Proved: the partner has proved to own the mailbox of the address.
	Proved bool `json:"proved"`
	// Owed is the kind of the mail that is still to be sent; empty if none is.
	Owed request.MailKind `json:"owed,omitempty"`
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
			ID: r.ID, Reference: r.ID.Reference(), State: r.State, Address: address, Company: r.Submission.Company,
			Created: r.Created, Changed: r.Changed, Due: r.Due, Reason: r.Reason,
			Proved: r.Proof.Done(), Owed: r.Owed.Kind,
		})
	}
	return summaries
}

// RequestDetail is a request in full, with the partner's address and words.
type RequestDetail struct {
	ID submission.ID `json:"id"`
	// Reference is what the partner gives to people who help.
	Reference submission.Reference `json:"reference"`
	State     request.State        `json:"state"`
	Meaning   string               `json:"meaning"` // explains the state and what an admin can do
	Reason    string               `json:"reason"`
	Words     string               `json:"words,omitempty"` // of the person who brought it to its state, if any
	Since     time.Time            `json:"since,omitzero"`  // in this state
	// Submission lacks the invite code, which can be found from its hash; CodeGiven: there is one.
	Submission submission.Submission `json:"submission"`
	CodeGiven  bool                  `json:"codeGiven"`
	Proof      Proof                 `json:"proof"`  // of the mailbox
	Erased     bool                  `json:"erased"` // the personal data is removed from Submission
	// ResendWished and ErasureWished say who asked for the mail or for erasure, which follow soon.
	ResendWished  string `json:"resendWished,omitempty"`
	ErasureWished string `json:"erasureWished,omitempty"`
	// Decision is policy's, without an invite code; nil if there is none yet.
	Decision *policy.Decision  `json:"decision,omitempty"`
	Approval *request.Approval `json:"approval,omitempty"` // a person's; nil if there is none
	RepeatOf submission.ID     `json:"repeatOf,omitempty"`
	GuestID  string            `json:"guestId,omitempty"`
	// Mails are those that the app has sent itself, the last of each kind. Owed is one that is
	// still to be sent; nil if there is none. RemindAt is when the guest is reminded of the
	// invitation.
	Mails    []SentMail `json:"mails"`
	Owed     *OwedMail  `json:"owed,omitempty"`
	RemindAt time.Time  `json:"remindAt,omitzero"`
	// Attempt counts the attempts of the present step that failed temporarily.
	Attempt int             `json:"attempt"`
	Grants  []request.Grant `json:"grants"`
	Created time.Time       `json:"created"`
	Changed time.Time       `json:"changed"`
	// Due is when the request goes on by itself; zero if it waits for a person or for nothing.
	Due     time.Time       `json:"due,omitzero"`
	History []request.Event `json:"history"`
}

// ShowRequest returns the request in full.
func ShowRequest(r request.Request, history []request.Event) RequestDetail {
	detail := RequestDetail{
		ID: r.ID, Reference: r.ID.Reference(), State: r.State, Meaning: meaning(r.State), Reason: r.Reason, Words: r.Words, Since: r.Since,
		Submission: r.Submission, CodeGiven: r.Submission.InviteCode != "", Erased: r.Submission.Email == submission.Address{},
		Decision: withoutCode(r.Decision), Approval: r.Approval, RepeatOf: r.RepeatOf, GuestID: r.GuestID, Attempt: r.Attempt,
		Proof: NewProof(r), Mails: newMails(r), Owed: newOwed(r), RemindAt: r.RemindAt,
		Grants: append([]request.Grant{}, r.Grants...), Created: r.Created, Changed: r.Changed, Due: r.Due,
		History: append([]request.Event{}, history...),
	}
	detail.Submission.InviteCode = ""
	if r.Resend.Open() {
		detail.ResendWished = r.Resend.By
	}
	if r.Withdrawal.Open() && r.Erased.IsZero() {
		detail.ErasureWished = r.Withdrawal.By
	}
	return detail
}

// UnreadableRequest is what can be told of a request that can't be read. It has no personal data.
type UnreadableRequest struct {
	ID        submission.ID        `json:"id"`
	Reference submission.Reference `json:"reference"`
	State     request.State        `json:"state"` // may be one that this version does not know
	Faults    []string             `json:"faults"`
	Cure      string               `json:"cure"`
	// Personal: it has personal data. ErasureWished says who asked for erasure.
	Personal      bool            `json:"personal"`
	ErasureWished string          `json:"erasureWished,omitempty"`
	GuestID       string          `json:"guestId,omitempty"`
	Since         time.Time       `json:"since,omitzero"`
	Created       time.Time       `json:"created,omitzero"`
	Changed       time.Time       `json:"changed,omitzero"`
	Due           time.Time       `json:"due,omitzero"`
	History       []request.Event `json:"history"`
}

// unreadableCure is what to do about what can't be read.
const unreadableCure = "If a newer version of the app has written it, use that version again: what waits then goes on within an " +
	"hour. If somebody has changed it, correct the column in a storage tool."

// ShowUnreadable returns what can be told of a request that can't be read.
func ShowUnreadable(o request.Outline, history []request.Event) UnreadableRequest {
	return UnreadableRequest{
		ID: o.ID, Reference: o.ID.Reference(), State: o.State, Faults: append([]string{}, o.Faults...),
		Cure:     unreadableCure + " guestlist request erase removes its personal data as it is.",
		Personal: o.Personal, ErasureWished: o.Withdrawal.By, GuestID: o.GuestID, Since: o.Since, Created: o.Created, Changed: o.Changed,
		Due: o.Due, History: append([]request.Event{}, history...),
	}
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
	request.Proving:   "guestlist request resend mails it again, and guestlist mailbox show tells what keeps it back.",
	request.Review:    "Use guestlist request approve, or deny with a reason.",
	request.Parked:    "It goes on by itself once invitations are possible again: guestlist breaker show tells more.",
	request.Done:      "There is nothing to do.",
	request.Unproved:  "There is nothing to do; the partner can sign up again.",
	request.Denied:    "There is nothing to do; the partner can sign up again.",
	request.Cancelled: "There is nothing to do; the partner can sign up again.",
	request.Void:      "There is nothing to do.",
	request.Failed:    "Fix the cause, then use guestlist request retry; or cancel.",
}

// meaning explains a known state and what an admin can do, in whole sentences.
func meaning(state request.State) string {
	return state.Meaning() + " " + cmp.Or(advice[state], "It goes on by itself.")
}

// RowTerms are the terms of a policy row; Row is zero for those of no row.
type RowTerms struct {
	Terms policy.Terms
	Row   policy.RowKey
}

// TermsFor returns the terms on which a person would approve: those of the named row, or of the
// row that decided as it is now, or else no groups. The error says why a row can't.
func TermsFor(rows []policy.Raw, r request.Request, named *policy.RowKey) (RowTerms, error) {
	key := named
	if key == nil && r.Decision != nil && r.Decision.Row != nil {
		key = &policy.RowKey{Partition: r.Decision.Row.Partition, Name: r.Decision.Row.Name}
	}
	if key == nil {
		return RowTerms{Terms: policy.Terms{UserType: "Guest"}}, nil
	}
	raw, found := find(rows, *key)
	if !found {
		return RowTerms{}, fmt.Errorf("there is no row %q in the partition %q any more; "+
			"name another with --row", key.Name, key.Partition)
	}
	row := policy.Parse(raw)
	if len(row.Faults) > 0 {
		return RowTerms{}, fmt.Errorf("the row %q of %q can't be understood: %s; "+
			"correct it, or name another with --row", key.Name, key.Partition, row.Faults[0])
	}
	return RowTerms{row.Terms, *key}, nil
}
