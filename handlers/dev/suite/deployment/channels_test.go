package deployment

import (
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/settings"
)

// topics is the type of custom topics.
const topics = "Microsoft.EventGrid/topics"

// channelSettings are the settings of channels for notices.
var channelSettings = []string{
	settings.TeamsURL, settings.TeamsScope, settings.WebhookURL, settings.WebhookKeys, settings.EventGridURL,
}

// channelSecrets stand for what the key vault for channels holds.
var channelSecrets = map[string]string{
	settings.TeamsURL:    "https://0.environment.api.powerplatform.com/workflows/1/triggers/manual/paths/invoke?api-version=1",
	settings.WebhookKeys: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5",
}

// wantChannels returns how many channels an app has: all in the full layouts.
func wantChannels(s snapshot, a app) int {
	if s.full && a.sendsMails() {
		return 3
	}
	return 0
}

func TestOnlyTheWorkerGetsChannels(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		for _, app := range s.apps(t) {
			for _, name := range channelSettings {
				if value := app.settings[name]; (value != "") != (wantChannels(s, app) > 0) {
					t.Errorf("%s, %s: %s is %q", s.path, app.name, name, value)
				}
			}
		}
	}
}

// A topic of the deployment takes the place of one that exists already.
func TestTopicIsMadeIfAskedFor(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		made := s.full && s.split
		if names := s.names(topics); (len(names) == 1) != made {
			t.Errorf("%s: the topics %q", s.path, names)
		}
		for _, app := range s.apps(t) {
			if wantChannels(s, app) > 0 && isExpression(app.settings[settings.EventGridURL]) != made {
				t.Errorf("%s, %s: events go to %q", s.path, app.name, app.settings[settings.EventGridURL])
			}
		}
	}
}

// The form may read all of the vault with its own secrets.
func TestSecretsOfChannelsHaveAVaultOfTheirOwn(t *testing.T) {
	for _, s := range snapshots(t, allLayouts) {
		for _, r := range s.all("Microsoft.KeyVault/vaults/secrets") {
			name := r.Name[strings.LastIndex(r.Name, "/")+1:]
			ofChannel := slices.Contains([]string{"teams-url", "webhook-keys"}, name)
			if ofChannel != strings.HasPrefix(r.Name, "kvn") {
				t.Errorf("%s: the secret %s is in the vault %s", s.path, name, r.Name)
			}
		}
	}
}
