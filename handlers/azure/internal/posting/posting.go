package posting

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/azure/identity"
	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// DefaultTimeout is how long an attempt may take, with the token and all that is read of the
// answer: the least that Standard Webhooks asks senders to wait.
const DefaultTimeout = 15 * time.Second

const (
	maxAnswerBytes = 64 << 10 // how much is read of an answer's body, and of its headers
	dialTimeout    = 10 * time.Second
)

// Config configures a [Poster].
type Config struct {
	// Channel is the name of the channel, for errors and the log.
	Channel string
	// URL is where notices go: https, without a user or a fragment; http for a stand-in.
	URL *url.URL
	// Guard says which addresses the host may have.
	Guard Guard
	// Credential gives the tokens for Scope. Nil: there are none.
	Credential azcore.TokenCredential
	Scope      string
	// Taken reports whether an answer means that the receiver has the notice.
	Taken func(Answer) bool
	// Barred reports whether an answer means, beyond what statuses say, that no notice will be
	// taken until an admin has changed something. Nil: none does.
	Barred func(Answer) bool
	// Advice says what an admin can do about an answer; "" for nothing in particular.
	Advice func(Answer) string
	// RequestID is the header of an answer with the receiver's id for the call; "" for none.
	RequestID string
	// Timeout is how long an attempt may take. Default DefaultTimeout.
	Timeout time.Duration
	// Log gets one line for each answer: at level Debug for a notice that was taken, else at Info.
	// Default: none.
	Log *slog.Logger
	// Now is the clock for a Retry-After with a date. Default time.Now.
	Now func() time.Time
	// Roots are the authorities of certificates. Default: those of the system.
	Roots *x509.CertPool
	// Resolver resolves the host. Default: that of the system.
	Resolver *net.Resolver
}

// A Poster posts notices to one address. It may be used by several goroutines at once.
type Poster struct {
	config    Config
	url       string
	transport *http.Transport
	doing     string
}

// New returns a poster, or an error that says what is wrong with the address without repeating any
// of it. It makes no call.
func New(config Config) (*Poster, error) {
	err := CheckURL(config.URL, config.Guard.StandIn)
	switch {
	case err != nil:
		return nil, err
	case config.Timeout < 0:
		return nil, fmt.Errorf("the timeout is negative: %v", config.Timeout)
	case config.Credential != nil && config.Scope == "":
		return nil, errors.New("there is a credential and no scope for its tokens")
	case config.Credential != nil && config.URL.Scheme != "https":
		return nil, errors.New("a token must not travel in the clear")
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
	if config.Credential != nil {
		config.Credential = identity.Marked(config.Credential)
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Control: config.Guard.control, Resolver: config.Resolver}
	return &Poster{
		config: config, url: config.URL.String(), doing: "sending a notice to " + config.Channel,
		transport: &http.Transport{
			Proxy:               nil, // it would resolve the name, and where it connects can't be checked
			DialContext:         dialer.DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: config.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: dialTimeout,
			// A connection that lay idle can turn out dead only once a request is on its way, and
			// then nobody knows what became of it.
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxAnswerBytes,
		},
	}, nil
}

// CheckURL returns what is wrong with the address of a channel, without repeating any of it.
func CheckURL(u *url.URL, standIn bool) error {
	const example = "such as https://example.com/notices"
	switch {
	case u == nil || u.Hostname() == "" || u.Opaque != "":
		return errors.New("must be an https address " + example)
	case u.User != nil:
		return errors.New("must not hold a name or a password")
	case u.Fragment != "":
		return errors.New("must not have a part after #, which is never sent")
	case standIn && (u.Scheme != "http" || u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback()):
		return errors.New("must be http on a loopback address for a stand-in, such as http://127.0.0.1:8080")
	case !standIn && u.Scheme != "https":
		return errors.New("must be an https address " + example)
	}
	return nil
}

// uuid is the only form of a NoticeID.
var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Check returns an error with the code [request.NoticeRefused] unless the notice can be told: it
// has an id and a known kind, a link that people can follow, and no address of anybody.
func (p *Poster) Check(n request.Notice) error {
	link, err := url.Parse(n.Link)
	switch {
	case !uuid.MatchString(string(n.ID)):
		return problem.New(request.NoticeRefused, "%s: the id is not a UUID in lower case", p.doing)
	case n.Kind != request.TestNotice && !slices.Contains(request.NoticeKinds(), n.Kind):
		return problem.New(request.NoticeRefused, "%s: an unknown kind", p.doing)
	case err != nil || link.Host == "" || link.User != nil || link.Scheme != "https" && !p.config.Guard.StandIn:
		return problem.New(request.NoticeRefused, "%s: the link is not an https address", p.doing)
	case strings.Contains(n.Row.Partition, "@"):
		return problem.New(request.NoticeRefused, "%s: it holds an address", p.doing)
	}
	return nil
}

// Refuse returns an error that says why a notice can't be sent at all.
func (p *Poster) Refuse(why string) error {
	return problem.New(request.NoticeRefused, "%s: %s", p.doing, why)
}

// Now returns the time by the poster's clock.
func (p *Poster) Now() time.Time { return p.config.Now() }

// An Answer is what is believed of an answer.
type Answer struct {
	Status     int
	Page       bool   // it is a page for people, so perhaps of something on the way
	Code       string // of an error in the form of Azure's services, an identifier; else ""
	RequestID  string // an identifier; else ""
	RetryAfter time.Duration
	asksToWait bool // it has a Retry-After
}

// Post makes one attempt to hand the body over, with the headers besides those of every request. It
// returns nil if the receiver has taken it, else an error with one of the codes of a channel.
func (p *Poster) Post(ctx context.Context, id request.NoticeID, header http.Header, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	// After this there is a connection, with TLS where there is any, and the request goes out.
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	r, err := http.NewRequestWithContext(traced, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return p.Refuse("the request can't be made")
	}
	r.GetBody = nil // nothing repeats the request
	r.Header = header.Clone()
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Guestlist")
	if p.config.Credential != nil {
		token, err := p.config.Credential.GetToken(ctx, azpolicy.TokenRequestOptions{Scopes: []string{p.config.Scope}})
		if err != nil {
			return p.unanswered(ctx, err, false)
		}
		r.Header.Set("Authorization", "Bearer "+token.Token)
	}
	begun := p.config.Now()
	// Not by a client, which would follow redirects and name the address in its errors.
	response, err := p.transport.RoundTrip(r)
	if err != nil {
		return p.unanswered(ctx, err, sent.Load())
	}
	defer response.Body.Close()
	a := p.read(response)
	taken := a.Status >= 200 && a.Status < 300 && p.config.Taken(a)
	level := slog.LevelInfo
	if taken {
		level = slog.LevelDebug
	}
	p.config.Log.LogAttrs(ctx, level, "channel answered", slog.String("channel", p.config.Channel),
		slog.String("notice", string(id)), slog.Int("status", a.Status), slog.String("code", a.Code),
		slog.String("requestId", a.RequestID),
		slog.Float64("duration_ms", float64(p.config.Now().Sub(begun).Microseconds())/1000))
	if taken {
		return nil
	}
	return p.failure(a)
}

// read reads of the answer what is believed. Of a success nothing is read but its headers.
func (p *Poster) read(response *http.Response) Answer {
	a := Answer{Status: response.StatusCode, RetryAfter: rest.RetryAfter(response.Header, p.config.Now())}
	a.asksToWait = response.Header.Get("Retry-After") != ""
	if p.config.RequestID != "" {
		a.RequestID = rest.Identifier(response.Header.Get(p.config.RequestID))
	}
	media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil {
		return a
	}
	a.Page = media == "text/html" || media == "application/xhtml+xml"
	if media != "application/json" || a.Status < 400 {
		return a
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	if err != nil || len(content) > maxAnswerBytes {
		return a // the status is all that is known
	}
	var body struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(content, &body) == nil {
		a.Code = rest.Identifier(body.Error.Code)
	}
	return a
}

// code returns what an answer that is no success means.
func (p *Poster) code(a Answer) problem.Code {
	if a.Status >= 400 && a.Status < 500 && p.config.Barred != nil && p.config.Barred(a) {
		return request.NoticeForbidden
	}
	switch a.Status {
	case http.StatusTooManyRequests:
		return request.NoticeThrottled
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone,
		http.StatusPaymentRequired, http.StatusUnavailableForLegalReasons:
		return request.NoticeForbidden
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return request.NoticeUnreached // it did not begin with the request
	case http.StatusServiceUnavailable:
		// A gateway says it too, of what was behind it when the connection broke. Only who says
		// when to come again has turned the notice away.
		if a.asksToWait {
			return request.NoticeUnreached
		}
		return request.NoticeUnavailable
	}
	switch {
	case a.Status >= 300 && a.Status < 400:
		return request.NoticeForbidden // it lives elsewhere, and what says where is not a setting
	case a.Status >= 400 && a.Status < 500:
		return request.NoticeRefused
	}
	return request.NoticeUnavailable
}

// failure returns the error for an answer that is no success.
func (p *Poster) failure(a Answer) error {
	code := p.code(a)
	says := strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, a.Code))
	detail := p.doing + ": status " + says
	advice := ""
	if p.config.Advice != nil {
		advice = p.config.Advice(a)
	}
	switch {
	case a.Status >= 300 && a.Status < 400:
		detail += "; redirects are not followed: set the address that it leads to"
	case advice != "" && code == request.NoticeForbidden:
		detail += "; " + advice
	}
	wait := a.RetryAfter
	if code == request.NoticeRefused || code == request.NoticeForbidden {
		wait = 0
	}
	return &problem.Error{Code: code, Detail: detail, RetryAfter: wait, Ref: a.RequestID, Answer: says}
}

// unanswered returns the error for an attempt that failed without an answer. sent says that there
// was a connection, so that the receiver may have the notice.
func (p *Poster) unanswered(ctx context.Context, err error, sent bool) error {
	code := request.NoticeUnreached
	if sent {
		code = request.NoticeUnavailable
	}
	var token *identity.TokenError
	switch {
	case errors.Is(err, errAddress):
		return problem.New(request.NoticeForbidden,
			"%s: its host has an address that is not public, and such are not called", p.doing)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return problem.New(code, "%s: no answer within %v: %w", p.doing, p.config.Timeout, context.DeadlineExceeded)
	case ctx.Err() != nil:
		return problem.New(code, "%s: given up: %w", p.doing, context.Canceled)
	case !errors.As(err, &token):
		return problem.New(code, "%s: %s", p.doing, rest.Fault(err))
	}
	status := identity.RefusalStatus(err)
	switch {
	case status == 0:
		return problem.New(request.NoticeUnreached, "%s: no token", p.doing)
	case !identity.RefusalLasts(status):
		return problem.New(request.NoticeUnreached, "%s: no token: status %d", p.doing, status)
	}
	return problem.New(request.NoticeForbidden, "%s: no token: status %d; "+
		"is the managed identity assigned to this app, its client id right, and the scope known in the tenant?", p.doing, status)
}
