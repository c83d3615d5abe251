package graphsim

import (
	"fmt"
	"net/http"
	"slices"
)

// Deny forbids the caller what the names name, and nothing else: permissions, such as
// "User.Read.All", or single routes as in [Server.Calls], such as "GET /v1.0/users". It fails,
// and changes nothing, if a name is neither.
func (s *Server) Deny(names ...string) error {
	for _, name := range names {
		if !slices.ContainsFunc(routes, func(r route) bool { return r.needs(name) }) {
			return fmt.Errorf("%q is neither a permission nor a route of the stand-in; permissions are %q, routes are named as in %q", name, knownPermissions(), routes[0].pattern)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = slices.Clone(names)
	return nil
}

// needs reports whether the name is that of the route or of its permission.
func (r *route) needs(name string) bool { return name == r.permission || name == r.pattern }

func knownPermissions() []string {
	var known []string
	for _, r := range routes {
		known = append(known, r.permission)
	}
	slices.Sort(known)
	return slices.Compact(known)
}

func (s *Server) denies(r *route) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.denied, r.needs)
}

// denial is Graph's message for a missing permission. The service behind invitations has its own.
func (r *route) denial() string {
	if r.permission == "User.Invite.All" {
		return "Insufficient privileges to perform requested operation by the application '00000003-0000-0000-c000-000000000000'. " +
			"ControllerName=MSGraphInviteAPI, ActionName=CreateInvite, URLAbsolutePath=/v1.0/invitations"
	}
	return "Insufficient privileges to complete the operation."
}

// permissions is the body of /stand-in/permissions.
type permissions struct {
	Denied []string `json:"denied"`
}

func (s *Server) permissions() permissions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return permissions{copied(s.denied)}
}

// takePermissions serves POST /stand-in/permissions.
func (s *Server) takePermissions(given permissions, _ []byte) (status int, answer any) {
	err := s.Deny(given.Denied...)
	if err != nil {
		return http.StatusBadRequest, "The order is invalid: " + err.Error()
	}
	return http.StatusOK, s.permissions()
}
