package graphsim

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Match says which calls a fault hits. An empty field matches any.
type Match struct {
	Method string `json:"method"`
	// Path is the path without the query, or a prefix of it followed by "*".
	Path string `json:"path"`
	// Query is a part of the query, decoded, whatever its case. With an address it makes one
	// guest's searches fail.
	Query string `json:"query,omitempty"`
	// Body is a part of the request's body, whatever its case. With an address, an object id or a
	// property it makes one guest, or what one policy row asks for, fail.
	Body string `json:"body,omitempty"`
}

// ErrorForm is the form of an error's body.
type ErrorForm string

// The forms of errors. Graph's own is the default. The older two are those of the services behind
// it, which it passes on at times.
const (
	ODataError    ErrorForm = "odata.error"    // {"odata.error": {"message": {"value": …}}}
	MessageObject ErrorForm = "message-object" // {"error": {"message": {"value": …}}}
	HTMLPage      ErrorForm = "page"           // what a gateway between the app and Graph sends
)

// Fault is an order to fail. Only the oldest one that matches a call hits it. From a Status of
// 400 on, the answer has an error in Graph's form, unless the fault has its own Body or Form.
type Fault struct {
	Match Match `json:"match"`
	// Times is how many calls it hits. Default 1.
	Times int `json:"times"`
	// Always makes it hit every call that matches, until [Server.ClearFaults].
	Always bool `json:"always,omitempty"`
	// Status is the HTTP status of the answer, 200 to 599. With 0 the call gets the tenant's own
	// answer, unless DropConnection is set.
	Status int `json:"status"`
	// Headers are added to the answer.
	Headers map[string]string `json:"headers,omitempty"`
	// Code and Message are those of Graph's error. Default: those that fit the status.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Form is the form of the error. It has Code and Message, an HTMLPage only Message.
	Form ErrorForm `json:"form,omitempty"`
	// Body is sent with ContentType in place of Graph's error.
	Body        string `json:"body,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	// EmptyBody sends no body at all.
	EmptyBody bool `json:"emptyBody,omitempty"`
	// DelayMs is how many milliseconds the answer waits, at most until the client leaves.
	DelayMs int `json:"delayMs,omitempty"`
	// DropConnection ends the connection without an answer.
	DropConnection bool `json:"dropConnection,omitempty"`
	// BreaksOff ends the connection in the middle of the body, whatever the answer is.
	BreaksOff bool `json:"breaksOff,omitempty"`
	// AfterEffect lets the call have its effect before it fails: only the answer is lost.
	AfterEffect bool `json:"afterEffect,omitempty"`
	// WithoutEffect answers as if the call had its effect, which it has not: an invitation is
	// answered with the id of a guest who never comes to exist.
	WithoutEffect bool `json:"withoutEffect,omitempty"`
}

// NobodyFound is the body of a search that finds nobody. As the Body of a fault with status 200
// it makes a search miss.
const NobodyFound = `{"value":[]}`

// maxDelayMs is ten minutes: no client waits longer.
const maxDelayMs = 10 * 60 * 1000

// Order makes later calls fail as the fault says. It fails if the fault contradicts itself.
func (s *Server) Order(fault Fault) error {
	if fault.Times == 0 && !fault.Always {
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
	case f.Always && f.Times != 0:
		return errors.New("choose one of times and always")
	case f.DelayMs < 0 || f.DelayMs > maxDelayMs:
		return fmt.Errorf("delayMs must be between 0 and %d", maxDelayMs)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return errors.New("status must be between 200 and 599")
	case !f.fails() && !f.WithoutEffect && !f.BreaksOff && f.DelayMs == 0 && len(f.Headers) == 0:
		return errors.New("say what is to happen: " +
			"a status, dropConnection, breaksOff, withoutEffect, delayMs or headers")
	case f.BreaksOff && (f.DropConnection || f.EmptyBody):
		return errors.New("breaksOff needs a body: leave out dropConnection and emptyBody")
	case f.WithoutEffect && f.fails():
		return errors.New("withoutEffect needs the tenant's own answer: " +
			"leave out status and dropConnection")
	case f.DropConnection && f.Status != 0:
		return errors.New("a dropped connection has no status: choose one of status and dropConnection")
	case f.Status == 0 && (ownBody || f.Code != "" || f.Message != "" || f.DropConnection && len(f.Headers) > 0):
		return errors.New("code, message and body need a status, and headers need an answer")
	case ownBody && (f.Code != "" || f.Message != ""):
		return errors.New("choose one of an own body and code with message")
	case f.Body != "" && f.EmptyBody:
		return errors.New("choose one of body and emptyBody")
	case !slices.Contains([]ErrorForm{"", ODataError, MessageObject, HTMLPage}, f.Form):
		return fmt.Errorf("form must be %s, %s or %s", ODataError, MessageObject, HTMLPage)
	case f.Form != "" && (f.Status < 400 || ownBody):
		return errors.New("form needs a status from 400 on, and no own body")
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

// fails reports whether the client does not get the tenant's own answer.
func (f Fault) fails() bool { return f.Status != 0 || f.DropConnection }

func (m Match) hits(c *call) bool {
	if m.Method != "" && m.Method != c.Method {
		return false
	}
	query, err := url.QueryUnescape(c.URL.RawQuery)
	if err != nil {
		query = c.URL.RawQuery
	}
	if !holds(query, m.Query) || !holds(string(c.body), m.Body) {
		return false
	}
	prefix, isPrefix := strings.CutSuffix(m.Path, "*")
	if isPrefix {
		return strings.HasPrefix(c.URL.Path, prefix)
	}
	return m.Path == "" || m.Path == c.URL.Path
}

// holds reports whether part is in text, whatever its case.
func holds(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// takeFault uses up one time of the oldest fault that hits the call. The caller holds s.mu.
func (s *Server) takeFault(c *call) (Fault, bool) {
	for i := range s.faults {
		if !s.faults[i].Match.hits(c) {
			continue
		}
		fault := s.faults[i]
		if fault.Always {
			return fault, true
		}
		s.faults[i].Times--
		if s.faults[i].Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return fault, true
	}
	return Fault{}, false
}

// faultTexts are Graph's code and message for each status.
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

// fail returns the answer of a fault with a status.
func (s *Server) fail(c *call, f Fault) reply {
	answer := reply{status: f.Status, header: map[string]string{}}
	switch {
	case f.Body != "":
		answer.body = f.Body
		answer.header["Content-Type"] = cmp.Or(f.ContentType, "application/json")
	case f.EmptyBody || f.Status < 400:
	default:
		texts := faultTexts[f.Status]
		code, message := cmp.Or(f.Code, texts[0], "UnknownError"), cmp.Or(f.Message, texts[1], "The stand-in was told to fail.")
		answer.body = s.refuse(c, f.Status, code, message).body
		switch f.Form {
		case ODataError:
			answer.body = map[string]any{"odata.error": olderError(c, code, message)}
		case MessageObject:
			answer.body = map[string]any{"error": olderError(c, code, message)}
		case HTMLPage:
			answer.body = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>" +
				html.EscapeString(message) + "</h1></body></html>"
			answer.header["Content-Type"] = "text/html; charset=utf-8"
		}
	}
	maps.Copy(answer.header, f.Headers)
	return answer
}

// olderError is the content of an error whose message is an object.
func olderError(c *call, code, message string) map[string]any {
	return map[string]any{
		"code": code, "message": map[string]string{"lang": "en", "value": message},
		"requestId": c.requestID,
	}
}

// delay waits, or returns when the client has gone.
func delay(r *http.Request, milliseconds int) {
	select {
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
	case <-r.Context().Done():
	}
}
