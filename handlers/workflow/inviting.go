package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// maxUnknown is how often an answer that nobody understands is taken for a passing fault.
const maxUnknown = 5

// invite brings the guest into being, or finds that another request already has.
//
// The claim on the address is the intent and carries the receipt. The order of writes leaves these states after a crash, each of which
// the next call repairs: no claim (nothing happened yet), a claim of ours with an intent (the invitation may or may not have been sent:
// left alone for the lease, then looked up), a claim with a guest id (it was sent; go on to the grants).
func (w *work) invite(ctx context.Context) (bool, error) {
	r := &w.Request
	claim, created, err := w.config.Store.Claim(ctx, r.Submission.Email, r.ID, w.config.Now())
	if err != nil {
		return false, fmt.Errorf("claiming the address: %w", err)
	}
	switch {
	case claim.GuestID != "":
		if claim.Owner != r.ID {
			return w.repeat(ctx, claim)
		}
		return w.invited(ctx, claim, "invited", "the invitation was found recorded after an interruption")
	case claim.Owner != r.ID:
		claim, free, err := w.inherit(ctx, claim)
		if err != nil {
			return false, err
		}
		if free {
			return w.resume(ctx, claim)
		}
		return w.wait(ctx, queuing.after(r.Attempt, 0), "waiting-for-owner", "request "+string(claim.Owner)+" for the same address is under way")
	case created:
		return w.send(ctx, claim)
	}
	return w.resume(ctx, claim)
}

// repeat goes on with the guest whom an earlier request for the address brought in. That may be long ago, so the directory is asked whether the guest is
// still there and may still come in: whom somebody has removed or shut out since is up to a person, as at a first sign-up.
func (w *work) repeat(ctx context.Context, claim request.Claim) (bool, error) {
	const earlier = "the address was invited by request "
	known := func() (bool, error) {
		return w.invited(ctx, claim, "repeat", earlier+string(claim.Owner)+"; no second invitation")
	}
	since := claim.IntentAt
	if since.IsZero() {
		since = claim.MailedAt // of the invitation is known no more than that, since a request for the address was withdrawn
	}
	if w.config.Now().Sub(since) < patience {
		return known() // the directory may not show the guest yet
	}
	holder, seen, err := w.findUser(ctx)
	if err != nil {
		failure := problem.From(err)
		w.log.ErrorContext(ctx, "the directory could not be asked for the guest", "code", failure.Code, "attempt", w.Request.Attempt, "error", err)
		switch {
		case failure.Code == request.DirectoryThrottled:
			return w.throttled(ctx, failure, "look-up-postponed")
		case request.Retryable(failure.Code) && !w.givenUp(failure.Code):
			return w.wait(ctx, down.after(w.Request.Attempt, failure.RetryAfter), "look-up-postponed", "the directory could not say whether the guest is still there"+ref(failure))
		}
		return known()
	}
	switch {
	case !seen, holder.Kind == request.SeveralUsers:
		return known()
	// In what follows the claim stays another's, and no seat was taken.
	case holder.Kind == request.DisabledGuest:
		w.transition(request.Review, "guest-disabled", guestDisabled)
		return w.finish(ctx)
	case holder.Kind == request.InternalUser:
		w.transition(request.Failed, "internal-user", internalUser)
		return w.finish(ctx)
	case holder.Kind == request.DeletedGuest && w.Request.Approval == nil:
		w.transition(request.Review, "guest-deleted", guestDeleted)
		return w.finish(ctx)
	case holder.Kind == request.NoUser && w.Request.Approval == nil:
		w.transition(request.Review, "guest-gone", guestGone)
		return w.finish(ctx)
	case holder.ID == claim.GuestID:
		if holder.Kind == request.AcceptedGuest {
			w.Request.Joined = w.config.Now()
		}
		return known()
	}
	owner, err := w.config.Store.Load(ctx, claim.Owner)
	if err != nil && problem.CodeOf(err) != problem.NotFound {
		return false, fmt.Errorf("looking at the owner of the claim: %w", err)
	}
	if err == nil && !owner.State.Ended() {
		return known()
	}
	w.transition(request.Inviting, "invited-anew", earlier+string(claim.Owner)+", and that guest is no longer there")
	claim.Owner, claim.GuestID = w.Request.ID, ""
	return w.begin(ctx, claim)
}

// inherit takes over the claim of a request that has ended without a guest: it was left behind by a process that ended in between. Whoever asks
// for the address next would wait for ever. free says that the claim is ours now.
func (w *work) inherit(ctx context.Context, claim request.Claim) (taken request.Claim, free bool, err error) {
	if w.config.Now().Sub(claim.IntentAt) < w.config.IntentLease {
		return claim, false, nil
	}
	owner, err := w.config.Store.Load(ctx, claim.Owner)
	if err != nil && problem.CodeOf(err) != problem.NotFound {
		return claim, false, fmt.Errorf("looking at the owner of the claim: %w", err)
	}
	if err == nil && !owner.State.Ended() {
		return claim, false, nil
	}
	if owner.GuestID == "" {
		// Its seat is still its own. If a person takes it up again, it is a repeat.
		err = w.Worker.change(owner).leaveSeat(ctx)
		if err != nil {
			return claim, false, err
		}
	}
	claim.Owner = w.Request.ID
	taken, err = w.config.Store.UpdateClaim(ctx, w.Request.Submission.Email, claim)
	if err != nil {
		return claim, false, fmt.Errorf("taking the claim over: %w", err)
	}
	return taken, true, nil
}

// resume goes on under a claim of ours that an earlier call made.
func (w *work) resume(ctx context.Context, claim request.Claim) (bool, error) {
	if claim.IntentAt.IsZero() {
		return w.begin(ctx, claim)
	}
	left := claim.IntentAt.Add(w.config.IntentLease).Sub(w.config.Now())
	if left > 0 {
		return w.wait(ctx, left, "unanswered", "an invitation was begun and its outcome is not known; the directory will be asked")
	}
	return w.lookUp(ctx, claim)
}

// lookUp finds out what came of an invitation whose answer was lost.
func (w *work) lookUp(ctx context.Context, claim request.Claim) (bool, error) {
	guestID, err := w.config.Directory.FindGuest(ctx, w.Request.Submission.Email)
	switch code := problem.CodeOf(err); {
	case err == nil && guestID != "":
		claim.GuestID = guestID
		claim, err = w.config.Store.UpdateClaim(ctx, w.Request.Submission.Email, claim)
		if err != nil {
			return false, fmt.Errorf("recording the guest that was found: %w", err)
		}
		return w.invited(ctx, claim, "invited", "the directory shows the guest: the invitation whose answer was lost had succeeded")
	case err == nil:
		w.transition(request.Inviting, "not-found", "the directory shows no guest; the invitation is sent again")
	case code == request.DirectoryReadForbidden, code == request.DirectoryForbidden:
		// Without the right to read users a second mail is possible here, a second guest is not: the directory keeps one per address.
		w.tellDegraded(ctx)
		w.transition(request.Inviting, "not-looked-up", "the app may not read users; the invitation is sent again")
	default:
		// The intent stays: without an answer nobody knows whether the guest has a mail already.
		failure := problem.From(err)
		w.log.ErrorContext(ctx, "the directory could not be asked for the guest", "code", code, "attempt", w.Request.Attempt, "error", err)
		if w.givenUp(code) {
			// So does the claim: when a person takes the request up again, the directory is asked again.
			w.transition(request.Failed, "not-looked-up", "an invitation was begun, and what came of it the directory did not say in several attempts: "+failure.Detail+ref(failure))
			return w.finish(ctx)
		}
		if code == request.DirectoryThrottled {
			return w.throttled(ctx, failure, "look-up-postponed")
		}
		return w.wait(ctx, down.after(w.Request.Attempt, failure.RetryAfter), "look-up-postponed", "the directory could not say what came of the invitation"+ref(failure))
	}
	w.doubt = claim.IntentAt
	return w.begin(ctx, claim)
}

// begin renews the intent. Of two instances that try, one gets a Conflict.
func (w *work) begin(ctx context.Context, claim request.Claim) (bool, error) {
	claim.IntentAt = w.config.Now()
	claim, err := w.config.Store.UpdateClaim(ctx, w.Request.Submission.Email, claim)
	if err != nil {
		return false, fmt.Errorf("renewing the intent: %w", err)
	}
	return w.send(ctx, claim)
}

// send issues the invitation under an intent that is ours, and records what came of it.
func (w *work) send(ctx context.Context, claim request.Claim) (bool, error) {
	r := &w.Request
	terms := r.Terms()
	if terms == nil {
		return false, problem.New(problem.Internal, "neither policy nor a person has let the guest in")
	}
	if left := w.held(); left > w.patience() {
		return w.heldBack(ctx, claim, admission{wait: left, why: "the directory asked to come back later"})
	} else if left > 0 {
		err := w.config.Sleep(ctx, left)
		if err != nil {
			return false, fmt.Errorf("leaving the directory alone: %w", err)
		}
	}
	holder, seen, err := w.findUser(ctx)
	if err != nil {
		return w.directoryFailed(ctx, claim, err)
	}
	if holder.Kind == request.PendingGuest && !w.doubt.IsZero() {
		// The guest of the attempt whose answer was lost has become visible since.
		claim.GuestID = holder.ID
		claim, err = w.config.Store.UpdateClaim(ctx, r.Submission.Email, claim)
		if err != nil {
			return false, fmt.Errorf("recording the guest that has appeared: %w", err)
		}
		return w.invited(ctx, claim, "invited", "the directory shows the guest: the invitation whose answer was lost had succeeded")
	}
	if terms.SendInvitation && r.Approval == nil && claim.Mails > 0 && (holder.Kind == request.NoUser || holder.Kind == request.PendingGuest) {
		done, more, err := w.spare(ctx, claim, holder, seen)
		if done || err != nil {
			return more, err
		}
	}
	switch holder.Kind {
	case request.NoUser, request.PendingGuest:
		// Inviting again finds the pending guest and sends the mail once more.
	case request.DeletedGuest:
		if r.Approval == nil {
			return w.turnDown(ctx, claim, request.Review, "guest-deleted", guestDeleted)
		}
		// A person has seen that and lets the guest in all the same.
	case request.AcceptedGuest:
		claim.GuestID = holder.ID
		claim, err = w.config.Store.UpdateClaim(ctx, r.Submission.Email, claim)
		if err != nil {
			return false, fmt.Errorf("recording the guest that was there before: %w", err)
		}
		w.Request.Joined = w.config.Now()
		return w.invited(ctx, claim, "known", "the guest was there before and has accepted; no invitation is needed")
	case request.InternalUser:
		return w.turnDown(ctx, claim, request.Failed, "internal-user", internalUser)
	case request.DisabledGuest:
		return w.turnDown(ctx, claim, request.Review, "guest-disabled", guestDisabled)
	default:
		return w.turnDown(ctx, claim, request.Review, "several-users", severalUsers)
	}
	seated, err := w.takeSeat(ctx)
	if err != nil {
		return false, err
	}
	if !seated {
		// As over any limit, a person decides.
		return w.turnDown(ctx, claim, request.Review, "full", "the last seat of the deciding row went to somebody else, so a person decides")
	}
	admitted, err := w.admit(ctx)
	if err != nil {
		return false, err
	}
	if admitted.wait > 0 {
		return w.heldBack(ctx, claim, admitted)
	}
	claim, err = w.confirm(ctx, claim)
	if err != nil {
		return false, err
	}
	guestID, err := w.post(ctx, *terms)
	if err != nil {
		return w.directoryFailed(ctx, claim, err)
	}
	claim.GuestID = guestID
	if terms.SendInvitation {
		claim.MailedAt = w.config.Now()
		claim.Mails++
	}
	claim, err = w.config.Store.UpdateClaim(ctx, r.Submission.Email, claim)
	if err != nil {
		return false, fmt.Errorf("recording the invited guest: %w", err)
	}
	if admitted.probe {
		err = w.closeBreaker(ctx)
		if err != nil {
			return false, err
		}
	}
	return w.invited(ctx, claim, "invited", "the invitation was issued")
}

// spare keeps an address from another mail that has had one by a request which was withdrawn since: otherwise whoever signs somebody up, withdraws and
// signs up again sends mail at will. done says that the invitation is not to be sent now.
func (w *work) spare(ctx context.Context, claim request.Claim, holder request.User, seen bool) (done, more bool, err error) {
	rest := claim.MailedAt.Add(request.MailRest).Sub(w.config.Now())
	switch {
	case rest <= 0 && claim.Mails < maxMails:
		return false, false, nil
	case holder.Kind == request.PendingGuest:
		claim.GuestID = holder.ID
		claim, err = w.config.Store.UpdateClaim(ctx, w.Request.Submission.Email, claim)
		if err != nil {
			return true, false, fmt.Errorf("recording the pending guest: %w", err)
		}
		more, err = w.invited(ctx, claim, "known", "the guest is pending, and the address has had mail enough; no other is sent")
		return true, more, err
	case rest > 0:
		// The directory may only not show the guest yet.
		err = w.takeBack(ctx, claim)
		if err != nil {
			return true, false, err
		}
		more, err = w.wait(ctx, rest, "mail-rests", "the address had a mail lately by a request that was withdrawn; the next one waits")
		return true, more, err
	case !seen:
		more, err = w.turnDown(ctx, claim, request.Review, "mails-spent", fmt.Sprintf("the address has had %d mails, and who holds it can't be looked up, so a person decides", claim.Mails))
		return true, more, err
	}
	// The guest is gone from the directory, which nobody outside can bring about.
	return false, false, nil
}

// release gives the claim back. What is known of the mails stays, without the guest: see spare.
func (w *work) release(ctx context.Context, claim request.Claim) error {
	if claim.Mails == 0 {
		return w.config.Store.Release(ctx, w.Request.Submission.Email, claim)
	}
	claim.GuestID, claim.IntentAt = "", time.Time{}
	_, err := w.config.Store.UpdateClaim(ctx, w.Request.Submission.Email, claim)
	return err
}

// confirm makes sure, right before the invitation is sent, that it is still up to this call: that the intent is young enough for nobody to
// take over while it is on its way, and that the request stands as this call knows it. A call can be slow, and its message come twice: meanwhile
// another may have done it all, and a person may have ended the request. It is a Conflict if so.
func (w *work) confirm(ctx context.Context, claim request.Claim) (request.Claim, error) {
	if w.config.Now().Sub(claim.IntentAt) > w.config.IntentLease/4 {
		claim.IntentAt = w.config.Now()
		renewed, err := w.config.Store.UpdateClaim(ctx, w.Request.Submission.Email, claim)
		if err != nil {
			return claim, fmt.Errorf("renewing the intent: %w", err)
		}
		claim = renewed
	}
	present, err := w.unchanged(ctx)
	if problem.CodeOf(err) == problem.Conflict && present.State.Ended() && present.GuestID == "" {
		// What this call has taken since is nobody's.
		freed := w.giveBack(ctx, claim)
		if freed != nil {
			return claim, freed
		}
	}
	if err != nil {
		return claim, err
	}
	if w.config.Now().Sub(claim.IntentAt) > w.config.IntentLease/2 {
		return claim, problem.New(problem.StorageUnavailable, "preparing the invitation took too long; another call may be at it")
	}
	return claim, nil
}

// unchanged returns the request as it is stored now, with a Conflict if it is not as this call knows it.
func (w *work) unchanged(ctx context.Context) (request.Request, error) {
	present, err := w.config.Store.Load(ctx, w.Request.ID)
	if err != nil {
		return request.Request{}, fmt.Errorf("looking at the request again: %w", err)
	}
	if present.Version != w.Request.Version {
		return present, problem.New(problem.Conflict, "request %s was changed meanwhile", w.Request.ID)
	}
	return present, nil
}

// post asks the directory to invite the guest on the terms.
func (w *work) post(ctx context.Context, terms policy.Terms) (guestID string, err error) {
	s := w.Request.Submission
	invitation := request.Invitation{
		Address:         s.Email,
		DisplayName:     s.Name(),
		RedirectURL:     firstNonEmpty(terms.RedirectURL, w.config.RedirectURL),
		MessageLanguage: firstNonEmpty(terms.MessageLanguage, s.Language),
		SendMessage:     terms.SendInvitation,
		Message:         terms.Message,
		Cc:              terms.Cc,
		UserType:        terms.UserType,
		Sponsors:        terms.Sponsors,
	}
	// After the lease another instance may take over, so this attempt must be over long before.
	sending, cancel := context.WithTimeout(ctx, w.config.IntentLease/2)
	defer cancel()
	return w.config.Directory.Invite(sending, invitation)
}

// findUser finds out who holds the address, or held it until lately. Without the right to read users nobody is seen, and the answer to the
// invitation has to tell.
func (w *work) findUser(ctx context.Context) (holder request.User, seen bool, err error) {
	holder, err = w.config.Users.FindUser(ctx, w.Request.Submission.Email)
	if err == nil && holder.Kind == request.NoUser {
		var deleted []string
		deleted, err = w.config.Users.FindDeletedGuests(ctx, w.Request.Submission.Email)
		switch code := problem.CodeOf(err); {
		case len(deleted) > 0:
			holder = request.User{Kind: request.DeletedGuest}
		case code == request.DirectoryRefused, code == request.DirectoryUnknown:
			// The one question that is only asked to be on the safe side, and in a form that not every tenant need take: nobody waits for it.
			w.log.WarnContext(ctx, "deleted guests could not be looked for", "code", code, "error", err)
			err = nil
		}
	}
	if problem.CodeOf(err) == request.DirectoryReadForbidden {
		w.tellDegraded(ctx)
		return request.User{}, false, nil
	}
	return holder, true, err
}

// tellDegraded says, once, that the app works without the right to read users.
func (w *work) tellDegraded(ctx context.Context) {
	if !w.degraded.Swap(true) {
		w.config.Log.WarnContext(ctx, LogDegraded, "permission", "User.Read.All",
			"effect", "who holds an address is not known before the invitation, and what came of one whose answer was lost is not known at all")
	}
}

// givenUp counts an answer of the code if nobody understands it, or if it is a no to a mere question, and reports whether that has come so often
// that trying on makes no sense.
func (w *work) givenUp(code problem.Code) bool {
	if code != request.DirectoryUnknown && code != request.DirectoryRefused {
		return false
	}
	w.Request.Unknown++
	return w.Request.Unknown > maxUnknown
}

// directoryFailed records a failed attempt to invite or to look a guest up.
func (w *work) directoryFailed(ctx context.Context, claim request.Claim, cause error) (bool, error) {
	failure := problem.From(cause)
	w.log.ErrorContext(ctx, "the directory did not take the invitation", "code", failure.Code, "attempt", w.Request.Attempt, "error", cause)
	code := failure.Code
	if w.givenUp(code) {
		// The directory was asked each time whether it had happened after all.
		code = request.DirectoryRefused
	}
	switch code {
	case request.DirectoryUnavailable, request.DirectoryUnknown:
		// It may have happened all the same: the intent stays, and the directory is asked once the lease is over.
		left := claim.IntentAt.Add(w.config.IntentLease).Sub(w.config.Now())
		return w.wait(ctx, max(left, down.after(w.Request.Attempt, failure.RetryAfter)), "unanswered", "the directory gave no usable answer; it will be asked what came of it")
	case request.DirectoryThrottled, request.DirectoryNotReplicated, request.DirectoryForbidden, request.DirectoryInvitationsOff,
		request.DirectorySuspicious, request.DirectoryQuota:
		// Certainly nothing happened.
		err := w.takeBack(ctx, claim)
		if err != nil {
			return false, err
		}
		if !request.TenantWide(failure.Code) {
			return w.throttled(ctx, failure, "throttled")
		}
		d, err := w.openBreaker(ctx, failure)
		if err != nil {
			return false, err
		}
		return w.park(ctx, d, "the tenant takes no invitations ("+string(failure.Code)+"); the breaker is open"+ref(failure))
	case request.DirectoryRefused, request.DirectoryBadAddress, request.DirectoryDomainBlocked, request.DirectoryCrossTenant,
		request.DirectoryCrossTenantOurs, request.DirectoryCrossTenantTheirs, request.DirectoryCrossCloud, request.DirectoryAddressTaken,
		request.DirectoryInvitationError, request.DirectoryInternalUser:
		return w.turnDown(ctx, claim, request.Failed, "refused", "the directory refused the invitation: "+failure.Detail+ref(failure))
	case request.DirectoryGuestDisabled:
		return w.turnDown(ctx, claim, request.Review, "guest-disabled", guestDisabled)
	default:
		return false, fmt.Errorf("inviting: %w", cause)
	}
}

// takeBack clears the intent of an invitation that was not sent, so that the next attempt need not wait for the lease. Where an earlier
// one may have been sent, that one's intent is put back, and the directory is asked again before the next.
func (w *work) takeBack(ctx context.Context, claim request.Claim) error {
	claim.IntentAt = w.doubt
	_, err := w.config.Store.UpdateClaim(ctx, w.Request.Submission.Email, claim)
	if err != nil {
		return fmt.Errorf("taking the intent back: %w", err)
	}
	return nil
}

// invited moves the request on once the guest's id stands on the claim.
func (w *work) invited(ctx context.Context, claim request.Claim, what, detail string) (bool, error) {
	w.Request.GuestID = claim.GuestID
	if claim.Owner != w.Request.ID {
		w.Request.RepeatOf = claim.Owner
	}
	if len(w.Request.Grants) == 0 {
		w.transition(request.Done, what, detail)
		return w.finish(ctx)
	}
	w.transition(request.Granting, what, detail)
	return true, w.save(ctx)
}

// takeSeat takes the seat that the deciding row's limits ask for; true also where there are none. It is done under the claim, so an address
// takes no more than one.
func (w *work) takeSeat(ctx context.Context) (bool, error) {
	limits := w.Request.Limits()
	if limits == nil {
		return true, nil
	}
	taken, err := w.config.Seats.TakeSeat(ctx, *limits, policy.Day(w.config.Now()), w.Request.ID)
	if err != nil {
		return false, fmt.Errorf("taking a seat: %w", err)
	}
	return taken, nil
}

const (
	// guestDisabled is why a disabled guest is looked at by a person: somebody has shut the guest out, and no form may undo that.
	guestDisabled = "the guest exists and the account is disabled; it is never enabled by itself, so a person decides"
	// guestDeleted is why a deleted one is: somebody has shown the guest out, and can bring the same account back with all its memberships.
	guestDeleted = "a guest with the address was deleted within the last 30 days, so a person decides: restore that one in the Entra admin center, or approve to invite anew"
	guestGone    = "the guest whom an earlier request brought in is no longer in the directory, so a person decides: approve to invite anew"
	internalUser = "the address belongs to an account of the tenant's own, which can't be invited and needs no invitation"
	severalUsers = "more than one user of the tenant holds the address, so a person decides which is meant"
)

// turnDown ends an invitation that will not be sent. The seat and the address are free again, for others and for a later request.
func (w *work) turnDown(ctx context.Context, claim request.Claim, state request.State, what, why string) (bool, error) {
	err := w.giveBack(ctx, claim)
	if err != nil {
		return false, err
	}
	w.transition(state, what, why)
	return w.finish(ctx)
}

// giveBack frees the seat and the address of a request that invites nobody. The claim goes last: while it stands, nobody else acts for
// the address, and a repeated try finds the seat again.
func (w *work) giveBack(ctx context.Context, claim request.Claim) error {
	err := w.leaveSeat(ctx)
	if err != nil {
		return err
	}
	if !w.doubt.IsZero() {
		// The guest may exist all the same. Whoever comes next for the address inherits the claim, and asks the directory first.
		return w.takeBack(ctx, claim)
	}
	err = w.release(ctx, claim)
	if err != nil {
		return fmt.Errorf("giving the claim back: %w", err)
	}
	return nil
}

// leaveSeat gives the seat of the request back, if there is one.
func (w *work) leaveSeat(ctx context.Context) error {
	limits := w.Request.Limits()
	if limits == nil {
		return nil
	}
	err := w.config.Seats.ReleaseSeat(ctx, limits.Row, w.Request.ID)
	if err != nil {
		return fmt.Errorf("giving the seat back: %w", err)
	}
	return nil
}

// settle gives back the seat and the claim that a request which ended without a guest may still hold: a slow call took them after
// another had given them back. The intent is taken first, so that nobody invites under the claim meanwhile; where an invitation may have been
// sent, the directory is asked, and a guest that it shows keeps the seat.
func (w *work) settle(ctx context.Context) error {
	r := w.Request
	address := r.Submission.Email
	switch {
	case r.GuestID != "" || r.Limits() == nil:
		return nil
	case address == (submission.Address{}):
		// Erased: nobody invites for it any more, and whoever has the address next inherits the claim.
		return w.leaveSeat(ctx)
	}
	claim, created, err := w.config.Store.Claim(ctx, address, r.ID, w.config.Now())
	if err != nil {
		return fmt.Errorf("looking at the claim of an ended request: %w", err)
	}
	begun := claim.IntentAt
	switch {
	case claim.Owner != r.ID:
		return w.leaveSeat(ctx)
	case created:
	case claim.GuestID != "":
		return nil
	case !begun.IsZero() && w.config.Now().Sub(begun) < w.config.IntentLease:
		// Somebody may be at it. Not before a person's change that is under way has come to its end: a note that it counts on is in the same place.
		err = w.config.Store.Wait(ctx, r.ID, w.config.Now().Add(max(w.config.IntentLease, request.ChangeTimeout)))
		if err != nil {
			return fmt.Errorf("noting when an ended request is looked at again: %w", err)
		}
		return nil
	default:
		claim.IntentAt = w.config.Now()
		claim, err = w.config.Store.UpdateClaim(ctx, address, claim)
		if err != nil {
			return fmt.Errorf("taking the claim of an ended request: %w", err)
		}
	}
	if !created && !begun.IsZero() {
		claim.GuestID, err = w.config.Directory.FindGuest(ctx, address)
		if problem.CodeOf(err) == request.DirectoryReadForbidden {
			return nil
		}
		if err != nil {
			return fmt.Errorf("asking for the guest of an ended request: %w", err)
		}
		if claim.GuestID != "" {
			_, err = w.config.Store.UpdateClaim(ctx, address, claim)
			if err != nil {
				return fmt.Errorf("recording the guest of an ended request: %w", err)
			}
			return nil
		}
	}
	_, err = w.unchanged(ctx)
	if err != nil {
		return err
	}
	if !created {
		w.doubt = begun
	}
	return w.giveBack(ctx, claim)
}

func firstNonEmpty(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// ref names the directory's own id of a failed call, for its support.
func ref(failure *problem.Error) string {
	if failure.Ref == "" {
		return ""
	}
	return " (request-id " + failure.Ref + ")"
}
