package web

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
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"guestlist/handlers/dev/captchasim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/route"
	"guestlist/handlers/web/signup"
	"guestlist/handlers/web/site"
	"guestlist/handlers/web/status"
)

// contract is docs/openapi.yaml.
type contract struct {
	document map[string]any
	compiler *jsonschema.Compiler
	seen     map[string]bool // "method path status" that an answer was held to
}

const contractURL = "https://guestlist.example/openapi.json"

func readContract(t *testing.T) *contract {
	t.Helper()
	content, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var fromYAML any
	err = yaml.Unmarshal(content, &fromYAML)
	if err != nil {
		t.Fatal(err)
	}
	// Through JSON, since YAML has other types of numbers.
	encoded, err := json.Marshal(fromYAML)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(document)
	c := &contract{document: document.(map[string]any), compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020) // what OpenAPI 3.1 builds on
	err = c.compiler.AddResource(contractURL, document)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// closeObjects lets no object have properties that are not described. Clients must take them, since
// answers may gain some; the answers of today have none.
func closeObjects(schema any) {
	switch s := schema.(type) {
	case []any:
		for _, item := range s {
			closeObjects(item)
		}
	case map[string]any:
		for _, item := range s {
			closeObjects(item)
		}
		if s["type"] == "object" {
			s["additionalProperties"] = false
		}
	}
}

// at returns the value at the path and its pointer. It follows references on the way.
func (c *contract) at(path ...string) (map[string]any, string) {
	at, pointer := c.document, ""
	for _, name := range path {
		next, _ := at[name].(map[string]any)
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		reference, _ := next["$ref"].(string)
		if reference != "" {
			return c.at(append(strings.Split(strings.TrimPrefix(reference, "#/"), "/"), path[slices.Index(path, name)+1:]...)...)
		}
		at = next
	}
	return at, pointer
}

// valid checks a JSON value against the schema at the pointer.
func (c *contract) valid(t *testing.T, pointer, text string) error {
	t.Helper()
	schema, err := c.compiler.Compile(contractURL + "#" + strings.ReplaceAll(pointer, "{", "%7B"))
	if err != nil {
		t.Fatalf("the schema at %s: %v", pointer, err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// holds checks an answer against the contract: status, content type, required headers and body.
func (c *contract) holds(t *testing.T, method, path string, response *http.Response) {
	t.Helper()
	text := pagetest.Body(t, response)
	status := strconv.Itoa(response.StatusCode)
	method = strings.ToLower(method)
	answer, _ := c.at("paths", path, method, "responses", status)
	if answer == nil {
		t.Errorf("%s %s: the contract knows no status %s: %s", method, path, status, text)
		return
	}
	c.seen[method+" "+path+" "+status] = true
	headers, _ := answer["headers"].(map[string]any)
	for name, header := range headers {
		required, _ := header.(map[string]any)["required"].(bool)
		if required && response.Header.Get(name) == "" {
			t.Errorf("%s %s %s: there is no header %s", method, path, status, name)
		}
	}
	content, _ := answer["content"].(map[string]any)
	kind := response.Header.Get("Content-Type")
	if len(content) == 0 {
		if text != "" {
			t.Errorf("%s %s %s: the contract knows no body: %s", method, path, status, text)
		}
		return
	}
	_, pointer := c.at("paths", path, method, "responses", status, "content", kind)
	if content[kind] == nil {
		t.Errorf("%s %s %s: the contract knows no content type %q", method, path, status, kind)
		return
	}
	err := c.valid(t, pointer+"/schema", text)
	if err != nil {
		t.Errorf("%s %s %s: %v\n%s", method, path, status, err, text)
	}
}

const (
	formKey    = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"
	programKey = "Jh2v9QeX7sKd4NwLz0RfTyBu6MgCp1Ao"
)

// newGuards returns guards that take five posts at once from a client, and JSON from a program
// and from pages of one site.
func newGuards(t *testing.T, burst int, captcha guard.Captcha) *guard.Guards {
	t.Helper()
	guards, err := guard.New(guard.Config{
		FormKeys: []string{formKey}, FormLifetime: time.Hour, JSONKeys: []string{programKey}, JSONOrigins: []string{"https://www.fabrikam.com"},
		Limit: guard.Limit{Burst: burst, Every: time.Hour}, Captcha: captcha,
	}, func() time.Time { return pagetest.Morning }, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return guards
}

// newForm returns a form that asks for a captcha.
func newForm(t *testing.T, queue signup.Queue) http.Handler {
	t.Helper()
	now := func() time.Time { return pagetest.Morning }
	service := httptest.NewServer(captchasim.New(now))
	t.Cleanup(service.Close)
	form, err := signup.New(signup.Config{
		Queue: queue, Now: now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Style: pagetest.Style(t, "Contoso"),
		Guards: newGuards(t, 5, guard.Captcha{Provider: "turnstile", SiteKey: captchasim.SiteKey, Secret: captchasim.Secret, URL: service.URL}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return form
}

// progress is a store with one request, or one that fails with err.
type progress struct {
	known submission.ID
	is    request.Progress
	err   error
}

func (p *progress) Progress(_ context.Context, id submission.ID) (request.Progress, error) {
	if p.err == nil && id != p.known {
		return request.Progress{}, problem.New(problem.NotFound, "no request %s", id)
	}
	return p.is, p.err
}

// post sends a body, with further headers as names and values.
func post(h http.Handler, path, contentType, text string, header ...string) *http.Response {
	r := httptest.NewRequest(http.MethodPost, path, io.NopCloser(strings.NewReader(text)))
	r.SetPathValue("id", strings.TrimPrefix(path, route.Signup+"/"))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", pagetest.JSONType)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return pagetest.Do(h, r)
}

const goodSubmission = `{"email":"Ana@Contoso.com","givenName":"Ana","familyName":"Silva","company":"Contoso Ltd","country":"PT",` +
	`"reason":"Joint tender.","sponsor":"Bob@Partners.com","inviteCode":"Spring-2026","language":"pt-PT"}`

// Every answer of the JSON interface is described in docs/openapi.yaml, and every described one
// is given.
func TestAnswersAreThoseOfTheContract(t *testing.T) {
	c := readContract(t)
	err := c.valid(t, "/components/schemas/Submission", goodSubmission)
	if err != nil {
		t.Fatalf("the submission is not one of the contract's: %v", err)
	}
	c.checkForm(t)
	c.checkStatus(t)

	var described []string
	paths, _ := c.at("paths")
	for path, item := range paths {
		for method, operation := range item.(map[string]any) {
			operation, isOperation := operation.(map[string]any)
			if !isOperation {
				continue // the path's parameters
			}
			for code := range operation["responses"].(map[string]any) {
				described = append(described, method+" "+path+" "+code)
			}
		}
	}
	slices.Sort(described)
	if diff := cmp.Diff(described, slices.Sorted(maps.Keys(c.seen))); diff != "" {
		t.Errorf("described and never given (-), or the other way round (+):\n%s", diff)
	}
}

func (c *contract) checkForm(t *testing.T) {
	queue := &pagetest.Queue{}
	form := newForm(t, queue)
	key, listed, client := []string{guard.KeyHeader, programKey}, []string{"Origin", "https://www.fabrikam.com"}, []string{"X-Forwarded-For", "203.0.113.7:51234"}
	signUp := func(text string, header ...string) {
		c.holds(t, http.MethodPost, route.Signup, post(form, route.Signup, pagetest.JSONType, text, header...))
	}
	signUp(goodSubmission, key...)
	signUp(`{"email":`, key...)
	signUp(goodSubmission)
	signUp(goodSubmission, listed...)
	signUp(strings.Replace(goodSubmission, "Joint", strings.Repeat("x", site.MaxBody), 1), key...)
	signUp(`{"email":"ana+x@contoso.com"}`, key...)
	c.holds(t, http.MethodPost, route.Signup, post(form, route.Signup, "application/xml", "<xml/>"))
	for range 10 {
		signUp(goodSubmission, slices.Concat(listed, client)...)
	}
	queue.Err = errors.New("the queue is down")
	signUp(goodSubmission, key...)
	for _, origin := range []string{"https://www.fabrikam.com", "https://evil.example"} {
		r := httptest.NewRequest(http.MethodOptions, route.Signup, nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		c.holds(t, http.MethodOptions, route.Signup, pagetest.Do(form, r))
	}
}

func (c *contract) checkStatus(t *testing.T) {
	id, err := submission.NewID(pagetest.Morning, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	requests, queue := &progress{known: id}, &pagetest.Queue{}
	page, err := status.New(status.Config{
		Requests: requests, Queue: queue, Now: func() time.Time { return pagetest.Morning }, Log: slog.New(slog.DiscardHandler),
		Style: pagetest.Style(t, "Contoso"), Guards: newGuards(t, 1, guard.Captcha{}), Detailed: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	const path = route.Signup + "/{id}"
	ask := func(id string) {
		r := httptest.NewRequest(http.MethodGet, route.Signup+"/x", nil)
		r.SetPathValue("id", id)
		r.Header.Set("Accept", pagetest.JSONType)
		c.holds(t, http.MethodGet, path, pagetest.Do(page, r))
	}
	for _, stage := range []request.Stage{request.StageReceived, request.StageInWork, request.StageFinished} {
		for _, outcome := range []request.Outcome{
			request.OutcomeOpen, request.OutcomeWaiting, request.OutcomeInviting, request.OutcomeInvited, request.OutcomeJoined,
			request.OutcomeRefused, request.OutcomeWithdrawn,
		} {
			requests.is = request.Progress{Stage: stage, Outcome: outcome, Address: "a***@c…"}
			ask(string(id))
		}
	}
	ask("nonsense")
	requests.err = problem.New(problem.StorageUnavailable, "down")
	ask(string(id))

	instruct := func(id, contentType, text string, header ...string) {
		c.holds(t, http.MethodPost, path, post(page, route.Signup+"/"+id, contentType, text, header...))
	}
	instruct(string(id), pagetest.JSONType, `{"action":"resend"}`)
	instruct(string(id), pagetest.JSONType, `{"action":"dance"}`)
	instruct(string(id), pagetest.JSONType, `{"action":"resend"}`, "Sec-Fetch-Site", "cross-site")
	instruct("nonsense", pagetest.JSONType, `{"action":"resend"}`)
	instruct(string(id), pagetest.JSONType, strings.Repeat(" ", site.MaxBody+1))
	instruct(string(id), "application/xml", `<xml/>`)
	instruct(string(id), pagetest.JSONType, `{"action":"withdraw"}`)
	for range 2 {
		instruct(string(id), pagetest.JSONType, `{"action":"resend"}`, "X-Forwarded-For", "203.0.113.7:1")
	}
	queue.Err = errors.New("the queue is down")
	instruct(string(id), pagetest.JSONType, `{"action":"resend"}`)
}

// The contract and the program have the same properties, codes and header.
func TestNamesInTheContract(t *testing.T) {
	c := readContract(t)
	form := newForm(t, &pagetest.Queue{})
	send := func(text string) (status int, answer string) {
		response := post(form, route.Signup, pagetest.JSONType, text, guard.KeyHeader, programKey)
		return response.StatusCode, pagetest.Body(t, response)
	}
	names, _ := c.at("components", "schemas", "Submission", "properties")
	for name := range names {
		text, err := json.Marshal(map[string]string{name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := send(string(text)); status != http.StatusUnprocessableEntity {
			t.Errorf("%s is described and not taken: %s", name, answer)
		}
	}
	// The refusal of an unknown property lists the known ones.
	_, answer := send(`{"weather":"fine"}`)
	_, list, found := strings.Cut(answer, "The properties are ")
	list, _, ended := strings.Cut(list, `."`)
	if !found || !ended {
		t.Fatalf("the answer lists no properties: %s", answer)
	}
	for _, name := range strings.Split(strings.NewReplacer(", and for JSON ", ", ", " and ", ", ").Replace(list), ", ") {
		if _, described := names[name]; !described {
			t.Errorf("%q is taken and not described", name)
		}
	}
	header, _ := c.at("components", "securitySchemes", "programKey")
	if header["name"] != guard.KeyHeader {
		t.Errorf("the contract's header is %v", header["name"])
	}
	code, _ := c.at("components", "schemas", "Problem", "properties", "code")
	for _, name := range code["enum"].([]any) {
		if !slices.Contains(problem.Codes(), problem.Code(name.(string))) {
			t.Errorf("there is no code %v", name)
		}
	}
}
