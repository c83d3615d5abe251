package reviews

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/request"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/session"
	"guestlist/handlers/web/signin"
)

// TestEveryRouteIsOnlyForItsAudience walks the table of routes without a session and as everybody.
// The table says who may call a route, and this says what that means.
func TestEveryRouteIsOnlyForItsAudience(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	mayCall := map[audience][]string{
		parties:   {"reviewer", "approver", "by group", "second", "role Reviewer", "Auditor", "operating reviewer"},
		seekers:   {"reviewer", "role Reviewer", "Auditor", "Operator", "operating", "operating reviewer"},
		readers:   {"PolicyReader", "Auditor", "Operator", "operating", "operating reviewer"},
		operators: {"Auditor", "Operator", "operating", "operating reviewer"},
	}
	paths := map[audience]int{}
	for _, route := range w.routes {
		paths[route.who]++
		path := strings.NewReplacer("{id}", string(r.ID), "{row}", hashOf(rowKey), "{reference}", string(r.ID.Reference())).Replace(route.path)
		for _, method := range route.methods {
			target := path
			form := ballotForm(r, approve)
			if method == http.MethodPost {
				// A vote that comes too late is the answer to who may see the request, and is none.
				form.Set("seen", "2020-01-01T00:00:00Z")
			}
			allowed := http.StatusOK
			switch {
			case method == http.MethodPost && route.path == requestPath:
				allowed = http.StatusConflict
			case method == http.MethodPost && route.path == historyPath:
				allowed = http.StatusSeeOther
			case method == http.MethodPost && route.path == operationPath:
				allowed = http.StatusForbidden // to those who give no orders
			case method == http.MethodPost && route.path == orderPath:
				allowed = http.StatusBadRequest // the form orders nothing
			case method == http.MethodPost:
				allowed = http.StatusUnprocessableEntity // the form lacks what this page asks for
			}
			withoutSession := http.StatusSeeOther
			if method == http.MethodPost {
				withoutSession = http.StatusUnauthorized
			}
			response := w.do(method, target, "", form)
			if response.StatusCode != withoutSession {
				t.Errorf("%s %s without a session: %d", method, route.path, response.StatusCode)
			}
			for who, s := range people {
				want := allowed
				switch {
				case route.who == anybody:
					t.Fatalf("%s has methods, and is for anybody", route.path)
				case s.Guest:
					want = http.StatusForbidden
				case route.who == parties && !slices.Contains(mayCall[parties], who):
					want = http.StatusNotFound
				case route.who != members && !slices.Contains(mayCall[route.who], who):
					want = http.StatusForbidden
				case method == http.MethodPost && route.path == operationPath && strings.HasPrefix(who, "operating"):
					want = http.StatusConflict // the breaker is closed
				}
				response := w.do(method, target, w.signIn(s), form)
				pagetest.CheckHeaders(t, response)
				if response.StatusCode != want {
					t.Errorf("%s %s as %s: %d, want %d", method, route.path, who, response.StatusCode, want)
				}
				if body := pagetest.Body(t, response); (want == http.StatusNotFound || want == http.StatusForbidden) && (strings.Contains(body, "Silva") || strings.Contains(body, "partner.example")) {
					t.Errorf("%s %s as %s: the answer names the partner", method, route.path, who)
				}
			}
		}
	}
	want := map[audience]int{anybody: 4, members: 1, parties: 1, seekers: 2, readers: 4, operators: 2}
	if !maps.Equal(paths, want) {
		t.Errorf("routes by audience: %v, want %v", paths, want)
	}
	if len(w.queue.Messages) != 0 {
		t.Errorf("%d votes were sent", len(w.queue.Messages))
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	cookie := w.signIn(people["reviewer"])
	for _, path := range []string{signin.Root, pathOf(r.ID)} {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, "BREW"} {
			response := w.do(method, path, cookie, nil)
			pagetest.CheckHeaders(t, response)
			if response.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, response.StatusCode)
			}
		}
	}
	if response := w.do(http.MethodPost, signin.Root, cookie, url.Values{}); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a post to the queue: %d", response.StatusCode)
	}
}

// TestWhatOneMayNotSeeLooksLikeWhatIsNotThere compares the answers byte for byte.
func TestWhatOneMayNotSeeLooksLikeWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	other := w.waiting()
	w.store.Spoil(unreadable(other.ID))
	cookie := w.signIn(people["nobody"])
	missing := strings.Repeat("0", len(r.ID)-len("abcdef")) + "abcdef"
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		want := ""
		for _, path := range []string{
			signin.Root + "/" + missing, pathOf(r.ID), pathOf(other.ID), signin.Root + "/nonsense", signin.Root + "/" + strings.ToUpper(string(r.ID)),
			pathOf(r.ID) + "/more", signin.Root + "/%2e%2e", signin.Root + "//evil.example", signin.Root + "/sign-in/x",
		} {
			response := w.do(method, path, cookie, ballotForm(r, approve))
			got := response.Status + pagetest.Body(t, response)
			if want == "" {
				want = got
			}
			if got != want || response.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s is told from what is not there: %s", method, path, response.Status)
			}
		}
	}
}

func TestSessionIsNeeded(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	valid := w.signIn(people["reviewer"])
	ended := people["reviewer"]
	ended.Until = w.now
	over := w.signIn(ended)
	planted, err := session.ParseID(strings.Repeat("A", 43))
	if !err {
		t.Fatal("the planted id is none")
	}
	for name, cookie := range map[string]string{
		"none":                 "",
		"planted":              sessionCookie + "=s." + planted.Text(),
		"ended":                over,
		"one letter more":      valid + "A",
		"twice":                valid + "; " + valid,
		"under another name":   strings.Replace(valid, "__Host-", "", 1),
		"the key":              sessionCookie + "=s.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"of a sign-in":         strings.Replace(valid, "=s.", "=a.", 1),
		"the person's id":      sessionCookie + "=s." + people["reviewer"].Person,
		"without its prefix":   strings.Replace(valid, "=s.", "=", 1),
		"a principal's header": "",
	} {
		header := []string{"X-MS-CLIENT-PRINCIPAL", "e30=", "X-MS-CLIENT-PRINCIPAL-ID", people["reviewer"].Person, "Authorization", "Bearer x"}
		response := w.do(http.MethodGet, pathOf(r.ID), cookie, nil, header...)
		want := signin.Start(pathOf(r.ID))
		if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != want {
			t.Errorf("%s: %d %q", name, response.StatusCode, response.Header.Get("Location"))
		}
		response = w.do(http.MethodPost, pathOf(r.ID), cookie, ballotForm(r, approve), header...)
		page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if response.StatusCode != http.StatusUnauthorized || page.Title != "Please sign in again" {
			t.Errorf("%s: a vote is answered with %d, %q", name, response.StatusCode, page.Title)
		}
	}
	if len(w.queue.Messages) != 0 {
		t.Error("a vote was sent")
	}
}

// TestVoteIsThatOfTheSession: another person's session votes for that person, whatever the form
// says.
func TestVoteIsThatOfTheSession(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	form := ballotForm(r, approve)
	for _, name := range []string{"by", "By", "name", "person", "authority", "groups", "Groups", "terms", "yes", "id", "at", "cast", "approvers", "userType", "sponsors"} {
		form.Set(name, "c0000000-0000-4000-8000-000000000009")
	}
	response := w.do(http.MethodPost, pathOf(r.ID)+"?by="+secondID+"&decision=deny&stage=2", w.signIn(people["approver"]), form)
	if response.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", response.StatusCode)
	}
	votes := w.votes()
	if len(votes) != 1 || strings.Contains(string(w.queue.Messages[0]), "000000000009") {
		t.Fatalf("%s", w.queue.Messages)
	}
	want := request.CastBallot{ID: r.ID, Ballot: request.Ballot{
		Seen: r.Mark(), Stage: 1, By: approverID, Name: "sami@contoso.com", Yes: true, Shown: shown, Cast: w.now.Truncate(request.Tick),
	}}
	if votes[0] != want {
		t.Errorf("got %+v\nwant %+v", votes[0], want)
	}
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	cookie := w.signIn(people["approver"])
	for name, header := range map[string][]string{
		"another site":             {"Sec-Fetch-Site", "cross-site"},
		"a neighbour":              {"Sec-Fetch-Site", "same-site"},
		"an old browser elsewhere": {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		"the form's own pages":     {"Sec-Fetch-Site", "cross-site", "Origin", "https://join.contoso.com"},
		"no origin to name":        {"Sec-Fetch-Site", "", "Origin", "null"},
	} {
		response := w.do(http.MethodPost, pathOf(r.ID), cookie, ballotForm(r, approve), header...)
		page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if response.StatusCode != http.StatusForbidden || page.Title != "Your decision was not taken" {
			t.Errorf("%s: %d, %q", name, response.StatusCode, page.Title)
		}
	}
	for name, header := range map[string][]string{
		"JSON":      {"Content-Type", "application/json"},
		"multipart": {"Content-Type", "multipart/form-data; boundary=x"},
		"text":      {"Content-Type", "text/plain"},
	} {
		response := w.do(http.MethodPost, pathOf(r.ID), cookie, ballotForm(r, approve), header...)
		if response.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
	if len(w.queue.Messages) != 0 {
		t.Fatal("a vote was sent")
	}
	// Our own pages are taken, in a browser that hides the origin of their forms, too.
	for _, header := range [][]string{{"Origin", "null"}, {"Sec-Fetch-Site", "", "Origin", origin}} {
		response := w.do(http.MethodPost, pathOf(r.ID), cookie, ballotForm(r, approve), header...)
		if response.StatusCode != http.StatusSeeOther {
			t.Errorf("%v: %d", header, response.StatusCode)
		}
	}
}

// TestNothingSendsTheBrowserElsewhere tries addresses in every place that a redirect or a link is
// made from.
func TestNothingSendsTheBrowserElsewhere(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	cookie := w.signIn(people["reviewer"])
	for _, path := range []string{
		"//evil.example", "/reviews//evil.example", `/reviews/\evil.example`, "/reviews/%0d%0aLocation:%20https://evil.example", "/reviews/..%2f..%2fevil",
		"/reviews?after=https://evil.example", "/reviews?to=//evil.example&after=%0d%0aX-Evil:1", "/Reviews", "/reviews/?lang=%0d%0aX-Evil:1",
		pathOf(r.ID) + "?sent=%0d%0aX-Evil:1&next=https://evil.example",
	} {
		for _, with := range []string{"", cookie} {
			u, err := url.ParseRequestURI(path)
			if err != nil {
				t.Fatal(err)
			}
			request := newRequest(http.MethodGet, u)
			request.Header.Set("Cookie", with)
			request.Host = "evil.example"
			request.Header.Set("X-Forwarded-Host", "evil.example")
			response := pagetest.Do(w, request)
			location := response.Header.Get("Location")
			if location != "" && !strings.HasPrefix(location, signin.PathSignIn+"?to=%2Freviews") || strings.Contains(location, "evil.example") {
				t.Errorf("%s leads to %q", path, location)
			}
			if response.Header.Get("X-Evil") != "" {
				t.Errorf("%s sets a header", path)
			}
			body := pagetest.Body(t, response)
			if strings.Contains(body, "evil.example") || strings.Contains(body, "X-Evil") {
				t.Errorf("%s is in the page", path)
			}
		}
	}
}
