package workflow

import (
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// TestFailingMailServiceIsTriedByOneMailAtATime asks for mails each minute, of which the service
// takes none.
func TestFailingMailServiceIsTriedByOneMailAtATime(t *testing.T) {
	quota := request.MailQuota{PerMinute: 30, PerHour: 100}
	for _, code := range []problem.Code{request.MailThrottled, request.MailForbidden, request.MailUnavailable} {
		t.Run(string(code), func(t *testing.T) {
			now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
			failure := &problem.Error{Code: code, RetryAfter: time.Second}
			var g request.MailGate
			tries := 0
			for minute := range 24 * 60 {
				now = now.Add(time.Minute)
				var begun []mailBooking
				for _, name := range []string{"a", "b", "c"} {
					asks := mailBooking{kind: request.InvitationMail, request: name, at: now}
					var turn mailTurn
					g, turn = bookMail(g, quota, asks)
					asks.probe = turn.probe
					if turn.wait == 0 {
						begun = append(begun, asks)
					}
				}
				if minute > 0 && len(begun) > 1 {
					t.Fatalf("%d mails try at once", len(begun))
				}
				tries += len(begun)
				for _, mail := range begun {
					g = holdMails(g, now.Add(10*time.Second), mail, failure)
				}
			}
			if tries < 24 || tries > 35 {
				t.Errorf("%d mails have tried it in a day", tries)
			}
			g, _ = mailTaken(g)
			for range 3 {
				var turn mailTurn
				g, turn = bookMail(g, quota, mailBooking{kind: request.InvitationMail, at: now})
				if turn.wait > 0 || turn.probe {
					t.Errorf("after a mail was taken: %+v", turn)
				}
			}
		})
	}
}

// TestOneMailWithoutAnswerHoldsUpNoOther: the trouble may be its own, however often it is tried.
func TestOneMailWithoutAnswerHoldsUpNoOther(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	quota := request.MailQuota{PerMinute: 30, PerHour: 100}
	failure := &problem.Error{Code: request.MailUnavailable}
	mine, theirs := mailBooking{request: "mine", at: now}, mailBooking{request: "theirs", at: now}
	var g request.MailGate
	for range 10 {
		g = holdMails(g, now, mine, failure)
	}
	if _, turn := bookMail(g, quota, theirs); turn.wait > 0 || turn.probe {
		t.Errorf("another mail: %+v", turn)
	}
	if taken, changed := mailTaken(g); !changed || taken.Witness != "" {
		t.Errorf("after another mail was taken: %+v", taken)
	}
	if _, turn := bookMail(holdMails(g, now, theirs, failure), quota, mine); turn.wait != time.Minute {
		t.Errorf("after another mail without an answer: %+v", turn)
	}
}

// TestProbeThatIsNotSentLetsTheNextOneTry: the redeem URL for it may be missing.
func TestProbeThatIsNotSentLetsTheNextOneTry(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	quota := request.MailQuota{PerMinute: 30, PerHour: 100}
	g := holdMails(request.MailGate{}, now, mailBooking{}, &problem.Error{Code: request.MailThrottled})
	now = now.Add(time.Minute)
	first, second := mailBooking{request: "first", at: now}, mailBooking{request: "second", at: now.Add(time.Second)}
	g, turn := bookMail(g, quota, first)
	first.probe = turn.probe
	if _, turn := bookMail(g, quota, second); !first.probe || turn.wait == 0 {
		t.Fatalf("while the first one tries: %+v", turn)
	}
	g, _ = unbookMail(g, first)
	if _, turn := bookMail(g, quota, second); turn.wait > 0 || !turn.probe {
		t.Errorf("the second one: %+v", turn)
	}
	crashed := now.Add(probeTakes + time.Second)
	g, _ = bookMail(g, quota, second)
	if _, turn := bookMail(g, quota, mailBooking{at: crashed}); turn.wait > 0 {
		t.Errorf("after a process that ended: %+v", turn)
	}
}
