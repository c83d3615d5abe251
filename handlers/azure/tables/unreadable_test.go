package tables

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// fullOf returns a request with personal data wherever it can be.
func fullOf(t *testing.T) request.Request {
	t.Helper()
	r := newRequest(t)
	r.Submission = submission.Submission{
		Email: ana(t), GivenName: "Ana", FamilyName: "O'Hara", Company: "Contoso", Country: "ES", Reason: "line one", Language: "es",
		InviteCode: submission.HashCode("code"), Sponsor: ana(t), SubmittedAt: start,
		Consent: submission.Consent{Terms: "2026-11", At: start, Language: "es"},
	}
	r.State, r.Reason, r.Words, r.Since, r.Changed = request.Done, "the row of ANA@contoso.com decided", "Ana is fine", start, start
	r.CheckAt, r.GuestID, r.Resend = start, "guest", request.Instruction{At: start, By: "desk"}
	r.Decision = &policy.Decision{
		Action: policy.Invite, Reason: "ana@contoso.com", Terms: &policy.Terms{Cc: "ana@contoso.com"},
		Row: &policy.RowSnapshot{Partition: "ana@contoso.com", Name: "row", Columns: map[string]string{"Note": "for ana@contoso.com"}},
	}
	r.Approval = &request.Approval{By: "desk", At: start, Note: "Ana called", Terms: policy.Terms{Groups: []string{"g"}}}
	r.Grants = []request.Grant{{Group: "g", State: request.GrantFailed, Note: "ana@contoso.com is refused"}}
	return r
}

// spoil makes the record unreadable by what change does to its columns.
func spoil(t *testing.T, store *Store, id submission.ID, change func(columns map[string]any)) {
	t.Helper()
	record := must(get(t.Context(), store.requests, string(id), recordName))(t)
	change(record.columns)
	must(replace(t.Context(), "spoiling a record", store.requests, record, record.etag))(t)
	_, err := store.Load(t.Context(), id)
	wantCode(t, "Load", err, problem.RecordUnreadable)
}

// TestUnreadableRecordIsErasedAsAReadableOne erases the same record in both ways.
func TestUnreadableRecordIsErasedAsAReadableOne(t *testing.T) {
	later := start.Add(time.Hour)
	c := &request.Change{Request: fullOf(t), Now: func() time.Time { return later }}
	got := must(encodeRequest(c.Request))(t)
	before := len(got.columns)
	got.columns["OfAnotherVersion"] = "for Ana@Contoso.com"
	got.erase()
	if got.columns["OfAnotherVersion"] != "for (erased)" {
		t.Errorf("an unknown column holds %q", got.columns["OfAnotherVersion"])
	}
	delete(got.columns, "OfAnotherVersion")
	c.Erase("kept long enough")
	c.Request.Resend, c.Request.Erased = request.Instruction{}, time.Time{}
	want := must(encodeRequest(c.Request))(t)
	a, b := must(decodeRequest("decoding", got))(t), must(decodeRequest("decoding", want))(t)
	if diff := cmp.Diff(b, a, cmp.Comparer(func(a, b submission.Address) bool { return a == b })); diff != "" {
		t.Errorf("-erased by the rules +erased blindly:\n%s", diff)
	}
	for column := range want.columns {
		if _, exists := got.columns[column]; !exists {
			t.Errorf("column %s is gone, and holds no personal data", column)
		}
	}
	if len(got.columns) >= before {
		t.Error("no column is gone")
	}
	for column, value := range got.columns {
		for _, secret := range secrets {
			if text, ok := value.(string); ok && strings.Contains(text, secret) {
				t.Errorf("column %s still holds %q", column, text)
			}
		}
	}
}

func TestPersonalColumnsHoldNothingElse(t *testing.T) {
	full := fullOf(t)
	columns := must(encodeRequest(full))(t).columns
	for _, column := range personalColumns {
		if columns[column] == nil {
			t.Errorf("column %s is empty in a full request: is it a column?", column)
		}
		delete(columns, column)
	}
	full.Submission = submission.Submission{SubmittedAt: start, Consent: submission.Consent{Terms: "2026-11", At: start}}
	full.Words = ""
	if diff := cmp.Diff(must(encodeRequest(full))(t).columns, columns); diff != "" {
		t.Errorf("without the personal columns (-want +got):\n%s", diff)
	}
}

func TestEraseUnreadable(t *testing.T) {
	later := toTick(start.Add(time.Hour))
	spoils := map[string]func(map[string]any){
		"a state of another version": func(c map[string]any) { c[stateColumn] = "paused" },
		"a broken decision":          func(c map[string]any) { c[decisionColumn] = `{"reason":"ana@contoso.com` },
		"a broken approval":          func(c map[string]any) { c[approvalColumn] = `Ana is fine` },
		"a broken address":           func(c map[string]any) { c[emailColumn] = "Ana O'Hara, line one" },
		"an address that is a number": func(c map[string]any) {
			c[emailColumn] = 1.5
			for _, column := range []string{decisionColumn, grantsColumn, "StateReason"} {
				delete(c, column) // where the address is can't be known
			}
		},
		"a broken wish": func(c map[string]any) { c[withdrawalColumn] = "yesterday" },
	}
	for name, change := range spoils {
		t.Run(name, func(t *testing.T) {
			store := newTestStore(t, nil)
			full := fullOf(t)
			if name == "a broken address" {
				full.Decision, full.Grants, full.Reason = nil, nil, ""
			}
			saved := must(store.Save(t.Context(), full, events))(t)
			spoil(t, store, saved.ID, change)
			wantCode(t, "EraseUnreadable", store.EraseUnreadable(t.Context(), saved.ID, request.Erasure{
				Wish: request.Instruction{At: later, By: "desk"}, Data: true, At: later,
			}), "")
			record := must(get(t.Context(), store.requests, string(saved.ID), recordName))(t)
			if record.columns[withdrawalColumn] != later || record.columns[withdrawalByColumn] != "desk" || record.columns[erasedColumn] != later {
				t.Errorf("noted: %v by %v, erased %v", record.columns[withdrawalColumn], record.columns[withdrawalByColumn], record.columns[erasedColumn])
			}
			for _, column := range slices.Sorted(maps.Keys(record.columns)) {
				for _, secret := range secrets {
					if text, ok := record.columns[column].(string); ok && strings.Contains(text, secret) {
						t.Errorf("column %s still holds %q", column, text)
					}
				}
			}
			if record.columns[guestIDColumn] != "guest" {
				t.Error("the guest's object id is gone")
			}
		})
	}
	t.Run("only a wish", func(t *testing.T) {
		store := newTestStore(t, nil)
		saved := must(store.Save(t.Context(), fullOf(t), nil))(t)
		spoil(t, store, saved.ID, func(c map[string]any) { c["Attempt"] = "many" })
		before := must(get(t.Context(), store.requests, string(saved.ID), recordName))(t)
		for range 2 {
			wish := request.Erasure{Wish: request.Instruction{At: later, By: request.ThePartner}}
			wantCode(t, "EraseUnreadable", store.EraseUnreadable(t.Context(), saved.ID, wish), "")
			later = later.Add(time.Hour) // the first wish counts
		}
		after := must(get(t.Context(), store.requests, string(saved.ID), recordName))(t)
		before.columns[withdrawalColumn], before.columns[withdrawalByColumn] = later.Add(-2*time.Hour), request.ThePartner
		if diff := cmp.Diff(before.columns, after.columns); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
