// Package mailertest is the suite for implementations of [request.Mailer]: each promise of that
// interface is a test, also with a service that fails in the ways that mail services do.
//
// It must not know any service: a [Service] says how a stand-in is made to fail. It imports only
// problem, request and submission of this module.
package mailertest

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Trouble is a way in which a mail service fails.
type Trouble string

// The troubles that a service must be able to have. Each hits the next call, whatever it is.
const (
	Throttled   Trouble = "throttled"   // 429 with Retry-After of [Wait]
	Refused     Trouble = "refused"     // it does not take this mail, and says so in its own form
	Forbidden   Trouble = "forbidden"   // the app has no role
	NoToken     Trouble = "no-token"    // the app's token is not accepted
	Unavailable Trouble = "unavailable" // 503 in its own form
	Page        Trouble = "page"        // a gateway's page, with a status of failure
	PageOfOK    Trouble = "page-of-ok"  // a page, with the status of success
	Unanswered  Trouble = "unanswered"  // the connection ends before the mail is taken
	AnswerLost  Trouble = "answer-lost" // the connection ends after it; only for sending
)

// Wait is the Retry-After of [Throttled].
const Wait = 90 * time.Second

// A Delivery is a mail as it arrived.
type Delivery struct {
	From, To, Subject string
	Text, HTML        string // at least one
	ReplyTo           string
}

// A Service is a mailer and the stand-in that it talks to.
type Service struct {
	Mailer request.Mailer
	// Deliveries returns what has arrived, oldest first, twice what has arrived twice.
	Deliveries func() []Delivery
	// Fail makes the next call fail.
	Fail func(Trouble)
	// Hang makes the next call, once it has arrived, call received and get no answer.
	Hang func(received func())
	// Told says whether the service can be asked about mails.
	Told bool
	// Log returns what the mailer has logged.
	Log func() string
}

// ID is the id of the mail that most tests send, and Unknown one of a mail that nobody sends.
const (
	ID      request.MailID = "7e2bc89e-f611-876b-bec2-c7d48b3787e7"
	Unknown request.MailID = "00000000-0000-8000-8000-000000000001"
)

// Mail returns a mail with everything that a mail can have, in several scripts.
func Mail(t testing.TB) request.Mail {
	t.Helper()
	to, err := submission.ParseAddress("ana.o'neil@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	return request.Mail{
		To:      to,
		Subject: "Your sign-up: تأكيد · 確認",
		Text:    "Your code is 4711 0815.\n\nرمز\n https://join.example.com/signup/x?y=z\n.\nFrom here\n",
		HTML: "<!DOCTYPE html><html lang=\"ar\" dir=\"rtl\"><p>4711&nbsp;0815 " +
			"<a href=\"https://join.example.com/signup/x?y=z\">رمز</a>\n</html>\n",
		ReplyTo: "desk@fabrikam.example",
	}
}

// secrets must not appear in an error or in the log.
var secrets = []string{
	"ana.o", "neil", "contoso", "fabrikam", "4711 ", "4711&nbsp", "join.example", "sign-up", "رمز", "تأكيد",
}

// CheckError reports an error that is not a *problem.Error of the code, or that holds something of
// the mail.
func CheckError(t testing.TB, err error, code problem.Code) *problem.Error {
	t.Helper()
	failure, isProblem := err.(*problem.Error)
	if !isProblem || failure.Code != code {
		t.Fatalf("error %v (%T), want one with the code %s", err, err, code)
	}
	if failure.Public != "" {
		t.Errorf("the error has a text for the public: %q", failure.Public)
	}
	CheckText(t, err.Error()+" "+failure.Answer+" "+failure.Ref)
	return failure
}

// CheckText reports a text that holds something of the mail.
func CheckText(t testing.TB, text string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(strings.ToLower(text), secret) {
			t.Errorf("%q holds %q", text, secret)
		}
	}
}

// tests are the tests of the suite.
var tests = map[string]func(*testing.T, Service){
	"a mail arrives once and whole":           arrives,
	"mails of several goroutines arrive once": arrivesConcurrently,
	"a mail that nobody sent":                 unknown,
	"a mail that can't be sent":               unsendable,
	"troubles of sending":                     troubles,
	"troubles of asking":                      askingTroubles,
	"the context has ended":                   ended,
	"the context ends meanwhile":              endsMeanwhile,
}

// Run runs the suite with services that newService returns. Every call of it must return a service
// without mails.
func Run(t *testing.T, newService func(t *testing.T) Service) {
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			service := newService(t)
			tests[name](t, service)
			CheckText(t, service.Log())
		})
	}
}

// wantDeliveries reports another number of deliveries, and any that is not Mail.
func wantDeliveries(t *testing.T, service Service, n int) {
	t.Helper()
	got := service.Deliveries()
	if len(got) != n {
		t.Fatalf("%d deliveries, want %d", len(got), n)
	}
	want := Mail(t)
	for _, d := range got {
		if d.To != want.To.String() || d.Subject != want.Subject || d.ReplyTo != want.ReplyTo || d.From == "" {
			t.Errorf("delivered %+v", d)
		}
		if d.Text == "" && d.HTML == "" || d.Text != "" && d.Text != want.Text || d.HTML != "" && d.HTML != want.HTML {
			t.Errorf("delivered %q, %q", d.Text, d.HTML)
		}
	}
}

// wantState reports another state of the mail.
func wantState(t *testing.T, service Service, id request.MailID, states ...request.MailState) {
	t.Helper()
	if !service.Told {
		states = []request.MailState{request.MailUntold}
	}
	got, err := service.Mailer.MailStatus(t.Context(), id)
	if err != nil || !slices.Contains(states, got.State) {
		t.Errorf("the mail %s is %+v, %v, want %q", id, got, err, states)
	}
}

// taken are the states of a mail that the service has taken, and has not given up.
var taken = []request.MailState{request.MailUnderway, request.MailHandedOver}

func arrives(t *testing.T, service Service) {
	err := service.Mailer.SendMail(t.Context(), ID, Mail(t))
	if err != nil {
		t.Fatal(err)
	}
	wantDeliveries(t, service, 1)
	wantState(t, service, ID, taken...)
}

func arrivesConcurrently(t *testing.T, service Service) {
	const callers = 4
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			err := service.Mailer.SendMail(t.Context(), request.NewMailID("x", request.CodeMail, i+1), Mail(t))
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	wantDeliveries(t, service, callers)
}

func unknown(t *testing.T, service Service) {
	wantState(t, service, Unknown, request.MailUnheard)
	err := service.Mailer.SendMail(t.Context(), ID, Mail(t))
	if err != nil {
		t.Fatal(err)
	}
	wantState(t, service, Unknown, request.MailUnheard)
}

func unsendable(t *testing.T, service Service) {
	for name, change := range map[string]func(*request.Mail){
		"no recipient":     func(m *request.Mail) { m.To = submission.Address{} },
		"no subject":       func(m *request.Mail) { m.Subject = "\r\n" },
		"no content":       func(m *request.Mail) { m.Text, m.HTML = "", "" },
		"no reply address": func(m *request.Mail) { m.ReplyTo = "desk@fabrikam.example\r\nBcc: eve@contoso.com" },
	} {
		m := Mail(t)
		change(&m)
		t.Log(name)
		CheckError(t, service.Mailer.SendMail(t.Context(), ID, m), request.MailRefused)
	}
	CheckError(t, service.Mailer.SendMail(t.Context(), "../invitations", Mail(t)), request.MailRefused)
	_, err := service.Mailer.MailStatus(t.Context(), "../invitations")
	if service.Told {
		CheckError(t, err, request.MailRefused)
	}
	wantDeliveries(t, service, 0)

	m := Mail(t)
	m.Subject = "Your sign-up:\r\n \u202eتأكيد\u2028·\x00 確認"
	err = service.Mailer.SendMail(t.Context(), ID, m)
	if err != nil {
		t.Error(err)
	}
	wantDeliveries(t, service, 1) // with the subject of Mail
}

// codes are what each trouble of sending is.
var codes = map[Trouble]problem.Code{
	Throttled:   request.MailThrottled,
	Refused:     request.MailRefused,
	Forbidden:   request.MailForbidden,
	NoToken:     request.MailForbidden,
	Unavailable: request.MailUnavailable,
	Page:        request.MailUnavailable,
	PageOfOK:    request.MailUnavailable,
	Unanswered:  request.MailUnavailable,
	AnswerLost:  request.MailUnavailable,
}

func troubles(t *testing.T, service Service) {
	sent := 0
	for n, trouble := range slices.Sorted(maps.Keys(codes)) {
		id := request.NewMailID("x", request.CodeMail, n+1)
		service.Fail(trouble)
		t.Log(trouble)
		failure := CheckError(t, service.Mailer.SendMail(t.Context(), id, Mail(t)), codes[trouble])
		if trouble == Throttled && failure.RetryAfter != Wait {
			t.Errorf("throttled for %v, want %v", failure.RetryAfter, Wait)
		}
		if trouble == AnswerLost {
			sent++
			wantState(t, service, id, taken...)
		} else {
			wantState(t, service, id, request.MailUnheard)
		}
		wantDeliveries(t, service, sent)
		if trouble == AnswerLost {
			continue // who asks does not send it again
		}
		err := service.Mailer.SendMail(t.Context(), id, Mail(t))
		if err != nil {
			t.Errorf("after %s: %v", trouble, err)
		}
		sent++
		wantDeliveries(t, service, sent)
	}
}

func askingTroubles(t *testing.T, service Service) {
	if !service.Told {
		return
	}
	err := service.Mailer.SendMail(t.Context(), ID, Mail(t))
	if err != nil {
		t.Fatal(err)
	}
	for trouble, code := range codes {
		switch trouble {
		case AnswerLost:
			continue
		case Refused:
			code = request.MailUnavailable // it says nothing about the mail
		}
		service.Fail(trouble)
		t.Log(trouble)
		_, err := service.Mailer.MailStatus(t.Context(), ID)
		if err == nil && trouble == Unanswered {
			continue // net/http repeats a GET if the connection was used before
		}
		CheckError(t, err, code)
		wantState(t, service, ID, taken...)
	}
	wantDeliveries(t, service, 1)
}

func ended(t *testing.T, service Service) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := service.Mailer.SendMail(ctx, ID, Mail(t))
	CheckError(t, err, request.MailUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not say that the context has ended", err)
	}
	wantDeliveries(t, service, 0)
	if !service.Told {
		return
	}
	_, err = service.Mailer.MailStatus(ctx, ID)
	CheckError(t, err, request.MailUnavailable)
}

func endsMeanwhile(t *testing.T, service Service) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	service.Hang(cancel)
	err := service.Mailer.SendMail(ctx, ID, Mail(t))
	CheckError(t, err, request.MailUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not say that the context has ended", err)
	}
	wantDeliveries(t, service, 0)
}

// A Hanging is a service behind HTTP whose next call can be made to hang.
type Hanging struct {
	http.Handler
	received atomic.Pointer[func()]
}

// Hang makes the next call, once it has arrived, call received and get no answer.
func (h *Hanging) Hang(received func()) { h.received.Store(&received) }

// ServeHTTP implements [http.Handler].
func (h *Hanging) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	received := h.received.Swap(nil)
	if received == nil {
		h.Handler.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client leaves
	(*received)()
	<-r.Context().Done()
}
