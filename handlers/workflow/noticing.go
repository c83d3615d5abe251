package workflow

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Notices is what a Worker needs to tell those who decide what waits for them. All is required but
// Mailed.
type Notices struct {
	Outbox request.Notices
	// Mailed are the kinds that go out by mail too, if the app sends mails.
	Mailed []request.NoticeKind
	// Origin is the scheme and host of the review pages.
	Origin string
	// Random tells the entries of different calls apart.
	Random io.Reader
}

// reviewPages is the path of the review pages; see signin.Root, which a test compares.
const reviewPages = "/reviews"

// noticeDelay is how long after it was put a notice is sent. By then its request is stored, a stage
// that is decided at once troubles nobody, and what comes at the same time goes out in one mail.
const noticeDelay = time.Minute

// noticeKinds returns the kinds of notices that anybody is told of.
func (w *Worker) noticeKinds() []request.NoticeKind {
	switch n := w.config.Notices; {
	case n == nil:
		return nil
	case len(w.config.Channels) > 0:
		return request.NoticeKinds()
	case w.config.Mails != nil:
		return n.Mailed
	}
	return nil
}

// putNotices puts the notices that the request gives occasion for into the outbox, in one call. As
// with a due entry, the outbox is written before the record, which names the entries that count: an
// entry that no record names is dropped when it is to be sent, so a call that ends in between
// leaves nothing, and tries again.
func (j *job) putNotices(ctx context.Context) error {
	kinds, now := j.noticeKinds(), j.config.Now()
	if j.Request.Reviewing == nil {
		return nil
	}
	wanted := j.Request.NoticesToPut(now, kinds)
	if len(wanted) > 0 {
		err := j.putAll(ctx, wanted)
		if err != nil {
			return err
		}
	}
	if j.Request.State == request.Review {
		j.PlanNotices(kinds)
	}
	return nil
}

// putAll puts the notices, and notes that they were.
func (j *job) putAll(ctx context.Context, wanted []request.PutNotice) error {
	now := j.config.Now()
	mark, err := j.newMark()
	if err != nil {
		return err
	}
	var entries []request.NoticeEntry
	for i := range wanted {
		put := &wanted[i]
		if put.Mark == "" {
			continue
		}
		put.Mark = mark
		entries = append(entries, request.NoticeEntry{
			Request: j.Request.ID, Stage: put.Stage, Since: put.Since, Kind: put.Kind, Deadline: put.Deadline,
			Mark: mark, At: now, Due: now.Add(noticeDelay),
		})
	}
	err = j.config.Notices.Outbox.PutNotices(ctx, entries)
	if err != nil {
		return fmt.Errorf("putting notices to those who decide: %w", err)
	}
	v := *j.Request.Reviewing
	v.Put = append(v.Put[:len(v.Put):len(v.Put)], wanted...)
	j.Request.Reviewing = &v
	return nil
}

// newMark returns what tells the entries of this call from those of any other.
func (w *Worker) newMark() (string, error) {
	var mark [8]byte
	_, err := io.ReadFull(w.config.Notices.Random, mark[:])
	if err != nil {
		return "", problem.New(problem.Internal, "no random numbers: %w", err)
	}
	return hex.EncodeToString(mark[:]), nil
}
