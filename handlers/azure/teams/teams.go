package teams

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
const Name = "teams"

// Config configures a [Channel].
type Config struct {
	// URL is the address of the workflow's trigger, as Power Automate shows it. Its parameter sig
	// is a secret.
	URL string
	// StandIn says that URL is http on a loopback address.
	StandIn bool
	// Credential and Scope give tokens to a workflow that takes them in place of sig: one for "Any
	// user in my tenant" or "Specific users in my tenant". Nil: there are none.
	Credential azcore.TokenCredential
	Scope      string
	// Timeout is how long an attempt may take. Default 15 s.
	Timeout time.Duration
	// Log gets one line for each answer. Default: none.
	Log *slog.Logger
	// Now is the clock for a Retry-After with a date. Default time.Now.
	Now func() time.Time
}

// A Channel posts cards. It may be used by several goroutines at once.
type Channel struct{ poster *posting.Poster }

var _ request.Channel = (*Channel)(nil)

// New returns a channel, or an error that says what is wrong with the address and repeats none of
// it. It makes no call.
func New(config Config) (*Channel, error) {
	token := config.Credential != nil
	err := CheckURL(config.URL, token, config.StandIn)
	if err != nil {
		return nil, fmt.Errorf("teams: the address of the workflow %w", err)
	}
	u, err := url.Parse(config.URL)
	if err != nil {
		return nil, errNoURL
	}
	poster, err := posting.New(posting.Config{
		Channel: Name, URL: u, Guard: posting.Guard{StandIn: config.StandIn}, Credential: config.Credential, Scope: config.Scope,
		Taken: func(a posting.Answer) bool { return !a.Page }, Barred: barred, Advice: advice(token),
		RequestID: "x-ms-workflow-run-id", Timeout: config.Timeout, Log: config.Log, Now: config.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("teams: %w", err)
	}
	return &Channel{poster}, nil
}

// hosts are what the hosts of workflows end in, in each cloud: of Power Platform, and of Logic
// Apps, where workflows lived before and which have the same trigger. Nothing more of a host is
// checked: Microsoft has changed the rest before.
var hosts = []string{
	".api.powerplatform.com", ".api.gov.powerplatform.microsoft.us", ".api.high.powerplatform.microsoft.us",
	".api.appsplatform.us", ".api.powerplatform.partner.microsoftonline.cn",
	".logic.azure.com", ".logic.azure.us", ".logic.azure.cn",
}

var errNoURL = errors.New("is not an address")

// CheckURL returns what is wrong with the address of a workflow, without repeating any of it. token
// says that the workflow gets tokens.
func CheckURL(text string, token, standIn bool) error {
	u, err := url.Parse(text)
	if err != nil {
		return errNoURL
	}
	err = posting.CheckURL(u, standIn)
	if err != nil {
		return err
	}
	if standIn {
		return nil
	}
	host, known := strings.ToLower(u.Hostname()), false
	for _, suffix := range hosts {
		known = known || strings.HasSuffix(host, suffix)
	}
	signed := u.Query().Get("sig") != ""
	switch {
	case strings.HasSuffix(host, ".webhook.office.com"):
		return errors.New("is that of an Office 365 connector, which Microsoft has switched off; make a workflow")
	case !known || u.Port() != "" && u.Port() != "443":
		return errors.New("is not that of a workflow: its host ends in .api.powerplatform.com or .logic.azure.com")
	case !strings.Contains(u.Path, "/workflows/") || !strings.Contains(u.Path, "/triggers/") || !strings.HasSuffix(u.Path, "/paths/invoke"):
		return errors.New("is not that of a workflow's trigger: copy the whole of what the trigger shows as HTTP URL")
	case !signed && !token:
		return errors.New("has no sig: copy the whole of what the trigger shows as HTTP URL, or let the app send a token")
	case signed && token:
		// Azure refuses requests with both.
		return errors.New("has a sig, and a workflow that gets tokens has none: let its trigger accept users of the tenant, and copy the address again")
	}
	return nil
}

// barred reports whether the workflow is switched off, which is answered like a wrong request.
func barred(a posting.Answer) bool {
	switch a.Code {
	case "WorkflowTriggerIsNotEnabled", "WorkflowDisabled", "WorkflowSuspended", "WorkflowNotFound", "TriggerNotFound":
		return true
	}
	return false
}

// advice returns what an admin can do about an answer.
func advice(token bool) func(posting.Answer) string {
	return func(a posting.Answer) string {
		refused := a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
		switch {
		case refused && token:
			return "does the workflow's trigger accept the app's identity, and is the scope right?"
		case refused:
			return "was the address copied whole, and does the workflow's trigger accept anyone?"
		}
		return "is the workflow still there and switched on, and does its owner still work here?"
	}
}

// Name implements [request.Channel].
func (*Channel) Name() string { return Name }

// Recognizes implements [request.Channel]: a message that comes twice appears twice.
func (*Channel) Recognizes() bool { return false }

// SendNotice implements [request.Channel].
func (c *Channel) SendNotice(ctx context.Context, notice request.Notice) error {
	err := c.poster.Check(notice)
	if err != nil {
		return err
	}
	body, err := json.Marshal(message{
		Type: "message", Attachments: []attachment{{ContentType: cardType, Content: newCard(notice)}},
	})
	if err != nil || len(body) > maxMessage {
		return c.poster.Refuse("it can't be encoded within the limit of Teams")
	}
	return c.poster.Post(ctx, notice.ID, http.Header{"Content-Type": {"application/json"}}, body)
}
