package graphsim

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// Config is what a stand-in is made of. The zero value is a tenant without groups that replicates
// at once.
type Config struct {
	// Now is the tenant's clock. Default time.Now.
	Now func() time.Time
	// Random is the source of object ids. Default crypto/rand.
	Random io.Reader
	// ReplicationDelay is how long searches and groups do not see a new guest. Graph promises no
	// figure; it is mostly seconds, sometimes minutes.
	ReplicationDelay time.Duration
	// StateFile, if set, is a JSON file that keeps users, invitations and memberships over a
	// restart.
	StateFile string
	// Log gets one line for each call: method, route, status, request id. No personal data.
	// Default: none.
	Log    *slog.Logger
	Groups []Group
	// KnowsAnyGroup makes every GUID that Groups does not list a plain security group.
	KnowsAnyGroup bool
	// Users are users that were there before, see [Server.AddUser].
	Users []User
	// Memberships are memberships that were there before, see [Server.AddToGroup].
	Memberships []Membership
	// RefusesUnknownGroups makes a check of memberships fail if one of the ids is no group. Graph's
	// documentation does not say; by default they count as groups that nobody is in.
	RefusesUnknownGroups bool
	// Denied is what the caller may not do, see [Server.Deny].
	Denied []string
	// Granted is what the caller may do besides, see [Server.Grant].
	Granted []string
	// VerifiedDomains are the tenant's own domains: nobody there can be invited.
	VerifiedDomains []string
	// TenantName is the label before .onmicrosoft.com. Default "standin".
	TenantName string
	// DomainsInLetters makes the tenant keep the international domain of an invited address in
	// letters, also in the answer. By default it keeps the address as it was sent. Either way it
	// compares texts: the address in punycode is another one.
	DomainsInLetters bool
	// Mailboxes are the mailboxes that exist, by address or object id. With nil, each that is
	// named.
	Mailboxes []string
	// ForeignMailboxes are those that the app may not send from, because they are outside the scope
	// of its Exchange role.
	ForeignMailboxes []string
	// Throttle, if set, counts every call and refuses those that exceed its limits.
	Throttle *Throttle
	// RequireBearer refuses calls without a bearer token. Any token is accepted.
	RequireBearer bool
	// RedeemHere makes redeem URLs lead to a page of the stand-in, at the scheme and host of the
	// call that has invited. Default: they lead to Microsoft, where nobody knows them.
	RedeemHere bool
}

// A Server is a tenant behind Graph's HTTP interface. It is safe for concurrent use.
type Server struct {
	config Config
	groups map[string]Group
	mux    *http.ServeMux

	mu      sync.Mutex // guards what follows
	tenant  tenant
	faults  []Fault
	calls   map[string]int
	denied  []string
	granted []string
}

// New returns a tenant with what Config.StateFile holds, if that exists.
func New(config Config) (*Server, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	config.Random = cmp.Or(config.Random, rand.Reader)
	config.Log = cmp.Or(config.Log, slog.New(slog.DiscardHandler))
	config.TenantName = cmp.Or(config.TenantName, "standin")
	if config.ReplicationDelay < 0 {
		return nil, fmt.Errorf("graphsim: the replication delay is negative: %v", config.ReplicationDelay)
	}
	s := &Server{config: config, groups: map[string]Group{}, calls: map[string]int{}}
	s.mux = s.newMux()
	for _, group := range config.Groups {
		err := group.check()
		if err != nil {
			return nil, fmt.Errorf("graphsim: %w", err)
		}
		s.groups[strings.ToLower(group.ID)] = group
	}
	var err error
	s.tenant, err = loadTenant(config.StateFile)
	if err != nil {
		return nil, fmt.Errorf("graphsim: %w", err)
	}
	for _, user := range config.Users {
		user, err := s.completed(user)
		if err != nil {
			return nil, fmt.Errorf("graphsim: %w", err)
		}
		if s.tenant.user(user.ID) == nil {
			s.tenant.Users = append(s.tenant.Users, user)
		}
	}
	for _, membership := range config.Memberships {
		err := s.AddToGroup(membership.GroupID, membership.GuestID)
		if err != nil {
			return nil, fmt.Errorf("graphsim: %w", err)
		}
	}
	err = errors.Join(s.Deny(config.Denied...), s.Grant(config.Granted...))
	if err != nil {
		return nil, fmt.Errorf("graphsim: %w", err)
	}
	return s, nil
}

// maxBodyBytes is more than any request that Graph accepts here.
const maxBodyBytes = 1 << 20

// A reply is an answer before it is written: a fault may still take its place.
type reply struct {
	status int
	header map[string]string
	body   any // nil for no body
	// breaksOff ends the connection in the middle of the body.
	breaksOff bool
}

// call is one request to Graph, read whole.
type call struct {
	*http.Request
	body            []byte
	unreadable      *bodyFault // nil if the body could be read, or was not looked at
	base            string     // scheme and host of the client's URL
	requestID       string
	clientRequestID string
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// newMux returns what serves Graph's routes and the stand-in's own paths.
func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	for i := range routes {
		mux.HandleFunc(routes[i].pattern, func(w http.ResponseWriter, r *http.Request) { s.serveGraph(w, r, &routes[i]) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.serveGraph(w, r, nil) })
	mux.HandleFunc("/{$}", about)
	mux.HandleFunc("/stand-in", about)
	mux.HandleFunc("GET /stand-in/{$}", about)
	s.addRedeemPage(mux)
	for pattern, serve := range pages {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.servePage(w, r, serve) })
	}
	return mux
}

func about(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, `This is a stand-in for Microsoft Graph, for tests and for the local run. It sends no mail.

  POST /v1.0/invitations                  invite a guest
  POST /v1.0/users/{id}/sendMail          send a mail from a mailbox
  GET  /v1.0/users?$filter=...            find a user by address
  GET  /v1.0/users/{id}                   read a user
  POST /v1.0/users/{id}/checkMemberGroups find out which of some groups a user is in
  GET  /v1.0/groups?$filter=...           find groups by id
  GET  /v1.0/groups/{id}                  read a group
  GET  /v1.0/groups/{id}/transitiveMembers/microsoft.graph.user
                                          list the users in a group
  POST /v1.0/groups/{id}/members/$ref     add a user to a group
  GET  /v1.0/directory/deletedItems/microsoft.graph.user?$filter=...
                                          find a deleted user by address

  GET  /stand-in/invitations              what it was asked to send
  GET  /stand-in/mails                    what it was told to send from a mailbox
  GET  /stand-in/users                    who is in the tenant
  POST, DELETE, GET /stand-in/memberships put a user or a group into a group, take it out of it,
                                          see who is in which
  GET  /stand-in/calls                    how often each route was called
  GET, POST /stand-in/redeem?rd=...       the page of a redeem URL; accept the invitation
  POST, GET, DELETE /stand-in/faults      make it fail, see what is ordered, stop that
  POST /stand-in/users                    add a user, or change the one with that id or mail
  DELETE /stand-in/users/{id}             delete a user, so that it could be restored
  POST /stand-in/events                   let something happen to a user: delete, restore, purge,
                                          disable, enable, accept, reset-redemption, make-internal
  POST, GET /stand-in/groups              add or change a group, see those that were
  POST, GET /stand-in/contacts            add a contact that holds an address, see them
  POST, GET /stand-in/permissions         say what the caller may not do, and what it may besides
`)
}

// A route is one operation of Graph.
type route struct {
	pattern    string                                    // its name in Calls
	permission string                                    // the least that Graph wants from an app; all of several
	writes     int                                       // what it costs of the limit of writes
	serve      func(s *Server, c *call, id string) reply // with s.mu held
}

var routes = []route{
	{"POST /v1.0/invitations", "User.Invite.All", 1, (*Server).invite},
	{"POST /v1.0/users/{id}/sendMail", "Mail.Send", 0, (*Server).sendMail},
	{"GET /v1.0/users", "User.Read.All", 0, (*Server).listUsers},
	{"GET /v1.0/users/{id}", "User.Read.All", 0, (*Server).getUser},
	{"POST /v1.0/users/{id}/checkMemberGroups", "User.Read.All GroupMember.Read.All", 0, (*Server).checkMemberGroups},
	{"GET /v1.0/directory/deletedItems/microsoft.graph.user", "User.Read.All", 0, (*Server).listDeletedUsers},
	{"GET /v1.0/groups", "GroupMember.Read.All", 0, (*Server).listGroups},
	{"GET /v1.0/groups/{id}", "GroupMember.Read.All", 0, (*Server).getGroup},
	{"GET /v1.0/groups/{id}/transitiveMembers/microsoft.graph.user", "User.Read.All GroupMember.Read.All", 0, (*Server).listUsersInGroup},
	{"POST /v1.0/groups/{id}/members/$ref", "GroupMember.ReadWrite.All", 1, (*Server).addMember},
}

// otherMethod reports whether there is a route for the request's path with another method.
func (s *Server) otherMethod(r *http.Request) bool {
	return slices.ContainsFunc([]string{http.MethodGet, http.MethodPost}, func(method string) bool {
		other := r.Clone(r.Context())
		other.Method = method
		_, pattern := s.mux.Handler(other)
		return pattern != "/"
	})
}

// serveGraph serves a call of Graph; found is nil if there is no route for it.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request, found *route) {
	c := &call{Request: r, base: "http://" + r.Host}
	if r.TLS != nil {
		c.base = "https://" + r.Host
	}
	name, writes := r.Method+" (unknown)", 0
	if found != nil {
		name, writes = found.pattern, found.writes
	}
	if r.Method == http.MethodPost {
		c.body, c.unreadable = readBody(r)
	}
	fault, faulty := s.begin(c, name)
	c.clientRequestID = cmp.Or(r.Header.Get("client-request-id"), c.requestID)

	var answer reply
	limits, refused := s.throttled(writes)
	switch {
	case refused:
		texts := faultTexts[http.StatusTooManyRequests]
		answer = s.refuse(c, http.StatusTooManyRequests, texts[0], texts[1])
	case !faulty || fault.AfterEffect || !fault.fails():
		answer = s.answer(c, found, fault.WithoutEffect)
	}
	answer.header = limits
	if faulty {
		delay(r, fault.DelayMs)
		if fault.DropConnection {
			s.config.Log.Info("graph stand-in", "call", name, "dropped", true, "requestId", c.requestID)
			panic(http.ErrAbortHandler) // ends the connection without an answer
		}
		if fault.fails() {
			answer = s.fail(c, fault)
		} else {
			maps.Copy(answer.header, fault.Headers)
		}
		answer.breaksOff = fault.BreaksOff
	}
	s.config.Log.Info("graph stand-in", "call", name, "status", answer.status, "ordered", faulty, "requestId", c.requestID)
	write(w, c, answer)
}

// begin counts the call, gives it an id, and returns the fault that hits it, if one does.
func (s *Server) begin(c *call, name string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[name]++
	c.requestID = s.newGUID()
	return s.takeFault(c)
}

// answer returns the tenant's own answer. Without effect, nothing of what it says has happened.
func (s *Server) answer(c *call, found *route, withoutEffect bool) reply {
	if s.config.RequireBearer && !strings.HasPrefix(c.Header.Get("Authorization"), "Bearer ") {
		return s.refuse(c, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty.")
	}
	switch {
	case found == nil && s.otherMethod(c.Request):
		return s.refuse(c, http.StatusMethodNotAllowed, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
	case found == nil:
		return s.refuse(c, http.StatusNotFound, "BadRequest", "Resource not found for the segment in the request's path. The stand-in knows only a few.")
	}
	if s.denies(found) {
		code, message := found.denial()
		return s.refuse(c, http.StatusForbidden, code, message)
	}
	if c.unreadable != nil {
		return s.refuse(c, c.unreadable.status, c.unreadable.code, c.unreadable.message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !withoutEffect {
		return found.serve(s, c, c.PathValue("id"))
	}
	before := s.tenant // its lists only grow in a call, so they need no copy
	answer := found.serve(s, c, c.PathValue("id"))
	s.tenant = before
	return s.saved(c, answer)
}

// A bodyFault is Graph's answer to a body that it can't read.
type bodyFault struct {
	status        int
	code, message string
}

// readBody reads a JSON body. It wants a length: some of Graph's front ends answer 411 to a
// chunked body.
func readBody(r *http.Request) ([]byte, *bodyFault) {
	bad := func(message string) ([]byte, *bodyFault) {
		return nil, &bodyFault{http.StatusBadRequest, "BadRequest", message}
	}
	if r.ContentLength < 0 {
		return nil, &bodyFault{http.StatusLengthRequired, "LengthRequired", "A Content-Length header is required."}
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return bad("Write requests need the Content-Type application/json.")
	}
	reader, err := decoded(r)
	if err != nil {
		return bad("The body is not what its Content-Encoding says.")
	}
	// One byte more than allowed tells a body that is too long from one that just fits.
	body, err := io.ReadAll(io.LimitReader(reader, maxBodyBytes+1))
	if err != nil {
		return bad("The body can't be read.")
	}
	if len(body) > maxBodyBytes {
		return nil, &bodyFault{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The body is too large."}
	}
	return body, nil
}

// graphError is the content of every error of Graph.
type graphError struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	InnerError struct {
		Date            string `json:"date"`
		RequestID       string `json:"request-id"`
		ClientRequestID string `json:"client-request-id"`
	} `json:"innerError"`
}

// refuse returns an error in Graph's form.
func (s *Server) refuse(c *call, status int, code, message string) reply {
	failure := graphError{Code: code, Message: message}
	failure.InnerError.Date = s.config.Now().UTC().Format("2006-01-02T15:04:05")
	failure.InnerError.RequestID, failure.InnerError.ClientRequestID = c.requestID, c.clientRequestID
	return reply{status: status, body: map[string]graphError{"error": failure}}
}

func write(w http.ResponseWriter, c *call, answer reply) {
	header := w.Header()
	header.Set("request-id", c.requestID)
	header.Set("client-request-id", c.clientRequestID)
	var body []byte
	switch content := answer.body.(type) {
	case nil:
	case string: // a fault's own body
		body = []byte(content)
	default:
		header.Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
		var err error
		body, err = json.Marshal(content)
		if err != nil {
			panic(fmt.Sprintf("graphsim: encoding an answer: %v", err))
		}
	}
	for name, value := range answer.header {
		header.Set(name, value)
	}
	if answer.breaksOff && len(body) > 0 {
		// The server closes a connection on which it wrote less than it said.
		header.Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:len(body)/2]
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(body) // it fails if the client has gone, or if the status has no body
}

// newGUID returns a random (version 4) GUID. The caller holds s.mu.
func (s *Server) newGUID() string {
	return uuid.Must(uuid.NewRandomFromReader(s.config.Random)).String()
}

// isGUID does not share policy.ParseGUID: a stand-in must not check with the code that it tests.
var isGUID = regexp.MustCompile("^" + guids.String() + "$").MatchString

var guids = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// decodeStrict decodes one JSON value. Properties must be known by exactly their names, and given
// once.
func decodeStrict(data []byte, target any) error {
	return jsonv2.Unmarshal(data, target, jsonv2.RejectUnknownMembers(true))
}
