package workflow_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/workflow"
)

const (
	readGroups = "GET /v1.0/groups"
	readUsers  = "GET /v1.0/users"
)

// newNamingWorld returns a world in which the names of groups are kept.
func newNamingWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, func(c *workflow.Config) { c.GroupNames = c.Strays.(request.GroupNames) })
	w.group(groupOne, "Readers")
	w.group(groupTwo, "Writers")
	return w
}

func (w *world) group(id, name string) {
	w.t.Helper()
	ok(w.t, w.tenant.SetGroup(graphsim.Group{ID: id, DisplayName: name}))
}

// wantNames compares the names that are kept by the ids, and which ids there are.
func (w *world) wantNames(want map[string]string) {
	w.t.Helper()
	got := map[string]string{}
	for _, entry := range must(w.store.GroupNames(w.t.Context(), "", "", 10_000))(w.t) {
		got[entry.ID] = entry.Name
	}
	if !maps.Equal(got, want) {
		w.t.Errorf("the names are %q, want %q", got, want)
	}
}

// TestGroupsOfRowsAreKeptWithTheirNames follows names and rows as they change.
func TestGroupsOfRowsAreKeptWithTheirNames(t *testing.T) {
	w := newNamingWorld(t)
	user := must(w.tenant.AddUser(graphsim.User{UserType: "Member", UserPrincipalName: "sami@contoso.com", DisplayName: "Sami Sponsor"}))(t).ID
	ok(t, w.tenant.SetGroup(graphsim.Group{ID: user, Deleted: true})) // the stand-in takes other ids for groups
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne, "Sponsors", user)
	w.row("Not a key", "stray", "Action", "deny", "Approvers", strings.ToUpper(groupTwo))
	w.settleMinutes(1)
	// Of people there is no name, and they are not asked for.
	w.wantNames(map[string]string{groupOne: "Readers", groupTwo: "Writers", user: ""})
	if w.tenant.Calls()[readUsers] != 0 {
		t.Error("users were read")
	}
	if !strings.Contains(fmt.Sprint(w.tenant.Calls()), readGroups+":1") {
		t.Errorf("the calls were %v", w.tenant.Calls())
	}

	// A name is a day old before it is asked for again, and a group that is gone has none.
	w.group(groupOne, "Readers of the project")
	ok(t, w.tenant.SetGroup(graphsim.Group{ID: groupTwo, Deleted: true}))
	w.settle(22)
	w.wantNames(map[string]string{groupOne: "Readers", groupTwo: "Writers", user: ""})
	w.settle(2)
	w.wantNames(map[string]string{groupOne: "Readers of the project", groupTwo: "", user: ""})

	// What no row names any more goes within the hour, and what is new comes.
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupTwo)
	w.remove("Not a key", "stray")
	w.group(groupTwo, "Restored")
	w.settleMinutes(61)
	w.wantNames(map[string]string{groupTwo: ""}) // it is asked again in time
	w.settle(24)
	w.wantNames(map[string]string{groupTwo: "Restored"})
}

// TestNamesCostWhatIsDue counts the calls.
func TestNamesCostWhatIsDue(t *testing.T) {
	w := newNamingWorld(t)
	var asked map[string]int
	count := func(minutes int) {
		asked = map[string]int{}
		before := w.tenant.Calls()[readGroups]
		w.interrupt = func(op string, after bool) error {
			if !after {
				asked[op]++
			}
			return nil
		}
		w.settleMinutes(minutes)
		asked[readGroups] = w.tenant.Calls()[readGroups] - before
	}
	var ids []string
	for row := range 10 {
		var groups []string
		for n := range 20 {
			id := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", 100*row+n)
			w.group(id, "many")
			groups = append(groups, id)
		}
		ids = append(ids, groups...)
		w.row("contoso.com", fmt.Sprint("row ", row), "Action", "invite", "Groups", strings.Join(groups, " "))
	}
	// 200 ids: 75 in a run, 15 in a call of Graph.
	for minute, want := range []int{5, 5, 4, 0, 0} {
		count(1)
		if asked[readGroups] != want {
			t.Errorf("run %d asks %d times, want %d", minute, asked[readGroups], want)
		}
	}
	all := map[string]string{}
	for _, id := range ids {
		all[id] = "many"
	}
	w.wantNames(all)
	// A run between two rounds reads one record.
	count(10)
	if got := []int{asked["GroupNameRound"], asked["ScanNaming"], asked["GroupNames"], asked["KeepGroupNames"], asked["SaveGroupNameRound"]}; !slices.Equal(got, []int{10, 0, 0, 0, 0}) {
		t.Errorf("ten runs between rounds ask %v", asked)
	}
	// So does a round in which nothing is due, beside looking.
	count(60)
	if got := []int{asked["ScanNaming"], asked["GroupNames"], asked["KeepGroupNames"], asked[readGroups]}; !slices.Equal(got, []int{1, 2, 0, 0}) {
		t.Errorf("an hour with nothing due asks %v", asked)
	}
	// One group more costs one call.
	w.row("fabrikam.com", "new", "Action", "invite", "Groups", "bbbbbbbb-0000-4000-8000-000000000001")
	count(60)
	if asked[readGroups] != 1 {
		t.Errorf("a new group costs %d calls", asked[readGroups])
	}
}

// TestManyNamedIDsAreBounded: what is beyond the bound has no name, and the log says so.
func TestManyNamedIDsAreBounded(t *testing.T) {
	w := newNamingWorld(t)
	for row := range 60 {
		var groups []string
		for n := range 20 {
			groups = append(groups, fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", 100*row+n))
		}
		w.row("contoso.com", fmt.Sprintf("row %02d", row), "Action", "invite", "Groups", strings.Join(groups, " "))
	}
	w.settleMinutes(20)
	kept := must(w.store.GroupNames(t.Context(), "", "", 10_000))(t)
	if len(kept) != request.MostGroupNames || slices.ContainsFunc(kept, func(entry request.GroupName) bool { return entry.Name == "" }) {
		t.Errorf("%d entries, or some without a name", len(kept))
	}
	if !strings.Contains(w.log.String(), "shown=1000 others=200") {
		t.Errorf("the log does not tell:\n%s", w.log)
	}
}

// TestSilentDirectoryLeavesNames: the old names stay, and the rest of upkeep goes on.
func TestSilentDirectoryLeavesNames(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"throttled": {Always: true, Status: http.StatusTooManyRequests, Headers: map[string]string{"Retry-After": "7"}},
		"forbidden": {Always: true, Status: http.StatusForbidden, Code: "Authorization_RequestDenied", Message: "Insufficient privileges to complete the operation."},
		"down":      {Always: true, Status: http.StatusServiceUnavailable},
		"strange":   {Always: true, Status: http.StatusOK, Body: `{"value":[{"id":"` + groupTwo + `","displayName":"x"}]}`, ContentType: "application/json"},
		"nameless":  {Always: true, Status: http.StatusOK, Body: `{"value":[{"id":"` + groupOne + `","displayName":null}]}`, ContentType: "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newNamingWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			w.settleMinutes(1)
			w.group(groupOne, "Renamed")
			fault.Match = graphsim.Match{Method: http.MethodGet, Path: "/v1.0/groups"}
			w.order(fault)
			before := w.tenant.Calls()[readGroups]
			w.settle(26)
			w.wantNames(map[string]string{groupOne: "Readers"})
			// The client asks up to three times, once an hour.
			if calls := w.tenant.Calls()[readGroups] - before; calls == 0 || calls > 4*3 {
				t.Errorf("the directory was asked %d times in three hours", calls)
			}
			if !strings.Contains(w.log.String(), "the directory does not tell the names of groups") {
				t.Error("the log does not tell")
			}
			w.wantLine(workflow.LogUpkeep, 26*60+1)
			w.wantState(w.signUp("ana@contoso.com"), request.Done)
			w.tenant.ClearFaults()
			w.settle(1)
			w.wantNames(map[string]string{groupOne: "Renamed"})
		})
	}
}

// TestInterruptedNamingGoesOn fails or kills each operation of a round, before and after its
// effect.
func TestInterruptedNamingGoesOn(t *testing.T) {
	ops := []string{"GroupNameRound", "ScanNaming", "GroupNames", "DropGroupNames", "KeepGroupNames", "SaveGroupNameRound"}
	for _, op := range ops {
		for _, when := range []bool{before, after} {
			for what, fate := range map[string]func() error{"fails": fails, "kills": crashes} {
				t.Run(fmt.Sprintf("%s %s, after its effect %t", op, what, when), func(t *testing.T) {
					w := newNamingWorld(t)
					w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupTwo)
					w.settleMinutes(1)
					w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
					w.settleMinutes(58)
					w.on(op, when, 2, fate)
					w.settleMinutes(3)
					w.settleMinutes(61)
					w.wantNames(map[string]string{groupOne: "Readers"})
					if what == "fails" {
						w.wantLine(workflow.LogUpkeep, 1+58+3+61)
					}
				})
			}
		}
	}
}

// TestCursorOfNoUseBeginsAgain has a scan that is told that its cursor is stale.
func TestCursorOfNoUseBeginsAgain(t *testing.T) {
	w := newNamingWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	ok(t, w.store.SaveGroupNameRound(t.Context(), request.GroupNameRound{
		Began: w.now, Part: request.GroupNamesRows, Cursor: "stale", Found: []string{groupTwo},
	}))
	w.on("ScanNaming", before, 1, func() error { return problem.New(problem.Internal, "the service refuses the cursor") })
	w.settleMinutes(1)
	w.settleMinutes(1)
	w.wantNames(map[string]string{groupOne: "Readers"})
}

// TestNamesAreKeptAsTheyCanBeShown: owners of groups choose names.
func TestNamesAreKeptAsTheyCanBeShown(t *testing.T) {
	w := newNamingWorld(t)
	w.group(groupOne, "\u202esredaeR\n<b>&"+strings.Repeat("x", 500))
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.settleMinutes(1)
	w.wantNames(map[string]string{groupOne: "sredaeR <b>&" + strings.Repeat("x", 107) + "…"})
}

// TestNamesAreOnlyKeptForPages: without pages nobody reads them.
func TestNamesAreOnlyKeptForPages(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.settle(2)
	w.wantNames(map[string]string{})
	if w.tenant.Calls()[readGroups] != 0 {
		t.Error("groups were read")
	}
}

// TestClockThatWasWrongKeepsNobodyWaiting has a round and a name from the future.
func TestClockThatWasWrongKeepsNobodyWaiting(t *testing.T) {
	w := newNamingWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	future := w.now.Add(30 * 24 * time.Hour)
	ok(t, w.store.SaveGroupNameRound(t.Context(), request.GroupNameRound{Began: future}))
	ok(t, w.store.KeepGroupNames(t.Context(), []request.GroupName{{ID: groupOne, Name: "old", AskedAt: future}}))
	w.settleMinutes(1)
	w.wantNames(map[string]string{groupOne: "Readers"})
}
