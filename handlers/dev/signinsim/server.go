package signinsim

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// A Credential is how a client proves itself: by assertions of that issuer, about that subject, for
// that audience.
type Credential struct {
	Issuer, Subject, Audience string
	// Key verifies the assertions. Nil: they are those of the stand-in's own managed identity, and
	// Issuer must be empty.
	Key *rsa.PublicKey
}

// A Client is an app registration.
type Client struct {
	ID string
	// RedirectURIs are where people may be sent, after sign-in and after sign-out.
	RedirectURIs []string
	Credentials  []Credential
}

// An Identity is a user-assigned managed identity.
type Identity struct{ ClientID, PrincipalID string }

// Config is what a stand-in is made of. Tenant is required.
type Config struct {
	Tenant  string // a GUID
	Clients []Client
	// People are who can sign in. Default [People].
	People []Person
	// Identity is the managed identity whose tokens /stand-in/identity hands out.
	Identity Identity
	// Key signs ID tokens, until a [Rotation]. Default: a new one, which takes a moment to make.
	Key *rsa.PrivateKey
	// Now is the tenant's clock. Default time.Now.
	Now func() time.Time
	// Random is the source of codes and ids, not of keys. Default crypto/rand.
	Random io.Reader
	// Log gets one line for each call: method, path, status. Default: none.
	Log *slog.Logger
}

// A Server is a tenant where people sign in. It is safe for concurrent use.
type Server struct {
	config   Config
	mux      *http.ServeMux
	platform func() (signingKey, error) // signs the managed identity's tokens

	mu       sync.Mutex // guards what follows
	people   []Person
	key      signingKey
	codes    map[string]*grant
	tokens   map[string]access
	browsers map[string]string // the person whom each browser is, by its cookie
	used     map[string]bool   // the jti of assertions
	faults   []Fault
	calls    map[string]int
}

// New returns a tenant.
func New(config Config) (*Server, error) {
	_, err := uuid.Parse(config.Tenant)
	if err != nil {
		return nil, errors.New("signinsim: the tenant is not a GUID")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	config.Random = cmp.Or(config.Random, rand.Reader)
	config.Log = cmp.Or(config.Log, slog.New(slog.DiscardHandler))
	if config.People == nil {
		config.People = People()
	}
	for _, client := range config.Clients {
		for _, credential := range client.Credentials {
			if (credential.Key == nil) != (credential.Issuer == "") {
				return nil, errors.New("signinsim: a credential has an issuer or a key without the other")
			}
		}
	}
	key := named(config.Key)
	if config.Key == nil {
		key, err = newKey()
		if err != nil {
			return nil, err
		}
	}
	s := &Server{
		config: config, platform: sync.OnceValues(newKey), people: slices.Clone(config.People), key: key,
		codes: map[string]*grant{}, tokens: map[string]access{}, browsers: map[string]string{}, used: map[string]bool{}, calls: map[string]int{},
	}
	s.mux = s.newMux()
	return s, nil
}

// The names of calls, for faults and for [Server.Calls].
const (
	AuthorizeCall = "authorize"
	TokenCall     = "token"
	KeysCall      = "keys"
	LogoutCall    = "logout"
	GroupsCall    = "groups"
	IdentityCall  = "identity"
)

func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, route := range map[string]struct {
		call  string
		serve func(http.ResponseWriter, *http.Request)
	}{
		"GET /{tenant}/oauth2/v2.0/authorize": {AuthorizeCall, s.authorize},
		"POST /{tenant}/login":                {"login", s.choose},
		"POST /{tenant}/oauth2/v2.0/token":    {TokenCall, s.token},
		"GET /{tenant}/discovery/v2.0/keys":   {KeysCall, s.keys},
		"GET /{tenant}/oauth2/v2.0/logout":    {LogoutCall, s.logout},
		"GET /v1.0/me/transitiveMemberOf":     {GroupsCall, s.groups},
		"GET /stand-in/identity":              {IdentityCall, s.identity},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if s.begin(w, r, route.call) {
				route.serve(w, r)
			}
		})
	}
	mux.HandleFunc("/stand-in/faults", s.serveFaults)
	return mux
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorded := &recorder{ResponseWriter: w}
	s.mux.ServeHTTP(recorded, r)
	// The path holds no code, and the query is left out.
	s.config.Log.Info("sign-in stand-in", "method", r.Method, "path", r.URL.Path, "status", recorded.status)
}

// recorder knows the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(body []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	return w.ResponseWriter.Write(body)
}

// Calls returns how often each call was made.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := map[string]int{}
	for name, n := range s.calls {
		calls[name] = n
	}
	return calls
}

// Issuer returns the issuer of ID tokens of a stand-in at the address, scheme and host.
func (s *Server) Issuer(base string) string { return base + "/" + s.config.Tenant + "/v2.0" }

// base returns scheme and host of the client's URL.
func base(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// client returns the client of the id.
func (s *Server) client(id string) (Client, bool) {
	i := slices.IndexFunc(s.config.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return s.config.Clients[i], true
}

// text returns a random text that nobody can guess.
func (s *Server) text() string {
	var bytes [32]byte
	_, err := io.ReadFull(s.config.Random, bytes[:])
	if err != nil {
		panic(fmt.Sprintf("signinsim: randomness: %v", err))
	}
	return base64.RawURLEncoding.EncodeToString(bytes[:])
}

// single returns the parameters, or false if one stands twice.
func single(values url.Values) (map[string]string, bool) {
	parameters := map[string]string{}
	for name, texts := range values {
		if len(texts) != 1 {
			return nil, false
		}
		parameters[name] = texts[0]
	}
	return parameters, true
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // it fails if the client has gone
}
