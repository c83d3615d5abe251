package workflow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// sending is one attempt to send the invitation, under an intent of this call.
type sending struct {
	*job
	claim    request.Claim
	terms    policy.Terms
	holder   request.User // of the address
	seen     bool         // whether the directory let the app look for the holder
	admitted admission
}

// send issues the invitation and records what came of it.
func (j *job) send(ctx context.Context, claim request.Claim) (next, error) {
	terms := j.Request.Terms()
	if terms == nil {
		return stop, problem.New(problem.Internal, "neither policy nor a person decided to invite")
	}
	s := &sending{job: j, claim: claim, terms: *terms}
	n, err := inOrder(ctx, s.awaitDirectory, s.findHolder, s.spareMailbox, s.judgeHolder,
		s.takeSeat, s.takeTurn, s.confirm, s.issue)
	s.returnTurn(ctx)
	return n, err
}

// awaitDirectory leaves the directory alone for as long as it has asked.
func (s *sending) awaitDirectory(ctx context.Context) (next, error) {
	left := s.held()
	if left > s.patience() {
		return s.heldBack(ctx, s.claim, admission{wait: left, why: "the directory asked to come back later"})
	}
	if left > 0 {
		err := s.config.Sleep(ctx, left)
		if err != nil {
			return stop, fmt.Errorf("leaving the directory alone: %w", err)
		}
	}
	return proceed, nil
}

// findHolder finds out who holds the address. It may be the guest of an attempt whose answer was
// lost.
func (s *sending) findHolder(ctx context.Context) (next, error) {
	var err error
	s.holder, s.seen, err = s.findUser(ctx)
	if err != nil {
		return s.questionFailed(ctx, s.claim, err)
	}
	s.Request.Origin = s.originOf(s.Request.Origin)
	if s.holder.Kind == request.PendingGuest && !s.doubt.IsZero() {
		return s.found(ctx, s.claim, s.holder.ID, "invited", answerLost)
	}
	return proceed, nil
}

// originOf returns where the guest comes from if the invitation succeeds. known is what an earlier
// attempt found out: once one may have succeeded, a guest who shows up may be its own.
func (s *sending) originOf(known request.Origin) request.Origin {
	switch {
	case !s.seen:
		return known
	case s.holder.Kind == request.NoUser:
		return request.OriginBrought
	case s.holder.Kind == request.DeletedGuest:
		// Somebody may restore that guest, who would then look like the one of a lost answer.
		return known
	case s.holder.ID != "" && s.holder.ID == s.vanished.id:
		return s.vanished.origin
	case s.doubt.IsZero():
		return request.OriginFound
	}
	return known
}

// spareMailbox holds back another mail to an address that has had mails by requests that were
// withdrawn since. Otherwise signing up and withdrawing in turn would send mail at will.
func (s *sending) spareMailbox(ctx context.Context) (next, error) {
	if !s.terms.SendInvitation || s.Request.Approval != nil || s.claim.Mails == 0 ||
		s.holder.Kind != request.NoUser && s.holder.Kind != request.PendingGuest {
		return proceed, nil
	}
	rest := s.claim.MailedAt.Add(request.MailRest).Sub(s.config.Now())
	switch {
	case rest <= 0 && s.claim.Mails < maxMails:
		return proceed, nil
	case s.holder.Kind == request.PendingGuest:
		return s.found(ctx, s.claim, s.holder.ID, "known",
			"the guest is pending, and the address has had mail enough; no other is sent")
	case rest > 0:
		// The guest may exist and not be visible yet.
		err := s.giveBack(ctx, s.claim, request.Intent)
		if err != nil {
			return stop, err
		}
		return s.wait(ctx, rest, "mail-rests",
			"the address had a mail lately by a request that was withdrawn; the next one waits")
	case !s.seen:
		return s.endUninvited(ctx, s.claim, objection{request.Review, "mails-spent", fmt.Sprintf(
			"the address has had %d mails, and who holds it can't be looked up, so a person decides", s.claim.Mails)})
	}
	// The guest is gone from the directory, which nobody outside can bring about.
	return proceed, nil
}

// judgeHolder goes on to invite an address that nobody holds, or a pending guest: inviting that one
// again finds the same guest and sends another mail.
func (s *sending) judgeHolder(ctx context.Context) (next, error) {
	if s.holder.Kind == request.AcceptedGuest {
		s.Request.Joined = s.config.Now()
		return s.found(ctx, s.claim, s.holder.ID, "known",
			"the guest was there before and has accepted; no invitation is needed")
	}
	o := s.objectionTo(s.holder)
	if o.state != "" {
		return s.endUninvited(ctx, s.claim, o)
	}
	return proceed, nil
}

// takeSeat takes the seat that the limits of the deciding row ask for, on the day of the
// invitation. It happens under the claim, so an address takes no more than one. A request that has
// waited since another day keeps its seat, and waits on if this day is full.
func (s *sending) takeSeat(ctx context.Context) (next, error) {
	limits := s.Request.Limits()
	if limits == nil {
		return proceed, nil
	}
	taken, err := s.config.Seats.TakeSeat(ctx, *limits, policy.Day(s.config.Now()), s.Request.ID)
	if err != nil {
		return stop, fmt.Errorf("taking a seat: %w", err)
	}
	if taken {
		return proceed, nil
	}
	holds, err := s.config.Seats.HoldsSeat(ctx, limits.Row, s.Request.ID)
	if err != nil {
		return stop, fmt.Errorf("looking for the seat of an earlier day: %w", err)
	}
	if holds {
		s.Request.FullOn = policy.Day(s.config.Now())
		return s.heldBack(ctx, s.claim, admission{parked: true, wait: untilTomorrow(s.config.Now()),
			why: "the deciding row brings in no more guests today"})
	}
	return s.endUninvited(ctx, s.claim, seatsTaken)
}

// takeTurn asks the gate to let the invitation through.
func (s *sending) takeTurn(ctx context.Context) (next, error) {
	var err error
	s.admitted, err = s.admit(ctx)
	if err != nil {
		return stop, err
	}
	if s.admitted.wait > 0 {
		return s.heldBack(ctx, s.claim, s.admitted)
	}
	return proceed, nil
}

// confirm makes sure, right before the invitation is sent, that this call may still send it: that
// the intent is young enough for nobody to take over meanwhile, and that the request is as this
// call knows it. A call can be slow and its message come twice: another may have done it all, and a
// person may have ended the request. It is a Conflict if so.
func (s *sending) confirm(ctx context.Context) (next, error) {
	if s.config.Now().Sub(s.claim.IntentAt) > s.longestAttempt()/4 {
		err := s.changeClaim(ctx, &s.claim, "renewing the intent", s.begun)
		if err != nil {
			return stop, err
		}
	}
	present, err := s.unchanged(ctx)
	if problem.CodeOf(err) == problem.Conflict && present.State.Ended() && present.GuestID == "" {
		// The request holds nothing any more, so what this call has taken since belongs to nobody.
		err = errors.Join(err, s.giveBack(ctx, s.claim, request.SeatAndClaim))
	}
	if err != nil {
		return stop, err
	}
	if s.config.Now().Sub(s.claim.IntentAt) > s.longestAttempt()/2 {
		return stop, problem.New(problem.StorageUnavailable, "preparing the invitation took too long; another call may be at it")
	}
	return proceed, nil
}

// longestAttempt is the longest time between an intent and the end of its call. After the lease
// another instance may take over, and after LongestAttempt a person may end the request.
func (w *Worker) longestAttempt() time.Duration {
	return min(w.config.IntentLease, request.LongestAttempt)
}

// issue sends the invitation and records the receipt.
func (s *sending) issue(ctx context.Context) (next, error) {
	guestID, err := s.post(ctx, s.terms)
	if err != nil {
		_, gateErr := s.tellGate(ctx, err)
		if gateErr != nil {
			return stop, gateErr
		}
	}
	switch {
	case err == nil:
	case s.hides(err):
		return s.refusedByHidden(ctx, err)
	default:
		return s.invitationFailed(ctx, err)
	}
	if s.holder.Kind == request.DeletedGuest {
		s.Request.Origin = request.OriginBrought // the answer names a new account
	}
	err = s.changeClaim(ctx, &s.claim, "recording the invited guest", func(c request.Claim) (request.Claim, error) {
		if s.terms.SendInvitation {
			c = c.Mailed(s.config.Now())
		}
		return c.Sent(guestID, s.Request.Origin, s.config.Now())
	})
	if err != nil {
		return stop, err
	}
	_, err = s.tellGate(ctx, nil)
	if err != nil {
		return stop, err
	}
	return s.invited(ctx, s.claim, "invited", "the invitation was issued")
}

// post asks the directory to invite the guest on the terms.
func (j *job) post(ctx context.Context, terms policy.Terms) (guestID string, err error) {
	s := j.Request.Submission
	language := cmp.Or(terms.MessageLanguage, s.Language)
	// After the lease another instance may take over, so this attempt must be over long before.
	ctx, cancel := context.WithTimeout(ctx, j.longestAttempt()/2)
	defer cancel()
	j.used = true
	return j.config.Directory.Invite(ctx, request.Invitation{
		Address:         s.Email,
		DisplayName:     s.Name(),
		RedirectURL:     cmp.Or(terms.RedirectURL, j.config.RedirectURL),
		MessageLanguage: language,
		SendMessage:     terms.SendInvitation,
		Message:         terms.MessageIn(language),
		Cc:              terms.Cc,
		UserType:        terms.UserType,
		Sponsors:        terms.Sponsors,
	})
}

// findUser finds out who holds the address, or held it until lately. seen is false if the app may
// not read users: then the answer to the invitation has to tell.
func (j *job) findUser(ctx context.Context) (holder request.User, seen bool, err error) {
	holder, err = ask(ctx, j, j.config.Users.FindUser)
	if err == nil && holder.Kind == request.NoUser {
		var deleted []request.Deletion
		deleted, err = ask(ctx, j, j.config.Users.FindDeletedGuests)
		switch {
		case len(deleted) > 0:
			holder = request.User{Kind: request.DeletedGuest, DeletedAt: lastDeletion(deleted)}
		case odd(err):
			// This question is a precaution, in a form that not every tenant need accept: go on
			// without.
			j.log.WarnContext(ctx, "deleted guests could not be searched", "code", problem.CodeOf(err), "error", err)
			err = nil
		}
	}
	if problem.CodeOf(err) == request.DirectoryReadForbidden {
		j.logDegraded(ctx)
		return request.User{}, false, nil
	}
	return holder, true, err
}

// lastDeletion returns when the last of the guests was deleted; zero if that is not known of each.
func lastDeletion(deleted []request.Deletion) (last time.Time) {
	for _, d := range deleted {
		if d.At.IsZero() {
			return time.Time{}
		}
		if d.At.After(last) {
			last = d.At
		}
	}
	return last
}

// invitationFailed records a failed attempt to invite.
func (s *sending) invitationFailed(ctx context.Context, cause error) (next, error) {
	j, claim, failure := s.job, s.claim, problem.From(cause)
	j.logFailure(ctx, "the directory did not take the invitation", failure.Code, cause)
	switch code := failure.Code; {
	case code == request.DirectoryUnavailable, code == request.DirectoryUnknown:
		j.Request.OpenTurn = s.admitted.taken
		return j.unanswered(ctx, claim, failure)
	case code == request.DirectoryThrottled, code == request.DirectoryNotReplicated, request.TenantWide(code):
		return j.notSent(ctx, claim, failure)
	case code == request.DirectoryRefused:
		return j.refused(ctx, claim, failure)
	case code == request.DirectoryGuestDisabled:
		return j.endUninvited(ctx, claim, guestDisabled)
	case request.DirectoryPublic(code) != "":
		return j.refusedForGood(ctx, claim, failure)
	default:
		return stop, fmt.Errorf("inviting: %w", cause)
	}
}

// notSent puts off an invitation that was certainly not sent. If its failure is about the tenant,
// everybody waits once there are enough witnesses, and until then this request alone: the trouble
// may be its own.
func (j *job) notSent(ctx context.Context, claim request.Claim, failure *problem.Error) (next, error) {
	stopped, n, err := j.uninvited(ctx, claim, failure, request.TenantWide(failure.Code))
	switch {
	case n != proceed || err != nil:
		return n, err
	case stopped:
		return j.park(ctx, "the tenant takes no invitations ("+string(failure.Code)+"); the breaker is open"+ref(failure))
	case request.TenantWide(failure.Code):
		return j.wait(ctx, alone.after(j.Request.Attempt, failure.RetryAfter), "not-taken",
			"the directory does not take this invitation ("+string(failure.Code)+"), and no other request says the same yet"+ref(failure))
	default:
		return j.throttled(ctx, failure, "throttled")
	}
}

// logFailure logs a failure of the directory.
func (j *job) logFailure(ctx context.Context, text string, code problem.Code, cause error) {
	j.log.ErrorContext(ctx, text, "code", code, "attempt", j.Request.Attempt, "error", cause)
}

// logDegraded says, once, that the app works without the right to read users.
func (w *Worker) logDegraded(ctx context.Context) {
	if !w.degraded.Swap(true) {
		w.config.Log.WarnContext(ctx, LogDegraded, "permission", "User.Read.All",
			"effect", "who holds an address is not known before the invitation, and what came of one whose answer was lost is not known at all")
	}
}

// ref names the directory's id of a failed call, for its support.
func ref(failure *problem.Error) string {
	if failure.Ref == "" {
		return ""
	}
	return " (request-id " + failure.Ref + ")"
}

// maxMails is the most mails that an address gets because the partner asks on a status page. A
// person who has signed in may send more.
const maxMails = 5
