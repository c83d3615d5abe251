package status

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/site"
)

// Every answer of the status page in JSON is described in docs/openapi.yaml, and every described
// one is given.
func TestContract(t *testing.T) {
	const path = site.Root + "/{id}"
	c := pagetest.ReadContract(t)
	id := newID(t, pagetest.Morning)
	known := string(id)
	requests, queue := &fakeRequests{known: id}, &pagetest.Queue{}
	page, _ := newStatus(t, requests, codes, func(c *Config) {
		c.Queue, c.Detailed = queue, true
		c.Guards = guardsOf(t, func(c *guard.Config) { c.Limit = guard.Limit{Burst: 1, Every: time.Hour} })
	})
	for _, stage := range []request.Stage{request.StageReceived, request.StageInWork, request.StageFinished} {
		for _, outcome := range []request.Outcome{
			request.OutcomeOpen, request.OutcomeProving, request.OutcomeWaiting, request.OutcomeInviting, request.OutcomeInvited, request.OutcomeUnsent,
			request.OutcomeJoined, request.OutcomeRefused, request.OutcomeWithdrawn,
		} {
			requests.progress = request.Progress{Stage: stage, Outcome: outcome, Address: "a***@contoso.com"}
			c.Check(t, http.MethodGet, path, ask(page, known, pagetest.JSONType))
			requests.progress.Tries, requests.progress.Proved = request.MaxProofTries, true
			c.Check(t, http.MethodGet, path, ask(page, known, pagetest.JSONType))
		}
	}
	c.Check(t, http.MethodGet, path, ask(page, "nonsense", pagetest.JSONType))
	requests.err = problem.New(problem.StorageUnavailable, "down")
	c.Check(t, http.MethodGet, path, ask(page, known, pagetest.JSONType))

	instruct := func(id, contentType, text string, header ...string) {
		c.Check(t, http.MethodPost, path, send(page, id, contentType, text, append(header, "Accept", pagetest.JSONType)...))
	}
	instruct(known, pagetest.JSONType, `{"action":"resend"}`)
	instruct(known, pagetest.JSONType, `{"action":"prove","code":"1234 5678"}`)
	instruct(known, pagetest.JSONType, `{"action":"prove","code":"1234"}`)
	instruct(known, pagetest.JSONType, `{"action":"dance"}`)
	instruct(known, pagetest.JSONType, `{"action":"resend"}`, "Sec-Fetch-Site", "cross-site")
	instruct("nonsense", pagetest.JSONType, `{"action":"resend"}`)
	instruct(known, pagetest.JSONType, strings.Repeat(" ", site.MaxBody+1))
	instruct(known, "application/xml", `<xml/>`)
	instruct(known, pagetest.JSONType, `{"action":"withdraw"}`)
	for range 2 {
		instruct(known, pagetest.JSONType, `{"action":"resend"}`, "X-Forwarded-For", "203.0.113.7:1")
	}
	queue.Err = errors.New("the queue is down")
	instruct(known, pagetest.JSONType, `{"action":"resend"}`)
	c.CheckComplete(t, path)
}
