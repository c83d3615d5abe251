package graphsim_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/graphsim"
)

// properties returns the body of an answer as an object, without its context.
func (a answer) properties(t *testing.T) map[string]any {
	t.Helper()
	var object map[string]any
	err := json.Unmarshal([]byte(a.body), &object)
	if err != nil || a.status != 200 {
		t.Fatalf("answer %d (%v): %s", a.status, err, a.body)
	}
	context, isText := object["@odata.context"].(string)
	if !isText || !strings.HasSuffix(context, "/$entity") {
		t.Errorf("the context is %v", object["@odata.context"])
	}
	delete(object, "@odata.context")
	return object
}

func TestGroupPropertiesByKind(t *testing.T) {
	plain := map[string]any{
		"displayName": "Partners", "securityEnabled": true, "mailEnabled": false, "groupTypes": []any{},
		"isAssignableToRole": nil, "onPremisesSyncEnabled": nil, "isManagementRestricted": nil, "membershipRule": nil,
	}
	tests := map[graphsim.GroupKind]map[string]any{ // what differs from plain
		"":                           {},
		graphsim.SecurityGroup:       {},
		graphsim.DynamicGroup:        {"groupTypes": []any{"DynamicMembership"}, "membershipRule": `user.companyName -eq "Contoso"`},
		graphsim.RestrictedGroup:     {"isManagementRestricted": true},
		graphsim.MailEnabledGroup:    {"mailEnabled": true},
		graphsim.RoleAssignableGroup: {"isAssignableToRole": true},
		graphsim.OnPremisesGroup:     {"onPremisesSyncEnabled": true},
		graphsim.UnifiedGroup:        {"mailEnabled": true, "securityEnabled": false, "groupTypes": []any{"Unified"}},
	}
	for kind, differs := range tests {
		t.Run("kind "+string(kind), func(t *testing.T) {
			n := newTenant(t, func(c *graphsim.Config) {
				c.Groups = []graphsim.Group{{ID: strings.ToUpper(plainGroup), Kind: kind, DisplayName: "Partners"}}
			})
			want := map[string]any{"id": plainGroup}
			for _, properties := range []map[string]any{plain, differs} {
				for name, value := range properties {
					want[name] = value
				}
			}
			got := n.send("GET", "/v1.0/groups/"+plainGroup, "").properties(t)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLookupRules(t *testing.T) {
	tests := map[string]struct {
		path   string
		status int
		says   string // a part of the body
	}{
		"a user":                      {"/v1.0/users/" + disabled + "?$select=id,accountEnabled,userType", 200, `"accountEnabled":false`},
		"a user by an id in capitals": {"/v1.0/users/" + strings.ToUpper(internal) + "?$select=userType", 200, `"userType":"Member"`},
		"a user without a selection":  {"/v1.0/users/" + internal, 200, `"mail":"bo@brand.example"`},
		"unknown user":                {"/v1.0/users/" + nobody, 404, "Request_ResourceNotFound"},
		"a group among users":         {"/v1.0/users/" + plainGroup, 404, "Request_ResourceNotFound"},
		"a user among groups":         {"/v1.0/groups/" + internal, 404, "Request_ResourceNotFound"},
		"unknown group":               {"/v1.0/groups/" + unknownGroup, 404, unknownGroup},
		"group by name":               {"/v1.0/groups/partners", 404, "Request_ResourceNotFound"},
		"a part of a group":           {"/v1.0/groups/" + plainGroup + "?$select=groupTypes", 200, `"groupTypes":[]`},
		"property of another kind":    {"/v1.0/groups/" + plainGroup + "?$select=id,accountEnabled", 400, "'accountEnabled' on type 'microsoft.graph.group'"},
		"unknown property":            {"/v1.0/users/" + internal + "?$select=id,mial", 400, "'mial' on type 'microsoft.graph.user'"},
		"selection twice":             {"/v1.0/users/" + internal + "?$select=id&$select=mail", 400, "given twice"},
		"unknown option":              {"/v1.0/groups/" + plainGroup + "?$expand=members", 400, "$expand"},
		"filter":                      {"/v1.0/users/" + internal + "?$filter=x", 400, "$filter"},
		"broken query":                {"/v1.0/users/" + internal + "?%zz", 400, "can't be read"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, nil)
			got := n.send("GET", test.path, "")
			if got.status != test.status || !strings.Contains(got.body, test.says) {
				t.Errorf("answer %d, want %d saying %q: %s", got.status, test.status, test.says, got.body)
			}
		})
	}
}

func TestKnowsAnyGroupReadsAsSecurityGroup(t *testing.T) {
	n := newTenant(t, func(c *graphsim.Config) { c.KnowsAnyGroup = true })
	got := n.send("GET", "/v1.0/groups/"+unknownGroup+"?$select=id,securityEnabled", "").properties(t)
	if diff := cmp.Diff(map[string]any{"id": unknownGroup, "securityEnabled": true}, got); diff != "" {
		t.Error(diff)
	}
	if got := n.send("GET", "/v1.0/groups/partners", ""); got.status != 404 {
		t.Errorf("a group by name: %d", got.status)
	}
}

func TestNewGuestIsReadOnlyAfterReplication(t *testing.T) {
	n := newTenant(t, nil)
	id := n.invite("ana@contoso.com")
	path := "/v1.0/users/" + id + "?$select=userType"
	if got := n.send("GET", path, ""); got.status != 404 {
		t.Errorf("before replication: %d %s", got.status, got.body)
	}
	n.pass(5 * time.Second)
	if diff := cmp.Diff(map[string]any{"userType": "Guest"}, n.send("GET", path, "").properties(t)); diff != "" {
		t.Error(diff)
	}
}
