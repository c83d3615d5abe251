package reviews

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/policy/lint"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/site"
)

const (
	// maxRows is how many policy rows a page reads at most: two calls of Table Storage.
	maxRows = 2000
	// rowsPerPage is how many of them it lists.
	rowsPerPage = 100
)

// Policies reads policy rows for people.
type Policies interface {
	// FirstRows returns at most limit policy rows with their ETags, those with the first keys, and
	// whether there are more.
	FirstRows(ctx context.Context, limit int) (rows []policy.Raw, more bool, err error)
}

// hashOf names a policy row in addresses of pages, which can't hold its partition: that may be
// somebody's address. It is 32 characters of hex.
func hashOf(key policy.RowKey) string {
	sum := sha256.Sum256([]byte("policy row\n" + strconv.Quote(key.Partition) + strconv.Quote(key.Name)))
	return hex.EncodeToString(sum[:16])
}

func pathOfRow(key policy.RowKey) string { return policiesPath + "/" + hashOf(key) }

// maskedPartition returns the partition of a row for a list.
func maskedPartition(x *site.Exchange, partition string) string {
	if !strings.Contains(partition, "@") {
		return partition
	}
	address, err := submission.ParseAddress(partition)
	if err != nil {
		return "***@***"
	}
	return x.Isolated(address.Masked())
}

// policiesContent is what policies.html gets.
type policiesContent struct {
	account
	Rows    []rowContent
	Cut     bool // there are more rows than a page reads, and they are not checked
	General []lint.Finding
	Replay  string // where the page is on which sign-ups are decided again
	More    string // where the next page is, "" for none
	First   string // where the first page is, "" on that
}

// rowContent is a policy row in a list.
type rowContent struct {
	Path      string
	Partition string // masked
	Name      string
	Action    string // empty if it can't be understood
	Priority  int
	State     string // in words
	Findings  string // how many by severity, in English; "" for none
}

// policies lists the policy rows, in the order in which they are tried.
func (p *pages) policies(x *site.Exchange, who person) {
	rows, cut, err := p.Policies.FirstRows(x.Request.Context(), maxRows)
	if err != nil {
		p.unavailable(x, "the policy rows can't be read", err)
		return
	}
	findings, err := p.check(x.Request.Context(), rows, cut)
	if err != nil {
		p.unavailable(x, "the policy rows can't be checked", err)
		return
	}
	content := &policiesContent{account: p.signedInAs(x, who), Cut: cut, Replay: replayPath}
	counts := map[policy.RowKey][]lint.Severity{}
	for _, f := range findings {
		if f.Row == "" {
			content.General = append(content.General, masked(x, f))
			continue
		}
		key := policy.RowKey{Partition: f.Partition, Name: f.Row}
		counts[key] = append(counts[key], f.Severity)
	}
	summaries := operate.List(rows)
	after := x.Request.URL.Query().Get(afterQuery)
	start := 1 + slices.IndexFunc(summaries, func(s operate.RowSummary) bool {
		return hashOf(policy.RowKey{Partition: s.Partition, Name: s.Name}) == after
	})
	end := min(start+rowsPerPage, len(summaries))
	for _, s := range summaries[start:end] {
		key := policy.RowKey{Partition: s.Partition, Name: s.Name}
		content.Rows = append(content.Rows, rowContent{
			Path: pathOfRow(key), Partition: maskedPartition(x, s.Partition), Name: s.Name, Action: s.Action, Priority: s.Priority,
			State: x.Say("review.policies.is." + p.stateOfRow(s)), Findings: counted(counts[key]),
		})
	}
	page := site.Page{Title: x.Say("review.toPolicies"), Path: policiesPath, Content: content}
	if start > 0 {
		content.First = policiesPath
		page.Keep = url.Values{afterQuery: {after}}
	}
	if end < len(summaries) {
		last := summaries[end-1]
		content.More = policiesPath + "?" + url.Values{afterQuery: {hashOf(policy.RowKey{Partition: last.Partition, Name: last.Name})}}.Encode()
	}
	x.Show(http.StatusOK, "policies.html", page)
}

// check returns what is wrong with the rows, as far as they alone tell. Without all rows nothing
// can be said.
func (p *pages) check(ctx context.Context, rows []policy.Raw, cut bool) ([]lint.Finding, error) {
	if cut {
		return nil, nil
	}
	return lint.Check(ctx, lint.Config{Rows: operate.Parse(rows), Now: p.Now()})
}

// masked returns a finding about a whole partition for a list.
func masked(x *site.Exchange, f lint.Finding) lint.Finding {
	shown := maskedPartition(x, f.Partition)
	if f.Partition != "" && shown != f.Partition {
		f.Problem, f.Advice = strings.ReplaceAll(f.Problem, f.Partition, shown), strings.ReplaceAll(f.Advice, f.Partition, shown)
	}
	f.Partition = shown
	return f
}

// stateOfRow returns the last part of the key of the text about when a row decides.
func (p *pages) stateOfRow(s operate.RowSummary) string {
	now := p.Now()
	switch {
	case !s.Enabled:
		return "off"
	case s.Mode == string(policy.Audit):
		return "audit"
	case !s.NotBefore.IsZero() && now.Before(s.NotBefore):
		return "later"
	case !s.NotAfter.IsZero() && !now.Before(s.NotAfter):
		return "over"
	}
	return "on"
}

// counted says in English how many findings of each severity there are.
func counted(severities []lint.Severity) string {
	var parts []string
	for _, severity := range []lint.Severity{lint.Error, lint.Warning, lint.Info} {
		n := 0
		for _, s := range severities {
			if s == severity {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+string(severity))
		}
	}
	return strings.Join(parts, ", ")
}

// policyContent is what policy.html gets.
type policyContent struct {
	account
	operate.RowDetail
	Columns  []columnContent
	Back     string
	Changed  moment
	Cut      bool // the row is not checked
	Findings []lint.Finding
	History  string // where the requests are that rows of the name decided, "" for nowhere
}

// columnContent is a column of a row.
type columnContent struct {
	operate.ColumnValue
	Named []named // the users and groups that it names
}

// columns returns the columns of the row, with the names of groups.
func (p *pages) columns(x *site.Exchange, who person, detail operate.RowDetail, row policy.Row) []columnContent {
	names := p.names(x, who, policy.Named([]policy.Raw{row.Raw}))
	var columns []columnContent
	for _, column := range detail.Columns {
		columns = append(columns, columnContent{column, names.show(row.IDs(column.Column))})
	}
	return columns
}

// policy shows one policy row.
func (p *pages) policy(x *site.Exchange, who person) {
	ctx := x.Request.Context()
	rows, cut, err := p.Policies.FirstRows(ctx, maxRows)
	if err != nil {
		p.unavailable(x, "the policy rows can't be read", err)
		return
	}
	hash := strings.TrimPrefix(strings.TrimSuffix(x.Request.URL.Path, "/"), policiesPath+"/")
	i := slices.IndexFunc(rows, func(raw policy.Raw) bool { return hashOf(raw.Key()) == hash })
	if i < 0 {
		p.unknown(x)
		return
	}
	key := rows[i].Key()
	findings, err := p.check(ctx, rows, cut)
	if err != nil {
		p.unavailable(x, "the policy rows can't be checked", err)
		return
	}
	content := &policyContent{account: p.signedInAs(x, who), Back: policiesPath, Cut: cut}
	content.RowDetail, _ = operate.Show(rows, key.Partition, key.Name)
	content.Columns = p.columns(x, who, content.RowDetail, policy.Parse(rows[i]))
	changed, err := time.Parse(time.RFC3339Nano, content.Version)
	if err == nil { // the version of a table; others say no time
		content.Changed = momentOf(changed)
	}
	for _, f := range findings {
		if f.Partition == key.Partition && (f.Row == key.Name || f.Row == "") {
			content.Findings = append(content.Findings, f)
		}
	}
	f, wrong := filterOf(func(name string) string { return map[string]string{rowQuery: key.Name}[name] })
	if who.may(seekers) && wrong == "" {
		content.History = historyAt(f.values())
	}
	title := x.With("review.policy.title", "Name", cmp.Or(key.Name, "–"))
	x.Show(http.StatusOK, "policy.html", site.Page{Title: title, Path: pathOfRow(key), Content: content})
}
