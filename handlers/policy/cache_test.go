package policy

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func newCache(t testing.TB, size int) *Cache {
	t.Helper()
	c, err := NewCache(size)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// conditional returns a row with a condition.
func conditional(name string) Raw {
	return raw(name, map[string]any{"Action": "invite", "Condition": `request.country == "PT"`, "Groups": group1 + "," + group2,
		"NotAfter": moment("2030-01-01T00:00:00Z"), "Note": []byte{1, 2}, "Priority": int32(5)})
}

func TestNewCacheRefusesSizeZero(t *testing.T) {
	for _, size := range []int{0, -1} {
		_, err := NewCache(size)
		if err == nil {
			t.Errorf("a cache for %d rows is made", size)
		}
	}
}

func TestCacheCompilesConditionOnce(t *testing.T) {
	c := newCache(t, 10)
	first, again := c.Parse(conditional("a")), c.Parse(conditional("a"))
	if first.Condition.program == nil || first.Condition.program != again.Condition.program {
		t.Error("the same row was compiled twice")
	}
	diff := cmp.Diff(Parse(conditional("a")), again)
	if diff != "" {
		t.Errorf("from the cache (-want +got):\n%s", diff)
	}
}

func TestCacheIsNeverStale(t *testing.T) {
	base := conditional("a")
	tests := map[string]func(r *Raw){
		"another name":      func(r *Raw) { r.Name = "b" },
		"another partition": func(r *Raw) { r.Partition = "fabrikam.com" },
		"another ETag":      func(r *Raw) { r.ETag = "x" },
		"another cell":      func(r *Raw) { r.Columns["Action"] = "deny" },
		"another type":      func(r *Raw) { r.Columns["Priority"] = int64(5) },
		"another time":      func(r *Raw) { r.Columns["NotAfter"] = moment("2030-01-01T00:00:01Z") },
		"other bytes":       func(r *Raw) { r.Columns["Note"] = []byte{1, 2, 3} },
		"a column more":     func(r *Raw) { r.Columns["Mode"] = "audit" },
		"a column less":     func(r *Raw) { delete(r.Columns, "Condition") },
		"a column renamed":  func(r *Raw) { r.Columns["Conditions"] = r.Columns["Condition"]; delete(r.Columns, "Condition") },
		"an unknown type":   func(r *Raw) { r.Columns["Note"] = []string{"x"} },
		"no columns":        func(r *Raw) { r.Columns = nil },
	}
	for name, change := range tests {
		for _, etag := range []string{"", "1"} {
			t.Run(name+" with the ETag "+etag, func(t *testing.T) {
				c := newCache(t, 10)
				base.ETag = etag
				c.Parse(base)
				changed := conditional("a")
				changed.ETag = etag
				change(&changed)
				for range 2 {
					diff := cmp.Diff(Parse(changed), c.Parse(changed))
					if diff != "" {
						t.Errorf("Parse (-want +got):\n%s", diff)
					}
				}
			})
		}
	}
}

func TestCachedRowsShareNothing(t *testing.T) {
	c := newCache(t, 10)
	given := conditional("a")
	row := c.Parse(given)
	row.Terms.Groups[0] = "changed"
	given.Columns["Note"].([]byte)[0] = 9
	given.Columns["Action"] = "deny"
	for range 2 {
		row = c.Parse(conditional("a"))
		diff := cmp.Diff(Parse(conditional("a")), row)
		if diff != "" {
			t.Errorf("Parse (-want +got):\n%s", diff)
		}
		row.Terms.Groups[1] = "changed"
	}
}

func TestCacheEvictsLeastRecentlyUsed(t *testing.T) {
	c := newCache(t, 2)
	a, b := c.Parse(conditional("a")), c.Parse(conditional("b"))
	c.Parse(conditional("a"))
	c.Parse(conditional("c"))
	if len(c.entries) != 2 || c.recent.Len() != 2 {
		t.Errorf("%d rows are kept, want 2", len(c.entries))
	}
	if c.Parse(conditional("a")).Condition.program != a.Condition.program {
		t.Error("a row that was just used was forgotten")
	}
	if c.Parse(conditional("b")).Condition.program == b.Condition.program {
		t.Error("the row that was used the longest ago was kept")
	}
}

// TestCacheWithTooManyRowsCompilesFew reads rows in the order of a decision, over and over.
func TestCacheWithTooManyRowsCompilesFew(t *testing.T) {
	const room = 50
	for _, test := range []struct{ rows, most int }{{room, 0}, {room + 1, 10}, {room + 5, 30}, {room * 3 / 2, room * 3 / 2 * 9 / 10}} {
		c := newCache(t, room)
		programs := map[string]any{}
		compiled := 0
		const rounds = 8
		for round := range 2 * rounds {
			for i := range test.rows {
				name := fmt.Sprint(i)
				program := any(c.Parse(conditional(name)).Condition.program)
				if programs[name] != program && round >= rounds {
					compiled++
				}
				programs[name] = program
			}
		}
		if compiled > test.most*rounds {
			t.Errorf("with %d rows and room for %d, a round compiles %d, want at most %d", test.rows, room, compiled/rounds, test.most)
		}
	}
}

func TestCacheIsBoundedInBytes(t *testing.T) {
	c := newCache(t, 1_000_000)
	one := conditional("a")
	one.Columns["Note"] = strings.Repeat("x", maxKept/2)
	cells := 0
	for i := range 8000 {
		one.Name = fmt.Sprint(i % 4000)
		one.ETag = fmt.Sprint(i)
		row := Row{Raw: one}
		c.keep(cacheKey{one.Partition, one.Name, ""}, row)
	}
	for element := c.recent.Front(); element != nil; element = element.Next() {
		cells += element.Value.(*remembered).bytes
	}
	if cells != c.bytes || c.bytes > maxCached || len(c.entries) != c.recent.Len() || len(c.entries) < 1000 {
		t.Errorf("%d rows of %d bytes are kept, and counted as %d", len(c.entries), cells, c.bytes)
	}
}

func TestCacheSkipsHugeRows(t *testing.T) {
	c := newCache(t, 2)
	huge := conditional("a")
	huge.Columns["Note"] = strings.Repeat("x", maxKept)
	diff := cmp.Diff(Parse(huge), c.Parse(huge))
	if diff != "" || len(c.entries) != 0 {
		t.Errorf("%d rows are kept; Parse (-want +got):\n%s", len(c.entries), diff)
	}
}

func TestCacheParsesLikeParse(t *testing.T) {
	c := newCache(t, 3)
	name := rapid.SampledFrom([]string{"Action", "Priority", "Groups", "NotAfter", "Note", "Message", "InviteCode", "Condition", "Odd"})
	rapid.Check(t, func(t *rapid.T) {
		given := Raw{
			Partition: rapid.SampledFrom([]string{"*", "contoso.com", "?"}).Draw(t, "partition"),
			Name:      rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"),
			ETag:      rapid.SampledFrom([]string{"", "1"}).Draw(t, "etag"),
			Columns:   rapid.MapOfN(name, drawCell(), 0, 3).Draw(t, "columns"),
		}
		diff := cmp.Diff(Parse(given), c.Parse(given), cmpopts.EquateNaNs())
		if diff != "" {
			t.Fatalf("Parse (-want +got):\n%s", diff)
		}
	})
}

func TestCacheConcurrentUse(t *testing.T) {
	c := newCache(t, 5)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 50 {
				given := conditional(fmt.Sprint((worker + i) % 7))
				row := c.Parse(given)
				s := from(t, "ana@contoso.com")
				s.Country = "PT"
				if got := Decide(s, []Row{row}, nil, now); got.Action != Invite || row.Name != given.Name {
					t.Errorf("row %s decides %s", row.Name, got.Action)
				}
			}
		})
	}
	all.Wait()
}

func TestSameCell(t *testing.T) {
	at := moment("2026-05-15T12:00:00Z")
	same := [][2]any{{"a", "a"}, {true, true}, {int32(1), int32(1)}, {1.5, 1.5}, {at, at.In(time.FixedZone("", 3600))}, {[]byte{1}, []byte{1}}, {nil, nil}}
	for _, pair := range same {
		if !sameCell(pair[0], pair[1]) {
			t.Errorf("%#v and %#v differ", pair[0], pair[1])
		}
	}
	other := [][2]any{{"a", "b"}, {"1", int32(1)}, {int32(1), int64(1)}, {at, at.Add(1)}, {at, "x"}, {[]byte{1}, []byte{2}}, {[]byte{1}, "x"}, {nil, ""},
		{[]string{"x"}, []string{"x"}}, {"x", []string{"x"}}}
	for _, pair := range other {
		if sameCell(pair[0], pair[1]) {
			t.Errorf("%#v and %#v are the same", pair[0], pair[1])
		}
	}
}

func BenchmarkParseConditionCold(b *testing.B) {
	given := conditional("a")
	for b.Loop() {
		Parse(given)
	}
}

func BenchmarkParseConditionCached(b *testing.B) {
	c := newCache(b, 10)
	given := conditional("a")
	for b.Loop() {
		c.Parse(given)
	}
}
