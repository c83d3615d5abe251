package signup

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/site"
)

// Every answer of the form in JSON is described in docs/openapi.yaml, and every described one is
// given.
func TestContract(t *testing.T) {
	c := pagetest.ReadContract(t)
	g := newGuardedForm(t, guard.Turnstile)
	good := anaJSON(t)
	err := c.Valid(t, "/components/schemas/Submission", good)
	if err != nil {
		t.Fatalf("the submission is not one of the contract's: %v", err)
	}
	send := func(contentType string, header http.Header, text string) {
		r := httptest.NewRequest(http.MethodPost, site.Root, strings.NewReader(text))
		r.Header = header.Clone()
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Accept", pagetest.JSONType)
		c.Check(t, http.MethodPost, site.Root, pagetest.Do(g, r))
	}
	send(pagetest.JSONType, byKey, good)
	send(pagetest.JSONType, byKey, `{"email":`)
	send(pagetest.JSONType, byNobody, good)
	send(pagetest.JSONType, bySite, good)
	send(pagetest.JSONType, byKey, strings.Replace(good, "Joint", strings.Repeat("x", site.MaxBody), 1))
	send(pagetest.JSONType, byKey, `{"email":"ana+x@contoso.com"}`)
	send("application/xml", byKey, "<xml/>")
	for range 10 {
		c.Check(t, http.MethodPost, site.Root, g.sendJSON(t, bySite))
	}
	g.queue.Err = errors.New("the queue is down")
	send(pagetest.JSONType, byKey, good)
	for _, origin := range []string{"https://www.fabrikam.com", "https://evil.example"} {
		r := httptest.NewRequest(http.MethodOptions, site.Root, nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		c.Check(t, http.MethodOptions, site.Root, pagetest.Do(g, r))
	}
	c.CheckComplete(t, site.Root)
}

// The contract and the program have the same properties, codes and header.
func TestNamesInContract(t *testing.T) {
	c := pagetest.ReadContract(t)
	names, _ := c.At("components", "schemas", "Submission", "properties")
	for name := range names {
		if new(form).target(new(entry), site.JSON, name) == nil {
			t.Errorf("%s is described and not accepted", name)
		}
	}
	for _, name := range strings.Split(strings.NewReplacer(", and for JSON ", ", ", " and ", ", ").Replace(fieldNames), ", ") {
		if _, described := names[name]; !described {
			t.Errorf("%q is accepted and not described", name)
		}
	}
	paths, _ := c.At("paths")
	if diff := cmp.Diff([]string{site.Root, site.Root + "/{id}"}, slices.Sorted(maps.Keys(paths))); diff != "" {
		t.Errorf("the paths with a test of the contract (-), and those of the contract (+):\n%s", diff)
	}
	header, _ := c.At("components", "securitySchemes", "programKey")
	if header["name"] != guard.KeyHeader {
		t.Errorf("the contract's header is %v", header["name"])
	}
	code, _ := c.At("components", "schemas", "Problem", "properties", "code")
	for _, name := range code["enum"].([]any) {
		if !slices.Contains(problem.Codes(), problem.Code(name.(string))) {
			t.Errorf("the contract's code %v does not exist", name)
		}
	}
}
