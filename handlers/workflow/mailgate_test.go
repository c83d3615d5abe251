package workflow

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// TestMailGateKeepsQuota asks for mails at any times.
func TestMailGateKeepsQuota(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quota := request.MailQuota{
			PerMinute: rapid.IntRange(1, 30).Draw(t, "a minute"), PerHour: rapid.IntRange(1, 100).Draw(t, "an hour"),
		}
		now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
		var g request.MailGate
		var all, codes []time.Time
		domains := map[string][]time.Time{}
		for range rapid.IntRange(0, 400).Draw(t, "asks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds later")) * time.Second)
			kind := rapid.SampledFrom([]request.MailKind{request.CodeMail, request.InvitationMail}).Draw(t, "kind")
			domain := fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "domain"))
			next, turn := bookMail(g, now, quota, kind, domain)
			if turn.wait > 0 {
				if turn.why == "" || turn.wait > 2*time.Hour {
					t.Fatalf("%+v", turn)
				}
				continue
			}
			g = next
			all = append(all, now)
			if kind == request.CodeMail {
				codes = append(codes, now)
				domains[domain] = append(domains[domain], now)
			}
		}
		few := func(what string, times []time.Time, n int, window time.Duration) {
			for i := n; i < len(times); i++ {
				if times[i].Sub(times[i-n]) < window {
					t.Fatalf("%s: %d within %v", what, n+1, window)
				}
			}
		}
		few("mails", all, quota.PerMinute, time.Minute)
		few("mails", all, quota.PerHour, time.Hour)
		few("codes", codes, max(1, quota.PerHour/2), time.Hour)
		for _, times := range domains {
			byHour := map[int64]int{}
			for _, at := range times {
				byHour[at.Unix()/3600]++
				if n := byHour[at.Unix()/3600]; n > max(leastShare, quota.PerHour/4) {
					t.Fatalf("a domain has had %d codes in an hour", n)
				}
			}
		}
	})
}

func TestMailGateRestsWithService(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	quota := request.MailQuota{PerMinute: 30, PerHour: 100}
	tests := map[string]struct {
		failure *problem.Error
		wait    time.Duration
		trouble bool
	}{
		"throttled for a moment":   {&problem.Error{Code: request.MailThrottled, RetryAfter: time.Second}, time.Minute, false},
		"throttled":                {&problem.Error{Code: request.MailThrottled, RetryAfter: 5 * time.Minute}, 5 * time.Minute, false},
		"throttled without a time": {&problem.Error{Code: request.MailThrottled}, time.Minute, false},
		"throttled for a year":     {&problem.Error{Code: request.MailThrottled, RetryAfter: 9000 * time.Hour}, time.Hour, false},
		"forbidden":                {&problem.Error{Code: request.MailForbidden}, 15 * time.Minute, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			held := holdMails(request.MailGate{}, now, test.failure)
			_, turn := bookMail(held, now, quota, request.InvitationMail, "d")
			if turn.wait != test.wait || turn.trouble != test.trouble {
				t.Errorf("%+v", turn)
			}
			_, turn = bookMail(held, now.Add(test.wait), quota, request.InvitationMail, "d")
			if turn.wait != 0 {
				t.Errorf("later: %+v", turn)
			}
			if after := mailTaken(held); after.Cause != "" || !after.HeldUntil.IsZero() {
				t.Errorf("after a mail: %+v", after)
			}
		})
	}
	wrong := request.MailGate{HeldUntil: now.Add(9000 * time.Hour), Minutes: []request.MailMinute{{Minute: now.Unix()/60 + 9000, Mails: 1000}}}
	if _, turn := bookMail(wrong, now, quota, request.CodeMail, "d"); turn.wait != 0 {
		t.Errorf("after a wrong clock: %+v", turn)
	}
}
