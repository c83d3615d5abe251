package tables

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// TestRecordsOutliveStricterRules reads records that an earlier version took. The form would not
// take them today.
func TestRecordsOutliveStricterRules(t *testing.T) {
	for name, test := range map[string]struct{ column, value string }{
		"a domain that the suffix list lost": {emailColumn, "ana@contoso.notanymore"},
		"a domain that is a suffix now":      {emailColumn, "ana@co.uk"},
		"a character that is not taken":      {emailColumn, "ana+guest@contoso.com"},
		"a sponsor with such an address":     {sponsorColumn, "o'hara@localhost"},
		"a name with characters of markup":   {"GivenName", "Ana <ana>"},
		"a name that is too long":            {"FamilyName", strings.Repeat("a", 1000)},
		"a country that is no more":          {"Country", "YU"},
		"a language that is none":            {"Language", "tlh-Piqd-x-long-and-private"},
		"a code of another hash":             {"InviteCode", "0123"},
		"terms of another form":              {"TermsVersion", "version 1 (old)"},
		"a group that is no object id":       {decisionColumn, `{"action":"invite","reason":"","terms":{"groups":["Project X"],"userType":"Guest","sendInvitation":true},"looked":[],"at":"2026-03-01T10:00:00Z"}`},
		"an approval with such a group":      {approvalColumn, `{"by":"desk","at":"2026-03-01T10:00:00Z","terms":{"groups":["Project X"],"userType":"Visitor","sendInvitation":true}}`},
		"a grant of such a group":            {grantsColumn, `[{"group":"Project X","state":"pending"}]`},
		"an earlier request with a long id":  {repeatOfColumn, strings.Repeat("0", 60)},
	} {
		t.Run(name, func(t *testing.T) {
			record := must(encodeRequest(newRequest(t)))(t)
			record.columns[test.column] = test.value
			decoded := must(decodeRequest("decoding", record))(t)
			again := must(encodeRequest(decoded))(t)
			if diff := cmp.Diff(record, again, cmp.AllowUnexported(row{})); diff != "" {
				t.Errorf("it is not written as it was read (-read +written):\n%s", diff)
			}
		})
	}
}

// TestWhatIsWrittenIsReadBack writes requests that any rules for input could have let in.
func TestWhatIsWrittenIsReadBack(t *testing.T) {
	text := rapid.StringN(0, 30, -1)
	address := rapid.Custom(func(t *rapid.T) submission.Address {
		address, err := submission.StoredAddress(
			rapid.StringMatching("[!-?[-~]{1,20}@[!-?[-~]{1,20}").Draw(t, "address"))
		if err != nil {
			t.Fatal(err)
		}
		return address
	})
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), 0).UTC()
	})
	ids := rapid.SampledFrom([]submission.ID{"", "0123", "somebody", submission.ID(strings.Repeat("0", 34)), submission.ID(strings.Repeat("1", 60))})
	counts := rapid.IntRange(-1, 3)
	rapid.Check(t, func(t *rapid.T) {
		r := request.Request{
			ID: submission.ID(strings.Repeat("0", 34)),
			Submission: submission.Submission{
				Email: address.Draw(t, "email"), Sponsor: address.Draw(t, "sponsor"), GivenName: text.Draw(t, "given"),
				Reason: text.Draw(t, "words"), InviteCode: submission.CodeHash(text.Draw(t, "code")), SubmittedAt: at.Draw(t, "submitted"),
				Consent: submission.Consent{Terms: text.Draw(t, "terms"), At: at.Draw(t, "accepted"), Language: text.Draw(t, "language")},
			},
			State:  rapid.SampledFrom(append(request.States(), "", "paused")).Draw(t, "state"),
			Origin: rapid.SampledFrom([]request.Origin{"", request.OriginFound, "stork"}).Draw(t, "origin"),
			Reason: text.Draw(t, "why"), RepeatOf: ids.Draw(t, "repeat of"), GuestID: text.Draw(t, "guest"),
			Attempt: counts.Draw(t, "attempt"), Events: counts.Draw(t, "events"), Unknown: counts.Draw(t, "unknown"),
			Withdrawal: request.Instruction{At: at.Draw(t, "withdrawn"), By: text.Draw(t, "by")},
			Due:        at.Draw(t, "due"),
		}
		if rapid.Bool().Draw(t, "decided") {
			r.Decision = &policy.Decision{
				Action: rapid.SampledFrom([]policy.Action{policy.Invite, policy.Review, "shrug"}).Draw(t, "action"),
				Terms:  &policy.Terms{Groups: []string{text.Draw(t, "group")}, UserType: text.Draw(t, "kind")},
			}
		}
		if rapid.Bool().Draw(t, "approved") {
			r.Approval = &request.Approval{By: text.Draw(t, "approver"), Note: text.Draw(t, "note")}
		}
		for range rapid.IntRange(0, 2).Draw(t, "grants") {
			state := rapid.SampledFrom([]request.GrantState{request.GrantAdded, "perhaps"}).Draw(t, "grant")
			r.Grants = append(r.Grants, request.Grant{Group: text.Draw(t, "granted"), State: state})
		}
		record, _, err := writable(r)
		if err != nil {
			if problem.CodeOf(err) != problem.Internal {
				t.Fatalf("it is refused with %v", err)
			}
			return // it is not written
		}
		got, err := decodeRequest("decoding", record)
		if err != nil {
			t.Fatalf("it was written, and can't be read: %v", err)
		}
		diff := cmp.Diff(r, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b submission.Address) bool { return a == b }))
		if diff != "" {
			t.Errorf("-written +read:\n%s", diff)
		}
	})
}

// anyValue draws what a column can hold, in the forms that decoding looks into.
func anyValue(t *rapid.T) any {
	switch rapid.IntRange(0, 7).Draw(t, "type") {
	case 0:
		return rapid.Int32().Draw(t, "int32")
	case 1:
		return rapid.Int64().Draw(t, "int64")
	case 2:
		return rapid.Float64().Draw(t, "double")
	case 3:
		return rapid.Bool().Draw(t, "bool")
	case 4:
		return time.Unix(rapid.Int64().Draw(t, "seconds"), 0).UTC()
	case 5:
		return unknownValue{}
	case 6:
		return rapid.SliceOf(rapid.Byte()).Draw(t, "binary")
	}
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", "received", "inviting", "done", "sent", "sending", "mails", "ana@contoso.com", "a@b", "@", "null", "{}", "[]", "[null]", "0", `""`,
		`{"action":"invite"}`, `{"action":"invite","terms":null}`, `{"by":"x"}`, `{"by":"x","terms":{"groups":[null]}}`,
		`[{"group":"g","state":"added"}]`, `[{"group":"g","state":"added","missing":"then"}]`, `{"count":-1}`, `{"count":1e99}`,
		strings.Repeat("[", 20000), strings.Repeat("0", 34), "5m", "brought", "guest",
	})).Draw(t, "text")
}

// TestAnyColumnsAreReadOrRefused reads rows of every kind whose columns hold anything.
func TestAnyColumnsAreReadOrRefused(t *testing.T) {
	record := must(encodeRequest(newRequest(t)))(t)
	kinds := map[string]struct {
		columns []field
		more    []string
		decode  func(row) error
	}{
		"a request": {requestFields(new(request.Request)),
			[]string{
				emailColumn, sponsorColumn, decisionColumn, approvalColumn, grantsColumn, failuresColumn, ordersColumn,
				openTurnColumn,
			},
			func(r row) error {
				decoded, err := decodeRequest("decoding", r)
				if err == nil && !decoded.State.Known() {
					err = fmt.Errorf("it came with state %q", decoded.State)
				}
				return err
			}},
		"a claim": {claimFields(new(request.Claim)), nil, func(r row) error {
			_, err := decodeClaim("decoding", r)
			return err
		}},
		"the gate": {gateFields(new(request.Gate)), nil, func(r row) error {
			_, err := decodeGate("decoding", r)
			return err
		}},
	}
	for name, kind := range kinds {
		names := kind.more
		for _, field := range kind.columns {
			names = append(names, field.column)
		}
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			r := row{partition: record.partition, name: recordName, etag: `W/"1"`, columns: map[string]any{}}
			if rapid.Bool().Draw(t, "nearly whole") {
				for column, value := range record.columns {
					r.columns[column] = value
				}
			}
			for range rapid.IntRange(0, 8).Draw(t, "columns") {
				r.columns[rapid.SampledFrom(names).Draw(t, "column")] = anyValue(t)
			}
			err := kind.decode(r)
			if code := problem.CodeOf(err); code != "" && code != problem.RecordUnreadable {
				t.Errorf("%s: %v", code, err)
			}
		}))
	}
}

func TestUnreadableEventHidesNoOther(t *testing.T) {
	store := newTestStore(t, nil)
	saved := must(store.Save(t.Context(), newRequest(t), events))(t)
	broken := row{partition: string(saved.ID), name: eventPrefix + "000001", columns: map[string]any{atColumn: "yesterday", "What": "received"}}
	wantCode(t, "put", put(t.Context(), "spoiling an event", store.requests, broken), "")
	history := must(store.History(t.Context(), saved.ID))(t)
	if len(history) != 2 || history[0].What != unreadableEvent || history[0].Detail == "" || history[1].What != "decided" {
		t.Errorf("the history is %+v", history)
	}
}

// TestUnreadableRecordIsLeftOut looks for requests among which one can't be read.
func TestUnreadableRecordIsLeftOut(t *testing.T) {
	store := newTestStore(t, nil)
	var ids []submission.ID
	for _, column := range []string{"", decisionColumn, ""} {
		r := newRequest(t)
		r.State, r.Since, r.Changed = request.Parked, start, start
		saved := must(store.Save(t.Context(), r, nil))(t)
		if column == "" {
			ids = append(ids, saved.ID)
			continue
		}
		record := must(get(t.Context(), store.requests, string(saved.ID), recordName))(t)
		record.columns[column] = "{"
		must(replace(t.Context(), "spoiling a record", store.requests, record, record.etag))(t)
		_, err := store.Load(t.Context(), saved.ID)
		wantCode(t, "Load", err, problem.RecordUnreadable)
		_, err = store.Save(t.Context(), saved, nil)
		wantCode(t, "Save over it", err, problem.Conflict)
	}
	found, err := store.RecentRequests(t.Context(), start.Add(time.Hour), 10)
	if err != nil || len(found.Requests) != len(ids) || len(found.Unreadable) != 1 {
		t.Errorf("found %+v (%v), want %d and one that can't be read", found, err, len(ids))
	}
	search := request.Search{Overdue: map[request.State]time.Time{request.Parked: start.Add(time.Hour)}}
	page := must(store.ScanRequests(t.Context(), search, request.Cursor{}, 10))(t)
	tally := request.Tally{}
	for _, b := range page.Found {
		if search.IsOverdue(b) {
			tally = tally.CountOverdue(b)
		}
	}
	if tally.Overdue[request.Parked].Requests != 3 {
		t.Errorf("overdue are %+v", tally)
	}
}

// TestSavingDropsColumnsOfNewerVersion saves records to which a newer version has added a column.
// Only a record that can't be read keeps it.
func TestSavingDropsColumnsOfNewerVersion(t *testing.T) {
	const column = "OfNewerVersion"
	store := newTestStore(t, nil)
	id := must(store.Save(t.Context(), newRequest(t), nil))(t).ID
	_, _, err := store.Claim(t.Context(), ana(t), request.NewClaim(id, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	must(store.SaveGate(t.Context(), request.Gate{Sent: 1}))(t)
	claim := must(claimKey(ana(t)))(t)
	records := map[string]struct {
		table           *aztables.Client
		partition, name string
		again           func() error // saves it as it was read
	}{
		"a request": {store.requests, string(id), recordName, func() error {
			_, err := store.Save(t.Context(), must(store.Load(t.Context(), id))(t), nil)
			return err
		}},
		"a claim": {store.guests, claim, claimName, func() error {
			_, err := store.UpdateClaim(t.Context(), ana(t), must(store.ClaimOf(t.Context(), ana(t)))(t))
			return err
		}},
		"the gate": {store.tenant, tenantPartition, gateName, func() error {
			_, err := store.SaveGate(t.Context(), must(store.Gate(t.Context()))(t))
			return err
		}},
	}
	change := func(table *aztables.Client, partition, name string, columns map[string]any) {
		stored := must(get(t.Context(), table, partition, name))(t)
		maps.Copy(stored.columns, columns)
		must(replace(t.Context(), "changing a record", table, stored, stored.etag))(t)
	}
	for name, record := range records {
		t.Run(name, func(t *testing.T) {
			change(record.table, record.partition, record.name, map[string]any{column: "kept?"})
			must(0, record.again())(t)
			stored := must(get(t.Context(), record.table, record.partition, record.name))(t)
			if _, kept := stored.columns[column]; kept {
				t.Errorf("the column is still there: %v", stored.columns)
			}
		})
	}
	t.Run("a request in a newer state", func(t *testing.T) {
		change(store.requests, string(id), recordName, map[string]any{column: "kept?", stateColumn: "paused"})
		wish := request.Erasure{Wish: request.Instruction{At: start, By: request.ThePartner}}
		must(0, store.EraseUnreadable(t.Context(), id, wish))(t)
		stored := must(get(t.Context(), store.requests, string(id), recordName))(t)
		if stored.columns[column] != "kept?" {
			t.Errorf("it holds %v", stored.columns)
		}
	})
}
