package simulation

import (
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// A Tenant is a directory as strict as Microsoft Graph where it matters to the state machine: whoever was just invited is not visible for a
// while, inviting again finds the same guest and sends another mail, a membership can't be added twice, and what stops the tenant stops
// everybody. It answers at once and never fails by itself; that is its surroundings' part.
type Tenant struct {
	// Now is the tenant's clock.
	Now func() time.Time
	// SearchDelay and GroupDelay are how long a new guest is invisible to searches and to groups.
	SearchDelay, GroupDelay time.Duration
	// Stopped, if set, is why no invitation of anybody is taken.
	Stopped problem.Code
	// Unreadable says that the app may not read users.
	Unreadable bool

	users   map[submission.Address]*tenantUser
	members map[membership]string // who added it
	refuses map[string]problem.Code
	bars    map[submission.Address]problem.Code
	mails   map[submission.Address]int
	guests  int
}

type tenantUser struct {
	id      string
	kind    request.UserKind
	ours    bool // invited by us
	created time.Time
}

type membership struct{ group, guest string }

// NewTenant returns a tenant without users, in which every group takes every guest.
func NewTenant(now func() time.Time) *Tenant {
	return &Tenant{
		Now: now, users: map[submission.Address]*tenantUser{}, members: map[membership]string{}, refuses: map[string]problem.Code{},
		bars: map[submission.Address]problem.Code{}, mails: map[submission.Address]int{},
	}
}

// AddUser adds somebody who was there before and is visible everywhere. It returns the object id.
func (t *Tenant) AddUser(address submission.Address, kind request.UserKind) string {
	t.guests++
	id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", t.guests)
	t.users[address] = &tenantUser{id: id, kind: kind}
	return id
}

// AddMembership adds a membership that was there before.
func (t *Tenant) AddMembership(group, guest string) { t.members[membership{group, guest}] = "" }

// Refuse lets a group take nobody, with the given code.
func (t *Tenant) Refuse(group string, code problem.Code) { t.refuses[group] = code }

// Bar lets an address not be invited, with the given code.
func (t *Tenant) Bar(address submission.Address, code problem.Code) { t.bars[address] = code }

// Mails returns how many mails of invitations the address has had.
func (t *Tenant) Mails(address submission.Address) int { return t.mails[address] }

// Invite creates the guest or finds the one that exists.
func (t *Tenant) Invite(invitation request.Invitation) (string, error) {
	user := t.users[invitation.Address]
	switch {
	case t.Stopped != "":
		return "", problem.New(t.Stopped, "the tenant takes no invitations")
	case t.bars[invitation.Address] != "":
		return "", problem.New(t.bars[invitation.Address], "the address can't be invited")
	case user != nil && user.kind == request.InternalUser:
		return "", problem.New(request.DirectoryInternalUser, "the address belongs to an account of the tenant's own")
	case user != nil && user.kind == request.DisabledGuest:
		return "", problem.New(request.DirectoryGuestDisabled, "the guest exists and the account is disabled")
	case user == nil || user.kind == request.DeletedGuest:
		t.AddUser(invitation.Address, request.PendingGuest)
		user = t.users[invitation.Address]
		user.ours, user.created = true, t.Now()
	}
	if invitation.SendMessage {
		t.mails[invitation.Address]++
	}
	return user.id, nil
}

// visible returns the holder of an address if searches show it.
func (t *Tenant) visible(address submission.Address) *tenantUser {
	user := t.users[address]
	if user == nil || user.kind == request.DeletedGuest || user.ours && t.Now().Before(user.created.Add(t.SearchDelay)) {
		return nil
	}
	return user
}

// FindDeletedGuests returns the guests who held the address and could be restored.
func (t *Tenant) FindDeletedGuests(address submission.Address) ([]string, error) {
	if t.Unreadable {
		return nil, problem.New(request.DirectoryReadForbidden, "the app may not read users")
	}
	user := t.users[address]
	if user == nil || user.kind != request.DeletedGuest {
		return nil, nil
	}
	return []string{user.id}, nil
}

// FindGuest returns the guest of the address, "" if none is visible.
func (t *Tenant) FindGuest(address submission.Address) (string, error) {
	if t.Unreadable {
		return "", problem.New(request.DirectoryReadForbidden, "the app may not read users")
	}
	user := t.visible(address)
	if user == nil || user.kind == request.InternalUser {
		return "", nil
	}
	return user.id, nil
}

// FindUser returns who holds the address, as far as visible.
func (t *Tenant) FindUser(address submission.Address) (request.User, error) {
	if t.Unreadable {
		return request.User{}, problem.New(request.DirectoryReadForbidden, "the app may not read users")
	}
	user := t.visible(address)
	switch {
	case user == nil:
		return request.User{}, nil
	case user.kind == request.SeveralUsers:
		return request.User{Kind: request.SeveralUsers}, nil
	default:
		return request.User{ID: user.id, Kind: user.kind}, nil
	}
}

// AddMember adds the guest to the group; by is remembered with the membership.
func (t *Tenant) AddMember(group, guest, by string) (bool, error) {
	if code := t.refuses[group]; code != "" {
		return false, problem.New(code, "the group takes no members")
	}
	user := t.holder(guest)
	if user == nil || user.ours && t.Now().Before(user.created.Add(t.GroupDelay)) {
		return false, problem.New(request.DirectoryNotReplicated, "the guest is not there yet")
	}
	key := membership{group, guest}
	_, present := t.members[key]
	if present {
		return false, nil
	}
	t.members[key] = by
	return true, nil
}

func (t *Tenant) holder(id string) *tenantUser {
	for _, user := range t.users {
		if user.id == id {
			return user
		}
	}
	return nil
}
