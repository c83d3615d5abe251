package signup

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"guestlist/handlers/i18n"
	"guestlist/handlers/maildomain"
	"guestlist/handlers/problem"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/site"
)

// alert is the box above the form. The zero value is none. A question is no error.
type alert struct {
	Title, Text string
	Question    string
}

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
	Words          string // names near to theirs that are words, for the script
	Trap           bool   // whether the form has the honeypot
	Token          string
	Captcha        *guard.Widget
	Codes          bool // whether a code may be mailed
}

// content returns what the page shows of an entry.
func (f *form) content(e entry, reader site.Reader, wrong []problem.Field, a alert) (formContent, error) {
	fields, err := f.contents(e, reader, wrong)
	content := formContent{
		Action: site.Root, Alert: a, Lead: cmp.Or(f.Style.Intro.In(reader.Tag), reader.Say("form.lead")), Fields: fields,
		Language: cmp.Or(e.Language, reader.Wanted), ConfirmedEmail: e.ConfirmedEmail,
		Popular: strings.Join(maildomain.Popular(), " "), Words: strings.Join(maildomain.Words(), " "),
		Trap: !e.trapped, Captcha: f.Guards.Captcha.Widget(), Codes: f.Codes,
	}
	for _, c := range fields {
		if c.Error != "" {
			content.Errors = append(content.Errors, c)
		}
	}
	return content, err
}

// blank is the form as it is opened in a language, in three parts: between them are the language
// that the reader likes best and the token. All else is the same for everybody.
type blank [3]string

// The marks stand for language and token, where a blank is cut.
const (
	languageMark = "-language-mark-"
	tokenMark    = "-token-mark-"
)

// newBlank renders the form once.
func (f *form) newBlank(l i18n.Language) (blank, error) {
	texts, err := f.site.Texts(l.Tag)
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
	err = f.site.Render(&body, "form.html", site.Page{Reader: reader, Title: reader.Say("form.title"), Path: site.Root, Content: content})
	if err != nil {
		return blank{}, fmt.Errorf("signup: rendering the form: %w", err)
	}
	text := body.String()
	before, rest, _ := strings.Cut(text, languageMark)
	between, after, inOrder := strings.Cut(rest, tokenMark)
	if !inOrder || strings.Count(text, languageMark) != 1 || strings.Count(text, tokenMark) != 1 {
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
	token := f.token(x, guard.Token{})
	body := make([]byte, 0, len(b[0])+len(b[1])+len(b[2])+len(x.Wanted)+len(token))
	body = append(append(body, b[0]...), template.HTMLEscapeString(x.Wanted)...)
	body = append(append(body, b[1]...), template.HTMLEscapeString(token)...)
	x.Send(http.StatusOK, "text/html; charset=utf-8", append(body, b[2]...))
}

// token returns the token of a form, or "" on failure: the form then asks to be sent again.
func (f *form) token(x *site.Exchange, held guard.Token) string {
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
	content.Token = f.token(x, e.held)
	title := x.Say("form.title")
	if a != (alert{}) && a.Question == "" {
		title = x.With("form.errorTitle", "Title", title)
	}
	if status == http.StatusServiceUnavailable {
		x.RetryAfter(0)
	}
	p := site.Page{Title: title, Path: site.Root, Content: content}
	if x.Request.Method != http.MethodPost {
		_, p.Keep = prefilled(x.Request.URL.Query())
	}
	x.Show(status, "form.html", p)
}
