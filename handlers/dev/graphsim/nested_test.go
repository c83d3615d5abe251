package graphsim_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/dev/graphsim"
)

const usersInGroup = "/v1.0/groups/" + plainGroup + "/transitiveMembers/microsoft.graph.user"

// nested is a tenant in which internal is in unifiedGroup, which is in dynamicGroup, which is in
// plainGroup, which is in dynamicGroup.
func nested(t *testing.T, change func(*graphsim.Config)) *tenant {
	return newTenant(t, func(c *graphsim.Config) {
		c.Memberships = []graphsim.Membership{
			{GroupID: unifiedGroup, GuestID: "bo@brand.example"}, {GroupID: dynamicGroup, GuestID: unifiedGroup},
			{GroupID: plainGroup, GuestID: dynamicGroup}, {GroupID: dynamicGroup, GuestID: plainGroup},
		}
		if change != nil {
			change(c)
		}
	})
}

// found returns the ids in the list of an answer, sorted.
func (a answer) found(t *testing.T) []string {
	t.Helper()
	var body struct {
		Value []json.RawMessage `json:"value"`
	}
	err := json.Unmarshal([]byte(a.body), &body)
	if err != nil || a.status != 200 {
		t.Fatalf("answer %d (%v): %s", a.status, err, a.body)
	}
	ids := []string{}
	for _, entry := range body.Value {
		object := struct {
			ID string `json:"id"`
		}{}
		if json.Unmarshal(entry, &object.ID) != nil {
			err = json.Unmarshal(entry, &object)
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, object.ID)
	}
	slices.Sort(ids)
	return ids
}

func checking(ids ...string) string {
	body, err := json.Marshal(map[string][]string{"groupIds": ids})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestGroupsInGroups(t *testing.T) {
	n := nested(t, nil)
	check := "/v1.0/users/" + internal + "/checkMemberGroups"
	ask := checking(plainGroup, mailGroup, strings.ToUpper(dynamicGroup), unifiedGroup, unknownGroup)
	in := func(want ...string) {
		t.Helper()
		got := n.send("POST", check, ask).found(t)
		if !slices.Equal(got, want) {
			t.Errorf("in %v, want %v", got, want)
		}
		users := n.send("GET", usersInGroup+"?$count=true", "", "ConsistencyLevel", "eventual").found(t)
		if slices.Contains(users, internal) != slices.Contains(want, plainGroup) {
			t.Errorf("the users are %v", users)
		}
	}
	in(plainGroup, dynamicGroup, unifiedGroup)
	n.order("groups", `{"id": "`+plainGroup+`", "hiddenMembers": true}`)
	in(dynamicGroup, unifiedGroup)
	got := n.send("DELETE", "/stand-in/memberships", `{"groupId": "`+dynamicGroup+`", "guestId": "`+unifiedGroup+`"}`, "Content-Type", "application/json")
	if got.status != 204 {
		t.Errorf("answer %d: %s", got.status, got.body)
	}
	n.order("groups", `{"id": "`+plainGroup+`"}`)
	in(unifiedGroup)
	n.order("memberships", `{"groupId": "`+plainGroup+`", "guestId": "`+internal+`"}`)
	in(plainGroup, dynamicGroup, unifiedGroup)
	err := n.DeleteUser(internal)
	if err != nil {
		t.Fatal(err)
	}
	got = n.send("POST", check, ask)
	if got.status != 404 || !strings.Contains(got.body, internal) {
		t.Errorf("answer %d: %s", got.status, got.body)
	}
}

func TestMembershipsThatCannotBe(t *testing.T) {
	n := nested(t, nil)
	for body, status := range map[string]int{
		`{"groupId": "` + unknownGroup + `", "guestId": "` + internal + `"}`: 400,
		`{"groupId": "` + plainGroup + `", "guestId": "` + nobody + `"}`:     400,
		`{"groupId": "` + plainGroup + `"}`:                                  400,
		`{"groupID": "` + plainGroup + `"}`:                                  400,
		`{"groupId": "` + plainGroup + `", "guestId": "` + internal + `"}`:   201,
	} {
		got := n.send("POST", "/stand-in/memberships", body)
		if got.status != status {
			t.Errorf("%s: answer %d, want %d: %s", body, got.status, status, got.body)
		}
	}
	err := n.RemoveFromGroup(mailGroup, internal)
	if err == nil {
		t.Error("somebody who is not in a group was taken out of it")
	}
	before := len(n.Memberships())
	err = n.AddToGroup(plainGroup, internal)
	if err != nil || len(n.Memberships()) != before {
		t.Errorf("%v, %d memberships, want %d", err, len(n.Memberships()), before)
	}
}

func TestRulesForPeople(t *testing.T) {
	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", i))
	}
	check := "POST /v1.0/users/" + internal + "/checkMemberGroups"
	idIn := func(set string, ids []string) string {
		return "GET /v1.0/" + set + "?$select=id&$filter=id%20in%20('" + strings.Join(ids, "','") + "')"
	}
	tests := map[string]struct {
		call, body string
		status     int
		says       string
	}{
		"20 groups":               {check, checking(many[:20]...), 200, `"value":[]`},
		"21 groups":               {check, checking(many...), 400, "more than 20"},
		"no groups":               {check, checking(), 400, "empty"},
		"an id that is no GUID":   {check, checking("x"), 400, "no GUID"},
		"a group twice":           {check, checking(plainGroup, strings.ToUpper(plainGroup)), 400, "repeated"},
		"another property":        {check, `{"groupIds":["` + plainGroup + `"],"x":1}`, 400, "one property"},
		"groups of nobody":        {strings.Replace(check, internal, nobody, 1), checking(plainGroup), 404, nobody},
		"groups of a group":       {strings.Replace(check, internal, plainGroup, 1), checking(plainGroup), 404, "Request_ResourceNotFound"},
		"another method":          {strings.Replace(check, "POST", "GET", 1), "", 405, "method"},
		"members, plain":          {"GET " + usersInGroup + "?$count=true", "", 400, "not supported"},
		"15 users by id":          {idIn("users", append([]string{internal}, many[:14]...)), "", 200, internal},
		"16 users by id":          {idIn("users", many[:16]), "", 400, "too many values"},
		"groups by id":            {idIn("groups", []string{plainGroup, unknownGroup}), "", 200, plainGroup},
		"a user among groups":     {idIn("groups", []string{internal}), "", 200, `"value":[]`},
		"a group among users":     {idIn("users", []string{plainGroup}), "", 200, `"value":[]`},
		"a list without an end":   {"GET /v1.0/users?$filter=id%20in%20('x'", "", 400, "'in' needs the form"},
		"an empty list":           {"GET /v1.0/users?$filter=id%20in%20()", "", 400, "quotes"},
		"groups by another thing": {"GET /v1.0/groups?$filter=mail%20eq%20'x'", "", 400, "can't be filtered"},
		"a page that is unknown":  {"GET /v1.0/users?$skiptoken=more", "", 400, "page token"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := nested(t, nil)
			method, path, _ := strings.Cut(test.call, " ")
			got := n.send(method, path, test.body)
			if got.status != test.status || !strings.Contains(got.body, test.says) {
				t.Errorf("answer %d, want %d saying %q: %s", got.status, test.status, test.says, got.body)
			}
		})
	}
}

func TestUnknownGroupsRefused(t *testing.T) {
	n := nested(t, func(c *graphsim.Config) { c.RefusesUnknownGroups = true })
	for ids, status := range map[string]int{checking(plainGroup): 200, checking(plainGroup, internal): 404, checking(unknownGroup): 404} {
		got := n.send("POST", "/v1.0/users/"+internal+"/checkMemberGroups", ids)
		if got.status != status {
			t.Errorf("%s: answer %d, want %d", ids, got.status, status)
		}
	}
}

func TestEveryPageOfUsers(t *testing.T) {
	n := nested(t, nil)
	var got []string
	path := "/v1.0/users?$select=id&$top=1"
	for path != "" {
		page := n.send("GET", path, "")
		got = append(got, page.found(t)...)
		var body struct {
			Next string `json:"@odata.nextLink"`
		}
		err := json.Unmarshal([]byte(page.body), &body)
		if err != nil {
			t.Fatal(err)
		}
		path = strings.TrimPrefix(body.Next, n.url)
	}
	slices.Sort(got)
	if want := []string{internal, disabled, accepted}; !slices.Equal(got, want) {
		t.Errorf("users %v, want %v", got, want)
	}
}

func TestNestedGroupsOutliveRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	n := nested(t, func(c *graphsim.Config) { c.StateFile = file })
	before := n.Memberships()
	if len(before) != 4 {
		t.Fatalf("%d memberships", len(before))
	}
	again := nested(t, func(c *graphsim.Config) { c.StateFile = file })
	if !slices.Equal(again.Memberships(), before) {
		t.Errorf("memberships %v, want %v", again.Memberships(), before)
	}
}

func TestEachPermissionOfARouteIsNeeded(t *testing.T) {
	for permission, want := range map[string]int{"User.Read.All": 403, "GroupMember.Read.All": 403, "User.Invite.All": 200} {
		n := nested(t, func(c *graphsim.Config) { c.Denied = []string{permission} })
		got := n.send("POST", "/v1.0/users/"+internal+"/checkMemberGroups", checking(plainGroup))
		if got.status != want {
			t.Errorf("without %s: answer %d, want %d", permission, got.status, want)
		}
	}
}
