package acssim

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Trouble is what goes wrong with a call.
type Trouble string

// The troubles. The first five are about any call, the others only about sending.
const (
	// Refused answers an error in the service's form, and takes nothing: Status, by default 500,
	// Code and RetryAfter.
	Refused Trouble = "refused"
	// Page answers a page of HTML with Status, by default 502, as something between the app and the
	// service does. Nothing is taken.
	Page Trouble = "page"
	// Empty answers Status, by default 202, without a body. Nothing is taken.
	Empty Trouble = "empty"
	// Unanswered ends the connection. Nothing is taken.
	Unanswered Trouble = "unanswered"
	// Slow only waits for DelayMs, which the others can do too.
	Slow Trouble = "slow"
	// AnswerLost takes the mail and ends the connection.
	AnswerLost Trouble = "answer-lost"
	// OtherID takes the mail under an id of the service's own.
	OtherID Trouble = "other-id"
	// Twice delivers the mail twice.
	Twice Trouble = "twice"
	// Fails takes the mail, which then fails with Code, by default EmailDropped.
	Fails Trouble = "fails"
)

// anyCall are the troubles that a question can have as well as a mail.
var anyCall = []Trouble{Refused, Page, Empty, Unanswered, Slow}

// Troubles returns every trouble.
func Troubles() []Trouble {
	return append(slices.Clone(anyCall), AnswerLost, OtherID, Twice, Fails)
}

// Fault is an order to fail. Only the oldest one that matches a call hits it.
type Fault struct {
	Trouble Trouble `json:"trouble"`
	// Call is "send" or "ask". Default: both, if the trouble can be about both.
	Call string `json:"call,omitempty"`
	// About is a part of the request's body or of its path, whatever its case: an address makes the
	// mails of one recipient fail.
	About string `json:"about,omitempty"`
	// Times is how many calls it hits. Default 1.
	Times int `json:"times,omitempty"`
	// Always makes it hit every call that matches, until [Server.ClearFaults].
	Always bool `json:"always,omitempty"`
	// Status and Code are those of the answer, or of the failed mail.
	Status int    `json:"status,omitempty"`
	Code   string `json:"code,omitempty"`
	// RetryAfter is in seconds.
	RetryAfter int `json:"retryAfter,omitempty"`
	// DelayMs is how many milliseconds the answer waits, at most until the client leaves.
	DelayMs int `json:"delayMs,omitempty"`
}

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
	answers := f.Trouble == Refused || f.Trouble == Page || f.Trouble == Empty
	switch {
	case !slices.Contains(Troubles(), f.Trouble):
		return fmt.Errorf("trouble must be one of %q", Troubles())
	case !slices.Contains([]string{"", "send", "ask"}, f.Call):
		return errors.New("call must be send or ask, or be left out for both")
	case f.Call == "ask" && !slices.Contains(anyCall, f.Trouble):
		return fmt.Errorf("%s is only about sending", f.Trouble)
	case f.Times < 0 || f.Always && f.Times != 0:
		return errors.New("choose one of times, which is positive, and always")
	case f.DelayMs < 0 || f.DelayMs > maxDelayMs:
		return fmt.Errorf("delayMs must be between 0 and %d", maxDelayMs)
	case f.Trouble == Slow && f.DelayMs == 0:
		return errors.New("slow needs delayMs")
	case f.Status != 0 && (!answers || f.Status < 200 || f.Status > 599):
		return errors.New("status must be between 200 and 599, for refused, page or empty")
	case f.Code != "" && f.Trouble != Refused && f.Trouble != Fails:
		return errors.New("code is for refused and fails")
	case f.RetryAfter < 0 || f.RetryAfter != 0 && !answers:
		return errors.New("retryAfter is a number of seconds, for refused, page or empty")
	}
	return nil
}

// Faults returns the faults that are not used up, with the times that are left.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Fault{}, s.faults...)
}

// ClearFaults removes every fault.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (f Fault) hits(c *call) bool {
	name := map[string]string{sendRoute: "send", askRoute: "ask"}[c.route]
	if name == "" || f.Call != "" && f.Call != name || name == "ask" && !slices.Contains(anyCall, f.Trouble) {
		return false
	}
	holds := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(f.About)) }
	return holds(string(c.body)) || holds(c.URL.Path)
}

// takeFault uses up one time of the oldest fault that hits the call. The caller holds s.mu.
func (s *Server) takeFault(c *call) Fault {
	i := slices.IndexFunc(s.faults, func(f Fault) bool { return f.hits(c) })
	if i < 0 {
		return Fault{}
	}
	fault := s.faults[i]
	if fault.Always {
		return fault
	}
	s.faults[i].Times--
	if s.faults[i].Times == 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
	}
	return fault
}

// reply returns the answer of a fault that takes nothing.
func (f Fault) reply() reply {
	var out reply
	switch f.Trouble {
	case Refused:
		status := cmp.Or(f.Status, http.StatusInternalServerError)
		code := cmp.Or(f.Code, strings.ReplaceAll(http.StatusText(status), " ", ""), "UnknownError")
		out = refuse(status, code, "The stand-in was told to fail.")
	case Page:
		status := cmp.Or(f.Status, http.StatusBadGateway)
		out = reply{status: status, body: "<!DOCTYPE html><title>Gateway</title><h1>" +
			html.EscapeString(http.StatusText(status)) + "</h1>"}
	default:
		out = reply{status: cmp.Or(f.Status, http.StatusAccepted)}
	}
	if f.RetryAfter > 0 {
		out.header = map[string]string{"Retry-After": strconv.Itoa(f.RetryAfter)}
	}
	return out
}
