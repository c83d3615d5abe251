package request

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestAddressGetsBoundedMails sends a mail whenever the claim allows one, by clocks that are some
// seconds apart, and counts those of any day and week.
func TestAddressGetsBoundedMails(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		claim := Claim{State: ClaimReserved, Owner: owner}
		var sent []time.Time
		yeses, yes := 0, time.Time{}
		for now := claimTime; now.Before(claimTime.AddDate(0, 1, 0)); {
			now = now.Add(time.Duration(random.Int64N(int64(3 * time.Hour))))
			clock := now.Add(time.Duration(random.IntN(40)-20) * time.Second)
			if random.IntN(100) == 0 {
				yeses, yes = yeses+1, clock
			}
			wait, spent := claim.BeforeMail(clock, yes)
			if wait > 0 || spent {
				continue
			}
			before := claim
			claim = claim.Mailed(clock)
			if random.IntN(4) == 0 {
				claim = claim.Uncounted()
				if before.Mails != claim.Mails || !before.MailedAt.Equal(claim.MailedAt) {
					t.Fatalf("seed %d: %+v was not sent: %+v", seed, before, claim)
				}
				continue
			}
			// It goes out some time after it was counted.
			at := now.Add(time.Duration(random.Int64N(int64(LongestAttempt))))
			day, week := 0, 0
			for _, earlier := range sent {
				if at.Sub(earlier) < 24*time.Hour {
					day++
				}
				if at.Sub(earlier) < 7*24*time.Hour {
					week++
				}
			}
			sent = append(sent, at)
			if day >= MailsPerDay || week >= MailsPerWeek {
				yeses--
			}
			if yeses < 0 {
				t.Fatalf("seed %d: %d mails in a day and %d in a week: %v", seed, day+1, week+1, sent)
			}
		}
		if len(sent) < 2*MailsPerWeek {
			t.Errorf("seed %d: %d mails in a month", seed, len(sent))
		}
	}
}

func TestYesCountsForOneMail(t *testing.T) {
	claim := Claim{State: ClaimReserved, Owner: owner}
	now := claimTime
	for range MailsPerWeek {
		claim = claim.Mailed(now)
		now = now.Add(time.Hour)
	}
	// The person's clock is ahead.
	yes := now.Add(time.Hour)
	if _, spent := claim.BeforeMail(now, time.Time{}); !spent {
		t.Error("one mail too many")
	}
	if wait, spent := claim.BeforeMail(now, yes); spent || wait > 0 {
		t.Error("a person's yes does not count")
	}
	claim = claim.Mailed(yes)
	if _, spent := claim.BeforeMail(now, yes); !spent {
		t.Error("a yes counts for two mails")
	}
}

func TestClocksThatAreWrongSpareNoMail(t *testing.T) {
	day := 26 * time.Hour
	for name, clocks := range map[string][2]time.Duration{
		"ahead":  {0, day},
		"behind": {0, -day},
	} {
		claim := Claim{State: ClaimReserved, Owner: owner}
		sent := 0
		for hours := range 7 * 24 {
			now := claimTime.Add(time.Duration(hours) * time.Hour).Add(clocks[hours%2])
			if wait, spent := claim.BeforeMail(now, time.Time{}); wait <= 0 && !spent {
				claim = claim.Mailed(now)
				sent++
			}
		}
		if sent > MailsPerWeek {
			t.Errorf("%s: %d mails in a week", name, sent)
		}
	}
}

// TestClockThatIsYearsAheadStopsNoMails: what it has written does not count.
func TestClockThatIsYearsAheadStopsNoMails(t *testing.T) {
	claim := Claim{State: ClaimReserved, Owner: owner}
	for range MailsPerWeek {
		claim = claim.Mailed(claimTime.AddDate(10, 0, 0))
	}
	if wait, spent := claim.BeforeMail(claimTime, time.Time{}); wait > 0 || spent {
		t.Errorf("the next mail waits for %s, spent %v", wait, spent)
	}
	if claim = claim.Mailed(claimTime); claim.MailsOfDay(claimTime) != 1 {
		t.Errorf("%d mails count", claim.MailsOfDay(claimTime))
	}
}
