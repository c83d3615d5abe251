package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"guestlist/handlers/azure/webhook"
	"guestlist/handlers/request"
	"guestlist/handlers/request/channeltest"
)

// key returns a key of n bytes.
func key(n int, fill string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fill, n)[:n]))
}

func newChannel(t *testing.T, config channeltest.Config, keys ...string) request.Channel {
	t.Helper()
	channel, err := webhook.New(webhook.Config{
		URL: config.URL, Keys: keys, StandIn: true, Timeout: config.Timeout, Now: config.Now,
		Log: slog.New(slog.NewTextHandler(config.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return channel
}

func TestChannelKeepsPromises(t *testing.T) {
	old, next := key(24, "old key "), key(64, "next key")
	channeltest.Run(t, channeltest.Service{
		New:  func(t *testing.T, config channeltest.Config) request.Channel { return newChannel(t, config, next, old) },
		Name: "webhook", Recognizes: true, Status: http.StatusNoContent, TakesPages: true,
		Check: func(t *testing.T, notice request.Notice, r *http.Request, body []byte) {
			for _, key := range []string{old, next} {
				verify(t, key, r.Header, body)
			}
			checkBody(t, notice, r.Header, body)
		},
	})
}

// verify holds a webhook to the library that the authors of the specification publish for
// receivers.
func verify(t *testing.T, key string, header http.Header, body []byte) {
	t.Helper()
	referee, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	err = referee.VerifyIgnoringTimestamp(body, header)
	if err != nil {
		t.Error(err)
	}
	changed := append([]byte(" "), body...)
	if referee.VerifyIgnoringTimestamp(changed, header) == nil {
		t.Error("a changed body is taken for ours")
	}
}

// typeForm is the form of an event type in the specification.
var typeForm = regexp.MustCompile(`^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*$`)

func checkBody(t *testing.T, notice request.Notice, header http.Header, body []byte) {
	t.Helper()
	if header.Get("webhook-id") != string(notice.ID) || header.Get("webhook-timestamp") != "1796029200" || header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", header)
	}
	var got struct {
		Type      string
		Timestamp time.Time
		Data      struct {
			Number, Link string
			Row          *struct{ Partition, Name string }
			Deadline     *time.Time
			Stage        int
			Stages       int
			Waiting      int
		}
	}
	err := json.Unmarshal(body, &got)
	if err != nil || !typeForm.MatchString(got.Type) || !got.Timestamp.Equal(notice.At) {
		t.Errorf("%v, %s", err, body)
	}
	d := got.Data
	if d.Number != string(notice.Number) || d.Link != notice.Link || d.Stage != notice.Stage || d.Stages != notice.Stages {
		t.Errorf("%s", body)
	}
	if (d.Row == nil) != (notice.Row.Name == "") || d.Row != nil && (d.Row.Name != notice.Row.Name || d.Row.Partition != notice.Row.Partition) {
		t.Errorf("row in %s", body)
	}
	if (d.Deadline == nil) != notice.Deadline.IsZero() || d.Deadline != nil && !d.Deadline.Equal(notice.Deadline) {
		t.Errorf("deadline in %s", body)
	}
	if len(body) > 20_000 {
		t.Errorf("%d bytes", len(body))
	}
}

// TestIDStaysAndTimestampGoesOn: by the first a receiver knows a second attempt again, by the other
// it knows that nobody has recorded the first and sends it later.
func TestIDStaysAndTimestampGoesOn(t *testing.T) {
	var ids, times []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ids, times = append(ids, r.Header.Get("webhook-id")), append(times, r.Header.Get("webhook-timestamp"))
	}))
	t.Cleanup(server.Close)
	now := time.Unix(1_800_000_000, 0)
	channel := newChannel(t, channeltest.Config{URL: server.URL, Log: t.Output(), Now: func() time.Time { return now }}, key(32, "key"))
	for range 2 {
		err := channel.SendNotice(t.Context(), channeltest.Notice())
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	if ids[0] != ids[1] || times[0] != "1800000000" || times[1] != "1800000060" {
		t.Errorf("ids %q at %q", ids, times)
	}
}

func TestUnusableConfigIsRefused(t *testing.T) {
	const url = "https://hooks.example.com/s3cr3t"
	good := key(32, "s3cr3t")
	tests := map[string]struct {
		url  string
		keys []string
		says string
	}{
		"no key":                 {url, nil, "is not set"},
		"no prefix":              {url, []string{strings.TrimPrefix(good, "whsec_")}, "whsec_"},
		"a public key":           {url, []string{"whpk_" + strings.TrimPrefix(good, "whsec_")}, "whsec_"},
		"a short key":            {url, []string{good, key(23, "s3cr3t")}, "number 2"},
		"a long key":             {url, []string{key(65, "s3cr3t")}, "64 random bytes"},
		"no base64":              {url, []string{"whsec_s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"}, "base64"},
		"six keys":               {url, []string{good, good, good, good, good, good}, "6 keys"},
		"plain http":             {"http://hooks.example.com/s3cr3t", []string{good}, "https"},
		"plain http on loopback": {"http://127.0.0.1/s3cr3t", []string{good}, "https"},
		"a name and a password":  {"https://s3cr3t:s3cr3t@hooks.example.com", []string{good}, "password"},
		"a part after a hash":    {url + "#s3cr3t", []string{good}, "#"},
		"no host":                {"https:///s3cr3t", []string{good}, "https"},
		"no address":             {"https://s3cr3t\x7f", []string{good}, "address"},
		"words":                  {"s3cr3t", []string{good}, "https"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := webhook.New(webhook.Config{URL: test.url, Keys: test.keys})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("%v, want an error that says %q", err, test.says)
			}
			if strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "czNjc") {
				t.Errorf("%v repeats a secret", err)
			}
		})
	}
	for name, n := range map[string]int{"the shortest": 24, "the longest": 64} {
		_, err := webhook.New(webhook.Config{URL: url, Keys: []string{key(n, "k")}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
