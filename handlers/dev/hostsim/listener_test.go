package hostsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const poisonFunction = `{"bindings": [{"type": "queueTrigger", "direction": "in", "name": "message",
	"queueName": "@QUEUE@-poison", "dataType": "binary"}]}`

// attempts keeps the dequeue counts with which a message came.
type attempts struct {
	mu     sync.Mutex
	counts []string
}

// fail is a script that fails every invocation.
func (a *attempts) fail(w http.ResponseWriter, r *http.Request) {
	var e envelope
	_ = json.NewDecoder(r.Body).Decode(&e)
	a.mu.Lock()
	a.counts = append(a.counts, fmt.Sprint(e.Metadata["DequeueCount"]))
	a.mu.Unlock()
	w.WriteHeader(http.StatusInternalServerError)
}

func (a *attempts) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.counts)
}

// onQueue is how many messages are on the queue, hidden ones included.
func (s *stage) onQueue(name string) int64 {
	s.t.Helper()
	properties, err := s.client(name).GetProperties(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return *properties.ApproximateMessagesCount
}

func TestFailedMessageOnPoisonQueueIsHiddenAndTriedForEver(t *testing.T) {
	var a attempts
	s := newStage(t, map[string]string{"work": poisonFunction}, a.fail)
	// The visibility timeout of host.json does not count: the message is not released.
	s.set("AzureFunctionsJobHost__extensions__queues__maxDequeueCount=2")
	s.config.Invisibility = time.Second
	s.put(s.queue+"-poison", encode("bad"))
	began := time.Now()
	s.start()
	eventually(t, "four attempts", func() bool { return len(a.all()) >= 4 })
	if d := time.Since(began); d < 3*time.Second {
		t.Errorf("four attempts within %s: the message was visible too early", d)
	}
	if diff := cmp.Diff([]string{"1", "2", "3", "4"}, a.all()[:4]); diff != "" {
		t.Errorf("the attempts differ (-want +got):\n%s", diff)
	}
	if n := s.onQueue(s.queue + "-poison"); n != 1 {
		t.Errorf("%d messages on the queue, want 1", n)
	}
}

func TestOlderHostPassesOverMessageOnPoisonQueue(t *testing.T) {
	var a attempts
	s := newStage(t, map[string]string{"work": poisonFunction}, a.fail)
	s.set("AzureFunctionsJobHost__extensions__queues__maxDequeueCount=2")
	s.config.Invisibility = time.Second
	s.config.PassOverPoison = true
	s.put(s.queue+"-poison", encode("bad"))
	s.start()
	eventually(t, "two attempts", func() bool { return len(a.all()) >= 2 })
	lines := func() int { s.log.mu.Lock(); defer s.log.mu.Unlock(); return len(s.log.lines) }
	time.Sleep(500 * time.Millisecond)
	before := lines()
	time.Sleep(3 * time.Second)
	if diff := cmp.Diff([]string{"1", "2"}, a.all()); diff != "" {
		t.Errorf("the attempts differ (-want +got):\n%s", diff)
	}
	if n := lines(); n != before {
		t.Errorf("%d lines are logged about a message that is passed over", n-before)
	}
	if n := s.onQueue(s.queue + "-poison"); n != 1 {
		t.Errorf("%d messages on the queue, want 1", n)
	}
}

func TestUndecodableMessageOnPoisonQueueStays(t *testing.T) {
	var c capture
	s := newStage(t, map[string]string{"work": poisonFunction}, c.handle)
	s.config.Invisibility = time.Second
	s.put(s.queue+"-poison", "not base64!")
	s.start()
	decodings := func() (n int) {
		s.log.mu.Lock()
		defer s.log.mu.Unlock()
		for _, line := range s.log.lines {
			n += strings.Count(line, "Message decoding has failed!")
		}
		return n
	}
	eventually(t, "two tries to decode it", func() bool { return decodings() >= 2 })
	if c.count() != 0 {
		t.Error("the handler was asked")
	}
	if n := s.onQueue(s.queue + "-poison"); n != 1 {
		t.Errorf("%d messages on the queue, want 1", n)
	}
}

func TestAnswerOfQueueServiceStopsHost(t *testing.T) {
	tests := map[string]struct {
		status int // 0 refuses the connection
		code   string
		stops  bool
	}{
		"the app has no right to the queue": {http.StatusForbidden, "AuthorizationPermissionMismatch", true},
		"the request is invalid":            {http.StatusBadRequest, "InvalidHeaderValue", true},
		"the queue does not exist":          {http.StatusNotFound, "QueueNotFound", false},
		"the queue is being deleted":        {http.StatusConflict, "QueueBeingDeleted", false},
		"the service is busy":               {http.StatusServiceUnavailable, "ServerBusy", false},
		"the connection is refused":         {0, "", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			asked := 0
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				asked++
				mu.Unlock()
				w.Header().Set("x-ms-error-code", test.code)
				w.WriteHeader(test.status)
			}))
			defer service.Close()
			if test.status == 0 {
				service.Close()
			}
			s := newStage(t, map[string]string{"work": queueFunction}, nil)
			s.config.StorageRetry = time.Millisecond
			s.config.Storage = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;QueueEndpoint=" +
				service.URL + "/a;"
			h := s.start()
			stopped := false
			select {
			case <-h.Done():
				stopped = true
			case <-time.After(2 * time.Second):
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case stopped != test.stops:
				t.Errorf("the host has stopped: %t, want %t", stopped, test.stops)
			case stopped && h.Err() == nil:
				t.Error("the host does not say why it stopped")
			case !stopped && asked < 2:
				t.Errorf("the queue was asked %d times, want more", asked)
			}
		})
	}
}

func TestKilledHostLeavesMessageHidden(t *testing.T) {
	entered := make(chan struct{}, 10)
	var a attempts
	s := newStage(t, map[string]string{"work": queueFunction}, func(w http.ResponseWriter, r *http.Request) {
		first := len(a.all()) == 0
		a.fail(httptest.NewRecorder(), r)
		entered <- struct{}{}
		if first {
			w.Header().Set(hangHeader, "1")
			return
		}
		reply(w, `{}`)
	})
	s.config.Invisibility = 3 * time.Second
	s.put(s.queue, encode("work"))
	h := s.start()
	<-entered
	pid := h.HandlerPID()
	began := time.Now()
	h.Kill()
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("the end took %s: a killed host waits for nothing", d)
	}
	if h.HandlerPID() != pid {
		t.Error("the host started another handler")
	}
	s.start()
	<-entered
	if d := time.Since(began); d < time.Second {
		t.Errorf("the message came again after %s", d)
	}
	if diff := cmp.Diff([]string{"1", "2"}, a.all()); diff != "" {
		t.Errorf("the attempts differ (-want +got):\n%s", diff)
	}
	s.empty(s.queue)
}
