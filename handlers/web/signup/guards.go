package signup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/internal/formtoken"
	"guestlist/handlers/web/problemdetails"
)

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

// hold shows the form again, with all that was typed and a fresh token, and says why it was not taken: nobody's entries are lost because
// a page stood open overnight.
func (f *form) hold(w http.ResponseWriter, r *http.Request, e entry, page reader, err error) {
	failure := problem.From(err)
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

// explained returns a refusal by the guards with a text for the author of a client.
func explained(err error) *problem.Error {
	failure := *problem.From(err)
	switch failure.Code {
	case problem.TooManyRequests:
		failure.Public = fmt.Sprintf("Too much was sent from this network in a short time. Send again in %s seconds.", seconds(failure.RetryAfter))
	case problem.ChallengeUnavailable:
		failure.Public = "The challenge could not be checked just now. Send again in a minute, with a new answer."
	case problem.ChallengeFailed:
		failure.Public = "Send the answer to the challenge in the property " + answerProperty + ". Each answer counts once, and for a few minutes."
	}
	return &failure
}
