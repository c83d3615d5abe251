package signup

import (
	"bytes"
	"context"
	"embed"
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
	"guestlist/handlers/web/route"
	"guestlist/handlers/web/site"
)

//go:embed page
var files embed.FS

// Queue takes messages for the worker. When Enqueue returns nil, the message is sent if and only
// if the client gets the answer that the handler gave.
type Queue interface {
	Enqueue(ctx context.Context, message []byte) error
}

// Config is what the form needs. Fields and Mail may be zero: a form that asks for names and an
// address only, and takes every address.
type Config struct {
	Queue  Queue
	Now    func() time.Time
	Random io.Reader // for ids: crypto/rand.Reader
	Log    *slog.Logger
	Style  branding.Style
	Guards *guard.Guards // with tokens
	Fields branding.Fields
	Mail   branding.MailRules
	// StatusOrigin is the scheme and host of the status page, empty where it is the form's own.
	StatusOrigin string
}

type form struct {
	Config
	site *site.Site
	// These are made when they are first needed, since they take longer than the rest of the start.
	countries map[string]func() (countryOptions, error) // by language
	blanks    map[string]func() (blank, error)          // by language
	rules     func() map[string]map[string]int
}

// New returns the handler of the form.
//
// GET and HEAD show it. Query parameters named like its fields fill it in, with "code" for the
// invite code; the parameter "lang" chooses the language. OPTIONS answers preflights. POST takes
// a submission as a form, answered with pages, or as JSON, answered with JSON and problem details
// (RFC 9457):
//
//   - 303 (form) or 202 (JSON), with the status page in Location: the message is on the queue;
//   - 400: a body that the form never sends: unknown or repeated fields, wrong types, broken
//     encoding;
//   - 403: refused by the guards. The page has a fresh token and asks to send it again;
//   - 413, 415: too large; another content type or charset;
//   - 422: fields that break a rule. The page says at each field what to do. It also asks once
//     about an address that looks mistyped;
//   - 429: the client sent too much; Retry-After says how long to wait;
//   - 503: the queue did not take it, or the captcha could not be checked.
//
// Pages of 403, 422, 429 and 503 keep what was typed. Every answer but 303 and 202 has left
// nothing behind. A filled-in honeypot gets a normal 303; nothing is enqueued. The answer depends
// on the form of the submission and on what is generally known of its mail domain, never on who
// signs up.
//
// Accepting a submission logs one line with the request's id. What was typed is never logged.
func New(config Config) (http.Handler, error) {
	switch {
	case config.Queue == nil:
		return nil, errors.New("signup: the queue is missing")
	case config.Now == nil:
		return nil, errors.New("signup: the clock is missing")
	case config.Random == nil:
		return nil, errors.New("signup: the source of randomness is missing")
	case config.Guards == nil || config.Guards.Tokens == nil:
		return nil, errors.New("signup: the guards, or their form tokens, are missing")
	}
	policy := config.Guards.Captcha.Policy()
	if config.StatusOrigin != "" {
		// Browsers also check the redirect after a form against this.
		policy["form-action"] = append(policy["form-action"], config.StatusOrigin)
	}
	pages, err := site.New(site.Config{
		Style: config.Style, Log: config.Log, Files: files, Policy: policy, Path: route.Signup, Form: route.Signup,
		// Without a referrer, browsers hide the form's origin too, and old ones have nothing else to
		// tell where a form comes from.
		Referrers: "same-origin",
	})
	if err != nil {
		return nil, err
	}
	f := &form{
		Config: config, site: pages, rules: sync.OnceValue(submission.Rules),
		countries: map[string]func() (countryOptions, error){}, blanks: map[string]func() (blank, error){},
	}
	for _, l := range i18n.Languages() {
		f.countries[l.Tag] = sync.OnceValues(func() (countryOptions, error) {
			texts, err := pages.Texts(l.Tag)
			if err != nil {
				return countryOptions{}, err
			}
			return newCountryOptions(texts)
		})
		f.blanks[l.Tag] = sync.OnceValues(func() (blank, error) { return f.newBlank(l.Tag) })
	}
	return pages.Handler(f.serve, http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions), nil
}

func (f *form) serve(x *site.Exchange) {
	switch x.Request.Method {
	case http.MethodPost:
		f.submit(x)
	case http.MethodOptions:
		f.preflight(x)
	default:
		x.Remember()
		e := prefilled(x.Request)
		if e.Input == (submission.Input{}) {
			f.open(x)
			return
		}
		f.show(x, http.StatusOK, e, nil, alert{})
	}
}

// prefilled returns the fields that the query fills in.
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

// filling goes through the fields that a query fills in: those that are not too long, and never the
// terms, which a person must accept by hand.
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
func (f *form) preflight(x *site.Exchange) {
	err := f.Guards.Origins.Preflight(x.Header(), x.Request, http.MethodGet, http.MethodPost)
	if err != nil {
		x.Format = site.JSON
		x.Fail(err, "")
		return
	}
	x.WriteHeader(http.StatusNoContent)
}

// submit takes a submission.
func (f *form) submit(x *site.Exchange) {
	err := x.Posted()
	switch {
	case err != nil:
		x.Refuse(err)
	case x.Format == site.JSON:
		f.submitJSON(x)
	default:
		f.submitForm(x)
	}
}

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
	e.pass.held, err = f.Guards.Form(x.Request, e.pass.token, wait)
	switch {
	case err != nil:
		f.hold(x, e, err)
		return
	case e.pass.honeypot != "":
		f.pretend(x, e)
		return
	}
	accepted, wrong, err := f.check(e, x.Reader)
	if err == nil && len(wrong) == 0 {
		wrong = f.question(&e, accepted, x.Reader)
	}
	if len(wrong) > 0 {
		f.show(x, http.StatusUnprocessableEntity, e, wrong, alert{x.Count("form.problems", len(wrong)), x.Say("form.nothingSent")})
		return
	}
	var id submission.ID
	if err == nil {
		// Last, since an answer to a captcha counts once.
		refusal := f.Guards.Captcha.Verify(x.Request.Context(), e.pass.answer)
		if refusal != nil {
			f.hold(x, e, refusal)
			return
		}
		id, err = idOf(e.pass.held, accepted)
	}
	if err == nil {
		err = f.enqueue(x.Request.Context(), id, accepted)
	}
	if err != nil {
		f.logFailure(x, err)
		f.show(x, http.StatusServiceUnavailable, e, nil, alert{x.Say("form.notTakenTitle"), x.Say("form.notTaken")})
		return
	}
	f.accept(x, id)
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
	if e.Language == "" {
		e.Language = x.Wanted
	}
	accepted, wrong, err := f.check(e, x.Reader)
	if err == nil && len(wrong) > 0 {
		x.Fail(&problem.Error{Code: problem.InvalidInput, Public: x.Say("fields.text"), Fields: wrong}, "")
		return
	}
	if err == nil && sender != origin.Program {
		refusal := f.Guards.Captcha.Verify(x.Request.Context(), e.pass.answer)
		if refusal != nil {
			x.Fail(explained(refusal), "")
			return
		}
	}
	var id submission.ID
	if err == nil {
		id, err = submission.NewID(accepted.SubmittedAt, f.Random)
	}
	if err == nil {
		err = f.enqueue(x.Request.Context(), id, accepted)
	}
	if err != nil {
		f.logFailure(x, err)
		x.Fail(&problem.Error{Code: problem.StorageUnavailable}, "busy")
		return
	}
	location := f.accept(x, id)
	x.JSON(http.StatusAccepted, struct {
		ID     submission.ID `json:"id"`
		Status string        `json:"status"`
	}{id, location})
}

func (f *form) logFailure(x *site.Exchange, err error) {
	f.Log.ErrorContext(x.Request.Context(), "a submission was not taken", site.Logged(err))
}

// accept logs a submission that is on the queue, and sets and returns the address of its status
// page.
func (f *form) accept(x *site.Exchange, id submission.ID) string {
	f.Log.InfoContext(x.Request.Context(), "submission accepted", "request", string(id))
	location := f.statusPage(id, x.Reader)
	x.Header().Set("Location", location)
	return location
}

// statusPage returns the address of a request's status page. On another host, which the cookie with
// the language does not reach, the address has the language.
func (f *form) statusPage(id submission.ID, reader site.Reader) string {
	path := route.Status(id)
	if f.StatusOrigin == "" {
		return path
	}
	return f.StatusOrigin + path + "?" + site.LanguageQuery + "=" + reader.Tag
}

// mistyped is the one rule that may be broken: the partner is asked once, and may send the same
// again.
const mistyped = "mistyped"

// question returns what to ask about an accepted address that looks mistyped, or nil. The entry
// then holds the address, so that the partner is not asked twice.
func (f *form) question(e *entry, accepted submission.Submission, reader site.Reader) []problem.Field {
	address := accepted.Email.String()
	meant := maildomain.Meant(accepted.Email.Domain())
	if meant == "" || e.ConfirmedEmail == address || f.Mail.Broken(meant) != "" {
		return nil
	}
	e.ConfirmedEmail = address
	local, _, _ := strings.Cut(address, "@")
	return []problem.Field{{Name: emailField, Rule: mistyped, Message: reader.With("hint.mistyped", "Address", reader.Isolated(local+"@"+meant))}}
}

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
	Captcha        *captcha.Widget
}

// content returns what the page shows of an entry.
func (f *form) content(e entry, reader site.Reader, wrong []problem.Field, a alert) (formContent, error) {
	fields, err := f.contents(e, reader, wrong)
	content := formContent{
		Action: route.Signup, Alert: a, Lead: f.Style.Intro.In(reader.Tag), Fields: fields, Language: e.Language, ConfirmedEmail: e.ConfirmedEmail,
		Popular: strings.Join(maildomain.Popular(), " "), Captcha: f.Guards.Captcha.Widget(),
	}
	if content.Lead == "" {
		content.Lead = reader.Say("form.lead")
	}
	if content.Language == "" {
		content.Language = reader.Wanted
	}
	for _, c := range fields {
		if c.Error != "" {
			content.Errors = append(content.Errors, c)
		}
	}
	return content, err
}

// blank is the form as it is opened in a language, in three parts: before the language that the
// reader likes best, between that and the token, and after the token. All else is the same for
// everybody.
type blank [3]string

// The marks stand for language and token in the form of which a blank is made. Nothing else on the
// page reads like them.
const (
	languageMark = "-language-mark-"
	tokenMark    = "-token-mark-"
)

// newBlank renders the form once.
func (f *form) newBlank(tag string) (blank, error) {
	texts, err := f.site.Texts(tag)
	if err != nil {
		return blank{}, err
	}
	reader := site.Reader{Texts: texts, Wanted: languageMark}
	content, err := f.content(entry{}, reader, nil, alert{})
	if err != nil {
		return blank{}, err
	}
	content.Token = tokenMark
	var body bytes.Buffer
	err = f.site.Render(&body, "form.html", site.Page{Reader: reader, Title: reader.Say("form.title"), Path: route.Signup, Content: content})
	if err != nil {
		return blank{}, fmt.Errorf("signup: rendering the form: %w", err)
	}
	before, rest, hasLanguage := strings.Cut(body.String(), languageMark)
	between, after, hasToken := strings.Cut(rest, tokenMark)
	if !hasLanguage || !hasToken || strings.Contains(after, languageMark) || strings.Contains(after, tokenMark) || strings.Contains(between, languageMark) {
		return blank{}, errors.New("signup: the form does not have one place for its language and one for its token, in that order")
	}
	return blank{before, between, after}, nil
}

// open shows the form without anything filled in.
func (f *form) open(x *site.Exchange) {
	b, err := f.blanks[x.Tag]()
	if err != nil {
		f.Log.ErrorContext(x.Request.Context(), "the form can't be put together", "error", err)
		f.show(x, http.StatusOK, entry{}, nil, alert{})
		return
	}
	token := f.token(x, formtoken.Token{})
	body := make([]byte, 0, len(b[0])+len(b[1])+len(b[2])+len(x.Wanted)+len(token))
	body = append(append(body, b[0]...), template.HTMLEscapeString(x.Wanted)...)
	body = append(append(body, b[1]...), template.HTMLEscapeString(token)...)
	x.Send(http.StatusOK, "text/html; charset=utf-8", append(body, b[2]...))
}

// token returns the token of a form that is shown, or "" on failure: the form then asks to be
// sent again.
func (f *form) token(x *site.Exchange, held formtoken.Token) string {
	token, err := f.Guards.Tokens.Issue(held)
	if err != nil {
		f.Log.ErrorContext(x.Request.Context(), "a form has no token", "error", err)
	}
	return token
}

// show renders the form with what was typed and what is wrong with it.
func (f *form) show(x *site.Exchange, status int, e entry, wrong []problem.Field, a alert) {
	content, err := f.content(e, x.Reader, wrong, a)
	if err != nil {
		f.Log.ErrorContext(x.Request.Context(), "the form can't be put together", "error", err)
	}
	content.Token = f.token(x, e.pass.held)
	title := x.Say("form.title")
	if a != (alert{}) {
		title = x.With("form.errorTitle", "Title", title)
	}
	if status == http.StatusServiceUnavailable {
		x.RetryAfter(0)
	}
	p := site.Page{Title: title, Path: route.Signup, Content: content}
	if x.Request.Method != http.MethodPost {
		p.Keep = kept(x.Request.URL.Query())
	}
	x.Show(status, "form.html", p)
}

// kept returns the part of a query that fills in the form, for links to the page in other
// languages.
func kept(query url.Values) url.Values {
	keep := url.Values{}
	for name, text := range filling(query) {
		keep.Set(queryName(name), text)
	}
	return keep
}

// read reads the body. A missing field is empty. An unknown or repeated one, or a value that is
// not a string, is MalformedBody.
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
			return &e.pass.token
		case honeypotField:
			return &e.pass.honeypot
		case "g-recaptcha-response":
			if answer != "" {
				return new(string) // hCaptcha's widget adds it, for servers of another service
			}
		}
	}
	if name == answer {
		return &e.pass.answer
	}
	return fieldOf(e, name)
}
