package request_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// bigTable is a table of so many pages, with a stray on each.
type bigTable struct {
	pages, scans int
	strays       request.Strays
}

func (b *bigTable) ScanRows(_ context.Context, cursor string) ([]policy.Raw, string, error) {
	page := 0
	if cursor != "" {
		n, err := fmt.Sscan(cursor, &page)
		if n != 1 || err != nil || page >= b.pages {
			return nil, "", problem.New(problem.Internal, "no such place")
		}
	}
	b.scans++
	next := ""
	if page+1 < b.pages {
		next = fmt.Sprint(page + 1)
	}
	return []policy.Raw{
		{Partition: fmt.Sprintf("P%d.contoso.com", page), Name: "stray", Columns: map[string]any{"Action": "deny"}},
		{Partition: "contoso.com", Name: fmt.Sprint(page), Columns: map[string]any{"Action": "deny"}},
	}, next, nil
}

func (b *bigTable) Strays(context.Context) (request.Strays, error) { return b.strays, nil }

func (b *bigTable) SaveStrays(_ context.Context, strays request.Strays) error {
	b.strays = strays
	return nil
}

func TestSearchForStraysIsBoundedAndGoesOn(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	table := &bigTable{pages: 50}
	finder := request.StrayFinder{Store: table}
	search := func(want int, complete bool) {
		t.Helper()
		before := table.scans
		strays, err := finder.Search(t.Context(), now, nil)
		now = now.Add(time.Minute)
		if err != nil || len(strays.All()) != want || (strays.Cursor == "") != complete || table.scans-before > 20 {
			t.Errorf("%d strays after %d pages, cursor %q, %v; want %d", len(strays.All()), table.scans-before, strays.Cursor, err, want)
		}
	}
	search(20, false)
	search(40, false)
	_, err := finder.StrayRows(t.Context(), now)
	if err != nil {
		t.Errorf("a decision can't finish the first search: %v", err)
	}
	search(50, false) // those of the last search count until the next one ends
	table.pages = 1
	search(1, true) // its place is gone
}

// TestLargeTableStaysReadable has tables of which a round takes many searches, one a minute.
func TestLargeTableStaysReadable(t *testing.T) {
	for _, pages := range []int{20, 110, 150, 210, 300, 1000} {
		now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
		table := &bigTable{pages: pages}
		finder := request.StrayFinder{Store: table}
		search := func() request.Strays {
			strays, err := finder.Search(t.Context(), now, nil)
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Minute)
			return strays
		}
		for range pages/20 + 1 {
			search()
		}
		for range 200 {
			if strays := search(); !strays.Fresh(now) {
				t.Fatalf("%d pages: checked at %s, and at %s that does not count any more", pages, strays.CheckedAt, now)
			}
		}
		last := table.strays
		if !last.Fresh(now) || last.Fresh(now.Add(request.StrayLife+time.Duration(pages/10)*time.Minute)) {
			t.Errorf("%d pages: without upkeep the list of %s counts for ever", pages, last.CheckedAt)
		}
	}
}

// slowTable answers so many pages of a search, and then not in time.
type slowTable struct {
	bigTable
	quick int
}

func (s *slowTable) ScanRows(ctx context.Context, cursor string) ([]policy.Raw, string, error) {
	if s.quick == 0 {
		<-ctx.Done()
		return nil, "", problem.New(problem.StorageUnavailable, "no answer")
	}
	s.quick--
	return s.bigTable.ScanRows(ctx, cursor)
}

func TestSlowTableIsSearchedBitByBit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &slowTable{bigTable: bigTable{pages: 5}}
		finder := request.StrayFinder{Store: table}
		for _, want := range []int{2, 4, 5} {
			table.quick = 2
			strays, err := finder.Search(t.Context(), time.Now(), nil)
			if err != nil || len(strays.All()) != want {
				t.Errorf("%d strays, %v; want %d", len(strays.All()), err, want)
			}
		}
		if table.strays.CheckedAt.IsZero() {
			t.Error("the search has not come to its end")
		}
		table.quick = 0
		_, err := finder.Search(t.Context(), time.Now(), nil)
		if err == nil {
			t.Error("a search without a single page is no failure")
		}
	})
}

func TestTableThatIsNotCheckedYetIsUnreadable(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	table := &bigTable{pages: 50}
	_, err := request.StrayFinder{Store: table}.StrayRows(t.Context(), now)
	if !request.Retryable(problem.CodeOf(err)) {
		t.Errorf("got %v, want an error that passes", err)
	}
}

func TestTooManyStraysCountForEverybody(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	table := &bigTable{pages: 5000}
	finder := request.StrayFinder{Store: table}
	var strays request.Strays
	for range 250 {
		var err error
		strays, err = finder.Search(t.Context(), now, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	all := strays.All()
	if strays.Cursor != "" || len(all) > 1000 {
		t.Errorf("%d strays, cursor %q", len(all), strays.Cursor)
	}
	// A row that is not listed may be for anybody, so narrower rows don't come before it.
	var rows []policy.Row
	for _, raw := range append(all, policy.Raw{Partition: "fabrikam.com", Name: "in", Columns: map[string]any{"Action": "invite"}}) {
		rows = append(rows, policy.Parse(raw))
	}
	address, err := submission.ParseAddress("ana@fabrikam.com")
	if err != nil {
		t.Fatal(err)
	}
	d := policy.Decide(submission.Submission{Email: address}, rows, nil, now)
	if d.Action != policy.Review || !strings.Contains(d.Reason, "more rows than can be listed") {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	if first := policy.Parse(all[0]).ForShown(); !slices.Equal(first, []string{"everybody"}) {
		t.Errorf("the first that is logged counts for %v", first)
	}
}

// sharedTable is a table whose list another search saves just before this one, so many times.
type sharedTable struct {
	bigTable
	others int
}

func (s *sharedTable) SaveStrays(ctx context.Context, strays request.Strays) error {
	if s.others > 0 {
		s.others--
		s.strays = strays
		s.strays.Version += "+"
	}
	if strays.Version != s.strays.Version {
		return problem.New(problem.Conflict, "another list is saved")
	}
	return s.bigTable.SaveStrays(ctx, strays)
}

func TestSearchesThatMeetDoNotLoseEachOthersList(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	for others, fails := range map[int]bool{0: false, 1: false, 9: true} {
		table := &sharedTable{bigTable: bigTable{pages: 2}, others: others}
		_, err := request.StrayFinder{Store: table}.Search(t.Context(), now, nil)
		if (err != nil) != fails || fails && !request.Retryable(problem.CodeOf(err)) {
			t.Errorf("after %d other searches: %v", others, err)
		}
		table.others = others
		rows, err := request.StrayFinder{Store: table}.StrayRows(t.Context(), now.Add(time.Hour))
		if err != nil || len(rows) != 2 {
			t.Errorf("a decision after %d other searches: %d strays, %v", others, len(rows), err)
		}
	}
}
