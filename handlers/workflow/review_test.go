package workflow_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

func (w *world) desk() *review.Reviewer {
	w.t.Helper()
	desk, err := review.New(review.Config{Store: w.store, Seats: w.store, Records: w.store, Now: w.clock, By: "desk@wingtiptoys.com"})
	if err != nil {
		w.t.Fatal(err)
	}
	return desk
}

var letIn = policy.Terms{Groups: []string{groupTwo}, Sponsors: []string{sponsor}, SendInvitation: true, UserType: "Guest"}

func TestAPersonLetsAGuestIn(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	w.settle(1)
	w.wantState(id, request.Review)
	_, err := w.desk().Approve(t.Context(), id, letIn, "we know\nher")
	if err != nil {
		t.Fatal(err)
	}
	w.wantTenant(0, 0, 0)
	w.settle(1)
	r := w.wantState(id, request.Done)
	w.wantTenant(1, 1, 1)
	if sent := w.tenant.Invitations()[0]; !slices.Equal(sent.Sponsors, letIn.Sponsors) {
		t.Errorf("sent %+v", sent)
	}
	if r.Approval == nil || r.Approval.By != "desk@wingtiptoys.com" || r.Approval.Note != "we know her" {
		t.Errorf("approval %+v", r.Approval)
	}
	if want := []string{"received", "decided", "approved", "resumed", "invited", "granted"}; !slices.Equal(w.whats(id), want) {
		t.Errorf("history %v, want %v", w.whats(id), want)
	}
	// The person's name stands in the history, not in the log.
	if strings.Contains(w.log.String(), "wingtiptoys") {
		t.Error("the log names the person")
	}
}

func TestWhatAPersonMayDoInWhichState(t *testing.T) {
	actions := map[string]func(*review.Reviewer, submission.ID, *testing.T) error{
		"approve": func(d *review.Reviewer, id submission.ID, t *testing.T) error {
			_, err := d.Approve(t.Context(), id, letIn, "")
			return err
		},
		"deny": func(d *review.Reviewer, id submission.ID, t *testing.T) error {
			_, err := d.Deny(t.Context(), id, "not a partner")
			return err
		},
		"cancel": func(d *review.Reviewer, id submission.ID, t *testing.T) error {
			_, err := d.Cancel(t.Context(), id, "asked to")
			return err
		},
		"retry": func(d *review.Reviewer, id submission.ID, t *testing.T) error {
			_, err := d.Retry(t.Context(), id)
			return err
		},
	}
	reach := map[request.State]func(*world) submission.ID{
		request.Review: func(w *world) submission.ID { return w.submit("ana@contoso.com") },
		request.Denied: func(w *world) submission.ID {
			w.row("contoso.com", "r", "Action", "deny")
			return w.submit("ana@contoso.com")
		},
		request.Done: func(w *world) submission.ID {
			w.row("contoso.com", "r", "Action", "invite")
			return w.submit("ana@contoso.com")
		},
		request.Parked: func(w *world) submission.ID {
			w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
			w.tenantSays(suspicious)
			return w.submit("ana@contoso.com")
		},
		request.Failed: func(w *world) submission.ID {
			w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
			w.order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodPost, Path: "/v1.0/invitations"}, Times: 1, Status: 400,
				Code: "BadRequest", Message: "This user can't be invited to this directory."})
			return w.submit("ana@contoso.com")
		},
	}
	allowed := map[request.State]map[string]request.State{
		request.Review: {"approve": request.Done, "deny": request.Denied, "cancel": request.Cancelled},
		request.Parked: {"cancel": request.Cancelled},
		request.Failed: {"retry": request.Done, "cancel": request.Cancelled},
		request.Denied: {},
		request.Done:   {},
	}
	for state, ends := range allowed {
		for name, act := range actions {
			t.Run(fmt.Sprintf("%s what is %s", name, state), func(t *testing.T) {
				w := newWorld(t)
				id := reach[state](w)
				w.settle(1)
				before := w.wantState(id, state)
				err := act(w.desk(), id, t)
				end, may := ends[name]
				if !may {
					if problem.CodeOf(err) != problem.InvalidInput || problem.From(err).Public == "" {
						t.Errorf("got %v, want a refusal that says why", err)
					}
					if after := w.load(id); after.Version != before.Version {
						t.Error("the request was changed all the same")
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
					claim, created, err := w.store.Claim(t.Context(), before.Submission.Email, id, w.now)
					if err != nil || !created {
						t.Errorf("the claim still stands: %+v, %v", claim, err)
					}
				}
			})
		}
	}
}

func TestARefusedGroupIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne+" "+groupTwo)
	w.order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodPost, Path: "/v1.0/groups/" + groupOne + "/members/$ref"}, Times: 1, Status: 404,
		Code: "Request_ResourceNotFound", Message: "Resource '" + groupOne + "' does not exist or one of its queried reference-property objects are not present."})
	id := w.submit("ana@contoso.com")
	w.settle(1)
	w.wantState(id, request.Failed)
	w.wantTenant(1, 1, 1)
	_, err := w.desk().Cancel(t.Context(), id, "too late")
	if problem.CodeOf(err) != problem.InvalidInput {
		t.Errorf("cancelling what has led to a guest gives %v", err)
	}
	_, err = w.desk().Retry(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 2)
}

// TestAPersonAndTheMachineAtOnce cancels a parked request in the middle of every operation by which
// the machine resumes it: either the person is told to wait and the guest is invited, or the
// request is cancelled and nobody is.
func TestAPersonAndTheMachineAtOnce(t *testing.T) {
	for k := 0; ; k++ {
		reached := false
		t.Run(fmt.Sprintf("operation %d", k), func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			w.tenantSays(switchedOff)
			id := w.submit("ana@contoso.com")
			w.settle(1)
			w.wantState(id, request.Parked)
			w.tenant.ClearFaults()
			n, inside := 0, false
			var cancelled error
			w.interrupt = func(op string, after bool) error {
				if inside {
					return nil
				}
				n++
				if n-1 != k {
					return nil
				}
				reached, inside = true, true
				_, cancelled = w.desk().Cancel(t.Context(), id, "asked to")
				inside = false
				return nil
			}
			w.settle(3)
			if !reached {
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
		if !reached {
			return
		}
	}
}

func TestDecisionsNeedWordsAndAName(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	w.settle(1)
	for name, reason := range map[string]string{"none": " \n", "too long": strings.Repeat("x", 501), "no text": "\xff"} {
		_, err := w.desk().Deny(t.Context(), id, reason)
		if problem.CodeOf(err) != problem.InvalidInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.wantState(id, request.Review)
	_, err := review.New(review.Config{Store: w.store, Seats: w.store, Records: w.store, Now: w.clock, By: " "})
	if err == nil {
		t.Error("a desk without a person")
	}
	unknown, err := submission.NewID(w.now, w.random)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.desk().Retry(t.Context(), unknown)
	if problem.CodeOf(err) != problem.NotFound {
		t.Errorf("an unknown request gives %v", err)
	}
}
