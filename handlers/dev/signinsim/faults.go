package signinsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Kind is how something goes wrong.
type Kind string

// The kinds of faults. Those from WrongNonce to NoIDToken are of the next ID token.
const (
	WrongNonce     Kind = "wrong-nonce"
	NoNonce        Kind = "no-nonce"
	WrongAudience  Kind = "wrong-audience"
	TwoAudiences   Kind = "two-audiences" // ours and another
	WrongIssuer    Kind = "wrong-issuer"
	OtherTenant    Kind = "other-tenant" // tid of another tenant
	NoTenant       Kind = "no-tenant"
	NoPerson       Kind = "no-person"  // without oid
	NoAccount      Kind = "no-account" // without acct
	Expired        Kind = "expired"
	Future         Kind = "future"          // not yet valid
	Unsigned       Kind = "unsigned"        // alg none
	WrongKey       Kind = "wrong-key"       // by a key that is not published
	PublicKey      Kind = "public-key"      // HS256 with the public key as the secret
	NoIDToken      Kind = "no-id-token"     // left out of the answer
	Rotation       Kind = "rotation"        // another key from now on; the former one is not published any more
	ErrorAnswer    Kind = "error"           // the authorize page sends people back with Error
	WrongState     Kind = "wrong-state"     // the state comes back changed
	Failure        Kind = "failure"         // Call answers Status, 500 by default
	Slowness       Kind = "slowness"        // Call waits until the client leaves, a minute at most
	EndlessPages   Kind = "endless-pages"   // Graph's pages never end
	PagesElsewhere Kind = "pages-elsewhere" // Graph's next page is at another host
)

var ofToken = []Kind{
	WrongNonce, NoNonce, WrongAudience, TwoAudiences, WrongIssuer, OtherTenant, NoTenant, NoPerson, NoAccount, Expired, Future,
	Unsigned, WrongKey, PublicKey, NoIDToken,
}

// slowest is how long a slow call waits.
const slowest = time.Minute

// A Fault is an order to go wrong. The oldest one that fits a call hits it.
type Fault struct {
	Kind   Kind   `json:"kind"`
	Call   string `json:"call,omitempty"`   // for Failure and Slowness, such as "token"
	Status int    `json:"status,omitempty"` // for Failure
	Error  string `json:"error,omitempty"`  // for ErrorAnswer, such as "access_denied"
	// Times is how many calls it hits. Default 1. A Rotation happens at once.
	Times int `json:"times,omitempty"`
}

// Order makes later calls go wrong as the fault says.
func (s *Server) Order(fault Fault) error {
	if fault.Times == 0 {
		fault.Times = 1
	}
	switch fault.Kind {
	case Failure:
		if fault.Status == 0 {
			fault.Status = http.StatusInternalServerError
		}
		if fault.Status < 400 || fault.Status > 599 {
			return fmt.Errorf("signinsim: a failure has a status from 400 to 599, not %d", fault.Status)
		}
	case Slowness, EndlessPages, PagesElsewhere, WrongState:
	case ErrorAnswer:
		if fault.Error == "" {
			return fmt.Errorf("signinsim: an error needs its code")
		}
	case Rotation:
		key, err := newKey()
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.key = key
		s.mu.Unlock()
		return nil
	default:
		if !slices.Contains(ofToken, fault.Kind) {
			return fmt.Errorf("signinsim: there is no fault %q", fault.Kind)
		}
	}
	calls := []string{AuthorizeCall, TokenCall, KeysCall, LogoutCall, GroupsCall, IdentityCall}
	if needs := fault.Kind == Failure || fault.Kind == Slowness; needs != slices.Contains(calls, fault.Call) {
		return fmt.Errorf("signinsim: a failure or slowness needs a call, one of %q, and no other fault has one", calls)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault)
	return nil
}

// ClearFaults takes all orders back.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// take returns the oldest fault of the kinds, for the call if that is not empty, and counts it. The
// caller holds s.mu.
func (s *Server) take(call string, kinds ...Kind) (Fault, bool) {
	for i, fault := range s.faults {
		if fault.Call != call || !slices.Contains(kinds, fault.Kind) {
			continue
		}
		s.faults[i].Times--
		if s.faults[i].Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return fault, true
	}
	return Fault{}, false
}

// begin counts a call, and reports whether it is to be served as usual.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, call string) bool {
	s.mu.Lock()
	s.calls[call]++
	fault, faulty := s.take(call, Failure, Slowness)
	s.mu.Unlock()
	switch {
	case !faulty:
		return true
	case fault.Kind == Failure:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(fault.Status)
		_, _ = fmt.Fprint(w, "<html><title>Service unavailable</title>the stand-in was told to fail</html>")
		return false
	}
	// The server sees that a client leaves only once it has read the body.
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxTokenRequest))
	timer := time.NewTimer(slowest)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
	case <-timer.C:
	}
	panic(http.ErrAbortHandler) // ends the connection without an answer
}

// serveFaults lets programs order faults (POST), see them (GET) and take them back (DELETE).
func (s *Server) serveFaults(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		var fault Fault
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&fault)
		if err == nil {
			err = s.Order(fault)
		}
		if err != nil {
			http.Error(w, "The order is invalid: "+err.Error(), http.StatusBadRequest)
			return
		}
	case http.MethodDelete:
		s.ClearFaults()
	case http.MethodGet:
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s.mu.Lock()
	faults := append([]Fault{}, s.faults...)
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, faults)
}
