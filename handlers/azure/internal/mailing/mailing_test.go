package mailing

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"pgregory.net/rapid"

	"guestlist/handlers/azure/identity"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const id request.MailID = "7e2bc89e-f611-876b-bec2-c7d48b3787e7"

func sendable(t *testing.T) request.Mail {
	t.Helper()
	to, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	return request.Mail{To: to, Subject: "Your code", Text: "1234 5678", HTML: "<p>1234 5678", ReplyTo: "desk@fabrikam.example"}
}

func TestSubjectIsOneVisibleLine(t *testing.T) {
	for text, want := range map[string]string{
		"Your code":                        "Your code",
		"":                                 "",
		" a \t b ":                         "a b",
		"a\r\nBcc: eve@example.com":        "a Bcc: eve@example.com",
		"a\u2028b\u2029c":                  "a b c",
		"a\x00b\x1bc\u0085d":               "abc d",
		"safe\u202egnp.exe":                "safegnp.exe",
		"\u2066left\u2069 \u200fright":     "left right",
		"می\u200cخواهم":                    "می\u200cخواهم",
		"\ufeffx\u00ady\u200b":             "xy",
		"no \xff UTF-8":                    "no \ufffd UTF-8",
		"家族 👨\u200d👩\u200d👧 招待":            "家族 👨\u200d👩\u200d👧 招待",
		"private \ue000 and tag\U000e0041": "private and tag",
	} {
		if got := Line(text); got != want {
			t.Errorf("Line(%q) = %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		line := Line(rapid.String().Draw(t, "text"))
		if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) || Line(line) != line {
			t.Fatalf("%q", line)
		}
	})
}

func TestUnsendableMailIsRefused(t *testing.T) {
	tests := map[string]func(*request.Mail){
		"no recipient":            func(m *request.Mail) { m.To = submission.Address{} },
		"no subject":              func(m *request.Mail) { m.Subject = "\u202e\r\n" },
		"a subject without end":   func(m *request.Mail) { m.Subject = strings.Repeat("ä", 256) },
		"no content":              func(m *request.Mail) { m.Text, m.HTML = " ", "\n" },
		"content without end":     func(m *request.Mail) { m.HTML = strings.Repeat("a", 1<<20) },
		"a reply address by name": func(m *request.Mail) { m.ReplyTo = "Desk <desk@fabrikam.example>" },
		"two reply addresses":     func(m *request.Mail) { m.ReplyTo = "a@fabrikam.example, b@fabrikam.example" },
		"a reply address and a line": func(m *request.Mail) {
			m.ReplyTo = "desk@fabrikam.example\r\nBcc: eve@example.com"
		},
		"a page for a reply address": func(m *request.Mail) { m.ReplyTo = "https://fabrikam.example/help" },
	}
	for name, change := range tests {
		m := sendable(t)
		change(&m)
		_, err := Check(id, m)
		if problem.CodeOf(err) != request.MailRefused || strings.Contains(err.Error(), "@") || strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []request.MailID{"", "7E2BC89E-F611-876B-BEC2-C7D48B3787E7", id + "?x", "../" + id[3:], id + "\n"} {
		_, err := Check(bad, sendable(t))
		if problem.CodeOf(err) != request.MailRefused {
			t.Errorf("the id %q: %v", bad, err)
		}
	}
	m := sendable(t)
	m.HTML, m.ReplyTo = "", ""
	got, err := Check(id, m)
	if err != nil || got != m {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnswerSaysIdentifiersOnly(t *testing.T) {
	answer := Answer{Status: 429, Code: "TooManyRequests", RequestID: "r1", RetryAfter: time.Minute}
	got := problem.From(answer.Error(request.MailThrottled, "sending", "wait"))
	if got.Code != request.MailThrottled || got.Answer != "429 TooManyRequests" || got.Ref != "r1" || got.RetryAfter != time.Minute ||
		got.Detail != "sending: status 429 TooManyRequests; wait" {
		t.Errorf("%+v", got)
	}
	if got := problem.From(answer.Error(request.MailRefused, "sending", "")); got.RetryAfter != 0 {
		t.Errorf("a refusal asks to wait: %+v", got)
	}
}

// failing is a credential that gives no token.
type failing struct{ err error }

func (f failing) GetToken(context.Context, azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, f.err
}

// dial is the error of a connection that did not come about.
func dial(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

func TestUnansweredCallSaysWhy(t *testing.T) {
	_, noToken := identity.Marked(failing{errors.New("secret answer")}).GetToken(t.Context(), azpolicy.TokenRequestOptions{})
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelLate()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		ctx  context.Context
		err  error
		want string
	}{
		"in time":  {late, late.Err(), "mail-unavailable: sending: no answer within 2s: context deadline exceeded"},
		"given up": {over, over.Err(), "mail-unavailable: sending: given up: context canceled"},
		"no token": {t.Context(), noToken, "mail-unreached: sending: no token from the app's identity"},
		"no host":  {t.Context(), dial(&net.DNSError{Err: "no such host", Name: "secret"}), "mail-unreached: sending: the host's name can't be resolved"},
		"nobody":   {t.Context(), dial(syscall.ECONNREFUSED), "mail-unreached: sending: no connection: connection refused"},
		"a reset":  {t.Context(), &net.OpError{Op: "read", Err: syscall.ECONNRESET}, "mail-unavailable: sending: no connection: connection reset by peer"},
		"another":  {t.Context(), x509.HostnameError{Certificate: new(x509.Certificate)}, "mail-unreached: sending: the host's certificate is not trusted"},
		"closed":   {t.Context(), io.EOF, "mail-unavailable: sending: the connection ended before the answer did"},
	}
	for name, test := range tests {
		got := Unanswered(test.ctx, test.err, "sending", 2*time.Second)
		if got.Error() != test.want {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
}
