package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/operate"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// breakerCommand is guestlist breaker.
type breakerCommand struct {
	account `group:"Which deployment:"`
	format

	Show  breakerShowCommand  `cmd:"" help:"Show whether invitations are sent, why not, and how many requests are parked."`
	Open  breakerOpenCommand  `cmd:"" help:"Stop all invitations at once, until guestlist breaker close."`
	Close breakerCloseCommand `cmd:"" help:"Send invitations again, once the cause is gone."`
}

func (breakerCommand) Help() string {
	return `Exit codes: 0 fine, and the breaker is closed; 1 the breaker is open; 2 the command was not understood; 3 something could not be reached, read or written; 4 somebody else changed it in the meantime.`
}

const (
	// parkedBack is how far back parked requests are looked for. None waits longer unnoticed.
	parkedBack = 60 * 24 * time.Hour
	// mostParked is how many of them are counted at most.
	mostParked = 2000
)

// readBreaker returns the state of the breaker and the parked requests. searched is the error of
// the search for those, which may have found some and not all.
func readBreaker(
	ctx context.Context, store *tables.Store, now time.Time,
) (state operate.Breaker, parked tables.Found, searched, err error) {
	config, err := readGate(ctx, store, now)
	if err != nil {
		return operate.Breaker{}, tables.Found{}, nil, err
	}
	back := now.Add(-parkedBack)
	filter := tables.RequestFilter{States: []request.State{request.Parked}, Since: back, Limit: mostParked + 1}
	parked, searched = store.FindRequests(ctx, now, filter)
	config.Parked, config.Incomplete, config.Unreadable = parked.Requests, searched != nil, parked.NumUnreadable()
	config.Most, config.LookedBackTo = mostParked, back
	return operate.NewBreaker(config), parked, searched, nil
}

// readGate returns what the gate and the app's report tell of the breaker, without the parked
// requests.
func readGate(ctx context.Context, store *tables.Store, now time.Time) (operate.BreakerConfig, error) {
	gate, err := store.Gate(ctx)
	if err != nil {
		return operate.BreakerConfig{}, err
	}
	report, err := store.Report(ctx)
	if err != nil {
		return operate.BreakerConfig{}, err
	}
	config := operate.BreakerConfig{Gate: gate, Now: now}
	if !report.At.IsZero() {
		config.Pace = &request.Pace{Daily: report.Daily, Spacing: report.Spacing}
	}
	return config, nil
}

type breakerShowCommand struct{}

func (breakerShowCommand) Run(s *session, d *deployment) error {
	state, parked, searched, err := readBreaker(s.ctx, d.Store, s.now())
	if err != nil {
		return err
	}
	err = s.conclude(state.Open, state, func(w io.Writer) {
		printBreaker(w, state)
		printUnreadable(w, parked)
	})
	return cmp.Or(s.partly(parked, searched), err)
}

type breakerOpenCommand struct {
	Reason string `required:"" placeholder:"TEXT" help:"Why, for those who look later."`
}

func (breakerOpenCommand) Help() string {
	return "Does not ask. No invitation and no mail of one gets another turn; one that has its turn is still " +
		"sent, mostly within seconds, at most four minutes. Sign-ups are still recorded, codes are still mailed, and who is " +
		"to be invited waits. Guests who are invited already still come into their groups. No probe closes the breaker, " +
		"only guestlist breaker close."
}

func (c breakerOpenCommand) Run(s *session, d *deployment) error {
	by, err := s.whoami(d.place)
	if err != nil {
		return fmt.Errorf("finding out under which name it is recorded: %w", err)
	}
	before, err := request.OpenBreaker(s.ctx, d, by, c.Reason, s.now())
	if err != nil {
		return err
	}
	return s.print(struct {
		WasStopped bool         `json:"wasStopped"`
		Cause      problem.Code `json:"cause,omitempty"` // for which it was open before
	}{before.Stop.Stands(), before.WhyOpen()}, func(w io.Writer) {
		if before.Stop.Stands() {
			fmt.Fprintln(w, plain(fmt.Sprintf("It was stopped already, by %s at %s: %s",
				before.Stop.By, stamp(before.Stop.At), before.Stop.Reason)))
			return
		}
		fmt.Fprintln(w,
			"The breaker is open: no invitation gets another turn until guestlist breaker close.")
		if before.Cause != "" {
			fmt.Fprintf(w, "It was open before because of %q, which stays recorded.\n", before.Cause)
		}
	})
}

type breakerCloseCommand struct {
	confirmation
}

func (breakerCloseCommand) Help() string {
	return `Shows what opened it, and asks: sending into a tenant that Microsoft has blocked makes it worse. Parked requests go on within minutes, the oldest first, as fast as the pace allows.`
}

func (c breakerCloseCommand) Run(s *session, d *deployment) error {
	// How many are parked is only told: a search that fails closes no less.
	state, all, searched, err := readBreaker(s.ctx, d.Store, s.now())
	if err == nil && s.ctx.Err() != nil {
		err = s.partly(all, searched)
	}
	if err != nil {
		return err
	}
	if s.output == "table" {
		printBreaker(s.stdout, state)
	}
	if state.Open {
		err = c.ask(s, "Is the cause gone, and shall invitations be sent again?")
		if err != nil {
			return err
		}
	}
	by, err := s.whoami(d.place)
	if err != nil {
		return fmt.Errorf("finding out under which name it is recorded: %w", err)
	}
	before, err := request.CloseBreaker(s.ctx, d, by, state.StoppedAt(), s.now())
	if err != nil {
		return err
	}
	if state.Open && before.Cause != state.TenantsCause() {
		// The breaker is closed all the same, but the person should know.
		fmt.Fprintf(s.stderr, "Meanwhile the directory's cause had changed to %q.\n", before.Cause)
	}
	// Upkeep resumes them in the order of their age.
	parked := all.Requests[:min(len(all.Requests), mostParked)]
	return s.print(struct {
		WasOpen bool         `json:"wasOpen"`
		Cause   problem.Code `json:"cause,omitempty"`
		Parked  int          `json:"parked"`
	}{before.IsOpen(), before.WhyOpen(), len(parked)}, func(w io.Writer) {
		if !before.IsOpen() {
			fmt.Fprintln(w, "\nThe breaker was closed already.")
		} else {
			fmt.Fprintln(w, "\nThe breaker is closed.")
		}
		if len(parked) > 0 {
			fmt.Fprintf(w, "%s will go on within a minute or two, as fast as the pace allows.\n", count(len(parked), "parked request"))
		}
	})
}

func printBreaker(w io.Writer, b operate.Breaker) {
	var lines facts
	if b.Open {
		lines.add("breaker", "open")
		lines.add("cause", string(b.Cause))
		lines.add("", b.Means)
		lines.add("cure", b.Cure)
		lines.add("reference", b.Ref)
		lines.add("stopped by", b.StoppedBy)
		lines.add("reason", b.StopReason)
		lines.add("since", stamp(b.Since))
		lines.add("next probe", cmp.Or(stamp(b.NextProbe), "none: it stays open until guestlist breaker close"))
		if b.Also != nil {
			lines.add("besides", string(b.Also.Cause))
			lines.add("", b.Also.Means)
			lines.add("cure", b.Also.Cure)
			lines.add("reference", b.Also.Ref)
			lines.add("since", stamp(b.Also.Since))
		}
	} else {
		lines.add("breaker", "closed: invitations go out")
	}
	if !b.LastClosedAt.IsZero() {
		lines.add("last closed", stamp(b.LastClosedAt)+" by "+b.LastClosedBy)
	}
	sent := strconv.Itoa(b.SentToday)
	if b.Pace != nil && b.Pace.Daily > 0 {
		sent += " of " + strconv.Itoa(b.Pace.Daily)
	}
	lines.add("sent today", sent)
	lines.add("next one", stamp(b.NextInvitation))
	parked := strconv.Itoa(b.Parked.Requests)
	switch {
	case b.Parked.Incomplete:
		parked = "at least " + parked
	case b.Parked.More:
		parked = "more than " + parked
	}
	lines.add("parked", parked)
	columns(w, "", lines)
}
