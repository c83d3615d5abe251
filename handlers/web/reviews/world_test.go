package reviews

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/session"
	"guestlist/handlers/web/session/sessiontest"
	"guestlist/handlers/web/signin"
	"guestlist/handlers/web/site"
)

const (
	tenant   = "11111111-0000-4000-8000-000000000001"
	clientID = "11111111-0000-4000-8000-000000000002"
	origin   = "https://reviews.contoso.com"

	reviewersGroup = "a0000000-0000-4000-8000-000000000001"
	approversGroup = "a0000000-0000-4000-8000-000000000002"
	escalatedGroup = "a0000000-0000-4000-8000-000000000003"
	operatorsGroup = "a0000000-0000-4000-8000-000000000004"

	approverID = "b0000000-0000-4000-8000-000000000002"
	secondID   = "b0000000-0000-4000-8000-000000000004"
	grantedID  = "c0000000-0000-4000-8000-000000000001"
)

// The people of the tests, by what they are.
var people = map[string]session.Session{
	"reviewer":      {Person: "b0000000-0000-4000-8000-000000000001", Name: "rosa@contoso.com", Groups: []string{reviewersGroup}, GroupsKnown: true},
	"approver":      {Person: approverID, Name: "sami@contoso.com", GroupsKnown: true},
	"by group":      {Person: "b0000000-0000-4000-8000-000000000003", Name: "gina@contoso.com", Groups: []string{approversGroup}, GroupsKnown: true},
	"second":        {Person: secondID, Name: "sven@contoso.com", GroupsKnown: true},
	"escalated":     {Person: "b0000000-0000-4000-8000-000000000005", Name: "emma@contoso.com", Groups: []string{escalatedGroup}, GroupsKnown: true},
	"nobody":        {Person: "b0000000-0000-4000-8000-000000000006", Name: "nora@contoso.com", GroupsKnown: true},
	"role Reviewer": {Person: "b0000000-0000-4000-8000-000000000007", Name: "rolf@contoso.com", Roles: []session.Role{session.Reviewer}, GroupsKnown: true},
	"Auditor":       {Person: "b0000000-0000-4000-8000-000000000008", Name: "aude@contoso.com", Roles: []session.Role{session.Auditor}, GroupsKnown: true},
	"Operator":      {Person: "b0000000-0000-4000-8000-000000000009", Name: "otto@contoso.com", Roles: []session.Role{session.Operator}, GroupsKnown: true},
	"operating": {Person: "b0000000-0000-4000-8000-00000000000d", Name: "olga@contoso.com", Roles: []session.Role{session.Operator},
		Groups: []string{operatorsGroup}, GroupsKnown: true},
	"operating reviewer": {Person: "b0000000-0000-4000-8000-00000000000e", Name: "omar@contoso.com", Roles: []session.Role{session.Operator},
		Groups: []string{operatorsGroup, reviewersGroup}, GroupsKnown: true},
	"group of operators": {Person: "b0000000-0000-4000-8000-00000000000f", Name: "oona@contoso.com", Groups: []string{operatorsGroup}, GroupsKnown: true},
	"guest operator": {Person: "b0000000-0000-4000-8000-000000000010", Name: "gilda@partner.example", Guest: true, Roles: []session.Role{session.Operator},
		Groups: []string{operatorsGroup}, GroupsKnown: true},
	"PolicyReader":   {Person: "b0000000-0000-4000-8000-00000000000a", Name: "paul@contoso.com", Roles: []session.Role{session.PolicyReader}, GroupsKnown: true},
	"guest reviewer": {Person: "b0000000-0000-4000-8000-00000000000b", Name: "gus@partner.example", Guest: true, Roles: []session.Role{session.Reviewer}, Groups: []string{reviewersGroup}, GroupsKnown: true},
	"groups unknown": {Person: "b0000000-0000-4000-8000-00000000000c", Name: "ulla@contoso.com", Groups: []string{reviewersGroup}},
}

// world is the pages over stores in memory.
type world struct {
	*pages
	t        *testing.T
	now      time.Time
	store    *memstore.Store
	sessions *sessiontest.Memory
	queue    *pagetest.Queue
	log      *bytes.Buffer
}

type never struct{}

func (never) Assertion(context.Context) (string, error) { return "", context.Canceled }
func (never) Groups(context.Context, string, int) (groups []string, _ error) {
	return nil, context.Canceled
}

func newWorld(t *testing.T, changes ...func(*Config)) *world {
	t.Helper()
	w := &world{
		t: t, now: pagetest.Morning, store: memstore.New(), sessions: new(sessiontest.Memory), queue: new(pagetest.Queue), log: new(bytes.Buffer),
	}
	clock := func() time.Time { return w.now }
	guards, err := guard.New(guard.Config{PublicOrigins: []string{origin}, Limit: guard.Limit{Burst: 1, Every: time.Hour}}, clock, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	service := site.Service{
		Style: pagetest.Style("Contoso"), Guards: guards, Queue: w.queue, Now: clock,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	people, err := signin.New(signin.Config{
		Service: service, Origin: origin, Sessions: w.sessions, Assertions: never{}, Memberships: never{}, Random: rand.Reader,
		Provider: signin.Provider{URL: "https://login.example", Tenant: tenant, ClientID: clientID, Scope: "User.Read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Service: service, SignIn: people, Requests: w.store, Waiting: w.store, Claims: w.store, Finder: w.store, Rows: w.store,
		Policies: w.store, Strays: w.store, Names: w.store, State: state{w.store, request.Pace{Daily: 100}, true},
		Reviewers: reviewersGroup, Operators: operatorsGroup}
	for _, change := range changes {
		change(&config)
	}
	w.pages, err = newPages(config)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// rowKey is that of the row which sends requests to people.
var rowKey = policy.RowKey{Partition: "contoso.com", Name: "project"}

// columns of the row. It asks for two people.
func columns() map[string]any {
	return map[string]any{
		"Action": "review", "Groups": grantedID, "Approvers": approverID + ", " + approversGroup, "SecondApprovers": secondID,
		"EscalateAfter": "3", "EscalateTo": escalatedGroup, "DecideWithin": "7",
	}
}

func (w *world) putRow(columns map[string]any) policy.Row {
	w.t.Helper()
	raw := policy.Raw{Partition: rowKey.Partition, Name: rowKey.Name, Columns: columns}
	row := policy.Parse(raw)
	if len(row.Faults) > 0 {
		w.t.Fatalf("the row has faults: %v", row.Faults)
	}
	err := w.store.PutRow(w.t.Context(), raw)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

// partner returns what a partner sent.
func partner() submission.Submission {
	email, err := submission.ParseAddress("ana@partner.example.com")
	if err != nil {
		panic(err)
	}
	return submission.Submission{
		Email: email, GivenName: "Ana", FamilyName: "Silva", Company: "Partner Ltd", Country: "PT", Reason: "The tender of spring.",
		SubmittedAt: pagetest.Morning.Add(-time.Hour).Truncate(time.Second),
	}
}

// waiting stores a request that waits for people, after the changes, and lists it.
func (w *world) waiting(changes ...func(*request.Request)) request.Request {
	w.t.Helper()
	id, err := submission.NewID(w.now.Add(-time.Hour), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	row := w.putRow(columns())
	rules := row.Rules()
	since := w.now.Add(-time.Hour).UTC().Truncate(request.Tick)
	r := request.Request{
		ID: id, Submission: partner(), State: request.Review, Since: since, Created: since, Changed: since, Reason: "the row asks for a review",
		Decision: &policy.Decision{
			Action: policy.Review, Reason: "the row project asks for a review", ReviewRules: rules, At: since,
			Row:    &policy.RowSnapshot{Partition: rowKey.Partition, Name: rowKey.Name, Columns: map[string]string{}},
			Looked: []policy.Look{{Partition: rowKey.Partition, Name: rowKey.Name, Outcome: policy.Decided, Why: "it applies"}},
		},
		Reviewing: &request.Reviewing{Stage: 1, Since: since, Rules: rules, Deadline: since.AddDate(0, 0, 7)},
	}
	for _, change := range changes {
		change(&r)
	}
	r, err = w.store.Save(w.t.Context(), r, []request.Event{{At: since, State: r.State, What: "decided", Detail: "the row project asks for a review"}})
	if err != nil {
		w.t.Fatal(err)
	}
	if r.State == request.Review {
		err = w.store.ListReview(w.t.Context(), r.WaitingReview())
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return r
}

// update changes a stored request.
func (w *world) update(id submission.ID, change func(*request.Request)) request.Request {
	w.t.Helper()
	r, err := w.store.Load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	change(&r)
	r, err = w.store.Save(w.t.Context(), r, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// sessionCookie is the cookie of package signin.
const sessionCookie = "__Host-guestlist"

// signIn returns the cookie of a browser in which the person is signed in.
func (w *world) signIn(s session.Session) string {
	w.t.Helper()
	id, err := session.NewID(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	if s.Until.IsZero() {
		s.Until = w.now.Add(session.Lifetime)
	}
	err = w.sessions.SaveSession(w.t.Context(), id.Key(), s)
	if err != nil {
		w.t.Fatal(err)
	}
	return sessionCookie + "=s." + id.Text()
}

// do sends a request of a browser with the cookie, "" for none.
func (w *world) do(method, target, cookie string, form url.Values, header ...string) *http.Response {
	w.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Host = "reviews.contoso.com"
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", pagetest.FormType)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	response := pagetest.Do(w, r)
	if cookies := response.Header.Values("Set-Cookie"); len(cookies) > 1 {
		w.t.Errorf("%s %s sets %d cookies, and the host passes one", method, target, len(cookies))
	}
	return response
}

// page returns the page at the address as the person sees it.
func (w *world) page(target, who string) (*http.Response, pagetest.Document) {
	w.t.Helper()
	response := w.do(http.MethodGet, target, w.signIn(people[who]), nil)
	text := pagetest.Body(w.t, response)
	document := pagetest.CheckPage(w.t, response, text)
	if key := pagetest.MissingText(document.Text()); key != "" {
		w.t.Errorf("the text %s is missing", key)
	}
	return response, document
}

// votes returns the ballots that were put on the queue.
func (w *world) votes() []request.CastBallot {
	w.t.Helper()
	var all []request.CastBallot
	for _, message := range w.queue.Messages {
		ballot, err := request.DecodeBallot(message)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, ballot)
	}
	return all
}

// shown names what an approval gives by the row that the world begins with.
var shown = request.TermsMark(policy.Terms{Groups: []string{grantedID}, UserType: "Guest"})

// ballotForm returns the form of a vote about the request.
func ballotForm(r request.Request, decision string) url.Values {
	form := url.Values{"decision": {decision}, "seen": {r.Mark()}, "stage": {"1"}}
	if decision == approve {
		form.Set("shown", shown)
	} else {
		form.Set("reason", "The project is over.")
		form.Set("denyNote", "Known from last year.")
	}
	return form
}
