package simulation

import (
	"context"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// noticeEvents are about people who are told what waits for them. In each of them people vote.
var noticeEvents = []event{
	{name: "people are told", shape: shapeVotes, plan: (*run).planTold},
	{name: "people leave who are told", shape: shapeVotes, plan: func(r *run) {
		r.planTold()
		r.planLeaving()
	}},
	{name: "channels fail", shape: shapeVotes, plan: (*run).planChannels},
}

// noticeBook is what the laws know about notices.
type noticeBook struct {
	// boards are the channels; none if nobody is told.
	boards      []*board
	mailedKinds []request.NoticeKind
	outbox      map[noticeKey]request.NoticeEntry // as stored
	// told are the mails by which people were told of a notice, and tellingTo says who was about to
	// be told.
	told      map[noticeReader][]request.MailID
	tellingTo map[noticeReader]bool
	// stageEnded is when a stage of a request ended.
	stageEnded map[stageKey]time.Time
	// decidersAt is the happening at which others than before came to decide about a request.
	decidersAt map[submission.ID]int
	// staffAtTime is when somebody, or a group, last changed.
	staffAtTime time.Time
}

type noticeKey struct {
	id   request.NoticeID
	mark string
}

// noticeReader is a recipient of a notice: a person's id, or a channel's name.
type noticeReader struct {
	id request.NoticeID
	to string
}

type stageKey struct {
	request string
	since   int64
}

func stageOf(entry request.NoticeEntry) stageKey {
	return stageKey{string(entry.Request), entry.Since.UnixNano()}
}

// board is a channel that keeps what it was told.
type board struct {
	name       string
	recognizes bool
	taken      map[request.NoticeID]int
	// fails is until when it takes nothing, with code.
	fails time.Time
	code  problem.Code
}

// planTold lets people be told, by channels and, if the app sends mails, by those.
func (r *run) planTold() {
	if len(r.boards) == 0 {
		for _, recognizes := range []bool{true, false} {
			name := map[bool]string{true: "webhook", false: "teams"}[recognizes]
			r.boards = append(r.boards, &board{
				name: name, recognizes: recognizes, taken: map[request.NoticeID]int{},
			})
		}
		for _, kind := range request.NoticeKinds() {
			if !r.chance(4) {
				r.mailedKinds = append(r.mailedKinds, kind)
			}
		}
		for _, on := range r.instances { // they were there before
			r.boot(on)
		}
	}
	r.planVotes()
}

// planChannels lets channels fail, for minutes or days.
func (r *run) planChannels() {
	r.planTold()
	for range 1 + r.random.IntN(3) {
		r.plan(r.now.Add(r.soon(30*time.Hour)), func() {
			b := pick(r.random, r.boards...)
			b.fails = r.now.Add(time.Minute + r.soon(time.Duration(pick(r.random, 2, 30, 80))*time.Hour))
			b.code = pick(r.random, request.NoticeUnavailable, request.NoticeUnavailable, request.NoticeThrottled,
				request.NoticeUnreached, request.NoticeForbidden)
			r.happened("the channel %s fails until %s: %s", b.name, b.fails.Format("02 15:04"), b.code)
		})
	}
}

// chooseNotices returns the events about notices of a schedule, mostly none.
func chooseNotices(seed uint64, only string) []event {
	return chooseApart(noticeEvents, seed, 0x6e6f7469636573, 5, only)
}

// connectNotices lets the worker of an instance tell people.
func (r *run) connectNotices(config *workflow.Config) {
	if len(r.boards) == 0 {
		return
	}
	config.Notices = &workflow.Notices{
		Outbox: store{r}, Mailed: r.mailedKinds, Origin: "https://reviews.wingtip.example", Random: source{r.random},
	}
	for _, b := range r.boards {
		config.Channels = append(config.Channels, channel{r, b})
	}
}

// channel is a board as a worker sees it.
type channel struct {
	*run
	*board
}

func (c channel) Name() string     { return c.board.name }
func (c channel) Recognizes() bool { return c.recognizes }

func (c channel) SendNotice(_ context.Context, notice request.Notice) error {
	c.wantNotice(notice.ID, c.board.name)
	err := c.send(notice)
	if err != nil {
		c.counts.ChannelFailures++
	}
	return err
}

// send runs one call.
func (c channel) send(notice request.Notice) error {
	by := c.current
	effect := func() { c.boardTakes(c.board, notice.ID) }
	by.pause("SendNotice", effect)
	failure := func(code problem.Code) error {
		return &problem.Error{Code: code, Detail: "the simulated channel fails", RetryAfter: time.Duration(c.random.IntN(600)) * time.Second}
	}
	if c.now.Before(c.fails) {
		if c.code == request.NoticeUnavailable && c.chance(2) {
			effect()
		}
		return failure(c.code)
	}
	switch by.fate {
	case refused:
		return failure(pick(c.random, request.NoticeThrottled, request.NoticeUnreached, request.NoticeForbidden))
	case lost, doubtful:
		effect()
		return failure(request.NoticeUnavailable)
	case straggles:
		c.arriveLater(by.name+": SendNotice", effect)
		c.sleep(by, callTimeout)
		return failure(request.NoticeUnavailable)
	case slow:
		c.sleep(by, min(by.delay, callTimeout))
		effect()
		if by.delay >= callTimeout {
			return failure(request.NoticeUnavailable)
		}
		return nil
	}
	effect()
	return nil
}

// keep notes what the outbox has.
func (r *run) keep(entry request.NoticeEntry) {
	r.outbox[noticeKey{entry.ID(), entry.Mark}] = entry
	for _, intent := range entry.Intents {
		r.tellingTo[noticeReader{entry.ID(), intent.To}] = true
	}
}

func (s store) PutNotices(_ context.Context, entries []request.NoticeEntry) error {
	return s.do("PutNotices", func() error {
		err := s.memory.PutNotices(s.context, entries)
		for _, entry := range entries {
			if stored, found := s.memory.Notice(s.context, entry.ID(), entry.Mark); found == nil {
				s.keep(stored)
			}
		}
		return err
	})
}

func (s store) Notice(_ context.Context, id request.NoticeID, mark string) (request.NoticeEntry, error) {
	return get(s, "Notice", func() (request.NoticeEntry, error) { return s.memory.Notice(s.context, id, mark) })
}

func (s store) DueNotices(_ context.Context, now time.Time, limit int) ([]request.NoticeEntry, error) {
	return get(s, "DueNotices", func() ([]request.NoticeEntry, error) { return s.memory.DueNotices(s.context, now, limit) })
}

func (s store) SaveNotice(_ context.Context, entry request.NoticeEntry) (request.NoticeEntry, error) {
	return get(s, "SaveNotice", func() (request.NoticeEntry, error) {
		saved, err := s.memory.SaveNotice(s.context, entry)
		if err == nil {
			s.keep(saved)
		}
		return saved, err
	})
}

func (s store) RemoveNotice(_ context.Context, entry request.NoticeEntry) error {
	by := s.current
	return s.do("RemoveNotice", func() error {
		key := noticeKey{entry.ID(), entry.Mark}
		_, there := s.outbox[key]
		err := s.memory.RemoveNotice(s.context, entry)
		if err == nil && there {
			delete(s.outbox, key)
			s.noticeRemoved(by, entry)
		}
		return err
	})
}

// tellsNow reports whether a notice is due.
func (r *run) tellsNow() bool {
	due := r.noticesDue()
	return !due.IsZero() && !due.After(r.now)
}

// noticesDue returns when the next notice is due, zero if there is none.
func (r *run) noticesDue() (next time.Time) {
	for _, entry := range r.outbox {
		if next.IsZero() || entry.Due.Before(next) {
			next = entry.Due
		}
	}
	return next
}
