package graphsim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Match says which calls a fault hits.
type Match struct {
	// Method is an HTTP method; empty for any.
	Method string `json:"method"`
	// Path is the path without the query, or a prefix of it followed by "*". Empty for any.
	Path string `json:"path"`
}

// Fault is an order to fail.
//
// The oldest order that matches a call and is not used up hits it; only one does. Without an own Body, a Status of 400 and above
// has an error in Graph's shape.
type Fault struct {
	Match Match `json:"match"`
	// Times is how many calls it hits. 0 counts as 1.
	Times int `json:"times"`
	// Status is the HTTP status of the answer, 200 to 599. 0 lets the call pass, after DelayMs, or with DropConnection ends it.
	Status int `json:"status"`
	// Headers are added to the answer, with a Status of 0 to the tenant's own.
	Headers map[string]string `json:"headers,omitempty"`
	// Code and Message fill Graph's error. Default: those that fit the status.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Body is sent as it is, with ContentType, in place of Graph's error.
	Body        string `json:"body,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	// EmptyBody sends no body at all.
	EmptyBody bool `json:"emptyBody,omitempty"`
	// DelayMs is how many milliseconds the answer waits, unless the client leaves before.
	DelayMs int `json:"delayMs,omitempty"`
	// DropConnection ends the connection without an answer.
	DropConnection bool `json:"dropConnection,omitempty"`
	// AfterEffect does what was asked and then fails: the answer is lost.
	AfterEffect bool `json:"afterEffect,omitempty"`
}

// maxDelayMs is ten minutes: no client waits longer, and a slip of the keyboard should not hang a test run.
const maxDelayMs = 10 * 60 * 1000

// Order makes later calls fail as the fault says. It returns an error that says what is wrong with an order that makes no sense.
func (s *Server) Order(fault Fault) error {
	if fault.Times == 0 {
		fault.Times = 1
	}
	err := fault.check()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault)
	return nil
}

func (f Fault) check() error {
	ownBody := f.Body != "" || f.EmptyBody
	switch {
	case f.Times < 0:
		return errors.New("times must not be negative")
	case f.DelayMs < 0 || f.DelayMs > maxDelayMs:
		return fmt.Errorf("delayMs must be between 0 and %d", maxDelayMs)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return errors.New("status must be between 200 and 599")
	case f.Status == 0 && !f.DropConnection && f.DelayMs == 0 && len(f.Headers) == 0:
		return errors.New("say what shall happen: a status, dropConnection, delayMs or headers")
	case f.DropConnection && f.Status != 0:
		return errors.New("a dropped connection has no status: choose one of status and dropConnection")
	case f.Status == 0 && (ownBody || f.Code != "" || f.Message != "" || f.DropConnection && len(f.Headers) > 0):
		return errors.New("code, message and body need a status, and headers need an answer")
	case ownBody && (f.Code != "" || f.Message != ""):
		return errors.New("choose one of an own body and code with message")
	case f.Body != "" && f.EmptyBody:
		return errors.New("choose one of body and emptyBody")
	case f.ContentType != "" && f.Body == "":
		return errors.New("contentType needs a body")
	case f.AfterEffect && !f.fails():
		return errors.New("afterEffect needs a status or dropConnection: without them the call just succeeds")
	case f.Match.Path != "" && !strings.HasPrefix(f.Match.Path, "/"):
		return errors.New("match.path must start with /, for example /v1.0/invitations or /v1.0/groups/*")
	case f.Match.Method != strings.ToUpper(f.Match.Method):
		return errors.New("match.method must be in capitals")
	}
	return nil
}

// fails reports whether the client gets something else than the tenant's own answer.
func (f Fault) fails() bool { return f.Status != 0 || f.DropConnection }

func (m Match) hits(r *http.Request) bool {
	if m.Method != "" && m.Method != r.Method {
		return false
	}
	prefix, isPrefix := strings.CutSuffix(m.Path, "*")
	if isPrefix {
		return strings.HasPrefix(r.URL.Path, prefix)
	}
	return m.Path == "" || m.Path == r.URL.Path
}

// takeFault uses up one time of the first fault that hits the request. The caller holds s.mu.
func (s *Server) takeFault(r *http.Request) (Fault, bool) {
	for i := range s.faults {
		if !s.faults[i].Match.hits(r) {
			continue
		}
		fault := s.faults[i]
		s.faults[i].Times--
		if s.faults[i].Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return fault, true
	}
	return Fault{}, false
}

// faultTexts are codes and messages that Graph gives with a status.
var faultTexts = map[int][2]string{
	http.StatusBadRequest:          {"Request_BadRequest", "The request is not valid."},
	http.StatusUnauthorized:        {"InvalidAuthenticationToken", "Access token validation failure."},
	http.StatusForbidden:           {"Authorization_RequestDenied", "Insufficient privileges to complete the operation."},
	http.StatusNotFound:            {"Request_ResourceNotFound", "Resource 'x' does not exist or one of its queried reference-property objects are not present."},
	http.StatusTooManyRequests:     {"TooManyRequests", "Too many requests. Try again later."},
	http.StatusInternalServerError: {"InternalServerError", "An internal server error occurred."},
	http.StatusBadGateway:          {"BadGateway", "The gateway got no valid answer."},
	http.StatusServiceUnavailable:  {"ServiceUnavailable", "The service is temporarily unavailable."},
	http.StatusGatewayTimeout:      {"GatewayTimeout", "The gateway got no answer in time."},
}

func (f Fault) reply(c *call, now time.Time) reply {
	answer := reply{status: f.Status, header: map[string]string{}}
	switch {
	case f.Body != "":
		answer.body = f.Body
		answer.header["Content-Type"] = f.ContentType
		if f.ContentType == "" {
			answer.header["Content-Type"] = "application/json"
		}
	case f.EmptyBody || f.Status < 400:
	default:
		texts, known := faultTexts[f.Status]
		if !known {
			texts = [2]string{"UnknownError", "The stand-in was told to fail."}
		}
		if f.Code != "" {
			texts[0] = f.Code
		}
		if f.Message != "" {
			texts[1] = f.Message
		}
		answer.body = refusal(c, now, f.Status, texts[0], texts[1]).body
	}
	for name, value := range f.Headers {
		answer.header[name] = value
	}
	return answer
}

// delay waits, or returns when the client has gone.
func delay(r *http.Request, milliseconds int) {
	if milliseconds == 0 {
		return
	}
	timer := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
