package status

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/problemdetails"
	"guestlist/handlers/web/site"
)

// send posts to the status page of an id, valid or not.
func send(h http.Handler, id, contentType, text string, header ...string) *http.Response {
	return do(h, http.MethodPost, id, text, append(header, "Content-Type", contentType)...)
}

func TestInstructionsAreEnqueued(t *testing.T) {
	tests := map[string]struct {
		contentType, body string
		kind              submission.Kind
		status            int
		location          string
	}{
		"another mail":            {pagetest.FormType, "action=resend", submission.Resend, http.StatusSeeOther, "?resent=" + strconv.FormatInt(pagetest.Morning.Unix(), 10)},
		"withdrawal":              {pagetest.FormType, "action=withdraw&confirm=yes", submission.Withdraw, http.StatusSeeOther, "?withdrawn=1"},
		"another mail, in JSON":   {pagetest.JSONType, `{"action":"resend"}`, submission.Resend, http.StatusAccepted, ""},
		"a withdrawal, in JSON":   {pagetest.JSONType, `{"confirm":"yes","action":"withdraw"}`, submission.Withdraw, http.StatusAccepted, ""},
		"a needless confirmation": {pagetest.FormType, "action=resend&confirm=yes", submission.Resend, http.StatusSeeOther, "?resent=" + strconv.FormatInt(pagetest.Morning.Unix(), 10)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			queue := &pagetest.Queue{}
			requests := &fakeRequests{}
			h, log := newStatus(t, requests, func(c *Config) { c.Queue = queue })
			id := newID(t, pagetest.Morning.Add(-time.Hour))
			response := send(h, string(id), test.contentType, test.body)
			if response.StatusCode != test.status {
				t.Fatalf("status %d: %s", response.StatusCode, pagetest.Body(t, response))
			}
			pagetest.CheckHeaders(t, response)
			if test.location != "" && response.Header.Get("Location") != site.Root+"/"+string(id)+test.location {
				t.Errorf("Location %q", response.Header.Get("Location"))
			}
			if len(queue.Messages) != 1 {
				t.Fatalf("%d messages", len(queue.Messages))
			}
			message, err := submission.DecodeMessage(queue.Messages[0])
			if diff := cmp.Diff(submission.Message{ID: id, Kind: test.kind}, message); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
			if requests.asked != 0 {
				t.Error("the instruction looked up the request, so its answer may depend on it")
			}
			if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, string(id)) {
				t.Errorf("logged: %s", got)
			}
		})
	}
}

// TestInstructionsForMadeUpIDsReachNobody also holds the page to ids that it can't tell from
// made-up ones: they count if the request is recorded.
func TestInstructionsForMadeUpIDsReachNobody(t *testing.T) {
	keys := func(keys ...string) func(*Config) {
		return func(c *Config) { c.Guards = guardsOf(t, func(g *guard.Config) { g.FormKeys = keys }) }
	}
	issued := pagetest.Morning.Add(-time.Hour)
	tests := map[string]struct {
		id       submission.ID
		config   func(*Config)
		recorded bool
		taken    bool
		asked    int
	}{
		"our key":                          {signedBy(t, formKey, issued), keys(formKey), false, true, 0},
		"the previous key":                 {signedBy(t, previousKey, issued), keys(formKey, previousKey), false, true, 0},
		"made up":                          {signedBy(t, leakedKey, issued), keys(formKey), false, false, 1},
		"made up, without a signature":     {unsignedID(t, issued), keys(formKey), false, false, 1},
		"made up, and the app has no key":  {signedBy(t, leakedKey, issued), keys(), false, false, 1},
		"a key that was removed":           {signedBy(t, previousKey, issued), keys(formKey), true, true, 1},
		"issued before ids were signed":    {unsignedID(t, issued.AddDate(-1, 0, 0)), keys(formKey), true, true, 1},
		"recorded, and the app has no key": {signedBy(t, formKey, issued), keys(), true, true, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			queue := &pagetest.Queue{}
			requests := &fakeRequests{}
			if test.recorded {
				requests.known = test.id
			}
			h, log := newStatus(t, requests, codes, test.config, func(c *Config) { c.Queue = queue })
			for _, body := range []string{"action=resend", "action=withdraw&confirm=yes", "action=prove&code=12345678"} {
				queue.Messages, requests.asked = nil, 0
				log.Reset()
				response := send(h, string(test.id), pagetest.FormType, body)
				want := http.StatusNotFound
				if test.taken {
					want = http.StatusSeeOther
				}
				if response.StatusCode != want || len(queue.Messages) > 0 != test.taken || requests.asked != test.asked {
					t.Errorf("%s: status %d, %d messages, %d look-ups", body, response.StatusCode, len(queue.Messages), requests.asked)
				}
				if !test.taken && log.Len() > 0 {
					t.Errorf("logged: %s", log)
				}
			}
		})
	}
	t.Run("the requests can't be read", func(t *testing.T) {
		queue := &pagetest.Queue{}
		requests := &fakeRequests{err: problem.New(problem.StorageUnavailable, "it is away")}
		h, _ := newStatus(t, requests, func(c *Config) { c.Queue = queue })
		response := send(h, string(unsignedID(t, issued)), pagetest.FormType, "action=resend")
		if response.StatusCode != http.StatusServiceUnavailable || len(queue.Messages) > 0 {
			t.Errorf("status %d, %d messages", response.StatusCode, len(queue.Messages))
		}
	})
}

func TestRefusedInstructions(t *testing.T) {
	good := string(newID(t, pagetest.Morning))
	tests := map[string]struct {
		id, contentType, body string
		code                  problem.Code
	}{
		"no id":                                  {"", pagetest.FormType, "action=resend", problem.NotFound},
		"a malformed id":                         {"../x", pagetest.FormType, "action=resend", problem.NotFound},
		"an id of tomorrow":                      {string(newID(t, pagetest.Morning.Add(24*time.Hour))), pagetest.FormType, "action=resend", problem.NotFound},
		"an id of long ago":                      {string(newID(t, time.Unix(0, 0))), pagetest.FormType, "action=resend", problem.NotFound},
		"nothing in JSON":                        {good, pagetest.JSONType, "", problem.MalformedBody},
		"another action":                         {good, pagetest.FormType, "action=approve", problem.MalformedBody},
		"the advance of a request":               {good, pagetest.FormType, "action=", problem.MalformedBody},
		"two actions":                            {good, pagetest.FormType, "action=resend&action=withdraw", problem.MalformedBody},
		"an unknown field in JSON":               {good, pagetest.JSONType, `{"action":"resend","email":"a@b.com"}`, problem.MalformedBody},
		"broken escapes":                         {good, pagetest.FormType, "action=%zz", problem.MalformedBody},
		"a withdrawal without confirmation":      {good, pagetest.FormType, "action=withdraw", problem.InvalidInput},
		"a withdrawal with another confirmation": {good, pagetest.FormType, "action=withdraw&confirm=no", problem.InvalidInput},
		"the same in JSON":                       {good, pagetest.JSONType, `{"action":"withdraw"}`, problem.InvalidInput},
		"a number in JSON":                       {good, pagetest.JSONType, `{"action":1}`, problem.MalformedBody},
		"twice in JSON":                          {good, pagetest.JSONType, `{"action":"resend","action":"withdraw"}`, problem.MalformedBody},
		"a list in JSON":                         {good, pagetest.JSONType, `["resend"]`, problem.MalformedBody},
		"half a JSON":                            {good, pagetest.JSONType, `{"action":`, problem.MalformedBody},
		"plain text":                             {good, "text/plain", "action=resend", problem.UnsupportedMediaType},
		"a file":                                 {good, "multipart/form-data; boundary=x", "--x--", problem.UnsupportedMediaType},
		"more than fits":                         {good, pagetest.FormType, "action=resend&confirm=" + strings.Repeat("y", site.MaxBody), problem.BodyTooLarge},
		"a script for an action":                 {good, pagetest.FormType, "action=%3Cscript%3Ealert(1)%3C/script%3E", problem.MalformedBody},
		"a header for confirmation":              {good, pagetest.FormType, "action=withdraw&confirm=yes%0D%0ASet-Cookie:x=1", problem.InvalidInput},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			queue := &pagetest.Queue{}
			h, log := newStatus(t, &fakeRequests{}, func(c *Config) { c.Queue = queue })
			response := send(h, test.id, test.contentType, test.body)
			if response.StatusCode != problemdetails.Status(test.code) || len(queue.Messages) != 0 || log.Len() != 0 {
				t.Errorf("status %d, want %d; %d messages; logged: %s", response.StatusCode, problemdetails.Status(test.code), len(queue.Messages), log)
			}
			text := pagetest.Body(t, response)
			if test.contentType != pagetest.JSONType {
				pagetest.CheckPage(t, response, text)
			} else if response.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %q", response.Header.Get("Content-Type"))
			}
			if strings.Contains(text, "alert(1)") {
				t.Error("the answer repeats what was sent")
			}
		})
	}
}

func TestWithdrawalAsksForConfirmation(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageInWork}})
	response := send(h, string(id), pagetest.FormType, "action=withdraw")
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	box := doc.ByID["confirm"]
	if doc.ByID["alert"] == nil || pagetest.Attribute(box, "aria-describedby") != "confirm-error" || pagetest.Text(doc.ByID["confirm-error"]) == "" {
		t.Error("the page does not say what to do")
	}
	details := box.Parent.Parent.Parent
	if details.Data != "details" || len(details.Attr) < 2 || details.Attr[1].Key != "open" {
		t.Errorf("the box is out of sight, in <%s %v>", details.Data, details.Attr)
	}
}

func TestQueueFailureIsReported(t *testing.T) {
	for name, err := range map[string]error{"busy": problem.New(problem.Internal, "outside of an invocation"), "foreign": errors.New("ana@contoso.com")} {
		h, log := newStatus(t, &fakeRequests{}, func(c *Config) { c.Queue = &pagetest.Queue{Err: err} })
		response := send(h, string(newID(t, pagetest.Morning)), pagetest.FormType, "action=resend")
		if text := pagetest.Body(t, response); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "nothing has changed") || response.Header.Get("Location") != "" {
			t.Errorf("%s: status %d: %s", name, response.StatusCode, text)
		}
		pagetest.CheckLog(t, log.String(), 1)
	}
}

func TestActionsOfPage(t *testing.T) {
	at := strconv.FormatInt(pagetest.Morning.Add(-10*time.Minute).Unix(), 10)
	long := strconv.FormatInt(pagetest.Morning.Add(-time.Hour).Unix(), 10)
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
		"just asked":                 {request.Progress{Stage: request.StageFinished}, false, "resent=" + strconv.FormatInt(pagetest.Morning.Unix(), 10), false, true, false, "in 60 minutes"},
		"asked ten minutes ago":      {request.Progress{Stage: request.StageFinished}, false, "resent=" + at, false, true, false, "in 50 minutes"},
		"asked long ago":             {request.Progress{Stage: request.StageFinished}, false, "resent=" + long, true, true, false, "looks the same"},
		"asked tomorrow":             {request.Progress{Stage: request.StageFinished}, false, "resent=99999999999", true, true, false, "looks the same"},
		"asked in words":             {request.Progress{Stage: request.StageFinished}, false, "resent=%3Cb%3E", true, true, false, "looks the same"},
		"withdrawal asked for":       {request.Progress{Stage: request.StageInWork}, false, "withdrawn=1", false, false, true, "within a few minutes"},
		"withdrawn":                  {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWithdrawn}, false, "withdrawn=1", false, false, false, "You have withdrawn"},
		"waiting for a person":       {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWaiting}, true, "", false, true, true, "waiting for a colleague at Contoso"},
		"being invited":              {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeInviting, Address: "a***@contoso.com"}, true, "", false, true, true, "An invitation to a***@contoso.com is being prepared"},
		"being invited, but erased":  {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeInviting}, true, "", false, true, true, "An invitation to the address that you gave is being prepared"},
		"invited":                    {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeInvited, Address: "a***@contoso.com"}, true, "", true, true, false, "An invitation to a***@contoso.com was sent"},
		"invited, and not mailed":    {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeUnsent, Address: "a***@contoso.com"}, true, "", true, true, false, "could not be delivered"},
		"joined":                     {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeJoined}, true, "", false, true, false, "You have access"},
		"not possible":               {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeRefused}, true, "", false, true, false, "not possible at present"},
		"not possible, but discreet": {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeRefused}, false, "", true, true, false, "looks the same"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id := newID(t, pagetest.Morning.Add(-time.Minute))
			h, _ := newStatus(t, &fakeRequests{known: id, progress: test.progress}, func(c *Config) { c.Detailed = test.detailed })
			r := httptest.NewRequest(http.MethodGet, site.Root+"/x?"+test.query, nil)
			r.SetPathValue("id", string(id))
			response := pagetest.Do(h, r)
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			_, again := doc.ByID["updates"]
			if (doc.ByID["resend"] != nil) != test.resend || (doc.ByID["withdraw"] != nil) != test.withdraw || again != test.again || !strings.Contains(doc.Text(), test.says) {
				t.Errorf("resend %t, withdraw %t, look again %t: %s", doc.ByID["resend"] != nil, doc.ByID["withdraw"] != nil, again, doc.Text())
			}
		})
	}
}

// All outcomes show the same page, to the byte, also once some of them are erased.
func TestDiscreetPageHidesOutcome(t *testing.T) {
	id := newID(t, pagetest.Morning)
	var pages, answers []string
	for _, outcome := range []request.Outcome{
		"", request.OutcomeWaiting, request.OutcomeInviting, request.OutcomeInvited, request.OutcomeJoined, request.OutcomeRefused,
	} {
		for _, address := range []string{"a***@contoso.com", ""} {
			h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{
				Stage: request.StageFinished, Outcome: outcome, Address: address,
			}})
			pages = append(pages, pagetest.Body(t, ask(h, string(id), "text/html")))
			answers = append(answers, pagetest.Body(t, ask(h, string(id), "application/json")))
		}
	}
	for i := range pages {
		if pages[i] != pages[0] || answers[i] != answers[0] {
			t.Errorf("outcomes can be told apart:\n%s", cmp.Diff(pages[0], pages[i]))
		}
	}
}

func TestDetailedPageTellsOutcomeInJSON(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWaiting, Address: "a***@contoso.com"}},
		func(c *Config) { c.Detailed = true })
	var got map[string]string
	err := json.Unmarshal([]byte(pagetest.Body(t, ask(h, string(id), "application/json"))), &got)
	if diff := cmp.Diff(map[string]string{"stage": "finished", "outcome": "waiting", "address": "a***@contoso.com"}, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestPageHasContact(t *testing.T) {
	id := newID(t, pagetest.Morning)
	requests := &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished}}
	h, _ := newStatus(t, requests)
	if text := pagetest.Body(t, ask(h, string(id), "text/html")); !strings.Contains(text, "Ask your contact person at Contoso") {
		t.Error("without a contact, nobody is named")
	}
	h, _ = newStatus(t, requests, func(c *Config) {
		c.Style.Contact = branding.Contact{Name: "partners@contoso.com", URL: "mailto:partners@contoso.com"}
	})
	response := ask(h, string(id), "text/html")
	if text := pagetest.Body(t, response); !strings.Contains(text, `href="mailto:partners@contoso.com"`) {
		t.Error("the contact is not named")
	}
}

func BenchmarkStatus(b *testing.B) {
	id := newID(b, pagetest.Morning)
	handler, _ := newStatus(b, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished, Address: "a***@contoso.com"}})
	b.ReportAllocs()
	for b.Loop() {
		if response := ask(handler, string(id), "text/html"); response.StatusCode != http.StatusOK {
			b.Fatal(response.StatusCode)
		}
	}
}

func FuzzInstruction(f *testing.F) {
	f.Add(string(newID(f, pagetest.Morning)), true, "action=resend")
	f.Add(string(newID(f, pagetest.Morning)), false, `{"action":"withdraw","confirm":"yes"}`)
	f.Add(string(newID(f, pagetest.Morning)), true, "action=prove&code=1234+5678&tries=1")
	f.Add(string(newID(f, pagetest.Morning)), false, `{"action":"prove","code":"1234\u00a05678"}`)
	f.Add("", true, "%")
	queue := &pagetest.Queue{}
	h, _ := newStatus(f, &fakeRequests{}, codes, func(c *Config) { c.Queue = queue })
	f.Fuzz(func(t *testing.T, id string, asForm bool, text string) {
		queue.Messages = nil
		contentType := pagetest.JSONType
		if asForm {
			contentType = pagetest.FormType
		}
		response := send(h, id, contentType, text)
		taken := response.StatusCode == http.StatusSeeOther || response.StatusCode == http.StatusAccepted
		if taken != (len(queue.Messages) == 1) || response.StatusCode >= http.StatusInternalServerError {
			t.Errorf("status %d with %d messages", response.StatusCode, len(queue.Messages))
		}
	})
}

// Another site that knows the address of the page can't withdraw the sign-up.
func TestInstructionsOfOtherSitesAreRefused(t *testing.T) {
	id := newID(t, pagetest.Morning)
	queue := &pagetest.Queue{}
	h, _ := newStatus(t, &fakeRequests{}, func(c *Config) {
		c.Queue = queue
		c.Guards = guardsOf(t, func(c *guard.Config) { c.Limit = guard.Limit{Burst: 3, Every: time.Minute} })
	})
	const withdraw = "action=withdraw&confirm=yes"
	for name, test := range map[string]struct {
		contentType, text, site string
		status                  int
	}{
		"our page":                  {pagetest.FormType, withdraw, "same-origin", http.StatusSeeOther},
		"a program":                 {pagetest.JSONType, `{"action":"resend"}`, "", http.StatusAccepted},
		"another site":              {pagetest.FormType, withdraw, "cross-site", http.StatusForbidden},
		"a neighbour":               {pagetest.FormType, withdraw, "same-site", http.StatusForbidden},
		"another site's JSON":       {pagetest.JSONType, `{"action":"withdraw","confirm":"yes"}`, "cross-site", http.StatusForbidden},
		"another site's plain text": {"text/plain", `{"action":"withdraw","confirm":"yes"}`, "cross-site", http.StatusUnsupportedMediaType},
	} {
		queue.Messages = nil
		response := send(h, string(id), test.contentType, test.text, "Sec-Fetch-Site", test.site)
		if response.StatusCode != test.status || (len(queue.Messages) == 1) != (test.status < 400) {
			t.Errorf("%s: status %d, %d messages", name, response.StatusCode, len(queue.Messages))
		}
	}
	for range 3 {
		send(h, string(id), pagetest.FormType, withdraw, "X-Forwarded-For", "203.0.113.7:1")
	}
	response := send(h, string(id), pagetest.FormType, withdraw, "X-Forwarded-For", "203.0.113.7:1")
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "60" {
		t.Errorf("over the limit: status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
	}
	if doc := pagetest.CheckPage(t, response, pagetest.Body(t, response)); !strings.Contains(doc.Text(), "Nothing has changed") {
		t.Errorf("the page does not say so: %s", doc.Text())
	}
}

func TestListedSiteMayReadProgress(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{known: id}, func(c *Config) {
		c.Guards = guardsOf(t, func(c *guard.Config) { c.JSONOrigins = []string{"https://www.fabrikam.com"} })
	})
	for _, test := range []struct{ origin, accept, want string }{
		{"https://www.fabrikam.com", pagetest.JSONType, "https://www.fabrikam.com"},
		{"https://evil.example", pagetest.JSONType, ""},
		{"https://www.fabrikam.com", "text/html", ""},
	} {
		response := ask(h, string(id), test.accept, "Origin", test.origin)
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != test.want {
			t.Errorf("%s, %s: shared with %q, want %q", test.origin, test.accept, got, test.want)
		}
	}
}

// The address of the page goes to no other site. With no-referrer, browsers without Fetch Metadata
// would send the page's own forms with "Origin: null", which is refused.
func TestReferrerPolicy(t *testing.T) {
	h, _ := newStatus(t, &fakeRequests{})
	if got := ask(h, string(newID(t, pagetest.Morning)), "text/html").Header.Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("Referrer-Policy %q", got)
	}
}

// Extensions of browsers and gateways add fields to forms, which the partner can't take out.
func TestForeignFieldsOfInstructionsAreIgnored(t *testing.T) {
	id := newID(t, pagetest.Morning)
	for _, body := range []string{
		"action=resend&__token=x", "action=resend&email=a@b.com", "action=withdraw&confirm=yes&extension%5B%5D=1&extension%5B%5D=2", "action=resend&Action=withdraw",
	} {
		queue := &pagetest.Queue{}
		h, _ := newStatus(t, &fakeRequests{}, func(c *Config) { c.Queue = queue })
		response := send(h, string(id), pagetest.FormType, body)
		if response.StatusCode != http.StatusSeeOther || len(queue.Messages) != 1 {
			t.Errorf("%s: status %d, %d messages", body, response.StatusCode, len(queue.Messages))
		}
	}
}

func TestInstructionThatCameWithoutItsBody(t *testing.T) {
	queue := &pagetest.Queue{}
	h, log := newStatus(t, &fakeRequests{}, func(c *Config) { c.Queue = queue })
	response := send(h, string(newID(t, pagetest.Morning)), pagetest.FormType, "")
	text := pagetest.CheckPage(t, response, pagetest.Body(t, response)).Text()
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(text, "did not arrive") || !strings.Contains(log.String(), "a proxy or gateway") {
		t.Errorf("status %d: %s; logged: %s", response.StatusCode, text, log)
	}
}

// Mail programs and people hand addresses on with a full stop or in capitals.
func TestInstructionForIDWithMarksAround(t *testing.T) {
	id := newID(t, pagetest.Morning)
	for _, text := range []string{string(id) + ".", string(id) + ")", strings.ToUpper(string(id))} {
		queue := &pagetest.Queue{}
		h, _ := newStatus(t, &fakeRequests{}, func(c *Config) { c.Queue = queue })
		response := send(h, text, pagetest.FormType, "action=resend")
		if location := response.Header.Get("Location"); !strings.HasPrefix(location, site.PathOf(id)+"?") || len(queue.Messages) != 1 {
			t.Errorf("%s: status %d, to %s", text, response.StatusCode, location)
		}
	}
}

// The platform reads some query parameters before the app does.
func TestNoQueryHasAReservedName(t *testing.T) {
	for _, name := range []string{resentQuery, withdrawnQuery, typedQuery, atQuery, site.LanguageQuery} {
		if slices.Contains(site.ReservedQueries(), strings.ToLower(name)) {
			t.Errorf("%s is the platform's", name)
		}
	}
}

func TestProblemPageLeadsToForm(t *testing.T) {
	for origin, want := range map[string]string{"": `href="/signup"`, "https://join.contoso.com": `href="https://join.contoso.com/signup"`} {
		handler, _ := newStatus(t, &fakeRequests{}, func(c *Config) { c.FormOrigin = origin })
		page := pagetest.Body(t, ask(handler, "nonsense", "text/html"))
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s:\n%s", want, page)
		}
	}
}

func TestStatusPageInEveryLanguage(t *testing.T) {
	id := newID(t, pagetest.Morning)
	for _, l := range i18n.Languages() {
		for _, outcome := range []request.Outcome{"", "proving", "waiting", "inviting", "invited", "unsent", "joined", "refused", "withdrawn"} {
			for _, stage := range []request.Stage{request.StageReceived, request.StageInWork, request.StageFinished} {
				if outcome != "" && stage != request.StageFinished {
					continue
				}
				h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: stage, Outcome: outcome, Address: "a***@contoso.com"}},
					func(c *Config) { c.Detailed = true })
				r := httptest.NewRequest(http.MethodGet, site.Root+"/x?lang="+l.Tag, nil)
				r.SetPathValue("id", string(id))
				response := pagetest.Do(h, r)
				text := pagetest.Body(t, response)
				doc := pagetest.CheckPage(t, response, text)
				if key := pagetest.MissingText(doc.Text()); key != "" {
					t.Errorf("%s, %s %s: the text %s is missing", l.Tag, stage, outcome, key)
				}
				if len(text) > 30_000 {
					t.Errorf("%s: %d bytes", l.Tag, len(text))
				}
			}
		}
	}
}
