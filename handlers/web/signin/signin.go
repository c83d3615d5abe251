package signin

import (
	"context"
	"embed"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/session"
	"guestlist/handlers/web/site"
)

//go:embed page
var files embed.FS

// DefaultTimeout is how long the provider may take for a code, and how long for the groups. A
// person waits for it.
const DefaultTimeout = 10 * time.Second

// Assertions prove that the app is the registered one. It is asked once for each sign-in. Its
// errors are logged, so they must hold no assertion.
type Assertions interface {
	Assertion(ctx context.Context) (string, error)
}

// Memberships reads which groups a person is in.
type Memberships interface {
	// Groups returns the object ids, GUIDs in lower case, of all groups of the person whose access
	// token it is. It fails if it can't read all of them, or if they are more than most. Its errors
	// hold no token.
	Groups(ctx context.Context, token string, most int) ([]string, error)
}

// Config is what sign-in is built from. All but Guests, Transport and Timeout is required.
type Config struct {
	site.Service
	Provider Provider
	// Origin is scheme and host of the review pages. It is never taken from a request.
	Origin      string
	Sessions    session.Store
	Assertions  Assertions
	Memberships Memberships
	// Guests lets guests of the tenant sign in.
	Guests bool
	Random io.Reader
	// Transport carries what is sent to the provider. Default: net/http's.
	Transport http.RoundTripper
	// Timeout is [DefaultTimeout] if it is zero.
	Timeout time.Duration
}

// SignIn signs people in and knows who is signed in. It is safe for concurrent use.
type SignIn struct {
	config   Config
	provider *provider
	pages    *site.Site
	// forgetFrom is the place from which old sessions are looked for next: a string.
	forgetFrom atomic.Value
}

// New returns the sign-in. It makes no call.
func New(config Config) (*SignIn, error) {
	switch p := config.Provider; {
	case !guid.MatchString(p.Tenant) || !guid.MatchString(p.ClientID):
		return nil, errors.New("signin: the tenant and the client id must be GUIDs in lower case")
	case !isOrigin(p.URL) || !isOrigin(config.Origin):
		return nil, errors.New("signin: the provider's address and the origin must be a scheme and a host")
	case p.Scope == "":
		return nil, errors.New("signin: the scope for groups is missing")
	case config.Sessions == nil || config.Assertions == nil || config.Memberships == nil || config.Random == nil:
		return nil, errors.New("signin: the sessions, assertions, memberships or randomness are missing")
	case config.Timeout < 0:
		return nil, errors.New("signin: the timeout is negative")
	}
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	if config.Transport == nil {
		config.Transport = http.DefaultTransport
	}
	pages, err := site.New(config.Service, site.Config{Files: files, Form: PathSignedOut, Root: Root})
	if err != nil {
		return nil, err
	}
	return &SignIn{config: config, provider: newProvider(config), pages: pages}, nil
}

// isOrigin reports whether text is a scheme and a host, as browsers write an origin.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && text == u.Scheme+"://"+u.Host
}

// Handlers returns the handlers of sign-in, by path. They answer methods other than theirs.
func (s *SignIn) Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		PathSignIn:    s.pages.Handler(s.start, http.MethodGet),
		PathBack:      s.pages.Handler(s.back, http.MethodGet),
		PathSignOut:   s.pages.Handler(s.end, http.MethodPost),
		PathSignedOut: s.pages.Handler(s.ended, http.MethodGet, http.MethodHead),
	}
}

// Session returns who has sent the request. problem.SignInNeeded: nobody is signed in, or not any
// more. problem.StorageUnavailable: it can't be said.
//
// A page that is asked for by GET sends the person to [Start] with 303. After a POST it shows a
// page with a link there: the policy for forms (form-action) keeps a browser from following a form
// to the provider.
func (s *SignIn) Session(r *http.Request) (session.Session, error) {
	id, found := idOf(r)
	if !found {
		return session.Session{}, problem.New(problem.SignInNeeded, "there is no session cookie")
	}
	stored, err := s.config.Sessions.Session(r.Context(), id.Key())
	switch problem.CodeOf(err) {
	case "":
	case problem.NotFound:
		return session.Session{}, problem.New(problem.SignInNeeded, "there is no such session")
	case problem.RecordUnreadable:
		s.config.Log.WarnContext(r.Context(), "a session can't be read", site.Logged(err))
		return session.Session{}, problem.New(problem.SignInNeeded, "the session can't be read")
	default:
		return session.Session{}, problem.New(problem.StorageUnavailable, "reading a session: %w", err)
	}
	if !s.config.Now().Before(stored.Until) {
		return session.Session{}, problem.New(problem.SignInNeeded, "the session has ended")
	}
	return stored, nil
}

// The query parameters of PathSignIn.
const (
	toQuery     = "to"     // where to return
	chooseQuery = "choose" // let the provider ask who to be
)

// Start returns the path, with a query, where a person signs in to return to the path of a page.
func Start(page string) string {
	return PathSignIn + "?" + url.Values{toQuery: {returnPath(page)}}.Encode()
}

// again is Start for a person who may want to be somebody else. Without it the provider would not
// ask, and the same would happen again.
func again(page string) string {
	return PathSignIn + "?" + url.Values{toQuery: {returnPath(page)}, chooseQuery: {"1"}}.Encode()
}

// start sends a person to the provider, or on, if signed in already. A session without groups does
// not count: signing in again is how to get them.
func (s *SignIn) start(x *site.Exchange) {
	query := x.Request.URL.Query()
	to := returnPath(query.Get(toQuery))
	current, err := s.Session(x.Request)
	if err == nil && current.GroupsKnown {
		redirect(x, to)
		return
	}
	id, found := idOf(x.Request)
	if err == nil && found {
		// The browser forgets its id now, so nobody may use it any more.
		err = s.config.Sessions.EndSession(x.Request.Context(), id.Key())
		if err != nil {
			s.refuse(x, &refusal{why: notStored, detail: logged(err), to: to})
			return
		}
	}
	a, err := newAway(s.config.Random, s.config.Now(), to)
	if err != nil {
		s.refuse(x, &refusal{why: notStored, detail: logged(err), to: to})
		return
	}
	setCookie(x, awayPrefix+a.text(), awayLifetime)
	redirect(x, s.provider.signInURL(a, query.Has(chooseQuery)))
}

// redirect sends the browser to an address, by GET.
func redirect(x *site.Exchange, to string) {
	x.Header().Set("Location", to)
	x.WriteHeader(http.StatusSeeOther)
}

// back takes the provider's answer.
func (s *SignIn) back(x *site.Exchange) {
	a, found, refused := s.expected(x.Request)
	if refused != nil {
		s.refuse(x, refused)
		return
	}
	person, refused := s.finish(x.Request.Context(), a, found)
	if refused != nil {
		refused.to, refused.spent = a.to, true
		s.refuse(x, refused)
		return
	}
	id, err := session.NewID(s.config.Random)
	if err == nil {
		err = s.config.Sessions.SaveSession(x.Request.Context(), id.Key(), person)
	}
	if err != nil {
		s.refuse(x, &refusal{why: notStored, detail: logged(err), to: a.to, spent: true})
		return
	}
	s.config.Log.InfoContext(x.Request.Context(), "signed in", "person", person.Person, "roles", person.Roles,
		"groups", len(person.Groups), "groupsKnown", person.GroupsKnown, "guest", person.Guest)
	setCookie(x, sessionPrefix+id.Text(), session.Lifetime)
	redirect(x, a.to)
	s.forgetOld(x.Request.Context())
}

// How many old sessions a sign-in removes, and how long it takes for that at most. There are no
// more sessions than sign-ins, so those that end are removed as fast as they come.
const (
	forgetsAtOnce = 10
	forgetTime    = 3 * time.Second
)

// forgetOld removes sessions that have ended: they hold names, and the groups of people. What fails
// is tried at the next sign-in.
func (s *SignIn) forgetOld(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, forgetTime)
	defer cancel()
	from, _ := s.forgetFrom.Load().(string)
	next, err := s.config.Sessions.ForgetSessions(ctx, s.config.Now(), from, forgetsAtOnce)
	if err != nil {
		s.config.Log.WarnContext(ctx, "old sessions can't be removed", site.Logged(err))
		next = ""
	}
	s.forgetFrom.Store(next)
}

// expected returns the sign-in that is under way in the browser, and the answer to it. An answer to
// anything else changes nothing: any site can send a browser here.
func (s *SignIn) expected(r *http.Request) (away, answer, *refusal) {
	got := readAnswer(r.URL.RawQuery)
	a, found := awayOf(r)
	switch {
	case !found:
		_, err := s.Session(r)
		if err == nil {
			return away{}, answer{}, &refusal{why: signedIn}
		}
		return away{}, answer{}, &refusal{why: noCookie}
	case got.contradictory:
		return away{}, answer{}, &refusal{why: malformed, to: a.to}
	case !a.isState(got.state):
		return away{}, answer{}, &refusal{why: otherCookie, to: a.to}
	case a.late(s.config.Now()):
		return away{}, answer{}, &refusal{why: late, to: a.to, spent: true}
	}
	// Anybody can begin sign-ins and make codes up, each of which costs a call of the provider.
	wait := s.config.Guards.Count(r)
	if wait > 0 {
		return away{}, answer{}, &refusal{why: tooMany, to: a.to, err: &problem.Error{RetryAfter: wait}}
	}
	return a, got, nil
}

// finish returns the session of the person who has signed in with the provider.
func (s *SignIn) finish(ctx context.Context, a away, got answer) (session.Session, *refusal) {
	switch {
	case got.issuer != "" && got.issuer != s.provider.issuer():
		return session.Session{}, &refusal{why: otherIssuer}
	case got.failure == "access_denied":
		return session.Session{}, &refusal{why: cancelled, detail: providerCode(got.failure, got.description)}
	case got.failure != "":
		return session.Session{}, &refusal{why: failed, detail: providerCode(got.failure, got.description)}
	}
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	given, refused := s.provider.exchange(limited, a, got.code)
	if refused != nil {
		return session.Session{}, refused
	}
	c, refused := s.provider.verify(limited, a, given.id)
	if refused != nil {
		return session.Session{}, refused
	}
	person, refused := s.provider.person(c, s.config.Guests)
	if refused != nil {
		return session.Session{}, refused
	}
	s.addGroups(ctx, &person, given.access)
	person.Until = s.config.Now().Add(session.Lifetime)
	return person, nil
}

// addGroups adds the groups of the person. Without them the person is signed in all the same, and
// has no authority by a group.
func (s *SignIn) addGroups(ctx context.Context, person *session.Session, token string) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	groups, err := s.config.Memberships.Groups(ctx, token, session.MaxGroups)
	if err == nil && len(groups) > session.MaxGroups {
		err = problem.New(problem.Internal, "more groups than asked for")
	}
	if err != nil {
		s.config.Log.WarnContext(ctx, "the groups of a person can't be read", "person", person.Person, site.Logged(err))
		return
	}
	person.Groups, person.GroupsKnown = groups, true
}

// end signs a person out.
func (s *SignIn) end(x *site.Exchange) {
	err := s.config.Guards.Instruction(x.Request)
	if err != nil {
		why := foreignPost
		if problem.CodeOf(err) == problem.TooManyRequests {
			why = manyPosts
		}
		s.refuse(x, &refusal{why: why, err: err})
		return
	}
	id, found := idOf(x.Request)
	if found {
		err = s.config.Sessions.EndSession(x.Request.Context(), id.Key())
		if err != nil {
			s.refuse(x, &refusal{why: notEnded, detail: logged(err)})
			return
		}
		s.config.Log.InfoContext(x.Request.Context(), "signed out")
	}
	setCookie(x, "", 0)
	redirect(x, PathSignedOut)
}

// ended says that nobody is signed in.
func (s *SignIn) ended(x *site.Exchange) {
	_, err := s.Session(x.Request)
	if err == nil {
		redirect(x, Root)
		return
	}
	x.Remember()
	x.Show(http.StatusOK, "signedout.html", site.Page{
		Title: x.Say("signin.ended.title"), Path: PathSignedOut,
		Content: endedContent{Again: again(Root), Provider: s.provider.signOutURL(s.config.Origin + PathSignedOut)},
	})
}

// endedContent is what signedout.html gets.
type endedContent struct {
	Again    string // where to sign in
	Provider string // where to sign out of the provider
}

// logged returns what the log may hold of an error.
func logged(err error) string { return site.Logged(err).Value.String() }
