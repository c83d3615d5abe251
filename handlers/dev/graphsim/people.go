package graphsim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// errNoUser is the error for a user who does not exist.
var errNoUser = errors.New("there is no such user")

// AddUser adds a user who is visible at once, and returns it. It fills in what is left out: an
// id; the user type, Guest for an external user and Member for others; the name for signing in.
// It fails if a property has an unknown value, or if the id is taken.
//
// An invited user has the CreationType "Invitation", and the ExternalUserState "Accepted" or
// "PendingAcceptance". A user with neither is internal, whatever the user type.
func (s *Server) AddUser(user User) (User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(user)
}

// add adds a user. The caller holds s.mu.
func (s *Server) add(user User) (User, error) {
	user, err := s.completed(user)
	if err != nil {
		return User{}, err
	}
	if s.tenant.user(user.ID) != nil {
		return User{}, fmt.Errorf("the id %s is taken", user.ID)
	}
	s.tenant.Users = append(s.tenant.Users, user)
	return user, s.save()
}

// ChangeUser changes the user of that id, as an admin or the guest does: accept the invitation,
// disable the account, take another address. It fails, and changes nothing, if there is no such
// user, or if the user could not be added as changed.
func (s *Server) ChangeUser(id string, change func(*User)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.tenant.user(id)
	if user == nil {
		return errNoUser
	}
	changed := user.clone()
	change(&changed)
	return s.replace(user, changed)
}

// DeleteUser deletes the user of that id, with the memberships. From then on the user is found
// among the deleted ones, and the address is free for a new guest.
func (s *Server) DeleteUser(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.tenant.user(id)
	if user == nil || user.Deleted {
		return errNoUser
	}
	user.Deleted, user.DeletedAt = true, s.config.Now().UTC()
	s.tenant.dropMemberships(id)
	return s.save()
}

// replace replaces user by changed. The caller holds s.mu.
func (s *Server) replace(user *User, changed User) error {
	if !strings.EqualFold(changed.ID, user.ID) {
		return errors.New("the id of a user can't be changed")
	}
	changed, err := s.completed(changed)
	if err != nil {
		return err
	}
	*user = changed
	return s.save()
}

// completed returns the user with what was left out.
func (s *Server) completed(u User) (User, error) {
	if u.ID == "" {
		u.ID = s.newGUID()
	}
	if u.UserType == "" {
		u.UserType = "Member"
		if u.external() || u.CreationType == "Invitation" {
			u.UserType = "Guest"
		}
	}
	switch {
	case !u.Deleted:
		u.DeletedAt = time.Time{}
	case u.DeletedAt.IsZero():
		u.DeletedAt = s.config.Now().UTC()
	}
	switch {
	case !isGUID(u.ID):
		return User{}, fmt.Errorf("a user has the id %q, which is not a GUID", u.ID)
	case u.UserType != "Guest" && u.UserType != "Member":
		return User{}, fmt.Errorf("user %s has the unknown userType %q", u.ID, u.UserType)
	case !slices.Contains([]string{"", "Invitation", "LocalAccount", "EmailVerified", "SelfServiceSignUp"}, u.CreationType):
		return User{}, fmt.Errorf("user %s has the unknown creationType %q", u.ID, u.CreationType)
	case !slices.Contains([]string{"", "PendingAcceptance", "Accepted"}, u.ExternalUserState):
		return User{}, fmt.Errorf("user %s has the unknown externalUserState %q", u.ID, u.ExternalUserState)
	}
	for _, address := range u.ProxyAddresses {
		if !strings.Contains(address, ":") {
			return User{}, fmt.Errorf("user %s has a proxy address without its kind; write it as smtp:ana@contoso.com", u.ID)
		}
	}
	if u.UserPrincipalName == "" {
		switch {
		case u.Mail == "" && u.CreationType == "Invitation":
			u.UserPrincipalName = s.externalName(u.ID)
		case u.Mail == "":
			u.UserPrincipalName = u.ID + "@" + s.config.TenantName + ".onmicrosoft.com"
		case u.CreationType == "Invitation":
			u.UserPrincipalName = s.externalName(u.Mail)
		default:
			u.UserPrincipalName = u.Mail
		}
	}
	return u, nil
}

// externalName returns the name for signing in of a guest who was invited at that address.
func (s *Server) externalName(address string) string {
	return strings.ReplaceAll(address, "@", "_") + "#EXT#@" + s.config.TenantName + ".onmicrosoft.com"
}

// freeExternalName returns externalName, with a part of a new id if another user has that name:
// the name for signing in is unique, and an account whose redemption was reset keeps it.
func (s *Server) freeExternalName(address string) string {
	name := s.externalName(address)
	taken := func(u User) bool { return strings.EqualFold(u.principalName(), name) }
	if !slices.ContainsFunc(s.tenant.Users, taken) {
		return name
	}
	before, after, _ := strings.Cut(name, "#")
	return before + s.newGUID()[:4] + "#" + after
}

// clone returns a user that shares nothing with u.
func (u *User) clone() User {
	c := *u
	c.OtherMails, c.Sponsors, c.ProxyAddresses = slices.Clone(u.OtherMails), slices.Clone(u.Sponsors), slices.Clone(u.ProxyAddresses)
	return c
}

// takeUser serves POST /stand-in/users. The properties in the body change the user of that id or,
// without an id, the one who holds that mail. If there is none, they make a new user.
func (s *Server) takeUser(given User, body []byte) (status int, answer any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.tenant.user(given.ID)
	if given.ID == "" {
		switch holders := s.tenant.holders(given.Mail); {
		case given.Mail == "":
			return http.StatusBadRequest, "Give the id of a user, or a mail."
		case len(holders) > 1:
			return http.StatusConflict, "Several users hold this mail; give the id of one."
		case len(holders) == 1:
			user = holders[0]
		}
	}
	status = http.StatusOK
	var err error
	if user == nil {
		status = http.StatusCreated
		given, err = s.add(given)
	} else {
		given = user.clone()
		err = decodeStrict(body, &given)
		if err == nil {
			given.ID = user.ID
			err = s.replace(user, given)
			given = *user
		}
	}
	if err != nil {
		return http.StatusBadRequest, "The user can't be kept: " + err.Error()
	}
	return status, given
}

// takeDeletion serves DELETE /stand-in/users/{id}.
func (s *Server) takeDeletion(r *http.Request) (status int, answer any) {
	err := s.DeleteUser(r.PathValue("id"))
	switch {
	case errors.Is(err, errNoUser):
		return http.StatusNotFound, "There is no such user."
	case err != nil:
		return http.StatusInternalServerError, err.Error()
	default:
		return http.StatusNoContent, nil
	}
}
