package workflow_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
)

// TestAnswerNamesAnotherGuest lets the directory show one guest for an address and name another in
// its answer to the invitation: it is asked again, and as it still contradicts itself, a person
// decides.
func TestAnswerNamesAnotherGuest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
	guest := func(mail, state string) string {
		return must(w.tenant.AddUser(graphsim.User{
			Mail: mail, CreationType: "Invitation", UserType: "Guest", ExternalUserState: state,
		}))(t).ID
	}
	ana, bo := guest("ana@contoso.com", "PendingAcceptance"), guest("bo@contoso.com", "Accepted")
	w.answersEdited(func(r *http.Request, status int, body string) (int, string) {
		if strings.HasSuffix(r.URL.Path, "/invitations") {
			body = strings.ReplaceAll(body, ana, bo)
		}
		return status, body
	})
	w.wantState(w.signUpFor("ana@contoso.com", 1), request.Review)
	w.wantTenant(1, 2, 0)
}

// TestOwnGuestIsNotShownYet loses the answer to an invitation whose guest the directory shows only
// after some minutes. That the address is taken meanwhile is no refusal.
func TestOwnGuestIsNotShownYet(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
	shown := w.now.Add(20 * time.Minute)
	posts := 0
	w.answersEdited(func(r *http.Request, status int, body string) (int, string) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/invitations"):
			posts++
			if posts == 1 {
				return 504, `{"error":{"code":"GatewayTimeout","message":"The upstream did not answer."}}`
			}
			return 400, `{"error":{"code":"Request_MultipleObjectsWithSameKeyValue",` +
				`"message":"Another object with the same value for property proxyAddresses already exists."}}`
		case r.Method == http.MethodGet && r.URL.Path == "/v1.0/users" && w.now.Before(shown):
			return 200, `{"value":[]}`
		}
		return status, body
	})
	id := w.signUpFor("ana@contoso.com", 2)
	w.wantState(id, request.Done)
	members := w.tenant.Memberships()
	if guest := w.load(id).GuestID; len(members) != 1 || guest != members[0].GuestID {
		t.Errorf("the guest is %q, the memberships %v", guest, members)
	}
}

// TestInvitationWithStatusErrorMayHaveMadeGuest invites with an answer that says that the invitation
// went wrong, although the guest is there: the request keeps guest and seat.
func TestInvitationWithStatusErrorMayHaveMadeGuest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(1))
	first := true
	w.answersEdited(func(r *http.Request, status int, body string) (int, string) {
		if strings.HasSuffix(r.URL.Path, "/invitations") && first {
			first = false
			body = strings.Replace(body, `"PendingAcceptance"`, `"Error"`, 1)
		}
		return status, body
	})
	w.wantState(w.signUpFor("ana@contoso.com", 1), request.Done)
	w.wantState(w.signUpFor("bo@contoso.com", 1), request.Review)
	w.wantTenant(1, 1, 0)
}

// TestSameRefusalForEverybodyIsTheTenants refuses everybody's invitation in the same unknown words:
// that is the tenant's trouble, and nobody fails for it.
func TestSameRefusalForEverybodyIsTheTenants(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.order(graphsim.Fault{
		Match: invitations, Times: 1_000_000, Status: 400, Code: "BadRequest", Message: "The operation is paused by rule 4711.",
	})
	ids := w.submitMany(10)
	w.settle(12)
	if w.gate().Cause != request.DirectoryRefusesAll {
		t.Errorf("the breaker has the cause %q", w.gate().Cause)
	}
	for _, id := range ids {
		if state := w.load(id).State; state == request.Failed {
			t.Errorf("request %s is %s", id, state)
		}
	}
	w.tenant.ClearFaults()
	w.settle(12)
	for _, id := range ids {
		w.wantState(id, request.Done)
	}
}

// TestThrottledGroupHoldsUpNobodyElse throttles each membership in one group. Each such answer lets
// everybody wait for as long as the directory asks, and then others go first.
func TestThrottledGroupHoldsUpNobodyElse(t *testing.T) {
	for _, test := range []struct {
		requests int
		after    string
		most     time.Duration
	}{{1, "3600", 2 * time.Hour}, {3, "3600", 2 * time.Hour}, {6, "600", time.Hour}, {6, "60", time.Hour}} {
		t.Run(fmt.Sprintf("%d requests, %s s", test.requests, test.after), func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
			w.row("fabrikam.com", "r", "Action", "invite")
			w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1_000_000, Status: 429, Headers: retryAfter(test.after)})
			w.submitMany(test.requests)
			w.settleMinutes(3)
			for i := range 3 { // not only the first one gets through
				id := w.submit(fmt.Sprintf("bo%d@fabrikam.com", i))
				begun := w.now
				for w.now.Sub(begun) < test.most && w.stateOf(id) != request.Done {
					w.settleMinutes(1)
				}
				w.wantState(id, request.Done)
				w.submit(fmt.Sprintf("another%d@contoso.com", i))
			}
		})
	}
}

// TestUnreadableRecycleBinHidesNoUser lets the directory refuse to show deleted users, always, and
// then the users with an address, once: as long as the app could read users, that is asked again.
func TestUnreadableRecycleBinHidesNoUser(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
	w.order(forbidden(graphsim.Match{Method: http.MethodGet, Path: "/v1.0/directory/*"}, 1_000_000))
	w.wantState(w.signUpFor("first@contoso.com", 1), request.Done)
	must(w.tenant.AddUser(graphsim.User{
		Mail: "ana@contoso.com", UserPrincipalName: "ana@standin.onmicrosoft.com", CreationType: "Invitation", UserType: "Member",
	}))(t)
	w.order(forbidden(lookUps, 1))
	w.wantState(w.signUpFor("ana@contoso.com", 1), request.Review)
}
