package graphsim

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Event is something that happens to a user without the app.
type Event struct {
	// User is the user's id, or an address that only this user has.
	User string `json:"user"`
	// Event is the name of what happens:
	//
	//	accept            the guest redeems the invitation
	//	disable, enable   an admin blocks the account, and lifts that
	//	delete            an admin moves the user to the recycle bin, with the memberships
	//	restore           an admin restores a deleted user, without memberships
	//	purge             a deleted user is gone for good
	//	reset-redemption  an admin gives the account to Address: the old address is free, and the
	//	                  new one has not accepted yet; id, sign-in name and memberships stay
	//	make-internal     an admin turns the guest into an account of the tenant's own
	Event string `json:"event"`
	// Address is for reset-redemption only.
	Address string `json:"address,omitempty"`
}

// events change a user as the event says.
var events = map[string]func(s *Server, u *User, e Event){
	"accept":  func(_ *Server, u *User, _ Event) { u.ExternalUserState = "Accepted" },
	"disable": func(_ *Server, u *User, _ Event) { u.Disabled = true },
	"enable":  func(_ *Server, u *User, _ Event) { u.Disabled = false },
	"delete": func(s *Server, u *User, _ Event) {
		u.Deleted = true
		s.tenant.dropMemberships(u.ID)
	},
	"restore": func(_ *Server, u *User, _ Event) { u.Deleted = false },
	"purge":   nil, // it leaves no user
	"reset-redemption": func(_ *Server, u *User, e Event) {
		u.Mail, u.OtherMails, u.ProxyAddresses = e.Address, []string{e.Address}, nil
		u.ExternalUserState = "PendingAcceptance"
	},
	"make-internal": func(s *Server, u *User, _ Event) {
		local, _, invited := strings.Cut(u.UserPrincipalName, "#EXT#@")
		if invited {
			u.UserPrincipalName = local + "@" + s.config.TenantName + ".onmicrosoft.com"
		}
		u.UserType, u.ExternalUserState = "Member", ""
	},
}

// Happen lets the event happen at once. It fails, and changes nothing, if there is no such user,
// or if the event does not exist or can't happen to the user.
func (s *Server) Happen(e Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change, known := events[e.Event]
	if !known {
		return fmt.Errorf("there is no event %q; choose one of %q",
			e.Event, slices.Sorted(maps.Keys(events)))
	}
	user, err := s.tenant.named(e.User)
	if err != nil {
		return err
	}
	ofDeleted := e.Event == "restore" || e.Event == "purge"
	switch {
	case user.Deleted != ofDeleted:
		return fmt.Errorf("%s can't happen to user %s, who is deleted: %t",
			e.Event, user.ID, user.Deleted)
	case (e.Event == "reset-redemption") != (e.Address != ""):
		return errors.New("reset-redemption needs an address, and nothing else does")
	case e.Event == "purge":
		s.tenant.Users = slices.DeleteFunc(s.tenant.Users, func(u User) bool { return u.ID == user.ID })
		return s.save()
	}
	change(s, user, e)
	return s.save()
}

// named returns the user of that id or address. Of several with an address, those who are deleted
// count only if there is no other.
func (t *tenant) named(name string) (*User, error) {
	user := t.user(name)
	if user != nil {
		return user, nil
	}
	found := t.holders(name)
	if len(found) == 0 {
		for i := range t.Users {
			if t.Users[i].has(name) {
				found = append(found, &t.Users[i])
			}
		}
	}
	switch {
	case name == "" || len(found) == 0:
		return nil, errNoUser
	case len(found) > 1:
		return nil, errors.New("several users hold this address; give the id of one")
	default:
		return found[0], nil
	}
}

// dropMemberships takes the user out of every group.
func (t *tenant) dropMemberships(id string) {
	t.Memberships = slices.DeleteFunc(t.Memberships, func(m Membership) bool {
		return strings.EqualFold(m.GuestID, id)
	})
}

// takeEvent serves POST /stand-in/events.
func (s *Server) takeEvent(given Event, _ []byte) (status int, answer any) {
	err := s.Happen(given)
	switch {
	case errors.Is(err, errNoUser):
		return http.StatusNotFound, "There is no such user."
	case err != nil:
		return http.StatusBadRequest, "The event is invalid: " + err.Error()
	default:
		return http.StatusNoContent, nil
	}
}
