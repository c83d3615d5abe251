package graph_test

import (
	"strings"
	"testing"
	"time"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// TestGroupsOfStandIn: a group that takes no guest is told from one that the app may not change,
// although Graph refuses both in the same words.
func TestGroupsOfStandIn(t *testing.T) {
	tests := map[string]struct {
		group  graphsim.Group
		denied []string
		want   problem.Code // "" for added
		says   string       // what the detail names
	}{
		"security":      {graphsim.Group{}, nil, "", ""},
		"Microsoft 365": {graphsim.Group{Kind: graphsim.UnifiedGroup}, nil, "", ""},
		"dynamic": {
			graphsim.Group{Kind: graphsim.DynamicGroup}, nil,
			request.DirectoryGroupClosed, "rule",
		},
		"role-assignable": {
			graphsim.Group{Kind: graphsim.RoleAssignableGroup}, nil,
			request.DirectoryGroupClosed, "role",
		},
		"restricted": {
			graphsim.Group{Kind: graphsim.RestrictedGroup}, nil,
			request.DirectoryGroupClosed, "restricted",
		},
		"mail-enabled": {
			graphsim.Group{Kind: graphsim.MailEnabledGroup}, nil,
			request.DirectoryGroupClosed, "mail",
		},
		"on-premises": {
			graphsim.Group{Kind: graphsim.OnPremisesGroup}, nil,
			request.DirectoryGroupClosed, "on-premises",
		},
		"without guests": {
			graphsim.Group{Kind: graphsim.UnifiedGroup, RefusesGuests: true}, nil,
			request.DirectoryGroupClosed, "guests",
		},
		"late": {
			graphsim.Group{VisibleFrom: time.Now().Add(time.Hour)}, nil,
			request.DirectoryNotReplicated, "does not exist",
		},
		"gone": {graphsim.Group{Deleted: true}, nil, request.DirectoryNotReplicated, "does not exist"},
		"without the right": {
			graphsim.Group{}, []string{"GroupMember.ReadWrite.All"},
			request.DirectoryGroupForbidden, "GroupMember.ReadWrite.All",
		},
		"dynamic, and the kind can't be read": {
			graphsim.Group{Kind: graphsim.DynamicGroup}, []string{"GroupMember.Read.All"},
			request.DirectoryGroupForbidden, "Insufficient privileges",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.group.ID = group
			_, url := newSim(t, func(c *graphsim.Config) {
				c.Groups, c.Denied = []graphsim.Group{test.group}, test.denied
				c.Users = []graphsim.User{{ID: guest, Mail: email, CreationType: "Invitation"}}
			})
			client, log := newClient(t, url, nil)
			added, err := client.AddMember(t.Context(), group, guest)
			if test.want == "" {
				if err != nil || !added {
					t.Errorf("%v, %v", added, err)
				}
				return
			}
			failure := wantProblem(t, err, test.want, log)
			says := strings.Contains(strings.ToLower(failure.Detail), strings.ToLower(test.says))
			if !says || failure.Ref == "" {
				t.Errorf("ref %q, detail %q, want one with %q", failure.Ref, failure.Detail, test.says)
			}
		})
	}
}

func TestFullGroupRefusesNobodyForGood(t *testing.T) {
	sim, url := newSim(t, func(c *graphsim.Config) {
		c.Groups = []graphsim.Group{{ID: group, MaxMembers: 1}}
		c.Users = []graphsim.User{{ID: guest, Mail: email, CreationType: "Invitation"}, {ID: other}}
	})
	client, log := newClient(t, url, nil)
	_, err := client.AddMember(t.Context(), group, other)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, second(client.AddMember(t.Context(), group, guest)), request.DirectoryUnknown, log)
	err = sim.SetGroup(graphsim.Group{ID: group})
	if err != nil {
		t.Fatal(err)
	}
	added, err := client.AddMember(t.Context(), group, guest)
	if err != nil || !added {
		t.Errorf("%v, %v", added, err)
	}
}

func TestMemberWithoutRightIsTheRowsFault(t *testing.T) {
	sim, url := newSim(t, nil)
	client, log := newClient(t, url, nil)
	member := invitation(t)
	member.UserType = "Member"
	wantProblem(t, second(client.Invite(t.Context(), member)), request.DirectoryMemberForbidden, log)
	wantProblem(t, second(client.Invite(t.Context(), member)), request.DirectoryMemberForbidden, log)
	_, err := client.Invite(t.Context(), invitation(t))
	if err != nil {
		t.Errorf("a guest: %v", err)
	}
	err = sim.Grant("User.ReadWrite.All")
	if err != nil {
		t.Fatal(err)
	}
	member.Address = address(t, "bo@contoso.com")
	_, err = client.Invite(t.Context(), member)
	if err != nil {
		t.Errorf("with the right: %v", err)
	}
}

func TestContactsAreNotFound(t *testing.T) {
	sim, url := newSim(t, nil)
	_, err := sim.AddContact(graphsim.Contact{Mail: email})
	if err != nil {
		t.Fatal(err)
	}
	client, log := newClient(t, url, nil)
	wantUser(t, client, address(t, email), request.User{Kind: request.NoUser})
	_, err = client.Invite(t.Context(), invitation(t))
	failure := wantProblem(t, err, request.DirectoryInternalUser, log)
	if !strings.Contains(failure.Detail, "already exists") {
		t.Errorf("detail %q", failure.Detail)
	}
}

// wantUser reports another answer of FindUser.
func wantUser(t *testing.T, client *graph.Client, address submission.Address, want request.User) {
	t.Helper()
	got, err := client.FindUser(t.Context(), address)
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// TestUsersWhoChange: the directory is asked again, and says who holds the address now.
func TestUsersWhoChange(t *testing.T) {
	sim, url := newSim(t, nil)
	client, _ := newClient(t, url, nil)
	id, err := guestOf(client.Invite(t.Context(), invitation(t)))
	if err != nil {
		t.Fatal(err)
	}
	nobody := request.User{Kind: request.NoUser}
	steps := []struct {
		event graphsim.Event
		want  request.User
	}{
		{graphsim.Event{Event: "accept"}, request.User{ID: id, Kind: request.AcceptedGuest}},
		{graphsim.Event{Event: "disable"}, request.User{ID: id, Kind: request.DisabledGuest}},
		{graphsim.Event{Event: "enable"}, request.User{ID: id, Kind: request.AcceptedGuest}},
		{graphsim.Event{Event: "delete"}, nobody},
		{graphsim.Event{Event: "restore"}, request.User{ID: id, Kind: request.AcceptedGuest}},
		{graphsim.Event{Event: "make-internal"}, request.User{ID: id, Kind: request.UnclearUser}},
		{graphsim.Event{Event: "reset-redemption", Address: "eve@contoso.com"}, nobody},
	}
	for _, step := range steps {
		step.event.User = id
		err := sim.Happen(step.event)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(step.event.Event, func(t *testing.T) { wantUser(t, client, address(t, email), step.want) })
	}
	pending := request.User{ID: id, Kind: request.PendingGuest}
	wantUser(t, client, address(t, "eve@contoso.com"), pending)
}
