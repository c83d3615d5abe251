package signup

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/branding"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/problemdetails"
	"guestlist/handlers/web/site"
)

// formUnderTest is a form with its queue and log.
type formUnderTest struct {
	http.Handler
	queue *pagetest.Queue
	log   *bytes.Buffer
}

// newForm returns a form that shows every field but the terms, after the changes.
func newForm(t testing.TB, changes ...func(*Config)) formUnderTest {
	t.Helper()
	f := formUnderTest{queue: &pagetest.Queue{}, log: &bytes.Buffer{}}
	config := Config{
		Service: serviceOf(t, f, "Contoso & Partners"), Random: rand.Reader,
		Fields: fieldsOf(t, "sponsor=optional inviteCode=optional"), Mail: branding.MailRules{RefuseDisposable: true},
	}
	for _, change := range changes {
		change(&config)
	}
	handler, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	f.Handler = handler
	return f
}

func serviceOf(t testing.TB, f formUnderTest, organisation string) site.Service {
	t.Helper()
	return site.Service{
		Style: pagetest.Style(organisation), Guards: guardsOf(t), Queue: f.queue, Now: func() time.Time { return pagetest.Morning },
		Log: slog.New(slog.NewJSONHandler(f.log, nil)),
	}
}

func fieldsOf(t testing.TB, text string) branding.Fields {
	t.Helper()
	fields, err := branding.ParseFields(text)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

// postAs returns a request that passes the guards of guardsOf: a form gets a token, JSON a key.
func postAs(contentType, text string) *http.Request {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	if media == pagetest.FormType && !strings.Contains(text, tokenField+"=") {
		text = strings.TrimPrefix(text+"&"+tokenField+"="+goodToken(), "&")
	}
	r := httptest.NewRequest(http.MethodPost, site.Root, strings.NewReader(text))
	r.Header.Set("Content-Type", contentType)
	if media == pagetest.JSONType {
		r.Header.Set(guard.KeyHeader, programKey)
	}
	return r
}

// ana returns what a browser sends for a valid sign-up.
func ana() url.Values {
	return url.Values{
		"email": {"Ana@Contoso.com"}, "givenName": {"Ana"}, "familyName": {"Silva"}, "company": {"Contoso Ltd"}, "country": {"PT"},
		"reason": {"Joint tender.\r\nUntil June."}, "sponsor": {"Bob@Partners.com"}, "inviteCode": {"Spring-2026"}, "language": {"pt-PT"},
	}
}

// anaJSON returns the same as JSON.
func anaJSON(t testing.TB) string {
	t.Helper()
	flat := map[string]string{}
	for name, texts := range ana() {
		flat[name] = texts[0]
	}
	encoded, err := json.Marshal(flat)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// only returns the one message on the queue.
func (f formUnderTest) only(t testing.TB) submission.Message {
	t.Helper()
	if len(f.queue.Messages) != 1 {
		t.Fatalf("%d messages on the queue, want 1", len(f.queue.Messages))
	}
	message, err := submission.DecodeMessage(f.queue.Messages[0])
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func TestSubmissionIsEnqueuedOnce(t *testing.T) {
	address, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	sponsor, err := submission.ParseAddress("bob@partners.com")
	if err != nil {
		t.Fatal(err)
	}
	want := submission.Submission{
		Email: address, Sponsor: sponsor, GivenName: "Ana", FamilyName: "Silva", Company: "Contoso Ltd", Country: "PT",
		Reason: "Joint tender.\nUntil June.", InviteCode: submission.HashCode("spring 2026"), Language: "pt-PT", SubmittedAt: pagetest.Morning.Truncate(time.Second),
	}
	tests := map[string]struct {
		contentType, body string
		status            int
	}{
		"form":                        {pagetest.FormType, ana().Encode(), http.StatusSeeOther},
		"form with charset":           {pagetest.FormType + "; charset=UTF-8", ana().Encode(), http.StatusSeeOther},
		"JSON":                        {pagetest.JSONType, anaJSON(t), http.StatusAccepted},
		"JSON with charset":           {`Application/JSON;charset="utf-8"`, anaJSON(t), http.StatusAccepted},
		"JSON with space around":      {pagetest.JSONType, "\r\n " + anaJSON(t) + " \n", http.StatusAccepted},
		"JSON with escaped names":     {pagetest.JSONType, strings.Replace(anaJSON(t), "email", `\u0065mail`, 1), http.StatusAccepted},
		"form in any order of fields": {pagetest.FormType, "reason=Joint+tender.%0AUntil+June.&sponsor=bob@partners.com&inviteCode=SPRING2026&language=pt-PT&country=pt&company=Contoso++Ltd&familyName=Silva&givenName=+Ana&email=ana@contoso.com", http.StatusSeeOther},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newForm(t)
			response := pagetest.Do(f, postAs(test.contentType, test.body))
			if response.StatusCode != test.status {
				t.Fatalf("status %d, want %d: %s", response.StatusCode, test.status, pagetest.Body(t, response))
			}
			if strings.Contains(strings.ToLower(string(f.queue.Messages[0])), "spring") {
				t.Error("the queue holds the invite code itself")
			}
			message := f.only(t)
			if *message.Submission != want {
				t.Errorf("(-want +got):\n%s", cmp.Diff(want, *message.Submission, cmp.AllowUnexported(submission.Address{})))
			}
			if !message.ID.Issued().Equal(pagetest.Morning.Truncate(time.Second)) {
				t.Errorf("the id was issued at %v", message.ID.Issued())
			}
			location := "/signup/" + string(message.ID)
			if got := response.Header.Get("Location"); got != location {
				t.Errorf("Location %q, want %q", got, location)
			}
			if test.status == http.StatusSeeOther {
				return
			}
			var answer map[string]string
			err := json.Unmarshal([]byte(pagetest.Body(t, response)), &answer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"id": string(message.ID), "reference": string(message.ID.Reference()), "status": location}, answer); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusedBodies(t *testing.T) {
	form := func(change func(url.Values)) string {
		values := ana()
		change(values)
		return values.Encode()
	}
	good := anaJSON(t)
	inJSON := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	tests := map[string]struct {
		contentType, body string
		code              problem.Code
		says              string // in the detail, or the fields and rules at fault
	}{
		"no content type":           {"", ana().Encode(), problem.UnsupportedMediaType, "application/json"},
		"broken content type":       {"application/json; charset", good, problem.UnsupportedMediaType, "application/json"},
		"multipart":                 {"multipart/form-data; boundary=x", "--x--", problem.UnsupportedMediaType, "application/json"},
		"plain text":                {"text/plain", good, problem.UnsupportedMediaType, "application/json"},
		"JSON of another kind":      {"application/ld+json", good, problem.UnsupportedMediaType, "application/json"},
		"JSON in UTF-16":            {"application/json; charset=utf-16", good, problem.UnsupportedMediaType, "UTF-8"},
		"form in Latin-1":           {pagetest.FormType + "; charset=iso-8859-1", ana().Encode(), problem.UnsupportedMediaType, "UTF-8"},
		"form too large":            {pagetest.FormType, form(func(v url.Values) { v.Set("reason", strings.Repeat("x", site.MaxBody)) }), problem.BodyTooLarge, "shorten"},
		"JSON too large":            {pagetest.JSONType, inJSON("Joint", strings.Repeat("x", site.MaxBody)), problem.BodyTooLarge, "shorten"},
		"spaces without end":        {pagetest.JSONType, strings.Repeat(" ", site.MaxBody+1), problem.BodyTooLarge, "shorten"},
		"form with bad escapes":     {pagetest.FormType, "email=%zz", problem.MalformedBody, "not encoded"},
		"form with semicolons":      {pagetest.FormType, "email=a@b.com;givenName=x", problem.MalformedBody, "not encoded"},
		"form with doubled field":   {pagetest.FormType, form(func(v url.Values) { v.Add("email", "eve@evil.com") }), problem.MalformedBody, "more than once"},
		"form sent as JSON":         {pagetest.JSONType, ana().Encode(), problem.MalformedBody, "not a JSON object"},
		"empty JSON":                {pagetest.JSONType, "", problem.MalformedBody, "empty"},
		"JSON null":                 {pagetest.JSONType, "null", problem.MalformedBody, "not a JSON object"},
		"JSON array":                {pagetest.JSONType, "[" + good + "]", problem.MalformedBody, "not a JSON object"},
		"JSON string":               {pagetest.JSONType, `"ana@contoso.com"`, problem.MalformedBody, "not a JSON object"},
		"half JSON":                 {pagetest.JSONType, good[:len(good)-10], problem.MalformedBody, "not valid"},
		"JSON with a comma more":    {pagetest.JSONType, strings.TrimSuffix(good, "}") + ",}", problem.MalformedBody, "not valid"},
		"JSON with a comment":       {pagetest.JSONType, "{/* x */" + good[1:], problem.MalformedBody, "not valid"},
		"JSON with a number name":   {pagetest.JSONType, "{1:2}", problem.MalformedBody, "not valid"},
		"JSON with a missing value": {pagetest.JSONType, `{"email":}`, problem.MalformedBody, "not valid"},
		"two JSON objects":          {pagetest.JSONType, good + good, problem.MalformedBody, "follows"},
		"text after JSON":           {pagetest.JSONType, good + "x", problem.MalformedBody, "follows"},
		"brace after JSON":          {pagetest.JSONType, good + "}", problem.MalformedBody, "follows"},
		"JSON with byte order":      {pagetest.JSONType, "\ufeff" + good, problem.MalformedBody, "not a JSON object"},
		"unknown property":          {pagetest.JSONType, inJSON(`"email"`, `"approved":true,"email"`), problem.MalformedBody, "not known"},
		"property in other case":    {pagetest.JSONType, inJSON(`"email"`, `"Email"`), problem.MalformedBody, "not known"},
		"doubled property":          {pagetest.JSONType, inJSON(`"email"`, `"email":"eve@evil.com","email"`), problem.MalformedBody, "more than once"},
		"doubled by an escape":      {pagetest.JSONType, inJSON(`"email"`, `"\u0065mail":"eve@evil.com","email"`), problem.MalformedBody, "more than once"},
		"number for text":           {pagetest.JSONType, inJSON(`"Ana"`, `1`), problem.MalformedBody, "givenName must be a string"},
		"null for text":             {pagetest.JSONType, inJSON(`"PT"`, `null`), problem.MalformedBody, "country must be a string"},
		"list for text":             {pagetest.JSONType, inJSON(`"Ana@Contoso.com"`, `["a@b.com"]`), problem.MalformedBody, "email must be a string"},
		"object for text":           {pagetest.JSONType, inJSON(`"Ana"`, `{"$gt":""}`), problem.MalformedBody, "givenName must be a string"},
		"deep nesting":              {pagetest.JSONType, `{"email":` + strings.Repeat("[", 20000), problem.MalformedBody, "not valid JSON"},
		"form without entries":      {pagetest.FormType, "language=en", problem.InvalidInput, "givenName/required email/required company/required"},
		"JSON sent as form":         {pagetest.FormType, good, problem.InvalidInput, "givenName/required email/required company/required"},
		"empty object":              {pagetest.JSONType, "{}", problem.InvalidInput, "givenName/required email/required company/required"},
		"bad address":               {pagetest.FormType, form(func(v url.Values) { v.Set("email", "ana+x@contoso.com") }), problem.InvalidInput, "email/plus"},
		"look-alike address":        {pagetest.JSONType, inJSON("Ana@Contoso.com", "ana@contоso.com"), problem.InvalidInput, "email/look-alike"},
		"two addresses":             {pagetest.JSONType, inJSON("Ana@Contoso.com", "ana@contoso.com,eve@evil.com"), problem.InvalidInput, "email/two-ats"},
		"header in the address":     {pagetest.FormType, form(func(v url.Values) { v.Set("email", "ana@contoso.com\r\nBcc: eve@evil.com") }), problem.InvalidInput, "email/invisible"},
		"header in the name":        {pagetest.FormType, form(func(v url.Values) { v.Set("givenName", "Ana\r\nSubject: x") }), problem.InvalidInput, "givenName/line"},
		"markup in the name":        {pagetest.JSONType, inJSON(`"Ana"`, `"\u003cb\u003e"`), problem.InvalidInput, "givenName/plain"},
		"no UTF-8 in the name":      {pagetest.FormType, "email=ana@contoso.com&givenName=Jos%E9&familyName=Silva&company=C", problem.InvalidInput, "givenName/intact"},
		"damaged by the host":       {pagetest.FormType, "email=ana@contoso.com&givenName=Jos\ufffd&familyName=Silva&company=C", problem.InvalidInput, "givenName/intact"},
		"half a surrogate":          {pagetest.JSONType, inJSON(`"Ana"`, `"\ud83d"`), problem.InvalidInput, "givenName/intact"},
		"null character":            {pagetest.JSONType, inJSON(`"Ana"`, `"A\u0000"`), problem.InvalidInput, "givenName/line"},
		"bad language in JSON":      {pagetest.JSONType, inJSON("pt-PT", "not a language"), problem.InvalidInput, "language/language"},
		"unknown country":           {pagetest.FormType, form(func(v url.Values) { v.Set("country", "ZZ") }), problem.InvalidInput, "country/iso3166_1_alpha2"},
		"long invite code":          {pagetest.JSONType, inJSON("Spring-2026", strings.Repeat("x", 65)), problem.InvalidInput, "inviteCode/max"},
		"long reason":               {pagetest.FormType, form(func(v url.Values) { v.Set("reason", strings.Repeat("x", 1001)) }), problem.InvalidInput, "reason/max"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newForm(t)
			r := postAs(test.contentType, test.body)
			r.Header.Set("Accept", pagetest.JSONType)
			if test.contentType == "" {
				r.Header.Del("Content-Type")
			}
			response := pagetest.Do(f, r)
			if response.StatusCode != problemdetails.Status(test.code) {
				t.Errorf("status %d, want %d", response.StatusCode, problemdetails.Status(test.code))
			}
			if len(f.queue.Messages) != 0 {
				t.Error("a refused submission is on the queue")
			}
			if f.log.Len() != 0 {
				t.Errorf("a refused submission is logged: %s", f.log)
			}
			text := pagetest.Body(t, response)
			if test.contentType == pagetest.JSONType || test.code == problem.UnsupportedMediaType {
				pagetest.CheckProblem(t, response, text, test.code, test.says)
				return
			}
			doc := pagetest.CheckPage(t, response, text)
			if test.code != problem.InvalidInput {
				says := map[problem.Code]string{problem.MalformedBody: "not what this form sends", problem.BodyTooLarge: "shorten"}[test.code]
				if !strings.Contains(doc.Text(), says) {
					t.Errorf("the page does not say %q: %s", says, doc.Text())
				}
				return
			}
			for pair := range strings.FieldsSeq(test.says) {
				field, _, _ := strings.Cut(pair, "/")
				if doc.ByID[field+"-error"] == nil {
					t.Errorf("the page has no error at %s", field)
				}
			}
		})
	}
}

func TestRefusedFormKeepsEntries(t *testing.T) {
	hostile := []string{
		`"><script>alert(1)</script>`, `' onfocus='alert(1)' x='`, `{{.Secret}} ${7*7} <%= 1 %>`, "</textarea><img src=x onerror=alert(1)>",
		"\nleading line break", "Ana\r\nSet-Cookie: x=1", "&amp;&lt;", "javascript:alert(1)", "\u202eevil", "</title><h1>x", "`${x}`",
		"--><!--", "]]>", "=cmd|' /C calc'!A0",
	}
	for _, text := range hostile {
		t.Run(text, func(t *testing.T) {
			f := newForm(t)
			values := ana()
			for _, name := range []string{"givenName", "familyName", "company", "reason", "email"} {
				values.Set(name, text)
			}
			values.Set("country", `PT" selected onclick="x`)
			response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
			if response.StatusCode != http.StatusUnprocessableEntity || len(f.queue.Messages) != 0 {
				t.Fatalf("status %d with %d messages", response.StatusCode, len(f.queue.Messages))
			}
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			for _, name := range []string{"givenName", "familyName", "company", "email"} {
				// Parsers read every line break as \n.
				if got := pagetest.Attribute(doc.ByID[name], "value"); got != strings.ReplaceAll(text, "\r\n", "\n") {
					t.Errorf("%s holds %q, typed was %q", name, got, text)
				}
			}
			if got := pagetest.Text(doc.ByID["reason"]); got != strings.ReplaceAll(text, "\r\n", "\n") {
				t.Errorf("the reason holds %q, typed was %q", got, text)
			}
			for name, values := range response.Header {
				if strings.ContainsAny(strings.Join(values, ""), "\r\n") || name == "Set-Cookie" {
					t.Errorf("header %s: %q", name, values)
				}
			}
		})
	}
}

func TestInvalidUTF8DoesNotBreakThePage(t *testing.T) {
	f := newForm(t)
	response := pagetest.Do(f, postAs(pagetest.FormType, "email=%FF%FE&givenName=%00&familyName=%C0%AF&company=%ED%A0%80&reason=%F4%90%80%80&country=%80&language=%FF"))
	if response.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d, want 422", response.StatusCode)
	}
	pagetest.CheckPage(t, response, pagetest.Body(t, response))
}

func TestQueueFailureKeepsEntries(t *testing.T) {
	failures := map[string]func(f *formUnderTest, config *Config){
		"queue": func(f *formUnderTest, _ *Config) {
			f.queue.Err = problem.New(problem.Internal, "outside of an invocation")
		},
		"foreign": func(f *formUnderTest, _ *Config) { f.queue.Err = errors.New("sending Ana@Contoso.com failed") },
	}
	for name, breakIt := range failures {
		t.Run(name, func(t *testing.T) {
			f := newForm(t)
			config := Config{Service: serviceOf(t, f, "Contoso"), Random: rand.Reader, Fields: fieldsOf(t, "")}
			breakIt(&f, &config)
			handler, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			response := pagetest.Do(handler, postAs(pagetest.FormType, ana().Encode()))
			if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Location") != "" || response.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, header %v", response.StatusCode, response.Header)
			}
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			if got := pagetest.Attribute(doc.ByID["email"], "value"); got != "Ana@Contoso.com" {
				t.Errorf("the address is lost: %q", got)
			}
			if doc.Hidden["language"] != "pt-PT" || !strings.Contains(doc.Text(), "Não foi enviado nada. Os seus dados continuam abaixo") {
				t.Error("the page does not say that nothing was taken")
			}

			response = pagetest.Do(handler, postAs(pagetest.JSONType, anaJSON(t)))
			if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, header %v", response.StatusCode, response.Header)
			}
			pagetest.CheckProblem(t, response, pagetest.Body(t, response), problem.StorageUnavailable, "try again")
			pagetest.CheckLog(t, f.log.String(), 2)
		})
	}
}

func TestJSONWithoutRandomnessIsRefused(t *testing.T) {
	f := newForm(t, func(c *Config) { c.Random = strings.NewReader("") })
	response := pagetest.Do(f, postAs(pagetest.JSONType, anaJSON(t)))
	pagetest.CheckProblem(t, response, pagetest.Body(t, response), problem.StorageUnavailable, "try again")
	if len(f.queue.Messages) != 0 {
		t.Error("a submission without an id is on the queue")
	}
	pagetest.CheckLog(t, f.log.String(), 1)
}

func TestLogHasTheRequestAndNoPersonalData(t *testing.T) {
	f := newForm(t)
	pagetest.Do(f, postAs(pagetest.FormType, ana().Encode()))
	pagetest.CheckLog(t, f.log.String(), 1)
	var line map[string]any
	err := json.Unmarshal(f.log.Bytes(), &line)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(line)); !slices.Equal(got, []string{"level", "msg", "request", "time"}) || line["request"] != string(f.only(t).ID) {
		t.Errorf("logged %v", line)
	}
}

func TestAnswerDoesNotDependOnThePartner(t *testing.T) {
	// The worker refuses some of these; the form must not know.
	var answers []string
	for _, email := range []string{"ana@contoso.com", "ana@contoso.com", "eve@evil.com", "admin@contoso.onmicrosoft.com", "x@пример.рф"} {
		f := newForm(t)
		values := ana()
		values.Set("email", email)
		response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
		id := string(f.only(t).ID)
		var answer bytes.Buffer
		err := response.Write(&answer)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, strings.ReplaceAll(answer.String(), id, "ID"))
	}
	for _, answer := range answers[1:] {
		if diff := cmp.Diff(answers[0], answer); diff != "" {
			t.Errorf("answers differ:\n%s", diff)
		}
	}
}

// forgetful is a queue that keeps nothing.
type forgetful struct{}

func (forgetful) Enqueue(context.Context, []byte) error { return nil }

// Allocations are compared, since times are not reliable on a busy machine.
func TestWorkDoesNotDependOnThePartner(t *testing.T) {
	f := newForm(t, func(c *Config) {
		c.Queue, c.Log = forgetful{}, slog.New(slog.DiscardHandler)
		c.Mail = branding.MailRules{RefuseFreeMail: true, RefuseDisposable: true}
	})
	work := map[string]float64{}
	for _, email := range []string{"ana@contoso.com", "eve@unknown.com", "bob@denieds.com", "eva@contoso.com"} {
		values := ana()
		values.Set("email", email)
		encoded := values.Encode()
		work[email] = testing.AllocsPerRun(200, func() {
			if response := pagetest.Do(f, postAs(pagetest.FormType, encoded)); response.StatusCode != http.StatusSeeOther {
				t.Fatalf("status %d", response.StatusCode)
			}
		})
	}
	for email, allocations := range work {
		// With the race detector, pools drop some of what they are given.
		if math.Abs(allocations-work["ana@contoso.com"]) > 2 {
			t.Errorf("%s costs %v allocations, a known partner %v", email, allocations, work["ana@contoso.com"])
		}
	}
}

func TestLanguageOfSubmission(t *testing.T) {
	tests := map[string]struct{ field, accept, want string }{
		"chosen":                 {"pt_br", "de", "pt-BR"},
		"browser":                {"", "pt-PT,pt;q=0.9,en;q=0.8", "pt-PT"},
		"by weight":              {"", "en;q=0.1, fr-CH;q=0.9", "fr-CH"},
		"bad choice":             {"not a language", "de", "de"},
		"long choice":            {"de-" + strings.Repeat("x", 100), "de", "de"},
		"none":                   {"", "", ""},
		"any":                    {"", "*", ""},
		"any, then one":          {"", "*;q=0.5, cs", "cs"},
		"undetermined":           {"und", "", ""},
		"broken header":          {"", "\"><script>", ""},
		"huge header":            {"", strings.Repeat("de,", 10000), ""},
		"many hyphens":           {"", strings.Repeat("a-", 400), ""},
		"refused by the browser": {"", "de;q=0, nl", "nl"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newForm(t)
			values := ana()
			values.Set("language", test.field)
			r := postAs(pagetest.FormType, values.Encode())
			r.Header.Set("Accept-Language", test.accept)
			pagetest.Do(f, r)
			if got := f.only(t).Submission.Language; got != test.want {
				t.Errorf("language %q, want %q", got, test.want)
			}
		})
	}
}

func TestJSONWithoutLanguageUsesAcceptLanguage(t *testing.T) {
	f := newForm(t)
	r := postAs(pagetest.JSONType, strings.Replace(anaJSON(t), "pt-PT", "", 1))
	r.Header.Set("Accept-Language", "nl-BE")
	pagetest.Do(f, r)
	if got := f.only(t).Submission.Language; got != "nl-BE" {
		t.Errorf("language %q, want nl-BE", got)
	}
}

func TestQueryFillsInTheForm(t *testing.T) {
	f := newForm(t)
	query := url.Values{
		"company": {`"Fabrikam" <&> Söhne`}, "country": {"de"}, "lang": {"de-AT"}, "reason": {"Project <X>"}, "email": {strings.Repeat("a", 300)},
		"utm_source": {"mail"}, "inviteCode": {"other"}, "code": {"spring-2026"}, "terms": {"1"}, "givenName": {"\xff"},
	}
	response := pagetest.Do(f, httptest.NewRequest(http.MethodGet, site.Root+"?"+query.Encode(), nil))
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	got := map[string]string{
		"company": pagetest.Attribute(doc.ByID["company"], "value"), "reason": pagetest.Text(doc.ByID["reason"]), "email": pagetest.Attribute(doc.ByID["email"], "value"),
		"givenName": pagetest.Attribute(doc.ByID["givenName"], "value"), "country": doc.Selected, "language": doc.Hidden["language"],
		"inviteCode": pagetest.Attribute(doc.ByID["inviteCode"], "value"),
	}
	want := map[string]string{
		"company": `"Fabrikam" <&> Söhne`, "reason": "Project <X>", "email": "", "givenName": "\ufffd", "country": "DE", "language": "de-AT",
		"inviteCode": "spring-2026",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(f.queue.Messages) != 0 {
		t.Error("looking at the form sent something")
	}
}

func TestMethodsOfTheForm(t *testing.T) {
	for _, method := range []string{"PUT", "DELETE", "PATCH", "TRACE", "get", ""} {
		f := newForm(t)
		r := httptest.NewRequest(http.MethodGet, site.Root, nil)
		r.Method = method
		response := pagetest.Do(f, r)
		if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD, POST, OPTIONS" {
			t.Errorf("%q: status %d, Allow %q", method, response.StatusCode, response.Header.Get("Allow"))
		}
		pagetest.CheckPage(t, response, pagetest.Body(t, response))
	}
	response := pagetest.Do(newForm(t), httptest.NewRequest(http.MethodHead, site.Root, nil))
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("HEAD: status %d, header %v", response.StatusCode, response.Header)
	}
}

func TestLargestFormOfBrowserIsRead(t *testing.T) {
	values := url.Values{"language": {strings.Repeat("x", 200)}}
	for _, d := range definitions {
		// maxlength counts UTF-16 units, which have at most three bytes of UTF-8.
		values.Set(d.name, strings.Repeat("漢", maxTyped*d.limit))
	}
	f := newForm(t)
	response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
	if response.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d for %d bytes, want the fields' own errors", response.StatusCode, len(values.Encode()))
	}
}

func TestLongestSubmissionIsAccepted(t *testing.T) {
	values := ana()
	values.Set("givenName", strings.Repeat("𠮷", submission.MaxName))
	values.Set("familyName", strings.Repeat("𠮷", submission.MaxName))
	values.Set("company", strings.Repeat("𠮷", submission.MaxCompany))
	values.Set("reason", strings.Repeat("𠮷", submission.MaxReason))
	response := pagetest.Do(newForm(t), postAs(pagetest.FormType, values.Encode()))
	if response.StatusCode != http.StatusSeeOther {
		t.Errorf("status %d for %d bytes", response.StatusCode, len(values.Encode()))
	}
}

func TestBrokenBodyIsRefused(t *testing.T) {
	f := newForm(t)
	r := postAs(pagetest.FormType, "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("email="), failingReader{}))
	response := pagetest.Do(f, r)
	if response.StatusCode != http.StatusBadRequest || len(f.queue.Messages) != 0 {
		t.Errorf("status %d", response.StatusCode)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestNewNeedsAllParts(t *testing.T) {
	good := Config{Service: serviceOf(t, formUnderTest{queue: &pagetest.Queue{}, log: &bytes.Buffer{}}, "Contoso"), Random: rand.Reader}
	_, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*Config){
		"queue":        func(c *Config) { c.Queue = nil },
		"clock":        func(c *Config) { c.Now = nil },
		"randomness":   func(c *Config) { c.Random = nil },
		"log":          func(c *Config) { c.Log = nil },
		"organisation": func(c *Config) { c.Style.Organisation = " " },
		"guards":       func(c *Config) { c.Guards = nil },
		"tokens":       func(c *Config) { c.Guards = guardsOf(t, func(c *guard.Config) { c.FormKeys = nil }) },
	}
	for name, breakIt := range tests {
		config := good
		breakIt(&config)
		_, err := New(config)
		if err == nil {
			t.Errorf("a form without %s was made", name)
		}
	}
}

// The form leads to the other app, its policy allows that, and the address has the language,
// which the cookie does not take there.
func TestFormLeadsToStatusPageOfAnotherApp(t *testing.T) {
	f := newForm(t, func(c *Config) { c.StatusOrigin = "https://status.contoso.com" })
	const want = "https://status.contoso.com/signup/"
	response := pagetest.Do(f, postAs(pagetest.FormType, ana().Encode()))
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, want) || !strings.HasSuffix(location, "?lang=pt") {
		t.Errorf("status %d, location %q", response.StatusCode, location)
	}
	response = pagetest.Do(f, postAs(pagetest.JSONType, anaJSON(t)))
	var answer struct{ Status string }
	err := json.Unmarshal([]byte(pagetest.Body(t, response)), &answer)
	if err != nil || answer.Status != response.Header.Get("Location") || !strings.HasPrefix(answer.Status, want) {
		t.Errorf("the answer says %q, location %q: %v", answer.Status, response.Header.Get("Location"), err)
	}
	page := pagetest.Do(f, httptest.NewRequest(http.MethodGet, site.Root, nil))
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://status.contoso.com;") {
		t.Errorf("the page's policy is %q", policy)
	}
}

func TestPolicyWithoutStatusOrigin(t *testing.T) {
	page := pagetest.Do(newForm(t), httptest.NewRequest(http.MethodGet, site.Root, nil))
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self';") {
		t.Errorf("the page's policy is %q", policy)
	}
}

func FuzzPost(f *testing.F) {
	form := newForm(f)
	f.Add(true, ana().Encode())
	f.Add(false, anaJSON(f))
	f.Add(true, "email=%FF&email=x")
	f.Add(false, `{"email":["`)
	f.Fuzz(func(t *testing.T, asForm bool, text string) {
		contentType := pagetest.JSONType
		if asForm {
			contentType = pagetest.FormType
		}
		form.queue.Messages = nil
		response := pagetest.Do(form, postAs(contentType, text))
		answer := pagetest.Body(t, response)
		switch response.StatusCode {
		case http.StatusSeeOther, http.StatusAccepted:
			message := form.only(t)
			if response.Header.Get("Location") != site.Root+"/"+string(message.ID) {
				t.Errorf("Location %q", response.Header.Get("Location"))
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			if len(form.queue.Messages) != 0 || answer == "" {
				t.Errorf("status %s with %d messages", strconv.Itoa(response.StatusCode), len(form.queue.Messages))
			}
		default:
			t.Errorf("status %d", response.StatusCode)
		}
	})
}

func BenchmarkForm(b *testing.B) {
	for name, query := range map[string]string{"opened": "lang=de", "in Arabic": "lang=ar", "filled in": "lang=de&company=Contoso&code=x"} {
		b.Run(name, func(b *testing.B) {
			f := newForm(b)
			r := httptest.NewRequest(http.MethodGet, site.Root+"?"+query, nil)
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				f.ServeHTTP(w, r)
				b.SetBytes(int64(w.Body.Len()))
			}
		})
	}
}

func BenchmarkPost(b *testing.B) {
	encoded, asJSON := ana().Encode(), anaJSON(b)
	for name, request := range map[string]func() *http.Request{
		"form":    func() *http.Request { return postAs(pagetest.FormType, encoded) },
		"JSON":    func() *http.Request { return postAs(pagetest.JSONType, asJSON) },
		"refused": func() *http.Request { return postAs(pagetest.FormType, "email=x") },
	} {
		b.Run(name, func(b *testing.B) {
			f := newForm(b)
			b.ReportAllocs()
			for b.Loop() {
				f.queue.Messages = f.queue.Messages[:0]
				f.log.Reset()
				f.ServeHTTP(httptest.NewRecorder(), request())
			}
		})
	}
}
