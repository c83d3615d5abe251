package reviews

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"strings"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/session"
	"guestlist/handlers/web/signin"
	"guestlist/handlers/web/site"
)

//go:embed page
var files embed.FS

// Requests reads requests, as [request.Store] does.
type Requests interface {
	Load(ctx context.Context, id submission.ID) (request.Request, error)
	History(ctx context.Context, id submission.ID) ([]request.Event, error)
}

// Waiting lists what waits for people, as [request.Reviews] does.
type Waiting interface {
	WaitingReviews(ctx context.Context, after, last submission.ID, limit int) ([]request.WaitingReview, error)
}

// Claims tells which request owns an address, as [request.Store] does.
type Claims interface {
	ClaimOf(ctx context.Context, address submission.Address) (request.Claim, error)
}

// Config is what the pages are built from. All but Reviewers, Operators and Guests is required. The
// Queue of Service is the one of decisions, and its Guards trust no other origin than that of the
// pages.
type Config struct {
	site.Service
	SignIn   *signin.SignIn
	Requests Requests
	Waiting  Waiting
	Claims   Claims
	Finder   request.Finder
	Rows     request.Rows
	Policies Policies
	Strays   Strays
	State    State
	Names    Names
	// Reviewers is the object id of the group whose members decide any request, in lower case; ""
	// for none.
	Reviewers string
	// Operators is the object id of the group whose members may give orders, in lower case; "" if
	// nobody may.
	Operators string
	// Guests lets guests of the tenant in who are signed in.
	Guests bool
}

// pages serves the review pages.
type pages struct {
	Config
	site   *site.Site
	routes []route
}

// audience is who may call a route.
type audience int

const (
	anybody   audience = iota // also without a session: signing in and out
	members                   // who is signed in
	parties                   // who is signed in, and takes part in the request or sees all
	seekers                   // reviewers, and the roles Reviewer, Auditor and Operator; no guests
	readers                   // the roles PolicyReader, Auditor and Operator; no guests
	operators                 // the roles Operator and Auditor; no guests
)

// route is a path of the pages. One that ends in "/{id}" stands for each request's page, one that
// ends in "/{row}" for each policy row's, and one in "/{reference}" for the orders about requests.
type route struct {
	path    string
	methods []string
	who     audience
	serve   http.Handler
}

// The paths of the pages beside the queue.
const (
	requestPath   = signin.Root + "/{id}"
	searchPath    = signin.Root + "/search"
	historyPath   = signin.Root + "/history"
	policiesPath  = signin.Root + "/policies"
	policyPath    = policiesPath + "/{row}"
	explainPath   = signin.Root + "/explain"
	operationPath = signin.Root + "/operation"
	ordersPath    = signin.Root + "/orders"
	orderPath     = ordersPath + "/{reference}"
)

// New returns the handler of all paths from "/reviews" on.
func New(config Config) (http.Handler, error) {
	p, err := newPages(config)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func newPages(config Config) (*pages, error) {
	switch {
	case config.SignIn == nil || config.Requests == nil || config.Waiting == nil || config.Rows == nil:
		return nil, errors.New("reviews: the sign-in, the requests, what waits or the policy rows are missing")
	case config.Claims == nil || config.Finder == nil:
		return nil, errors.New("reviews: the claims, or what finds requests, is missing")
	case config.Policies == nil || config.Strays == nil || config.State == nil || config.Names == nil:
		return nil, errors.New("reviews: what reads all policy rows, strays, the state of the app or the names of groups is missing")
	}
	p := &pages{Config: config}
	var err error
	p.site, err = site.New(config.Service, site.Config{
		Files: files, Form: signin.Root, Root: signin.Root,
		// Without a referrer, browsers hide the origin of the pages' own forms. The address still
		// goes to no other site.
		Referrers: "same-origin",
	})
	if err != nil {
		return nil, err
	}
	reading := []string{http.MethodGet, http.MethodHead}
	sending := []string{http.MethodGet, http.MethodHead, http.MethodPost}
	p.routes = []route{
		p.route(signin.Root, members, p.queue, reading),
		p.route(requestPath, parties, p.request, sending),
		p.route(searchPath, seekers, p.search, sending),
		p.route(historyPath, seekers, p.history, sending),
		p.route(policiesPath, readers, p.policies, reading),
		p.route(policyPath, readers, p.policy, reading),
		p.route(replayPath, readers, p.replay, reading),
		p.route(explainPath, readers, p.explain, sending),
		p.route(operationPath, operators, p.operation, sending),
		p.route(orderPath, operators, p.orders, sending),
	}
	for path, handler := range config.SignIn.Handlers() {
		p.routes = append(p.routes, route{path, nil, anybody, handler})
	}
	return p, nil
}

// route returns the route of a page for people who are signed in.
func (p *pages) route(path string, who audience, serve func(*site.Exchange, person), methods []string) route {
	return route{path, methods, who, p.site.Handler(p.signedIn(path, p.only(who, serve)), methods...)}
}

// only returns what serves the audience, and refuses the others.
func (p *pages) only(who audience, serve func(*site.Exchange, person)) func(*site.Exchange, person) {
	return func(x *site.Exchange, someone person) {
		if !someone.may(who) {
			p.Log.InfoContext(x.Request.Context(), "a page is not shown to somebody without a role for it", "person", someone.Person)
			x.Fail(&problem.Error{Code: problem.SignInRefused}, "review.forbidden")
			return
		}
		serve(x, someone)
	}
}

// ServeHTTP implements [http.Handler].
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.routeOf(r.URL.Path).ServeHTTP(w, r)
}

// routeOf returns what serves the path. The host decides nothing but that it begins with /reviews,
// in any case.
func (p *pages) routeOf(path string) http.Handler {
	path = strings.TrimSuffix(path, "/")
	var below http.Handler
	for _, r := range p.routes {
		row, order := strings.HasPrefix(path, policiesPath+"/"), strings.HasPrefix(path, ordersPath+"/")
		switch {
		case r.path == path:
			return r.serve
		case r.path == policyPath && row, r.path == orderPath && order, r.path == requestPath && !row && !order:
			below = r.serve // it answers for what is none, too
		}
	}
	return below
}

// signedIn returns what serves people who are signed in, and sends the others to sign in.
func (p *pages) signedIn(path string, serve func(*site.Exchange, person)) func(*site.Exchange) {
	foreign := "review.elsewhere"
	if path == requestPath {
		foreign = "review.foreign"
	}
	return func(x *site.Exchange) {
		posted := x.Request.Method == http.MethodPost
		if posted {
			// People who are signed in are not limited: a reviewer may decide about many at once.
			err := p.Guards.Origins.OwnPage(x.Request)
			if err != nil {
				p.Log.InfoContext(x.Request.Context(), "a form was not taken", site.Logged(err))
				x.Fail(&problem.Error{Code: problem.OriginRefused}, foreign)
				return
			}
		}
		current, err := p.SignIn.Session(x.Request)
		switch {
		case problem.CodeOf(err) == problem.SignInNeeded && posted:
			x.Show(http.StatusUnauthorized, "signin.html", site.Page{
				Title: x.Say("review.signIn.title"), Path: signin.Root, Content: signin.Start(x.Request.URL.Path),
			})
		case problem.CodeOf(err) == problem.SignInNeeded:
			x.Header().Set("Location", signin.Start(x.Request.URL.Path))
			x.WriteHeader(http.StatusSeeOther)
		case err != nil:
			p.unavailable(x, "who is signed in can't be read", err)
		case current.Guest && !p.Guests:
			x.Fail(&problem.Error{Code: problem.SignInRefused}, "signin.guest")
		default:
			x.Remember()
			serve(x, p.person(current))
		}
	}
}

// unavailable answers where something can't be read.
func (p *pages) unavailable(x *site.Exchange, what string, err error) {
	p.Log.ErrorContext(x.Request.Context(), what, site.Logged(err))
	x.Fail(&problem.Error{Code: problem.StorageUnavailable}, "review.busy")
}

// askAgain answers where something can't be read that is needed for what a person has typed: the
// page comes back with it.
func (p *pages) askAgain(x *site.Exchange, template string, page site.Page, what string, err error) {
	p.Log.ErrorContext(x.Request.Context(), what, site.Logged(err))
	x.RetryAfter(0)
	x.Show(http.StatusServiceUnavailable, template, page)
}

// person is somebody who is signed in.
type person struct {
	session.Session
	reviewer bool // decides any request
	all      bool // sees any request
	operator bool // gives orders
}

func (p *pages) person(s session.Session) person {
	reviewer := p.Reviewers != "" && s.In(p.Reviewers)
	return person{
		Session: s, reviewer: reviewer, all: reviewer || s.Has(session.Reviewer) || s.Has(session.Auditor),
		operator: p.Operators != "" && s.In(p.Operators) && s.Has(session.Operator) && !s.Guest,
	}
}

// may reports whether the person may call a route of the audience. Parties are told from others by
// the page of the request.
func (p person) may(who audience) bool {
	switch who {
	case members, parties:
		return true
	case seekers:
		return !p.Guest && (p.all || p.Has(session.Operator))
	case readers:
		return !p.Guest && (p.Has(session.PolicyReader) || p.Has(session.Auditor) || p.Has(session.Operator))
	case operators:
		return !p.Guest && (p.Has(session.Operator) || p.Has(session.Auditor))
	}
	return false
}

// among reports whether the ids of users and groups name the person.
func (p person) among(ids []string) bool {
	for _, id := range ids {
		if id == p.Person || p.In(id) {
			return true
		}
	}
	return false
}

// decides reports whether the person may vote at the stage.
func (p person) decides(rules policy.ReviewRules, stage int, escalated bool) bool {
	return p.reviewer || p.among(rules.Deciders(stage, escalated))
}

// takesPart reports whether the person decides at any stage of the request, or has voted.
func (p person) takesPart(v *request.Reviewing, rules policy.ReviewRules, escalated bool) bool {
	if v == nil {
		return false
	}
	_, voted := v.VoteOf(p.Person)
	for stage := request.FirstStage; stage <= rules.Stages() && !voted; stage++ {
		voted = p.among(rules.Deciders(stage, escalated))
	}
	return voted
}
