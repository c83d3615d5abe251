package graphsim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Contact is an object that holds an address and is no user: a contact of Exchange, or a group
// with a mailbox. No search of this program finds it.
type Contact struct {
	ID   string `json:"id"`
	Mail string `json:"mail"`
	// Shares lets the address be invited all the same: the guest then has it only among the other
	// mails. Otherwise the invitation is refused with the contact's id.
	Shares bool `json:"shares,omitempty"`
}

// AddContact adds a contact and returns it, with an id if it has none. It fails if the id is no
// GUID or the contact has no mail.
func (s *Server) AddContact(contact Contact) (Contact, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if contact.ID == "" {
		contact.ID = s.newGUID()
	}
	switch {
	case !isGUID(contact.ID):
		return Contact{}, fmt.Errorf("a contact has the id %q, which is not a GUID", contact.ID)
	case contact.Mail == "":
		return Contact{}, errors.New("a contact needs a mail")
	}
	s.tenant.Contacts = append(s.tenant.Contacts, contact)
	return contact, s.save()
}

func (s *Server) contacts() []Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.tenant.Contacts)
}

// takeContact serves POST /stand-in/contacts.
func (s *Server) takeContact(given Contact, _ []byte) (status int, answer any) {
	contact, err := s.AddContact(given)
	if err != nil {
		return http.StatusBadRequest, "The contact can't be kept: " + err.Error()
	}
	return http.StatusCreated, contact
}

// keeper returns the id of an object that is no visible user and keeps the address from being
// invited, or "".
func (t *tenant) keeper(email string) string {
	for _, contact := range t.Contacts {
		if !contact.Shares && strings.EqualFold(contact.Mail, email) {
			return contact.ID
		}
	}
	for i := range t.Users {
		if t.Users[i].Deleted && t.Users[i].KeepsAddress && t.Users[i].has(email) {
			return t.Users[i].ID
		}
	}
	return ""
}

// sharedByContact reports whether a contact that lets it be invited holds the address.
func (t *tenant) sharedByContact(email string) bool {
	return slices.ContainsFunc(t.Contacts, func(c Contact) bool {
		return c.Shares && strings.EqualFold(c.Mail, email)
	})
}
