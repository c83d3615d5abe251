package signup

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/problemdetails"
)

// wish posts to the status page of what stands where an id should.
func wish(h http.Handler, id, contentType, text string) *http.Response {
	r := httptest.NewRequest(http.MethodPost, Path+"/x", strings.NewReader(text))
	r.Header.Set("Content-Type", contentType)
	r.SetPathValue("id", id)
	return do(h, r)
}

func TestWishesGoOnTheQueue(t *testing.T) {
	tests := map[string]struct {
		contentType, body string
		kind              submission.Kind
		status            int
		location          string
	}{
		"another mail":            {formType, "action=resend", submission.Resend, http.StatusSeeOther, "?resent=" + strconv.FormatInt(morning.Unix(), 10)},
		"withdrawal":              {formType, "action=withdraw&confirm=yes", submission.Withdraw, http.StatusSeeOther, "?withdrawn=1"},
		"another mail, in JSON":   {jsonType, `{"action":"resend"}`, submission.Resend, http.StatusAccepted, ""},
		"a withdrawal, in JSON":   {jsonType, `{"confirm":"yes","action":"withdraw"}`, submission.Withdraw, http.StatusAccepted, ""},
		"a confirmation too many": {formType, "action=resend&confirm=yes", submission.Resend, http.StatusSeeOther, "?resent=" + strconv.FormatInt(morning.Unix(), 10)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			queue := &fakeQueue{}
			requests := &fakeRequests{}
			h, log := newStatus(t, requests, func(c *StatusConfig) { c.Queue = queue })
			id := newID(t, morning.Add(-time.Hour))
			response := wish(h, string(id), test.contentType, test.body)
			if response.StatusCode != test.status {
				t.Fatalf("status %d: %s", response.StatusCode, body(t, response))
			}
			checkHeaders(t, response)
			if test.location != "" && response.Header.Get("Location") != Path+"/"+string(id)+test.location {
				t.Errorf("Location %q", response.Header.Get("Location"))
			}
			if len(queue.messages) != 1 {
				t.Fatalf("%d messages", len(queue.messages))
			}
			message, err := submission.DecodeMessage(queue.messages[0])
			if diff := cmp.Diff(submission.Message{ID: id, Kind: test.kind}, message); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
			if requests.asked != 0 {
				t.Error("the wish looked the request up: its answer could tell whether there is one")
			}
			if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, string(id)) {
				t.Errorf("logged: %s", got)
			}
		})
	}
}

func TestWishesThatAreNoneOfOurs(t *testing.T) {
	good := string(newID(t, morning))
	tests := map[string]struct {
		id, contentType, body string
		code                  problem.Code
	}{
		"no id":                     {"", formType, "action=resend", problem.NotFound},
		"a malformed id":            {"../x", formType, "action=resend", problem.NotFound},
		"an id of tomorrow":         {string(newID(t, morning.Add(24*time.Hour))), formType, "action=resend", problem.NotFound},
		"an id of long ago":         {string(newID(t, time.Unix(0, 0))), formType, "action=resend", problem.NotFound},
		"nothing":                   {good, formType, "", problem.MalformedBody},
		"another action":            {good, formType, "action=approve", problem.MalformedBody},
		"the advance of a request":  {good, formType, "action=", problem.MalformedBody},
		"two actions":               {good, formType, "action=resend&action=withdraw", problem.MalformedBody},
		"an unknown field":          {good, formType, "action=resend&email=a@b.com", problem.MalformedBody},
		"broken escapes":            {good, formType, "action=%zz", problem.MalformedBody},
		"no withdrawal is meant":    {good, formType, "action=withdraw", problem.InvalidInput},
		"a withdrawal with a no":    {good, formType, "action=withdraw&confirm=no", problem.InvalidInput},
		"the same in JSON":          {good, jsonType, `{"action":"withdraw"}`, problem.InvalidInput},
		"a number in JSON":          {good, jsonType, `{"action":1}`, problem.MalformedBody},
		"twice in JSON":             {good, jsonType, `{"action":"resend","action":"withdraw"}`, problem.MalformedBody},
		"a list in JSON":            {good, jsonType, `["resend"]`, problem.MalformedBody},
		"half a JSON":               {good, jsonType, `{"action":`, problem.MalformedBody},
		"plain text":                {good, "text/plain", "action=resend", problem.UnsupportedMediaType},
		"a file":                    {good, "multipart/form-data; boundary=x", "--x--", problem.UnsupportedMediaType},
		"more than fits":            {good, formType, "action=resend&confirm=" + strings.Repeat("y", maxBody), problem.BodyTooLarge},
		"a script for an action":    {good, formType, "action=%3Cscript%3Ealert(1)%3C/script%3E", problem.MalformedBody},
		"a header for confirmation": {good, formType, "action=withdraw&confirm=yes%0D%0ASet-Cookie:x=1", problem.InvalidInput},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			queue := &fakeQueue{}
			h, log := newStatus(t, &fakeRequests{}, func(c *StatusConfig) { c.Queue = queue })
			response := wish(h, test.id, test.contentType, test.body)
			if response.StatusCode != problemdetails.Status(test.code) || len(queue.messages) != 0 || log.Len() != 0 {
				t.Errorf("status %d, want %d; %d messages; logged: %s", response.StatusCode, problemdetails.Status(test.code), len(queue.messages), log)
			}
			text := body(t, response)
			if test.contentType != jsonType {
				checkPage(t, response, text)
			} else if response.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %q", response.Header.Get("Content-Type"))
			}
			if strings.Contains(text, "alert(1)") {
				t.Error("the answer repeats what was sent")
			}
		})
	}
}

func TestAWithdrawalAsksForConfirmation(t *testing.T) {
	id := newID(t, morning)
	h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageInWork}})
	response := wish(h, string(id), formType, "action=withdraw")
	doc := checkPage(t, response, body(t, response))
	box := doc.byID["confirm"]
	if doc.byID["alert"] == nil || attribute(box, "aria-describedby") != "confirm-error" || textOf(doc.byID["confirm-error"]) == "" {
		t.Error("the page does not say what to do")
	}
	details := box.Parent.Parent.Parent
	if details.Data != "details" || len(details.Attr) < 2 || details.Attr[1].Key != "open" {
		t.Errorf("the box is out of sight, in <%s %v>", details.Data, details.Attr)
	}
}

func TestAQueueThatTakesNoWish(t *testing.T) {
	for name, err := range map[string]error{"busy": problem.New(problem.Internal, "outside of an invocation"), "foreign": errors.New("ana@contoso.com")} {
		h, log := newStatus(t, &fakeRequests{}, func(c *StatusConfig) { c.Queue = &fakeQueue{err: err} })
		response := wish(h, string(newID(t, morning)), formType, "action=resend")
		if text := body(t, response); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "nothing has changed") || response.Header.Get("Location") != "" {
			t.Errorf("%s: status %d: %s", name, response.StatusCode, text)
		}
		checkLog(t, log.String(), 1)
	}
}

func TestWhatThePageOffers(t *testing.T) {
	at := strconv.FormatInt(morning.Add(-10*time.Minute).Unix(), 10)
	long := strconv.FormatInt(morning.Add(-time.Hour).Unix(), 10)
	tests := map[string]struct {
		progress         request.Progress
		detailed         bool
		query            string
		resend, withdraw bool
		again            bool
		says             string
	}{
		"received":                   {request.Progress{Stage: request.StageReceived}, false, "", false, true, true, "has arrived at Contoso"},
		"in work":                    {request.Progress{Stage: request.StageInWork}, false, "", false, true, true, "is being checked"},
		"finished":                   {request.Progress{Stage: request.StageFinished}, false, "", true, true, false, "looks the same whatever was decided"},
		"just asked":                 {request.Progress{Stage: request.StageFinished}, false, "resent=" + strconv.FormatInt(morning.Unix(), 10), false, true, false, "in 60 minutes"},
		"asked ten minutes ago":      {request.Progress{Stage: request.StageFinished}, false, "resent=" + at, false, true, false, "in 50 minutes"},
		"asked long ago":             {request.Progress{Stage: request.StageFinished}, false, "resent=" + long, true, true, false, "looks the same"},
		"asked tomorrow":             {request.Progress{Stage: request.StageFinished}, false, "resent=99999999999", true, true, false, "looks the same"},
		"asked in words":             {request.Progress{Stage: request.StageFinished}, false, "resent=%3Cb%3E", true, true, false, "looks the same"},
		"withdrawal asked for":       {request.Progress{Stage: request.StageInWork}, false, "withdrawn=1", false, false, true, "within a few minutes"},
		"withdrawn":                  {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWithdrawn}, false, "withdrawn=1", false, false, false, "You have withdrawn"},
		"waiting for a person":       {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWaiting}, true, "", false, true, true, "waiting for a person at Contoso"},
		"being invited":              {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeInviting, Address: "a***@c…"}, true, "", false, true, true, "An invitation to a***@c… is being prepared"},
		"being invited, but erased":  {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeInviting}, true, "", false, true, true, "An invitation to the address that you gave is being prepared"},
		"invited":                    {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeInvited, Address: "a***@c…"}, true, "", true, true, false, "An invitation to a***@c… was sent"},
		"joined":                     {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeJoined}, true, "", false, true, false, "You have access"},
		"not possible":               {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeRefused}, true, "", false, true, false, "not possible at present"},
		"not possible, but discreet": {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeRefused}, false, "", true, true, false, "looks the same"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id := newID(t, morning.Add(-time.Minute))
			h, _ := newStatus(t, &fakeRequests{known: id, progress: test.progress}, func(c *StatusConfig) { c.Detailed = test.detailed })
			r := httptest.NewRequest(http.MethodGet, Path+"/x?"+test.query, nil)
			r.SetPathValue("id", string(id))
			response := do(h, r)
			doc := checkPage(t, response, body(t, response))
			_, again := doc.byID["updates"]
			if (doc.byID["resend"] != nil) != test.resend || (doc.byID["withdraw"] != nil) != test.withdraw || again != test.again || !strings.Contains(doc.text(), test.says) {
				t.Errorf("resend %t, withdraw %t, look again %t: %s", doc.byID["resend"] != nil, doc.byID["withdraw"] != nil, again, doc.text())
			}
		})
	}
}

// Whoever is invited, refused or waited for sees the same page, to the byte.
func TestADiscreetPageTellsNothingOfTheOutcome(t *testing.T) {
	id := newID(t, morning)
	var pages, answers []string
	for _, outcome := range []request.Outcome{
		"", request.OutcomeWaiting, request.OutcomeInviting, request.OutcomeInvited, request.OutcomeJoined, request.OutcomeRefused,
	} {
		h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished, Outcome: outcome, Address: "a***@c…"}})
		pages = append(pages, body(t, ask(h, string(id), "text/html")))
		answers = append(answers, body(t, ask(h, string(id), "application/json")))
	}
	for i := range pages {
		if pages[i] != pages[0] || answers[i] != answers[0] {
			t.Errorf("outcomes can be told apart:\n%s", cmp.Diff(pages[0], pages[i]))
		}
	}
}

func TestADetailedPageTellsProgramsToo(t *testing.T) {
	id := newID(t, morning)
	h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWaiting, Address: "a***@c…"}},
		func(c *StatusConfig) { c.Detailed = true })
	var got map[string]string
	err := json.Unmarshal([]byte(body(t, ask(h, string(id), "application/json"))), &got)
	if diff := cmp.Diff(map[string]string{"stage": "finished", "outcome": "waiting", "address": "a***@c…"}, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestThePageNamesWhomToAsk(t *testing.T) {
	id := newID(t, morning)
	requests := &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished}}
	h, _ := newStatus(t, requests)
	if text := body(t, ask(h, string(id), "text/html")); !strings.Contains(text, "Ask your contact person at Contoso") {
		t.Error("without a contact, nobody is named")
	}
	config := FormConfig{}
	everything(t)(&config)
	h, _ = newStatus(t, requests, func(c *StatusConfig) { c.Style.Contact = config.Style.Contact })
	response := ask(h, string(id), "text/html")
	if text := body(t, response); !strings.Contains(text, `href="mailto:partners@contoso.com"`) {
		t.Error("the contact is not named")
	}
}

func BenchmarkStatus(b *testing.B) {
	id := newID(b, morning)
	handler, err := NewStatus(StatusConfig{
		Requests: &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished, Address: "a***@c…"}}, Queue: &fakeQueue{},
		Now: func() time.Time { return morning }, Log: slog.New(slog.DiscardHandler), Style: styleOf(b, "Contoso"), Guards: guardsOf(b),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if response := ask(handler, string(id), "text/html"); response.StatusCode != http.StatusOK {
			b.Fatal(response.StatusCode)
		}
	}
}

func FuzzWish(f *testing.F) {
	f.Add(string(newID(f, morning)), true, "action=resend")
	f.Add(string(newID(f, morning)), false, `{"action":"withdraw","confirm":"yes"}`)
	f.Add("", true, "%")
	queue := &fakeQueue{}
	h, _ := newStatus(f, &fakeRequests{}, func(c *StatusConfig) { c.Queue = queue })
	f.Fuzz(func(t *testing.T, id string, asForm bool, text string) {
		queue.messages = nil
		contentType := jsonType
		if asForm {
			contentType = formType
		}
		response := wish(h, id, contentType, text)
		taken := response.StatusCode == http.StatusSeeOther || response.StatusCode == http.StatusAccepted
		if taken != (len(queue.messages) == 1) || response.StatusCode >= http.StatusInternalServerError {
			t.Errorf("status %d with %d messages", response.StatusCode, len(queue.messages))
		}
	})
}
