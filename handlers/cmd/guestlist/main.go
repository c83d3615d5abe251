package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"guestlist/handlers/problem"
)

// The exit codes.
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
    1  there are findings or differences, the decision is not the expected one, or what was asked for is not there or not possible now
    2  the command was not understood
    3  something could not be reached, read or written
    4  somebody else changed the same thing in the meantime`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(&session{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now}, os.Args[1:])
	stop()
	os.Exit(code)
}

// session is one run of the command.
type session struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	output         string // table or json
	hint           string // what to check if the storage that was opened can't be reached
}

// errFindings ends a command with exitFindings; the findings have been printed.
var errFindings = errors.New("there are findings")

// usageError says what is wrong with a command line.
type usageError string

func (e usageError) Error() string { return string(e) }

func usage(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// errNobody ends a command with exitUsage if its question gets no answer.
var errNobody = errors.New("nobody answered, so nothing was done; in scripts, add --yes")

// advised is an error with advice, which is printed below it.
type advised struct {
	error
	advice string
}

func (e advised) Unwrap() error { return e.error }

// exited is the panic by which kong ends after it has printed help.
type exited int

// run runs the command line and returns the exit code.
func run(s *session, args []string) (code int) {
	defer func() {
		switch left := recover().(type) {
		case nil:
		case exited:
			code = int(left)
		default:
			panic(left)
		}
	}()
	var commands struct {
		Policy  policyCommand  `cmd:"" help:"Look at policy rows, try them out, and change them together."`
		Request requestCommand `cmd:"" help:"Look at requests, decide on those that wait for a person, and retry what failed."`
		Breaker breakerCommand `cmd:"" help:"Show the circuit breaker, which stops invitations while the tenant refuses them; open and close it."`
		Poison  poisonCommand  `cmd:"" help:"Look at dead letters (messages that were given up), and put them back on the queue."`
		Mailbox mailboxCommand `cmd:"" help:"Show which mails of the app's own a mailbox has had, and what keeps the next one back; forget it."`
		Mail    mailCommand    `cmd:"" help:"Look at the mails that partners get."`
		Notify  notifyCommand  `cmd:"" help:"Try the channels by which those who decide get notices."`
		Doctor  doctorCommand  `cmd:"" help:"Check whether everything that the app needs is there, and how to repair what is not."`
		Version versionCommand `cmd:"" help:"Show the version of this command."`
	}
	parser, err := kong.New(&commands,
		kong.Name("guestlist"), kong.Bind(s),
		kong.Description(description),
		kong.Writers(s.stdout, s.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{
			"maxReplay": strconv.Itoa(maxReplay), "maxRequests": strconv.Itoa(maxRequests),
			"channels": channelNames(), "mailKinds": mailKinds(), "mailLanguages": mailLanguages(),
		},
	)
	if err != nil {
		return s.report(fmt.Errorf("building the command line: %w", err))
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return s.report(usage("%s", err))
	}
	return s.report(parsed.Run())
}

// confirmation is the flag of commands that ask before they write.
type confirmation struct {
	Yes bool `help:"Do not ask."`
}

// AfterApply refuses to ask where the output is for a program.
func (c confirmation) AfterApply(s *session) error {
	if !c.Yes && s.output == "json" {
		return usage("--output json does not ask; add --yes")
	}
	return nil
}

// ask asks a question and returns nil for yes.
func (c confirmation) ask(s *session, question string) error {
	if c.Yes {
		return nil
	}
	fmt.Fprint(s.stderr, question+" [y/N] ")
	answer, err := bufio.NewReader(s.stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	if err != nil && answer == "" {
		fmt.Fprintln(s.stderr)
		return errNobody
	}
	fmt.Fprintln(s.stderr, "Nothing was done.")
	return errFindings
}

// maxSecret is the longest line that readSecret reads, in bytes.
const maxSecret = 4096

// readSecret reads a line from standard input, for what must not be on a command line.
func (s *session) readSecret(prompt string) (string, error) {
	if file, isFile := s.stdin.(*os.File); isFile && isTerminal(file) {
		fmt.Fprint(s.stderr, prompt)
	}
	line, err := bufio.NewReader(io.LimitReader(s.stdin, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	line = strings.TrimSpace(line)
	if line == "" {
		return "", usage("standard input has no code")
	}
	return line, nil
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
	code := problem.CodeOf(err)
	with := advised{advice: s.hint}
	if errors.As(err, &with) || s.hint != "" && (code == problem.StorageUnavailable || code == problem.NotFound) {
		fmt.Fprintln(s.stderr, plain(with.advice))
	}
	switch code {
	case problem.Conflict:
		return exitConflict
	case problem.InvalidInput:
		return exitFindings
	}
	return exitFailed
}

// message returns the text of an error for a person: without the code that logs and programs use.
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
