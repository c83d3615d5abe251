package tables

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

// fill writes count policy rows into the partition, a hundred at a time.
func fill(t testing.TB, store *Store, partition string, count int) {
	t.Helper()
	for done := 0; done < count; {
		var actions []aztables.TransactionAction
		for ; done < count && len(actions) < maxActions; done++ {
			encoded, err := row{partition: partition, name: fmt.Sprintf("row %04d", done), columns: map[string]any{"Action": "invite"}}.encode()
			if err != nil {
				t.Fatal(err)
			}
			actions = append(actions, aztables.TransactionAction{ActionType: aztables.TransactionTypeInsertReplace, Entity: encoded})
		}
		_, err := submit(t.Context(), store.policies, actions)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPartitionWithTooManyRowsIsError(t *testing.T) {
	store := newTestStore(t, nil)
	const partition = "ana@full.example"
	fill(t, store, partition, policy.MaxRows)
	rows, err := store.Rows(t.Context(), []string{partition})
	wantCode(t, "Rows of a full partition", err, "")
	if len(rows) != policy.MaxRows {
		t.Errorf("%d rows, want %d", len(rows), policy.MaxRows)
	}
	wantCode(t, "PutRow", store.PutRow(t.Context(), policy.Raw{Partition: partition, Name: "one more"}), "")
	rows, err = store.Rows(t.Context(), []string{"*", partition})
	wantCode(t, "Rows of an overfull partition", err, problem.Internal)
	if len(rows) != 0 {
		t.Errorf("%d rows came with the error", len(rows))
	}
	for _, part := range []string{`an address at "full.example"`, "more than 1000 rows", "delete"} {
		if err != nil && !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

// A decision makes as many calls in a large table as in a small one.
func TestOtherRowsCostNoCalls(t *testing.T) {
	var count counter
	store := newTestStore(t, &count)
	asked := []string{"ana@contoso.com", "contoso.com", "*.com", "*"}
	fill(t, store, "contoso.com", 3)
	fill(t, store, "*", 2)
	for _, others := range []int{10, 1000} {
		fill(t, store, "fabrikam.com", others)
		before := count.calls.Load()
		rows, err := store.Rows(t.Context(), asked)
		wantCode(t, "Rows", err, "")
		calls := count.calls.Load() - before
		if calls != int64(len(asked)) || len(rows) != 5 {
			t.Errorf("with %d rows of others: %d calls and %d rows, want %d and 5", others, calls, len(rows), len(asked))
		}
	}
}

// The filter names one partition and nothing else, whatever its name.
func TestQueryNamesOnePartition(t *testing.T) {
	filters := make(chan string, 10)
	store := offline(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		filters <- req.URL.Query().Get("$filter")
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{"value":[]}`)), Request: req}, nil
	}))
	for partition, want := range map[string]string{
		"contoso.com":             "PartitionKey eq 'contoso.com'",
		"o'hara@contoso.com":      "PartitionKey eq 'o''hara@contoso.com'",
		"x' or PartitionKey ne '": "PartitionKey eq 'x'' or PartitionKey ne '''",
		"a&$top=0#?/":             "PartitionKey eq 'a&$top=0#?/'",
	} {
		_, err := store.Rows(t.Context(), []string{partition})
		wantCode(t, "Rows", err, "")
		got := <-filters
		if got != want {
			t.Errorf("the filter for %q is %s, want %s", partition, got, want)
		}
	}
}

func TestRowOfAnotherPartitionIsError(t *testing.T) {
	store := offline(t, answering(200, http.Header{"Content-Type": {"application/json"}}, `{"value":[{"PartitionKey":"*","RowKey":"one","Action":"invite"}]}`))
	rows, err := store.Rows(t.Context(), []string{"contoso.com"})
	wantCode(t, "Rows", err, problem.Internal)
	if len(rows) != 0 {
		t.Errorf("%d rows came with the error", len(rows))
	}
}

// The service may cut an answer anywhere, even before the first row.
func TestEmptyPageDoesNotEndList(t *testing.T) {
	store := offline(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		header, body := http.Header{"Content-Type": {"application/json"}}, `{"value":[{"PartitionKey":"*","RowKey":"one","odata.etag":"W/\"1\"","Action":"deny"}]}`
		next := req.URL.Query().Get("NextRowKey")
		if next != "!there" {
			header.Set("x-ms-continuation-NextPartitionKey", "!here")
			header.Set("x-ms-continuation-NextRowKey", "!there")
			body = `{"value":[]}`
		}
		return &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}))
	rows, err := store.Rows(t.Context(), []string{"*"})
	wantCode(t, "Rows", err, "")
	if len(rows) != 1 || rows[0].Columns["Action"] != "deny" {
		t.Errorf("got %+v, want the row of the second page", rows)
	}
}

func TestPutRowRefusesUnstorableRow(t *testing.T) {
	var count counter
	store := newTestStore(t, &count)
	before := count.calls.Load()
	for name, row := range map[string]policy.Raw{
		"a slash":        {Partition: "a/b@contoso.com", Name: "one"},
		"a long text":    {Partition: "contoso.com", Name: "one", Columns: map[string]any{"Note": strings.Repeat("x", maxTextUnits+1)}},
		"an int":         {Partition: "contoso.com", Name: "one", Columns: map[string]any{"Priority": 1}},
		"a control sign": {Partition: "contoso.com", Name: "one\n"},
	} {
		wantCode(t, name, store.PutRow(t.Context(), row), problem.Internal)
	}
	if calls := count.calls.Load() - before; calls != 0 {
		t.Errorf("%d calls, want none", calls)
	}
}

// calls/op are the calls of a decision. They do not grow with the table.
func BenchmarkRows(b *testing.B) {
	for _, others := range []int{10, 5000} {
		b.Run(fmt.Sprintf("%d rows of others", others), func(b *testing.B) {
			var count counter
			store := newTestStore(b, &count)
			fill(b, store, "contoso.com", 3)
			fill(b, store, "*", 2)
			for i := range (others + 999) / 1000 {
				fill(b, store, fmt.Sprintf("fabrikam%d.com", i), min(others, 1000))
			}
			before := count.calls.Load()
			for b.Loop() {
				rows, err := store.Rows(b.Context(), []string{"ana@contoso.com", "contoso.com", "*.com", "*"})
				if err != nil || len(rows) != 5 {
					b.Fatalf("%d rows, %v", len(rows), err)
				}
			}
			b.ReportMetric(float64(count.calls.Load()-before)/float64(b.N), "calls/op")
		})
	}
}
