package workflow_test

import (
	"context"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/azure/acs"
	"guestlist/handlers/branding"
	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/mail"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// mailSender is where the mails come from.
const mailSender = "guests@join.fabrikam.example"

// mailWorld is a world whose app sends mails of its own.
type mailWorld struct {
	*world
	service *acssim.Server
}

// newMailWorld returns a world with a mail service that is as slow to know a mail as it may be.
func newMailWorld(t *testing.T, changes ...func(*workflow.Config)) *mailWorld {
	t.Helper()
	w := &mailWorld{}
	build := func(c *workflow.Config) {
		var err error
		w.service, err = acssim.New(acssim.Config{
			Now: c.Now, Senders: []string{mailSender}, Settling: time.Minute, Unrecorded: 2 * time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(w.service)
		t.Cleanup(server.Close)
		client := must(acs.New(acs.Config{URL: server.URL, Sender: mailSender}))(t)
		style := branding.Style{Organisation: "Fabrikam"}
		style.Accent.Light = must(branding.ParseLight("#17567f"))(t)
		style.Accent.Dark = must(branding.ParseDark("", style.Accent.Light))(t)
		c.Mails = &workflow.Mails{
			Mailer: interruptedMailer{w, client}, Letters: must(mail.NewComposer(style, "https://join.fabrikam.example"))(t),
			Quota: request.MailQuota{PerMinute: 30, PerHour: 100}, Random: repeated('k'),
		}
		c.ProofByDefault, c.ProofLasts = true, 7*24*time.Hour
	}
	w.world = newWorld(t, append([]func(*workflow.Config){build}, changes...)...)
	return w
}

// repeated is a source of one byte.
type repeated byte

func (r repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// interruptedMailer is the mail service as the worker sees it.
type interruptedMailer struct {
	w      *mailWorld
	mailer request.Mailer
}

func (m interruptedMailer) SendMail(ctx context.Context, id request.MailID, letter request.Mail) error {
	defer m.settle()
	_, err := interrupted(m.w.world, "SendMail", func() (struct{}, error) {
		return struct{}{}, m.mailer.SendMail(ctx, id, letter)
	})
	return err
}

// settle waits for the stand-in, which looks at the clock of the world: a call whose answer is lost
// may return before that.
func (m interruptedMailer) settle() { m.w.service.Mails() }

func (m interruptedMailer) MailStatus(ctx context.Context, id request.MailID) (request.MailStatus, error) {
	defer m.settle()
	return interrupted(m.w.world, "MailStatus", func() (request.MailStatus, error) { return m.mailer.MailStatus(ctx, id) })
}

// fail makes the next calls of the mail service fail.
func (w *mailWorld) fail(fault acssim.Fault) {
	w.t.Helper()
	err := w.service.Order(fault)
	if err != nil {
		w.t.Fatal(err)
	}
}

// mailsTo returns the mails that were delivered to the address, twice what was delivered twice.
func (w *mailWorld) mailsTo(address string) (mails []acssim.Mail) {
	for _, m := range w.service.Mails() {
		for range m.Deliveries {
			if m.To[0] == address {
				mails = append(mails, m)
			}
		}
	}
	return mails
}

// wantMails fails unless the address has had that many mails.
func (w *mailWorld) wantMails(address string, want int) []acssim.Mail {
	w.t.Helper()
	mails := w.mailsTo(address)
	if len(mails) != want {
		w.t.Errorf("%d mails, want %d", len(mails), want)
	}
	return mails
}

// codeLine is the line of a mail with a code.
var codeLine = regexp.MustCompile(`(?m)^\s*(\d{4}) (\d{4})\s*$`)

// codeIn returns the code in a mail, "" if there is none.
func codeIn(m acssim.Mail) string {
	match := codeLine.FindStringSubmatch(m.Text)
	if match == nil {
		return ""
	}
	return match[1] + match[2]
}

// code returns the code of the last mail to the address.
func (w *mailWorld) code(address string) string {
	w.t.Helper()
	mails := w.mailsTo(address)
	if len(mails) == 0 {
		w.t.Fatal("there is no mail")
	}
	code := codeIn(mails[len(mails)-1])
	if code == "" {
		w.t.Fatal("the mail has no code")
	}
	return code
}

// proveBy types a code at the status page.
func (w *mailWorld) typeCode(id submission.ID, code string) {
	w.t.Helper()
	w.queue = append(w.queue, submission.Message{ID: id, Kind: submission.Prove, Code: code})
	w.deliverAll()
}

// prove types the code that was mailed.
func (w *mailWorld) prove(id submission.ID, address string) {
	w.t.Helper()
	w.typeCode(id, w.code(address))
}

// wrong returns a code that is not the one.
func wrong(code string) string {
	return strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, code)
}
