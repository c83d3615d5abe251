package review_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

// many stores a request in each of the states, beside that of the office, and returns their ids.
func (o *office) many(states ...request.State) []submission.ID {
	o.t.Helper()
	var ids []submission.ID
	for i, state := range states {
		r := o.request
		r.ID = must(submission.NewID(start, rand.NewChaCha8([32]byte{2, byte(i)})))(o.t)
		r.Version, r.State = "", state
		address := fmt.Sprintf("p%d@contoso.com", i)
		r.Submission.Email = must(submission.ParseAddress(address))(o.t)
		must(o.store.Save(o.t.Context(), r, nil))(o.t)
		ids = append(ids, r.ID)
	}
	return ids
}

func failedIDs(failed []review.Failure) []submission.ID {
	var ids []submission.ID
	for _, f := range failed {
		ids = append(ids, f.ID)
	}
	return ids
}

func TestManyAreCancelledPastThoseThatCanNotBe(t *testing.T) {
	o := newOffice(t, request.Done)
	ids := o.many(request.Parked, request.Done, request.Review, request.Failed, request.Inviting)
	ids = slices.Insert(ids, 1, "nobody's")
	// Those who were found as parked, in review or inviting may have changed since.
	from := []request.State{request.Parked, request.Review, request.Inviting}
	cancelled, failed, err := o.CancelAll(t.Context(), ids, from, " the row \n was wrong")
	wantDone := []submission.ID{ids[0], ids[3], ids[5]}
	wantFailed := []submission.ID{ids[1], ids[2], ids[4]}
	unchanged := failedIDs(failed)
	if err != nil || !slices.Equal(cancelled, wantDone) || !slices.Equal(unchanged, wantFailed) {
		t.Errorf("cancelled %v, failed %v, %v", cancelled, failed, err)
	}
	for _, id := range wantDone {
		r := must(o.store.Load(t.Context(), id))(t)
		events := must(o.store.History(t.Context(), id))(t)
		by := events[len(events)-1].By == desk
		if r.State != request.Cancelled || r.Words != "the row was wrong" || !by {
			t.Errorf("%s is %s: %s %s", id, r.State, r.Reason, r.Words)
		}
	}
	if r := must(o.store.Load(t.Context(), ids[4]))(t); r.State != request.Failed {
		t.Errorf("a request in a state that was not asked for is %s", r.State)
	}
}

func TestNothingIsCancelledWithoutReasonOrState(t *testing.T) {
	o := newOffice(t, request.Parked)
	parked := []request.State{request.Parked}
	tests := map[string]struct {
		from   []request.State
		reason string
	}{
		"no reason":                         {parked, " "},
		"no state":                          {nil, "why"},
		"a state in which there is a guest": {[]request.State{request.Parked, request.Done}, "why"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ids := []submission.ID{o.request.ID}
			cancelled, failed, err := o.CancelAll(t.Context(), ids, test.from, test.reason)
			if problem.CodeOf(err) != problem.InvalidInput || len(cancelled)+len(failed) > 0 {
				t.Errorf("%v, %v, %v", cancelled, failed, err)
			}
		})
	}
}

// outOfOrder is a store that can't load requests while down.
type outOfOrder struct {
	request.Store
	down func(submission.ID) bool
}

func (s outOfOrder) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	if s.down(id) {
		return request.Request{}, problem.New(problem.StorageUnavailable, "down")
	}
	return s.Store.Load(ctx, id)
}

func TestCancellingManyEndsWhenStorageIsGone(t *testing.T) {
	parked := []request.State{request.Parked}
	tests := map[string]struct {
		down                       func(i int) bool
		cancelled, failed, untried int
	}{
		"never":             {func(int) bool { return false }, 6, 0, 0},
		"for two in a row":  {func(i int) bool { return i == 1 || i == 2 || i == 4 || i == 5 }, 2, 4, 0},
		"after the first":   {func(i int) bool { return i > 0 }, 1, 3, 2},
		"for the last ones": {func(i int) bool { return i > 2 }, 3, 3, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, request.Done)
			ids := o.many(slices.Repeat(parked, 6)...)
			config := o.config()
			config.Store = outOfOrder{o.store, func(id submission.ID) bool {
				return test.down(slices.Index(ids, id))
			}}
			reviewer := must(review.New(config))(t)
			cancelled, failed, err := reviewer.CancelAll(t.Context(), ids, parked, "why")
			untried := len(ids) - len(cancelled) - len(failed)
			if len(cancelled) != test.cancelled || len(failed) != test.failed || untried != test.untried {
				t.Errorf("cancelled %v, failed %v", cancelled, failed)
			}
			if got := problem.CodeOf(err); (got == problem.StorageUnavailable) != (test.untried > 0) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCancellingManyCanBeInterrupted(t *testing.T) {
	o := newOffice(t, request.Done)
	parked := []request.State{request.Parked}
	ids := o.many(slices.Repeat(parked, 3)...)
	ctx, cancel := context.WithCancel(t.Context())
	config := o.config()
	config.Store = outOfOrder{o.store, func(id submission.ID) bool {
		if id == ids[1] {
			cancel()
		}
		return false
	}}
	cancelled, failed, err := must(review.New(config))(t).CancelAll(ctx, ids, parked, "why")
	if err == nil || len(cancelled)+len(failed) != 2 {
		t.Errorf("cancelled %v, failed %v, %v", cancelled, failed, err)
	}
}

func TestManyAreErasedPastThoseThatCanNotBe(t *testing.T) {
	o := newOffice(t, request.Done)
	ids := o.many(request.Parked, request.Done, request.Review)
	ids = slices.Insert(ids, 1, "nobody's")
	erased, failed, err := o.EraseAll(t.Context(), ids)
	if unchanged := failedIDs(failed); err != nil || !slices.Equal(unchanged, ids[1:2]) {
		t.Errorf("failed %v, %v", failed, err)
	}
	var got []submission.ID
	for _, r := range erased {
		if got = append(got, r.ID); r.Withdrawal.By != desk {
			t.Errorf("%s: withdrawal %+v", r.ID, r.Withdrawal)
		}
	}
	if want := []submission.ID{ids[0], ids[2], ids[3]}; !slices.Equal(got, want) {
		t.Errorf("erased %v, want %v", got, want)
	}
}

func TestRefusalBetweenOutagesShowsThatStorageWorks(t *testing.T) {
	o := newOffice(t, request.Done)
	ids := o.many(request.Parked, request.Parked, request.Done, request.Parked, request.Parked)
	config := o.config()
	config.Store = outOfOrder{o.store, func(id submission.ID) bool { return id != ids[2] }}
	from := []request.State{request.Parked}
	cancelled, failed, err := must(review.New(config))(t).CancelAll(t.Context(), ids, from, "why")
	if err != nil || len(cancelled) != 0 || len(failed) != len(ids) {
		t.Errorf("cancelled %v, failed %v, %v", cancelled, failed, err)
	}
}
