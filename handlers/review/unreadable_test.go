package review_test

import (
	"errors"
	"testing"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
)

func TestUnreadableRequestIsErased(t *testing.T) {
	o := newOffice(t, request.Parked)
	o.store.Spoil(memstore.Record{Request: o.request.ID})
	if _, err := o.Cancel(t.Context(), o.request.ID, "why not"); problem.CodeOf(err) != problem.RecordUnreadable {
		t.Errorf("cancelling: %v", err)
	}
	o.letter("its submission", `{"id":"`+string(o.request.ID)+`","submission":{"email":"ana@contoso.com"}}`)
	o.letter("another one", `{"email":"bo@contoso.com"}`)
	result, err := o.Erase(t.Context(), o.request.ID)
	if err != nil || result.ID != o.request.ID || result.State != "" || result.Withdrawal.By != desk {
		t.Fatalf("got %+v, %v", result, err)
	}
	if letters := o.letters(); len(letters) != 1 || letters[0] != "another one" {
		t.Errorf("left are the dead letters %q", letters)
	}
	o.store.Mend(memstore.Record{Request: o.request.ID})
	r := o.load()
	if r.Submission.Email.String() != "" || r.Withdrawal.By != desk || !r.Erased.IsZero() {
		t.Errorf("stored is %+v", r)
	}
	due, err := o.store.Due(t.Context(), o.now, 10)
	if err != nil || len(due) != 1 {
		t.Errorf("due are %v, %v: the worker is to end the request", due, err)
	}
}

// TestInterruptedErasureOfUnreadableRequestGoesOn ends the command at each of its operations. The
// worker hears of what is noted.
func TestInterruptedErasureOfUnreadableRequestGoesOn(t *testing.T) {
	for _, op := range []string{"EraseUnreadable", "Wait"} {
		t.Run(op, func(t *testing.T) {
			o := newOffice(t, request.Review)
			o.store.Spoil(memstore.Record{Request: o.request.ID})
			ended := false
			o.store.FailAfter = func(at string) error {
				ended = ended || at == op
				if ended {
					return errors.New("no answer")
				}
				return nil
			}
			if _, err := o.Erase(t.Context(), o.request.ID); err == nil {
				t.Error("it succeeds")
			}
			o.store.FailAfter = nil
			o.store.Mend(memstore.Record{Request: o.request.ID})
			due, err := o.store.Due(t.Context(), o.now.Add(request.ChangeTimeout), 10)
			if noted := o.load().Withdrawal.Open(); err != nil || noted && len(due) == 0 {
				t.Errorf("noted: %t, due %v, %v", noted, due, err)
			}
		})
	}
}
