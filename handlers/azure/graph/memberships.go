package graph

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	membershipsPath = "/v1.0/me/transitiveMemberOf"
	// membershipsPerPage is the most that Graph puts on a page.
	membershipsPerPage = 999
	// maxMembershipPages bounds the calls for one person. Graph may give less on a page than asked.
	maxMembershipPages = 50
)

// PersonScope is what an app asks a person's consent for to read that person's groups at the URL of
// Graph: the least that there is.
func PersonScope(url string) string { return strings.TrimSuffix(url, "/") + "/User.Read" }

// Memberships reads which groups a person is in, by a token that the person has got for the app. It
// does not use the SDK's adapter, which has one credential for all calls. It may be used by several
// goroutines at once.
type Memberships struct {
	base    *url.URL
	client  *http.Client
	timeout time.Duration
	log     *slog.Logger
	now     func() time.Time
}

// NewMemberships returns a reader, or an error that says which part of config can't be used. It
// makes no call, and uses neither config.Credential nor config.Pressure. The URL must be https, or
// http on a loopback address for a stand-in.
func NewMemberships(config Config) (*Memberships, error) {
	base, err := rest.Base(config.URL, strings.HasPrefix(config.URL, "https:"), "https://graph.microsoft.com")
	if err != nil {
		return nil, fmt.Errorf("graph: the URL of Graph: %w", err)
	}
	m := &Memberships{
		base: base, timeout: config.Timeout, log: config.Log, now: config.Now,
		client: &http.Client{
			Transport:     config.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if m.timeout <= 0 {
		m.timeout = DefaultTimeout
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.now == nil {
		m.now = time.Now
	}
	return m, nil
}

// membershipPage is a page of an answer with what a person is in.
type membershipPage struct {
	Entries []struct {
		Type string `json:"@odata.type"`
		ID   string `json:"id"`
	} `json:"value"` // nil if the answer has no list
	NextLink string `json:"@odata.nextLink"`
}

// groupType is the type of a group. A person is also in directory roles and administrative units.
const groupType = "#microsoft.graph.group"

// Groups returns the object ids, in lower case and sorted, of all groups that the person of the
// token is in, directly or by other groups. It fails with DirectoryRefused if they are more than
// most, and else with the codes that [Client] names for all methods. Its errors and its log hold no
// token.
func (m *Memberships) Groups(ctx context.Context, token string, most int) ([]string, error) {
	const doing = "reading the groups of a person"
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	query := url.Values{"$select": {"id"}, "$top": {strconv.Itoa(membershipsPerPage)}}
	next := m.base.JoinPath(membershipsPath)
	next.RawQuery = query.Encode()
	groups := map[string]bool{}
	for range maxMembershipPages {
		var page membershipPage
		err := m.get(ctx, doing, next, token, &page)
		if err != nil {
			return nil, err
		}
		for _, entry := range page.Entries {
			id, valid := policy.ParseGUID(entry.ID)
			switch {
			case !valid:
				return nil, problem.New(request.DirectoryUnavailable, "%s: an id in the answer is not a GUID", doing)
			case entry.Type == "" || entry.Type == groupType:
				groups[id] = true
			}
		}
		switch {
		case len(groups) > most:
			return nil, problem.New(request.DirectoryRefused, "%s: they are more than %d", doing, most)
		case page.NextLink == "":
			return slices.Sorted(maps.Keys(groups)), nil
		}
		next, err = url.Parse(page.NextLink)
		if err != nil || next.Scheme != m.base.Scheme || !strings.EqualFold(next.Host, m.base.Host) || next.User != nil {
			return nil, problem.New(request.DirectoryUnavailable, "%s: the next page is at another host, which gets no token", doing)
		}
	}
	return nil, problem.New(request.DirectoryRefused, "%s: they are on more than %d pages", doing, maxMembershipPages)
}

// get reads a page with the token. One that is refused is not replaced: the person's is the only
// one.
func (m *Memberships) get(ctx context.Context, doing string, from *url.URL, token string, into *membershipPage) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return problem.New(request.DirectoryUnavailable, "%s: the request can't be made (%T)", doing, err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	op := operation{doing: doing, want: []int{http.StatusOK}, classify: classifyRead}
	begun := m.now()
	response, err := m.client.Do(r)
	if err != nil {
		return op.problem(ctx, err, m.timeout)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	answer := newAnswer(response, m.now())
	if err != nil && answer.status == http.StatusOK {
		return op.problem(ctx, err, m.timeout)
	}
	level := slog.LevelInfo
	if answer.status == http.StatusOK {
		level = slog.LevelDebug
	}
	m.log.LogAttrs(ctx, level, "graph answered",
		slog.String("method", r.Method), slog.String("path", membershipsPath), slog.Int("status", answer.status),
		slog.String("requestId", answer.requestID), slog.Float64("duration_ms", float64(m.now().Sub(begun).Microseconds())/1000))
	switch {
	case len(body) > maxAnswerBytes:
		answer.fault = "the answer is too large"
	case answer.status != http.StatusOK:
		answer.read(response.Header.Get("Content-Type"), body, err)
	case !isJSON(response.Header.Get("Content-Type")) || decode(body, into) != nil || into.Entries == nil:
		answer.fault = "the answer is not a list"
	default:
		return nil
	}
	code := op.code(answer)
	answer.message = "" // it may name the person
	return &problem.Error{Code: code, Detail: op.words(answer, ""), Ref: answer.requestID, RetryAfter: answer.retryAfter}
}
