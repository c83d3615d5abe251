package workflow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

func (w *world) reviewer() *review.Reviewer {
	w.t.Helper()
	desk := must(review.New(review.Config{Store: w.store, Seats: w.store, Records: w.store, MailStore: w.store, DeadLetters: w.store, Now: w.clock, By: "desk@wingtiptoys.com"}))(w.t)
	return desk
}

var approvedTerms = policy.Terms{Groups: []string{groupTwo}, Sponsors: []string{sponsor}, UserType: "Guest"}

func TestApprovalInvites(t *testing.T) {
	w := newWorld(t)
	id := w.signUpFor("ana@contoso.com", 1)
	w.wantState(id, request.Review)
	must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, "we know\nher"))(t)
	w.wantTenant(0, 0, 0)
	w.settle(1)
	r := w.wantState(id, request.Done)
	w.wantTenant(1, 1, 1)
	if sent := w.tenant.Invitations()[0]; !slices.Equal(sent.Sponsors, approvedTerms.Sponsors) {
		t.Errorf("sent %+v", sent)
	}
	if r.Approval == nil || r.Approval.By != "desk@wingtiptoys.com" || r.Approval.Note != "we know her" {
		t.Errorf("approval %+v", r.Approval)
	}
	if want := []string{"received", "decided", "approved", "resumed", "invited", "granted"}; !slices.Equal(w.whats(id), want) {
		t.Errorf("history %v, want %v", w.whats(id), want)
	}
	// The person's name is in the history, not in the log.
	if strings.Contains(w.log.String(), "wingtiptoys") {
		t.Error("the log names the person")
	}
}

func TestDecisionsByState(t *testing.T) {
	actions := map[string]func(*world, submission.ID) (request.Request, error){
		"approve": func(w *world, id submission.ID) (request.Request, error) {
			return w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, "")
		},
		"deny": func(w *world, id submission.ID) (request.Request, error) {
			return w.reviewer().Deny(t.Context(), id, "not a partner")
		},
		"cancel": func(w *world, id submission.ID) (request.Request, error) {
			return w.reviewer().Cancel(t.Context(), id, "asked to")
		},
		"retry": func(w *world, id submission.ID) (request.Request, error) {
			return w.reviewer().Retry(t.Context(), id)
		},
	}
	allowed := map[request.State]map[string]request.State{
		request.Review: {"approve": request.Done, "deny": request.Denied, "cancel": request.Cancelled},
		request.Parked: {"deny": request.Denied, "cancel": request.Cancelled},
		request.Failed: {"retry": request.Done, "cancel": request.Cancelled},
		request.Denied: {},
		request.Done:   {},
	}
	for state, ends := range allowed {
		for name, act := range actions {
			t.Run(fmt.Sprintf("%s what is %s", name, state), func(t *testing.T) {
				w := newWorld(t)
				id := reached[state](w)
				w.settle(1)
				before := w.wantState(id, state)
				_, err := act(w, id)
				end, may := ends[name]
				if !may {
					if problem.CodeOf(err) != problem.InvalidInput || problem.From(err).Public == "" {
						t.Errorf("got %v, want a refusal that says why", err)
					}
					if after := w.load(id); after.Version != before.Version {
						t.Error("the request was changed")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				w.tenant.ClearFaults()
				w.settle(2)
				w.wantState(id, end)
				if end == request.Cancelled {
					w.wantTenant(0, 0, 0)
					w.wantSeats("contoso.com", "r", 0)
					// The address is free for a later sign-up.
					claim, created, err := w.store.Claim(t.Context(), before.Submission.Email, request.NewClaim(id, w.now))
					if err != nil || !created {
						t.Errorf("the claim is still there: %+v, %v", claim, err)
					}
				}
			})
		}
	}
}

// TestWhateverWaitsCanBeEnded denies and cancels requests in every state in which they wait.
func TestWhateverWaitsCanBeEnded(t *testing.T) {
	row := func(w *world) { w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3)) }
	always := func(status int) graphsim.Fault {
		return graphsim.Fault{Match: invitations, Times: 1_000_000, Status: status}
	}
	waits := map[string]struct {
		state request.State
		bring func(*world) submission.ID
	}{
		"for the rows": {request.Received, func(w *world) submission.ID {
			id := reached[request.Received](w)
			w.deliverAll()
			w.store.FailBefore = w.beforeOp
			return id
		}},
		"for the worker": {request.Approved, func(w *world) submission.ID {
			id := w.review(t, "ana@contoso.com")
			must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
			return id
		}},
		"for an answer, for hours": {request.Inviting, func(w *world) submission.ID {
			row(w)
			w.order(always(502))
			return w.signUpFor("ana@contoso.com", 3)
		}},
		"for the directory to take it": {request.Inviting, func(w *world) submission.ID {
			row(w)
			w.tenantSays(switchedOff)
			return w.signUpFor("ana@contoso.com", 3)
		}},
		"for the directory to say who holds the address": {request.Inviting, func(w *world) submission.ID {
			row(w)
			w.order(graphsim.Fault{Match: lookUps, Times: 1_000_000, Status: 503})
			return w.signUpFor("ana@contoso.com", 1)
		}},
		"for the tenant": {request.Parked, func(w *world) submission.ID {
			row(w)
			w.stop()
			return w.signUp("ana@contoso.com")
		}},
	}
	ends := map[request.State]func(*review.Reviewer, submission.ID) error{
		request.Denied:    func(v *review.Reviewer, id submission.ID) error { return second(v.Deny(t.Context(), id, "no")) },
		request.Cancelled: func(v *review.Reviewer, id submission.ID) error { return second(v.Cancel(t.Context(), id, "no")) },
	}
	for name, wait := range waits {
		for end, act := range ends {
			t.Run(name+" "+string(end), func(t *testing.T) {
				w := newWorld(t)
				id := wait.bring(w)
				address := w.wantState(id, wait.state).Submission.Email
				// With bad luck an invitation may just be under way.
				err := act(w.reviewer(), id)
				for range 6 {
					if err == nil {
						break
					}
					wantCode(t, "an invitation under way", err, problem.InvalidInput)
					w.settleMinutes(1)
					err = act(w.reviewer(), id)
				}
				ok(t, err)
				w.tenant.ClearFaults()
				w.settle(40)
				w.wantState(id, end)
				w.wantTenant(0, 0, 0)
				w.wantSeats("contoso.com", "r", 0)
				claim, created, err := w.store.Claim(t.Context(), address, request.NewClaim(id, w.now))
				if err != nil || !created && claim.State != request.ClaimSending {
					t.Errorf("the claim is still there: %+v, %v", claim, err)
				}
				w.wantNothingDue()
			})
		}
	}
}

func TestNothingUnderWayIsEnded(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: true})
	id := w.signUp("ana@contoso.com")
	before := w.wantState(id, request.Inviting)
	for range 4 {
		wantCode(t, "cancelling", second(w.reviewer().Cancel(t.Context(), id, "no")), problem.InvalidInput)
		wantCode(t, "denying", second(w.reviewer().Deny(t.Context(), id, "no")), problem.InvalidInput)
		w.now = w.now.Add(time.Minute)
	}
	if after := w.load(id); after.Version != before.Version {
		t.Error("the request was changed")
	}
	w.settle(1)
	w.wantState(id, request.Done)
}

func second[T any](_ T, err error) error { return err }

func TestRetryAddsRefusedGroup(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne+" "+groupTwo)
	w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1, Status: 400,
		Code: "Request_BadRequest", Message: "Cannot Update a mail-enabled security groups and or distribution list."})
	id := w.signUpFor("ana@contoso.com", 1)
	w.wantState(id, request.Failed)
	w.wantTenant(1, 1, 1)
	_, err := w.reviewer().Cancel(t.Context(), id, "too late")
	wantCode(t, "cancelling a request with a guest", err, problem.InvalidInput)
	must(w.reviewer().Retry(t.Context(), id))(t)
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 2)
}

// TestCancelWhileParkedRequestResumes cancels in the middle of every operation: either the person
// gets an error and the guest is invited, or the request is cancelled and nobody is.
func TestCancelWhileParkedRequestResumes(t *testing.T) {
	everyOperation(t, func(t *testing.T, w *world, at func(func(string, bool) error)) {
		w.row("contoso.com", "r", "Action", "invite")
		w.stop()
		id := w.signUpFor("ana@contoso.com", 1)
		w.wantState(id, request.Parked)
		w.tenant.ClearFaults()
		tried := false
		var cancelled error
		at(func(string, bool) error {
			tried = true
			_, cancelled = w.reviewer().Cancel(t.Context(), id, "asked to")
			return nil
		})
		w.settle(3)
		if !tried {
			return
		}
		switch r := w.load(id); r.State {
		case request.Cancelled:
			w.wantTenant(0, 0, 0)
		case request.Done:
			w.wantTenant(1, 1, 0)
			if cancelled == nil {
				t.Error("the person was told that it is cancelled, and the guest was invited")
			}
		default:
			t.Errorf("the request is %s", r.State)
		}
	})
}

// slowStore is the store of a person whose change to a request is stored when save says.
type slowStore struct {
	*memstore.Store
	save func(store func() (request.Request, error)) (request.Request, error)
}

func (s slowStore) Save(ctx context.Context, r request.Request, events []request.Event) (request.Request, error) {
	return s.save(func() (request.Request, error) { return s.Store.Save(ctx, r, events) })
}

// TestSlowEndInvitesNobody stores the end of a request when the worker is about to invite for it.
func TestSlowEndInvitesNobody(t *testing.T) {
	ends := map[string]func(*review.Reviewer, submission.ID) (request.Request, error){
		"cancel": func(v *review.Reviewer, id submission.ID) (request.Request, error) {
			return v.Cancel(t.Context(), id, "the row was wrong")
		},
		"deny": func(v *review.Reviewer, id submission.ID) (request.Request, error) {
			return v.Deny(t.Context(), id, "no partner")
		},
	}
	rows := map[string][]any{
		"limited":   {"Action", "invite", "Groups", groupOne, "MaxGuests", int32(1)},
		"unlimited": {"Action", "invite", "Groups", groupOne},
	}
	for name, end := range ends {
		for kind, columns := range rows {
			t.Run(name+" "+kind, func(t *testing.T) {
				w := newWorld(t)
				w.row("contoso.com", "r", columns...)
				id := w.submit("ana@contoso.com")
				w.interrupt = func(op string, after bool) error {
					if op == "Claim" && !after {
						panic(crash{}) // the decision is stored, and the message comes again
					}
					return nil
				}
				_ = w.deliver()
				w.interrupt = nil
				w.wantState(id, request.Inviting)
				slow := slowStore{Store: w.store, save: func(store func() (saved request.Request, err error)) (saved request.Request, err error) {
					stored := false
					w.interrupt = func(op string, after bool) error {
						if op == "Invite" && !after {
							saved, err = store()
							stored = true
						}
						return nil
					}
					_ = w.deliver()
					w.interrupt = nil
					if !stored {
						saved, err = store()
					}
					return saved, err
				}}
				desk := must(review.New(review.Config{
					Store: slow, Seats: w.store, Records: w.store, MailStore: w.store, DeadLetters: w.store, Now: w.clock, By: "desk",
				}))(t)
				_, err := end(desk, id)
				w.settle(3)
				r := w.load(id)
				if err == nil && (!r.State.Ended() || len(w.tenant.Invitations()) > 0) {
					t.Errorf("the person was told that it has ended; it is %s, with %d invitations", r.State, len(w.tenant.Invitations()))
				}
				if err != nil && r.State != request.Done {
					t.Errorf("the person was told %v, and the request is %s", err, r.State)
				}
				if err == nil { // what it held is free again
					w.wantState(w.signUpFor("ana@contoso.com", 1), request.Done)
				}
			})
		}
	}
}

func TestDecisionsNeedWordsAndAName(t *testing.T) {
	w := newWorld(t)
	id := w.signUpFor("ana@contoso.com", 1)
	for name, reason := range map[string]string{"none": " \n", "too long": strings.Repeat("x", 501), "no text": "\xff"} {
		_, err := w.reviewer().Deny(t.Context(), id, reason)
		if problem.CodeOf(err) != problem.InvalidInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.wantState(id, request.Review)
	_, err := review.New(review.Config{Store: w.store, Seats: w.store, Records: w.store, MailStore: w.store, DeadLetters: w.store, Now: w.clock, By: " "})
	if err == nil {
		t.Error("a reviewer without a name")
	}
	unknown := must(submission.NewID(w.now, w.random))(t)
	_, err = w.reviewer().Retry(t.Context(), unknown)
	wantCode(t, "an unknown request", err, problem.NotFound)
}

func TestWithdrawnRequestCannotBeApproved(t *testing.T) {
	w := newWorld(t)
	id := w.review(t, "ana@contoso.com")
	must(w.reviewer().Erase(t.Context(), id))(t)
	_, err := w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, "")
	wantCode(t, "approving a withdrawn request", err, problem.InvalidInput)
	w.settle(1)
	w.wantState(id, request.Cancelled)
	w.wantTenant(0, 0, 0)
}

func TestHistoryOmitsWordsOfPersons(t *testing.T) {
	w := newWorld(t)
	denied, cancelled, approved := w.review(t, "ana@contoso.com"), w.review(t, "bo@contoso.com"), w.review(t, "cy@contoso.com")
	desk := w.reviewer()
	_, err1 := desk.Deny(t.Context(), denied, "secret words")
	_, err2 := desk.Cancel(t.Context(), cancelled, "secret words")
	_, err3 := desk.Approve(t.Context(), w.load(approved), approvedTerms, "secret words")
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []submission.ID{denied, cancelled} {
		if r := w.load(id); r.Words != "secret words" || strings.Contains(r.Reason, "secret") {
			t.Errorf("words %q, reason %q", r.Words, r.Reason)
		}
	}
	for _, id := range []submission.ID{denied, cancelled, approved} {
		events := must(w.store.History(t.Context(), id))(t)
		if slices.ContainsFunc(events, func(e request.Event) bool { return strings.Contains(e.Detail, "secret") }) {
			t.Errorf("the history has them: %+v", events)
		}
	}
}

func TestApprovalIsNotHeldToLimits(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "campaign", "Action", "invite", "MaxGuests", int32(1))
	w.wantState(w.signUpFor("ana@contoso.com", 1), request.Done)
	id := w.signUpFor("bo@contoso.com", 1)
	w.wantState(id, request.Review)
	must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantSeats("contoso.com", "campaign", 1)
}
