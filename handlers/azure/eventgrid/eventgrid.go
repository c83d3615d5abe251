package eventgrid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"guestlist/handlers/azure/internal/posting"
	"guestlist/handlers/request"
)

// Name is the name of the channel.
const Name = "eventgrid"

const (
	apiVersion = "2018-01-01" // the newest of custom topics
	path       = "/api/events"
)

// Config configures a [Channel].
type Config struct {
	// URL is the endpoint of the topic, such as
	// https://NAME.REGION-1.eventgrid.azure.net/api/events.
	URL string
	// StandIn says that URL is http on a loopback address.
	StandIn bool
	// Credential gives the tokens. It needs the role EventGrid Data Sender on the topic. Nil only
	// for a stand-in.
	Credential azcore.TokenCredential
	// Timeout is how long an attempt may take. Default 15 s.
	Timeout time.Duration
	// Log gets one line for each answer. Default: none.
	Log *slog.Logger
	// Now is the clock for a Retry-After with a date. Default time.Now.
	Now func() time.Time
}

// A Channel publishes events. It may be used by several goroutines at once.
type Channel struct{ poster *posting.Poster }

var _ request.Channel = (*Channel)(nil)

// New returns a channel, or an error that says what is wrong with config. It makes no call.
func New(config Config) (*Channel, error) {
	err := CheckURL(config.URL, config.StandIn)
	if err != nil {
		return nil, fmt.Errorf("eventgrid: the endpoint of the topic %w", err)
	}
	if config.Credential == nil && !config.StandIn {
		return nil, errors.New("eventgrid: a topic takes tokens, and there is no credential")
	}
	u, err := url.Parse(config.URL)
	if err != nil {
		return nil, errNoURL
	}
	u.Path, u.RawQuery = path, "api-version="+apiVersion
	poster, err := posting.New(posting.Config{
		// A topic can have a private endpoint. Its certificate says that it is Azure's all the
		// same.
		Channel: Name, URL: u, Guard: posting.Guard{StandIn: config.StandIn, Private: !config.StandIn},
		Credential: config.Credential, Scope: Scope(config.URL),
		Taken: func(a posting.Answer) bool { return !a.Page }, Advice: advice,
		RequestID: "x-ms-request-id", Timeout: config.Timeout, Log: config.Log, Now: config.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("eventgrid: %w", err)
	}
	return &Channel{poster}, nil
}

// domains are what the hosts of topics end in, in each cloud.
var domains = []string{".eventgrid.azure.net", ".eventgrid.azure.us", ".eventgrid.azure.cn"}

var errNoURL = errors.New("is not an address")

// CheckURL returns what is wrong with the endpoint of a topic, without repeating any of it.
func CheckURL(text string, standIn bool) error {
	u, err := url.Parse(text)
	if err != nil {
		return errNoURL
	}
	err = posting.CheckURL(u, standIn)
	if err != nil {
		return err
	}
	const example = "such as https://NAME.westeurope-1.eventgrid.azure.net/api/events"
	switch {
	case !standIn && (domain(u) == "" || u.Port() != "" && u.Port() != "443"):
		return errors.New("is not that of a topic, " + example)
	case !standIn && strings.TrimSuffix(u.Path, "/") != path && strings.TrimSuffix(u.Path, "/") != "":
		return errors.New("must end in " + path + ", " + example)
	case u.RawQuery != "":
		return errors.New("must not have a part after ?, " + example)
	}
	return nil
}

// domain returns what the host ends in, "" for one that is not a topic's.
func domain(u *url.URL) string {
	for _, suffix := range domains {
		if strings.HasSuffix(strings.ToLower(u.Hostname()), suffix) {
			return suffix
		}
	}
	return ""
}

// Scope returns the audience of tokens for the topic with that endpoint, in its cloud.
func Scope(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || domain(u) == "" {
		return "https://eventgrid.azure.net/.default"
	}
	return "https://" + strings.TrimPrefix(domain(u), ".") + "/.default"
}

// advice says what an admin can do about an answer.
func advice(a posting.Answer) string {
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "does the identity have the role EventGrid Data Sender on the topic? A new role takes some minutes to have an effect"
	}
	return "is the topic still there, at this endpoint?"
}

// Name implements [request.Channel].
func (*Channel) Name() string { return Name }

// Recognizes implements [request.Channel].
func (*Channel) Recognizes() bool { return true }

// event is an event of CloudEvents 1.0 (https://github.com/cloudevents/spec).
type event struct {
	SpecVersion string       `json:"specversion"`
	ID          string       `json:"id"`
	Source      string       `json:"source"`
	Type        string       `json:"type"`
	Subject     string       `json:"subject,omitempty"`
	Time        time.Time    `json:"time"`
	ContentType string       `json:"datacontenttype"`
	Data        posting.Data `json:"data"`
}

// SendNotice implements [request.Channel].
func (c *Channel) SendNotice(ctx context.Context, notice request.Notice) error {
	err := c.poster.Check(notice)
	if err != nil {
		return err
	}
	body, err := json.Marshal(event{
		SpecVersion: "1.0", ID: string(notice.ID), Source: source(notice.Link), Type: posting.Type(notice.Kind),
		Subject: string(notice.Number), Time: notice.At.UTC(), ContentType: "application/json", Data: posting.NewData(notice),
	})
	if err != nil {
		return c.poster.Refuse("it can't be encoded")
	}
	return c.poster.Post(ctx, notice.ID, http.Header{
		"Content-Type": {"application/cloudevents+json; charset=utf-8"},
	}, body)
}

// source returns scheme and host of the pages for reviews, which name the deployment.
func source(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return "" // which Check has refused
	}
	return u.Scheme + "://" + u.Host
}
