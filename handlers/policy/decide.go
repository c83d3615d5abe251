package policy

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/submission"
)

// Decide returns what happens to the submission, and why. The order of rows does not matter, and no
// argument is changed. usage must contain the counters of the rows that [Limited] lists. now must
// be in the years 0 to 9999, the range of JSON.
//
// The rules:
//
//   - Only rows count whose Partition is one of the [Partitions] of the submission's address, and
//     strays ([Strays]) that were likely meant for one. A stray counts in the most specific of these.
//   - The most specific partition that has an applicable row decides: the address, its domain,
//     the nearest wildcard, the next one, "*".
//   - Inside a partition, rows are tried by Priority, the smallest first, then by Name in byte
//     order.
//   - A disabled row ([Row.Disabled]) is skipped, whatever its faults.
//   - Any other row with a [Fault] is tried before all others of its partition and decides
//     Review, whatever its Action and times: a misspelt deny must not be skipped. Several such
//     rows go by Name. A partition and a name that come twice are a fault of both rows.
//   - A row is skipped before its NotBefore, from its NotAfter on, if its InviteCode is not the
//     submission's, and if its Condition is false. A Condition that errors decides Review.
//   - The first row that is not skipped decides: its Action is the decision's, and an invitation
//     has its Terms and Limits. An invitation and a review have its Proof.
//   - A row that would invite decides Review if its MaxGuests or MaxPerDay is used up by usage,
//     or if usage does not contain the row.
//   - A row that would invite decides Review if the submission's name looks like that of a service or
//     a role, such as "Microsoft Support", mixes alphabets, has letters that names seldom have, or
//     could be a web address.
//   - A row in audit mode is tried like any other, as if it were the only one in audit mode, and
//     never decides: it is Audited or Skipped. Its limits are ignored.
//   - If no row decides, the Action is Review.
//
// Looked has the rows in the order in which they were tried; the rows after the deciding one follow
// as Unneeded. It has at most 200 rows, fewer if the decision would exceed [MaxDecisionBytes].
//
// Reason and every Why hold no personal data and may be logged; Partition and Name may not.
func Decide(s submission.Submission, rows []Row, usage Usage, now time.Time) Decision {
	now = now.UTC()
	partitions := Partitions(s.Email)
	places := placesOf(partitions, rows)
	decision := Decision{Action: Review, At: now}
	asked := question{s.InviteCode, applicantOf(s), claimOf(s), usage, now}
	looks := make([]Look, len(places))
	decided := -1
	for i, p := range places {
		row := &rows[p.index]
		look := &looks[i]
		look.Partition, look.Name = clip(row.Partition, maxPartition), clip(row.Name, maxName)
		if decided >= 0 {
			look.Outcome, look.Why = Unneeded, "an earlier row decided"
		} else {
			c := p.candidate(rows)
			v := c.judge(asked)
			switch {
			case v.skipped != "":
				look.Outcome, look.Why = Skipped, v.skipped
			case row.Mode == Audit:
				look.Outcome, look.Why = Audited, clip(fmt.Sprintf("it would have decided: %s (%s)", v.action, v.why), maxWhy)
			default:
				decided = i
				look.Outcome, look.Why = Decided, clip(v.why, maxWhy)
				decision.decideBy(c, v)
			}
		}
	}
	switch {
	case decided >= 0:
	case partitions == nil:
		decision.Reason = "The submission has no address, so a person decides."
	case len(places) == 0:
		decision.Reason = "There is no row for this address, its domain, a wildcard above it or everybody, so a person decides."
	default:
		decision.Reason = fmt.Sprintf("None of the rows for this address (%d) applies now and is enforced, so a person decides.",
			len(places))
	}
	decision.list(looks, decided)
	return decision
}

// Unreadable returns the decision for a submission whose rows could not all be read: Review.
func Unreadable(now time.Time) Decision {
	const reason = "The policy rows could not be read, so a person decides."
	return Decision{Action: Review, Reason: reason, Looked: []Look{}, At: now.UTC()}
}

// question is what a row is tried with.
type question struct {
	code  submission.CodeHash
	who   *applicant
	claim string // see claimOf
	usage Usage
	now   time.Time
}

// verdict is the result of one row on a submission.
type verdict struct {
	skipped string // why the row does not apply; empty if it does
	action  Action
	why     string // why the row decides, as a clause
	// despite says why the row's own Action is not followed, if it is not, and detail adds to it.
	despite, detail string
	proof           Proof       // the row's, if it was understood and applies
	rules           ReviewRules // likewise
}

// judge returns the candidate's verdict.
func (c candidate) judge(q question) verdict {
	if c.row.Disabled() {
		return verdict{skipped: "it is disabled"}
	}
	if len(c.faults) > 0 {
		const despite = "can't be understood"
		detail := c.faults[0].String()
		if len(c.faults) > 1 {
			detail += fmt.Sprintf(" (and %d more)", len(c.faults)-1)
		}
		return verdict{action: Review, why: "it " + despite + ": " + detail, despite: despite, detail: detail}
	}
	skipped := c.row.idle(q.now)
	if skipped != "" {
		return verdict{skipped: skipped}
	}
	skipped, failed := c.unfit(q)
	switch {
	case skipped != "":
		return verdict{skipped: skipped}
	case failed != "":
		return verdict{action: Review, why: failed, despite: "can't tell whether it applies", detail: failed}
	}
	v := verdict{action: c.row.Action, why: "it is the first that applies"}
	if c.row.Action != Deny {
		v.proof, v.rules = c.row.Proof, c.row.Rules()
	}
	if c.row.Action == Invite && q.claim != "" {
		v.action, v.why, v.despite = Review, v.why+", but the name "+q.claim, "would invite, but the name "+q.claim
		return v
	}
	if c.row.Action != Invite || c.row.limits() == nil {
		return v
	}
	if c.row.Mode == Audit {
		v.why += "; its limits were not looked at"
		return v
	}
	spent := c.row.spent(q.usage)
	if spent != "" {
		v.action, v.why, v.despite = Review, v.why+", but "+spent, "would invite, but "+spent
	}
	return v
}

// unfit returns why a row without faults does not apply to the submission, or why it is unknown.
func (c candidate) unfit(q question) (skipped, failed string) {
	if c.row.InviteCode != "" && subtle.ConstantTimeCompare([]byte(c.row.InviteCode), []byte(q.code)) != 1 {
		if q.code == "" {
			return "it asks for an invite code and none was given", ""
		}
		return "it asks for another invite code than was given", ""
	}
	holds, failed := c.row.Condition.holds(q.who)
	if failed == "" && !holds {
		return "its condition does not hold", ""
	}
	return "", failed
}

// decideBy records the candidate's verdict as the decision.
func (d *Decision) decideBy(c candidate, v verdict) {
	name := "The " + called(c.row.Raw)
	d.Action, d.Proof, d.ReviewRules = v.action, v.proof, v.rules
	switch {
	case v.despite == "":
		d.Reason = clip(fmt.Sprintf("%s decides: %s.", name, v.action), maxReason)
	case v.detail == "":
		d.Reason = clip(fmt.Sprintf("%s %s, so a person decides.", name, v.despite), maxReason)
	default:
		d.Reason = clip(fmt.Sprintf("%s %s, so a person decides: %s.", name, v.despite, v.detail), maxReason)
	}
	if v.action == Invite {
		terms := c.row.Terms
		terms.Groups, terms.Sponsors = slices.Clone(terms.Groups), slices.Clone(terms.Sponsors)
		d.Terms = &terms
		d.Limits = c.row.limits()
	}
	d.Row = snapshot(c.row)
}

// candidate is a row that may decide, with its faults.
type candidate struct {
	row    *Row
	faults []Fault
}

// place is a row's place in the submission's partitions, without pointers for fast sorting.
type place struct {
	partition, rank, byName, index int32
	twice                          bool
}

// placesOf returns the places of the partitions' rows, in the order in which they are tried.
func placesOf(partitions []string, rows []Row) []place {
	places := make([]place, 0, len(rows))
	for i := range rows {
		partition := slices.Index(partitions, rows[i].Partition)
		if len(rows[i].For) > 0 {
			partition = slices.IndexFunc(partitions, rows[i].countsFor)
		}
		if partition >= 0 {
			places = append(places, place{partition: int32(partition), index: int32(i)})
		}
	}
	// Storage usually returns them in this order.
	slices.SortFunc(places, func(a, b place) int {
		if a.partition != b.partition {
			return cmp.Compare(a.partition, b.partition)
		}
		byName := strings.Compare(rows[a.index].Name, rows[b.index].Name)
		if byName != 0 {
			return byName
		}
		// A stray may have the name of a row of the partition.
		byKey := strings.Compare(rows[a.index].Partition, rows[b.index].Partition)
		if byKey != 0 {
			return byKey
		}
		return strings.Compare(rows[a.index].ETag, rows[b.index].ETag)
	})
	for i := range places {
		if i > 0 && rows[places[i-1].index].Key() == rows[places[i].index].Key() {
			places[i-1].twice, places[i].twice = true, true
		}
	}
	for i := range places {
		row := &rows[places[i].index]
		places[i].byName, places[i].rank = int32(i), int32(row.Rank(places[i].twice))
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.rank, b.rank), cmp.Compare(a.byName, b.byName))
	})
	return places
}

// candidate returns the row at the place, with its faults.
func (p place) candidate(rows []Row) candidate {
	row := &rows[p.index]
	c := candidate{row, row.Faults}
	if len(c.faults) == 0 && !row.sound() {
		c.faults = []Fault{{ActionColumn, "has not been read", "this is an error in the program; please report it"}}
	}
	if p.twice {
		c.faults = append(slices.Clip(c.faults), Fault{RowKeyColumn, "came twice for one partition",
			"there is nothing to do unless it happens again: the row was probably changed while it was read"})
	}
	return c
}

// sound reports whether the row has been read and has no faults.
func (r *Row) sound() bool {
	return len(r.Faults) == 0 && (r.Action == Invite || r.Action == Review || r.Action == Deny) && (r.Mode == Enforce || r.Mode == Audit)
}
