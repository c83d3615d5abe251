package reviews

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/signin"
)

func TestQueueShowsEachPersonWhatWaitsForThem(t *testing.T) {
	w := newWorld(t)
	first := w.waiting()
	// The second waits for the second approver, and the third has waited for so long that others
	// decide, too.
	second := w.waiting(func(r *request.Request) { r.Reviewing.Stage = 2 })
	third := w.waiting(func(r *request.Request) { r.Reviewing.Escalated = true })
	want := map[string][]submission.ID{
		"reviewer": {first.ID, second.ID, third.ID}, "role Reviewer": {first.ID, second.ID, third.ID}, "Auditor": {first.ID, second.ID, third.ID},
		"approver": {first.ID, third.ID}, "by group": {first.ID, third.ID}, "second": {second.ID}, "escalated": {third.ID},
		"nobody": nil, "Operator": nil, "PolicyReader": nil, "groups unknown": nil,
	}
	for who, ids := range want {
		response, page := w.page(signin.Root, who)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", who, response.StatusCode)
		}
		var got []submission.ID
		for _, n := range page.Elements {
			id, isRequest := strings.CutPrefix(pagetest.Attribute(n, "href"), signin.Root+"/")
			if _, err := submission.ParseID(id); n.Data == "a" && isRequest && err == nil {
				got = append(got, submission.ID(id))
			}
		}
		slices.Sort(got)
		slices.Sort(ids)
		if !slices.Equal(got, ids) {
			t.Errorf("%s sees %d requests, want %d", who, len(got), len(ids))
		}
		title := map[int]string{0: "No request waits for you", 1: "1 request waits for a decision", 2: "2 requests wait for a decision", 3: "3 requests wait for a decision"}[len(ids)]
		if page.Title != title {
			t.Errorf("%s: the title is %q", who, page.Title)
		}
		if text := page.Text(); len(ids) > 0 && (!strings.Contains(text, "partner.example.com") || !strings.Contains(text, "project") || strings.Contains(text, "ana@")) {
			t.Errorf("%s: the list lacks domain or row, or names the partner: %s", who, text)
		}
	}
}

// index is what waits, without a store.
type index struct {
	entries []request.WaitingReview
	looks   []int // how many entries each call asked for
	err     error
}

// WaitingReviews implements [Waiting].
func (i *index) WaitingReviews(_ context.Context, after, _ submission.ID, limit int) ([]request.WaitingReview, error) {
	i.looks = append(i.looks, limit)
	if i.err != nil {
		return nil, i.err
	}
	var found []request.WaitingReview
	for _, e := range i.entries {
		if e.ID > after && len(found) < limit {
			found = append(found, e)
		}
	}
	return found, nil
}

// TestQueueIsReadInParts has 10,000 requests that wait, of which every hundredth is the approver's.
// Table Storage gives a thousand entries a call, so a page costs two, and one for the session.
func TestQueueIsReadInParts(t *testing.T) {
	waiting := new(index)
	w := newWorld(t, func(c *Config) { c.Waiting = waiting })
	const total, every = 10_000, 100
	for n := range total {
		id, err := submission.NewID(w.now.Add(time.Duration(n)*time.Second), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		e := request.WaitingReview{ID: id, Stage: 1, Since: w.now, Domain: "partner.example.com", Row: policy.RowKey{Partition: "x", Name: "y"}}
		if n%every == 0 {
			e.Deciders = []string{approverID}
		}
		waiting.entries = append(waiting.entries, e)
	}
	for who, want := range map[string]int{"reviewer": 3 * perPage, "approver": total / every} {
		seen, pages := map[string]bool{}, 0
		for at := signin.Root; at != "" && len(seen) < want; pages++ {
			waiting.looks = nil
			_, page := w.page(at, who)
			if len(waiting.looks) != 1 || waiting.looks[0] > 2000 {
				t.Fatalf("%s, page %d: the index is asked for %v entries", who, pages, waiting.looks)
			}
			if first := pages == 0; first && !strings.Contains(page.Title, " or more requests wait") || !first && page.Title != "Further requests" {
				t.Fatalf("%s, page %d has the title %q", who, pages, page.Title)
			}
			at = ""
			onPage := 0
			for _, n := range page.Elements {
				href := pagetest.Attribute(n, "href")
				switch {
				case n.Data != "a" || pagetest.Attribute(n, "hreflang") != "":
				case strings.HasPrefix(href, signin.Root+"?after="):
					at = href
				case strings.HasPrefix(href, signin.Root+"/0"): // a request's: ids begin with the time
					seen[href] = true
					onPage++
				}
			}
			if onPage > perPage {
				t.Fatalf("%s, page %d has %d requests", who, pages, onPage)
			}
		}
		if len(seen) != want {
			t.Errorf("%s sees %d requests on %d pages, want %d", who, len(seen), pages, want)
		}
	}
}

func TestQueueSaysWhenItCannotBeRead(t *testing.T) {
	waiting := &index{err: problem.New(problem.StorageUnavailable, "the table is away")}
	w := newWorld(t, func(c *Config) { c.Waiting = waiting })
	response, page := w.page(signin.Root, "reviewer")
	if response.StatusCode != http.StatusServiceUnavailable || page.Title != "The service is busy" {
		t.Errorf("status %d, %q", response.StatusCode, page.Title)
	}
	w.sessions.Fail(problem.New(problem.StorageUnavailable, "the table is away"))
	response = w.do(http.MethodGet, signin.Root, sessionCookie+"=s."+strings.Repeat("A", 43), nil)
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without the sessions: status %d", response.StatusCode)
	}
}

func TestQueueMarksWhatIsLate(t *testing.T) {
	w := newWorld(t)
	w.waiting()
	w.now = w.now.AddDate(0, 0, 8)
	_, page := w.page(signin.Root, "reviewer")
	if !strings.Contains(page.Text(), "2026-11-30 07:30 UTC over") {
		t.Errorf("the deadline has passed, and the page says %s", page.Text())
	}
}
