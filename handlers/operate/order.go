package operate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
)

// The order of a plan's writes. Only the rows of one storage partition change at once, so between
// two writes the table is in part as before and in part as planned. At no such moment may it invite
// somebody that neither the old rows nor the new ones invite, or on other terms: a plan can be
// interrupted for good.
//
// For one address, the first of its partitions with a row that applies decides. A partition whose
// change is written or not gives the old or the new answer. A mixture invites wrongly only if
//
//   - a partition q has changed and invites, and a more specific r that is to stop it has not:
//     so r goes before q, if r gains decisions
//   - r has lost the decision that stopped somebody, and a wider q still invites them:
//     so q goes before r, if r loses decisions
//   - one has lost a decision, another has not gained its own yet, and a wider one invites:
//     so what gains goes before what loses
//
// If no order fits, a partition is blocked first: a temporary row sends everybody in it to review
// until all of its changes are written. A blocked partition gives no old or new answer, so it takes
// no part in the above, and any order of blocking and unblocking is right.

// partitionChange is the change of one partition.
type partitionChange struct {
	key     string
	stray   bool     // the key matches no address
	scope   []string // the partitions in which its rows count
	changes []Change
	all     []policy.Raw // its rows before and after

	gains   bool // somebody that it did not decide on may be decided on
	loses   bool // somebody that it decided on may not be any more
	changed bool // decisions may change
	// Whether it may invite somebody before and after.
	invited, invites bool
	rank             int // which goes first where the order does not matter

	blocked bool
	after   map[*partitionChange]bool // what must be written later
	before  int                       // how many must be written earlier
}

// side is the rows of a partition at one time, as far as they can decide.
type side struct {
	rows    []policy.Row
	always  bool // somebody always decides
	invites bool
}

func sideOf(raws []policy.Raw) side {
	var s side
	for _, raw := range raws {
		row := policy.Parse(raw)
		if row.Disabled() || row.Mode == policy.Audit {
			continue
		}
		s.rows = append(s.rows, row)
		faulty := len(row.Faults) > 0
		unconditional := row.NotBefore.IsZero() && row.NotAfter.IsZero() && row.InviteCode == "" &&
			row.Condition.String() == ""
		s.always = s.always || faulty || unconditional
		s.invites = s.invites || !faulty && row.Action == policy.Invite
	}
	return s
}

// without returns the rows that other does not have in the same form.
func (s side) without(other side) []policy.Row {
	return slices.DeleteFunc(slices.Clone(s.rows), func(row policy.Row) bool {
		return slices.ContainsFunc(other.rows, func(o policy.Row) bool {
			return row.Key() == o.Key() && decideAlike(row.Raw, o.Raw)
		})
	})
}

// decideAlike reports whether two rows differ in notes at most.
func decideAlike(a, b policy.Raw) bool {
	a.Columns, b.Columns = maps.Clone(a.Columns), maps.Clone(b.Columns)
	delete(a.Columns, policy.NoteColumn)
	delete(b.Columns, policy.NoteColumn)
	return len(rowfile.Compare([]policy.Raw{a}, []rowfile.Row{{Raw: b}})) == 0
}

// scope returns the partitions in which rows under a faulty key count.
func (s side) scope() []string {
	var scope []string
	for _, row := range s.rows {
		scope = append(scope, row.For...)
	}
	slices.Sort(scope)
	return slices.Compact(scope)
}

// newPartitionChange returns the change of a partition's rows.
func newPartitionChange(key string, changes []Change, before, after []policy.Raw) *partitionChange {
	old, becomes := sideOf(before), sideOf(after)
	added, lost := becomes.without(old), old.without(becomes)
	fault, _ := policy.JudgeKey(key)
	c := &partitionChange{
		key: key, stray: fault != policy.KeyFine, scope: []string{key},
		changes: changes, all: slices.Concat(before, after),
		changed: len(added)+len(lost) > 0, invited: old.invites, invites: becomes.invites,
		after: map[*partitionChange]bool{},
	}
	if c.stray {
		was, is := old.scope(), becomes.scope()
		notIn := func(other []string) func(string) bool {
			return func(key string) bool { return !slices.Contains(other, key) }
		}
		c.scope = slices.Compact(slices.Sorted(slices.Values(slices.Concat(was, is))))
		c.gains, c.loses = slices.ContainsFunc(is, notIn(was)), slices.ContainsFunc(was, notIn(is))
	} else {
		c.gains = !old.always && len(added) > 0
		c.loses = !becomes.always && len(lost) > 0
	}
	invitesMore := slices.ContainsFunc(added, func(row policy.Row) bool {
		return row.Action == policy.Invite
	})
	stopsLess := slices.ContainsFunc(lost, func(row policy.Row) bool {
		return row.Action != policy.Invite || len(row.Faults) > 0
	})
	onlyRemoves := !slices.ContainsFunc(changes, func(c Change) bool {
		return c.Kind != rowfile.Removed
	})
	switch {
	case !invitesMore && !stopsLess:
		c.rank = 0 // it narrows
	case onlyRemoves:
		c.rank = 2 // what moves to another partition is always in one of them
	default:
		c.rank = 1
	}
	return c
}

// precedes reports whether the rows under r are tried before those of the partition q for some
// address.
func (r *partitionChange) precedes(q string) bool {
	return slices.ContainsFunc(r.scope, func(key string) bool {
		return key == q && r.stray || slices.Contains(policy.Wider(key), q)
	})
}

// ordered returns the changes of the plan in an order in which they can be written, with those to
// be blocked marked.
func (p Plan) ordered() []*partitionChange {
	before, after := byPartition(p.before), byPartition(p.outcome)
	changes := map[string][]Change{}
	for _, change := range p.Changes {
		changes[change.Partition] = append(changes[change.Partition], change)
	}
	inviting := map[string]bool{} // partitions that invite, before or after
	for _, rows := range []map[string][]policy.Raw{before, after} {
		for key, raws := range rows {
			inviting[key] = inviting[key] || sideOf(raws).invites
		}
	}
	var all []*partitionChange
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		c := newPartitionChange(key, changes[key], before[key], after[key])
		// The changes of a partition that do not fit into one write are not made at once.
		c.blocked = len(c.batches(nil)) > 1
		all = append(all, c)
	}
	constrain(all, inviting)
	return sorted(all)
}

func byPartition(rows []policy.Raw) map[string][]policy.Raw {
	sorted := map[string][]policy.Raw{}
	for _, row := range rows {
		sorted[row.Partition] = append(sorted[row.Partition], row)
	}
	return sorted
}

// constrain records which change must be written before which.
func constrain(all []*partitionChange, inviting map[string]bool) {
	at := map[string][]*partitionChange{} // those that count in a partition
	for _, c := range all {
		for _, key := range c.scope {
			at[key] = append(at[key], c)
		}
	}
	first := func(earlier, later *partitionChange) {
		if earlier != later && !earlier.blocked && !later.blocked && !earlier.after[later] {
			earlier.after[later] = true
			later.before++
		}
	}
	// stopped reports whether a partition wider than both invites.
	stopped := func(a, b *partitionChange) bool {
		for _, key := range slices.Concat(b.scope, widerThan(b.scope)) {
			if inviting[key] && a.precedes(key) && b.precedes(key) {
				return true
			}
		}
		return false
	}
	for _, narrow := range all {
		for _, key := range slices.Concat(narrow.scope, widerThan(narrow.scope)) {
			for _, wide := range at[key] {
				if narrow == wide {
					continue
				}
				if wide.changed && narrow.precedes(wide.key) {
					if narrow.gains && wide.invites {
						first(narrow, wide)
					}
					if narrow.loses && wide.invited {
						first(wide, narrow)
					}
				}
				if narrow.gains && wide.loses && stopped(narrow, wide) {
					first(narrow, wide)
				}
				if narrow.loses && wide.gains && stopped(narrow, wide) {
					first(wide, narrow)
				}
			}
		}
	}
}

func widerThan(keys []string) []string {
	var wider []string
	for _, key := range keys {
		wider = append(wider, policy.Wider(key)...)
	}
	return wider
}

// sorted returns the changes in an order that keeps what constrain recorded. It blocks a change
// where there is none. The blocked ones come last.
func sorted(all []*partitionChange) []*partitionChange {
	slices.SortStableFunc(all, func(a, b *partitionChange) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.key, b.key))
	})
	var done, blocked []*partitionChange
	left := slices.Clone(all)
	take := func(i int) *partitionChange {
		c := left[i]
		left = slices.Delete(left, i, i+1)
		for later := range c.after {
			later.before--
		}
		return c
	}
	for len(left) > 0 {
		i := slices.IndexFunc(left, func(c *partitionChange) bool { return c.blocked })
		if i >= 0 {
			blocked = append(blocked, take(i))
			continue
		}
		i = slices.IndexFunc(left, func(c *partitionChange) bool { return c.before == 0 })
		if i >= 0 {
			done = append(done, take(i))
			continue
		}
		narrowestInCircle(left).blocked = true
	}
	return slices.Concat(done, blocked)
}

// narrowestInCircle returns one of the changes that wait for each other.
func narrowestInCircle(left []*partitionChange) *partitionChange {
	circle := slices.Clone(left)
	for {
		before := len(circle)
		circle = slices.DeleteFunc(circle, func(c *partitionChange) bool {
			return !slices.ContainsFunc(left, func(later *partitionChange) bool {
				return c.after[later] && slices.Contains(circle, later)
			})
		})
		if len(circle) == before {
			break
		}
	}
	return slices.MaxFunc(circle, func(a, b *partitionChange) int {
		return cmp.Compare(len(policy.Wider(a.key)), len(policy.Wider(b.key)))
	})
}
