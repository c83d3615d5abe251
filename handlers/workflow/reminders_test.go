package workflow_test

import (
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/workflow"
)

// TestRemindersAroundTrouble: reminders that are late, repeated or given up change nothing about
// those that follow, and what each says of them is true.
func TestRemindersAroundTrouble(t *testing.T) {
	const day = 24 * time.Hour
	forbidden := acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true}
	tests := map[string]struct {
		later  time.Duration // the second reminder
		fault  acssim.Fault  // from the time on at which the first is nearly due
		outage time.Duration // how long that lasts
		want   []time.Duration
	}{
		"none":                        {10 * day, acssim.Fault{}, 0, []time.Duration{3 * day, 10 * day}},
		"the first is repeated":       {10 * day, acssim.Fault{Trouble: acssim.Unanswered, Call: "send"}, 0, []time.Duration{3 * day, 10 * day}},
		"the first is late":           {10 * day, forbidden, day, []time.Duration{4 * day, 10 * day}},
		"the first is nearly as late": {5 * day, forbidden, 2*day - 2*time.Hour, []time.Duration{5*day - 2*time.Hour}},
		"the first is later":          {5 * day, forbidden, 3 * day, []time.Duration{6 * day}},
		"the first is refused":        {10 * day, acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 400, Code: "SomethingElse"}, 0, []time.Duration{10 * day}},
		"the first is given up":       {14 * day, forbidden, 8 * day, []time.Duration{14 * day}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) {
				c.Mails.Reminders, c.ProofByDefault = []time.Duration{3 * day, test.later}, false
			})
			w.row("contoso.com", "row", "Action", "invite")
			w.signUp("ana@contoso.com")
			w.settle(71)
			if test.fault != (acssim.Fault{}) {
				w.fail(test.fault)
			}
			w.settle(int(test.outage/time.Hour) + 1)
			if test.fault.Always {
				w.service.ClearFaults()
			}
			w.settle(16 * 24)
			mails := w.mailsTo("ana@contoso.com")
			if len(mails) != 1+len(test.want) {
				t.Fatalf("%d mails", len(mails))
			}
			for i, m := range mails[1:] {
				if at := m.At.Sub(mails[0].At); at < test.want[i] || at > test.want[i]+2*time.Hour {
					t.Errorf("reminder %d came after %v", i+1, at)
				}
				if last := strings.Contains(m.Text, "último"); last != (i == len(test.want)-1) {
					t.Errorf("reminder %d says that it is the last: %t", i+1, last)
				}
			}
			w.wantNothingDue()
		})
	}
}
