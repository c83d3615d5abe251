package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// membership is what a person is in, as Graph answers it.
func membership(kind string, n int) map[string]string {
	e := map[string]string{"id": groupID(n)}
	if kind != "" {
		e["@odata.type"] = "#microsoft.graph." + kind
	}
	return e
}

func groupID(n int) string { return fmt.Sprintf("AAAAAAAA-0000-4000-8000-%012X", n) }

// memberships returns a reader of what serve answers, and its log.
func memberships(t *testing.T, serve http.HandlerFunc) (*graph.Memberships, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	var log bytes.Buffer
	m, err := graph.NewMemberships(graph.Config{
		URL: server.URL, Timeout: 5 * time.Second, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, &log
}

func answerJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;charset=utf-8")
	_ = json.NewEncoder(w).Encode(body)
}

func TestGroupsOfAllPages(t *testing.T) {
	pages := [][]map[string]string{
		{membership("group", 3), membership("directoryRole", 10), membership("group", 1)},
		{}, // a page may be empty and not the last
		{membership("administrativeUnit", 11), membership("", 2), membership("group", 1)},
	}
	m, _ := memberships(t, func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if r.Header.Get("Authorization") != "Bearer "+token || r.URL.Path != "/v1.0/me/transitiveMemberOf" || query.Get("$select") != "id" {
			t.Errorf("asked %s", r.URL)
		}
		page := 0
		_, _ = fmt.Sscan(query.Get("$skiptoken"), &page)
		body := map[string]any{"value": pages[page]}
		if page < len(pages)-1 {
			body["@odata.nextLink"] = fmt.Sprintf("http://%s/v1.0/me/transitiveMemberOf?$select=id&$skiptoken=%d", r.Host, page+1)
		}
		answerJSON(w, body)
	})
	got, err := m.Groups(t.Context(), token, 3)
	want := []string{strings.ToLower(groupID(1)), strings.ToLower(groupID(2)), strings.ToLower(groupID(3))}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestNoGroups(t *testing.T) {
	m, _ := memberships(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, map[string]any{"value": []any{}}) })
	got, err := m.Groups(t.Context(), token, 3)
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestGroupsThatCannotBeReadWhole also counts the calls: nothing is tried again, and nothing goes
// on for ever.
func TestGroupsThatCannotBeReadWhole(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a token went to another host")
	}))
	defer elsewhere.Close()
	one := []map[string]string{membership("group", 1)}
	failing := func(status int, code, message string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(graphError(code, message)))
		}
	}
	linking := func(link string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, map[string]any{"value": one, "@odata.nextLink": link})
		}
	}
	text := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := map[string]struct {
		serve http.HandlerFunc
		want  problem.Code
		calls int
	}{
		"one too many": {func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, map[string]any{"value": []any{membership("group", 1), membership("group", 2), membership("group", 3), membership("group", 4)}})
		}, request.DirectoryRefused, 1},
		"pages without end": {func(w http.ResponseWriter, r *http.Request) {
			answerJSON(w, map[string]any{"value": []any{}, "@odata.nextLink": "http://" + r.Host + r.URL.String()})
		}, request.DirectoryRefused, 50},
		"the next page at another host":   {linking(elsewhere.URL + "/v1.0/me/transitiveMemberOf"), request.DirectoryUnavailable, 1},
		"the next page with a user":       {linking("http://graph@127.0.0.1/"), request.DirectoryUnavailable, 1},
		"the next page at no address":     {linking("%"), request.DirectoryUnavailable, 1},
		"a redirect to another host":      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, request.DirectoryUnavailable, 1},
		"consent is missing":              {failing(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges of ana.o"), request.DirectoryReadForbidden, 1},
		"the token is not accepted":       {failing(http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token has expired or is not yet valid."), request.DirectoryNoToken, 1},
		"throttled":                       {failing(http.StatusTooManyRequests, "TooManyRequests", "Too many requests"), request.DirectoryThrottled, 1},
		"a failing server":                {failing(http.StatusInternalServerError, "generalException", "failed"), request.DirectoryUnavailable, 1},
		"a page of a proxy":               {text("text/html", "<html>ana.o</html>"), request.DirectoryUnavailable, 1},
		"no list":                         {text("application/json", `{"id":"ana.o"}`), request.DirectoryUnavailable, 1},
		"two lists":                       {text("application/json", `{"value":[],"value":[{"id":"`+groupID(1)+`"}]}`), request.DirectoryUnavailable, 1},
		"two ids":                         {text("application/json", `{"value":[{"id":"`+groupID(1)+`","id":"`+groupID(2)+`"}]}`), request.DirectoryUnavailable, 1},
		"an id and an ID":                 {text("application/json", `{"value":[{"id":"`+groupID(1)+`","ID":"`+groupID(2)+`"}]}`), request.DirectoryUnavailable, 1},
		"broken JSON":                     {text("application/json", `{"value":[`), request.DirectoryUnavailable, 1},
		"an id that is no GUID":           {text("application/json", `{"value":[{"id":"ana.o"}]}`), request.DirectoryUnavailable, 1},
		"an answer without end":           {text("application/json", `{"value":["`+strings.Repeat("a", 2<<20)+`"]}`), request.DirectoryUnavailable, 1},
		"a connection that ends too soon": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, request.DirectoryUnavailable, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32 // a handler that ends its connection may still run
			m, log := memberships(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				test.serve(w, r)
			})
			got, err := m.Groups(t.Context(), token, 3)
			if n := int(calls.Load()); problem.CodeOf(err) != test.want || got != nil || n != test.calls {
				t.Errorf("%v, %v after %d calls, want %s after %d", got, err, n, test.want, test.calls)
			}
			for _, secret := range append(secrets, "header.") {
				if strings.Contains(fmt.Sprint(err), secret) || strings.Contains(log.String(), secret) {
					t.Errorf("%q is in the error %v or in the log: %s", secret, err, log)
				}
			}
		})
	}
}

func TestGroupsGivenUp(t *testing.T) {
	m, _ := memberships(t, func(http.ResponseWriter, *http.Request) { t.Error("Graph was asked") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Groups(ctx, token, 3)
	if problem.CodeOf(err) != request.DirectoryUnavailable {
		t.Error(err)
	}
}

func TestMembershipsNeedASafeAddress(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://graph.microsoft.com": true, "http://127.0.0.1:7090": true,
		"http://graph.microsoft.com": false, "https://graph.microsoft.com/v1.0": false, "": false,
	} {
		_, err := graph.NewMemberships(graph.Config{URL: url})
		if (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
	if got := graph.PersonScope("https://graph.microsoft.us/"); got != "https://graph.microsoft.us/User.Read" {
		t.Errorf("scope %q", got)
	}
}
