package signup

import (
	"context"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// Path is where the form stands. The status page of a submission stands below it, at Path/{id}.
const Path = "/signup"

// Queue takes messages for the worker. When Enqueue returns nil, the message is sent if and only if the client gets the answer that
// the handler gave.
type Queue interface {
	Enqueue(ctx context.Context, message []byte) error
}

// FormConfig is what the form needs. All fields are required.
type FormConfig struct {
	Queue        Queue
	Now          func() time.Time
	Random       io.Reader // for ids: crypto/rand.Reader
	Log          *slog.Logger
	Organisation string // the name of the inviting organisation, as partners read it
}

type form struct {
	FormConfig
	site *site
	// countries are named when the first page is asked for: it takes longer than the rest of the program's start.
	countries func() (countryOptions, error)
}

// NewForm returns the handler of the form. GET and HEAD show it; query parameters named like its fields fill it in beforehand, but
// for the invite code, and send nothing. POST takes a submission as application/x-www-form-urlencoded, answered with pages, or as application/json,
// answered with JSON and RFC 9457 problem details:
//
//   - 303 (form) or 202 (JSON), with the status page in Location: the message is on the queue;
//   - 400: a body that the form never sends: unknown or repeated fields, wrong types, broken encoding;
//   - 413, 415: too large; another content type or charset;
//   - 422: fields that break a rule. The page keeps what was typed and says at each field what to do;
//   - 503: the queue did not take it. The page keeps what was typed.
//
// Whatever is not 303 or 202 has left nothing behind. The answer depends on the submission's form alone, never on who
// signs up. The form has no session and no right that a foreign page could borrow, so a post from another site is as good
// as any.
//
// One line is logged for an accepted submission, with the request's id; nothing that was typed is logged.
func NewForm(config FormConfig) (http.Handler, error) {
	switch {
	case config.Queue == nil:
		return nil, errors.New("signup: the queue is missing")
	case config.Now == nil:
		return nil, errors.New("signup: the clock is missing")
	case config.Random == nil:
		return nil, errors.New("signup: the source of randomness is missing")
	}
	site, err := newSite(config.Organisation, config.Log)
	if err != nil {
		return nil, err
	}
	f := &form{config, site, sync.OnceValues(newCountryOptions)}
	return site.guarded(f.serve, http.MethodGet, http.MethodHead, http.MethodPost), nil
}

func (f *form) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		f.submit(w, r)
		return
	}
	in := prefilled(r)
	in.Language = asked(r, r.URL.Query().Get("lang"))
	f.show(w, r, http.StatusOK, in, nil, alert{})
}

// prefilled returns the fields that the query fills in beforehand. What is too long for its field is left out, and so is the invite code:
// addresses of pages are logged on their way, and the code is a secret.
func prefilled(r *http.Request) submission.Input {
	var in submission.Input
	query := r.URL.Query()
	for _, d := range fields {
		text := query.Get(d.name)
		if d.name != inviteCode && len(text) <= d.limit {
			*fieldOf(&in, d.name) = text
		}
	}
	return in
}

// submit takes a submission.
func (f *form) submit(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	kind, err := kindOf(r.Header.Get("Content-Type"))
	if err != nil {
		f.site.fail(w, r, prefersJSON(r), problem.From(err), f.site.text.MediaTitle)
		return
	}
	body, err := readBody(w, r)
	if err != nil {
		f.refuse(w, r, kind, err)
		return
	}
	var in submission.Input
	if kind == jsonKind {
		in, err = readJSON(body)
	} else {
		in, err = readForm(body)
	}
	if err != nil {
		f.refuse(w, r, kind, err)
		return
	}
	switch {
	case kind == formKind:
		// The field is hidden: nobody could correct it.
		in.Language = asked(r, in.Language)
	case in.Language == "":
		in.Language = asked(r)
	}

	now := f.Now()
	accepted, err := in.Submission(now)
	if problem.CodeOf(err) == problem.InvalidInput {
		failure := problem.From(err)
		if kind == jsonKind {
			f.site.fail(w, r, true, &problem.Error{
				Code: problem.InvalidInput, Public: "Correct the fields in errors and send the submission again.", Fields: failure.Fields,
			}, "")
			return
		}
		f.show(w, r, http.StatusUnprocessableEntity, in, failure.Fields, alert{f.site.text.ErrorTitle, f.site.text.ErrorIntro})
		return
	}
	var id submission.ID
	if err == nil {
		id, err = f.enqueue(ctx, now, accepted)
	}
	if err != nil {
		f.Log.ErrorContext(ctx, "a submission was not taken", logged(err))
		if kind == jsonKind {
			f.site.fail(w, r, true, &problem.Error{Code: problem.StorageUnavailable, Public: f.site.text.Busy}, "")
			return
		}
		f.show(w, r, http.StatusServiceUnavailable, in, nil, alert{f.site.text.NotTakenTitle, f.site.text.NotTaken})
		return
	}

	f.Log.InfoContext(ctx, "submission accepted", "request", string(id))
	location := Path + "/" + string(id)
	w.Header().Set("Location", location)
	if kind == jsonKind {
		f.site.answer(ctx, w, http.StatusAccepted, "application/json", struct {
			ID     submission.ID `json:"id"`
			Status string        `json:"status"`
		}{id, location})
		return
	}
	// Another page, so that reloading sends nothing twice.
	w.WriteHeader(http.StatusSeeOther)
}

// enqueue gives the submission an id and puts it on the queue.
func (f *form) enqueue(ctx context.Context, now time.Time, accepted submission.Submission) (submission.ID, error) {
	id, err := submission.NewID(now, f.Random)
	if err != nil {
		return "", err
	}
	message, err := submission.Message{ID: id, Submission: &accepted}.Encode()
	if err != nil {
		return "", err
	}
	err = f.Queue.Enqueue(ctx, message)
	if err != nil {
		return "", err
	}
	return id, nil
}

// refuse answers a body that is no submission.
func (f *form) refuse(w http.ResponseWriter, r *http.Request, kind kind, err error) {
	title := f.site.text.UnreadableTitle
	if problem.CodeOf(err) == problem.BodyTooLarge {
		title = f.site.text.TooLargeTitle
	}
	f.site.fail(w, r, kind == jsonKind, problem.From(err), title)
}

// maxTyped is how much longer than allowed a text may be in the browser: cut in silence, a pasted text would be sent half;
// twice the limit comes back with an explanation instead.
const maxTyped = 2

// inviteCode is the name of the field for the code that some partners were given.
const inviteCode = "inviteCode"

// definition is one visible field of the form.
type definition struct {
	name, control, inputType, autocomplete string
	limit                                  int // characters
	required                               bool
}

// fields are the visible fields in the order of the page.
var fields = []definition{
	{"givenName", "input", "text", "given-name", submission.MaxName, true},
	{"familyName", "input", "text", "family-name", submission.MaxName, true},
	{"email", "input", "email", "email", submission.MaxAddress, true},
	{"company", "input", "text", "organization", submission.MaxCompany, true},
	{"country", "select", "", "country", 2, false},
	{"reason", "textarea", "", "off", submission.MaxReason, false},
	{inviteCode, "input", "text", "off", submission.MaxCode, false},
}

// alert is the box above the form. The zero value is none.
type alert struct{ Title, Text string }

// formContent is what form.html gets.
type formContent struct {
	Action   string
	Alert    alert
	Errors   []fieldContent // those of Fields with an Error
	Fields   []fieldContent
	Language string
}

// fieldContent is one field with what was typed and what is wrong with it.
type fieldContent struct {
	Name, Control, Type, Autocomplete string
	Label, Hint, Value, Error         string
	MaxLength                         int
	Required                          bool
	Options                           template.HTML
}

// DescribedBy returns the ids of the texts that explain the field.
func (c fieldContent) DescribedBy() string {
	var ids []string
	if c.Hint != "" {
		ids = append(ids, c.Name+"-hint")
	}
	if c.Error != "" {
		ids = append(ids, c.Name+"-error")
	}
	return strings.Join(ids, " ")
}

// show renders the form with what was typed and what is wrong with it.
func (f *form) show(w http.ResponseWriter, r *http.Request, status int, in submission.Input, wrong []problem.Field, a alert) {
	messages := make(map[string]string, len(wrong))
	for _, field := range wrong {
		messages[field.Name] = field.Message
	}
	content := formContent{Action: Path, Alert: a, Language: in.Language}
	for _, d := range fields {
		text := f.site.text.Fields[d.name]
		c := fieldContent{
			Name: d.name, Control: d.control, Type: d.inputType, Autocomplete: d.autocomplete,
			Label: text.Label, Hint: text.Hint, Error: messages[d.name],
			// Only valid UTF-8 passes the Functions host; the rules have refused anything else by now.
			Value:     strings.ToValidUTF8(*fieldOf(&in, d.name), "\ufffd"),
			MaxLength: maxTyped * d.limit, Required: d.required,
		}
		if d.control == "select" {
			countries, err := f.countries()
			if err != nil {
				// The field is optional: the form does its work without it.
				f.Log.ErrorContext(r.Context(), "the country list is missing on the form", "error", err)
			}
			c.Options = countries.selecting(c.Value)
		}
		content.Fields = append(content.Fields, c)
		if c.Error != "" {
			content.Errors = append(content.Errors, c)
		}
	}
	title := strings.ReplaceAll(f.site.text.FormTitle, "%s", f.site.organisation)
	if a != (alert{}) {
		title = f.site.text.ErrorPrefix + title
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	f.site.show(r.Context(), w, status, "form.html", page{Title: title, Content: content})
}
