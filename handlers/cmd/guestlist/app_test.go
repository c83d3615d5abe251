package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"
	"github.com/rogpeppe/go-internal/testscript"

	"guestlist/handlers/azure/acs"
	"guestlist/handlers/azure/graph"
	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/noticesim"
	"guestlist/handlers/mail"
	"guestlist/handlers/request"
	"guestlist/handlers/settings"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// tenantKey is the key of a script's tenant.
type tenantKey struct{}

// tenant are the stand-ins of a script's local run: for Graph once it is started, and for the mail
// service once the app sends mails.
type tenant struct {
	server *graphsim.Server
	url    string
	mails  *acssim.Server
	mailer request.Mailer
	// channels gets notices, once they are configured.
	channels *noticesim.Server
}

// mailSender is where the app's own mails come from.
const mailSender = "guests@join.fabrikam.example"

// sendMails lets the app send mails of its own from now on, and ask for a proof of the mailbox.
func sendMails(ts *testscript.TestScript, _ bool, _ []string) {
	at := tenantOf(ts)
	var err error
	at.mails, err = acssim.New(acssim.Config{Senders: []string{mailSender}})
	ts.Check(err)
	server := httptest.NewServer(at.mails)
	ts.Defer(server.Close)
	at.mailer, err = acs.New(acs.Config{URL: server.URL, Sender: mailSender})
	ts.Check(err)
	configure(ts, map[string]string{
		settings.Mail: settings.ACSMail, settings.MailURL: server.URL, settings.MailSender: mailSender,
	})
}

// configure adds settings to those of the local run, as that has in its run.json.
func configure(ts *testscript.TestScript, more map[string]string) {
	var run map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(runFile)), &run))
	all, _ := run["settings"].(map[string]any)
	if all == nil {
		all = map[string]any{
			settings.StorageConnection: run["storage"], settings.GraphURL: run["graph"], settings.GraphCredential: settings.NoCredential,
		}
	}
	for name, value := range more {
		all[name] = value
	}
	run["settings"] = all
	text, err := json.Marshal(run)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(runFile), text, 0o600))
}

// openChannels lets a stand-in get notices.
func openChannels(ts *testscript.TestScript, _ bool, _ []string) {
	sim := noticesim.New(time.Now)
	tenantOf(ts).channels = sim
	server := httptest.NewServer(sim)
	ts.Defer(server.Close)
	configure(ts, map[string]string{
		settings.TeamsURL: server.URL + noticesim.TeamsPath, settings.EventGridURL: server.URL + noticesim.EventGridPath,
		settings.WebhookURL: server.URL + noticesim.WebhookPath, settings.WebhookKeys: noticesim.WebhookKey,
		settings.ReviewOrigin: "http://127.0.0.1:7071",
	})
}

// told fails unless a channel has taken this number of notices.
func told(ts *testscript.TestScript, _ bool, args []string) {
	n := 0
	for _, notice := range tenantOf(ts).channels.Notices() {
		if notice.Channel == args[0] {
			n++
		}
	}
	if strconv.Itoa(n) != args[1] {
		ts.Fatalf("%s has taken %d notices", args[0], n)
	}
}

// failChannel makes a channel's next notice fail.
func failChannel(ts *testscript.TestScript, _ bool, args []string) {
	status, ofStatus := strconv.Atoi(args[1])
	wait, ofWait := strconv.Atoi(args[2])
	ts.Check(errors.Join(ofStatus, ofWait))
	ts.Check(tenantOf(ts).channels.Order(noticesim.Fault{Channel: args[0], Status: status, RetryAfter: wait}))
}

// failMails makes the mail service refuse everything with a status; 0 ends that.
func failMails(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	server := tenantOf(ts).mails
	server.ClearFaults()
	if status > 0 {
		ts.Check(server.Order(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: status, Always: true}))
	}
}

// codeLine is the line of a mail with a code.
var codeLine = regexp.MustCompile(`(?m)^\s*(\d{4}) (\d{4})\s*$`)

// prove types the code of the last mail as the partner does, and processes it. With a second
// argument it types that.
func prove(ts *testscript.TestScript, _ bool, args []string) {
	mails := tenantOf(ts).mails.Mails()
	match := codeLine.FindStringSubmatch(mails[len(mails)-1].Text)
	code := ""
	switch {
	case len(args) > 1:
		code = args[1]
	case match == nil:
		ts.Fatalf("the last mail has no code")
	default:
		code = match[1] + match[2]
	}
	message := submission.Message{ID: submission.ID(args[0]), Kind: submission.Prove, Code: code}
	ts.Check(worker(ts, store(ts)).Advance(context.Background(), message))
}

// mailed fails unless the mail service has taken this number of mails.
func mailed(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.Itoa(len(tenantOf(ts).mails.Mails())); got != args[0] {
		ts.Fatalf("%s mails were sent", got)
	}
}

func tenantOf(ts *testscript.TestScript) *tenant { return ts.Value(tenantKey{}).(*tenant) }

// outbox is the queue between upkeep and the worker.
type outbox [][]byte

func (o *outbox) Enqueue(_ context.Context, message []byte) error {
	*o = append(*o, message)
	return nil
}

// worker returns the app's worker on the tables and the stand-in of the script's local run.
func worker(ts *testscript.TestScript, store *tables.Store) *workflow.Worker {
	client, err := graph.New(graph.Config{URL: tenantOf(ts).url})
	ts.Check(err)
	local, err := readRun(runFile, []byte(ts.ReadFile(runFile)))
	ts.Check(err)
	onQueues, err := local.queues()
	ts.Check(err)
	config := workflow.Config{
		Store: store, Rows: store, Seats: store, Gates: store, DeadLetters: store, Records: store, Strays: store,
		Queues: onQueues, Directory: client, Users: client, MailStore: store, Reviews: store, People: client,
		RedirectURL: "https://landing.example.com", IntentLease: time.Minute, Now: time.Now,
		Sleep:  func(context.Context, time.Duration) error { return nil },
		Jitter: func(d time.Duration) time.Duration { return d },
		Log:    slog.New(slog.DiscardHandler),
	}
	if mailer := tenantOf(ts).mailer; mailer != nil {
		letters, err := mail.NewComposer(mail.SampleStyle(), mail.SampleOrigin)
		ts.Check(err)
		config.Mails = &workflow.Mails{
			Mailer: mailer, Letters: letters, Quota: request.MailQuota{PerMinute: 30, PerHour: 100}, Random: rand.Reader,
		}
		config.ProofByDefault, config.ProofLasts = true, 7*24*time.Hour
	}
	m, err := workflow.New(config)
	ts.Check(err)
	return m
}

// signUp sends a sign-up and processes it. The variable gets the id of the request, and the one
// with _REFERENCE behind its name the reference.
func signUp(ts *testscript.TestScript, _ bool, args []string) {
	in := submission.Input{Email: args[1], GivenName: "Ana", FamilyName: "Silva", Company: "Contoso", Reason: "for the\nproject"}
	s, err := in.Submission(time.Now())
	ts.Check(err)
	id, err := submission.NewID(time.Now(), rand.Reader)
	ts.Check(err)
	ts.Check(worker(ts, store(ts)).Advance(context.Background(), submission.Message{ID: id, Submission: &s}))
	ts.Setenv(args[0], string(id))
	ts.Setenv(args[0]+"_REFERENCE", string(id.Reference()))
}

// withdraw sends a withdrawal as the status page does, and processes it.
func withdraw(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(worker(ts, store(ts)).Advance(context.Background(), submission.Message{ID: submission.ID(args[0]), Kind: submission.Withdraw}))
}

// upkeep runs upkeep and everything that is due.
func upkeep(ts *testscript.TestScript, _ bool, _ []string) {
	m := worker(ts, store(ts))
	var due outbox
	_, err := m.Upkeep(context.Background(), &due)
	ts.Check(err)
	for _, body := range due {
		message, err := submission.DecodeMessage(body)
		ts.Check(err)
		ts.Check(m.Advance(context.Background(), message))
	}
}

// refuses makes the stand-in refuse every invitation with a status and a text.
func refuses(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(tenantOf(ts).server.Order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodPost, Path: "/v1.0/invitations"}, Times: 1_000_000,
		Status: status, Code: "Forbidden", Message: args[1]}))
}

// heals ends the effect of refuses.
func heals(ts *testscript.TestScript, _ bool, _ []string) { tenantOf(ts).server.ClearFaults() }

// lacks takes permissions away from the app.
func lacks(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(tenantOf(ts).server.Deny(args...))
}

// invited fails unless the tenant has these numbers of invitations, guests and memberships.
func invited(ts *testscript.TestScript, _ bool, args []string) {
	server := tenantOf(ts).server
	for i, got := range []int{len(server.Invitations()), len(server.Guests()), len(server.Memberships())} {
		if args[i] != strconv.Itoa(got) {
			ts.Fatalf("the tenant has %d invitations, %d guests, %d memberships", len(server.Invitations()), len(server.Guests()), len(server.Memberships()))
		}
	}
}

// keep stores a dead letter: its id, its text, in which $NAME is replaced, and the queue on which
// it was, if that is known.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	letter := request.DeadLetter{ID: args[0], Queue: strings.Join(args[2:], ""), At: time.Now(), Body: []byte(args[1]), Why: "malformed-message: the message is not JSON of the known form"}
	ts.Check(store(ts).KeepDeadLetter(context.Background(), letter))
}

// saveReport stores a report of an app that has checked the rows, too.
func saveReport(ts *testscript.TestScript, report tables.AppReport) {
	ts.Check(store(ts).SaveReport(context.Background(), report))
	checked(ts, false, []string{"1m"})
}

// checked stores how long ago the app began to check all rows.
func checked(ts *testscript.TestScript, _ bool, args []string) {
	ago, err := time.ParseDuration(args[0])
	ts.Check(err)
	strays, err := store(ts).Strays(context.Background())
	ts.Check(err)
	strays.CheckedAt = time.Now().Add(-ago)
	ts.Check(store(ts).SaveStrays(context.Background(), strays))
}

// reports stores a report of the app with its permissions.
func reports(ts *testscript.TestScript, _ bool, args []string) {
	report := tables.AppReport{At: time.Now(), Roles: args, Daily: 80, Spacing: time.Second}
	saveReport(ts, report)
}

// reportsMail stores a report of the app with what it said of its mails: the service, the sender,
// the answer of the service or -, its words, and whether it asks for a proof by default.
func reportsMail(ts *testscript.TestScript, _ bool, args []string) {
	report := tables.AppReport{
		At: time.Now(), Roles: []string{"User.Invite.All", "GroupMember.ReadWrite.All", "User.Read.All"},
		Mail: args[0], MailSender: args[1], MailProbe: strings.Trim(args[2], "-"), MailWhy: args[3],
		MailPerMinute: 30, MailPerHour: 100, Proof: "code", ProofDays: 7,
	}
	if args[0] == settings.NoMail {
		report.MailPerMinute, report.MailPerHour, report.Proof = 0, 0, settings.NoProof
	}
	if len(args) > 4 {
		report.Proof = args[4]
	}
	saveReport(ts, report)
}

// reportsReviewers stores a report of the app with its group of reviewers, or none.
func reportsReviewers(ts *testscript.TestScript, _ bool, args []string) {
	report := tables.AppReport{At: time.Now(), Daily: 80, Spacing: time.Second, Reviewers: args[0]}
	saveReport(ts, report)
}

// reportsChannels stores a report of the app with its channels.
func reportsChannels(ts *testscript.TestScript, _ bool, args []string) {
	report := tables.AppReport{
		At: time.Now(), Roles: []string{"User.Invite.All", "GroupMember.ReadWrite.All", "User.Read.All"}, Daily: 80, Spacing: time.Second,
		Channels: append([]string{}, args...),
	}
	saveReport(ts, report)
}

// queue returns the client of a queue of the script's local run.
func queue(ts *testscript.TestScript, name string) *azqueue.QueueClient {
	local, err := readRun(runFile, []byte(ts.ReadFile(runFile)))
	ts.Check(err)
	client, err := azqueue.NewQueueClientFromConnectionString(local.config.ConnectionString, name, nil)
	ts.Check(err)
	return client
}

// appliesVotes lets the app apply the votes on its queue from now on until the script ends.
func appliesVotes(ts *testscript.TestScript, _ bool, _ []string) {
	decisions := queue(ts, request.DecisionsQueue)
	_, err := decisions.Create(context.Background(), nil)
	ts.Check(err)
	app := worker(ts, store(ts))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- applyVotes(ctx, decisions, app) }()
	ts.Defer(func() {
		stop()
		err := <-ended
		if !errors.Is(err, context.Canceled) {
			ts.Logf("applying votes: %v", err)
		}
	})
}

// applyVotes applies votes until ctx ends.
func applyVotes(ctx context.Context, decisions *azqueue.QueueClient, app *workflow.Worker) error {
	for {
		answer, err := decisions.DequeueMessage(ctx, nil)
		if err != nil && ctx.Err() == nil {
			return err
		}
		for _, m := range answer.Messages {
			raw, err := base64.StdEncoding.DecodeString(*m.MessageText)
			if err != nil {
				return err
			}
			ballot, err := request.DecodeBallot(raw)
			if err != nil {
				return err
			}
			err = app.Vote(ctx, *m.MessageID, ballot)
			if err != nil {
				return err
			}
			_, err = decisions.DeleteMessage(ctx, *m.MessageID, *m.PopReceipt, nil)
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// makeQueue creates a queue, as the host does with the first message.
func makeQueue(ts *testscript.TestScript, _ bool, args []string) {
	_, err := queue(ts, args[0]).Create(context.Background(), nil)
	ts.Check(err)
}

// putQueue puts a text on a queue as it is, hidden for so many seconds.
func putQueue(ts *testscript.TestScript, _ bool, args []string) {
	seconds, err := strconv.Atoi(args[2])
	ts.Check(err)
	hidden := int32(seconds)
	_, err = queue(ts, args[0]).EnqueueMessage(context.Background(), args[1], &azqueue.EnqueueMessageOptions{VisibilityTimeout: &hidden})
	ts.Check(err)
}

// takeQueue writes the decoded messages of a queue into a file.
func takeQueue(ts *testscript.TestScript, _ bool, args []string) {
	answer, err := queue(ts, args[0]).DequeueMessage(context.Background(), nil)
	ts.Check(err)
	text := ""
	for _, message := range answer.Messages {
		raw, err := base64.StdEncoding.DecodeString(*message.MessageText)
		ts.Check(err)
		text += string(raw) + "\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}
