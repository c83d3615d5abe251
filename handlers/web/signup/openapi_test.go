package signup

import (
	"bytes"
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

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/captcha"
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
	content, err := os.ReadFile("../../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var fromYAML any
	err = yaml.Unmarshal(content, &fromYAML)
	if err != nil {
		t.Fatal(err)
	}
	// By way of JSON, since YAML knows numbers of other kinds.
	encoded, err := json.Marshal(fromYAML)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{document: document.(map[string]any), compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020) // what OpenAPI 3.1 builds on
	err = c.compiler.AddResource(contractURL, document)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at returns the value at the path; a reference on the way is followed.
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

// valid holds a JSON value to the schema at the pointer.
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

// holds fails unless the contract foresees the answer: its status, its content type, its required headers, its body.
func (c *contract) holds(t *testing.T, method, path string, response *http.Response) {
	t.Helper()
	text := body(t, response)
	status := strconv.Itoa(response.StatusCode)
	method = strings.ToLower(method)
	foreseen, _ := c.at("paths", path, method, "responses", status)
	if foreseen == nil {
		t.Errorf("%s %s: the contract knows no status %s: %s", method, path, status, text)
		return
	}
	c.seen[method+" "+path+" "+status] = true
	headers, _ := foreseen["headers"].(map[string]any)
	for name, header := range headers {
		required, _ := header.(map[string]any)["required"].(bool)
		if required && response.Header.Get(name) == "" {
			t.Errorf("%s %s %s: there is no header %s", method, path, status, name)
		}
	}
	content, _ := foreseen["content"].(map[string]any)
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

// Every answer of the JSON interface is one that docs/openapi.yaml describes, and every one that it describes is given.
func TestTheContractIsKept(t *testing.T) {
	c := readContract(t)
	g := newGuardedForm(t, captcha.Turnstile)
	const form = "/signup"
	signUp := func(header http.Header, text string) *http.Response {
		r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(text))
		r.Header = header.Clone()
		r.Header.Set("Content-Type", jsonType)
		r.Header.Set("Accept", jsonType)
		return do(g, r)
	}
	good := anaJSON(t)
	err := c.valid(t, "/components/schemas/Submission", good)
	if err != nil {
		t.Fatalf("what is sent is none of the contract's submissions: %v", err)
	}
	c.holds(t, http.MethodPost, form, signUp(byKey, good))
	c.holds(t, http.MethodPost, form, signUp(byKey, `{"email":`))
	c.holds(t, http.MethodPost, form, signUp(byNobody, good))
	c.holds(t, http.MethodPost, form, signUp(bySite, good))
	c.holds(t, http.MethodPost, form, signUp(byKey, strings.Replace(good, "Joint", strings.Repeat("x", maxBody), 1)))
	c.holds(t, http.MethodPost, form, signUp(byKey, `{"email":"ana+x@contoso.com"}`))
	media := httptest.NewRequest(http.MethodPost, Path, strings.NewReader("<xml/>"))
	media.Header.Set("Content-Type", "application/xml")
	media.Header.Set("Accept", jsonType)
	c.holds(t, http.MethodPost, form, do(g, media))
	for range 10 {
		c.holds(t, http.MethodPost, form, g.sendJSON(t, bySite))
	}
	g.queue.err = errors.New("the queue is down")
	c.holds(t, http.MethodPost, form, signUp(byKey, good))
	g.queue.err = nil
	for _, origin := range []string{"https://www.fabrikam.com", "https://evil.example"} {
		r := httptest.NewRequest(http.MethodOptions, Path, nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		c.holds(t, http.MethodOptions, form, do(g, r))
	}

	const status = "/signup/{id}"
	id := newID(t, morning)
	requests, queue := &fakeRequests{known: id}, &fakeQueue{}
	guards := guardsOf(t, func(c *guard.Config) { c.Limit = guard.Limit{Burst: 1, Every: time.Hour} })
	page, err := NewStatus(StatusConfig{
		Requests: requests, Queue: queue, Now: func() time.Time { return morning }, Log: slog.New(slog.DiscardHandler), Style: styleOf(t, "Contoso"), Guards: guards,
		Detailed: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, stage := range []request.Stage{request.StageReceived, request.StageInWork, request.StageFinished} {
		for _, outcome := range []request.Outcome{
			request.OutcomeOpen, request.OutcomeWaiting, request.OutcomeInviting, request.OutcomeInvited, request.OutcomeJoined,
			request.OutcomeRefused, request.OutcomeWithdrawn,
		} {
			requests.progress = request.Progress{Stage: stage, Outcome: outcome, Address: "a***@c…"}
			c.holds(t, http.MethodGet, status, ask(page, string(id), jsonType))
		}
	}
	c.holds(t, http.MethodGet, status, ask(page, "nonsense", jsonType))
	requests.err = problem.New(problem.StorageUnavailable, "down")
	c.holds(t, http.MethodGet, status, ask(page, string(id), jsonType))

	wish := func(id, contentType, text string, header ...string) *http.Response {
		r := httptest.NewRequest(http.MethodPost, Path+"/x", io.NopCloser(strings.NewReader(text)))
		r.SetPathValue("id", id)
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Accept", jsonType)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return do(page, r)
	}
	c.holds(t, http.MethodPost, status, wish(string(id), jsonType, `{"action":"resend"}`))
	c.holds(t, http.MethodPost, status, wish(string(id), jsonType, `{"action":"dance"}`))
	c.holds(t, http.MethodPost, status, wish(string(id), jsonType, `{"action":"resend"}`, "Sec-Fetch-Site", "cross-site"))
	c.holds(t, http.MethodPost, status, wish("nonsense", jsonType, `{"action":"resend"}`))
	c.holds(t, http.MethodPost, status, wish(string(id), jsonType, strings.Repeat(" ", maxBody+1)))
	c.holds(t, http.MethodPost, status, wish(string(id), "application/xml", `<xml/>`))
	c.holds(t, http.MethodPost, status, wish(string(id), jsonType, `{"action":"withdraw"}`))
	for range 2 {
		c.holds(t, http.MethodPost, status, wish(string(id), jsonType, `{"action":"resend"}`, "X-Forwarded-For", "203.0.113.7:1"))
	}
	queue.err = errors.New("the queue is down")
	c.holds(t, http.MethodPost, status, wish(string(id), jsonType, `{"action":"resend"}`))

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

// The contract and the program know the same properties, codes and header.
func TestTheContractNamesWhatThereIs(t *testing.T) {
	c := readContract(t)
	names, _ := c.at("components", "schemas", "Submission", "properties")
	for name := range names {
		text, err := json.Marshal(map[string]string{name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = readJSON(text)
		if err != nil {
			t.Errorf("%s is described and not taken: %v", name, err)
		}
	}
	for _, name := range strings.Split(strings.NewReplacer(", and for JSON ", ", ", " and ", ", ").Replace(fieldNames), ", ") {
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
