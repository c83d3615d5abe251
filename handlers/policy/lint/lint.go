package lint

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/maildomain"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

// Severity is the severity of a finding.
type Severity string

const (
	Error   Severity = "error"   // the row, or another because of it, can't do what it says
	Warning Severity = "warning" // the row does what it says, which is probably not intended
	Info    Severity = "info"    // nothing is wrong, but it is worth knowing
)

// Finding is something that is wrong with a row, or that its author should know.
//
// It is for the admin who wrote the rows: it can hold addresses. Partition, Row and Column are as
// typed, control characters included; Problem and Advice quote what they repeat.
type Finding struct {
	Partition string   `json:"partition"` // empty if it is not about a row
	Row       string   `json:"row"`       // the RowKey; empty if it is about the whole partition
	Column    string   `json:"column"`    // a column, PartitionKey or RowKey
	Severity  Severity `json:"severity"`
	Rule      string   `json:"rule"`    // one of Rules; it is the same in every version
	Problem   string   `json:"problem"` // what is wrong, in whole sentences
	Advice    string   `json:"advice"`  // what to write instead, in whole sentences
}

// Config is the input of a check.
type Config struct {
	Rows []policy.Row // all rows of the table
	Now  time.Time    // when the rows are to work: findings about the past are left out
	// NoReviewers says that the app has no group of reviewers: only those in the rows decide.
	NoReviewers bool
	// Directory, if set, is asked for the groups, sponsors and approvers of all rows except those
	// that are disabled, expired or deny, once for each.
	Directory Directory
	// Progress, if set, is called with the number of objects that were asked for, from 0 to total,
	// by the goroutine that called Check; not if there are none.
	Progress func(done, total int)
}

// Check returns all findings, by partition, the most specific first (addresses, domains,
// wildcards from the deepest, then "*"), then by row and column. Those without a row come last. A
// rule has at most one finding for a column of a row, except for several wrong entries of a
// column.
//
// Disabled rows have only their faults as findings. Rows that apply later, and those in audit
// mode, are checked like any other, except for what they would invite. The rows are not changed.
//
// The error is a *problem.Error: the directory could not be asked at all (with the code of its
// first failure), or ctx ended. The findings that need no directory are returned with it.
func Check(ctx context.Context, c Config) ([]Finding, error) {
	if c.Now.IsZero() {
		return nil, problem.New(problem.Internal, "checking policy rows: the time is not set")
	}
	k := newChecker(c)
	k.noReviewers = c.NoReviewers
	for _, p := range k.partitions {
		k.checkFaults(p)
		k.checkKey(p)
		if len(p.entries) <= policy.MaxRows { // otherwise none decides
			k.checkOrder(p)
		}
		for _, e := range p.entries {
			k.checkTerms(e)
			k.checkReview(e)
		}
		k.checkNeighbours(p)
	}
	var err error
	if c.Directory != nil {
		err = k.checkDirectory(ctx, c.Directory, c.Progress)
	}
	k.checkSecondPerson()
	sortFindings(k.findings)
	return k.findings, err
}

// checker is a check in progress.
type checker struct {
	now        time.Time
	severities map[string]Severity // of the rules
	partitions []*partition        // by key
	byKey      map[string]*partition
	freeMail   map[string]string
	disposable map[string]string
	findings   []Finding

	noReviewers bool
	decided     map[string]people // those who decide, by the ids in the rows; nil if it is not known
}

// partition is the rows of a PartitionKey, in the order in which policy tries them.
type partition struct {
	key     string
	entries []*entry
}

// entry is a row that is checked.
type entry struct {
	row  *policy.Row
	copy bool // another row has the same partition and name
}

func newChecker(c Config) *checker {
	k := &checker{
		now: c.Now.UTC(), severities: Rules(), byKey: map[string]*partition{}, findings: []Finding{},
		freeMail: maildomain.FreeMail(), disposable: maildomain.Disposable(),
	}
	for i := range c.Rows {
		row := &c.Rows[i]
		p := k.byKey[row.Partition]
		if p == nil {
			p = &partition{key: row.Partition}
			k.byKey[p.key] = p
			k.partitions = append(k.partitions, p)
		}
		p.entries = append(p.entries, &entry{row: row})
	}
	slices.SortFunc(k.partitions, func(a, b *partition) int { return strings.Compare(a.key, b.key) })
	for _, p := range k.partitions {
		slices.SortStableFunc(p.entries, func(a, b *entry) int {
			return cmp.Or(strings.Compare(a.row.Name, b.row.Name), strings.Compare(a.row.ETag, b.row.ETag))
		})
		for i, e := range p.entries[1:] {
			before := p.entries[i]
			if before.row.Name == e.row.Name {
				before.copy, e.copy = true, true
			}
		}
		slices.SortStableFunc(p.entries, func(a, b *entry) int { return cmp.Compare(a.row.Rank(a.copy), b.row.Rank(b.copy)) })
	}
	return k
}

// faulty reports whether the row can decide only review.
func (e *entry) faulty() bool { return e.copy || len(e.row.Faults) > 0 }

// sound reports whether the column was understood; otherwise the row has a default.
func (e *entry) sound(column string) bool {
	return !slices.ContainsFunc(e.row.Faults, func(f policy.Fault) bool { return f.Column == column })
}

// live reports whether the row is tried, now or later. One with a fault never expires.
func (k *checker) live(e *entry) bool { return !e.row.Disabled() && (e.faulty() || !k.expired(e)) }

func (k *checker) expired(e *entry) bool {
	return !e.row.NotAfter.IsZero() && !k.now.Before(e.row.NotAfter)
}

// alive returns the rows of the partition that decide, now or later, in their order.
func (k *checker) alive(key string) []*entry {
	p := k.byKey[key]
	if p == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.entries), func(e *entry) bool { return !k.live(e) || !enforced(e.row) })
}

// add records a finding about the row.
func (k *checker) add(e *entry, column, rule, problem, advice string) {
	k.record(e.row.Partition, e.row.Name, column, rule, problem, advice)
}

func (k *checker) record(partition, row, column, rule, problem, advice string) {
	k.findings = append(k.findings, Finding{
		Partition: partition, Row: row, Column: column,
		Severity: k.severities[rule], Rule: rule, Problem: problem, Advice: advice,
	})
}

func sortFindings(findings []Finding) {
	columns := policy.Columns()
	n := len(columns)
	// Unknown columns have the place 0, after all others.
	places := map[string]int{policy.PartitionKeyColumn: -n - 2, policy.RowKeyColumn: -n - 1}
	for i, c := range columns {
		places[c.Name] = i - n
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			compareKeys(a.Partition, b.Partition),
			strings.Compare(a.Row, b.Row),
			cmp.Compare(places[a.Column], places[b.Column]),
			strings.Compare(a.Column, b.Column),
			strings.Compare(a.Rule, b.Rule),
			strings.Compare(a.Problem, b.Problem),
			strings.Compare(a.Advice, b.Advice))
	})
}

// compareKeys orders partition keys, the most specific first.
func compareKeys(a, b string) int {
	depths := 0
	if policy.Breadth(a) == policy.ForWildcard {
		depths = cmp.Compare(strings.Count(b, "."), strings.Count(a, "."))
	}
	return cmp.Or(cmp.Compare(policy.Breadth(a), policy.Breadth(b)), depths, strings.Compare(a, b))
}
