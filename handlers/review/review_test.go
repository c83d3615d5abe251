package review_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

const (
	desk     = "desk@wingtiptoys.com"
	groupOne = "aaaaaaaa-0000-4000-8000-000000000001"
	groupTwo = "aaaaaaaa-0000-4000-8000-000000000002"
)

var (
	start = time.Date(2026, 5, 4, 9, 0, 0, 0, time.FixedZone("CEST", 7200))
	row   = policy.RowKey{Partition: "contoso.com", Name: "r"}
	terms = policy.Terms{UserType: "Guest", Groups: []string{groupTwo}}
)

// office is a store with one request, and the person who decides about it. Its clock stands still
// unless the test moves it.
type office struct {
	t       *testing.T
	now     time.Time
	store   *memstore.Store
	request request.Request
	*review.Reviewer
}

// newOffice stores a request in the state, for a row with limits, changed by change.
func newOffice(t *testing.T, state request.State, change ...func(*request.Request)) *office {
	t.Helper()
	o := &office{t: t, now: start, store: memstore.New()}
	id := must(submission.NewID(start, rand.NewChaCha8([32]byte{1})))(t)
	address := must(submission.ParseAddress("ana@contoso.com"))(t)
	r := request.Request{
		ID: id, State: state, Since: start, Created: start,
		Submission: submission.Submission{Email: address, SubmittedAt: start},
		Decision: &policy.Decision{Action: policy.Invite, Terms: &terms, At: start.UTC(),
			Limits: &policy.Limits{Row: row, MaxGuests: 3}},
	}
	for _, change := range change {
		change(&r)
	}
	o.request = must(o.store.Save(t.Context(), r, nil))(t)
	o.Reviewer = must(review.New(o.config()))(t)
	return o
}

func (o *office) config() review.Config {
	return review.Config{Store: o.store, Seats: o.store, Records: o.store, MailStore: o.store, DeadLetters: o.store, By: desk,
		Now: func() time.Time { return o.now }}
}

// load returns the request as it is stored.
func (o *office) load() request.Request {
	o.t.Helper()
	return must(o.store.Load(o.t.Context(), o.request.ID))(o.t)
}

// whats returns the short names of the events.
func (o *office) whats() (names []string) {
	for _, event := range must(o.store.History(o.t.Context(), o.request.ID))(o.t) {
		names = append(names, event.What)
	}
	return names
}

// signed reports whether the history says that the last step was the desk's.
func (o *office) signed() bool {
	o.t.Helper()
	events := must(o.store.History(o.t.Context(), o.request.ID))(o.t)
	return len(events) > 0 && events[len(events)-1].By == desk
}

// due reports whether the request has a due entry that is not after the time.
func (o *office) due(at time.Time) bool {
	o.t.Helper()
	return len(must(o.store.Due(o.t.Context(), at, 10))(o.t)) > 0
}

// decisions are all that a person may do with a request.
var decisions = map[string]func(context.Context, *office) (request.Request, error){
	"approve": func(ctx context.Context, o *office) (request.Request, error) {
		return o.Approve(ctx, o.request, terms, "known")
	},
	"deny": func(ctx context.Context, o *office) (request.Request, error) {
		return o.Deny(ctx, o.request.ID, "not known")
	},
	"cancel": func(ctx context.Context, o *office) (request.Request, error) {
		return o.Cancel(ctx, o.request.ID, "asked to")
	},
	"retry": func(ctx context.Context, o *office) (request.Request, error) {
		return o.Retry(ctx, o.request.ID)
	},
	"resend": func(ctx context.Context, o *office) (request.Request, error) {
		return o.Resend(ctx, o.request.ID)
	},
	"erase": func(ctx context.Context, o *office) (request.Request, error) {
		return o.Erase(ctx, o.request.ID)
	},
}

// must fails the test on an error, and returns the value.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// wantRefusal fails unless the error is a refusal with the words in its text for the person.
func wantRefusal(t *testing.T, err error, words string) {
	t.Helper()
	if problem.CodeOf(err) != problem.InvalidInput ||
		!strings.Contains(problem.From(err).Public, words) {
		t.Errorf("got %v, want a refusal with %q", err, words)
	}
}

func TestNewNeedsEverything(t *testing.T) {
	lack := map[string]func(*review.Config){
		"no store":   func(c *review.Config) { c.Store = nil },
		"no seats":   func(c *review.Config) { c.Seats = nil },
		"no records": func(c *review.Config) { c.Records = nil },
		"no mails":   func(c *review.Config) { c.MailStore = nil },
		"no letters": func(c *review.Config) { c.DeadLetters = nil },
		"no clock":   func(c *review.Config) { c.Now = nil },
		"no name":    func(c *review.Config) { c.By = " \t" },
	}
	for name, without := range lack {
		t.Run(name, func(t *testing.T) {
			config := newOffice(t, request.Review).config()
			without(&config)
			v, err := review.New(config)
			if err == nil || v != nil {
				t.Errorf("got %v, %v", v, err)
			}
		})
	}
}

func TestRefusalSaysWhichStatesAllowIt(t *testing.T) {
	tests := map[string]struct {
		state request.State
		want  string
	}{
		"approve": {request.Parked, "is parked; only one in state review can be approved"},
		"deny": {request.Done, "is done; only one in state received, proving, review, approved, " +
			"inviting or parked can be denied"},
		"cancel": {request.Denied, "is denied; only one in state received, proving, review, approved, " +
			"inviting, parked or failed can be cancelled"},
		"retry": {request.Review, "is review; only one in state failed can be taken up again"},
		"resend": {request.Review, "is review; only one in state proving, done or failed can have " +
			"its mail sent again"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, test.state)
			_, err := decisions[name](t.Context(), o)
			wantRefusal(t, err, test.want)
			if o.load().Version != o.request.Version {
				t.Error("the request was changed")
			}
		})
	}
}

func TestErasedOrWithdrawnRequestTakesNoDecision(t *testing.T) {
	withdrawn := func(r *request.Request) {
		r.Withdrawal = request.Instruction{At: start, By: request.ThePartner}
	}
	erased := func(r *request.Request) { withdrawn(r); r.Erased = start }
	for name, decide := range decisions {
		if name == "erase" {
			continue
		}
		for _, state := range []request.State{request.Review, request.Failed} {
			t.Run(name+" "+string(state), func(t *testing.T) {
				_, err := decide(t.Context(), newOffice(t, state, withdrawn))
				wantRefusal(t, err, "is withdrawn")
				_, err = decide(t.Context(), newOffice(t, state, erased))
				wantRefusal(t, err, "erased")
			})
		}
	}
}

func TestWordsOfPerson(t *testing.T) {
	long := strings.Repeat("ü", 500)
	tests := map[string]struct{ words, want, refusal string }{
		"on one line":             {" we\n know\ther ", "we know her", ""},
		"as long as may be":       {long, long, ""},
		"too long":                {long + "x", "", "at most 500 characters"},
		"not text":                {"\xff", "", "must be text"},
		"missing":                 {" \n", "", "is needed"},
		"too long and not a text": {long + "\xff", "", "must be text"},
	}
	words := map[string]func(*office, string) (string, error){
		"note": func(o *office, words string) (string, error) {
			r, err := o.Approve(t.Context(), o.request, terms, words)
			if err != nil {
				return "", err
			}
			return r.Approval.Note, nil
		},
		"reason to deny": func(o *office, words string) (string, error) {
			r, err := o.Deny(t.Context(), o.request.ID, words)
			return r.Words, err
		},
		"reason to cancel": func(o *office, words string) (string, error) {
			r, err := o.Cancel(t.Context(), o.request.ID, words)
			return r.Words, err
		},
	}
	for what, say := range words {
		for name, test := range tests {
			t.Run(what+" "+name, func(t *testing.T) {
				o := newOffice(t, request.Review)
				got, err := say(o, test.words)
				if test.refusal == "" || what == "note" && name == "missing" {
					if err != nil || got != test.want {
						t.Errorf("got %q, %v", got, err)
					}
					return
				}
				wantRefusal(t, err, test.refusal)
				wantRefusal(t, err, strings.Fields(what)[0])
				if o.load().State != request.Review {
					t.Error("the request was changed")
				}
			})
		}
	}
}

func TestApprovalRecordsWhoDecidedAndWhatTheySaw(t *testing.T) {
	o := newOffice(t, request.Review, func(r *request.Request) { r.Objection = "guest-deleted" })
	got := must(o.Approve(t.Context(), o.request, terms, "known"))(t)
	r := o.load()
	a := r.Approval
	if a == nil || a.By != desk || !a.At.Equal(start) || a.At.Location() != time.UTC ||
		a.Note != "known" || a.Saw != "guest-deleted" || !slices.Equal(a.Terms.Groups, terms.Groups) {
		t.Errorf("approval %+v", a)
	}
	if r.State != request.Approved || got.Version != r.Version || r.Reason != "approved by an admin" || !o.signed() {
		t.Errorf("returned %+v, stored %+v", got, r)
	}
}

func TestRetryGoesOnWhereRequestFailed(t *testing.T) {
	grants := []request.Grant{
		{Group: groupOne, State: request.GrantFailed, Note: "refused", Unknown: 6, Silent: start},
		{Group: groupTwo, State: request.GrantAdded, Note: "kept"},
	}
	tests := map[string]struct {
		change func(*request.Request)
		want   request.State
		grants []request.Grant
	}{
		"at the groups that were refused": {
			func(r *request.Request) { r.GuestID, r.Grants = "guest", grants }, request.Granting,
			[]request.Grant{{Group: groupOne, State: request.GrantPending}, grants[1]},
		},
		"at the invitation": {func(*request.Request) {}, request.Inviting,
			[]request.Grant{{Group: groupTwo, State: request.GrantPending}}},
		"at the decision": {func(r *request.Request) { r.Decision = nil }, request.Received, nil},
		"at the decision, for a proof that is missing": {
			func(r *request.Request) { r.Proof = request.Proof{Wanted: start, Epoch: 1} }, request.Received, nil,
		},
		"at the invitation, with a proof": {
			func(r *request.Request) { r.Proof = request.Proof{Wanted: start, Epoch: 1, At: start} }, request.Inviting,
			[]request.Grant{{Group: groupTwo, State: request.GrantPending}},
		},
		"at the invitation that a person approved without a proof": {
			func(r *request.Request) {
				r.Proof = request.Proof{Wanted: start, Epoch: 1}
				r.Approval = &request.Approval{By: desk, At: start, Terms: terms}
			}, request.Inviting, []request.Grant{{Group: groupTwo, State: request.GrantPending}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, request.Failed, test.change)
			must(o.Retry(t.Context(), o.request.ID))(t)
			r := o.load()
			if r.State != test.want || !slices.Equal(r.Grants, test.grants) {
				t.Errorf("%s, grants %+v", r.State, r.Grants)
			}
			if !slices.Equal(o.whats(), []string{"retried"}) || !o.signed() {
				t.Errorf("history %v, reason %q", o.whats(), r.Reason)
			}
		})
	}
}

// TestRetryLetsCodesBeTypedAnew: a request that failed before a code could be mailed may have had
// all its tries.
func TestRetryLetsCodesBeTypedAnew(t *testing.T) {
	o := newOffice(t, request.Failed, func(r *request.Request) {
		r.Proof = request.Proof{Wanted: start, Epoch: 1, Tries: request.MaxProofTries}
	})
	must(o.Retry(t.Context(), o.request.ID))(t)
	if r := o.load(); r.State != request.Received || r.Proof.Tries != 0 {
		t.Errorf("%s, proof %+v", r.State, r.Proof)
	}
}

func TestWishForMailCountsOnce(t *testing.T) {
	invited := func(r *request.Request) { r.GuestID = "guest" }
	for _, state := range []request.State{request.Done, request.Failed} {
		o := newOffice(t, state, invited)
		must(o.Resend(t.Context(), o.request.ID))(t)
		o.now = o.now.Add(time.Minute)
		must(o.Resend(t.Context(), o.request.ID))(t)
		r := o.load()
		if r.Resend.By != desk || !r.Resend.At.Equal(start) || r.Resend.At.Location() != time.UTC {
			t.Errorf("%s: the wish is %+v", state, r.Resend)
		}
		if r.State != state || !slices.Equal(o.whats(), []string{"resend-wished"}) || !o.due(o.now) {
			t.Errorf("%s, history %v, due %v", r.State, o.whats(), r.Due)
		}
	}
	_, err := decisions["resend"](t.Context(), newOffice(t, request.Done))
	wantRefusal(t, err, "nobody was invited")
	_, err = decisions["resend"](t.Context(), newOffice(t, request.Failed,
		func(r *request.Request) { r.Proof.Wanted = start }))
	wantRefusal(t, err, "nobody was invited")
	o := newOffice(t, request.Done, invited, func(r *request.Request) {
		r.Decision.Terms = &policy.Terms{InvitationMail: policy.NoInvitationMail, UserType: "Guest"}
	})
	_, err = o.Resend(t.Context(), o.request.ID)
	wantRefusal(t, err, "no mail")
	if o.load().Version != o.request.Version {
		t.Error("the request was changed")
	}
}

func TestWishForCodeCountsOnce(t *testing.T) {
	proving := func(r *request.Request) {
		r.Proof = request.Proof{Wanted: start, Epoch: 1, Mailed: true, Until: start.Add(time.Hour)}
		r.MailAsked, r.Due = start, start.Add(time.Hour)
	}
	o := newOffice(t, request.Proving, proving)
	for range 2 {
		must(o.Resend(t.Context(), o.request.ID))(t)
	}
	r := o.load()
	if r.Resend.By != desk || r.State != request.Proving || r.MailAsked != start.UTC() {
		t.Errorf("%s, the wish is %+v, the partner's %v", r.State, r.Resend, r.MailAsked)
	}
	if !slices.Equal(o.whats(), []string{"code-wished"}) || !o.due(o.now) {
		t.Errorf("history %v, due %v", o.whats(), r.Due)
	}
	o = newOffice(t, request.Proving, proving, func(r *request.Request) { r.Proof.At = start })
	_, err := o.Resend(t.Context(), o.request.ID)
	wantRefusal(t, err, "the mailbox is proved already")
}

func TestErasureIsPossibleInEveryState(t *testing.T) {
	for _, state := range request.States() {
		t.Run(string(state), func(t *testing.T) {
			o := newOffice(t, state)
			must(o.Erase(t.Context(), o.request.ID))(t)
			r := o.load()
			if r.State != state || r.Withdrawal.By != desk || !r.Withdrawal.At.Equal(start) ||
				r.Withdrawal.At.Location() != time.UTC {
				t.Errorf("%s, withdrawal %+v", r.State, r.Withdrawal)
			}
			if !slices.Equal(o.whats(), []string{"erasure-wished"}) || !o.due(o.now) {
				t.Errorf("history %v, due %v", o.whats(), r.Due)
			}
		})
	}
}

func TestErasureFollowsWithdrawalThatIsNotCarriedOutYet(t *testing.T) {
	for by, want := range map[string]string{request.ThePartner: desk, "another desk": "another desk"} {
		for _, state := range request.States() {
			t.Run(string(state)+" by "+by, func(t *testing.T) {
				o := newOffice(t, state, func(r *request.Request) {
					r.Withdrawal = request.Instruction{At: start, By: by}
				})
				for range 2 {
					r := must(o.Erase(t.Context(), o.request.ID))(t)
					if r.State != state || r.Withdrawal.By != want || !o.due(o.now) {
						t.Errorf("%s, withdrawal %+v", r.State, r.Withdrawal)
					}
				}
				if n := len(o.whats()); n > 1 || (n == 1) != (want == desk) {
					t.Errorf("history %v", o.whats())
				}
			})
		}
	}
}

// claimed puts the claim on the address of the request.
func (o *office) claimed(claim request.Claim) {
	o.t.Helper()
	address := o.request.Submission.Email
	made, _, err := o.store.Claim(o.t.Context(), address, request.NewClaim(claim.Owner, claim.IntentAt))
	if err == nil {
		claim.Version = made.Version
		_, err = o.store.UpdateClaim(o.t.Context(), address, claim)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// mails returns a claim that was kept for the mails of the request.
func (o *office) mails() request.Claim {
	return request.Claim{State: request.ClaimMails, Owner: o.request.ID, MailedAt: start, Mails: 2}
}

// proved notes that the mailbox of the request's address was proved.
func (o *office) proved() {
	o.t.Helper()
	err := o.store.MarkProved(o.t.Context(), o.request.Submission.Email, start)
	if err != nil {
		o.t.Fatal(err)
	}
}

// mailbox returns what is known about that mailbox.
func (o *office) mailbox() request.Mailbox {
	o.t.Helper()
	return must(o.store.Mailbox(o.t.Context(), o.request.Submission.Email))(o.t)
}

// letter keeps a dead letter.
func (o *office) letter(id, body string) {
	o.t.Helper()
	letter := request.DeadLetter{ID: id, Queue: submission.Queue, At: start, Body: []byte(body)}
	err := o.store.KeepDeadLetter(o.t.Context(), letter)
	if err != nil {
		o.t.Fatal(err)
	}
}

// letters returns the ids of the dead letters that are kept.
func (o *office) letters() (ids []string) {
	o.t.Helper()
	for _, letter := range must(o.store.AllDeadLetters(o.t.Context()))(o.t) {
		ids = append(ids, letter.ID)
	}
	return ids
}

// TestEndingGivesBackWhatRequestHolds denies and cancels while the claim on the address is in each
// of its states.
func TestEndingGivesBackWhatRequestHolds(t *testing.T) {
	const grace = request.LongestAttempt + time.Minute
	intent := func(age time.Duration) time.Time { return start.Add(-age) }
	other := must(submission.NewID(start.Add(-time.Hour), rand.NewChaCha8([32]byte{2})))(t)
	tests := map[string]struct {
		claim   request.Claim // without an owner: of the request
		refused string
		kept    bool // the claim stays as it is, or is kept for its mails
		asked   bool // the seat stays too: the worker finds out what to give back
	}{
		"there is no claim": {},
		"reserved":          {claim: request.Claim{State: request.ClaimReserved}},
		"reserved, after a mail": {claim: request.Claim{State: request.ClaimReserved,
			MailedAt: start, Mails: 1}, kept: true},
		"kept for mails": {claim: request.Claim{State: request.ClaimMails, MailedAt: start, Mails: 1}, kept: true},
		"under way": {request.Claim{State: request.ClaimSending, IntentAt: intent(grace - request.Tick)},
			"may be under way", true, false},
		"begun long ago": {request.Claim{State: request.ClaimSending, IntentAt: intent(grace)}, "", true, true},
		"just sent": {request.Claim{State: request.ClaimSent, GuestID: "guest", SentAt: start},
			"just sent", true, false},
		"another request's, reserved": {request.Claim{State: request.ClaimReserved, Owner: other},
			"", true, true},
		"another request's, under way": {request.Claim{State: request.ClaimSending, Owner: other,
			IntentAt: start}, "", true, true},
		"another request's, sent": {request.Claim{State: request.ClaimSent, Owner: other,
			GuestID: "guest", SentAt: start}, "", true, true},
	}
	ends := map[request.State]string{request.Denied: "deny", request.Cancelled: "cancel"}
	for name, test := range tests {
		for end, decision := range ends {
			t.Run(decision+", "+name, func(t *testing.T) {
				o := newOffice(t, request.Parked)
				address := o.request.Submission.Email
				limits := *o.request.Decision.Limits
				must(o.store.TakeSeat(t.Context(), limits, policy.Day(start), o.request.ID))(t)
				if test.claim.State != request.ClaimFree {
					if test.claim.Owner == "" {
						test.claim.Owner = o.request.ID
					}
					o.claimed(test.claim)
				}
				before := must(o.store.ClaimOf(t.Context(), address))(t)

				_, err := decisions[decision](t.Context(), o)
				r := o.load()
				seats := must(o.store.Used(t.Context(), row, policy.Day(start)))(t).Guests
				if test.refused != "" {
					wantRefusal(t, err, test.refused)
					if r.Version != o.request.Version || seats != 1 {
						t.Errorf("the request is %s and has %d seats", r.State, seats)
					}
				} else if err != nil || r.State != end || (seats == 1) != test.asked ||
					!o.due(start.AddDate(1, 0, 0)) {
					t.Errorf("%v: the request is %s, has %d seats and is due %v", err, r.State, seats, r.Due)
				}
				want := request.Claim{}
				after := must(o.store.ClaimOf(t.Context(), address))(t)
				switch {
				case test.kept && before.Mails > 0:
					want = must(before.KeepMails())(t)
					want.Version = after.Version
				case test.kept:
					want = before
				}
				if after != want {
					t.Errorf("the claim is %+v, want %+v", after, want)
				}
			})
		}
	}
}

func TestRequestWithGuestIsNotEnded(t *testing.T) {
	for _, decision := range []string{"deny", "cancel"} {
		for _, state := range []request.State{request.Inviting, request.Parked} {
			o := newOffice(t, state, func(r *request.Request) { r.GuestID = "guest" })
			_, err := decisions[decision](t.Context(), o)
			wantRefusal(t, err, "has led to a guest already")
		}
	}
}

func TestDenyingWhatPolicyLeftToPersonTakesNoClaim(t *testing.T) {
	o := newOffice(t, request.Review)
	calls := 0
	o.store.FailBefore = func(op string) error {
		if op == "Claim" || op == "ReleaseSeat" {
			calls++
		}
		return nil
	}
	must(o.Deny(t.Context(), o.request.ID, "not known"))(t)
	if r := o.load(); r.State != request.Denied || r.Reason != "denied by an admin" || !o.signed() || calls > 0 {
		t.Errorf("%s (%s), %d calls", r.State, r.Reason, calls)
	}
}

// TestDecisionComesBackIfProcessEnds looks at the due entry while a decision is stored.
func TestDecisionComesBackIfProcessEnds(t *testing.T) {
	o := newOffice(t, request.Review)
	checked := false
	o.store.FailBefore = func(op string) error {
		if op == "Save" {
			checked = true
			if o.due(start.Add(request.ChangeTimeout-1)) || !o.due(start.Add(request.ChangeTimeout)) {
				t.Error("the due entry is not for the end of the change")
			}
		}
		return nil
	}
	must(o.Approve(t.Context(), o.request, terms, ""))(t)
	if r := o.load(); !checked || !r.Due.Equal(start) || !o.due(start) {
		t.Errorf("due %v", r.Due)
	}

	o = newOffice(t, request.Review, func(r *request.Request) { r.Due = start.Add(time.Hour) })
	must(o.Deny(t.Context(), o.request.ID, "not known"))(t)
	if r := o.load(); !r.Due.IsZero() || o.due(start.AddDate(1, 0, 0)) {
		t.Errorf("an ended request is due %v", r.Due)
	}
}

// deadlines is a store that records how long a save may take.
type deadlines struct {
	*memstore.Store
	left time.Duration
}

// Save implements [request.Store].
func (d *deadlines) Save(
	ctx context.Context, r request.Request, events []request.Event,
) (request.Request, error) {
	deadline, set := ctx.Deadline()
	if set {
		d.left = time.Until(deadline)
	}
	return d.Store.Save(ctx, r, events)
}

func TestSlowDecisionIsNotStored(t *testing.T) {
	for wait, want := range map[time.Duration]problem.Code{
		request.ChangeTimeout / 2:     "",
		request.ChangeTimeout/2 + 1:   problem.StorageUnavailable,
		request.ChangeTimeout * 3 / 4: problem.StorageUnavailable,
	} {
		o := newOffice(t, request.Review)
		o.store.FailAfter = func(op string) error {
			if op == "Wait" {
				o.now = start.Add(wait)
			}
			return nil
		}
		_, err := o.Approve(t.Context(), o.request, terms, "")
		stored := o.load().State == request.Approved
		if problem.CodeOf(err) != want || stored != (want == "") {
			t.Errorf("after %v: %v, stored: %v", wait, err, stored)
		}
	}
	o := newOffice(t, request.Review)
	store := &deadlines{Store: o.store}
	config := o.config()
	config.Store = store
	must(must(review.New(config))(t).Approve(t.Context(), o.request, terms, ""))(t)
	if store.left <= 0 || store.left > request.ChangeTimeout/2 {
		t.Errorf("a save may take %v", store.left)
	}
}

// TestDecisionDuringStorageFaults lets each call of the store fail.
func TestDecisionDuringStorageFaults(t *testing.T) {
	invited := func(r *request.Request) { r.GuestID = "guest" }
	erased := func(r *request.Request) { r.Erased = start }
	ops := func(names ...string) []string { return names }
	giving := ops("Load", "Wait", "Claim", "Save")
	tests := map[string]struct {
		decision string
		state    request.State
		change   func(*request.Request)
		ops      []string // each as often as it is called
	}{
		"approve":              {"approve", request.Review, nil, ops("Load", "Wait", "Save", "Wait")},
		"deny":                 {"deny", request.Review, nil, ops("Load", "Save")},
		"deny, parked":         {"deny", request.Parked, nil, giving},
		"cancel":               {"cancel", request.Parked, nil, giving},
		"retry":                {"retry", request.Failed, nil, ops("Load", "Wait", "Save", "Wait")},
		"resend":               {"resend", request.Done, invited, ops("Load", "Wait", "Save", "Wait")},
		"erase":                {"erase", request.Done, nil, ops("Load", "Wait", "Save", "Wait")},
		"erase what is erased": {"erase", request.Cancelled, erased, ops("Load", "ForgetMails", "Save")},
	}
	for name, test := range tests {
		for n, op := range test.ops {
			t.Run(fmt.Sprintf("%s, call %d: %s", name, n+1, op), func(t *testing.T) {
				o := newOffice(t, test.state)
				if test.change != nil {
					changed := o.load()
					test.change(&changed)
					o.request = must(o.store.Save(t.Context(), changed, nil))(t)
				}
				if !o.load().Erased.IsZero() {
					o.claimed(o.mails())
				}
				var called []string
				o.store.FailBefore = func(op string) error {
					called = append(called, op)
					if len(called) == n+1 {
						return errors.New("the table is away")
					}
					return nil
				}
				_, err := decisions[test.decision](t.Context(), o)
				o.store.FailBefore = nil
				if problem.CodeOf(err) != problem.StorageUnavailable || !slices.Equal(called[:n+1], test.ops[:n+1]) {
					t.Errorf("%v; called %v, want %v", err, called, test.ops[:n+1])
				}
				if claim := must(o.store.ClaimOf(t.Context(), o.request.Submission.Email))(t); claim.State == request.ClaimSending {
					t.Error("the claim is held, although nothing came of the decision")
				}
				// Only the last call of a decision comes after the save.
				stored := o.load().Version != o.request.Version
				if last := n > 0 && test.ops[n-1] == "Save"; stored != last {
					t.Errorf("stored: %v", stored)
				}
			})
		}
	}
}

// TestEndIsStoredAlthoughNothingIsGivenBack lets the calls after the save fail. The due entry brings
// the worker, which gives back what the request holds.
func TestEndIsStoredAlthoughNothingIsGivenBack(t *testing.T) {
	for _, fault := range []string{"ReleaseSeat", "Release"} {
		o := newOffice(t, request.Parked)
		o.store.FailBefore = func(op string) error {
			if op == fault {
				return errors.New("the table is away")
			}
			return nil
		}
		_, err := decisions["cancel"](t.Context(), o)
		o.store.FailBefore = nil
		if r := o.load(); err != nil || r.State != request.Cancelled || !o.due(start.Add(request.ChangeTimeout)) {
			t.Errorf("%s fails: %v, the request is %s", fault, err, r.State)
		}
	}
}

func TestErasureOfErasedRequestForgetsItsMailsOnly(t *testing.T) {
	o := newOffice(t, request.Cancelled, func(r *request.Request) { r.Erased = start })
	if r := must(o.Erase(t.Context(), o.request.ID))(t); r.Version != o.request.Version {
		t.Errorf("there is nothing to forget, and it was changed: %+v", r)
	}
	o.claimed(o.mails())
	o.proved()
	r := must(o.Erase(t.Context(), o.request.ID))(t)
	if r.Version != o.load().Version || r.Withdrawal.Open() ||
		!slices.Equal(o.whats(), []string{"mails-forgotten"}) {
		t.Errorf("%+v, history %v", r, o.whats())
	}
	claim := must(o.store.ClaimOf(t.Context(), o.request.Submission.Email))(t)
	if claim != (request.Claim{}) {
		t.Errorf("claim %+v", claim)
	}
	if o.mailbox() != (request.Mailbox{}) {
		t.Errorf("the mailbox is known: %+v", o.mailbox())
	}
}

func TestTracesOfAddressAreForgotten(t *testing.T) {
	tests := map[string]struct {
		known func(*office)
		found review.Traces
	}{
		"nothing is known": {func(*office) {}, review.Traces{}},
		"it has had mails": {func(o *office) { o.claimed(o.mails()) }, review.Traces{Mails: true}},
		"it was proved":    {func(o *office) { o.proved() }, review.Traces{Mails: true}},
		"a dead letter names it": {func(o *office) {
			o.letter("theirs", `{"email":"Ana@contoso.com"}`)
			o.letter("also theirs", `somebody wrote to ana@contoso.com.`)
		}, review.Traces{DeadLetters: 2}},
		"it is not readable": {func(o *office) {
			o.proved()
			o.store.FailBefore = func(op string) error {
				if op == "Mailbox" {
					return problem.New(problem.RecordUnreadable, "a column is not what it should be")
				}
				return nil
			}
		}, review.Traces{Mails: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, request.Cancelled)
			address := o.request.Submission.Email
			test.known(o)
			o.letter("others", `{"email":"bo.ana@contoso.com"}`)
			found, err := o.ForgetAddress(t.Context(), address)
			if found != test.found || err != nil {
				t.Errorf("%v, %v", found, err)
			}
			o.store.FailBefore = nil
			claim := must(o.store.ClaimOf(t.Context(), address))(t)
			if claim != (request.Claim{}) || o.mailbox() != (request.Mailbox{}) {
				t.Errorf("left: %+v, %+v", claim, o.mailbox())
			}
			if letters := o.letters(); !slices.Equal(letters, []string{"others"}) {
				t.Errorf("left are the dead letters %q", letters)
			}
			found, err = o.ForgetAddress(t.Context(), address)
			if found.Any() || err != nil {
				t.Errorf("again: %v, %v", found, err)
			}
		})
	}
}

func TestForgettingAddressDuringStorageFaults(t *testing.T) {
	for _, op := range []string{"AllDeadLetters", "DropDeadLetter", "ForgetMails", "Mailbox", "DropMailbox"} {
		o := newOffice(t, request.Cancelled)
		o.proved()
		o.letter("theirs", "ana@contoso.com")
		o.store.FailBefore = func(now string) error {
			if now == op {
				return errors.New("the table is away")
			}
			return nil
		}
		_, err := o.ForgetAddress(t.Context(), o.request.Submission.Email)
		o.store.FailBefore = nil
		if problem.CodeOf(err) != problem.StorageUnavailable || o.mailbox() == (request.Mailbox{}) {
			t.Errorf("%s: %v, %+v", op, err, o.mailbox())
		}
	}
}

func TestSecondOfTwoDecisionsIsRefused(t *testing.T) {
	for name, decide := range decisions {
		if name == "retry" || name == "resend" || name == "erase" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, request.Review)
			o.store.FailBefore = func(op string) error {
				if op != "Save" {
					return nil
				}
				o.store.FailBefore = nil
				must(o.Deny(t.Context(), o.request.ID, "first"))(t)
				return nil
			}
			_, err := decide(t.Context(), o)
			if problem.CodeOf(err) != problem.Conflict {
				t.Errorf("got %v, want a conflict", err)
			}
			if r := o.load(); r.State != request.Denied || r.Words != "first" {
				t.Errorf("the first decision was replaced: %s, %q", r.State, r.Words)
			}
		})
	}
}

func TestApprovalIsOfRequestAsItWasShown(t *testing.T) {
	o := newOffice(t, request.Review)
	shown := o.request
	changed := shown
	changed.Objection = "guest-deleted"
	changed = must(o.store.Save(t.Context(), changed, nil))(t)
	_, err := o.Approve(t.Context(), shown, terms, "")
	if problem.CodeOf(err) != problem.Conflict || !strings.Contains(err.Error(), "look at it again") {
		t.Errorf("got %v, want a conflict", err)
	}
	if after := o.load(); after.Version != changed.Version || o.due(o.now.Add(time.Hour)) {
		t.Errorf("it was changed: %+v", after)
	}
	approved := must(o.Approve(t.Context(), changed, terms, ""))(t)
	if approved.Approval.Saw != changed.Objection {
		t.Errorf("seen was %q", approved.Approval.Saw)
	}
}

func TestUnknownRequestIsNotFound(t *testing.T) {
	o := newOffice(t, request.Review)
	id := must(submission.NewID(start, rand.NewChaCha8([32]byte{9})))(t)
	changes := map[string]func() (request.Request, error){
		"approving": func() (request.Request, error) { return o.Approve(t.Context(), request.Request{ID: id}, terms, "") },
		"denying":   func() (request.Request, error) { return o.Deny(t.Context(), id, "unknown to us") },
		"erasing":   func() (request.Request, error) { return o.Erase(t.Context(), id) },
	}
	for what, change := range changes {
		r, err := change()
		if problem.CodeOf(err) != problem.NotFound || !strings.Contains(err.Error(), "loading the request") || r.ID != "" {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
}
