package request

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// panics reports whether do panics.
func panics(do func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	do()
	return false
}

// TestOnlyLegalTransitionsAreMade tries to move a request from every state to every other.
func TestOnlyLegalTransitionsAreMade(t *testing.T) {
	terms := policy.Decision{Action: policy.Invite, Terms: &policy.Terms{}}
	for _, from := range States() {
		for _, to := range States() {
			legal := slices.Contains(from.Next(), to)
			c := &Change{Now: time.Now, Request: Request{State: from, Decision: &terms}}
			refused := panics(func() { c.Transition(to, "moved", "because") })
			// Only StartInviting begins to invite.
			if want := !legal || to == Inviting && from != Inviting; refused != want {
				t.Errorf("%s to %s: refused %t, want %t", from, to, refused, want)
			}
			if refused && (c.Request.State != from || len(c.Events) != 0) {
				t.Errorf("%s to %s is refused, and the request changes: %+v", from, to, c.Request)
			}
			if to != Inviting {
				continue
			}
			refused = panics(func() {
				err := c.StartInviting("moved", "because")
				if err != nil {
					t.Error(err)
				}
			})
			if refused == legal {
				t.Errorf("%s begins to invite: refused %t", from, refused)
			}
		}
	}
}

func TestTransitionIsRecorded(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	before := Request{
		State: Inviting, Attempt: 3, Since: now.Add(-time.Hour), Words: "w", Objection: "o",
	}
	c := &Change{Now: func() time.Time { return now }, Request: before}
	c.Transition(Inviting, "tried", "once more")
	r := c.Request
	if r.Attempt != 3 || !r.Since.Equal(before.Since) || r.Words != "w" || r.Objection != "o" ||
		r.Reason != "once more" {
		t.Errorf("in the same state: %+v", r)
	}
	c.Transition(Parked, "parked", "the day is over")
	r = c.Request
	if r.State != Parked || r.Attempt != 0 || !r.Since.Equal(now) ||
		r.Words != "" || r.Objection != "" {
		t.Errorf("in the next state: %+v", r)
	}
	want := []Event{
		{At: now, State: Inviting, What: "tried", Detail: "once more"},
		{At: now, State: Parked, What: "parked", Detail: "the day is over"},
	}
	if !slices.Equal(c.Events, want) {
		t.Errorf("events %+v", c.Events)
	}
}

func TestInvitingTakesTermsThatCountNow(t *testing.T) {
	added := Grant{Group: "one", State: GrantAdded}
	failed := Grant{Group: "two", State: GrantFailed}
	two, one := policy.Terms{Groups: []string{"one", "two"}}, policy.Terms{Groups: []string{"one"}}
	decision := &policy.Decision{Action: policy.Invite, Terms: &two}
	review := &policy.Decision{Action: policy.Review, Terms: &one}
	approval := &Approval{Terms: policy.Terms{Groups: []string{"three"}}}
	pending := func(groups ...string) (grants []Grant) {
		for _, group := range groups {
			grants = append(grants, Grant{Group: group, State: GrantPending})
		}
		return grants
	}
	tests := map[string]struct {
		request Request
		want    []Grant
	}{
		"of the decision": {Request{Decision: decision}, pending("one", "two")},
		"of the approval": {Request{Decision: decision, Approval: approval}, pending("three")},
		"memberships stay": {
			Request{Decision: decision, Grants: []Grant{added, failed}},
			append([]Grant{added}, pending("two")...)},
		"approved after a no":    {Request{Decision: review, Approval: approval}, pending("three")},
		"no decision to invite":  {Request{Decision: review}, nil},
		"no decision whatsoever": {Request{}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.request.State = Failed
			c := &Change{Now: time.Now, Request: test.request}
			err := c.StartInviting("retried", "by a person")
			if test.want == nil {
				if problem.CodeOf(err) != problem.Internal || c.Request.State != Failed || len(c.Events) != 0 {
					t.Errorf("%v, %+v", err, c.Request)
				}
				return
			}
			if err != nil || c.Request.State != Inviting || !slices.Equal(c.Request.Grants, test.want) {
				t.Errorf("%v, grants %+v, want %+v", err, c.Request.Grants, test.want)
			}
		})
	}
}

func TestMembershipsOfAnotherGuestDoNotCount(t *testing.T) {
	added := []Grant{{Group: "one", State: GrantAdded}}
	terms := policy.Terms{Groups: []string{"one"}}
	decision := &policy.Decision{Action: policy.Invite, Terms: &terms}
	tests := map[string]struct {
		before   string
		decision *policy.Decision
		want     GrantState
	}{
		"the first guest":       {"", decision, GrantAdded},
		"the same guest":        {"new", decision, GrantAdded},
		"another guest":         {"old", decision, GrantPending},
		"another without terms": {"old", nil, GrantAdded},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := &Change{Now: time.Now, Request: Request{
				GuestID: test.before, Decision: test.decision, Grants: slices.Clone(added),
			}}
			c.SetGuest("new", OriginFound)
			r := c.Request
			if r.GuestID != "new" || r.Origin != OriginFound || r.Grants[0].State != test.want {
				t.Errorf("%+v", r)
			}
		})
	}
}

// saver is a Store that only saves.
type saver struct {
	Store
	err error
}

func (s saver) Save(_ context.Context, r Request, events []Event) (Request, error) {
	r.Version, r.Events = "v2", len(events)
	return r, s.err
}

func TestSavedChangeStartsAnew(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	c := &Change{Now: func() time.Time { return now }, Request: Request{Version: "v1"}}
	c.Record("noted", "twice")
	fault := problem.New(problem.Conflict, "another was faster")
	err := c.Save(t.Context(), saver{err: fault})
	if problem.CodeOf(err) != problem.Conflict || c.Request.Version != "v1" || len(c.Events) != 1 {
		t.Errorf("after a conflict: %v, %+v, %d events", err, c.Request, len(c.Events))
	}
	err = c.Save(t.Context(), saver{})
	if err != nil || c.Request.Version != "v2" || !c.Request.Changed.Equal(now) || len(c.Events) != 0 {
		t.Errorf("after a save: %v, %+v, %d events", err, c.Request, len(c.Events))
	}
}

// gates is a GateStore whose first saves have the answers.
type gates struct {
	gate    Gate
	reads   int
	saves   int
	answers []error
	broken  error
}

func (g *gates) Gate(context.Context) (Gate, error) {
	g.reads++
	return g.gate, g.broken
}

func (g *gates) SaveGate(_ context.Context, gate Gate) (Gate, error) {
	g.saves++
	if len(g.answers) >= g.saves && g.answers[g.saves-1] != nil {
		return Gate{}, g.answers[g.saves-1]
	}
	g.gate = gate
	return gate, nil
}

func TestGateIsChangedDespiteOthers(t *testing.T) {
	conflict := problem.New(problem.Conflict, "another was faster")
	away := problem.New(problem.StorageUnavailable, "no answer")
	one := func(g Gate) (Gate, bool) { g.Sent++; return g, true }
	none := func(g Gate) (Gate, bool) { g.Sent++; return g, false }
	tests := map[string]struct {
		store  gates
		change func(Gate) (Gate, bool)
		want   problem.Code
		saves  int
		sent   int
	}{
		"at once":          {gates{}, one, "", 1, 1},
		"after two others": {gates{answers: []error{conflict, conflict}}, one, "", 3, 1},
		"others are always there": {
			gates{answers: slices.Repeat([]error{conflict}, 99)}, one, problem.Conflict, gateRounds, 0},
		"the store is away":  {gates{answers: []error{away}}, one, problem.StorageUnavailable, 1, 0},
		"it can't be read":   {gates{broken: away}, one, problem.StorageUnavailable, 0, 0},
		"there is no change": {gates{}, none, "", 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before, err := ChangeGate(t.Context(), &test.store, test.change)
			if problem.CodeOf(err) != test.want || before.Sent != 0 {
				t.Errorf("before %+v, error %v", before, err)
			}
			if test.store.saves != test.saves || test.store.gate.Sent != test.sent {
				t.Errorf("%d saves, and the gate is %+v", test.store.saves, test.store.gate)
			}
		})
	}
}

func TestAdminClosesBreaker(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	open := Gate{Cause: DirectorySuspicious, Ref: "r", OpenedAt: now}
	open.Day, open.Sent, open.Accepted = "2026-05-04", 4, 9
	open.Witnesses[2] = Witness{ID: "a", Answer: "b"}
	store := &gates{gate: open}
	before, err := CloseBreaker(t.Context(), store, "desk", time.Time{}, now.Add(time.Hour))
	want := Gate{ClosedBy: "desk", ClosedAt: now.Add(time.Hour)}
	want.Day, want.Sent, want.Accepted = "2026-05-04", 4, 9
	if err != nil || before != open || store.gate != want {
		t.Errorf("%v; the gate was %+v and is %+v", err, before, store.gate)
	}
	_, err = CloseBreaker(t.Context(), store, "another", time.Time{}, now.Add(2*time.Hour))
	if err != nil || store.gate != want || store.saves != 1 {
		t.Errorf("a closed breaker is closed again: %v, %+v", err, store.gate)
	}
}

func TestWitnessesAreKnownByID(t *testing.T) {
	var g Gate
	if g.HasWitness("") || g.HasWitness("a") {
		t.Error("a gate without witnesses has one")
	}
	g.Witnesses[1] = Witness{ID: "a"}
	if !g.HasWitness("a") || g.HasWitness("b") || g.HasWitness("") {
		t.Errorf("%+v", g.Witnesses)
	}
}

func TestErasedRequestKeepsWhatIsNotPersonal(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	address, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	s := submission.Submission{Email: address, GivenName: "Ana", SubmittedAt: now.Add(-time.Hour)}
	s.Consent.Terms, s.Consent.At = "v3", now.Add(-time.Hour)
	c := &Change{Now: func() time.Time { return now }, Request: Request{
		State: Done, Submission: s, Reason: "ANA@contoso.com & <all>", Words: "Ana", CheckAt: now,
		Decision: &policy.Decision{Reason: "ana@contoso.com & <all>"},
	}}
	c.Erase("it was time")
	r := c.Request
	want := submission.Submission{SubmittedAt: s.SubmittedAt}
	want.Consent.Terms, want.Consent.At = "v3", s.Consent.At
	if r.Submission != want {
		t.Errorf("the submission is %+v", r.Submission)
	}
	if r.Reason != "(erased) & <all>" || r.Decision.Reason != r.Reason || r.Words != "" ||
		!r.CheckAt.IsZero() {
		t.Errorf("%+v, decision %+v", r, r.Decision)
	}
	if r.Approval != nil || len(c.Events) != 1 || c.Events[0].What != "erased" {
		t.Errorf("approval %v, events %+v", r.Approval, c.Events)
	}
	// It is erased once.
	c.Now = func() time.Time { return now.Add(time.Hour) }
	c.Erase("once more")
	if !c.Request.Erased.Equal(now) || len(c.Events) != 1 {
		t.Errorf("erased at %v, %d events", c.Request.Erased, len(c.Events))
	}
}

func TestEraseWithoutAddressLeavesTexts(t *testing.T) {
	c := &Change{Now: time.Now, Request: Request{Reason: "nothing to hide"}}
	c.Erase("it was time")
	if c.Request.Reason != "nothing to hide" {
		t.Errorf("the reason is %q", c.Request.Reason)
	}
}

// TestTextThatCannotBeErasedIsDropped hides in a way that breaks the stored form.
func TestTextThatCannotBeErasedIsDropped(t *testing.T) {
	value := &policy.Decision{Reason: "ana@contoso.com"}
	rewrite(func(text string) string { return strings.TrimSuffix(text, "}") }, &value)
	if value != nil {
		t.Errorf("kept %+v", value)
	}
}
