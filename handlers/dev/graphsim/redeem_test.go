package graphsim_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"guestlist/handlers/dev/graphsim"
)

// redeemPath returns the path and query of the redeem URL of the last invitation.
func (n *tenant) redeemPath() string {
	n.t.Helper()
	sent := n.Invitations()
	path, found := strings.CutPrefix(sent[len(sent)-1].RedeemURL, n.url)
	if !found {
		n.t.Fatalf("the redeem URL %s leads elsewhere than %s", sent[len(sent)-1].RedeemURL, n.url)
	}
	return path
}

func redeemsHere(c *graphsim.Config) { c.RedeemHere = true }

// stateOf returns the external state of a guest.
func (n *tenant) stateOf(id string) string {
	for _, u := range n.Guests() {
		if u.ID == id {
			return u.ExternalUserState
		}
	}
	return "none"
}

func TestGuestAcceptsAtRedeemURL(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenant.json")
	n := newTenant(t, func(c *graphsim.Config) { c.RedeemHere, c.StateFile = true, file })
	guest := n.invite("ana@contoso.com")
	link := n.redeemPath()
	for _, method := range []string{"GET", "HEAD", "GET"} {
		page := n.send(method, link, "")
		policy := page.header.Get("Content-Security-Policy")
		if page.status != http.StatusOK || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") ||
			!strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script") {
			t.Errorf("%s: %+v", method, page)
		}
		if method == "GET" && (!strings.Contains(page.body, "ana@contoso.com") || !strings.Contains(page.body, `<form method="post">`)) {
			t.Errorf("the page is\n%s", page.body)
		}
		if state := n.stateOf(guest); state != "PendingAcceptance" {
			t.Errorf("after %s the guest is %s", method, state)
		}
	}
	for _, when := range []string{"first", "second"} {
		sent := n.send("POST", link, "", "Content-Type", "application/x-www-form-urlencoded")
		if sent.status != http.StatusSeeOther || sent.header.Get("Location") != "https://portal.example.com/" || n.stateOf(guest) != "Accepted" {
			t.Errorf("the %s time: %+v, the guest is %s", when, sent, n.stateOf(guest))
		}
	}
	if page := n.send("GET", link, ""); !strings.Contains(page.body, "was accepted") || strings.Contains(page.body, "<form") {
		t.Errorf("after that the page is\n%s", page.body)
	}
	if state := newTenant(t, func(c *graphsim.Config) { c.StateFile = file }).stateOf(guest); state != "Accepted" {
		t.Errorf("after a restart the guest is %s", state)
	}
}

func TestVoidRedeemURLSaysSo(t *testing.T) {
	const event = "/stand-in/events"
	tests := map[string]struct {
		event  string // what happens to the guest %s
		link   func(string) string
		status int
		says   string
	}{
		"deleted":          {`{"user":"%s","event":"delete"}`, nil, 410, "was deleted"},
		"deleted for good": {`{"user":"%s","event":"delete"}{"user":"%s","event":"purge"}`, nil, 410, "was deleted"},
		"another address":  {`{"user":"%s","event":"reset-redemption","address":"bo@contoso.com"}`, nil, 410, "out of date"},
		"made internal":    {`{"user":"%s","event":"make-internal"}`, nil, 410, "out of date"},
		"blocked":          {`{"user":"%s","event":"disable"}`, nil, 403, "blocked"},
		"unknown": {"", func(link string) string {
			return strings.Replace(link, "ticket%3d", "ticket%3d0", 1)
		}, 404, "no such invitation"},
		"of another guest": {"", func(link string) string {
			return strings.Replace(link, "user%3d", "user%3d0", 1)
		}, 404, "no such invitation"},
		"cut off":   {"", func(link string) string { return link[:strings.Index(link, "%26ticket")] }, 404, "no such invitation"},
		"no query":  {"", func(link string) string { return link[:strings.Index(link, "?")] }, 404, "no such invitation"},
		"malformed": {"", func(link string) string { return link[:strings.Index(link, "?")] + "?rd=%253a%01" }, 404, "incomplete"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, redeemsHere)
			guest := n.invite("ana@contoso.com")
			link := n.redeemPath()
			for order := range strings.SplitAfterSeq(test.event, "}") {
				if order == "" {
					continue
				}
				if got := n.send("POST", event, strings.ReplaceAll(order, "%s", guest)); got.status != 204 {
					t.Fatalf("%s: %+v", order, got)
				}
			}
			if test.link != nil {
				link = test.link(link)
			}
			before := n.stateOf(guest)
			for _, method := range []string{"GET", "POST"} {
				if got := n.send(method, link, ""); got.status != test.status || !strings.Contains(got.body, test.says) || strings.Contains(got.body, "<form") {
					t.Errorf("%s: %d, want %d with %q\n%s", method, got.status, test.status, test.says, got.body)
				}
			}
			if state := n.stateOf(guest); state != before {
				t.Errorf("the guest is %s, and was %s", state, before)
			}
		})
	}
}

// TestLinkOfDeletedGuestStaysVoid: the address is invited again, as another guest.
func TestLinkOfDeletedGuestStaysVoid(t *testing.T) {
	n := newTenant(t, redeemsHere)
	first := n.invite("ana@contoso.com")
	old := n.redeemPath()
	n.send("POST", "/stand-in/events", `{"user":"`+first+`","event":"delete"}`)
	second := n.invite("ana@contoso.com")
	if got := n.send("POST", old, ""); got.status != http.StatusGone || n.stateOf(second) != "PendingAcceptance" {
		t.Errorf("%d, the second guest is %s", got.status, n.stateOf(second))
	}
	again := n.redeemPath()
	n.invite("ana@contoso.com")
	if got := n.send("POST", again, ""); got.status != http.StatusSeeOther || n.stateOf(second) != "Accepted" {
		t.Errorf("the first of two links of a guest: %d, the guest is %s", got.status, n.stateOf(second))
	}
}

func TestRedeemPageShowsWhatWasGivenAsText(t *testing.T) {
	n := newTenant(t, redeemsHere)
	got := n.send("POST", "/v1.0/invitations", `{"invitedUserEmailAddress":"ana'b@contoso.com","inviteRedirectUrl":"https://portal.example.com/?a=<script>&b='\""}`)
	if got.status != http.StatusCreated {
		t.Fatalf("%+v", got)
	}
	page := n.send("GET", n.redeemPath(), "").body
	if strings.Contains(page, "<script") || !strings.Contains(page, "ana&#39;b@contoso.com") {
		t.Errorf("%s", page)
	}
}
