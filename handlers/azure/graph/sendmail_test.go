package graph_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/mailertest"
)

const mailbox = "guests@fabrikam.example"

// newMailer returns a mailer for the mailbox, its log, and the stand-in that it talks to.
func newMailer(t *testing.T, change func(*graphsim.Config)) (*graph.Mailer, *bytes.Buffer, *graphsim.Server, *mailertest.Hanging) {
	t.Helper()
	config := graphsim.Config{Mailboxes: []string{mailbox, guest}}
	if change != nil {
		change(&config)
	}
	sim, err := graphsim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	hanging := &mailertest.Hanging{Handler: sim}
	server := httptest.NewServer(hanging)
	t.Cleanup(server.Close)
	client, log := newClient(t, server.URL, nil)
	mailer, err := graph.NewMailer(client, mailbox)
	if err != nil {
		t.Fatal(err)
	}
	return mailer, log, sim, hanging
}

// mailFaults are how the stand-in is told of each trouble.
var mailFaults = map[mailertest.Trouble]graphsim.Fault{
	mailertest.Throttled: {Status: 429, Code: "ApplicationThrottled", Headers: map[string]string{
		"Retry-After": strconv.Itoa(int(mailertest.Wait / time.Second)),
	}},
	mailertest.Refused: {
		Status: 400, Code: "ErrorInvalidRecipients", Message: "At least one recipient is not valid: 'ana.o'neil@contoso.com'.",
	},
	mailertest.Forbidden:   {Status: 403, Code: "ErrorAccessDenied", Message: "Access is denied for ana.o'neil@contoso.com."},
	mailertest.NoToken:     {Status: 401, Times: 2}, // the client asks once more, with a new token
	mailertest.Unavailable: {Status: 503},
	mailertest.Page:        {Status: 403, Form: graphsim.HTMLPage},
	mailertest.PageOfOK:    {Status: 202, Body: "<html>", ContentType: "text/html"},
	mailertest.Unanswered:  {DropConnection: true},
	mailertest.AnswerLost:  {DropConnection: true, AfterEffect: true},
}

func TestMailerKeepsPromises(t *testing.T) {
	mailertest.Run(t, func(t *testing.T) mailertest.Service {
		mailer, log, sim, hanging := newMailer(t, nil)
		return mailertest.Service{
			Mailer: mailer,
			Deliveries: func() []mailertest.Delivery {
				var all []mailertest.Delivery
				for _, m := range sim.Mails() {
					d := mailertest.Delivery{
						From: m.Mailbox, To: strings.Join(m.To, " "), Subject: m.Subject, ReplyTo: strings.Join(m.ReplyTo, " "),
					}
					if m.ContentType == "HTML" {
						d.HTML = m.Content
					} else {
						d.Text = m.Content
					}
					all = append(all, d)
				}
				return all
			},
			Fail: func(trouble mailertest.Trouble) {
				err := sim.Order(mailFaults[trouble])
				if err != nil {
					t.Error(err)
				}
			},
			Hang: hanging.Hang,
			Log:  log.String,
		}
	})
}

// TestNoCopyOfMailStays: codes and redeem URLs do not lie in the mailbox.
func TestNoCopyOfMailStays(t *testing.T) {
	mailer, _, sim, _ := newMailer(t, nil)
	plain := mailertest.Mail(t)
	plain.HTML, plain.ReplyTo = "", ""
	for _, m := range []request.Mail{mailertest.Mail(t), plain} {
		err := mailer.SendMail(t.Context(), mailertest.ID, m)
		if err != nil {
			t.Fatal(err)
		}
	}
	sent := sim.Mails()
	for _, m := range sent {
		if m.InSentItems || m.Mailbox != mailbox || m.Headers["X-Auto-Response-Suppress"] != "All" {
			t.Errorf("%+v", m)
		}
	}
	if sent[0].ContentType != "HTML" || sent[1].ContentType != "Text" || sent[1].Content != plain.Text || len(sent[1].ReplyTo) != 0 {
		t.Errorf("%+v", sent)
	}
}

// TestGatewayTimeoutAfterMailIsUnavailable: Graph has answered 504 to mails that all arrived.
func TestGatewayTimeoutAfterMailIsUnavailable(t *testing.T) {
	mailer, log, sim, _ := newMailer(t, nil)
	err := sim.Order(graphsim.Fault{Status: 504, AfterEffect: true})
	if err != nil {
		t.Fatal(err)
	}
	mailertest.CheckError(t, mailer.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t)), request.MailUnavailable)
	if len(sim.Mails()) != 1 || sim.Calls()["POST /v1.0/users/{id}/sendMail"] != 1 {
		t.Errorf("%+v, %+v", sim.Mails(), sim.Calls())
	}
	mailertest.CheckText(t, log.String())
}

func TestWhatExchangeSaysOfMails(t *testing.T) {
	tests := map[string]struct {
		fault graphsim.Fault
		want  problem.Code
	}{
		"too many messages":           {graphsim.Fault{Status: 403, Code: "ErrorExceededMessageLimit"}, request.MailThrottled},
		"the mailbox is blocked":      {graphsim.Fault{Status: 403, Code: "ErrorMessageSubmissionBlocked"}, request.MailForbidden},
		"the mailbox is another's":    {graphsim.Fault{Status: 403, Code: "ErrorSendAsDenied"}, request.MailForbidden},
		"the same by another status":  {graphsim.Fault{Status: 400, Code: "ErrorSendAsDenied"}, request.MailForbidden},
		"the mailbox is on-premises":  {graphsim.Fault{Status: 404, Code: "MailboxNotEnabledForRESTAPI"}, request.MailForbidden},
		"the mailbox does not exist":  {graphsim.Fault{Status: 400, Code: "ErrorInvalidUser"}, request.MailForbidden},
		"the mailbox is being moved":  {graphsim.Fault{Status: 503, Code: "ErrorMailboxMoveInProgress"}, request.MailUnavailable},
		"the mail is too large":       {graphsim.Fault{Status: 413, Code: "ErrorMessageSizeExceeded"}, request.MailRefused},
		"the mail is not understood":  {graphsim.Fault{Status: 400, Code: "RequestBodyRead"}, request.MailRefused},
		"a conflict":                  {graphsim.Fault{Status: 409, Code: "ErrorIrresolvableConflict"}, request.MailUnavailable},
		"404 of a gateway":            {graphsim.Fault{Status: 404, Form: graphsim.HTMLPage}, request.MailUnavailable},
		"an error of another service": {graphsim.Fault{Status: 400, Body: `{"Message":"ana.o'neil@contoso.com"}`}, request.MailUnavailable},
		"a success without content":   {graphsim.Fault{Status: 200, EmptyBody: true}, request.MailUnavailable},
		"a redirect":                  {graphsim.Fault{Status: 302, Headers: toLogin}, request.MailUnavailable},
	}
	for name, test := range tests {
		mailer, log, sim, _ := newMailer(t, nil)
		err := sim.Order(test.fault)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Log(name)
		mailertest.CheckError(t, mailer.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t)), test.want)
		mailertest.CheckText(t, log.String())
		if len(sim.Mails()) != 0 {
			t.Errorf("%s: a mail was sent", name)
		}
	}
}

func TestMailboxThatIsNotOursIsForbidden(t *testing.T) {
	for name, change := range map[string]func(*graphsim.Config){
		"it does not exist":    func(c *graphsim.Config) { c.Mailboxes = []string{} },
		"outside of the scope": func(c *graphsim.Config) { c.ForeignMailboxes = []string{mailbox} },
		"no permission":        func(c *graphsim.Config) { c.Denied = []string{"Mail.Send"} },
	} {
		mailer, log, sim, _ := newMailer(t, change)
		failure := mailertest.CheckError(t, mailer.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t)), request.MailForbidden)
		if len(sim.Mails()) != 0 || !strings.Contains(failure.Detail, "Mail.Send") {
			t.Errorf("%s: %v", name, failure)
		}
		mailertest.CheckText(t, log.String())
	}
}

func TestMailboxIsAddressOrObjectID(t *testing.T) {
	client, _ := newClient(t, "http://127.0.0.1:1", nil)
	for text, valid := range map[string]bool{
		mailbox: true, guest: true, "": false, "guests": false, "../groups/" + guest: false, "Guests <" + mailbox + ">": false,
		mailbox + "\r\n": false,
	} {
		mailer, err := graph.NewMailer(client, text)
		if (err == nil) != valid || (mailer != nil) != valid || err != nil && strings.Contains(err.Error(), "@") {
			t.Errorf("%q: %v, %v", text, mailer, err)
		}
	}
}

func TestMailWithoutToken(t *testing.T) {
	refusal := &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
		StatusCode: 400, Request: httptest.NewRequest(http.MethodGet, "/secret", nil), Body: http.NoBody,
	}}
	for want, cause := range map[problem.Code]error{
		request.MailForbidden: refusal, request.MailUnreached: errors.New("secret for ana.o'neil@contoso.com"),
	} {
		client, log := newClient(t, "https://graph.example", func(c *graph.Config) { c.Credential = &fakeCredential{err: cause} })
		mailer, err := graph.NewMailer(client, mailbox)
		if err != nil {
			t.Fatal(err)
		}
		failure := mailertest.CheckError(t, mailer.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t)), want)
		if !strings.Contains(failure.Detail, "no token") || strings.Contains(failure.Error(), "secret") {
			t.Errorf("%v", failure)
		}
		mailertest.CheckText(t, log.String())
	}
}

// FuzzAnswersToMails: whatever comes back, a mail counts as sent only after 202 without a body, and
// no error repeats what came back.
func FuzzAnswersToMails(f *testing.F) {
	f.Add(202, "", "", "")
	f.Add(202, "application/json", "{}", "")
	f.Add(403, "application/json", graphError("ErrorAccessDenied", "Access is denied for ana.o'neil@contoso.com."), "7")
	f.Add(400, "application/json", graphError("ana.o'neil@contoso.com", "4711 0815"), "")
	f.Add(401, "application/json", `{"error":"invalid_token"}`, "-1")
	f.Add(429, "text/html", "<html>contoso", "99999999999999999999")
	f.Add(500, "application/json", `{"error":{"code":7,"message":[]}}`, "Mon, 30 Nov 2026 10:00:00 GMT")
	f.Fuzz(func(t *testing.T, status int, contentType, body, retryAfter string) {
		if status < 200 || status > 599 || strings.ContainsFunc(contentType+retryAfter, func(r rune) bool { return r < ' ' || r > '~' }) {
			return // it can't be an answer of HTTP
		}
		client, log := newClient(t, "http://127.0.0.1:1", func(c *graph.Config) {
			c.Transport = mailTransport(func(r *http.Request) (*http.Response, error) {
				header := http.Header{"Request-Id": {retryAfter}, "Content-Type": {contentType}, "Retry-After": {retryAfter}}
				return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			})
		})
		mailer, err := graph.NewMailer(client, mailbox)
		if err != nil {
			t.Fatal(err)
		}
		err = mailer.SendMail(context.Background(), mailertest.ID, mailertest.Mail(t))
		mailertest.CheckText(t, log.String())
		if taken := status == http.StatusAccepted && body == ""; taken != (err == nil) {
			t.Fatalf("%d %q: %v", status, body, err)
		}
		if err != nil {
			failure := mailertest.CheckError(t, err, problem.CodeOf(err))
			if failure.RetryAfter < 0 || failure.RetryAfter > 24*time.Hour {
				t.Errorf("wait %v", failure.RetryAfter)
			}
		}
	})
}

func TestMailEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		client, _ := newClient(t, "http://127.0.0.1:1", func(c *graph.Config) {
			c.Transport = mailTransport(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
		})
		mailer, err := graph.NewMailer(client, mailbox)
		if err != nil {
			t.Fatal(err)
		}
		err = mailer.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
		mailertest.CheckError(t, err, request.MailUnavailable)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != graph.DefaultTimeout {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

type mailTransport func(*http.Request) (*http.Response, error)

func (f mailTransport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
