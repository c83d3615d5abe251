package memstore_test

import (
	"errors"
	"testing"

	"guestlist/handlers/invite"
	"guestlist/handlers/memstore"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/tables/conformance"
)

func TestStoreConforms(t *testing.T) {
	conformance.Run(t, func(*testing.T) invite.Store { return memstore.New() })
}

func TestRowsConform(t *testing.T) {
	conformance.RunRows(t, func(*testing.T) conformance.RowStore { return memstore.New() })
}

func TestOrderedFailures(t *testing.T) {
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
			request := invite.Request{ID: submission.ID("0000000000000000000000000000000000"), State: invite.Received}
			_, err := store.Save(t.Context(), request, nil)
			if problem.CodeOf(err) != problem.StorageUnavailable || !errors.Is(err, cause) {
				t.Errorf("Save = %v, want a StorageUnavailable that wraps the ordered failure", err)
			}
			_, err = store.Load(t.Context(), request.ID)
			if stored := err == nil; stored != test.stored {
				t.Errorf("stored = %t (%v), want %t", stored, err, test.stored)
			}
		})
	}
}

func TestAnOrderedProblemKeepsItsCode(t *testing.T) {
	store := memstore.New()
	store.FailBefore = func(string) error { return problem.New(problem.Conflict, "ordered") }
	_, err := store.Due(t.Context(), submission.ID("").Issued(), 1)
	if problem.CodeOf(err) != problem.Conflict {
		t.Errorf("Due = %v, want the ordered Conflict", err)
	}
}
