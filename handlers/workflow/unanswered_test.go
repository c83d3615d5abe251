package workflow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// unlucky is a directory that fails for one address, always, before any effect.
type unlucky struct {
	request.Directory
	request.Users
	address         string
	invite, find    error
	invites, looked *int
}

func (u unlucky) Invite(ctx context.Context, invitation request.Invitation) (request.Invited, error) {
	if invitation.Address.String() == u.address && u.invite != nil {
		*u.invites++
		return request.Invited{}, u.invite
	}
	return u.Directory.Invite(ctx, invitation)
}

func (u unlucky) FindUser(ctx context.Context, address submission.Address) (request.User, error) {
	if address.String() == u.address && u.find != nil {
		*u.looked++
		return request.User{}, u.find
	}
	return u.Users.FindUser(ctx, address)
}

// newUnluckyWorld returns a world in which the directory fails for eve@contoso.com.
func newUnluckyWorld(t *testing.T, invite, find error) (w *world, invites *int) {
	t.Helper()
	invites = new(int)
	w = newWorld(t, func(c *workflow.Config) {
		u := unlucky{c.Directory, c.Users, "eve@contoso.com", invite, find, invites, new(int)}
		c.Directory, c.Users = u, u
		c.Pace = request.Pace{Daily: 90}
	})
	// Without mails, whose bounds come first.
	w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(500), "SendInvitation", false)
	return w, invites
}

// fails500 is what a server answers that always fails.
var fails500 = answered(request.DirectoryUnavailable, "inviting a guest: status 500 InternalServerError")

func answered(code problem.Code, detail string) error {
	return &problem.Error{Code: code, Detail: detail, Ref: "5f1c3cd2"}
}

func TestUnluckyGuestIsGivenUpWhileOthersAreInvited(t *testing.T) {
	tests := map[string]struct {
		invite, find error
		least, most  int // invitations that are tried
	}{
		"a server that fails": {
			answered(request.DirectoryUnavailable, "inviting a guest: status 500 InternalServerError"),
			nil, 6, 10,
		},
		"an answer nobody knows": {
			answered(request.DirectoryUnknown, "inviting a guest: status 500 UnknownError"), nil, 6, 6,
		},
		"throttling of this guest only": {
			answered(request.DirectoryThrottled, "inviting a guest: status 500 x"), nil, 20, 25,
		},
		"a search that fails": {
			nil,
			answered(request.DirectoryUnavailable, "looking for a user: status 500 InternalServerError"),
			0, 0,
		},
		"a search that is refused": {
			nil, answered(request.DirectoryRefused, "looking for a user: status 500 BadRequest"), 0, 0,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w, invites := newUnluckyWorld(t, test.invite, test.find)
			eve := w.submit("eve@contoso.com")
			var others []submission.ID
			for i := range 60 {
				others = append(others, w.submit(fmt.Sprintf("partner.%d@contoso.com", i)))
				w.settleMinutes(12)
			}
			r := w.wantState(eve, request.Failed)
			if !strings.Contains(r.Reason, "status 500") ||
				!strings.Contains(r.Reason, "request-id 5f1c3cd2") {
				t.Errorf("reason %q", r.Reason)
			}
			if *invites < test.least || *invites > test.most {
				t.Errorf("%d invitations were tried, want %d to %d", *invites, test.least, test.most)
			}
			if w.last(eve) != "given-up" {
				t.Errorf("history %v", w.whats(eve))
			}
			w.settle(1)
			for _, id := range others {
				w.wantState(id, request.Done)
			}
			w.wantSeats("contoso.com", "trusted", len(others))
			w.wantNothingDue()
		})
	}
}

func TestHistoryOfUnansweredInvitationNamesAnswer(t *testing.T) {
	w, _ := newUnluckyWorld(t, fails500, nil)
	eve := w.signUp("eve@contoso.com")
	events := must(w.store.History(t.Context(), eve))(t)
	last := events[len(events)-1]
	if last.What != "unanswered" || !strings.Contains(last.Detail, "status 500") ||
		!strings.Contains(last.Detail, "5f1c3cd2") {
		t.Errorf("%+v", last)
	}
}

func TestDirectoryThatIsDownGivesNobodyUpForHours(t *testing.T) {
	for name, test := range map[string]struct {
		fault graphsim.Fault
		mails bool
		after int // hours until all are invited
	}{
		"invitations": {graphsim.Fault{Match: invitations, Times: 1_000_000, Status: 503}, false, 1},
		"everything":  {graphsim.Fault{Times: 1_000_000, Status: 503}, true, 1},
		// Each may have sent its mail.
		"invitations with mails": {graphsim.Fault{Match: invitations, Times: 1_000_000, Status: 503}, true, 13},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne, "SendInvitation", test.mails)
			w.order(test.fault)
			ids := w.submitMany(10)
			w.settle(12)
			for _, id := range ids {
				w.wantState(id, request.Inviting)
			}
			w.tenant.ClearFaults()
			w.settle(test.after)
			for _, id := range ids {
				w.wantState(id, request.Done)
			}
			w.wantTenant(10, 10, 10)
		})
	}
}

func TestGuestWhoNeverAnswersAloneIsGivenUpInTime(t *testing.T) {
	w, invites := newUnluckyWorld(t, fails500, nil)
	eve := w.submit("eve@contoso.com")
	w.settle(23)
	w.wantState(eve, request.Inviting)
	w.settle(3)
	w.wantState(eve, request.Failed)

	// A person's retry begins anew: soon, and with all tries.
	before := *invites
	must(w.reviewer().Retry(t.Context(), eve))(t)
	w.settleMinutes(5)
	w.wantState(eve, request.Inviting)
	if *invites-before < 2 {
		t.Errorf("%d invitations were tried within minutes of the retry", *invites-before)
	}
	w.settle(20)
	w.wantState(eve, request.Inviting)
}

func TestUnansweredRequestCanBeCancelled(t *testing.T) {
	for name, end := range map[string]func(*review.Reviewer, submission.ID) error{
		"cancel": func(v *review.Reviewer, id submission.ID) error {
			_, err := v.Cancel(t.Context(), id, "it never works")
			return err
		},
		"deny": func(v *review.Reviewer, id submission.ID) error {
			_, err := v.Deny(t.Context(), id, "it never works")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, invites := newUnluckyWorld(t, fails500, nil)
			eve := w.submit("eve@contoso.com")
			w.settle(2)
			w.wantState(eve, request.Inviting)
			err := end(w.reviewer(), eve)
			// While an invitation may be under way, the person is told to wait for it.
			for minutes := 0; err != nil && minutes < 60; minutes++ {
				wantCode(t, "ending it", err, problem.InvalidInput)
				w.settleMinutes(1)
				err = end(w.reviewer(), eve)
			}
			ok(t, err)
			tried := *invites
			w.settle(26)
			if r := w.load(eve); !r.State.Finished() || *invites != tried {
				t.Errorf("it is %s, and was tried %d more times", r.State, *invites-tried)
			}
			w.wantSeats("contoso.com", "trusted", 0)
			w.wantNothingDue()
		})
	}
}

// oddAnswers are answers that say nothing about the guest.
var oddAnswers = map[string]graphsim.Fault{
	"400":         {Status: 400},
	"404":         {Status: 404, Code: "NotFound", Message: "No such thing."},
	"412":         {Status: 412, EmptyBody: true},
	"412 in form": {Status: 412, Code: "PreconditionFailed", Message: "No."},
	"502":         {Status: 502},
	"a page":      {Status: 400, Body: "<html>No.</html>", ContentType: "text/html"},
	"403 page":    {Status: 403, Body: "<html>No.</html>", ContentType: "text/html"},
	"200 page":    {Status: 200, Body: "<html>Hello.</html>", ContentType: "text/html"},
	"without words": {
		Status: 400, Body: `{"error":{"code":"UnknownError","message":""}}`,
		ContentType: "application/json",
	},
	"the connection": {DropConnection: true},
}

func TestOddAnswerToInvitationCostsMinutes(t *testing.T) {
	for name, fault := range oddAnswers {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			fault.Match, fault.Times = invitations, 1
			w.order(fault)
			first := w.submit("ana@contoso.com")
			second := w.submit("bo@contoso.com")
			w.settleMinutes(8)
			w.wantState(first, request.Done)
			w.wantState(second, request.Done)
			w.wantTenant(2, 2, 2)
		})
	}
}

func TestQuestionWithoutAnswerIsNotRefusal(t *testing.T) {
	deleted := graphsim.Match{Method: "GET", Path: "/v1.0/directory/deletedItems/microsoft.graph.user"}
	for name, fault := range oddAnswers {
		questions := map[string]graphsim.Match{"holder": lookUps, "deleted guests": deleted}
		for question, match := range questions {
			for _, times := range []int{1, 4, 1000} {
				t.Run(fmt.Sprintf("%s, about the %s, %d times", name, question, times), func(t *testing.T) {
					w := newWorld(t)
					w.row("contoso.com", "trusted", "Action", "invite")
					fault.Match, fault.Times = match, times
					w.order(fault)
					id := w.submit("ana@contoso.com")
					w.settleMinutes(12)
					if times < 1000 {
						w.wantState(id, request.Done)
					}
					w.settle(30)
					r := w.load(id)
					if r.State != request.Done && (r.State != request.Failed || len(w.tenant.Invitations()) > 0) {
						t.Errorf("it is %s after %d invitations; history %v",
							r.State, len(w.tenant.Invitations()), w.whats(id))
					}
					if strings.Contains(r.Reason, "refused the invitation") ||
						slices.Contains(w.whats(id), "refused") {
						t.Errorf("reason %q, history %v", r.Reason, w.whats(id))
					}
				})
			}
		}
	}
}

func TestRefusalInUnknownWordsIsTriedTwiceMore(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(3))
	w.order(graphsim.Fault{
		Match: invitations, Times: 1000, Status: 400, Code: "BadRequest", Message: "The moon is full.",
	})
	id := w.submit("ana@contoso.com")
	w.settleMinutes(10)
	r := w.wantState(id, request.Failed)
	if !strings.Contains(r.Reason, "The moon is full.") ||
		!strings.Contains(r.Reason, "request-id") || w.attempts() != 3 {
		t.Errorf("%d attempts, reason %q", w.attempts(), r.Reason)
	}
	w.wantSeats("contoso.com", "trusted", 0)
}

func TestWithdrawalDoesNotWaitForSilentDirectoryForEver(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: true})
	id := w.signUp("ana@contoso.com")
	w.order(graphsim.Fault{Match: lookUps, Times: 1_000_000, Status: 500})
	w.carryOut(submission.Withdraw, id)
	w.settle(2)
	if r := w.load(id); !r.Erased.IsZero() {
		t.Errorf("it did not wait for the directory; history %v", w.whats(id))
	}
	w.settle(28)
	w.wantErased(id)
}

func TestEndedRequestDoesNotAskSilentDirectoryForEver(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(3))
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502})
	id := w.signUp("ana@contoso.com")
	body := must(submission.Message{ID: id}.Encode())(t)
	w.poisonedForDays(body)
	w.wantState(id, request.Failed)
	w.order(graphsim.Fault{Match: lookUps, Times: 1_000_000, Status: 500})
	failed := 0
	for range 30 * 60 {
		w.now = w.now.Add(time.Minute)
		for _, message := range w.due() {
			err := w.worker.Advance(t.Context(), message)
			if err != nil {
				failed++
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d messages failed", failed)
	}
	w.wantNothingDue()
}

// due returns the messages of upkeep.
func (w *world) due() []submission.Message {
	w.t.Helper()
	var due outbox
	_, err := w.worker.Upkeep(w.t.Context(), &due)
	ok(w.t, err)
	return due
}

// TestSeatOfRequestThatWasGivenUpIsFreeOnceDirectoryAnswers ends a request while nobody knows what
// came of its invitation.
func TestSeatOfRequestThatWasGivenUpIsFreeOnceDirectoryAnswers(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"the invitation came to nothing": {Match: invitations, Times: 1, Status: 502},
		"there is a guest":               {Match: invitations, Times: 1, Status: 502, AfterEffect: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(3))
			w.order(fault)
			id := w.signUp("ana@contoso.com")
			w.order(graphsim.Fault{Match: lookUps, Times: 1_000_000, Status: 500})
			for w.stateOf(id) == request.Inviting {
				w.settle(1)
			}
			w.wantState(id, request.Failed)
			w.wantSeats("contoso.com", "trusted", 1)
			w.tenant.ClearFaults()
			w.settle(2)
			guests := len(w.tenant.Guests())
			if r := w.wantState(id, request.Failed); (r.GuestID != "") != (guests == 1) {
				t.Errorf("the guest is %q, of %d; history %v", r.GuestID, guests, w.whats(id))
			}
			w.wantSeats("contoso.com", "trusted", guests)
			w.wantNothingDue()
		})
	}
}
