package signup

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Where the status page is another app's, the form leads there, browsers let it, and the language goes along, since no cookie does.
func TestTheFormLeadsToAStatusPageElsewhere(t *testing.T) {
	f := newForm(t, func(c *FormConfig) { c.StatusOrigin = "https://status.contoso.com" })
	const want = "https://status.contoso.com/signup/"
	response := do(f, postAs(formType, ana().Encode()))
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, want) || !strings.HasSuffix(location, "?lang=pt") {
		t.Errorf("status %d, location %q", response.StatusCode, location)
	}
	response = do(f, postAs(jsonType, anaJSON(t)))
	var answer struct{ Status string }
	err := json.Unmarshal([]byte(body(t, response)), &answer)
	if err != nil || answer.Status != response.Header.Get("Location") || !strings.HasPrefix(answer.Status, want) {
		t.Errorf("the answer says %q, location %q: %v", answer.Status, response.Header.Get("Location"), err)
	}
	page := do(f, httptest.NewRequest(http.MethodGet, Path, nil))
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://status.contoso.com;") {
		t.Errorf("the page's policy is %q", policy)
	}
}

func TestAFormAloneLeadsNowhereElse(t *testing.T) {
	page := do(newForm(t), httptest.NewRequest(http.MethodGet, Path, nil))
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self';") {
		t.Errorf("the page's policy is %q", policy)
	}
}

func TestAFailedStatusPageLeadsToTheForm(t *testing.T) {
	for origin, want := range map[string]string{"": `href="/signup"`, "https://join.contoso.com": `href="https://join.contoso.com/signup"`} {
		handler, err := NewStatus(StatusConfig{
			Requests: &fakeRequests{}, Queue: &fakeQueue{}, Now: func() time.Time { return morning }, Log: slog.New(slog.DiscardHandler), Style: styleOf(t, "Contoso"), Guards: guardsOf(t), FormOrigin: origin,
		})
		if err != nil {
			t.Fatal(err)
		}
		page := body(t, ask(handler, "nonsense", "text/html"))
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s:\n%s", want, page)
		}
	}
}
