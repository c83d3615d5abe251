package operate

import (
	"slices"
	"time"

	"guestlist/handlers/request"
)

// ProofWay says how a mailbox was proved.
type ProofWay string

const (
	ProofByCode    ProofWay = "code"            // it was mailed for this request
	ProofByEarlier ProofWay = "earlier-request" // for the same address
)

// Proof says whether the partner has proved to own the mailbox of the address. It has no code.
type Proof struct {
	Proved bool `json:"proved"`
	// How and At are set if it is proved.
	How ProofWay  `json:"how,omitempty"`
	At  time.Time `json:"at,omitzero"`
	// AskedAt is when policy last asked for the proof; zero if it has not.
	AskedAt time.Time `json:"askedAt,omitzero"`
	// CodeValidUntil is set while the request waits for a code that was mailed, and WaitsUntil
	// while it waits and none was.
	CodeValidUntil time.Time `json:"codeValidUntil,omitzero"`
	WaitsUntil     time.Time `json:"waitsUntil,omitzero"`
	// Tries counts the codes that were typed, also without need, and MostTries is how many can be.
	Tries     int `json:"tries"`
	MostTries int `json:"mostTries"`
}

// NewProof returns what is to be told of the proof of the request.
func NewProof(r request.Request) Proof {
	p := Proof{
		Proved: r.Proof.Done(), At: r.Proof.At, AskedAt: r.Proof.Wanted,
		Tries: r.Proof.Tries, MostTries: request.MaxProofTries,
	}
	switch {
	case r.Proof.ByCode():
		p.How = ProofByCode
	case p.Proved:
		p.How = ProofByEarlier
	case r.State != request.Proving:
	case r.Proof.Mailed:
		p.CodeValidUntil = r.Proof.Until
	default:
		p.WaitsUntil = r.Proof.Until
	}
	return p
}

// SentMail is the last mail of a kind that the app has sent itself for a request.
type SentMail struct {
	Kind    request.MailKind `json:"kind"`
	Ordinal int              `json:"ordinal"` // of this mail among those of its kind, from 1 on
	At      time.Time        `json:"at"`
	// State is what the mail service said last, empty if nothing is known yet, and Means explains
	// it. Code is the service's code of a failure.
	State request.MailState `json:"state"`
	Means string            `json:"means"`
	Code  string            `json:"code,omitempty"`
	// Repeats is how often it was handed over again because the service said that it had not taken
	// it.
	Repeats int `json:"repeats,omitempty"`
}

// OwedMail is a mail of the app's own that is still to be sent.
type OwedMail struct {
	Kind  request.MailKind `json:"kind"`
	Since time.Time        `json:"since"`
	// Person: a person asked for it, so that it goes out whatever the mailbox has had.
	Person bool   `json:"person"`
	Why    string `json:"why,omitempty"` // it waits
}

// mailStates explain what a mail service says of a mail.
var mailStates = map[request.MailState]string{
	"":                     "begun; whether it was sent is not known yet",
	request.MailUnheard:    "the mail service never took it",
	request.MailUnderway:   "the mail service has taken it",
	request.MailHandedOver: "handed over to the recipient's mail system",
	request.MailFailed:     "given up",
	request.MailSuppressed: "not sent: mails to the address came back, so the mail service leaves it alone",
	request.MailUntold:     "sent, as far as is known; the mail service can't be asked",
}

// newMails returns what is to be told of the mails of the request, the oldest first.
func newMails(r request.Request) []SentMail {
	mails := []SentMail{}
	for _, m := range r.Mails {
		mails = append(mails, SentMail{m.Kind, m.Ordinal, m.At, m.State, mailStates[m.State], m.Code, m.Repeats})
	}
	slices.SortStableFunc(mails, func(a, b SentMail) int { return a.At.Compare(b.At) })
	return mails
}

// newOwed returns the mail that the request is owed, nil if there is none.
func newOwed(r request.Request) *OwedMail {
	if r.Owed.Since.IsZero() {
		return nil
	}
	return &OwedMail{r.Owed.Kind, r.Owed.Since, r.Owed.Person, r.Owed.Why}
}
