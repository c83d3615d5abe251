package queues

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"

	"guestlist/handlers/dev/azurite/azuritetest"
	"guestlist/handlers/problem"
)

func open(t *testing.T) *Service {
	t.Helper()
	s, err := New(Config{ConnectionString: azuritetest.Shared(t).ConnectionString()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// make makes an empty queue and returns its name.
func (s *Service) make(t *testing.T) string {
	t.Helper()
	name := azuritetest.Name("q")
	_, err := s.service.NewQueueClient(name).Create(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// visible returns the messages that can be seen.
func (s *Service) visible(t *testing.T, queue string) []string {
	t.Helper()
	batch := int32(32)
	peeked, err := s.service.NewQueueClient(queue).PeekMessages(t.Context(), &azqueue.PeekMessagesOptions{NumberOfMessages: &batch})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, m := range peeked.Messages {
		text, err := base64.StdEncoding.DecodeString(*m.MessageText)
		if err != nil {
			text = []byte("raw " + *m.MessageText)
		}
		texts = append(texts, string(text))
	}
	return texts
}

func wantLength(t *testing.T, s *Service, queue string, want int) {
	t.Helper()
	n, exists, err := s.Length(t.Context(), queue)
	if err != nil || !exists || n != want {
		t.Errorf("the queue has %d messages (exists %t, %v), want %d", n, exists, err, want)
	}
}

func TestPutHidesMessageForDelay(t *testing.T) {
	s := open(t)
	queue := s.make(t)
	for delay, message := range map[time.Duration]string{0: "now", 2 * time.Second: "soon", 1000 * time.Hour: "late"} {
		err := s.Put(t.Context(), queue, []byte(message), delay)
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := s.visible(t, queue); len(got) != 1 || got[0] != "now" {
		t.Errorf("at once %q can be seen", got)
	}
	wantLength(t, s, queue, 3)
	time.Sleep(2500 * time.Millisecond)
	if got := s.visible(t, queue); len(got) != 2 {
		t.Errorf("after the delay %q can be seen", got)
	}
}

func TestMoveLeavesWhatIsHiddenOrNotBase64(t *testing.T) {
	s := open(t)
	from, to := s.make(t), s.make(t)
	for range 40 { // more than one batch
		err := s.Put(t.Context(), from, []byte("message"), 0)
		if err != nil {
			t.Fatal(err)
		}
	}
	err := s.Put(t.Context(), from, []byte("hidden"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.service.NewQueueClient(from).EnqueueMessage(t.Context(), "not base64!", nil)
	if err != nil {
		t.Fatal(err)
	}
	moved, left, err := s.Move(t.Context(), from, to)
	if err != nil || moved != 40 || len(left) != 1 {
		t.Errorf("moved %d, left %q, %v", moved, left, err)
	}
	wantLength(t, s, from, 2)
	wantLength(t, s, to, 40)
	if got := s.visible(t, to); len(got) == 0 || got[0] != "message" {
		t.Errorf("the messages arrive as %q", got)
	}
	moved, left, err = s.Move(t.Context(), azuritetest.Name("none"), to)
	if err != nil || moved != 0 || len(left) != 0 {
		t.Errorf("a queue that does not exist: moved %d, left %q, %v", moved, left, err)
	}
}

func TestOldestIsOfMessageThatCanBeSeen(t *testing.T) {
	s := open(t)
	queue := s.make(t)
	wantOldest := func(want time.Time) {
		t.Helper()
		got, err := s.Oldest(t.Context(), queue)
		if err != nil || got.IsZero() != want.IsZero() || got.Sub(want).Abs() > time.Minute {
			t.Errorf("the oldest is of %s, %v; want %s", got, err, want)
		}
	}
	wantOldest(time.Time{})
	for _, delay := range []time.Duration{time.Hour, 0} {
		err := s.Put(t.Context(), queue, []byte("message"), delay)
		if err != nil {
			t.Fatal(err)
		}
		if delay > 0 {
			wantOldest(time.Time{})
		}
	}
	wantOldest(time.Now())
	queue = azuritetest.Name("none")
	wantOldest(time.Time{})
}

func TestLengthOfMissingQueue(t *testing.T) {
	n, exists, err := open(t).Length(t.Context(), azuritetest.Name("none"))
	if n != 0 || exists || err != nil {
		t.Errorf("%d, %t, %v", n, exists, err)
	}
	err = open(t).Put(t.Context(), "none", nil, 0)
	if problem.CodeOf(err) != problem.StorageUnavailable || !strings.Contains(err.Error(), `there is no queue "none"`) {
		t.Errorf("putting a message there: %v", err)
	}
}

// token is a credential for a service that does not look at it.
type token struct{}

func (token) GetToken(context.Context, azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestErrorsRepeatNothingOfTheMessage(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-ms-error-code", "AuthorizationPermissionMismatch")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<Error>ana@contoso.com</Error>"))
	}))
	account := "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;QueueEndpoint=" + server.URL + "/a;"
	s, err := New(Config{ConnectionString: account})
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{"403 AuthorizationPermissionMismatch", "can't be reached"} {
		err = s.Put(t.Context(), "signups", []byte("ana@contoso.com"), 0)
		if problem.CodeOf(err) != problem.StorageUnavailable || !strings.Contains(err.Error(), reason) ||
			strings.Contains(err.Error(), "ana@") {
			t.Errorf("error %v, want one with %q", err, reason)
		}
		server.Close()
	}
}

func TestNewNeedsAnAccount(t *testing.T) {
	const url = "https://account.table.core.windows.net"
	tests := map[string]struct {
		config Config
		fault  string
	}{
		"nothing":                      {Config{}, "no queue service"},
		"an address without a sign-in": {Config{TablesURL: url}, "no queue service"},
		"another service's address":    {Config{TablesURL: "https://account.blob.core.windows.net", Credential: token{}}, "no queue service"},
		"a connection without queues":  {Config{ConnectionString: "AccountName=a"}, "connection string"},
		"an address with a sign-in":    {Config{TablesURL: url, Credential: token{}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.config)
			if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
				t.Errorf("error %v, want one with %q", err, test.fault)
			}
		})
	}
}

func TestQueueAddress(t *testing.T) {
	for tables, queues := range map[string]string{
		"https://contoso.table.core.windows.net":       "https://contoso.queue.core.windows.net",
		"https://contoso.table.core.chinacloudapi.cn/": "https://contoso.queue.core.chinacloudapi.cn/",
		"https://table.table.core.windows.net":         "https://table.queue.core.windows.net",
	} {
		if got := address(tables); got != queues {
			t.Errorf("%s: %s, want %s", tables, got, queues)
		}
	}
}
