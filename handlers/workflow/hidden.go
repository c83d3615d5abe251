package workflow

import (
	"context"
	"slices"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// hides reports whether the directory refuses the invitation because of an object that its search
// for the holder of the address did not show.
func (s *sending) hides(refused error) bool {
	taken := []problem.Code{request.DirectoryInternalUser, request.DirectoryAddressTaken}
	unseen := s.holder.Kind == request.NoUser || s.holder.Kind == request.DeletedGuest
	return s.seen && unseen && slices.Contains(taken, problem.CodeOf(refused))
}

// refusedByHidden ends an invitation that is refused because of an object that no search shows. It
// may be in the recycle bin: a guest who is found there is up to a person. The reason says where
// else to look.
func (s *sending) refusedByHidden(ctx context.Context, cause error) (next, error) {
	failure := problem.From(cause)
	s.logFailure(ctx, "the directory has the address, and shows nobody with it", failure.Code, cause)
	if !s.doubt.IsZero() && s.config.Now().Sub(s.doubt).Abs() < patience {
		return s.awaitOwnGuest(ctx, failure)
	}
	if s.holder.Kind == request.NoUser {
		deleted, err := s.askForDeleted(ctx)
		switch {
		case len(deleted) > 0:
			return s.endUninvited(ctx, s.claim, guestDeleted)
		case err != nil && !odd(err) && problem.CodeOf(err) != request.DirectoryReadForbidden:
			return s.questionFailed(ctx, s.claim, err)
		}
	}
	where := "no user with the address is visible; look for the object among the deleted users in " +
		"the Entra admin center, and among contacts and groups"
	if s.holder.Kind == request.DeletedGuest {
		where = "a deleted guest still holds the address; restore that one, or delete it permanently"
	}
	return s.endUninvited(ctx, s.claim, objection{request.Failed, "refused",
		"the directory refused the invitation, and " + where + ": " + failure.Detail + ref(failure)})
}

// awaitOwnGuest waits for the directory to show the guest of an earlier invitation whose answer was
// lost. The address is taken now, so that invitation has probably succeeded.
func (s *sending) awaitOwnGuest(ctx context.Context, failure *problem.Error) (next, error) {
	hopeless, err := s.countFailure(ctx, failure)
	switch {
	case err != nil:
		return stop, err
	case hopeless:
		return s.giveUp(ctx, s.claim)
	}
	err = s.giveBack(ctx, s.claim, request.Intent)
	if err != nil {
		return stop, err
	}
	return s.wait(ctx, down.after(s.Request.Attempt, failure.RetryAfter), "not-shown",
		"the directory has the address, and does not show who holds it; it may be the guest of an invitation "+
			"whose answer was lost, so the directory is asked again: "+s.Request.Failures.Last)
}
