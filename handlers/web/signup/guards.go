package signup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/captcha"
	"guestlist/handlers/web/formtoken"
	"guestlist/handlers/web/origin"
	"guestlist/handlers/web/problemdetails"
	"guestlist/handlers/web/ratelimit"
)

// Guards keep out what is no partner's own sign-up.
type Guards struct {
	// Tokens are those that every form carries. Required for the form.
	Tokens *formtoken.Signer
	// Senders says who may send. Required.
	Senders *origin.Senders
	// Brake slows down clients that send too much; nil slows down nobody.
	Brake *ratelimit.Brake
	// Proxies is the number of our own proxies before the platform's front end: see brake.Client.
	Proxies int
	// Challenge tells people from bots; nil asks nobody.
	Challenge *captcha.Challenge
}

// The fields of the form that no partner sees.
const (
	tokenField = "token"
	// trapField is a field that people can't see and that programs like to fill in. Browsers fill in nothing under this name by themselves.
	trapField = "website"
	// answerProperty is where JSON has the answer to the challenge; forms have it where the service's widget puts it.
	answerProperty = "challenge"
)

// pass is what came along with a submission to get past the guards.
type pass struct {
	token  string
	trap   string
	answer string // to the challenge
	held   formtoken.Token
}

// wait counts one post of the client and returns how long the client has to wait before the next, zero if this one may pass.
func (g Guards) wait(r *http.Request) time.Duration {
	if g.Brake == nil {
		return 0
	}
	return g.Brake.Take(ratelimit.Client(r, g.Proxies))
}

// tooMany is the refusal of a client that has to wait.
func tooMany(wait time.Duration) *problem.Error {
	return &problem.Error{Code: problem.TooManyRequests, RetryAfter: wait, Detail: "a client sent too much"}
}

// form returns why a form can't be taken as it came, nil if it can. It heeds the token of the pass and keeps it there.
func (g Guards) form(r *http.Request, p *pass, wait time.Duration) *problem.Error {
	held, err := g.Tokens.Check(p.token)
	p.held = held
	switch {
	case wait > 0:
		return tooMany(wait)
	case err != nil:
		return problem.New(problem.FormStale, "%w", err)
	}
	err = g.Senders.OwnPage(r)
	if err != nil {
		return problem.From(err)
	}
	return nil
}

// hold shows the form again, with all that was typed and a fresh token, and says why it was not taken: nobody's entries are lost because
// a page stood open overnight.
func (f *form) hold(w http.ResponseWriter, r *http.Request, e entry, page reader, failure *problem.Error) {
	f.Log.InfoContext(r.Context(), "a form was not taken", logged(failure))
	about := "again"
	text := ""
	switch failure.Code {
	case problem.TooManyRequests:
		about = "slow"
		text = page.Count("slow.text", int(math.Ceil(failure.RetryAfter.Minutes())))
		w.Header().Set("Retry-After", seconds(failure.RetryAfter))
	case problem.ChallengeFailed:
		about = "challenge"
	case problem.ChallengeUnavailable:
		about = "unchecked"
	}
	if text == "" {
		text = page.Say(about + ".text")
	}
	f.show(w, r, problemdetails.Status(failure.Code), e, page, nil, alert{page.Say(about + ".title"), text})
}

// seconds returns a wait for the header Retry-After: rounded up, since who comes too early waits again.
func seconds(wait time.Duration) string { return strconv.Itoa(int(math.Ceil(wait.Seconds()))) }

// challenged returns nil if the sender has shown to be a person, or nobody asks.
func (f *form) challenged(r *http.Request, p pass) *problem.Error {
	if f.Guards.Challenge == nil {
		return nil
	}
	err := f.Guards.Challenge.Verify(r.Context(), p.answer)
	if err != nil {
		return problem.From(err)
	}
	return nil
}

// identify returns the id for content that came with a token: the same for the same content under the same token, so that a form that is
// sent twice is one request; and one that nobody can foresee, as every id is. See package formtoken for why the content is part of it.
func identify(held formtoken.Token, content []byte) (submission.ID, error) {
	mark := held.Mark(content)
	return submission.NewID(held.Issued(), bytes.NewReader(mark[:]))
}

// idOf returns the id for an accepted submission that came by the form.
func idOf(held formtoken.Token, accepted submission.Submission) (submission.ID, error) {
	// When it was sent is no part of what was sent.
	accepted.SubmittedAt, accepted.Consent.At = time.Time{}, time.Time{}
	content, err := json.Marshal(accepted)
	if err != nil {
		return "", problem.New(problem.Internal, "encoding a submission for its id")
	}
	return identify(held, content)
}

// pretend answers whoever filled in the trap as if the submission had been taken. Nothing is enqueued; the status page says "received", as
// for every id that may still be on its way.
func (f *form) pretend(w http.ResponseWriter, r *http.Request, e entry, page reader) {
	content, err := json.Marshal(e.Input)
	if err == nil {
		var id submission.ID
		id, err = identify(e.pass.held, content)
		w.Header().Set("Location", f.statusPage(id, page))
	}
	if err != nil {
		f.Log.ErrorContext(r.Context(), "an answer could not be made up", logged(err))
	}
	f.Log.InfoContext(r.Context(), "a submission was dropped: the field that people can't see was filled in")
	w.WriteHeader(http.StatusSeeOther)
}

// json returns who sends a submission as JSON, or why it can't be taken.
func (g Guards) json(r *http.Request) (origin.Sender, *problem.Error) {
	sender, err := g.Senders.JSON(r)
	if sender == origin.Program {
		// It has shown whose it is, and may bring many partners at once.
		return sender, nil
	}
	wait := g.wait(r)
	switch {
	case wait > 0:
		failure := tooMany(wait)
		failure.Public = fmt.Sprintf("Too much was sent from this network in a short time. Send again in %s seconds.", seconds(wait))
		return 0, failure
	case err != nil:
		return 0, problem.From(err)
	}
	return sender, nil
}

// explained returns the refusal of a challenge with a text for whoever writes a client.
func explained(failure *problem.Error) *problem.Error {
	public := "The challenge could not be checked just now. Send again in a minute, with a new answer."
	if failure.Code == problem.ChallengeFailed {
		public = "Send the answer to the challenge in the property " + answerProperty + ". Each answer counts once, and for a few minutes."
	}
	return &problem.Error{Code: failure.Code, Public: public, Detail: failure.Detail, Err: failure.Err}
}

// wish returns why a wish on a status page can't be taken, nil if it can. Whoever has a page's address may have it as a program too.
func (g Guards) wish(r *http.Request) *problem.Error {
	wait := g.wait(r)
	if wait > 0 {
		return tooMany(wait)
	}
	err := g.Senders.OwnPage(r)
	if err != nil {
		// Without the text for a form: the page says its own.
		return &problem.Error{Code: problem.SenderRefused, Detail: "a wish from another site"}
	}
	return nil
}

// complete returns an error that names what the pages can't do without.
func (g Guards) complete(withForm bool) error {
	switch {
	case withForm && g.Tokens == nil:
		return errors.New("signup: the form tokens are missing")
	case g.Senders == nil:
		return errors.New("signup: the list of senders is missing")
	}
	return nil
}

// policy returns what the guards need of the Content-Security-Policy, by directive.
func (g Guards) policy() map[string][]string {
	if g.Challenge == nil {
		return nil
	}
	return g.Challenge.Policy()
}

// widget returns what the page shows of the challenge, nil for nothing.
func (g Guards) widget() *captcha.Widget {
	if g.Challenge == nil {
		return nil
	}
	w := g.Challenge.Widget()
	return &w
}

// answerField returns the name of the form's field with the answer to the challenge, "" if there is none.
func (g Guards) answerField() string {
	if g.Challenge == nil {
		return ""
	}
	return g.Challenge.Field()
}
