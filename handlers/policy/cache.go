package policy

import (
	"bytes"
	"container/list"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// maxKept is the size of the largest row that a Cache keeps, in bytes.
	maxKept = 32 * 1024
	// maxCached is about how many bytes all rows of a Cache take. A compiled condition takes four
	// to eight thousand.
	maxCached      = 96 * 1024 * 1024
	conditionBytes = 4 * 1024
)

// MaxDecisionRows is the most rows that a decision reads, for a Cache: those of all [Partitions] of
// an address.
const MaxDecisionRows = 12 * MaxRows

// Cache parses rows and keeps those that were used lately, so that a condition is compiled once and
// not for every submission. A row is found only if its keys, its ETag and all of its cells are the
// same. A Cache may be used by several goroutines.
//
// A decision reads its rows in the same order each time. Dropping the row that was used the longest
// ago would then drop the next one that is needed, and a table with one row more than there is room
// for would be compiled anew for each decision. So any row of the older half may go: with some rows
// too many, all but a few are found.
type Cache struct {
	size int

	mu      sync.Mutex
	entries map[cacheKey]*list.Element // of *remembered
	recent  *list.List                 // the most recently used first
	bytes   int                        // about how many the rows take
	dice    uint64
}

type cacheKey struct{ partition, name, etag string }

type remembered struct {
	key   cacheKey
	cells map[string]any // a copy
	row   Row            // without its Raw
	bytes int
}

// NewCache returns a cache for size rows, which must be positive.
func NewCache(size int) (*Cache, error) {
	if size < 1 {
		return nil, errors.New("policy: a cache must have room for at least one row")
	}
	return &Cache{size: size, entries: make(map[cacheKey]*list.Element), recent: list.New(), dice: 1}, nil
}

// Parse returns what [Parse] returns.
func (c *Cache) Parse(raw Raw) Row {
	key := cacheKey{raw.Partition, raw.Name, raw.ETag}
	row, found := c.find(key, raw)
	if !found {
		row = Parse(raw)
		c.keep(key, row)
	}
	return row
}

func (c *Cache) find(key cacheKey, raw Raw) (Row, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.entries[key]
	if !found {
		return Row{}, false
	}
	known := element.Value.(*remembered)
	if !maps.EqualFunc(known.cells, raw.Columns, sameCell) {
		return Row{}, false
	}
	c.recent.MoveToFront(element)
	row := known.row.unshared()
	row.Raw = raw
	return row, true
}

func (c *Cache) keep(key cacheKey, row Row) {
	size := rawSize(row.Raw)
	if size > maxKept {
		return
	}
	if row.Condition.program != nil {
		size += conditionBytes + 2*len(row.Condition.text)
	}
	cells := maps.Clone(row.Columns)
	for name, cell := range cells {
		binary, isBinary := cell.([]byte)
		if isBinary {
			cells[name] = bytes.Clone(binary)
		}
	}
	row = row.unshared()
	row.Raw = Raw{}
	kept := &remembered{key, cells, row, size}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.entries[key]
	c.bytes += size
	if found {
		c.bytes -= element.Value.(*remembered).bytes
		element.Value = kept
		c.recent.MoveToFront(element)
	} else {
		c.entries[key] = c.recent.PushFront(kept)
	}
	for c.recent.Len() > c.size || c.bytes > maxCached {
		c.drop()
	}
}

// drop drops one of the rows in the older half, chosen by chance.
func (c *Cache) drop() {
	// Xorshift, since policy takes nothing from outside that could change a decision.
	c.dice ^= c.dice << 13
	c.dice ^= c.dice >> 7
	c.dice ^= c.dice << 17
	victim := c.recent.Back()
	for range c.dice % uint64(max(1, c.recent.Len()/2)) {
		victim = victim.Prev()
	}
	dropped := c.recent.Remove(victim).(*remembered)
	delete(c.entries, dropped.key)
	c.bytes -= dropped.bytes
}

// unshared returns the row with copies of its lists.
func (r Row) unshared() Row {
	r.Terms.Groups = slices.Clone(r.Terms.Groups)
	r.Terms.Sponsors = slices.Clone(r.Terms.Sponsors)
	r.For = slices.Clone(r.For)
	r.Faults = slices.Clone(r.Faults)
	return r
}

// sameCell reports whether two cells are certain to be read alike.
func sameCell(a, b any) bool {
	switch a := a.(type) {
	case nil, string, bool, int32, int64, float64:
		return a == b
	case time.Time:
		other, isTime := b.(time.Time)
		return isTime && a.Equal(other)
	case []byte:
		other, isBinary := b.([]byte)
		return isBinary && bytes.Equal(a, other)
	default:
		return false
	}
}

// rawSize returns roughly how many bytes a row takes.
func rawSize(raw Raw) int {
	size := len(raw.Partition) + len(raw.Name) + len(raw.ETag)
	for name, cell := range raw.Columns {
		const number = 16
		size += len(name) + number
		switch cell := cell.(type) {
		case string:
			size += len(cell)
		case []byte:
			size += len(cell)
		}
	}
	return size
}
