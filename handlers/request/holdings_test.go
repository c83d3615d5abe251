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
	claim, _, err := store.Claim(t.Context(), address, request.NewClaim(id, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	r := request.Request{
		ID: id, Submission: submission.Submission{Email: address},
		Decision: &policy.Decision{Action: policy.Invite, Limits: &limits},
		Approval: &request.Approval{By: "desk@example.com"},
	}
	holdings := request.Holdings{Store: store, Seats: store, Now: time.Now}
	err = holdings.GiveBack(t.Context(), r, claim, request.SeatAndClaim, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	used, err := store.Used(t.Context(), limits.Row, "2026-05-04")
	if err != nil || used.Guests != 0 {
		t.Errorf("%d seats are taken: %v", used.Guests, err)
	}
}

// TestGivingBackLeavesWhatIsStillNeeded gives back each part of what a request holds, with and
// without a doubt whether an earlier invitation was sent.
func TestGivingBackLeavesWhatIsStillNeeded(t *testing.T) {
	const id = submission.ID("0000000000000000000000000000000000")
	begun := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	doubt := begun.Add(-time.Hour)
	limits := policy.Limits{Row: policy.RowKey{Partition: "contoso.com", Name: "trusted"}, MaxGuests: 1}
	tests := map[string]struct {
		part  request.Part
		doubt time.Time
		mails int
		guest string
		seats int
		state request.ClaimState
		since time.Time
	}{
		"the intent":                            {request.Intent, time.Time{}, 0, "", 1, request.ClaimReserved, time.Time{}},
		"the intent, after mails":               {request.Intent, time.Time{}, 2, "", 1, request.ClaimReserved, time.Time{}},
		"the intent, in doubt":                  {request.Intent, doubt, 0, "", 1, request.ClaimSending, doubt},
		"the seat":                              {request.Seat, time.Time{}, 2, "", 0, request.ClaimSending, begun},
		"the seat, in doubt":                    {request.Seat, doubt, 2, "", 0, request.ClaimSending, begun},
		"seat and claim":                        {request.SeatAndClaim, time.Time{}, 0, "", 0, request.ClaimFree, time.Time{}},
		"seat and claim, after mails":           {request.SeatAndClaim, time.Time{}, 2, "", 0, request.ClaimMails, time.Time{}},
		"seat and claim, in doubt":              {request.SeatAndClaim, doubt, 2, "", 0, request.ClaimSending, doubt},
		"seat and claim of a guest":             {request.SeatAndClaim, time.Time{}, 1, "guest", 1, request.ClaimMails, time.Time{}},
		"seat, claim and mails":                 {request.SeatClaimAndMails, time.Time{}, 2, "", 0, request.ClaimFree, time.Time{}},
		"seat, claim and mails without a doubt": {request.SeatClaimAndMails, doubt, 2, "", 0, request.ClaimFree, time.Time{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := memstore.New()
			address := must(submission.ParseAddress("ana@contoso.com"))(t)
			must(store.TakeSeat(t.Context(), limits, "2026-05-04", id))(t)
			claim, _, err := store.Claim(t.Context(), address, request.NewClaim(id, begun))
			if err != nil {
				t.Fatal(err)
			}
			for range test.mails {
				claim = must(store.UpdateClaim(t.Context(), address, claim.Mailed(begun)))(t)
			}
			r := request.Request{
				ID: id, Submission: submission.Submission{Email: address}, GuestID: test.guest,
				Decision: &policy.Decision{Action: policy.Invite, Limits: &limits},
			}
			holdings := request.Holdings{Store: store, Seats: store, Now: time.Now}
			err = holdings.GiveBack(t.Context(), r, claim, test.part, test.doubt)
			if err != nil {
				t.Fatal(err)
			}
			used := must(store.Used(t.Context(), limits.Row, "2026-05-04"))(t)
			got := must(store.ClaimOf(t.Context(), address))(t)
			mails := test.mails
			if test.state == request.ClaimFree {
				mails = 0
			}
			if used.Guests != test.seats || got.State != test.state || !got.IntentAt.Equal(test.since) || got.Mails != mails {
				t.Errorf("%d seats are taken, claim %+v", used.Guests, got)
			}
		})
	}
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
