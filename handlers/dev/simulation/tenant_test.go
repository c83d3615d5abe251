package simulation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/simulation"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	group        = "aaaaaaaa-0000-4000-8000-000000000001"
	dynamicGroup = "aaaaaaaa-0000-4000-8000-000000000002"
	nobody       = "cccccccc-0000-4000-8000-000000000001"
	replication  = 40 * time.Second
)

// actor is a directory in the hands of a script.
type actor struct {
	directory interface {
		FindGuest(address submission.Address) (string, error)
		FindUser(address submission.Address) (request.User, error)
		FindDeletedGuests(address submission.Address) ([]string, error)
		AddMember(group, guest string) (bool, error)
		Invite(invitation request.Invitation) (string, error)
	}
	pass    func(time.Duration)
	forbid  func()
	mails   func() int
	address submission.Address
	names   []string // ids, by the order in which they were seen
	said    []string
}

// id names an id by the order in which it was seen: the two directories make different ones.
func (a *actor) id(id string) string {
	if id == "" {
		return "nobody"
	}
	i := slices.Index(a.names, id)
	if i < 0 {
		a.names = append(a.names, id)
		i = len(a.names) - 1
	}
	return fmt.Sprintf("user %d", i+1)
}

func (a *actor) say(what string, err error) {
	if err != nil {
		what += " " + string(problem.CodeOf(err))
	}
	a.said = append(a.said, what)
}

func (a *actor) invite() string {
	id, err := a.directory.Invite(request.Invitation{Address: a.address, RedirectURL: "https://landing.example.com", SendMessage: true, UserType: "Guest"})
	a.say(fmt.Sprintf("invited %s, %d mails", a.id(id), a.mails()), err)
	return id
}

func (a *actor) look() {
	guest, err := a.directory.FindGuest(a.address)
	a.say("guest "+a.id(guest), err)
	user, err := a.directory.FindUser(a.address)
	a.say(fmt.Sprintf("holder %s %q", a.id(user.ID), user.Kind), err)
	deleted, err := a.directory.FindDeletedGuests(a.address)
	a.say(fmt.Sprintf("%d deleted", len(deleted)), err)
}

func (a *actor) join(group, guest string) {
	added, err := a.directory.AddMember(group, guest)
	a.say(fmt.Sprintf("added %t", added), err)
}

// TestTheTenantIsAsStrictAsTheStandIn holds the simulated tenant to the stand-in for Microsoft Graph, as the real client sees it.
func TestTheTenantIsAsStrictAsTheStandIn(t *testing.T) {
	scripts := map[string]struct {
		before request.UserKind
		play   func(*actor)
	}{
		"a new guest is invisible at first, to searches and to groups": {request.NoUser, func(a *actor) {
			a.look()
			id := a.invite()
			a.look()
			a.join(group, id)
			a.pass(replication - time.Second)
			a.look()
			a.join(group, id)
			a.pass(2 * time.Second)
			a.look()
			a.join(group, id)
		}},
		"inviting again finds the same guest and sends another mail": {request.NoUser, func(a *actor) {
			a.invite()
			a.invite()
			a.pass(time.Hour)
			a.invite()
			a.look()
		}},
		"a membership is added once": {request.PendingGuest, func(a *actor) {
			id := a.invite()
			a.join(group, id)
			a.join(group, id)
		}},
		"who is not there joins nothing":          {request.NoUser, func(a *actor) { a.join(group, nobody) }},
		"a group that a rule fills takes nobody":  {request.PendingGuest, func(a *actor) { a.join(dynamicGroup, a.invite()) }},
		"an account of the tenant's own":          {request.InternalUser, func(a *actor) { a.look(); a.invite() }},
		"a guest who has accepted":                {request.AcceptedGuest, func(a *actor) { a.look(); a.invite(); a.look() }},
		"a guest who has not":                     {request.PendingGuest, func(a *actor) { a.look(); a.invite(); a.look() }},
		"a guest who was shut out":                {request.DisabledGuest, func(a *actor) { a.look(); a.invite(); a.look() }},
		"a guest who was deleted is another then": {request.DeletedGuest, func(a *actor) { a.look(); a.invite(); a.pass(time.Hour); a.invite() }},
		"without the right to read users": {request.NoUser, func(a *actor) {
			a.forbid()
			a.look()
			id := a.invite()
			a.pass(time.Hour)
			a.join(group, id)
		}},
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			simulated := newSimulated(t, script.before)
			script.play(simulated)
			standIn := newStandIn(t, script.before)
			script.play(standIn)
			if !slices.Equal(simulated.said, standIn.said) {
				t.Errorf("the simulated tenant said\n  %s\nthe stand-in\n  %s", strings.Join(simulated.said, "\n  "), strings.Join(standIn.said, "\n  "))
			}
		})
	}
}

func ana(t *testing.T) submission.Address {
	t.Helper()
	address, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// tenant is a simulated tenant without a word on who adds a member.
type tenant struct{ *simulation.Tenant }

func (t tenant) AddMember(group, guest string) (bool, error) {
	return t.Tenant.AddMember(group, guest, "somebody")
}

func newSimulated(t *testing.T, before request.UserKind) *actor {
	t.Helper()
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	simulated := simulation.NewTenant(func() time.Time { return now })
	simulated.SearchDelay, simulated.GroupDelay = replication, replication
	simulated.Refuse(dynamicGroup, request.DirectoryRefused)
	if before != request.NoUser {
		simulated.AddUser(ana(t), before)
	}
	return &actor{
		directory: tenant{simulated},
		pass:      func(d time.Duration) { now = now.Add(d) },
		forbid:    func() { simulated.Unreadable = true },
		mails:     func() int { return simulated.Mails(ana(t)) },
		address:   ana(t),
	}
}

// client is the real client under a context of its own.
type client struct {
	*graph.Client
	ctx context.Context
}

func (c client) Invite(invitation request.Invitation) (string, error) {
	return c.Client.Invite(c.ctx, invitation)
}

func (c client) FindGuest(address submission.Address) (string, error) {
	return c.Client.FindGuest(c.ctx, address)
}

func (c client) FindUser(address submission.Address) (request.User, error) {
	return c.Client.FindUser(c.ctx, address)
}

func (c client) FindDeletedGuests(address submission.Address) ([]string, error) {
	return c.Client.FindDeletedGuests(c.ctx, address)
}

func (c client) AddMember(group, guest string) (bool, error) {
	return c.Client.AddMember(c.ctx, group, guest)
}

func newStandIn(t *testing.T, before request.UserKind) *actor {
	t.Helper()
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	sim, err := graphsim.New(graphsim.Config{
		Now: func() time.Time { return now }, Random: rand.NewChaCha8([32]byte{1}), ReplicationDelay: replication, KnowsAnyGroup: true,
		Groups: []graphsim.Group{{ID: dynamicGroup, Kind: graphsim.DynamicGroup}},
	})
	if err != nil {
		t.Fatal(err)
	}
	user := graphsim.User{Mail: "ana@contoso.com", CreationType: "Invitation", ExternalUserState: "PendingAcceptance"}
	switch before {
	case request.InternalUser:
		user = graphsim.User{Mail: "ana@contoso.com"}
	case request.AcceptedGuest:
		user.ExternalUserState = "Accepted"
	case request.DisabledGuest:
		user.Disabled = true
	}
	if before != request.NoUser {
		user, err = sim.AddUser(user)
		if err != nil {
			t.Fatal(err)
		}
	}
	if before == request.DeletedGuest {
		err = sim.DeleteUser(user.ID)
		if err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	real, err := graph.New(graph.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return &actor{
		directory: client{real, t.Context()},
		pass:      func(d time.Duration) { now = now.Add(d) },
		forbid: func() {
			err := sim.Deny("User.Read.All")
			if err != nil {
				t.Error(err)
			}
		},
		mails: func() int {
			return len(slices.DeleteFunc(sim.Invitations(), func(i graphsim.Invitation) bool { return !i.SendInvitation }))
		},
		address: ana(t),
	}
}
