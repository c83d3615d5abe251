package channels_test

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/azure/channels"
	"guestlist/handlers/azure/eventgrid"
	"guestlist/handlers/azure/teams"
	"guestlist/handlers/azure/webhook"
	"guestlist/handlers/settings"
)

// The addresses and keys of the tests. What must not be repeated has s3cr3t in it.
const (
	workflow = "https://default.4d.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/s3cr3t/triggers/manual/paths/invoke?api-version=1"
	signed   = workflow + "&sig=s3cr3t"
	hook     = "https://hooks.example.com/s3cr3t"
	keyOne   = "whsec_czNjcjN0czNjcjN0czNjcjN0czNjcjN0czNjcjN0" // base64 of s3cr3t, five times
	keyTwo   = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"
	topic    = "https://topic.westeurope-1.eventgrid.azure.net/api/events"
	scope    = "https://service.flow.microsoft.com//.default"
)

// azure and laptop are the least that a deployment and a local run set.
var (
	azure  = map[string]string{settings.StorageAccount: "guestlist", settings.ClientID: "11111111-1111-1111-1111-111111111111"}
	laptop = map[string]string{settings.StorageConnection: "UseDevelopmentStorage=true", settings.GraphCredential: settings.NoCredential, settings.GraphURL: "http://127.0.0.1:7090"}
)

func read(base map[string]string, changes ...string) (channels.Config, settings.Settings, error) {
	env := maps.Clone(base)
	for i := 0; i < len(changes); i += 2 {
		env[changes[i]] = changes[i+1]
	}
	var c channels.Config
	s, err := settings.Read(func(name string) string { return env[name] }, c.Read)
	return c, s, err
}

func TestFaultsNameSettingAndRepeatNothing(t *testing.T) {
	const vault = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/s3cr3t)"
	tests := map[string]struct {
		base    map[string]string
		changes []string
		want    []string
	}{
		"a workflow without its secret":        {azure, []string{settings.TeamsURL, workflow}, []string{settings.TeamsURL, "has no sig", "HTTP URL"}},
		"a workflow with secret and token":     {azure, []string{settings.TeamsURL, signed, settings.TeamsScope, scope}, []string{settings.TeamsURL, "has a sig"}},
		"a workflow of somebody else":          {azure, []string{settings.TeamsURL, hook}, []string{settings.TeamsURL, ".api.powerplatform.com"}},
		"a workflow in a vault that is closed": {azure, []string{settings.TeamsURL, vault}, []string{settings.TeamsURL, "key vault"}},
		"a stand-in's workflow in Azure":       {azure, []string{settings.TeamsURL, "http://127.0.0.1:7093/s3cr3t"}, []string{settings.TeamsURL, "https"}},
		"tokens for another service":           {azure, []string{settings.TeamsURL, workflow, settings.TeamsScope, "https://graph.microsoft.com/.default"}, []string{settings.TeamsScope, "service.flow.microsoft.com"}},
		"an audience for a scope":              {azure, []string{settings.TeamsURL, workflow, settings.TeamsScope, "https://service.flow.microsoft.com/"}, []string{settings.TeamsScope, "/.default"}},
		"a webhook in the clear":               {azure, []string{settings.WebhookURL, "http://hooks.example.com/s3cr3t", settings.WebhookKeys, keyOne}, []string{settings.WebhookURL, "https"}},
		"a webhook without a key":              {azure, []string{settings.WebhookURL, hook}, []string{settings.WebhookKeys, "whsec_", "openssl"}},
		"a key without its beginning":          {azure, []string{settings.WebhookURL, hook, settings.WebhookKeys, keyOne + " " + keyTwo[6:]}, []string{settings.WebhookKeys, "number 2"}},
		"keys in a vault that is closed":       {azure, []string{settings.WebhookURL, hook, settings.WebhookKeys, vault}, []string{settings.WebhookKeys, "key vault"}},
		"a vault behind a key":                 {azure, []string{settings.WebhookURL, hook, settings.WebhookKeys, keyOne + " " + vault}, []string{settings.WebhookKeys, "secret in the vault"}},
		"a topic elsewhere":                    {azure, []string{settings.EventGridURL, hook}, []string{settings.EventGridURL, "eventgrid.azure.net"}},
		"a topic with a key":                   {azure, []string{settings.EventGridURL, topic + "?aeg-sas-key=s3cr3t"}, []string{settings.EventGridURL}},
		"a topic without an identity":          {laptop, []string{settings.EventGridURL, topic}, []string{settings.ClientID, "identity"}},
		"a workflow without an identity":       {laptop, []string{settings.TeamsURL, workflow, settings.TeamsScope, scope}, []string{settings.ClientID, "identity"}},
		"a stand-in on another machine":        {laptop, []string{settings.WebhookURL, "http://stand-in.example.com", settings.WebhookKeys, keyOne}, []string{settings.WebhookURL, "loopback"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(test.base, test.changes...)
			if err == nil {
				t.Fatal("was accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			for _, secret := range []string{"s3cr3t", "czNjcjN0", "MDEy"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q repeats a secret", err)
				}
			}
		})
	}
}

func TestChannelsWithoutReviewPagesAreDoubtful(t *testing.T) {
	for origin, want := range map[string]int{"": 1, "https://reviews.example.com": 0} {
		_, s, err := read(azure, settings.WebhookURL, hook, settings.WebhookKeys, keyOne, settings.ReviewOrigin, origin)
		if err != nil || len(s.Warnings()) != want || want > 0 && !strings.HasPrefix(s.Warnings()[0], settings.ReviewOrigin+" is not set") {
			t.Errorf("%q: %q, %v", origin, s.Warnings(), err)
		}
	}
}

func TestSettingThatIsNotUsedIsDoubtful(t *testing.T) {
	for name, changes := range map[string][]string{settings.WebhookKeys: {settings.WebhookKeys, keyOne}, settings.TeamsScope: {settings.TeamsScope, scope}} {
		_, s, err := read(azure, changes...)
		if err != nil || len(s.Warnings()) != 1 || !strings.HasPrefix(s.Warnings()[0], name+" is not used") || strings.Contains(s.Warnings()[0], "czNjcjN0") {
			t.Errorf("%s: %q, %v", name, s.Warnings(), err)
		}
	}
}

// token is a credential for tests.
type token struct{}

func (token) GetToken(context.Context, azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestChannelsAreThoseOfTheSettings(t *testing.T) {
	const standIn = "http://127.0.0.1:7093/stand-in/notices/"
	tests := map[string]struct {
		base    map[string]string
		changes []string
		want    []string
		scopes  map[string]string
	}{
		"none":                     {azure, nil, nil, nil},
		"Teams by the secret":      {azure, []string{settings.TeamsURL, signed}, []string{"teams"}, nil},
		"Teams by a token":         {azure, []string{settings.TeamsURL, workflow, settings.TeamsScope, scope}, []string{"teams"}, map[string]string{"teams": scope}},
		"Teams in a national one":  {azure, []string{settings.TeamsURL, workflow, settings.TeamsScope, "https://gov.service.flow.microsoft.us//.default"}, []string{"teams"}, map[string]string{"teams": "https://gov.service.flow.microsoft.us//.default"}},
		"a webhook with two keys":  {azure, []string{settings.WebhookURL, hook, settings.WebhookKeys, keyOne + "  " + keyTwo}, []string{"webhook"}, nil},
		"a topic":                  {azure, []string{settings.EventGridURL, topic}, []string{"eventgrid"}, map[string]string{"eventgrid": "https://eventgrid.azure.net/.default"}},
		"all, of a laptop":         {laptop, []string{settings.EventGridURL, standIn + "eventgrid", settings.TeamsURL, standIn + "teams", settings.WebhookURL, standIn + "webhook", settings.WebhookKeys, keyOne}, []string{"teams", "webhook", "eventgrid"}, nil},
		"a real one from a laptop": {laptop, []string{settings.TeamsURL, signed}, []string{"teams"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, _, err := read(test.base, test.changes...)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(c.Configured(), test.want) || !maps.Equal(c.Scopes(), test.scopes) || c.NeedsToken() != (len(test.scopes) > 0) {
				t.Errorf("%q with tokens for %v", c.Configured(), c.Scopes())
			}
			opened, err := c.Open(channels.Options{Credential: token{}})
			if err != nil {
				t.Fatal(err)
			}
			types := map[string]any{"teams": new(teams.Channel), "webhook": new(webhook.Channel), "eventgrid": new(eventgrid.Channel)}
			var got []string
			for _, channel := range opened {
				got = append(got, channel.Name())
				if reflect.TypeOf(channel) != reflect.TypeOf(types[channel.Name()]) {
					t.Errorf("%s is a %T", channel.Name(), channel)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("opened %q", got)
			}
			_, err = c.Open(channels.Options{})
			if (err != nil) != c.NeedsToken() {
				t.Errorf("without an identity: %v", err)
			}
		})
	}
}
