package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/submission"
)

// Decide says what is to happen to the submission, and why. The order of rows does not matter, and no argument is
// changed. now must lie in the years 0 to 9999, which is what JSON can tell.
//
// These are the rules:
//
//   - Only rows whose Partition is one of [Partitions] of the submission's address are considered; the rest might as
//     well not be there.
//   - The most specific partition that has an applicable row decides: the address, its domain, the nearest wildcard,
//     the next one, "*".
//   - Inside a partition rows are tried by Priority, the smallest first, then by Name in the order of its bytes.
//   - A row that is plainly disabled ([Row.Disabled]) is skipped, whatever its faults.
//   - Any other row with a [Fault] stands before all others of its partition and decides Review, whatever its Action
//     and its times: neither can be trusted, and a deny that was misspelt must not be passed over. Several such rows go
//     by Name. A partition and a name that come twice are a fault of both.
//   - A row is skipped before its NotBefore and from its NotAfter on.
//   - The first row that is not skipped decides. Its Action is the decision's; an invitation has its Terms.
//   - Where no row decides, the Action is Review.
//
// Looked has the rows in the order in which they were tried. Those behind the one that decided follow as Unneeded, in
// the order in which they would have been tried. It has at most 200 rows, fewer where the decision would become larger
// than [MaxDecisionBytes]; Unlisted counts what is left out.
//
// Reason and every Why are free of personal data and fit for a log. Partition and Name in Looked and Row are not.
func Decide(s submission.Submission, rows []Row, now time.Time) Decision {
	now = now.UTC()
	partitions := Partitions(s.Email)
	candidates := candidatesOf(partitions, rows)
	decision := Decision{Action: Review, At: now}
	looks := make([]Look, 0, len(candidates))
	decided := -1
	for i, c := range candidates {
		look := Look{Partition: clip(c.row.Partition, maxPartition), Name: clip(c.row.Name, maxName)}
		idle := c.idle(now)
		switch {
		case decided >= 0:
			look.Outcome, look.Why = Unneeded, "an earlier row decided"
		case idle != "":
			look.Outcome, look.Why = Skipped, idle
		default:
			decided = i
			look.Outcome, look.Why = Decided, decision.decideBy(c)
		}
		looks = append(looks, look)
	}
	switch {
	case decided >= 0:
	case partitions == nil:
		decision.Reason = "The submission has no address, so a person decides."
	case len(candidates) == 0:
		decision.Reason = "There is no row for this address, its domain, a wildcard above it or everybody, so a person decides."
	default:
		decision.Reason = fmt.Sprintf("None of the rows for this address (%d) applies now, so a person decides.",
			len(candidates))
	}
	decision.list(looks, decided)
	return decision
}

// Unreadable returns the decision for a submission whose rows could not be read, or not all of them: Review.
func Unreadable(now time.Time) Decision {
	return Decision{
		Action: Review,
		Reason: "The policy rows could not be read, so a person decides.",
		Looked: []Look{},
		At:     now.UTC(),
	}
}

// decideBy makes the decision that of the candidate and returns why, for its Look.
func (d *Decision) decideBy(c candidate) string {
	d.Row = snapshot(c.row.Raw)
	name := "The " + called(c.row.Raw)
	if c.faults != nil {
		d.Action = Review
		more := ""
		if len(c.faults) > 1 {
			more = fmt.Sprintf(" (and %d more)", len(c.faults)-1)
		}
		why := clip("it can't be understood: "+c.faults[0].String()+more, maxWhy)
		d.Reason = clip(name+" can't be understood, so a person decides: "+c.faults[0].String()+more+".", maxReason)
		return why
	}
	d.Action = c.row.Action
	if c.row.Action == Invite {
		terms := c.row.Terms
		terms.Groups, terms.Sponsors = slices.Clone(terms.Groups), slices.Clone(terms.Sponsors)
		d.Terms = &terms
	}
	d.Reason = clip(fmt.Sprintf("%s decides: %s.", name, c.row.Action), maxReason)
	return "it is the first that applies"
}

// candidate is a row that may decide, with the faults that count.
type candidate struct {
	row       *Row
	faults    []Fault
	partition int // the partition's place, the most specific first
}

// candidatesOf returns the rows of the given partitions in the order in which they are to be tried.
func candidatesOf(partitions []string, rows []Row) []candidate {
	places := make(map[string]int, len(partitions))
	for i, partition := range partitions {
		places[partition] = i
	}
	var candidates []candidate
	for i := range rows {
		row := &rows[i]
		place, ours := places[row.Partition]
		if !ours {
			continue
		}
		c := candidate{row: row, faults: row.Faults, partition: place}
		if len(row.Faults) == 0 {
			c.faults = nil
			if row.Action != Invite && row.Action != Review && row.Action != Deny {
				c.faults = []Fault{{"Action", "has not been read", "this is an error in the program; please report it"}}
			}
		}
		candidates = append(candidates, c)
	}
	byName := func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(a.partition, b.partition),
			strings.Compare(a.row.Name, b.row.Name),
			strings.Compare(a.row.ETag, b.row.ETag))
	}
	slices.SortStableFunc(candidates, byName)
	same := func(i, j int) bool {
		return candidates[i].partition == candidates[j].partition && candidates[i].row.Name == candidates[j].row.Name
	}
	for i := range candidates {
		if i > 0 && same(i-1, i) || i+1 < len(candidates) && same(i, i+1) {
			candidates[i].faults = append(slices.Clip(candidates[i].faults), Fault{"RowKey", "came twice for one partition",
				"there is nothing to do unless it happens again: the row was probably changed while it was read"})
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.rank(), b.rank()))
	})
	return candidates
}

// idle returns why the candidate is skipped now, or "".
func (c candidate) idle(now time.Time) string {
	switch {
	case c.row.Disabled():
		return "it is disabled"
	case c.faults != nil:
		return ""
	default:
		return c.row.idle(now)
	}
}

// rank returns the candidate's place inside its partition, before the name counts.
func (c candidate) rank() int {
	if c.faults != nil && !c.row.Disabled() {
		return -1 // before every Priority
	}
	return c.row.Priority
}
