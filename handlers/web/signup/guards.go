package signup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
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

// hold shows the form again, with all that was typed and a fresh token, and says why it was not
// taken.
func (f *form) hold(x *site.Exchange, e entry, err error) {
	failure := problem.From(err)
	f.Log.InfoContext(x.Request.Context(), "a form was not taken", site.Logged(failure))
	a := alert{x.Say("again.title"), x.Say("again.text")}
	switch failure.Code {
	case problem.TooManyRequests:
		a = alert{x.Say("slow.title"), x.Count("slow.text", int(math.Ceil(failure.RetryAfter.Minutes())))}
		x.RetryAfter(failure.RetryAfter)
	case problem.CaptchaFailed:
		a = alert{x.Say("captcha.title"), x.Say("captcha.text")}
	case problem.CaptchaUnavailable:
		a = alert{x.Say("unchecked.title"), x.Say("unchecked.text")}
	}
	f.show(x, problemdetails.Status(failure.Code), e, nil, a)
}

// idOf returns the id for what came with a token. It can't be guessed, and is the same for the same
// under the same token, so that a form that is sent twice is one request. [guard.Token] says
// why the content is part of it.
func idOf(held guard.Token, sent any) (submission.ID, error) {
	content, err := json.Marshal(sent)
	if err != nil {
		return "", problem.New(problem.Internal, "encoding a submission for its id")
	}
	mark := held.Mark(content)
	return submission.NewID(held.Issued(), bytes.NewReader(mark[:]))
}

// pretend answers a filled-in honeypot like a submission that was taken. Nothing is enqueued; the
// status page says "received", as for every id that may still be on the queue.
func (f *form) pretend(x *site.Exchange, e entry) {
	id, err := idOf(e.held, e.Input)
	if err != nil {
		f.Log.ErrorContext(x.Request.Context(), "an answer could not be made up", site.Logged(err))
	}
	x.Header().Set("Location", f.statusPage(id, x.Reader))
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
