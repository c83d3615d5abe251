package workflow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	// sweepPage is the most requests that one run of upkeep looks at: what the service returns in
	// one answer.
	sweepPage = 1000
	// eraseBatch is the most requests whose personal data one run of upkeep erases, and as many
	// claims and dead letters.
	eraseBatch = 100
	// eraseTime is when a run stops erasing, so that it can note how far it has come.
	eraseTime = 15 * time.Second
	// forgottenAfter is how long a request must have been due by its record for the sweep to bring
	// it back: by then its due entry should have. recallBatch is the most that one run brings back.
	forgottenAfter = time.Hour
	recallBatch    = 100
)

// sweep goes on with the round that is under way, or begins one if it is time. It reads at most one
// page of each table, erases what was kept long enough, and notes where the next run goes on, which
// may be another instance. At the end of a round it logs what waits too long.
//
// If it is interrupted, what was erased is erased, and the next run reads the same page again.
func (w *Worker) sweep(ctx context.Context) error {
	s, err := w.config.Records.Sweep(ctx)
	if err != nil {
		return fmt.Errorf("reading the record of the sweep: %w", err)
	}
	now := w.config.Now()
	if !s.Due(now) {
		return nil
	}
	before := s
	s = s.Begin(now)
	erased, failed := w.sweepParts(ctx, &s)
	if failed == nil && s.Part == request.SweepOver {
		w.logTally(ctx, s.Tally)
		s = s.End(now)
	}
	if failed != nil && s.Part == before.Part && s.At == before.At {
		return failed // there is nothing to note
	}
	_, err = w.config.Records.SaveSweep(ctx, s)
	if problem.CodeOf(err) == problem.Conflict {
		return failed // another instance sweeps at the same time, and notes how far it has come
	}
	if err != nil {
		err = fmt.Errorf("saving the record of the sweep: %w", err)
	}
	err = errors.Join(failed, err)
	if err != nil {
		return err
	}
	w.config.Log.InfoContext(ctx, LogSwept, "erased", erased)
	return nil
}

// sweepParts reads a page of one part after the other, until one has more than a page. s is how far
// it has come, also with an error.
func (w *Worker) sweepParts(ctx context.Context, s *request.Sweep) (erased int, err error) {
	for s.Part != request.SweepOver {
		more := false
		switch s.Part {
		case request.SweepRequests:
			erased, more, err = w.sweepRequests(ctx, s)
		case request.SweepMails:
			more, err = w.forget(ctx, s, request.MailsKept, w.config.Records.ForgetOldMails)
		case request.SweepMailboxes:
			more, err = w.forgetMailboxes(ctx, s)
		case request.SweepLetters:
			more, err = w.forget(ctx, s, 0, w.config.DeadLetters.ForgetDeadLetters)
		}
		if problem.CodeOf(err) == problem.Internal && s.At != (request.Cursor{}) {
			// The place is of no use any more.
			*s = s.Restart()
		}
		if err != nil || more {
			return erased, err
		}
		*s = s.Next()
	}
	return erased, nil
}

// expiry returns before when something must have been kept to be erased in the round, the zero time
// if nothing is.
func (w *Worker) expiry(s request.Sweep) time.Time {
	if w.config.Retention == 0 {
		return time.Time{}
	}
	return s.Began.Add(-w.config.Retention)
}

// sweepRequests looks at one page of requests. It returns how many it has erased, and whether there
// are more to look at.
func (w *Worker) sweepRequests(ctx context.Context, s *request.Sweep) (erased int, more bool, err error) {
	search := request.Search{
		Expired: w.expiry(*s), Overdue: request.Overdue(s.Began), Forgotten: s.Began.Add(-forgottenAfter),
	}
	page, err := w.config.Records.ScanRequests(ctx, search, s.At, sweepPage)
	if err != nil {
		return 0, true, fmt.Errorf("looking for old requests: %w", err)
	}
	began, tried, recalled := w.config.Now(), 0, 0
	for _, b := range page.Found {
		if b.Unreadable() {
			w.countUnreadable(ctx, s, b.ID, errors.New(b.Fault))
		}
		switch {
		case search.IsOverdue(b):
			s.Tally = s.Tally.CountOverdue(b)
		case search.Expires(b):
			if tried == eraseBatch || w.config.Now().Sub(began) > eraseTime {
				return erased, true, nil
			}
			tried++
			gone, err := w.eraseExpired(ctx, s, b, search.Expired)
			if err != nil {
				return erased, true, fmt.Errorf("erasing request %s: %w", b.ID, err)
			}
			if gone {
				erased++
				s.Tally.Erased++
			}
		}
		if search.IsForgotten(b) && recalled < recallBatch {
			recalled++
			err := w.recall(ctx, b)
			if err != nil {
				return erased, true, err
			}
		}
		s.Tally = s.Tally.CountMails(b)
		if b.ID != "" {
			s.At = request.Cursor{After: b.ID}
		}
	}
	err = w.compareReviews(ctx, s, page)
	if err != nil {
		return erased, true, err
	}
	s.At = page.Next
	return erased, !page.Last, nil
}

// recall makes a request due anew whose due entry is gone, or says a later time than the record: a
// write of an earlier call may have arrived after a later one.
func (w *Worker) recall(ctx context.Context, b request.Brief) error {
	err := w.bringBack(ctx, b.ID, 0)
	if err != nil {
		return fmt.Errorf("bringing back a request that was forgotten: %w", err)
	}
	return nil
}

// comparedAtOnce is the most entries of the index of what waits that are compared with a page.
const comparedAtOnce = 2 * sweepPage

// compareReviews makes the index of what waits for people agree with a page of requests: an older
// version may have changed either, or an admin, or calls that overtook each other.
func (w *Worker) compareReviews(ctx context.Context, s *request.Sweep, page request.Page) error {
	var last submission.ID
	stages := map[submission.ID]time.Time{}
	for _, b := range page.Found {
		if b.State == request.Review && b.Fault == "" {
			stages[b.ID] = b.Stage
		}
		last = max(last, b.ID)
	}
	if page.Last {
		last = ""
	} else if last == "" {
		return nil
	}
	entries, err := w.config.Reviews.WaitingReviews(ctx, s.Tally.Compared, last, comparedAtOnce)
	if err != nil {
		return fmt.Errorf("reading what waits for people: %w", err)
	}
	var differ []submission.ID
	var agree []request.WaitingReview
	for _, entry := range entries {
		if stage, waits := stages[entry.ID]; !waits || !stage.Equal(entry.Since) {
			differ = append(differ, entry.ID)
		} else {
			agree = append(agree, entry)
		}
		delete(stages, entry.ID)
	}
	differ = append(differ, slices.Sorted(maps.Keys(stages))...)
	for _, id := range differ {
		err := w.compareReview(ctx, id, entries)
		if err != nil {
			return err
		}
	}
	err = w.rereadRows(ctx, s, agree)
	if err != nil {
		return err
	}
	s.Tally.Compared = last
	return nil
}

// compareReview makes the entry of one request agree with its record.
func (w *Worker) compareReview(ctx context.Context, id submission.ID, entries []request.WaitingReview) error {
	r, err := w.config.Store.Load(ctx, id)
	switch code := problem.CodeOf(err); {
	case code == problem.RecordUnreadable:
		return nil
	case err != nil && code != problem.NotFound:
		return fmt.Errorf("loading request %s: %w", id, err)
	case r.State == request.Review && r.Reviewing == nil:
		return w.config.Store.Wait(ctx, id, w.config.Now()) // the worker begins the review
	case r.State == request.Review:
		return w.mendReview(ctx, r)
	}
	i := slices.IndexFunc(entries, func(entry request.WaitingReview) bool { return entry.ID == id })
	if i < 0 || w.config.Now().Sub(entries[i].Since).Abs() < listedLately {
		return nil
	}
	err = w.config.Reviews.UnlistReview(ctx, id, entries[i].Since)
	if err != nil {
		return err
	}
	// By a clock that is wrong the entry may have been a new one after all.
	r, err = w.config.Store.Load(ctx, id)
	switch code := problem.CodeOf(err); {
	case code == problem.NotFound, code == problem.RecordUnreadable:
		return nil
	case err != nil:
		return fmt.Errorf("loading request %s again: %w", id, err)
	case r.State == request.Review:
		return w.mendReview(ctx, r)
	}
	return nil
}

// listedLately is for how long an entry without a request in Review is left alone: it is written
// before the request, and a call may still be at it.
const listedLately = time.Hour

// eraseExpired erases the personal data of a request that was finished before the time, and reports
// whether it did. A record that can't be read, nor erased, is counted: a person must look at it,
// and the others need not wait for that. What others change meanwhile is left to the next round.
func (w *Worker) eraseExpired(
	ctx context.Context, s *request.Sweep, b request.Brief, before time.Time,
) (erased bool, err error) {
	r, err := w.config.Store.Load(ctx, b.ID)
	switch problem.CodeOf(err) {
	case "":
	case problem.NotFound:
		return false, nil
	case problem.RecordUnreadable:
		// It was found by its state, its time and its address, so these can be read.
		err = w.config.Store.EraseUnreadable(ctx, b.ID, request.Erasure{Data: true, At: w.config.Now()})
		switch problem.CodeOf(err) {
		case "":
			return true, nil
		case problem.NotFound, problem.Conflict:
			return false, nil
		case problem.StorageUnavailable:
			return false, err
		}
		w.countUnreadable(ctx, s, b.ID, err)
		return false, nil
	default:
		return false, err
	}
	if !r.State.Finished() || !r.Erased.IsZero() || !r.Changed.Before(before) {
		return false, nil
	}
	j := w.newJob(r)
	j.Erase(fmt.Sprintf("the personal data was erased, since it was kept for %d days", w.config.Retention/(24*time.Hour)))
	j.Request.Resend = request.Instruction{}
	err = j.save(ctx)
	if problem.CodeOf(err) == problem.Conflict {
		return false, nil // somebody is working on it after all
	}
	return err == nil, err
}

// forget removes what was kept long enough, and for that time at least, in one page. It reports
// whether there are more pages.
func (w *Worker) forget(ctx context.Context, s *request.Sweep, least time.Duration,
	page func(ctx context.Context, before time.Time, from request.Cursor, limit int) (request.Cursor, bool, error),
) (more bool, err error) {
	before := w.expiry(*s)
	if before.IsZero() {
		return false, nil
	}
	if kept := s.Began.Add(-least); before.After(kept) {
		before = kept
	}
	next, last, err := page(ctx, before, s.At, eraseBatch)
	if err != nil {
		return true, fmt.Errorf("forgetting old %s: %w", s.Part, err)
	}
	s.At = next
	return !last, nil
}

// forgetMailboxes removes, in one page, what is known about mailboxes and counts no more. It
// reports whether there are more pages.
func (w *Worker) forgetMailboxes(ctx context.Context, s *request.Sweep) (more bool, err error) {
	before := s.Began.Add(-max(request.MailboxesKept, w.config.ProofLasts))
	next, last, err := w.config.MailStore.ForgetMailboxes(ctx, before, s.At, eraseBatch)
	if err != nil {
		return true, fmt.Errorf("forgetting old %s: %w", s.Part, err)
	}
	s.At = next
	return !last, nil
}

// logTally logs what a round has found that waits too long.
func (w *Worker) logTally(ctx context.Context, t request.Tally) {
	for _, state := range slices.Sorted(maps.Keys(t.Overdue)) {
		standing := t.Overdue[state]
		w.config.Log.WarnContext(ctx, LogOverdue, "state", state,
			"requests", standing.Requests, "oldest", standing.Oldest.Issued())
	}
}

// countUnreadable counts a record that can't be read, and logs the first ones of a round.
func (w *Worker) countUnreadable(ctx context.Context, s *request.Sweep, id submission.ID, why error) {
	before := len(s.Tally.Examples)
	s.Tally = s.Tally.CountUnreadable(id)
	if len(s.Tally.Examples) > before {
		w.config.Log.ErrorContext(ctx, LogUnreadable, "request", id, "error", why)
	}
}
