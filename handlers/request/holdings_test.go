package request_test

import (
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
)

// A request that a person has approved takes no seat, and gives back one that it took before.
func TestApprovedRequestGivesItsSeatBack(t *testing.T) {
	const id = submission.ID("0000000000000000000000000000000000")
	store := memstore.New()
	address, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	limits := policy.Limits{Row: policy.RowKey{Partition: "contoso.com", Name: "trusted"}, MaxGuests: 1}
	_, err = store.TakeSeat(t.Context(), limits, "2026-05-04", id)
	if err != nil {
		t.Fatal(err)
	}
	claim, _, err := store.Claim(t.Context(), address, id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r := request.Request{
		ID: id, Submission: submission.Submission{Email: address},
		Decision: &policy.Decision{Action: policy.Invite, Limits: &limits},
		Approval: &request.Approval{By: "desk@example.com"},
	}
	holdings := request.Holdings{Store: store, Seats: store}
	err = holdings.GiveBack(t.Context(), r, claim, request.SeatAndClaim, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	used, err := store.Used(t.Context(), limits.Row, "2026-05-04")
	if err != nil || used.Guests != 0 {
		t.Errorf("%d seats are taken: %v", used.Guests, err)
	}
}
