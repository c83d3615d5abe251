package browser

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"guestlist/handlers/branding"
	"guestlist/handlers/dev/internal/apptest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/site"
	"guestlist/handlers/web/status"
)

// TestCodes has the status page alone, with a stand-in for the worker that compares codes.
func TestCodes(t *testing.T) {
	const key = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"
	guards, err := guard.New(guard.Config{FormKeys: []string{key}, FormLifetime: time.Hour}, time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	style := branding.Style{Organisation: "Wingtip Toys", Accent: branding.Accent{
		Light: branding.Colour{R: 0x17, G: 0x56, B: 0x7f}, Dark: branding.Colour{R: 0x6d, G: 0xb2, B: 0xe3},
	}}
	comparing := &comparer{progress: map[submission.ID]request.Progress{}, typed: map[submission.ID][]string{}}
	page, err := status.New(status.Config{
		Service:  site.Service{Style: style, Guards: guards, Queue: comparing, Now: time.Now, Log: slog.New(slog.DiscardHandler)},
		Requests: comparing, Codes: true, FormLifetime: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := submission.NewIDKey(key)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(site.Root+"/{id}", page)
	mux.HandleFunc("/stand-in/id", func(w http.ResponseWriter, r *http.Request) {
		id, err := ids.NewID(time.Now(), rand.Reader)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, id)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	run(t, stack{Local: &apptest.Local{Signup: server.URL + site.Root, Graph: server.URL}, unrecorded: "none"}, "codes.mjs")
}

// comparer compares codes with the right one. It does so when the progress is asked for the second
// time, so that the page which follows a code finds it not compared yet.
type comparer struct {
	mu       sync.Mutex
	progress map[submission.ID]request.Progress
	typed    map[submission.ID][]string // first "" until the progress was asked for
}

const rightCode = "12345678"

func (c *comparer) Enqueue(_ context.Context, encoded []byte) error {
	message, err := submission.DecodeMessage(encoded)
	if err != nil || message.Kind != submission.Prove {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.typed[message.ID]) == 0 {
		c.typed[message.ID] = []string{""}
	}
	c.typed[message.ID] = append(c.typed[message.ID], message.Code)
	return nil
}

func (c *comparer) Progress(_ context.Context, id submission.ID) (request.Progress, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	typed := c.typed[id]
	if len(typed) > 0 && typed[0] == "" {
		c.typed[id] = typed[1:]
		typed = nil
	}
	progress, recorded := c.progress[id]
	for _, code := range typed {
		progress.Stage, recorded = request.StageFinished, true
		progress.Tries++
		progress.Proved = progress.Proved || code == rightCode
	}
	if len(typed) > 0 {
		c.progress[id], c.typed[id] = progress, nil
	}
	if !recorded {
		return request.Progress{}, problem.New(problem.NotFound, "no request %s", id)
	}
	return progress, nil
}
