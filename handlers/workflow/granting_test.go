package workflow_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/workflow"
)

func TestGrantsWaitWhileDirectoryThrottles(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	member := membersOf(groupOne)
	w.order(graphsim.Fault{Match: member, Times: 1, Status: 503})
	first := w.signUp("ana@contoso.com")
	w.wantState(first, request.Granting)
	w.order(graphsim.Fault{Match: member, Times: 1, Status: 429, Headers: retryAfter("600")})
	second := w.signUp("bo@contoso.com")
	w.wantState(second, request.Granting)
	before := w.tenant.Calls()["POST /v1.0/groups/{id}/members/$ref"]
	w.settleMinutes(8)
	if after := w.tenant.Calls()["POST /v1.0/groups/{id}/members/$ref"]; after != before {
		t.Errorf("%d memberships were tried during the pause that the directory asked for", after-before)
	}
	w.settleMinutes(20)
	if r := w.wantState(first, request.Done); r.Reason != "1 membership added, 0 there before, 0 refused" {
		t.Errorf("reason %q", r.Reason)
	}
	w.wantState(second, request.Done)
}

func TestThrottledGrantsStopEveryInstance(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1, Status: 429, Headers: retryAfter("600")})
	first := w.signUp("ana@contoso.com")
	calls := func() (n int) {
		for _, count := range w.tenant.Calls() {
			n += count
		}
		return n
	}
	before := calls()
	second := w.signUp("bo@contoso.com")
	if calls() != before {
		t.Errorf("%d calls while the directory asked to be left alone", calls()-before)
	}
	// Another instance learns of it at the gate, before it invites.
	w.worker = w.newWorker()
	w.signUp("cy@contoso.com")
	if n := w.attempts(); n != 1 {
		t.Errorf("%d invitations while the directory asked to be left alone", n)
	}
	w.settle(1)
	w.wantState(first, request.Done)
	w.wantState(second, request.Done)
	w.wantTenant(3, 3, 3)
}

func TestInvisibleGuestIsGivenUpAfterHalfAnHour(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	id := w.submit("ana@contoso.com")
	w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1000, Status: 404,
		Code: "Request_ResourceNotFound", Message: "Resource 'aaaaaaaa-1111-4000-8000-000000000001' does not exist or one of its queried reference-property objects are not present."})
	start := w.now
	for w.stateOf(id) != request.Failed && w.now.Sub(start) < 6*time.Hour {
		w.settleMinutes(1)
	}
	r := w.wantState(id, request.Failed)
	if waited := w.now.Sub(r.Created); waited < 30*time.Minute || waited > 2*time.Hour {
		t.Errorf("given up after %v", waited)
	}
	if r.Grants[0].State != request.GrantFailed || !strings.Contains(r.Grants[0].Note, "still did not know the guest") {
		t.Errorf("grant %+v", r.Grants[0])
	}
	w.wantLine(workflow.LogFailed, 1)
}

func TestGroupWithUnknownAnswersIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo)
	w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1000, Status: 403,
		Body: "<html>No.</html>", ContentType: "text/html", Headers: map[string]string{"request-id": "5f1c3cd2-0000-4000-8000-000000000001"}})
	id := w.signUpFor("ana@contoso.com", 4)
	r := w.wantState(id, request.Failed)
	if len(r.Grants) != 2 || !strings.Contains(r.Grants[0].Note, "request-id") || r.Grants[1].State != request.GrantAdded {
		t.Errorf("grants %+v", r.Grants)
	}
}

func TestForbiddenGroupDoesNotBlockOthers(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo)
	w.order(forbidden(membersOf(groupOne), 2))
	id := w.submit("ana@contoso.com")
	w.settleMinutes(5)
	w.wantState(id, request.Granting)
	w.wantTenant(1, 1, 1)
	w.settle(3)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 2)
}

func TestForbiddenGroupIsTriedForADay(t *testing.T) {
	path := "/v1.0/groups/" + groupOne + "/members/$ref"
	// Earlier waits do not count.
	for name, before := range map[string]int{"at once": 0, "after an outage": 40} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			if before > 0 {
				w.order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodPost, Path: path}, Times: before, Status: 503})
			}
			w.order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodPost, Path: path}, Times: 1000, Status: 403,
				Code: "Authorization_RequestDenied", Message: "Insufficient privileges to complete the operation."})
			id := w.signUpFor("ana@contoso.com", 1)
			for hours := 1; w.load(id).Grants[0].Forbidden.IsZero(); hours++ {
				if hours > 100 {
					t.Fatal("the group is never forbidden")
				}
				w.settle(1)
			}
			w.settle(22)
			w.wantState(id, request.Granting)
			w.settle(4)
			r := w.wantState(id, request.Failed)
			if r.Grants[0].State != request.GrantFailed {
				t.Errorf("grants %+v", r.Grants)
			}
			w.tenant.ClearFaults()
			must(w.reviewer().Retry(t.Context(), id))(t)
			w.settle(1)
			if r := w.wantState(id, request.Done); !r.Grants[0].Forbidden.IsZero() {
				t.Errorf("grants %+v", r.Grants)
			}
		})
	}
}

func TestForbiddenGroupFailsAfterADay(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo)
	w.order(forbidden(membersOf(groupOne), 1000))
	id := w.signUpFor("ana@contoso.com", 12)
	w.wantState(id, request.Granting)
	w.settle(18)
	w.wantState(id, request.Failed)
	w.wantTenant(1, 1, 1)
}

func TestPresentMembershipAfterCrashIsNoted(t *testing.T) {
	tests := map[string]struct{ parked, throttled, killed bool }{
		"there before": {},
		"there before, and the request is parked": {parked: true},
		"there before, and it is put off":         {throttled: true},
		"added, and the process ended":            {killed: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			guest := must(w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", UserType: "Guest",
				CreationType: "Invitation", ExternalUserState: "PendingAcceptance"}))(t)
			w.now = w.now.Add(time.Minute)
			if !test.killed {
				must(w.client.AddMember(t.Context(), groupOne, guest.ID))(t)
			} else {
				w.on("AddMember", after, 1, crashes)
			}
			if test.parked {
				w.stop()
			}
			if test.throttled {
				w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 429})
			}
			id := w.submit("ana@contoso.com")
			w.settleMinutes(5)
			w.tenant.ClearFaults()
			w.settleMinutes(70)
			r := w.wantState(id, request.Done)
			doubtful := strings.Contains(r.Grants[0].Note, "an earlier attempt")
			if r.Grants[0].State != request.GrantPresent || doubtful != test.killed {
				t.Errorf("%+v", r.Grants[0])
			}
		})
	}
}

func TestSilentGroupDoesNotBlockOthers(t *testing.T) {
	w := newWorld(t)
	const groupThree = "aaaaaaaa-0000-4000-8000-000000000003"
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo+" "+groupThree)
	w.order(graphsim.Fault{Match: membersOf(groupTwo), Times: 1_000_000, Status: 500})
	id := w.signUpFor("ana@contoso.com", 1)
	r := w.wantState(id, request.Granting)
	if r.Grants[0].State != request.GrantAdded || r.Grants[1].State != request.GrantPending || r.Grants[2].State != request.GrantAdded {
		t.Errorf("grants %+v", r.Grants)
	}
	w.tenant.ClearFaults()
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 3)
}

func TestUnknownAnswersCountPerGroup(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo)
	odd := func(group string, times int) {
		w.order(graphsim.Fault{Match: membersOf(group), Times: times, Status: 403,
			Body: "<html>No.</html>", ContentType: "text/html"})
	}
	odd(groupOne, 1000)
	odd(groupTwo, 3)
	id := w.signUpFor("ana@contoso.com", 6)
	r := w.wantState(id, request.Failed)
	if r.Grants[0].State != request.GrantFailed || r.Grants[1].State != request.GrantAdded {
		t.Errorf("grants %+v", r.Grants)
	}
}

// TestGuestWhoIsNotVisibleYetGetsNoGroup lets a group take the guest while the directory does not
// show the guest: who that is can't be checked.
func TestGuestWhoIsNotVisibleYetGetsNoGroup(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
	w.order(answersOnce(membersOf(groupOne), 503))
	id := w.signUp("ana@contoso.com")
	unseen := graphsim.Fault{Match: userByID, Always: true, Status: 404,
		Code: "Request_ResourceNotFound", Message: missingObject("x")}
	w.order(unseen)
	w.settleMinutes(20)
	r := w.wantState(id, request.Granting)
	w.wantTenant(1, 1, 0)
	if w.last(id) != "not-visible" || !strings.Contains(r.Reason, "does not show the guest") {
		t.Errorf("history %v, %s", w.whats(id), r.Reason)
	}
	w.tenant.ClearFaults()
	w.settleMinutes(20)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 1)
}

// TestGroupIsLookedForThreeTimesMoreAfterLongPause lets nobody work for longer than a group is
// looked for.
func TestGroupIsLookedForThreeTimesMoreAfterLongPause(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
	w.order(graphsim.Fault{Match: membersOf(groupOne), Always: true, Status: 404,
		Code: "Request_ResourceNotFound", Message: missingObject(groupOne)})
	id := w.signUp("ana@contoso.com")
	waits := 0
	for ; w.load(id).State == request.Granting && waits < 10; waits++ {
		w.now = w.now.Add(40 * time.Minute)
		w.bring(id)
		w.deliverAll()
	}
	w.wantState(id, request.Failed)
	if waits != 3 {
		t.Errorf("given up after %d waits, want 3", waits)
	}
}

// TestGroupThatMayNotBeChangedWaits lets the directory refuse a membership for lack of a right,
// with each of the codes that say so.
func TestGroupThatMayNotBeChangedWaits(t *testing.T) {
	for _, code := range []problem.Code{request.DirectoryGroupForbidden, request.DirectoryForbidden} {
		w := newWorld(t)
		w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
		w.on("AddMember", before, 1, func() error { return problem.New(code, "the test says so") })
		id := w.signUp("ana@contoso.com")
		r := w.wantState(id, request.Granting)
		if w.last(id) != "forbidden" || r.Grants[0].Forbidden.IsZero() || r.Due.Sub(w.now) != time.Minute {
			t.Errorf("%s: history %v, due %v, %+v", code, w.whats(id), r.Due, r.Grants)
		}
		w.settleMinutes(3)
		w.wantState(id, request.Done)
	}
}
