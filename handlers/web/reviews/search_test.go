package reviews

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/session"
)

// decided stores a request that was submitted so long ago and has ended as denied, after the
// change.
func (w *world) decided(ago time.Duration, change func(*request.Request)) request.Request {
	w.t.Helper()
	id, err := submission.NewID(w.now.Add(-ago), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.waiting(func(r *request.Request) {
		r.ID, r.State, r.Reviewing = id, request.Denied, nil
		if change != nil {
			change(r)
		}
	})
}

// claim lets the request own its address.
func (w *world) claim(r request.Request) {
	w.t.Helper()
	_, _, err := w.store.Claim(w.t.Context(), r.Submission.Email, request.NewClaim(r.ID, time.Time{}))
	if err != nil {
		w.t.Fatal(err)
	}
}

// send posts a form to a page as the person, and reads the answer as a page.
func (w *world) send(target, who string, form url.Values) (*http.Response, pagetest.Document) {
	w.t.Helper()
	response := w.do(http.MethodPost, target, w.signIn(people[who]), form)
	text := pagetest.Body(w.t, response)
	if response.StatusCode == http.StatusSeeOther {
		return response, pagetest.Document{}
	}
	document := pagetest.CheckPage(w.t, response, text)
	if key := pagetest.MissingText(document.Text()); key != "" {
		w.t.Errorf("the text %s is missing", key)
	}
	return response, document
}

// listed returns the references that a page lists, and where they lead to, "" for nowhere.
func listed(page pagetest.Document) map[string]string {
	found := map[string]string{}
	for _, n := range page.Elements {
		if n.Data != "th" || pagetest.Attribute(n, "scope") != "row" {
			continue
		}
		path := ""
		for d := range n.Descendants() {
			if d.Data == "a" {
				path = pagetest.Attribute(d, "href")
			}
		}
		found[pagetest.Text(n)] = path
	}
	return found
}

func TestSearchFindsRequest(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	w.claim(r)
	reference := string(r.ID.Reference())
	loose := strings.ToLower(strings.ReplaceAll(reference, "-", " "))
	for who, path := range map[string]string{"reviewer": pathOf(r.ID), "role Reviewer": pathOf(r.ID), "Auditor": pathOf(r.ID), "Operator": ""} {
		for _, wanted := range []string{"ana@partner.example.com", " Ana@PARTNER.example.com ", reference, loose} {
			response, page := w.send(searchPath, who, url.Values{"wanted": {wanted}})
			found := listed(page)
			got, isFound := found[reference]
			if response.StatusCode != http.StatusOK || len(found) != 1 || !isFound || got != path {
				t.Errorf("%s, %q: status %d, found %v", who, wanted, response.StatusCode, found)
			}
			results := pagetest.Text(page.First("table"))
			if !strings.Contains(results, "a***@partner.example.com") || strings.Contains(results, "ana@") || strings.Contains(results, "Silva") {
				t.Errorf("%s: the list shows %s", who, results)
			}
			if text := page.Text(); path == "" && strings.Contains(text, string(r.ID)) {
				t.Error("an operator is told the id of a request, which opens the partner's page")
			}
		}
	}
	if log := w.log.String(); strings.Contains(log, "partner.example") || strings.Contains(log, reference) {
		t.Errorf("the log says for whom people search: %s", log)
	}
}

// TestSearchFindsWhatWaits: what waits for people owns no address yet.
func TestSearchFindsWhatWaits(t *testing.T) {
	w := newWorld(t)
	first := w.waiting()
	for range mostOfDomain - 1 {
		w.waiting(func(r *request.Request) { r.Submission.Email, _ = submission.ParseAddress("bo@partner.example.com") })
	}
	w.waiting(func(r *request.Request) { r.Submission.Email, _ = submission.ParseAddress("ana@contoso.com") })
	_, page := w.send(searchPath, "Auditor", url.Values{"wanted": {"ana@partner.example.com"}})
	if found := listed(page); len(found) != 1 || found[string(first.ID.Reference())] != pathOf(first.ID) {
		t.Errorf("found %v", found)
	}
	// Among many of its domain, a search does not look at them all.
	for range 3 * mostOfDomain {
		w.waiting(func(r *request.Request) { r.Submission.Email, _ = submission.ParseAddress("bo@partner.example.com") })
	}
	loads := 0
	w.store.FailBefore = func(op string) error {
		if op == "Load" {
			loads++
		}
		return nil
	}
	_, page = w.send(searchPath, "Auditor", url.Values{"wanted": {"ana@partner.example.com"}})
	if loads != mostOfDomain || page.Hidden["until"] != anew {
		t.Errorf("%d requests are read, and older ones can be looked for from %q", loads, page.Hidden["until"])
	}
}

func TestSearchFindsNothing(t *testing.T) {
	w := newWorld(t)
	r := w.decided(3*time.Hour, nil) // nobody owns its address
	other := w.decided(2*time.Hour, func(r *request.Request) { r.ID, _ = submission.NewID(w.now.Add(-40*time.Hour), rand.Reader) })
	w.claim(other)
	w.store.Spoil(unreadable(other.ID))
	unknown, err := submission.NewID(w.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		wanted, says string
		status       int
	}{
		"an address of nobody":      {"bo@contoso.com", "No request was found.", http.StatusOK},
		"a reference of no request": {string(unknown.Reference()), "No request was found.", http.StatusOK},
		"nothing":                   {"", "Enter an e-mail address or a reference.", http.StatusUnprocessableEntity},
		"no address":                {"ana@", "Enter an e-mail address or a reference.", http.StatusUnprocessableEntity},
		"an id":                     {string(r.ID), "Enter an e-mail address or a reference.", http.StatusUnprocessableEntity},
		"markup":                    {`"><script>alert(1)</script>`, "Enter an e-mail address or a reference.", http.StatusUnprocessableEntity},
		"very much":                 {strings.Repeat("a", 40_000), "Enter an e-mail address or a reference.", http.StatusUnprocessableEntity},
		"what can't be read":        {"ana@partner.example.com", "Can’t be read", http.StatusOK},
	} {
		response, page := w.send(searchPath, "Auditor", url.Values{"wanted": {test.wanted}})
		if response.StatusCode != test.status || !strings.Contains(page.Text(), test.says) {
			t.Errorf("%s: status %d, %q", name, response.StatusCode, page.Text())
		}
		field := page.ByID["wanted"]
		if pagetest.Attribute(field, "value") != test.wanted {
			t.Errorf("%s: what was typed is now %q", name, pagetest.Attribute(field, "value"))
		}
	}
}

// TestSearchLooksThroughOlderRequests follows the button on the page from part to part.
func TestSearchLooksThroughOlderRequests(t *testing.T) {
	w := newWorld(t)
	const total = perPage + 20
	for n := range total {
		w.decided(time.Duration(n)*time.Hour, nil)
		w.decided(time.Duration(n)*time.Hour, func(r *request.Request) {
			r.Submission.Email, _ = submission.ParseAddress("bo@contoso.com")
		})
	}
	seen := map[string]string{}
	form := url.Values{"wanted": {"ana@partner.example.com"}}
	for parts := 0; parts < 4; parts++ {
		_, page := w.send(searchPath, "Auditor", form)
		for reference, path := range listed(page) {
			seen[reference] = path
		}
		until, more := page.Hidden["until"]
		if !more {
			break
		}
		if page.Hidden["wanted"] != "ana@partner.example.com" {
			t.Fatalf("the next part is about %q", page.Hidden["wanted"])
		}
		for _, path := range seen {
			if strings.TrimPrefix(path, "/reviews/") == until {
				t.Error("the place is the id of a request")
			}
		}
		form.Set("until", until)
	}
	if len(seen) != total {
		t.Errorf("found %d of %d", len(seen), total)
	}
}

// TestPlacesAndFiltersThatWereMadeUp begin at the newest, or are left out.
func TestPlacesAndFiltersThatWereMadeUp(t *testing.T) {
	w := newWorld(t)
	r := w.decided(time.Hour, nil)
	future, err := submission.NewID(w.now.AddDate(500, 0, 0), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "x", "../../x", "' or PartitionKey ge '", "\r\nX-Evil: 1", strings.Repeat("v", 34), strings.Repeat("v", 48), string(future), "https://evil.example",
	} {
		response, page := w.page(historyPath+"?"+url.Values{untilQuery: {text}, outcomeQuery: {text}, domainQuery: {text}, rowQuery: {""}}.Encode(), "Auditor")
		if response.StatusCode != http.StatusOK || len(listed(page)) != 1 {
			t.Errorf("the place %q: status %d, %d requests", text, response.StatusCode, len(listed(page)))
		}
		response, page = w.send(searchPath, "Auditor", url.Values{"wanted": {"ana@partner.example.com"}, "until": {text}})
		if want := map[bool]int{true: 0, false: 1}[text == ""]; response.StatusCode != http.StatusOK || len(listed(page)) != want {
			t.Errorf("a search from the place %q: status %d, %d requests", text, response.StatusCode, len(listed(page)))
		}
	}
	old, err := submission.NewID(w.now.AddDate(-1, 0, 0), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, page := w.page(historyPath+"?until="+string(old), "Auditor")
	if len(listed(page)) != 0 || strings.Contains(page.Text(), string(r.ID.Reference())) {
		t.Error("a place before the request shows it")
	}
}

func TestHistoryShowsWhatWasDecided(t *testing.T) {
	w := newWorld(t)
	w.waiting()
	denied := w.decided(time.Hour, nil)
	done := w.decided(2*time.Hour, func(r *request.Request) {
		r.State = request.Done
		r.Submission.Email, _ = submission.ParseAddress("bo@fabrikam.com")
		r.Decision.Row.Name = "people of fabrikam"
	})
	failed := w.decided(3*time.Hour, func(r *request.Request) {
		r.State, r.Reason, r.Decision, r.Submission = request.Failed, "the directory refused it", nil, submission.Submission{}
	})
	for name, test := range map[string]struct {
		form url.Values
		want []request.Request
	}{
		"all":                {url.Values{"outcome": {"all"}}, []request.Request{denied, done, failed}},
		"invited":            {url.Values{"outcome": {"invited"}}, []request.Request{done}},
		"failed":             {url.Values{"outcome": {"failed"}}, []request.Request{failed}},
		"approved":           {url.Values{"outcome": {"approved"}}, nil},
		"a domain":           {url.Values{"domain": {" @Partner.Example.com "}}, []request.Request{denied}},
		"a row":              {url.Values{"row": {"people of fabrikam"}}, []request.Request{done}},
		"a row and a domain": {url.Values{"row": {"project"}, "domain": {"fabrikam.com"}}, nil},
	} {
		for _, who := range []string{"Auditor", "Operator"} {
			response, _ := w.send(historyPath, who, test.form)
			location := response.Header.Get("Location")
			if response.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, historyPath) {
				t.Fatalf("%s: status %d, %q", name, response.StatusCode, location)
			}
			_, page := w.page(location, who)
			found := listed(page)
			for _, r := range test.want {
				path, isFound := found[string(r.ID.Reference())]
				if want := map[string]string{"Auditor": pathOf(r.ID)}[who]; !isFound || path != want {
					t.Errorf("%s, %s: %s is found: %t, and leads to %q", name, who, r.ID.Reference(), isFound, path)
				}
			}
			if len(found) != len(test.want) {
				t.Errorf("%s, %s: %d requests, want %d", name, who, len(found), len(test.want))
			}
			if text := page.Text(); strings.Contains(text, "ana@") || strings.Contains(text, "Silva") || strings.Contains(text, "tender") {
				t.Errorf("%s, %s: the list names the partner", name, who)
			}
		}
	}
	_, page := w.page(historyPath, "Operator")
	wantText(t, page, "a***@partner.example.com", "b***@fabrikam.com", "erased", "the directory refused it", "Denied", "Invited", "Failed")
}

// TestHistoryFilterTakesNoAddress: the filter stands in the address of the page, and so in logs.
func TestHistoryFilterTakesNoAddress(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct{ field, value string }{
		"an address as a domain": {"domain", "ana@partner.example.com"},
		"no domain":              {"domain", "partner example"},
		"an address as a row":    {"row", "ana@partner.example.com"},
		"a long row":             {"row", strings.Repeat("x", maxRowName+1)},
		"a row with an address":  {"row", "\xffrow of ana@contoso.com"},
	} {
		response, page := w.send(historyPath, "Auditor", url.Values{test.field: {test.value}})
		if response.StatusCode != http.StatusUnprocessableEntity || pagetest.Attribute(page.ByID[test.field], "aria-invalid") != "true" {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
	}
	response, _ := w.send(historyPath, "Auditor", url.Values{"row": {"a\r\nX-Evil: 1"}, "outcome": {"\r\nX-Evil: 1"}, "domain": {""}})
	if location := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || location != historyPath+"?row=a%0D%0AX-Evil%3A+1" || response.Header.Get("X-Evil") != "" {
		t.Errorf("status %d, %q", response.StatusCode, location)
	}
}

// TestHistoryIsReadInParts follows the links, and a link to another language keeps place and
// filter.
func TestHistoryIsReadInParts(t *testing.T) {
	w := newWorld(t)
	const total = 2*perPage + 5
	for n := range total {
		w.decided(time.Duration(n)*time.Minute, nil)
	}
	seen := map[string]bool{}
	at, pages := historyPath+"?domain=partner.example.com", 0
	for ; at != "" && pages < 5; pages++ {
		_, page := w.page(at, "reviewer")
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		for reference := range listed(page) {
			seen[reference] = true
		}
		at = ""
		for _, n := range page.Elements {
			href := pagetest.Attribute(n, "href")
			language := pagetest.Attribute(n, "hreflang") != ""
			if language && (!strings.Contains(href, "domain=partner.example.com") || strings.Contains(href, "until=") != u.Query().Has("until")) {
				t.Fatalf("another language leads to %s", href)
			}
			if pagetest.Text(n) == "Older requests" {
				at = href
			}
		}
	}
	if len(seen) != total || pages != 3 {
		t.Errorf("%d requests on %d pages", len(seen), pages)
	}
}

func TestFormsThatFindAreRefusedFromOtherSites(t *testing.T) {
	w := newWorld(t)
	r := w.decided(time.Hour, nil)
	cookie := w.signIn(people["Auditor"])
	for _, path := range []string{searchPath, historyPath} {
		form := url.Values{"wanted": {string(r.ID.Reference())}, "outcome": {"denied"}}
		for name, header := range map[string][]string{
			"another site": {"Sec-Fetch-Site", "cross-site"}, "a neighbour": {"Sec-Fetch-Site", "same-site"},
			"an old browser elsewhere": {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		} {
			response := w.do(http.MethodPost, path, cookie, form, header...)
			page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			if response.StatusCode != http.StatusForbidden || page.Title != "Nothing was done" {
				t.Errorf("%s, %s: %d, %q", path, name, response.StatusCode, page.Title)
			}
		}
		for name, header := range map[string][]string{"JSON": {"Content-Type", "application/json"}, "multipart": {"Content-Type", "multipart/form-data; boundary=x"}} {
			response := w.do(http.MethodPost, path, cookie, form, header...)
			if response.StatusCode != http.StatusUnsupportedMediaType {
				t.Errorf("%s, %s: %d", path, name, response.StatusCode)
			}
		}
		form.Add("wanted", "x@contoso.com")
		form.Add("outcome", "failed")
		response := w.do(http.MethodPost, path, cookie, form)
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s, fields that stand twice: %d", path, response.StatusCode)
		}
	}
}

// TestFoundTextStaysText puts markup into all that a list of requests shows.
func TestFoundTextStaysText(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.Who}}` + "\u202e'"
	w := newWorld(t)
	r := w.decided(time.Hour, func(r *request.Request) {
		s := &r.Submission
		s.GivenName, s.FamilyName, s.Company, s.Reason, s.Country, s.Language = evil, evil, evil, evil, evil, evil
		r.Reason, r.Words, r.Decision.Reason = evil, evil, evil
		r.Decision.Row = &policy.RowSnapshot{Partition: evil, Name: evil, Columns: map[string]string{}}
	})
	who := people["Operator"]
	who.Name = evil
	cookie := w.signIn(who)
	for name, response := range map[string]*http.Response{
		"history": w.do(http.MethodGet, historyPath+"?"+url.Values{"row": {evil}}.Encode(), cookie, nil),
		"search":  w.do(http.MethodPost, searchPath, cookie, url.Values{"wanted": {string(r.ID.Reference())}}),
		"a fault": w.do(http.MethodPost, historyPath, cookie, url.Values{"domain": {evil}, "row": {evil}}),
	} {
		text := pagetest.Body(t, response)
		page := pagetest.CheckPage(t, response, text)
		if !strings.Contains(page.Text(), evil) || strings.Contains(text, "<script>alert") || strings.Contains(text, "<img src=x") {
			t.Errorf("%s: the text is not there as it was typed, or is markup", name)
		}
	}
}

// TestGuestsFindNothing also where guests may sign in, whatever roles and groups they have.
func TestGuestsFindNothing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Guests = true })
	r := w.decided(time.Hour, nil)
	guest := people["guest reviewer"]
	guest.Roles = session.Roles()
	cookie := w.signIn(guest)
	for _, path := range []string{searchPath, historyPath} {
		response := w.do(http.MethodPost, path, cookie, url.Values{"wanted": {string(r.ID.Reference())}})
		page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if response.StatusCode != http.StatusForbidden || len(listed(page)) != 0 {
			t.Errorf("%s: status %d", path, response.StatusCode)
		}
	}
}

func TestListsSayWhenTheyCannotBeRead(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(people["Auditor"])
	w.store.FailBefore = failing("FindBefore")
	wantAskedAgain(t, w.do(http.MethodPost, searchPath, cookie,
		url.Values{"wanted": {"ana@partner.example.com"}, "until": {"now"}}), "ana@partner.example.com", `name="until" value="now"`)
	for op, path := range map[string]string{"ClaimOf": searchPath, "WaitingReviews": searchPath, "Load": searchPath, "FindBefore": historyPath, "Referred": searchPath} {
		w := newWorld(t)
		r := w.waiting()
		w.claim(r)
		cookie := w.signIn(people["Auditor"])
		w.store.FailBefore = failing(op)
		if path == searchPath {
			wanted := "ana@partner.example.com"
			if op == "Referred" {
				wanted = string(r.ID.Reference())
			}
			wantAskedAgain(t, w.do(http.MethodPost, path, cookie, url.Values{"wanted": {wanted}}), wanted)
			continue
		}
		response := w.do(http.MethodGet, path, cookie, nil)
		page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if response.StatusCode != http.StatusServiceUnavailable || page.Title != "The service is busy" {
			t.Errorf("%s: status %d, %q", op, response.StatusCode, page.Title)
		}
	}
}

// wantAskedAgain fails unless the page says that it can't be read now, and has what was typed.
func wantAskedAgain(t *testing.T, response *http.Response, typed ...string) {
	t.Helper()
	body := pagetest.Body(t, response)
	pagetest.CheckPage(t, response, body)
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
	}
	for _, want := range append(typed, "Please try again in a minute") {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not have %q:\n%s", want, body)
		}
	}
}

// TestPagesOfFindingCostTheSameHoweverManyRequests counts what each page asks the store for, beside
// ten thousand requests. What FindBefore costs is measured where it is implemented.
func TestPagesOfFindingCostTheSameHoweverManyRequests(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	w.claim(r)
	for n := range 10_000 {
		id, err := submission.NewID(w.now.Add(-time.Duration(n)*time.Minute), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.store.Save(t.Context(), request.Request{ID: id, Submission: partner(), State: request.Denied, Changed: w.now}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	var asked []string
	w.store.FailBefore = func(op string) error {
		asked = append(asked, op)
		return nil
	}
	address, reference := url.Values{"wanted": {"ana@partner.example.com"}}, url.Values{"wanted": {string(r.ID.Reference())}}
	older := url.Values{"wanted": {"ana@partner.example.com"}, "until": {anew}}
	for name, test := range map[string]struct {
		path string
		form url.Values // nil to get the page
		want string
	}{
		"the form to search":    {searchPath, nil, ""},
		"an address":            {searchPath, address, "ClaimOf WaitingReviews Load"},
		"a reference":           {searchPath, reference, "Referred Load"},
		"older requests":        {searchPath, older, "FindBefore"},
		"the history":           {historyPath, nil, "FindBefore"},
		"a part of the history": {historyPath + "?outcome=failed&domain=contoso.com&row=x", nil, "FindBefore"},
		"a filter":              {historyPath, url.Values{"domain": {"contoso.com"}}, ""},
	} {
		asked = nil
		if test.form == nil {
			_, page := w.page(test.path, "Auditor")
			if len(listed(page)) > perPage {
				t.Errorf("%s shows %d requests", name, len(listed(page)))
			}
		} else {
			w.send(test.path, "Auditor", test.form)
		}
		if got := strings.Join(asked, " "); got != test.want {
			t.Errorf("%s asks for %q, want %q", name, got, test.want)
		}
	}
}
