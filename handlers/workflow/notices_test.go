package workflow_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/mempeople"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/signin"
	"guestlist/handlers/workflow"
)

// board is a channel that keeps what it was told.
type board struct {
	name       string
	recognizes bool
	posts      []request.Notice
	fail       func() error // nil if it works
	lost       bool         // it takes notices, and its answers are lost
}

func (b *board) Name() string     { return b.name }
func (b *board) Recognizes() bool { return b.recognizes }

func (b *board) SendNotice(_ context.Context, notice request.Notice) error {
	if b.fail != nil && !b.lost {
		return b.fail()
	}
	same := func(n request.Notice) bool { return n.ID == notice.ID }
	if !b.recognizes || !slices.ContainsFunc(b.posts, same) {
		b.posts = append(b.posts, notice)
	}
	if b.fail != nil {
		return b.fail()
	}
	return nil
}

// kinds returns the kinds of what it was told, in order.
func (b *board) kinds() string {
	var kinds []string
	for _, post := range b.posts {
		kinds = append(kinds, string(post.Kind))
	}
	return strings.Join(kinds, " ")
}

// failsWith returns what a channel fails with.
func failsWith(code problem.Code) func() error {
	return func() error { return problem.New(code, "told to") }
}

// told is a world in which people vote and are told of it, by mail and on a board.
type told struct {
	*mailWorld
	people *mempeople.People
	board  *board
}

// newTold returns a world in which paula decides, or the reviewers do. Every kind is mailed.
func newTold(t *testing.T, changes ...func(*workflow.Config)) *told {
	t.Helper()
	n := &told{people: &mempeople.People{}, board: &board{name: "webhook", recognizes: true}}
	for i, id := range []string{rita, paula, paul, sven, erin, nobody, stale, guest} {
		n.people.SetUser(mempeople.User{ID: id, Name: fmt.Sprint("p", i), Mail: mailOf(id),
			Disabled: id == stale, Guest: id == guest})
	}
	n.people.SetGroup(mempeople.Group{ID: deputies, Members: []string{paul, stale, guest}})
	n.people.SetGroup(mempeople.Group{ID: reviewers, Members: []string{rita}})
	n.mailWorld = newMailWorld(t, append([]func(*workflow.Config){func(c *workflow.Config) {
		c.ProofByDefault, c.People, c.Reviewers, c.DecideWithin = false, n.people, reviewers, 10
		c.Notices = &workflow.Notices{
			Outbox: c.Store.(request.Notices), Mailed: request.NoticeKinds(), Origin: "https://reviews.fabrikam.example", Random: &counting{},
		}
		c.Channels = []request.Channel{n.board}
	}}, changes...)...)
	return n
}

// counting is a source of bytes of which no eight are like eight others.
type counting struct{ n byte }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		c.n++
		p[i] = c.n
	}
	c.n++
	return len(p), nil
}

// mailOf returns the address of the person with the id.
func mailOf(id string) string { return "p" + id[len(id)-1:] + "@wingtip.com" }

// waits signs the address up under a row with those columns.
func (n *told) waits(email string, columns ...any) submission.ID {
	n.t.Helper()
	n.row("contoso.com", "ask", append([]any{"Action", "review"}, columns...)...)
	id := n.submit(email)
	n.deliverAll()
	n.wantState(id, request.Review)
	return id
}

// decides lets the person vote.
func (n *told) decides(id submission.ID, by string, yes bool) {
	n.t.Helper()
	r := n.load(id)
	ballot := request.CastBallot{ID: id, Ballot: request.Ballot{
		Seen: r.Mark(), Stage: r.Reviewing.Stage, By: by, Name: "Somebody", Yes: yes, Cast: n.now, Reason: "why not",
	}}
	if yes {
		ballot.Shown = n.shown(r)
	}
	ok(n.t, n.worker.Vote(n.t.Context(), "m", ballot))
	n.deliverAll()
}

// subjects returns the subjects of the mails to the person, in order.
func (n *told) subjects(id string) (subjects []string) {
	for _, m := range n.mailsTo(mailOf(id)) {
		subjects = append(subjects, m.Subject)
	}
	return subjects
}

func (n *told) wantSubjects(id string, want ...string) {
	n.t.Helper()
	if got := n.subjects(id); !slices.Equal(got, want) {
		n.t.Errorf("%s has the mails %q, want %q", mailOf(id), got, want)
	}
}

// wantOutbox checks how many entries there are, due or not.
func (n *told) wantOutbox(want int) {
	n.t.Helper()
	entries := must(n.store.DueNotices(n.t.Context(), n.now.AddDate(1, 0, 0), 1000))(n.t)
	if len(entries) != want {
		n.t.Errorf("the outbox has %+v, want %d entries", entries, want)
	}
}

const (
	askedSubject     = "A request waits for your decision"
	reminderSubject  = "Reminder: a request waits for your decision"
	escalatedSubject = "A request has waited for days"
	lastDaySubject   = "Last day: a request waits for your decision"
	decidedSubject   = "A request no longer needs your decision"
	expiredSubject   = "A request has ended without a decision"
	digestSubject    = "Several requests for guest access"
)

func TestThoseWhoDecideAreToldWhatWaits(t *testing.T) {
	n := newTold(t)
	id := n.waits("ana@contoso.com", "Approvers", paula+" "+deputies, "SecondApprovers", sven, "EscalateAfter", "3", "EscalateTo", erin)
	n.wantOutbox(1)
	n.settleMinutes(3)
	n.wantSubjects(paula, askedSubject)
	n.wantSubjects(paul, askedSubject)
	for _, other := range []string{rita, sven, erin, nobody, stale, guest} {
		n.wantSubjects(other)
	}
	n.wantOutbox(0)
	m := n.mailsTo(mailOf(paula))[0]
	if !strings.Contains(m.Text, "https://reviews.fabrikam.example"+signin.Root+"/"+string(id)) || !strings.Contains(m.Text, "1 of 2") ||
		!strings.Contains(m.Text, string(id.Reference())) || strings.Contains(m.Text, "ana@") || !strings.Contains(m.Text, "contoso.com") {
		t.Errorf("the mail says:\n%s", m.Text)
	}
	post := n.board.posts[0]
	want := request.Notice{
		ID: n.load(id).Reviewing.Put[0].ID(id), Kind: request.AskedNotice, Number: id.Reference(),
		Row: n.load(id).WaitingReview().Row, Stage: 1, Stages: 2, Deadline: n.load(id).Reviewing.Deadline, At: post.At,
		Link: "https://reviews.fabrikam.example" + signin.Root,
	}
	if post != want || strings.Contains(fmt.Sprint(post), string(id)) {
		t.Errorf("the board has %+v, want %+v", post, want)
	}
	n.settle(3 * 24)
	n.wantSubjects(erin, escalatedSubject)
	n.wantSubjects(paula, askedSubject)
	n.settle(2*24 + 1)
	n.wantSubjects(erin, escalatedSubject, reminderSubject)
	n.wantSubjects(paula, askedSubject, reminderSubject)
	n.decides(id, paula, true)
	n.settleMinutes(3)
	n.wantSubjects(sven, askedSubject)
	n.wantSubjects(paula, askedSubject, reminderSubject)
	n.wantSubjects(paul, askedSubject, reminderSubject, decidedSubject)
	n.settle(9*24 + 1)
	n.wantSubjects(sven, askedSubject, reminderSubject, lastDaySubject)
	n.settle(24)
	n.wantState(id, request.Denied)
	n.wantSubjects(sven, askedSubject, reminderSubject, lastDaySubject, expiredSubject)
	n.wantSubjects(paul, askedSubject, reminderSubject, decidedSubject)
	got := slices.Sorted(strings.SplitSeq(n.board.kinds(), " "))
	if want := strings.Fields("asked asked decided escalated escalated expired last-day reminder reminder"); !slices.Equal(got, want) {
		t.Errorf("the board has %s, want %s", got, want)
	}
	n.wantOutbox(0)
	n.wantNothingDue()
}

// TestWhoDecidesAtBothStagesIsAskedAgain: that the first stage is decided and that the second waits
// comes in one mail, which must not say that there is nothing to do.
func TestWhoDecidesAtBothStagesIsAskedAgain(t *testing.T) {
	n := newTold(t)
	id := n.waits("ana@contoso.com", "Approvers", paula+" "+paul, "SecondApprovers", paul)
	n.settleMinutes(3)
	n.decides(id, paula, true)
	n.settleMinutes(3)
	n.wantSubjects(paul, askedSubject, askedSubject)
	if mails := n.mailsTo(mailOf(paul)); !strings.Contains(mails[len(mails)-1].Text, "2 of 2") {
		t.Errorf("the mail says:\n%s", mails[len(mails)-1].Text)
	}
}

func TestRecipientsAreThoseWhoDecideNow(t *testing.T) {
	var crowd []string
	for i := range 25 {
		crowd = append(crowd, fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", i))
	}
	tests := map[string]struct {
		email   string
		columns []any
		change  func(n *told)
		want    string // the last digits of those who get a mail
	}{
		"the reviewers where the row names nobody": {want: "1"},
		"the approvers": {columns: []any{"Approvers", paula + " " + deputies}, want: "23"},
		"nobody twice":  {columns: []any{"Approvers", paul + " " + deputies}, want: "3"},
		"those in the group when it is sent": {columns: []any{"Approvers", deputies}, want: "6", change: func(n *told) {
			n.people.SetGroup(mempeople.Group{ID: deputies, Members: []string{nobody}})
		}},
		"nobody who was disabled": {columns: []any{"Approvers", paula + " " + sven}, want: "4", change: func(n *told) {
			n.people.SetUser(mempeople.User{ID: paula, Mail: mailOf(paula), Disabled: true})
		}},
		"no guest": {columns: []any{"Approvers", paula + " " + guest}, want: "2"},
		"no group of more than twenty": {columns: []any{"Approvers", paula + " " + deputies}, want: "2", change: func(n *told) {
			for _, id := range crowd {
				n.people.SetUser(mempeople.User{ID: id, Mail: "crowd@wingtip.com"})
			}
			n.people.SetGroup(mempeople.Group{ID: deputies, Members: crowd})
		}},
		"nobody about their own address": {columns: []any{"Approvers", paula + " " + sven}, want: "4", change: func(n *told) {
			n.people.SetUser(mempeople.User{ID: paula, Mail: mailOf(paula), Others: []string{"Ana@Contoso.com"}})
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTold(t)
			n.waits("ana@contoso.com", test.columns...)
			if test.change != nil {
				test.change(n)
			}
			n.settleMinutes(3)
			var to string
			for _, m := range n.service.Mails() {
				to += regexp.MustCompile(`\d`).FindString(m.To[0])
			}
			if sorted := slices.Sorted(strings.SplitSeq(to, "")); strings.Join(sorted, "") != test.want {
				t.Errorf("mails to %s, want %s", to, test.want)
			}
			if n.board.kinds() != "asked" {
				t.Errorf("the board has %q", n.board.kinds())
			}
			n.wantOutbox(0)
		})
	}
}

func TestNoticeFollowsWhatIsStored(t *testing.T) {
	tests := map[string]struct {
		do   func(n *told, id submission.ID)
		want []string
	}{
		"decided before anybody was told": {func(n *told, id submission.ID) { n.decides(id, rita, true) }, nil},
		"decided afterwards": {func(n *told, id submission.ID) {
			n.settleMinutes(2)
			n.decides(id, rita, false)
		}, []string{askedSubject, decidedSubject}},
		"withdrawn": {func(n *told, id submission.ID) {
			n.settleMinutes(2)
			n.queue = append(n.queue, submission.Message{ID: id, Kind: submission.Withdraw})
		}, []string{askedSubject, decidedSubject}},
		"withdrawn before anybody was told": {func(n *told, id submission.ID) {
			n.queue = append(n.queue, submission.Message{ID: id, Kind: submission.Withdraw})
			n.deliverAll()
		}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTold(t)
			id := n.waits("ana@contoso.com", "Approvers", paula)
			test.do(n, id)
			n.settleMinutes(10)
			n.wantSubjects(paula, test.want...)
			if len(n.board.posts) != len(test.want) {
				t.Errorf("the board has %q", n.board.kinds())
			}
			n.wantOutbox(0)
		})
	}
}

func TestSeveralRequestsMakeOneMail(t *testing.T) {
	for waiting, want := range map[int][]string{
		1: {askedSubject}, 2: {askedSubject, askedSubject}, 3: {digestSubject}, 5: {digestSubject},
	} {
		n := newTold(t)
		for i := range waiting {
			n.waits(fmt.Sprintf("ana%d@contoso.com", i), "Approvers", paula)
		}
		n.settleMinutes(5)
		n.wantSubjects(paula, want...)
		if len(n.board.posts) != waiting {
			t.Errorf("%d waiting: the board has %q", waiting, n.board.kinds())
		}
		if waiting > 2 {
			text := n.mailsTo(mailOf(paula))[0].Text
			if !strings.Contains(text, fmt.Sprint(waiting, " requests wait for your decision")) {
				t.Errorf("the digest says:\n%s", text)
			}
		}
		n.wantOutbox(0)
	}
}

func TestReceiverThatIsDownForDayLosesNothing(t *testing.T) {
	for _, code := range []problem.Code{request.NoticeThrottled, request.NoticeUnreached, request.NoticeForbidden, request.NoticeUnavailable} {
		t.Run(string(code), func(t *testing.T) {
			n := newTold(t)
			n.board.fail = failsWith(code)
			n.waits("ana@contoso.com", "Approvers", paula)
			n.waits("bo@contoso.com", "Approvers", paula)
			n.settle(24)
			n.wantSubjects(paula, askedSubject, askedSubject)
			n.board.fail = nil
			n.settle(2)
			if n.board.kinds() != "asked asked" {
				t.Errorf("the board has %q", n.board.kinds())
			}
			n.wantOutbox(0)
		})
	}
}

func TestNoticeIsGivenUpAfterDays(t *testing.T) {
	n := newTold(t)
	n.board.fail = failsWith(request.NoticeForbidden)
	n.waits("ana@contoso.com", "Approvers", paula)
	n.settle(3*24 + 2)
	if n := strings.Count(n.log.String(), workflow.LogNoticeLost); n != 1 {
		t.Errorf("%d lines about it", n)
	}
	n.wantOutbox(0)
}

func TestLostAnswerNeverTellsTwice(t *testing.T) {
	for _, recognizes := range []bool{true, false} {
		n := newTold(t)
		n.board.recognizes, n.board.lost, n.board.fail = recognizes, true, failsWith(request.NoticeUnavailable)
		n.fail(acssim.Fault{Trouble: acssim.AnswerLost, Call: "send"})
		n.waits("ana@contoso.com", "Approvers", paula)
		n.settle(3)
		n.board.fail = nil
		n.settle(3)
		n.wantSubjects(paula, askedSubject)
		if n.board.kinds() != "asked" {
			t.Errorf("recognizes %t: the board has %q", recognizes, n.board.kinds())
		}
		n.wantOutbox(0)
	}
}

// TestNobodyIsToldTwiceWhereverTheProcessEnds ends the process before and after each operation of a
// request that waits and is decided.
func TestNobodyIsToldTwiceWhereverTheProcessEnds(t *testing.T) {
	ops := []string{"PutNotices", "Save", "DueNotices", "SaveNotice", "RemoveNotice", "SendMail", "Load", "SaveMailGate"}
	for _, op := range ops {
		for _, when := range []bool{before, after} {
			for nth := 1; nth <= 4; nth++ {
				t.Run(fmt.Sprintf("%s %t %d", op, when, nth), func(t *testing.T) {
					n := newTold(t)
					calls := 0
					n.on(op, when, 100, func() error {
						calls++
						if calls == nth {
							panic(crash{})
						}
						return nil
					})
					n.row("contoso.com", "ask", "Action", "review", "Approvers", paula)
					id := n.submit("ana@contoso.com")
					n.settle(1)
					if n.load(id).State != request.Review {
						t.Fatal("the request does not wait")
					}
					r := n.load(id)
					ballot := request.CastBallot{ID: id, Ballot: request.Ballot{Seen: r.Mark(), Stage: 1, By: rita, Name: "R", Yes: true, Shown: n.shown(r), Cast: n.now}}
					for range 2 {
						_ = n.survive(func() error { return n.worker.Vote(t.Context(), "m", ballot) })
					}
					n.settle(2)
					n.wantSubjects(paula, askedSubject, decidedSubject)
					if n.board.kinds() != "asked decided" {
						t.Errorf("the board has %q", n.board.kinds())
					}
					n.wantOutbox(0)
				})
			}
		}
	}
}

func TestNothingIsPutWhereNobodyIsTold(t *testing.T) {
	for name, change := range map[string]func(*workflow.Config){
		"without notices":           func(c *workflow.Config) { c.Notices = nil },
		"without mails or channels": func(c *workflow.Config) { c.Mails, c.Channels = nil, nil },
		"of other kinds": func(c *workflow.Config) {
			c.Channels, c.Notices.Mailed = nil, []request.NoticeKind{request.ExpiredNotice}
		},
	} {
		n := newTold(t)
		change(&n.config)
		n.worker = n.newWorker()
		puts := 0
		n.on("PutNotices", before, 100, func() error { puts++; return nil })
		id := n.waits("ana@contoso.com", "Approvers", paula)
		n.settle(1)
		if due := n.load(id).Due; puts != 0 || !due.Equal(n.load(id).Reviewing.Deadline) {
			t.Errorf("%s: %d puts, due at %s", name, puts, due)
		}
	}
}

func TestMailsToPartnersGoBeforeNotices(t *testing.T) {
	n := newTold(t, func(c *workflow.Config) { c.Mails.Quota = request.MailQuota{PerMinute: 4, PerHour: 4} })
	for i := range 4 {
		n.row("contoso.com", "ask", "Action", "review", "Approvers", []string{paula, sven, erin, rita}[i])
		n.submit(fmt.Sprintf("ana%d@contoso.com", i))
		n.deliverAll()
	}
	n.settleMinutes(10)
	if sent := len(n.service.Mails()); sent != 2 {
		t.Errorf("%d notices in the hour, want half of the quota", sent)
	}
	n.settle(3)
	if sent := len(n.service.Mails()); sent != 4 {
		t.Errorf("%d notices in the end, want 4", sent)
	}
	n.wantOutbox(0)
}

// TestMailIsOnlyAboutWhatItTells: a digest can't go out without a notice whose intent could not be
// stored, since that may be stored all the same. Whoever finds it would take the notice for told.
func TestMailIsOnlyAboutWhatItTells(t *testing.T) {
	for name, happens := range map[string]bool{"the intent is not stored": before, "the intent is stored": after} {
		t.Run(name, func(t *testing.T) {
			n := newTold(t)
			var ids []submission.ID
			for i := range 4 {
				ids = append(ids, n.waits(fmt.Sprintf("ana%d@contoso.com", i), "Approvers", paula))
			}
			saves := 0
			n.on("SaveNotice", happens, -1, func() error {
				saves++
				if saves == 3 {
					return problem.New(problem.StorageUnavailable, "the answer is lost")
				}
				return nil
			})
			n.settleMinutes(60)
			told := 0
			for _, m := range n.mailsTo(mailOf(paula)) {
				many := 1
				if strings.HasPrefix(m.Text, digestSubject) {
					_ = must(fmt.Sscanf(strings.Fields(m.Text)[5], "%d", &many))(t)
				}
				told += many
			}
			if told != len(ids) {
				t.Errorf("paula was told of %d requests, and %d wait", told, len(ids))
			}
			n.wantOutbox(0)
		})
	}
}

// TestMailWithoutUsableAnswerIsRepeatedSeldom: the service gives no usable answer for two days, and
// says of each mail later that it has not taken it.
func TestMailWithoutUsableAnswerIsRepeatedSeldom(t *testing.T) {
	n := newTold(t)
	n.fail(acssim.Fault{Trouble: acssim.Unanswered, Call: "send", Always: true})
	n.waits("ana@contoso.com", "Approvers", paula)
	calls := 0
	n.on("SendMail", before, -1, func() error { calls++; return nil })
	n.settle(48)
	if calls < 24 || calls > 60 {
		t.Errorf("the mail was handed over %d times in 48 hours", calls)
	}
	n.service.ClearFaults()
	n.settle(3)
	n.wantSubjects(paula, askedSubject)
	n.wantOutbox(0)
}

// TestNobodyGetsManyMails: somebody signs up every five minutes, all day.
func TestNobodyGetsManyMails(t *testing.T) {
	n := newTold(t, func(c *workflow.Config) { c.Mails.Quota = request.MailQuota{PerMinute: 1000, PerHour: 1000} })
	began := n.now
	for i := range 12 * 8 {
		n.row("contoso.com", "ask", "Action", "review", "Approvers", paula)
		n.submit(fmt.Sprintf("ana%d@contoso.com", i))
		n.settleMinutes(5)
	}
	n.settle(2)
	byHour := map[int]int{}
	told := 0
	for _, m := range n.mailsTo(mailOf(paula)) {
		byHour[int(m.At.Sub(began).Hours())]++
		many := 1
		if strings.HasPrefix(m.Text, digestSubject) {
			_ = must(fmt.Sscanf(strings.Fields(m.Text)[5], "%d", &many))(t)
		}
		told += many
	}
	for hour, mails := range byHour {
		if mails > 7 { // an hour of the clock has parts of two
			t.Errorf("%d mails in hour %d", mails, hour)
		}
	}
	if told != 12*8 {
		t.Errorf("told of %d requests, and %d wait", told, 12*8)
	}
	n.wantOutbox(0)
}

// TestLastDayOfEveryDeadlineIsTold: a row gives more time on the last day.
func TestLastDayOfEveryDeadlineIsTold(t *testing.T) {
	n := newTold(t)
	n.waits("ana@contoso.com", "Approvers", paula, "DecideWithin", int32(4))
	n.settle(3*24 + 2)
	n.wantSubjects(paula, askedSubject, reminderSubject, lastDaySubject)
	n.row("contoso.com", "ask", "Action", "review", "Approvers", paula, "DecideWithin", int32(8))
	n.settle(3 * 24)
	n.wantSubjects(paula, askedSubject, reminderSubject, lastDaySubject)
	n.settle(26)
	n.wantSubjects(paula, askedSubject, reminderSubject, lastDaySubject, lastDaySubject)
	n.settle(26)
	n.wantSubjects(paula, askedSubject, reminderSubject, lastDaySubject, lastDaySubject, expiredSubject)
	n.wantOutbox(0)
}
