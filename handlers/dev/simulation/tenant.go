package simulation

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// A Tenant is a directory as strict as Microsoft Graph where it matters to a worker: a new guest
// is not visible for a while, inviting again finds the same guest and sends another mail, a
// membership can't be added twice, and what stops the tenant stops every invitation. It answers
// at once and never fails by itself.
type Tenant struct {
	// Now is the tenant's clock.
	Now func() time.Time
	// SearchDelay and GroupDelay are how long searches and groups do not see a new guest.
	SearchDelay, GroupDelay time.Duration
	// Stopped, if set, is why the tenant takes no invitations.
	Stopped problem.Code
	// Unreadable says that the app may not read users.
	Unreadable bool

	users   map[submission.Address]*tenantUser
	deleted map[submission.Address][]string // ids
	members map[membership]bool
	refuses map[string]problem.Code // by group
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
		Now: now, users: map[submission.Address]*tenantUser{}, deleted: map[submission.Address][]string{}, members: map[membership]bool{}, refuses: map[string]problem.Code{},
		bars: map[submission.Address]problem.Code{}, mails: map[submission.Address]int{},
	}
}

// AddUser adds a user who was there before and is visible everywhere. It returns the object id.
func (t *Tenant) AddUser(address submission.Address, kind request.UserKind) string {
	t.guests++
	id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", t.guests)
	if kind == request.DeletedGuest {
		t.deleted[address] = append(t.deleted[address], id)
	}
	t.users[address] = &tenantUser{id: id, kind: kind}
	return id
}

// Refuse makes a group refuse every member, with the given code.
func (t *Tenant) Refuse(group string, code problem.Code) { t.refuses[group] = code }

// Mails returns how many mails of invitations were sent to the address.
func (t *Tenant) Mails(address submission.Address) int { return t.mails[address] }

// Invite implements [request.Directory].
func (t *Tenant) Invite(_ context.Context, invitation request.Invitation) (string, error) {
	user := t.users[invitation.Address]
	switch {
	case t.Stopped != "":
		return "", problem.New(t.Stopped, "the tenant takes no invitations")
	case t.bars[invitation.Address] != "":
		return "", problem.New(t.bars[invitation.Address], "the address can't be invited")
	case user != nil && user.kind == request.InternalUser:
		return "", problem.New(request.DirectoryInternalUser, "the address belongs to an internal user")
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

var errUnreadable = &problem.Error{Code: request.DirectoryReadForbidden, Detail: "the app may not read users"}

// hidden reports whether the guest is so new that a part of the directory with that delay can't
// see it yet.
func (t *Tenant) hidden(user *tenantUser, delay time.Duration) bool {
	return user.ours && t.Now().Before(user.created.Add(delay))
}

// FindUser implements [request.Users].
func (t *Tenant) FindUser(_ context.Context, address submission.Address) (request.User, error) {
	user := t.users[address]
	switch {
	case t.Unreadable:
		return request.User{}, errUnreadable
	case user == nil || user.kind == request.DeletedGuest || t.hidden(user, t.SearchDelay):
		return request.User{}, nil
	default:
		return request.User{ID: user.id, Kind: user.kind}, nil
	}
}

// FindGuest implements [request.Directory].
func (t *Tenant) FindGuest(ctx context.Context, address submission.Address) (string, error) {
	user, err := t.FindUser(ctx, address)
	if user.Kind == request.InternalUser {
		return "", err
	}
	return user.ID, err
}

// FindDeletedGuests implements [request.Users].
func (t *Tenant) FindDeletedGuests(_ context.Context, address submission.Address) ([]string, error) {
	if t.Unreadable {
		return nil, errUnreadable
	}
	return t.deleted[address], nil
}

// AddMember implements [request.Directory].
func (t *Tenant) AddMember(_ context.Context, group, guest string) (bool, error) {
	if code := t.refuses[group]; code != "" {
		return false, problem.New(code, "the group takes no members")
	}
	user := t.holder(guest)
	if user == nil || t.hidden(user, t.GroupDelay) {
		return false, problem.New(request.DirectoryNotReplicated, "the guest is not visible yet")
	}
	key := membership{group, guest}
	if t.members[key] {
		return false, nil
	}
	t.members[key] = true
	return true, nil
}

// Group implements [request.Directory]. Every group exists.
func (t *Tenant) Group(_ context.Context, id string) (request.Group, error) {
	return request.Group{ID: id, SecurityEnabled: true, Dynamic: t.refuses[id] == request.DirectoryGroupClosed}, nil
}

func (t *Tenant) holder(id string) *tenantUser {
	for _, user := range t.users {
		if user.id == id {
			return user
		}
	}
	return nil
}
