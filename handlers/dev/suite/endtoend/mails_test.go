package endtoend

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/request"
)

// nobodyAsked fails if the directory was asked anything.
func (s *stack) nobodyAsked() {
	s.t.Helper()
	for route, n := range s.tenant.Calls() {
		if n > 0 {
			s.t.Errorf("%d calls of %s before the mailbox was proved", n, route)
		}
	}
}

func TestPartnerProvesMailboxAndIsInvited(t *testing.T) {
	t.Parallel()
	m := newMailStack(t)
	m.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne, "Message", "Welcome to the project.",
		"RedirectUrl", "https://portal.example.com/start")
	status := m.signUp("ana@contoso.com")
	mails := m.eventuallyMailed("ana@contoso.com", 1)
	m.eventuallyIs(status, request.Proving)
	m.nobodyAsked()
	if stage := m.stage(status); stage != "finished" {
		t.Errorf("before the proof the status page says %q", stage)
	}
	if link := m.url + status; !strings.Contains(mails[0].Text, link) || !strings.Contains(mails[0].HTML, link) {
		t.Errorf("the mail does not link to %s:\n%s", link, mails[0].Text)
	}
	code := m.codeIn(mails[0].Text)
	m.typeCode(status, code)
	m.finished(status)
	mails = m.eventuallyMailed("ana@contoso.com", 2)

	sent := m.tenant.Invitations()
	if len(sent) != 1 || sent[0].SendInvitation || len(m.tenant.Memberships()) != 1 {
		t.Fatalf("invitations %+v, memberships %v", sent, m.tenant.Memberships())
	}
	redeem := sent[0].RedeemURL
	if !strings.Contains(mails[1].Text, redeem) || !strings.Contains(mails[1].Text, "Welcome to the project.") ||
		!strings.Contains(mails[1].HTML, html.EscapeString(redeem)) {
		t.Errorf("the invitation mail is\n%s", mails[1].Text)
	}
	page := m.do(http.MethodGet, status, "", "", "Accept", "text/html")
	if page.status != http.StatusOK || !strings.Contains(page.body, `data-state="done-1"`) {
		t.Errorf("the page does not say that the mailbox is proved: %d\n%s", page.status, page.body)
	}

	m.finished(m.signUp("ana@contoso.com")) // within the days in which the proof counts
	if n, mailed := len(m.tenant.Guests()), len(m.mailsTo("ana@contoso.com")); n != 1 || mailed != 2 {
		t.Errorf("after a second sign-up: %d guests, %d mails", n, mailed)
	}
	for _, secret := range []string{code, strings.ReplaceAll(code, " ", ""), "redeem?", "ana@", "Silva"} {
		if strings.Contains(m.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

func TestWrongCodeFiveTimesEndsSignUp(t *testing.T) {
	t.Parallel()
	m := newMailStack(t)
	m.row("contoso.com", "trusted", "Action", "invite")
	status := m.signUp("ana@contoso.com")
	code := m.codeIn(m.eventuallyMailed("ana@contoso.com", 1)[0].Text)
	for n := 1; n <= request.MaxProofTries; n++ {
		m.typeCode(status, wrongCode(code))
		m.eventually("the code is counted", func() bool { return m.record(status).Proof.Tries == n })
	}
	m.eventuallyIs(status, request.Unproved)
	m.typeCode(status, code)
	m.eventually("the queue is empty", func() bool { return m.waiting() == 0 })
	if r := m.record(status); r.State != request.Unproved || r.Proof.Tries != request.MaxProofTries {
		t.Errorf("after the right code at last: %s, %+v", r.State, r.Proof)
	}
	m.nobodyAsked()
	page := m.do(http.MethodGet, status, "", "", "Accept", "text/html")
	if !strings.Contains(page.body, `data-state="spent-5"`) {
		t.Errorf("the page does not say so:\n%s", page.body)
	}
	m.eventuallyMailed("ana@contoso.com", 1)
}

func TestCodeThatIsMailedAgainIsTheSame(t *testing.T) {
	t.Parallel()
	m := newMailStack(t)
	m.row("contoso.com", "trusted", "Action", "invite")
	status := m.signUp("ana@contoso.com")
	first := m.codeIn(m.eventuallyMailed("ana@contoso.com", 1)[0].Text)
	m.eventually("the receipt of the mail is stored", func() bool { return m.record(status).Mail(request.CodeMail).State != "" })
	m.age("ana@contoso.com", time.Hour)
	err := m.host.KillHandler() // another process has the same key
	if err != nil {
		t.Fatal(err)
	}
	m.eventually("the wish is taken", func() bool {
		return m.do(http.MethodPost, status, "application/x-www-form-urlencoded", "action=resend").status == http.StatusSeeOther
	})
	mails := m.eventuallyMailed("ana@contoso.com", 2)
	if again := m.codeIn(mails[1].Text); again != first || mails[0].ID == mails[1].ID {
		t.Errorf("the codes are %s and %s, the ids of the mails %s and %s", first, again, mails[0].ID, mails[1].ID)
	}
	m.typeCode(status, first)
	m.finished(status)
	m.eventuallyMailed("ana@contoso.com", 3)
}

// TestStrangerCausesFewMails signs up somebody else's address again and again, and asks for each
// code once more.
func TestStrangerCausesFewMails(t *testing.T) {
	t.Parallel()
	m := newMailStack(t)
	m.row("contoso.com", "trusted", "Action", "invite")
	const victim = "ana@contoso.com"
	var last string
	for range 12 {
		status := m.signUpAs(victim).path()
		m.eventuallyIs(status, request.Proving)
		for _, n := range []int{1, 2} { // the mailbox gets no code twice within an hour and a half
			m.eventually("the worker has done what it can", func() bool { return m.waiting() == 0 })
			if n == 1 && m.do(http.MethodPost, status, "application/x-www-form-urlencoded", "action=resend").status != http.StatusSeeOther {
				t.Fatal("the wish was not taken")
			}
		}
		m.eventually("no mail is under way", func() bool { return !m.record(status).Mail(request.CodeMail).Open() })
		m.age(victim, 90*time.Minute)
		if m.record(status).Proof.Mailed {
			last = status
		}
	}
	mails := m.eventuallyMailed(victim, request.CodesPerDay)
	m.typeCode(last, m.codeIn(mails[len(mails)-1].Text))
	m.finished(last)
	m.eventuallyMailed(victim, request.OwnMailsPerDay) // there is room for the invitation
}

// path returns the path of the partner's status page.
func (p partner) path() string { return "/signup/" + string(p.id) }

// TestMailboxOfTenantSendsMails has the mails sent by Microsoft Graph.
func TestMailboxOfTenantSendsMails(t *testing.T) {
	t.Parallel()
	m := newMailStack(t, "GUESTLIST_MAIL=graph", "GUESTLIST_MAIL_URL=")
	m.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	status := m.signUp("ana@contoso.com")
	m.eventually("the mail with the code is sent", func() bool { return len(m.tenant.Mails()) == 1 })
	m.typeCode(status, m.codeIn(plain(m.tenant.Mails()[0].Content)))
	m.finished(status)
	m.eventually("the invitation mail is sent", func() bool { return len(m.tenant.Mails()) == 2 })
	sent := m.tenant.Invitations()
	if len(sent) != 1 || sent[0].SendInvitation || len(m.service.Mails()) != 0 {
		t.Fatalf("invitations %+v, mails elsewhere %v", sent, m.service.Mails())
	}
	for _, mail := range m.tenant.Mails() {
		if mail.Mailbox != mailSender || len(mail.To) != 1 || mail.To[0] != "ana@contoso.com" || mail.InSentItems {
			t.Errorf("%+v", mail)
		}
	}
	if !strings.Contains(m.tenant.Mails()[1].Content, html.EscapeString(sent[0].RedeemURL)) {
		t.Error("the invitation mail has no link")
	}
}

// tags are the tags of HTML.
var tags = regexp.MustCompile(`<[^>]*>`)

// plain returns the text of HTML, each element on a line of its own.
func plain(markup string) string { return html.UnescapeString(tags.ReplaceAllString(markup, "\n")) }
