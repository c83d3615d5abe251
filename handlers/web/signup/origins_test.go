package signup

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/route"
)

// Where the status page is another app's, the form leads there, browsers let it, and the language goes along, since no cookie does.
func TestTheFormLeadsToAStatusPageElsewhere(t *testing.T) {
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
	page := pagetest.Do(f, httptest.NewRequest(http.MethodGet, route.Signup, nil))
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://status.contoso.com;") {
		t.Errorf("the page's policy is %q", policy)
	}
}

func TestAFormAloneLeadsNowhereElse(t *testing.T) {
	page := pagetest.Do(newForm(t), httptest.NewRequest(http.MethodGet, route.Signup, nil))
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self';") {
		t.Errorf("the page's policy is %q", policy)
	}
}
