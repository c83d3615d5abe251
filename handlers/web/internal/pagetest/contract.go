package pagetest

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// Contract is docs/openapi.yaml.
type Contract struct {
	document map[string]any
	compiler *jsonschema.Compiler
	seen     map[string]bool // "method path status" that an answer was held to
}

const contractURL = "https://guestlist.example/openapi.json"

// ReadContract is for tests in a package of a page.
func ReadContract(t *testing.T) *Contract {
	t.Helper()
	content, err := os.ReadFile("../../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := &Contract{compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	err = yaml.Unmarshal(content, &c.document)
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(c.document)
	c.compiler.DefaultDraft(jsonschema.Draft2020) // what OpenAPI 3.1 builds on
	err = c.compiler.AddResource(contractURL, c.document)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// closeObjects forbids properties that are not described. Clients must take them all the same.
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

// At returns the value at the path and its pointer. It follows references on the way.
func (c *Contract) At(path ...string) (map[string]any, string) {
	at, pointer := c.document, ""
	for _, name := range path {
		next, _ := at[name].(map[string]any)
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		reference, _ := next["$ref"].(string)
		if reference != "" {
			return c.At(append(strings.Split(strings.TrimPrefix(reference, "#/"), "/"), path[slices.Index(path, name)+1:]...)...)
		}
		at = next
	}
	return at, pointer
}

// Valid checks a JSON value against the schema at the pointer.
func (c *Contract) Valid(t *testing.T, pointer, text string) error {
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

// Check checks an answer against the contract: status, content type, required headers and body.
func (c *Contract) Check(t *testing.T, method, path string, response *http.Response) {
	t.Helper()
	text := Body(t, response)
	status := strconv.Itoa(response.StatusCode)
	method = strings.ToLower(method)
	answer, _ := c.At("paths", path, method, "responses", status)
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
	_, pointer := c.At("paths", path, method, "responses", status, "content", kind)
	if content[kind] == nil {
		t.Errorf("%s %s %s: the contract knows no content type %q", method, path, status, kind)
		return
	}
	err := c.Valid(t, pointer+"/schema", text)
	if err != nil {
		t.Errorf("%s %s %s: %v\n%s", method, path, status, err, text)
	}
}

// CheckComplete fails unless every answer that is described for the path was checked.
func (c *Contract) CheckComplete(t *testing.T, path string) {
	t.Helper()
	item, _ := c.At("paths", path)
	for method, operation := range item {
		operation, isOperation := operation.(map[string]any)
		if !isOperation {
			continue // the path's parameters
		}
		for code := range operation["responses"].(map[string]any) {
			if answer := method + " " + path + " " + code; !c.seen[answer] {
				t.Errorf("the answer %s is described and was not given", answer)
			}
		}
	}
}
