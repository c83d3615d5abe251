package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/settings"
)

// savedReports keeps the reports that are saved in time.
type savedReports []tables.AppReport

func (s *savedReports) SaveReport(ctx context.Context, report tables.AppReport) error {
	if ctx.Err() == nil {
		*s = append(*s, report)
	}
	return ctx.Err()
}

// named is a channel of that name.
type named string

func (n named) Name() string                                   { return string(n) }
func (named) Recognizes() bool                                 { return false }
func (named) SendNotice(context.Context, request.Notice) error { return nil }

// mailbox is a mailer that can't be asked.
type mailbox struct{ request.Mailer }

// mailService is one that can.
type mailService struct {
	request.Mailer
	probe func(context.Context) error
}

func (m mailService) Probe(ctx context.Context) error { return m.probe(ctx) }

func TestReportSaysWhatIsAskedOfPartners(t *testing.T) {
	for name, test := range map[string]struct {
		settings settings.Settings
		channels []request.Channel
		want     tables.AppReport // the part about mails, proofs and notices
	}{
		"no mails": {
			settings.Settings{Mail: settings.NoMail}, nil,
			tables.AppReport{Mail: settings.NoMail, Proof: settings.NoProof, Reviewers: tables.NoReviewers, Operators: tables.NoOperators, Channels: []string{}},
		},
		"mails and a proof": {
			settings.Settings{Mail: settings.ACSMail, MailSender: "guests@fabrikam.example", MailPerMinute: 30, MailPerHour: 100,
				ProofByDefault: true, ProofLasts: 7 * 24 * time.Hour, Reviewers: "a0000000-0000-4000-8000-000000000001",
				Operators: "a0000000-0000-4000-8000-000000000004"},
			[]request.Channel{named("teams"), named("eventgrid")},
			tables.AppReport{Mail: settings.ACSMail, MailSender: "guests@fabrikam.example", MailPerMinute: 30, MailPerHour: 100,
				Proof: settings.CodeProof, ProofDays: 7, Reviewers: "a0000000-0000-4000-8000-000000000001",
				Operators: "a0000000-0000-4000-8000-000000000004", Channels: []string{"teams", "eventgrid"}},
		},
	} {
		var saved savedReports
		r := reporter{store: &saved, now: time.Now, log: slog.New(slog.DiscardHandler), settings: test.settings, channels: test.channels}
		r.save(t.Context())
		got := saved[0]
		got.At, got.Why = time.Time{}, ""
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
	}
}

func TestReportSaysWhetherAppMaySendMails(t *testing.T) {
	answering := func(err error) request.Mailer {
		return mailService{probe: func(context.Context) error { return err }}
	}
	hanging := mailService{probe: func(ctx context.Context) error {
		<-ctx.Done()
		return problem.New(request.MailUnavailable, "no answer")
	}}
	for name, test := range map[string]struct {
		mailer      request.Mailer
		answer, why string
	}{
		"no mails":  {nil, "", ""},
		"a mailbox": {mailbox{}, "", ""},
		"a right":   {answering(nil), tables.MailAccepted, ""},
		"no right":  {answering(problem.New(request.MailForbidden, "no role")), string(request.MailForbidden), "no role"},
		"no answer": {hanging, string(request.MailUnavailable), "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var saved savedReports
				r := reporter{
					store: &saved, mailer: test.mailer, now: time.Now, log: slog.New(slog.DiscardHandler),
					settings: settings.Settings{Mail: settings.ACSMail, MailSender: "guests@fabrikam.example"},
				}
				r.save(t.Context())
				r.save(t.Context()) // not due
				if len(saved) != 1 {
					t.Fatalf("%d reports are saved", len(saved))
				}
				if saved[0].Mail != settings.ACSMail || saved[0].MailSender != "guests@fabrikam.example" ||
					saved[0].MailProbe != test.answer || saved[0].MailWhy != test.why {
					t.Errorf("%+v, want %q, %q", saved[0], test.answer, test.why)
				}
				time.Sleep(reportEvery)
				r.save(t.Context())
				if len(saved) != 2 {
					t.Errorf("%d reports are saved, want one each hour", len(saved))
				}
			})
		})
	}
}
