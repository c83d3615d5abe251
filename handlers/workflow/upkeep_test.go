package workflow_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

func TestRetentionErasesFinishedRequests(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("ana@contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
	w.row("bo@contoso.com", "r", "Action", "deny")
	invited, denied, reviewed := w.submit("ana@contoso.com"), w.submit("bo@contoso.com"), w.submit("cy@fabrikam.com")
	w.deliverAll()
	must(w.reviewer().Deny(t.Context(), w.review(t, "di@fabrikam.com"), "secret words"))(t)
	ok(t, w.worker.Keep(t.Context(), submission.Queue, "m1", []byte(`ana`), problem.New(problem.MalformedMessage, "not one of ours")))
	w.settleMinutes(12) // the receipt is compared
	w.now = w.now.Add(29 * 24 * time.Hour)
	w.settle(1)
	if r := w.load(invited); !r.Erased.IsZero() || r.Submission.GivenName == "" {
		t.Error("erased too early")
	}
	w.now = w.now.Add(24 * time.Hour)
	w.settle(2)
	w.wantErased(invited)
	for _, id := range []submission.ID{invited, denied} {
		r := w.load(id)
		if r.Decision == nil || r.Decision.Reason == "" || r.Decision.Row == nil || r.Erased.IsZero() {
			t.Errorf("the decision is gone, or the data is not: %+v", r)
		}
	}
	if why := w.lastDetail(denied); !strings.Contains(why, "kept for 30 days") {
		t.Errorf("the history says %q", why)
	}
	w.wantSeats("ana@contoso.com", "r", 1)
	if r := w.wantState(reviewed, request.Review); r.Submission.GivenName == "" {
		t.Error("a request that waits for a person lost its data")
	}
	w.wantLine(workflow.LogOverdue, strings.Count(w.log.String(), `"requests wait too long"`))
	if !strings.Contains(w.log.String(), `state=review requests=1 oldest=`+reviewed.Issued().Format("2006-01-02T15:04:05")) {
		t.Error("the log does not say that a request waits for a person for a month")
	}
	// The address still has a guest, so there is no second mail.
	again := w.signUpFor("ana@contoso.com", 1)
	w.wantState(again, request.Done)
	w.wantTenant(1, 1, 0)
}

// TestRetentionDropsWishForMail lets nobody work between a person's wish and the end of the
// retention.
func TestRetentionDropsWishForMail(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	id := w.anHourAfterMail()
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.now = w.now.AddDate(0, 0, 31)
	must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	if r := w.load(id); r.Erased.IsZero() || r.Resend.Open() {
		t.Errorf("erased at %v, wish %+v", r.Erased, r.Resend)
	}
	w.settleMinutes(5)
	w.wantErased(id)
	if w.attempts() != 1 {
		t.Errorf("%d mails", w.attempts())
	}
}

func TestRetentionErasesInBatches(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("contoso.com", "r", "Action", "deny")
	w.review(t, "waits@fabrikam.com")
	w.submitMany(250)
	w.deliverAll()
	w.now = w.now.Add(31 * 24 * time.Hour)
	for _, want := range []int{150, 50, 0} {
		w.settleMinutes(1)
		search := request.Search{Expired: w.now}
		page, err := w.store.ScanRequests(t.Context(), search, request.Cursor{}, 1000)
		left := slices.DeleteFunc(page.Found, func(b request.Brief) bool { return !search.Expires(b) })
		if err != nil || len(left) != want {
			t.Errorf("%d requests still hold personal data, want %d (%v)", len(left), want, err)
		}
	}
	// Requests that wait too long are logged once an hour, not at every run.
	w.settleMinutes(50)
	w.wantLine(workflow.LogOverdue, 1)
	w.settleMinutes(60)
	w.wantLine(workflow.LogOverdue, 2)
}

func TestUnreadableRecordDoesNotBlockRetention(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("contoso.com", "r", "Action", "deny")
	broken, other := w.submit("ana@contoso.com"), w.submit("bo@contoso.com")
	w.review(t, "waits@fabrikam.com")
	w.now = w.now.Add(31 * 24 * time.Hour)
	w.on("Load", before, 1, func() error {
		return problem.New(problem.RecordUnreadable, "loading request: column Decision is not a decision")
	})
	var due outbox
	must(w.worker.Upkeep(t.Context(), &due))(t)
	erased := 0
	for _, id := range []submission.ID{broken, other} {
		if !w.load(id).Erased.IsZero() {
			erased++
		}
	}
	if erased != 1 {
		t.Errorf("%d of 2 requests were erased, want the one that can be read", erased)
	}
	// Requests that wait too long are logged all the same.
	w.wantLine(workflow.LogOverdue, 1)
}

// TestRetentionLeavesWhatChangedMeanwhile changes an expired request while upkeep is about to erase
// it.
func TestRetentionLeavesWhatChangedMeanwhile(t *testing.T) {
	restored := func(w *world, id submission.ID) {
		w.interrupt = nil
		must(w.reviewer().Retry(w.t.Context(), id))(w.t)
	}
	touched := func(w *world, id submission.ID) {
		w.interrupt = nil
		r := w.load(id)
		r.Changed = w.now
		must(w.store.Save(w.t.Context(), r, nil))(w.t)
	}
	// The clock of the instance that changes the request is so many days behind.
	behind := func(days int, change func(*world, submission.ID)) func(*world, submission.ID) {
		return func(w *world, id submission.ID) {
			now := w.now
			w.now = w.now.AddDate(0, 0, -days)
			change(w, id)
			w.now = now
		}
	}
	tests := map[string]struct {
		op     string
		change func(*world, submission.ID)
		erased bool
	}{
		"nothing changes": {"Load", func(*world, submission.ID) {}, true},
		"a person takes it up, and the clock is behind": {"Load", behind(35, restored), false},
		"another instance erases it": {"Load", behind(10, func(w *world, id submission.ID) {
			w.interrupt = nil
			must(w.newWorker().Upkeep(w.t.Context(), &outbox{}))(w.t)
		}), true},
		"a person takes it up":            {"Load", restored, false},
		"it is finished once more":        {"Load", touched, false},
		"it changes right before it goes": {"Save", touched, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
			w.row("contoso.com", "r", "Action", "invite")
			w.order(refusedOnce)
			id := w.signUp("ana@contoso.com")
			w.wantState(id, request.Failed)
			w.now = w.now.AddDate(0, 0, 41)
			w.on(test.op, before, 1, func() error { test.change(w, id); return nil })
			must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
			w.interrupt = nil
			if erased := !w.load(id).Erased.IsZero(); erased != test.erased {
				t.Errorf("erased: %t, want %t", erased, test.erased)
			}
			text := w.log.String()
			if counted := strings.Count(text, "erased=1"); (counted == 1) != test.erased {
				t.Errorf("%d sweeps have erased something:\n%s", counted, text)
			}
			if strings.Contains(text, "the sweep for old data failed") {
				t.Errorf("what changes meanwhile is no failure:\n%s", text)
			}
		})
	}
}

func TestRetentionForgetsDeadLettersAndMailsByAge(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	mails := func(i int) submission.Address {
		return must(submission.ParseAddress(fmt.Sprintf("partner.%d@contoso.com", i)))(t)
	}
	for i := range 130 {
		id := w.newID(w.now)
		claim, _, err := w.store.Claim(t.Context(), mails(i), request.NewClaim(id, time.Time{}))
		ok(t, err)
		claim = must(claim.Mailed(w.now).KeepMails())(t)
		must(w.store.UpdateClaim(t.Context(), mails(i), claim))(t)
	}
	w.keep("old", "x")
	w.now = w.now.Add(time.Minute)
	w.keep("new", "y")
	w.now = w.now.AddDate(0, 0, 30)
	left := func() (n int) {
		for i := range 130 {
			if claim := must(w.store.ClaimOf(t.Context(), mails(i)))(t); claim.State != request.ClaimFree {
				n++
			}
		}
		return n
	}
	for _, want := range []int{30, 0} {
		must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
		if n := left(); n != want {
			t.Errorf("the mails of %d addresses are left, want %d", n, want)
		}
	}
	// They come once the mails are done.
	if kept := w.kept(); len(kept) != 1 || kept[0] != "new" {
		t.Errorf("the dead letters are %q", kept)
	}
}

// TestSweepEndsWithUnreadableRecords: a whole batch that can't be read does not hold up the sweep.
func TestSweepEndsWithUnreadableRecords(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("contoso.com", "r", "Action", "deny")
	w.submitMany(101)
	w.deliverAll()
	w.now = w.now.AddDate(0, 0, 31)
	w.interrupt = func(op string, _ bool) error {
		switch op {
		case "Load":
			return problem.New(problem.RecordUnreadable, "not a request")
		case "EraseUnreadable":
			return problem.New(problem.Internal, "it can't be written")
		}
		return nil
	}
	for range 3 {
		must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	}
	w.wantLine(workflow.LogSwept, 2)
	w.wantLine(workflow.LogUnreadable, 20) // the first ones
	sweep := must(w.store.Sweep(t.Context()))(t)
	if sweep.Last.Unreadable != 101 || len(sweep.Last.Examples) == 0 || len(sweep.Last.Examples) > 20 || sweep.Part != request.SweepOver {
		t.Errorf("the sweep is %+v", sweep)
	}
}

// unintelligible are records of which a page of requests says that they can't be understood.
type unintelligible struct {
	request.Records
	found []request.Brief
}

func (u unintelligible) ScanRequests(
	context.Context, request.Search, request.Cursor, int,
) (request.Page, error) {
	return request.Page{Found: u.found, Last: true}, nil
}

func TestSweepCountsRecordsWhoseStateCannotBeRead(t *testing.T) {
	w := newWorld(t)
	id := w.newID(w.now)
	w.config.Records = unintelligible{w.store, []request.Brief{{ID: id, Fault: "no state"}, {Fault: "no id"}}}
	w.worker = w.newWorker()
	must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	w.wantLine(workflow.LogUnreadable, 2)
	want := request.Tally{Unreadable: 2, Examples: []submission.ID{id, ""}}
	if got := must(w.store.Sweep(t.Context()))(t).Last; !reflect.DeepEqual(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// paged are records that return pages of two requests.
type paged struct{ request.Records }

func (p paged) ScanRequests(
	ctx context.Context, search request.Search, from request.Cursor, _ int,
) (request.Page, error) {
	return p.Records.ScanRequests(ctx, search, from, 2)
}

// TestSweepGoesOnWithNextPage sweeps pages on which nothing is found.
func TestSweepGoesOnWithNextPage(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "deny")
	w.submitMany(5)
	w.deliverAll()
	w.config.Records = paged{w.store}
	for run, want := range []request.SweepPart{request.SweepRequests, request.SweepRequests, request.SweepOver} {
		must(w.newWorker().Upkeep(t.Context(), &outbox{}))(t)
		if part := must(w.store.Sweep(t.Context()))(t).Part; part != want {
			t.Errorf("after run %d the sweep is at %q, want %q", run+1, part, want)
		}
	}
	w.wantLine(workflow.LogSwept, 3)
}

// forgetful are records that take no place of a sweep that is not the beginning.
type forgetful struct{ request.Records }

func (f forgetful) ScanRequests(
	ctx context.Context, search request.Search, from request.Cursor, limit int,
) (request.Page, error) {
	if from != (request.Cursor{}) {
		return request.Page{}, problem.New(problem.Internal, "no such place")
	}
	return f.Records.ScanRequests(ctx, search, from, limit)
}

func TestSweepBeginsAnewIfItsPlaceIsOfNoUse(t *testing.T) {
	w := newWorld(t)
	w.config.Records = forgetful{w.store}
	sweep := must(w.store.Sweep(t.Context()))(t).Begin(w.now)
	sweep.At, sweep.Tally = request.Cursor{After: w.newID(w.now)}, request.Tally{Erased: 1}
	must(w.store.SaveSweep(t.Context(), sweep))(t)
	worker := w.newWorker()
	for run, want := range []request.SweepPart{request.SweepRequests, request.SweepOver} {
		must(worker.Upkeep(t.Context(), &outbox{}))(t)
		s := must(w.store.Sweep(t.Context()))(t)
		if s.Part != want || s.At != (request.Cursor{}) || s.Tally.Erased+s.Last.Erased > 0 {
			t.Errorf("after run %d the sweep is %+v", run+1, s)
		}
	}
	w.wantLine(workflow.LogSwept, 1)
}

func TestSweepCountsWhatWaitsForMails(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.row("fabrikam.com", "r", "Action", "invite", "Proof", "none")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 503, Always: true})
	w.signUp("ana@contoso.com")
	w.signUp("bo@contoso.com")
	owed := w.signUp("cy@fabrikam.com")
	w.settle(3)
	got := must(w.store.Sweep(t.Context()))(t).Last
	if got.Proving != 2 || got.Owed != 1 || !got.OwedSince.Equal(w.load(owed).Owed.Since) {
		t.Errorf("%+v", got)
	}
	w.service.ClearFaults()
	w.settle(4)
	if got := must(w.store.Sweep(t.Context()))(t).Last; got.Proving != 2 || got.Owed != 0 || !got.OwedSince.IsZero() {
		t.Errorf("once mails are sent: %+v", got)
	}
}

// TestSweepListsRequestsThatCannotBeRead: those that have not finished as far as anybody can tell.
func TestSweepListsRequestsThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "deny")
	finished, waits := w.submit("ana@contoso.com"), w.submit("bo@fabrikam.com")
	other, unknown := w.submit("cy@fabrikam.com"), w.submit("dee@contoso.com")
	w.deliverAll()
	w.wantState(other, request.Review)
	w.store.Spoil(memstore.Record{Request: finished})
	w.store.Spoil(memstore.Record{Request: waits})
	w.store.SpoilState(unknown)
	must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	last := must(w.store.Sweep(t.Context()))(t).Last
	if want := []submission.ID{waits, unknown}; last.Unreadable != 2 || !slices.Equal(last.Examples, want) {
		t.Errorf("found %+v, want %q", last, want)
	}
	w.wantLine(workflow.LogUnreadable, 2)
	// After three days it waits too long besides.
	w.now = w.now.AddDate(0, 0, 4)
	must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	last = must(w.store.Sweep(t.Context()))(t).Last
	if last.Unreadable != 2 || last.Overdue[request.Review].Requests != 2 {
		t.Errorf("days later: %+v", last)
	}
}

// TestSweepErasesUnreadableRequestOnceStorageIsBack loses the storage while it erases one.
func TestSweepErasesUnreadableRequestOnceStorageIsBack(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("contoso.com", "r", "Action", "deny")
	id := w.signUp("ana@contoso.com")
	w.store.Spoil(memstore.Record{Request: id})
	w.now = w.now.AddDate(0, 0, 31)
	w.on("EraseUnreadable", before, 1, fails)
	must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	w.wantLine(workflow.LogSwept, 0)
	w.now = w.now.Add(time.Minute)
	must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	w.store.Mend(memstore.Record{Request: id})
	if r := w.load(id); r.Erased.IsZero() {
		t.Errorf("a minute later it is not erased")
	}
	w.wantLine(workflow.LogUnreadable, 0)
}

// TestInterruptedSweepLosesNothing ends the process, or loses the storage, at each operation of a
// sweep over several runs and instances. In the end everything is erased and told.
func TestInterruptedSweepLosesNothing(t *testing.T) {
	for at := 0; at < 2000; at += 9 {
		for _, fault := range []func() error{fails, func() error { panic(crash{}) }} {
			w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
			w.row("contoso.com", "r", "Action", "deny")
			w.submitMany(120)
			waits := w.review(t, "waits@fabrikam.com")
			w.keep("old", "x")
			w.now = w.now.AddDate(0, 0, 31)
			n := 0
			w.interrupt = func(string, bool) error {
				n++
				if n == at+1 {
					return fault()
				}
				return nil
			}
			for range 4 {
				w.now = w.now.Add(time.Minute)
				worker := w.newWorker()
				_ = w.survive(func() error { _, err := worker.Upkeep(t.Context(), &outbox{}); return err })
			}
			w.interrupt = nil
			page := must(w.store.ScanRequests(t.Context(), request.Search{Expired: w.now}, request.Cursor{}, 1000))(t)
			page.Found = slices.DeleteFunc(page.Found, func(b request.Brief) bool { return b.ID == waits })
			if len(page.Found) > 0 || len(w.kept()) > 0 {
				t.Fatalf("operation %d: %d are not erased, dead letters %q", at, len(page.Found), w.kept())
			}
			if !strings.Contains(w.log.String(), "state=review requests=1 oldest="+waits.Issued().Format("2006-01-02T15:04:05")) {
				t.Fatalf("operation %d: nobody hears of what waits", at)
			}
			if n <= at {
				return // there are no more
			}
		}
	}
}

func TestUpkeepSweepsHourly(t *testing.T) {
	w := newWorld(t)
	for _, step := range []struct {
		wait time.Duration
		want int
	}{{0, 1}, {time.Minute, 1}, {59*time.Minute - 1, 1}, {1, 2}, {time.Minute, 2}} {
		w.now = w.now.Add(step.wait)
		must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
		w.wantLine(workflow.LogSwept, step.want)
	}
}

func TestNothingIsErasedWithoutRetention(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "deny")
	id := w.signUp("ana@contoso.com")
	w.keep("m", "x")
	w.now = w.now.AddDate(10, 0, 0)
	must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	if r := w.load(id); !r.Erased.IsZero() || len(w.kept()) != 1 {
		t.Errorf("erased at %v, dead letters %q", r.Erased, w.kept())
	}
	w.wantLine(workflow.LogSwept, 1)
	if !strings.Contains(w.log.String(), "erased=0") {
		t.Errorf("the log is\n%s", w.log)
	}
}

// TestSweepBringsBackWhatIsForgotten: a write of an earlier call has arrived late and replaced the
// due entry, or an admin has deleted it.
func TestSweepBringsBackWhatIsForgotten(t *testing.T) {
	tests := map[string]func(w *world, id submission.ID) error{
		"the due entry says a later time": func(w *world, id submission.ID) error {
			return w.store.Wait(t.Context(), id, w.now.AddDate(0, 0, 2))
		},
		"the due entry is gone": func(w *world, id submission.ID) error {
			return w.store.StopWaiting(t.Context(), id, w.load(id).Due)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			down(w, graphsim.Match{Method: "POST", Path: "/v1.0/groups/*"})
			id := w.submit("ana@contoso.com")
			w.deliverAll()
			w.tenant.ClearFaults()
			if r := w.load(id); r.State != request.Granting || r.Due.IsZero() {
				t.Fatalf("the request is %s, due %v", r.State, r.Due)
			}
			ok(t, change(w, id))
			w.settleMinutes(180)
			w.wantState(id, request.Done)
		})
	}
}

// TestEarlyDueEntryBringsRequestOnce: the due entry says an earlier time than the record, since the
// process ended in between, or a write arrived late.
func TestEarlyDueEntryBringsRequestOnce(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula)
	loads := 0
	ok(t, a.store.Wait(t.Context(), id, a.now))
	a.on("Load", before, -1, func() error { loads++; return nil })
	a.settle(24)
	if loads > 2*24 {
		t.Errorf("the request was looked at %d times in 24 hours", loads)
	}
	a.wantState(id, request.Review)
	if due := must(a.store.Due(t.Context(), a.now.AddDate(1, 0, 0), 10))(t); len(due) != 1 {
		t.Errorf("it has %d due entries", len(due))
	}
}

func TestUpkeepEnqueuesOldestFirst(t *testing.T) {
	w := newWorld(t)
	var ids []submission.ID
	for range 5 {
		ids = append(ids, w.newID(w.now))
		w.now = w.now.Add(time.Minute)
	}
	for i, id := range ids {
		ok(t, w.store.Wait(t.Context(), id, w.now.Add(-time.Duration(i)*time.Second)))
	}
	var sent outbox
	must(w.worker.Upkeep(t.Context(), &sent))(t)
	var got []submission.ID
	for _, message := range sent {
		got = append(got, message.ID)
		if !message.Due.Equal(w.now.Add(lease)) {
			t.Errorf("the message says due at %v", message.Due)
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("enqueued %v, want %v", got, ids)
	}
}

func TestUpkeepLogsEveryRun(t *testing.T) {
	w := newWorld(t)
	w.settleMinutes(3)
	w.wantLine(workflow.LogUpkeep, 3)
}

func TestUpkeepEnqueuesOncePerLease(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	ok(t, w.store.Wait(t.Context(), id, w.now))
	var sent outbox
	for range 10 {
		w.now = w.now.Add(lease / 11)
		must(w.worker.Upkeep(t.Context(), &sent))(t)
	}
	if len(sent) != 1 {
		t.Errorf("%d messages within the lease, want 1", len(sent))
	}
	w.now = w.now.Add(lease)
	n, err := w.worker.Upkeep(t.Context(), &sent)
	if err != nil || n != 1 {
		t.Errorf("a lost message is not sent again: %d, %v", n, err)
	}
}

// dueMany makes so many requests due.
func (w *world) dueMany(n int) {
	w.t.Helper()
	for range n {
		ok(w.t, w.store.Wait(w.t.Context(), must(submission.NewID(w.now, w.random))(w.t), w.now))
	}
}

func TestUpkeepEndsInTimeWithWhatItHas(t *testing.T) {
	w := newWorld(t)
	w.dueMany(50)
	began := w.now
	w.on("Postpone", before, -1, func() error { w.now = w.now.Add(4 * time.Second); return nil })
	var sent outbox
	n, err := w.worker.Upkeep(t.Context(), &sent)
	if err != nil || n == 0 || n == 50 || n != len(sent) {
		t.Fatalf("enqueued %d, sent %d, %v", n, len(sent), err)
	}
	if took := w.now.Sub(began); took > time.Minute {
		t.Errorf("it took %s: the app ends a function after 90 s, and sends nothing of it", took)
	}
	w.wantLine(workflow.LogUpkeep, 1)
	// What was not enqueued is still due, and the next run goes on with it.
	w.interrupt = nil
	again, err := w.worker.Upkeep(t.Context(), &sent)
	if err != nil || n+again != 50 || len(sent) != 50 {
		t.Errorf("then enqueued %d, sent %d, %v", again, len(sent), err)
	}
}

func TestUpkeepSendsWhatItHasAfterFailure(t *testing.T) {
	w := newWorld(t)
	w.dueMany(5)
	calls := 0
	w.on("Postpone", before, -1, func() error {
		calls++
		if calls > 2 {
			return unavailable
		}
		return nil
	})
	var sent outbox
	n, err := w.worker.Upkeep(t.Context(), &sent)
	if err != nil || n != 2 || len(sent) != 2 {
		t.Errorf("enqueued %d, sent %d, %v; want the 2 that were postponed", n, len(sent), err)
	}
	w.wantLine(workflow.LogUpkeep, 0)
	// Without anything to send, the function may fail.
	_, err = w.worker.Upkeep(t.Context(), &sent)
	wantCode(t, "nothing could be enqueued", err, problem.StorageUnavailable)
	w.wantLine(workflow.LogUpkeep, 0)
}

// narrow is a queue that takes so many messages.
type narrow struct {
	outbox
	room int
}

func (q *narrow) Enqueue(ctx context.Context, encoded []byte) error {
	if q.room == 0 {
		return unavailable
	}
	q.room--
	return q.outbox.Enqueue(ctx, encoded)
}

func TestUpkeepCountsWhatTheQueueTook(t *testing.T) {
	for room, want := range []problem.Code{problem.StorageUnavailable, "", ""} {
		w := newWorld(t)
		w.dueMany(3)
		queue := &narrow{room: room}
		n, err := w.worker.Upkeep(t.Context(), queue)
		if n != room || len(queue.outbox) != room || problem.CodeOf(err) != want {
			t.Errorf("enqueued %d of %d, %v, want %d and %q", n, len(queue.outbox), err, room, want)
		}
		w.wantLine(workflow.LogUpkeep, 0)
		// The message that was lost comes after the lease, the others with the next run.
		w.now = w.now.Add(time.Minute)
		var sent outbox
		if n := must(w.worker.Upkeep(t.Context(), &sent))(t); n != 2-room {
			t.Errorf("the next run enqueues %d, want %d", n, 2-room)
		}
	}
}

func TestHeartbeatsSpeakForWorkThatWasDone(t *testing.T) {
	tests := map[string]struct {
		fails         string
		upkeep, sweep int
	}{
		"everything works":                {"", 1, 1},
		"what is due can't be listed":     {"Due", 0, 0},
		"what is expired can't be found":  {"ScanRequests", 1, 0},
		"the sweep can't be read":         {"Sweep", 1, 0},
		"the sweep can't be saved":        {"SaveSweep", 1, 0},
		"what is expired can't be read":   {"Load", 1, 0},
		"what is expired can't be erased": {"Save", 1, 0},
		"dead letters can't be forgotten": {"ForgetDeadLetters", 1, 0},
		"mails can't be forgotten":        {"ForgetOldMails", 1, 0},
		"messages can't be counted":       {"Length", 1, 1},
		"the gate can't be read":          {"Gate", 0, 1},
		"parked ones can't be found":      {"Parked", 0, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
			w.row("contoso.com", "r", "Action", "deny")
			w.keep("old", "x")
			w.signUp("ana@contoso.com")
			w.now = w.now.AddDate(0, 0, 31)
			w.on(test.fails, before, -1, fails)
			_, _ = w.worker.Upkeep(t.Context(), &outbox{})
			for line, want := range map[string]bool{
				"not all due requests could be enqueued": test.fails == "Due",
				"the sweep for old data failed":          test.upkeep > test.sweep,
				"messages can't be counted":              test.fails == "Length",
				"parked requests could not be resumed":   test.fails == "Gate" || test.fails == "Parked",
			} {
				if logged := strings.Contains(w.log.String(), line); logged != want {
					t.Errorf("%q is logged: %t, want %t", line, logged, want)
				}
			}
			w.wantLine(workflow.LogUnchecked, 0)
			w.wantLine(workflow.LogUpkeep, test.upkeep)
			w.wantLine(workflow.LogSwept, test.sweep)
			counted := 1
			if test.fails == "Length" {
				counted = 0
			}
			w.wantLine(workflow.LogQueues, counted)
			// The next run does what this one could not.
			w.interrupt = nil
			must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
			w.wantLine(workflow.LogSwept, 1)
		})
	}
}

// TestRequestsAreEnqueuedWhenListingThemIsSlow lets the list of due requests take all the time that
// there is for enqueuing.
func TestRequestsAreEnqueuedWhenListingThemIsSlow(t *testing.T) {
	w := newWorld(t)
	ids := w.submitMany(3)
	for _, id := range ids {
		ok(t, w.store.Wait(t.Context(), id, w.now))
	}
	w.on("Due", before, -1, func() error {
		w.now = w.now.Add(time.Minute)
		return nil
	})
	for range ids {
		var due outbox
		n := must(w.worker.Upkeep(t.Context(), &due))(t)
		if n != 1 || len(due) != n {
			t.Errorf("%d requests are enqueued, with %d messages, want 1", n, len(due))
		}
	}
}

func TestUpkeepCountsMessages(t *testing.T) {
	w := newWorld(t)
	w.put = []putMessage{{queue: submission.Queue}, {queue: submission.PoisonQueue}, {queue: submission.PoisonQueue}}
	must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	if !strings.Contains(w.log.String(), `msg="messages on queues" signups=1 poison=2`) {
		t.Errorf("the log is\n%s", w.log)
	}
}

// hanging is storage in which one operation does not answer.
type hanging struct {
	request.Store
	request.Records
	request.Queues
	op    string
	after int // how often it answers before
}

func (h *hanging) hang(ctx context.Context, op string) error {
	h.after--
	if op != h.op || h.after >= 0 {
		return nil
	}
	<-ctx.Done()
	return problem.New(problem.StorageUnavailable, "no answer: %w", ctx.Err())
}

func (h *hanging) Due(ctx context.Context, now time.Time, limit int) ([]submission.ID, error) {
	err := h.hang(ctx, "Due")
	if err != nil {
		return nil, err
	}
	return h.Store.Due(ctx, now, limit)
}

func (h *hanging) Postpone(ctx context.Context, id submission.ID, due time.Time) error {
	err := h.hang(ctx, "Postpone")
	if err != nil {
		return err
	}
	return h.Store.Postpone(ctx, id, due)
}

func (h *hanging) ScanRequests(
	ctx context.Context, search request.Search, from request.Cursor, limit int,
) (request.Page, error) {
	err := h.hang(ctx, "ScanRequests")
	if err != nil {
		return request.Page{}, err
	}
	return h.Records.ScanRequests(ctx, search, from, limit)
}

func (h *hanging) Length(ctx context.Context, queue string) (int, bool, error) {
	err := h.hang(ctx, "Length")
	if err != nil {
		return 0, false, err
	}
	return h.Queues.Length(ctx, queue)
}

func TestUpkeepCutsOffWhatHangs(t *testing.T) {
	tests := map[string]struct {
		after, sent int
		err         problem.Code
	}{
		"Length":       {0, 5, ""},
		"Due":          {0, 0, problem.StorageUnavailable},
		"Postpone":     {4, 1, ""}, // two queues are counted, and the due ones listed, before the first
		"ScanRequests": {0, 5, ""},
	}
	for op, test := range tests {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) {
				h := &hanging{c.Store, c.Records, c.Queues, op, test.after}
				c.Store, c.Records, c.Queues, c.Retention = h, h, h, 30*24*time.Hour
			})
			w.dueMany(5)
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var sent outbox
				n, err := w.worker.Upkeep(t.Context(), &sent)
				if n != test.sent || len(sent) != test.sent || problem.CodeOf(err) != test.err && (err != nil || test.err != "") {
					t.Errorf("enqueued %d, sent %d, %v; want %d", n, len(sent), err, test.sent)
				}
				if took := time.Since(began); took > 80*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}
