package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"guestlist/handlers/i18n"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/problemdetails"
	"guestlist/handlers/web/site"
)

const formLifetime = 12 * time.Hour

// codes is the change to a page of an app that mails codes.
func codes(c *Config) { c.Codes, c.FormLifetime = true, formLifetime }

func detailed(c *Config) { c.Detailed = true }

// askWith asks for the page of an id with a query.
func askWith(h http.Handler, id submission.ID, query string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, site.Root+"/x?"+query, nil)
	r.SetPathValue("id", string(id))
	return pagetest.Do(h, r)
}

// proofPart returns the part of a page about the code as HTML, "" for none.
func proofPart(t *testing.T, doc pagetest.Document) string {
	t.Helper()
	part := doc.ByID["proof"]
	if part == nil {
		return ""
	}
	var text bytes.Buffer
	err := html.Render(&text, part)
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// typed returns the query after a code was typed so long ago, into a page that knew of the tries.
func typed(known int, ago time.Duration) string {
	return typedAt(known, pagetest.Morning.Add(-ago)).Encode()
}

func TestPartOfPageAboutCode(t *testing.T) {
	received, inWork := request.Progress{Stage: request.StageReceived}, request.Progress{Stage: request.StageInWork}
	finished := request.Progress{Stage: request.StageFinished}
	outcome := func(o request.Outcome) request.Progress {
		return request.Progress{Stage: request.StageFinished, Outcome: o}
	}
	tried := func(p request.Progress, tries int) request.Progress {
		p.Tries = tries
		return p
	}
	proved := func(p request.Progress) request.Progress {
		p.Proved = true
		return p
	}
	const field, told = true, false
	const eightDays = 8 * 24 * time.Hour
	tests := map[string]struct {
		progress request.Progress
		age      time.Duration
		detailed bool
		query    string
		state    proofState
		field    bool
		again    bool
		says     string // in the part, or of the page where there is none
	}{
		"received":                             {received, 0, false, "", proofOpen, field, true, "If a code has come"},
		"in work":                              {inWork, 0, false, "", proofOpen, field, true, "If a code has come"},
		"finished":                             {finished, 0, false, "", proofOpen, field, false, "If a code has come"},
		"denied":                               {outcome(request.OutcomeRefused), 0, false, "", proofOpen, field, false, "If a code has come"},
		"some tries":                           {tried(finished, 4), 0, false, "", proofOpen, field, false, "If a code has come"},
		"the last moment":                      {finished, eightDays + formLifetime + clockSkew - time.Second, false, "", proofOpen, field, false, "If a code has come"},
		"a moment later":                       {finished, eightDays + formLifetime + clockSkew, false, "", proofNone, told, false, "looks the same"},
		"typed after its time":                 {finished, 9 * 24 * time.Hour, false, typed(0, time.Minute), proofOver, told, false, "no longer valid"},
		"just typed":                           {finished, 0, false, typed(0, 0), proofChecking, told, true, "being checked"},
		"just typed, before it is recorded":    {received, 0, false, typed(0, 0), proofChecking, told, true, "being checked"},
		"the third, just typed":                {tried(finished, 2), 0, false, typed(2, time.Second), proofChecking, told, true, "being checked"},
		"the fifth, just typed":                {tried(finished, 4), 0, false, typed(4, time.Second), proofChecking, told, true, "being checked"},
		"typed at a clock ahead":               {finished, 0, false, typed(0, -clockSkew), proofChecking, told, true, "being checked"},
		"typed nearly ten minutes ago":         {finished, 0, false, typed(0, 599*time.Second), proofChecking, told, true, "being checked"},
		"typed ten minutes ago":                {finished, 0, false, typed(0, 10*time.Minute), proofLate, field, true, "longer than usual"},
		"typed tomorrow":                       {finished, 0, false, typed(0, -24*time.Hour), proofLate, field, true, "longer than usual"},
		"wrong":                                {tried(finished, 1), 0, false, typed(0, time.Second), proofWrong, field, false, "This code is wrong, or it has expired. You have 4 tries left."},
		"wrong, long ago":                      {tried(finished, 1), 0, false, typed(0, time.Hour), proofWrong, field, false, "You have 4 tries left."},
		"wrong, with one try left":             {tried(finished, 4), 0, false, typed(3, time.Second), proofWrong, field, false, "You have 1 try left."},
		"wrong for the last time":              {tried(finished, 5), 0, false, typed(4, time.Second), proofSpent, told, false, "You can request access again."},
		"no tries left":                        {tried(finished, 5), 0, false, "", proofSpent, told, false, "You can request access again."},
		"no tries left, before it is recorded": {tried(received, 5), 0, false, "", proofSpent, told, true, "You can request access again."},
		"more tries than there are":            {tried(finished, 7), 0, false, "", proofSpent, told, false, "You can request access again."},
		"no tries left, long ago":              {tried(finished, 5), 9 * 24 * time.Hour, false, "", proofNone, told, false, "looks the same"},
		"right":                                {proved(tried(finished, 1)), 0, false, typed(0, time.Second), proofDone, told, false, "is confirmed"},
		"right, at the last try":               {proved(tried(finished, 5)), 0, false, typed(4, time.Second), proofDone, told, false, "is confirmed"},
		"right, long ago":                      {proved(tried(finished, 2)), 9 * 24 * time.Hour, false, "", proofDone, told, false, "is confirmed"},
		"right, and in work":                   {proved(tried(inWork, 1)), 0, false, "", proofDone, told, true, "is confirmed"},
		"withdrawn":                            {outcome(request.OutcomeWithdrawn), 0, false, "", proofNone, told, false, "You have withdrawn"},
		"withdrawn, once proved":               {proved(outcome(request.OutcomeWithdrawn)), 0, false, "", proofNone, told, false, "You have withdrawn"},
		"withdrawal asked for":                 {finished, 0, false, "withdrawn=1", proofNone, told, true, "within a few minutes"},
		"detailed, a code is mailed":           {outcome(request.OutcomeProving), 0, true, "", proofOpen, field, true, "If a code has come"},
		"detailed, a code is mailed again":     {outcome(request.OutcomeProving), 20 * 24 * time.Hour, true, "", proofOpen, field, true, "If a code has come"},
		"detailed, denied long ago":            {outcome(request.OutcomeRefused), 20 * 24 * time.Hour, true, "", proofNone, told, false, "not possible"},
		"discreet, a code is mailed again":     {outcome(request.OutcomeProving), 20 * 24 * time.Hour, false, "", proofNone, told, false, "looks the same"},
		"detailed, the tries are used":         {tried(outcome(request.OutcomeProving), 5), 0, true, "", proofSpent, told, true, "You can request access again."},
		"detailed, waiting":                    {outcome(request.OutcomeWaiting), 0, true, "", proofOpen, field, true, "If a code has come"},
		"detailed, proved and waiting":         {proved(outcome(request.OutcomeWaiting)), 0, true, "", proofDone, told, true, "is confirmed"},
		"detailed, proved and being invited":   {proved(outcome(request.OutcomeInviting)), 0, true, "", proofDone, told, true, "is confirmed"},
		"detailed, invited":                    {proved(outcome(request.OutcomeInvited)), 0, true, "", proofNone, told, false, "was sent"},
		"detailed, joined":                     {outcome(request.OutcomeJoined), 0, true, "", proofNone, told, false, "You have access"},
		"detailed, refused":                    {outcome(request.OutcomeRefused), 0, true, typed(0, 0), proofNone, told, false, "not possible"},
		"detailed, and discreet in one":        {outcome(request.OutcomeInvited), 0, false, typed(0, 0), proofChecking, told, true, "being checked"},
		"a query of words":                     {tried(finished, 1), 0, false, "typed=%3Cb%3E&at=now", proofOpen, field, false, "If a code has come"},
		"a query without a time":               {tried(finished, 1), 0, false, "typed=0", proofOpen, field, false, "If a code has come"},
		"a query of tries below none":          {finished, 0, false, "typed=-1&at=1795422615", proofOpen, field, false, "If a code has come"},
		"a query of too many tries":            {finished, 0, false, "typed=6&at=1795422615", proofOpen, field, false, "If a code has come"},
		"a query with a code":                  {finished, 0, false, "action=prove&code=12345678", proofOpen, field, false, "If a code has come"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id := newID(t, pagetest.Morning.Add(-test.age))
			queue := &pagetest.Queue{}
			h, log := newStatus(t, &fakeRequests{known: id, progress: test.progress}, codes, func(c *Config) {
				c.Detailed, c.Queue = test.detailed, queue
			})
			response := askWith(h, id, test.query)
			text := pagetest.Body(t, response)
			doc := pagetest.CheckPage(t, response, text)
			part := doc.ByID["proof"]
			if got, want := pagetest.Attribute(part, "data-state"), fmt.Sprintf("%s-%d", test.state, test.progress.Tries); got != want {
				t.Errorf("state %s, want %s", got, want)
			}
			where := part
			if test.state == proofNone {
				where = doc.Root
				if part.FirstChild != nil {
					t.Errorf("something is shown: %s", pagetest.Text(part))
				}
			}
			if !strings.Contains(pagetest.Text(where), test.says) {
				t.Errorf("the page does not say %q: %s", test.says, pagetest.Text(where))
			}
			if (doc.ByID["code"] != nil) != test.field || (doc.ByID["prove"] != nil) != test.field {
				t.Errorf("there is a field: %t", doc.ByID["code"] != nil)
			}
			if test.field && doc.Hidden["tries"] != strconv.Itoa(test.progress.Tries) {
				t.Errorf("the form knows of %q tries", doc.Hidden["tries"])
			}
			if (doc.ByID["updates"] != nil) != test.again {
				t.Errorf("looks again: %t", doc.ByID["updates"] != nil)
			}
			if strings.Contains(text, "12345678") || len(queue.Messages) > 0 || log.Len() > 0 {
				t.Errorf("a page that was only looked at: %d messages, logged: %s", len(queue.Messages), log)
			}
		})
	}
}

func TestPageWithoutCodesHasNoField(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished, Tries: 2, Proved: true}})
	response := askWith(h, id, typed(1, 0))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if doc.ByID["proof"] != nil || strings.Contains(doc.Text(), "code") {
		t.Errorf("the page tells of codes: %s", doc.Text())
	}
	if text := pagetest.Body(t, ask(h, string(id), pagetest.JSONType)); text != `{"stage":"finished"}`+"\n" {
		t.Errorf("JSON: %s", text)
	}
}

// The part about the code is the same, to the byte, for all that the discreet page must not tell
// apart; and so is all of the page once the stages agree.
func TestDiscreetPageDoesNotTellWhetherCodeWasMailed(t *testing.T) {
	id := newID(t, pagetest.Morning.Add(-time.Hour))
	type state struct {
		stage   request.Stage
		outcome request.Outcome
		address string
	}
	states := map[string]state{
		"received":          {request.StageReceived, request.OutcomeOpen, "a***@contoso.com"},
		"in work":           {request.StageInWork, request.OutcomeOpen, "a***@contoso.com"},
		"in work, proving":  {request.StageInWork, request.OutcomeProving, "a***@contoso.com"},
		"proving":           {request.StageFinished, request.OutcomeProving, "a***@contoso.com"},
		"decided, and open": {request.StageFinished, request.OutcomeOpen, "a***@contoso.com"},
		"review":            {request.StageFinished, request.OutcomeWaiting, "a***@contoso.com"},
		"inviting":          {request.StageFinished, request.OutcomeInviting, "a***@contoso.com"},
		"done":              {request.StageFinished, request.OutcomeInvited, "a***@contoso.com"},
		"unsent":            {request.StageFinished, request.OutcomeUnsent, "a***@contoso.com"},
		"joined":            {request.StageFinished, request.OutcomeJoined, "a***@contoso.com"},
		"denied":            {request.StageFinished, request.OutcomeRefused, "a***@contoso.com"},
		"denied and erased": {request.StageFinished, request.OutcomeRefused, ""},
	}
	requests := &fakeRequests{}
	h, _ := newStatus(t, requests, codes)
	for _, proved := range []bool{false, true} {
		for tries := range request.MaxProofTries + 2 {
			for _, query := range []string{"", typed(0, time.Minute), typed(tries/2, time.Minute), typed(0, time.Hour), "resent=" + strconv.FormatInt(pagetest.Morning.Unix(), 10)} {
				var part string
				pages, answers := map[request.Stage]string{}, map[request.Stage]string{}
				for name, state := range states {
					*requests = fakeRequests{known: id, progress: request.Progress{
						Stage: state.stage, Outcome: state.outcome, Address: state.address, Tries: tries, Proved: proved,
					}}
					response := askWith(h, id, query)
					page := pagetest.Body(t, response)
					got := proofPart(t, pagetest.CheckPage(t, response, page))
					if part == "" {
						part = got
					}
					if pages[state.stage] == "" {
						pages[state.stage], answers[state.stage] = page, pagetest.Body(t, ask(h, string(id), pagetest.JSONType))
					}
					answer := pagetest.Body(t, ask(h, string(id), pagetest.JSONType))
					if got == "" || got != part || page != pages[state.stage] || answer != answers[state.stage] {
						t.Errorf("%s, %d tries, proved %t, query %q: the page tells: %s%s%s", name, tries, proved, query,
							cmp.Diff(part, got), cmp.Diff(pages[state.stage], page), cmp.Diff(answers[state.stage], answer))
					}
				}
				if tries > 0 || proved {
					continue
				}
				// Nothing is recorded.
				*requests = fakeRequests{}
				if page := pagetest.Body(t, askWith(h, id, query)); page != pages[request.StageReceived] {
					t.Errorf("no record, query %q: the page tells: %s", query, cmp.Diff(pages[request.StageReceived], page))
				}
			}
		}
	}
}

func TestFieldForCodeCanBeUsedByEverybody(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{}, codes)
	response := askWith(h, id, "lang=ar")
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	field := doc.ByID["code"]
	want := map[string]string{
		"type": "text", "inputmode": "numeric", "autocomplete": "one-time-code", "dir": "ltr", "aria-describedby": "code-hint",
		"aria-invalid": "", "maxlength": "", "pattern": "", "value": "",
	}
	got := map[string]string{}
	for name := range want {
		got[name] = pagetest.Attribute(field, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the field's attributes (-want +got):\n%s", diff)
	}
	if pagetest.Attribute(doc.ByID["prove"], "action") != site.PathOf(id) {
		t.Errorf("the form goes to %q", pagetest.Attribute(doc.ByID["prove"], "action"))
	}
}

func TestTypedCodeIsEnqueued(t *testing.T) {
	tests := map[string]struct {
		contentType, body string
		known             int
	}{
		"as it is":             {pagetest.FormType, "action=prove&code=12345678", 0},
		"grouped":              {pagetest.FormType, "action=prove&code=1234+5678&tries=0", 0},
		"the third":            {pagetest.FormType, "action=prove&code=1234-5678&tries=2", 2},
		"one too many":         {pagetest.FormType, "action=prove&code=12345678&tries=5", 5},
		"in Arabic digits":     {pagetest.FormType, "action=prove&code=" + url.QueryEscape("\u2067١٢٣٤ ٥٦٧٨\u2069"), 0},
		"in Persian digits":    {pagetest.FormType, "action=prove&code=" + url.QueryEscape("۱۲۳۴\u00a0۵۶۷۸"), 0},
		"in full-width digits": {pagetest.FormType, "action=prove&code=" + url.QueryEscape("１２３４　５６７８"), 0},
		"in JSON":              {pagetest.JSONType, `{"action":"prove","code":"1234 5678"}`, 0},
		"needlessly confirmed": {pagetest.FormType, "action=prove&code=12345678&confirm=yes", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			queue, requests := &pagetest.Queue{}, &fakeRequests{}
			h, log := newStatus(t, requests, codes, func(c *Config) { c.Queue = queue })
			id := newID(t, pagetest.Morning.Add(-time.Hour))
			response := send(h, string(id), test.contentType, test.body)
			text := pagetest.Body(t, response)
			pagetest.CheckHeaders(t, response)
			if test.contentType == pagetest.JSONType {
				if response.StatusCode != http.StatusAccepted || text != `{"id":"`+string(id)+`"}`+"\n" || response.Header.Get("Location") != "" {
					t.Errorf("status %d: %s", response.StatusCode, text)
				}
			} else {
				want := fmt.Sprintf("%s?at=%d&typed=%d#proof", site.PathOf(id), pagetest.Morning.Unix(), test.known)
				if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != want {
					t.Errorf("status %d to %q, want %q", response.StatusCode, response.Header.Get("Location"), want)
				}
			}
			if len(queue.Messages) != 1 {
				t.Fatalf("%d messages", len(queue.Messages))
			}
			message, err := submission.DecodeMessage(queue.Messages[0])
			if diff := cmp.Diff(submission.Message{ID: id, Kind: submission.Prove, Code: "12345678"}, message); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
			if requests.asked != 0 {
				t.Error("the request was looked up, so the answer may depend on it")
			}
			if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, string(id)) {
				t.Errorf("logged: %s", said)
			}
			told := fmt.Sprint(log, text, response.Header)
			told = strings.ReplaceAll(told, string(id), "")
			for _, code := range []string{"12345678", "1234 5678", "1234-5678", "1234+5678"} {
				if strings.Contains(told, code) {
					t.Errorf("the code is told: %s", told)
				}
			}
		})
	}
}

// What is no code costs no try.
func TestTextThatIsNoCodeIsShownAgain(t *testing.T) {
	tests := map[string]string{
		"nothing": "", "no field": "-", "seven digits": "7654321", "nine digits": "987654321", "letters": "abcdefgh",
		"a script": "<script>alert(87654321)</script>", "too long": strings.Repeat("8", 65), "broken": "8765432\xff",
	}
	finished := request.Progress{Stage: request.StageFinished, Tries: 2}
	for name, code := range tests {
		t.Run(name, func(t *testing.T) {
			id := newID(t, pagetest.Morning)
			queue := &pagetest.Queue{}
			h, log := newStatus(t, &fakeRequests{known: id, progress: finished}, codes, func(c *Config) { c.Queue = queue })
			body := "action=prove&tries=1&code=" + url.QueryEscape(code)
			quoted, err := json.Marshal(code)
			if err != nil {
				t.Fatal(err)
			}
			asJSON := `{"action":"prove","code":` + string(quoted) + `}`
			if code == "-" {
				body, asJSON = "action=prove&tries=1", `{"action":"prove"}`
			}
			response := send(h, string(id), pagetest.FormType, body)
			text := pagetest.Body(t, response)
			doc := pagetest.CheckPage(t, response, text)
			field := doc.ByID["code"]
			if response.StatusCode != http.StatusUnprocessableEntity || pagetest.Attribute(field, "aria-invalid") != "true" || pagetest.Attribute(field, "value") != "" {
				t.Errorf("status %d, the field is marked %q", response.StatusCode, pagetest.Attribute(field, "aria-invalid"))
			}
			if pagetest.Attribute(field, "aria-describedby") != "code-error code-hint" || !strings.Contains(pagetest.Text(doc.ByID["code-error"]), "eight digits") {
				t.Errorf("the field does not say what to do: %s", pagetest.Text(doc.ByID["code-error"]))
			}
			if alert := doc.ByID["alert"]; alert == nil || !strings.Contains(pagetest.Text(alert), "eight digits") {
				t.Error("the page does not say so at its top")
			}
			if doc.Hidden["tries"] != "2" {
				t.Errorf("the form knows of %q tries", doc.Hidden["tries"])
			}
			answer := send(h, string(id), pagetest.JSONType, asJSON)
			problems := pagetest.Body(t, answer)
			pagetest.CheckProblem(t, answer, problems, problem.InvalidInput, "code/digits")
			if len(queue.Messages) > 0 || log.Len() > 0 {
				t.Errorf("%d messages, logged: %s", len(queue.Messages), log)
			}
			if len(code) > 1 && strings.Contains(text+problems, code) || strings.Contains(text+problems, "87654321") {
				t.Error("what was typed is repeated")
			}
		})
	}
	t.Run("where there is no field any more", func(t *testing.T) {
		id := newID(t, pagetest.Morning)
		h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished, Proved: true}}, codes)
		response := send(h, string(id), pagetest.FormType, "action=prove&code=1")
		doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if response.StatusCode != http.StatusUnprocessableEntity || doc.ByID["alert"] != nil || !strings.Contains(doc.Text(), "is confirmed") {
			t.Errorf("status %d: %s", response.StatusCode, doc.Text())
		}
	})
}

func TestRefusedCodes(t *testing.T) {
	good := string(newID(t, pagetest.Morning))
	tests := map[string]struct {
		id, contentType, body string
		without               bool // whether the app mails no codes
		code                  problem.Code
	}{
		"the app mails no codes":          {good, pagetest.FormType, "action=prove", true, problem.MalformedBody},
		"the same in JSON":                {good, pagetest.JSONType, `{"action":"prove","code":"12345678"}`, true, problem.MalformedBody},
		"two codes":                       {good, pagetest.FormType, "action=prove&code=12345678&code=87654321", false, problem.MalformedBody},
		"a number in JSON":                {good, pagetest.JSONType, `{"action":"prove","code":12345678}`, false, problem.MalformedBody},
		"null in JSON":                    {good, pagetest.JSONType, `{"action":"prove","code":null}`, false, problem.MalformedBody},
		"tries in JSON":                   {good, pagetest.JSONType, `{"action":"prove","code":"12345678","tries":"1"}`, false, problem.MalformedBody},
		"tries in words":                  {good, pagetest.FormType, "action=prove&code=12345678&tries=x", false, problem.MalformedBody},
		"negative tries":                  {good, pagetest.FormType, "action=prove&code=12345678&tries=-1", false, problem.MalformedBody},
		"more tries than there can be":    {good, pagetest.FormType, "action=prove&code=12345678&tries=6", false, problem.MalformedBody},
		"tries that break the header":     {good, pagetest.FormType, "action=prove&code=12345678&tries=1%0D%0AX:y", false, problem.MalformedBody},
		"a made-up id":                    {string(signedBy(t, leakedKey, pagetest.Morning)), pagetest.FormType, "action=prove&code=12345678", false, problem.NotFound},
		"no code for a made-up id":        {string(signedBy(t, leakedKey, pagetest.Morning)), pagetest.FormType, "action=prove&code=1", false, problem.NotFound},
		"a malformed id":                  {"../x", pagetest.FormType, "action=prove&code=12345678", false, problem.NotFound},
		"plain text":                      {good, "text/plain", "action=prove&code=12345678", false, problem.UnsupportedMediaType},
		"more than fits":                  {good, pagetest.FormType, "action=prove&code=" + strings.Repeat("1", site.MaxBody), false, problem.BodyTooLarge},
		"another action with a code":      {good, pagetest.FormType, "action=approve&code=12345678", false, problem.MalformedBody},
		"a withdrawal without confirming": {good, pagetest.FormType, "action=withdraw&code=12345678", false, problem.InvalidInput},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			queue := &pagetest.Queue{}
			change := codes
			if test.without {
				change = func(*Config) {}
			}
			h, log := newStatus(t, &fakeRequests{}, change, func(c *Config) { c.Queue = queue })
			response := send(h, test.id, test.contentType, test.body)
			if response.StatusCode != problemdetails.Status(test.code) || len(queue.Messages) > 0 || log.Len() > 0 {
				t.Errorf("status %d, want %s; %d messages; logged: %s", response.StatusCode, test.code, len(queue.Messages), log)
			}
			if text := pagetest.Body(t, response); strings.Contains(text, "12345678") || strings.Contains(text, "87654321") {
				t.Error("the answer repeats the code")
			}
		})
	}
}

func TestCodesOfOtherSitesAreRefused(t *testing.T) {
	id := newID(t, pagetest.Morning)
	queue := &pagetest.Queue{}
	h, log := newStatus(t, &fakeRequests{}, codes, func(c *Config) {
		c.Queue = queue
		c.Guards = guardsOf(t, func(c *guard.Config) { c.Limit = guard.Limit{Burst: 3, Every: time.Minute} })
	})
	const prove = "action=prove&code=12345678"
	for _, from := range []string{"cross-site", "same-site"} {
		response := send(h, string(id), pagetest.FormType, prove, "Sec-Fetch-Site", from)
		if response.StatusCode != http.StatusForbidden || len(queue.Messages) > 0 {
			t.Errorf("%s: status %d, %d messages", from, response.StatusCode, len(queue.Messages))
		}
	}
	// Codes that are none count as well.
	for _, body := range []string{prove, "action=prove&code=1", prove} {
		send(h, string(id), pagetest.FormType, body, "X-Forwarded-For", "203.0.113.7:1")
	}
	response := send(h, string(id), pagetest.FormType, prove, "X-Forwarded-For", "203.0.113.7:1")
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" || len(queue.Messages) != 2 {
		t.Errorf("over the limit: status %d, %d messages", response.StatusCode, len(queue.Messages))
	}
	if strings.Contains(log.String(), "12345678") {
		t.Errorf("the code is logged: %s", log)
	}
}

func TestGetAndHeadProveNothing(t *testing.T) {
	id := newID(t, pagetest.Morning)
	queue := &pagetest.Queue{}
	h, _ := newStatus(t, &fakeRequests{}, codes, func(c *Config) { c.Queue = queue })
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r := httptest.NewRequest(method, site.Root+"/x?action=prove&code=12345678&typed=0", strings.NewReader("action=prove&code=12345678"))
		r.SetPathValue("id", string(id))
		r.Header.Set("Content-Type", pagetest.FormType)
		response := pagetest.Do(h, r)
		if response.StatusCode != http.StatusOK || len(queue.Messages) > 0 {
			t.Errorf("%s: status %d, %d messages", method, response.StatusCode, len(queue.Messages))
		}
	}
}

// While a code is checked, the links to look again and to other languages keep the query.
func TestLinksKeepTheTypedCode(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{}, codes)
	response := askWith(h, id, typed(1, time.Second)+"&lang=de")
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	want := typed(1, time.Second)
	links := 0
	for _, n := range doc.Elements {
		if href := pagetest.Attribute(n, "href"); n.Data == "a" && strings.HasSuffix(href, want) {
			links++
		}
	}
	if links != 1+len(i18n.Languages()) {
		t.Errorf("%d links keep the query", links)
	}
}

func TestProgressInJSONTellsTries(t *testing.T) {
	tests := map[string]struct {
		progress request.Progress
		changes  []func(*Config)
		want     string
	}{
		"no tries":                 {request.Progress{Stage: request.StageFinished}, nil, `{"stage":"finished"}`},
		"two tries":                {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeRefused, Tries: 2}, nil, `{"stage":"finished","tries":2}`},
		"proved":                   {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWaiting, Tries: 2, Proved: true}, nil, `{"stage":"finished","tries":2,"proved":true}`},
		"detailed, a code is sent": {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeProving}, []func(*Config){detailed}, `{"stage":"finished","outcome":"proving"}`},
	}
	for name, test := range tests {
		id := newID(t, pagetest.Morning)
		h, _ := newStatus(t, &fakeRequests{known: id, progress: test.progress}, append(test.changes, codes)...)
		if text := pagetest.Body(t, ask(h, string(id), pagetest.JSONType)); text != test.want+"\n" {
			t.Errorf("%s: %s, want %s", name, text, test.want)
		}
	}
}

func TestMailCanBeSentAgainForCodes(t *testing.T) {
	id := newID(t, pagetest.Morning)
	requests := &fakeRequests{known: id}
	discreetly, _ := newStatus(t, requests, codes)
	inDetail, _ := newStatus(t, requests, codes, detailed)
	for name, test := range map[string]struct {
		progress request.Progress
		page     http.Handler
		want     bool
	}{
		"received":             {request.Progress{Stage: request.StageReceived}, discreetly, false},
		"in work":              {request.Progress{Stage: request.StageInWork}, discreetly, false},
		"finished":             {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeRefused}, discreetly, true},
		"finished, and proved": {request.Progress{Stage: request.StageFinished, Proved: true}, discreetly, true},
		"detailed, proving":    {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeProving}, inDetail, true},
		"detailed, waiting":    {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWaiting}, inDetail, false},
		"detailed, invited":    {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeInvited}, inDetail, true},
	} {
		requests.progress = test.progress
		response := ask(test.page, string(id), "text/html")
		doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if (doc.ByID["resend"] != nil) != test.want || test.want && !strings.Contains(doc.Text(), "a code or an invitation that was not used yet") {
			t.Errorf("%s: can be sent again: %t: %s", name, doc.ByID["resend"] != nil, doc.Text())
		}
	}
	requests.progress = request.Progress{Stage: request.StageFinished}
	response := askWith(discreetly, id, "resent="+strconv.FormatInt(pagetest.Morning.Unix(), 10))
	if doc := pagetest.CheckPage(t, response, pagetest.Body(t, response)); !strings.Contains(doc.Text(), "the mail is sent again within a few minutes, unless the mailbox has had several already. You can ask again in 60 minutes.") {
		t.Errorf("the page says: %s", doc.Text())
	}
}

func TestCodesInEveryLanguage(t *testing.T) {
	id := newID(t, pagetest.Morning)
	old := newID(t, pagetest.Morning.Add(-9*24*time.Hour))
	requests := &fakeRequests{}
	h, _ := newStatus(t, requests, codes, detailed)
	for name, test := range map[string]struct {
		id       submission.ID
		progress request.Progress
		query    string
	}{
		"open":     {id, request.Progress{Stage: request.StageReceived}, ""},
		"in work":  {id, request.Progress{Stage: request.StageInWork}, ""},
		"proving":  {id, request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeProving}, ""},
		"finished": {id, request.Progress{Stage: request.StageFinished}, "resent=" + strconv.FormatInt(pagetest.Morning.Unix(), 10)},
		"checking": {id, request.Progress{Stage: request.StageFinished}, typed(0, 0)},
		"late":     {id, request.Progress{Stage: request.StageFinished}, typed(0, time.Hour)},
		"wrong":    {id, request.Progress{Stage: request.StageFinished, Tries: 3}, typed(0, 0)},
		"spent":    {id, request.Progress{Stage: request.StageFinished, Tries: 5}, typed(0, 0)},
		"over":     {old, request.Progress{Stage: request.StageFinished}, typed(0, 0)},
		"done":     {id, request.Progress{Stage: request.StageFinished, Proved: true}, ""},
	} {
		parts := map[string]bool{}
		*requests = fakeRequests{known: test.id, progress: test.progress}
		for _, l := range i18n.Languages() {
			response := askWith(h, test.id, test.query+"&lang="+l.Tag)
			text := pagetest.Body(t, response)
			doc := pagetest.CheckPage(t, response, text)
			if key := pagetest.MissingText(doc.Text()); key != "" {
				t.Errorf("%s, %s: the text %s is missing", l.Tag, name, key)
			}
			if len(text) > 30_000 {
				t.Errorf("%s, %s: %d bytes", l.Tag, name, len(text))
			}
			parts[pagetest.Text(doc.ByID["proof"])] = true
		}
		if len(parts) != len(i18n.Languages()) {
			t.Errorf("%s: %d texts in %d languages", name, len(parts), len(i18n.Languages()))
		}
	}
}

// Mails link to the form, which stands in a part that is folded: browsers open what a link leads
// into.
func TestLinkOfMailsLeadsToWithdrawal(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{}, codes)
	response := ask(h, string(id), "text/html")
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	part := doc.ByID[strings.TrimPrefix(Withdrawal, "#")]
	if part == nil || part.Data != "form" || part.Parent.Data != "details" {
		t.Errorf("%s leads nowhere", Withdrawal)
	}
}
