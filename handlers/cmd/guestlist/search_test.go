package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/tablesim"
	"guestlist/handlers/submission"
)

// parkedTable is a table of so many requests, one submitted each minute until now. All are parked,
// and of one address.
func parkedTable(t *testing.T, n int, now time.Time) tablesim.Table {
	t.Helper()
	return tablesim.Table{Len: n, Row: func(i int) tablesim.Row {
		at := now.Add(time.Duration(i-n) * time.Minute)
		id, err := submission.NewID(at, bytes.NewReader(make([]byte, 100)))
		if err != nil {
			t.Error(err)
		}
		return tablesim.Row{Partition: string(id), Name: "request", Columns: map[string]any{
			"State": "parked", "Email": "ana@contoso.com", "Created": at, "Since": at, "Changed": at,
		}}
	}}
}

// runOn runs a command on the service, and calls onQuery before each query of requests.
func runOn(
	t *testing.T, ctx context.Context, service *tablesim.Service, now time.Time, onQuery func(n int), args ...string,
) (code int, stdout, stderr string) {
	t.Helper()
	queries := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/Requests()") || strings.HasSuffix(r.URL.Path, "/Requests") {
			queries++
			onQuery(queries)
		}
		service.ServeHTTP(w, r)
	}))
	defer server.Close()
	connection := strings.Replace(tablesim.ConnectionString, "https://tablesim.invalid", server.URL, 1)
	t.Chdir(t.TempDir())
	text, err := json.Marshal(map[string]string{"storage": connection})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(runFile), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.FromSlash(runFile), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	s := &session{ctx: ctx, stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: func() time.Time { return now }}
	code = run(s, args)
	return code, out.String(), errs.String()
}

// largeService has so many parked requests, and sends few rows in a page.
func largeService(t *testing.T, n int, now time.Time) *tablesim.Service {
	all := map[string]tablesim.Table{}
	for _, name := range tables.Names() {
		all[name] = tablesim.Table{}
	}
	all["Requests"] = parkedTable(t, n, now)
	return &tablesim.Service{Tables: all, Cut: 10}
}

// TestInterruptedSearchPrintsWhatItHasFound presses Ctrl-C in the middle of every search.
func TestInterruptedSearchPrintsWhatItHasFound(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	newest := parkedTable(t, 500, now).Row(499).Partition
	for name, test := range map[string]struct {
		args           []string
		stdout, stderr string
	}{
		"request list":          {[]string{"request", "list", "--limit", "1000"}, newest, "this is not all"},
		"request list, as JSON": {[]string{"request", "list", "--limit", "1000", "--output", "json"}, `"incomplete": true`, "this is not all"},
		"request erase":         {[]string{"request", "erase", "--address", "ana@contoso.com", "--yes"}, "", "nothing is erased"},
		"request cancel":        {[]string{"request", "cancel", "--state", "parked", "--reason", "x", "--yes"}, newest, "nothing is cancelled"},
		"breaker show":          {[]string{"breaker", "show"}, "at least ", "this is not all"},
		"policy replay":         {[]string{"policy", "replay"}, "requests looked at", "this is not all"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			code, stdout, stderr := runOn(t, ctx, largeService(t, 500, now), now, func(n int) {
				if n == 20 {
					interrupt()
				}
			}, test.args...)
			if code != exitFailed || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
				t.Errorf("exit code %d\nstdout: %.300s\nstderr: %s", code, stdout, stderr)
			}
			if strings.Contains(stderr, "Is the local run still up") {
				t.Error("an interruption comes with advice about the network")
			}
		})
	}
}

func TestSearchOfLargeTableComesToItsEnd(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	code, stdout, stderr := runOn(t, t.Context(), largeService(t, 500, now), now, func(int) {}, "request", "list", "--limit", "1000")
	if code != exitFine || strings.Count(stdout, "parked") < 500 || strings.Contains(stderr, "searching") {
		t.Errorf("exit code %d, %d requests, stderr: %s", code, strings.Count(stdout, "parked"), stderr)
	}
}

// TestDoctorReadsNoMoreOfLargeTable counts its calls, and the rows that the service looks at for
// them.
func TestDoctorReadsNoMoreOfLargeTable(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	calls, looked := map[int]int{}, map[int]int{}
	for _, n := range []int{1_000, 100_000} {
		service := largeService(t, n, now)
		service.Tables["Waiting"] = tablesim.Table{Len: n, Row: func(i int) tablesim.Row {
			id := service.Tables["Requests"].Row(i).Partition
			return tablesim.Row{Partition: "due", Name: id, Columns: map[string]any{"Due": now.Add(-time.Hour)}}
		}}
		_, stdout, stderr := runOn(t, t.Context(), service, now, func(int) {}, "doctor")
		if !strings.Contains(stdout, "at least 100 requests have been due") {
			t.Errorf("%d requests:\n%s%s", n, stdout, stderr)
		}
		for _, call := range service.Calls() {
			calls[n]++
			looked[n] += call.Looked
		}
	}
	if calls[100_000] > calls[1_000] || looked[100_000] > looked[1_000] {
		t.Errorf("calls by the number of requests: %v, rows looked at: %v", calls, looked)
	}
}

func TestLongSearchTellsHowFarItIs(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	s := &session{stderr: &out, now: func() time.Time { return now }}
	p := s.newProgress()
	for range 25 {
		now = now.Add(time.Second)
		p.page(1000)
	}
	if n := strings.Count(out.String(), "still searching"); n != 5 || !strings.Contains(out.String(), "25000 rows so far") {
		t.Errorf("%d lines in 25 seconds:\n%s", n, out.String())
	}
	if fmt.Sprint(pageTime) != "30s" {
		t.Errorf("a page may take %s; the documentation says 30 seconds", pageTime)
	}
}

func TestErasureByAddressIsOfAllRequests(t *testing.T) {
	const n = 2*maxRequests + 1
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	service := largeService(t, n, now)
	service.Cut = 0
	code, stdout, stderr := runOn(t, t.Context(), service, now, func(int) {},
		"request", "erase", "--address", "ana@contoso.com")
	if code != exitUsage || !strings.Contains(stdout+stderr, fmt.Sprintf("Erase the personal data of %d requests", n)) {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}
