package tables

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReportIsKept(t *testing.T) {
	store := newTestStore(t, nil)
	report, err := store.Report(t.Context())
	if err != nil || !report.At.IsZero() {
		t.Errorf("before the first report: %+v, %v", report, err)
	}
	at := time.Date(2026, 5, 4, 12, 0, 0, 100, time.UTC)
	for _, want := range []AppReport{
		{At: at, Roles: []string{"User.Invite.All", "User.Read.All"}, Daily: 80, Spacing: time.Second, Retention: 90 * 24 * time.Hour},
		{At: at, Roles: []string{}, Daily: 0},
		{At: at, Why: "no token", Spacing: 1500 * time.Millisecond},
		{At: at, Why: "no token", Mail: "acs", MailSender: "guests@fabrikam.example", MailProbe: "mail-forbidden", MailWhy: "no role",
			MailPerMinute: 30, MailPerHour: 100, Proof: "code", ProofDays: 7, Reviewers: NoReviewers, Operators: NoOperators, Channels: []string{"teams", "eventgrid"}},
		{At: at, Channels: []string{}},
	} {
		err = store.SaveReport(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := store.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestCheckTablesNamesUnreadableTables(t *testing.T) {
	store := newTestStore(t, nil)
	for _, check := range store.CheckTables(t.Context()) {
		if check.Err != nil || check.Missing || check.Table == "" {
			t.Errorf("%+v", check)
		}
	}
	_, err := store.poison.Delete(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range store.CheckTables(t.Context()) {
		if gone := check.Table == poisonTable; check.Missing != gone || (check.Err != nil) != gone {
			t.Errorf("%+v", check)
		}
	}
}
