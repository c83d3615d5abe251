package graphsim

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
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

// A page is a path that Graph does not have. It answers a string as text, nil with no body, and
// anything else as JSON.
type page func(s *Server, r *http.Request) (status int, answer any)

var pages = map[string]page{
	"GET /stand-in/invitations":    shown((*Server).Invitations),
	"GET /stand-in/mails":          shown((*Server).Mails),
	"GET /stand-in/memberships":    shown((*Server).Memberships),
	"POST /stand-in/memberships":   ordered((*Server).takeMembership),
	"DELETE /stand-in/memberships": ordered((*Server).dropMembership),
	"GET /stand-in/users":          shown((*Server).users),
	"GET /stand-in/calls":          shown((*Server).Calls),
	"GET /stand-in/faults":         shown((*Server).Faults),
	"DELETE /stand-in/faults": func(s *Server, _ *http.Request) (int, any) {
		s.ClearFaults()
		return http.StatusNoContent, nil
	},
	"POST /stand-in/faults":       ordered((*Server).takeOrder),
	"POST /stand-in/users":        ordered((*Server).takeUser),
	"DELETE /stand-in/users/{id}": (*Server).takeDeletion,
	"POST /stand-in/events":       ordered((*Server).takeEvent),
	"GET /stand-in/groups":        shown((*Server).changedGroups),
	"POST /stand-in/groups":       ordered((*Server).takeGroup),
	"GET /stand-in/contacts":      shown((*Server).contacts),
	"POST /stand-in/contacts":     ordered((*Server).takeContact),
	"GET /stand-in/permissions":   shown((*Server).permissions),
	"POST /stand-in/permissions":  ordered((*Server).takePermissions),
	"/stand-in/": func(_ *Server, r *http.Request) (int, any) {
		return http.StatusNotFound, "The stand-in has no " + r.Method + " here. GET / lists what it has."
	},
}

// shown returns a page that shows a list.
func shown[T any](list func(*Server) T) page {
	return func(s *Server, _ *http.Request) (int, any) { return http.StatusOK, list(s) }
}

// ordered returns a page that takes JSON, which it passes on both decoded and as sent.
func ordered[T any](take func(s *Server, given T, body []byte) (status int, answer any)) page {
	return func(s *Server, r *http.Request) (int, any) {
		// A page of another site can send a form across origins, but not JSON.
		if !isJSON(r.Header.Get("Content-Type")) {
			return http.StatusUnsupportedMediaType, "An order needs the Content-Type application/json."
		}
		body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBodyBytes))
		if err != nil {
			return http.StatusBadRequest, "The order can't be read: " + err.Error()
		}
		var given T
		err = decodeStrict(body, &given)
		if err != nil {
			return http.StatusBadRequest, "The order is not JSON of the known form: " + err.Error()
		}
		return take(s, given, body)
	}
}

func (s *Server) users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.tenant.Users)
}

func (s *Server) takeOrder(fault Fault, _ []byte) (status int, answer any) {
	err := s.Order(fault)
	if err != nil {
		return http.StatusBadRequest, "The order is invalid: " + err.Error()
	}
	return http.StatusCreated, nil
}

// servePage writes the page's answer, JSON with indents.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request, serve page) {
	status, answer := serve(s, r)
	switch answer := answer.(type) {
	case nil:
		w.WriteHeader(status)
	case string:
		http.Error(w, answer, status)
	default:
		data, err := json.MarshalIndent(answer, "", "  ")
		if err != nil {
			panic("graphsim: encoding a list: " + err.Error())
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write(append(data, '\n')) // it fails if the client has gone
	}
}
