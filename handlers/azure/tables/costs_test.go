package tables

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/acs"
	"guestlist/handlers/azure/graph"
	"guestlist/handlers/branding"
	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/azurite/azuritetest"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/mail"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// callLog keeps the calls of storage, of Graph and of the mail service in the order in which they
// were made.
type callLog struct {
	mutex sync.Mutex
	calls []string
}

func (l *callLog) add(call string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.calls = append(l.calls, call)
}

// inOrder returns the calls, with those of a kind that follow each other as one, and how many they
// are.
func (l *callLog) inOrder() (calls []string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for rest := l.calls; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n] == rest[0] {
			n++
		}
		calls = append(calls, strconv.Itoa(n)+" "+rest[0])
		rest = rest[n:]
	}
	return calls
}

// storage is a transport that keeps the calls, by method and table. The method of a transaction is
// TRANSACTION.
func (l *callLog) storage(prefix string) http.RoundTripper {
	table := regexp.MustCompile(`/` + prefix + `([A-Z][a-z]+)`)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		method, where := r.Method, r.URL.Path
		if strings.HasSuffix(where, "/$batch") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			method, where = "TRANSACTION", string(body)
		}
		found := table.FindStringSubmatch(where)
		if found == nil {
			found = []string{"", where}
		}
		l.add(method + " " + found[1])
		return network.RoundTrip(r)
	})
}

// objectID is an object id in the path of a call, or the id of a mail.
var objectID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// behind is a service that keeps its calls, by method and path.
func (l *callLog) behind(service http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path := objectID.ReplaceAllString(strings.TrimPrefix(r.URL.Path, "/v1.0"), "{id}")
		l.add(r.Method + " " + path)
		service.ServeHTTP(rw, r)
	})
}

// noQueues are the queues of a worker that needs none.
type noQueues struct{ request.Queues }

// quiet is a channel that is never told, since no upkeep runs.
type quiet struct{ request.Channel }

// costs is a worker whose calls are kept.
type costs struct {
	*callLog
	t       *testing.T
	now     time.Time
	store   *Store // its calls are not kept
	counted *Store
	tenant  *graphsim.Server
	service *acssim.Server
	worker  *workflow.Worker
}

// newCosts returns a worker that invites everybody at contoso.com into one group. With mails it
// sends mails of its own, and wants a proof of the mailbox.
func newCosts(t *testing.T, mails bool) *costs {
	t.Helper()
	c := &costs{callLog: &callLog{}, t: t, now: time.Now(), store: newTestStore(t, nil)}
	c.counted = must(New(Config{
		ConnectionString: azuritetest.Shared(t).ConnectionString(), Prefix: c.store.prefix,
		Transport: doer{c.storage(c.store.prefix)},
	}))(t)
	c.tenant = must(graphsim.New(graphsim.Config{
		KnowsAnyGroup: true,
		Users: []graphsim.User{
			{ID: approver, UserType: "Member", UserPrincipalName: "a@fabrikam.example"},
			{ID: member, UserType: "Member", UserPrincipalName: "b@fabrikam.example"},
			{ID: outsider, UserType: "Member", UserPrincipalName: "c@fabrikam.example"},
		},
	}))(t)
	server := httptest.NewServer(c.behind(c.tenant))
	t.Cleanup(server.Close)
	directory := must(graph.New(graph.Config{URL: server.URL}))(t)
	config := workflow.Config{
		Store: c.counted, Rows: c.counted, Seats: c.counted, Gates: c.counted, DeadLetters: c.counted,
		Records: c.counted, Strays: c.counted, MailStore: c.counted, Reviews: c.counted, People: directory, Queues: noQueues{}, Directory: directory, Users: directory,
		RedirectURL: "https://landing.example.com", IntentLease: time.Minute, DecideWithin: 30, Now: func() time.Time { return c.now },
		Sleep: func(context.Context, time.Duration) error {
			t.Error("the worker waits")
			return nil
		},
		Jitter: func(d time.Duration) time.Duration { return d },
	}
	config.Notices = &workflow.Notices{Outbox: c.counted, Origin: "https://reviews.fabrikam.example", Random: rand.Reader}
	config.Channels = []request.Channel{quiet{}}
	if mails {
		config.Mails, config.ProofByDefault, config.ProofLasts = c.mails(), true, time.Hour
	}
	c.worker = must(workflow.New(config))(t)
	err := c.store.PutRow(t.Context(), policy.Raw{
		Partition: "contoso.com", Name: "trusted",
		Columns: map[string]any{"Action": "invite", "Groups": "aaaaaaaa-0000-4000-8000-000000000001"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.searchStrays()
	return c
}

// searchStrays looks for rows under keys that match nobody, as upkeep does.
func (c *costs) searchStrays() {
	c.t.Helper()
	_, err := request.StrayFinder{Store: c.store}.Search(c.t.Context(), c.now, nil)
	if err != nil {
		c.t.Fatal(err)
	}
}

// mails returns what the worker needs to send mails of its own.
func (c *costs) mails() *workflow.Mails {
	c.t.Helper()
	const sender = "guests@join.fabrikam.example"
	c.service = must(acssim.New(acssim.Config{Senders: []string{sender}}))(c.t)
	server := httptest.NewServer(c.behind(c.service))
	c.t.Cleanup(server.Close)
	style := branding.Style{Organisation: "Fabrikam"}
	style.Accent.Light = must(branding.ParseLight("#17567f"))(c.t)
	style.Accent.Dark = must(branding.ParseDark("", style.Accent.Light))(c.t)
	return &workflow.Mails{
		Mailer:  must(acs.New(acs.Config{URL: server.URL, Sender: sender}))(c.t),
		Letters: must(mail.NewComposer(style, "https://join.fabrikam.example"))(c.t),
		Random:  rand.Reader, Quota: request.MailQuota{PerMinute: 30, PerHour: 100},
	}
}

// advance hands a message to the worker.
func (c *costs) advance(m submission.Message) {
	c.t.Helper()
	err := c.worker.Advance(c.t.Context(), m)
	if err != nil {
		c.t.Fatal(err)
	}
}

// signUp signs up the address and returns the id of the request.
func (c *costs) signUp(email string) submission.ID {
	c.t.Helper()
	address := must(submission.ParseAddress(email))(c.t)
	id := must(submission.NewID(c.now, rand.Reader))(c.t)
	c.advance(submission.Message{ID: id, Submission: &submission.Submission{Email: address, SubmittedAt: c.now}})
	return id
}

// prove types the code of the last mail.
func (c *costs) prove(id submission.ID) {
	c.t.Helper()
	mails := c.service.Mails()
	code := regexp.MustCompile(`(?m)^\s*(\d{4}) (\d{4})\s*$`).FindStringSubmatch(mails[len(mails)-1].Text)
	if code == nil {
		c.t.Fatal("the last mail has no code")
	}
	c.advance(submission.Message{ID: id, Kind: submission.Prove, Code: code[1] + code[2]})
}

// settle does what upkeep does with the request when it is due, until nothing is left to do.
func (c *costs) settle(id submission.ID) {
	c.t.Helper()
	for {
		due := must(c.store.Load(c.t.Context(), id))(c.t).Due
		if due.IsZero() {
			return
		}
		c.now = due.Add(time.Second)
		again := c.now.Add(time.Minute)
		err := c.counted.Postpone(c.t.Context(), id, again)
		if err != nil {
			c.t.Fatal(err)
		}
		c.advance(submission.Message{ID: id, Due: again})
	}
}

// TestCallsOfGuestAreThoseOfTheManual compares the tables of docs/architecture.md with every call
// for a guest with one group.
func TestCallsOfGuestAreThoseOfTheManual(t *testing.T) {
	tests := map[string]struct {
		table string // its marker
		says  string // the sentence before it
		run   func(t *testing.T) *costs
	}{
		"without a proof": {"calls", `costs (\d+) storage transactions and (\d+) calls of Graph\.`, func(t *testing.T) *costs {
			c := newCosts(t, false)
			must(c.store.SaveGate(t.Context(), request.Gate{}))(t) // another guest came before
			c.signUp("ana@contoso.com")
			return c
		}},
		"with a proof and the app's own mails": {"calls of a proved guest",
			`costs (\d+) storage transactions, (\d+) calls of Graph and (\d+) of the mail service\.`, func(t *testing.T) *costs {
				c := newCosts(t, true)
				before := c.signUp("bo@contoso.com")
				c.prove(before)
				c.settle(before)
				c.searchStrays()
				c.calls = nil
				id := c.signUp("ana@contoso.com")
				c.prove(id)
				c.settle(id)
				return c
			}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := test.run(t)
			joined := slices.ContainsFunc(c.tenant.Guests(), func(u graphsim.User) bool { return u.Mail == "ana@contoso.com" })
			if !joined || len(c.tenant.Memberships()) != len(c.tenant.Guests()) {
				t.Fatalf("guests %v, memberships %v", c.tenant.Guests(), c.tenant.Memberships())
			}
			listed, said := callsOfManual(t, test.table, test.says)
			if diff := cmp.Diff(listed, c.inOrder()); diff != "" {
				t.Errorf("(-manual +measured):\n%s", diff)
			}
			measured := make([]int, len(said)) // of storage, of Graph, of the mail service
			for _, call := range c.calls {
				switch {
				case strings.Contains(call, " /emails"):
					measured[2]++
				case strings.Contains(call, " /"):
					measured[1]++
				default:
					measured[0]++
				}
			}
			if diff := cmp.Diff(said, measured); diff != "" {
				t.Errorf("the numbers of calls (-manual +measured):\n%s", diff)
			}
		})
	}
}

// callsOfManual returns the calls that a table of docs/architecture.md lists, and how many the page
// says they are.
func callsOfManual(t *testing.T, marker, sentence string) (calls []string, said []int) {
	t.Helper()
	page := string(must(os.ReadFile("../../../docs/architecture.md"))(t))
	numbers := regexp.MustCompile(strings.ReplaceAll(sentence, " ", `\s+`)).FindStringSubmatch(page)
	_, rest, _ := strings.Cut(page, "<!-- "+marker+" -->\n")
	table, _, found := strings.Cut(rest, "<!-- /"+marker+" -->")
	if numbers == nil || !found {
		t.Fatal("the page does not say what a guest costs")
	}
	for _, number := range numbers[1:] {
		said = append(said, must(strconv.Atoi(number))(t))
	}
	rows := regexp.MustCompile("(?m)^\\| (\\d+) \\| `([^`]+)` \\| [^|]{10,} \\| [^|]{10,} \\|$")
	for _, row := range rows.FindAllStringSubmatch(table, -1) {
		calls = append(calls, row[1]+" "+row[2])
	}
	if lines := strings.Count(table, "\n| "); len(calls) == 0 || lines != len(calls)+1 {
		t.Errorf("%d of %d rows can be read", len(calls), lines-1)
	}
	return calls, said
}

// The people who vote in tests of costs.
const (
	approver  = "cccccccc-0000-4000-8000-000000000001"
	member    = "cccccccc-0000-4000-8000-000000000002" // of the group of second approvers
	outsider  = "cccccccc-0000-4000-8000-000000000003"
	approvers = "dddddddd-0000-4000-8000-000000000001" // a group
)

// vote hands a vote on the request as it is to the worker, and returns the calls until the index of
// what waits agrees with the request. An invitation may follow.
func (c *costs) vote(id submission.ID, by string, yes bool) (storage, directory int) {
	c.t.Helper()
	r := must(c.store.Load(c.t.Context(), id))(c.t)
	if r.Mark() == "" {
		c.t.Fatalf("the request is %s", r.State)
	}
	c.now = c.now.Add(time.Second)
	ballot := request.Ballot{
		Seen: r.Mark(), Stage: r.Reviewing.Stage, By: by, Name: "Somebody", Yes: yes, Reason: "not known", Cast: c.now,
	}
	if yes {
		row := must(request.ReadReviewRow(c.t.Context(), c.store, policy.Parse, r, c.now))(c.t)
		ballot.Shown = request.TermsMark(row.Terms)
	}
	c.calls = nil
	err := c.worker.Vote(c.t.Context(), "m", request.CastBallot{ID: id, Ballot: ballot})
	if err != nil {
		c.t.Fatal(err)
	}
	calls := c.calls
	if left := slices.Index(calls, "DELETE Reviews"); left >= 0 {
		calls = calls[:left+1]
	}
	for _, call := range calls {
		if strings.Contains(call, " /") {
			directory++
		} else {
			storage++
		}
	}
	return storage, directory
}

// TestVoteCostsFewCalls holds the bound of docs/architecture.md.
func TestVoteCostsFewCalls(t *testing.T) {
	page := string(must(os.ReadFile("../../../docs/architecture.md"))(t))
	bound := regexp.MustCompile(`A vote\s+costs\s+at\s+most\s+(\d+)\s+storage\s+transactions\s+and\s+(\d+)\s+calls\s+of\s+Graph`).FindStringSubmatch(page)
	if bound == nil {
		t.Fatal("the page does not say what a vote costs")
	}
	mostStorage, mostDirectory := must(strconv.Atoi(bound[1]))(t), must(strconv.Atoi(bound[2]))(t)
	tests := map[string]struct {
		before []string // those who have said yes
		by     string
		yes    bool
		state  request.State // by then
	}{
		"that does not count":  {nil, outsider, true, request.Review},
		"the first of two":     {nil, approver, true, request.Review},
		"the last, by a group": {[]string{approver}, member, true, request.Done},
		"a no":                 {nil, approver, false, request.Denied},
	}
	c := newCosts(t, false)
	columns := map[string]any{"Action": "review", "Approvers": approver, "SecondApprovers": approvers}
	err := c.store.PutRow(t.Context(), policy.Raw{Partition: "fabrikam.com", Name: "asks", Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	err = c.tenant.AddToGroup(approvers, member)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, test := range tests {
		n++
		id := c.signUp("partner" + strconv.Itoa(n) + "@fabrikam.com")
		for _, by := range test.before {
			c.vote(id, by, true)
		}
		storage, directory := c.vote(id, test.by, test.yes)
		if r := must(c.store.Load(t.Context(), id))(t); r.State != test.state || directory == 0 {
			t.Errorf("%s: the request is %s after %d calls of Graph", name, r.State, directory)
		}
		if storage > mostStorage || directory > mostDirectory {
			t.Errorf("a vote, %s, costs %d+%d calls, at most %d+%d: %v", name, storage, directory, mostStorage, mostDirectory, c.inOrder())
		}
		t.Logf("%s: %d+%d", name, storage, directory)
	}
}
