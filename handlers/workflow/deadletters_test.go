package workflow_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

func (w *world) poisoned(body []byte) {
	w.t.Helper()
	for range 2 { // delivered twice, as any message may be
		ok(w.t, w.worker.GiveUp(w.t.Context(), "800ae4b3-0000-4000-8000-000000000001", body))
	}
}

// poisonedForDays gives a message up on each day until the fourth.
func (w *world) poisonedForDays(body []byte) {
	w.t.Helper()
	w.poisoned(body)
	for range 3 {
		w.now = w.now.AddDate(0, 0, 1)
		w.poisoned(body)
	}
}

func TestGivenUpMessageIsTriedAgainWithGrowingDelay(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.submit("ana@contoso.com")
	body := must(w.queue[0].Encode())(t)
	w.queue = nil
	for _, want := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour} {
		ok(t, w.worker.GiveUp(t.Context(), "m", body))
		r := w.wantState(id, request.Received)
		if got := r.Due.Sub(w.now); got != want {
			t.Errorf("tried again after %s, want %s", got, want)
		}
		w.now = r.Due
	}
	w.wantLine(workflow.LogPoisoned, 5)
	w.settleMinutes(15) // the receipt is compared, too
	w.wantState(id, request.Done)
	// What happens in between ends the row of troubles.
	ok(t, w.worker.GiveUp(t.Context(), "m", body))
	w.wantState(id, request.Done)
	w.wantLine(workflow.LogFailed, 0)
	w.wantNothingDue()
}

func TestMessageGivenUpForDaysKeepsSubmissionForRetry(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.submit("ana@contoso.com")
	body := must(w.queue[0].Encode())(t)
	w.queue = nil
	w.poisonedForDays(body)
	r := w.wantState(id, request.Failed)
	if r.Submission.Email.String() != "ana@contoso.com" {
		t.Error("the submission is gone")
	}
	must(w.reviewer().Retry(t.Context(), id))(t)
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 0)

	// A request that has ended otherwise stays as it is.
	w.poisonedForDays(body)
	w.wantState(id, request.Done)
	w.wantLine(workflow.LogFailed, 1)
}

func TestInstructionGivenUpComesBackForDaysAndIsKept(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	withdrawal := submission.Message{ID: id, Kind: submission.Withdraw}
	body := must(withdrawal.Encode())(t)
	w.on("Save", before, -1, fails)
	ok(t, w.worker.GiveUp(t.Context(), "m", body))
	if len(w.put) != 1 || w.put[0].queue != submission.Queue || w.put[0].visible.Sub(w.now) != time.Minute {
		t.Fatalf("put back: %+v", w.put)
	}
	again := must(submission.DecodeMessage(w.put[0].body))(t)
	if again.Kind != submission.Withdraw || again.Returns != 1 || !again.Returned.Equal(w.now) {
		t.Errorf("put back as %+v", again)
	}
	const days = 5
	for n := range days {
		w.now = w.now.AddDate(0, 0, 1)
		ok(t, w.worker.GiveUp(t.Context(), "m", w.put[n].body))
	}
	w.wantState(id, request.Done)
	kept, err := w.store.AllDeadLetters(t.Context())
	if err != nil || len(kept) != 1 || len(w.put) != days {
		t.Fatalf("kept %+v, %v; put back %d times", kept, err, len(w.put))
	}
	// It can be replayed.
	if kind := must(submission.DecodeMessage(kept[0].Body))(t).Kind; kind != submission.Withdraw {
		t.Errorf("kept a message of kind %q", kind)
	}
}

func TestMessagesGivenUpForDaysFailParkedRequest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.tenantSays(suspicious)
	id := w.signUpFor("ana@contoso.com", 1)
	w.wantState(id, request.Parked)
	body := must(submission.Message{ID: id}.Encode())(t)
	w.poisoned(body)
	w.wantState(id, request.Parked)
	w.poisonedForDays(body)
	// The due entry that is still there brings a message, which finds nothing to do and removes it.
	w.settle(40)
	w.wantState(id, request.Failed)
	w.wantNothingDue()
}

// TestGivenUpMessageIsNeverLost gives messages up while an operation on the store fails. Something
// brings each of them back: a due entry, or the message itself.
func TestGivenUpMessageIsNeverLost(t *testing.T) {
	none := func(*world) submission.Message { return submission.Message{} }
	firstOne := func(w *world) submission.Message {
		w.submit("ana@contoso.com")
		message := w.queue[0]
		w.queue = nil
		return message
	}
	early := func(w *world) submission.Message {
		return submission.Message{ID: w.newID(w.now), Kind: submission.Withdraw}
	}
	waiting := func(w *world) submission.Message {
		w.stop()
		return submission.Message{ID: w.signUp("ana@contoso.com")}
	}
	broughtByEntry := func(w *world) submission.Message {
		message := waiting(w)
		message.Due = w.load(message.ID).Due
		return message
	}
	unknown := func(w *world) submission.Message { return submission.Message{ID: w.newID(w.now)} }
	withdrawal := func(w *world) submission.Message {
		return submission.Message{ID: w.signUp("ana@contoso.com"), Kind: submission.Withdraw}
	}
	unreadable := func() error { return problem.New(problem.RecordUnreadable, "not a request") }
	conflict := func() error { return problem.New(problem.Conflict, "another was faster") }
	tests := map[string]struct {
		message func(*world) submission.Message
		op      string
		fault   func() error
		queue   string // on which the message is put back; "" if it is not
		due     bool   // whether the request has a due entry afterwards
	}{
		"a new one":                           {firstOne, "", nil, "", true},
		"a new one, not to be looked up":      {firstOne, "Load", fails, submission.Queue, false},
		"a new one, not to be recorded":       {firstOne, "Save", fails, submission.Queue, false},
		"a new one without a due entry":       {firstOne, "Wait", fails, submission.Queue, false},
		"a new one that another has recorded": {firstOne, "Save", conflict, submission.Queue, false},
		"a waiting one":                       {waiting, "", nil, "", true},
		"a waiting one without its history":   {waiting, "History", fails, "", true},
		"a waiting one, not to wait longer":   {waiting, "Park", fails, "", true},
		"a waiting one that another works on": {waiting, "Save", conflict, "", true},
		"a waiting one, not to be saved":      {waiting, "Save", fails, "", true},
		"one that a due entry has brought":    {broughtByEntry, "History", fails, "", true},
		"one whose record can't be read":      {waiting, "Load", unreadable, "", true},
		"a new one, recorded and unreadable":  {firstOne, "Load", unreadable, "", true},
		"that one, brought by a due entry":    {broughtByEntry, "Load", unreadable, "", true},
		"one of an unknown request":           {unknown, "", nil, "", false},
		"one of a request that may be known":  {unknown, "Load", fails, submission.Queue, false},
		"a withdrawal before its sign-up":     {early, "", nil, submission.Queue, false},
		"an instruction":                      {withdrawal, "", nil, "", true},
		"an instruction, not to be recorded":  {withdrawal, "Save", fails, submission.Queue, true},
		"an instruction without a due entry":  {withdrawal, "Postpone", fails, submission.Queue, true},
		"an instruction, and no tables":       {withdrawal, "Load", fails, submission.Queue, true},
		"a foreign one":                       {none, "", nil, "", false},
		"a foreign one that can't be kept": {
			none, "KeepDeadLetter", fails, submission.PoisonQueue, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			message := test.message(w)
			body := []byte("not one of ours")
			if message.ID != "" {
				body = must(message.Encode())(t)
			}
			if test.op != "" {
				w.on(test.op, before, -1, test.fault)
			}
			ok(t, w.worker.GiveUp(t.Context(), "m", body))
			w.interrupt = nil
			queue := ""
			if len(w.put) > 0 {
				queue = w.put[0].queue
			}
			if queue != test.queue || len(w.put) > 1 {
				t.Errorf("put back %d times, on the queue %q, want %q", len(w.put), queue, test.queue)
			}
			due := must(w.store.Due(t.Context(), w.now.AddDate(1, 0, 0), 10))(t)
			if (len(due) == 1) != test.due {
				t.Errorf("due %v, want one: %t", due, test.due)
			}
		})
	}
}

func TestMessageThatNothingTakesIsAnError(t *testing.T) {
	w := newWorld(t)
	w.submit("ana@contoso.com")
	for _, body := range [][]byte{must(w.queue[0].Encode())(t), []byte("not one of ours")} {
		w.interrupt = func(string, bool) error { return unavailable }
		err := w.worker.GiveUp(t.Context(), "m", body)
		w.interrupt = nil
		wantCode(t, "nothing took the message", err, problem.StorageUnavailable)
	}
}

func TestForeignMessageIsKept(t *testing.T) {
	w := newWorld(t)
	w.poisoned([]byte(`{"email":"ana@contoso.com"}`))
	kept, err := w.store.AllDeadLetters(t.Context())
	if err != nil || len(kept) != 1 || string(kept[0].Body) != `{"email":"ana@contoso.com"}` || kept[0].Why == "" {
		t.Errorf("kept %+v, %v", kept, err)
	}
	w.wantLine(workflow.LogKept, 2)
	if strings.Contains(w.log.String(), "ana@") || strings.Contains(kept[0].Why, "ana@") {
		t.Error("the log repeats the message")
	}

	// A message for a request that was never recorded harms nothing either.
	id := must(submission.NewID(w.now, w.random))(t)
	body := must(submission.Message{ID: id}.Encode())(t)
	w.poisoned(body)
	w.settle(1)
	w.wantTenant(0, 0, 0)
}

func TestMessagesWithoutIDAreKeptByContent(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{"one", "another", "one"} {
		w.keep("", body)
	}
	kept := w.kept()
	if len(kept) != 2 || kept[0] == "" || kept[1] == "" {
		t.Errorf("the dead letters are %q", kept)
	}
}

func (w *world) giveUp(message submission.Message) error {
	return w.worker.GiveUp(w.t.Context(), "m", must(message.Encode())(w.t))
}

func TestMessageOfDueEntryIsNotPutBack(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	w.interrupt = func(op string, after bool) error {
		if onTables(op) {
			return unavailable
		}
		return nil
	}
	// The due entry brings another one, so that copies would gather.
	ok(t, w.giveUp(submission.Message{ID: id, Due: w.now}))
	if len(w.put) != 0 {
		t.Errorf("put back: %+v", w.put)
	}
}

func TestMessageComesBackWithTheTimeOfItsFirstReturn(t *testing.T) {
	w := newWorld(t)
	w.on("Load", before, -1, fails)
	message, first := w.queueOf(w.submit("ana@contoso.com")), w.now
	for n, want := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour} {
		ok(t, w.giveUp(message))
		if got := w.put[n].visible.Sub(w.now); got != want {
			t.Errorf("return %d after %s, want %s", n+1, got, want)
		}
		w.now = w.put[n].visible
		message = must(submission.DecodeMessage(w.put[n].body))(t)
		if message.Returns != n+1 || message.Returned.Sub(first) > time.Minute || message.Submission == nil {
			t.Errorf("return %d is %+v", n+1, message)
		}
	}
}

// queueOf returns the message of the request that is on the queue.
func (w *world) queueOf(id submission.ID) submission.Message {
	w.t.Helper()
	for _, message := range w.queue {
		if message.ID == id {
			return message
		}
	}
	w.t.Fatalf("no message of request %s", id)
	return submission.Message{}
}

func TestInstructionThatCannotBeKeptGoesOnComingBack(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	w.interrupt = func(op string, _ bool) error {
		if op == "KeepDeadLetter" || op == "Save" {
			return unavailable
		}
		return nil
	}
	ok(t, w.giveUp(submission.Message{ID: id, Kind: submission.Withdraw, Returns: 80, Returned: w.now.AddDate(0, 0, -4)}))
	if len(w.put) != 1 || w.put[0].queue != submission.Queue {
		t.Fatalf("put back: %+v", w.put)
	}
	again := must(submission.DecodeMessage(w.put[0].body))(t)
	if again.ID != id || again.Kind != submission.Withdraw || again.Returns != 81 {
		t.Errorf("put back as %+v", again)
	}
}

// TestInstructionIsKeptOnlyAfterThreeDays gives up an instruction that has come back for some time.
func TestInstructionIsKeptOnlyAfterThreeDays(t *testing.T) {
	const limit = 3 * 24 * time.Hour
	for returned, kept := range map[time.Duration]bool{limit - time.Minute: false, limit: true} {
		w := newWorld(t)
		id := w.invite()
		w.on("Save", before, -1, fails)
		ok(t, w.giveUp(submission.Message{ID: id, Kind: submission.Withdraw, Returns: 70, Returned: w.now.Add(-returned)}))
		letters := must(w.store.AllDeadLetters(t.Context()))(t)
		if (len(letters) == 1) != kept || (len(w.put) == 1) == kept {
			t.Errorf("after %v: kept %+v, put back %d times", returned, letters, len(w.put))
		}
		if kept && !strings.Contains(letters[0].Why, "withdraw of request "+string(id)) {
			t.Errorf("kept because of %q", letters[0].Why)
		}
	}
}

// TestSignUpThatIsRecordedFromPoisonQueueIsWhole looks at the record before anything else happens
// to it.
func TestSignUpThatIsRecordedFromPoisonQueueIsWhole(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	ok(t, w.giveUp(w.queueOf(id)))
	r := w.wantState(id, request.Received)
	if !r.Created.Equal(w.now) || !r.Since.Equal(w.now) {
		t.Errorf("created %v, since %v", r.Created, r.Since)
	}
	if want := []string{"received", "troubled"}; !slices.Equal(w.whats(id), want) {
		t.Errorf("history %v, want %v", w.whats(id), want)
	}
}

// TestRequestFailsAfterDaysOnlyIfThatIsStored takes storage away when a request is to fail.
func TestRequestFailsAfterDaysOnlyIfThatIsStored(t *testing.T) {
	for _, op := range []string{"Postpone", "Save"} {
		w := newWorld(t)
		w.row("contoso.com", "row", "Action", "invite")
		w.tenantSays(suspicious)
		id := w.signUpFor("ana@contoso.com", 1)
		message := submission.Message{ID: id}
		for range 5 {
			ok(t, w.giveUp(message))
			w.now = w.now.AddDate(0, 0, 1)
		}
		w.on(op, before, -1, fails)
		ok(t, w.giveUp(message))
		w.interrupt = nil
		w.wantState(id, request.Parked)
		if len(w.put) != 1 {
			t.Errorf("%s fails: put back %d times", op, len(w.put))
		}
	}
}

func TestForeignMessageThatCannotBeKeptStaysOnItsQueue(t *testing.T) {
	w := newWorld(t)
	w.on("KeepDeadLetter", before, -1, fails)
	ok(t, w.worker.GiveUp(t.Context(), "m", []byte("not ours")))
	if len(w.put) != 1 || w.put[0].queue != submission.PoisonQueue || string(w.put[0].body) != "not ours" || !w.put[0].visible.After(w.now) {
		t.Errorf("put back: %+v", w.put)
	}
	w.interrupt = func(string, bool) error { return unavailable }
	wantCode(t, "neither kept nor put back", w.worker.GiveUp(t.Context(), "m", []byte("not ours")), problem.StorageUnavailable)
}

func TestGivingUpLeavesLaterDueTime(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 429, Headers: retryAfter("3600")})
	id := w.signUp("ana@contoso.com")
	due := w.load(id).Due
	if due.Sub(w.now) < 30*time.Minute {
		t.Fatalf("due %s", due)
	}
	ok(t, w.giveUp(submission.Message{ID: id}))
	if got := w.load(id).Due; !got.Equal(due) {
		t.Errorf("due %s, want %s", got, due)
	}
}

func TestGivingUpWhatAnotherChangesIsLeftToIt(t *testing.T) {
	w := newWorld(t)
	message := w.queueOf(w.submit("ana@contoso.com"))
	ok(t, w.giveUp(message))
	w.on("Save", before, -1, func() error { return problem.New(problem.Conflict, "changed meanwhile") })
	ok(t, w.giveUp(message))
	if len(w.put) != 0 {
		t.Errorf("put back: %d messages", len(w.put))
	}
	if due := must(w.store.Due(t.Context(), w.now.Add(time.Hour), 10))(t); len(due) != 1 {
		t.Errorf("due are %v", due)
	}
}

// TestInstructionOfEndedRequestIsTriedForEver gives up a withdrawal that is recorded and not done.
func TestInstructionOfEndedRequestIsTriedForEver(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	w.on("Claim", before, -1, fails)
	message := submission.Message{ID: id, Kind: submission.Withdraw}
	err := w.worker.Advance(t.Context(), message)
	wantCode(t, "withdrawing", err, problem.StorageUnavailable)
	for range 3 {
		ok(t, w.giveUp(message))
		if r := w.wantState(id, request.Done); !r.Due.IsZero() || !r.Withdrawal.Open() {
			t.Errorf("due %s, withdrawal %v", r.Due, r.Withdrawal)
		}
		w.now = w.now.AddDate(0, 0, 2)
	}
	w.interrupt = nil
	w.settle(1)
	w.wantErased(id)
}

func TestWishOfMadeUpIDLeavesNoDeadLetter(t *testing.T) {
	w := newWorld(t)
	days := w.now.AddDate(0, 0, -4)
	ids := map[string]submission.ID{
		"without a signature": must(submission.NewID(w.now, w.random))(t),
		"issued long ago":     w.newID(w.now.AddDate(0, -1, 0)),
	}
	for name, id := range ids {
		for _, kind := range []submission.Kind{submission.Withdraw, submission.Resend} {
			ok(t, w.giveUp(submission.Message{ID: id, Kind: kind, Returns: 80, Returned: days}))
			if kept := must(w.store.AllDeadLetters(t.Context()))(t); len(kept)+len(w.put) != 0 {
				t.Errorf("a %s of an id %s left %d dead letters and %d messages", kind, name, len(kept), len(w.put))
			}
		}
	}
	// The submission of this one may still come.
	ok(t, w.giveUp(submission.Message{ID: w.newID(w.now), Kind: submission.Withdraw, Returns: 80, Returned: days}))
	if kept := must(w.store.AllDeadLetters(t.Context()))(t); len(kept) != 1 {
		t.Errorf("kept %+v", kept)
	}
}

func TestRequestGivenUpForDaysGivesBackItsSeat(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "MaxGuests", int32(1))
	w.tenantSays(suspicious)
	id := w.signUpFor("ana@contoso.com", 1)
	w.wantState(id, request.Parked)
	for range 5 {
		ok(t, w.giveUp(submission.Message{ID: id}))
	}
	// Nothing of the earlier waits is left that could bring a message.
	w.now = w.load(id).Due
	ok(t, w.store.StopWaiting(t.Context(), id, w.now))
	w.now = w.now.AddDate(0, 0, 3)
	ok(t, w.giveUp(submission.Message{ID: id}))
	w.wantState(id, request.Failed)
	w.settle(1)
	w.wantSeats("contoso.com", "row", 0)
	w.wantNothingDue()
}

func TestInstructionGivenUpMakesItsRequestDue(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	w.settle(1)
	w.wantNothingDue()
	ok(t, w.giveUp(submission.Message{ID: id, Kind: submission.Resend}))
	early := must(w.store.Due(t.Context(), w.now.Add(lease-time.Second), 10))(t)
	due := must(w.store.Due(t.Context(), w.now.Add(lease), 10))(t)
	if len(early) > 0 || len(due) != 1 || due[0] != id {
		t.Errorf("due are %v, then %v: a slow call may record the instruction after its message was given up", early, due)
	}
}

// TestDeadLetterLeavesRequestParked gives up a message of a parked request. Upkeep finds parked
// requests by their due entries.
func TestDeadLetterLeavesRequestParked(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Parked)
	w.poisoned(must(submission.Message{ID: id}.Encode())(t))
	parked := must(w.store.Parked(t.Context(), 10))(t)
	if len(parked) != 1 || parked[0].ID != id {
		t.Errorf("the due entries say that %v are parked", parked)
	}
}
