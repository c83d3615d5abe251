package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"guestlist/handlers/azure/functions"
	"guestlist/handlers/azure/graph"
	"guestlist/handlers/azure/identity"
	"guestlist/handlers/azure/tables"
	"guestlist/handlers/request"
	"guestlist/handlers/settings"
	"guestlist/handlers/submission"
	"guestlist/handlers/web"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/signup"
	"guestlist/handlers/web/status"
	"guestlist/handlers/workflow"
)

// The names of the functions are those of their folders, and of the bindings those in their function.json files; a test holds them together.
const (
	signupHTTP   = "signup-http"
	statusHTTP   = "status-http"
	inviteQueue  = "invite-queue"
	invitePoison = "invite-poison"
	upkeepTimer  = "upkeep-timer"

	messageBinding = "message"
	timerBinding   = "timer"
	signupsBinding = "signups"
)

// gcPercent is how much the heap may grow, in percent of what is in use, before it is collected. With Go's own 100 the process holds up to a
// megabyte more, of the 25 that it may; with 50, a fifth fewer envelopes are answered.
const gcPercent = 75

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv, os.Stdout)
	stop()
	if err != nil {
		// Standard error reaches the host's log at level Error. The exit code must not be 0: the host restarts nothing that ended well.
		fmt.Fprintln(os.Stderr, "handler:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	// The host starts to knock as soon as the process exists: the door first, the furniture after.
	listener, err := functions.Listen(getenv)
	if err != nil {
		return err
	}
	pages := web.Config{Form: serves(getenv, signupHTTP)}
	s, err := settings.Read(getenv, pages.Read)
	if err != nil {
		return err
	}
	log := slog.New(functions.NewLogHandler(slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: s.LogLevel})))
	app, err := build(s, pages, log)
	if err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent) // not before, or the start would be held up by collecting what it has just made
	log.Info("the handler is ready")
	err = app.Serve(ctx, listener)
	if err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// serves reports whether the function has a folder in this app: where the form has an app of its own, the others have no right to its key. A
// host that does not say where the app is counts as having all.
func serves(getenv func(string) string, function string) bool {
	root := getenv("FUNCTIONS_APP_ROOT_PATH")
	if root == "" {
		return true
	}
	_, err := os.Stat(filepath.Join(root, function, "function.json"))
	return err == nil
}

// build puts the parts together, the form if it is served.
func build(s settings.Settings, pages web.Config, log *slog.Logger) (*functions.App, error) {
	guards, err := guard.New(pages.Guards, time.Now, rand.Reader)
	if err != nil {
		return nil, err
	}
	credential, err := managedIdentity(s)
	if err != nil {
		return nil, err
	}
	store, err := tables.New(tables.Config{
		ConnectionString: s.StorageConnection,
		ServiceURL:       s.TablesURL,
		Credential:       credential,
		Log:              log,
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to the tables: %w", err)
	}
	pressure := new(workflow.Pressure)
	directoryConfig := graph.Config{URL: s.GraphURL, Log: log, Pressure: pressure.Report}
	if s.GraphCredential == settings.ManagedIdentity {
		directoryConfig.Credential = credential
	}
	tenant, err := graph.New(directoryConfig)
	if err != nil {
		return nil, fmt.Errorf("connecting to the directory: %w", err)
	}
	machine, err := workflow.New(workflow.Config{
		Store:       store,
		Rows:        store,
		Seats:       store,
		Gates:       store,
		Poison:      store,
		Records:     store,
		Pressure:    pressure,
		Retention:   s.Retention,
		Pace:        request.Pace{Daily: s.DailyInvitations, Spacing: s.InvitationSpacing},
		Directory:   tenant,
		Users:       tenant,
		RedirectURL: s.RedirectURL,
		IntentLease: s.IntentLease,
		Now:         time.Now,
		Sleep:       sleep,
		Jitter:      jitter,
		Log:         log,
	})
	if err != nil {
		return nil, err
	}
	signups := functions.QueueOutput{Binding: signupsBinding}
	statusPage, err := status.New(status.Config{
		Requests: machine,
		Queue:    signups,
		Now:      time.Now,
		Log:      log,
		Style:    pages.Style,
		Guards:   guards,
		Detailed: pages.DetailedStatus,

		FormOrigin: pages.FormOrigin,
	})
	if err != nil {
		return nil, err
	}

	about := &reporter{store: store, credential: directoryConfig.Credential, settings: s, now: time.Now, log: log}
	app, err := functions.New(functions.Config{Log: log})
	if err != nil {
		return nil, err
	}
	if pages.Form {
		form, err := signup.New(signup.Config{
			Queue:  signups,
			Now:    time.Now,
			Random: rand.Reader,
			Log:    log,
			Style:  pages.Style,
			Guards: guards,
			Fields: pages.Fields,
			Mail:   pages.Mail,

			StatusOrigin: pages.StatusOrigin,
		})
		if err != nil {
			return nil, err
		}
		app.HTTP(signupHTTP, form)
	}
	app.HTTP(statusHTTP, statusPage)
	app.Queue(inviteQueue, messageBinding, func(ctx context.Context, m functions.QueueMessage) error {
		message, err := submission.DecodeMessage(m.Body)
		if err != nil {
			// Another attempt would find the same.
			return machine.Keep(ctx, m.ID, m.Body, err)
		}
		return machine.Advance(ctx, message)
	})
	app.Queue(invitePoison, messageBinding, func(ctx context.Context, m functions.QueueMessage) error {
		return machine.Poisoned(ctx, m.ID, m.Body)
	})
	app.Timer(upkeepTimer, timerBinding, func(ctx context.Context, _ functions.Timer) error {
		_, err := machine.Upkeep(ctx, signups)
		if err == nil {
			about.report(ctx)
		}
		return err
	})
	return app, nil
}

// managedIdentity returns the managed identity, or nil where no part needs one.
func managedIdentity(s settings.Settings) (azcore.TokenCredential, error) {
	if s.StorageConnection != "" && s.GraphCredential == settings.NoCredential {
		return nil, nil
	}
	return identity.Managed(s.ClientID)
}

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

// jitter adds up to a fifth: what failed together must not come back together, and never before it was asked to.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(mathrand.Int64N(int64(d)/5+1))
}
