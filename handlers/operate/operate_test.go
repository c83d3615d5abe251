package operate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/azurite/azuritetest"
	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/policy/lint"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
)

var now = time.Date(2026, time.November, 23, 8, 0, 0, 0, time.UTC)

func row(partition, name string, cells ...any) policy.Raw {
	raw := policy.Raw{Partition: partition, Name: name, Columns: map[string]any{}}
	for i := 0; i < len(cells); i += 2 {
		raw.Columns[cells[i].(string)] = cells[i+1]
	}
	return raw
}

// newTable returns a table with the rows, in the storage emulator.
func newTable(t *testing.T, rows ...policy.Raw) *tables.Store {
	t.Helper()
	store, err := tables.New(tables.Config{ConnectionString: azuritetest.Shared(t).ConnectionString(), Prefix: azuritetest.Name("t")})
	if err != nil {
		t.Fatal(err)
	}
	must(t, store.Create(t.Context()))
	for _, row := range rows {
		must(t, store.PutRow(t.Context(), row))
	}
	return store
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func all(t *testing.T, table operate.Table) []policy.Raw {
	t.Helper()
	rows, err := table.AllRows(t.Context())
	must(t, err)
	return rows
}

// contents returns the table as "partition/name: action", by partition and name.
func contents(t *testing.T, table operate.Table) []string {
	t.Helper()
	lines := []string{}
	for _, row := range all(t, table) {
		lines = append(lines, fmt.Sprintf("%s/%s: %v", row.Partition, row.Name, row.Columns["Action"]))
	}
	return lines
}

// export returns the rows as an edited file; edits are pairs of old and new texts.
func export(t *testing.T, rows []policy.Raw, edits ...string) []rowfile.Row {
	t.Helper()
	var file bytes.Buffer
	must(t, rowfile.Write(&file, rows, ','))
	text := file.String()
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("the file does not hold %q", edits[i])
		}
		text = strings.ReplaceAll(text, edits[i], edits[i+1])
	}
	read, err := rowfile.Read(strings.NewReader(text))
	must(t, err)
	return read
}

func plan(t *testing.T, table operate.Table, file []rowfile.Row, options operate.PlanOptions) operate.Plan {
	t.Helper()
	plan, err := operate.NewPlan(t.Context(), all(t, table), file, options, now)
	must(t, err)
	return plan
}

func memory(t *testing.T, rows []policy.Raw) request.Decider {
	t.Helper()
	decider, err := operate.MemoryDecider(rows)
	must(t, err)
	return decider
}

func names(changes []operate.Change) []string {
	lines := []string{}
	for _, change := range changes {
		lines = append(lines, string(change.Kind)+" "+change.Partition+"/"+change.Name)
	}
	return lines
}

func same[T any](t *testing.T, what string, want, got T, options ...cmp.Option) {
	t.Helper()
	diff := cmp.Diff(want, got, append(options, cmpopts.EquateEmpty())...)
	if diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// manyStrays are rows that deny people under misspelt addresses, more than can be listed, and one
// that invites everybody at their domain.
func manyStrays() []policy.Raw {
	rows := []policy.Raw{row("fabrikam.com", "supplier", "Action", "invite")}
	for n := range 400 {
		rows = append(rows, row(fmt.Sprintf("Mallory%03d@Fabrikam.com", n), "left", "Action", "deny"))
	}
	return rows
}

func TestTooManyStraysSendEverybodyToReviewInAppAndInExplain(t *testing.T) {
	store := memstore.New()
	for _, raw := range manyStrays() {
		must(t, store.PutRow(t.Context(), raw))
	}
	app := request.Decider{Rows: store, Strays: request.StrayFinder{Store: store}, Seats: request.FreeSeats{}}
	for _, email := range []string{"mallory000@fabrikam.com", "mallory399@fabrikam.com", "ana@fabrikam.com"} {
		address, err := submission.ParseAddress(email)
		must(t, err)
		for who, decider := range map[string]request.Decider{"the app": app, "explain": memory(t, manyStrays())} {
			d, err := decider.Decide(t.Context(), submission.Submission{Email: address}, now)
			if err != nil || d.Action != policy.Review {
				t.Errorf("%s: %s decides %s: %s, %v", email, who, d.Action, d.Reason, err)
			}
		}
	}
}

func TestDoctorSaysThatTooManyStraysSendEverybodyToReview(t *testing.T) {
	says := func(rows []policy.Raw) bool {
		return slices.ContainsFunc(operate.CheckRows(rows), func(c operate.Check) bool {
			return c.Health == operate.Broken && strings.Contains(c.Found, "everybody goes to review")
		})
	}
	if !says(manyStrays()) || says(manyStrays()[:50]) {
		t.Error("doctor says it of other numbers of rows")
	}
}

func TestList(t *testing.T) {
	var got []string
	for _, summary := range operate.List([]policy.Raw{
		row("*", "last", "Action", "review"),
		row("*.contoso.com", "below", "Action", "review"),
		row("contoso.com", "b", "Action", "invite", "Priority", int32(7)),
		row("contoso.com", "a", "Action", "invite", "Priority", int32(7)),
		row("contoso.com", "off and faulty", "Action", "maybe", "Enabled", false, "Priority", int32(900)),
		row("contoso.com", "faulty", "Action", "maybe", "Priority", int32(900)),
		row("ana@contoso.com", "one", "Action", "deny"),
	}) {
		got = append(got, fmt.Sprintf("%s/%s %s %d", summary.Partition, summary.Name, summary.Action, summary.Faults))
	}
	same(t, "the order", []string{
		"ana@contoso.com/one deny 0", "contoso.com/faulty  1", "contoso.com/a invite 0", "contoso.com/b invite 0",
		"contoso.com/off and faulty  1", "*.contoso.com/below review 0", "*/last review 0",
	}, got)
}

func TestShow(t *testing.T) {
	until := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	raw := row("contoso.com", "partners", "Action", "INVITE", "Priority", "ten", "NotAfter", until,
		"Groups", "11111111-1111-4111-8111-111111111111; 22222222-2222-4222-8222-222222222222", "Unheard", int64(5), "SendInvitation", "No",
		"Proof", "CODE")
	raw.ETag = `W/"datetime'2026-11-23T08%3A00%3A00Z'"`
	detail, found := operate.Show([]policy.Raw{row("*", "other"), raw}, "contoso.com", "partners")
	if !found || detail.Version != "2026-11-23T08:00:00Z" {
		t.Fatalf("found = %t, version = %q", found, detail.Version)
	}
	got := map[string]operate.ColumnValue{}
	for i, column := range detail.Columns {
		if i < len(policy.Columns()) && column.Column != policy.Columns()[i].Name {
			t.Errorf("column %d is %s, want the order of policy.Columns", i, column.Column)
		}
		got[column.Column] = column
	}
	for _, want := range []operate.ColumnValue{
		{Column: "Action", Known: true, Set: true, Type: "String", Text: "INVITE", Reading: "invite"},
		{Column: "Enabled", Known: true, Reading: "true"},
		{Column: "Priority", Known: true, Set: true, Type: "String", Text: "ten", Faulty: true},
		{Column: "NotBefore", Known: true},
		{Column: "NotAfter", Known: true, Set: true, Type: "DateTime", Text: "2026-12-31T00:00:00Z", Reading: "2026-12-31T00:00:00Z"},
		{Column: "Groups", Known: true, Set: true, Type: "String",
			Text:    "11111111-1111-4111-8111-111111111111; 22222222-2222-4222-8222-222222222222",
			Reading: "11111111-1111-4111-8111-111111111111, 22222222-2222-4222-8222-222222222222"},
		{Column: "UserType", Known: true, Reading: "Guest"},
		{Column: "Proof", Known: true, Set: true, Type: "String", Text: "CODE", Reading: "code"},
		{Column: "InvitationMail", Known: true},
		{Column: "SendInvitation", Known: true, Set: true, Type: "String", Text: "No", Reading: "none"},
		{Column: "Note", Known: true},
		{Column: "Unheard", Set: true, Type: "Int64", Text: "5", Faulty: true},
	} {
		same(t, "column "+want.Column, want, got[want.Column])
	}
	if len(detail.Faults) != 2 || detail.Faults[0].Column != "Priority" || detail.Faults[1].Column != "Unheard" {
		t.Errorf("the faults are %v, want those of Priority and Unheard", detail.Faults)
	}
	for _, column := range []string{"InviteCode", "Invitecod", "invit_code", "InvitCdoe"} {
		secret := row("contoso.com", "partners", "Action", "invite", column, "spring-2026")
		detail, _ := operate.Show([]policy.Raw{secret}, "contoso.com", "partners")
		text, err := json.Marshal(detail)
		must(t, err)
		if strings.Contains(string(text), "spring") {
			t.Errorf("column %s: %s", column, text)
		}
	}
	_, found = operate.Show([]policy.Raw{raw}, "contoso.com", "Partners")
	if found {
		t.Error("a name in other letters was found")
	}
}

func TestQuestion(t *testing.T) {
	q := operate.Question{
		Email: " Ana@Contoso.COM ", Name: "  Ana Maria  Silva", Company: "Contoso", Country: "pt", Reason: "a\r\nb", Language: "PT-br", Code: "Spring 2026",
	}
	s, missing, err := q.Submission(now)
	must(t, err)
	in := submission.Input{
		Email: q.Email, GivenName: "Ana Maria", FamilyName: "Silva", Company: q.Company, Country: q.Country, Reason: q.Reason, Language: q.Language, InviteCode: q.Code,
	}
	want, err := in.Submission(now)
	must(t, err)
	equal := cmp.Comparer(func(a, b submission.Address) bool { return a == b })
	same(t, "the submission is not what the form makes of it", want, s, equal)
	same(t, "missing", nil, missing)

	s, missing, err = operate.Question{Email: "ana@contoso.com", Name: "Silva"}.Submission(now)
	must(t, err)
	same(t, "missing", []string{"given name", "company"}, missing)
	if s.GivenName != "" || s.FamilyName != "Silva" || s.Company != "" {
		t.Errorf("what was not given is not empty: %+v", s)
	}

	_, _, err = operate.Question{Email: "ana", Country: "Portugal"}.Submission(now)
	if problem.CodeOf(err) != problem.InvalidInput || len(operate.Refusals(err)) != 2 {
		t.Errorf("got %v, want refusals of the address and the country", err)
	}
}

// TestExplainDecidesLikeWorker compares rows that are read for the address, and rows in memory.
func TestExplainDecidesLikeWorker(t *testing.T) {
	rows := []policy.Raw{
		row("contoso.com", "partners", "Action", "invite", "NotAfter", "2026-11-30"),
		row("*.contoso.com", "below", "Action", "deny"),
		row("*", "everybody", "Action", "review"),
	}
	table := newTable(t, rows...)
	for _, address := range []string{"ana@contoso.com", "ana@sub.contoso.com", "ana@fabrikam.com"} {
		for _, at := range []time.Time{now, now.AddDate(0, 1, 0)} {
			s, _, err := operate.Question{Email: address}.Submission(at)
			must(t, err)
			queue := request.Decider{Rows: table, Seats: table}
			want, err := queue.Decide(t.Context(), s, at)
			must(t, err)
			for name, decider := range map[string]request.Decider{"the table": queue, "memory": memory(t, rows)} {
				got, err := operate.Explain(t.Context(), decider, operate.Question{Email: address}, at)
				must(t, err)
				same(t, address+" by "+name, want, got.Decision, cmpopts.IgnoreFields(policy.RowSnapshot{}, "ETag"))
				same(t, address+" partitions", policy.Partitions(s.Email), got.Partitions)
			}
		}
	}
}

func TestExplainCountsSeats(t *testing.T) {
	limited := row("contoso.com", "partners", "Action", "invite", "MaxGuests", int32(1))
	table := newTable(t, limited)
	id, err := submission.NewID(now, strings.NewReader("0123456789abcdef"))
	must(t, err)
	limits := policy.Limits{Row: policy.RowKey{Partition: "contoso.com", Name: "partners"}, MaxGuests: 1}
	taken, err := table.TakeSeat(t.Context(), limits, policy.Day(now), id)
	must(t, err)
	if !taken {
		t.Fatal("the first seat is taken already")
	}
	for name, test := range map[string]struct {
		decider request.Decider
		want    policy.Action
	}{
		"the table's":                  {request.Decider{Rows: table, Seats: table}, policy.Review},
		"a file's, which are all free": {memory(t, []policy.Raw{limited}), policy.Invite},
	} {
		e, err := operate.Explain(t.Context(), test.decider, operate.Question{Email: "ana@contoso.com"}, now)
		must(t, err)
		if e.Decision.Action != test.want {
			t.Errorf("by %s seats: %s, want %s", name, e.Decision.Action, test.want)
		}
	}
}

func TestReplay(t *testing.T) {
	before := []policy.Raw{
		row("contoso.com", "partners", "Action", "invite"),
		row("mallory@contoso.com", "one", "Action", "deny"),
		row("*", "everybody", "Action", "review"),
		row("fabrikam.com", "until spring", "Action", "invite", "NotAfter", "2026-03-31"),
	}
	past := func(address string, at time.Time) request.Request {
		s, _, err := operate.Question{Email: address}.Submission(at)
		must(t, err)
		decision, err := memory(t, before).Decide(t.Context(), s, at)
		must(t, err)
		id, err := submission.NewID(at, strings.NewReader(fmt.Sprintf("%-16.16s", address)))
		must(t, err)
		return request.Request{ID: id, Submission: s, Decision: &decision}
	}
	erased := past("gone@contoso.com", now)
	erased.Submission = submission.Submission{}
	undecided := past("new@contoso.com", now)
	undecided.Decision = nil
	requests := []request.Request{
		undecided, erased, past("ana@contoso.com", now), past("mallory@contoso.com", now), past("bob@contoso.com", now), past("carla@adatum.com", now),
		past("dora@fabrikam.com", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)),
	}
	replay := func(c operate.ReplayConfig) (operate.Replay, []string) {
		t.Helper()
		c.Requests = requests
		replay, err := operate.NewReplay(t.Context(), c)
		must(t, err)
		var lines []string
		for _, change := range replay.Changes {
			line := fmt.Sprintf("%s %s/%s -> %s %s/%s:", change.Was.Action, change.Was.Partition, change.Was.Row,
				change.Becomes.Action, change.Becomes.Partition, change.Becomes.Row)
			for _, record := range change.Requests {
				line += " " + record.Address
			}
			lines = append(lines, line)
		}
		return replay, lines
	}

	got, lines := replay(operate.ReplayConfig{Decider: memory(t, before)})
	same(t, "the rows as they were", nil, lines)
	want := operate.Replay{Requests: 7, Erased: 1, Undecided: 1, Same: 5}
	same(t, "counts", want, got)

	// Another group is a change, another name of the deciding row is not.
	edited := []policy.Raw{
		row("contoso.com", "partners", "Action", "invite", "Groups", "11111111-1111-4111-8111-111111111111"),
		row("mallory@contoso.com", "one", "Action", "review"),
		row("*", "all", "Action", "review"),
		before[3],
	}
	got, lines = replay(operate.ReplayConfig{Decider: memory(t, edited)})
	same(t, "edited rows", []string{
		"invite contoso.com/partners -> invite contoso.com/partners: a***@contoso.com b***@contoso.com",
		"deny m***@contoso.com/one -> review m***@contoso.com/one: m***@contoso.com",
	}, lines)
	if got.Same != 2 {
		t.Errorf("%d are the same, want 2", got.Same)
	}
	text, err := json.Marshal(got)
	must(t, err)
	if strings.Contains(string(text), "ana@") || strings.Contains(string(text), "mallory@") {
		t.Errorf("there is an address in %s", text)
	}
	_, lines = replay(operate.ReplayConfig{Decider: memory(t, edited), ShowAddresses: true})
	same(t, "with addresses", []string{
		"invite contoso.com/partners -> invite contoso.com/partners: ana@contoso.com bob@contoso.com",
		"deny mallory@contoso.com/one -> review mallory@contoso.com/one: mallory@contoso.com",
	}, lines)

	// With Before, the recorded decisions do not matter.
	_, lines = replay(operate.ReplayConfig{Decider: memory(t, edited), Before: new(memory(t, edited))})
	same(t, "rows against themselves", nil, lines)
	_, lines = replay(operate.ReplayConfig{Decider: memory(t, before), Before: new(memory(t, nil))})
	same(t, "rows against none", []string{
		"review / -> invite contoso.com/partners: a***@contoso.com b***@contoso.com",
		"review / -> deny m***@contoso.com/one: m***@contoso.com",
		"review / -> invite fabrikam.com/until spring: d***@fabrikam.com",
	}, lines)
}

func TestApply(t *testing.T) {
	table := newTable(t,
		row("contoso.com", "a", "Action", "review"), row("contoso.com", "b", "Action", "review"),
		row("fabrikam.com", "c", "Action", "review"), row("*", "d", "Action", "review"))
	before := all(t, table)
	file := export(t, before, "fabrikam.com,c,", "adatum.com,new,,invite\r\nfabrikam.com,c,")
	file = slices.DeleteFunc(file, func(row rowfile.Row) bool { return row.Name == "c" })
	for i := range file {
		if file[i].Name == "a" {
			file[i].Columns["Action"] = "deny"
		}
	}

	p := plan(t, table, file, operate.PlanOptions{})
	same(t, "without deleting", []string{"added adatum.com/new", "changed contoso.com/a"}, names(p.Changes))
	if p.Kept != 1 || p.Unchanged != 2 {
		t.Errorf("kept %d, unchanged %d, want 1 and 2", p.Kept, p.Unchanged)
	}
	p = plan(t, table, file, operate.PlanOptions{Delete: true})
	same(t, "the plan", []string{"added adatum.com/new", "changed contoso.com/a", "removed fabrikam.com/c"}, names(p.Changes))
	same(t, "new errors", nil, p.NewErrors)
	applied, err := operate.Apply(t.Context(), table, p)
	must(t, err)
	same(t, "written, what is only deleted last", []string{"added adatum.com/new", "changed contoso.com/a", "removed fabrikam.com/c"}, names(applied.Written))
	same(t, "the table", []string{"*/d: review", "adatum.com/new: invite", "contoso.com/a: deny", "contoso.com/b: review"}, contents(t, table))

	// And back again.
	old := export(t, before)
	p = plan(t, table, old, operate.PlanOptions{Delete: true})
	if len(p.Conflicts()) == 0 {
		t.Error("an older export meets no conflict")
	}
	_, err = operate.Apply(t.Context(), table, p)
	if problem.CodeOf(err) != problem.Conflict {
		t.Errorf("a plan with conflicts: got %v", err)
	}
	same(t, "the table", []string{"*/d: review", "adatum.com/new: invite", "contoso.com/a: deny", "contoso.com/b: review"}, contents(t, table))
	_, err = operate.Apply(t.Context(), table, plan(t, table, old, operate.PlanOptions{Delete: true, Overwrite: true}))
	must(t, err)
	same(t, "the table", before, all(t, table), cmpopts.IgnoreFields(policy.Raw{}, "ETag"))
}

func TestPlanHasOnlyNewErrors(t *testing.T) {
	table := newTable(t, row("contoso.com", "wrong before", "Action", "maybe"), row("*", "fine", "Action", "review"))
	p := plan(t, table, export(t, all(t, table), ",review,", ",nonsense,"), operate.PlanOptions{})
	var rules []string
	for _, finding := range p.NewErrors {
		rules = append(rules, finding.Partition+" "+finding.Rule)
		if finding.Severity != lint.Error {
			t.Errorf("%s is not an error", finding.Rule)
		}
	}
	same(t, "the errors", []string{"* invalid-action"}, rules)
}

// meddler is a table that somebody else changes: before runs once, before the first change of
// rows.
type meddler struct {
	*tables.Store
	before func()
	// deaf loses the answer to the first change, which looks like a conflict when the SDK retries
	// it.
	deaf bool
}

func (m *meddler) ChangeRows(ctx context.Context, add, replace, remove []policy.Raw) error {
	if m.before != nil {
		m.before()
		m.before = nil
	}
	if m.deaf {
		m.deaf = false
		err := m.Store.ChangeRows(ctx, add, replace, remove)
		if err != nil {
			return err
		}
	}
	return m.Store.ChangeRows(ctx, add, replace, remove)
}

func TestApplyWithConcurrentChanges(t *testing.T) {
	for name, test := range map[string]struct {
		meddle func(t *testing.T, table *tables.Store)
		moved  string
	}{
		"a row is changed": {
			func(t *testing.T, table *tables.Store) {
				must(t, table.PutRow(t.Context(), row("contoso.com", "a", "Action", "deny")))
			},
			"contoso.com/a was changed by somebody else in the meantime",
		},
		"a row is deleted": {
			func(t *testing.T, table *tables.Store) {
				must(t, table.ChangeRows(t.Context(), nil, nil, all(t, table)[2:3]))
			},
			"contoso.com/b was deleted by somebody else in the meantime",
		},
		"a row is made": {
			func(t *testing.T, table *tables.Store) {
				must(t, table.PutRow(t.Context(), row("contoso.com", "new", "Action", "deny")))
			},
			"contoso.com/new was created by somebody else in the meantime",
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := &meddler{Store: newTable(t, row("*", "d", "Action", "review"), row("contoso.com", "a", "Action", "review"), row("contoso.com", "b", "Action", "review"))}
			file := export(t, all(t, table), ",review,", ",invite,", "contoso.com,a,", "contoso.com,new,,review\r\ncontoso.com,a,")
			p := plan(t, table, file, operate.PlanOptions{})
			var meddled []policy.Raw
			table.before = func() {
				test.meddle(t, table.Store)
				meddled = all(t, table)
			}
			applied, err := operate.Apply(t.Context(), table, p)
			if problem.CodeOf(err) != problem.Conflict {
				t.Fatalf("got %v, want a conflict", err)
			}
			same(t, "written", []string{"changed */d"}, names(applied.Written))
			if len(applied.Moved) != 1 || len(applied.Unwritten) != 2 {
				t.Fatalf("%d moved and %d unwritten, want 1 and 2", len(applied.Moved), len(applied.Unwritten))
			}
			moved := applied.Moved[0]
			same(t, "moved", test.moved, moved.Partition+"/"+moved.Name+" "+moved.Conflict)
			untouched := func(rows []policy.Raw) []policy.Raw {
				return slices.DeleteFunc(rows, func(row policy.Raw) bool { return row.Partition != "contoso.com" })
			}
			same(t, "the partition was changed in part", untouched(meddled), untouched(all(t, table)))
		})
	}
}

// TestApplyRecognisesOwnWriteAfterLostAnswer loses an answer: the repeated change is refused
// because it has happened.
func TestApplyRecognisesOwnWriteAfterLostAnswer(t *testing.T) {
	table := &meddler{Store: newTable(t, row("*", "a", "Action", "review"), row("*", "b", "Action", "review")), deaf: true}
	file := export(t, all(t, table), "*,a,", "*,new,,deny\r\n*,a,")
	file = slices.DeleteFunc(file, func(row rowfile.Row) bool { return row.Name == "a" })
	applied, err := operate.Apply(t.Context(), table, plan(t, table, file, operate.PlanOptions{Delete: true, Overwrite: true}))
	must(t, err)
	same(t, "written", []string{"removed */a", "added */new"}, names(applied.Written))
	same(t, "not written", nil, names(applied.Unwritten))
	same(t, "the table", []string{"*/b: review", "*/new: deny"}, contents(t, table))
}

func TestApplyInBatches(t *testing.T) {
	var rows []policy.Raw
	for i := range policy.MaxChanges + 20 {
		rows = append(rows, row("contoso.com", fmt.Sprintf("%04d", i), "Action", "review", "Priority", int32(i)))
	}
	table := newTable(t)
	var file []rowfile.Row
	for _, row := range rows {
		file = append(file, rowfile.Row{Raw: row})
	}
	p := plan(t, table, file, operate.PlanOptions{})
	applied, err := operate.Apply(t.Context(), table, p)
	must(t, err)
	if len(applied.Written) != len(rows) || len(all(t, table)) != len(rows) {
		t.Errorf("%d are written and %d in the table, want %d", len(applied.Written), len(all(t, table)), len(rows))
	}
}

func TestSamplesAreSafe(t *testing.T) {
	for _, row := range operate.Parse(operate.Samples()) {
		if len(row.Faults) > 0 {
			t.Errorf("%s/%s has faults: %v", row.Partition, row.Name, row.Faults)
		}
		if row.Action != policy.Review && !row.Disabled() {
			t.Errorf("%s/%s is on and does not say review", row.Partition, row.Name)
		}
	}
	for _, address := range []string{"ana@contoso.com", "ana@sub.contoso.com", "mallory@contoso.com", "ana@fabrikam.com"} {
		e, err := operate.Explain(t.Context(), memory(t, operate.Samples()), operate.Question{Email: address}, now)
		must(t, err)
		if e.Decision.Action != policy.Review || e.Decision.Row == nil {
			t.Errorf("%s: %s", address, e.Decision.Reason)
		}
	}
}

func TestInit(t *testing.T) {
	table := newTable(t)
	written, err := operate.Init(t.Context(), table, false)
	must(t, err)
	if len(written) != len(operate.Samples()) {
		t.Errorf("%d rows were written, want %d", len(written), len(operate.Samples()))
	}
	edited := row("*", "everybody", "Action", "deny")
	must(t, table.PutRow(t.Context(), edited))
	_, err = operate.Init(t.Context(), table, false)
	if problem.CodeOf(err) != problem.Conflict {
		t.Errorf("a table with rows: got %v", err)
	}
	must(t, table.ChangeRows(t.Context(), nil, nil, all(t, table)[1:2]))
	written, err = operate.Init(t.Context(), table, true)
	must(t, err)
	if len(written) != 1 || !slices.Contains(contents(t, table), "*/everybody: deny") {
		t.Errorf("%d rows were written, want the one that was missing; the table has %v", len(written), contents(t, table))
	}
}

// TestShowReadsEveryColumn writes the example of each column into a row of its own. What is
// understood must not look as if it were read as nothing.
func TestShowReadsEveryColumn(t *testing.T) {
	for _, column := range policy.Columns() {
		cells := []any{"Action", "review", column.Name, column.Example}
		if column.Name == policy.ActionColumn {
			cells = cells[2:]
		}
		detail, found := operate.Show([]policy.Raw{row("contoso.com", "partners", cells...)}, "contoso.com", "partners")
		if !found {
			t.Fatal("the row is not found")
		}
		for _, shown := range detail.Columns {
			if shown.Column == column.Name && (!shown.Set || shown.Faulty || shown.Reading == "") {
				t.Errorf("%s: set %t, faulty %t, read as %q", column.Name, shown.Set, shown.Faulty, shown.Reading)
			}
		}
	}
}
