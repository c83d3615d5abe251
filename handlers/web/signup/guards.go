package signup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/internal/formtoken"
	"guestlist/handlers/web/problemdetails"
	"guestlist/handlers/web/site"
)

// The fields of the form that partners don't see.
const (
	tokenField = "token"
	// honeypotField is a honeypot: people can't see it, programs like to fill it in, and browsers
	// fill in nothing under this name.
	honeypotField = "website"
	// answerProperty has the answer to the captcha in JSON; a form has it where the widget puts it.
	answerProperty = "challenge"
)

// pass is what came with a submission for the guards.
type pass struct {
	token    string
	honeypot string
	answer   string // to the captcha
	held     formtoken.Token
}

// hold shows the form again, with all that was typed and a fresh token, and says why it was not
// taken.
func (f *form) hold(x *site.Exchange, e entry, err error) {
	failure := problem.From(err)
	f.Log.InfoContext(x.Request.Context(), "a form was not taken", site.Logged(failure))
	about := "again"
	text := ""
	switch failure.Code {
	case problem.TooManyRequests:
		about = "slow"
		text = x.Count("slow.text", int(math.Ceil(failure.RetryAfter.Minutes())))
		x.RetryAfter(failure.RetryAfter)
	case problem.CaptchaFailed:
		about = "captcha"
	case problem.CaptchaUnavailable:
		about = "unchecked"
	}
	if text == "" {
		text = x.Say(about + ".text")
	}
	f.show(x, problemdetails.Status(failure.Code), e, nil, alert{x.Say(about + ".title"), text})
}

// identify returns the id for content that came with a token. It can't be guessed, and is the
// same for the same content under the same token, so that a form that is sent twice is one
// request. Package formtoken says why the content is part of it.
func identify(held formtoken.Token, content []byte) (submission.ID, error) {
	mark := held.Mark(content)
	return submission.NewID(held.Issued(), bytes.NewReader(mark[:]))
}

// idOf returns the id for an accepted submission that came by the form.
func idOf(held formtoken.Token, accepted submission.Submission) (submission.ID, error) {
	// The time of sending differs when the same is sent again.
	accepted.SubmittedAt, accepted.Consent.At = time.Time{}, time.Time{}
	content, err := json.Marshal(accepted)
	if err != nil {
		return "", problem.New(problem.Internal, "encoding a submission for its id")
	}
	return identify(held, content)
}

// pretend answers a filled-in honeypot like a submission that was taken. Nothing is enqueued; the
// status page says "received", as for every id that may still be on the queue.
func (f *form) pretend(x *site.Exchange, e entry) {
	content, err := json.Marshal(e.Input)
	if err == nil {
		var id submission.ID
		id, err = identify(e.pass.held, content)
		x.Header().Set("Location", f.statusPage(id, x.Reader))
	}
	if err != nil {
		f.Log.ErrorContext(x.Request.Context(), "an answer could not be made up", site.Logged(err))
	}
	f.Log.InfoContext(x.Request.Context(), "a submission was dropped: the field that people can't see was filled in")
	x.WriteHeader(http.StatusSeeOther)
}

// explained returns a refusal by the guards with a text for the author of a client.
func explained(err error) error {
	failure := *problem.From(err)
	switch failure.Code {
	case problem.TooManyRequests:
		failure.Public = fmt.Sprintf("Too much was sent from this network in a short time. Send again in %s seconds.", site.Seconds(failure.RetryAfter))
	case problem.CaptchaUnavailable:
		failure.Public = "The captcha could not be checked just now. Send again in a minute, with a new answer."
	case problem.CaptchaFailed:
		failure.Public = "Send the answer to the captcha in the property " + answerProperty + ". Each answer counts once, and for a few minutes."
	}
	return &failure
}
