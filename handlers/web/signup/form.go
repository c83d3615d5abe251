package signup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/maildomain"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/captcha"
	"guestlist/handlers/web/internal/formtoken"
	"guestlist/handlers/web/internal/origin"
)

// Path is where the form stands. The status page of a submission stands below it, at Path/{id}.
const Path = "/signup"

// Queue takes messages for the worker. When Enqueue returns nil, the message is sent if and only if the client gets the answer that
// the handler gave.
type Queue interface {
	Enqueue(ctx context.Context, message []byte) error
}

// FormConfig is what the form needs. Fields and Mail may be zero: a form that asks for names and an address only, and takes every address.
type FormConfig struct {
	Queue  Queue
	Now    func() time.Time
	Random io.Reader // for ids: crypto/rand.Reader
	Log    *slog.Logger
	Style  branding.Style
	Guards *guard.Guards
	Fields branding.Fields
	Mail   branding.MailRules
	// StatusOrigin is the scheme and host of the status page, empty where it stands at the form's own.
	StatusOrigin string
}

type form struct {
	FormConfig
	site *site
	// countries are named, and the limits of the rules read, when they are first needed: that takes longer than the rest of the start.
	countries map[string]func() (countryOptions, error) // by language
	blanks    map[string]func() (blank, error)          // by language
	rules     func() map[string]map[string]int
}

// NewForm returns the handler of the form. GET and HEAD show it; query parameters named like its fields fill it in beforehand, with "code" for
// the invite code, and send nothing. The parameter "lang" chooses the language of this page and, by a cookie, of those after it. POST takes a
// submission as application/x-www-form-urlencoded, answered with pages, or as application/json, answered with JSON and RFC 9457 problem
// details:
//
//   - 303 (form) or 202 (JSON), with the status page in Location: the message is on the queue;
//   - 400: a body that the form never sends: unknown or repeated fields, wrong types, broken encoding;
//   - 403: the guards can't take it so. A page keeps what was typed, has a fresh token, and asks to send it again; JSON is taken from programs
//     with a key and from listed sites only;
//   - 413, 415: too large; another content type or charset;
//   - 422: fields that break a rule. The page keeps what was typed and says at each field what to do. An address that looks mistyped is asked
//     about in the same way, once, and only on the page;
//   - 429: the client sent too much; Retry-After says how long to wait. The page keeps what was typed;
//   - 503: the queue did not take it, or the challenge could not be checked. The page keeps what was typed.
//
// Who fills in the field that people can't see is answered as if all were well, and nothing is enqueued. OPTIONS answers browsers that ask
// whether a page of a listed site may send.
//
// Whatever is not 303 or 202 has left nothing behind. The answer depends on the submission's form and on what is generally known of its mail
// domain alone, never on who signs up.
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
	case config.Guards == nil || !config.Guards.HasTokens():
		return nil, errors.New("signup: the guards, or their form tokens, are missing")
	}
	more := config.Guards.Policy()
	if config.StatusOrigin != "" {
		if more == nil {
			more = map[string][]string{}
		}
		// Browsers hold what a sent form leads to against this too.
		more["form-action"] = append(slices.Clip(more["form-action"]), config.StatusOrigin)
	}
	site, err := newSite(config.Style, config.Log, "form.js", more)
	if err != nil {
		return nil, err
	}
	// A browser that tells no referrer hides the form's origin too, and an old one tells nothing else of where a form comes from.
	site.referrers = "same-origin"
	f := &form{
		FormConfig: config, site: site, rules: sync.OnceValue(submission.Rules),
		countries: map[string]func() (countryOptions, error){}, blanks: map[string]func() (blank, error){},
	}
	for _, l := range i18n.Languages() {
		f.countries[l.Tag] = sync.OnceValues(func() (countryOptions, error) {
			texts, err := site.shelf.In(l.Tag)
			if err != nil {
				return countryOptions{}, err
			}
			return newCountryOptions(texts)
		})
		f.blanks[l.Tag] = sync.OnceValues(func() (blank, error) { return f.newBlank(l.Tag) })
	}
	return site.guarded(f.serve, http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions), nil
}

func (f *form) serve(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		f.submit(w, r)
		return
	case http.MethodOptions:
		f.preflight(w, r)
		return
	}
	page := f.site.readerOf(r)
	remember(w, r, page)
	e := prefilled(r)
	if e.Input == (submission.Input{}) {
		f.open(w, r, page)
		return
	}
	f.show(w, r, http.StatusOK, e, page, nil, alert{})
}

// prefilled returns the fields that the query fills in beforehand. What is too long for its field is left out, and so is whatever a person
// must do by hand: accepting the terms.
func prefilled(r *http.Request) entry {
	var e entry
	if r.URL.RawQuery == "" {
		return e
	}
	for name, text := range filling(r.URL.Query()) {
		*fieldOf(&e, name) = text
	}
	return e
}

// filling goes through the fields that a query fills in.
func filling(query url.Values) iter.Seq2[string, string] {
	return func(yield func(name, text string) bool) {
		for _, d := range definitions {
			text := query.Get(queryName(d.name))
			if text != "" && utf8.RuneCountInString(text) <= d.limit && d.name != termsField && !yield(d.name, text) {
				return
			}
		}
	}
}

// queryName returns the query parameter that fills in a field.
func queryName(field string) string {
	if field == codeField {
		return codeQuery
	}
	return field
}

// preflight answers a browser that asks whether a page of another site may send.
func (f *form) preflight(w http.ResponseWriter, r *http.Request) {
	err := f.Guards.Preflight(w.Header(), r, http.MethodGet, http.MethodPost)
	if err != nil {
		f.site.fail(w, r, true, f.site.readerOf(r), problem.From(err), "")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// submit takes a submission.
func (f *form) submit(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	page := f.site.readerOf(r)
	kind, err := kindOf(r.Header.Get("Content-Type"))
	if err != nil {
		f.site.fail(w, r, prefersJSON(r), page, problem.From(err), "media")
		return
	}
	var wait time.Duration
	var sender origin.Sender
	if kind == jsonKind {
		f.Guards.Share(w.Header(), r)
		sender, err = f.Guards.JSON(r)
		if err != nil {
			f.site.fail(w, r, true, page, explained(err), "")
			return
		}
	} else {
		wait = f.Guards.Count(r)
	}
	body, err := readBody(w, r)
	if err != nil {
		f.site.refuse(w, r, kind, page, err)
		return
	}
	var e entry
	if kind == jsonKind {
		e, err = readJSON(body)
	} else {
		e, err = readForm(body, f.Guards.AnswerField())
	}
	if err != nil {
		f.site.refuse(w, r, kind, page, err)
		return
	}
	switch {
	case kind == formKind:
		// The field is hidden: nobody could correct it.
		page = f.site.readerOf(r, e.Language)
		e.Language = page.tag
	case e.Language == "":
		e.Language = page.tag
	}

	if kind == formKind {
		e.pass.held, err = f.Guards.Form(r, e.pass.token, wait)
		if err != nil {
			f.hold(w, r, e, page, err)
			return
		}
		if e.pass.trap != "" {
			f.pretend(w, r, e, page)
			return
		}
	}

	accepted, wrong, err := f.check(e, page)
	if err == nil && len(wrong) > 0 {
		if kind == jsonKind {
			f.site.fail(w, r, true, page, &problem.Error{Code: problem.InvalidInput, Public: page.Say("fields.text"), Fields: wrong}, "")
			return
		}
		f.show(w, r, http.StatusUnprocessableEntity, e, page, wrong, alert{page.Count("form.problems", len(wrong)), page.Say("form.nothingSent")})
		return
	}
	if err == nil && kind == formKind {
		question := f.question(&e, accepted, page)
		if question != nil {
			f.show(w, r, http.StatusUnprocessableEntity, e, page, question, alert{page.Count("form.problems", 1), page.Say("form.nothingSent")})
			return
		}
	}
	// Last of all, since an answer to the challenge counts once. A program with a key is no person and need not be one.
	if err == nil && sender != origin.Program {
		failure := f.Guards.Person(ctx, e.pass.answer)
		switch {
		case failure != nil && kind == jsonKind:
			f.site.fail(w, r, true, page, explained(failure), "")
			return
		case failure != nil:
			f.hold(w, r, e, page, failure)
			return
		}
	}
	var id submission.ID
	if err == nil && kind == formKind {
		id, err = idOf(e.pass.held, accepted)
	} else if err == nil {
		id, err = submission.NewID(accepted.SubmittedAt, f.Random)
	}
	if err == nil {
		err = f.enqueue(ctx, id, accepted)
	}
	if err != nil {
		f.Log.ErrorContext(ctx, "a submission was not taken", logged(err))
		if kind == jsonKind {
			f.site.fail(w, r, true, page, &problem.Error{Code: problem.StorageUnavailable}, "busy")
			return
		}
		f.show(w, r, http.StatusServiceUnavailable, e, page, nil, alert{page.Say("form.notTakenTitle"), page.Say("form.notTaken")})
		return
	}

	f.Log.InfoContext(ctx, "submission accepted", "request", string(id))
	location := f.statusPage(id, page)
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

// statusPage returns the address of a request's status page. Where that is another host's, which the cookie with the language does not reach,
// the address says the language.
func (f *form) statusPage(id submission.ID, page reader) string {
	path := Path + "/" + string(id)
	if f.StatusOrigin == "" {
		return path
	}
	return f.StatusOrigin + path + "?" + languageQuery + "=" + page.Tag
}

// mistyped is the name of the one rule that may be broken: the partner is asked once, and sends the same again if it is right.
const mistyped = "mistyped"

// question returns what to ask about an accepted address that looks mistyped, nil for nothing. The entry then holds the address, so that
// it is not asked about twice.
func (f *form) question(e *entry, accepted submission.Submission, page reader) []problem.Field {
	address := accepted.Email.String()
	meant := maildomain.Meant(accepted.Email.Domain())
	if meant == "" || e.ConfirmedEmail == address || f.Mail.Broken(meant) != "" {
		return nil
	}
	e.ConfirmedEmail = address
	local, _, _ := strings.Cut(address, "@")
	return []problem.Field{{Name: emailField, Rule: mistyped, Message: page.With("hint.mistyped", "Address", page.Isolated(local+"@"+meant))}}
}

// enqueue puts the submission on the queue.
func (f *form) enqueue(ctx context.Context, id submission.ID, accepted submission.Submission) error {
	message, err := submission.Message{ID: id, Submission: &accepted}.Encode()
	if err != nil {
		return err
	}
	return f.Queue.Enqueue(ctx, message)
}

// alert is the box above the form. The zero value is none.
type alert struct{ Title, Text string }

// formContent is what form.html gets.
type formContent struct {
	Action         string
	Alert          alert
	Lead           string
	Errors         []fieldContent // those of Fields with an Error
	Fields         []fieldContent
	Language       string
	ConfirmedEmail string
	Popular        string // mail domains that are often mistyped, for the script
	Token          string
	Challenge      *captcha.Widget
}

// content returns what the page shows of an entry.
func (f *form) content(e entry, reader reader, wrong []problem.Field, a alert) (formContent, error) {
	fields, err := f.contents(e, reader, wrong)
	content := formContent{
		Action: Path, Alert: a, Lead: f.Style.Intro.In(reader.Tag), Fields: fields, Language: e.Language, ConfirmedEmail: e.ConfirmedEmail,
		Popular: strings.Join(maildomain.Popular(), " "), Challenge: f.Guards.Widget(),
	}
	if content.Lead == "" {
		content.Lead = reader.Say("form.lead")
	}
	if content.Language == "" {
		content.Language = reader.tag
	}
	for _, c := range fields {
		if c.Error != "" {
			content.Errors = append(content.Errors, c)
		}
	}
	return content, err
}

// blank is the form as it is opened in a language, in three parts: before the language that the reader would like best, between that and the
// token, and after the token. Everything else is the same for everybody.
type blank [3]string

// What stands for the two in the form of which a blank is made. Nothing else that the page says can be the like.
const (
	languageMark = "-language-mark-"
	tokenMark    = "-token-mark-"
)

// newBlank renders the form once.
func (f *form) newBlank(tag string) (blank, error) {
	texts, err := f.site.shelf.In(tag)
	if err != nil {
		return blank{}, err
	}
	reader := reader{texts, languageMark}
	content, err := f.content(entry{}, reader, nil, alert{})
	if err != nil {
		return blank{}, err
	}
	content.Token = tokenMark
	var body bytes.Buffer
	err = f.site.render(&body, "form.html", page{reader: reader, Title: reader.Say("form.title"), Path: Path, Content: content})
	if err != nil {
		return blank{}, fmt.Errorf("signup: rendering the form: %w", err)
	}
	before, rest, hasLanguage := strings.Cut(body.String(), languageMark)
	between, after, hasToken := strings.Cut(rest, tokenMark)
	if !hasLanguage || !hasToken || strings.Contains(after, languageMark) || strings.Contains(after, tokenMark) || strings.Contains(between, languageMark) {
		return blank{}, errors.New("signup: the form has no one place for its language and its token, in that order")
	}
	return blank{before, between, after}, nil
}

// open shows the form as it is opened, without anything filled in.
func (f *form) open(w http.ResponseWriter, r *http.Request, reader reader) {
	b, err := f.blanks[reader.Tag]()
	if err != nil {
		f.Log.ErrorContext(r.Context(), "the form can't be put together", "error", err)
		f.show(w, r, http.StatusOK, entry{}, reader, nil, alert{})
		return
	}
	token, err := f.Guards.Token(formtoken.Token{})
	if err != nil {
		f.Log.ErrorContext(r.Context(), "a form has no token", "error", err)
	}
	body := make([]byte, 0, len(b[0])+len(b[1])+len(b[2])+len(reader.tag)+len(token))
	body = append(append(body, b[0]...), template.HTMLEscapeString(reader.tag)...)
	body = append(append(body, b[1]...), template.HTMLEscapeString(token)...)
	sendPage(w, http.StatusOK, append(body, b[2]...))
}

// show renders the form with what was typed and what is wrong with it.
func (f *form) show(w http.ResponseWriter, r *http.Request, status int, e entry, reader reader, wrong []problem.Field, a alert) {
	content, err := f.content(e, reader, wrong, a)
	if err != nil {
		f.Log.ErrorContext(r.Context(), "the form can't be put together", "error", err)
	}
	content.Token, err = f.Guards.Token(e.pass.held)
	if err != nil {
		// The form asks to be sent again then, which is the best that is left.
		f.Log.ErrorContext(r.Context(), "a form has no token", "error", err)
	}
	title := reader.Say("form.title")
	if a != (alert{}) {
		title = reader.With("form.errorTitle", "Title", title)
	}
	if status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	p := page{reader: reader, Title: title, Path: Path, Content: content}
	if r.Method != http.MethodPost {
		p.Keep = kept(r.URL.Query())
	}
	f.site.show(r.Context(), w, status, "form.html", p)
}

// kept returns the part of a query that fills in the form, for the links to the same page in other languages.
func kept(query url.Values) url.Values {
	keep := url.Values{}
	for name, text := range filling(query) {
		keep.Set(queryName(name), text)
	}
	return keep
}
