package workflow_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

// insufficient are Graph's words for a group that the app may not change.
const insufficient = "Insufficient privileges to complete the operation"

func missingObject(id string) string {
	return "Resource '" + id + "' does not exist or one of its queried reference-property objects " +
		"are not present."
}

func TestOddAnswersToMembershipsCostMinutes(t *testing.T) {
	odd := map[string]graphsim.Fault{
		"401": {Status: 401},
		"403": {
			Status: 403, Code: "Authorization_RequestDenied", Message: insufficient,
		},
		"404 without a body": {Status: 404, EmptyBody: true},
		"404 names the group": {
			Status: 404, Code: "Request_ResourceNotFound", Message: missingObject(groupOne),
		},
		"404 in other words":    {Status: 404, Code: "NotFound", Message: "No such thing."},
		"404 page":              {Status: 404, Form: graphsim.HTMLPage},
		"400 with unknown word": {Status: 400, Code: "Request_BadRequest", Message: "The moon is full."},
		"409": {
			Status: 409, Code: "Conflict", Message: "A conflicting object is present.",
		},
	}
	for name, fault := range oddAnswers {
		odd[name] = fault
	}
	for name, fault := range odd {
		for _, times := range []int{1, 8} {
			if times == 8 && !strings.HasPrefix(name, "404") {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d times", name, times), func(t *testing.T) {
				w := newWorld(t)
				w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo)
				fault.Match, fault.Times = membersOf(groupOne), times
				w.order(fault)
				first := w.submit("ana@contoso.com")
				second := w.submit("bo@contoso.com")
				w.settleMinutes(8)
				w.wantState(first, request.Done)
				w.wantState(second, request.Done)
				w.wantTenant(2, 2, 4)
			})
		}
	}
}

func TestMissingGroupIsNamedAfterHalfAnHour(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo)
	ok(t, w.tenant.SetGroup(graphsim.Group{ID: groupOne, Deleted: true}))
	id := w.submit("ana@contoso.com")
	w.settleMinutes(25)
	w.wantState(id, request.Granting)
	w.wantTenant(1, 1, 1)
	w.settleMinutes(40)
	r := w.wantState(id, request.Failed)
	if r.Grants[1].State != request.GrantAdded ||
		!strings.Contains(r.Grants[0].Note, "the group does not exist") ||
		!strings.Contains(r.Reason, groupOne) {
		t.Errorf("reason %q, grants %+v", r.Reason, r.Grants)
	}

	// A group that comes late is no missing group.
	late := w.submit("bo@contoso.com")
	w.settleMinutes(20)
	ok(t, w.tenant.SetGroup(graphsim.Group{ID: groupOne}))
	w.settleMinutes(20)
	w.wantState(late, request.Done)
}

func TestGroupThatTakesNobodyFailsAtOnceWithItsCure(t *testing.T) {
	tests := map[graphsim.GroupKind]struct{ words, cure string }{
		graphsim.DynamicGroup:        {insufficient, "a rule chooses"},
		graphsim.RoleAssignableGroup: {insufficient, "directory roles"},
		graphsim.RestrictedGroup:     {insufficient, "restricted management"},
		graphsim.MailEnabledGroup:    {"Cannot Update a mail-enabled security groups", "Exchange"},
		graphsim.OnPremisesGroup:     {"on-premises mastered", "mastered on-premises"},
	}
	for kind, test := range tests {
		for _, mayRead := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, may read: %t", kind, mayRead), func(t *testing.T) {
				w := newWorld(t)
				w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo)
				ok(t, w.tenant.SetGroup(graphsim.Group{ID: groupOne, Kind: kind}))
				if !mayRead {
					w.order(forbidden(graphsim.Match{Method: "GET", Path: "/v1.0/groups/" + groupOne}, 1000))
				}
				id := w.submit("ana@contoso.com")
				w.settleMinutes(5)
				if !mayRead && test.words == insufficient {
					w.wantState(id, request.Granting) // it may be a right that somebody grants
					return
				}
				r := w.wantState(id, request.Failed)
				note := r.Grants[0].Note
				if !strings.Contains(note, test.words) || !strings.Contains(note, "request-id") ||
					mayRead && !strings.Contains(note, test.cure) {
					t.Errorf("note %q", note)
				}
				if !strings.Contains(r.Reason, test.words) || r.Grants[1].State != request.GrantAdded {
					t.Errorf("reason %q, grants %+v", r.Reason, r.Grants)
				}
			})
		}
	}
}

func TestGroupThatRefusesGuestsFailsWithWordsOfDirectory(t *testing.T) {
	for name, group := range map[string]graphsim.Group{
		"takes no guests": {ID: groupOne, Kind: graphsim.UnifiedGroup, RefusesGuests: true},
		"is full":         {ID: groupOne, MaxMembers: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			ok(t, w.tenant.SetGroup(group))
			w.signUpFor("bo@contoso.com", 2)
			id := w.signUpFor("ana@contoso.com", 2)
			r := w.wantState(id, request.Failed)
			if note := r.Grants[0].Note; !strings.Contains(note, "allowed") ||
				!strings.Contains(note, "request-id") {
				t.Errorf("note %q", note)
			}
		})
	}
}

func TestForbiddenGroupKeepsWordsOfDirectory(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.order(forbidden(membersOf(groupOne), 1000))
	id := w.signUpFor("ana@contoso.com", 30)
	r := w.wantState(id, request.Failed)
	note := r.Grants[0].Note
	if !strings.Contains(note, insufficient) ||
		!strings.Contains(note, "GroupMember.ReadWrite.All") || !strings.Contains(note, "request-id") {
		t.Errorf("note %q", note)
	}
}

func TestSilentGroupIsGivenUpAfterADay(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"500":       {Status: 500},
		"401":       {Status: 401},
		"throttled": {Status: 429, Headers: retryAfter("300")},
		"dropped":   {DropConnection: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo)
			fault.Match, fault.Always = membersOf(groupOne), true
			w.order(fault)
			id := w.submit("ana@contoso.com")
			w.settle(23)
			w.wantState(id, request.Granting)
			w.settle(4)
			r := w.wantState(id, request.Failed)
			if r.Grants[1].State != request.GrantAdded || r.Grants[0].Note == "" {
				t.Errorf("grants %+v", r.Grants)
			}
			w.wantNothingDue()

			// A retry by a person begins anew.
			must(w.reviewer().Retry(t.Context(), id))(t)
			w.settle(20)
			w.wantState(id, request.Granting)
			w.tenant.ClearFaults()
			w.settle(1)
			w.wantState(id, request.Done)
		})
	}
}

func TestMissingGuestIsLookedForAnewAfterForbiddenGroup(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.order(forbidden(membersOf(groupOne), 5))
	w.order(graphsim.Fault{
		Match: membersOf(groupOne), Times: 6, Status: 404, Code: "Request_ResourceNotFound",
		Message: missingObject(groupOne),
	})
	id := w.submit("ana@contoso.com")
	start := w.now
	for w.stateOf(id) != request.Done && w.now.Sub(start) < 10*time.Hour {
		w.settleMinutes(1)
	}
	w.wantState(id, request.Done)
}

// TestMembershipThatWasAddedBeforeApprovalSaysSo: the receipt of the membership is lost, and the
// guest is left to a person before the next look.
func TestMembershipThatWasAddedBeforeApprovalSaysSo(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
	saves := 0
	w.on("Save", before, -1, func() error {
		saves++
		if saves == 3 { // decided, invited, granted
			panic(crash{})
		}
		return nil
	})
	id := w.submit("ana@contoso.com")
	_ = w.deliver()
	w.interrupt, w.queue = nil, nil
	w.order(forbidden(graphsim.Match{Method: http.MethodGet, Path: "/v1.0/users*"}, 1_000_000))
	w.now = w.now.Add(2 * time.Hour)
	w.bring(id)
	w.deliverAll()
	w.wantState(id, request.Review)
	must(w.reviewer().Approve(t.Context(), w.load(id), policy.Terms{Groups: []string{groupOne}, UserType: "Guest"}, ""))(t)
	w.settle(1)
	r := w.wantState(id, request.Done)
	if grant := r.Grants[0]; grant.State != request.GrantPresent || grant.Note == "" {
		t.Errorf("%+v", grant)
	}
}
