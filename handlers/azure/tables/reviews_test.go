package tables

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// TestWaitingReviewsCostOneCallForEachThousand reads from an index that has no end, as the service
// gives it: at most a thousand rows a call.
func TestWaitingReviewsCostOneCallForEachThousand(t *testing.T) {
	const perCall = 1000
	now := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	calls, written := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		rows := make([]string, 0, perCall)
		for range perCall {
			id, err := submission.NewID(now.Add(time.Duration(written)*time.Second), rand.Reader)
			if err != nil {
				t.Error(err)
				return
			}
			written++
			entry := request.WaitingReview{ID: id, Stage: 1, Since: now, Domain: "contoso.com"}
			encoded, err := newRow(reviewsPartition, string(id), reviewFields(&entry)).encode()
			if err != nil {
				t.Error(err)
				return
			}
			rows = append(rows, string(encoded))
		}
		w.Header().Set("Content-Type", "application/json;odata=minimalmetadata")
		w.Header().Set("x-ms-continuation-NextPartitionKey", "1")
		w.Header().Set("x-ms-continuation-NextRowKey", "1")
		fmt.Fprintf(w, `{"value":[%s]}`, strings.Join(rows, ","))
	}))
	defer server.Close()
	store, err := New(Config{ConnectionString: "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=" + server.URL + "/a;"})
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]int{1: 1, 50: 1, 1000: 1, 1001: 2, 2000: 2} {
		calls = 0
		entries, err := store.WaitingReviews(t.Context(), "", "", limit)
		if err != nil || len(entries) != limit || calls != want {
			t.Errorf("%d entries cost %d calls, want %d; got %d, %v", limit, calls, want, len(entries), err)
		}
	}
}
