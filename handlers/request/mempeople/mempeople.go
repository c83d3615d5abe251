// Package mempeople is a directory of users and groups in memory, for tests and simulations. It
// passes the same suite as package graph (package peopletest), and can be told to fail.
//
// It must not know its users; nothing that runs in Azure imports it. It imports only policy,
// problem, request and submission of this module.
package mempeople

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// User is a user of the directory.
type User struct {
	ID, Name string
	Mail     string // empty for none
	// Others are further addresses: sign-in name, other mails, proxy addresses without their kind.
	Others   []string
	Language string
	Guest    bool
	Disabled bool
}

// Group is a group of the directory.
type Group struct {
	ID, Name string
	Members  []string // ids of users and groups
	Hidden   bool     // nobody sees who is in it
}

// People implements [request.People]. The zero value has nobody. It is safe for concurrent use.
type People struct {
	// Before, if set, is called with the name of each method before it does anything, and is the
	// method's failure if it returns an error. Set it before the first use.
	Before func(method string) error

	mu     sync.Mutex
	users  map[string]User
	groups map[string]Group
}

var _ request.People = (*People)(nil)

// SetUser adds the user, or replaces the one with that id.
func (p *People) SetUser(user User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users == nil {
		p.users = map[string]User{}
	}
	user.ID = strings.ToLower(user.ID)
	p.users[user.ID] = user
}

// SetGroup adds the group, or replaces the one with that id.
func (p *People) SetGroup(group Group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.groups == nil {
		p.groups = map[string]Group{}
	}
	group.ID = strings.ToLower(group.ID)
	p.groups[group.ID] = group
}

// Remove removes the user or group of that id, if there is one.
func (p *People) Remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.users, strings.ToLower(id))
	delete(p.groups, strings.ToLower(id))
}

// enter returns the ids in lower case, each once, or why the call fails.
func (p *People) enter(method string, ids ...string) ([]string, error) {
	if p.Before != nil {
		err := p.Before(method)
		if err != nil {
			return nil, err
		}
	}
	var all []string
	for _, text := range ids {
		id, valid := policy.ParseGUID(text)
		if !valid {
			return nil, problem.New(request.DirectoryRefused, "%s: an id is not a GUID", method)
		}
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all, nil
}

// Person implements [request.People].
func (p *People) Person(_ context.Context, id string) (request.Person, error) {
	ids, err := p.enter("Person", id)
	if err != nil {
		return request.Person{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	user, found := p.users[ids[0]]
	if !found {
		return request.Person{}, problem.New(problem.NotFound, "there is no such user")
	}
	return request.Person{ID: user.ID, Enabled: !user.Disabled, Guest: user.Guest, Addresses: user.addresses()}, nil
}

// addresses returns the addresses for [request.Person].
func (u User) addresses() []string {
	return request.AddressList(append([]string{u.Mail}, u.Others...))
}

// MemberOf implements [request.People].
func (p *People) MemberOf(_ context.Context, personID string, groups []string) ([]string, error) {
	person, err := p.enter("MemberOf", personID)
	if err != nil {
		return nil, err
	}
	var asked []string
	for _, text := range groups {
		id, valid := policy.ParseGUID(text)
		if !valid {
			return nil, problem.New(request.DirectoryRefused, "MemberOf: an id is not a GUID")
		}
		if !slices.Contains(asked, id) {
			asked = append(asked, id)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, found := p.users[person[0]]; !found {
		return nil, problem.New(problem.NotFound, "there is no such user")
	}
	var in []string
	for _, id := range asked {
		if !p.groups[id].Hidden && slices.Contains(p.members(id), person[0]) {
			in = append(in, id)
		}
	}
	return in, nil
}

// members returns the users in the group, directly or by other groups. The caller holds p.mu.
func (p *People) members(group string) []string {
	var users []string
	groups := []string{group}
	for i := 0; i < len(groups); i++ {
		for _, member := range p.groups[groups[i]].Members {
			member = strings.ToLower(member)
			_, isUser := p.users[member]
			_, isGroup := p.groups[member]
			switch {
			case isUser && !slices.Contains(users, member):
				users = append(users, member)
			case isGroup && !slices.Contains(groups, member):
				groups = append(groups, member)
			}
		}
	}
	return users
}

// Principals implements [request.People].
func (p *People) Principals(_ context.Context, ids []string) (map[string]request.Principal, error) {
	ids, err := p.enter("Principals", ids...)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found := map[string]request.Principal{}
	for _, id := range ids {
		if user, isUser := p.users[id]; isUser {
			found[id] = request.Principal{ID: id, DisplayName: user.Name, Kind: "user", Enabled: !user.Disabled, Guest: user.Guest}
		} else if group, isGroup := p.groups[id]; isGroup {
			found[id] = request.Principal{ID: id, DisplayName: group.Name, Kind: "group"}
		}
	}
	return found, nil
}

// GroupNames implements [request.People].
func (p *People) GroupNames(_ context.Context, ids []string) (map[string]string, error) {
	ids, err := p.enter("GroupNames", ids...)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	names := map[string]string{}
	for _, id := range ids {
		if group, isGroup := p.groups[id]; isGroup {
			names[id] = group.Name
		}
	}
	return names, nil
}

// Addressees implements [request.People].
func (p *People) Addressees(_ context.Context, ids []string, most int) (request.Addressees, error) {
	ids, err := p.enter("Addressees", ids...)
	if err != nil {
		return request.Addressees{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var to request.Addressees
	var users []string
	for _, id := range ids {
		_, isUser := p.users[id]
		members := p.members(id)
		switch {
		case isUser:
			users = append(users, id)
		case p.groups[id].Hidden:
		case len(members) > most:
			to.Crowds = append(to.Crowds, id)
		default:
			users = append(users, members...)
		}
	}
	slices.Sort(users)
	for _, id := range slices.Compact(users) {
		user := p.users[id]
		address, err := submission.ParseAddress(user.Mail)
		switch {
		case user.Disabled:
		case err != nil, !address.Is(user.Mail):
			to.Unreachable = append(to.Unreachable, id)
		default:
			to.People = append(to.People, request.Addressee{
				ID: id, Address: address, Language: user.Language, Guest: user.Guest, Addresses: user.addresses(),
			})
		}
	}
	slices.Sort(to.Crowds)
	slices.SortFunc(to.People, func(a, b request.Addressee) int { return cmp.Compare(a.ID, b.ID) })
	return to, nil
}
