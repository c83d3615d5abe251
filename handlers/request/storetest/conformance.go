package storetest

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// callers is how many goroutines compete in a test of concurrent calls.
const callers = 8

// Store is what the suite tests: every port for storage.
type Store interface {
	request.Store
	request.Records
	request.Rows
	request.Seats
	request.GateStore
	request.DeadLetterStore
	request.StrayStore
	request.MailStore
	request.Reviews
	request.Finder
	request.Notices
	request.GroupNames
	// FirstRows returns at most limit policy rows, by partition, then by name, and whether there
	// are more.
	FirstRows(ctx context.Context, limit int) (rows []policy.Raw, more bool, err error)
	// PutRow writes a row in place of any that has its partition and name. It ignores row.ETag.
	PutRow(ctx context.Context, row policy.Raw) error
}

// tests are the tests of the suite, in groups.
var tests = map[string]map[string]func(*testing.T, Store){
	"requests":     requestTests,
	"claims":       claimTests,
	"waiting":      waitingTests,
	"records":      recordTests,
	"rows":         rowTests,
	"seats":        seatTests,
	"gate":         gateTests,
	"dead letters": deadLetterTests,
	"strays":       strayTests,
	"mails":        mailTests,
	"reviews":      reviewTests,
	"finding":      findingTests,
	"notices":      noticeTests,
	"group names":  groupNameTests,
}

// Run runs the named groups of the suite, or all, with stores that newStore returns. Every call
// of newStore must return an empty store.
func Run(t *testing.T, newStore func(t *testing.T) Store, groups ...string) {
	if len(groups) == 0 {
		groups = slices.Sorted(maps.Keys(tests))
	}
	for _, group := range groups {
		t.Run(group, func(t *testing.T) {
			for name, test := range tests[group] {
				t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
			}
		})
	}
}

// start is the time at which the tests begin: finer than a store can hold, and not in UTC.
var start = time.Date(2026, time.March, 1, 12, 30, 15, 123456789, time.FixedZone("", 2*60*60))

// stored is start as a store holds it.
var stored = time.Date(2026, time.March, 1, 10, 30, 15, 123456700, time.UTC)

func newID(t testing.TB) submission.ID {
	t.Helper()
	return must(submission.NewID(start, rand.Reader))(t)
}

func newAddress(t testing.TB, text string) submission.Address {
	t.Helper()
	return must(submission.ParseAddress(text))(t)
}

// fullReviewing returns where a review stands that has every field set.
func fullReviewing() *request.Reviewing {
	return &request.Reviewing{
		Stage: 2, Since: stored, Escalated: true, Deadline: stored.Add(2 * time.Hour),
		Rules: policy.ReviewRules{
			Approvers: []string{"a"}, SecondApprovers: []string{"b"}, EscalateTo: []string{"c"}, SponsorsDecide: true,
			Sponsors: []string{"sponsor"}, DecideWithin: 14, EscalateAfter: 3,
		},
		Votes: []request.Vote{{
			Stage: 1, By: "a", Name: "Ann", Authority: request.AsApprover, Yes: true, Shown: "s", Reason: "<&>", Note: "known", Cast: stored, At: stored,
		}},
		Ballots: []request.Ballot{{Seen: "x", Shown: "y", Stage: 2, By: "b", Name: "Bo", Reason: "no", Note: "n", Cast: stored}},
		Why:     "the directory is silent", Ignored: 2, Listed: stored, ListAgain: true,
		Put: []request.PutNotice{{Stage: 1, Since: stored, Kind: request.LastDayNotice, Deadline: stored, Mark: "0123456789abcdef"}}, NextNotice: stored, Expired: true,
	}
}

// fullRequest returns a request that has every field set.
func fullRequest(t testing.TB) request.Request {
	t.Helper()
	return request.Request{
		ID: newID(t),
		Submission: submission.Submission{
			Email:       newAddress(t, "ana@contoso.com"),
			GivenName:   "Ana María",
			FamilyName:  "O'Hara",
			Company:     `Contoso "Ltd" <&> \ 會社 🏢`,
			Country:     "ES",
			Reason:      "line one\r\nline two\n\ttabbed",
			Language:    "es-ES",
			Sponsor:     newAddress(t, "bob@wingtip.com"),
			Consent:     submission.Consent{Terms: "2026-11", At: start, Language: "pt"},
			InviteCode:  submission.HashCode("spring-2026"),
			SubmittedAt: start,
		},
		State:  request.Granting,
		Reason: "two groups to go",
		Words:  "Ana is\nknown",
		Since:  start.Add(time.Second),
		Decision: &policy.Decision{
			Action: policy.Invite,
			Reason: "row trusted of contoso.com",
			Row: &policy.RowSnapshot{
				Partition: "contoso.com", Name: "trusted", ETag: `W/"datetime'2026-01-01T00%3A00%3A00Z'"`,
				Columns: map[string]string{"Action": "invite", "Condition": `request.company == "<&>"`},
			},
			Terms: &policy.Terms{
				Groups: []string{"group-1", "group-2"}, Sponsors: []string{"sponsor"}, RedirectURL: "https://apps.example/?a=1&b=2",
				MessageLanguage: "es-ES", Message: "line one\n\"line two\" <&>", Cc: "desk@contoso.com", UserType: "Guest",
			},
			Limits: &policy.Limits{Row: policy.RowKey{Partition: "contoso.com", Name: "trusted"}, MaxGuests: 20, MaxPerDay: 5},
			Looked: []policy.Look{{Partition: "contoso.com", Name: "trusted", Outcome: policy.Decided, Why: "its condition holds"}},
			At:     start,
		},
		Reviewing: fullReviewing(),
		Approval: &request.Approval{
			By: "desk@fabrikam.com", At: stored, Note: "a \"known\" partner <&>",
			Terms: policy.Terms{Groups: []string{"group-3"}, Sponsors: []string{"sponsor"}, UserType: "Guest"},
		},
		RepeatOf: newID(t),
		GuestID:  "00000000-0000-0000-0000-000000000001",
		Joined:   start,
		CheckAt:  start.Add(time.Hour),
		Vanished: 1,
		FullOn:   "2026-05-04",
		Attempt:  3,
		Unknown:  2,
		Failures: request.Failures{Count: 4, Throttled: 1, Since: start, Accepted: 12, Looks: 3, Last: "status 500 <&>"},
		Orders: request.Orders{
			Count: 2, Ignored: 3, Last: []request.DoneOrder{{Kind: request.RetryOrder, Mark: "00112233445566778899aabbccddeeff", By: "cccccccc-0000-4000-8000-000000000001", At: start}},
		},
		OpenTurn: request.Turn{Number: 7, Day: "2026-05-04", Sharers: "0123456789ab ba9876543210"},
		Due:      start.Add(time.Hour),
		Grants:   []request.Grant{{Group: "group-1", State: request.GrantAdded}, {Group: "group-2", State: request.GrantFailed, Note: "it is gone", Unknown: 6, Forbidden: start, Missing: start, Silent: start}},
		Proof: request.Proof{Wanted: start, Epoch: 2, Until: start.Add(time.Hour), Mailed: true, Withheld: true, Tries: 3,
			At: start.Add(time.Minute), Earlier: true},
		Mails: []request.SentMail{
			{Kind: request.CodeMail, Ordinal: 2, At: start, State: request.MailFailed, Code: "EmailDropped", LookAt: start.Add(time.Hour)},
			{Kind: request.InvitationMail, Ordinal: 1, At: start, Guest: "guest-1"},
		},
		RemindAt:   start.Add(7 * time.Second),
		Owed:       request.Owed{Kind: request.InvitationMail, Since: start, Person: true, Unless: newID(t)},
		Resend:     request.Instruction{At: start.Add(2 * time.Second), By: request.ThePartner},
		MailAsked:  start.Add(5 * time.Second),
		Retried:    start.Add(6 * time.Second),
		Withdrawal: request.Instruction{At: start.Add(3 * time.Second), By: "desk@fabrikam.com"},
		Erased:     start.Add(4 * time.Second),
		Created:    start,
		Changed:    start.Add(time.Minute),
	}
}

// event returns a history of one event.
func event(what string) []request.Event { return []request.Event{{At: start, What: what}} }

// asStored returns r as a store returns it, apart from Events and Version.
func asStored(r request.Request) request.Request {
	for _, t := range []*time.Time{
		&r.Submission.SubmittedAt, &r.Submission.Consent.At, &r.Joined, &r.CheckAt, &r.Due, &r.Since,
		&r.Resend.At, &r.MailAsked, &r.Retried, &r.Withdrawal.At, &r.Erased, &r.Created, &r.Changed, &r.RemindAt,
	} {
		*t = t.UTC().Truncate(100 * time.Nanosecond)
	}
	return r
}

// equal compares times by instant and addresses by value; an empty list equals a missing one.
var equal = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b submission.Address) bool { return a == b }),
}

// reporter is the part of testing.TB that *rapid.T has.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// wantSame fails if got is not want.
func wantSame(t reporter, what string, want, got any) {
	t.Helper()
	diff := cmp.Diff(want, got, equal)
	if diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// wantCode fails if err is not an error of the code.
func wantCode(t testing.TB, what string, err error, want problem.Code) {
	t.Helper()
	got := problem.CodeOf(err)
	if got != want {
		t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
}

// errorOf returns the error of a call.
func errorOf[T any](_ T, err error) error { return err }

// must returns the value of a call, and ends the test if the call failed.
func must[T any](value T, err error) func(reporter) T {
	return func(t reporter) T {
		t.Helper()
		succeed(t, err)
		return value
	}
}

// succeed ends the test if there is an error.
func succeed(t reporter, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustClaim(t testing.TB, store Store, address submission.Address, id submission.ID, intentAt time.Time) (claim request.Claim, created bool) {
	t.Helper()
	claim, created, err := store.Claim(t.Context(), address, request.NewClaim(id, intentAt))
	succeed(t, err)
	return claim, created
}

// atOnce runs call in several goroutines that start together, and waits for them.
func atOnce(call func(caller int)) {
	var group sync.WaitGroup
	gate := make(chan struct{})
	for caller := range callers {
		group.Go(func() {
			<-gate
			call(caller)
		})
	}
	close(gate)
	group.Wait()
}

// ended returns a cancelled context.
func ended(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// foreignVersions are texts that are not the version of any record. "*" and quotes have a meaning
// in HTTP.
var foreignVersions = []string{"*", "other", `"other"`, `W/"other"`, "a\r\nIf-Match: *"}

// malformedIDs are not ids; some of them have a meaning in a path or a filter.
var malformedIDs = []submission.ID{"", "x", "../request", "' or PartitionKey ne '", "00000000000000000000000000000000/0", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"}
