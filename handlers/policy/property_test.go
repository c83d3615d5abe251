package policy

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"guestlist/handlers/submission"
)

var addresses = []string{"ana@contoso.com", "bob@contoso.com", "ana@eu.contoso.com", "ana@eu.sales.contoso.com",
	"ana@fabrikam.com", "ana@contoso.com.br"}

// kinds of rows that a property may ask for.
const (
	applies = iota
	disabled
	early
	late
	faulty
	faultyAndDisabled
)

// drawSubmission returns a submission of one of the addresses.
func drawSubmission(t *rapid.T) submission.Submission {
	a, err := submission.ParseAddress(rapid.SampledFrom(addresses).Draw(t, "address"))
	if err != nil {
		t.Fatalf("ParseAddress: %v", err)
	}
	return submission.Submission{Email: a}
}

// drawPartition returns a partition of any of the addresses, so that it is often one of s and often foreign.
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
		"Priority": rapid.Int32Range(0, 3).Draw(t, "priority"), // few, so that names often count
		"Groups":   rapid.SampledFrom([]string{group1, group2, ""}).Draw(t, "groups"),
	}
	switch kind {
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
			{"Groups", "partners"}, {"NotAfter", "soon"}, {"action", "deny"}}).Draw(t, "wrong")
		columns[wrong[0].(string)] = wrong[1]
	}
	r := Parse(Raw{Partition: partition, Name: name, ETag: "etag of " + partition + name, Columns: columns})
	if (r.Faults != nil) != (kind == faulty || kind == faultyAndDisabled) {
		t.Fatalf("a row of kind %d has the faults %v", kind, r.Faults)
	}
	return r
}

// drawRows returns rows of all kinds with names of their own, none of which is "new".
func drawRows(t *rapid.T) []Row {
	var rows []Row
	for i := range rapid.IntRange(0, 12).Draw(t, "rows") {
		kind := rapid.SampledFrom([]int{applies, applies, applies, disabled, early, late, faulty,
			faultyAndDisabled}).Draw(t, "kind")
		rows = append(rows, drawRow(t, drawPartition(t), fmt.Sprint("row", i), kind))
	}
	return rows
}

func TestTheOrderInStorageNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		if len(rows) > 0 && rapid.Bool().Draw(t, "a row twice") {
			again := rows[0]
			again.ETag = "another"
			again.Action = Invite
			rows = append(rows, again)
		}
		want := Decide(s, rows, nil, now)
		got := Decide(s, rapid.Permutation(rows).Draw(t, "shuffled"), nil, now)
		diff := cmp.Diff(want, got)
		if diff != "" {
			t.Fatalf("the same rows in another order (-want +got):\n%s", diff)
		}
	})
}

func TestAnInvalidRowNeverInvites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		before := Decide(s, rows, nil, now)
		kind := rapid.SampledFrom([]int{faulty, faultyAndDisabled}).Draw(t, "kind")
		after := Decide(s, append(rows, drawRow(t, drawPartition(t), "new", kind)), nil, now)
		if after.Action == Invite && before.Action != Invite {
			t.Fatalf("%s became an invitation: %s", before.Action, after.Reason)
		}
	})
}

func TestAnIdleRowNeverChangesTheAction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, rows := drawSubmission(t), drawRows(t)
		before := Decide(s, rows, nil, now)
		kind := rapid.SampledFrom([]int{disabled, early, late, faultyAndDisabled}).Draw(t, "kind")
		after := Decide(s, append(rows, drawRow(t, drawPartition(t), "new", kind)), nil, now)
		if after.Action != before.Action || !cmp.Equal(after.Row, before.Row) || !cmp.Equal(after.Terms, before.Terms) {
			t.Fatalf("%q became %q", before.Reason, after.Reason)
		}
	})
}

func TestTheNarrowerRowAlwaysWins(t *testing.T) {
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
		if !slices.Contains(partitions, odd.Partition) {
			rows = append(rows, odd)
		}
		diff := cmp.Diff(Decide(s, ours, nil, now), Decide(s, rows, nil, now))
		if diff != "" {
			t.Fatalf("foreign rows made a difference (-want +got):\n%s", diff)
		}
	})
}

func TestGluedDomainsNeverMatch(t *testing.T) {
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
			a = submission.Address{} // refused earlier still
		}
		got := Decide(submission.Submission{Email: a}, rows, nil, now)
		if got.Row != nil {
			t.Fatalf("%s: decided by %s", domain, got.Row.Name)
		}
	})
}

func TestThePartitionsOfAnAddressAreKeysThatARowMayHave(t *testing.T) {
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

// drawCell returns anything that a table may hold, and a few things that it may not.
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

// checkUnderstood fails if a row without faults breaks a promise.
func checkUnderstood(t fataler, r Row) {
	t.Helper()
	target, err := url.Parse(r.Terms.RedirectURL)
	switch {
	case r.Action != Invite && r.Action != Review && r.Action != Deny:
		t.Fatalf("Action = %q", r.Action)
	case r.Priority < 0 || r.Priority > MaxPriority:
		t.Fatalf("Priority = %d", r.Priority)
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
		_, understood := asObjectID(id)
		if !understood || id != strings.ToLower(id) {
			t.Fatalf("%q is no object id in lower case", id)
		}
	}
}
