package tablesim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/handlers/dev/tablesim"
)

// page is the answer to a query.
type page struct {
	names []string
	next  url.Values
}

// ask sends a query and returns the page.
func ask(t *testing.T, s *tablesim.Service, table string, query url.Values) page {
	t.Helper()
	status, header, body := send(t, s, http.MethodGet, table+"?"+query.Encode(), "", "")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	var rows struct {
		Value []map[string]any `json:"value"`
	}
	err := json.Unmarshal([]byte(body), &rows)
	if err != nil {
		t.Fatal(err)
	}
	p := page{next: url.Values{}}
	for _, row := range rows.Value {
		p.names = append(p.names, fmt.Sprint(row["PartitionKey"]))
	}
	for _, name := range []string{"NextPartitionKey", "NextRowKey"} {
		if value := header.Get("x-ms-continuation-" + name); value != "" {
			p.next.Set(name, value)
		}
	}
	return p
}

func send(t *testing.T, s *tablesim.Service, method, path, body, condition string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://tablesim.invalid/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if condition != "" {
		req.Header.Set("If-Match", condition)
	}
	resp, err := s.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(content)
}

// numbers is a table of so many rows; each tenth is marked.
func numbers(n int) tablesim.Table {
	return tablesim.Table{Len: n, Row: func(i int) tablesim.Row {
		return tablesim.Row{Partition: fmt.Sprintf("%07d", i), Name: "request",
			Columns: map[string]any{"Marked": i%10 == 0, "Number": i, "At": time.Unix(int64(i), 0)}}
	}}
}

func TestQueriesEndPagesAsService(t *testing.T) {
	tests := map[string]struct {
		speed, cut, top int
		filter          string
		found           []int // in each page
		took            time.Duration
	}{
		"a thousand rows": {filter: "", found: []int{1000, 1000, 1000, 500}},
		"top":             {filter: "Number lt 5", top: 3, found: []int{3, 2}},
		"five seconds": {filter: "PartitionKey ge '0000000' and Number ge 3000", speed: 200,
			found: []int{0, 0, 0, 500}, took: 17500 * time.Millisecond},
		"a cut":            {filter: "Number eq 3001", cut: 2000, found: []int{0, 1}},
		"one partition":    {filter: "PartitionKey eq '0000007' and RowKey eq 'request'", speed: 1, found: []int{1}, took: time.Second},
		"some partitions":  {filter: "PartitionKey ge '0001000' and PartitionKey lt '0001002'", speed: 1, found: []int{2}, took: 2 * time.Second},
		"or":               {filter: "(Number eq 1 or Number eq 2) and not Number eq 2", found: []int{1}},
		"a truth":          {filter: "Marked eq true and Number lt 20", found: []int{2}},
		"a time":           {filter: "At le datetime'1970-01-01T00:00:03.0000000Z'", found: []int{4}},
		"a missing column": {filter: "Other ne 'x'", found: []int{0}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &tablesim.Service{Tables: map[string]tablesim.Table{"T": numbers(3500)}, Speed: test.speed, Cut: test.cut}
				began := time.Now()
				query := url.Values{"$filter": {test.filter}}
				if test.top > 0 {
					query.Set("$top", fmt.Sprint(test.top))
				}
				var found []int
				for {
					p := ask(t, s, "T", query)
					found = append(found, len(p.names))
					if len(p.next) == 0 {
						break
					}
					for name := range p.next {
						query.Set(name, p.next.Get(name))
					}
				}
				if fmt.Sprint(found) != fmt.Sprint(test.found) {
					t.Errorf("pages of %d rows, want %d", found, test.found)
				}
				if took := time.Since(began); took != test.took {
					t.Errorf("it took %s, want %s", took, test.took)
				}
			})
		})
	}
}

func TestClientThatGivesUpGetsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tablesim.Service{Tables: map[string]tablesim.Table{"T": numbers(9000)}, Speed: 100}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://tablesim.invalid/T", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.RoundTrip(req)
		if err == nil {
			t.Errorf("got status %d", resp.StatusCode)
		}
	})
}

func TestRowsAreWritten(t *testing.T) {
	s := &tablesim.Service{Tables: map[string]tablesim.Table{"T": numbers(3), "Empty": {}}}
	const two, four = `T(PartitionKey='0000002',RowKey='request')`, `T(PartitionKey='it''s',RowKey='4')`
	steps := []struct {
		method, path, body, condition string
		want                          int
	}{
		{"GET", two, "", "", 200},
		{"GET", four, "", "", 404},
		{"POST", "T", `{"PartitionKey":"it's","RowKey":"4"}`, "", 201},
		{"POST", "T", `{"PartitionKey":"it's","RowKey":"4"}`, "", 409},
		{"GET", four, "", "", 200},
		{"PUT", two, `{"PartitionKey":"0000002","RowKey":"request","A":"b"}`, `W/"other"`, 412},
		{"PUT", two, `{"PartitionKey":"0000002","RowKey":"request","A":"b"}`, "", 204},
		{"DELETE", "T(PartitionKey='0000001',RowKey='request')", "", "*", 204},
		{"DELETE", "T(PartitionKey='0000001',RowKey='request')", "", "*", 404},
		{"GET", "Missing", "", "", 404},
		{"GET", "T?$filter=A%20xx%201", "", "", 400},
		{"GET", "T?NextPartitionKey=x", "", "", 400},
		{"POST", "$batch", "", "", 501},
	}
	for _, step := range steps {
		status, _, body := send(t, s, step.method, step.path, step.body, step.condition)
		if status != step.want {
			t.Errorf("%s %s: status %d, want %d: %s", step.method, step.path, status, step.want, body)
		}
	}
	all := ask(t, s, "T", url.Values{})
	if fmt.Sprint(all.names) != "[0000000 0000002 it's]" {
		t.Errorf("the table holds %q", all.names)
	}
	if changed := ask(t, s, "T", url.Values{"$filter": {"A eq 'b'"}, "$select": {"PartitionKey,B"}}); fmt.Sprint(changed.names) != "[0000002]" {
		t.Errorf("changed are %q", changed.names)
	}
	if empty := ask(t, s, "Empty", url.Values{}); len(empty.names) != 0 {
		t.Errorf("the empty table holds %q", empty.names)
	}
	calls := s.Calls()
	last := calls[len(calls)-1]
	if last != (tablesim.Call{Method: "GET", Table: "Empty", Query: true}) {
		t.Errorf("the last call is %+v", last)
	}
}
