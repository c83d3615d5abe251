package policy

import (
	"slices"
	"time"
	"unicode"
)

// Action is what a row asks for and what a decision says.
type Action string

const (
	Invite Action = "invite" // issue the invitation and the grants
	Review Action = "review" // a person decides
	Deny   Action = "deny"   // nobody is invited
)

// Raw is a row as the table holds it. Columns has every column except the keys, the time stamp
// and the ETag, as string, bool, int32, int64, float64, time.Time or []byte; a GUID is a string.
type Raw struct {
	Partition string
	Name      string // the RowKey
	ETag      string
	Columns   map[string]any
}

// IsColumnName reports whether a column can have the name: a letter or "_", then letters, digits
// and "_" of any script. A regular expression with all of Unicode's letters would take longer to
// compile than the rest of the program's start.
func IsColumnName(name string) bool {
	for i, c := range name {
		if c != '_' && !unicode.IsLetter(c) && (i == 0 || !unicode.IsNumber(c)) {
			return false
		}
	}
	return name != ""
}

// TimeLayout is how a table keeps a time: in UTC, with a resolution of 100 ns.
const TimeLayout = "2006-01-02T15:04:05.9999999Z"

// Proof says whether a sign-up must prove its mailbox before it is invited or a person is asked:
// by a code that the app mails, and that the partner types.
type Proof string

const (
	ProofByDefault Proof = "" // the app's setting says
	ProofCode      Proof = "code"
	NoProof        Proof = "none"
)

// Needed reports whether a proof is needed in an app that, by default, asks for one or not.
// Anything but the constants counts as ProofByDefault.
func (p Proof) Needed(byDefault bool) bool {
	return p == ProofCode || byDefault && p != NoProof
}

// Outcome is the result of trying one row.
type Outcome string

const (
	Decided  Outcome = "decided"  // this row decided
	Skipped  Outcome = "skipped"  // the row does not apply; Why gives the reason
	Unneeded Outcome = "unneeded" // an earlier row decided
	Audited  Outcome = "audited"  // the row is in audit mode; Why says what it would have decided
)

// Look is the part of one row in a decision.
type Look struct {
	Partition string  `json:"partition"`
	Name      string  `json:"name"`
	Outcome   Outcome `json:"outcome"`
	Why       string  `json:"why"` // for a person, no personal data
}

// Decision is what happens to a submission, with the whole reasoning. It is stored as JSON: at
// most [MaxDecisionBytes] of valid UTF-8, so what is read equals what was written.
type Decision struct {
	Action Action `json:"action"`
	// Reason is one sentence for an admin: which row decided, or why none could.
	Reason string       `json:"reason"`
	Row    *RowSnapshot `json:"row,omitempty"`   // the deciding row as it was then; nil if no row decided
	Terms  *Terms       `json:"terms,omitempty"` // set for Invite only
	// Limits are set for Invite only, if the row has any: a seat is taken before the invitation.
	Limits *Limits `json:"limits,omitempty"`
	// Proof is that of the deciding row, also of one whose seats are all taken. It is the default
	// for Deny, if no row decided, and if the row could not be understood or may not apply.
	Proof Proof `json:"proof,omitempty"`
	// ReviewRules are those of the deciding row. They are zero if it has none, if no row decided,
	// if the row could not be understood or may not apply, and for Deny.
	ReviewRules ReviewRules `json:"reviewRules,omitzero"`
	Looked      []Look      `json:"looked"` // the rows in the order in which they were tried; never nil
	// Unlisted counts the rows that did not fit into Looked. The deciding row is always in Looked.
	Unlisted int       `json:"unlisted,omitempty"`
	At       time.Time `json:"at"` // UTC
}

// RowSnapshot is a row as it was when it decided. It answers later why somebody was invited.
type RowSnapshot struct {
	Partition string `json:"partition"`
	Name      string `json:"name"`
	ETag      string `json:"etag"`
	// Columns are texts; a long one is cut and marked, and an invite code is hashed.
	Columns  map[string]string `json:"columns"`
	Unlisted int               `json:"unlisted,omitempty"` // how many columns did not fit into Columns
}

// Covers reports whether an invitation by d gives all that one by the earlier decision gives: all
// of its groups, its user type, and no tighter limits. Limits of another row are tighter, since
// they count other guests. What the mail says does not matter.
//
// Proof does not matter either, since it gives nothing. A request that goes on by the earlier
// decision and has no proof by now needs one if d.Proof does: that is for the caller to see.
func (d Decision) Covers(earlier Decision) bool {
	if d.Action != Invite || d.Terms == nil || earlier.Terms == nil {
		return false
	}
	for _, group := range earlier.Terms.Groups {
		if !slices.Contains(d.Terms.Groups, group) {
			return false
		}
	}
	if d.Terms.UserType != earlier.Terms.UserType && earlier.Terms.UserType != "Guest" {
		return false
	}
	switch {
	case d.Limits == nil:
		return true
	case earlier.Limits == nil || earlier.Limits.Row != d.Limits.Row:
		return false
	}
	atLeast := func(limit, before int) bool { return limit == 0 || before != 0 && limit >= before }
	return atLeast(d.Limits.MaxGuests, earlier.Limits.MaxGuests) &&
		atLeast(d.Limits.MaxPerDay, earlier.Limits.MaxPerDay)
}
