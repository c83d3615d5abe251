package workflow

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// TestMailGateKeepsQuota asks for mails at any times, by clocks that are up to a minute apart. A
// mail may be sent up to a minute after it was counted.
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
			kind := rapid.SampledFrom([]request.MailKind{request.CodeMail, request.InvitationMail, request.AskedNotice.Mail()}).Draw(t, "kind")
			domain := fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "domain"))
			wrong := time.Duration(rapid.IntRange(-30, 30).Draw(t, "seconds that the clock is wrong")) * time.Second
			at := now.Add(wrong)
			next, turn := bookMail(g, quota, mailBooking{kind: kind, domain: domain, at: at})
			if turn.wait > 0 {
				if turn.why == "" || turn.wait > 2*time.Hour {
					t.Fatalf("%+v", turn)
				}
				continue
			}
			if rapid.IntRange(0, 9).Draw(t, "not sent") == 0 {
				back, changed := unbookMail(next, mailBooking{kind: kind, domain: domain, at: at})
				if !changed || !sameCounts(back, recentMinutes(g, at.Unix()/60)) {
					t.Fatalf("after a mail that was not sent: %+v, before %+v", back, g)
				}
				g = back
				continue
			}
			g = next
			sent := now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds until it is sent")) * time.Second)
			all = append(all, sent)
			if kind == request.CodeMail {
				codes = append(codes, sent)
				domains[domain] = append(domains[domain], at)
			}
		}
		slices.SortFunc(all, time.Time.Compare)
		slices.SortFunc(codes, time.Time.Compare)
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

// TestNoticesHaveTheirPart: strangers who cause codes all day keep nobody from being told of what
// waits, and notices leave the rest to partners.
func TestNoticesHaveTheirPart(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	quota, hour := request.MailQuota{PerMinute: 30, PerHour: 100}, now.Unix()/60-10
	tests := map[string]struct {
		sent    request.MailMinute
		notices bool
	}{
		"little was sent":                     {request.MailMinute{Mails: 49, Notices: 49}, true},
		"codes have had their half":           {request.MailMinute{Mails: 50, Codes: 50}, true},
		"and notices almost their part":       {request.MailMinute{Mails: 99, Codes: 50, Notices: 9}, true},
		"and notices their part":              {request.MailMinute{Mails: 60, Codes: 50, Notices: 10}, false},
		"all was sent":                        {request.MailMinute{Mails: 100, Codes: 50}, false},
		"notices have had more than they may": {request.MailMinute{Mails: 50, Notices: 50}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.sent.Minute = hour
			g := request.MailGate{Minutes: []request.MailMinute{test.sent}}
			_, turn := bookMail(g, quota, mailBooking{kind: request.AskedNotice.Mail(), at: now})
			if got := turn.wait == 0; got != test.notices {
				t.Errorf("a notice may go out: %t", got)
			}
		})
	}
}

func TestMailGateRestsWithService(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	quota := request.MailQuota{PerMinute: 30, PerHour: 100}
	tests := map[string]struct {
		failure *problem.Error
		wait    time.Duration
		trouble bool
	}{
		"throttled for a moment":   {&problem.Error{Code: request.MailThrottled, RetryAfter: time.Second}, time.Minute, true},
		"throttled":                {&problem.Error{Code: request.MailThrottled, RetryAfter: 5 * time.Minute}, 5 * time.Minute, true},
		"throttled without a time": {&problem.Error{Code: request.MailThrottled}, time.Minute, true},
		"throttled for a year":     {&problem.Error{Code: request.MailThrottled, RetryAfter: 9000 * time.Hour}, time.Hour, true},
		"forbidden":                {&problem.Error{Code: request.MailForbidden}, 15 * time.Minute, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			held := holdMails(request.MailGate{}, now, mailBooking{}, test.failure)
			_, turn := bookMail(held, quota, mailBooking{kind: request.InvitationMail, domain: "d", at: now})
			if turn.wait != test.wait || turn.trouble != test.trouble {
				t.Errorf("%+v", turn)
			}
			_, turn = bookMail(held, quota, mailBooking{kind: request.InvitationMail, domain: "d", at: now.Add(test.wait)})
			if turn.wait != 0 {
				t.Errorf("later: %+v", turn)
			}
			if after, _ := mailTaken(held); after.Cause != "" || !after.HeldUntil.IsZero() {
				t.Errorf("after a mail: %+v", after)
			}
		})
	}
	wrong := request.MailGate{HeldUntil: now.Add(9000 * time.Hour), Minutes: []request.MailMinute{{Minute: now.Unix()/60 + 9000, Mails: 1000}}}
	if _, turn := bookMail(wrong, quota, mailBooking{kind: request.CodeMail, domain: "d", at: now}); turn.wait != 0 {
		t.Errorf("after a wrong clock: %+v", turn)
	}
}

// sameCounts reports whether two gates count the same mails.
func sameCounts(a, b request.MailGate) bool {
	counted := func(domains map[string]int) map[string]int {
		domains = maps.Clone(domains)
		maps.DeleteFunc(domains, func(_ string, n int) bool { return n == 0 })
		return domains
	}
	minutes := func(g request.MailGate) (counts [][4]int) {
		for _, m := range g.Minutes {
			if m.Mails > 0 {
				counts = append(counts, [4]int{int(m.Minute), m.Mails, m.Codes, m.Notices})
			}
		}
		return counts
	}
	return slices.Equal(minutes(a), minutes(b)) && maps.Equal(counted(a.Domains), counted(b.Domains))
}

// TestTurnOfMailIsGivenBackOnce: the store says that another has changed the gate, and may have
// written the change all the same.
func TestTurnOfMailIsGivenBackOnce(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	quota := request.MailQuota{PerMinute: 30, PerHour: 100}
	booking := func(n int) mailBooking {
		return mailBooking{kind: request.InvitationMail, domain: "d", request: "abcdef", at: now.Add(time.Duration(n) * time.Millisecond)}
	}
	var g request.MailGate
	for n := range 20 {
		g, _ = bookMail(g, quota, booking(n))
	}
	mails := func(g request.MailGate) int { return g.Minutes[0].Mails }
	tests := map[string]struct {
		others  int // turns that others give back between the rounds
		written bool
		want    int // mails that count in the end
	}{
		"it was written":                      {0, true, 19},
		"it was written, and others wrote":    {3, true, 16},
		"it was not written":                  {0, false, 19},
		"it was not written, and others were": {3, false, 16},
		"nobody can tell any more":            {12, false, 8},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			back, before := unbookOnce(booking(0)), g
			first, changed := back(before)
			if !changed || mails(first) != 19 {
				t.Fatalf("the first round leaves %d mails", mails(first))
			}
			if test.written {
				before = first
			}
			for n := range test.others {
				before, _ = unbookMail(before, booking(1+n))
			}
			if after, _ := back(before); mails(after) != test.want {
				t.Errorf("%d mails count, want %d", mails(after), test.want)
			}
		})
	}
}

// TestTurnIsGivenBackAfterLongCall: meanwhile others have booked, and their mails count on.
func TestTurnIsGivenBackAfterLongCall(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 58, 0, 0, time.UTC)
	quota := request.MailQuota{PerMinute: 30, PerHour: 100}
	mine := mailBooking{kind: request.CodeMail, domain: "mine", at: now}
	g, _ := bookMail(request.MailGate{}, quota, mine)
	for n := range 5 {
		g, _ = bookMail(g, quota, mailBooking{kind: request.CodeMail, domain: "theirs", at: now.Add(time.Duration(n) * time.Minute)})
	}
	g, changed := unbookMail(g, mine)
	mails := 0
	for _, m := range g.Minutes {
		mails += m.Mails
	}
	if !changed || mails != 5 || g.Domains["theirs"] != 3 {
		t.Errorf("%+v", g)
	}
	if again, changed := unbookMail(g, mailBooking{kind: request.CodeMail, domain: "mine", at: now.Add(-time.Hour)}); changed {
		t.Errorf("a mail that does not count is given back: %+v", again)
	}
}

// TestMailGateStaysSmall: it is one row of a table, whose columns have room for 32,000 characters.
func TestMailGateStaysSmall(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 5, 0, 0, time.UTC)
	quota := request.MailQuota{PerMinute: 5000, PerHour: 20_000}
	var g request.MailGate
	for n := range 3000 {
		now = now.Add(600 * time.Millisecond)
		at := now.Add(-time.Duration(n%2) * time.Minute) // two instances
		var turn mailTurn
		g, turn = bookMail(g, quota, mailBooking{kind: request.CodeMail, domain: hashOf("domain", fmt.Sprint(n)), at: at})
		if turn.wait > 0 {
			t.Fatalf("mail %d: %+v", n, turn)
		}
	}
	mails := 0
	for _, m := range g.Minutes {
		mails += m.Mails
	}
	if mails != 3000 || len(g.Minutes) > mailHour || !slices.IsSortedFunc(g.Minutes, byMinute) {
		t.Errorf("%d mails in %d entries", mails, len(g.Minutes))
	}
	for what, part := range map[string]any{"minutes": g.Minutes, "domains": g.Domains} {
		if text, err := json.Marshal(part); err != nil || len(text) > 32_000 {
			t.Errorf("%d characters for the %s, %v", len(text), what, err)
		}
	}
}

func byMinute(a, b request.MailMinute) int { return int(a.Minute - b.Minute) }
