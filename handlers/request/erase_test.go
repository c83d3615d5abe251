package request

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// TestEraseRemovesAddressEverywhere puts the address, in any case, into every text of a request
// that may come to hold it.
func TestEraseRemovesAddressEverywhere(t *testing.T) {
	address, err := submission.ParseAddress("o'hara.ana@sub-domain.contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string {
			written := []rune(address.String())
			for i := range written {
				if rapid.Bool().Draw(t, label) {
					written[i] = []rune(strings.ToUpper(string(written[i])))[0]
				}
			}
			around := rapid.StringMatching(`[a-z<>&"\\ é漢]{0,8}`)
			return around.Draw(t, label+" before") + string(written) + around.Draw(t, label+" after")
		}
		now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
		terms := policy.Terms{Message: text("message"), Cc: text("cc"), UserType: "Guest"}
		c := &Change{Now: func() time.Time { return now }, Request: Request{
			State:      Done,
			Submission: submission.Submission{Email: address, GivenName: "Ana", Reason: text("reason"), SubmittedAt: now},
			Reason:     text("state"), Words: text("words"), GuestID: "g",
			Decision: &policy.Decision{
				Action: policy.Invite, Reason: text("decision"), Terms: &terms, At: now,
				Row:    &policy.RowSnapshot{Partition: address.String(), Name: text("row"), Columns: map[string]string{"Note": text("note")}},
				Limits: &policy.Limits{Row: policy.RowKey{Partition: address.String(), Name: text("limits")}, MaxGuests: 1},
				Looked: []policy.Look{{Partition: address.String(), Name: text("look"), Outcome: policy.Decided, Why: text("why")}},
			},
			Approval: &Approval{By: "desk", At: now, Note: "Ana is known", Terms: terms},
			Grants:   []Grant{{Group: "group", State: GrantAdded, Note: text("grant")}},
		}}
		c.Erase("it was time")
		left, err := json.Marshal([]any{c.Request, c.Events})
		if err != nil {
			t.Fatal(err)
		}
		if low := strings.ToLower(string(left)); strings.Contains(low, "o'hara") || strings.Contains(low, "sub-domain") || strings.Contains(low, "is known") {
			t.Errorf("left: %s", left)
		}
		r := c.Request
		if r.Decision == nil || r.Decision.Action != policy.Invite || r.Approval == nil || r.Approval.By != "desk" || r.GuestID != "g" || !r.Erased.Equal(now) {
			t.Errorf("the decision is gone: %+v", r)
		}
	})
}
