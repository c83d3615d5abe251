package request

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBeforeMail(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	mailed := func(kind MailKind, ago ...time.Duration) (m Mailbox) {
		for _, d := range ago {
			m = m.Counted(kind, now.Add(-d))
		}
		return m
	}
	tests := map[string]struct {
		mailbox Mailbox
		kind    MailKind
		wait    time.Duration
		refused bool
	}{
		"nothing is known":                 {Mailbox{}, CodeMail, 0, false},
		"a code a minute ago":              {mailed(CodeMail, time.Minute), CodeMail, time.Minute, false},
		"a code two minutes ago":           {mailed(CodeMail, 2*time.Minute), CodeMail, 0, false},
		"two codes":                        {mailed(CodeMail, 10*time.Minute, 4*time.Minute), CodeMail, 6 * time.Minute, false},
		"three codes":                      {mailed(CodeMail, 3*time.Hour, 2*time.Hour, 59*time.Minute), CodeMail, time.Minute, false},
		"four codes":                       {mailed(CodeMail, 5*time.Hour, 3*time.Hour, 2*time.Hour, time.Hour), CodeMail, 23 * time.Hour, true},
		"an invitation after four codes":   {mailed(CodeMail, 5*time.Hour, 3*time.Hour, 2*time.Hour, time.Hour), InvitationMail, 0, false},
		"an invitation does not delay one": {mailed(InvitationMail, time.Second), CodeMail, 0, false},
		"five invitations":                 {mailed(InvitationMail, 9*time.Hour, 4*time.Hour, 3*time.Hour, 2*time.Hour, time.Hour), InvitationMail, 15*time.Hour + LongestAttempt + time.Minute, false},
		"five invitations, and a code":     {mailed(InvitationMail, 9*time.Hour, 4*time.Hour, 3*time.Hour, 2*time.Hour, time.Hour), CodeMail, 15*time.Hour + LongestAttempt + time.Minute, true},
		"mails of the day before":          {mailed(CodeMail, 30*time.Hour, 29*time.Hour, 28*time.Hour, 27*time.Hour), CodeMail, 0, false},
		"stopped":                          {Mailbox{StoppedAt: now.Add(-time.Hour)}, CodeMail, 0, true},
		"stopped, and an invitation":       {Mailbox{StoppedAt: now.Add(-time.Hour)}, InvitationMail, 0, false},
		"stopped a day ago":                {Mailbox{StoppedAt: now.Add(-24 * time.Hour)}, CodeMail, 0, false},
		"suppressed":                       {Mailbox{SuppressedAt: now.Add(-time.Hour)}, CodeMail, 23 * time.Hour, true},
		"suppressed, and an invitation":    {Mailbox{SuppressedAt: now.Add(-time.Hour)}, InvitationMail, 23 * time.Hour, false},
		"by a clock that is years ahead":   {mailed(CodeMail, -1000*time.Hour), CodeMail, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wait, refused := test.mailbox.BeforeMail(test.kind, now)
			if wait != test.wait || refused != test.refused {
				t.Errorf("wait %v, refused %t; want %v, %t", wait, refused, test.wait, test.refused)
			}
		})
	}
}

func TestMailboxRestsUntil(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	codes := func(hours ...int) (m Mailbox) {
		for _, h := range hours {
			m = m.Counted(CodeMail, now.Add(-time.Duration(h)*time.Hour))
		}
		return m
	}
	tests := map[string]struct {
		mailbox          Mailbox
		code, invitation int // in so many hours; 0 is now
	}{
		"nothing is known":           {Mailbox{}, 0, 0},
		"the codes of a day":         {codes(4, 3, 2, 1), 23, 0},
		"stopped":                    {Mailbox{StoppedAt: now.Add(-time.Hour)}, 23, 0},
		"stopped after a code":       {Mailbox{StoppedAt: now, Codes: codes(0).Codes}, 24, 0},
		"stopped long ago":           {Mailbox{StoppedAt: now.Add(-25 * time.Hour)}, 0, 0},
		"suppressed":                 {Mailbox{SuppressedAt: now.Add(-2 * time.Hour)}, 22, 22},
		"suppressed, stopped before": {Mailbox{SuppressedAt: now, StoppedAt: now.Add(-time.Hour)}, 24, 24},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for kind, hours := range map[MailKind]int{CodeMail: test.code, InvitationMail: test.invitation} {
				var want time.Time
				if hours > 0 {
					want = now.Add(time.Duration(hours) * time.Hour)
				}
				if got := test.mailbox.RestsUntil(kind, now); !got.Equal(want) {
					t.Errorf("%s: %v, want %v", kind, got, want)
				}
			}
		})
	}
	mails, of := codes(30, 4, 3, 2).OfDay(now)
	if len(mails) != 3 || len(of) != 3 {
		t.Errorf("of the day: %v, %v", mails, of)
	}
}

// TestMailboxHasItsShareInEveryWindow asks for mails at any times.
func TestMailboxHasItsShareInEveryWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
		var m Mailbox
		var all, codes []time.Time
		for range rapid.IntRange(0, 200).Draw(t, "asks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "seconds later")) * time.Second)
			kind := rapid.SampledFrom([]MailKind{CodeMail, InvitationMail, ReminderMail}).Draw(t, "kind")
			wait, refused := m.BeforeMail(kind, now)
			if wait > 0 || refused {
				continue
			}
			m = m.Counted(kind, now)
			if rapid.IntRange(0, 9).Draw(t, "not sent") == 0 {
				m = m.Uncounted(kind)
				continue
			}
			all = append(all, now)
			if kind == CodeMail {
				codes = append(codes, now)
			}
		}
		fewWithin(t, all, OwnMailsPerDay, 24*time.Hour)
		fewWithin(t, codes, CodesPerDay, 24*time.Hour)
		fewWithin(t, codes, 1, 2*time.Minute-1)
	})
}

// fewWithin fails if more than n of the times, which are in order, lie in one window.
func fewWithin(t *rapid.T, times []time.Time, n int, window time.Duration) {
	for i := n; i < len(times); i++ {
		if times[i].Sub(times[i-n]) < window {
			t.Fatalf("%d mails within %v", n+1, window)
		}
	}
}

func TestMailboxWithoutMailThatWasNotSent(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var m Mailbox
	for _, ago := range []time.Duration{5 * time.Hour, 3 * time.Hour, time.Hour} {
		m = m.Counted(CodeMail, now.Add(-ago))
	}
	m = m.Counted(InvitationMail, now.Add(-30*time.Minute))
	tests := map[string]struct {
		kind   MailKind
		at     time.Duration // ago
		mailed []time.Duration
		codes  []time.Duration
	}{
		"a code":       {CodeMail, 3 * time.Hour, []time.Duration{30 * time.Minute, time.Hour, 5 * time.Hour}, []time.Duration{time.Hour, 5 * time.Hour}},
		"the last one": {InvitationMail, 30 * time.Minute, []time.Duration{time.Hour, 3 * time.Hour, 5 * time.Hour}, []time.Duration{time.Hour, 3 * time.Hour, 5 * time.Hour}},
		"none of them": {CodeMail, 2 * time.Hour, []time.Duration{30 * time.Minute, time.Hour, 3 * time.Hour, 5 * time.Hour}, []time.Duration{time.Hour, 3 * time.Hour, 5 * time.Hour}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := m.Without(test.kind, now.Add(-test.at))
			for what, times := range map[string]struct {
				got  []time.Time
				want []time.Duration
			}{"mails": {got.Mailed[:], test.mailed}, "codes": {got.Codes[:], test.codes}} {
				for i, at := range times.got {
					want := time.Time{}
					if i < len(times.want) {
						want = now.Add(-times.want[i])
					}
					if !at.Equal(want) {
						t.Errorf("%s: %v, want %v ago", what, times.got, times.want)
						break
					}
				}
			}
		})
	}
}
