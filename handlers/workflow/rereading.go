package workflow

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// rereadAtOnce is the most reads of rows, and as many of requests, with which one page of the sweep
// looks for rows that were edited. What is left has its turn in another round.
const rereadAtOnce = 200

// rowlessAtOnce is the most requests without a row that a page of the sweep compares with their
// entries. Such an entry is wrong only if a process ended at it, or a write arrived late.
const rowlessAtOnce = 20

// rowReader reads the policy rows of requests that wait for people, each partition once.
type rowReader struct {
	*Worker
	rows  map[string]map[string]policy.Row // by partition and name; none of a partition that can't be read
	reads int
}

// rereadRows lets the index of what waits for people follow rows that were edited meanwhile: who
// decides, and by when. A vote is held to the row as it is, whatever the index says; but those who
// decide by now have to find the request.
//
// The entries agree with their requests. Each round begins with another of them. A row that can't
// be read is left to another round: the sweep has other things to do. The error is that of storage.
func (w *Worker) rereadRows(ctx context.Context, s *request.Sweep, entries []request.WaitingReview) error {
	if len(entries) == 0 {
		return nil
	}
	reader := rowReader{Worker: w, rows: map[string]map[string]policy.Row{}}
	first := int(s.Began.Unix()/int64(time.Hour/time.Second)) * rereadAtOnce % len(entries)
	loads, rowless := 0, 0
	for i := range entries {
		if loads == rereadAtOnce || reader.reads == rereadAtOnce {
			return nil
		}
		entry := entries[(first+i)%len(entries)]
		compared, err := reader.compare(ctx, entry)
		switch {
		case err != nil, compared == agrees:
		case compared == differs:
			loads++
			err = w.followRow(ctx, entry)
		case rowless < rowlessAtOnce:
			rowless++
			err = w.followRow(ctx, entry)
		}
		if problem.CodeOf(err) == problem.StorageUnavailable {
			return fmt.Errorf("following the row of request %s: %w", entry.ID, err)
		}
		if err == nil {
			continue
		}
		w.config.Log.WarnContext(ctx, "the row of a request that waits for a person can't be followed", "request", entry.ID,
			"code", problem.CodeOf(err), "error", err)
	}
	return nil
}

// comparison is how an entry of the index compares with the policy row that has decided.
type comparison int

const (
	agrees  comparison = iota // with its row
	differs                   // from its row, or that is for one address, which the entry does not tell
	noRow                     // has decided, or it is gone: only the request says what the entry should
)

// compare compares the entry with what its row says now, and with whether others decide since it
// has waited for long.
func (reader *rowReader) compare(ctx context.Context, entry request.WaitingReview) (comparison, error) {
	switch {
	case entry.Row.Name == "" && entry.Row.Partition == "":
		return noRow, nil
	case entry.Row.Partition == "":
		return differs, nil
	}
	row, found, err := reader.row(ctx, entry.Row)
	if err != nil || !found || row.Withdrawn(reader.config.Now()) != "" {
		return noRow, err
	}
	v := request.Reviewing{Since: entry.Since, Rules: row.Rules()}
	deadline := time.Time{}
	if days := cmp.Or(v.Rules.DecideWithin, reader.config.DecideWithin); days != 0 {
		deadline = entry.Since.AddDate(0, 0, days)
	}
	deciders := v.Rules.Deciders(entry.Stage, v.HasEscalated(reader.config.Now()))
	if slices.Equal(deciders, entry.Deciders) && deadline.Equal(entry.Deadline) {
		return agrees, nil
	}
	return differs, nil
}

// row returns the row of that key as it is now, if there is one.
func (reader *rowReader) row(ctx context.Context, key policy.RowKey) (row policy.Row, found bool, err error) {
	named, read := reader.rows[key.Partition]
	if !read {
		reader.reads++
		named = map[string]policy.Row{}
		reader.rows[key.Partition] = named
		raws, err := reader.config.Rows.Rows(ctx, []string{key.Partition})
		if err != nil {
			return policy.Row{}, false, err
		}
		for _, raw := range raws {
			named[raw.Name] = reader.config.Parse(raw)
		}
	}
	row, found = named[key.Name]
	return row, found, nil
}

// followRow takes over into a request in Review who decides by its row, and by when, and lists it
// anew. One that something is under way for is left to that. If the request agrees with its row
// already, the entry does not: a write of an earlier call has arrived late.
func (w *Worker) followRow(ctx context.Context, entry request.WaitingReview) error {
	r, err := w.config.Store.Load(ctx, entry.ID)
	switch problem.CodeOf(err) {
	case "":
	case problem.NotFound, problem.RecordUnreadable:
		return nil
	default:
		return err
	}
	if r.State != request.Review || !r.OnlyLooks() {
		return nil
	}
	j := w.newJob(r)
	_, err = j.readRow(ctx)
	if err != nil {
		return err
	}
	v := j.Request.Reviewing
	others := !slices.Equal(r.Deciders(), j.Request.Deciders())
	if !others && v.Deadline.Equal(r.Reviewing.Deadline) && !j.looksSooner() {
		if entry.Equal(r.WaitingReview()) {
			return nil
		}
		return w.mendReview(ctx, r)
	}
	if j.Request.NextLook().IsZero() {
		j.Request.Due = time.Time{} // the message of the due entry finds nothing to do, and removes it
	}
	// The request is stored first: if the round ends in between, the next one finds an entry that
	// does not agree. It would find nothing wrong with an entry that says what the row says. Should
	// the row be edited back by then, the message of the due entry lists what the request says.
	v.ListAgain = r.Reviewing.ListAgain
	j.Record("row-followed", "the policy row was edited: others decide, or by another time")
	if j.looksSooner() {
		err = j.lookSooner(ctx)
	} else {
		err = j.bringBack(ctx, r.ID, j.config.IntentLease)
	}
	if err != nil {
		return err
	}
	err = j.save(ctx)
	switch {
	case problem.CodeOf(err) == problem.Conflict:
		return nil // somebody is at it, and the next round looks again
	case err != nil:
		return err
	}
	return w.mendReview(ctx, j.Request)
}

// lookSooner makes the request due now if it would come back too late for its next look. The worker
// then plans the look: a due entry for a later time could replace one that somebody has just
// written.
func (j *job) lookSooner(ctx context.Context) error {
	j.Request.Due = j.config.Now()
	return j.bringBack(ctx, j.Request.ID, 0)
}

// looksSooner reports whether the request would come back too late for its next look.
func (j *job) looksSooner() bool {
	next, due := j.Request.NextLook(), j.Request.Due
	return !next.IsZero() && (due.IsZero() || next.Before(due))
}
