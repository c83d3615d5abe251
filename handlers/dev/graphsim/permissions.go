package graphsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
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

// needs reports whether the name is that of the route or of one of its permissions.
func (r *route) needs(name string) bool {
	return name == r.pattern || slices.Contains(strings.Fields(r.permission), name)
}

func knownPermissions() []string {
	var known []string
	for _, r := range routes {
		known = append(known, strings.Fields(r.permission)...)
	}
	slices.Sort(known)
	return slices.Compact(known)
}

func (s *Server) denies(r *route) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.denied, r.needs)
}

// The permissions that an app gets only if an admin thinks of them, see [Server.Grant].
const (
	// inviteMembers is what an invitation of a user of type Member needs besides User.Invite.All.
	// Graph's documentation does not name the permission.
	inviteMembers = "User.ReadWrite.All"
	// changeRoleGroups is what the members of a role-assignable group need.
	changeRoleGroups = "RoleManagement.ReadWrite.Directory"
)

// Grant lets the caller do what the names name, and no other of the things that Graph refuses to
// most apps: "User.ReadWrite.All" to invite users of the type Member, and
// "RoleManagement.ReadWrite.Directory" to add members to role-assignable groups. It fails, and
// changes nothing, if a name is neither.
func (s *Server) Grant(names ...string) error {
	known := []string{inviteMembers, changeRoleGroups}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%q can't be granted; what can be is %q", name, known)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.granted = slices.Clone(names)
	return nil
}

// holdsRight reports whether the permission was granted. The caller holds s.mu.
func (s *Server) holdsRight(name string) bool { return slices.Contains(s.granted, name) }

// Graph's messages for a missing permission. The service behind invitations has its own, which
// names neither what was asked for nor what is missing.
const (
	accessDenied = "Access is denied. Check credentials and try again."
	denied       = "Insufficient privileges to complete the operation."
	inviteDenial = "Insufficient privileges to perform requested operation by the application '00000003-0000-0000-c000-000000000000'. " +
		"ControllerName=MSGraphInviteAPI, ActionName=CreateInvite, URLAbsolutePath=/v1.0/invitations"
)

// denial is Graph's code and message for the route's missing permission. Exchange has its own.
func (r *route) denial() (code, message string) {
	switch r.permission {
	case "User.Invite.All":
		return "Authorization_RequestDenied", inviteDenial
	case "Mail.Send":
		return "ErrorAccessDenied", accessDenied
	}
	return "Authorization_RequestDenied", denied
}

// permissions is the body of /stand-in/permissions.
type permissions struct {
	Denied  []string `json:"denied"`
	Granted []string `json:"granted"`
}

func (s *Server) permissions() permissions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return permissions{copied(s.denied), copied(s.granted)}
}

// takePermissions serves POST /stand-in/permissions.
func (s *Server) takePermissions(given permissions, _ []byte) (status int, answer any) {
	before := s.permissions()
	err := s.Deny(given.Denied...)
	if err == nil {
		err = s.Grant(given.Granted...)
	}
	if err != nil {
		_ = s.Deny(before.Denied...) // they were valid
		return http.StatusBadRequest, "The order is invalid: " + err.Error()
	}
	return http.StatusOK, s.permissions()
}
