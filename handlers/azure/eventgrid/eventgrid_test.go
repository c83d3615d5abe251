package eventgrid_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"guestlist/handlers/azure/eventgrid"
	"guestlist/handlers/request"
	"guestlist/handlers/request/channeltest"
)

func TestChannelKeepsPromises(t *testing.T) {
	channeltest.Run(t, channeltest.Service{
		New: func(t *testing.T, config channeltest.Config) request.Channel {
			channel, err := eventgrid.New(eventgrid.Config{
				URL: config.URL, StandIn: true, Timeout: config.Timeout, Now: config.Now,
				Log: slog.New(slog.NewTextHandler(config.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			if err != nil {
				t.Fatal(err)
			}
			return channel
		},
		Name: "eventgrid", Recognizes: true, Status: http.StatusOK,
		Check: checkEvent,
	})
}

// checkEvent holds an event to the SDK of the authors of CloudEvents.
func checkEvent(t *testing.T, notice request.Notice, r *http.Request, body []byte) {
	t.Helper()
	if r.URL.Path != "/api/events" || r.URL.RawQuery != "api-version=2018-01-01" || r.Header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" {
		t.Errorf("%s, %v", r.URL, r.Header)
	}
	var got cloudevents.Event
	err := json.Unmarshal(body, &got)
	if err == nil {
		err = got.Validate()
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	if got.SpecVersion() != "1.0" || got.ID() != string(notice.ID) || got.Source() != "https://reviews.example.com" || !got.Time().Equal(notice.At) ||
		got.Subject() != string(notice.Number) || got.DataContentType() != "application/json" || len(got.Extensions()) != 0 ||
		got.Type() != "guestlist.notice."+strings.ReplaceAll(string(notice.Kind), "-", "_") {
		t.Errorf("%s", got)
	}
	var data struct {
		Number, Link string
		Waiting      int
		Deadline     time.Time
	}
	err = got.DataAs(&data)
	if err != nil || data.Number != string(notice.Number) || data.Link != notice.Link || !data.Deadline.Equal(notice.Deadline) {
		t.Errorf("%v, %s", err, got.Data())
	}
}

// token is a credential for tests.
type token struct{}

func (token) GetToken(context.Context, azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestEndpoints(t *testing.T) {
	for _, good := range []string{
		"https://topic.westeurope-1.eventgrid.azure.net/api/events", "https://topic.westeurope-1.eventgrid.azure.net", "https://topic.westeurope-1.eventgrid.azure.net:443/api/events/",
		"https://topic.usgovvirginia-1.eventgrid.azure.us/api/events", "https://topic.chinaeast2-1.eventgrid.azure.cn/api/events", "https://TOPIC.westeurope-1.EventGrid.azure.net/api/events",
	} {
		_, err := eventgrid.New(eventgrid.Config{URL: good, Credential: token{}})
		if err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "topic", "http://topic.westeurope-1.eventgrid.azure.net/api/events", "https://topic.eventgrid.azure.net.evil.example/api/events", "https://eventgrid.azure.net/api/events",
		"https://evil.example/api/events", "https://topic.westeurope-1.eventgrid.azure.net/other", "https://topic.westeurope-1.eventgrid.azure.net/api/events?aeg-sas-key=s3cr3t",
		"https://topic.westeurope-1.eventgrid.azure.net:8443/api/events", "https://a:b@topic.westeurope-1.eventgrid.azure.net/api/events", "http://127.0.0.1/api/events",
	} {
		_, err := eventgrid.New(eventgrid.Config{URL: bad, Credential: token{}})
		if err == nil || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "evil") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	_, err := eventgrid.New(eventgrid.Config{URL: "https://topic.westeurope-1.eventgrid.azure.net/api/events"})
	if err == nil || !strings.Contains(err.Error(), "credential") {
		t.Errorf("without a credential: %v", err)
	}
	_, err = eventgrid.New(eventgrid.Config{URL: "http://127.0.0.1/api/events", StandIn: true, Credential: token{}})
	if err == nil || !strings.Contains(err.Error(), "clear") {
		t.Errorf("a token in the clear: %v", err)
	}
}

func TestScopeIsThatOfTheCloud(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://topic.westeurope-1.eventgrid.azure.net/api/events":   "https://eventgrid.azure.net/.default",
		"https://topic.usgovvirginia-1.eventgrid.azure.us/api/events": "https://eventgrid.azure.us/.default",
		"https://topic.chinaeast2-1.eventgrid.azure.cn/api/events":    "https://eventgrid.azure.cn/.default",
		"http://127.0.0.1:7093": "https://eventgrid.azure.net/.default",
	} {
		if got := eventgrid.Scope(endpoint); got != want {
			t.Errorf("%s: %s", endpoint, got)
		}
	}
}
