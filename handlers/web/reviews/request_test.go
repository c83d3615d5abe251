package reviews

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/session"
)

func newRequest(method string, u *url.URL) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	r.URL = u
	return r
}

// failing returns a hook of the store that lets one operation fail.
func failing(op string) func(string) error {
	return func(now string) error {
		if now == op {
			return errors.New("the table is away")
		}
		return nil
	}
}

func unreadable(id submission.ID) memstore.Record { return memstore.Record{Request: id} }

// wantText fails unless all of the texts are in the page, and none of those after a "-".
func wantText(t *testing.T, page pagetest.Document, texts ...string) {
	t.Helper()
	all := page.Text()
	for _, text := range texts {
		unwanted, not := strings.CutPrefix(text, "-")
		if not == strings.Contains(all, unwanted) {
			t.Errorf("%q in the page: %t", unwanted, !not)
		}
	}
}

// buttons returns what the buttons of the page say that send a vote.
func buttons(page pagetest.Document) (texts []string) {
	for _, n := range page.Elements {
		if n.Data == "button" && pagetest.Text(n) != "Sign out" {
			texts = append(texts, pagetest.Text(n))
		}
	}
	return texts
}

func TestRequestPageSaysWhatIsDecidedOn(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	response, page := w.page(pathOf(r.ID), "approver")
	if response.StatusCode != http.StatusOK || page.Title != "Request: Ana Silva" {
		t.Errorf("status %d, title %q", response.StatusCode, page.Title)
	}
	wantText(t, page, "ana@partner.example.com", "Partner Ltd", "The tender of spring.", "contoso.com / project", grantedID, "1 of 2",
		"2026-11-30 07:30 UTC", "After you, another person decides.", "nobody has asked for it", string(r.ID.Reference()), "the row project asks for a review")
	if got := buttons(page); len(got) != 2 || got[0] != "Approve Ana Silva" || got[1] != "Deny Ana Silva" {
		t.Errorf("the buttons are %q", got)
	}
	if page.Hidden["seen"] != r.Mark() || page.Hidden["stage"] != "1" {
		t.Errorf("hidden: %v", page.Hidden)
	}
}

// TestRequestPageShowsRowAsItIsNow changes the row after the request was sent to people.
func TestRequestPageShowsRowAsItIsNow(t *testing.T) {
	const other = "c0000000-0000-4000-8000-000000000002"
	w := newWorld(t)
	r := w.waiting()
	changed := columns()
	changed["Groups"], changed["UserType"] = other, "Member"
	delete(changed, "SecondApprovers")
	w.putRow(changed)
	_, page := w.page(pathOf(r.ID), "approver")
	wantText(t, page, other, "-"+grantedID, "A member of the tenant", "1 of 1", "Yours is the last vote that is needed")

	// A row can say what its groups are for.
	changed["Note"] = "The portal of <b>spring</b>"
	w.putRow(changed)
	_, page = w.page(pathOf(r.ID), "approver")
	wantText(t, page, "The portal of <b>spring</b>")
	guests := newWorld(t, func(c *Config) { c.Guests = true })
	r2 := guests.waiting()
	changed["Approvers"] = people["guest reviewer"].Person
	guests.putRow(changed)
	guest := people["guest reviewer"]
	guest.Roles, guest.Groups = nil, nil
	response := guests.do(http.MethodGet, pathOf(r2.ID), guests.signIn(guest), nil)
	if text := pagetest.Body(t, response); response.StatusCode != http.StatusOK || strings.Contains(text, "The portal of") {
		t.Errorf("a guest who approves: status %d, or the note of the row is shown", response.StatusCode)
	}
	changed["Approvers"] = approverID + ", " + approversGroup

	// Who is no approver any more does not see it, and neither does the second approver.
	changed["Approvers"] = approversGroup
	w.putRow(changed)
	for _, who := range []string{"approver", "second"} {
		response, _ := w.page(pathOf(r.ID), who)
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", who, response.StatusCode)
		}
	}
	changed["Enabled"] = "false"
	w.putRow(changed)
	_, page = w.page(pathOf(r.ID), "by group")
	wantText(t, page, "only a denial counts", "is switched off now")
	if got := buttons(page); len(got) != 1 || got[0] != "Deny Ana Silva" {
		t.Errorf("the buttons are %q", got)
	}
	response = w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["by group"]), ballotForm(r, approve))
	if response.StatusCode != http.StatusForbidden || len(w.queue.Messages) != 0 {
		t.Errorf("an approval is answered with %d", response.StatusCode)
	}
	response = w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["by group"]), ballotForm(r, deny))
	if response.StatusCode != http.StatusSeeOther || len(w.queue.Messages) != 1 {
		t.Errorf("a denial is answered with %d", response.StatusCode)
	}
}

func TestInternalNotesAreForThoseWhoDecide(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Guests = true })
	r := w.waiting(func(r *request.Request) {
		r.Reviewing.Stage = 2
		r.Reviewing.Votes = []request.Vote{{
			Stage: 1, By: approverID, Name: "sami@contoso.com", Authority: request.AsApprover, Yes: true, Reason: "told outside",
			Note: "only for colleagues", Cast: w.now, At: w.now,
		}}
	})
	for who, sees := range map[string]bool{
		"reviewer": true, "second": true, "Auditor": true, "role Reviewer": true, "approver": false, "by group": false, "guest reviewer": false,
	} {
		_, page := w.page(pathOf(r.ID), who)
		wantText(t, page, "sami@contoso.com", "told outside", map[bool]string{true: "", false: "-"}[sees]+"only for colleagues")
	}
	// Once it is decided, a note is only for those who see all.
	w.update(r.ID, func(r *request.Request) { r.State = request.Approved })
	for who, sees := range map[string]bool{"reviewer": true, "Auditor": true, "second": false, "approver": false} {
		_, page := w.page(pathOf(r.ID), who)
		wantText(t, page, "It is approved", map[bool]string{true: "", false: "-"}[sees]+"only for colleagues")
	}
}

// TestFormsAreForThoseWhoseVoteCanCount: nobody else gets a button, and a form that is sent all the
// same is refused.
func TestFormsAreForThoseWhoseVoteCanCount(t *testing.T) {
	vote := request.Vote{Stage: 1, By: approverID, Name: "sami@contoso.com", Authority: request.AsApprover, Yes: true}
	own := people["approver"]
	own.Name = "ANA@partner.example.com"
	tests := map[string]struct {
		who    session.Session
		change func(*request.Request)
		says   string // "" for the forms
		status int
	}{
		"an approver":             {people["approver"], nil, "", http.StatusSeeOther},
		"by a group":              {people["by group"], nil, "", http.StatusSeeOther},
		"a reviewer":              {people["reviewer"], nil, "", http.StatusSeeOther},
		"the role alone":          {people["role Reviewer"], nil, "Others decide at this stage", http.StatusForbidden},
		"an auditor":              {people["Auditor"], nil, "Others decide at this stage", http.StatusForbidden},
		"of the next stage":       {people["second"], nil, "Others decide at this stage", http.StatusForbidden},
		"after a while":           {people["escalated"], func(r *request.Request) { r.Reviewing.Since = r.Since.AddDate(0, 0, -4) }, "", http.StatusSeeOther},
		"voted already":           {people["approver"], func(r *request.Request) { r.Reviewing.Votes = []request.Vote{vote} }, "You have voted", http.StatusForbidden},
		"a vote that waits":       {people["approver"], func(r *request.Request) { r.Reviewing.Ballots = []request.Ballot{{By: approverID}} }, "Your vote is kept", http.StatusForbidden},
		"an address of one's own": {own, nil, "an address of their own", http.StatusForbidden},
		"the partner has withdrawn": {people["approver"], func(r *request.Request) {
			r.Withdrawal = request.Instruction{At: r.Since, By: request.ThePartner}
		}, "has withdrawn", http.StatusForbidden},
		"decided": {people["approver"], func(r *request.Request) { r.State = request.Denied }, "Nothing is left to decide", http.StatusConflict},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.waiting()
			if test.change != nil {
				r = w.update(r.ID, test.change)
			}
			cookie := w.signIn(test.who)
			response := w.do(http.MethodGet, pathOf(r.ID), cookie, nil)
			page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			if got := len(buttons(page)); (got == 2) != (test.says == "") || got == 1 {
				t.Errorf("%d buttons", got)
			}
			wantText(t, page, test.says)
			response = w.do(http.MethodPost, pathOf(r.ID), cookie, ballotForm(r, approve))
			if response.StatusCode != test.status || (len(w.queue.Messages) == 1) != (test.says == "") {
				t.Errorf("a vote is answered with %d, and %d were sent", response.StatusCode, len(w.queue.Messages))
			}
		})
	}
}

func TestDenialCarriesReasonAndNote(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	response := w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["approver"]), ballotForm(r, deny))
	if location := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, pathOf(r.ID)+"?sent=") {
		t.Fatalf("%d %q", response.StatusCode, location)
	}
	votes := w.votes()
	if len(votes) != 1 || votes[0].Yes || votes[0].Reason != "The project is over." || votes[0].Note != "Known from last year." {
		t.Errorf("%+v", votes)
	}
	if strings.Contains(w.log.String(), "project is over") || strings.Contains(w.log.String(), "sami@") {
		t.Errorf("the log names people or what they say: %s", w.log)
	}
}

// TestDenialNeedsReason: the same page comes again, with what was typed.
func TestDenialNeedsReason(t *testing.T) {
	const note = "A note </textarea><b>kept</b> &amp; whole"
	w := newWorld(t)
	r := w.waiting()
	for name, test := range map[string]struct{ field, value, says string }{
		"none":         {"reason", "", "Enter a reason for the partner."},
		"spaces":       {"reason", " \n\t ", "Enter a reason for the partner."},
		"unseen marks": {"reason", "\u202e\u2066", "Enter a reason for the partner."},
		"long":         {"reason", strings.Repeat("é", request.MaxWords+1), "Shorten this to 500 characters."},
		"a long note":  {"denyNote", strings.Repeat("é", request.MaxWords+1), "Shorten this to 500 characters."},
	} {
		form := ballotForm(r, deny)
		form.Set("denyNote", note)
		form.Set(test.field, test.value)
		response := w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["approver"]), form)
		page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		field := page.ByID[test.field]
		if response.StatusCode != http.StatusUnprocessableEntity || pagetest.Attribute(field, "aria-invalid") != "true" ||
			pagetest.Text(page.ByID[test.field+"-error"]) != test.says || len(w.queue.Messages) != 0 {
			t.Errorf("%s: %d, %q", name, response.StatusCode, pagetest.Text(page.ByID[test.field+"-error"]))
		}
		if kept := pagetest.Text(page.ByID["denyNote"]); kept != form.Get("denyNote") {
			t.Errorf("%s: the note is now %q", name, kept)
		}
	}
	form := ballotForm(r, approve)
	form.Set("note", strings.Repeat("x", request.MaxWords+1))
	response := w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["approver"]), form)
	page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if response.StatusCode != http.StatusUnprocessableEntity || pagetest.Text(page.ByID["note"]) != form.Get("note") {
		t.Errorf("a long note with an approval: %d", response.StatusCode)
	}
	// What is not UTF-8 can't pass the host in an answer.
	form = ballotForm(r, deny)
	form.Set("reason", "")
	form.Set("denyNote", "a\xffb")
	response = w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["approver"]), form)
	page = pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if pagetest.Text(page.ByID["denyNote"]) != "a\ufffdb" {
		t.Errorf("the note is now %q", pagetest.Text(page.ByID["denyNote"]))
	}
	form = ballotForm(r, deny)
	form.Set("reason", strings.Repeat("é", request.MaxWords))
	response = w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["approver"]), form)
	if response.StatusCode != http.StatusSeeOther {
		t.Errorf("the longest reason: %d", response.StatusCode)
	}
}

// TestEscalatedSeeRequestByRowNow: it was noted that the request had escalated, and the row is
// edited since.
func TestEscalatedSeeRequestByRowNow(t *testing.T) {
	for after, want := range map[string]int{"3": http.StatusOK, "30": http.StatusNotFound, "": http.StatusNotFound} {
		w := newWorld(t)
		r := w.waiting(func(r *request.Request) {
			r.Reviewing.Since, r.Reviewing.Escalated = r.Since.AddDate(0, 0, -4), true
		})
		edited := columns()
		edited["EscalateAfter"] = after
		w.putRow(edited)
		response, _ := w.page(pathOf(r.ID), "escalated")
		if response.StatusCode != want {
			t.Errorf("after %q days: %d, want %d", after, response.StatusCode, want)
		}
	}
}

// TestYesIsForTermsOnThePage edits the row after the page was opened.
func TestYesIsForTermsOnThePage(t *testing.T) {
	edited := columns()
	edited["Groups"] = grantedID + " c0000000-0000-4000-8000-000000000002"
	for name, test := range map[string]struct {
		decision string
		change   func(url.Values)
		want     int
	}{
		"a yes":                     {approve, func(url.Values) {}, http.StatusConflict},
		"a yes of an older page":    {approve, func(f url.Values) { f.Del("shown") }, http.StatusConflict},
		"a yes that was made up":    {approve, func(f url.Values) { f.Set("shown", "Guest") }, http.StatusConflict},
		"a no, which gives nothing": {deny, func(url.Values) {}, http.StatusSeeOther},
	} {
		w := newWorld(t)
		r := w.waiting()
		_, page := w.page(pathOf(r.ID), "approver")
		if page.Hidden["shown"] != shown {
			t.Fatalf("the form has %q", page.Hidden["shown"])
		}
		w.putRow(edited)
		form := ballotForm(r, test.decision)
		test.change(form)
		response := w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["approver"]), form)
		if response.StatusCode != test.want {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
		if test.decision == deny {
			continue
		}
		page = pagetest.CheckPage(t, response, pagetest.Body(t, response))
		wantText(t, page, "The request has changed since you opened it", "c0000000-0000-4000-8000-000000000002")
		form.Set("shown", page.Hidden["shown"])
		response = w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["approver"]), form)
		if response.StatusCode != http.StatusSeeOther || len(w.votes()) != 1 {
			t.Errorf("%s, who has looked again: %d", name, response.StatusCode)
		}
	}
}

// TestVoteOnWhatHasChangedShowsNewState: the request has a new stage, or is decided, or the form
// was made up.
func TestVoteOnWhatHasChangedShowsNewState(t *testing.T) {
	for name, change := range map[string]func(r *request.Request, form url.Values){
		"another stage": func(r *request.Request, _ url.Values) {
			r.Reviewing.Stage, r.Reviewing.Since = 2, r.Reviewing.Since.Add(time.Minute)
		},
		"waiting anew":         func(r *request.Request, _ url.Values) { r.Reviewing.Since = r.Reviewing.Since.Add(time.Minute) },
		"decided":              func(r *request.Request, _ url.Values) { r.State = request.Approved },
		"no mark":              func(_ *request.Request, form url.Values) { form.Del("seen") },
		"an empty mark":        func(r *request.Request, form url.Values) { r.State = request.Done; form.Set("seen", "") },
		"another stage's":      func(_ *request.Request, form url.Values) { form.Set("stage", "2") },
		"a stage as no number": func(_ *request.Request, form url.Values) { form.Set("stage", "1 ") },
	} {
		w := newWorld(t)
		r := w.waiting()
		form := ballotForm(r, deny)
		w.update(r.ID, func(r *request.Request) { change(r, form) })
		response := w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["reviewer"]), form)
		page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if response.StatusCode != http.StatusConflict || len(w.queue.Messages) != 0 {
			t.Errorf("%s: %d, %d votes", name, response.StatusCode, len(w.queue.Messages))
		}
		wantText(t, page, "The request has changed since you opened it")
		if field := page.ByID["reason"]; field != nil && pagetest.Text(field) != "The project is over." {
			t.Errorf("%s: the reason is lost", name)
		}
	}
}

func TestFormThatNoPageSendsIsRefused(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	cookie := w.signIn(people["approver"])
	for name, change := range map[string]func(url.Values){
		"two decisions":    func(f url.Values) { f["decision"] = []string{approve, deny} },
		"two stages":       func(f url.Values) { f["stage"] = []string{"1", "2"} },
		"no decision":      func(f url.Values) { f.Del("decision") },
		"another":          func(f url.Values) { f.Set("decision", "yes") },
		"in other letters": func(f url.Values) { f.Set("decision", "Approve") },
	} {
		form := ballotForm(r, approve)
		change(form)
		response := w.do(http.MethodPost, pathOf(r.ID), cookie, form)
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
	if len(w.queue.Messages) != 0 {
		t.Error("a vote was sent")
	}
}

// TestWhatPartnersTypeStaysText puts markup into every field that a partner, a voter or an admin
// writes. CheckPage knows every element and attribute of the pages.
func TestWhatPartnersTypeStaysText(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.Who}}javascript:alert(1)` + "\u202e'"
	w := newWorld(t)
	r := w.waiting(func(r *request.Request) {
		s := &r.Submission
		s.GivenName, s.FamilyName, s.Company, s.Reason, s.Country, s.Language = evil, evil, evil, evil+"\n"+evil, evil, evil
		r.Reason, r.Words = evil, evil
		r.Decision.Reason, r.Decision.Looked[0].Why, r.Decision.Looked[0].Name = evil, evil, evil
		r.Decision.Row.Name, r.Decision.Row.Partition = evil, evil
		r.Decision.Row = nil // else the row would be gone
		r.Reviewing.Votes = []request.Vote{{Stage: 1, By: secondID, Name: evil, Authority: request.Authority(request.AsReviewer), Reason: evil, Note: evil}}
		r.Reviewing.Ballots, r.Reviewing.Why = []request.Ballot{{By: secondID, Name: evil}}, evil
	})
	err := w.store.ListReview(t.Context(), request.WaitingReview{
		ID: r.ID, Stage: 1, Since: w.now, Domain: evil, Row: policy.RowKey{Partition: evil, Name: evil},
	})
	if err != nil {
		t.Fatal(err)
	}
	who := people["reviewer"]
	who.Name = evil
	for _, path := range []string{"/reviews", pathOf(r.ID)} {
		response := w.do(http.MethodGet, path, w.signIn(who), nil)
		text := pagetest.Body(t, response)
		page := pagetest.CheckPage(t, response, text)
		if !strings.Contains(page.Text(), evil) || strings.Contains(text, "<script>alert") || strings.Contains(text, "<img src=x") {
			t.Errorf("%s: the text is not there as it was typed, or is markup", path)
		}
	}
	form := ballotForm(r, deny)
	form.Set("reason", "")
	form.Set("denyNote", evil)
	form.Set("note", evil)
	form.Set("seen", r.Mark())
	response := w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["reviewer"]), form)
	page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if pagetest.Text(page.ByID["denyNote"]) != evil {
		t.Errorf("the note is now %q", pagetest.Text(page.ByID["denyNote"]))
	}
}

func TestPageSaysWhatHasBecomeOfVote(t *testing.T) {
	vote := request.Vote{Stage: 1, By: approverID, Name: "sami@contoso.com", Authority: request.AsApprover, Yes: true}
	for name, test := range map[string]struct {
		change func(*request.Request)
		later  time.Duration
		says   string
	}{
		"not applied yet": {func(*request.Request) {}, time.Second, "It is checked and applied in a moment"},
		"for long":        {func(*request.Request) {}, 2 * time.Minute, "does not count yet"},
		"counted":         {func(r *request.Request) { r.Reviewing.Votes = []request.Vote{vote}; r.State = request.Approved }, time.Second, "Your vote counts."},
		"kept":            {func(r *request.Request) { r.Reviewing.Ballots = []request.Ballot{{By: approverID}} }, time.Second, "once the directory can say who you are"},
		"too late":        {func(r *request.Request) { r.State = request.Denied }, time.Second, "your vote did not change it"},
		"another stage":   {func(r *request.Request) { r.Reviewing.Stage, r.Reviewing.Since = 2, r.Reviewing.Since.Add(2*time.Hour) }, time.Second, "your vote did not change it"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.waiting()
			cookie := w.signIn(people["approver"])
			response := w.do(http.MethodPost, pathOf(r.ID), cookie, ballotForm(r, approve))
			w.update(r.ID, test.change)
			w.now = w.now.Add(test.later)
			response = w.do(http.MethodGet, response.Header.Get("Location"), cookie, nil)
			page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			wantText(t, page, test.says)
			if name == "not applied yet" && len(buttons(page)) != 0 {
				t.Error("the person could vote once more")
			}
		})
	}
}

// TestPageSaysThatVoteWasOnOtherTerms: the row was edited between the vote and its application.
func TestPageSaysThatVoteWasOnOtherTerms(t *testing.T) {
	for by, says := range map[string]string{
		approverID: "your vote did not change it", secondID: "It is checked and applied in a moment",
	} {
		w := newWorld(t)
		r := w.waiting()
		cookie := w.signIn(people["approver"])
		sent := w.do(http.MethodPost, pathOf(r.ID), cookie, ballotForm(r, approve))
		w.now = w.now.Add(2 * time.Second)
		_, err := w.store.Save(t.Context(), r, []request.Event{
			{At: w.now, What: request.StaleVote, Detail: request.IgnoredVote(by, "the row gives other things")},
		})
		if err != nil {
			t.Fatal(err)
		}
		response := w.do(http.MethodGet, sent.Header.Get("Location"), cookie, nil)
		page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		wantText(t, page, says)
		if by == approverID && len(buttons(page)) == 0 {
			t.Error("the person can't vote once more")
		}
	}
}

// TestPagesSayWhenSomethingIsAway lets each reading fail, and the queue.
func TestPagesSayWhenSomethingIsAway(t *testing.T) {
	for _, op := range []string{"Load", "Rows", "History"} {
		w := newWorld(t)
		r := w.waiting()
		cookie := w.signIn(people["reviewer"])
		w.store.FailBefore = failing(op)
		response := w.do(http.MethodGet, pathOf(r.ID), cookie, nil)
		if response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", op, response.StatusCode)
		}
	}
	w := newWorld(t)
	r := w.waiting()
	w.queue.Err = problem.New(problem.StorageUnavailable, "the queue is away")
	vote := ballotForm(r, deny)
	vote.Set("reason", "We have a contract with another company.")
	response := w.do(http.MethodPost, pathOf(r.ID), w.signIn(people["approver"]), vote)
	page, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("without the queue: %d, %v", response.StatusCode, err)
	}
	for _, text := range []string{"Nothing has been changed or sent", vote.Get("reason")} {
		if !strings.Contains(string(page), text) {
			t.Errorf("the page of a vote that could not be sent does not say %q", text)
		}
	}
}

func TestErasedRequestNamesNobody(t *testing.T) {
	w := newWorld(t)
	r := w.waiting()
	w.update(r.ID, func(r *request.Request) {
		r.Submission, r.State, r.Erased = submission.Submission{}, request.Denied, w.now
	})
	_, page := w.page(pathOf(r.ID), "reviewer")
	wantText(t, page, "The personal data is erased.", "-Silva", "-Partner Ltd")
}

func TestRequestThatNeverWaitedIsForThoseWhoSeeAll(t *testing.T) {
	w := newWorld(t)
	r := w.waiting(func(r *request.Request) { r.State, r.Reviewing = request.Done, nil })
	for who, want := range map[string]int{"reviewer": http.StatusOK, "Auditor": http.StatusOK, "approver": http.StatusNotFound, "Operator": http.StatusNotFound} {
		response, page := w.page(pathOf(r.ID), who)
		if response.StatusCode != want || len(buttons(page)) != 0 {
			t.Errorf("%s: %d, %d buttons", who, response.StatusCode, len(buttons(page)))
		}
	}
}

func TestPagesSpeakEveryLanguage(t *testing.T) {
	w := newWorld(t)
	r := w.waiting(func(r *request.Request) {
		r.Reviewing.Votes = []request.Vote{{Stage: 1, By: secondID, Name: "x", Authority: request.ByGroup, Yes: true, Reason: "a", Note: "b"}}
		r.Reviewing.Ballots = []request.Ballot{{By: secondID}}
	})
	who := people["reviewer"]
	who.Roles = session.Roles()
	cookie := w.signIn(who)
	titles := map[string]bool{}
	for _, tag := range []string{"en", "ar", "de", "es", "fr", "ja", "ko", "pt", "zh-Hans"} {
		for _, path := range []string{"/reviews", pathOf(r.ID), searchPath, historyPath, policiesPath, pathOfRow(rowKey), explainPath, operationPath} {
			response := w.do(http.MethodGet, path+"?lang="+tag, cookie, nil)
			page := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			titles[page.Title] = true
			if key := pagetest.MissingText(page.Text()); key != "" || pagetest.Attribute(page.First("html"), "lang") != tag {
				t.Errorf("%s %s: the text %s is missing", path, tag, key)
			}
			if kept := response.Header.Get("Set-Cookie"); !strings.HasPrefix(kept, "language="+tag+"; Path=/reviews;") {
				t.Errorf("%s %s: the language is kept as %q", path, tag, kept)
			}
		}
	}
	if len(titles) < 60 {
		t.Errorf("%d titles", len(titles))
	}
}
