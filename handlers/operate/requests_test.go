package operate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

func address(t *testing.T, text string) submission.Address {
	t.Helper()
	a, err := submission.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStatesHaveMeanings(t *testing.T) {
	for _, state := range request.States() {
		if !strings.HasSuffix(meaning(state), ".") {
			t.Errorf("the state %s has the meaning %q", state, meaning(state))
		}
	}
	for state := range advice {
		if !state.Known() {
			t.Errorf("there is advice for %q, which is not a state", state)
		}
	}
}

func TestListRequestsMasksAddresses(t *testing.T) {
	due := time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC)
	requests := []request.Request{
		{ID: "a", State: request.Parked, Submission: submission.Submission{Email: address(t, "ana@contoso.com"), Company: "Contoso"}, Due: due},
		{ID: "b", State: request.Review},
	}
	want := []RequestSummary{
		{ID: "a", State: request.Parked, Address: "a***@contoso.com", Company: "Contoso", Due: due},
		{ID: "b", State: request.Review},
	}
	if diff := cmp.Diff(want, ListRequests(requests, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := ListRequests(requests, true)[0].Address; got != "ana@contoso.com" {
		t.Errorf("the whole address is %q", got)
	}
}

func TestShowRequestHidesInviteCode(t *testing.T) {
	const hash = "5e884898da28047151d0e56f8dc6292773603d0d6aabbd"
	r := request.Request{
		ID: "a", State: request.Done, Submission: submission.Submission{Email: address(t, "ana@contoso.com"), InviteCode: hash},
		Decision: &policy.Decision{Row: &policy.RowSnapshot{Columns: map[string]string{"InviteCode": hash, "Action": "invite"}}},
	}
	detail := ShowRequest(r, []request.Event{{What: "received", State: request.Received, Detail: "taken"}})
	text, err := json.Marshal(detail)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), hash) {
		t.Errorf("the hash of the code is shown: %s", text)
	}
	if !detail.CodeGiven || detail.Decision.Row.Columns["InviteCode"] != policy.NotShown || detail.Decision.Row.Columns["Action"] != "invite" {
		t.Errorf("got %+v", detail.Decision.Row)
	}
	if r.Decision.Row.Columns["InviteCode"] != hash {
		t.Error("the request itself was changed")
	}
	if diff := cmp.Diff([]request.Event{{What: "received", State: request.Received, Detail: "taken"}}, detail.History); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if !ShowRequest(request.Request{}, nil).Erased || detail.Erased {
		t.Error("Erased is wrong")
	}
}

func TestBreaker(t *testing.T) {
	now := time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	parked := []request.Request{{Due: now.Add(20 * time.Minute)}, {Due: now.Add(5 * time.Minute)}, {}, {Due: now.Add(10 * time.Minute)}}
	stop := request.Stop{By: "desk", Reason: "a bad row", At: now.Add(-time.Hour), ToldAt: now}
	stopped, quota := request.CauseOf(request.StoppedByAdmin), request.CauseOf(request.DirectoryQuota)
	tests := map[string]struct {
		config BreakerConfig
		want   Breaker
		spent  bool
	}{
		"nothing was ever sent": {BreakerConfig{}, Breaker{Day: "2026-11-23"}, false},
		"yesterday's count is not today's": {
			BreakerConfig{Gate: request.Gate{Day: "2026-11-22", Sent: 80}, Pace: &request.Pace{Daily: 80, Spacing: time.Second}},
			Breaker{Day: "2026-11-23", Pace: &Pace{80, "1s"}}, false,
		},
		"the budget is spent": {
			BreakerConfig{Gate: request.Gate{Day: "2026-11-23", Sent: 80, NextAt: now.Add(time.Second)}, Pace: &request.Pace{Daily: 80}},
			Breaker{Day: "2026-11-23", SentToday: 80, Pace: &Pace{80, "0s"}, NextInvitation: at(time.Second)}, true,
		},
		"no budget is never spent": {
			BreakerConfig{Gate: request.Gate{Day: "2026-11-23", Sent: 80, NextAt: now}, Pace: &request.Pace{}},
			Breaker{Day: "2026-11-23", SentToday: 80, Pace: &Pace{0, "0s"}}, false,
		},
		"open, and only an admin closes it": {
			BreakerConfig{Gate: request.Gate{Cause: request.DirectorySuspicious, Ref: "ref", OpenedAt: now.Add(-time.Hour)}, Parked: parked, Most: 4},
			Breaker{
				Day: "2026-11-23", Open: true, Cause: request.DirectorySuspicious, Ref: "ref", Since: at(-time.Hour),
				Means: request.CauseOf(request.DirectorySuspicious).Means, Cure: request.CauseOf(request.DirectorySuspicious).Cure,
				Parked: Parked{Requests: 4, FirstDue: at(5 * time.Minute), LastDue: at(20 * time.Minute)},
			}, false,
		},
		"stopped by an admin": {
			BreakerConfig{Gate: request.Gate{Stop: stop}},
			Breaker{
				Day: "2026-11-23", Open: true, Cause: request.StoppedByAdmin, Since: at(-time.Hour),
				StoppedBy: "desk", StopReason: "a bad row", Means: stopped.Means, Cure: stopped.Cure,
			}, false,
		},
		"stopped by an admin, and the tenant has a cause, too": {
			BreakerConfig{Gate: request.Gate{
				Stop: stop, Cause: request.DirectoryQuota, Ref: "ref", OpenedAt: now, ProbeAt: now.Add(time.Hour),
			}},
			Breaker{
				Day: "2026-11-23", Open: true, Cause: request.StoppedByAdmin, Since: at(-time.Hour),
				StoppedBy: "desk", StopReason: "a bad row", Means: stopped.Means, Cure: stopped.Cure,
				Also: &Trouble{request.DirectoryQuota, quota.Means, quota.Cure, "ref", at(0)},
			}, false,
		},
		"open, and a probe may close it": {
			BreakerConfig{Gate: request.Gate{Cause: request.DirectoryQuota, OpenedAt: now, ProbeAt: now.Add(time.Hour)}, Parked: parked, Most: 3},
			Breaker{
				Day: "2026-11-23", Open: true, Cause: request.DirectoryQuota, Since: at(0), ClosesItself: true, NextProbe: at(time.Hour),
				Means: request.CauseOf(request.DirectoryQuota).Means, Cure: request.CauseOf(request.DirectoryQuota).Cure,
				Parked: Parked{Requests: 3, More: true, FirstDue: at(5 * time.Minute), LastDue: at(20 * time.Minute)},
			}, false,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.config.Now = now
			got := NewBreaker(test.config)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.BudgetSpent() != test.spent {
				t.Errorf("the budget is spent: %t", got.BudgetSpent())
			}
		})
	}
}
