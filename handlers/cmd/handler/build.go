package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"guestlist/handlers/azure/acs"
	"guestlist/handlers/azure/channels"
	"guestlist/handlers/azure/functions"
	"guestlist/handlers/azure/graph"
	"guestlist/handlers/azure/identity"
	"guestlist/handlers/azure/queues"
	"guestlist/handlers/azure/tables"
	"guestlist/handlers/mail"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/settings"
	"guestlist/handlers/submission"
	"guestlist/handlers/web"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/reviews"
	"guestlist/handlers/web/signin"
	"guestlist/handlers/web/signup"
	"guestlist/handlers/web/site"
	"guestlist/handlers/web/status"
	"guestlist/handlers/workflow"
)

// The names of the functions are those of their folders, and the names of the bindings those in
// their function.json files. A test compares them.
const (
	signupHTTP      = "signup-http"
	statusHTTP      = "status-http"
	reviewsHTTP     = "reviews-http"
	inviteQueue     = "invite-queue"
	invitePoison    = "invite-poison"
	decisionsQueue  = "decisions-queue"
	decisionsPoison = "decisions-poison"
	upkeepTimer     = "upkeep-timer"

	messageBinding   = "message"
	timerBinding     = "timer"
	signupsBinding   = "signups"
	decisionsBinding = "decisions"
)

// build connects the parts and registers the functions, the form if it is served.
func build(s settings.Settings, pages web.Config, notices channels.Config, log *slog.Logger) (*functions.App, error) {
	tokens, err := credentials(s, notices.NeedsToken())
	if err != nil {
		return nil, err
	}
	store, err := tables.New(tables.Config{
		ConnectionString: s.StorageConnection, ServiceURL: s.TablesURL, Credential: tokens.storage, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to the tables: %w", err)
	}
	onQueues, err := queues.New(queues.Config{
		ConnectionString: s.StorageConnection, TablesURL: s.TablesURL, Credential: tokens.storage,
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to the queues: %w", err)
	}
	pressure := new(workflow.Pressure)
	tenant, err := graph.New(graph.Config{URL: s.GraphURL, Credential: tokens.graph, Log: log, Pressure: pressure.Report})
	if err != nil {
		return nil, fmt.Errorf("connecting to the directory: %w", err)
	}
	mailer, err := newMailer(s, tokens.mail, tenant, log)
	if err != nil {
		return nil, fmt.Errorf("connecting to the mail service: %w", err)
	}
	mails, err := newMails(s, pages, mailer)
	if err != nil {
		return nil, err
	}
	told, err := notices.Open(channels.Options{Credential: tokens.notices, Log: log})
	if err != nil {
		return nil, err
	}
	worker, err := workflow.New(workerConfig(
		s, store, onQueues, tenant, pressure, mails, newNotices(s, pages, store), told, log))
	if err != nil {
		return nil, err
	}
	app, err := functions.New(functions.Config{Log: log})
	if err != nil {
		return nil, err
	}
	err = registerPages(app, pages, s.Mail != settings.NoMail, request.Tracker{Store: store}, log)
	if err != nil {
		return nil, err
	}
	err = registerReviews(app, s, pages, store, log)
	if err != nil {
		return nil, err
	}
	registerQueues(app, worker)
	registerUpkeep(app, worker, &reporter{
		store: store, credential: tokens.graph, mailer: mailer, channels: told, settings: s, now: time.Now, log: log,
	})
	return app, nil
}

// serviceCredentials are the managed identity for each service that needs it, else nil.
type serviceCredentials struct{ storage, graph, mail, notices azcore.TokenCredential }

// credentials returns the credentials that the settings ask for. notices says that a channel of
// notices needs one.
func credentials(s settings.Settings, notices bool) (serviceCredentials, error) {
	storage := s.StorageConnection == ""
	directory := s.GraphCredential == settings.ManagedIdentity
	mail := s.Mail == settings.ACSMail && strings.HasPrefix(s.MailURL, "https:")
	if !storage && !directory && !mail && !notices {
		return serviceCredentials{}, nil
	}
	managed, err := identity.Managed(s.ClientID)
	if err != nil {
		return serviceCredentials{}, err
	}
	var tokens serviceCredentials
	if storage {
		tokens.storage = managed
	}
	if directory {
		tokens.graph = managed
	}
	if mail {
		tokens.mail = managed
	}
	if notices {
		tokens.notices = managed
	}
	return tokens, nil
}

// newMailer returns what sends the app's own mails, nil if it sends none, or another app does.
func newMailer(
	s settings.Settings, credential azcore.TokenCredential, tenant *graph.Client, log *slog.Logger,
) (request.Mailer, error) {
	switch {
	case s.MailSender == "":
		return nil, nil
	case s.Mail == settings.ACSMail:
		return acs.New(acs.Config{URL: s.MailURL, Sender: s.MailSender, Credential: credential, Log: log})
	case s.Mail == settings.GraphMail:
		return graph.NewMailer(tenant, s.MailSender)
	}
	return nil, nil
}

// newMails returns what the worker needs to send the app's own mails, nil without a mailer.
func newMails(s settings.Settings, pages web.Config, mailer request.Mailer) (*workflow.Mails, error) {
	if mailer == nil {
		return nil, nil
	}
	origin, err := pages.LinkedByMails()
	if err != nil {
		return nil, err
	}
	letters, err := mail.NewComposer(pages.Style, origin)
	if err != nil {
		return nil, fmt.Errorf("preparing to write mails: %w", err)
	}
	return &workflow.Mails{
		Mailer: mailer, Letters: letters, Random: rand.Reader,
		Quota:     request.MailQuota{PerMinute: s.MailPerMinute, PerHour: s.MailPerHour},
		Reminders: s.Reminders(),
	}, nil
}

// newNotices returns what the worker needs to tell people what waits for them, nil without pages on
// which they decide.
func newNotices(s settings.Settings, pages web.Config, store *tables.Store) *workflow.Notices {
	if !pages.SignIn.On() {
		return nil
	}
	notices := &workflow.Notices{Outbox: store, Origin: pages.SignIn.Origin, Random: rand.Reader}
	for _, kind := range s.Notices() {
		notices.Mailed = append(notices.Mailed, request.NoticeKind(kind))
	}
	return notices
}

// workerConfig returns what the worker, which moves requests on, is made of. told are the channels
// of notices. Without notices there is nothing to tell them, of which the settings warn.
func workerConfig(
	s settings.Settings, store *tables.Store, onQueues *queues.Service, tenant *graph.Client, pressure *workflow.Pressure,
	mails *workflow.Mails, notices *workflow.Notices, told []request.Channel, log *slog.Logger,
) workflow.Config {
	var names request.GroupNames
	if notices == nil {
		told = nil
	} else {
		names = store // the pages show them
	}
	return workflow.Config{
		GroupNames: names,
		Reviews:    store, People: tenant, Reviewers: s.Reviewers, Operators: s.Operators, GuestsDecide: s.GuestsDecide, DecideWithin: s.DecideDays,
		MailStore: store, Mails: mails, Notices: notices, Channels: told, ProofByDefault: s.ProofByDefault, ProofLasts: s.ProofLasts,
		Store: store, Rows: store, Seats: store, Gates: store, DeadLetters: store, Records: store, Strays: store,
		Queues: onQueues, Directory: tenant, Users: tenant, Pressure: pressure,
		Pace:        request.Pace{Daily: s.DailyInvitations, Share: s.DailyShare, Spacing: s.InvitationSpacing},
		RedirectURL: s.RedirectURL, IntentLease: s.IntentLease, Retention: s.Retention,
		Now: time.Now, Sleep: sleep, Jitter: jitter, Log: log,
	}
}

// registerPages registers the status page, and the form if this app serves it. codes says that the
// app mails codes, this one or another with the same tables.
func registerPages(app *functions.App, pages web.Config, codes bool, requests status.Requests, log *slog.Logger) error {
	guards, err := guard.New(pages.Guards, time.Now, rand.Reader)
	if err != nil {
		return err
	}
	service := site.Service{
		Style: pages.Style, Guards: guards, Queue: functions.QueueOutput{Binding: signupsBinding}, Now: time.Now, Log: log,
	}
	page, err := status.New(status.Config{
		Service: service, Requests: requests, Detailed: pages.DetailedStatus, FormOrigin: pages.FormOrigin,
		Codes: codes, FormLifetime: pages.Guards.FormLifetime,
	})
	if err != nil {
		return err
	}
	app.HTTP(statusHTTP, page)
	if !pages.Form {
		return nil
	}
	form, err := signup.New(signup.Config{
		Service: service, Random: rand.Reader, Fields: pages.Fields, Mail: pages.Mail, StatusOrigin: pages.StatusOrigin,
		Codes: codes,
	})
	if err != nil {
		return err
	}
	app.HTTP(signupHTTP, form)
	return nil
}

// registerReviews registers the pages on which people decide. Nothing is there unless people can
// sign in.
func registerReviews(
	app *functions.App, s settings.Settings, pages web.Config, store *tables.Store, log *slog.Logger,
) error {
	if !pages.Reviews || !pages.SignIn.On() {
		app.HTTP(reviewsHTTP, http.NotFoundHandler())
		return nil
	}
	// Their own: a form of the sign-up's pages is none of theirs, and their origin is what people
	// are sent back to.
	guards, err := guard.New(guard.Config{
		PublicOrigins: []string{pages.SignIn.Origin}, Limit: pages.Guards.Limit, Proxies: pages.Guards.Proxies,
	}, time.Now, rand.Reader)
	if err != nil {
		return err
	}
	assertions, err := identity.NewAssertions(s.ClientID, pages.SignIn.URL)
	if err != nil {
		return err
	}
	memberships, err := graph.NewMemberships(graph.Config{URL: s.GraphURL, Log: log})
	if err != nil {
		return fmt.Errorf("preparing to read the groups of people who sign in: %w", err)
	}
	service := site.Service{
		Style: pages.Style, Guards: guards, Queue: functions.QueueOutput{Binding: decisionsBinding}, Now: time.Now, Log: log,
	}
	people, err := signin.New(signin.Config{
		Service: service, Origin: pages.SignIn.Origin, Sessions: store, Assertions: assertions, Memberships: memberships,
		Provider: signin.Provider{
			URL: pages.SignIn.URL, Tenant: pages.SignIn.Tenant, ClientID: pages.SignIn.ClientID, Scope: graph.PersonScope(s.GraphURL),
		},
		Guests: pages.SignIn.Guests, Random: rand.Reader,
	})
	if err != nil {
		return err
	}
	handler, err := reviews.New(reviews.Config{
		Service: service, SignIn: people, Requests: store, Waiting: store, Claims: store, Finder: store, Rows: store,
		Policies: store, Strays: store, State: store, Names: store, Reviewers: s.Reviewers,
		Operators: s.Operators, Guests: pages.SignIn.Guests,
	})
	if err != nil {
		return err
	}
	app.HTTP(reviewsHTTP, handler)
	return nil
}

// registerQueues registers the functions that take messages of the queues and of their poison
// queues.
func registerQueues(app *functions.App, worker *workflow.Worker) {
	app.Queue(inviteQueue, messageBinding, func(ctx context.Context, m functions.QueueMessage) error {
		message, err := submission.DecodeMessage(m.Body)
		if err != nil {
			// Another attempt would find the same.
			return worker.Keep(ctx, submission.Queue, m.ID, m.Body, err)
		}
		return worker.Advance(ctx, message)
	})
	app.Queue(invitePoison, messageBinding, func(ctx context.Context, m functions.QueueMessage) error {
		return worker.GiveUp(ctx, m.ID, m.Body)
	})
	app.Queue(decisionsQueue, messageBinding, func(ctx context.Context, m functions.QueueMessage) error {
		message, err := request.DecodeDecision(m.Body)
		if err != nil {
			return worker.Keep(ctx, request.DecisionsQueue, m.ID, m.Body, err)
		}
		return worker.Apply(ctx, m.ID, message)
	})
	app.Queue(decisionsPoison, messageBinding, func(ctx context.Context, m functions.QueueMessage) error {
		return worker.GiveUpDecision(ctx, m.ID, m.Body)
	})
}

// registerUpkeep registers the timer, which also saves the app's report.
func registerUpkeep(app *functions.App, worker *workflow.Worker, report *reporter) {
	signups := functions.QueueOutput{Binding: signupsBinding}
	app.Timer(upkeepTimer, timerBinding, func(ctx context.Context, _ functions.Timer) error {
		_, err := worker.Upkeep(ctx, signups)
		if err == nil {
			report.save(ctx)
		}
		return err
	})
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// jitter adds up to a fifth to d, so that what failed together does not come back together.
func jitter(d time.Duration) time.Duration { return d + time.Duration(mathrand.Int64N(int64(d)/5+1)) }

const (
	reportEvery   = time.Hour        // how often the app saves its report: a token lives longer
	reportTimeout = 10 * time.Second // how long that may take: it must not hold up the work
	probeTimeout  = 5 * time.Second  // how much of it the mail service may take
)

// A prober is a mailer that can be asked whether it takes mails from the app.
type prober interface {
	Probe(ctx context.Context) error
}

// A reportStore saves the app's report.
type reportStore interface {
	SaveReport(ctx context.Context, report tables.AppReport) error
}

// A reporter saves what only the app knows: its token's permissions, whether it may send mails, and
// some settings.
type reporter struct {
	store      reportStore
	credential azcore.TokenCredential // nil where there is no token
	mailer     request.Mailer         // nil where no mails are sent
	channels   []request.Channel      // of notices
	settings   settings.Settings
	now        func() time.Time
	log        *slog.Logger

	next atomic.Int64 // when the report is due again, in nanoseconds
}

// save saves the report if it is due. After a failure it is due again at the next call.
func (r *reporter) save(ctx context.Context) {
	now := r.now()
	if now.UnixNano() < r.next.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	report := tables.AppReport{
		At: now, Daily: r.settings.DailyInvitations, Spacing: r.settings.InvitationSpacing, Retention: r.settings.Retention,
		Why:  "towards a stand-in there is no token",
		Mail: r.settings.Mail, MailSender: r.settings.MailSender,
		MailPerMinute: r.settings.MailPerMinute, MailPerHour: r.settings.MailPerHour,
		Proof: settings.NoProof, ProofDays: int(r.settings.ProofLasts / (24 * time.Hour)),
		Reviewers: cmp.Or(r.settings.Reviewers, tables.NoReviewers), Operators: cmp.Or(r.settings.Operators, tables.NoOperators),
		Channels: []string{},
	}
	for _, channel := range r.channels {
		report.Channels = append(report.Channels, channel.Name())
	}
	if r.settings.ProofByDefault {
		report.Proof = settings.CodeProof
	}
	if r.credential != nil {
		var err error
		report.Why = ""
		report.Roles, err = graph.Roles(ctx, r.credential, r.settings.GraphURL)
		if err != nil {
			report.Why = err.Error()
		}
	}
	report.MailProbe, report.MailWhy = r.probeMail(ctx)
	err := r.store.SaveReport(ctx, report)
	if err != nil {
		r.log.WarnContext(ctx, "the app could not save its report", "code", problem.CodeOf(err), "error", err)
		return
	}
	r.next.Store(now.Add(reportEvery).UnixNano())
}

// probeMail returns what the mail service says of mails from the app; "" if it can't be asked.
func (r *reporter) probeMail(ctx context.Context) (answer, why string) {
	service, can := r.mailer.(prober)
	if !can {
		return "", ""
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := service.Probe(ctx)
	if err == nil {
		return tables.MailAccepted, ""
	}
	var failure *problem.Error
	if errors.As(err, &failure) {
		why = failure.Detail
	}
	return string(problem.CodeOf(err)), why
}
