package operate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

var noon = time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)

func TestProofOfRequest(t *testing.T) {
	asked, until := noon.Add(-time.Hour), noon.Add(23*time.Hour)
	most := request.MaxProofTries
	tests := map[string]struct {
		state request.State
		proof request.Proof
		want  Proof
	}{
		"none asked for": {request.Review, request.Proof{}, Proof{MostTries: most}},
		"none asked for, and codes typed": {request.Review, request.Proof{Tries: 2},
			Proof{Tries: 2, MostTries: most}},
		"a code was mailed": {request.Proving, request.Proof{Wanted: asked, Mailed: true, Until: until, Tries: 1},
			Proof{AskedAt: asked, CodeValidUntil: until, Tries: 1, MostTries: most}},
		"no code was mailed": {request.Proving, request.Proof{Wanted: asked, Until: until},
			Proof{AskedAt: asked, WaitsUntil: until, MostTries: most}},
		"in vain": {request.Unproved, request.Proof{Wanted: asked, Mailed: true, Until: noon},
			Proof{AskedAt: asked, MostTries: most}},
		"by a code": {request.Review, request.Proof{Wanted: asked, Mailed: true, Until: until, Tries: 3, At: noon},
			Proof{Proved: true, How: ProofByCode, At: noon, AskedAt: asked, Tries: 3, MostTries: most}},
		"by an earlier request": {request.Done, request.Proof{At: asked, Earlier: true},
			Proof{Proved: true, How: ProofByEarlier, At: asked, MostTries: most}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := request.Request{State: test.state, Proof: test.proof}
			if diff := cmp.Diff(test.want, NewProof(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if summary := ListRequests([]request.Request{r}, false)[0]; summary.Proved != test.want.Proved {
				t.Errorf("the list says %t", summary.Proved)
			}
		})
	}
}

func TestMailsOfRequest(t *testing.T) {
	r := request.Request{
		State: request.Done, RemindAt: noon.Add(72 * time.Hour),
		Mails: []request.SentMail{
			{Kind: request.InvitationMail, Ordinal: 1, At: noon},
			{Kind: request.CodeMail, Ordinal: 2, At: noon.Add(-time.Hour), State: request.MailFailed, Code: "EmailDropped", Repeats: 2},
		},
		Owed: request.Owed{Kind: request.InvitationMail, Since: noon, Person: true, Why: "the mails of the hour are sent"},
	}
	detail := ShowRequest(r, nil)
	mails := []SentMail{
		{request.CodeMail, 2, noon.Add(-time.Hour), request.MailFailed, mailStates[request.MailFailed], "EmailDropped", 2},
		{request.InvitationMail, 1, noon, "", mailStates[""], "", 0},
	}
	if diff := cmp.Diff(mails, detail.Mails); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	owed := &OwedMail{request.InvitationMail, noon, true, "the mails of the hour are sent"}
	if diff := cmp.Diff(owed, detail.Owed); diff != "" || !detail.RemindAt.Equal(r.RemindAt) {
		t.Errorf("(-want +got):\n%s, reminded %v", diff, detail.RemindAt)
	}
	if summary := ListRequests([]request.Request{r}, false)[0]; summary.Owed != request.InvitationMail {
		t.Errorf("the list says %q", summary.Owed)
	}
	text, err := json.Marshal(ShowRequest(request.Request{}, nil))
	if err != nil || !strings.Contains(string(text), `"mails":[]`) || strings.Contains(string(text), `"owed"`) {
		t.Errorf("%s, %v", text, err)
	}
	for _, state := range []request.MailState{"", request.MailUnheard, request.MailUnderway, request.MailHandedOver,
		request.MailFailed, request.MailSuppressed, request.MailUntold} {
		if mailStates[state] == "" {
			t.Errorf("nothing explains the state %q of a mail", state)
		}
	}
}

func TestMailbox(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	none := Mailbox{Address: "a***@contoso.com", Mails: []time.Time{}, MostMails: request.OwnMailsPerDay,
		Codes: []time.Time{}, MostCodes: request.CodesPerDay}
	with := func(change func(*Mailbox)) Mailbox {
		box := none
		change(&box)
		return box
	}
	const week = 7 * 24 * time.Hour
	tests := map[string]struct {
		mailbox request.Mailbox
		proof   time.Duration
		want    Mailbox
	}{
		"nothing is known": {request.Mailbox{}, week, none},
		"an invitation, and a code of the day before": {
			request.Mailbox{}.Counted(request.CodeMail, ago(30*time.Hour)).Counted(request.InvitationMail, ago(time.Hour)), week,
			with(func(box *Mailbox) { box.Mails = []time.Time{ago(time.Hour)} }),
		},
		"a code just now": {
			request.Mailbox{}.Counted(request.CodeMail, ago(time.Minute)), week,
			with(func(box *Mailbox) {
				box.Mails, box.Codes = []time.Time{ago(time.Minute)}, []time.Time{ago(time.Minute)}
				box.NextCode = noon.Add(time.Minute)
			}),
		},
		"proved": {
			request.Mailbox{ProvedAt: ago(time.Hour)}, week,
			with(func(box *Mailbox) { box.ProvedAt, box.CountsUntil = ago(time.Hour), ago(time.Hour).Add(week) }),
		},
		"proved, which does not count any more": {
			request.Mailbox{ProvedAt: ago(week)}, week, with(func(box *Mailbox) { box.ProvedAt = ago(week) }),
		},
		"proved, and it is not known for how long": {
			request.Mailbox{ProvedAt: ago(time.Hour)}, -1, with(func(box *Mailbox) { box.ProvedAt = ago(time.Hour) }),
		},
		"stopped": {
			request.Mailbox{StoppedAt: ago(time.Hour)}, week,
			with(func(box *Mailbox) {
				box.StoppedAt, box.StoppedUntil, box.NextCode = ago(time.Hour), noon.Add(23*time.Hour), noon.Add(23*time.Hour)
			}),
		},
		"suppressed": {
			request.Mailbox{SuppressedAt: ago(2 * time.Hour)}, week,
			with(func(box *Mailbox) {
				until := noon.Add(22 * time.Hour)
				box.SuppressedAt, box.SuppressedUntil, box.NextCode, box.NextMail = ago(2*time.Hour), until, until, until
			}),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := NewMailbox(address(t, "ana@contoso.com"), test.mailbox, test.proof, noon)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if box := NewMailbox(submission.Address{}, request.Mailbox{}, 0, noon); box.Address != "" {
		t.Errorf("%+v", box)
	}
}
