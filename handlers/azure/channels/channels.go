package channels

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"guestlist/handlers/azure/eventgrid"
	"guestlist/handlers/azure/teams"
	"guestlist/handlers/azure/webhook"
	"guestlist/handlers/request"
	"guestlist/handlers/settings"
)

// Config is what the settings say of channels. A channel without an address is not configured.
type Config struct {
	TeamsURL     string // a secret
	TeamsScope   string
	WebhookURL   string
	WebhookKeys  []string // secrets
	EventGridURL string
	// StandIns says that an http address is that of a stand-in on this machine, which gets no
	// tokens.
	StandIns bool
	// Person says that a person's sign-in gives the tokens, so that no client id is needed. Read
	// leaves it as it is.
	Person bool
}

// Read reads the settings, for [settings.Read].
func (c *Config) Read(r *settings.Reader) {
	*c = Config{
		TeamsURL: r.Secret(settings.TeamsURL), TeamsScope: r.Text(settings.TeamsScope),
		WebhookURL: r.Text(settings.WebhookURL), WebhookKeys: r.Keys(settings.WebhookKeys),
		EventGridURL: r.Text(settings.EventGridURL),
		StandIns:     r.Text(settings.GraphCredential) == settings.NoCredential,
		Person:       c.Person,
	}
	if c.TeamsURL != "" {
		r.Check(settings.TeamsURL, teams.CheckURL(c.TeamsURL, c.TeamsScope != "", c.standIn(c.TeamsURL)))
	}
	if c.TeamsScope != "" {
		r.Check(settings.TeamsScope, checkScope(c.TeamsScope))
	}
	if c.WebhookURL != "" {
		r.Check(settings.WebhookURL, webhook.CheckURL(c.WebhookURL, c.standIn(c.WebhookURL)))
		if !r.Unresolved(settings.WebhookKeys) {
			r.Check(settings.WebhookKeys, webhook.CheckKeys(c.WebhookKeys))
		}
	}
	if c.EventGridURL != "" {
		r.Check(settings.EventGridURL, eventgrid.CheckURL(c.EventGridURL, c.standIn(c.EventGridURL)))
	}
	if c.NeedsToken() && !c.Person && r.Text(settings.ClientID) == "" {
		r.Fault(settings.ClientID, "is not set; notices need the client id of the user-assigned managed identity")
	}
	if len(c.Configured()) > 0 && r.Text(settings.ReviewOrigin) == "" {
		r.Warn(settings.ReviewOrigin, "is not set, so no channel gets notices: they are about the review pages, and link to them")
	}
	for _, pair := range [][2]string{{settings.TeamsScope, settings.TeamsURL}, {settings.WebhookKeys, settings.WebhookURL}} {
		if r.Text(pair[0]) != "" && r.Text(pair[1]) == "" {
			r.Warn(pair[0], "is not used, because "+pair[1]+" is not set")
		}
	}
}

// standIn reports whether an address is that of a stand-in.
func (c Config) standIn(address string) bool {
	return c.StandIns && strings.HasPrefix(strings.ToLower(address), "http:")
}

// audiences are the hosts of the audiences that a workflow's trigger expects, in each cloud
// (https://learn.microsoft.com/power-automate/oauth-authentication). A token for another service
// must not get to people who can read a workflow.
var audiences = []string{
	"service.flow.microsoft.com", "gov.service.flow.microsoft.us", "high.service.flow.microsoft.us",
	"service.flow.appsplatform.us", "service.powerautomate.cn",
}

// checkScope checks the scope of tokens for a workflow.
func checkScope(text string) error {
	u, err := url.Parse(strings.TrimSuffix(text, "/.default"))
	if err != nil || !strings.HasSuffix(text, "/.default") || u.Scheme != "https" || !slices.Contains(audiences, u.Host) || strings.Trim(u.Path, "/") != "" {
		return errors.New("must be the audience of the workflow's trigger and /.default, such as https://service.flow.microsoft.com//.default")
	}
	return nil
}

// NeedsToken reports whether a channel needs tokens of the app's identity.
func (c Config) NeedsToken() bool {
	return c.teamsToken() || c.EventGridURL != "" && !c.standIn(c.EventGridURL)
}

// teamsToken reports whether the workflow gets tokens.
func (c Config) teamsToken() bool {
	return c.TeamsURL != "" && c.TeamsScope != "" && !c.standIn(c.TeamsURL)
}

// Names returns the names of all channels, in the order in which they are opened.
func Names() []string { return []string{teams.Name, webhook.Name, eventgrid.Name} }

// Configured returns the names of the channels that are configured.
func (c Config) Configured() []string {
	addresses := map[string]string{teams.Name: c.TeamsURL, webhook.Name: c.WebhookURL, eventgrid.Name: c.EventGridURL}
	return slices.DeleteFunc(Names(), func(name string) bool { return addresses[name] == "" })
}

// Scopes returns what the tokens that a channel needs are for, by the channel's name.
func (c Config) Scopes() map[string]string {
	scopes := map[string]string{}
	if c.teamsToken() {
		scopes[teams.Name] = c.TeamsScope
	}
	if c.EventGridURL != "" && !c.standIn(c.EventGridURL) {
		scopes[eventgrid.Name] = eventgrid.Scope(c.EventGridURL)
	}
	return scopes
}

// Options are what channels are opened with.
type Options struct {
	// Credential gives tokens, to the channels that need any.
	Credential azcore.TokenCredential
	// Log gets one line for each answer. Default: none.
	Log *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Open returns the channels that are configured. It makes no call. The errors repeat no address and
// no key.
func (c Config) Open(o Options) ([]request.Channel, error) {
	var all []request.Channel
	for _, name := range c.Configured() {
		channel, err := c.OpenOne(name, o)
		if err != nil {
			return nil, fmt.Errorf("opening the channels of notices: %w", err)
		}
		all = append(all, channel)
	}
	return all, nil
}

// OpenOne returns the channel of that name, which must be configured. It makes no call.
func (c Config) OpenOne(name string, o Options) (request.Channel, error) {
	credential := o.Credential
	if c.Scopes()[name] == "" {
		credential = nil
	} else if credential == nil {
		return nil, errors.New(name + ": there is no identity that gets tokens")
	}
	switch name {
	case teams.Name:
		return teams.New(teams.Config{
			URL: c.TeamsURL, StandIn: c.standIn(c.TeamsURL), Credential: credential, Scope: c.TeamsScope, Log: o.Log, Now: o.Now,
		})
	case webhook.Name:
		return webhook.New(webhook.Config{
			URL: c.WebhookURL, Keys: c.WebhookKeys, StandIn: c.standIn(c.WebhookURL), Log: o.Log, Now: o.Now,
		})
	case eventgrid.Name:
		return eventgrid.New(eventgrid.Config{
			URL: c.EventGridURL, StandIn: c.standIn(c.EventGridURL), Credential: credential, Log: o.Log, Now: o.Now,
		})
	}
	return nil, errors.New("there is no channel " + name)
}
