package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// namingPages is how many pages of policy rows one run looks through at most for object ids. The
	// next run goes on from there.
	namingPages = 20
	// namingTime is how long a run of naming may take. Nothing waits for it, and nothing else of
	// upkeep comes after it.
	namingTime = 15 * time.Second
)

// nameGroups goes on with the round that is under way, or begins one if it is time. It looks which
// object ids the policy rows name, and asks the directory for the names of those that are groups
// and whose names are new or a day old: for a bounded number at most, the rest at the next run.
//
// Nothing depends on it. If the directory gives no answer the old names stay, and it is asked again
// with the next round.
func (w *Worker) nameGroups(ctx context.Context) {
	if w.config.GroupNames == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, namingTime)
	defer cancel()
	err := w.continueNaming(ctx)
	if err != nil && problem.CodeOf(err) != problem.Conflict { // else another instance is at it
		w.config.Log.WarnContext(ctx, "the names of groups can't be kept", "code", problem.CodeOf(err), "error", err)
	}
}

func (w *Worker) continueNaming(ctx context.Context) error {
	round, err := w.config.GroupNames.GroupNameRound(ctx)
	if err != nil {
		return fmt.Errorf("reading the record of the names of groups: %w", err)
	}
	now := w.config.Now()
	if !round.Due(now) {
		return nil
	}
	round = round.Begin(now)
	if round.Part == request.GroupNamesRows {
		err = w.findNamed(ctx, &round)
	}
	if err == nil && round.Part == request.GroupNamesAsk {
		err = w.askNames(ctx, &round)
	}
	if err != nil {
		return err
	}
	err = w.config.GroupNames.SaveGroupNameRound(ctx, round)
	if err != nil {
		return fmt.Errorf("saving the record of the names of groups: %w", err)
	}
	return nil
}

// findNamed looks through the policy rows for the ids that they name, as far as a run goes. At the
// end there is an entry for each of them, and no other.
func (w *Worker) findNamed(ctx context.Context, round *request.GroupNameRound) error {
	for range namingPages {
		rows, next, err := w.config.GroupNames.ScanNaming(ctx, round.Cursor)
		if err != nil && round.Cursor != "" && problem.CodeOf(err) == problem.Internal {
			// The cursor is of no use any more.
			round.Cursor, round.Found, round.Beyond = "", nil, 0
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking through the policy rows for groups: %w", err)
		}
		*round = round.Add(rows)
		round.Cursor = next
		if next == "" {
			return w.compareNames(ctx, round)
		}
	}
	return nil
}

// compareNames makes the entries agree with the ids that the rows name.
func (w *Worker) compareNames(ctx context.Context, round *request.GroupNameRound) error {
	kept, err := w.keptNames(ctx)
	if err != nil {
		return err
	}
	missing, gone := round.Compare(kept)
	// First what is to go: the names of what no row names any more are kept no longer than needed.
	if len(gone) > 0 {
		err = w.config.GroupNames.DropGroupNames(ctx, gone)
	}
	if err == nil && len(missing) > 0 {
		err = w.config.GroupNames.KeepGroupNames(ctx, missing)
	}
	if err != nil {
		return fmt.Errorf("comparing the names of groups with the policy rows: %w", err)
	}
	if round.Beyond > 0 {
		w.config.Log.WarnContext(ctx, "the policy rows name more users and groups than are shown with names",
			"shown", len(round.Found), "others", round.Beyond)
	}
	round.Part, round.Cursor, round.Found, round.Beyond = request.GroupNamesAsk, "", nil, 0
	return nil
}

// keptNames returns all entries. There are as many as a round finds, and as many again if the one
// before was interrupted.
func (w *Worker) keptNames(ctx context.Context) ([]request.GroupName, error) {
	kept, err := w.config.GroupNames.GroupNames(ctx, "", "", 2*request.MostGroupNames)
	if err != nil {
		return nil, fmt.Errorf("reading the names of groups: %w", err)
	}
	return kept, nil
}

// askNames asks the directory for names that are due, and keeps them. The round is over if that
// were all of them, or if there is no answer.
func (w *Worker) askNames(ctx context.Context, round *request.GroupNameRound) error {
	kept, err := w.keptNames(ctx)
	if err != nil {
		return err
	}
	if w.held() > 0 {
		return nil // invitations come first; the next run asks
	}
	now := w.config.Now()
	due, more := request.DueNames(kept, now)
	if !more {
		round.Part = request.GroupNamesOver
	}
	if len(due) == 0 {
		return nil
	}
	ids := make([]string, 0, len(due))
	for _, entry := range due {
		ids = append(ids, entry.ID)
	}
	names, err := w.config.People.GroupNames(ctx, ids)
	if err != nil {
		round.Part = request.GroupNamesOver
		w.config.Log.WarnContext(ctx, "the directory does not tell the names of groups", "code", problem.CodeOf(err), "error", err)
		return nil
	}
	for i, entry := range due {
		due[i] = request.NewGroupName(entry.ID, names[entry.ID], now)
	}
	err = w.config.GroupNames.KeepGroupNames(ctx, due)
	if err != nil {
		return fmt.Errorf("keeping the names of groups: %w", err)
	}
	return nil
}
