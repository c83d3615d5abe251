package request

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// NoticeKind is what a notice tells those who decide.
type NoticeKind string

// The kinds of notice.
const (
	AskedNotice     NoticeKind = "asked"     // a stage has begun, and waits for them
	ReminderNotice  NoticeKind = "reminder"  // nobody has decided for a while
	EscalatedNotice NoticeKind = "escalated" // nobody has decided for days, so others may too
	LastDayNotice   NoticeKind = "last-day"  // the request ends within a day if nobody decides
	DecidedNotice   NoticeKind = "decided"   // somebody has decided
	ExpiredNotice   NoticeKind = "expired"   // nobody has decided in time
	DigestNotice    NoticeKind = "digest"    // a mail about several requests; no channel gets one
	TestNotice      NoticeKind = "test"      // an operator tries the channel
)

// NoticeID names one notice for good: a UUID. A receiver that gets it twice knows that it is one.
type NoticeID string

// NewNoticeID returns the id of the notice of that kind about the stage of the request, and, for
// the last day, about that deadline. The same arguments give the same id at all times, so there are
// no two notices of one kind about a stage or a deadline.
func NewNoticeID(id submission.ID, stage time.Time, kind NoticeKind, deadline time.Time) NoticeID {
	of := fmt.Sprintf("%s\n%d\n%s", id, stage.UnixNano(), kind)
	if !deadline.IsZero() {
		of += fmt.Sprintf("\n%d", deadline.UnixNano())
	}
	return noticeID(of)
}

func noticeID(of string) NoticeID {
	sum := sha256.Sum256([]byte("notice\n" + of))
	return NoticeID(version8(sum[:16]))
}

// Notice is what a channel tells people who decide. It names nobody: no name, no address, no words
// of anybody, and no id that opens the partner's status page.
type Notice struct {
	ID     NoticeID
	Kind   NoticeKind
	Number submission.Reference // the request's, as the pages show it; zero for a test
	// Row is the policy row that asks for the review. Its Partition is empty if it is an address.
	Row           policy.RowKey
	Stage, Stages int       // from 1 on; 0 for a test
	Deadline      time.Time // when the request ends if nobody decides; zero for never
	At            time.Time // when what it tells has happened
	Link          string    // https address of the pages for reviews; http in a local run
}

// Channel tells people who watch a place that the tenant's admin has set up: a Teams channel, a
// webhook, a topic. Several instances may call it at once. It makes one attempt for each call, and
// repeats nothing by itself. Its errors are *problem.Error with one of the codes below; none
// repeats an address, a key or what the receiver says in words.
type Channel interface {
	// Name is "teams", "webhook" or "eventgrid".
	Name() string
	// Recognizes reports whether the receiver knows a notice that comes twice by its ID, so that
	// it may be sent again after NoticeUnavailable.
	Recognizes() bool
	// SendNotice hands the notice over. After nil the receiver has taken it. After
	// NoticeUnavailable it may have; after any other error it has not.
	SendNotice(ctx context.Context, notice Notice) error
}

// The codes of a channel.
const (
	// NoticeThrottled: over the receiver's limit; the error's RetryAfter says how long to wait.
	NoticeThrottled problem.Code = "notice-throttled"
	// NoticeUnavailable: no answer, or one that says nothing about the notice.
	NoticeUnavailable problem.Code = "notice-unavailable"
	// NoticeUnreached: the call has not come to the receiver, for lack of a token or a connection,
	// or since the context ended before; or the receiver says when it could take it.
	NoticeUnreached problem.Code = "notice-unreached"
	// NoticeRefused: the receiver does not take this notice, and will not take it later.
	NoticeRefused problem.Code = "notice-refused"
	// NoticeForbidden: the app may not send there, the place is gone, or the setting leads nowhere,
	// or to a redirect or an address that is not called. Every notice fails until an admin has
	// changed that.
	NoticeForbidden problem.Code = "notice-forbidden"
)

// noticeCodes say of each code of a channel whether the same attempt may succeed later without
// anybody changing anything.
var noticeCodes = map[problem.Code]bool{
	NoticeThrottled: true, NoticeUnavailable: true, NoticeUnreached: true, NoticeRefused: false, NoticeForbidden: true,
}

// NoticeCodes returns every code of a channel, for tests and documentation, sorted.
func NoticeCodes() []problem.Code { return slices.Sorted(maps.Keys(noticeCodes)) }
