package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"guestlist/handlers/azure/channels"
	"guestlist/handlers/azure/functions"
	"guestlist/handlers/settings"
	"guestlist/handlers/web"
)

// gcPercent is how much the heap may grow before it is collected, in percent of what is in use.
// That is about a megabyte, so what counts is the least heap that goes with it: 8 MB. With Go's
// default of 100 it is 4 MB, and a handler under load collects twice as often, for a tenth more of
// its time.
const gcPercent = 200

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv, os.Stdout)
	stop()
	if err != nil {
		// Standard error reaches the host's log at level Error. The exit code must not be 0,
		// because the host does not restart a process that exits with 0.
		fmt.Fprintln(os.Stderr, "handler:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	// Listen before doing anything slow: the host starts polling at once.
	listener, err := functions.Listen(getenv)
	if err != nil {
		return err
	}
	s, pages, notices, err := readSettings(getenv)
	if err != nil {
		return err
	}
	log := slog.New(functions.NewLogHandler(slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: s.LogLevel})))
	for _, warning := range s.Warnings() {
		log.Warn("a setting is doubtful", "warning", warning)
	}
	app, err := build(s, pages, notices, log)
	if err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent) // only now: collecting during the start would slow it down
	log.Info("the handler is ready")
	err = app.Serve(ctx, listener)
	if err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// readSettings returns the settings that the functions of this app need.
func readSettings(getenv func(string) string) (settings.Settings, web.Config, channels.Config, error) {
	pages := web.Config{Form: serves(getenv, signupHTTP), Reviews: serves(getenv, reviewsHTTP)}
	var notices channels.Config
	if !serves(getenv, inviteQueue) {
		s, err := settings.ReadPages(getenv, pages.Read)
		return s, pages, notices, err
	}
	s, err := settings.Read(getenv, pages.Read, notices.Read)
	return s, pages, notices, err
}

// serves reports whether the function has a folder in this app, or the host does not say where
// the app is. Where the form has an app of its own, the others have no right to its key; where the
// worker has one, the others have no right to send mails and no key to send notices.
func serves(getenv func(string) string, function string) bool {
	root := getenv("FUNCTIONS_APP_ROOT_PATH")
	if root == "" {
		return true
	}
	_, err := os.Stat(filepath.Join(root, function, "function.json"))
	return err == nil
}
