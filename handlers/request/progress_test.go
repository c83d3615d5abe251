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
		"recorded":                      {Received, nil, Progress{StageInWork, OutcomeOpen, "a***@c…"}},
		"with a person":                 {Review, nil, Progress{StageFinished, OutcomeWaiting, "a***@c…"}},
		"parked":                        {Parked, nil, Progress{StageFinished, OutcomeInviting, "a***@c…"}},
		"invited":                       {Done, nil, Progress{StageFinished, OutcomeInvited, "a***@c…"}},
		"invited, and accepted":         {Done, joined, Progress{StageFinished, OutcomeJoined, "a***@c…"}},
		"accepted, and not all groups":  {Failed, joined, Progress{StageFinished, OutcomeRefused, "a***@c…"}},
		"withdrawn by the partner":      {Cancelled, erased(ThePartner), Progress{StageFinished, OutcomeWithdrawn, "a***@c…"}},
		"erased by an admin":            {Done, erased("desk"), Progress{StageFinished, OutcomeInvited, "a***@c…"}},
		"withdrawn, and not erased yet": {Review, func(r *Request) { r.Withdrawal = Instruction{At: at, By: ThePartner} }, Progress{StageFinished, OutcomeWaiting, "a***@c…"}},
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
