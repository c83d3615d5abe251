package review

import (
	"context"
	"fmt"
	"slices"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// mostOutages is how many requests in a row may fail because of storage before the rest is left.
const mostOutages = 3

// Failure says why a request of many is as it was.
type Failure struct {
	ID  submission.ID
	Err error
}

// Waiting returns the states in which requests have not led to a guest and go on by themselves or
// wait for a person: those in which they can be denied, and cancelled.
func Waiting() []request.State { return slices.Clone(waiting) }

// Cancellable returns the states in which requests can be cancelled.
func Cancellable() []request.State { return append(Waiting(), request.Failed) }

// CancelAll is [Reviewer.Cancel] for each of the requests that is still in one of the states. It
// goes on after requests that fail. Those that are neither cancelled nor failed were not tried:
// the error says why it stopped early. That is StorageUnavailable after three failures of storage
// in a row or at the end of ctx, and InvalidInput if the states or the reason are at fault.
func (v *Reviewer) CancelAll(
	ctx context.Context, ids []submission.ID, from []request.State, reason string,
) (cancelled []submission.ID, failed []Failure, err error) {
	words, err := request.CheckWords("reason", reason, true)
	if err != nil {
		return nil, nil, err
	}
	for _, state := range from {
		if !slices.Contains(Cancellable(), state) {
			return nil, nil, problem.Refuse("no request in state %s can be cancelled", state)
		}
	}
	if len(from) == 0 {
		return nil, nil, problem.Refuse("a state is needed")
	}
	failed, err = each(ctx, ids, func(id submission.ID) error {
		_, err := v.cancel(ctx, id, from, words)
		if err == nil {
			cancelled = append(cancelled, id)
		}
		return err
	})
	return cancelled, failed, err
}

// EraseAll is [Reviewer.Erase] for each of the requests, and goes on and stops as
// [Reviewer.CancelAll] does. It returns the requests as they are afterwards.
func (v *Reviewer) EraseAll(
	ctx context.Context, ids []submission.ID,
) (erased []request.Request, failed []Failure, err error) {
	failed, err = each(ctx, ids, func(id submission.ID) error {
		r, err := v.Erase(ctx, id)
		if err == nil {
			erased = append(erased, r)
		}
		return err
	})
	return erased, failed, err
}

// each acts on each of the requests, also after those that fail. The error says why it stopped
// early.
func each(
	ctx context.Context, ids []submission.ID, act func(submission.ID) error,
) (failed []Failure, err error) {
	outages := 0
	for _, id := range ids {
		if ctx.Err() != nil {
			return failed, problem.New(problem.StorageUnavailable, "it was interrupted")
		}
		if outages == mostOutages {
			last := failed[len(failed)-1].Err
			return failed, fmt.Errorf("%d requests in a row failed, the last with: %w", outages, last)
		}
		err := act(id)
		if err == nil {
			outages = 0
			continue
		}
		failed = append(failed, Failure{id, err})
		if problem.CodeOf(err) == problem.StorageUnavailable {
			outages++
		} else {
			outages = 0
		}
	}
	return failed, nil
}
