package request

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// TestEraseRemovesAddressEverywhere puts the address, in any case, into every text of a request
// that may come to hold it. A stored address may have characters that JSON escapes.
func TestEraseRemovesAddressEverywhere(t *testing.T) {
	addresses := []submission.Address{
		must(submission.ParseAddress("o'hara.ana@sub-domain.contoso.com"))(t),
		must(submission.StoredAddress(`"o'hara\&<ana>"@sub-domain.contoso.com`))(t),
	}
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.SampledFrom(addresses).Draw(t, "address")
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

// TestEraseKeepsWhatNamesNobody erases a request with all that it can hold, and then once more.
func TestEraseKeepsWhatNamesNobody(t *testing.T) {
	at := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	now := at.Add(time.Hour)
	limits := &policy.Limits{Row: policy.RowKey{Partition: "contoso.com", Name: "trusted"}, MaxGuests: 1}
	consent := submission.Consent{Terms: "https://example.com/terms", At: at}
	c := &Change{Now: func() time.Time { return now }, Request: Request{
		ID: "id", State: Done, Since: at, Created: at, Due: at, CheckAt: at.Add(2 * time.Hour),
		OpenTurn: Turn{Number: 3, Day: "2026-05-04", Sharers: "0123456789ab"},
		Submission: submission.Submission{
			Email: must(submission.ParseAddress("ana@contoso.com"))(t), GivenName: "Ana", FamilyName: "Silva",
			Company: "Contoso", Reason: "because", Language: "pt-PT", SubmittedAt: at, Consent: consent,
		},
		Reason: "a row for ana@contoso.com", Words: "Ana is known", GuestID: "guest", Origin: OriginBrought,
		Decision: &policy.Decision{Action: policy.Invite, Reason: "a row", At: at, Limits: limits},
		Approval: &Approval{By: "desk", At: at, Note: "Ana is known", Saw: "guest-deleted"},
		Grants:   []Grant{{Group: "group", State: GrantAdded, Note: "Ana@Contoso.com was there"}},
	}}
	want := c.Request
	c.Erase("it was time")
	want.Submission = submission.Submission{SubmittedAt: at, Consent: consent}
	want.OpenTurn = Turn{}
	want.Reason, want.Words, want.CheckAt, want.Erased = "a row for (erased)", "", time.Time{}, now
	want.Approval = &Approval{By: "desk", At: at, Saw: "guest-deleted"}
	want.Grants = []Grant{{Group: "group", State: GrantAdded, Note: "(erased) was there"}}
	if !reflect.DeepEqual(c.Request, want) {
		t.Errorf("got  %+v\nwant %+v", c.Request, want)
	}
	event := Event{At: now, State: Done, What: "erased", Detail: "it was time"}
	if !slices.Equal(c.Events, []Event{event}) {
		t.Errorf("events %+v", c.Events)
	}
	c.Erase("again")
	if !reflect.DeepEqual(c.Request, want) || len(c.Events) != 1 {
		t.Errorf("erased again: %+v, events %+v", c.Request, c.Events)
	}
}

// TestEraseWithoutAddressKeepsTexts erases a request that names no address.
func TestEraseWithoutAddressKeepsTexts(t *testing.T) {
	c := &Change{Now: time.Now, Request: Request{State: Denied, Reason: "a row says so"}}
	c.Erase("it was time")
	if c.Request.Reason != "a row says so" || c.Request.Decision != nil || c.Request.Approval != nil {
		t.Errorf("%+v", c.Request)
	}
}

func TestDeadLetterNamesExactAddress(t *testing.T) {
	address, err := submission.ParseAddress("a@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]bool{
		`{"email":"a@contoso.com"}`:       true,
		`{"email":"A@Contoso.com"}`:       true,
		"a@contoso.com":                   true,
		"write to a@contoso.com.":         true,
		`{"reason":"hi\na@contoso.com"}`:  true,
		`{"email":"ana@contoso.com"}`:     false,
		`a@contoso.com.evil.example`:      false,
		`{"email":"an.a@contoso.com"}`:    false,
		`{"email":"o'a@contoso.com"}`:     false,
		`{"email":"a@contoso.community"}`: false,
		`{"email":"a@contosoXcom"}`:       false,
	} {
		if (DeadLetter{Body: []byte(body)}).Names(address) != want {
			t.Errorf("%s: want %v", body, want)
		}
	}
}
