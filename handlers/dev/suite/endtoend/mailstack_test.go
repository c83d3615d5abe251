package endtoend

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// mailSender is where the app's own mails come from.
const mailSender = "guests@join.wingtiptoys.example"

// mailStack is a stack whose app sends mails of its own, and wants a proof of every mailbox.
type mailStack struct {
	*stack
	service *acssim.Server
}

// newMailStack starts a stack with a stand-in for Azure Communication Services. settings are added
// to the environment.
func newMailStack(t *testing.T, settings ...string) *mailStack {
	t.Helper()
	return newMailStackThrough(t, func(*mailStack, http.Handler) string { return "" }, settings...)
}

// newMailStackThrough is newMailStack with a change of the host's configuration before it starts.
// change may return another address for the mail service.
func newMailStackThrough(
	t *testing.T, change func(m *mailStack, service http.Handler) (mailURL string), settings ...string,
) *mailStack {
	t.Helper()
	m := &mailStack{}
	m.stack = newStackThrough(t, func(s *stack) {
		m.stack = s
		var err error
		m.service, err = acssim.New(acssim.Config{Senders: []string{mailSender}})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(m.service)
		t.Cleanup(server.Close)
		s.config.Listen = freeAddress(t) // mails link to the pages, so the handler must know it at its start
		s.config.Env = append(s.config.Env, "GUESTLIST_MAIL=acs", "GUESTLIST_MAIL_URL="+server.URL, "GUESTLIST_MAIL_SENDER="+mailSender,
			"GUESTLIST_MAIL_PER_MINUTE=10000", "GUESTLIST_MAIL_PER_HOUR=10000", "GUESTLIST_PUBLIC_ORIGINS=http://"+s.config.Listen)
		if elsewhere := change(m, m.service); elsewhere != "" {
			s.config.Env = append(s.config.Env, "GUESTLIST_MAIL_URL="+elsewhere)
		}
		s.config.Env = append(s.config.Env, settings...)
	})
	return m
}

// freeAddress returns an address of this machine at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// mailsTo returns the mails that were delivered to the address, twice what was delivered twice.
func (m *mailStack) mailsTo(email string) (mails []acssim.Mail) {
	for _, mail := range m.service.Mails() {
		for range mail.Deliveries {
			if mail.To[0] == email {
				mails = append(mails, mail)
			}
		}
	}
	return mails
}

// eventuallyMailed waits until the address has had that many mails, and returns them.
func (m *mailStack) eventuallyMailed(email string, n int) (mails []acssim.Mail) {
	m.t.Helper()
	m.eventually("the address has had its mails", func() bool {
		mails = m.mailsTo(email)
		return len(mails) >= n
	})
	if len(mails) != n {
		m.t.Errorf("%d mails to %s, want %d", len(mails), email, n)
	}
	return mails
}

// codeLine is the line of a mail with a code.
var codeLine = regexp.MustCompile(`(?m)^\s*(\d{4} \d{4})\s*$`)

// codeIn returns the code in a text, as it stands there.
func (s *stack) codeIn(text string) string {
	s.t.Helper()
	match := codeLine.FindStringSubmatch(text)
	if match == nil {
		s.t.Fatalf("there is no code in\n%s", text)
	}
	return match[1]
}

// wrongCode returns a code that is not the one.
func wrongCode(code string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' {
			return r
		}
		return '0' + (r-'0'+1)%10
	}, code)
}

// typeCode posts the code as a browser does on the status page.
func (s *stack) typeCode(status, code string) {
	s.t.Helper()
	body := url.Values{"action": {"prove"}, "tries": {"0"}, "code": {code}}.Encode()
	r := s.do(http.MethodPost, status, "application/x-www-form-urlencoded", body, "Accept", "text/html")
	if r.status != http.StatusSeeOther {
		s.t.Fatalf("the code was answered with %d:\n%s", r.status, r.body)
	}
}

// record returns the request of a status page, the zero Request if it is not recorded.
func (s *stack) record(status string) request.Request {
	s.t.Helper()
	r, err := s.store.Load(s.t.Context(), submission.ID(path.Base(status)))
	if err != nil {
		return request.Request{}
	}
	return r
}

// eventuallyIs waits until the request of a status page is in the state, and returns it.
func (s *stack) eventuallyIs(status string, state request.State) (r request.Request) {
	s.t.Helper()
	s.eventually("the request is "+string(state), func() bool {
		r = s.record(status)
		return r.State == state
	})
	return r
}

// age makes what is known about the mailbox of the address as old as if so much time had passed.
// Nothing may be at work with the mailbox.
func (s *stack) age(email string, d time.Duration) {
	s.t.Helper()
	address, err := submission.ParseAddress(email)
	if err != nil {
		s.t.Fatal(err)
	}
	mailbox, err := s.store.Mailbox(s.t.Context(), address)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range mailbox.Mailed {
		mailbox.Mailed[i] = earlierBy(mailbox.Mailed[i], d)
	}
	for i := range mailbox.Codes {
		mailbox.Codes[i] = earlierBy(mailbox.Codes[i], d)
	}
	_, err = s.store.SaveMailbox(s.t.Context(), address, mailbox)
	if err != nil {
		s.t.Fatal(err)
	}
}

// earlierBy returns a time that is earlier by d. There is none before the zero time.
func earlierBy(at time.Time, d time.Duration) time.Time {
	if at.IsZero() {
		return at
	}
	return at.Add(-d)
}
