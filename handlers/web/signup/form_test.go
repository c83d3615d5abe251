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
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/branding"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/problemdetails"
)

var morning = time.Date(2026, 11, 23, 8, 30, 15, 500, time.UTC)

// fakeQueue keeps what it is given, or fails with err.
type fakeQueue struct {
	messages [][]byte
	err      error
}

func (q *fakeQueue) Enqueue(_ context.Context, message []byte) error {
	if q.err != nil {
		return q.err
	}
	q.messages = append(q.messages, bytes.Clone(message))
	return nil
}

// formUnderTest is a form with what stands behind it.
type formUnderTest struct {
	http.Handler
	queue *fakeQueue
	log   *bytes.Buffer
}

// newForm returns a form that shows every field but the terms, after the changes.
func newForm(t testing.TB, changes ...func(*FormConfig)) formUnderTest {
	t.Helper()
	f := formUnderTest{queue: &fakeQueue{}, log: &bytes.Buffer{}}
	config := FormConfig{
		Queue: f.queue, Now: func() time.Time { return morning }, Random: rand.Reader,
		Log: slog.New(slog.NewJSONHandler(f.log, nil)), Style: styleOf(t, "Contoso & Partners"),
		Fields: fieldsOf(t, "sponsor=optional inviteCode=optional"), Mail: branding.NewMailRules(false, true, nil), Guards: guardsOf(t),
	}
	for _, change := range changes {
		change(&config)
	}
	handler, err := NewForm(config)
	if err != nil {
		t.Fatal(err)
	}
	f.Handler = handler
	return f
}

// styleOf returns the style of an organisation that has set nothing but its name.
func styleOf(t testing.TB, organisation string) branding.Style {
	t.Helper()
	light, err := branding.ParseLight("#17567f")
	if err != nil {
		t.Fatal(err)
	}
	dark, err := branding.ParseDark("", light)
	if err != nil {
		t.Fatal(err)
	}
	return branding.Style{Organisation: organisation, Accent: branding.Accent{Light: light, Dark: dark}}
}

func fieldsOf(t testing.TB, text string) branding.Fields {
	t.Helper()
	fields, err := branding.ParseFields(text)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func do(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t testing.TB, response *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(data) {
		t.Errorf("the answer is no UTF-8, and the host passes nothing else")
	}
	return string(data)
}

// postAs makes a request that passes the guards of guardsOf: a form gets a token if it has none, JSON the key of a program.
func postAs(contentType, text string) *http.Request {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	if media == formType && !strings.Contains(text, tokenField+"=") {
		text = strings.TrimPrefix(text+"&"+tokenField+"="+goodToken(), "&")
	}
	r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(text))
	r.Header.Set("Content-Type", contentType)
	if media == jsonType {
		r.Header.Set(guard.KeyHeader, programKey)
	}
	return r
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// ana returns what a browser sends for a sign-up with nothing to complain about.
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
	if len(f.queue.messages) != 1 {
		t.Fatalf("%d messages on the queue, want 1", len(f.queue.messages))
	}
	message, err := submission.DecodeMessage(f.queue.messages[0])
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func TestASubmissionGoesOnTheQueueOnce(t *testing.T) {
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
		Reason: "Joint tender.\nUntil June.", InviteCode: submission.HashCode("spring 2026"), Language: "pt-PT", SubmittedAt: morning.Truncate(time.Second),
	}
	tests := map[string]struct {
		contentType, body string
		status            int
	}{
		"form":                        {formType, ana().Encode(), http.StatusSeeOther},
		"form with charset":           {formType + "; charset=UTF-8", ana().Encode(), http.StatusSeeOther},
		"JSON":                        {jsonType, anaJSON(t), http.StatusAccepted},
		"JSON with charset":           {`Application/JSON;charset="utf-8"`, anaJSON(t), http.StatusAccepted},
		"JSON with space around":      {jsonType, "\r\n " + anaJSON(t) + " \n", http.StatusAccepted},
		"JSON with escaped names":     {jsonType, strings.Replace(anaJSON(t), "email", `\u0065mail`, 1), http.StatusAccepted},
		"form in any order of fields": {formType, "reason=Joint+tender.%0AUntil+June.&sponsor=bob@partners.com&inviteCode=SPRING2026&language=pt-PT&country=pt&company=Contoso++Ltd&familyName=Silva&givenName=+Ana&email=ana@contoso.com", http.StatusSeeOther},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newForm(t)
			response := do(f, postAs(test.contentType, test.body))
			if response.StatusCode != test.status {
				t.Fatalf("status %d, want %d: %s", response.StatusCode, test.status, body(t, response))
			}
			if strings.Contains(strings.ToLower(string(f.queue.messages[0])), "spring") {
				t.Error("the queue holds the invite code itself")
			}
			message := f.only(t)
			if *message.Submission != want {
				t.Errorf("(-want +got):\n%s", cmp.Diff(want, *message.Submission, cmp.AllowUnexported(submission.Address{})))
			}
			if !message.ID.Issued().Equal(morning.Truncate(time.Second)) {
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
			err := json.Unmarshal([]byte(body(t, response)), &answer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"id": string(message.ID), "status": location}, answer); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
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
		"form in Latin-1":           {formType + "; charset=iso-8859-1", ana().Encode(), problem.UnsupportedMediaType, "UTF-8"},
		"form too large":            {formType, form(func(v url.Values) { v.Set("reason", strings.Repeat("x", maxBody)) }), problem.BodyTooLarge, "shorten"},
		"JSON too large":            {jsonType, inJSON("Joint", strings.Repeat("x", maxBody)), problem.BodyTooLarge, "shorten"},
		"spaces without end":        {jsonType, strings.Repeat(" ", maxBody+1), problem.BodyTooLarge, "shorten"},
		"form with bad escapes":     {formType, "email=%zz", problem.MalformedBody, "not encoded"},
		"form with semicolons":      {formType, "email=a@b.com;givenName=x", problem.MalformedBody, "not encoded"},
		"form with unknown field":   {formType, form(func(v url.Values) { v.Set("groups", "admins") }), problem.MalformedBody, "not known"},
		"form with other case":      {formType, form(func(v url.Values) { v.Set("Email", "a@b.com") }), problem.MalformedBody, "not known"},
		"form with doubled field":   {formType, form(func(v url.Values) { v.Add("email", "eve@evil.com") }), problem.MalformedBody, "more than once"},
		"form with array field":     {formType, form(func(v url.Values) { v.Set("email[]", "eve@evil.com") }), problem.MalformedBody, "not known"},
		"JSON sent as form":         {formType, good, problem.MalformedBody, "not known"},
		"form sent as JSON":         {jsonType, ana().Encode(), problem.MalformedBody, "not a JSON object"},
		"empty JSON":                {jsonType, "", problem.MalformedBody, "empty"},
		"JSON null":                 {jsonType, "null", problem.MalformedBody, "not a JSON object"},
		"JSON array":                {jsonType, "[" + good + "]", problem.MalformedBody, "not a JSON object"},
		"JSON string":               {jsonType, `"ana@contoso.com"`, problem.MalformedBody, "not a JSON object"},
		"half JSON":                 {jsonType, good[:len(good)-10], problem.MalformedBody, "not valid"},
		"JSON with a comma more":    {jsonType, strings.TrimSuffix(good, "}") + ",}", problem.MalformedBody, "not valid"},
		"JSON with a comment":       {jsonType, "{/* x */" + good[1:], problem.MalformedBody, "not valid"},
		"JSON with a number name":   {jsonType, "{1:2}", problem.MalformedBody, "not valid"},
		"JSON with a missing value": {jsonType, `{"email":}`, problem.MalformedBody, "not valid"},
		"two JSON objects":          {jsonType, good + good, problem.MalformedBody, "follows"},
		"text after JSON":           {jsonType, good + "x", problem.MalformedBody, "follows"},
		"brace after JSON":          {jsonType, good + "}", problem.MalformedBody, "follows"},
		"JSON with byte order":      {jsonType, "\ufeff" + good, problem.MalformedBody, "not a JSON object"},
		"unknown property":          {jsonType, inJSON(`"email"`, `"approved":true,"email"`), problem.MalformedBody, "not known"},
		"property in other case":    {jsonType, inJSON(`"email"`, `"Email"`), problem.MalformedBody, "not known"},
		"doubled property":          {jsonType, inJSON(`"email"`, `"email":"eve@evil.com","email"`), problem.MalformedBody, "more than once"},
		"doubled by an escape":      {jsonType, inJSON(`"email"`, `"\u0065mail":"eve@evil.com","email"`), problem.MalformedBody, "more than once"},
		"number for text":           {jsonType, inJSON(`"Ana"`, `1`), problem.MalformedBody, "givenName must be a string"},
		"null for text":             {jsonType, inJSON(`"PT"`, `null`), problem.MalformedBody, "country must be a string"},
		"list for text":             {jsonType, inJSON(`"Ana@Contoso.com"`, `["a@b.com"]`), problem.MalformedBody, "email must be a string"},
		"object for text":           {jsonType, inJSON(`"Ana"`, `{"$gt":""}`), problem.MalformedBody, "givenName must be a string"},
		"deep nesting":              {jsonType, `{"email":` + strings.Repeat("[", 20000), problem.MalformedBody, "not valid JSON"},
		"empty form":                {formType, "", problem.InvalidInput, "givenName/required familyName/required email/required company/required"},
		"empty object":              {jsonType, "{}", problem.InvalidInput, "givenName/required familyName/required email/required company/required"},
		"bad address":               {formType, form(func(v url.Values) { v.Set("email", "ana+x@contoso.com") }), problem.InvalidInput, "email/plus"},
		"look-alike address":        {jsonType, inJSON("Ana@Contoso.com", "ana@contоso.com"), problem.InvalidInput, "email/look-alike"},
		"two addresses":             {jsonType, inJSON("Ana@Contoso.com", "ana@contoso.com,eve@evil.com"), problem.InvalidInput, "email/two-ats"},
		"header in the address":     {formType, form(func(v url.Values) { v.Set("email", "ana@contoso.com\r\nBcc: eve@evil.com") }), problem.InvalidInput, "email/invisible"},
		"header in the name":        {formType, form(func(v url.Values) { v.Set("givenName", "Ana\r\nSubject: x") }), problem.InvalidInput, "givenName/line"},
		"markup in the name":        {jsonType, inJSON(`"Ana"`, `"\u003cb\u003e"`), problem.InvalidInput, "givenName/plain"},
		"no UTF-8 in the name":      {formType, "email=ana@contoso.com&givenName=Jos%E9&familyName=Silva&company=C", problem.InvalidInput, "givenName/intact"},
		"damaged by the host":       {formType, "email=ana@contoso.com&givenName=Jos\ufffd&familyName=Silva&company=C", problem.InvalidInput, "givenName/intact"},
		"half a surrogate":          {jsonType, inJSON(`"Ana"`, `"\ud83d"`), problem.InvalidInput, "givenName/intact"},
		"null character":            {jsonType, inJSON(`"Ana"`, `"A\u0000"`), problem.InvalidInput, "givenName/line"},
		"bad language in JSON":      {jsonType, inJSON("pt-PT", "not a language"), problem.InvalidInput, "language/language"},
		"unknown country":           {formType, form(func(v url.Values) { v.Set("country", "ZZ") }), problem.InvalidInput, "country/iso3166_1_alpha2"},
		"long invite code":          {jsonType, inJSON("Spring-2026", strings.Repeat("x", 65)), problem.InvalidInput, "inviteCode/max"},
		"long reason":               {formType, form(func(v url.Values) { v.Set("reason", strings.Repeat("x", 1001)) }), problem.InvalidInput, "reason/max"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newForm(t)
			r := postAs(test.contentType, test.body)
			r.Header.Set("Accept", jsonType)
			if test.contentType == "" {
				r.Header.Del("Content-Type")
			}
			response := do(f, r)
			if response.StatusCode != problemdetails.Status(test.code) {
				t.Errorf("status %d, want %d", response.StatusCode, problemdetails.Status(test.code))
			}
			if len(f.queue.messages) != 0 {
				t.Error("a refused submission is on the queue")
			}
			if f.log.Len() != 0 {
				t.Errorf("a refused submission is logged: %s", f.log)
			}
			text := body(t, response)
			if test.contentType == jsonType || test.code == problem.UnsupportedMediaType {
				checkProblem(t, response, text, test.code, test.says)
				return
			}
			doc := checkPage(t, response, text)
			if test.code != problem.InvalidInput {
				says := map[problem.Code]string{problem.MalformedBody: "not what this form sends", problem.BodyTooLarge: "shorten"}[test.code]
				if !strings.Contains(doc.text(), says) {
					t.Errorf("the page does not say %q: %s", says, doc.text())
				}
				return
			}
			for pair := range strings.FieldsSeq(test.says) {
				field, _, _ := strings.Cut(pair, "/")
				if doc.byID[field+"-error"] == nil {
					t.Errorf("the page has no error at %s", field)
				}
			}
		})
	}
}

// checkProblem holds an answer to RFC 9457.
func checkProblem(t *testing.T, response *http.Response, text string, code problem.Code, says string) {
	t.Helper()
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	var got problemDetails
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&got)
	if err != nil {
		t.Fatal(err)
	}
	if got.Type != "urn:guestlist:problem:"+string(code) || got.Code != code || got.Status != problemdetails.Status(code) || got.Title != problemdetails.Title(code) || got.Detail == "" {
		t.Errorf("problem %+v", got)
	}
	if code != problem.InvalidInput {
		if !strings.Contains(got.Detail, says) {
			t.Errorf("detail %q does not say %q", got.Detail, says)
		}
		return
	}
	var pairs []string
	for _, field := range got.Errors {
		pairs = append(pairs, field.Name+"/"+field.Rule)
		if field.Message == "" {
			t.Errorf("%s/%s has no message", field.Name, field.Rule)
		}
	}
	if diff := cmp.Diff(says, strings.Join(pairs, " ")); diff != "" {
		t.Errorf("fields at fault (-want +got):\n%s", diff)
	}
}

func TestARefusedFormKeepsWhatWasTyped(t *testing.T) {
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
			response := do(f, postAs(formType, values.Encode()))
			if response.StatusCode != http.StatusUnprocessableEntity || len(f.queue.messages) != 0 {
				t.Fatalf("status %d with %d messages", response.StatusCode, len(f.queue.messages))
			}
			doc := checkPage(t, response, body(t, response))
			for _, name := range []string{"givenName", "familyName", "company", "email"} {
				// Parsers read a line break of any kind as \n.
				if got := attribute(doc.byID[name], "value"); got != strings.ReplaceAll(text, "\r\n", "\n") {
					t.Errorf("%s holds %q, typed was %q", name, got, text)
				}
			}
			if got := textOf(doc.byID["reason"]); got != strings.ReplaceAll(text, "\r\n", "\n") {
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

func TestBytesThatAreNoTextDoNotBreakThePage(t *testing.T) {
	f := newForm(t)
	response := do(f, postAs(formType, "email=%FF%FE&givenName=%00&familyName=%C0%AF&company=%ED%A0%80&reason=%F4%90%80%80&country=%80&language=%FF"))
	if response.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d, want 422", response.StatusCode)
	}
	checkPage(t, response, body(t, response))
}

func TestAQueueThatFailsLosesNothing(t *testing.T) {
	failures := map[string]func(f *formUnderTest, config *FormConfig){
		"queue": func(f *formUnderTest, _ *FormConfig) {
			f.queue.err = problem.New(problem.Internal, "outside of an invocation")
		},
		"foreign": func(f *formUnderTest, _ *FormConfig) { f.queue.err = errors.New("sending Ana@Contoso.com failed") },
	}
	for name, breakIt := range failures {
		t.Run(name, func(t *testing.T) {
			f := newForm(t)
			config := FormConfig{
				Queue: f.queue, Now: func() time.Time { return morning }, Random: rand.Reader,
				Log: slog.New(slog.NewJSONHandler(f.log, nil)), Style: styleOf(t, "Contoso"), Fields: fieldsOf(t, ""), Guards: guardsOf(t),
			}
			breakIt(&f, &config)
			handler, err := NewForm(config)
			if err != nil {
				t.Fatal(err)
			}
			response := do(handler, postAs(formType, ana().Encode()))
			if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Location") != "" || response.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, header %v", response.StatusCode, response.Header)
			}
			doc := checkPage(t, response, body(t, response))
			if got := attribute(doc.byID["email"], "value"); got != "Ana@Contoso.com" {
				t.Errorf("the address is lost: %q", got)
			}
			if doc.hidden["language"] != "pt-PT" || !strings.Contains(doc.text(), "Não foi enviado nada. Os seus dados continuam abaixo") {
				t.Error("the page does not say that nothing was taken")
			}

			response = do(handler, postAs(jsonType, anaJSON(t)))
			if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, header %v", response.StatusCode, response.Header)
			}
			checkProblem(t, response, body(t, response), problem.StorageUnavailable, "try again")
			checkLog(t, f.log.String(), 2)
		})
	}
}

func TestAProgramGetsNoIDWithoutRandomness(t *testing.T) {
	f := newForm(t, func(c *FormConfig) { c.Random = strings.NewReader("") })
	response := do(f, postAs(jsonType, anaJSON(t)))
	checkProblem(t, response, body(t, response), problem.StorageUnavailable, "try again")
	if len(f.queue.messages) != 0 {
		t.Error("a submission without an id is on the queue")
	}
	checkLog(t, f.log.String(), 1)
}

// anyID is the form of the ids of submissions, whose random part can spell anything.
var anyID = regexp.MustCompile(`\b[0-9a-v]{34}\b`)

// checkLog holds the log to its number of lines, and to knowing nobody.
func checkLog(t *testing.T, log string, lines int) {
	t.Helper()
	log = anyID.ReplaceAllString(log, "ID")
	if got := strings.Count(log, "\n"); got != lines {
		t.Errorf("%d lines logged, want %d: %s", got, lines, log)
	}
	for _, private := range []string{"ana", "contoso", "silva", "tender", "spring"} {
		if strings.Contains(strings.ToLower(log), private) {
			t.Errorf("%q is in the log: %s", private, log)
		}
	}
}

func TestTheLogKnowsTheRequestAndNobody(t *testing.T) {
	f := newForm(t)
	do(f, postAs(formType, ana().Encode()))
	checkLog(t, f.log.String(), 1)
	var line map[string]any
	err := json.Unmarshal(f.log.Bytes(), &line)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(line)); !slices.Equal(got, []string{"level", "msg", "request", "time"}) || line["request"] != string(f.only(t).ID) {
		t.Errorf("logged %v", line)
	}
}

func TestTheAnswerDependsOnTheFormAlone(t *testing.T) {
	// The worker refuses some of these; the form must not know.
	var answers []string
	for _, email := range []string{"ana@contoso.com", "ana@contoso.com", "eve@evil.com", "admin@contoso.onmicrosoft.com", "x@пример.рф"} {
		f := newForm(t)
		values := ana()
		values.Set("email", email)
		response := do(f, postAs(formType, values.Encode()))
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

// forgetful is a queue that keeps nothing, and does the same for every message.
type forgetful struct{}

func (forgetful) Enqueue(context.Context, []byte) error { return nil }

// Time can't be compared in a test that must not fail on a busy machine; the work can. It is the same whoever signs up.
func TestTheWorkDependsOnTheFormAlone(t *testing.T) {
	f := newForm(t, func(c *FormConfig) {
		c.Queue, c.Log = forgetful{}, slog.New(slog.DiscardHandler)
		c.Mail = branding.NewMailRules(true, true, nil)
	})
	work := map[string]float64{}
	for _, email := range []string{"ana@contoso.com", "eve@unknown.com", "bob@denieds.com", "eva@contoso.com"} {
		values := ana()
		values.Set("email", email)
		encoded := values.Encode()
		work[email] = testing.AllocsPerRun(200, func() {
			if response := do(f, postAs(formType, encoded)); response.StatusCode != http.StatusSeeOther {
				t.Fatalf("status %d", response.StatusCode)
			}
		})
	}
	for email, allocations := range work {
		if allocations != work["ana@contoso.com"] {
			t.Errorf("%s costs %v allocations, a known partner %v", email, allocations, work["ana@contoso.com"])
		}
	}
}

func TestTheLanguageIsTheOneAskedFor(t *testing.T) {
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
			r := postAs(formType, values.Encode())
			r.Header.Set("Accept-Language", test.accept)
			do(f, r)
			if got := f.only(t).Submission.Language; got != test.want {
				t.Errorf("language %q, want %q", got, test.want)
			}
		})
	}
}

func TestJSONWithoutALanguageTakesTheHeader(t *testing.T) {
	f := newForm(t)
	r := postAs(jsonType, strings.Replace(anaJSON(t), "pt-PT", "", 1))
	r.Header.Set("Accept-Language", "nl-BE")
	do(f, r)
	if got := f.only(t).Submission.Language; got != "nl-BE" {
		t.Errorf("language %q, want nl-BE", got)
	}
}

func TestTheFormCanBeFilledInBeforehand(t *testing.T) {
	f := newForm(t)
	query := url.Values{
		"company": {`"Fabrikam" <&> Söhne`}, "country": {"de"}, "lang": {"de-AT"}, "reason": {"Project <X>"}, "email": {strings.Repeat("a", 300)},
		"utm_source": {"mail"}, "inviteCode": {"other"}, "code": {"spring-2026"}, "terms": {"1"}, "givenName": {"\xff"},
	}
	response := do(f, httptest.NewRequest(http.MethodGet, Path+"?"+query.Encode(), nil))
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	doc := checkPage(t, response, body(t, response))
	got := map[string]string{
		"company": attribute(doc.byID["company"], "value"), "reason": textOf(doc.byID["reason"]), "email": attribute(doc.byID["email"], "value"),
		"givenName": attribute(doc.byID["givenName"], "value"), "country": doc.selected, "language": doc.hidden["language"],
		"inviteCode": attribute(doc.byID["inviteCode"], "value"),
	}
	want := map[string]string{
		"company": `"Fabrikam" <&> Söhne`, "reason": "Project <X>", "email": "", "givenName": "\ufffd", "country": "DE", "language": "de-AT",
		"inviteCode": "spring-2026",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(f.queue.messages) != 0 {
		t.Error("looking at the form sent something")
	}
}

func TestMethodsOfTheForm(t *testing.T) {
	for _, method := range []string{"PUT", "DELETE", "PATCH", "TRACE", "get", ""} {
		f := newForm(t)
		r := httptest.NewRequest(http.MethodGet, Path, nil)
		r.Method = method
		response := do(f, r)
		if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD, POST, OPTIONS" {
			t.Errorf("%q: status %d, Allow %q", method, response.StatusCode, response.Header.Get("Allow"))
		}
		checkPage(t, response, body(t, response))
	}
	response := do(newForm(t), httptest.NewRequest(http.MethodHead, Path, nil))
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("HEAD: status %d, header %v", response.StatusCode, response.Header)
	}
}

func TestTheLargestFormOfABrowserIsRead(t *testing.T) {
	values := url.Values{"language": {strings.Repeat("x", 200)}}
	for _, d := range definitions {
		// maxlength counts UTF-16 units. Three bytes of UTF-8 for one unit is the most there is.
		values.Set(d.name, strings.Repeat("漢", maxTyped*d.limit))
	}
	f := newForm(t)
	response := do(f, postAs(formType, values.Encode()))
	if response.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d for %d bytes, want the fields' own errors", response.StatusCode, len(values.Encode()))
	}
}

func TestALongestSubmissionIsTaken(t *testing.T) {
	values := ana()
	values.Set("givenName", strings.Repeat("𠮷", submission.MaxName))
	values.Set("familyName", strings.Repeat("𠮷", submission.MaxName))
	values.Set("company", strings.Repeat("𠮷", submission.MaxCompany))
	values.Set("reason", strings.Repeat("𠮷", submission.MaxReason))
	response := do(newForm(t), postAs(formType, values.Encode()))
	if response.StatusCode != http.StatusSeeOther {
		t.Errorf("status %d for %d bytes", response.StatusCode, len(values.Encode()))
	}
}

func TestABrokenBodyIsRefused(t *testing.T) {
	f := newForm(t)
	r := postAs(formType, "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("email="), failingReader{}))
	response := do(f, r)
	if response.StatusCode != http.StatusBadRequest || len(f.queue.messages) != 0 {
		t.Errorf("status %d", response.StatusCode)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAFormNeedsAllItsParts(t *testing.T) {
	good := FormConfig{
		Queue: &fakeQueue{}, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Style: styleOf(t, "Contoso"),
	}
	tests := map[string]func(*FormConfig){
		"queue":        func(c *FormConfig) { c.Queue = nil },
		"clock":        func(c *FormConfig) { c.Now = nil },
		"randomness":   func(c *FormConfig) { c.Random = nil },
		"log":          func(c *FormConfig) { c.Log = nil },
		"organisation": func(c *FormConfig) { c.Style.Organisation = " " },
	}
	for name, breakIt := range tests {
		config := good
		breakIt(&config)
		_, err := NewForm(config)
		if err == nil {
			t.Errorf("a form without %s was made", name)
		}
	}
}

func TestPrefersJSON(t *testing.T) {
	tests := map[string]bool{
		"": false, "*/*": false, "text/html": false, "application/json": true, "application/problem+json": true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": false,
		"application/json, text/html;q=0.9":                               true,
		"application/json;q=0.5, text/html":                               false,
		"application/json;q=0":                                            false,
		"application/json;q=x":                                            false,
		"application/json, */*":                                           true,
		strings.Repeat("application/json,", 100):                          false,
		";;;":                                                             false,
	}
	for accept, want := range tests {
		r := httptest.NewRequest(http.MethodGet, Path, nil)
		r.Header.Set("Accept", accept)
		if got := prefersJSON(r); got != want {
			t.Errorf("%q: %t, want %t", accept, got, want)
		}
	}
}

func FuzzPost(f *testing.F) {
	form := newForm(f)
	f.Add(true, ana().Encode())
	f.Add(false, anaJSON(f))
	f.Add(true, "email=%FF&email=x")
	f.Add(false, `{"email":["`)
	f.Fuzz(func(t *testing.T, asForm bool, text string) {
		contentType := jsonType
		if asForm {
			contentType = formType
		}
		form.queue.messages = nil
		response := do(form, postAs(contentType, text))
		answer := body(t, response)
		switch response.StatusCode {
		case http.StatusSeeOther, http.StatusAccepted:
			message := form.only(t)
			if response.Header.Get("Location") != Path+"/"+string(message.ID) {
				t.Errorf("Location %q", response.Header.Get("Location"))
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			if len(form.queue.messages) != 0 || answer == "" {
				t.Errorf("status %s with %d messages", strconv.Itoa(response.StatusCode), len(form.queue.messages))
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
			r := httptest.NewRequest(http.MethodGet, Path+"?"+query, nil)
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
		"form":    func() *http.Request { return postAs(formType, encoded) },
		"JSON":    func() *http.Request { return postAs(jsonType, asJSON) },
		"refused": func() *http.Request { return postAs(formType, "email=x") },
	} {
		b.Run(name, func(b *testing.B) {
			f := newForm(b)
			b.ReportAllocs()
			for b.Loop() {
				f.queue.messages = f.queue.messages[:0]
				f.log.Reset()
				f.ServeHTTP(httptest.NewRecorder(), request())
			}
		})
	}
}
