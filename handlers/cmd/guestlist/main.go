package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"guestlist/handlers/problem"
)

// The exit codes, for scripts.
const (
	exitFine     = 0
	exitFindings = 1
	exitUsage    = 2
	exitFailed   = 3
	exitConflict = 4
)

const description = `Guestlist for admins: policy rows, requests, and the state of the tenant.

Exit codes:

    0  fine
    1  there are findings or differences, the decision is not the expected one, or what was asked for can't be done as things stand
    2  the command was not understood
    3  something could not be reached, read or written
    4  somebody else changed the same thing in the meantime`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(&session{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now}, os.Args[1:])
	stop()
	os.Exit(code)
}

// session is one run of the command and what it sees of the world.
type session struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
}

// errFindings ends a command with exitFindings; what was found has been printed.
var errFindings = errors.New("there are findings")

// usageError is a command line that can't mean anything, and says how it should read.
type usageError string

func (e usageError) Error() string { return string(e) }

func usage(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// errNobody ends a command with exitUsage that asked a question where nobody can answer.
var errNobody = errors.New("nobody answered, so nothing was done; where there is nobody to ask, add --yes to say yes beforehand")

// advised is an error with what to do about it, which is printed below it.
type advised struct {
	error
	advice string
}

func (e advised) Unwrap() error { return e.error }

// exited is how kong leaves: after it has printed help.
type exited int

// run runs the command line and returns the exit code.
func run(s *session, args []string) (code int) {
	defer func() {
		left := recover()
		if left == nil {
			return
		}
		exit, byKong := left.(exited)
		if !byKong {
			panic(left)
		}
		code = int(exit)
	}()
	var commands struct {
		Policy  policyCommand  `cmd:"" help:"Look at policy rows, try them out, and change them together."`
		Request requestCommand `cmd:"" help:"Look at requests, decide on those that wait for a person, and mend what failed."`
		Breaker breakerCommand `cmd:"" help:"See whether the tenant takes invitations, and let them through again."`
		Poison  poisonCommand  `cmd:"" help:"Look at messages that nobody could work with, and put them back on the queue."`
		Doctor  doctorCommand  `cmd:"" help:"Find out whether everything that the app needs is there, and how to mend what is not."`
	}
	parser, err := kong.New(&commands,
		kong.Name("guestlist"),
		kong.Description(description),
		kong.Writers(s.stdout, s.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return s.report(fmt.Errorf("building the command line: %w", err))
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return s.report(usage("%s", err))
	}
	return s.report(parsed.Run(s, &commands.Policy, &commands.Request, &commands.Breaker, &commands.Poison, &commands.Doctor))
}

// report prints an error and returns the exit code for it.
func (s *session) report(err error) int {
	var wrong usageError
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, errNobody):
		fmt.Fprintln(s.stderr, "guestlist: "+err.Error())
		return exitUsage
	case errors.As(err, &wrong):
		fmt.Fprintf(s.stderr, "guestlist: %s\nguestlist COMMAND --help tells more.\n", plain(wrong.Error()))
		return exitUsage
	}
	fmt.Fprintln(s.stderr, "guestlist: "+message(err))
	var with advised
	if errors.As(err, &with) {
		fmt.Fprintln(s.stderr, plain(with.advice))
	}
	switch problem.CodeOf(err) {
	case problem.Conflict:
		return exitConflict
	case problem.InvalidInput:
		return exitFindings
	}
	return exitFailed
}

// message returns the text of an error for a person at a terminal: without the code that logs and programs go by.
func message(err error) string {
	text := err.Error()
	var coded *problem.Error
	if errors.As(err, &coded) {
		text = strings.Replace(text, string(problem.CodeOf(err))+": ", "", 1)
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	return strings.Join(lines, "\n")
}
