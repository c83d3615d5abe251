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

// directory is what both tenants provide.
type directory interface {
	request.Directory
	request.Users
}

// actor plays a script with a directory, and records its answers.
type actor struct {
	directory
	ctx     context.Context
	pass    func(time.Duration)
	forbid  func() // the right to read users
	mails   func() int
	address submission.Address
	names   []string // ids, in the order in which they were seen
	said    []string
}

// id names an id by its place in that order: the two directories make different ones.
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
	invited, err := a.Invite(a.ctx, request.Invitation{Address: a.address, RedirectURL: "https://landing.example.com", SendMessage: true, UserType: "Guest"})
	id := invited.GuestID
	a.say(fmt.Sprintf("invited %s, %d mails", a.id(id), a.mails()), err)
	return id
}

func (a *actor) look() {
	guest, err := a.FindGuest(a.ctx, a.address)
	a.say("guest "+a.id(guest), err)
	user, err := a.FindUser(a.ctx, a.address)
	a.say(fmt.Sprintf("holder %s %q", a.id(user.ID), user.Kind), err)
	deleted, err := a.FindDeletedGuests(a.ctx, a.address)
	a.say(fmt.Sprintf("%d deleted", len(deleted)), err)
}

func (a *actor) join(group, guest string) {
	added, err := a.AddMember(a.ctx, group, guest)
	a.say(fmt.Sprintf("added %t", added), err)
}

// TestTenantAnswersLikeStandIn holds the simulated tenant to the stand-in for Microsoft Graph
// behind the real client.
func TestTenantAnswersLikeStandIn(t *testing.T) {
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
		"an unknown user is not added":     {request.NoUser, func(a *actor) { a.join(group, nobody) }},
		"a dynamic group takes no members": {request.PendingGuest, func(a *actor) { a.join(dynamicGroup, a.invite()) }},
		"an internal user":                 {request.InternalUser, func(a *actor) { a.look(); a.invite() }},
		"an accepted guest":                {request.AcceptedGuest, func(a *actor) { a.look(); a.invite(); a.look() }},
		"a pending guest":                  {request.PendingGuest, func(a *actor) { a.look(); a.invite(); a.look() }},
		"a disabled guest":                 {request.DisabledGuest, func(a *actor) { a.look(); a.invite(); a.look() }},
		"inviting a deleted guest creates another": {request.DeletedGuest, func(a *actor) {
			a.look()
			a.invite()
			a.look()
			a.pass(time.Hour)
			a.look()
			a.invite()
		}},
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

func newSimulated(t *testing.T, before request.UserKind) *actor {
	t.Helper()
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	simulated := simulation.NewTenant(func() time.Time { return now })
	simulated.SearchDelay, simulated.GroupDelay = replication, replication
	simulated.Refuse(dynamicGroup, request.DirectoryGroupClosed)
	if before != request.NoUser {
		simulated.AddUser(ana(t), before)
	}
	return &actor{
		directory: simulated, ctx: t.Context(),
		pass:    func(d time.Duration) { now = now.Add(d) },
		forbid:  func() { simulated.Unreadable = true },
		mails:   func() int { return simulated.Mails(ana(t)) },
		address: ana(t),
	}
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
		directory: real, ctx: t.Context(),
		pass: func(d time.Duration) { now = now.Add(d) },
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
