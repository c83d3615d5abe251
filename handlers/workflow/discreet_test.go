package workflow_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/branding"
	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/site"
	"guestlist/handlers/web/status"
)

// unproved are ways to a request whose mailbox nobody has proved by a code of that request. The
// first one is what the others must look like.
var unproved = []struct {
	name    string
	columns []any // of the policy row
	befall  func(w *mailWorld)
	then    func(w *mailWorld, id submission.ID)
	state   request.State // after ten minutes
}{
	{name: "the code is mailed", state: request.Proving},
	{name: "a person is to decide after the proof", columns: []any{"Action", "review"}, state: request.Proving},
	{name: "a row that can't be read", columns: []any{"Priority", "x"}, state: request.Proving},
	{name: "a code that no mailbox gets", state: request.Proving, befall: func(w *mailWorld) { w.service.Bounce("ana@contoso.com") }},
	{name: "suppressed", state: request.Proving, befall: func(w *mailWorld) { w.service.Suppress("ana@contoso.com") }},
	{name: "throttled", state: request.Proving, befall: func(w *mailWorld) {
		w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Always: true, Status: 429, RetryAfter: 60})
	}},
	{name: "forbidden", state: request.Proving, befall: func(w *mailWorld) {
		w.fail(acssim.Fault{Trouble: acssim.Refused, Always: true, Status: 403})
	}},
	{name: "refused", state: request.Proving, befall: func(w *mailWorld) {
		w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Always: true, Status: 400, Code: "InvalidEmailAddress"})
	}},
	{name: "unanswered", state: request.Proving, befall: func(w *mailWorld) { w.fail(acssim.Fault{Trouble: acssim.Unanswered, Always: true}) }},
	{name: "the answer is lost", state: request.Proving, befall: func(w *mailWorld) { w.fail(acssim.Fault{Trouble: acssim.AnswerLost}) }},
	{name: "the mailbox has had its codes", state: request.Proving, befall: func(w *mailWorld) {
		for range 6 {
			w.signUp("ana@contoso.com")
			w.settle(2)
		}
	}},
	{name: "the mailbox has just had a code", state: request.Proving, befall: func(w *mailWorld) { w.signUp("ana@contoso.com") }},
	{name: "somebody said that it was not them", state: request.Proving, befall: func(w *mailWorld) {
		w.carryOut(submission.Withdraw, w.signUp("ana@contoso.com"))
	}},
	{name: "denied", columns: []any{"Action", "deny"}, state: request.Denied},
	{name: "a person is to decide", columns: []any{"Action", "review", "Proof", "none"}, state: request.Review},
	{name: "a person has denied", columns: []any{"Action", "review", "Proof", "none"}, state: request.Denied,
		then: func(w *mailWorld, id submission.ID) { must(w.reviewer().Deny(w.t.Context(), id, "unknown"))(w.t) }},
	{name: "a person has approved", columns: []any{"Action", "review", "Proof", "none"}, state: request.Done,
		then: func(w *mailWorld, id submission.ID) {
			must(w.reviewer().Approve(w.t.Context(), w.load(id), approvedTerms, "known"))(w.t)
		}},
	{name: "invited without a proof", columns: []any{"Proof", "none"}, state: request.Done},
	{name: "invited by Microsoft's mail", columns: []any{"Proof", "none", "InvitationMail", "microsoft"}, state: request.Done},
	{name: "joined already", columns: []any{"Proof", "none"}, state: request.Done, befall: func(w *mailWorld) {
		_, err := w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", CreationType: "Invitation", ExternalUserState: "Accepted"})
		ok(w.t, err)
	}},
	{name: "refused by the directory", columns: []any{"Proof", "none"}, state: request.Failed, befall: func(w *mailWorld) { w.order(refusedOnce) }},
	{name: "parked", columns: []any{"Proof", "none"}, state: request.Parked, befall: func(w *mailWorld) {
		w.order(graphsim.Fault{Match: invitations, Always: true, Status: 403, Code: "Forbidden",
			Message: "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support."})
	}},
	{name: "the directory does not answer", columns: []any{"Proof", "none"}, state: request.Inviting, befall: func(w *mailWorld) {
		w.order(graphsim.Fault{Match: invitations, Always: true, Status: 503})
	}},
	{name: "proved by an earlier request", state: request.Done, befall: func(w *mailWorld) {
		w.prove(w.signUp("ana@contoso.com"), "ana@contoso.com")
	}},
	{name: "cancelled by a person", columns: []any{"Action", "review", "Proof", "none"}, state: request.Cancelled,
		then: func(w *mailWorld, id submission.ID) { must(w.reviewer().Cancel(w.t.Context(), id, "a mistake"))(w.t) }},
	{name: "erased by a person", state: request.Cancelled,
		then: func(w *mailWorld, id submission.ID) { must(w.reviewer().Erase(w.t.Context(), id))(w.t) }},
}

// TestDiscreetPageIsSameForEveryOutcomeBeforeProof compares every answer of the status page, byte
// for byte, over all ways that a request can go before its mailbox is proved.
func TestDiscreetPageIsSameForEveryOutcomeBeforeProof(t *testing.T) {
	var want []string
	for _, test := range unproved {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			begin := func() (w *mailWorld, id submission.ID, at func(age time.Duration, codes int)) {
				w = newMailWorld(t)
				w.row("contoso.com", "row", append([]any{"Action", "invite", "Groups", groupOne}, test.columns...)...)
				if test.befall != nil {
					test.befall(w)
				}
				page := w.discreetPage()
				w.now = w.now.Truncate(time.Second).Add(time.Second)
				begun := w.now
				id = w.signUp("ana@contoso.com")
				if test.then != nil {
					w.settleMinutes(1)
					test.then(w, id)
				}
				return w, id, func(age time.Duration, codes int) {
					w.settleMinutes(int((begun.Add(age).Sub(w.now) - 1) / time.Minute))
					w.now = begun.Add(age)
					for range codes {
						w.typeCode(id, "12345678")
						w.now = begun.Add(age)
					}
					got = append(got, page(id)...)
				}
			}
			w, id, at := begin()
			at(10*time.Minute, 0)
			w.wantState(id, test.state)
			for range request.MaxProofTries + 1 {
				at(10*time.Minute, 1)
			}
			_, _, at = begin()
			for _, age := range []time.Duration{25 * time.Hour, 35 * time.Hour, 37 * time.Hour, 80 * time.Hour, 100 * time.Hour} {
				at(age, 0)
				at(age, 1)
			}
			if want == nil {
				want = got
				return
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("answer %d can be told from that of a request whose code is mailed (-that +this):\n%s", i, cmp.Diff(want[i], got[i]))
				}
			}
		})
	}
}

// discreetPage returns what shows every form of the status page of a request, without its id, its
// reference and the time.
func (w *mailWorld) discreetPage() func(id submission.ID) []string {
	w.t.Helper()
	guards := must(guard.New(guard.Config{FormKeys: []string{"5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"}, FormLifetime: 12 * time.Hour}, w.clock, w.random))(w.t)
	style := branding.Style{Organisation: "Fabrikam"}
	style.Accent.Light = must(branding.ParseLight("#17567f"))(w.t)
	style.Accent.Dark = must(branding.ParseDark("", style.Accent.Light))(w.t)
	page := must(status.New(status.Config{
		Service:  site.Service{Style: style, Guards: guards, Queue: &outbox{}, Now: w.clock, Log: slog.New(slog.DiscardHandler)},
		Requests: request.Tracker{Store: w.store}, Codes: true, FormLifetime: 12 * time.Hour,
	}))(w.t)
	return func(id submission.ID) (answers []string) {
		now := strconv.FormatInt(w.now.Unix(), 10)
		without := strings.NewReplacer(string(id), "ID", string(id.Reference()), "REFERENCE", now, "NOW")
		typed := url.Values{"typed": {"0"}, "at": {now}}.Encode()
		for _, accept := range []string{"text/html", "application/json"} {
			for _, query := range []string{"", "lang=ar", typed, "resent=" + now} {
				r := httptest.NewRequest(http.MethodGet, site.Root+"/x?"+query, nil)
				r.SetPathValue("id", string(id))
				r.Header.Set("Accept", accept)
				recorder := httptest.NewRecorder()
				page.ServeHTTP(recorder, r)
				var answer bytes.Buffer
				fmt.Fprintf(&answer, "%d %s\n", recorder.Code, query)
				_ = recorder.Header().Write(&answer)
				_, _ = io.Copy(&answer, recorder.Body)
				answers = append(answers, without.Replace(answer.String()))
			}
		}
		return answers
	}
}
