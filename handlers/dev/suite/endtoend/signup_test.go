package endtoend

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2/queueerror"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
)

func TestPartnerSignsUpAndIsInvited(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+","+groupTwo, "Sponsors", sponsor,
		"RedirectUrl", "https://portal.example.com/start", "MessageLanguage", "pt-PT")

	page := s.do(http.MethodGet, "/signup", "", "")
	if page.status != http.StatusOK || !strings.Contains(page.body, "<form") {
		t.Fatalf("the form: %d\n%s", page.status, page.body)
	}
	status := s.signUp("ana@contoso.com")
	if stage := s.stage(status); stage == "" {
		t.Error("right after the submission the status page does not know it")
	}
	s.finished(status)
	shown := s.do(http.MethodGet, status, "", "", "Accept", "text/html")
	if shown.status != http.StatusOK || strings.Contains(shown.body, "ana@contoso.com") {
		t.Errorf("the status page: %d, or it shows the whole address:\n%s", shown.status, shown.body)
	}

	sent := s.tenant.Invitations()
	if len(sent) != 1 {
		t.Fatalf("%d invitations", len(sent))
	}
	if i := sent[0]; i.Email != "ana@contoso.com" || i.DisplayName != "Ana Silva" || i.RedirectURL != "https://portal.example.com/start" ||
		i.MessageLanguage != "pt-PT" || !i.SendInvitation || !slices.Equal(i.Sponsors, []string{sponsor}) {
		t.Errorf("the invitation is %+v", i)
	}
	var groups []string
	for _, m := range s.tenant.Memberships() {
		groups = append(groups, m.GroupID)
	}
	slices.Sort(groups)
	if !slices.Equal(groups, []string{groupOne, groupTwo}) {
		t.Errorf("memberships %v", groups)
	}

	s.finished(s.signUp("ANA@contoso.com"))
	if n, guests := len(s.tenant.Invitations()), len(s.tenant.Guests()); n != 1 || guests != 1 {
		t.Errorf("after a second sign-up of the address: %d invitations, %d guests", n, guests)
	}

	s.row("contoso.com", "trusted", "Action", "deny")
	s.finished(s.signUp("bo@contoso.com"))
	s.row("contoso.com", "trusted", "Action", "invite")
	s.finished(s.signUp("cy@contoso.com"))
	if len(s.invitationsTo("bo@contoso.com")) != 0 || len(s.invitationsTo("cy@contoso.com")) != 1 {
		t.Error("the next decision ignored an edited row")
	}

	for _, personal := range []string{"ana@", "ANA@", "bo@", "Silva", "Contoso Ltd"} {
		if strings.Contains(s.log.String(), personal) {
			t.Errorf("%q is in the log", personal)
		}
	}
}

func TestProgramSignsUpWithJSON(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.row("contoso.com", "trusted", "Action", "invite")
	r := s.do(http.MethodPost, "/signup", "application/json",
		`{"email":"ana@contoso.com","givenName":"Ana","familyName":"Silva","company":"Contoso Ltd"}`, guard.KeyHeader, programKey)
	var accepted struct{ ID, Status string }
	err := json.Unmarshal([]byte(r.body), &accepted)
	if r.status != http.StatusAccepted || err != nil || accepted.Status != "/signup/"+accepted.ID {
		t.Fatalf("%d %v\n%s", r.status, err, r.body)
	}
	s.finished(accepted.Status)
	if len(s.invitationsTo("ana@contoso.com")) != 1 {
		t.Error("no invitation")
	}
}

func TestStatusPageIsTheSameForKnownUnknownAndDenied(t *testing.T) {
	t.Parallel()
	reference := regexp.MustCompile(`\b[0-9A-Z]{4}(-[0-9A-Z]{4}){2}\b`)
	s := newStack(t)
	s.row("contoso.com", "trusted", "Action", "invite")
	s.row("fabrikam.com", "barred", "Action", "deny")
	answers := map[string]bool{}
	for _, email := range []string{"ana@contoso.com", "ana@fabrikam.com", "ana@wingtip.com"} {
		status := s.signUp(email)
		s.finished(status)
		r := s.do(http.MethodGet, status, "", "", "Accept", "text/html")
		text := strings.ReplaceAll(r.body, strings.TrimPrefix(status, "/signup/"), "ID")
		text = reference.ReplaceAllString(text, "REFERENCE")
		// The page shows only the first letter of the domain.
		for _, masked := range []string{"@c", "@f", "@w"} {
			text = strings.ReplaceAll(text, masked, "@")
		}
		answers[text] = true
	}
	if len(answers) != 1 {
		t.Errorf("%d different pages:\n%s", len(answers), strings.Join(slices.Sorted(maps.Keys(answers)), "\n----\n"))
	}
}

// The Functions host takes "code" in a query for a function key, and fails the request if it can't
// read its keys. So no link to a page has it.
func TestLinksWithInviteCodeNeedNoKeysOfTheHost(t *testing.T) {
	t.Parallel()
	s := newStackThrough(t, func(s *stack) {
		s.config.ReadKeys = func() error { return errors.New("the keys can't be read") }
	})
	link := regexp.MustCompile(`<a [^>]*hreflang="[^"]+"[^>]*>`)
	address := regexp.MustCompile(`href="([^"]+)"`)
	opened := s.do(http.MethodGet, "/signup?inviteCode=tulip-spring-2026&company=Contoso", "", "")
	links := link.FindAllString(opened.body, -1)
	if opened.status != http.StatusOK || len(links) < 8 {
		t.Fatalf("the form is answered with %d and has %d links to languages", opened.status, len(links))
	}
	for _, a := range links {
		match := address.FindStringSubmatch(a)
		if match == nil {
			t.Fatalf("%s leads nowhere", a)
		}
		other := s.do(http.MethodGet, html.UnescapeString(match[1]), "", "")
		if other.status != http.StatusOK || !strings.Contains(other.body, `value="tulip-spring-2026"`) {
			t.Errorf("%s: status %d, or the code is lost", match[1], other.status)
		}
	}
	// Links that were made for earlier versions still work while the keys can be read.
	if r := s.do(http.MethodGet, "/signup?code=tulip-spring-2026", "", ""); r.status != http.StatusInternalServerError {
		t.Errorf("the stand-in answers a link with code by %d, and this test shows nothing", r.status)
	}
}

// The functions that take messages are disabled, so that every message stays on the queue.
func TestInvalidInputIsNotEnqueued(t *testing.T) {
	t.Parallel()
	s := newStack(t, "AzureWebJobs.invite-queue.Disabled=true", "AzureWebJobs.upkeep-timer.Disabled=true")
	valid := `{"email":"ana@contoso.com","givenName":"Ana","familyName":"Silva","company":"Contoso Ltd"}`
	token := s.token()
	const formType, jsonType = "application/x-www-form-urlencoded", "application/json"
	tests := map[string]struct {
		contentType, body string
		want              int
	}{
		"nothing":               {formType, "", 400},
		"no token":              {formType, form("", "ana@contoso.com"), 403},
		"forged token":          {formType, form(token[:len(token)-2]+"AA", "ana@contoso.com"), 403},
		"the trap":              {formType, form(token, "ana@contoso.com") + "&website=https%3A%2F%2Fspam.example", 303},
		"doubled token":         {formType, form(token, "ana@contoso.com") + "&token=" + token, 400},
		"no address":            {formType, strings.Replace(form(token, ""), "email=", "", 1), 422},
		"address with a plus":   {formType, form(token, "ana+test@contoso.com"), 422},
		"two addresses":         {formType, form(token, "ana@contoso.com,bo@contoso.com"), 422},
		"address with a header": {formType, form(token, "ana@contoso.com\r\nBcc: x@y.example"), 422},
		"look-alike domain":     {formType, form(token, "ana@cont\u043eso.com"), 422},
		"invisible character":   {formType, form(token, "ana@con\u200btoso.com"), 422},
		"unknown top level":     {formType, form(token, "ana@contoso.invalidtld"), 422},
		"doubled field":         {formType, form(token, "ana@contoso.com") + "&email=bo%40contoso.com", 400},
		"broken JSON":           {jsonType, `{"email":`, 400},
		"JSON array":            {jsonType, `["ana@contoso.com"]`, 400},
		"unknown property":      {jsonType, strings.Replace(valid, `{`, `{"role":"admin",`, 1), 400},
		"two JSON values":       {jsonType, valid + valid, 400},
		"wrong type of a value": {jsonType, strings.Replace(valid, `"Ana"`, `5`, 1), 400},
		"XML":                   {"application/xml", "<email>ana@contoso.com</email>", 415},
		"no content type":       {"", form(token, "ana@contoso.com"), 415},
		"multipart":             {"multipart/form-data; boundary=x", "--x--", 415},
		"very long":             {formType, form(token, "ana@contoso.com") + strings.Repeat("x", 200_000), 413},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := s.do(http.MethodPost, "/signup", test.contentType, test.body, guard.KeyHeader, programKey)
			if r.status != test.want {
				t.Errorf("answered with %d, want %d:\n%.600s", r.status, test.want, r.body)
			}
			if r.body == "" && r.status != http.StatusSeeOther {
				t.Error("the response has no body")
			}
		})
	}
	if r := s.do(http.MethodPost, "/signup", jsonType, valid); r.status != http.StatusForbidden {
		t.Errorf("JSON without a key is answered with %d", r.status)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
		if r := s.do(method, "/signup", jsonType, valid, guard.KeyHeader, programKey); r.status < 400 {
			t.Errorf("%s is answered with %d", method, r.status)
		}
	}
	if n := s.waiting(); n != 0 {
		t.Errorf("%d messages reached the queue", n)
	}
	s.signUp("ana@contoso.com")
	if n := s.waiting(); n != 1 {
		t.Errorf("%d messages after a valid submission, want 1: the count above proves nothing", n)
	}
}

// queue returns a client of the queue of sign-ups.
func (s *stack) queue() *azqueue.QueueClient {
	s.t.Helper()
	client, err := azqueue.NewQueueClientFromConnectionString(s.storage.ConnectionString(), submission.Queue, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

// enqueue puts a message on the queue.
func (s *stack) enqueue(message []byte) {
	s.t.Helper()
	_, err := s.queue().EnqueueMessage(s.t.Context(), base64.StdEncoding.EncodeToString(message), nil)
	if err != nil {
		s.t.Fatal(err)
	}
}

// waiting returns how many messages are on the queue, or 0 if it does not exist.
func (s *stack) waiting() int64 {
	s.t.Helper()
	properties, err := s.queue().GetProperties(s.t.Context(), nil)
	if queueerror.HasCode(err, queueerror.QueueNotFound) {
		return 0
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return *properties.ApproximateMessagesCount
}

// TestKilledHandlerLosesNothing kills the handler again and again while 120 partners sign up.
// Every partner whose sign-up was accepted must be invited once.
func TestKilledHandlerLosesNothing(t *testing.T) {
	t.Parallel()
	// Ten kills within seconds can fail a message more often than the host allows before it becomes
	// poison.
	s := newStack(t, "AzureFunctionsJobHost__extensions__queues__maxDequeueCount=100")
	s.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	const (
		partners = 120
		deaths   = 20
	)

	// The killer and the partners keep pace, so that kills happen all the time.
	var killed atomic.Int32
	var killer sync.WaitGroup
	killer.Go(func() {
		for killed.Load() < deaths && t.Context().Err() == nil {
			time.Sleep(time.Duration(20+mathrand.IntN(300)) * time.Millisecond)
			err := s.host.KillHandler()
			if err == nil {
				killed.Add(1)
			}
		}
	})
	accepted := s.signUpAll("partner", partners, func(i int) {
		for int(killed.Load()) < i*deaths/partners {
			time.Sleep(5 * time.Millisecond)
		}
	})
	killer.Wait()
	s.allAre(request.Done, accepted)
	for _, p := range accepted {
		if n := len(s.invitationsTo(p.email)); n != 1 {
			t.Errorf("%s was invited %d times", p.email, n)
		}
	}
	if n := len(s.tenant.Guests()); n != partners {
		t.Errorf("%d guests, want %d", n, partners)
	}
	if n := len(s.tenant.Memberships()); n != partners {
		t.Errorf("%d memberships, want %d", n, partners)
	}
}

func TestWithdrawalErasesRequestAndUpkeepReports(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.row("contoso.com", "trusted", "Action", "invite")
	status := s.signUp("ana@contoso.com")
	s.finished(status)
	id := submission.ID(path.Base(status))
	body, err := submission.Message{ID: id, Kind: submission.Withdraw}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.enqueue(body)
	s.eventually("the request is erased", func() bool {
		r, err := s.store.Load(t.Context(), id)
		return err == nil && !r.Erased.IsZero() && r.Submission.Email == submission.Address{} && r.GuestID != ""
	})
	s.eventually("upkeep has written its report", func() bool {
		report, err := s.store.Report(t.Context())
		return err == nil && !report.At.IsZero() && report.Roles == nil && report.Why != ""
	})
	for _, line := range []string{`"msg":"withdrawn guest remains"`, `"msg":"upkeep done"`} {
		s.eventually("the log has "+line, func() bool { return strings.Contains(strings.ReplaceAll(s.log.String(), `\"`, `"`), line) })
	}
}

func TestForeignMessageIsKeptAsDeadLetter(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.row("contoso.com", "trusted", "Action", "invite")
	s.finished(s.signUp("ana@contoso.com"))

	id, err := submission.NewID(time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign := []string{
		"hello",
		`{"version":1,"id":"../../x"}`,
		`{"version":1,"id":"` + string(id) + `","submission":{"email":"ana+x@contoso.com"}}`,
		`{"version":2,"id":"` + string(id) + `"}`,
	}
	for _, text := range foreign {
		s.enqueue([]byte(text))
	}
	s.eventually("every foreign message is kept", func() bool {
		kept, err := s.store.AllDeadLetters(t.Context())
		return err == nil && len(kept) == len(foreign)
	})
	s.finished(s.signUp("bo@contoso.com"))
	if n := len(s.tenant.Invitations()); n != 2 {
		t.Errorf("%d invitations, want 2", n)
	}
	if strings.Contains(s.log.String(), "ana+x") {
		t.Error("the log repeats a message")
	}
	// A message that can't be read is not retried.
	if strings.Contains(s.log.String(), "invite-poison") {
		t.Error("an unreadable message was retried until the host moved it to the poison queue")
	}
}
