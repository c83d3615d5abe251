package lint

import (
	"slices"
	"sort"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// alwaysDecides reports whether a row without faults decides whenever it is tried in its window.
func alwaysDecides(row *policy.Row) bool { return enforced(row) && guardOf(row) == guard{} }

// enforced reports whether the row decides: one in audit mode is only recorded.
func enforced(row *policy.Row) bool { return row.Mode != policy.Audit }

// guard is what a row requires of a submission.
type guard struct {
	condition string
	code      submission.CodeHash
}

func guardOf(row *policy.Row) guard { return guard{row.Condition.String(), row.InviteCode} }

// wider returns the guards that let through all that g does, by equality of conditions.
func (g guard) wider() []guard {
	guards := []guard{{}}
	if g.condition != "" {
		guards = append(guards, guard{condition: g.condition})
	}
	if g.code != "" {
		guards = append(guards, guard{code: g.code})
	}
	if g.condition != "" && g.code != "" {
		guards = append(guards, g)
	}
	return guards
}

// excludes reports whether no submission passes both, since nobody gives two codes.
func (g guard) excludes(other guard) bool {
	return g.code != "" && other.code != "" && g.code != other.code
}

// window is the time in which a row applies; to is exclusive.
type window struct{ from, to time.Time }

// forever is later than any NotAfter.
var forever = time.Date(20000, time.January, 1, 0, 0, 0, 0, time.UTC)

// window returns when the row applies from now on.
func (k *checker) window(e *entry) window {
	w := window{k.now, forever}
	if e.row.NotBefore.After(w.from) {
		w.from = e.row.NotBefore
	}
	if !e.row.NotAfter.IsZero() {
		w.to = e.row.NotAfter
	}
	return w
}

func (w window) covers(other window) bool { return !w.from.After(other.from) && !w.to.Before(other.to) }

// String returns the window as the end of a sentence.
func (w window) String() string {
	text := "from " + w.from.Format(time.RFC3339)
	if w.to.Equal(forever) {
		return text + " on"
	}
	return text + " to " + w.to.Format(time.RFC3339)
}

// order is what is known of the rows of a partition that were tried before.
type order struct {
	stuck    *entry             // the faulty row that is tried before all others
	decides  map[guard]timeline // which row decides when, among the rows with the same guard
	priority int
	tied     map[tie]timeline // the rows of that Priority
}

// tie groups rows of which one can represent the others.
type tie struct {
	action policy.Action
	guard  guard
}

// before returns the rows that always come before e, cut to its window.
func (o *order) before(e *entry, w window) []span {
	var all timeline
	for _, g := range guardOf(e.row).wider() {
		for _, s := range o.decides[g].within(w) {
			all.add(s.window, s.owner)
		}
	}
	return all
}

// pass records that e has been tried.
func (o *order) pass(e *entry, w window) {
	if !enforced(e.row) {
		return
	}
	g := guardOf(e.row)
	decides := o.decides[g]
	decides.add(w, e)
	o.decides[g] = decides
	t := tie{e.row.Action, g}
	tied := o.tied[t]
	tied.add(w, e)
	o.tied[t] = tied
}

// checkOrder finds rows that are never reached, and orders that are probably not intended.
func (k *checker) checkOrder(p *partition) {
	o := order{decides: map[guard]timeline{}, priority: -1, tied: map[tie]timeline{}}
	for _, e := range p.entries {
		switch {
		case e.row.Disabled():
		case e.faulty():
			if o.stuck == nil && enforced(e.row) {
				o.stuck = e
			}
		case k.expired(e):
			k.add(e, policy.NotAfterColumn, ruleExpired, "NotAfter has passed ("+e.row.NotAfter.Format(time.RFC3339)+"), so the row no longer applies.",
				"Write a later time, or remove the row.")
		case o.stuck != nil:
			k.add(e, policy.RowKeyColumn, ruleUnreachable,
				never(e)+": the row "+quoted(o.stuck.row.Name)+" of the same partition has a fault, so it comes first and sends everybody to review.",
				"Correct the row "+quoted(o.stuck.row.Name)+", or set its Enabled to false.")
		default:
			k.checkPlace(e, &o)
		}
	}
}

// checkPlace reports what the rows before e mean for it.
func (k *checker) checkPlace(e *entry, o *order) {
	if e.row.Priority != o.priority {
		o.priority = e.row.Priority
		clear(o.tied)
	}
	w := k.window(e)
	before := o.before(e, w)
	if covered(before, w) {
		k.addUnreachable(e, before)
		return
	}
	other := conflict(o.tied, e, w)
	switch {
	case !enforced(e.row): // it has no effect
	case other != nil:
		k.add(e, policy.PriorityColumn, ruleSamePriority,
			"The row "+quoted(other.row.Name)+" has the same Priority and says "+string(other.row.Action)+" where this one says "+string(e.row.Action)+". It comes first only because of its name.",
			"Give a smaller Priority to the row that is to come first.")
	case alwaysDecides(e.row): // a row with a guard is an exception
		k.checkOverlap(e, w, before)
	}
	o.pass(e, w)
}

// never begins a sentence on a row that is never tried.
func never(e *entry) string {
	if enforced(e.row) {
		return "The row never decides"
	}
	return "The row is never tried, so what it would decide is not recorded"
}

func (k *checker) addUnreachable(e *entry, before []span) {
	by, last := before[0].owner, before[len(before)-1].owner
	problem := never(e) + ": the row " + quoted(by.row.Name) + " of the same partition always comes first"
	if slices.ContainsFunc(before, func(s span) bool { return s.owner != by }) {
		problem = never(e) + ": rows of the same partition, from " + quoted(by.row.Name) + " to " + quoted(last.row.Name) + ", come first one after the other"
	}
	if by.row.Priority == e.row.Priority {
		problem += ", by its name, since both have the same Priority"
	}
	k.add(e, policy.PriorityColumn, ruleUnreachable, problem+".",
		"Give this row a smaller Priority if it is to come first, limit the time of the other, or remove this one.")
}

// conflict returns a row of the same Priority with another Action while e applies, or nil.
func conflict(tied map[tie]timeline, e *entry, w window) *entry {
	var found *entry
	g := guardOf(e.row)
	for t, line := range tied {
		if t.action == e.row.Action || t.guard.excludes(g) {
			continue
		}
		first, last := line.find(w)
		if first < last && (found == nil || line[first].owner.row.Name < found.row.Name) {
			found = line[first].owner
		}
	}
	return found
}

// checkOverlap finds a row with another Action whose window partly overlaps that of e.
func (k *checker) checkOverlap(e *entry, w window, before []span) {
	for _, s := range before {
		theirs := k.window(s.owner)
		if s.owner.row.Action == e.row.Action || w.covers(theirs) {
			continue
		}
		k.add(e, policy.NotBeforeColumn, ruleOverlap,
			"The row "+quoted(s.owner.row.Name)+" says "+string(s.owner.row.Action)+" where this one says "+string(e.row.Action)+", and both apply "+s.window.String()+". Then the other decides.",
			"If this row is to follow the other, let it begin when the other ends.")
		return
	}
}

// span is a window in which one row comes first.
type span struct {
	window
	owner *entry
}

// timeline is the spans of rows that come first, by time, without overlaps.
type timeline []span

// find returns the indexes of the spans that overlap w; last is exclusive.
func (t timeline) find(w window) (first, last int) {
	first = sort.Search(len(t), func(i int) bool { return t[i].to.After(w.from) })
	last = first + sort.Search(len(t)-first, func(i int) bool { return !t[first+i].from.Before(w.to) })
	return first, last
}

// within returns the spans that overlap w, cut to it.
func (t timeline) within(w window) []span {
	first, last := t.find(w)
	spans := slices.Clone(t[first:last])
	for i := range spans {
		spans[i].from = slices.MaxFunc([]time.Time{spans[i].from, w.from}, time.Time.Compare)
		spans[i].to = slices.MinFunc([]time.Time{spans[i].to, w.to}, time.Time.Compare)
	}
	return spans
}

// add gives the row those parts of w that no row has yet.
func (t *timeline) add(w window, owner *entry) {
	first, last := t.find(w)
	var filled []span
	at := w.from
	for _, s := range (*t)[first:last] {
		if at.Before(s.from) {
			filled = append(filled, span{window{at, s.from}, owner})
		}
		filled = append(filled, s)
		at = s.to
	}
	if at.Before(w.to) {
		filled = append(filled, span{window{at, w.to}, owner})
	}
	*t = slices.Replace(*t, first, last, filled...)
}

// covered reports whether the spans, which are cut to w, leave no gap in it.
func covered(spans []span, w window) bool {
	at := w.from
	for _, s := range spans {
		if at.Before(s.from) {
			return false
		}
		at = s.to
	}
	return !at.Before(w.to)
}
