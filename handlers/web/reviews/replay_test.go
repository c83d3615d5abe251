package reviews

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/internal/pagetest"
)

// invited are the terms of an invitation into the groups, as a row of the tests has them.
func (w *world) termsOf(columns map[string]any) *policy.Terms {
	row := policy.Parse(policy.Raw{Partition: "contoso.com", Name: "x", Columns: columns})
	return &row.Terms
}

// signedUp stores a sign-up of the address so long ago, with a decision by a row of contoso.com.
func (w *world) signedUp(email string, ago time.Duration, action policy.Action, terms *policy.Terms, changes ...func(*request.Request)) request.Request {
	w.t.Helper()
	return w.decided(ago, func(r *request.Request) {
		address, err := submission.ParseAddress(email)
		if err != nil {
			w.t.Fatal(err)
		}
		r.Submission.Email = address
		r.Decision = &policy.Decision{
			Action: action, Terms: terms, At: w.now.Add(-ago).UTC().Truncate(request.Tick), Reason: "as it was then",
			Row: &policy.RowSnapshot{Partition: "contoso.com", Name: "old", Columns: map[string]string{}},
		}
		for _, change := range changes {
			change(r)
		}
	})
}

// replayPage returns what the person reads, and the counts of the page.
func (w *world) replayPage(target, who string) (pagetest.Document, string) {
	w.t.Helper()
	response, page := w.page(target, who)
	if response.StatusCode != http.StatusOK || page.Title != "What would be decided otherwise" {
		w.t.Fatalf("status %d, %q", response.StatusCode, page.Title)
	}
	var counts []string
	for _, n := range page.Elements {
		if n.Data == "dl" && pagetest.Attribute(n, "class") == "counts" {
			for d := range n.Descendants() {
				if d.Data == "dd" {
					counts = append(counts, pagetest.Text(d))
				}
			}
		}
	}
	return page, strings.Join(counts, " ")
}

// TestReplayShowsWhatWouldBeDecidedOtherwise has every way in which a decision can change.
func TestReplayShowsWhatWouldBeDecidedOtherwise(t *testing.T) {
	w := newWorld(t)
	before := map[string]any{"Action": "invite", "Groups": grantedID}
	old := w.termsOf(before)
	now := map[string]any{"Action": "invite", "Groups": grantedID + " " + otherID}
	key := w.row("contoso.com", "now", now)
	mine := w.row("mallory@contoso.com", "out", map[string]any{"Action": "deny"})
	w.row("*", "everybody", map[string]any{"Action": "review"})

	same := w.signedUp("same@contoso.com", time.Hour, policy.Invite, w.termsOf(now))
	groups := w.signedUp("groups@contoso.com", 2*time.Hour, policy.Invite, old)
	denied := w.signedUp("mallory@contoso.com", 3*time.Hour, policy.Invite, old)
	let := w.signedUp("let.in@contoso.com", 4*time.Hour, policy.Review, nil)
	erased := w.signedUp("gone@contoso.com", 5*time.Hour, policy.Invite, old, func(r *request.Request) {
		r.Submission.Email = submission.Address{}
	})
	w.signedUp("open@contoso.com", 6*time.Hour, policy.Invite, old, func(r *request.Request) { r.Decision = nil })
	w.store.Spoil(unreadable(w.signedUp("broken@contoso.com", 7*time.Hour, policy.Invite, old).ID))

	page, counts := w.replayPage(replayPath, "Auditor")
	if counts != "6 3 1 1 1 1" {
		t.Errorf("the counts are %s", counts)
	}
	got := listed(page)
	for name, r := range map[string]request.Request{"groups": groups, "denied": denied, "let in": let} {
		if got[string(r.ID.Reference())] != pathOf(r.ID) {
			t.Errorf("%s leads to %q", name, got[string(r.ID.Reference())])
		}
	}
	if len(got) != 3 {
		t.Errorf("listed are %v, without %s and %s", got, same.ID.Reference(), erased.ID.Reference())
	}
	wantText(t, page,
		"invite → deny", "contoso.com / old", "m***@contoso.com / out", "review → invite", "contoso.com / now",
		grantedID+" → "+grantedID+", "+otherID, "g***@contoso.com", "l***@contoso.com", "decides: deny.", "-mallory", "-let.in",
	)
	leads := strings.Join(links(page), " ")
	if !strings.Contains(leads, pathOfRow(key)) || strings.Contains(leads, pathOfRow(mine)) {
		t.Errorf("the links are %s", leads)
	}
	if strings.Contains(leads, "contoso") || strings.Contains(leads, "@") || strings.Contains(leads, "%40") {
		t.Errorf("a link has an address: %s", leads)
	}
}

// TestReplayTellsEachWhatTheListsTell: an operator can't open a request, and a reader of policy
// rows knows nothing of mailboxes.
func TestReplayTellsEachWhatTheListsTell(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "now", map[string]any{"Action": "deny"})
	r := w.signedUp("ana@contoso.com", time.Hour, policy.Review, nil)
	for who, texts := range map[string][]string{
		"Auditor": {"a***@contoso.com", "-Silva"}, "Operator": {"a***@contoso.com", "-Silva"}, "PolicyReader": {"-a***", "contoso.com", "-Silva", "-@contoso.com /"},
	} {
		page, _ := w.replayPage(replayPath, who)
		wantText(t, page, append(texts, string(r.ID.Reference()), "-ana@")...)
		path, found := listed(page)[string(r.ID.Reference())]
		if !found || (path != "") != (who == "Auditor") {
			t.Errorf("%s: the request leads to %q", who, path)
		}
		if strings.Contains(pagetest.Text(page.First("main")), string(r.ID)) {
			t.Errorf("%s reads the whole id", who)
		}
	}
	_, page := w.page(policiesPath, "PolicyReader")
	if !strings.Contains(strings.Join(links(page), " "), replayPath) {
		t.Error("no link leads to the page")
	}
}

// TestReplayDecidesAsTheAppDoes, but for what a page can't know: how full a row is.
func TestReplayDecidesAsTheAppDoes(t *testing.T) {
	code := submission.HashCode("Tulip-Spring-2026")
	for name, test := range map[string]struct {
		row  map[string]any
		who  func(*request.Request)
		want string // counts
	}{
		"a condition that holds":            {map[string]any{"Action": "invite", "Condition": `request.country == "PT"`}, nil, "1 1 0 0 0 0"},
		"a condition that does not":         {map[string]any{"Action": "invite", "Condition": `request.country == "DE"`}, nil, "1 0 1 0 0 0"},
		"a limit counts as not reached":     {map[string]any{"Action": "invite", "MaxGuests": int32(1)}, nil, "1 1 0 0 0 0"},
		"a code that was typed":             {map[string]any{"Action": "invite", "InviteCode": "Tulip-Spring-2026"}, func(r *request.Request) { r.Submission.InviteCode = code }, "1 1 0 0 0 0"},
		"a code that was not":               {map[string]any{"Action": "invite", "InviteCode": "Tulip-Spring-2026"}, nil, "1 0 1 0 0 0"},
		"a row that was not there yet":      {map[string]any{"Action": "invite", "NotBefore": pagetest.Morning.Format(time.RFC3339)}, nil, "1 0 1 0 0 0"},
		"a row that is over, and was there": {map[string]any{"Action": "invite", "NotAfter": pagetest.Morning.Add(-time.Minute).Format(time.RFC3339)}, nil, "1 1 0 0 0 0"},
		"a row with a fault":                {map[string]any{"Action": "invite", "Groups": "no id"}, nil, "1 0 1 0 0 0"},
		"another proof":                     {map[string]any{"Action": "review", "Proof": "code"}, nil, "1 1 0 0 0 0"},
	} {
		w := newWorld(t)
		w.row("contoso.com", "now", test.row)
		r := w.signedUp("ana@contoso.com", time.Hour, policy.Review, nil)
		w.row(rowKey.Partition, rowKey.Name, map[string]any{"Action": "review", "Mode": "audit"}) // the one of waiting
		if test.who != nil {
			w.update(r.ID, test.who)
		}
		page, counts := w.replayPage(replayPath, "PolicyReader")
		if counts != test.want {
			t.Errorf("%s: the counts are %s, want %s\n%s", name, counts, test.want, page.Text())
		}
		wantText(t, page, "Limits of guests count as not reached", "-Tulip")
	}
}

// TestReplayIsReadInParts follows the links from part to part.
func TestReplayIsReadInParts(t *testing.T) {
	w := newWorld(t)
	want := map[string]bool{}
	for n := range 2*perReplay + 5 {
		r := w.signedUp(fmt.Sprintf("p%d@contoso.com", n), time.Duration(n)*time.Minute, policy.Invite, w.termsOf(map[string]any{"Action": "invite"}))
		want[string(r.ID.Reference())] = true
	}
	w.row("contoso.com", "now", map[string]any{"Action": "deny"})
	target, parts := replayPath, 0
	for seen := map[string]bool{}; target != ""; parts++ {
		page, _ := w.replayPage(target, "Operator")
		found := listed(page)
		if len(found) > perReplay {
			t.Errorf("a part has %d sign-ups", len(found))
		}
		target = ""
		for reference := range found {
			if seen[reference] || !want[reference] {
				t.Errorf("%s comes twice, or was never there", reference)
			}
			seen[reference] = true
		}
		for _, n := range page.Elements {
			if n.Data == "a" && pagetest.Text(n) == "Older requests" {
				target = pagetest.Attribute(n, "href")
			}
		}
		if target == "" && len(seen) != len(want) {
			t.Errorf("%d of %d sign-ups were shown", len(seen), len(want))
		}
	}
	if parts != 3 {
		t.Errorf("%d parts", parts)
	}
}

// TestReplayNeedsAllRows: a part of the rows would decide otherwise than they do.
func TestReplayNeedsAllRows(t *testing.T) {
	w := newWorld(t)
	w.signedUp("ana@contoso.com", time.Hour, policy.Review, nil)
	for n := range maxRows {
		w.row("fabrikam.com", fmt.Sprint("row ", n), map[string]any{"Action": "deny"})
	}
	page, counts := w.replayPage(replayPath, "Operator")
	wantText(t, page, "There are more policy rows than this page reads")
	if counts != "" || len(listed(page)) > 0 {
		t.Errorf("the counts are %s, and listed are %v", counts, listed(page))
	}
}

// TestReplayCostsTwoReads counts what the page asks the store for. What FindBefore costs is
// measured where it is implemented.
func TestReplayCostsTwoReads(t *testing.T) {
	w := newWorld(t)
	for n := range 30 {
		w.signedUp(fmt.Sprintf("p%d@contoso.com", n), time.Duration(n)*time.Minute, policy.Invite, nil)
	}
	var asked []string
	w.store.FailBefore = func(op string) error {
		asked = append(asked, op)
		return nil
	}
	w.replayPage(replayPath, "PolicyReader")
	if got := strings.Join(asked, " "); got != "FirstRows FindBefore" {
		t.Errorf("the page asks for %q", got)
	}
	for _, op := range []string{"FirstRows", "FindBefore"} {
		w.store.FailBefore = failing(op)
		response, page := w.page(replayPath, "PolicyReader")
		if response.StatusCode != http.StatusServiceUnavailable || page.Title != "The service is busy" {
			t.Errorf("%s: status %d, %q", op, response.StatusCode, page.Title)
		}
	}
}

// TestReplayedTextStaysText puts markup into rows and decisions.
func TestReplayedTextStaysText(t *testing.T) {
	const evil = `"><script>alert(1)</script>{{.Who}}`
	w := newWorld(t)
	w.row("contoso.com", evil, map[string]any{"Action": "invite", "Message": evil})
	w.signedUp("ana@contoso.com", time.Hour, policy.Invite, &policy.Terms{UserType: evil}, func(r *request.Request) {
		r.Decision.Row.Name, r.Decision.Row.Partition = evil, evil
	})
	page, counts := w.replayPage(replayPath, "Operator")
	if counts != "1 1 0 0 0 0" || strings.Count(page.Text(), evil) < 4 {
		t.Errorf("the counts are %s, and the page says\n%s", counts, page.Text())
	}
	for _, n := range page.Elements {
		if n.Data == "script" && strings.Contains(pagetest.Text(n), "alert") {
			t.Error("there is a script")
		}
	}
	for _, until := range []string{"x", "%0d%0aX-Evil:1", strings.Repeat("9", 500), "https://evil.example"} {
		page, _ = w.replayPage(replayPath+"?until="+until, "Operator")
		if strings.Contains(page.Text(), "evil.example") {
			t.Error("the query is in the page")
		}
	}
}
