package operate

import (
	"context"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

func TestNoticesThatFailAreCounted(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	entry := func(tries int, age time.Duration) request.NoticeEntry {
		return request.NoticeEntry{Tries: tries, At: now.Add(-age)}
	}
	for name, test := range map[string]struct {
		entries []request.NoticeEntry
		most    int
		health  Health
		found   string
	}{
		"none":          {nil, 10, Fine, "0 wait to be sent, and none has failed"},
		"none failed":   {[]request.NoticeEntry{entry(0, time.Minute), entry(0, time.Hour)}, 10, Fine, "2 wait to be sent, and none has failed"},
		"two failed":    {[]request.NoticeEntry{entry(1, time.Hour), entry(0, 5*time.Hour), entry(3, 2*time.Hour)}, 10, Warning, "2 of 3 that wait could not be told to everybody yet, the first for 2h0m0s"},
		"more than are": {[]request.NoticeEntry{entry(1, time.Hour)}, 1, Warning, "at least 1 of 1 that wait could not be told to everybody yet, the first for 1h0m0s"},
	} {
		got := CheckOutbox(test.entries, test.most, now)
		if got.Health != test.health || got.Found != test.found || (got.Cure == "") != (test.health == Fine) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestEveryFailureOfATestHasACure: whatever a channel answers, an admin reads what to do, and no
// code that is for programs.
func TestEveryFailureOfATestHasACure(t *testing.T) {
	for _, code := range append(request.NoticeCodes(), problem.Internal) {
		for _, err := range []error{
			problem.New(code, "sending a notice to webhook: status 999"), problem.New(code, "sending a notice to webhook: given up: %w", context.Canceled),
		} {
			got := CheckTestNotice("webhook", err)
			if got.Health == Fine || got.Cure == "" || got.Part != "webhook" || strings.Contains(got.Found, string(code)) || strings.Contains(got.Found, "sending a notice") {
				t.Errorf("%s: %+v", code, got)
			}
		}
	}
	for code, says := range map[problem.Code]string{request.MailForbidden: "right", request.MailRefused: "address", request.MailUnavailable: "later"} {
		got := CheckTestMail(problem.New(code, "sending a mail: status 999"))
		if got.Health != Broken || !strings.Contains(got.Cure, says) || !strings.Contains(got.Found, "999") {
			t.Errorf("%s: %+v", code, got)
		}
	}
}
