package captchasim

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// The keys that the stand-in knows, for every service.
const (
	SiteKey = "site-key-of-the-stand-in"
	Secret  = "secret-of-the-stand-in"
)

// The services, by the names that the setting has.
const (
	turnstile       = "turnstile"
	hcaptcha        = "hcaptcha"
	friendlycaptcha = "friendlycaptcha"
)

// lifetime is how long an answer counts: that of hCaptcha, the shortest.
const lifetime = 2 * time.Minute

// Server answers as the services do.
type Server struct {
	now func() time.Time
	mux *http.ServeMux

	mu      sync.Mutex
	count   int
	answers map[string]answer
	failure http.HandlerFunc
	asked   int
}

// answer is what a widget gave.
type answer struct {
	provider, host string
	at             time.Time
	used           bool
}

// New returns a Server.
func New(now func() time.Time) *Server {
	s := &Server{now: now, answers: map[string]answer{}, mux: http.NewServeMux()}
	s.mux.HandleFunc("/turnstile/v0/siteverify", func(w http.ResponseWriter, r *http.Request) { s.verifyForm(w, r, turnstile) })
	s.mux.HandleFunc("/siteverify", func(w http.ResponseWriter, r *http.Request) { s.verifyForm(w, r, hcaptcha) })
	s.mux.HandleFunc("/api/v2/captcha/siteverify", s.verifyFriendly)
	return s
}

// Solve returns the answer of a widget of the service on a page of the host.
func (s *Server) Solve(provider, host string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	text := provider + "-answer-" + strconv.Itoa(s.count)
	s.answers[text] = answer{provider: provider, host: host, at: s.now()}
	return text
}

// Fail lets h answer instead; nil ends that.
func (s *Server) Fail(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = h
}

// Asked returns how often an answer was verified.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// ServeHTTP answers requests to verify. GET /solve?provider=...&host=... returns what Solve does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == "/solve" {
		fmt.Fprint(w, s.Solve(r.URL.Query().Get("provider"), r.URL.Query().Get("host")))
		return
	}
	s.mu.Lock()
	s.asked++
	failure := s.failure
	s.mu.Unlock()
	if failure != nil {
		failure(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// use marks an answer as used. It returns the host, or what is wrong in the codes of Turnstile and
// hCaptcha.
func (s *Server) use(provider, text string) (host, fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, known := s.answers[text]
	switch {
	case !known || a.provider != provider:
		return "", "invalid-input-response"
	case a.used || s.now().Sub(a.at) > lifetime:
		return "", "timeout-or-duplicate"
	}
	a.used = true
	s.answers[text] = a
	return a.host, ""
}

// verifyForm is siteverify of Turnstile and hCaptcha. Turnstile also takes JSON, which we never
// send.
func (s *Server) verifyForm(w http.ResponseWriter, r *http.Request, provider string) {
	refuse := func(code string) {
		reply(w, http.StatusOK, map[string]any{"success": false, "error-codes": []string{code}})
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body, err := io.ReadAll(r.Body)
	values, parseErr := url.ParseQuery(string(body))
	if media != "application/x-www-form-urlencoded" || err != nil || parseErr != nil {
		refuse("bad-request")
		return
	}
	switch {
	case values.Get("secret") == "":
		refuse("missing-input-secret")
		return
	case values.Get("secret") != Secret:
		refuse("invalid-input-secret")
		return
	case values.Get("response") == "":
		refuse("missing-input-response")
		return
	case provider == hcaptcha && values.Get("sitekey") != SiteKey:
		refuse("sitekey-secret-mismatch")
		return
	}
	host, fault := s.use(provider, values.Get("response"))
	if fault != "" {
		refuse(fault)
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"success": true, "challenge_ts": s.now().UTC().Format(time.RFC3339), "hostname": host, "error-codes": []string{}, "action": "", "cdata": "",
	})
}

// verifyFriendly is siteverify of Friendly Captcha, version 2.
func (s *Server) verifyFriendly(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		reply(w, status, map[string]any{"success": false, "error": map[string]string{"error_code": code, "detail": "in words"}})
	}
	var in struct{ Response, SiteKey string }
	err := json.NewDecoder(r.Body).Decode(&in)
	switch {
	case r.Header.Get("X-API-Key") == "":
		refuse(http.StatusUnauthorized, "auth_required")
	case r.Header.Get("X-API-Key") != Secret:
		refuse(http.StatusUnauthorized, "auth_invalid")
	case r.Header.Get("Content-Type") != "application/json" || err != nil:
		refuse(http.StatusBadRequest, "bad_request")
	case in.SiteKey != SiteKey:
		refuse(http.StatusBadRequest, "sitekey_invalid")
	case in.Response == "":
		refuse(http.StatusBadRequest, "response_missing")
	default:
		host, fault := s.use(friendlycaptcha, in.Response)
		switch fault {
		case "invalid-input-response":
			refuse(http.StatusOK, "response_invalid")
		case "timeout-or-duplicate":
			refuse(http.StatusOK, "response_duplicate")
		default:
			reply(w, http.StatusOK, map[string]any{
				"success": true, "data": map[string]any{"challenge": map[string]any{"timestamp": s.now().UTC().Format(time.RFC3339), "origin": host}},
			})
		}
	}
}

func reply(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings, numbers and booleans
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
