package storetest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// found is a request to be found, submitted so long before start.
type found struct {
	ago     time.Duration
	state   request.State
	address string
	row     string
}

// save stores a request and returns its id.
func (f found) save(t *testing.T, store Store) submission.ID {
	t.Helper()
	id, err := submission.NewID(start.Add(-f.ago), rand.Reader)
	succeed(t, err)
	r := request.Request{ID: id, State: f.state, Since: stored, Created: stored, Changed: stored}
	if f.address != "" {
		r.Submission.Email = newAddress(t, f.address)
	}
	if f.row != "" {
		r.Decision = &policy.Decision{Action: policy.Deny, At: stored, Row: &policy.RowSnapshot{
			Partition: "contoso.com", Name: f.row, Columns: map[string]string{},
		}}
	}
	must(store.Save(t.Context(), r, nil))(t)
	return id
}

// findAll returns what is found in parts of so many.
func findAll(t *testing.T, store Store, wanted request.Wanted, limit int) []submission.ID {
	t.Helper()
	ids := []submission.ID{}
	for place, part := submission.ID(""), 0; part < 100; part++ {
		finding := must(store.FindBefore(t.Context(), wanted, place, start, limit))(t)
		if len(finding.Requests) > limit || len(finding.Unreadable) != 0 {
			t.Fatalf("%d requests in a part, %d that can't be read", len(finding.Requests), len(finding.Unreadable))
		}
		for _, r := range finding.Requests {
			ids = append(ids, r.ID)
		}
		if finding.Next == "" {
			return ids
		}
		if place != "" && finding.Next >= place {
			t.Fatal("a part ends where it began")
		}
		place = finding.Next
	}
	t.Fatal("there is no last part")
	return nil
}

var findingTests = map[string]func(*testing.T, Store){
	"an empty store finds nothing": func(t *testing.T, store Store) {
		wantSame(t, "the requests", []submission.ID{}, findAll(t, store, request.Wanted{}, 5))
		wantSame(t, "none wanted", request.Finding{}, must(store.FindBefore(t.Context(), request.Wanted{}, "", start, 0))(t))
	},

	"the newest come first, in parts, and none twice": func(t *testing.T, store Store) {
		var all []submission.ID
		for _, ago := range []time.Duration{0, 0, 0, time.Minute, time.Hour, 30 * time.Hour, 31 * time.Hour, 8000 * time.Hour} {
			all = append(all, found{ago: ago, state: request.Done, address: "ana@contoso.com"}.save(t, store))
		}
		found{ago: time.Hour, state: request.Void}.save(t, store)
		slices.Sort(all)
		slices.Reverse(all)
		for _, limit := range []int{1, 2, 3, 8, 50} {
			wantSame(t, fmt.Sprintf("in parts of %d", limit), all, findAll(t, store, request.Wanted{}, limit))
		}
	},

	"only what is wanted is found": func(t *testing.T, store Store) {
		denied := found{time.Hour, request.Denied, "ana@contoso.com", "one"}.save(t, store)
		done := found{2 * time.Hour, request.Done, "bo@contoso.com", "two"}.save(t, store)
		other := found{3 * time.Hour, request.Done, "ana@fabrikam.com", "two"}.save(t, store)
		erased := found{4 * time.Hour, request.Done, "", ""}.save(t, store)
		for name, test := range map[string]struct {
			wanted request.Wanted
			want   []submission.ID
		}{
			"any":                {request.Wanted{}, []submission.ID{denied, done, other, erased}},
			"a state":            {request.Wanted{States: []request.State{request.Denied}}, []submission.ID{denied}},
			"two states":         {request.Wanted{States: []request.State{request.Denied, request.Done}}, []submission.ID{denied, done, other, erased}},
			"another state":      {request.Wanted{States: []request.State{request.Failed}}, []submission.ID{}},
			"a domain":           {request.Wanted{Domain: "contoso.com"}, []submission.ID{denied, done}},
			"an address":         {request.Wanted{Address: newAddress(t, "ana@contoso.com")}, []submission.ID{denied}},
			"a row":              {request.Wanted{Row: "two"}, []submission.ID{done, other}},
			"a row and a domain": {request.Wanted{Row: "two", Domain: "fabrikam.com"}, []submission.ID{other}},
		} {
			wantSame(t, name, test.want, findAll(t, store, test.wanted, 2))
		}
	},

	"the first policy rows come by their keys": func(t *testing.T, store Store) {
		keys := []policy.RowKey{}
		for _, partition := range []string{"*", "ana@contoso.com", "contoso.com"} {
			for _, name := range []string{"a", "b"} {
				row := policy.Raw{Partition: partition, Name: name, Columns: map[string]any{"Action": "review"}}
				succeed(t, store.PutRow(t.Context(), row))
				keys = append(keys, row.Key())
			}
		}
		for _, limit := range []int{0, 1, 5, 6, 7} {
			rows, more, err := store.FirstRows(t.Context(), limit)
			succeed(t, err)
			got := []policy.RowKey{}
			for _, row := range rows {
				got = append(got, row.Key())
			}
			wantSame(t, fmt.Sprintf("the first %d", limit), keys[:min(limit, len(keys))], got)
			if more != (limit < len(keys)) {
				t.Errorf("of the first %d, there are more: %t", limit, more)
			}
		}
	},

	"a reference leads to its request": func(t *testing.T, store Store) {
		var ids []submission.ID
		for range 5 {
			ids = append(ids, found{ago: time.Minute, state: request.Done}.save(t, store))
		}
		for _, id := range ids {
			wantSame(t, "the ids", []submission.ID{id}, must(store.Referred(t.Context(), id.Reference()))(t))
		}
		none := newID(t).Reference()
		if got := must(store.Referred(t.Context(), none))(t); len(got) != 0 {
			t.Errorf("a reference of no request leads to %d", len(got))
		}
	},
}
