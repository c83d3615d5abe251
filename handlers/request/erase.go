package request

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/submission"
)

// Erasure is what is done to the record of a request that can't be read. What is not mentioned here
// stays as it is, also the claim on the address: what the request still needs is not known.
type Erasure struct {
	// Wish is a withdrawal. It is noted, if it is open, and carried out, with all that belongs to
	// it, once the record can be read: the request waits for nothing else then.
	Wish Instruction
	// Mail is a wish for another mail. It is noted in the same way, unless there is one already, or
	// the request is withdrawn or erased. A request that is being worked on goes on waiting.
	Mail Instruction
	// Data says that the personal data is removed now, as [Change.Erase] does. Nobody finds the
	// claim of the request any more once its address is gone. So the guest that the claim names is
	// noted, if the record names none.
	Data bool
	// At is noted as the time of erasure. It is zero if the request may still have to be ended.
	At time.Time
}

// Outline is what can be told of a request that can't be read, without personal data. What can't be
// read is zero.
type Outline struct {
	ID               submission.ID
	State            State // which may be one that this version does not know
	Since            time.Time
	GuestID          string
	Created, Changed time.Time
	Due              time.Time
	Erased           time.Time
	Withdrawal       Instruction
	Personal         bool     // there is personal data
	Faults           []string // what is wrong with the columns, without their values
}

// Erasing reports whether the request is to be erased, or is.
func (o Outline) Erasing() bool { return o.Withdrawal.Open() || !o.Erased.IsZero() }

// hidden replaces what was erased.
const hidden = "(erased)"

// Erase removes the personal data from the request and records that. What stays: the decision with
// its row and terms, what came of it with the guest's object id, the consent, and the history,
// which never holds personal data.
func (c *Change) Erase(why string) {
	r := &c.Request
	if !r.Erased.IsZero() {
		return
	}
	hide := Hider(r.Submission.Email.String())
	consent := submission.Consent{Terms: r.Submission.Consent.Terms, At: r.Submission.Consent.At}
	r.Submission = submission.Submission{SubmittedAt: r.Submission.SubmittedAt, Consent: consent}
	r.Reason, r.Words = hide(r.Reason), ""
	rewrite(hide, &r.Decision)
	rewrite(hide, &r.Approval)
	if r.Approval != nil {
		r.Approval.Note = ""
	}
	rewrite(hide, &r.Reviewing)
	r.Reviewing = r.Reviewing.withoutWords()
	for i := range r.Grants {
		r.Grants[i].Note = hide(r.Grants[i].Note)
	}
	r.CheckAt, r.RemindAt, r.Owed = time.Time{}, time.Time{}, Owed{}
	r.Mails = slices.Clone(r.Mails)
	for i := range r.Mails {
		r.Mails[i].LookAt = time.Time{}
	}
	r.OpenTurn = Turn{} // its hashes may be of a row for this address
	r.Erased = c.Now()
	c.Record("erased", why)
}

// Hider returns what removes the address from a text, in upper and lower case, also where the text
// is JSON. What is no address may be a part of anything, and is not removed.
func Hider(address string) func(string) string {
	if !strings.Contains(strings.Trim(address, "@"), "@") {
		return func(text string) string { return text }
	}
	forms := regexp.QuoteMeta(address)
	// A stored address may have characters that the form does not take, and that JSON escapes.
	escaped, err := encode(address)
	if err == nil {
		forms = regexp.QuoteMeta(escaped[1:len(escaped)-1]) + "|" + forms
	}
	form := regexp.MustCompile("(?i)" + forms)
	return func(text string) string { return form.ReplaceAllLiteralString(text, hidden) }
}

// rewrite removes the address from every text of a value that is stored as JSON: a row for one
// address has it in many places.
func rewrite[T any](hide func(string) string, value **T) {
	if *value == nil {
		return
	}
	copied := new(T)
	text, err := encode(*value)
	if err == nil {
		err = json.Unmarshal([]byte(hide(text)), copied)
	}
	if err != nil {
		copied = nil // rather nothing than a name
	}
	*value = copied
}

// encode returns the value as JSON that has as few characters escaped as possible, as it is stored.
func encode(value any) (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSuffix(text.String(), "\n"), err
}

// About reports whether the letter has the id of the request in it.
func (l DeadLetter) About(id submission.ID) bool { return bytes.Contains(l.Body, []byte(id)) }

// Names reports whether the letter has exactly this address in it, in any case and also behind an
// escape of JSON: an address that only ends or begins like it belongs to somebody else.
func (l DeadLetter) Names(address submission.Address) bool {
	const before = `(^|\\[bfnrt]|\\u[0-9a-f]{4}|[^a-z0-9.!#$%&'*+/=?^_{|}~\x60-])`
	const after = `([^a-z0-9.-]|[.]([^a-z0-9]|$)|$)`
	return regexp.MustCompile(`(?i)` + before + regexp.QuoteMeta(address.String()) + after).Match(l.Body)
}

// DropDeadLetters removes the dead letters that fit, and returns how many.
func DropDeadLetters(
	ctx context.Context, store DeadLetterStore, fit func(DeadLetter) bool,
) (dropped int, err error) {
	kept, err := store.AllDeadLetters(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the dead letters: %w", err)
	}
	for _, letter := range kept {
		if !fit(letter) {
			continue
		}
		err = store.DropDeadLetter(ctx, letter.ID, "")
		if err != nil {
			return dropped, fmt.Errorf("forgetting a dead letter: %w", err)
		}
		dropped++
	}
	return dropped, nil
}
