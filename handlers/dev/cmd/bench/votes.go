package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// The people who vote.
const (
	approver       = "cccccccc-0000-4000-8000-000000000001"
	secondApprover = "cccccccc-0000-4000-8000-000000000002"
	outsider       = "cccccccc-0000-4000-8000-000000000003" // does not decide
)

// votes measures what a vote costs about a request that two people decide, by the ids in the row:
// until it is stored and the index of what waits agrees. The invitation that follows the last one
// is not a part of it.
func votes(ctx context.Context, handler string, w *world) error {
	err := w.store.PutRow(ctx, policy.Raw{Partition: "fabrikam.com", Name: "asks", Columns: map[string]any{
		"Action": "review", "Approvers": approver, "SecondApprovers": secondApprover,
	}})
	if err != nil {
		return err
	}
	p, err := start(ctx, handler, w.environment())
	if err != nil {
		return err
	}
	defer p.Kill()
	var costs []string
	for i, kind := range []struct {
		name   string
		before []string // those who have said yes
		by     string
		yes    bool
	}{
		{"not counted", nil, outsider, true},
		{"first of two", nil, approver, true},
		{"last", []string{approver}, secondApprover, true},
		{"a no", nil, approver, false},
	} {
		id, err := p.signUp(fmt.Sprintf("voted.%d@fabrikam.com", i))
		if err != nil {
			return err
		}
		for _, by := range kind.before {
			err = p.vote(ctx, w, id, by, true)
			if err != nil {
				return err
			}
		}
		err = p.vote(ctx, w, id, kind.by, kind.yes)
		if err != nil {
			return err
		}
		storage, directory := w.order.ofVote()
		costs = append(costs, fmt.Sprintf("%s %d+%d", kind.name, storage, directory))
	}
	figure("calls of a vote (storage + Graph)", "%s (at most 8+2)", strings.Join(costs, ", "))
	return nil
}

// vote hands a vote on the request as it is to the handler. w.order has the calls for it.
func (p process) vote(ctx context.Context, w *world, id submission.ID, by string, yes bool) error {
	r, err := w.store.Load(ctx, id)
	if err != nil {
		return err
	}
	if r.Mark() == "" {
		return fmt.Errorf("a request that people decide on is %s", r.State)
	}
	ballot := request.Ballot{
		Seen: r.Mark(), Stage: r.Reviewing.Stage, By: by, Name: "Somebody", Yes: yes, Reason: "measured", Cast: time.Now(),
	}
	if yes {
		row, err := request.ReadReviewRow(ctx, w.store, policy.Parse, r, time.Now())
		if err != nil {
			return err
		}
		ballot.Shown = request.TermsMark(row.Terms)
	}
	message, err := request.CastBallot{ID: id, Ballot: ballot}.Encode()
	if err != nil {
		return err
	}
	w.order.clear()
	_, err = post(http.DefaultClient, p.address+"/decisions-queue", messageEnvelope("decisions-queue", message))
	return err
}

// ofVote returns how many calls of storage and of Graph were for a vote: all until the index of
// what waits agrees with the request.
func (o *order) ofVote() (storage, directory int) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	all := o.calls
	if left := slices.Index(all, storageCall+"DELETE Reviews"); left >= 0 {
		all = all[:left+1]
	}
	for _, call := range all {
		if strings.HasPrefix(call, storageCall) {
			storage++
		} else {
			directory++
		}
	}
	return storage, directory
}
