package workflow_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

func TestInvitationFollowsRow(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+", "+groupTwo, "Sponsors", sponsor,
		"RedirectUrl", "https://portal.example.com/start", "MessageLanguage", "fr-FR")
	id := w.signUpFor("ana@contoso.com", 1)

	r := w.wantState(id, request.Done)
	w.wantTenant(1, 1, 2)
	sent := w.tenant.Invitations()[0]
	if sent.Email != "ana@contoso.com" || sent.DisplayName != "Ana Silva" || sent.RedirectURL != "https://portal.example.com/start" ||
		sent.MessageLanguage != "fr-FR" || !sent.SendInvitation || sent.UserType != "Guest" || !slices.Equal(sent.Sponsors, []string{sponsor}) {
		t.Errorf("the invitation is %+v", sent)
	}
	if want := []request.Grant{{Group: groupOne, State: request.GrantAdded}, {Group: groupTwo, State: request.GrantAdded}}; !slices.Equal(r.Grants, want) {
		t.Errorf("grants %+v, want %+v", r.Grants, want)
	}
	if r.Decision == nil || r.Decision.Row == nil || r.Decision.Row.Name != "trusted" {
		t.Errorf("the decision does not keep the deciding row: %+v", r.Decision)
	}
	if want := []string{"received", "decided", "invited", "granted"}; !slices.Equal(w.whats(id), want) {
		t.Errorf("history %v, want %v", w.whats(id), want)
	}
}

func TestInvitationDefaults(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	id := w.signUpFor("ana@contoso.com", 1)
	w.wantState(id, request.Done)
	sent := w.tenant.Invitations()[0]
	if sent.RedirectURL != "https://landing.example.com" || sent.MessageLanguage != "pt-PT" {
		t.Errorf("the invitation is %+v", sent)
	}
}

func TestOnlyInviteDecisionCallsDirectory(t *testing.T) {
	tests := map[string]struct {
		columns []any
		want    request.State
	}{
		"no row":         {nil, request.Review},
		"review":         {[]any{"Action", "review"}, request.Review},
		"deny":           {[]any{"Action", "deny"}, request.Denied},
		"typing error":   {[]any{"Action", "invite", "AutoAprove", true}, request.Review},
		"unknown action": {[]any{"Action", "invites"}, request.Review},
		"no action":      {[]any{"Note", "to be filled in"}, request.Review},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.columns != nil {
				w.row("contoso.com", "row", test.columns...)
			}
			id := w.signUpFor("ana@contoso.com", 1)
			w.wantState(id, test.want)
			w.wantTenant(0, 0, 0)
			if calls := w.tenant.Calls(); len(calls) != 0 {
				t.Errorf("the directory was called: %v", calls)
			}
		})
	}
}

func TestUnreadableRowsAreRetriedThenReviewed(t *testing.T) {
	t.Run("passing", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite")
		w.on("Rows", before, 2, fails)
		id := w.signUpFor("ana@contoso.com", 1)
		w.wantState(id, request.Done)
		w.wantTenant(1, 1, 0)
	})
	t.Run("for hours", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite")
		w.on("Rows", before, -1, fails)
		id := w.signUpFor("ana@contoso.com", 6)
		w.wantState(id, request.Received)
		w.settle(1)
		w.wantState(id, request.Done)
	})
	t.Run("lasting", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite")
		w.on("Rows", before, -1, fails)
		id := w.signUpFor("ana@contoso.com", 25)
		w.wantState(id, request.Review)
		w.wantTenant(0, 0, 0)
	})
}

// TestWaitingRequestIsRecordedBeforeItsDueEntry: a message for a request that is not recorded would
// remove the entry.
func TestWaitingRequestIsRecordedBeforeItsDueEntry(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	for _, want := range []string{"Save Wait Save", "Wait Save"} {
		var ops []string
		w.interrupt = func(op string, after bool) error {
			if op == "Rows" {
				return unavailable
			}
			if !after && (op == "Save" || op == "Wait") {
				ops = append(ops, op)
			}
			return nil
		}
		w.deliverAll()
		if got := strings.Join(ops, " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		w.now = w.load(id).Due
		w.queue = append(w.queue, submission.Message{ID: id})
	}
}

func TestSecondSignUpForSameAddressInvitesOnce(t *testing.T) {
	t.Run("later", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
		first := w.signUpFor("ana@contoso.com", 1)
		w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupTwo)
		second := w.signUpFor("Ana@Contoso.COM", 1)
		w.wantState(first, request.Done)
		r := w.wantState(second, request.Done)
		if r.RepeatOf != first {
			t.Errorf("the second request is a repeat of %q, want %q", r.RepeatOf, first)
		}
		// One mail and one guest; the second row's group is granted to the guest that is there.
		w.wantTenant(1, 1, 2)
	})
	t.Run("at the same time", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
		first := w.submit("ana@contoso.com")
		second := w.submit("ana@contoso.com")
		// The second one runs during the first one's call to the directory.
		w.on("Invite", before, 1, func() error {
			ok(t, w.deliver())
			return nil
		})
		w.settle(1)
		w.wantState(first, request.Done)
		if r := w.wantState(second, request.Done); r.RepeatOf != first {
			t.Errorf("repeat of %q, want %q", r.RepeatOf, first)
		}
		w.wantTenant(1, 1, 1)
	})
	t.Run("after the first was refused for good", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite")
		w.order(graphsim.Fault{Match: invitations, Times: 1,
			Status: 400, Code: "BadRequest", Message: "This user can't be invited to this directory."})
		first := w.signUpFor("ana@contoso.com", 1)
		w.wantState(first, request.Failed)
		second := w.signUpFor("ana@contoso.com", 1)
		if r := w.wantState(second, request.Done); r.RepeatOf != "" {
			t.Errorf("the request counts as a repeat of a failed one: %q", r.RepeatOf)
		}
		w.wantTenant(1, 1, 0)
	})
}

func TestDuplicateMessageHasNoEffect(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	id := w.submit("ana@contoso.com")
	w.queue = append(w.queue, w.queue[0], w.queue[0])
	w.settle(1)
	w.queue = append(w.queue, submission.Message{ID: id})
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 1)
	if n := len(w.whats(id)); n != 4 {
		t.Errorf("history has %d entries: %v", n, w.whats(id))
	}
}

// TestMessageForEndedRequestWithoutSeatWritesNothing repeats the message of a request that was
// denied, which holds nothing.
func TestMessageForEndedRequestWithoutSeatWritesNothing(t *testing.T) {
	w := newWorld(t)
	id := reached[request.Denied](w)
	message := w.queue[0]
	w.deliverAll()
	w.wantState(id, request.Denied)
	w.queue = append(w.queue, message)
	w.interrupt = func(op string, _ bool) error {
		if op != "Load" {
			t.Errorf("%s is called", op)
		}
		return nil
	}
	w.deliverAll()
}

func TestMessageForUnknownRequestRemovesDueEntry(t *testing.T) {
	w := newWorld(t)
	id := must(submission.NewID(w.now, w.random))(t)
	ok(t, w.store.Wait(t.Context(), id, w.now))
	w.settle(1)
	w.wantNothingDue()
}

func TestDirectoryFaults(t *testing.T) {
	invitations := invitations
	members := membersOf(groupOne)
	tests := map[string]struct {
		fault       graphsim.Fault
		want        request.State
		invitations int
		memberships int
	}{
		"throttled invitation":             {graphsim.Fault{Match: invitations, Times: 3, Status: 429, Headers: retryAfter("7")}, request.Done, 1, 1},
		"unavailable before the effect":    {graphsim.Fault{Match: invitations, Times: 2, Status: 503}, request.Done, 1, 1},
		"answer lost after the effect":     {graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: true}, request.Done, 1, 1},
		"connection dropped after effect":  {graphsim.Fault{Match: invitations, Times: 1, DropConnection: true, AfterEffect: true}, request.Done, 1, 1},
		"page of a gateway":                {graphsim.Fault{Match: invitations, Times: 1, Status: 502, Body: "<html>bad gateway</html>", ContentType: "text/html"}, request.Done, 1, 1},
		"forbidden for an hour":            {forbidden(invitations, 1), request.Done, 1, 1},
		"refused":                          {graphsim.Fault{Match: invitations, Times: 1, Status: 400, Code: "BadRequest", Message: "Invitee is in inviter tenant"}, request.Failed, 0, 0},
		"throttled membership":             {graphsim.Fault{Match: members, Times: 3, Status: 429, Headers: retryAfter("30")}, request.Done, 1, 1},
		"membership added, answer lost":    {graphsim.Fault{Match: members, Times: 1, Status: 504, AfterEffect: true}, request.Done, 1, 1},
		"group not visible for a moment":   {graphsim.Fault{Match: members, Times: 1, Status: 404, Code: "Request_ResourceNotFound", Message: "Resource '" + groupOne + "' does not exist or one of its queried reference-property objects are not present."}, request.Done, 1, 1},
		"group that takes no guests":       {graphsim.Fault{Match: members, Times: 1, Status: 400, Code: "Request_BadRequest", Message: "Cannot Update a mail-enabled security groups and or distribution list."}, request.Failed, 1, 0},
		"guest visible after half an hour": {graphsim.Fault{Match: members, Times: 8, Status: 404, Code: "Request_ResourceNotFound", Message: "Resource 'x' does not exist or one of its queried reference-property objects are not present."}, request.Done, 1, 1},
		"guest never visible":              {graphsim.Fault{Match: members, Times: 1000, Status: 404, Code: "Request_ResourceNotFound", Message: "Resource 'x' does not exist or one of its queried reference-property objects are not present."}, request.Failed, 1, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			w.order(test.fault)
			id := w.signUpFor("ana@contoso.com", 4)
			r := w.wantState(id, test.want)
			if got := [2]int{len(w.tenant.Invitations()), len(w.tenant.Memberships())}; got != [2]int{test.invitations, test.memberships} {
				t.Errorf("invitations and memberships %v, want %d and %d; history %v", got, test.invitations, test.memberships, w.whats(id))
			}
			if !r.Due.IsZero() {
				t.Errorf("an ended request is due at %v", r.Due)
			}
			w.wantNothingDue()
		})
	}
}

// TestCrashAtAnyOperationIsRepaired ends the process before and after every operation, one after
// the other. The next deliveries always lead to one guest, one mail, each membership once, and the
// request done.
func TestCrashAtAnyOperationIsRepaired(t *testing.T) {
	kinds := map[string]func() error{
		"killed":      func() error { panic(crash{}) },
		"unavailable": func() error { return unavailable },
	}
	for kind, end := range kinds {
		t.Run(kind, func(t *testing.T) {
			seen := everyOperation(t, func(t *testing.T, w *world, at func(func(string, bool) error)) {
				w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+" "+groupTwo, "MaxGuests", int32(5))
				at(func(op string, after bool) error {
					t.Logf("ends at %s, after its effect: %v", op, after)
					directory := op == "Invite" || op == "AddMember" || op == "FindGuest" || op == "FindUser"
					if directory && kind == "unavailable" {
						return problem.New(request.DirectoryUnavailable, "the test lost the answer")
					}
					return end()
				})
				first := w.submit("ana@contoso.com")
				second := w.signUpFor("ana@contoso.com", 2)
				w.wantState(first, request.Done)
				w.wantState(second, request.Done)
				w.wantTenant(1, 1, 2)
				w.wantSeats("contoso.com", "trusted", 1)
				w.wantNothingDue()
			})
			if seen < 20 {
				t.Errorf("only %d operations were seen", seen)
			}
		})
	}
}

// TestTwoInstancesOnOneMessageInviteOnce delivers the message to a second instance in the middle of
// every operation of the first.
func TestTwoInstancesOnOneMessageInviteOnce(t *testing.T) {
	everyOperation(t, func(t *testing.T, w *world, at func(func(string, bool) error)) {
		w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
		id := w.submit("ana@contoso.com")
		message := w.queue[0]
		at(func(op string, after bool) error {
			err := w.newWorker().Advance(t.Context(), message)
			if err != nil {
				t.Logf("the second instance at %s (after: %v): %v", op, after, err)
				w.queue = append(w.queue, message)
			}
			return nil
		})
		w.settle(2)
		w.wantState(id, request.Done)
		w.wantTenant(1, 1, 1)
	})
}

func TestLogsAndHistoryHoldNoPersonalData(t *testing.T) {
	w := newWorld(t)
	w.row("ana@contoso.com", "ana herself", "Action", "invite", "Groups", groupOne)
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 400,
		Code: "BadRequest", Message: "The invited user ana@contoso.com already exists. https://login.microsoftonline.com/redeem?rd=secret"})
	id := w.signUpFor("ana@contoso.com", 1)
	w.submit("ana@contoso.com")
	w.settle(1)
	text := w.log.String()
	events := must(w.store.History(t.Context(), id))(t)
	for _, event := range events {
		text += event.Detail
	}
	text += w.load(id).Reason
	for _, secret := range []string{"ana@contoso.com", "Silva", "redeem"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log or the history:\n%s", secret, text)
		}
	}
}

func TestProgressStageHidesDecision(t *testing.T) {
	outcomes := map[request.State]request.Outcome{
		request.Review: request.OutcomeWaiting, request.Denied: request.OutcomeRefused, request.Failed: request.OutcomeRefused,
		request.Inviting: request.OutcomeInviting, request.Parked: request.OutcomeInviting, request.Granting: request.OutcomeInviting,
		request.Done: request.OutcomeInvited,
	}
	for state, outcome := range outcomes {
		w := newWorld(t)
		id := reached[state](w)
		w.deliverAll()
		w.wantState(id, state)
		progress, err := request.Tracker{Store: w.store}.Progress(t.Context(), id)
		// Only the outcome differs, and the page decides whether to show it.
		want := request.Progress{Stage: request.StageFinished, Outcome: outcome, Address: "a***@contoso.com"}
		if err != nil || progress != want {
			t.Errorf("%s: progress %+v, want %+v, error %v", state, progress, want, err)
		}
	}
	w := newWorld(t)
	id := must(submission.NewID(w.now, w.random))(t)
	_, err := request.Tracker{Store: w.store}.Progress(t.Context(), id)
	wantCode(t, "an unknown id", err, problem.NotFound)
}

func TestEditedRowAppliesToNextDecision(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "deny")
	first := w.signUpFor("ana@contoso.com", 1)
	w.row("contoso.com", "row", "Action", "invite")
	second := w.signUpFor("bo@contoso.com", 1)
	w.wantState(first, request.Denied)
	w.wantState(second, request.Done)
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	optional := []string{"Log", "Mails", "Parse", "Pressure", "Pace", "ProofByDefault", "ProofLasts", "Retention",
		"DecideWithin", "GroupNames", "GuestsDecide", "Operators", "Reviewers", "Notices", "Channels"}
	complete := newWorld(t).config
	for _, field := range reflect.VisibleFields(reflect.TypeFor[workflow.Config]()) {
		config := complete
		reflect.ValueOf(&config).Elem().FieldByName(field.Name).SetZero()
		_, err := workflow.New(config)
		named := err != nil && strings.Contains(err.Error(), "Config."+field.Name+" is missing")
		if named == slices.Contains(optional, field.Name) {
			t.Errorf("without %s: %v", field.Name, err)
		}
	}
	_, err := workflow.New(workflow.Config{})
	if n := strings.Count(err.Error(), "is missing"); n < 10 {
		t.Errorf("only %d are named: %v", n, err)
	}
}

func TestWorkerWithoutLogWorks(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Log = nil })
	w.wantState(w.invite(), request.Done)
}

func TestRowsAreReadAsConfigured(t *testing.T) {
	denies := func(raw policy.Raw) policy.Row {
		raw.Columns = map[string]any{"Action": "deny"}
		return policy.Parse(raw)
	}
	w := newWorld(t, func(c *workflow.Config) { c.Parse = denies })
	w.wantState(w.invite(), request.Denied)
}

func TestRepeatWaitsForParkedOwner(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	first := w.signUp("ana@contoso.com")
	second := w.signUp("ana@contoso.com")
	// The owner is parked and has no intent: the repeat must wait for it.
	w.wantState(first, request.Parked)
	w.wantState(second, request.Inviting)
	w.wantTenant(0, 0, 0)
	w.settle(2)
	w.wantState(first, request.Done)
	if r := w.wantState(second, request.Done); r.RepeatOf != first {
		t.Errorf("repeat of %q, want %q", r.RepeatOf, first)
	}
	w.wantTenant(1, 1, 0)
}

func TestDuplicateMessageDoesNotShortenWait(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 429, Headers: retryAfter("600")})
	id := w.submit("ana@contoso.com")
	w.queue = append(w.queue, w.queue[0], submission.Message{ID: id})
	w.deliverAll()
	r := w.wantState(id, request.Inviting)
	w.wantTenant(0, 0, 0)
	if wait := r.Due.Sub(w.now); wait < 600*time.Second {
		t.Errorf("the request comes back after %v, though the directory asked for 10 minutes", wait)
	}
	// Nor is it an attempt of its own.
	w.now = w.now.Add(time.Minute)
	w.queue = append(w.queue, submission.Message{ID: id})
	w.deliverAll()
	if after := w.load(id); after.Version != r.Version {
		t.Errorf("an early message changes the request: attempt %d, due %v, history %v",
			after.Attempt, after.Due, w.whats(id))
	}
	w.settle(1)
	w.wantState(id, request.Done)
}

func TestRowLimits(t *testing.T) {
	t.Run("in all", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "campaign", "Action", "invite", "MaxGuests", int32(2))
		first, second, third := w.submit("ana@contoso.com"), w.submit("bo@contoso.com"), w.submit("cy@contoso.com")
		w.settle(1)
		w.wantState(first, request.Done)
		w.wantState(second, request.Done)
		if r := w.wantState(third, request.Review); !strings.Contains(r.Reason, "seats") {
			t.Errorf("the reason is %q", r.Reason)
		}
		w.wantTenant(2, 2, 0)
		w.wantSeats("contoso.com", "campaign", 2)
	})
	t.Run("by the day", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "campaign", "Action", "invite", "MaxPerDay", int32(1))
		first, second := w.submit("ana@contoso.com"), w.submit("bo@contoso.com")
		w.settle(24)
		third := w.signUpFor("cy@contoso.com", 1)
		w.wantState(first, request.Done)
		w.wantState(second, request.Review)
		w.wantState(third, request.Done)
	})
	t.Run("a repeat takes no second seat", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "campaign", "Action", "invite", "MaxGuests", int32(2))
		w.submit("ana@contoso.com")
		w.submit("ana@contoso.com")
		w.settle(1)
		w.wantSeats("contoso.com", "campaign", 1)
	})
	t.Run("a refused invitation gives its seat back", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "campaign", "Action", "invite", "MaxGuests", int32(1))
		w.order(refusedOnce)
		first := w.signUpFor("ana@contoso.com", 1)
		w.wantState(first, request.Failed)
		w.wantSeats("contoso.com", "campaign", 0)
		second := w.signUpFor("bo@contoso.com", 1)
		w.wantState(second, request.Done)
	})
	t.Run("two at once for the last seat", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "campaign", "Action", "invite", "MaxGuests", int32(1))
		first, second := w.submit("ana@contoso.com"), w.submit("bo@contoso.com")
		// The second one runs between the first one's decision and its seat.
		w.on("TakeSeat", before, 1, w.deliver)
		w.settle(1)
		w.wantState(first, request.Review)
		w.wantState(second, request.Done)
		w.wantTenant(1, 1, 0)
		w.wantSeats("contoso.com", "campaign", 1)
		// The address of the other one is free for a later sign-up.
		w.row("contoso.com", "campaign", "Action", "invite", "MaxGuests", int32(2))
		third := w.signUpFor("ana@contoso.com", 1)
		if r := w.wantState(third, request.Done); r.RepeatOf != "" {
			t.Errorf("a repeat of %s, which was not invited", r.RepeatOf)
		}
	})
	t.Run("counters that can't be read", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "campaign", "Action", "invite", "MaxGuests", int32(1))
		w.on("Used", before, -1, fails)
		id := w.signUpFor("ana@contoso.com", 25)
		w.wantState(id, request.Review)
		w.wantTenant(0, 0, 0)
	})
}

// TestInvitationLanguage: the invitation is in the partner's language unless the row says
// otherwise.
func TestInvitationLanguage(t *testing.T) {
	tests := []struct{ partner, row, want string }{
		{"en", "", "en"}, {"ko", "", "ko"}, {"ja", "", "ja"}, {"de-AT", "", "de-AT"}, {"fr", "", "fr"}, {"es-419", "", "es-419"},
		{"pt-BR", "", "pt-BR"}, {"zh-Hans", "", "zh-Hans"}, {"ar", "", "ar"}, {"", "", ""}, {"ar", "fr", "fr"}, {"", "fr", "fr"},
	}
	for _, test := range tests {
		w := newWorld(t)
		if test.row == "" {
			w.row("contoso.com", "row", "Action", "invite")
		} else {
			w.row("contoso.com", "row", "Action", "invite", "MessageLanguage", test.row)
		}
		w.submit("ana@contoso.com", func(s *submission.Submission) { s.Language = test.partner })
		w.settle(1)
		invitations := w.tenant.Invitations()
		if len(invitations) != 1 || invitations[0].MessageLanguage != test.want {
			t.Errorf("partner %q, row %q: %+v, want one in %q", test.partner, test.row, invitations, test.want)
		}
	}
}

// TestMessageOfRowIsSentInLanguageOfMail: a message by language is never sent as it stands in the
// row.
func TestMessageOfRowIsSentInLanguageOfMail(t *testing.T) {
	const byLanguage = `{"": "Welcome.", "de": "Willkommen."}`
	tests := []struct{ partner, row, message, want string }{
		{"de-AT", "", byLanguage, "Willkommen."}, {"fr", "", byLanguage, "Welcome."}, {"fr", "de", byLanguage, "Willkommen."},
		{"", "", byLanguage, "Welcome."}, {"fr", "", `{"de": "Willkommen."}`, ""}, {"fr", "", "Hello.", "Hello."},
	}
	for _, test := range tests {
		w := newWorld(t)
		columns := []any{"Action", "invite", "Message", test.message}
		if test.row != "" {
			columns = append(columns, "MessageLanguage", test.row)
		}
		w.row("contoso.com", "row", columns...)
		w.submit("ana@contoso.com", func(s *submission.Submission) { s.Language = test.partner })
		w.settle(1)
		invitations := w.tenant.Invitations()
		if len(invitations) != 1 || invitations[0].CustomMessage != test.want {
			t.Errorf("partner %q, row %q, %s: %+v, want %q", test.partner, test.row, test.message, invitations, test.want)
		}
	}
}

// TestErrorThatIsNotOfTheDirectoryBringsMessageAgain lets a call of the directory fail with a fault
// of the program: nothing is known of it, so nothing may be made of it.
func TestErrorThatIsNotOfTheDirectoryBringsMessageAgain(t *testing.T) {
	faults := map[string]problem.Code{
		"FindUser":  problem.InvalidInput,
		"Invite":    problem.Internal,
		"AddMember": problem.Internal,
	}
	for op, code := range faults {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			id := w.invited()
			w.on(op, before, 1, func() error { return problem.New(code, "a fault of the program") })
			wantCode(t, op, w.deliver(), code)
			w.settleMinutes(15)
			w.wantState(id, request.Done)
			w.wantTenant(1, 1, 1)
		})
	}
}

// TestRequestWithoutTermsInvitesNobody stores a request that is to invite and that nobody decided:
// no code does.
func TestRequestWithoutTermsInvitesNobody(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	message := w.queue[0]
	must(w.store.Save(t.Context(), request.Request{
		ID: id, Submission: *message.Submission, State: request.Inviting, Since: w.now, Created: w.now,
	}, nil))(t)
	wantCode(t, "inviting", w.deliver(), problem.Internal)
	w.wantTenant(0, 0, 0)
}
