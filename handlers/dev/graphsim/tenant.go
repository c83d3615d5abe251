package graphsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Invitation is an invitation that the stand-in accepted.
type Invitation struct {
	ID              string   `json:"id"`
	At              string   `json:"at"` // RFC 3339, UTC
	GuestID         string   `json:"guestId"`
	NewGuest        bool     `json:"newGuest"` // false: the guest existed, this was one more mail
	Email           string   `json:"email"`
	DisplayName     string   `json:"displayName"`
	RedirectURL     string   `json:"redirectUrl"`
	UserType        string   `json:"userType"`
	SendInvitation  bool     `json:"sendInvitation"`
	MessageLanguage string   `json:"messageLanguage"`
	CustomMessage   string   `json:"customMessage"`
	Cc              []string `json:"cc"`
	Sponsors        []string `json:"sponsors"` // object ids
	RedeemURL       string   `json:"redeemUrl"`
}

// User is a user of the tenant.
type User struct {
	ID                string   `json:"id"`
	Mail              string   `json:"mail"`
	OtherMails        []string `json:"otherMails"`
	DisplayName       string   `json:"displayName"`
	UserPrincipalName string   `json:"userPrincipalName"`
	UserType          string   `json:"userType"`          // "Guest" or "Member"
	ExternalUserState string   `json:"externalUserState"` // "PendingAcceptance", "Accepted", or ""
	CreationType      string   `json:"creationType"`      // "Invitation", or "" if made without one
	Sponsors          []string `json:"sponsors"`
	Disabled          bool     `json:"disabled"`
	// ProxyAddresses are further addresses, as in "smtp:ana@contoso.com". Mail need not be listed.
	ProxyAddresses    []string `json:"proxyAddresses,omitempty"`
	PreferredLanguage string   `json:"preferredLanguage,omitempty"` // BCP 47
	// Deleted users are found only among the deleted ones, and can be restored.
	Deleted bool `json:"deleted,omitempty"`
	// DeletedAt is when a deleted user was deleted.
	DeletedAt time.Time `json:"deletedAt,omitzero"`
	// KeepsAddress says of a deleted user that the address still can't be invited: Graph refuses it
	// with the id of the deleted user. Mostly an address is free once its user is deleted.
	KeepsAddress bool `json:"keepsAddress,omitempty"`
	// CreatedAt is when the guest was invited; replication counts from here. It is zero for a user
	// that was there before.
	CreatedAt time.Time `json:"createdAt,omitzero"`
}

// Membership is a place in a group.
type Membership struct {
	GroupID string `json:"groupId"`
	GuestID string `json:"guestId"` // a user, or a group in the group
	At      string `json:"at"`      // RFC 3339, UTC
}

// tenant is the state that survives a restart, each list oldest first.
type tenant struct {
	Users       []User       `json:"users"`
	Invitations []Invitation `json:"invitations"`
	Memberships []Membership `json:"memberships"`
	// Groups are those that were added or changed after the start.
	Groups   []Group   `json:"groups,omitempty"`
	Contacts []Contact `json:"contacts,omitempty"`
	Mails    []Mail    `json:"mails,omitempty"`
}

// user returns the user of that id, deleted or not, or nil.
func (t *tenant) user(id string) *User {
	for i := range t.Users {
		if strings.EqualFold(t.Users[i].ID, id) {
			return &t.Users[i]
		}
	}
	return nil
}

// holders returns the users who have the address, whatever its case, and are not deleted.
func (t *tenant) holders(email string) []*User {
	var found []*User
	for i := range t.Users {
		if !t.Users[i].Deleted && t.Users[i].has(email) {
			found = append(found, &t.Users[i])
		}
	}
	return found
}

func (u *User) has(email string) bool {
	same := func(other string) bool { return strings.EqualFold(other, email) }
	return same(u.Mail) || same(u.UserPrincipalName) || slices.ContainsFunc(u.OtherMails, same) ||
		slices.ContainsFunc(u.ProxyAddresses, func(proxy string) bool { return strings.EqualFold(proxy, "smtp:"+email) })
}

// external reports whether the user signs in elsewhere: an invited user has #EXT# in the sign-in
// name, and an internal user who was invited keeps the name and gets an external state. Neither
// the user type nor the creation type says so: there are internal guests and external members, and
// an invited user who was made internal keeps the creation type.
func (u *User) external() bool {
	return strings.Contains(u.UserPrincipalName, "#EXT#@") || u.ExternalUserState != ""
}

// visible reports whether searches and groups see the user.
func (s *Server) visible(u *User) bool {
	replicated := u.CreatedAt.IsZero() || !s.config.Now().Before(u.CreatedAt.Add(s.config.ReplicationDelay))
	return replicated && !u.Deleted
}

// loadTenant returns what the file holds. Without a file, or a name, the tenant is empty.
func loadTenant(file string) (tenant, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return tenant{}, nil
	}
	if err != nil {
		return tenant{}, fmt.Errorf("reading the state of the tenant: %w", err)
	}
	var loaded tenant
	err = decodeStrict(data, &loaded)
	if err != nil {
		return tenant{}, fmt.Errorf("the state file %s is not readable; move it away to start with an empty tenant: %w", file, err)
	}
	return loaded, nil
}

// save replaces the state file, if there is one, as a whole or not at all. The caller holds s.mu.
func (s *Server) save() error {
	if s.config.StateFile == "" {
		return nil
	}
	data, err := json.MarshalIndent(s.tenant, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the state of the tenant: %w", err)
	}
	// In the same folder, because a rename is atomic only inside one file system.
	temporary := s.config.StateFile + ".new"
	err = os.WriteFile(temporary, append(data, '\n'), 0o600)
	if err == nil {
		err = os.Rename(temporary, s.config.StateFile)
	}
	if err != nil {
		return fmt.Errorf("writing the state of the tenant: %w", err)
	}
	return nil
}

// saved returns answer once the change is on disk, or a server error.
func (s *Server) saved(c *call, answer reply) reply {
	err := s.save()
	if err != nil {
		s.config.Log.Error("graph stand-in: the state can't be kept", "error", err)
		return s.refuse(c, 500, "generalException", "The stand-in could not keep its state; its log says why.")
	}
	return answer
}
