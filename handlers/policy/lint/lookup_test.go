package lint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// witness is a directory that counts its calls.
type witness struct {
	answer func(ctx context.Context, id string) error

	mu       sync.Mutex
	asked    map[string]int // by "group" or "principal" and id
	underway int
	most     int // underway at the same time
}

func (w *witness) ask(ctx context.Context, kind, id string) error {
	w.mu.Lock()
	if w.asked == nil {
		w.asked = map[string]int{}
	}
	w.asked[kind+" "+id]++
	w.underway++
	w.most = max(w.most, w.underway)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.underway--
		w.mu.Unlock()
	}()
	return w.answer(ctx, kind+" "+id)
}

func (w *witness) Group(ctx context.Context, id string) (request.Group, error) {
	return request.Group{ID: id, SecurityEnabled: true}, w.ask(ctx, "group", id)
}

func (w *witness) Principal(ctx context.Context, id string) (request.Principal, error) {
	return request.Principal{ID: id, Kind: "group"}, w.ask(ctx, "principal", id)
}

func (w *witness) Addressees(ctx context.Context, ids []string, _ int) (request.Addressees, error) {
	return request.Addressees{Crowds: ids}, w.ask(ctx, "members", ids[0])
}

// calls returns the number of calls.
func (w *witness) calls() int {
	calls := 0
	for _, times := range w.asked {
		calls += times
	}
	return calls
}

func id(n int) string { return fmt.Sprintf("%08d-1111-1111-1111-111111111111", n) }

// withGroups returns n rows with different groups and the same sponsor.
func withGroups(n int) []policy.Raw {
	var raws []policy.Raw
	for i := range n {
		raws = append(raws, invite(fmt.Sprintf("contoso%d.com", i), "partners", columns{"Groups": id(i)}))
	}
	return raws
}

func TestObjectsAreAskedForOnceWithBoundedConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &witness{answer: func(context.Context, string) error {
			time.Sleep(time.Second)
			return nil
		}}
		raws := append(withGroups(100), withGroups(100)...)
		for i := range raws {
			raws[i].Name = fmt.Sprint("row ", i)
			raws[i].Columns["NotAfter"] = now.Add(time.Duration(1000-i) * time.Hour)
		}
		var steps []int
		begun := time.Now()
		found, err := Check(t.Context(), Config{Rows: parse(raws), Now: now, Directory: w, Progress: func(done, total int) {
			if total != 101 {
				t.Errorf("told of %d objects, want 101", total)
			}
			steps = append(steps, done)
		}})
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(found, func(f Finding) bool { return f.Column == "Groups" || f.Column == "Sponsors" }) {
			t.Errorf("found %+v", found)
		}
		if w.calls() != 101 || len(w.asked) != 101 {
			t.Errorf("%d calls for %d objects, want 101 for 101", w.calls(), len(w.asked))
		}
		if w.most != parallelAsks {
			t.Errorf("at most %d calls at a time, want %d", w.most, parallelAsks)
		}
		if took := time.Since(begun); took != 13*time.Second {
			t.Errorf("101 calls of a second took %v, want 13s", took)
		}
		want := make([]int, 102)
		for i := range want {
			want[i] = i
		}
		diff := cmp.Diff(want, steps)
		if diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
	})
}

func TestDirectoryIsAskedOnlyIfNeeded(t *testing.T) {
	w := &witness{answer: func(context.Context, string) error { return nil }}
	_, err := Check(t.Context(), Config{Now: now, Directory: w, Rows: parse(rows(
		invite("contoso.com", "disabled", columns{"Enabled": false}),
		invite("contoso.com", "over", columns{"NotAfter": "2026-01-01"}),
		deny("contoso.com", "denied", columns{"Groups": group}),
	)), Progress: func(done, total int) { t.Errorf("told of %d of %d", done, total) }})
	if err != nil || w.calls() != 0 {
		t.Errorf("Check: %v, after %d calls", err, w.calls())
	}
}

func TestEachApproverIsAskedForOnceAndEachGroupForItsPeople(t *testing.T) {
	w := &witness{answer: func(context.Context, string) error { return nil }}
	found := check(t, w,
		review("contoso.com", "a", columns{"Approvers": id(1), "SecondApprovers": id(2), "EscalateTo": id(1), "EscalateAfter": 3}),
		invite("fabrikam.com", "b", columns{"Sponsors": id(1) + " " + id(3), "Approvers": id(2)}),
		invite("tailspin.com", "c", columns{"Sponsors": id(4), "SponsorsDecide": true}))
	if len(found) != 0 {
		t.Errorf("found %+v", found)
	}
	want := map[string]int{
		"group " + group: 1, "principal " + id(1): 1, "principal " + id(2): 1, "principal " + id(3): 1, "principal " + id(4): 1,
		// Nobody decides as a member of the group 3.
		"members " + id(1): 1, "members " + id(2): 1, "members " + id(4): 1,
	}
	diff := cmp.Diff(want, w.asked)
	if diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestForbiddenReadsGiveOneFindingPerColumn(t *testing.T) {
	w := &witness{answer: func(_ context.Context, object string) error {
		return problem.New(request.DirectoryForbidden, "no")
	}}
	raws := append(withGroups(1000), review("*", "everybody else", columns{"EscalateTo": id(1), "EscalateAfter": 3}))
	found := check(t, w, raws...)
	var got []string
	for _, f := range found {
		got = append(got, f.Partition+"/"+f.Row+"/"+f.Column+": "+f.Rule)
	}
	diff := cmp.Diff([]string{"//Approvers: directory-forbidden", "//Groups: directory-forbidden", "//Sponsors: directory-forbidden"}, got)
	if diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	// The calls in progress at the first answer, the sponsor and the approver.
	if w.calls() > 2*parallelAsks+2 {
		t.Errorf("asked %d times, although the first answer was no", w.calls())
	}
}

func TestDirectoryFailures(t *testing.T) {
	unavailable := problem.New(request.DirectoryUnavailable, "no answer")
	throttled := problem.New(request.DirectoryThrottled, "too many")
	tests := []struct {
		name   string
		answer func(asked int) error // by how often it was asked before
		code   problem.Code          // of the error
		says   string                // the one finding about the directory
		most   int                   // calls
	}{
		{"always", func(int) error { return unavailable }, request.DirectoryUnavailable, "", maxFailures + 2*parallelAsks},
		{"by throttling at once", func(int) error { return throttled }, request.DirectoryThrottled, "", 2 * parallelAsks},
		{"by throttling later", func(asked int) error {
			if asked < 20 {
				return nil
			}
			return throttled
		}, "", "directory-throttled", 20 + 2*parallelAsks},
		{"now and then", func(asked int) error {
			if asked%20 == 3 {
				return unavailable
			}
			return nil
		}, "", "did not answer for 5 of the 101 users and groups that rows name (directory-unavailable)", 101},
		{"with an error of another kind", func(int) error { return errors.New("odd") }, problem.Internal, "", maxFailures + 2*parallelAsks},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var mu sync.Mutex
			calls := 0
			w := &witness{answer: func(context.Context, string) error {
				mu.Lock()
				defer mu.Unlock()
				calls++
				return test.answer(calls - 1)
			}}
			raws := withGroups(100)
			raws[0].Columns["UserType"] = "Member"
			found, err := Check(t.Context(), Config{Rows: parse(raws), Now: now, Directory: w})
			if problem.CodeOf(err) != test.code {
				t.Fatalf("Check: %v, want the code %q", err, test.code)
			}
			offline := slices.DeleteFunc(slices.Clone(found), func(f Finding) bool { return f.Rule != ruleMember })
			if len(offline) != 1 {
				t.Errorf("the findings that need no directory are %+v", found)
			}
			about := slices.DeleteFunc(found, func(f Finding) bool { return f.Rule == ruleMember })
			switch {
			case test.says == "" && len(about) != 0:
				t.Errorf("found %+v besides the error", about)
			case test.says != "" && (len(about) != 1 || about[0].Rule != ruleUnavailable || !strings.Contains(about[0].Problem, test.says)):
				t.Errorf("found %+v, want one finding that says %q", about, test.says)
			}
			if calls > test.most {
				t.Errorf("asked %d times, want no more than %d", calls, test.most)
			}
		})
	}
}

func TestCheckStopsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := &witness{answer: func(ctx context.Context, _ string) error {
			select {
			case <-ctx.Done():
				return problem.New(request.DirectoryUnavailable, "given up: %w", ctx.Err())
			case <-time.After(25 * time.Second):
				return nil
			}
		}}
		begun := time.Now()
		_, err := Check(ctx, Config{Rows: parse(withGroups(1000)), Now: now, Directory: w})
		if !errors.Is(err, context.DeadlineExceeded) || problem.CodeOf(err) != request.DirectoryUnavailable {
			t.Errorf("Check: %v", err)
		}
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("ended after %v, want 1m", took)
		}
	})
}
