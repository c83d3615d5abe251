package simulation

import (
	"context"
	"fmt"
	"slices"
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

	users     map[submission.Address]*tenantUser // who holds the address, or held it and was deleted
	accounts  map[string]*tenantUser             // everybody there ever was, by id
	deleted   map[submission.Address][]request.Deletion
	members   map[membership]bool
	refuses   map[string]problem.Code // by group
	missing   map[string]bool         // groups that do not exist
	bars      map[submission.Address]problem.Code
	mails     map[submission.Address]int
	guests    int
	noMembers bool // the app may invite guests and no members
}

type tenantUser struct {
	id      string
	address submission.Address // that it holds, or held last
	kind    request.UserKind
	was     request.UserKind // before it was deleted or disabled
	ours    bool             // invited by us
	created time.Time
}

type membership struct{ group, guest string }

// NewTenant returns a tenant without users, in which every group takes every guest.
func NewTenant(now func() time.Time) *Tenant {
	return &Tenant{
		Now:      now,
		users:    map[submission.Address]*tenantUser{},
		accounts: map[string]*tenantUser{},
		deleted:  map[submission.Address][]request.Deletion{},
		members:  map[membership]bool{},
		refuses:  map[string]problem.Code{},
		missing:  map[string]bool{},
		bars:     map[submission.Address]problem.Code{},
		mails:    map[submission.Address]int{},
	}
}

// AddUser adds a user who was there before and is visible everywhere. It returns the object id.
func (t *Tenant) AddUser(address submission.Address, kind request.UserKind) string {
	t.guests++
	id := objectID(t.guests)
	if kind == request.DeletedGuest {
		t.deleted[address] = append(t.deleted[address], request.Deletion{ID: id, At: t.Now()})
	}
	user := &tenantUser{id: id, address: address, kind: kind}
	t.users[address], t.accounts[id] = user, user
	return id
}

func objectID(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", n) }

// Refuse makes a group refuse every member, with the given code.
func (t *Tenant) Refuse(group string, code problem.Code) { t.refuses[group] = code }

// Mails returns how many mails of invitations were sent to the address.
func (t *Tenant) Mails(address submission.Address) int { return t.mails[address] }

// remove deletes a guest. The address stays with the deleted account until another is invited.
func (t *Tenant) remove(user *tenantUser) {
	user.was, user.kind = user.kind, request.DeletedGuest
	deletion := request.Deletion{ID: user.id, At: t.Now()}
	t.deleted[user.address] = append(t.deleted[user.address], deletion)
}

// restore brings a deleted guest back as it was. It reports false if another account holds the
// address by now.
func (t *Tenant) restore(user *tenantUser) bool {
	if user.kind != request.DeletedGuest || t.users[user.address] != user {
		return false
	}
	user.kind = user.was
	restored := func(d request.Deletion) bool { return d.ID == user.id }
	t.deleted[user.address] = slices.DeleteFunc(t.deleted[user.address], restored)
	return true
}

// redirect resets the redemption of a guest to another address. It reports false if somebody holds
// that address.
func (t *Tenant) redirect(user *tenantUser, to submission.Address) bool {
	if t.users[to] != nil || len(t.deleted[to]) > 0 {
		return false
	}
	delete(t.users, user.address)
	user.address, user.kind = to, request.PendingGuest
	t.users[to] = user
	return true
}

// Invite implements [request.Directory].
func (t *Tenant) Invite(_ context.Context, invitation request.Invitation) (request.Invited, error) {
	user := t.users[invitation.Address]
	switch {
	case t.Stopped != "":
		return request.Invited{}, &problem.Error{Code: t.Stopped, Answer: "403 Forbidden",
			Detail: "the tenant takes no invitations"}
	case t.noMembers && invitation.UserType == "Member":
		return request.Invited{}, problem.New(noMember, "insufficient privileges to complete the operation")
	case t.bars[invitation.Address] != "":
		return request.Invited{}, problem.New(t.bars[invitation.Address], "the address can't be invited")
	case user != nil && user.kind == request.InternalUser:
		return request.Invited{}, problem.New(request.DirectoryInternalUser,
			"the address belongs to an internal user")
	case user != nil && user.kind == request.DisabledGuest:
		return request.Invited{}, problem.New(request.DirectoryGuestDisabled,
			"the guest exists and the account is disabled")
	case user == nil || user.kind == request.DeletedGuest:
		t.AddUser(invitation.Address, request.PendingGuest)
		user = t.users[invitation.Address]
		user.ours, user.created = true, t.Now()
	}
	if invitation.SendMessage {
		t.mails[invitation.Address]++
	}
	return request.Invited{GuestID: user.id, RedeemURL: redeemURL + user.id}, nil
}

// redeemURL is what the redeem URLs of guests begin with.
const redeemURL = "https://login.example.com/redeem/"

// noMember is the answer to an invitation as a member that the app may not make.
const noMember = request.DirectoryMemberForbidden

var errUnreadable = &problem.Error{
	Code: request.DirectoryReadForbidden, Detail: "the app may not read users",
}

// hidden reports whether the guest is so new that a part of the directory with that delay can't
// see it yet.
func (t *Tenant) hidden(user *tenantUser, delay time.Duration) bool {
	return t.hiddenAt(t.Now(), user, delay)
}

// hiddenAt reports whether it was so at that time.
func (t *Tenant) hiddenAt(at time.Time, user *tenantUser, delay time.Duration) bool {
	return user.ours && at.Before(user.created.Add(delay))
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

// UserByID implements [request.Users].
func (t *Tenant) UserByID(
	_ context.Context, id string, address submission.Address,
) (request.User, error) {
	user := t.accounts[id]
	switch {
	case t.Unreadable:
		return request.User{}, errUnreadable
	case user == nil || user.kind == request.DeletedGuest || t.hidden(user, t.SearchDelay):
		return request.User{}, nil
	case user.address != address:
		return request.User{ID: id, Kind: request.MovedUser}, nil
	default:
		return request.User{ID: id, Kind: user.kind}, nil
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
func (t *Tenant) FindDeletedGuests(
	_ context.Context, address submission.Address,
) ([]request.Deletion, error) {
	if t.Unreadable {
		return nil, errUnreadable
	}
	return t.deleted[address], nil
}

// AddMember implements [request.Directory].
func (t *Tenant) AddMember(_ context.Context, group, guest string) (bool, error) {
	user := t.accounts[guest]
	key := membership{group, guest}
	switch {
	case t.missing[group]:
		return false, problem.New(request.DirectoryNotReplicated, "group %s does not exist", group)
	case t.refuses[group] != "":
		return false, problem.New(t.refuses[group], "the group takes no members")
	case user == nil || user.kind == request.DeletedGuest || t.hidden(user, t.GroupDelay):
		return false, problem.New(request.DirectoryNotReplicated, "the guest is not visible yet")
	case t.members[key]:
		return false, nil
	}
	t.members[key] = true
	return true, nil
}

// Group implements [request.Directory].
func (t *Tenant) Group(_ context.Context, id string) (request.Group, error) {
	if t.missing[id] {
		return request.Group{}, problem.New(problem.NotFound, "group %s does not exist", id)
	}
	closed := t.refuses[id] == request.DirectoryGroupClosed
	return request.Group{ID: id, SecurityEnabled: true, Dynamic: closed}, nil
}
