package request

import (
	"encoding/json"
	"regexp"
	"strings"

	"guestlist/handlers/submission"
)

// hidden stands in place of what was erased.
const hidden = "(erased)"

// Erase takes the personal data out of the request and notes that it did. What stays is the decision, with the row and the terms, what came
// of it with the guest's object id, to which terms somebody agreed and when, and the history, in which there never was any.
func (c *Change) Erase(why string) {
	r := &c.Request
	if !r.Erased.IsZero() {
		return
	}
	hide := hider(r.Submission.Email)
	consent := submission.Consent{Terms: r.Submission.Consent.Terms, At: r.Submission.Consent.At}
	r.Submission = submission.Submission{SubmittedAt: r.Submission.SubmittedAt, Consent: consent}
	r.Reason, r.Words = hide(r.Reason), ""
	rewrite(hide, &r.Decision)
	rewrite(hide, &r.Approval)
	if r.Approval != nil {
		r.Approval.Note = ""
	}
	for i := range r.Grants {
		r.Grants[i].Note = hide(r.Grants[i].Note)
	}
	r.Erased = c.Now()
	c.Record("erased", why)
}

// hider returns what takes the address out of a text, in whatever case it is written.
func hider(address submission.Address) func(string) string {
	if address == (submission.Address{}) {
		return func(text string) string { return text }
	}
	form := regexp.MustCompile("(?i)" + regexp.QuoteMeta(address.String()))
	return func(text string) string { return form.ReplaceAllLiteralString(text, hidden) }
}

// rewrite takes the address out of every text of a value that is stored as JSON: a row that is for one address has it in many places.
func rewrite[T any](hide func(string) string, value **T) {
	if *value == nil {
		return
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(*value)
	if err != nil {
		// It came from JSON, or will not go there: better nothing than a name.
		*value = nil
		return
	}
	copied := new(T)
	err = json.Unmarshal([]byte(hide(text.String())), copied)
	if err != nil {
		*value = nil
		return
	}
	*value = copied
}
