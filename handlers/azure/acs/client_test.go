package acs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"guestlist/handlers/azure/acs"
	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/mailertest"
)

const sender = "guests@join.fabrikam.example"

// newSim returns a stand-in and its address.
func newSim(t *testing.T, change func(*acssim.Config)) (*acssim.Server, *mailertest.Hanging, string) {
	t.Helper()
	config := acssim.Config{Senders: []string{sender}}
	if change != nil {
		change(&config)
	}
	sim, err := acssim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	hanging := &mailertest.Hanging{Handler: sim}
	server := httptest.NewServer(hanging)
	t.Cleanup(server.Close)
	return sim, hanging, server.URL
}

// logged collects log lines, also of several goroutines.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newClient returns a client of the address, and its log.
func newClient(t *testing.T, url string, change func(*acs.Config)) (*acs.Client, *logged) {
	t.Helper()
	log := new(logged)
	config := acs.Config{
		URL: url, Sender: sender, Transport: checked{t},
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&config)
	}
	client, err := acs.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client, log
}

// checked holds every request to the published specification of the service.
type checked struct{ t *testing.T }

func (c checked) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err == nil {
			err = specification(c.t).Validate(value)
		}
		if err != nil {
			c.t.Errorf("the specification refuses the request: %v\n%s", err, body)
		}
	}
	if r.URL.Query().Get("api-version") != "2025-09-01" || r.Header.Get("x-ms-client-request-id") == "" {
		c.t.Errorf("%s, %v", r.URL, r.Header)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// specification returns the schema of a message, as the service publishes it.
func specification(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../dev/acssim/testdata/specification.json#/definitions/EmailMessage")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// faults are how the stand-in is told of each trouble.
var faults = map[mailertest.Trouble]acssim.Fault{
	mailertest.Throttled:   {Trouble: acssim.Refused, Status: 429, RetryAfter: int(mailertest.Wait / time.Second)},
	mailertest.Refused:     {Trouble: acssim.Refused, Status: 400, Code: "InvalidEmailAddress"},
	mailertest.Forbidden:   {Trouble: acssim.Refused, Status: 403},
	mailertest.NoToken:     {Trouble: acssim.Refused, Status: 401, Code: "Denied"},
	mailertest.Unavailable: {Trouble: acssim.Refused, Status: 503},
	mailertest.Page:        {Trouble: acssim.Page, Status: 403},
	mailertest.PageOfOK:    {Trouble: acssim.Page, Status: 202},
	mailertest.Unanswered:  {Trouble: acssim.Unanswered},
	mailertest.AnswerLost:  {Trouble: acssim.AnswerLost},
}

func TestClientKeepsPromisesOfMailer(t *testing.T) {
	for _, second := range []acssim.SecondSend{acssim.TakesAgain, acssim.Refuses, acssim.Remembers} {
		t.Run(string(second), func(t *testing.T) {
			mailertest.Run(t, func(t *testing.T) mailertest.Service {
				sim, hanging, url := newSim(t, func(c *acssim.Config) { c.SecondSend = second })
				client, log := newClient(t, url, nil)
				return mailertest.Service{
					Mailer: client,
					Deliveries: func() []mailertest.Delivery {
						var all []mailertest.Delivery
						for _, m := range sim.Mails() {
							for range m.Deliveries {
								all = append(all, mailertest.Delivery{
									From: m.From, To: strings.Join(m.To, " "), Subject: m.Subject, Text: m.Text, HTML: m.HTML,
									ReplyTo: strings.Join(m.ReplyTo, " "),
								})
							}
						}
						return all
					},
					Fail: func(trouble mailertest.Trouble) {
						err := sim.Order(faults[trouble])
						if err != nil {
							t.Error(err)
						}
					},
					Hang: hanging.Hang,
					Told: true,
					Log:  log.String,
				}
			})
		})
	}
}

func TestMailHasHeadersAndNoTracking(t *testing.T) {
	sim, _, url := newSim(t, nil)
	client, _ := newClient(t, url, nil)
	err := client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
	if err != nil {
		t.Fatal(err)
	}
	m := sim.Mails()[0]
	if m.ID != string(mailertest.ID) || m.From != sender || m.MessageID != "<"+string(mailertest.ID)+"@join.fabrikam.example>" ||
		m.Headers["Auto-Submitted"] != "auto-generated" || m.Headers["X-Auto-Response-Suppress"] != "All" || m.Tracked {
		t.Errorf("%+v", m)
	}
	plain := mailertest.Mail(t)
	plain.HTML, plain.ReplyTo = "", ""
	err = client.SendMail(t.Context(), mailertest.Unknown, plain)
	if err != nil {
		t.Fatal(err)
	}
	if m := sim.Mails()[1]; m.HTML != "" || m.Text != plain.Text || len(m.ReplyTo) != 0 {
		t.Errorf("%+v", m)
	}
}

func TestSecondAttemptOfTakenMailIsNoRefusal(t *testing.T) {
	sim, _, url := newSim(t, func(c *acssim.Config) { c.SecondSend = acssim.Refuses })
	client, _ := newClient(t, url, nil)
	for range 2 {
		err := client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := sim.Mails(); len(got) != 1 || got[0].Deliveries != 1 {
		t.Errorf("%+v", got)
	}
	// While the service can't say whether it knows the mail, nobody can.
	order(t, sim, acssim.Fault{Trouble: acssim.Refused, Call: "ask", Status: 503})
	err := client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
	mailertest.CheckError(t, err, request.MailUnavailable)
	order(t, sim, acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 409, Code: "Conflict"})
	err = client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
	if err != nil {
		t.Errorf("a conflict about a taken mail: %v", err)
	}
	order(t, sim, acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 409, Code: "Conflict"})
	err = client.SendMail(t.Context(), mailertest.Unknown, mailertest.Mail(t))
	mailertest.CheckError(t, err, request.MailUnavailable)
}

func order(t *testing.T, sim *acssim.Server, fault acssim.Fault) {
	t.Helper()
	err := sim.Order(fault)
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnswerAboutAnotherMailIsNoAcceptance(t *testing.T) {
	sim, _, url := newSim(t, nil)
	client, _ := newClient(t, url, nil)
	order(t, sim, acssim.Fault{Trouble: acssim.OtherID})
	err := client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
	mailertest.CheckError(t, err, request.MailUnavailable)
}

// TestFateOfMail: what the service says of a mail in each of its states.
func TestFateOfMail(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	sim, _, url := newSim(t, func(c *acssim.Config) {
		c.Now = func() time.Time { return now }
		c.Unrecorded, c.Settling = time.Second, 30*time.Second
	})
	client, _ := newClient(t, url, nil)
	want := func(id request.MailID, want request.MailStatus) {
		t.Helper()
		got, err := client.MailStatus(t.Context(), id)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", now.Format("05s"), got, err, want)
		}
	}
	send := func(id request.MailID) {
		t.Helper()
		err := client.SendMail(t.Context(), id, mailertest.Mail(t))
		if err != nil {
			t.Fatal(err)
		}
	}
	send(mailertest.ID)
	want(mailertest.ID, request.MailStatus{State: request.MailUnheard}) // not recorded yet
	now = now.Add(10 * time.Second)
	want(mailertest.ID, request.MailStatus{State: request.MailUnderway, Again: 20 * time.Second})
	now = now.Add(time.Minute)
	want(mailertest.ID, request.MailStatus{State: request.MailHandedOver})

	order(t, sim, acssim.Fault{Trouble: acssim.Fails})
	failed := request.NewMailID("x", request.CodeMail, 1)
	send(failed)
	sim.Suppress(mailertest.Mail(t).To.String())
	dropped := request.NewMailID("x", request.CodeMail, 2)
	send(dropped)
	now = now.Add(time.Minute)
	want(failed, request.MailStatus{State: request.MailFailed, Code: "EmailDropped"})
	want(dropped, request.MailStatus{State: request.MailSuppressed, Code: "EmailDroppedAllRecipientsSuppressed"})
}

func TestSenderThatIsNotOursIsForbidden(t *testing.T) {
	for _, other := range []string{"guests@elsewhere.example", "someone@join.fabrikam.example"} {
		sim, _, url := newSim(t, nil)
		client, _ := newClient(t, url, func(c *acs.Config) { c.Sender = other })
		failure := mailertest.CheckError(t, client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t)), request.MailForbidden)
		if len(sim.Mails()) != 0 || !strings.Contains(failure.Detail, "linked") {
			t.Errorf("%s: %v", other, failure)
		}
	}
}

func TestQuotaIsThrottling(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	quota := acssim.ManagedDomain
	sim, _, url := newSim(t, func(c *acssim.Config) {
		c.Quota = &quota
		c.Now = func() time.Time { return now }
	})
	client, _ := newClient(t, url, nil)
	n := 0
	send := func() error {
		n++
		return client.SendMail(t.Context(), request.NewMailID("x", request.CodeMail, n), mailertest.Mail(t))
	}
	for range quota.SendsPerMinute {
		err := send()
		if err != nil {
			t.Fatal(err)
		}
	}
	failure := mailertest.CheckError(t, send(), request.MailThrottled)
	if failure.RetryAfter != time.Minute {
		t.Errorf("wait %v", failure.RetryAfter)
	}
	now = now.Add(failure.RetryAfter)
	err := send()
	if err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if got := len(sim.Mails()); got != quota.SendsPerMinute+1 {
		t.Errorf("%d mails", got)
	}
}

func TestProbeTellsWhetherMailsMayBeSent(t *testing.T) {
	sim, _, url := newSim(t, nil)
	client, _ := newClient(t, url, nil)
	err := client.Probe(t.Context())
	if err != nil {
		t.Error(err)
	}
	for status, want := range map[int]problem.Code{401: request.MailForbidden, 403: request.MailForbidden, 500: request.MailUnavailable} {
		order(t, sim, acssim.Fault{Trouble: acssim.Refused, Status: status})
		mailertest.CheckError(t, client.Probe(t.Context()), want)
	}
	order(t, sim, acssim.Fault{Trouble: acssim.Page, Status: 404})
	mailertest.CheckError(t, client.Probe(t.Context()), request.MailUnavailable)
	if len(sim.Mails()) != 0 {
		t.Error("the probe sent a mail")
	}
}

// credential hands out a token, or fails.
type credential struct {
	err    error
	scopes []string
}

func (c *credential) GetToken(_ context.Context, options azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.scopes = append(c.scopes, options.Scopes...)
	return azcore.AccessToken{Token: "header.secret.signature", ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

func TestTokenIsForMailServiceAndItsHostOnly(t *testing.T) {
	var calls []string
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s with %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, r.Method+" "+r.Header.Get("Authorization"))
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	tokens := new(credential)
	client, log := newClient(t, server.URL, func(c *acs.Config) {
		c.Credential, c.Transport = tokens, server.Client().Transport
	})
	err := client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
	mailertest.CheckError(t, err, request.MailUnavailable)
	if len(calls) != 1 || calls[0] != "POST Bearer header.secret.signature" {
		t.Errorf("%q", calls)
	}
	if strings.Join(tokens.scopes, " ") != "https://communication.azure.com//.default" {
		t.Errorf("scopes %q", tokens.scopes)
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the log holds the token: %s", log)
	}
}

func TestNoTokenIsNoMail(t *testing.T) {
	refusal := func(status int) error {
		return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
			StatusCode: status, Request: httptest.NewRequest(http.MethodGet, "/secret", nil), Body: http.NoBody,
		}}
	}
	tests := map[string]struct {
		err  error
		want problem.Code
	}{
		"the identity is gone":   {refusal(400), request.MailForbidden},
		"the endpoint is broken": {refusal(500), request.MailUnreached},
		"something else":         {errors.New("secret for ana.o'neil@contoso.com"), request.MailUnreached},
	}
	for name, test := range tests {
		server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s: a call was made", name) }))
		client, _ := newClient(t, server.URL, func(c *acs.Config) {
			c.Credential, c.Transport = &credential{err: test.err}, server.Client().Transport
		})
		failure := mailertest.CheckError(t, client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t)), test.want)
		if strings.Contains(failure.Error(), "secret") {
			t.Errorf("%s: %v", name, failure)
		}
		server.Close()
	}
}

func TestUnusableConfigIsRefused(t *testing.T) {
	tests := map[string]acs.Config{
		"no URL":                  {Sender: sender},
		"no host":                 {URL: "mail", Sender: sender},
		"a path":                  {URL: "http://127.0.0.1:1/emails", Sender: sender},
		"no credential":           {URL: "https://guestlist.communication.azure.com", Sender: sender},
		"a token in the clear":    {URL: "http://127.0.0.1:1", Sender: sender, Credential: new(credential)},
		"no stand-in by name":     {URL: "http://guestlist.communication.azure.com", Sender: sender},
		"no sender":               {URL: "http://127.0.0.1:1"},
		"a sender with a name":    {URL: "http://127.0.0.1:1", Sender: "Guests <" + sender + ">"},
		"a sender with two lines": {URL: "http://127.0.0.1:1", Sender: sender + "\r\nBcc: eve@example.com"},
		"a negative timeout":      {URL: "http://127.0.0.1:1", Sender: sender, Timeout: -1},
	}
	for name, config := range tests {
		client, err := acs.New(config)
		if err == nil || client != nil || strings.Contains(err.Error(), "eve@") {
			t.Errorf("%s: %v, %v", name, client, err)
		}
	}
}

// FuzzAnswers: whatever comes back, a mail counts as taken only if the service says so of this
// mail, and no error repeats what came back.
func FuzzAnswers(f *testing.F) {
	const about = `{"id":"7e2bc89e-f611-876b-bec2-c7d48b3787e7","status":"Running","error":null}`
	f.Add(202, "application/json", about, "", false)
	f.Add(202, "application/json", `{"id":"00000000-0000-0000-0000-000000000000","status":"Running"}`, "", false)
	f.Add(202, "text/html", "<html>contoso", "-1", false)
	f.Add(200, "application/json; charset=utf-8", about, "99999999999999999999", true)
	f.Add(200, "application/json", `{"id":"7E2BC89E-F611-876B-BEC2-C7D48B3787E7","status":"Failed","error":{"code":"EmailDropped","message":"ana.o'neil@contoso.com"}}`, "", true)
	f.Add(404, "application/json", `{"error":{"code":"EmailNotFound"}}`, "Mon, 30 Nov 2026 10:00:00 GMT", true)
	f.Add(400, "application/json", `{"error":{"code":"ana.o'neil@contoso.com","message":"4711 0815"}}`, "", false)
	f.Add(400, "application/json", `{"error":{"code":"Invalid"}}`, "3", false)
	f.Add(500, "", "", "", true)
	f.Add(429, "application/json", `{"error":[]}`, "0x", false)
	f.Add(200, "application/json", `[[[[`+strings.Repeat("[", 1<<16), "", true)
	f.Fuzz(func(t *testing.T, status int, contentType, body, retryAfter string, ask bool) {
		if status < 200 || status > 599 || strings.ContainsFunc(contentType+retryAfter, func(r rune) bool { return r < ' ' || r > '~' }) {
			return // it can't be an answer of HTTP
		}
		client, log := newClient(t, "http://127.0.0.1:1", func(c *acs.Config) {
			c.Transport = transport(func(r *http.Request) (*http.Response, error) {
				header := http.Header{"X-Ms-Request-Id": {retryAfter}, "Content-Type": {contentType}, "Retry-After": {retryAfter}}
				return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			})
		})
		var err error
		var told request.MailStatus
		if ask {
			told, err = client.MailStatus(t.Context(), mailertest.ID)
		} else {
			err = client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
		}
		mailertest.CheckText(t, log.String()+told.Code)
		if err != nil {
			failure := mailertest.CheckError(t, err, problem.CodeOf(err))
			if failure.RetryAfter < 0 || failure.RetryAfter > 24*time.Hour || told != (request.MailStatus{}) {
				t.Errorf("%+v, %+v", failure, told)
			}
			return
		}
		about := strings.Contains(strings.ToLower(body), string(mailertest.ID))
		switch {
		case ask && told.State == request.MailUnheard && status == http.StatusNotFound:
		case ask && (status != http.StatusOK || !about), !ask && (status != http.StatusAccepted || !about):
			t.Errorf("taken by %d %q", status, body)
		}
	})
}

// endless is the body of an answer that goes on for ever, in the form of an error of the service.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	if e.read == 0 {
		copy(p, `{"error":{"code":"EmailNotFound"}}`)
	}
	e.read += len(p)
	return len(p), nil
}

func (*endless) Close() error { return nil }

func TestAnswerWithoutEndSaysNothing(t *testing.T) {
	body := new(endless)
	client, _ := newClient(t, "http://127.0.0.1:1", func(c *acs.Config) {
		c.Transport = transport(func(r *http.Request) (*http.Response, error) {
			header := http.Header{"Content-Type": {"application/json"}}
			return &http.Response{StatusCode: http.StatusNotFound, Header: header, Body: body, Request: r}, nil
		})
	})
	_, err := client.MailStatus(t.Context(), mailertest.ID)
	mailertest.CheckError(t, err, request.MailUnavailable)
	if body.read > 1<<20 {
		t.Errorf("%d bytes were read", body.read)
	}
}

func TestCallEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		client, _ := newClient(t, "http://127.0.0.1:1", func(c *acs.Config) {
			c.Transport = transport(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
		})
		err := client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
		mailertest.CheckError(t, err, request.MailUnavailable)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != acs.DefaultTimeout {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
