package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

const (
	// pageTime is how long a page of a search may take. The service stops after five seconds
	// itself, so only a line that is slow or broken takes longer.
	pageTime = 30 * time.Second
	// tellEvery is how often a long search tells how far it is.
	tellEvery = 5 * time.Second
)

// progress tells on standard error how far a search is, if it takes long. Several searches at once
// may count their pages.
type progress struct {
	out   io.Writer
	now   func() time.Time
	mutex sync.Mutex // guards what follows
	told  time.Time  // or when the first search could have begun
	rows  int
}

func (s *session) newProgress() *progress { return &progress{out: s.stderr, now: s.now, told: s.now()} }

// page counts a page of so many rows.
func (p *progress) page(rows int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.rows += rows
	now := p.now()
	if now.Sub(p.told) < tellEvery {
		return
	}
	p.told = now
	fmt.Fprintf(p.out, "still searching; %s so far (Ctrl-C ends it)\n", count(p.rows, "row"))
}

// redrawEvery is how often progress is drawn anew on a terminal.
const redrawEvery = 100 * time.Millisecond

// progress returns a function that tells on standard error how much is done: in place on a
// terminal, and elsewhere a line now and then if it takes long.
func (s *session) progress(doing string) func(done, total int) {
	terminal := isTerminal(s.stderr)
	told := s.now()
	drawn := false
	return func(done, total int) {
		now := s.now()
		switch {
		case terminal && done == total:
			if drawn {
				fmt.Fprint(s.stderr, "\r\x1b[K")
			}
		case terminal && (!drawn || now.Sub(told) >= redrawEvery):
			fmt.Fprintf(s.stderr, "\r%s: %d of %d", doing, done, total)
			told, drawn = now, true
		case !terminal && done < total && now.Sub(told) >= tellEvery:
			fmt.Fprintf(s.stderr, "%s: %d of %d (Ctrl-C ends it)\n", doing, done, total)
			told = now
		}
	}
}

// isTerminal reports whether a person may read what is written.
func isTerminal(w io.Writer) bool {
	file, isFile := w.(*os.File)
	if !isFile {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// partly returns the error for a search that has not come to its end; nil for nil.
func (s *session) partly(found tables.Found, err error) error {
	read := count(found.Looked, "record")
	switch {
	case err == nil:
		return nil
	case s.ctx.Err() != nil:
		return errors.New("interrupted: this is not all, but what was found among the first " + read)
	}
	return fmt.Errorf("this is not all, but what was found among the first %s: %w", read, err)
}

// unreadable returns a line about the records that a search could not read; "" if there are none.
func unreadable(found tables.Found) string {
	if found.NumUnreadable() == 0 {
		return ""
	}
	named := slices.Concat(found.Theirs, found.Unreadable)
	named = named[:min(len(named), maxNamed)]
	text := count(found.NumUnreadable(), "record") + " can't be read: " + joinedIDs(named)
	if more := found.NumUnreadable() - len(named); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text + "; guestlist request show ID tells why"
}

func joinedIDs(ids []submission.ID) string {
	texts := make([]string, 0, len(ids))
	for _, id := range ids {
		texts = append(texts, string(id))
	}
	return strings.Join(texts, ", ")
}

// printUnreadable prints the line about unreadable records, if there are any.
func printUnreadable(w io.Writer, found tables.Found) {
	if text := unreadable(found); text != "" {
		fmt.Fprintln(w, "\n"+text)
	}
}

// cantRead reports whether the error says that a record can't be read.
func cantRead(err error) bool { return problem.CodeOf(err) == problem.RecordUnreadable }
