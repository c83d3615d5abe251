package policy

import (
	"cmp"
	"strings"
)

// MaxRows is the most rows of one partition. All of them are read for every decision; an adapter
// refuses to read more, so that nobody is invited by half the rules.
const MaxRows = 1000

// MaxChanges is the most rows of a partition that a store changes at once, all or none: what a
// transaction of Table Storage takes.
const MaxChanges = 100

// Compare orders keys by partition, then by name.
func (k RowKey) Compare(other RowKey) int {
	return cmp.Or(cmp.Compare(k.Partition, other.Partition), cmp.Compare(k.Name, other.Name))
}

// Key returns the row's key.
func (r Raw) Key() RowKey { return RowKey{r.Partition, r.Name} }

// Rank returns the row's place in its partition before names count, the smallest first: -1 for an
// enabled row with a fault, else its Priority. A name that comes twice is a fault too.
func (r *Row) Rank(twice bool) int {
	if !r.Disabled() && (twice || !r.sound()) {
		return -1 // before every Priority
	}
	return r.Priority
}

// The kinds of partition keys, the most specific first.
const (
	ForAddress = iota
	ForDomain
	ForWildcard
	ForEverybody
	ForNobody // the empty key
)

// Breadth returns the kind of a partition key. A malformed key has the kind that it resembles.
func Breadth(partition string) int {
	switch {
	case partition == "":
		return ForNobody
	case partition == anyone:
		return ForEverybody
	case strings.HasPrefix(partition, "*"):
		return ForWildcard
	case strings.Contains(partition, "@"):
		return ForAddress
	default:
		return ForDomain
	}
}
