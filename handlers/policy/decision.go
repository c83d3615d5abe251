package policy

import "time"

// Action is what a row asks for and what a decision says.
type Action string

const (
	Invite Action = "invite" // issue the invitation and the grants
	Review Action = "review" // a person decides
	Deny   Action = "deny"   // nobody is invited
)

// Raw is a row as the table holds it. Columns has every column but the keys, the time stamp and the ETag; its values are what a table
// can hold: string, bool, int32, int64, float64, time.Time, []byte (and a GUID as a string).
type Raw struct {
	Partition string
	Name      string // the RowKey
	ETag      string
	Columns   map[string]any
}

// Terms is what an invitation is made of: the columns of the deciding row, with defaults filled in.
type Terms struct {
	Groups          []string `json:"groups,omitempty"`          // object ids, lower case, in the row's order, each once
	Sponsors        []string `json:"sponsors,omitempty"`        // object ids, lower case, at most 5
	RedirectURL     string   `json:"redirectUrl,omitempty"`     // empty: the application's default
	MessageLanguage string   `json:"messageLanguage,omitempty"` // empty: the submission's language, else Graph's default
	SendInvitation  bool     `json:"sendInvitation"`            // Microsoft sends the mail
	Message         string   `json:"message,omitempty"`         // plain text for the mail, lines parted by "\n"
	Cc              string   `json:"cc,omitempty"`              // one address that gets a copy of the mail
	UserType        string   `json:"userType"`                  // "Guest" or "Member"
}

// Outcome says what came of looking at one row.
type Outcome string

const (
	Decided  Outcome = "decided"  // this row decided
	Skipped  Outcome = "skipped"  // the row does not apply now; Why says why not
	Unneeded Outcome = "unneeded" // an earlier row had decided
	Audited  Outcome = "audited"  // the row is in audit mode; Why says what it would have decided in this place
)

// Look is one row's part in a decision.
type Look struct {
	Partition string  `json:"partition"`
	Name      string  `json:"name"`
	Outcome   Outcome `json:"outcome"`
	Why       string  `json:"why"` // for a person, no personal data
}

// Decision is the answer with its whole reasoning. It is stored as JSON with the request: [Decide] keeps that to at most
// [MaxDecisionBytes], in valid UTF-8, so that what is read back equals what was written.
type Decision struct {
	Action Action `json:"action"`
	// Reason is one sentence for an admin: which row decided, or why none could.
	Reason string `json:"reason"`
	// Row is the deciding row as it stood, with its ETag and columns; nil if no row decided.
	Row *RowSnapshot `json:"row,omitempty"`
	// Terms are set for Invite only.
	Terms *Terms `json:"terms,omitempty"`
	// Limits are set for Invite only, if the deciding row has any: a seat must be taken before anybody is invited.
	Limits *Limits `json:"limits,omitempty"`
	// Looked lists the rows in the order in which they were looked at; never nil.
	Looked []Look `json:"looked"`
	// Unlisted counts the rows that Looked has no place for. The row that decided is always in Looked.
	Unlisted int       `json:"unlisted,omitempty"`
	At       time.Time `json:"at"` // UTC
}

// RowSnapshot is a row as it stood when it decided, so that "why was this person let in?" has an answer later.
type RowSnapshot struct {
	Partition string            `json:"partition"`
	Name      string            `json:"name"`
	ETag      string            `json:"etag"`
	Columns   map[string]string `json:"columns"` // as text; a long one is cut, with a mark at its end; an invite code is hashed
	// Unlisted counts the columns that Columns has no place for.
	Unlisted int `json:"unlisted,omitempty"`
}
