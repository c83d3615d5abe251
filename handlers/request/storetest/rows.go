package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

var rowTests = map[string]func(*testing.T, Store){
	"no rows in an empty table": func(t *testing.T, store Store) {
		wantRows(t, store, []string{"contoso.com", "*"})
		wantRows(t, store, nil)
	},

	"all rows of the partitions, and no others": func(t *testing.T, store Store) {
		for _, partition := range []string{"ana@contoso.com", "contoso.com", "*.contoso.com", "*", "fabrikam.com"} {
			for _, name := range []string{"one", "two"} {
				put(t, store, partition, name, map[string]any{"Note": partition + " " + name})
			}
		}
		wantRows(t, store, []string{"contoso.com"}, "contoso.com one", "contoso.com two")
		wantRows(t, store, []string{"ana@contoso.com", "nobody.com", "*"}, "ana@contoso.com one", "ana@contoso.com two", "* one", "* two")
		wantRows(t, store, []string{"nobody.com"})
	},

	"a partition that is named twice is read once": func(t *testing.T, store Store) {
		put(t, store, "contoso.com", "one", map[string]any{"Note": "contoso.com one"})
		wantRows(t, store, []string{"contoso.com", "*", "contoso.com"}, "contoso.com one")
	},

	"a partition is its exact name": func(t *testing.T, store Store) {
		for _, partition := range []string{"contoso.com", "Contoso.com", "contoso.co", "contoso.comm", " contoso.com", "o'brien@contoso.com", "o''brien@contoso.com", "%2A", "ü.example"} {
			put(t, store, partition, "it's one", map[string]any{"Note": partition})
		}
		for _, partition := range []string{"contoso.com", "Contoso.com", "o'brien@contoso.com", "o''brien@contoso.com", "%2A", "ü.example"} {
			wantRows(t, store, []string{partition}, partition)
		}
		for _, partition := range []string{"CONTOSO.COM", "*", "", "contoso.com "} {
			wantRows(t, store, []string{partition})
		}
	},

	"a partition's name can't change the query": func(t *testing.T, store Store) {
		put(t, store, "contoso.com", "one", map[string]any{"Note": "contoso.com"})
		put(t, store, "*", "one", map[string]any{"Note": "*"})
		for _, partition := range []string{
			"x' or PartitionKey ne '", "x' or PartitionKey eq 'contoso.com", "' or '' eq '", "x' or true or PartitionKey eq '", "x'' or PartitionKey ne ''",
			`x\' or PartitionKey ne \'`, "%27 or PartitionKey ne %27", "’ or PartitionKey ne ’", "'", "''", "'''", "x&$filter=true", "x#", "x/y?z", "x\x00y", "x\ny",
		} {
			wantRows(t, store, []string{partition})
		}
	},

	"every type of column is kept": func(t *testing.T, store Store) {
		want := map[string]any{
			"Text": "it's \"text\" <&> 會 🏢\n", "Empty": "", "NumberText": "12", "True": true, "False": false,
			"Small": int32(-7), "Big": int64(1) << 60, "SmallInt64": int64(5), "Double": 1.5, "Tiny": 1e-9,
			"Time": stored, "Bytes": []byte{0, 1, 254, 255},
		}
		put(t, store, "contoso.com", "one", want)
		row := onlyRow(t, store)
		wantSame(t, "the columns", want, row.Columns)
		if row.Partition != "contoso.com" || row.Name != "one" || row.ETag == "" {
			t.Errorf("the row is %q %q, version %q", row.Partition, row.Name, row.ETag)
		}
	},

	"times come in UTC": func(t *testing.T, store Store) {
		put(t, store, "contoso.com", "one", map[string]any{"NotBefore": start})
		row := onlyRow(t, store)
		got, ok := row.Columns["NotBefore"].(time.Time)
		if !ok || !got.Equal(stored) || got.Location() != time.UTC {
			t.Errorf("got %v, want %v", row.Columns["NotBefore"], stored)
		}
	},

	"a row has its own columns and no more": func(t *testing.T, store Store) {
		put(t, store, "contoso.com", "one", map[string]any{"Action": "invite", "Priority": int32(1)})
		put(t, store, "contoso.com", "one", map[string]any{"Action": "deny"})
		put(t, store, "contoso.com", "two", nil)
		rows := must(store.Rows(t.Context(), []string{"contoso.com"}))(t)
		slices.SortFunc(rows, func(a, b policy.Raw) int { return cmp.Compare(a.Name, b.Name) })
		if len(rows) != 2 {
			t.Fatalf("%d rows, want two", len(rows))
		}
		wantSame(t, "the columns of one", map[string]any{"Action": "deny"}, rows[0].Columns)
		wantSame(t, "the columns of two", map[string]any{}, rows[1].Columns)
	},

	"an edit changes the ETag": func(t *testing.T, store Store) {
		seen := map[string]bool{}
		for range 3 {
			put(t, store, "contoso.com", "one", map[string]any{"Action": "invite"})
			row := onlyRow(t, store)
			if row.ETag == "" || seen[row.ETag] {
				t.Fatalf("after an edit: %+v", row)
			}
			seen[row.ETag] = true
		}
	},

	"many partitions at once": func(t *testing.T, store Store) {
		var partitions, want []string
		for i := range 30 {
			partition := fmt.Sprintf("p%d.contoso.com", i)
			partitions = append(partitions, partition)
			if i%3 == 0 {
				put(t, store, partition, "one", map[string]any{"Note": partition})
				want = append(want, partition)
			}
		}
		wantRows(t, store, partitions, want...)
	},

	"callers share no memory with the store": func(t *testing.T, store Store) {
		columns := map[string]any{"Note": "contoso.com", "Bytes": []byte("abc")}
		put(t, store, "contoso.com", "one", columns)
		columns["Note"] = "changed"
		columns["Bytes"].([]byte)[0] = 'X'
		row := onlyRow(t, store)
		row.Columns["Note"] = "changed"
		bytes, ok := row.Columns["Bytes"].([]byte)
		if !ok || string(bytes) != "abc" {
			t.Fatalf("the bytes are %v", row.Columns["Bytes"])
		}
		bytes[0] = 'X'
		wantSame(t, "the columns", map[string]any{"Note": "contoso.com", "Bytes": []byte("abc")}, onlyRow(t, store).Columns)
	},

	"a failed read returns no rows": func(t *testing.T, store Store) {
		put(t, store, "contoso.com", "one", map[string]any{"Note": "contoso.com"})
		rows, err := store.Rows(ended(t), []string{"contoso.com", "*"})
		wantCode(t, "Rows", err, problem.StorageUnavailable)
		if len(rows) != 0 {
			t.Errorf("%d rows came with the error", len(rows))
		}
	},
}

func put(t testing.TB, store Store, partition, name string, columns map[string]any) {
	t.Helper()
	succeed(t, store.PutRow(t.Context(), policy.Raw{Partition: partition, Name: name, Columns: columns}))
}

// onlyRow returns the row of contoso.com.
func onlyRow(t testing.TB, store Store) policy.Raw {
	t.Helper()
	rows := must(store.Rows(t.Context(), []string{"contoso.com"}))(t)
	if len(rows) != 1 {
		t.Fatalf("%d rows, want one", len(rows))
	}
	return rows[0]
}

// wantRows fails if the columns Note of the partitions' rows are not want, in any order.
func wantRows(t testing.TB, store Store, partitions []string, want ...string) {
	t.Helper()
	rows := must(store.Rows(t.Context(), partitions))(t)
	var got []string
	for _, row := range rows {
		note, _ := row.Columns["Note"].(string)
		got = append(got, note)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the rows of %q are %q, want %q", partitions, got, want)
	}
}
