package teams_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/azure/teams"
	"guestlist/handlers/request"
	"guestlist/handlers/request/channeltest"
)

func newChannel(t *testing.T, config channeltest.Config) request.Channel {
	t.Helper()
	channel, err := teams.New(teams.Config{
		URL: config.URL, StandIn: true, Timeout: config.Timeout, Now: config.Now,
		Log: slog.New(slog.NewTextHandler(config.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return channel
}

func TestChannelKeepsPromises(t *testing.T) {
	channeltest.Run(t, channeltest.Service{
		New: newChannel, Name: "teams", Status: http.StatusAccepted,
		Check: func(t *testing.T, notice request.Notice, r *http.Request, body []byte) {
			if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "" {
				t.Errorf("headers %v", r.Header)
			}
			checkCard(t, notice, body)
		},
	})
}

// message is what Teams documents of a message with a card. An element that is not in it fails to
// be read.
type message struct {
	Type        string `json:"type"`
	Attachments []struct {
		ContentType string `json:"contentType"`
		ContentURL  any    `json:"contentUrl"`
		Content     struct {
			Schema  string `json:"$schema"`
			Type    string `json:"type"`
			Version string `json:"version"`
			Body    []struct {
				Type   string `json:"type"`
				Text   string `json:"text"`
				Weight string `json:"weight"`
				Wrap   bool   `json:"wrap"`
				Facts  []struct {
					Title string `json:"title"`
					Value string `json:"value"`
				} `json:"facts"`
			} `json:"body"`
			Actions []struct {
				Type  string `json:"type"`
				Title string `json:"title"`
				URL   string `json:"url"`
			} `json:"actions"`
			Teams map[string]string `json:"msteams"`
		} `json:"content"`
	} `json:"attachments"`
}

func read(t *testing.T, body []byte) message {
	t.Helper()
	var m message
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&m)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return m
}

func checkCard(t *testing.T, notice request.Notice, body []byte) {
	t.Helper()
	if len(body) > 21_000 {
		t.Errorf("%d bytes", len(body))
	}
	m := read(t, body)
	if m.Type != "message" || len(m.Attachments) != 1 || !bytes.Contains(body, []byte(`"contentUrl":null`)) {
		t.Fatalf("%s", body)
	}
	a := m.Attachments[0]
	c := a.Content
	if a.ContentType != "application/vnd.microsoft.card.adaptive" || c.Type != "AdaptiveCard" || c.Version != "1.2" ||
		c.Schema != "http://adaptivecards.io/schemas/adaptive-card.json" || len(c.Body) != 2 || len(c.Actions) != 1 {
		t.Fatalf("%s", body)
	}
	text, set, button := c.Body[0], c.Body[1], c.Actions[0]
	if text.Type != "TextBlock" || text.Text == "" || !text.Wrap || set.Type != "FactSet" || len(set.Facts) == 0 ||
		button.Type != "Action.OpenUrl" || button.Title == "" || button.URL != notice.Link {
		t.Errorf("%s", body)
	}
	for _, f := range set.Facts {
		if f.Title == "" || f.Value == "" {
			t.Errorf("an empty fact in %s", body)
		}
	}
	if notice.Number != "" && !bytes.Contains(body, []byte(notice.Number)) {
		t.Errorf("no number in %s", body)
	}
}

// sent returns the body of the message for a notice.
func sent(t *testing.T, notice request.Notice) []byte {
	t.Helper()
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	err := newChannel(t, channeltest.Config{URL: server.URL, Log: io.Discard}).SendNotice(t.Context(), notice)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestCardTellsEachKindApart(t *testing.T) {
	seen := map[string]request.NoticeKind{}
	for _, notice := range channeltest.Notices()[:len(request.NoticeKinds())+1] {
		text := read(t, sent(t, notice)).Attachments[0].Content.Body[0].Text
		if other, twice := seen[text]; twice {
			t.Errorf("%s and %s are both %q", other, notice.Kind, text)
		}
		seen[text] = notice.Kind
	}
}

func TestFactsOfCard(t *testing.T) {
	notice := channeltest.Notice()
	got := map[string]string{}
	for _, f := range read(t, sent(t, notice)).Attachments[0].Content.Body[1].Facts {
		got[f.Title] = f.Value
	}
	want := map[string]string{
		"Number": "2FKM-93QX-7HTR", "Stage": "1 of 2", "Decide by": "3 December 2026, 09:00 UTC", "As of": "30 November 2026, 08:59 UTC",
		"Policy row": `Partner "Días" \<b\>, \[x\](https://evil.example) (for \*.contoso.com)`,
	}
	for title, value := range want {
		if got[title] != value {
			t.Errorf("%s is %q, want %q", title, got[title], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("facts %q", got)
	}
}

// unescaped finds a mark of Markdown without a backslash before it.
var unescaped = regexp.MustCompile("(^|[^\\\\])[*_\\[\\]`<>~#]")

// FuzzNameOfRowStaysText: whatever a row is called, the card is a card within the limit, and the
// name no link.
func FuzzNameOfRowStaysText(f *testing.F) {
	f.Add("*", "default")
	f.Add("contoso.com", "[Sign in](https://evil.example)\r\n\u202e")
	f.Add("contoso.com", strings.Repeat("\x00\u2028\"\\", 20_000))
	f.Add("contoso.com", "\xff\xfe 👨\u200d👩\u200d👧")
	f.Fuzz(func(t *testing.T, partition, name string) {
		notice := channeltest.Notice()
		notice.Row.Partition, notice.Row.Name = strings.ReplaceAll(partition, "@", ""), name
		body := sent(t, notice)
		checkCard(t, notice, body)
		for _, f := range read(t, body).Attachments[0].Content.Body[1].Facts {
			value := strings.ReplaceAll(f.Value, `\\`, "")
			if f.Title == "Policy row" && (unescaped.MatchString(value) || strings.ContainsAny(value, "\r\n\u2028\u202e\x00")) {
				t.Errorf("%q", f.Value)
			}
		}
	})
}

func TestMessageOverTheLimitIsRefused(t *testing.T) {
	notice := channeltest.Notice()
	notice.Link += "&c=" + strings.Repeat("a", 21_000)
	channel := newChannel(t, channeltest.Config{URL: "http://127.0.0.1:1", Log: io.Discard})
	channeltest.CheckError(t, channel.SendNotice(t.Context(), notice), request.NoticeRefused)
}

// TestWorkflowThatIsOffIsForbidden: Logic Apps answers 400 for it, as for a wrong request.
func TestWorkflowThatIsOffIsForbidden(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("x-ms-workflow-run-id", "08584800000000000000000000000CU00")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"Could not execute workflow trigger"}}`)
	}))
	t.Cleanup(server.Close)
	channel := newChannel(t, channeltest.Config{URL: server.URL, Log: io.Discard})
	failure := channeltest.CheckError(t, channel.SendNotice(t.Context(), channeltest.Notice()), request.NoticeForbidden)
	if failure.Answer != "400 WorkflowTriggerIsNotEnabled" || failure.Ref == "" || !strings.Contains(failure.Detail, "switched on") {
		t.Errorf("%+v", failure)
	}
}

// token is a credential for tests.
type token struct{}

func (token) GetToken(context.Context, azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestAddressesOfWorkflows(t *testing.T) {
	const trigger, sig = "/powerautomate/automations/direct/cu/02/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0", "&sig=s3cr3t"
	const host = "https://default0123.4d.environment.api.powerplatform.com"
	tests := map[string]struct {
		url   string
		token bool
		says  string // "" for an address that can be used
	}{
		"as Power Automate gives it":   {host + ":443" + trigger + sig, false, ""},
		"without the port":             {host + trigger + sig, false, ""},
		"of Logic Apps":                {"https://prod-12.westeurope.logic.azure.com:443/workflows/0123/triggers/manual/paths/invoke?api-version=2016-06-01&sig=s3cr3t", false, ""},
		"of a national cloud":          {"https://prod-12.usgovtexas.logic.azure.us/workflows/0123/triggers/manual/paths/invoke?api-version=2016-06-01&sig=s3cr3t", false, ""},
		"in another case":              {strings.Replace(host, "powerplatform", "PowerPlatform", 1) + trigger + sig, false, ""},
		"for tokens":                   {host + trigger, true, ""},
		"for tokens, with a sig":       {host + trigger + sig, true, "has a sig"},
		"without a sig":                {host + trigger, false, "has no sig"},
		"of an Office 365 connector":   {"https://contoso.webhook.office.com/webhookb2/s3cr3t", false, "connector"},
		"of somebody else":             {"https://evil.example" + trigger + sig, false, "host"},
		"of somebody else with a look": {"https://api.powerplatform.com.evil.example" + trigger + sig, false, "host"},
		"at a similar name":            {"https://evilapi.powerplatform.com" + trigger + sig, false, "host"},
		"at another port":              {host + ":8443" + trigger + sig, false, "host"},
		"of the page of the workflow":  {host + "/powerautomate/flows/0123?sig=s3cr3t", false, "whole"},
		"cut off":                      {host + "/workflows/0123/triggers/manual?sig=s3cr3t", false, "whole"},
		"plain http":                   {"http://default0123.4d.environment.api.powerplatform.com" + trigger + sig, false, "https"},
		"with a name and a password":   {"https://s3cr3t:s3cr3t@default.api.powerplatform.com" + trigger + sig, false, "password"},
		"words":                        {"the s3cr3t", false, "https"},
		"no address":                   {"https://s3cr3t\x7f", false, "address"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := teams.Config{URL: test.url}
			if test.token {
				config.Credential, config.Scope = token{}, "https://service.flow.microsoft.com//.default"
			}
			_, err := teams.New(config)
			switch {
			case test.says == "" && err != nil:
				t.Error(err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
				t.Errorf("%v, want an error that says %q", err, test.says)
			case err != nil && slices.ContainsFunc([]string{"s3cr3t", "0123", "evil"}, func(part string) bool { return strings.Contains(err.Error(), part) }):
				t.Errorf("%v repeats a part of the address", err)
			}
		})
	}
}
