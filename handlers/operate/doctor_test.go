package operate

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// wantCheck fails unless the check has the health, and a cure if it is not fine.
func wantCheck(t *testing.T, check Check, health Health, found string) {
	t.Helper()
	if check.Health != health || !strings.Contains(check.Found, found) {
		t.Errorf("%+v, want %s with %q", check, health, found)
	}
	if check.Part == "" || (check.Health != Fine) != (check.Cure != "") {
		t.Errorf("%+v: a check has a cure if and only if it is not fine", check)
	}
}

func TestCheckRoles(t *testing.T) {
	all := []string{"GroupMember.ReadWrite.All", "User.Invite.All", "User.Read.All"}
	for _, check := range CheckRoles(all) {
		wantCheck(t, check, Fine, "granted")
	}
	checks := CheckRoles([]string{"AppRoleAssignment.ReadWrite.All", "Policy.Read.All"})
	if len(checks) != 5 {
		t.Fatalf("%+v", checks)
	}
	wantCheck(t, checks[0], Broken, "to invite guests")
	wantCheck(t, checks[1], Warning, "groups that the app does not own")
	wantCheck(t, checks[2], Warning, "who holds an address")
	wantCheck(t, checks[3], Warning, "does not use it")
	wantCheck(t, checks[4], Warning, "does not use it")
	checks = CheckRoles(append(all, "Mail.Send"))
	wantCheck(t, checks[len(checks)-1], Warning, "every mailbox")
	// docs/security.md: any additional one.
	for _, more := range []string{
		"GroupMember.Read.All", "User.ReadBasic.All", "Group.Read.All", "CrossTenantInformation.ReadBasic.All", "Policy.Read.All",
		"Directory.Read.All", "User.ReadWrite.All", "Sites.Selected", "Mail.Read", "mail.send",
	} {
		checks = CheckRoles(append(slices.Clone(all), more))
		if len(checks) != len(all)+1 {
			t.Errorf("%s: %+v", more, checks)
		}
		wantCheck(t, checks[len(checks)-1], Warning, "granted")
	}
}

func TestCheckMail(t *testing.T) {
	const sender = "guests@join.fabrikam.example"
	for name, test := range map[string]struct {
		mailing Mailing
		health  Health
		found   string
	}{
		"none":            {Mailing{}, Fine, "Microsoft sends"},
		"a mailbox":       {Mailing{Sender: sender}, Unknown, "from the mailbox " + sender},
		"a right":         {Mailing{Sender: sender, Asked: true}, Fine, "from " + sender},
		"no right":        {Mailing{Sender: sender, Asked: true, Fault: request.MailForbidden, Why: "status 403"}, Broken, "status 403"},
		"no answer":       {Mailing{Sender: sender, Asked: true, Fault: request.MailUnavailable, Why: "x"}, Unknown, "mail-unavailable"},
		"a spent quota":   {Mailing{Sender: sender, Asked: true, Fault: request.MailThrottled}, Unknown, "mail-throttled"},
		"Azure's domain":  {Mailing{Sender: "donotreply@0.azurecomm.net", Asked: true}, Warning, "10 an hour"},
		"no right for it": {Mailing{Sender: "donotreply@0.azurecomm.net", Asked: true, Fault: request.MailForbidden}, Broken, "refuses"},
	} {
		t.Run(name, func(t *testing.T) { wantCheck(t, CheckMail(test.mailing), test.health, test.found) })
	}
}

func TestCheckProbe(t *testing.T) {
	wantCheck(t, CheckProbe("User.Invite.All", nil), Fine, "granted")
	wantCheck(t, CheckProbe("User.Invite.All", problem.New(request.DirectoryForbidden, "no")), Broken, "missing")
	wantCheck(t, CheckProbe("User.Read.All", problem.New(request.DirectoryReadForbidden, "no")), Warning, "missing")
	wantCheck(t, CheckProbe("GroupMember.ReadWrite.All", problem.New(request.DirectoryGroupForbidden, "no")), Warning, "missing")
	wantCheck(t, CheckProbe("User.Invite.All", problem.New(request.DirectoryUnavailable, "down")), Unknown, "could not be asked")
	wantCheck(t, CheckProbe("User.Invite.All", errors.New("odd")), Unknown, "could not be asked")
}

func TestChecks(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	wantCheck(t, CheckReport(time.Time{}, now), Broken, "never")
	wantCheck(t, CheckReport(now.Add(-4*time.Hour), now), Broken, "4h0m0s ago")
	wantCheck(t, CheckReport(now.Add(-time.Hour), now), Fine, "1h0m0s ago")
	wantCheck(t, CheckStrays(request.Strays{}, now), Broken, "never")
	wantCheck(t, CheckStrays(request.Strays{CheckedAt: now.Add(-time.Hour)}, now), Broken, "every sign-up waits")
	wantCheck(t, CheckStrays(request.Strays{CheckedAt: now.Add(-time.Minute)}, now), Fine, "all checked")

	wantCheck(t, CheckBreaker(NewBreaker(BreakerConfig{Gate: request.Gate{Cause: request.DirectorySuspicious}, Now: now})), Broken, "suspicious")
	both := request.Gate{
		Cause: request.DirectoryQuota, Stop: request.Stop{By: "desk", Reason: "a bad row", At: now},
	}
	for _, part := range []string{"stopped-by-admin", "desk", "a bad row", "quota-exceeded"} {
		wantCheck(t, CheckBreaker(NewBreaker(BreakerConfig{Gate: both, Now: now})), Broken, part)
	}
	spent := request.Gate{Day: policy.Day(now), Sent: 80}
	wantCheck(t, CheckBreaker(NewBreaker(BreakerConfig{Gate: spent, Pace: &request.Pace{Daily: 80}, Now: now})), Warning, "80")
	wantCheck(t, CheckBreaker(NewBreaker(BreakerConfig{Gate: spent, Now: now})), Fine, "80 sent today")

	queue := func(name string, messages int, age time.Duration) Check {
		q := Queue{Name: name, Exists: messages >= 0, Messages: messages}
		if age > 0 {
			q.Oldest = now.Add(-age)
		}
		return CheckQueue(q, now)
	}
	wantCheck(t, queue("signups", -1, 0), Fine, "not there yet")
	wantCheck(t, queue("signups", 12, 0), Fine, "12")
	wantCheck(t, queue("signups", 12, 10*time.Minute), Fine, "12")
	wantCheck(t, queue("signups", 12, 20*time.Minute), Warning, "one waits for 20m0s to be taken")
	wantCheck(t, queue("signups", 12, 3*time.Hour), Broken, "one waits for 3h0m0s to be taken")
	wantCheck(t, queue("signups", 2000, 0), Warning, "2000")
	wantCheck(t, queue("signups-poison", -1, 0), Fine, "not there yet")
	wantCheck(t, queue("signups-poison", 0, 0), Fine, "0")
	wantCheck(t, queue("signups-poison", 1, 0), Broken, "1")

	wantCheck(t, queue("decisions", -1, 0), Fine, "the first vote")
	wantCheck(t, queue("decisions", 2, 3*time.Hour), Broken, "one waits for 3h0m0s to be taken")
	wantCheck(t, queue("decisions-poison", 1, 0), Broken, "may be votes")

	wantCheck(t, CheckDue(0, 100), Fine, "no request")
	wantCheck(t, CheckDue(3, 100), Broken, "3 requests have been due for more than 15m")
	wantCheck(t, CheckDue(100, 100), Broken, "at least 100")
}

func TestCheckSweep(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		sweep request.Sweep
		want  []Check // Found is a part
	}{
		"never begun": {request.Sweep{}, []Check{
			{Part: "sweep", Health: Unknown, Found: "not looked through all requests yet"},
		}},
		"the first round": {request.Sweep{Began: now.Add(-time.Hour), Part: request.SweepRequests}, []Check{
			{Part: "sweep", Health: Unknown, Found: "not looked through all requests yet"},
		}},
		"a first round that does not end": {request.Sweep{Began: now.Add(-25 * time.Hour), Part: request.SweepRequests}, []Check{
			{Part: "sweep", Health: Warning, Found: "no round has come to its end; this one began 25h0m0s ago"},
		}},
		"nothing found": {request.Sweep{Began: now.Add(-time.Hour), Ended: now.Add(-20 * time.Minute)}, []Check{
			{Part: "sweep", Health: Fine, Found: "ended 20m0s ago"},
			{Part: "records", Health: Fine, Found: "can be read"},
			{Part: "requests", Health: Fine, Found: "none is overdue"},
		}},
		"mails that wait": {
			request.Sweep{Began: now, Ended: now, Last: request.Tally{Proving: 3, Owed: 2, OwedSince: now.Add(1 - owedAlarm)}}, []Check{
				{Part: "sweep", Health: Fine},
				{Part: "records", Health: Fine},
				{Part: "requests", Health: Fine},
				{Part: "waiting mails", Health: Fine, Found: "3 wait for a code to be typed, and 2 are owed a mail, the first since 2026-05-04T06:00:00Z"},
			},
		},
		"mails that wait for long": {
			request.Sweep{Began: now, Ended: now, Last: request.Tally{Owed: 1, OwedSince: now.Add(-owedAlarm)}}, []Check{
				{Part: "sweep", Health: Fine},
				{Part: "records", Health: Fine},
				{Part: "requests", Health: Fine},
				{Part: "waiting mails", Health: Warning, Found: "1 are owed a mail"},
			},
		},
		"something found long ago": {
			request.Sweep{Began: now.Add(-24 * time.Hour), Part: request.SweepMails, Ended: now.Add(-25 * time.Hour), Last: request.Tally{
				Unreadable: 1, Examples: []submission.ID{"id1"},
				Overdue: map[request.State]request.Standing{request.Review: {Requests: 2}, request.Parked: {Requests: 1}},
			}},
			[]Check{
				{Part: "sweep", Health: Warning, Found: "ended 25h0m0s ago; what it found is old"},
				{Part: "records", Health: Warning, Found: "1 can't be read, and wait: id1"},
				{Part: "requests", Health: Warning, Found: "1 in parked, 2 in review"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := CheckSweep(test.sweep, now)
			if len(got) != len(test.want) {
				t.Fatalf("got %+v", got)
			}
			for i, want := range test.want {
				if got[i].Part != want.Part {
					t.Errorf("%q is checked, want %q", got[i].Part, want.Part)
				}
				wantCheck(t, got[i], want.Health, want.Found)
			}
		})
	}
}

func TestTermsFor(t *testing.T) {
	group := "11111111-1111-4111-8111-111111111111"
	rows := []policy.Raw{
		{Partition: "contoso.com", Name: "decided", Columns: map[string]any{"Action": "review", "Groups": group}},
		{Partition: "contoso.com", Name: "misspelt", Columns: map[string]any{"Action": "reveiw"}},
	}
	by := func(name string) request.Request {
		return request.Request{Decision: &policy.Decision{Action: policy.Review, Row: &policy.RowSnapshot{Partition: "contoso.com", Name: name}}}
	}
	approval, err := TermsFor(rows, by("decided"), nil)
	if err != nil || len(approval.Terms.Groups) != 1 || approval.Row.Name != "decided" {
		t.Errorf("%+v, %v", approval, err)
	}
	approval, err = TermsFor(rows, by("gone"), &policy.RowKey{Partition: "contoso.com", Name: "decided"})
	if err != nil || approval.Row.Name != "decided" {
		t.Errorf("the named row does not win: %+v, %v", approval, err)
	}
	approval, err = TermsFor(rows, request.Request{}, nil)
	if err != nil || len(approval.Terms.Groups) != 0 || approval.Terms.InvitationMail != policy.MailByDefault || approval.Terms.UserType != "Guest" {
		t.Errorf("without a row: %+v, %v", approval, err)
	}
	for _, name := range []string{"gone", "misspelt"} {
		_, err = TermsFor(rows, by(name), nil)
		if err == nil || !strings.Contains(err.Error(), "--row") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDoctorSaysWhoGivesOrders(t *testing.T) {
	const group = "a0000000-0000-4000-8000-000000000004"
	if got := CheckOperators(group, false); got.Health != Fine || !strings.Contains(got.Found, group) {
		t.Errorf("%+v", got)
	}
	if got := CheckOperators("none", true); got.Health != Fine || !strings.Contains(got.Found, "nobody") {
		t.Errorf("%+v", got)
	}
}
