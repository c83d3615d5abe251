package graph

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
	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	kauth "github.com/microsoft/kiota-authentication-azure-go"
	khttp "github.com/microsoft/kiota-http-go"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	core "github.com/microsoftgraph/msgraph-sdk-go-core"

	"guestlist/handlers/azure/identity"
	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	// DefaultTimeout is how long a call may take, with the token and the answer's last byte. Graph
	// answers an invitation within a few seconds; a queue message is hidden for far longer than
	// this.
	DefaultTimeout = 20 * time.Second

	// sdkVersion is the version of msgraph-sdk-go in go.mod, for Graph's statistics. A test
	// compares the two.
	sdkVersion = "1.103.0"
)

// Config configures a [Client].
type Config struct {
	// URL is the address of Graph: scheme and host only. https://graph.microsoft.com, a national
	// cloud's (https://graph.microsoft.us, https://dod-graph.microsoft.us,
	// https://microsoftgraph.chinacloudapi.cn), or http://127.0.0.1:port for a stand-in.
	URL string
	// Credential gives the tokens. They are sent to the host of URL only, which must be https.
	// Without a credential, URL must be http on a loopback address. It must cache its tokens: it is
	// asked before every call.
	Credential azcore.TokenCredential
	// Log gets one line for each answer, with Graph's request-id and the time in milliseconds: at
	// level Debug for a success, else at Info. Default: none.
	Log *slog.Logger
	// Timeout is how long a call may take. Default DefaultTimeout.
	Timeout time.Duration
	// Transport carries the requests. Default: the SDK's, which is net/http's.
	Transport http.RoundTripper
	// Pressure, if set, gets how much of one of Graph's limits is used, from 0.8 on; 1 is all of
	// it, and more is possible. Slowing down then avoids being throttled. It is called before a
	// call returns, and by several goroutines at once.
	Pressure func(used float64)
	// Now is the clock for a Retry-After with a date. Default time.Now.
	Now func() time.Time
}

// A Client calls the directory. It may be used by several goroutines at once.
//
// It does not retry a call (except once with a new token when Graph does not accept the token) and
// does not follow redirects: the caller decides what to do after a failure, by the error's code and
// RetryAfter.
//
// The errors of all methods are *problem.Error with a Directory… code of package request and
// without personal data. They say what an admin can do about it (Detail) and what the partner may
// read (Public). All methods return:
//
//   - DirectoryThrottled: Graph answered 429.
//   - DirectoryUnavailable: no answer in time, a failing server, or a success that is not Graph's.
//     The call may have had its effect.
//   - DirectoryUnknown: an answer whose meaning is not known: in words that are not known, without
//     words, or not Graph's own. It may pass.
//   - DirectoryNoToken: the app gets no token, or Graph accepts none, also not a new one.
//   - DirectoryForbidden: Graph answered 401 for lack of a permission.
//   - DirectoryRefused: the arguments make no sense, or Graph refused for a reason that has no code
//     of its own.
//
// The methods name the other codes that they return, and where they return problem.NotFound.
type Client struct {
	adapter abs.RequestAdapter
	base    string // scheme and host
	timeout time.Duration
}

var (
	_ request.Directory = (*Client)(nil)
	_ request.Users     = (*Client)(nil)
)

// New returns a client, or an error that says which part of config can't be used. It makes no
// call.
func New(config Config) (*Client, error) {
	base, err := rest.Base(config.URL, config.Credential != nil, "https://graph.microsoft.com")
	if err != nil {
		return nil, fmt.Errorf("graph: the URL of Graph: %w", err)
	}
	if config.Timeout < 0 {
		return nil, fmt.Errorf("graph: the timeout is negative: %v", config.Timeout)
	}
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Transport == nil {
		config.Transport = khttp.GetDefaultTransport()
	}
	auth, err := authenticator(config.Credential, base)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	options := core.GraphClientOptions{GraphServiceVersion: "v1.0", GraphServiceLibraryVersion: sdkVersion}
	// The list is explicit because the SDK's default one has a random order, and in some orders
	// sends a repeated POST with a wrong Content-Encoding. It has no retry, no redirect and no
	// compression.
	client := &http.Client{
		Transport: khttp.NewCustomTransportWithParentTransport(config.Transport,
			core.NewGraphTelemetryHandler(&options),
			khttp.NewUserAgentHandler(),
			khttp.NewParametersNameDecodingHandler(),
			sizedBody{},
			guard{base: base, bearer: config.Credential != nil},
			answers{log: config.Log, now: config.Now, pressure: config.Pressure},
		),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	// With its own JSON factories the adapter does not need the SDK's global registries.
	adapter, err := core.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, options, jsonserialization.NewJsonParseNodeFactory(), jsonserialization.NewJsonSerializationWriterFactory(), client)
	if err != nil {
		return nil, fmt.Errorf("graph: preparing the SDK: %w", err)
	}
	adapter.SetBaseUrl(base.String() + "/v1.0")
	return &Client{adapter: adapter, base: base.String(), timeout: config.Timeout}, nil
}

// Scope returns the audience of tokens for Graph at the URL.
func Scope(url string) string { return strings.TrimSuffix(url, "/") + "/.default" }

// authenticator returns what puts tokens on requests to exactly base.
func authenticator(credential azcore.TokenCredential, base *url.URL) (authentication.AuthenticationProvider, error) {
	if credential == nil {
		return &authentication.AnonymousAuthenticationProvider{}, nil
	}
	provider, err := kauth.NewAzureIdentityAccessTokenProviderWithScopesAndValidHosts(
		identity.Marked(credential), []string{Scope(base.String())}, []string{base.Hostname()})
	if err != nil {
		return nil, fmt.Errorf("preparing the credential: %w", err)
	}
	// For a host that is not on its list, the SDK sends the request without a token and without an
	// error.
	if !provider.GetAllowedHostsValidator().IsUrlHostValid(base) {
		return nil, errors.New("the SDK would send no token to the host of Graph")
	}
	return authentication.NewBaseBearerTokenAuthenticationProvider(provider), nil
}

// Invite implements [request.Directory]. It returns the id in lower case. With SendMessage, Graph
// sends a mail each time. If the answer does not identify the guest, the error is
// DirectoryUnavailable.
//
// It returns every code of the directory except DirectoryNotReplicated, DirectoryGroupForbidden,
// DirectoryGroupClosed and DirectoryReadForbidden. It returns one that is [request.TenantWide] only
// if Graph's text is about the tenant and can't be about this guest.
func (c *Client) Invite(ctx context.Context, invitation request.Invitation) (request.Invited, error) {
	const doing = "inviting a guest"
	body, err := newInvitation(invitation)
	if err != nil {
		return request.Invited{}, err
	}
	call, err := newPost(doing, "/invitations", map[string]string{}, body)
	if err != nil {
		return request.Invited{}, err
	}
	chosen, ours := quotable(invitation)
	var created createdInvitation
	err = c.call(ctx, operation{
		doing:    doing,
		want:     []int{http.StatusCreated, http.StatusOK},
		classify: func(a *answerError) problem.Code { return classifyInvitation(a, invitation) },
		private:  append(chosen, ours...),
	}, func(ctx context.Context) error { return c.send(ctx, call, &created) })
	if err != nil {
		return request.Invited{}, err
	}
	id, fault := created.guest(invitation.Address)
	if strings.EqualFold(created.Status, "Error") {
		const code = request.DirectoryInvitationError
		detail := doing + ": " + advice[code]
		if id != "" {
			detail += ", object id " + id
		}
		return request.Invited{GuestID: id},
			&problem.Error{Code: code, Public: request.DirectoryPublic(code), Detail: detail}
	}
	if fault != "" {
		return request.Invited{}, problem.New(request.DirectoryUnavailable, "%s: %s", doing, fault)
	}
	return request.Invited{GuestID: id, RedeemURL: created.RedeemURL}, nil
}

// guest returns the guest's id in lower case, or what is wrong with the answer. The answer must
// repeat the address: without it, the id could be that of another user.
func (c *createdInvitation) guest(asked submission.Address) (id, fault string) {
	switch {
	case c.Address == "":
		return "", "the answer does not say which guest it is about"
	case !asked.Is(c.Address):
		return "", "the answer is about another guest"
	case c.Invited == nil:
		return "", "the answer names no guest"
	}
	// Graph leaves out most properties of the user. The sign-in name alone proves nothing: it has
	// the address of the first invitation.
	if (c.Invited.Mail != "" || len(c.Invited.OtherMails) > 0) && !holds(c.Invited, asked) {
		return "", "the answer is about another guest"
	}
	id, valid := policy.ParseGUID(c.Invited.ID)
	if !valid {
		return "", "the guest's id in the answer is not a GUID"
	}
	return id, ""
}

// newInvitation returns the invitation as it goes over the wire.
func newInvitation(invitation request.Invitation) (*invitationBody, error) {
	switch {
	case invitation.Address == submission.Address{}:
		return nil, problem.New(request.DirectoryRefused, "an invitation without an address")
	case invitation.RedirectURL == "":
		return nil, problem.New(request.DirectoryRefused, "an invitation without a redirect URL")
	case invitation.UserType != "" && invitation.UserType != "Guest" && invitation.UserType != "Member":
		return nil, problem.New(request.DirectoryRefused, "an invitation for a user type that is neither Guest nor Member")
	}
	sponsors, err := newSponsors(invitation.Sponsors)
	if err != nil {
		return nil, err
	}
	body := &invitationBody{
		EmailAddress: invitation.Address.String(),
		DisplayName:  invitation.DisplayName,
		RedirectURL:  invitation.RedirectURL,
		UserType:     invitation.UserType,
		SendMessage:  invitation.SendMessage,
		Sponsors:     sponsors,
	}
	if invitation.MessageLanguage != "" || invitation.Message != "" || invitation.Cc != "" {
		// Graph uses it only if it sends the mail, takes at most one copy, and ignores a language
		// beside a message.
		body.Message = &messageInfo{Language: invitation.MessageLanguage, Body: invitation.Message}
		if invitation.Cc != "" {
			body.Message.Copies = recipients(invitation.Cc)
		}
	}
	return body, nil
}

// newSponsors returns the sponsors as they go over the wire: [{"id": "…"}]. Graph's documentation
// has no example; scripts send this form to real tenants. It has no type, so that a sponsor may
// be a user or a group.
func newSponsors(ids []string) ([]objectID, error) {
	if len(ids) > policy.MaxSponsors {
		return nil, problem.New(request.DirectoryRefused, "an invitation with %d sponsors; Entra takes at most %d", len(ids), policy.MaxSponsors)
	}
	var sponsors []objectID
	for i, id := range ids {
		_, valid := policy.ParseGUID(id)
		if !valid {
			return nil, problem.New(request.DirectoryRefused, "sponsor %d of an invitation is not an object id", i+1)
		}
		sponsors = append(sponsors, objectID{id})
	}
	return sponsors, nil
}

// newPost returns a request with a body. The path is a template for the parameters.
func newPost(doing, path string, parameters map[string]string, body any) (*abs.RequestInformation, error) {
	call := abs.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abs.POST, "{+baseurl}"+path, parameters)
	call.Headers.TryAdd("Accept", "application/json")
	content, err := json.Marshal(body)
	if err != nil {
		return nil, problem.New(request.DirectoryUnavailable, "%s: the request can't be encoded", doing)
	}
	call.SetStreamContentAndContentType(content, "application/json")
	return call, nil
}

// AddMember implements [request.Directory]. Both arguments are object ids. It also returns
// DirectoryNotReplicated for every 404 of Graph's, DirectoryGroupClosed if the group takes no
// guests, and DirectoryGroupForbidden if the app may not change this group's members. Graph's words
// can be the same for the last two, so after a refusal the group is read, if the app may read it.
func (c *Client) AddMember(ctx context.Context, groupID, guestID string) (added bool, err error) {
	const doing = "adding a guest to a group"
	_, isGroup := policy.ParseGUID(groupID)
	_, isGuest := policy.ParseGUID(guestID)
	if !isGroup || !isGuest {
		return false, problem.New(request.DirectoryRefused, "%s: an id is not a GUID", doing)
	}
	call, err := newPost(doing, "/groups/{group}/members/$ref", map[string]string{"group": groupID},
		reference{c.base + "/v1.0/directoryObjects/" + guestID})
	if err != nil {
		return false, err
	}
	var answer *answerError
	adding := operation{
		doing: doing,
		// Any other success is not Graph's: taking a proxy's page for success would lose the grant.
		want: []int{http.StatusNoContent},
		classify: func(a *answerError) problem.Code {
			answer = a
			return classifyMember(a)
		},
	}
	err = c.call(ctx, adding, func(ctx context.Context) error {
		return c.adapter.SendNoContent(ctx, call, nil)
	})
	if answer != nil && alreadyMember(answer) {
		return false, nil
	}
	switch problem.CodeOf(err) {
	case request.DirectoryGroupForbidden, request.DirectoryGroupClosed, request.DirectoryUnknown:
		if answer == nil {
			return false, err
		}
		return false, c.closed(ctx, groupID, adding, answer, err)
	}
	return err == nil, err
}

// closed returns the error for a group that refused a member: one that says why its kind takes no
// guests, or else refused.
func (c *Client) closed(ctx context.Context, groupID string, adding operation, answer *answerError, refused error) error {
	group, err := c.Group(ctx, groupID)
	if err != nil || group.Closed() == "" {
		return refused
	}
	const code = request.DirectoryGroupClosed
	return &problem.Error{
		Code: code, Public: request.DirectoryPublic(code), Detail: adding.words(answer, group.Closed()), Ref: answer.requestID,
	}
}
