package acssim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"guestlist/handlers/dev/acssim"
)

const (
	id     = "8540c0de-899f-5cce-acb5-3ec493af3800"
	sender = "guests@join.fabrikam.example"
	to     = "ana@contoso.com"
)

// schema returns a definition of the published specification.
func schema(t testing.TB, definition string) *jsonschema.Schema {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile("testdata/specification.json#/definitions/" + definition)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// sim is a stand-in behind HTTP, each answer of which is held to the specification.
type sim struct {
	*acssim.Server
	t   testing.TB
	url string
}

func newSim(t testing.TB, change func(*acssim.Config)) sim {
	t.Helper()
	var config acssim.Config
	if change != nil {
		change(&config)
	}
	server, err := acssim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	return sim{server, t, web.URL}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	id     string // of the operation
	state  string // of the operation
	code   string // of the error
}

func (s sim) do(method, path, body string, header ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, body: string(content)}
	if !strings.HasPrefix(path, "/emails") {
		return a
	}
	definition := "EmailSendResult"
	if a.status >= 400 {
		definition = "ErrorResponse"
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err == nil {
		err = schema(s.t, definition).Validate(value)
	}
	if err != nil {
		s.t.Errorf("the specification knows no such answer: %v\n%s", err, content)
	}
	var parts struct {
		ID     string
		Status string
		Error  *struct{ Code string }
	}
	err = json.Unmarshal(content, &parts)
	if err != nil {
		s.t.Fatal(err)
	}
	a.id, a.state = parts.ID, parts.Status
	if parts.Error != nil {
		a.code = parts.Error.Code
	}
	if a.status >= 400 && a.header.Get("x-ms-error-code") != a.code {
		s.t.Errorf("the header has the code %q, the body %q", a.header.Get("x-ms-error-code"), a.code)
	}
	return a
}

func (s sim) send(id, body string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/emails:send?api-version=2025-09-01", body, "Operation-Id", id)
}

func (s sim) ask(id string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, "/emails/operations/"+id+"?api-version=2025-09-01", "")
}

// message returns a message that can be sent, with changes by path: nil removes a property.
func message(t testing.TB, changes map[string]any) string {
	t.Helper()
	m := map[string]any{
		"headers":       map[string]any{"Auto-Submitted": "auto-generated", "Message-ID": "<" + id + "@join.fabrikam.example>"},
		"senderAddress": sender,
		"content":       map[string]any{"subject": "Your code", "plainText": "1234", "html": "<p>1234"},
		"recipients":    map[string]any{"to": []any{map[string]any{"address": to, "displayName": "Ana"}}},
		"replyTo":       []any{map[string]any{"address": "desk@fabrikam.example"}},

		"userEngagementTrackingDisabled": true,
	}
	for path, value := range changes {
		at := m
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			at = at[name].(map[string]any)
		}
		last := names[len(names)-1]
		if value == nil {
			delete(at, last)
		} else {
			at[last] = value
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestMailIsTakenUnderOurID(t *testing.T) {
	s := newSim(t, nil)
	a := s.send(strings.ToUpper(id), message(t, nil))
	location, err := url.Parse(a.header.Get("Operation-Location"))
	if a.status != http.StatusAccepted || a.id != id || a.state != "Running" || err != nil || a.header.Get("Retry-After") == "" {
		t.Fatalf("%+v, %v", a, err)
	}
	if told := s.do(http.MethodGet, location.RequestURI(), ""); told.status != http.StatusOK || told.id != id || told.state != "Succeeded" {
		t.Errorf("%+v", told)
	}
	want := []acssim.Mail{{
		Number: 1, ID: id, From: sender, To: []string{to}, Cc: []string{}, Bcc: []string{}, ReplyTo: []string{"desk@fabrikam.example"},
		Subject: "Your code", Text: "1234", HTML: "<p>1234", Headers: map[string]string{"Auto-Submitted": "auto-generated"},
		MessageID: "<" + id + "@join.fabrikam.example>", Deliveries: 1, Status: "Succeeded",
	}}
	got := s.Mails()
	got[0].At = time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mails differ (-want +got):\n%s", diff)
	}
	if a := s.do(http.MethodPost, "/emails:send?api-version=2023-03-31", message(t, nil)); a.status != http.StatusAccepted || a.id == id {
		t.Errorf("without an id of ours: %+v", a)
	}
	if a := s.ask("00000000-0000-0000-0000-000000000000"); a.status != http.StatusNotFound {
		t.Errorf("an unknown id: %+v", a)
	}
	if diff := cmp.Diff(map[string]int{"POST /emails:send": 2, "GET /emails/operations/{id}": 2}, s.Calls()); diff != "" {
		t.Errorf("calls differ (-want +got):\n%s", diff)
	}
}

func TestMessageIsHeldToSpecification(t *testing.T) {
	address := func(text string) map[string]any { return map[string]any{"address": text} }
	many := make([]any, 51)
	for i := range many {
		many[i] = address(to)
	}
	tests := map[string]struct {
		changes map[string]any
		code    string
	}{
		"no sender":                   {map[string]any{"senderAddress": nil}, "BadRequest"},
		"no content":                  {map[string]any{"content": nil}, "BadRequest"},
		"no subject":                  {map[string]any{"content.subject": nil}, "BadRequest"},
		"an empty subject":            {map[string]any{"content.subject": ""}, "BadRequest"},
		"neither text nor HTML":       {map[string]any{"content.html": nil, "content.plainText": nil}, "BadRequest"},
		"no recipients":               {map[string]any{"recipients": nil}, "BadRequest"},
		"no recipient":                {map[string]any{"recipients.to": []any{}}, "BadRequest"},
		"too many recipients":         {map[string]any{"recipients.to": many}, "BadRequest"},
		"too many with copies":        {map[string]any{"recipients.bcc": many[:50]}, "BadRequest"},
		"an unknown property":         {map[string]any{"importance": "high"}, "BadRequest"},
		"a property in another case":  {map[string]any{"ReplyTo": []any{}}, "BadRequest"},
		"tracking as a text":          {map[string]any{"userEngagementTrackingDisabled": "true"}, "BadRequest"},
		"a header that is a list":     {map[string]any{"headers.X-A": []any{"b"}}, "BadRequest"},
		"an empty header":             {map[string]any{"headers.X-A": ""}, "BadRequest"},
		"a header of two lines":       {map[string]any{"headers.X-A": "b\r\nBcc: eve@example.com"}, "BadRequest"},
		"a header name with a colon":  {map[string]any{"headers.X-A:": "b"}, "BadRequest"},
		"a header twice":              {map[string]any{"headers.auto-submitted": "no"}, "BadRequest"},
		"a header of the service":     {map[string]any{"headers.From": "eve@example.com"}, "BadRequest"},
		"an attachment without name":  {map[string]any{"attachments": []any{map[string]any{"contentType": "text/plain", "contentInBase64": ""}}}, "BadRequest"},
		"an attachment without bytes": {map[string]any{"attachments": []any{map[string]any{"name": "a", "contentType": "text/plain", "contentInBase64": "?"}}}, "BadRequest"},
		"no address":                  {map[string]any{"recipients.to": []any{map[string]any{}}}, "InvalidEmailAddress"},
		"an address without a domain": {map[string]any{"recipients.to": []any{address("ana")}}, "InvalidEmailAddress"},
		"an address with a name":      {map[string]any{"replyTo": []any{address("Desk <desk@fabrikam.example>")}}, "InvalidEmailAddress"},
		"an address of two lines":     {map[string]any{"recipients.cc": []any{address("a@b.example\r\nBcc: eve@example.com")}}, "InvalidEmailAddress"},
	}
	s := newSim(t, nil)
	for name, test := range tests {
		if a := s.send(id, message(t, test.changes)); a.status != http.StatusBadRequest || a.code != test.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	good := message(t, nil)
	requests := map[string]struct {
		a      answer
		status int
	}{
		"no version":            {s.do(http.MethodPost, "/emails:send", good), 400},
		"an unknown version":    {s.do(http.MethodPost, "/emails:send?api-version=2021-10-01", good), 400},
		"an id of another kind": {s.send("7", good), 400},
		"a client's id of another kind": {
			s.do(http.MethodPost, "/emails:send?api-version=2025-09-01", good, "x-ms-client-request-id", "7"), 400,
		},
		"a form":           {s.do(http.MethodPost, "/emails:send?api-version=2025-09-01", good, "Content-Type", "text/plain"), 415},
		"no JSON":          {s.send(id, good+"}"), 400},
		"a property twice": {s.send(id, `{"senderAddress":"`+sender+`",`+good[1:]), 400},
		"too much":         {s.send(id, message(t, map[string]any{"content.html": strings.Repeat("a", 10<<20)})), 413},
		"another method":   {s.do(http.MethodGet, "/emails:send?api-version=2025-09-01", ""), 404},
	}
	for name, r := range requests {
		if r.a.status != r.status {
			t.Errorf("%s: %d %s", name, r.a.status, r.a.body)
		}
	}
	if got := s.Mails(); len(got) != 0 {
		t.Errorf("%d mails were taken", len(got))
	}
}

// TestStandInRefusesWhatSpecificationRefuses generates messages: the stand-in refuses what the
// specification refuses.
func TestStandInRefusesWhatSpecificationRefuses(t *testing.T) {
	s := newSim(t, nil)
	spec := schema(t, "EmailMessage")
	value := rapid.SampledFrom([]any{nil, "", "x", to, 7, true, []any{}, []any{map[string]any{"address": to}}, map[string]any{}, map[string]any{"subject": "s", "html": "h"}})
	paths := []string{
		"headers", "headers.X-A", "senderAddress", "content", "content.subject", "content.plainText", "content.html", "content.text",
		"recipients", "recipients.to", "recipients.cc", "recipients.bcc", "recipients.all", "attachments", "replyTo",
		"userEngagementTrackingDisabled", "other",
	}
	taken, refused := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		path := rapid.SampledFrom(paths).Draw(r, "path")
		changed := message(t, map[string]any{path: value.Draw(r, "value")})
		read, err := jsonschema.UnmarshalJSON(strings.NewReader(changed))
		if err != nil {
			r.Fatal(err)
		}
		valid := spec.Validate(read) == nil
		a := s.send(id, changed)
		if a.status == http.StatusAccepted && !valid {
			r.Fatalf("taken: %s", changed)
		}
		if a.status == http.StatusAccepted {
			taken++
		} else {
			refused++
		}
	})
	if taken == 0 || refused == 0 {
		t.Errorf("%d were taken, %d refused", taken, refused)
	}
}

func TestOnlyLinkedSendersSend(t *testing.T) {
	s := newSim(t, func(c *acssim.Config) { c.Senders = []string{sender} })
	for from, want := range map[string]answer{
		sender:                          {status: 202},
		"Guests@join.fabrikam.example":  {status: 202},
		"someone@join.fabrikam.example": {status: 400, code: "InvalidSenderUserName"},
		"guests@fabrikam.example":       {status: 404, code: "DomainNotLinked"},
		"guests":                        {status: 400, code: "InvalidEmailAddress"},
	} {
		if a := s.send(id, message(t, map[string]any{"senderAddress": from})); a.status != want.status || a.code != want.code {
			t.Errorf("%s: %d %s", from, a.status, a.body)
		}
	}
}

func TestTokenIsRequired(t *testing.T) {
	s := newSim(t, func(c *acssim.Config) { c.RequireBearer = true })
	if a := s.send(id, message(t, nil)); a.status != http.StatusUnauthorized || a.code != "Denied" {
		t.Errorf("%+v", a)
	}
	if a := s.ask(id); a.status != http.StatusUnauthorized {
		t.Errorf("%+v", a)
	}
	a := s.do(http.MethodGet, "/emails/operations/"+id+"?api-version=2025-09-01", "", "Authorization", "Bearer x")
	if a.status != http.StatusNotFound {
		t.Errorf("%+v", a)
	}
}

func TestBadMessageIDIsReplacedOrRefused(t *testing.T) {
	s := newSim(t, nil)
	for _, bad := range []any{"no-brackets@fabrikam.example", "<two words@fabrikam.example>", "<>", nil} {
		body := message(t, map[string]any{"headers.Message-ID": bad})
		if a := s.do(http.MethodPost, "/emails:send?api-version=2025-09-01", body); a.status != http.StatusAccepted {
			t.Errorf("%v: %+v", bad, a)
		}
		a := s.do(http.MethodPost, "/emails:send?api-version=2025-09-01", body, "x-ms-acsemail-validate-message-id", "true")
		if a.status != http.StatusBadRequest {
			t.Errorf("%v: %+v", bad, a)
		}
	}
	for _, m := range s.Mails() {
		if !strings.HasSuffix(m.MessageID, ".azurecomm.net>") || len(m.Headers) != 1 {
			t.Errorf("%+v", m)
		}
	}
}

func TestSecondSendOfOneOperation(t *testing.T) {
	for second, want := range map[acssim.SecondSend]struct{ status, deliveries int }{
		"":                {202, 2},
		acssim.TakesAgain: {202, 2},
		acssim.Refuses:    {400, 1},
		acssim.Remembers:  {202, 1},
	} {
		s := newSim(t, func(c *acssim.Config) { c.SecondSend = second })
		s.send(id, message(t, nil))
		a := s.send(id, message(t, nil))
		mails := s.Mails()
		if a.status != want.status || len(mails) != 1 || mails[0].Deliveries != want.deliveries {
			t.Errorf("%q: %+v, %+v", second, a, mails)
		}
	}
}

func TestQuotaCountsRefusedCallsToo(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	s := newSim(t, func(c *acssim.Config) {
		c.Now = func() time.Time { return now }
		c.Quota = &acssim.Quota{SendsPerMinute: 2, SendsPerHour: 5, AsksPerMinute: 1, AsksPerHour: 9}
	})
	want := func(at time.Duration, status int, wait string) {
		t.Helper()
		now = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC).Add(at)
		a := s.do(http.MethodPost, "/emails:send?api-version=2025-09-01", message(t, nil))
		if a.status != status || status == 429 && a.header.Get("Retry-After") != wait {
			t.Errorf("%v: %d, wait %q, want %d, %q", at, a.status, a.header.Get("Retry-After"), status, wait)
		}
	}
	want(0, 202, "")
	want(10*time.Second, 202, "")
	want(20*time.Second, 429, "50") // the second and this one are inside until 1m10s
	want(69*time.Second, 429, "11") // the third is inside until 1m20s
	want(80*time.Second, 202, "")
	want(81*time.Second, 429, "3529") // the second of six in an hour is inside until 1h10s
	for range 2 {
		s.ask(id)
	}
	if a := s.ask(id); a.status != 429 {
		t.Errorf("asking: %+v", a)
	}
}

func TestSuppressedAddressesAreDroppedForLonger(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	s := newSim(t, func(c *acssim.Config) { c.Now = func() time.Time { return now } })
	n := 0
	want := func(state, code string) {
		t.Helper()
		n++
		operation := strings.Replace(id, "8540c0de", "0000000"+string(rune('0'+n)), 1)
		if a := s.send(operation, message(t, nil)); a.status != http.StatusAccepted || a.state != "Running" {
			t.Fatalf("%+v", a)
		}
		if a := s.ask(operation); a.state != state || a.code != code {
			t.Errorf("mail %d: %+v, want %s %s", n, a, state, code)
		}
	}
	const dropped = "EmailDroppedAllRecipientsSuppressed"
	s.Bounce(strings.ToUpper(to))
	want("Succeeded", "") // handed over; it comes back
	want("Failed", dropped)
	now = now.Add(47 * time.Hour)
	want("Failed", dropped) // the attempt made it 48 hours, and this one makes it 96
	now = now.Add(97 * time.Hour)
	want("Succeeded", "")
	s.Suppress("bo@contoso.com")
	want("Failed", dropped) // bounced once more
	a := s.send(id, message(t, map[string]any{"recipients.cc": []any{map[string]any{"address": "carl@contoso.com"}}}))
	if told := s.ask(a.id); told.state != "Succeeded" {
		t.Errorf("with one recipient that is not suppressed: %+v", told)
	}
}

func TestOrderedTroubles(t *testing.T) {
	s := newSim(t, nil)
	order := func(fault string) {
		t.Helper()
		if a := s.do(http.MethodPost, "/stand-in/faults", fault); a.status != http.StatusCreated {
			t.Fatalf("%s: %+v", fault, a)
		}
	}
	lost := func() bool {
		r, err := http.NewRequest(http.MethodPost, s.url+"/emails:send?api-version=2025-09-01", strings.NewReader(message(t, nil)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = response.Body.Close()
		}
		return err != nil
	}
	order(`{"trouble": "refused", "call": "ask", "status": 503, "retryAfter": 7}`)
	order(`{"trouble": "unanswered", "about": "ANA@contoso.com"}`)
	order(`{"trouble": "answer-lost"}`)
	if !lost() || len(s.Mails()) != 0 {
		t.Errorf("%d mails although none was taken", len(s.Mails()))
	}
	if !lost() || len(s.Mails()) != 1 {
		t.Errorf("%d mails although one was taken", len(s.Mails()))
	}
	if a := s.ask(id); a.status != 503 || a.header.Get("Retry-After") != "7" || a.code != "ServiceUnavailable" {
		t.Errorf("%+v", a)
	}
	order(`{"trouble": "other-id"}`)
	if a := s.send(id, message(t, nil)); a.status != 202 || a.id == id || s.ask(id).status != 404 {
		t.Errorf("%+v", a)
	}
	order(`{"trouble": "twice"}`)
	if a := s.send(id, message(t, nil)); a.id != id || s.Mails()[2].Deliveries != 2 {
		t.Errorf("%+v, %+v", a, s.Mails())
	}
	order(`{"trouble": "fails", "code": "EmailBroken", "times": 2, "delayMs": 1}`)
	a := s.send("00000000-899f-5cce-acb5-3ec493af3800", message(t, nil))
	if told := s.ask(a.id); told.state != "Failed" || told.code != "EmailBroken" {
		t.Errorf("%+v", told)
	}
	if faults := s.Faults(); len(faults) != 1 || faults[0].Times != 1 {
		t.Errorf("%+v", faults)
	}
	if a := s.do(http.MethodDelete, "/stand-in/faults", ""); a.status != http.StatusNoContent || len(s.Faults()) != 0 {
		t.Errorf("%+v", a)
	}
	for _, bad := range []string{
		`{}`, `{"trouble": "weather"}`, `{"trouble": "slow"}`, `{"trouble": "twice", "call": "ask"}`, `{"trouble": "twice", "status": 500}`,
		`{"trouble": "page", "status": 99}`, `{"trouble": "page", "code": "x"}`, `{"trouble": "twice", "times": 1, "always": true}`,
		`{"trouble": "twice", "retryAfter": 1}`, `{"trouble": "twice", "delayMs": -1}`, `{"trouble": "twice", "call": "look"}`, `{"Trouble": "twice"}`,
	} {
		if a := s.do(http.MethodPost, "/stand-in/faults", bad); a.status != http.StatusBadRequest {
			t.Errorf("%s: %+v", bad, a)
		}
	}
	if a := s.do(http.MethodPost, "/stand-in/faults", `{"trouble": "twice"}`, "Content-Type", "text/plain"); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %+v", a)
	}
}

func TestPagesShowMailsAndRunNothing(t *testing.T) {
	s := newSim(t, nil)
	if a := s.do(http.MethodGet, acssim.MailsPath, ""); !strings.Contains(a.body, "No mail") {
		t.Errorf("%+v", a)
	}
	const script = `<p>1234<script>alert(1)</script><form action="https://example.com"><input></form>`
	s.send(id, message(t, map[string]any{"content.html": script, "content.subject": "<script>alert(2)</script> رمز"}))
	if a := s.do(http.MethodPost, "/stand-in/suppressed", `{"address": "bo@contoso.com"}`); a.status != http.StatusCreated {
		t.Errorf("%+v", a)
	}
	list := s.do(http.MethodGet, acssim.MailsPath, "")
	if strings.Contains(list.body, "<script") || !strings.Contains(list.body, to) || !strings.Contains(list.body, "رمز") {
		t.Errorf("%s", list.body)
	}
	links := regexp.MustCompile(`href="(/stand-in/mails/[^"]+)"`).FindAllStringSubmatch(list.body, -1)
	if len(links) != 4 {
		t.Errorf("%d links", len(links))
	}
	for path, want := range map[string]struct{ kind, content string }{
		"/stand-in/mails/1.html": {"text/html", script},
		"/stand-in/mails/1.txt":  {"text/plain", "1234"},
		"/stand-in/mails/1.eml":  {"text/plain", "Subject: =?utf-8?q?"},
		"/stand-in/mails.json":   {"application/json", `"deliveries": 1`},
		"/stand-in/mails":        {"text/html", "Mails"},
		"/":                      {"text/plain", "/emails:send"},
	} {
		a := s.do(http.MethodGet, path, "")
		policy := a.header.Get("Content-Security-Policy")
		if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), want.kind) || !strings.Contains(a.body, want.content) ||
			a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script") {
			t.Errorf("%s: %+v", path, a)
		}
		if strings.HasSuffix(path, ".html") && !strings.HasPrefix(policy, "sandbox") {
			t.Errorf("%s is not sandboxed: %s", path, policy)
		}
	}
	for _, path := range []string{"/stand-in/mails/2.html", "/stand-in/mails/0.txt", "/stand-in/mails/1", "/stand-in/mails/x.eml", "/stand-in/weather"} {
		if a := s.do(http.MethodGet, path, ""); a.status != http.StatusNotFound {
			t.Errorf("%s: %+v", path, a)
		}
	}
}

// readMail reads the source of a mail with the parsers of the standard library.
func readMail(t *rapid.T, source []byte) acssim.Mail {
	read, err := mail.ReadMessage(bytes.NewReader(source))
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	list := func(name string) []string {
		plain := []string{}
		if read.Header.Get(name) == "" {
			return plain
		}
		parsed, err := read.Header.AddressList(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, a := range parsed {
			plain = append(plain, a.Address)
		}
		return plain
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	m := acssim.Mail{
		From: list("From")[0], To: list("To"), Cc: list("Cc"), ReplyTo: list("Reply-To"), Subject: subject, MessageID: read.Header.Get("Message-ID"),
	}
	content := func(kind string, body io.Reader) {
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "text/plain":
			m.Text = string(text)
		case "text/html":
			m.HTML = string(text)
		default:
			t.Fatalf("a part of the type %q", kind)
		}
	}
	kind, parameters, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "multipart/alternative" {
		content(kind, quotedprintable.NewReader(read.Body))
		return m
	}
	for parts := multipart.NewReader(read.Body, parameters["boundary"]); ; {
		part, err := parts.NextPart() // which reads quoted-printable
		if err == io.EOF {
			return m
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		content(kind, part)
	}
}

// lines returns the text with the line breaks of mail.
func lines(text string) string {
	return strings.ReplaceAll(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n", "\r\n")
}

// TestSourceReadsBackAsMail: a parser that we did not write reads every mail back.
func TestSourceReadsBackAsMail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.StringMatching(`[a-z0-9][a-z0-9'_-]{0,20}(\.[a-z0-9'_-]{1,20})?@[a-z0-9]{1,20}\.example`)
		list := rapid.Custom(func(t *rapid.T) []string { return append([]string{}, rapid.SliceOfN(address, 0, 3).Draw(t, "list")...) })
		// Spaces around are lost where a header line begins and ends.
		subject := rapid.StringMatching(`[^\pC\pZ][^\pC]{0,80}[^\pC\pZ]`).Draw(t, "subject")
		want := acssim.Mail{
			ID: id, At: time.Unix(1, 0).UTC(), From: address.Draw(t, "from"), To: append(list.Draw(t, "to"), to), Cc: list.Draw(t, "cc"),
			ReplyTo: list.Draw(t, "reply"), Subject: subject, MessageID: "<" + id + "@join.fabrikam.example>",
			Text: rapid.String().Draw(t, "text"), HTML: rapid.StringN(1, -1, -1).Draw(t, "html"),
		}
		source := want.Source()
		for line := range bytes.SplitSeq(source, []byte("\r\n")) {
			if len(line) > 998 || bytes.ContainsFunc(line, func(r rune) bool { return r == '\r' || r == '\n' || r > '~' }) {
				t.Fatalf("the line %q", line)
			}
		}
		got := readMail(t, source)
		want.ID, want.At = "", time.Time{}
		want.Text, want.HTML = lines(want.Text), lines(want.HTML)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the mail differs (-want +got):\n%s\n%s", diff, source)
		}
	})
}

func TestUnusableConfigIsRefused(t *testing.T) {
	for name, config := range map[string]acssim.Config{
		"a second send of another kind": {SecondSend: "sometimes"},
		"a negative delay":              {Settling: -1},
		"a sender without a domain":     {Senders: []string{"guests"}},
	} {
		_, err := acssim.New(config)
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestFrontPageListsWhatIsServed: who looks at the address of the stand-in finds its pages.
func TestFrontPageListsWhatIsServed(t *testing.T) {
	s := newSim(t, nil)
	page := s.do(http.MethodGet, "/", "").body
	found := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^  (?:\w+, )*(GET|POST) +(/\S+)`).FindAllStringSubmatch(page, -1) {
		found[match[2]] = true
	}
	want := []string{"/emails/operations/{id}", "/emails:send", "/stand-in/calls", "/stand-in/mails", "/stand-in/mails/{n}.html"}
	for _, path := range want {
		if !found[path] {
			t.Errorf("%s is not listed; %q are", path, slices.Sorted(maps.Keys(found)))
		}
	}
}

// TestHandbookOrdersWhatStandInTakes posts what the handbook says can be posted. It names every
// trouble.
func TestHandbookOrdersWhatStandInTakes(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n### Practise with mails\n")
	section, _, _ = strings.Cut(section, "\n### ")
	s := newSim(t, nil)
	named := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\{[^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		if a := s.do(http.MethodPost, "/stand-in/faults", row[1]); a.status != http.StatusCreated {
			t.Errorf("%s: %+v", row[1], a)
		}
	}
	for _, fault := range s.Faults() {
		named[string(fault.Trouble)] = true
	}
	for _, trouble := range acssim.Troubles() {
		if !named[string(trouble)] {
			t.Errorf("the handbook has no order for %s", trouble)
		}
	}
}
