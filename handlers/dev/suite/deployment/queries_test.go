package deployment

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2/queueerror"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/azurite"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// query is one file of queries.
type query struct {
	path, text string
	// messages are those of the lines that it looks for. One that ends in a space is a prefix.
	messages []string
	// fields are the fields of lines that it reads.
	fields []string
	// tables are the tables that it reads.
	tables []string
}

var (
	messageClause = regexp.MustCompile(`\bmsg (?:==|startswith|in) ?(\([^)]*\)|"[^"]*")`)
	quoted        = regexp.MustCompile(`"([^"]*)"`)
	fieldOfLine   = regexp.MustCompile(`\bline(?:\.(\w+)|\["(\w+)"\])`)
	tableName     = regexp.MustCompile(`(?m)^\s*([A-Z]\w+)$`)
)

func queries(t *testing.T, folder string) []query {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "infra", "queries", folder, "*.kql"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no queries in %s: %v", folder, err)
	}
	var list []query
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		q := query{path: path, text: string(content)}
		for _, clause := range messageClause.FindAllStringSubmatch(q.text, -1) {
			for _, match := range quoted.FindAllStringSubmatch(clause[1], -1) {
				q.messages = append(q.messages, match[1])
			}
		}
		for _, match := range fieldOfLine.FindAllStringSubmatch(q.text, -1) {
			q.fields = append(q.fields, match[1]+match[2])
		}
		for _, match := range tableName.FindAllStringSubmatch(q.text, -1) {
			q.tables = append(q.tables, match[1])
		}
		list = append(list, q)
	}
	return list
}

// handlerLines keeps the log lines of the handler, as the host receives them.
type handlerLines struct {
	mu    sync.Mutex
	lines []map[string]any
}

func (h *handlerLines) Enabled(context.Context, slog.Level) bool { return true }

func (h *handlerLines) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h *handlerLines) WithGroup(string) slog.Handler { return h }

func (h *handlerLines) Handle(_ context.Context, record slog.Record) error {
	var line map[string]any
	if json.Unmarshal([]byte(record.Message), &line) == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lines = append(h.lines, line)
	}
	return nil
}

// with returns the lines with the message, or with the prefix if it ends in a space.
func (h *handlerLines) with(message string) []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []map[string]any
	for _, line := range h.lines {
		text, _ := line["msg"].(string)
		if text == message || strings.HasSuffix(message, " ") && strings.HasPrefix(text, message) {
			found = append(found, line)
		}
	}
	return found
}

// eventfulDay runs the packed app on real storage through every event that an operator should
// notice, and returns the log lines of the handler.
func eventfulDay(t *testing.T) *handlerLines {
	server, err := azurite.Start(t.Context(), azurite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	storage := server.ConnectionString()
	try := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store, err := tables.New(tables.Config{ConnectionString: storage})
	try(err)
	try(fillStore(t, store))
	try(addUnreadable(t, store, storage))
	tenant, err := graphsim.New(graphsim.Config{})
	try(err)
	graph := httptest.NewServer(tenant)
	t.Cleanup(graph.Close)
	lines := &handlerLines{}
	h := startHost(t, "guestlist.zip", storage, lines,
		"GUESTLIST_GRAPH_URL="+graph.URL, "GUESTLIST_DAILY_INVITATIONS=6", "GUESTLIST_DAILY_SHARE=50",
		"GUESTLIST_FORM_KEYS="+formKey, "GUESTLIST_PUBLIC_ORIGINS=https://join.fabrikam.example",
		"GUESTLIST_MAIL=acs", "GUESTLIST_MAIL_URL="+closedMailService(t), "GUESTLIST_MAIL_SENDER="+mailSender, "GUESTLIST_PROOF=none",
		"GUESTLIST_REVIEW_ORIGIN=https://reviews.fabrikam.example", "GUESTLIST_SIGN_IN_TENANT="+someID, "GUESTLIST_SIGN_IN_CLIENT_ID="+someID,
		"GUESTLIST_OPERATORS="+operators, "AZURE_CLIENT_ID="+someID)

	// Dead letters: a message that is not ours, and one of ours that failed too often, which is
	// tried again and denied.
	try(enqueue(t, storage, "signups-poison", []byte("not ours")))
	ours, err := submission.Message{ID: newID(t, time.Now()), Submission: &submission.Submission{
		Email: address(t, "stuck@northwind.com"), GivenName: "A", FamilyName: "B", Company: "C", Country: "PT",
		Reason: "D", Language: "en", SubmittedAt: time.Now().UTC(),
	}}.Encode()
	try(err)
	try(enqueue(t, storage, "signups-poison", ours))

	form := h.URL() + "/signup"
	first := signUp(t, form, "first@contoso.com")
	signUp(t, form, "a@fabrikam.com")
	signUp(t, form, "a@northwind.com")
	signUp(t, form, "a@wingtiptoys.com")
	// A program fills in every field, and a gateway loses a form.
	fillIn(t, form, "program@contoso.com", "https://spam.example")
	lost, err := browser.Post(form, "application/x-www-form-urlencoded", nil)
	try(err)
	try(lost.Body.Close())
	eventually(t, "the first guest is there", func() bool { return len(tenant.Invitations()) == 1 })
	eventually(t, "the first request is done", func() bool {
		return slices.ContainsFunc(lines.with("request "), func(line map[string]any) bool { return line["state"] == "done" })
	})
	try(giveOrders(t, tenant, store, storage, submission.ID(filepath.Base(first.Path))))
	eventually(t, "an order is carried out", func() bool { return len(lines.with(workflow.LogOrderObeyed)) > 0 })
	// The first request is withdrawn after its mail was sent.
	withdrawal, err := submission.Message{ID: submission.ID(filepath.Base(first.Path)), Kind: submission.Withdraw}.Encode()
	try(err)
	try(enqueue(t, storage, "signups", withdrawal))
	eventually(t, "the withdrawn guest remains", func() bool {
		return len(lines.with(workflow.LogRemains)) > 0
	})
	try(tenant.Deny("User.Read.All")) // the app works without it
	// The tenant refuses a guest.
	try(tenant.Order(graphsim.Fault{
		Match: graphsim.Match{Method: "POST", Path: "/v1.0/invitations"}, Times: 1, Status: 400, Code: "BadRequest",
		Message: "The domain is blocked by the invitation policy.",
	}))
	signUp(t, form, "refused@contoso.com")
	eventually(t, "a request failed", func() bool { return len(lines.with("request failed")) > 0 })
	// The tenant refuses invitations until the next probe. Two requests witness it.
	try(tenant.Order(graphsim.Fault{
		Match: graphsim.Match{Method: "POST", Path: "/v1.0/invitations"}, Always: true, Status: 403,
		Message: "Guest invitations not allowed for your company. Contact your company administrator.",
	}))
	signUp(t, form, "third@contoso.com")
	signUp(t, form, "witness@contoso.com")
	eventually(t, "the breaker is open", func() bool { return len(lines.with("breaker opened")) > 0 })
	tenant.ClearFaults()
	gate, err := store.Gate(t.Context())
	try(err)
	gate.ProbeAt = time.Now().Add(-time.Second)
	_, err = store.SaveGate(t.Context(), gate)
	try(err)
	signUp(t, form, "fourth@contoso.com")
	eventually(t, "the breaker is closed", func() bool { return len(lines.with("breaker closed")) > 0 })
	// Two domains use their shares, and so the day's budget.
	for i := range 4 {
		signUp(t, form, fmt.Sprintf("more-%d@contoso.com", i))
		signUp(t, form, fmt.Sprintf("more-%d@adatum.com", i))
	}
	for _, line := range workflow.LogLines() {
		if line.Message != workflow.LogUnchecked {
			eventually(t, "there is a line "+line.Message, func() bool { return len(lines.with(line.Message)) > 0 })
		}
	}
	// The tables are gone.
	try(server.Stop())
	eventually(t, "the rows can't be checked", func() bool { return len(lines.with(workflow.LogUnchecked)) > 0 })
	return lines
}

// someID is an id of a tenant or an app that nobody is asked about.
const someID = "11111111-0000-4000-8000-000000000001"

// operators is the id of the group of operators.
const operators = "22222222-0000-4000-8000-000000000002"

// giveOrders lets an operator want the mail of a request again, and an order come that is about
// another state of it.
func giveOrders(t *testing.T, tenant *graphsim.Server, store *tables.Store, storage string, id submission.ID) error {
	operator, err := tenant.AddUser(graphsim.User{Mail: "otto@fabrikam.example"})
	if err != nil {
		return err
	}
	err = tenant.SetGroup(graphsim.Group{ID: operators})
	if err != nil {
		return err
	}
	err = tenant.AddToGroup(operators, operator.ID)
	if err != nil {
		return err
	}
	r, err := store.Load(t.Context(), id)
	if err != nil {
		return err
	}
	for _, kind := range []request.OrderKind{request.ResendOrder, request.RetryOrder} {
		order, err := request.Order{
			Kind: kind, ID: id, Seen: r.OrderMark(), By: operator.ID, Name: "Otto", Given: time.Now(),
		}.Encode()
		if err != nil {
			return err
		}
		err = enqueue(t, storage, request.DecisionsQueue, order)
		if err != nil {
			return err
		}
	}
	return nil
}

const mailSender = "guests@fabrikam.example"

// closedMailService returns the address of a mail service that does not let the app send.
func closedMailService(t *testing.T) string {
	t.Helper()
	service, err := acssim.New(acssim.Config{Senders: []string{mailSender}})
	if err != nil {
		t.Fatal(err)
	}
	err = service.Order(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: http.StatusForbidden, Always: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	return server.URL
}

// fillStore adds policy rows, requests that have waited for a person for too long, of which one has
// a notice that nobody got, and one that has been owed a mail for too long. Only the mailboxes of
// one domain have to be proved.
func fillStore(t *testing.T, store *tables.Store) error {
	err := store.Create(t.Context())
	if err != nil {
		return err
	}
	for domain, columns := range map[string]map[string]any{
		"contoso.com":     {"Action": "invite", "InvitationMail": string(policy.MicrosoftMail)},
		"adatum.com":      {"Action": "invite", "InvitationMail": string(policy.MicrosoftMail)},
		"wingtiptoys.com": {"Action": "review", "Proof": string(policy.ProofCode)},
		"fabrikam.com":    {"Action": "review"}, "northwind.com": {"Action": "deny"},
		"Tailspin.com": {"Action": "deny"}, // a key that matches nobody
	} {
		err = store.PutRow(t.Context(), policy.Raw{Partition: domain, Name: "row", Columns: columns})
		if err != nil {
			return err
		}
	}
	long := time.Now().Add(-100 * time.Hour).Truncate(request.Tick)
	_, err = store.Save(t.Context(), request.Request{
		ID: newID(t, long), State: request.Review, Since: long, Created: long, Changed: long,
		Submission: submission.Submission{Email: address(t, "old@fabrikam.com")},
	}, nil)
	if err != nil {
		return err
	}
	untold := newID(t, long)
	_, err = store.Save(t.Context(), request.Request{
		ID: untold, State: request.Review, Since: long, Created: long, Changed: long,
		Submission: submission.Submission{Email: address(t, "untold@fabrikam.com")},
		Reviewing: &request.Reviewing{
			Stage: request.FirstStage, Since: long, Put: []request.PutNotice{{Stage: request.FirstStage, Since: long, Kind: request.AskedNotice, Mark: "mark"}},
		},
	}, nil)
	if err != nil {
		return err
	}
	err = store.PutNotices(t.Context(), []request.NoticeEntry{{
		Request: untold, Stage: request.FirstStage, Since: long, Kind: request.AskedNotice, Mark: "mark", At: long, Due: long, Tries: 9,
	}})
	if err != nil {
		return err
	}
	owing := time.Now().AddDate(0, 0, -8)
	id := newID(t, owing)
	_, err = store.Save(t.Context(), request.Request{
		ID: id, State: request.Denied, Since: owing, Created: owing, Changed: owing,
		Submission: submission.Submission{Email: address(t, "owed@northwind.com")},
		Owed:       request.Owed{Kind: request.DecisionMail, Since: owing},
	}, nil)
	if err != nil {
		return err
	}
	return store.Wait(t.Context(), id, time.Now())
}

// addUnreadable adds a request that is due, and that the app can't read.
func addUnreadable(t *testing.T, store *tables.Store, storage string) error {
	service, err := aztables.NewServiceClientFromConnectionString(storage, nil)
	if err != nil {
		return err
	}
	id := newID(t, time.Now())
	record, err := json.Marshal(map[string]string{"PartitionKey": string(id), "RowKey": "request", "State": "paused"})
	if err != nil {
		return err
	}
	_, err = service.NewClient("Requests").AddEntity(t.Context(), record, nil)
	if err != nil {
		return err
	}
	return store.Wait(t.Context(), id, time.Now())
}

// enqueue puts a message on a queue, which it creates if necessary.
func enqueue(t *testing.T, storage, queue string, body []byte) error {
	client, err := azqueue.NewQueueClientFromConnectionString(storage, queue, nil)
	if err != nil {
		return err
	}
	_, err = client.Create(t.Context(), nil)
	if err != nil && !queueerror.HasCode(err, queueerror.QueueAlreadyExists) {
		return err
	}
	_, err = client.EnqueueMessage(t.Context(), base64.StdEncoding.EncodeToString(body), nil)
	return err
}

func address(t *testing.T, text string) submission.Address {
	t.Helper()
	address, err := submission.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func newID(t *testing.T, at time.Time) submission.ID {
	t.Helper()
	id, err := submission.NewID(at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Every message and field in a query must be one of a line that the handler really prints.
func TestQueriesFindWhatTheHandlerPrints(t *testing.T) {
	lines := eventfulDay(t)
	for _, q := range append(queries(t, "alerts"), queries(t, "workbook")...) {
		if len(q.messages) == 0 || len(q.tables) == 0 {
			t.Errorf("%s looks for no message or reads no table", q.path)
		}
		for _, table := range q.tables {
			if !slices.Contains([]string{"AppTraces", "AppRequests", "StorageQueueLogs"}, table) {
				t.Errorf("%s reads the table %s, which is never filled", q.path, table)
			}
		}
		fields := map[string]bool{}
		for _, message := range q.messages {
			found := lines.with(message)
			if len(found) == 0 {
				t.Errorf("%s looks for %q, which the handler did not print", q.path, message)
			}
			for _, line := range found {
				for name := range maps.Keys(line) {
					fields[name] = true
				}
			}
		}
		for _, field := range q.fields {
			if !fields[field] {
				t.Errorf("%s reads the field %s, which lines with the messages %q do not have", q.path, field, q.messages)
			}
		}
	}
}

//go:embed kusto.cjs
var kustoScript string

// compile returns what Kusto's language service finds wrong with queries.
func compile(t *testing.T, paths ...string) []string {
	t.Helper()
	home, err := filepath.Abs(filepath.Join(root, ".local", "kusto"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", append([]string{"-e", kustoScript, "--", home}, paths...)...)
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("the compiler of queries does not run; make setup installs it: %v", err)
	}
	var faults []string
	for line := range strings.Lines(string(output)) {
		var said struct {
			Path, Text, At string
			Queries        int
		}
		err = json.Unmarshal([]byte(line), &said)
		if err != nil {
			t.Fatal(err)
		}
		if said.Queries == len(paths) {
			return faults
		}
		faults = append(faults, fmt.Sprintf("%s: at %q: %s", said.Path, said.At, said.Text))
	}
	t.Fatalf("the output of the compiler of queries is incomplete:\n%s", output)
	return nil
}

func TestQueriesCompile(t *testing.T) {
	var paths []string
	for _, q := range append(queries(t, "alerts"), queries(t, "workbook")...) {
		paths = append(paths, q.path)
	}
	for _, fault := range compile(t, paths...) {
		t.Error(fault)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.kql")
	err := os.WriteFile(wrong, []byte("AppTraces | where Mesage == 'x' | summarise n = count()"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if len(compile(t, wrong)) == 0 {
		t.Error("a query with two mistakes compiles, so nothing was tested")
	}
}

// unwatched are the stable log lines that need no action: a person has acted, or has been told on
// the page why nothing came of it.
var unwatched = []string{workflow.LogBreakerClosed, workflow.LogOrderObeyed, workflow.LogOrderIgnored}

func TestEveryLineThatNeedsActionRaisesAnAlert(t *testing.T) {
	watched := map[string]bool{}
	for _, q := range queries(t, "alerts") {
		for _, message := range q.messages {
			watched[message] = true
		}
	}
	for _, line := range workflow.LogLines() {
		if !watched[line.Message] && !slices.Contains(unwatched, line.Message) {
			t.Errorf("no alert looks for the line %q", line.Message)
		}
	}
}

// alert is what a snapshot says of an alert.
type alert struct {
	name, title, query  string
	every, window       string
	operator            string
	threshold, severity float64
}

func alerts(t *testing.T, s snapshot) []alert {
	t.Helper()
	var list []alert
	for _, r := range s.all("Microsoft.Insights/scheduledQueryRules") {
		text := func(value any) string {
			text, _ := value.(string)
			return text
		}
		criteria := at(r.Properties, "criteria", "allOf").([]any)[0]
		a := alert{
			query: text(at(criteria, "query")), operator: text(at(criteria, "operator")),
			every: text(r.Properties["evaluationFrequency"]), window: text(r.Properties["windowSize"]),
		}
		_, a.name, _ = strings.Cut(r.Name, s.token+"-")
		_, a.title, _ = strings.Cut(text(r.Properties["displayName"]), "Guestlist: ")
		a.threshold, _ = at(criteria, "threshold").(float64)
		a.severity, _ = r.Properties["severity"].(float64)
		list = append(list, a)
	}
	return list
}

// item is a part of a workbook.
type item struct {
	Type    int
	Name    string
	Content struct {
		Version, Query, JSON, TimeContextFromParameter, Visualization string
		QueryType                                                     int
		Parameters                                                    []struct {
			Name  string
			Type  int
			Value struct{ DurationMs int }
		}
	}
}

func workbook(t *testing.T, s snapshot) (version string, items []item) {
	t.Helper()
	found := s.all("Microsoft.Insights/workbooks")
	if len(found) != 1 {
		t.Fatalf("%s has %d workbooks", s.path, len(found))
	}
	serialized, _ := found[0].Properties["serializedData"].(string)
	var content struct {
		Version string
		Items   []item
	}
	err := json.Unmarshal([]byte(serialized), &content)
	if err != nil {
		t.Fatalf("%s: the content of the workbook: %v", s.path, err)
	}
	return content.Version, content.Items
}

func TestEveryQueryIsLoadedOnce(t *testing.T) {
	for _, s := range snapshots(t, allLayouts) {
		loaded := map[string]map[string]int{"alerts": {}, "workbook": {}}
		for _, a := range alerts(t, s) {
			loaded["alerts"][a.query]++
		}
		_, items := workbook(t, s)
		for _, item := range items {
			if item.Type == 3 {
				loaded["workbook"][item.Content.Query]++
			}
		}
		for folder, got := range loaded {
			all := queries(t, folder)
			for _, q := range all {
				if got[q.text] != 1 {
					t.Errorf("%s: %s is loaded %d times", s.path, q.path, got[q.text])
				}
			}
			if len(got) != len(all) {
				t.Errorf("%s: %d queries are loaded, and %s has %d", s.path, len(got), folder, len(all))
			}
		}
	}
}

func TestAlertsMissNoLine(t *testing.T) {
	minutes := map[string]int{"PT5M": 5, "PT10M": 10, "PT15M": 15, "PT30M": 30, "PT1H": 60, "PT2H": 120, "PT3H": 180}
	for _, s := range snapshots(t, allLayouts) {
		for _, a := range alerts(t, s) {
			if every, window := minutes[a.every], minutes[a.window]; every == 0 || window < every {
				t.Errorf("%s: %s looks every %s at the last %s: it misses lines", s.path, a.name, a.every, a.window)
			}
			silence := strings.HasPrefix(a.name, "no-")
			if silence != (a.operator == "LessThan") || silence && a.threshold != 1 {
				t.Errorf("%s: %s is raised at %s %v", s.path, a.name, a.operator, a.threshold)
			}
			if a.severity < 1 || a.severity > 3 {
				t.Errorf("%s: %s has the severity %v", s.path, a.name, a.severity)
			}
		}
	}
}

func TestOperationsPageListsEveryAlert(t *testing.T) {
	var want strings.Builder
	want.WriteString("| alert | severity | asked every | raised when |\n| --- | --- | --- | --- |\n")
	for _, a := range alerts(t, snapshotOf(t, "infra/test/one.snapshot.json")) {
		every := map[string]string{"PT5M": "5 minutes", "PT15M": "15 minutes", "PT1H": "hour"}[a.every]
		fmt.Fprintf(&want, "| `%s` | %v | %s | %s |\n", a.name, a.severity, every, a.title)
	}
	_, rest, found := strings.Cut(readFile(t, "docs/operations.md"), "<!-- alerts -->\n")
	got, _, closed := strings.Cut(rest, "<!-- /alerts -->")
	if !found || !closed || got != want.String() {
		t.Errorf("the list of alerts in docs/operations.md should be\n%s", want.String())
	}
}

// The portal shows an empty page, without an error, where the workbook is not what it expects.
func TestWorkbookIsWhatThePortalReads(t *testing.T) {
	for _, s := range snapshots(t, allLayouts) {
		version, items := workbook(t, s)
		if version != "Notebook/1.0" {
			t.Errorf("%s: the version is %q", s.path, version)
		}
		kinds := map[int]int{}
		for _, item := range items {
			kinds[item.Type]++
			content := item.Content
			switch item.Type {
			case 1:
				if content.JSON == "" {
					t.Errorf("%s: %s has no text", s.path, item.Name)
				}
			case 3:
				if content.Version != "KqlItem/1.0" || content.Query == "" ||
					content.TimeContextFromParameter != "TimeRange" || content.Visualization == "" {
					t.Errorf("%s: %s is not a query that is shown: %+v", s.path, item.Name, content)
				}
			case 9:
				if len(content.Parameters) != 1 || content.Parameters[0].Name != "TimeRange" ||
					content.Parameters[0].Value.DurationMs == 0 {
					t.Errorf("%s: %s has no time range: %+v", s.path, item.Name, content)
				}
			default:
				t.Errorf("%s: %s is of type %d", s.path, item.Name, item.Type)
			}
		}
		if kinds[3] != len(queries(t, "workbook")) || kinds[9] != 1 {
			t.Errorf("%s: the workbook has items %v", s.path, kinds)
		}
	}
}

// Sampling drops lines at random, and an alert may depend on a single line.
func TestHostKeepsEveryLine(t *testing.T) {
	content, err := os.ReadFile(root + "/host.json")
	if err != nil {
		t.Fatal(err)
	}
	var host struct {
		Logging struct {
			LogLevel            map[string]string
			ApplicationInsights struct {
				SamplingSettings struct {
					IsEnabled     bool
					ExcludedTypes string
				}
			}
		}
	}
	err = json.Unmarshal(content, &host)
	if err != nil {
		t.Fatal(err)
	}
	sampling := host.Logging.ApplicationInsights.SamplingSettings
	if sampling.IsEnabled && !slices.Contains(strings.Split(sampling.ExcludedTypes, ";"), "Trace") {
		t.Error("the host samples traces")
	}
	if host.Logging.LogLevel["default"] != "Information" {
		t.Error("the host drops the handler's lines, which have the level Information")
	}
}
