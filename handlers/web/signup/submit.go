package signup

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/maildomain"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/problemdetails"
	"guestlist/handlers/web/site"
)

// submitForm takes a submission from the form.
func (f *form) submitForm(x *site.Exchange) {
	wait := f.Guards.Count(x.Request)
	e, err := f.read(x)
	if err != nil {
		x.Refuse(err)
		return
	}
	x.Choose(e.Language)
	e.Language = x.Wanted // the field is hidden: nobody could correct it
	e.held, err = f.Guards.Form(x.Request, e.token, wait)
	switch {
	case err != nil:
		f.hold(x, e, err)
		return
	case e.honeypot != "":
		f.spring(x, e)
		return
	}
	accepted, wrong, err := f.check(e, x.Reader)
	if err != nil {
		f.fail(x, e, err)
		return
	}
	if len(wrong) == 0 {
		question := f.question(&e, accepted, x.Reader)
		if question != "" {
			f.show(x, http.StatusUnprocessableEntity, e, nil, alert{x.Say("question.title"), x.Say("form.nothingSent"), question})
			return
		}
	}
	if len(wrong) > 0 {
		f.show(x, http.StatusUnprocessableEntity, e, wrong, alert{Title: x.Count("form.problems", len(wrong)), Text: x.Say("form.nothingSent")})
		return
	}
	err = f.Guards.Captcha.Verify(x.Request.Context(), e.answer) // last, since an answer counts once
	if err != nil {
		f.hold(x, e, err)
		return
	}
	// The time of sending differs when the same is sent again.
	timeless := accepted
	timeless.SubmittedAt, timeless.Consent.At = time.Time{}, time.Time{}
	id, err := idOf(e.held, timeless)
	if err == nil {
		err = f.enqueue(x, id, accepted)
	}
	if err != nil {
		f.fail(x, e, err)
		return
	}
	x.WriteHeader(http.StatusSeeOther) // so that reloading sends nothing twice
}

// submitJSON takes a submission from a program or from a page of another site.
func (f *form) submitJSON(x *site.Exchange) {
	f.Guards.Origins.Share(x.Header(), x.Request)
	sender, err := f.Guards.JSON(x.Request)
	if err != nil {
		x.Fail(explained(err), "")
		return
	}
	e, err := f.read(x)
	if err != nil {
		x.Refuse(err)
		return
	}
	e.Language = cmp.Or(e.Language, x.Wanted)
	accepted, wrong, err := f.check(e, x.Reader)
	switch {
	case err != nil:
		f.fail(x, e, err)
		return
	case len(wrong) > 0:
		x.Fail(&problem.Error{Code: problem.InvalidInput, Public: x.Say("fields.text"), Fields: wrong}, "")
		return
	}
	if sender != guard.Program {
		err = f.Guards.Captcha.Verify(x.Request.Context(), e.answer)
		if err != nil {
			x.Fail(explained(err), "")
			return
		}
	}
	id, err := f.Guards.Tokens.NewID(accepted.SubmittedAt, f.Random)
	if err == nil {
		err = f.enqueue(x, id, accepted)
	}
	if err != nil {
		f.fail(x, e, err)
		return
	}
	x.JSON(http.StatusAccepted, struct {
		ID        submission.ID        `json:"id"`
		Reference submission.Reference `json:"reference"`
		Status    string               `json:"status"`
	}{id, id.Reference(), x.Header().Get("Location")})
}

// fail answers a submission that could not be put on the queue.
func (f *form) fail(x *site.Exchange, e entry, err error) {
	f.Log.ErrorContext(x.Request.Context(), "a submission was not taken", site.Logged(err))
	if x.Format == site.JSON {
		x.Fail(&problem.Error{Code: problem.StorageUnavailable}, "busy")
		return
	}
	f.show(x, http.StatusServiceUnavailable, e, nil, alert{Title: x.Say("form.notTakenTitle"), Text: x.Say("form.notTaken")})
}

// enqueue puts a submission on the queue, and the address of its status page into Location.
func (f *form) enqueue(x *site.Exchange, id submission.ID, accepted submission.Submission) error {
	message, err := submission.Message{ID: id, Submission: &accepted}.Encode()
	if err != nil {
		return err
	}
	err = f.Queue.Enqueue(x.Request.Context(), message)
	if err != nil {
		return err
	}
	f.Log.InfoContext(x.Request.Context(), "submission accepted", "request", string(id))
	x.Header().Set("Location", f.statusPage(id, x.Reader))
	return nil
}

// statusPage returns the address of a request's status page. On another host, which the cookie with
// the language does not reach, the address has the language.
func (f *form) statusPage(id submission.ID, reader site.Reader) string {
	path := site.PathOf(id)
	if f.StatusOrigin == "" {
		return path
	}
	return f.StatusOrigin + path + "?" + site.LanguageQuery + "=" + reader.Tag
}

// question returns what to ask about an accepted address that looks mistyped, or "". The entry then
// holds the address, so that the partner is not asked twice.
func (f *form) question(e *entry, accepted submission.Submission, reader site.Reader) string {
	address, domain := accepted.Email.String(), accepted.Email.Domain()
	if e.ConfirmedEmail == address {
		return ""
	}
	text := ""
	meant := maildomain.Meant(domain)
	switch doubt := accepted.Email.Doubt(); {
	case meant != "" && f.Mail.Broken(meant) == "":
		local, _, _ := strings.Cut(address, "@")
		text = reader.With("hint.mistyped", "Address", reader.Isolated(local+"@"+meant))
	case doubt == submission.OnlyEnding:
		text = reader.With("hint.onlyEnding", "Domain", reader.Isolated(domain))
	case doubt == submission.UnknownEnding:
		text = reader.With("hint.unknownEnding", "Ending", reader.Isolated(domain[strings.LastIndexByte(domain, '.'):]))
	default:
		return ""
	}
	e.ConfirmedEmail = address
	return text
}

// read reads the body. A missing field is empty. A repeated one, or a value that is not a string,
// is MalformedBody. So is an unknown field in JSON. A form may have some: extensions of browsers
// and gateways put them in, and the partner could not take them out.
func (f *form) read(x *site.Exchange) (entry, error) {
	members, err := x.Members()
	if err != nil {
		return entry{}, err
	}
	var in entry
	seen := make([]*string, 0, len(members))
	for _, m := range members {
		field := f.target(&in, x.Format, m.Name)
		switch {
		case field == nil && x.Format == site.HTML:
			continue
		case field == nil:
			return entry{}, site.Malformed("The body has a property that is not known here. The properties are " + fieldNames + ".")
		case slices.Contains(seen, field):
			return entry{}, site.Malformed("The property " + m.Name + " comes more than once. Send each property once.")
		case !m.IsText:
			return entry{}, site.Malformed("The property " + m.Name + " must be a string. Leave it out if there is nothing to say.")
		}
		seen = append(seen, field)
		*field = m.Text
	}
	return in, nil
}

// target returns where the value of a field goes, or nil for an unknown field.
func (f *form) target(e *entry, format site.Format, name string) *string {
	answer := answerProperty
	if format == site.HTML {
		answer = f.Guards.Captcha.Field()
		switch name {
		case "confirmedEmail":
			return &e.ConfirmedEmail
		case tokenField:
			return &e.token
		case honeypotField:
			return &e.honeypot
		}
	}
	if name == answer {
		return &e.answer
	}
	return fieldOf(e, name)
}

// The fields of the form that partners don't see.
const (
	tokenField = "token"
	// honeypotField is not seen by people and not filled in by browsers, but by programs.
	honeypotField = "website"
	// answerProperty has the answer to the captcha in JSON; a form has it where the widget puts it.
	answerProperty = "challenge"
)

// hold shows the form again, with what was typed and a fresh token, and why it was not taken.
func (f *form) hold(x *site.Exchange, e entry, err error) {
	failure := problem.From(err)
	f.Log.InfoContext(x.Request.Context(), "a form was not taken", site.Logged(failure))
	a := alert{Title: x.Say("again.title"), Text: x.Say("again.text")}
	switch failure.Code {
	case problem.TooManyRequests:
		a = alert{Title: x.Say("slow.title"), Text: x.Count("slow.text", int(math.Ceil(failure.RetryAfter.Minutes())))}
		x.RetryAfter(failure.RetryAfter)
	case problem.CaptchaFailed:
		a = alert{Title: x.Say("captcha.title"), Text: x.Say("captcha.text")}
	case problem.CaptchaUnavailable:
		a = alert{Title: x.Say("unchecked.title"), Text: x.Say("unchecked.text")}
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
	return held.NewID(content)
}

// LogHoneypot is the message of the log line for a form in which the honeypot was filled in. Its
// field answer says whether the form was "shown again" or "dropped".
const LogHoneypot = "honeypot filled in"

// humanPace is how long people take at least to fill in the form.
const humanPace = 5 * time.Second

// spring answers a filled-in honeypot. Password managers and the like fill it in too, for people:
// so if the form was open for as long as people need, it comes again, without the honeypot. A
// program gets the answer to a submission that was taken. Nothing is enqueued; the status page says
// "received", as for every id that may still be on the queue.
//
// The log tells both: see docs/operations.md.
func (f *form) spring(x *site.Exchange, e entry) {
	if f.Now().Sub(e.held.Issued()) >= humanPace {
		f.Log.WarnContext(x.Request.Context(), LogHoneypot, "answer", "shown again")
		e.trapped = true
		f.show(x, http.StatusUnprocessableEntity, e, nil, alert{Title: x.Say("filled.title"), Text: x.Say("filled.text")})
		return
	}
	id, err := idOf(e.held, e.Input)
	if err != nil {
		f.Log.ErrorContext(x.Request.Context(), "an answer could not be made up", site.Logged(err))
	}
	x.Header().Set("Location", f.statusPage(id, x.Reader))
	f.Log.WarnContext(x.Request.Context(), LogHoneypot, "answer", "dropped")
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
