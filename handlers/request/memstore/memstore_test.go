package memstore_test

import (
	"errors"
	"sync"
	"testing"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/request/storetest"
	"guestlist/handlers/submission"
)

func TestStoreConforms(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store { return memstore.New() })
}

func TestUnreadableRecordsConform(t *testing.T) {
	storetest.RunUnreadable(t, func(*testing.T) (storetest.Store, storetest.Spoiler) {
		store := memstore.New()
		spoil := func(record memstore.Record) (mend func()) {
			store.Spoil(record)
			return func() { store.Mend(record) }
		}
		return store, storetest.Spoiler{
			Request: func(id submission.ID) func() { return spoil(memstore.Record{Request: id}) },
			State: func(id submission.ID) func() {
				store.SpoilState(id)
				return func() { store.Mend(memstore.Record{Request: id}) }
			},
			Claim:    func(address submission.Address) func() { return spoil(memstore.Record{Claim: address}) },
			Gate:     func() func() { return spoil(memstore.Record{Gate: true}) },
			Counters: func(row policy.RowKey) func() { return spoil(memstore.Record{Seats: row}) },
			Seat: func(row policy.RowKey, id submission.ID) func() {
				return spoil(memstore.Record{Seats: row, Request: id})
			},
		}
	})
}

// The suite's own callers are too few to meet each other in memory.
func TestConcurrentSavesAreNotLost(t *testing.T) {
	const callers, saves = 8, 500
	store := memstore.New()
	id := submission.ID("0000000000000000000000000000000000")
	_, err := store.Save(t.Context(), request.Request{ID: id, State: request.Received}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for done := 0; done < saves; {
				record, err := store.Load(t.Context(), id)
				if err != nil {
					t.Error(err)
					return
				}
				record.Attempt++
				_, err = store.Save(t.Context(), record, []request.Event{{What: "counted"}})
				switch problem.CodeOf(err) {
				case "":
					done++
				case problem.Conflict:
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	record, err := store.Load(t.Context(), id)
	if err != nil || record.Attempt != callers*saves || record.Events != callers*saves {
		t.Errorf("%d saves and %d events are kept (%v), want %d", record.Attempt, record.Events, err, callers*saves)
	}
}

func TestFailBeforeAndFailAfter(t *testing.T) {
	tests := map[string]struct {
		order  func(*memstore.Store, func(string) error)
		stored bool
	}{
		"before: nothing happened":       {func(s *memstore.Store, fail func(string) error) { s.FailBefore = fail }, false},
		"after: only the answer is lost": {func(s *memstore.Store, fail func(string) error) { s.FailAfter = fail }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := memstore.New()
			cause := errors.New("the cable was pulled")
			test.order(store, func(op string) error {
				if op == "Save" {
					return cause
				}
				return nil
			})
			record := request.Request{ID: submission.ID("0000000000000000000000000000000000"), State: request.Received}
			_, err := store.Save(t.Context(), record, nil)
			if problem.CodeOf(err) != problem.StorageUnavailable || !errors.Is(err, cause) {
				t.Errorf("Save = %v, want a StorageUnavailable that wraps the ordered failure", err)
			}
			_, err = store.Load(t.Context(), record.ID)
			if stored := err == nil; stored != test.stored {
				t.Errorf("stored = %t (%v), want %t", stored, err, test.stored)
			}
		})
	}
}

func TestFailBeforeKeepsCodeOfProblem(t *testing.T) {
	store := memstore.New()
	store.FailBefore = func(string) error { return problem.New(problem.Conflict, "ordered") }
	_, err := store.Due(t.Context(), submission.ID("").Issued(), 1)
	if problem.CodeOf(err) != problem.Conflict {
		t.Errorf("Due = %v, want the ordered Conflict", err)
	}
}
