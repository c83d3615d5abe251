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

// maxKept is the size of the largest row that a Cache keeps, in bytes.
const maxKept = 32 * 1024

// Cache parses rows and keeps the most recently used of them, so that a condition is compiled
// once and not for every submission. A row is found only if its keys, its ETag and all of its
// cells are the same. A Cache may be used by several goroutines.
type Cache struct {
	size int

	mu      sync.Mutex
	entries map[cacheKey]*list.Element // of *remembered
	recent  *list.List                 // the most recently used first
}

type cacheKey struct{ partition, name, etag string }

type remembered struct {
	key   cacheKey
	cells map[string]any // a copy
	row   Row            // without its Raw
}

// NewCache returns a cache for size rows, which must be positive.
func NewCache(size int) (*Cache, error) {
	if size < 1 {
		return nil, errors.New("policy: a cache must have room for at least one row")
	}
	return &Cache{size: size, entries: make(map[cacheKey]*list.Element), recent: list.New()}, nil
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
	if rawSize(row.Raw) > maxKept {
		return
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
	kept := &remembered{key, cells, row}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.entries[key]
	if found {
		element.Value = kept
		c.recent.MoveToFront(element)
		return
	}
	c.entries[key] = c.recent.PushFront(kept)
	if c.recent.Len() > c.size {
		oldest := c.recent.Remove(c.recent.Back()).(*remembered)
		delete(c.entries, oldest.key)
	}
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
