package request

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"time"

	"guestlist/handlers/submission"
)

const (
	// MaxProofTries is how many codes can be typed for a request. With eight digits, and
	// [CodesPerDay] requests for an address that have a code, that is one chance in five million a
	// day to guess one.
	MaxProofTries = 5
	// ProofTime is how long a code is valid after it was first mailed: mail may be held back over
	// night, and for a weekend no time would be enough.
	ProofTime = 24 * time.Hour
	// CodePatience is how long it is tried to mail the first code.
	CodePatience = 72 * time.Hour
	// TypingTime is how long after a sign-up a code can be typed for it, at least: the status page
	// has a field for so long. It covers [CodePatience], a few days in which a person takes up
	// again a request whose code could not be mailed, and [ProofTime].
	TypingTime = 8 * 24 * time.Hour
	// codesCount is how long codes that are typed for a request count, whatever its state, from
	// when it was recorded: longer than the status page has a field for them, since a request's id
	// is as old as its form, and a code may lie on the queue for a while.
	codesCount = TypingTime + submission.LongestForm + 24*time.Hour
	// proofKeyBytes is the length of a key for codes.
	proofKeyBytes = 32
)

// Proof says whether the partner has proved to own the mailbox of the address, by typing a code
// that was mailed there. The zero Proof is none, and none was asked for.
//
// The code is not stored: it is derived again whenever it is needed.
type Proof struct {
	// Wanted is when policy asked for the proof; zero if it has not.
	Wanted time.Time `json:"wanted,omitzero"`
	// Epoch counts how often it has. Each time has a code of its own.
	Epoch int `json:"epoch,omitempty"`
	// Until is when the code stops to be valid, or, before one was mailed, until when that is
	// tried.
	Until time.Time `json:"until,omitzero"`
	// Mailed says that the code was mailed, as far as anybody knows. Without that no code is taken.
	Mailed bool `json:"mailed,omitempty"`
	// Withheld says that no code was mailed because of the mailbox itself: it has had those of a
	// day, somebody said that it was not them, or mails to it came back.
	Withheld bool `json:"withheld,omitempty"`
	// Tries counts the codes that were typed, also those for a request that waits for none, since
	// it was received or a person took it up again.
	Tries int `json:"tries,omitempty"`
	// At is when the mailbox was proved; zero if it was not.
	At time.Time `json:"at,omitzero"`
	// Earlier says that it was proved by an earlier request for the address.
	Earlier bool `json:"earlier,omitempty"`
}

// Done reports whether the mailbox is proved.
func (p Proof) Done() bool { return !p.At.IsZero() }

// Missing reports whether policy asked for a proof, and there is none.
func (p Proof) Missing() bool { return !p.Wanted.IsZero() && !p.Done() }

// ByCode reports whether the partner has typed the code that was mailed for this very request.
func (p Proof) ByCode() bool { return p.Done() && !p.Earlier }

// WantProof begins to wait for a proof, with a code of its own. Codes that were typed before count:
// the page shows how many, and must not tell by that what policy has asked for.
func (c *Change) WantProof(reason string) {
	p, now := &c.Request.Proof, c.Now()
	if m := c.Request.Mail(CodeMail); m.Open() {
		m.State = MailUntold // whatever came of it: it has an earlier code
		c.SetMail(m)
	}
	*p = Proof{Wanted: now, Epoch: p.Epoch + 1, Until: now.Add(CodePatience), Tries: p.Tries}
	c.Transition(Proving, "proof-wanted", reason)
}

// TakesCode reports whether a code that is typed counts, for whatever it is worth. To the page all
// young requests are alike except those that the partner has withdrawn, so it also counts for those
// that wait for none, and for those that a person has erased.
func (r Request) TakesCode(now time.Time) bool {
	young := now.Sub(r.Created).Abs() < codesCount
	withdrawn := r.Withdrawal.Open() && r.Withdrawal.By == ThePartner
	return r.Proof.Tries < MaxProofTries && !r.Proof.ByCode() && !withdrawn && (young || r.State == Proving)
}

// TryCode counts a code that was typed and, if it is the right one, notes the proof. The caller
// saves both at once, and shows nothing of it before. right tells whether it was. TakesCode must
// have said that the code counts.
func (c *Change) TryCode(key ProofKey, code string) (right bool) {
	r, now := &c.Request, c.Now()
	r.Proof.Tries++
	if r.State == Proving && r.Proof.Tries >= MaxProofTries {
		r.Due = time.Time{} // it waits for nothing any more
	}
	waits := r.State == Proving && !r.Withdrawal.Open() && r.Proof.Mailed && now.Before(r.Proof.Until)
	same := subtle.ConstantTimeCompare([]byte(key.Code(*r)), []byte(code)) == 1
	switch {
	case !waits:
		return false
	case !same:
		c.Record("code-wrong", fmt.Sprintf("a wrong code was typed, %d of %d", r.Proof.Tries, MaxProofTries))
		return false
	}
	r.Proof.At, r.Proof.Earlier = now, false
	if m := r.Mail(CodeMail); m.Ordinal > 0 {
		m.State, m.LookAt = MailHandedOver, time.Time{} // it has arrived
		c.SetMail(m)
	}
	r.Due, r.Resend = time.Time{}, Instruction{} // nobody needs the code any more
	c.Record("proved", "the code was typed that was mailed to the address")
	return true
}

// ProofKey is the key that codes are derived with. Only the worker can read it.
type ProofKey [proofKeyBytes]byte

// Code returns the code of the request: [submission.ProofCodeLength] digits, the same at each call.
func (k ProofKey) Code(r Request) string {
	mac := hmac.New(sha256.New, k[:])
	fmt.Fprintf(mac, "proof\n%s\n%s\n%d", r.ID, r.Submission.Email, r.Proof.Epoch)
	// The remainder prefers none of the codes by more than one in 10^11.
	const codes = 100_000_000
	return fmt.Sprintf("%0*d", submission.ProofCodeLength, binary.BigEndian.Uint64(mac.Sum(nil))%codes)
}
