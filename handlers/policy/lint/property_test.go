package lint

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// drawCell returns a value that a table can hold, or one that it can't.
func drawCell(t *rapid.T) any {
	return rapid.OneOf(
		rapid.Just[any](nil),
		rapid.String().AsAny(),
		rapid.SampledFrom([]any{"invite", "deny", "review", "true", "no", "member", "2026-05-20", "2026-01-01", group, group + " " + sponsor, "de", "https://contoso.com", "[", "audit", "true"}),
		rapid.Bool().AsAny(),
		rapid.Int32().AsAny(),
		rapid.Int64Range(-1, 5).AsAny(),
		rapid.SampledFrom([]any{math.NaN(), math.Inf(-1), 1e300, 2.0, []byte(nil), []byte{1}, struct{}{}, 7}),
		rapid.Custom(func(t *rapid.T) any { return now.Add(time.Duration(rapid.Int64().Draw(t, "offset"))) }),
	).Draw(t, "cell")
}

// drawRaw returns an arbitrary row, mostly one that resembles a row.
func drawRaw(t *rapid.T) policy.Raw {
	names := make([]string, 0, 20)
	for _, c := range policy.Columns() {
		names = append(names, c.Name)
	}
	name := rapid.OneOf(rapid.SampledFrom(names), rapid.SampledFrom(names), rapid.String())
	raw := policy.Raw{
		Partition: rapid.OneOf(
			rapid.SampledFrom([]string{"contoso.com", "*.contoso.com", "eu.contoso.com", "*.com", "*", "", "gmail.com", "*.onmicrosoft.com", "ana@contoso.com",
				"Contoso.com", "co.uk", "*.co.uk", "*.", "@", "*.*", "bücher.de", ".", "xn--", "*.kawasaki.jp"}),
			rapid.String()).Draw(t, "partition"),
		Name:    rapid.OneOf(rapid.SampledFrom([]string{"", "a", "b", "c"}), rapid.String()).Draw(t, "name"),
		ETag:    rapid.StringN(0, 2, -1).Draw(t, "etag"),
		Columns: map[string]any{"Action": rapid.SampledFrom([]any{"invite", "review", "deny", "dny"}).Draw(t, "action")},
	}
	for range rapid.IntRange(0, 4).Draw(t, "columns") {
		raw.Columns[name.Draw(t, "column")] = drawCell(t)
	}
	return raw
}

func TestArbitraryRowsCanBeChecked(t *testing.T) {
	severities := Rules()
	rapid.Check(t, func(t *rapid.T) {
		rows := parse(rapid.SliceOfN(rapid.Custom(drawRaw), 0, 12).Draw(t, "rows"))
		before := cmp.Diff(rows, nil)
		found, err := Check(t.Context(), Config{Rows: rows, Now: now, Directory: tenant{noGroup: group, noSponsor: sponsor}})
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Diff(rows, nil) != before {
			t.Fatal("the rows were changed")
		}
		errors := map[[2]string]bool{}
		for _, f := range found {
			severity, known := severities[f.Rule]
			if !known || severity != f.Severity {
				t.Fatalf("%+v is of a rule that is not listed like this", f)
			}
			if !isText(f.Problem) || !isText(f.Advice) {
				t.Fatalf("%+v is not said in sentences", f)
			}
			isRow := func(r policy.Row) bool { return r.Partition == f.Partition && (r.Name == f.Row || f.Row == "") }
			if !slices.ContainsFunc(rows, isRow) {
				t.Fatalf("%+v is not about a row", f)
			}
			if f.Severity == Error {
				errors[[2]string{f.Partition, f.Row}] = true
			}
		}
		for _, r := range rows {
			if len(r.Faults) > 0 && !errors[[2]string{r.Partition, r.Name}] {
				t.Fatalf("row %q of %q has faults and no finding that is an error: %v", r.Name, r.Partition, r.Faults)
			}
		}
		shuffled := rapid.Permutation(rows).Draw(t, "shuffled")
		again, err := Check(t.Context(), Config{Rows: shuffled, Now: now, Directory: tenant{noGroup: group, noSponsor: sponsor}})
		diff := cmp.Diff(found, again)
		if err != nil || diff != "" {
			t.Fatalf("the same rows in another order (%v) (-want +got):\n%s", err, diff)
		}
	})
}

// isText reports whether text is whole sentences on one line without control characters.
func isText(text string) bool {
	return strings.HasSuffix(text, ".") && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// TestReachabilityAgreesWithDecide tries every moment at which something changes, with every code
// and country.
func TestReachabilityAgreesWithDecide(t *testing.T) {
	address, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	codes := []string{"", "spring-2026", "summer-2026"}
	countries := []string{"", "PT", "ES"}
	conditions := []string{"", "", `request.country == "PT"`, `request.country == "ES"`}
	rapid.Check(t, func(t *rapid.T) {
		day := rapid.IntRange(-3, 6)
		var raws []policy.Raw
		for i := range rapid.IntRange(1, 6).Draw(t, "rows") {
			raw := row("contoso.com", fmt.Sprint("row ", i), columns{
				"Action":   rapid.SampledFrom([]string{"invite", "review", "deny"}).Draw(t, "action"),
				"Priority": rapid.IntRange(1, 3).Draw(t, "priority"),
			})
			from, to := day.Draw(t, "from"), day.Draw(t, "to")
			if from > -3 {
				raw.Columns["NotBefore"] = now.AddDate(0, 0, from)
			}
			if to < 6 && to > from {
				raw.Columns["NotAfter"] = now.AddDate(0, 0, to)
			}
			code := rapid.SampledFrom(codes).Draw(t, "code")
			if code != "" {
				raw.Columns["InviteCode"] = code
			}
			condition := rapid.SampledFrom(conditions).Draw(t, "condition")
			if condition != "" {
				raw.Columns["Condition"] = condition
			}
			if rapid.IntRange(0, 4).Draw(t, "mode") == 0 {
				raw.Columns["Mode"] = "audit"
			}
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				raw.Columns["Enabled"] = false
			case 1:
				raw.Columns["Unknown"] = true
			}
			raws = append(raws, raw)
		}
		rows := parse(raws)
		decides := map[string]bool{}
		for d := range 10 {
			for _, code := range codes {
				for _, country := range countries {
					s := submission.Submission{Email: address, InviteCode: submission.HashCode(code), Country: country}
					for _, look := range policy.Decide(s, rows, nil, now.AddDate(0, 0, d)).Looked {
						if look.Outcome == policy.Decided || look.Outcome == policy.Audited {
							decides[look.Name] = true
						}
					}
				}
			}
		}
		never := map[string]bool{}
		found, err := Check(t.Context(), Config{Rows: rows, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Rule == ruleUnreachable || f.Rule == ruleExpired {
				never[f.Row] = true
			}
		}
		for _, r := range rows {
			if r.Disabled() || len(r.Faults) > 0 {
				continue // neither has a finding for it
			}
			if decides[r.Name] == never[r.Name] {
				t.Fatalf("%s decides: %v; it the finding says that it never does: %v\n%+v", r.Name, decides[r.Name], never[r.Name], found)
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add("contoso.com", "a", "Action", "invite")
	f.Add("*.Bücher.de.", "", "NotAfter", "2026-01-01")
	f.Add("@co.uk", "b@contoso.com", "action", "\x00")
	f.Fuzz(func(t *testing.T, partition, name, column, cell string) {
		raws := rows(
			policy.Raw{Partition: partition, Name: name, Columns: map[string]any{"Action": "invite", column: cell}},
			invite(partition, "another"), deny("*."+partition, "below"))
		found, err := Check(t.Context(), Config{Rows: parse(raws), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if !isText(f.Problem) || !isText(f.Advice) {
				t.Errorf("%+q is not said in sentences", f)
			}
		}
	})
}

func BenchmarkCheck10000(b *testing.B) {
	spread := make([]policy.Raw, 0, 10_000)
	for i := range 10_000 {
		spread = append(spread, invite(fmt.Sprintf("contoso%d.com", i/2), fmt.Sprint("row ", i%2), columns{"Priority": i % 2}))
	}
	crowded := make([]policy.Raw, 0, 10_000)
	for i := range 10_000 {
		raw := invite(fmt.Sprintf("contoso%d.com", i/policy.MaxRows), fmt.Sprint("row ", i), columns{"InviteCode": fmt.Sprint("code-", i)})
		if i%2 == 0 {
			raw.Columns["Action"] = "review"
		}
		crowded = append(crowded, raw)
	}
	for name, raws := range map[string][]policy.Raw{"partitions": spread, "crowded partitions": crowded} {
		b.Run(name, func(b *testing.B) {
			rows := parse(raws)
			b.ReportAllocs()
			for b.Loop() {
				_, err := Check(b.Context(), Config{Rows: rows, Now: now})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
