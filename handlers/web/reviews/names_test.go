package reviews

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/web/internal/pagetest"
)

const otherID = "c0000000-0000-4000-8000-000000000002"

// keepNames keeps what upkeep asked for so long ago.
func (w *world) keepNames(ago time.Duration, names map[string]string) {
	w.t.Helper()
	var entries []request.GroupName
	for id, name := range names {
		entries = append(entries, request.NewGroupName(id, name, w.now.Add(-ago)))
	}
	err := w.store.KeepGroupNames(w.t.Context(), entries)
	if err != nil {
		w.t.Fatal(err)
	}
}

// namingPages are the pages that show groups with their names, by the person who looks at them.
func (w *world) namingPages() map[string]func(who string) (*http.Response, pagetest.Document) {
	r := w.waiting()
	columns := columns()
	columns["Groups"], columns["Sponsors"] = grantedID+" "+otherID, approverID
	key := w.putRow(columns).Key()
	w.row("fabrikam.com", "trusted", map[string]any{"Action": "invite", "Groups": grantedID + " " + otherID})
	return map[string]func(who string) (*http.Response, pagetest.Document){
		"a request": func(who string) (*http.Response, pagetest.Document) { return w.page(pathOf(r.ID), who) },
		"a row":     func(who string) (*http.Response, pagetest.Document) { return w.page(pathOfRow(key), who) },
		"an explanation": func(who string) (*http.Response, pagetest.Document) {
			return w.send(explainPath, who, url.Values{"email": {"fabrikam.com"}})
		},
	}
}

func TestGroupsAreShownWithTheirNames(t *testing.T) {
	w := newWorld(t)
	w.keepNames(time.Hour, map[string]string{grantedID: "Project Tulip", approversGroup: "Approvers", approverID: "", reviewersGroup: "Not named here"})
	for name, show := range w.namingPages() {
		response, page := show("Auditor")
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", name, response.StatusCode)
		}
		wantText(t, page, "Project Tulip ("+grantedID+")", otherID, "-Not named here", "-("+otherID, "-name as of")
		if name != "an explanation" {
			wantText(t, page, approverID, "-("+approverID)
		}
		if name == "a row" {
			wantText(t, page, "Approvers ("+approversGroup+")", escalatedGroup)
		}
	}
}

// TestAgedNameSaysWhenItWasRead: the directory has not told it for more than a day.
func TestAgedNameSaysWhenItWasRead(t *testing.T) {
	w := newWorld(t)
	w.keepNames(25*time.Hour, map[string]string{grantedID: "Project Tulip"})
	want := "Project Tulip (" + grantedID + ") name as of " + momentOf(w.now.Add(-25*time.Hour)).Text
	for _, show := range w.namingPages() {
		_, page := show("Auditor")
		wantText(t, page, want)
	}
}

// TestPagesDoWithoutNames: what can't be read is not shown, and hides nothing.
func TestPagesDoWithoutNames(t *testing.T) {
	w := newWorld(t)
	w.keepNames(time.Hour, map[string]string{grantedID: "Project Tulip"})
	pages := w.namingPages()
	w.store.FailBefore = failing("GroupNames")
	for name, show := range pages {
		response, page := show("Auditor")
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", name, response.StatusCode)
		}
		wantText(t, page, grantedID, otherID, "-Project Tulip")
	}
	if log := w.log.String(); strings.Count(log, "the names of groups can't be read") != len(pages) {
		t.Errorf("the log is\n%s", log)
	}
}

// TestGuestsOfTheTenantReadNoNames: they see the ids, as they see no note of the row.
func TestGuestsOfTheTenantReadNoNames(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Guests = true })
	w.keepNames(time.Hour, map[string]string{grantedID: "Project Tulip"})
	response, page := w.namingPages()["a request"]("guest reviewer")
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	wantText(t, page, grantedID, "-Project Tulip")
}

// TestNamesCostOneCall counts what the pages ask the store for.
func TestNamesCostOneCall(t *testing.T) {
	w := newWorld(t)
	pages := w.namingPages()
	var asked []string
	w.store.FailBefore = func(op string) error {
		asked = append(asked, op)
		return nil
	}
	for name, want := range map[string]string{
		"a request": "Load Rows History GroupNames", "a row": "FirstRows GroupNames", "an explanation": "Strays Rows Rows GroupNames",
	} {
		asked = nil
		pages[name]("Auditor")
		if got := strings.Join(asked, " "); got != want {
			t.Errorf("%s asks for %q, want %q", name, got, want)
		}
	}
}

// TestNameStaysText has an owner of a group who chooses an evil name, and a table in which somebody
// has put a worse one.
func TestNameStaysText(t *testing.T) {
	const evil = `"><script>alert(1)</script>{{.Who}}`
	w := newWorld(t)
	w.keepNames(time.Hour, map[string]string{grantedID: evil + "\u202e" + strings.Repeat("x", 1000)})
	err := w.store.KeepGroupNames(t.Context(), []request.GroupName{{ID: otherID, Name: evil, AskedAt: w.now}})
	if err != nil {
		t.Fatal(err)
	}
	for name, show := range w.namingPages() {
		_, page := show("Auditor")
		wantText(t, page, evil, grantedID, "-\u202e", "-"+strings.Repeat("x", 200))
		if strings.Count(page.Text(), evil) != 2 {
			t.Errorf("%s: the names are not there as they were chosen", name)
		}
		for _, n := range page.Elements {
			if n.Data == "bdi" && strings.HasPrefix(pagetest.Text(n), evil) && len([]rune(pagetest.Text(n))) > 120 {
				t.Errorf("%s: a name has %d characters", name, len([]rune(pagetest.Text(n))))
			}
		}
	}
}

// TestNameDecidesNothing: a group with the id of none, and the name of one that decides.
func TestNameDecidesNothing(t *testing.T) {
	w := newWorld(t)
	w.keepNames(time.Hour, map[string]string{grantedID: "nora@contoso.com", approversGroup: people["nobody"].Person})
	r := w.waiting()
	response, _ := w.page(pathOf(r.ID), "nobody")
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", response.StatusCode)
	}
	if ids := policy.Named([]policy.Raw{{Columns: map[string]any{"Groups": "Project Tulip"}}}); len(ids) > 0 {
		t.Errorf("a name is taken for an id: %v", ids)
	}
}
