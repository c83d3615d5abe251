package reviews

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/web/internal/pagetest"
)

// state is the state of an app in memory, with a pace of its own.
type state struct {
	*memstore.Store
	pace  request.Pace
	known bool
}

// Pace implements [State].
func (s state) Pace(context.Context) (request.Pace, bool, error) { return s.pace, s.known, nil }

// row stores a policy row, whatever is in it.
func (w *world) row(partition, name string, columns map[string]any) policy.RowKey {
	w.t.Helper()
	err := w.store.PutRow(w.t.Context(), policy.Raw{Partition: partition, Name: name, Columns: columns})
	if err != nil {
		w.t.Fatal(err)
	}
	return policy.RowKey{Partition: partition, Name: name}
}

// links returns where the links of a page lead to, but for other languages.
func links(page pagetest.Document) []string {
	var targets []string
	for _, n := range page.Elements {
		if n.Data == "a" && pagetest.Attribute(n, "hreflang") == "" {
			targets = append(targets, pagetest.Attribute(n, "href"))
		}
	}
	return targets
}

func TestPolicyRowsAreListedAsTheyAreTried(t *testing.T) {
	w := newWorld(t)
	w.row("*", "everybody", map[string]any{"Action": "review"})
	w.row("contoso.com", "second", map[string]any{"Action": "invite", "Priority": int32(20)})
	w.row("contoso.com", "first", map[string]any{"Action": "deny", "Priority": int32(10), "Enabled": false})
	w.row("ana@contoso.com", "ana", map[string]any{"Action": "invite", "Mode": "audit"})
	w.row("*.contoso.com", "wrong", map[string]any{"Action": "let in", "Groups": "x"})
	w.row("fabrikam.com", "later", map[string]any{"Action": "invite", "NotBefore": "2030-01-01"})
	w.row("tailspin.com", "over", map[string]any{"Action": "invite", "NotAfter": "2020-01-01"})
	for _, who := range []string{"PolicyReader", "Operator", "Auditor"} {
		response, page := w.page(policiesPath, who)
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", who, response.StatusCode)
		}
		table := strings.Join(strings.Fields(pagetest.Text(page.First("tbody"))), " ")
		last := 0
		for _, text := range []string{
			"ana a***@contoso.com invite 100 no, only recorded", "first contoso.com deny 10 no, switched off",
			"second contoso.com invite 20 yes", "later fabrikam.com invite 100 not yet", "over tailspin.com invite 100 no longer",
			"wrong *.contoso.com – 100 yes 2 error", "everybody * review 100 yes None",
		} {
			at := strings.Index(table, text)
			if at < last {
				t.Errorf("%s: %q comes at %d in %s", who, text, at, table)
			}
			last = at
		}
		for _, target := range links(page) {
			if strings.Contains(target, "contoso") || strings.Contains(target, "@") || strings.Contains(target, "%40") {
				t.Errorf("a link leads to %s", target)
			}
		}
		if strings.Contains(page.Text(), "ana@") {
			t.Error("the list names somebody")
		}
	}
}

func TestPolicyRowIsShownWithItsFindings(t *testing.T) {
	const code = "Tulip-Spring-2026"
	w := newWorld(t)
	key := w.row("ana@contoso.com", "the spring", map[string]any{
		"Action": "invite", "InviteCode": code, "Groups": "no object id", "Priorty": "5", "Note": "Agreed in April",
	})
	w.row("contoso.com", "other", map[string]any{"Action": "invite", "Cc": "x"})
	response, page := w.page(pathOfRow(key), "PolicyReader")
	if response.StatusCode != http.StatusOK || page.Title != "Policy row: the spring" {
		t.Fatalf("status %d, %q", response.StatusCode, page.Title)
	}
	wantText(t, page, "ana@contoso.com", "no object id", "not understood", "Priorty", "no such column", "Agreed in April", "error", "-"+code, "-Cc: ")
	for _, target := range links(page) {
		if strings.HasPrefix(target, historyPath) {
			t.Errorf("a reader of policy rows is led to %s", target)
		}
	}
	_, page = w.page(pathOfRow(key), "Auditor")
	found := false
	for _, target := range links(page) {
		found = found || target == historyPath+"?row=the+spring"
	}
	if !found {
		t.Errorf("an auditor is led to %v", links(page))
	}
	for name, hash := range map[string]string{
		"another": hashOf(policy.RowKey{Partition: "contoso.com", Name: "none"}), "none": "", "a key": "ana@contoso.com", "in capitals": strings.ToUpper(hashOf(key)),
		"more": hashOf(key) + "/x", "a climb": "../" + string(w.waiting().ID),
	} {
		path := policiesPath + "/" + hash
		response := w.do(http.MethodGet, path, w.signIn(people["PolicyReader"]), nil)
		want := http.StatusNotFound
		if hash == "" {
			want = http.StatusOK // the list
		}
		if response.StatusCode != want {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
	}
}

// manyRows are policy rows without a store.
type manyRows struct {
	rows   []policy.Raw
	limits []int
	err    error
}

// FirstRows implements [Policies].
func (m *manyRows) FirstRows(_ context.Context, limit int) ([]policy.Raw, bool, error) {
	m.limits = append(m.limits, limit)
	return m.rows[:min(limit, len(m.rows))], len(m.rows) > limit, m.err
}

func newRows(n int) *manyRows {
	many := new(manyRows)
	for i := range n {
		many.rows = append(many.rows, policy.Raw{
			Partition: "partner" + strconv.Itoa(10_000+i) + ".com", Name: "row", Columns: map[string]any{"Action": "review"},
		})
	}
	return many
}

func TestPolicyRowsAreReadInParts(t *testing.T) {
	const total = 2*rowsPerPage + 5
	many := newRows(total)
	w := newWorld(t, func(c *Config) { c.Policies = many })
	seen, pages := 0, 0
	for at := policiesPath; at != "" && pages < 5; pages++ {
		_, page := w.page(at, "PolicyReader")
		onPage := len(page.First("tbody").Parent.Attr) // the table has its class
		at = ""
		for _, n := range page.Elements {
			if n.Data == "th" && pagetest.Attribute(n, "scope") == "row" {
				onPage++
			}
			if n.Data == "a" && pagetest.Text(n) == "More" {
				at = pagetest.Attribute(n, "href")
			}
		}
		seen += onPage - 1
	}
	if seen != total || pages != 3 {
		t.Errorf("%d rows on %d pages", seen, pages)
	}
	for _, after := range []string{"x", hashOf(policy.RowKey{}), "%0d%0aX-Evil:1"} {
		_, page := w.page(policiesPath+"?after="+after, "PolicyReader")
		if text := page.Text(); !strings.Contains(text, "partner10000.com") || strings.Contains(text, "X-Evil") {
			t.Errorf("the place %q does not begin at the first", after)
		}
	}
}

// TestManyPolicyRowsAreNotChecked: what is not read whole can't be checked, and costs no more.
func TestManyPolicyRowsAreNotChecked(t *testing.T) {
	many := newRows(10_000)
	w := newWorld(t, func(c *Config) { c.Policies = many })
	began := time.Now()
	_, page := w.page(policiesPath, "PolicyReader")
	t.Logf("the list took %s", time.Since(began))
	wantText(t, page, "There are more rows than this page reads")
	_, page = w.page(pathOfRow(many.rows[0].Key()), "PolicyReader")
	wantText(t, page, "There are more rows than this page reads")
	for _, limit := range many.limits {
		if limit != maxRows {
			t.Errorf("a page reads %d rows", limit)
		}
	}
	whole := newRows(maxRows)
	w = newWorld(t, func(c *Config) { c.Policies = whole })
	began = time.Now()
	_, page = w.page(policiesPath, "PolicyReader")
	t.Logf("the list of %d checked rows took %s", maxRows, time.Since(began))
	wantText(t, page, "-There are more rows than this page reads")
}

func TestExplanationSaysWhatWouldBeDecided(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", map[string]any{"Action": "invite", "Groups": grantedID})
	w.row("ana@contoso.com", "not her", map[string]any{"Action": "deny"})
	w.row("fabrikam.com", "by country", map[string]any{"Action": "invite", "Condition": `request.country == "PT"`})
	w.row("tailspin.com", "few", map[string]any{"Action": "invite", "MaxGuests": "1"})
	w.row("*", "everybody", map[string]any{"Action": "review"})
	for name, test := range map[string]struct {
		form url.Values
		want []string
	}{
		"a domain":                 {url.Values{"email": {"contoso.com"}}, []string{"The partner would be invited", "trusted", grantedID}},
		"a domain with a sign":     {url.Values{"email": {" @Contoso.com "}}, []string{"The partner would be invited", "trusted"}},
		"an address of the domain": {url.Values{"email": {"bo@contoso.com"}}, []string{"The partner would be invited", "trusted"}},
		"a denied address":         {url.Values{"email": {"ana@contoso.com"}}, []string{"The request would be denied", "not her"}},
		"another domain":           {url.Values{"email": {"x@wingtip.com"}}, []string{"A person would decide", "everybody"}},
		"a country":                {url.Values{"email": {"fabrikam.com"}, "country": {"pt"}}, []string{"The partner would be invited", "by country"}},
		"without the country":      {url.Values{"email": {"fabrikam.com"}}, []string{"A person would decide", "everybody", "by country"}},
		"a row with a limit":       {url.Values{"email": {"tailspin.com"}}, []string{"The partner would be invited", "few"}},
	} {
		response, page := w.send(explainPath, "PolicyReader", test.form)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, %s", name, response.StatusCode, page.Text())
		}
		wantText(t, page, test.want...)
		for _, target := range links(page) {
			if strings.Contains(target, "contoso") || strings.Contains(target, "@") {
				t.Errorf("%s: a link leads to %s", name, target)
			}
		}
	}
	if log := w.log.String(); strings.Contains(log, "contoso") || strings.Contains(log, "fabrikam") {
		t.Errorf("the log has what was typed: %s", log)
	}
}

func TestExplanationRefusesWhatTheFormRefuses(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		form  url.Values
		field string
	}{
		"nothing":      {url.Values{"email": {""}}, "email"},
		"no domain":    {url.Values{"email": {"contoso"}}, "email"},
		"two signs":    {url.Values{"email": {"a@b@contoso.com"}}, "email"},
		"markup":       {url.Values{"email": {`"><script>alert(1)</script>`}}, "email"},
		"no country":   {url.Values{"email": {"contoso.com"}, "country": {"Portugal"}}, "country"},
		"a sponsor":    {url.Values{"email": {"contoso.com"}, "sponsor": {"nobody"}}, "sponsor"},
		"long company": {url.Values{"email": {"contoso.com"}, "company": {strings.Repeat("x", 1000)}}, "company"},
	} {
		response, page := w.send(explainPath, "Auditor", test.form)
		if response.StatusCode != http.StatusUnprocessableEntity || pagetest.Attribute(page.ByID[test.field], "aria-invalid") != "true" {
			t.Errorf("%s: status %d, %s", name, response.StatusCode, page.Text())
		}
		if got := pagetest.Attribute(page.ByID[test.field], "value"); got != test.form.Get(test.field) {
			t.Errorf("%s: what was typed is now %q", name, got)
		}
	}
}

func TestOperationShowsTheBreaker(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*request.Gate)
		want   []string
	}{
		"closed": {func(*request.Gate) {}, []string{"Invitations are sent", "7 of 100", "-Next probe"}},
		"closed by somebody": {func(g *request.Gate) { g.ClosedBy, g.ClosedAt = "otto@contoso.com", pagetest.Morning }, []string{
			"Invitations are sent", "otto@contoso.com", "2026-11-23 08:30 UTC"}},
		"opened by the directory": {func(g *request.Gate) {
			g.Cause, g.OpenedAt, g.ProbeAt, g.Ref = request.DirectoryForbidden, pagetest.Morning, pagetest.Morning.Add(time.Hour), "a-reference"
		}, []string{"No invitations are sent", string(request.DirectoryForbidden), "a-reference", "2026-11-23 09:30 UTC"}},
		"stopped by a person": {func(g *request.Gate) {
			g.Stop = request.Stop{At: pagetest.Morning, By: "otto@contoso.com", Reason: "An <b>audit</b>"}
			g.Cause, g.OpenedAt = request.DirectoryForbidden, pagetest.Morning
		}, []string{"No invitations are sent", "otto@contoso.com", "An <b>audit</b>", "until guestlist breaker close", string(request.DirectoryForbidden)}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			gate := request.Gate{Day: policy.Day(w.now), Sent: 7}
			test.change(&gate)
			_, err := w.store.SaveGate(t.Context(), gate)
			if err != nil {
				t.Fatal(err)
			}
			for _, who := range []string{"Operator", "Auditor"} {
				response, page := w.page(operationPath, who)
				if response.StatusCode != http.StatusOK {
					t.Errorf("%s: status %d", who, response.StatusCode)
				}
				wantText(t, page, append(test.want, "No round has come to its end yet.")...)
			}
		})
	}
}

func TestOperationShowsWhatUpkeepCounted(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	_, err := w.store.SaveSweep(t.Context(), request.Sweep{Began: w.now, Ended: w.now, Last: request.Tally{
		Unreadable: 41, Proving: 42, Owed: 43, Erased: 44,
		Overdue: map[request.State]request.Standing{request.Review: {Requests: 45, Oldest: r.ID}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, page := w.page(operationPath, "Operator")
	wantText(t, page, "41", "42", "43", "44", "45 review", "2026-11-23 07:30 UTC", "-"+string(r.ID), "-No round")
}

// TestPagesOfOperationCostTheSameHoweverManyRows counts what each page asks the store for.
func TestPagesOfOperationCostTheSameHoweverManyRows(t *testing.T) {
	w := newWorld(t)
	key := w.row("contoso.com", "trusted", map[string]any{"Action": "invite"})
	var asked []string
	w.store.FailBefore = func(op string) error {
		asked = append(asked, op)
		return nil
	}
	for name, test := range map[string]struct {
		path string
		form url.Values
		want string
	}{
		"the rows":       {policiesPath, nil, "FirstRows"},
		"a row":          {pathOfRow(key), nil, "FirstRows"},
		"the form":       {explainPath, nil, ""},
		"an explanation": {explainPath, url.Values{"email": {"contoso.com"}}, "Strays Rows Rows"},
		"the operation":  {operationPath, nil, "Gate Sweep Strays"},
	} {
		asked = nil
		if test.form == nil {
			w.page(test.path, "Operator")
		} else {
			w.send(test.path, "Operator", test.form)
		}
		if got := strings.Join(asked, " "); got != test.want {
			t.Errorf("%s asks for %q, want %q", name, got, test.want)
		}
	}
}

func TestRowsAndStateThatCannotBeRead(t *testing.T) {
	for op, path := range map[string]string{"FirstRows": policiesPath, "Gate": operationPath, "Sweep": operationPath, "Strays": operationPath, "Rows": explainPath} {
		w := newWorld(t)
		cookie := w.signIn(people["Operator"])
		w.store.FailBefore = failing(op)
		if path == explainPath {
			wantAskedAgain(t, w.do(http.MethodPost, path, cookie,
				url.Values{"email": {"contoso.com"}, "company": {"Contoso"}, "country": {"PT"}, "sponsor": {"rui@wingtip.com"}}),
				`value="contoso.com"`, `value="Contoso"`, `value="PT"`, `value="rui@wingtip.com"`)
			continue
		}
		response := w.do(http.MethodGet, path, cookie, nil)
		page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if response.StatusCode != http.StatusServiceUnavailable || page.Title != "The service is busy" {
			t.Errorf("%s: status %d, %q", op, response.StatusCode, page.Title)
		}
	}
}

// TestTextOfRowsStaysText puts markup into rows, the state and what is typed.
func TestTextOfRowsStaysText(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.Who}}` + "\u202e'"
	w := newWorld(t)
	key := w.row(evil, evil, map[string]any{"Action": evil, evil: evil, "Note": evil, "Message": evil, "Condition": evil})
	_, err := w.store.SaveGate(t.Context(), request.Gate{Stop: request.Stop{At: w.now, By: evil, Reason: evil}, ClosedBy: evil, ClosedAt: w.now})
	if err != nil {
		t.Fatal(err)
	}
	cookie := w.signIn(people["Operator"])
	for name, response := range map[string]*http.Response{
		"rows": w.do(http.MethodGet, policiesPath, cookie, nil), "a row": w.do(http.MethodGet, pathOfRow(key), cookie, nil),
		"operation":      w.do(http.MethodGet, operationPath, cookie, nil),
		"an explanation": w.do(http.MethodPost, explainPath, cookie, url.Values{"email": {evil}, "company": {evil}, "country": {evil}, "sponsor": {evil}}),
	} {
		text := pagetest.Body(t, response)
		page := pagetest.CheckPage(t, response, text)
		typed := pagetest.Attribute(page.ByID["email"], "value")
		if !strings.Contains(page.Text()+typed, evil) || strings.Contains(text, "<script>alert") || strings.Contains(text, "<img src=x") {
			t.Errorf("%s: the text is not there as it was typed, or is markup", name)
		}
	}
}
