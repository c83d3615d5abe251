package request

import (
	"testing"
	"time"

	"guestlist/handlers/submission"
)

func TestProgressSaysWhatLinkMayTell(t *testing.T) {
	at := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	erased := func(by string) func(*Request) {
		return func(r *Request) { r.Erased, r.Withdrawal = at, Instruction{At: at, By: by} }
	}
	joined := func(r *Request) { r.Joined = at }
	tests := map[string]struct {
		state  State
		change func(*Request)
		want   Progress
	}{
		"recorded":              {Received, nil, Progress{Stage: StageInWork, Outcome: OutcomeOpen, Address: "a***@contoso.com"}},
		"with a person":         {Review, nil, Progress{Stage: StageFinished, Outcome: OutcomeWaiting, Address: "a***@contoso.com"}},
		"parked":                {Parked, nil, Progress{Stage: StageFinished, Outcome: OutcomeInviting, Address: "a***@contoso.com"}},
		"invited":               {Done, nil, Progress{Stage: StageFinished, Outcome: OutcomeInvited, Address: "a***@contoso.com"}},
		"invited, and accepted": {Done, joined, Progress{Stage: StageFinished, Outcome: OutcomeJoined, Address: "a***@contoso.com"}},
		"invited, and not mailed": {Done, func(r *Request) { r.Owed = Owed{Kind: InvitationMail, Since: at} },
			Progress{Stage: StageFinished, Outcome: OutcomeInviting, Address: "a***@contoso.com"}},
		"mailed, and asked for again": {Done, func(r *Request) {
			r.Owed = Owed{Kind: InvitationMail, Since: at}
			r.Mails = []SentMail{{Kind: InvitationMail, Ordinal: 1, At: at, State: MailHandedOver}}
		}, Progress{Stage: StageFinished, Outcome: OutcomeInvited, Address: "a***@contoso.com"}},
		"mailed in vain": {Done, func(r *Request) {
			r.Mails = []SentMail{{Kind: InvitationMail, Ordinal: 1, At: at, State: MailFailed}}
		}, Progress{Stage: StageFinished, Outcome: OutcomeUnsent, Address: "a***@contoso.com"}},
		"accepted, and not all groups":  {Failed, joined, Progress{Stage: StageFinished, Outcome: OutcomeRefused, Address: "a***@contoso.com"}},
		"withdrawn by the partner":      {Cancelled, erased(ThePartner), Progress{Stage: StageFinished, Outcome: OutcomeWithdrawn, Address: "a***@contoso.com"}},
		"erased by an admin":            {Done, erased("desk"), Progress{Stage: StageFinished, Outcome: OutcomeInvited, Address: "a***@contoso.com"}},
		"withdrawn, and not erased yet": {Review, func(r *Request) { r.Withdrawal = Instruction{At: at, By: ThePartner} }, Progress{Stage: StageFinished, Outcome: OutcomeWaiting, Address: "a***@contoso.com"}},
	}
	for name, test := range tests {
		address := must(submission.ParseAddress("ana@contoso.com"))(t)
		r := Request{State: test.state, Submission: submission.Submission{Email: address}}
		if test.change != nil {
			test.change(&r)
		}
		if got := r.Progress(); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}
