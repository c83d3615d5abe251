package noticesim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/azure/channels"
	"guestlist/handlers/azure/webhook"
	"guestlist/handlers/dev/noticesim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/channeltest"
)

var now = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)

func start(t *testing.T) (*noticesim.Server, string, []request.Channel) {
	t.Helper()
	sim := noticesim.New(func() time.Time { return now })
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	all, err := channels.Config{
		TeamsURL: server.URL + noticesim.TeamsPath, WebhookURL: server.URL + noticesim.WebhookPath, WebhookKeys: []string{noticesim.WebhookKey},
		EventGridURL: server.URL, StandIns: true,
	}.Open(channels.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return sim, server.URL, all
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s: %d, %v", url, response.StatusCode, err)
	}
	return string(body)
}

func TestNoticesAreShown(t *testing.T) {
	_, url, all := start(t)
	if page := get(t, url+noticesim.NoticesPath); !strings.Contains(page, "No notice") {
		t.Errorf("%s", page)
	}
	for range 2 {
		for _, channel := range all {
			err := channel.SendNotice(t.Context(), channeltest.Notice())
			if err != nil {
				t.Errorf("%s: %v", channel.Name(), err)
			}
		}
	}
	var got []noticesim.Notice
	err := json.Unmarshal([]byte(get(t, url+noticesim.NoticesPath+".json")), &got)
	if err != nil || len(got) != 6 {
		t.Fatalf("%d notices, %v", len(got), err)
	}
	for i, want := range []noticesim.Notice{
		{Channel: "teams", Text: "A sign-up waits for a decision."}, {Channel: "webhook", Text: "guestlist.notice.asked"}, {Channel: "eventgrid", Text: "guestlist.notice.asked"},
	} {
		for _, n := range []noticesim.Notice{got[i], got[i+3]} {
			if n.Channel != want.Channel || n.Text != want.Text || n.Link != channeltest.Notice().Link || len(n.Facts) < 4 {
				t.Errorf("%+v, want %+v", n, want)
			}
		}
		if got[i].Again || got[i+3].Again != (want.Channel != "teams") {
			t.Errorf("%s: whether it came again is %t, then %t", want.Channel, got[i].Again, got[i+3].Again)
		}
	}
	page := get(t, url+noticesim.NoticesPath)
	if strings.Count(page, "<article>") != 6 || strings.Contains(page, "<b>") || !strings.Contains(page, "2FKM-93QX-7HTR") {
		t.Errorf("%s", page)
	}
}

func TestFaultHitsTheNextNoticeOfItsChannel(t *testing.T) {
	sim, url, all := start(t)
	for _, fault := range []string{`{"channel": "webhook", "status": 410}`, `{"channel": "teams", "status": 429, "retryAfter": 60}`} {
		response, err := http.Post(url+"/stand-in/faults", "application/json", strings.NewReader(fault))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusCreated {
			t.Errorf("%s: %s", fault, response.Status)
		}
	}
	want := map[string]problem.Code{"teams": request.NoticeThrottled, "webhook": request.NoticeForbidden}
	for round := range 2 {
		for _, channel := range all {
			err := channel.SendNotice(t.Context(), channeltest.Notice())
			if round == 1 {
				delete(want, channel.Name())
			}
			if problem.CodeOf(err) != want[channel.Name()] {
				t.Errorf("%s: %v, want %q", channel.Name(), err, want[channel.Name()])
			}
		}
	}
	if got := sim.Notices(); len(got) != 4 {
		t.Errorf("%d were taken", len(got))
	}
	for _, bad := range []noticesim.Fault{{Channel: "pigeon", Status: 400}, {Channel: "teams", Status: 42}} {
		if sim.Order(bad) == nil {
			t.Errorf("%+v is taken for a fault", bad)
		}
	}
}

func TestWhatReceiversRefuseIsRefused(t *testing.T) {
	sim, url, _ := start(t)
	other, err := webhook.New(webhook.Config{
		URL: url + noticesim.WebhookPath, Keys: []string{"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"}, StandIn: true, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	late, err := webhook.New(webhook.Config{
		URL: url + noticesim.WebhookPath, Keys: []string{noticesim.WebhookKey}, StandIn: true, Now: func() time.Time { return now.Add(-6 * time.Minute) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, channel := range map[string]request.Channel{"another key": other, "an old signature": late} {
		err := channel.SendNotice(t.Context(), channeltest.Notice())
		if problem.CodeOf(err) != request.NoticeForbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
	const asEvent = "application/cloudevents+json"
	for name, test := range map[string]struct{ path, contentType, body string }{
		"no card":                {noticesim.TeamsPath, "application/json", `{"type":"message","attachments":[]}`},
		"a bare card":            {noticesim.TeamsPath, "application/json", `{"type":"AdaptiveCard","version":"1.2","body":[]}`},
		"a card with a bot":      {noticesim.TeamsPath, "application/json", `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","version":"1.2","body":[{"type":"TextBlock","text":"x"}],"actions":[{"type":"Action.Submit","title":"Approve"}]}}]}`},
		"no JSON for Teams":      {noticesim.TeamsPath, "application/json", `hello`},
		"an unsigned webhook":    {noticesim.WebhookPath, "application/json", `{}`},
		"an event without an id": {"/api/events?api-version=2018-01-01", asEvent, `{"specversion":"1.0","source":"x","type":"y"}`},
		"an old form of event":   {"/api/events?api-version=2018-01-01", "application/json", `[{"id":"1","eventType":"x"}]`},
		"no version of the API":  {"/api/events", asEvent, `{"specversion":"1.0","id":"1","source":"x","type":"y","data":{}}`},
	} {
		response, err := http.Post(url+test.path, test.contentType, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusBadRequest && response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", name, response.Status)
		}
	}
	if got := sim.Notices(); len(got) != 0 {
		t.Errorf("%+v were taken", got)
	}
}
