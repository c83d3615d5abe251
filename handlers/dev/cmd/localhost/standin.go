package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/internal/subprocess"
	"guestlist/handlers/dev/noticesim"
	"guestlist/handlers/settings"
)

// A standInKind is a stand-in for a service, which runs in a process of its own: this program,
// with the kind's command as the first argument.
type standInKind struct {
	command string
	name    string // for people
	from    string // who wrote a line of the log
	port    int    // index of options.ports
	// serve returns what answers, and a log for what goes wrong.
	serve func(w whereabouts, log *slog.Logger) (http.Handler, error)
}

// whereabouts is what a stand-in needs to know of the run.
type whereabouts struct {
	state  string // file that keeps its state
	pages  string // scheme and host of the review pages
	signIn string // address of the stand-in where people sign in
}

var graphStandIn = standInKind{
	command: "graph-stand-in", name: "the Graph stand-in", from: "graph", port: graphPort,
	serve: func(w whereabouts, log *slog.Logger) (http.Handler, error) {
		users, memberships := colleagues()
		tenant, err := graphsim.New(graphsim.Config{
			Now:              time.Now,
			Random:           rand.Reader,
			ReplicationDelay: replicationDelay,
			StateFile:        w.state,
			KnowsAnyGroup:    true,
			Users:            users,
			Groups:           namedGroups(),
			Memberships:      memberships,
			TenantName:       "wingtiptoys",
			RedeemHere:       true,
			Log:              log,
		})
		if err != nil {
			return nil, err
		}
		return withOwnGroups(tenant, w.signIn)
	},
}

// mailStandIn keeps its mails in memory only.
var mailStandIn = standInKind{
	command: "mail-stand-in", name: "the mail stand-in", from: "mail", port: mailPort,
	serve: func(_ whereabouts, log *slog.Logger) (http.Handler, error) {
		return acssim.New(acssim.Config{Now: time.Now, Quota: &acssim.OwnDomain, Log: log})
	},
}

// noticeStandIn keeps what it got in memory only.
var noticeStandIn = standInKind{
	command: "notice-stand-in", name: "the stand-in for channels", from: "notices", port: noticePort,
	serve: func(whereabouts, *slog.Logger) (http.Handler, error) { return noticesim.New(time.Now), nil },
}

// channelSettings returns the settings of channels that lead to the stand-in at that address.
func channelSettings(standIn string) map[string]string {
	return map[string]string{
		settings.TeamsURL:   standIn + noticesim.TeamsPath,
		settings.WebhookURL: standIn + noticesim.WebhookPath, settings.WebhookKeys: noticesim.WebhookKey,
		settings.EventGridURL: standIn + noticesim.EventGridPath,
	}
}

// standIns are the stand-ins in the order in which they start.
var standIns = []*standInKind{&signInStandIn, &graphStandIn, &mailStandIn, &noticeStandIn}

// replicationDelay is how long a new guest is not found by every look-up.
const replicationDelay = 2 * time.Second

// stopGrace is how long a stand-in may take to end.
const stopGrace = 5 * time.Second

// standIn is a running stand-in.
type standIn struct {
	process *subprocess.Process
	url     string
	stop    func()
}

// startStandIn starts a stand-in and returns when it listens.
func startStandIn(ctx context.Context, kind *standInKind, o options, w whereabouts, log *slog.Logger) (*standIn, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, kind.command, "-state", filepath.Join(o.data, kind.from+".json"),
		"-port", strconv.Itoa(o.ports[kind.port].number), "-pages", w.pages, "-sign-in", w.signIn)
	cmd.Stderr = &logLines{log, kind.from}
	// Never written to: its end tells the stand-in that this process has ended.
	_, err = cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	cmd.Stdout = writer
	process, err := subprocess.Start(cmd)
	_ = writer.Close()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", kind.name, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = process.Kill() })
	line, err := bufio.NewReader(reader).ReadString('\n')
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = process.Kill()
		return nil, fmt.Errorf("starting %s: it ended before it listened; the lines above say why", kind.name)
	}
	return &standIn{process: process, url: strings.TrimSpace(line), stop: func() { _ = process.Stop(syscall.SIGTERM, stopGrace) }}, nil
}

// logLines is a writer that logs what a stand-in writes.
type logLines struct {
	log  *slog.Logger
	from string
}

func (l *logLines) Write(output []byte) (int, error) {
	for line := range strings.Lines(string(output)) {
		l.log.Info(strings.TrimSpace(line), "from", l.from)
	}
	return len(output), nil
}

// serveStandIn runs in the stand-in's process. It prints its address when it listens, and serves
// until ctx or stdin ends.
func serveStandIn(
	ctx context.Context, kind *standInKind, args []string, stdin io.Reader, stdout, stderr io.Writer,
) error {
	flags := flag.NewFlagSet(kind.command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	var w whereabouts
	flags.StringVar(&w.state, "state", "", "file that keeps the state")
	flags.StringVar(&w.pages, "pages", "", "scheme and host of the review pages")
	flags.StringVar(&w.signIn, "sign-in", "", "address of the stand-in where people sign in")
	number := flags.Int("port", 0, "port on 127.0.0.1, 0 for a free one")
	err := flags.Parse(args)
	if err != nil {
		return err
	}
	handler, err := kind.serve(w, slog.New(newPlainHandler(stderr, slog.LevelWarn)))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(*number))
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "http://"+listener.Addr().String())
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	// The state file is replaced as a whole, so requests need not be waited for.
	context.AfterFunc(ctx, func() { _ = server.Close() })
	err = server.Serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
