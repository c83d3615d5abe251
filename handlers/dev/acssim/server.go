package acssim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
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

// SecondSend says what becomes of a second POST with the operation id of a mail that was taken.
type SecondSend string

// Nothing documents what the service does; each of these has been reported or is assumed by a
// client of it.
const (
	// TakesAgain delivers the mail once more. The default, since it is the worst.
	TakesAgain SecondSend = "takes-again"
	// Refuses answers 400.
	Refuses SecondSend = "refuses"
	// Remembers answers as the first time, and delivers nothing.
	Remembers SecondSend = "remembers"
)

// Config is what a stand-in is made of. The zero value takes mails of every sender, has no quota,
// and hands each mail over at once.
type Config struct {
	// Now is the service's clock. Default time.Now.
	Now func() time.Time
	// Senders are the addresses that may send: their domains are linked to the resource. With none,
	// every address may.
	Senders []string
	// Quota, if set, refuses calls beyond it. See [OwnDomain] and [ManagedDomain].
	Quota *Quota
	// SecondSend is what a second POST with the same operation id does. Default TakesAgain.
	SecondSend SecondSend
	// Settling is how long a mail is Running after it was taken.
	Settling time.Duration
	// Unrecorded is how long an operation can't be found after its mail was taken. Users of the
	// service have seen such answers now and then.
	Unrecorded time.Duration
	// RequireBearer refuses calls without a bearer token. Any token is accepted.
	RequireBearer bool
	// Log gets one line for each call: method, route, status, request id. No personal data.
	// Default: none.
	Log *slog.Logger
}

// A Server is the mail of one resource behind HTTP. It is safe for concurrent use.
type Server struct {
	config Config
	mux    *http.ServeMux

	mu         sync.Mutex // guards what follows
	mails      []*Mail    // in the order in which they were taken
	operations map[string]*Mail
	suppressed map[string]suppression // by address in lower case
	bouncing   map[string]bool        // by address in lower case
	faults     []Fault
	calls      map[string]int
	sends      counter
	asks       counter
}

// New returns a stand-in without mails.
func New(config Config) (*Server, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	config.Log = cmp.Or(config.Log, slog.New(slog.DiscardHandler))
	config.SecondSend = cmp.Or(config.SecondSend, TakesAgain)
	switch {
	case !slices.Contains([]SecondSend{TakesAgain, Refuses, Remembers}, config.SecondSend):
		return nil, fmt.Errorf("acssim: a second send can't be %q", config.SecondSend)
	case config.Settling < 0 || config.Unrecorded < 0:
		return nil, fmt.Errorf("acssim: a delay is negative: %v, %v", config.Settling, config.Unrecorded)
	}
	for _, sender := range config.Senders {
		if !isAddress(sender) {
			return nil, fmt.Errorf("acssim: the sender %q is not an address", sender)
		}
	}
	s := &Server{
		config: config, operations: map[string]*Mail{}, suppressed: map[string]suppression{},
		bouncing: map[string]bool{}, calls: map[string]int{},
	}
	if config.Quota != nil {
		s.sends.limits = config.Quota.sends()
		s.asks.limits = config.Quota.asks()
	}
	s.mux = s.newMux()
	return s, nil
}

// The routes of the service, and their names in [Server.Calls].
const (
	sendRoute = "POST /emails:send"
	askRoute  = "GET /emails/operations/{id}"
)

func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc(sendRoute, func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, sendRoute, &s.sends, (*Server).send)
	})
	mux.HandleFunc(askRoute, func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, askRoute, &s.asks, (*Server).ask)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, r.Method+" (unknown)", nil, func(*Server, *call) reply {
			return refuse(http.StatusNotFound, "ResourceNotFound", "The service has no such resource.")
		})
	})
	s.addPages(mux)
	return mux
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Calls returns how often each route of the service was called, failed calls included.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// A call is one request to the service, read whole.
type call struct {
	*http.Request
	route     string
	body      []byte
	tooLarge  bool
	requestID string
	fault     Fault // the zero value if none hits it
}

// A reply is an answer before it is written.
type reply struct {
	status int
	header map[string]string
	body   any // a string is sent as a page of HTML, nil as nothing
}

// maxRequest is the most that a request may hold, in bytes.
const maxRequest = 10 << 20

// serve serves a call of the service; counted is the counter of its quota, nil for none.
func (s *Server) serve(
	w http.ResponseWriter, r *http.Request, route string, counted *counter, answer func(*Server, *call) reply,
) {
	c := &call{Request: r, route: route, requestID: uuid.NewString()}
	// One byte more than allowed tells a body that is too large from one that just fits.
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	c.body, c.tooLarge = body, len(body) > maxRequest
	out := s.decide(c, counted, answer)
	delay(r, c.fault.DelayMs)
	if c.fault.Trouble == Unanswered || c.fault.Trouble == AnswerLost {
		s.config.Log.Info("mail stand-in", "call", route, "dropped", true, "requestId", c.requestID)
		panic(http.ErrAbortHandler) // ends the connection without an answer
	}
	s.config.Log.Info("mail stand-in", "call", route, "status", out.status,
		"ordered", c.fault.Trouble, "requestId", c.requestID)
	write(w, c, out)
}

// decide returns the answer to a call, which has its effect here.
func (s *Server) decide(c *call, counted *counter, answer func(*Server, *call) reply) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[c.route]++
	c.fault = s.takeFault(c)
	if s.config.RequireBearer && !strings.HasPrefix(c.Header.Get("Authorization"), "Bearer ") {
		return refuse(http.StatusUnauthorized, "Denied", "Denied by the resource provider.")
	}
	if counted != nil {
		wait := counted.add(s.config.Now())
		if wait > 0 {
			out := refuse(http.StatusTooManyRequests, "TooManyRequests",
				"The request rate is over the limit of the subscription.")
			out.header = map[string]string{"Retry-After": seconds(wait)}
			return out
		}
	}
	switch c.fault.Trouble {
	case Unanswered, Refused, Page, Empty:
		return c.fault.reply()
	}
	version := c.URL.Query().Get("api-version")
	switch {
	case counted == nil:
	case version == "":
		return refuse(http.StatusBadRequest, "MissingApiVersionParameter", "The query has no api-version.")
	case !slices.Contains([]string{"2023-03-31", "2025-09-01"}, version):
		return refuse(http.StatusBadRequest, "UnsupportedApiVersion", "The api-version "+version+" is not supported.")
	}
	return answer(s, c)
}

// refuse returns an error in the form of the service.
func refuse(status int, code, message string) reply {
	return reply{status: status, body: map[string]any{"error": map[string]any{"code": code, "message": message}}}
}

// seconds returns d as the value of Retry-After, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

func write(w http.ResponseWriter, c *call, out reply) {
	header := w.Header()
	header.Set("x-ms-request-id", c.requestID)
	header.Set("MS-CV", "stand+in/"+c.requestID[:8]+".0")
	var body []byte
	switch content := out.body.(type) {
	case nil:
	case string:
		header.Set("Content-Type", "text/html; charset=utf-8")
		body = []byte(content)
	default:
		header.Set("Content-Type", "application/json; charset=utf-8")
		encoded, err := json.Marshal(content)
		if err != nil {
			panic(fmt.Sprintf("acssim: encoding an answer: %v", err))
		}
		body = encoded
		if failure, isFailure := content.(map[string]any)["error"].(map[string]any); isFailure && out.status >= 400 {
			header.Set("x-ms-error-code", failure["code"].(string))
		}
	}
	for name, value := range out.header {
		header.Set(name, value)
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(body) // it fails if the client has gone
}

// delay waits, or returns when the client has gone.
func delay(r *http.Request, milliseconds int) {
	if milliseconds == 0 {
		return
	}
	select {
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
	case <-r.Context().Done():
	}
}

// isUUID is the form of an operation id and of a client request id.
var isUUID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// decodeStrict decodes one JSON value. Properties must be known by exactly their names, and given
// once.
func decodeStrict(data []byte, target any) error {
	return jsonv2.Unmarshal(data, target, jsonv2.RejectUnknownMembers(true))
}
