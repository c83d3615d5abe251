package graphsim

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Invitations returns every invitation that was accepted, oldest first, those of existing guests
// included.
func (s *Server) Invitations() []Invitation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.tenant.Invitations)
}

// Memberships returns every membership, oldest first.
func (s *Server) Memberships() []Membership {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.tenant.Memberships)
}

// Guests returns every external user who is not deleted, oldest first, visible to searches or
// not.
func (s *Server) Guests() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(copied(s.tenant.Users), func(u User) bool { return u.Deleted || !u.external() })
}

// Calls returns how often each route of Graph was called, failed calls included, by names such as
// "POST /v1.0/groups/{id}/members/$ref".
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// Faults returns the faults that are not used up, with the times that are left.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.faults)
}

// ClearFaults removes every fault.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// copied returns a copy that is never nil, so that it is a list in JSON.
func copied[T any](list []T) []T { return append([]T{}, list...) }

// serveStandIn serves the paths that Graph does not have.
func (s *Server) serveStandIn(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /stand-in/":
		about(w, r)
	case "GET /stand-in/invitations":
		show(w, s.Invitations())
	case "GET /stand-in/memberships":
		show(w, s.Memberships())
	case "GET /stand-in/users":
		s.mu.Lock()
		users := copied(s.tenant.Users)
		s.mu.Unlock()
		show(w, users)
	case "GET /stand-in/calls":
		show(w, s.Calls())
	case "GET /stand-in/faults":
		show(w, s.Faults())
	case "DELETE /stand-in/faults":
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	case "POST /stand-in/faults":
		s.takeOrder(w, r)
	case "POST /stand-in/users":
		s.takeUser(w, r)
	case "GET /stand-in/permissions":
		show(w, permissions{s.Denied()})
	case "POST /stand-in/permissions":
		s.takePermissions(w, r)
	default:
		id, isUser := strings.CutPrefix(r.URL.Path, "/stand-in/users/")
		if isUser && r.Method == http.MethodDelete {
			s.takeDeletion(w, id)
			return
		}
		http.Error(w, "The stand-in has no "+r.Method+" here. GET / lists what it has.", http.StatusNotFound)
	}
}

func (s *Server) takeOrder(w http.ResponseWriter, r *http.Request) {
	var fault Fault
	_, ok := takeJSON(w, r, &fault)
	if !ok {
		return
	}
	err := s.Order(fault)
	if err != nil {
		http.Error(w, "The order is invalid: "+err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// takeJSON decodes the body into target and returns it. Without ok it has answered with an error.
func takeJSON(w http.ResponseWriter, r *http.Request, target any) (body []byte, ok bool) {
	// A page of another site can send a form across origins, but not JSON.
	if !isJSON(r.Header.Get("Content-Type")) {
		http.Error(w, "An order needs the Content-Type application/json.", http.StatusUnsupportedMediaType)
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		http.Error(w, "The order can't be read: "+err.Error(), http.StatusBadRequest)
		return nil, false
	}
	err = decodeStrict(body, target)
	if err != nil {
		http.Error(w, "The order is not JSON of the known form: "+err.Error(), http.StatusBadRequest)
		return nil, false
	}
	return body, true
}

// show answers with indented JSON.
func show(w http.ResponseWriter, value any) { showWith(w, http.StatusOK, value) }

func showWith(w http.ResponseWriter, status int, value any) {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		panic("graphsim: encoding a list: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, err = w.Write(append(data, '\n'))
	if err != nil {
		return // the client has gone
	}
}
