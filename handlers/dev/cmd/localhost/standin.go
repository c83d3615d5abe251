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

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/internal/subprocess"
)

// standInCommand, as the first argument, makes this program the Graph stand-in. It runs in a
// process of its own.
const standInCommand = "graph-stand-in"

// replicationDelay is how long a new guest is not found by every look-up.
const replicationDelay = 2 * time.Second

// stopGrace is how long the stand-in may take to end.
const stopGrace = 5 * time.Second

// standIn is the running stand-in.
type standIn struct {
	process *subprocess.Process
	url     string
	stop    func()
}

// startStandIn starts the stand-in and returns when it listens.
func startStandIn(ctx context.Context, o options, log *slog.Logger) (*standIn, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, standInCommand, "-state", filepath.Join(o.data, "graph.json"), "-port", strconv.Itoa(o.ports[graphPort].number))
	cmd.Stderr = &logLines{log}
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
		return nil, fmt.Errorf("starting the Graph stand-in: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = process.Kill() })
	line, err := bufio.NewReader(reader).ReadString('\n')
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = process.Kill()
		return nil, errors.New("starting the Graph stand-in: it ended before it listened; the lines above say why")
	}
	return &standIn{process: process, url: strings.TrimSpace(line), stop: func() { _ = process.Stop(syscall.SIGTERM, stopGrace) }}, nil
}

// logLines is a writer that logs what the stand-in writes.
type logLines struct{ log *slog.Logger }

func (l *logLines) Write(output []byte) (int, error) {
	for line := range strings.Lines(string(output)) {
		l.log.Info(strings.TrimSpace(line), "from", "graph")
	}
	return len(output), nil
}

// serveStandIn runs in the stand-in's process. It prints its address when it listens, and serves
// until ctx or stdin ends.
func serveStandIn(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet(standInCommand, flag.ContinueOnError)
	flags.SetOutput(stderr)
	state := flags.String("state", "", "file that keeps the tenant")
	number := flags.Int("port", 0, "port on 127.0.0.1, 0 for a free one")
	err := flags.Parse(args)
	if err != nil {
		return err
	}
	tenant, err := graphsim.New(graphsim.Config{
		Now:              time.Now,
		Random:           rand.Reader,
		ReplicationDelay: replicationDelay,
		StateFile:        *state,
		KnowsAnyGroup:    true,
		Log:              slog.New(newPlainHandler(stderr, slog.LevelWarn)),
	})
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
	server := &http.Server{Handler: tenant, ReadHeaderTimeout: time.Minute}
	// The state file is replaced as a whole, so requests need not be waited for.
	context.AfterFunc(ctx, func() { _ = server.Close() })
	err = server.Serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
