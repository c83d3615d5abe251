package request

import (
	"context"
	"fmt"

	"guestlist/handlers/submission"
)

// Stage is as much of a request's state as anybody who holds the link to it may know. The person
// who submits has not proved to own the mailbox, so invited, refused and repeated look the same.
type Stage string

const (
	StageReceived Stage = "received" // accepted, nothing done yet
	StageInWork   Stage = "in-work"  // recorded, and not decided yet
	StageFinished Stage = "finished" // decided, whatever is left to do
)

// Outcome is what a request has come to. Whether it is shown is up to the page.
type Outcome string

const (
	OutcomeOpen      Outcome = ""          // nothing that the stage does not say
	OutcomeProving   Outcome = "proving"   // a code is mailed, and was not typed yet
	OutcomeWaiting   Outcome = "waiting"   // a person decides
	OutcomeInviting  Outcome = "inviting"  // the invitation or the memberships are under way, or wait
	OutcomeInvited   Outcome = "invited"   // there is a guest, who may or may not have accepted
	OutcomeUnsent    Outcome = "unsent"    // there is a guest, and no mail with the invitation arrives
	OutcomeJoined    Outcome = "joined"    // there is a guest who has accepted, as far as is known
	OutcomeRefused   Outcome = "refused"   // there will be no guest
	OutcomeWithdrawn Outcome = "withdrawn" // withdrawn by the partner and erased; always shown
)

// Progress is what the status page shows.
type Progress struct {
	Stage   Stage
	Outcome Outcome
	Address string // masked, for example "a***@contoso.com"; empty while nothing is recorded
	// Tries is how many of the codes that were typed for the request have been compared, and Proved
	// whether one was right. Both are told to everybody who has the link, also where no code was
	// mailed: such a request counts tries like any other, and is never proved.
	Tries  int
	Proved bool
}

// Tracker says how far requests are. It is all of this package that the status page needs.
type Tracker struct{ Store Store }

// Progress returns what anybody who holds the link may know of the request. NotFound if nothing is
// recorded.
func (t Tracker) Progress(ctx context.Context, id submission.ID) (Progress, error) {
	r, err := t.Store.Load(ctx, id)
	if err != nil {
		return Progress{}, fmt.Errorf("loading request %s: %w", id, err)
	}
	return r.Progress(), nil
}

// Progress returns what anybody who holds the link may know of the request.
func (r Request) Progress() Progress {
	outcome, mail := states[r.State].outcome, r.Mail(InvitationMail)
	switch {
	case !r.Erased.IsZero() && r.Withdrawal.By == ThePartner:
		outcome = OutcomeWithdrawn
	case r.State == Done && !r.Joined.IsZero():
		outcome = OutcomeJoined
	case r.State == Done && r.Owed.Kind == InvitationMail && !mail.Arrives():
		outcome = OutcomeInviting // nothing was sent yet
	case r.State == Done && mail.Ordinal > 0 && !mail.Arrives():
		outcome = OutcomeUnsent
	}
	return Progress{
		Stage: r.State.Stage(), Outcome: outcome, Address: r.Submission.Email.Masked(),
		Tries: r.Proof.Tries, Proved: r.Proof.ByCode(),
	}
}
