package graphsim_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"guestlist/handlers/dev/graphsim"
)

// handbook returns the section of the handbook that shows how to practise with the stand-in.
func handbook(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n### Practise on your machine\n")
	if !found {
		t.Fatal("docs/operations.md has no section on practising")
	}
	section, _, _ = strings.Cut(section, "\n### ")
	return section
}

// The rows of the handbook's two tables.
var (
	failureRow = regexp.MustCompile("(?m)^\\| `(\"[^`]+)` \\|")
	changeRow  = regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| `([^`]+)` \\|")
)

// TestHandbookOrdersWhatStandInTakes posts what the handbook says can be posted.
func TestHandbookOrdersWhatStandInTakes(t *testing.T) {
	section := handbook(t)
	failures := failureRow.FindAllStringSubmatch(section, -1)
	changes := changeRow.FindAllStringSubmatch(section, -1)
	if len(failures) < 8 || len(changes) < 6 {
		t.Fatalf("%d failures and %d changes are listed", len(failures), len(changes))
	}
	for _, failure := range failures {
		n := newTenant(t, nil)
		n.order("faults", `{"match": {"path": "/v1.0/*", "body": "ana@contoso.com"}, `+failure[1]+`}`)
	}
	for _, change := range changes {
		n := newTenant(t, nil)
		n.invite("ana@contoso.com")
		n.order(change[1], strings.ReplaceAll(change[2], "…", plainGroup))
	}
}

// TestHandbookNamesWhatStandInKnows: the handbook names every event and every kind of group that
// takes nobody.
func TestHandbookNamesWhatStandInKnows(t *testing.T) {
	section := handbook(t)
	for _, name := range []string{
		"accept", "disable", "enable", "delete", "restore", "purge", "reset-redemption", "make-internal",
		string(graphsim.DynamicGroup), string(graphsim.MailEnabledGroup),
		string(graphsim.RoleAssignableGroup), string(graphsim.RestrictedGroup),
		string(graphsim.OnPremisesGroup),
		string(graphsim.ODataError), string(graphsim.MessageObject), string(graphsim.HTMLPage),
	} {
		if !strings.Contains(section, "`"+name+"`") && !strings.Contains(section, `"`+name+`"`) {
			t.Errorf("the handbook does not name %s", name)
		}
	}
}
