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
	// claim does not count the mail of this attempt before confirm: a step that sends nothing gives
	// the mail back with what it writes anyway.
	claim    request.Claim
	first    bool // the stored claim counts the mail from the beginning
	counted  bool // claim counts the mail
	terms    policy.Terms
	holder   request.User // of the address
	seen     bool         // whether the directory let the app look for the holder
	admitted admission
}

// send issues the invitation and records what came of it. counted says that the claim counts the
// mail of this attempt.
func (j *job) send(ctx context.Context, claim request.Claim, counted bool) (next, error) {
	terms := j.Request.Terms()
	if terms == nil {
		return stop, problem.New(problem.Internal, "neither policy nor a person decided to invite")
	}
	s := &sending{job: j, claim: claim, terms: *terms, first: counted}
	if s.first {
		s.claim = claim.Uncounted()
	}
	n, err := inOrder(ctx, s.awaitDirectory, s.findHolder, s.judgeHolder, s.askRows, s.spareMailbox,
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

// askRows asks the policy rows again if the invitation has waited, and ends it if they object.
func (s *sending) askRows(ctx context.Context) (next, error) {
	o, err := s.lateObjection(ctx)
	switch {
	case err != nil:
		return s.heldBack(ctx, s.claim, admission{wait: down.after(s.Request.Attempt, 0), why: rowsUnread})
	case o.state == "":
		return proceed, nil
	}
	return s.endUninvited(ctx, s.claim, o)
}

// spareMailbox holds back a mail that would be one too many for the address: it waits for another
// day, and then for a person. Otherwise lost answers, or signing up and withdrawing in turn, would
// send mails without end.
func (s *sending) spareMailbox(ctx context.Context) (next, error) {
	if !s.directoryMails(s.terms) {
		return proceed, nil
	}
	rest, spent := s.mailRest()
	switch {
	case rest <= 0 && !spent:
		return proceed, nil
	case s.holder.Kind == request.PendingGuest:
		return s.found(ctx, s.claim, s.holder.ID, "known",
			"the guest is pending, and the address has had mail enough; no other is sent")
	case spent && s.Request.Failures.Count > 0:
		return s.endUninvited(ctx, s.claim, objection{request.Failed, "given-up", fmt.Sprintf(
			"%s; the address may have had %d mails, and a retry sends one more",
			s.hopelessBecause(), s.claim.Mails)})
	case spent:
		return s.endUninvited(ctx, s.claim, objection{request.Review, "mails-spent", fmt.Sprintf(
			"the address may have had %d mails, so a person decides: approve to send one more",
			s.claim.Mails)})
	}
	// The guest may exist and not be visible yet.
	err := s.giveBack(ctx, s.claim, request.Intent)
	if err != nil {
		return stop, err
	}
	return s.wait(ctx, rest, "mail-rests", "the address had a mail lately; the next one waits")
}

// mailRest returns how long the address is left alone before the mail of the invitation. spent says
// that it has had so many that only a person may send another.
func (s *sending) mailRest() (rest time.Duration, spent bool) {
	claim, now, approval := s.claim, s.config.Now(), s.Request.Approval
	yes, since := s.Request.Yes(), now.Sub(claim.MailedAt)
	if claim.Mails == 0 || yes.After(claim.MailedAt) {
		return 0, false
	}
	rest, spent = claim.BeforeMail(now, yes)
	switch {
	case !s.doubt.IsZero():
		// An answer was lost, and the directory shows no guest. The mail may have gone out.
		if n := claim.MailsOfDay(now); n > 0 {
			rest = max(rest, repeating.after(n-1, 0)-since)
		}
	case approval == nil:
		// The mails are those of requests that were withdrawn since, or of guests who are gone.
		rest = max(rest, request.MailRest-since)
	}
	// That the guest is gone from the directory nobody outside can bring about.
	unknown := !s.seen || s.holder.Kind == request.PendingGuest
	return rest, spent || approval == nil && claim.Mails >= maxMails && unknown
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
	err := s.countMail(ctx)
	if err != nil {
		return stop, err
	}
	present, err := s.unchanged(ctx)
	if problem.CodeOf(err) == problem.Conflict && present.State.Ended() && present.GuestID == "" {
		// The request holds nothing any more, so what this call has taken since belongs to nobody.
		err = errors.Join(err, s.giveBack(ctx, s.uncounted(), request.SeatAndClaim))
	}
	if err != nil {
		return stop, err
	}
	if s.config.Now().Sub(s.claim.IntentAt) > s.longestAttempt()/2 {
		return stop, problem.New(problem.StorageUnavailable, "preparing the invitation took too long; another call may be at it")
	}
	return proceed, nil
}

// countMail writes the mail that is about to be sent to the claim, unless it is there, and renews
// an intent that is not young any more. The mail also counts if the call ends before it sends it.
func (s *sending) countMail(ctx context.Context) error {
	s.counted = s.directoryMails(s.terms)
	if s.first {
		s.claim = s.claim.Mailed(s.claim.IntentAt)
	}
	writes := s.counted && !s.first
	if !writes && s.config.Now().Sub(s.claim.IntentAt) <= s.longestAttempt()/4 {
		return nil
	}
	count := func(c request.Claim) (request.Claim, error) {
		c, err := s.begun(c)
		if err == nil && writes {
			c = c.Mailed(later(s.config.Now(), s.Request.Yes()))
		}
		return c, err
	}
	return s.changeClaim(ctx, &s.claim, "renewing the intent", count)
}

// later returns the later of two times. A mail is counted no earlier than the yes of a person for
// it, which a clock that is ahead may have written: the yes counts for one mail.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// uncounted returns the claim without the mail of this attempt, which certainly was not sent.
func (s *sending) uncounted() request.Claim {
	if !s.counted {
		return s.claim
	}
	return s.claim.Uncounted()
}

// longestAttempt is the longest time between an intent and the end of its call. After the lease
// another instance may take over, and after LongestAttempt a person may end the request.
func (w *Worker) longestAttempt() time.Duration {
	return min(w.config.IntentLease, request.LongestAttempt)
}

// issue sends the invitation and records the receipt.
func (s *sending) issue(ctx context.Context) (next, error) {
	invited, err := s.post(ctx, s.terms, s.directoryMails(s.terms))
	stopped := false
	if err != nil {
		var gateErr error
		stopped, gateErr = s.tellGate(ctx, err)
		if gateErr != nil {
			return stop, gateErr
		}
		if request.NotDone(problem.CodeOf(err)) {
			s.claim = s.uncounted()
		}
	}
	switch {
	case err == nil:
	case s.hides(err):
		return s.refusedByHidden(ctx, err)
	default:
		return s.invitationFailed(ctx, err, stopped)
	}
	if s.holder.Kind == request.DeletedGuest {
		s.Request.Origin = request.OriginBrought // the answer names a new account
	}
	err = s.changeClaim(ctx, &s.claim, "recording the invited guest", func(c request.Claim) (request.Claim, error) {
		return c.Sent(invited.GuestID, s.Request.Origin, s.config.Now())
	})
	if err != nil {
		return stop, err
	}
	s.redeemURL = invited.RedeemURL
	s.contradicted = s.holder.ID != "" && s.holder.ID != invited.GuestID
	_, err = s.tellGate(ctx, nil)
	if err != nil {
		return stop, err
	}
	return s.invited(ctx, s.claim, "invited", "the invitation was issued")
}

// directoryMails reports whether the directory sends the mail of an invitation on the terms.
func (w *Worker) directoryMails(terms policy.Terms) bool {
	return terms.Mail(w.config.Mails != nil) == policy.MicrosoftMail
}

// redirectURL returns where a guest on the terms arrives after accepting.
func (w *Worker) redirectURL(terms policy.Terms) string {
	return cmp.Or(terms.RedirectURL, w.config.RedirectURL)
}

// post asks the directory to invite the guest on the terms. mails says that it is to send its mail.
func (j *job) post(ctx context.Context, terms policy.Terms, mails bool) (request.Invited, error) {
	s := j.Request.Submission
	language := cmp.Or(terms.MessageLanguage, s.Language)
	// After the lease another instance may take over, so this attempt must be over long before.
	ctx, cancel := context.WithTimeout(ctx, j.longestAttempt()/2)
	defer cancel()
	j.used = true
	return j.config.Directory.Invite(ctx, request.Invitation{
		Address:         s.Email,
		DisplayName:     s.Name(),
		RedirectURL:     j.redirectURL(terms),
		MessageLanguage: language,
		SendMessage:     mails,
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
		deleted, err = j.askForDeleted(ctx)
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

// invitationFailed records a failed attempt to invite. stopped says that the breaker is open.
func (s *sending) invitationFailed(ctx context.Context, cause error, stopped bool) (next, error) {
	j, claim, failure := s.job, s.claim, problem.From(cause)
	j.logFailure(ctx, "the directory did not take the invitation", failure.Code, cause)
	switch code := failure.Code; {
	case code == request.DirectoryUnavailable, code == request.DirectoryUnknown, code == request.DirectoryInvitationError:
		j.Request.OpenTurn = s.admitted.taken
		return j.unanswered(ctx, claim, failure)
	case code == request.DirectoryThrottled, code == request.DirectoryNotReplicated, request.TenantWide(code):
		return j.notSent(ctx, claim, failure)
	case code == request.DirectoryRefused:
		return j.refused(ctx, claim, failure, stopped)
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
