package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"guestlist/handlers/submission"
)

var addresses = []string{"ana@contoso.com", "bob@contoso.com", "ana@eu.contoso.com", "ana@eu.sales.contoso.com",
	"ana@fabrikam.com", "ana@contoso.com.br"}

// The kinds of rows that drawRow makes.
const (
	applies = iota
	audited
	depending // on country, code and counters
	disabled
	early
	late
	faulty
	faultyAndDisabled
)

// drawSubmission returns a submission from one of the addresses.
func drawSubmission(t *rapid.T) submission.Submission {
	a, err := submission.ParseAddress(rapid.SampledFrom(addresses).Draw(t, "address"))
	if err != nil {
		t.Fatalf("ParseAddress: %v", err)
	}
	return submission.Submission{
		Email: a, Country: rapid.SampledFrom([]string{"PT", "DE", ""}).Draw(t, "country"),
		InviteCode: submission.HashCode(rapid.SampledFrom([]string{"spring-2026", "autumn-2026", ""}).Draw(t, "code")),
	}
}

// drawUsage returns counters for the rows, or some of them.
func drawUsage(t *rapid.T, rows []Row) Usage {
	usage := Usage{}
	for _, r := range rows {
		if rapid.IntRange(0, 9).Draw(t, "counted") > 0 {
			usage[r.Key()] = Used{rapid.IntRange(0, 3).Draw(t, "guests"), rapid.IntRange(0, 3).Draw(t, "today")}
		}
	}
	return usage
}

// drawPartition returns a partition of any of the addresses: often one of the submission's.
func drawPartition(t *rapid.T) string {
	a, err := submission.ParseAddress(rapid.SampledFrom(addresses).Draw(t, "partition of"))
	if err != nil {
		t.Fatalf("ParseAddress: %v", err)
	}
	return rapid.SampledFrom(Partitions(a)).Draw(t, "partition")
}

// drawRow returns a row of the kind.
func drawRow(t *rapid.T, partition, name string, kind int) Row {
	columns := map[string]any{
		"Action":   rapid.SampledFrom([]string{"invite", "Review", "deny"}).Draw(t, "action"),
		"Priority": rapid.Int32Range(0, 3).Draw(t, "priority"), // few, so names often decide
		"Groups":   rapid.SampledFrom([]string{group1, group2, ""}).Draw(t, "groups"),
	}
	if kind != applies {
		for _, more := range []struct {
			column string
			cells  []any
		}{
			{"Condition", []any{nil, `request.country == "PT"`, `request.country != "PT"`, `["x"][request.country.size()] == "x"`}},
			{"InviteCode", []any{nil, nil, "spring-2026"}},
			{"MaxGuests", []any{nil, nil, int32(2)}},
			{"MaxPerDay", []any{nil, nil, "2"}},
		} {
			columns[more.column] = rapid.SampledFrom(more.cells).Draw(t, more.column)
		}
	}
	switch kind {
	case audited:
		columns["Mode"] = rapid.SampledFrom([]string{"audit", "Audit"}).Draw(t, "mode")
	case disabled, faultyAndDisabled:
		columns["Enabled"] = rapid.SampledFrom([]any{false, "false", "NO", int32(0), 0.0}).Draw(t, "enabled")
	case early:
		columns["NotBefore"] = rapid.SampledFrom([]any{"2026-05-16", now.Add(time.Nanosecond),
			"2026-05-15T12:00:01Z"}).Draw(t, "not before")
	case late:
		columns["NotAfter"] = rapid.SampledFrom([]any{"2026-05-14", now, "2026-05-15T12:00:00Z"}).Draw(t, "not after")
	}
	if kind == faulty || kind == faultyAndDisabled {
		wrong := rapid.SampledFrom([][2]any{{"Action", "dny"}, {"Priority", -1.5}, {"AutoAprove", true},
			{"Groups", "partners"}, {"NotAfter", "soon"}, {"action", "deny"}, {"Mode", "auditing"}, {"Condition", "request.emial"},
			{"MaxGuests", int32(0)}, {"MaxPerDay", "none"}, {"InviteCode", "x"}, {"Cc", "all"}, {"Proof", "link"}, {"InvitationMail", "yes"}, {"Message", "a\tb"}}).Draw(t, "wrong")
		columns[wrong[0].(string)] = wrong[1]
	}
	r := Parse(Raw{Partition: partition, Name: name, ETag: "etag of " + partition + name, Columns: columns})
	if (r.Faults != nil) != (kind == faulty || kind == faultyAndDisabled) {
		t.Fatalf("a row of kind %d has the faults %v", kind, r.Faults)
	}
	return r
}

// drawRows returns rows of all kinds with distinct names, none of them "new".
func drawRows(t *rapid.T) []Row {
	var rows []Row
	for i := range rapid.IntRange(0, 12).Draw(t, "rows") {
		kind := rapid.SampledFrom([]int{applies, applies, depending, depending, depending, audited, disabled, early, late, faulty,
			faultyAndDisabled}).Draw(t, "kind")
		rows = append(rows, drawRow(t, drawPartition(t), fmt.Sprint("row", i), kind))
	}
	return rows
}

func TestOrderOfRowsNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		if len(rows) > 0 && rapid.Bool().Draw(t, "a row twice") {
			again := rows[0]
			again.ETag = "another"
			again.Action = Invite
			rows = append(rows, again)
		}
		usage := drawUsage(t, rows)
		want := Decide(s, rows, usage, now)
		shuffled := rapid.Permutation(rows).Draw(t, "shuffled")
		got := Decide(s, shuffled, usage, now)
		if !cmp.Equal(Limited(rows, s), Limited(shuffled, s)) {
			t.Fatalf("Limited = %v, of the same rows in another order %v", Limited(rows, s), Limited(shuffled, s))
		}
		diff := cmp.Diff(want, got)
		if diff != "" {
			t.Fatalf("the same rows in another order (-want +got):\n%s", diff)
		}
	})
}

func TestFaultyRowNeverInvites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		usage := drawUsage(t, rows)
		before := Decide(s, rows, usage, now)
		kind := rapid.SampledFrom([]int{faulty, faultyAndDisabled}).Draw(t, "kind")
		after := Decide(s, append(rows, drawRow(t, drawPartition(t), "new", kind)), usage, now)
		if after.Action == Invite && before.Action != Invite {
			t.Fatalf("%s became an invitation: %s", before.Action, after.Reason)
		}
	})
}

func TestIdleRowNeverChangesAction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		usage := drawUsage(t, rows)
		before := Decide(s, rows, usage, now)
		kind := rapid.SampledFrom([]int{disabled, early, late, faultyAndDisabled}).Draw(t, "kind")
		after := Decide(s, append(rows, drawRow(t, drawPartition(t), "new", kind)), usage, now)
		if after.Action != before.Action || !cmp.Equal(after.Row, before.Row) || !cmp.Equal(after.Terms, before.Terms) {
			t.Fatalf("%q became %q", before.Reason, after.Reason)
		}
	})
}

func TestAuditRowChangesOnlyLooked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		usage := drawUsage(t, rows)
		before := Decide(s, rows, usage, now)
		added := drawRow(t, drawPartition(t), "new", audited)
		if rapid.Bool().Draw(t, "with a fault") {
			cells := maps.Clone(added.Columns)
			cells["Odd"] = true
			added.Columns = cells
			added = Parse(added.Raw)
		}
		all := rapid.Permutation(append(rows, added)).Draw(t, "shuffled")
		after := Decide(s, all, usage, now)
		if !cmp.Equal(Limited(rows, s), Limited(all, s)) {
			t.Fatalf("Limited = %v, with the row %v", Limited(rows, s), Limited(all, s))
		}
		looked := slices.DeleteFunc(slices.Clone(after.Looked), func(l Look) bool { return l.Name == "new" })
		for _, l := range after.Looked {
			if l.Name == "new" && l.Outcome == Decided {
				t.Fatal("the row decided")
			}
		}
		if !cmp.Equal(before.Looked, looked) {
			t.Fatalf("others were looked at otherwise:\n%s", cmp.Diff(before.Looked, looked))
		}
		before.Looked, after.Looked = nil, nil
		if before.Row == nil {
			before.Reason, after.Reason = "", "" // it has the number of rows
		}
		diff := cmp.Diff(before, after)
		if diff != "" {
			t.Fatalf("without the row and with it (-want +got):\n%s", diff)
		}
	})
}

func TestNobodyIsInvitedBeyondALimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		usage := drawUsage(t, rows)
		got := Decide(s, rows, usage, now)
		if (got.Limits != nil) != (got.Action == Invite && (got.Row.Columns["MaxGuests"] != "" || got.Row.Columns["MaxPerDay"] != "")) {
			t.Fatalf("%s by %v with the limits %v", got.Action, got.Row, got.Limits)
		}
		if got.Limits == nil {
			return
		}
		used, read := usage[got.Limits.Row]
		if !read || got.Limits.MaxGuests > 0 && used.Guests >= got.Limits.MaxGuests || got.Limits.MaxPerDay > 0 && used.Today >= got.Limits.MaxPerDay {
			t.Fatalf("invited within %+v with %+v used", got.Limits, used)
		}
	})
}

func TestLimitedListsAllCountersOfDecide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		all := drawUsage(t, rows)
		needed := Usage{}
		for _, key := range Limited(rows, s) {
			used, read := all[key]
			if read {
				needed[key] = used
			}
		}
		at := now.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "days")) * 24 * time.Hour)
		diff := cmp.Diff(Decide(s, rows, all, at), Decide(s, rows, needed, at))
		if diff != "" {
			t.Fatalf("with all counters and with those of Limited (-want +got):\n%s", diff)
		}
	})
}

func TestSizeOfDecisionIsNotUnderestimated(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"<&>", "\u2028\u2029", "\x01\n\"\\", "\ufffd", "ü漢🏢", "\xff", ""}))
	rapid.Check(t, func(t *rapid.T) {
		valid := func(label string) string { return clip(text.Draw(t, label), 100) }
		d := Decision{Action: Invite, Reason: valid("reason"), Looked: []Look{}}
		if rapid.Bool().Draw(t, "a row") {
			d.Row = &RowSnapshot{valid("partition"), valid("name"), valid("etag"), map[string]string{valid("column"): valid("value"), "x": ""}, 3}
		}
		if rapid.Bool().Draw(t, "terms") {
			d.Terms = &Terms{[]string{group1, group2}, []string{sponsor}, valid("url"), NoInvitationMail, "de", valid("message"), valid("cc"), "Guest"}
		}
		if rapid.Bool().Draw(t, "limits") {
			d.Limits = &Limits{RowKey{valid("partition"), valid("name")}, 20, 5}
		}
		d.Proof = rapid.SampledFrom([]Proof{ProofByDefault, ProofCode, NoProof}).Draw(t, "proof")
		look := Look{valid("partition"), valid("name"), Skipped, valid("why")}
		d.Looked = append(d.Looked, look)
		encoded, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if most := d.atMost(); len(encoded) > most {
			t.Fatalf("%d bytes are estimated as at most %d: %s", len(encoded), most, encoded)
		}
	})
}

func TestNarrowerPartitionWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSubmission(t)
		partitions := Partitions(s.Email)
		narrow := rapid.IntRange(0, len(partitions)-2).Draw(t, "narrow")
		rows := []Row{drawRow(t, partitions[narrow], "narrow", rapid.SampledFrom([]int{applies, faulty}).Draw(t, "kind"))}
		for i := range rapid.IntRange(0, 10).Draw(t, "wider rows") {
			wide := rapid.IntRange(narrow+1, len(partitions)-1).Draw(t, "wide")
			rows = append(rows, drawRow(t, partitions[wide], fmt.Sprint("wide", i),
				rapid.IntRange(applies, faultyAndDisabled).Draw(t, "kind")))
		}
		got := Decide(s, rapid.Permutation(rows).Draw(t, "shuffled"), nil, now)
		if got.Row == nil || got.Row.Name != "narrow" {
			t.Fatalf("decided by %v, want the narrow row", got.Row)
		}
	})
}

func TestForeignRowsNeverMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		partitions := Partitions(s.Email)
		ours := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return !slices.Contains(partitions, r.Partition) })
		odd := Parse(Raw{Partition: rapid.String().Draw(t, "odd partition"), Name: "odd",
			Columns: map[string]any{"Action": "invite"}})
		counts := func(key string) bool { return slices.Contains(partitions, key) }
		if !counts(odd.Partition) && !slices.ContainsFunc(odd.For, counts) {
			rows = append(rows, odd)
		}
		diff := cmp.Diff(Decide(s, ours, nil, now), Decide(s, rows, nil, now))
		if diff != "" {
			t.Fatalf("foreign rows made a difference (-want +got):\n%s", diff)
		}
	})
}

func TestDomainsWithGluedWordsNeverMatch(t *testing.T) {
	rows := []Row{row("ana@contoso.com", "address", "invite"), row("contoso.com", "domain", "invite"),
		row("*.contoso.com", "wildcard", "invite")}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?`)
		var domain string
		switch rapid.IntRange(0, 2).Draw(t, "way") {
		case 0:
			domain = word.Draw(t, "word") + "contoso.com"
		case 1:
			domain = "contoso.com" + word.Draw(t, "word") + ".net"
		default:
			domain = "eu.contoso.com." + word.Draw(t, "word") + ".net"
		}
		a, err := submission.ParseAddress("ana@" + domain)
		if err != nil {
			a = submission.Address{} // refused before
		}
		got := Decide(submission.Submission{Email: a}, rows, nil, now)
		if got.Row != nil {
			t.Fatalf("%s: decided by %s", domain, got.Row.Name)
		}
	})
}

func TestPartitionsAreValidKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		local := rapid.StringMatching(`[a-zA-Z0-9]([a-zA-Z0-9._'-]{0,10}[a-zA-Z0-9])?`).Draw(t, "local part")
		labels := rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?`), 0, 4).Draw(t, "labels")
		a, err := submission.ParseAddress(local + "@" + strings.Join(append(labels, "contoso.com"), "."))
		if err != nil {
			a, _ = submission.ParseAddress("ana@contoso.com")
			labels = nil
		}
		keys := Partitions(a)
		if len(keys) != len(labels)+4 {
			t.Fatalf("%d partitions for a domain of %d parts, want two more", len(keys), len(labels)+2)
		}
		for _, key := range keys {
			r := Parse(Raw{Partition: key, Columns: map[string]any{"Action": "deny"}})
			if r.Faults != nil {
				t.Fatalf("a row of the partition has the faults %v", r.Faults)
			}
		}
	})
}

// drawCell returns any value that a table can hold, and some that it can not.
func drawCell() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.String().AsAny(),
		rapid.SampledFrom([]string{"invite", "true", "2026-05-01", group1, group1 + ";" + group2, `["x"]`,
			"https://contoso.com", "de", "Member", "\xff", "ana@contoso.com"}).AsAny(),
		rapid.Bool().AsAny(), rapid.Int32().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(),
		rapid.SliceOf(rapid.Byte()).AsAny(),
		rapid.Map(rapid.Int64(), func(seconds int64) time.Time { return time.Unix(seconds, 0) }).AsAny(),
		rapid.SampledFrom([]any{nil, struct{}{}, []string{"x"}, int8(1), now}),
	)
}

func TestNoRowMakesDecidePanicOrOverflow(t *testing.T) {
	name := rapid.OneOf(rapid.String(), rapid.SampledFrom(func() (names []string) {
		for _, c := range columns {
			names = append(names, c.Name)
		}
		return names
	}()))
	rapid.Check(t, func(t *rapid.T) {
		s := drawSubmission(t)
		var rows []Row
		for range rapid.IntRange(1, 4).Draw(t, "rows") {
			r := Parse(Raw{
				Partition: rapid.SampledFrom(Partitions(s.Email)).Draw(t, "partition"),
				Name:      rapid.String().Draw(t, "name"),
				ETag:      rapid.String().Draw(t, "etag"),
				Columns:   rapid.MapOf(name, drawCell()).Draw(t, "columns"),
			})
			if r.Faults == nil {
				checkUnderstood(t, r)
			}
			rows = append(rows, r)
		}
		checkStored(t, Decide(s, rows, nil, now), len(rows))
	})
}

// checkUnderstood fails if a row without faults breaks an invariant.
func checkUnderstood(t fataler, r Row) {
	t.Helper()
	target, err := url.Parse(r.Terms.RedirectURL)
	switch {
	case r.Action != Invite && r.Action != Review && r.Action != Deny:
		t.Fatalf("Action = %q", r.Action)
	case r.Priority < 0 || r.Priority > MaxPriority:
		t.Fatalf("Priority = %d", r.Priority)
	case r.Mode != Enforce && r.Mode != Audit:
		t.Fatalf("Mode = %q", r.Mode)
	case r.MaxGuests < 0 || r.MaxGuests > MaxLimit || r.MaxPerDay < 0 || r.MaxPerDay > MaxLimit:
		t.Fatalf("MaxGuests = %d, MaxPerDay = %d", r.MaxGuests, r.MaxPerDay)
	case !r.InviteCode.Valid():
		t.Fatalf("InviteCode = %q", r.InviteCode)
	case (r.Condition.program == nil) != (r.Condition.String() == ""):
		t.Fatalf("the condition %q is half understood", r.Condition)
	case !slices.Contains([]Proof{ProofByDefault, ProofCode, NoProof}, r.Proof):
		t.Fatalf("Proof = %q", r.Proof)
	case !slices.Contains([]InvitationMail{MailByDefault, OwnMail, MicrosoftMail, NoInvitationMail}, r.Terms.InvitationMail):
		t.Fatalf("InvitationMail = %q", r.Terms.InvitationMail)
	case utf8.RuneCountInString(r.Terms.Message) > MaxMessage || strings.ContainsFunc(r.Terms.Message, misleads):
		t.Fatalf("Message = %q", r.Terms.Message)
	case r.Terms.Cc != "" && !isAddress(r.Terms.Cc):
		t.Fatalf("Cc = %q", r.Terms.Cc)
	case len(r.Terms.Groups) > MaxGroups || len(r.Terms.Sponsors) > MaxSponsors:
		t.Fatalf("%d groups and %d sponsors", len(r.Terms.Groups), len(r.Terms.Sponsors))
	case r.Terms.UserType != "Guest" && r.Terms.UserType != "Member":
		t.Fatalf("UserType = %q", r.Terms.UserType)
	case err != nil:
		t.Fatalf("RedirectURL: %v", err)
	case r.Terms.RedirectURL != "" && (target.Scheme != "https" || target.User != nil ||
		!strings.Contains(target.Hostname(), ".") || target.String() != r.Terms.RedirectURL):
		t.Fatalf("RedirectURL = %q", r.Terms.RedirectURL)
	case len(r.Terms.RedirectURL) > maxURL || len(r.Terms.MessageLanguage) > maxWord:
		t.Fatalf("the terms are too long: %+v", r.Terms)
	case !r.NotBefore.IsZero() && !r.NotAfter.IsZero() && !r.NotBefore.Before(r.NotAfter):
		t.Fatalf("the row applies from %s to %s", r.NotBefore, r.NotAfter)
	}
	for _, id := range slices.Concat(r.Terms.Groups, r.Terms.Sponsors) {
		_, understood := ParseGUID(id)
		if !understood || id != strings.ToLower(id) || id == zeroGUID {
			t.Fatalf("%q is not an object id in lower case", id)
		}
	}
}
