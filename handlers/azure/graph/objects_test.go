package graph_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/request"
)

// answeredObjects are the objects that Graph answers with, with every property that is read, and
// a call that gets each.
var answeredObjects = map[string]struct {
	properties map[string]any
	wrap       func(object map[string]any) any // the whole answer
	call       func(context.Context, *testing.T, *graph.Client) error
}{
	"an invitation": {
		map[string]any{"status": "PendingAcceptance", "invitedUserEmailAddress": email, "invitedUser": map[string]any{"id": guest}},
		func(object map[string]any) any { return object },
		operations["Invite"],
	},
	"an invited user": {
		map[string]any{"id": guest, "displayName": "Ana", "mail": email, "userType": "Guest"},
		func(object map[string]any) any {
			return map[string]any{"invitedUserEmailAddress": email, "invitedUser": object}
		},
		operations["Invite"],
	},
	"a user in a list": {
		map[string]any{"id": guest, "displayName": "Ana", "mail": email, "otherMails": []string{email}, "proxyAddresses": []string{"smtp:" + email},
			"userPrincipalName": "ana_contoso.com#EXT#@tenant.example", "userType": "Guest", "creationType": "Invitation",
			"externalUserState": "Accepted", "accountEnabled": true},
		func(object map[string]any) any { return map[string]any{"value": []any{object}} },
		operations["FindUser"],
	},
	"a list": {
		map[string]any{"value": []any{entry(guest)}, "@odata.nextLink": ""},
		func(object map[string]any) any { return object },
		operations["FindUser"],
	},
	"a user": {
		map[string]any{"id": group, "displayName": "Ana", "userType": "Member", "accountEnabled": true},
		func(object map[string]any) any { return object },
		func(ctx context.Context, _ *testing.T, c *graph.Client) error {
			return looks["Principal"](ctx, c, group)
		},
	},
	"a person": {
		map[string]any{"id": guest, "mail": email, "otherMails": []string{email}, "proxyAddresses": []string{"smtp:" + email},
			"userPrincipalName": "ana_contoso.com#EXT#@tenant.example", "userType": "Guest", "externalUserState": "Accepted", "accountEnabled": true},
		func(object map[string]any) any { return object },
		asking("Person"),
	},
	"the groups that a person is in": {
		map[string]any{"value": []string{group}},
		func(object map[string]any) any { return object },
		asking("MemberOf"),
	},
	"an addressee": {
		map[string]any{"id": guest, "mail": email, "preferredLanguage": "pt", "userPrincipalName": "ana_contoso.com#EXT#@tenant.example",
			"userType": "Guest", "accountEnabled": true},
		func(object map[string]any) any { return map[string]any{"value": []any{object}} },
		asking("Addressees"),
	},
	"a group": {
		map[string]any{"id": group, "displayName": "Partners", "groupTypes": []string{}, "securityEnabled": true, "mailEnabled": false,
			"isAssignableToRole": true, "onPremisesSyncEnabled": true, "isManagementRestricted": true},
		func(object map[string]any) any { return object },
		func(ctx context.Context, _ *testing.T, c *graph.Client) error {
			return looks["Group"](ctx, c, group)
		},
	},
}

func asking(name string) func(context.Context, *testing.T, *graph.Client) error {
	return func(ctx context.Context, _ *testing.T, c *graph.Client) error {
		_, err := asks[name](ctx, c)
		return err
	}
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPropertyOfWrongTypeIsError(t *testing.T) {
	values := []any{"text", true, 5, 5.5, []any{}, []any{"text"}, []any{5}, []any{[]any{}}, map[string]any{}, map[string]any{"id": 5}}
	fits := func(value, property any) bool {
		switch property := property.(type) {
		case []string:
			list, isList := value.([]any)
			return isList && !slices.ContainsFunc(list, func(entry any) bool { _, isText := entry.(string); return !isText })
		case []any:
			list, isList := value.([]any)
			return isList && len(list) <= len(property) // nobody is an answer, too
		case string:
			_, isText := value.(string)
			return isText
		default:
			_, isBool := value.(bool)
			return isBool
		}
	}
	for name, object := range answeredObjects {
		for property := range object.properties {
			for _, value := range values {
				if fits(value, object.properties[property]) {
					continue
				}
				changed := maps.Clone(object.properties)
				changed[property] = value
				body := encoded(t, object.wrap(changed))
				t.Run(name+": "+body, func(t *testing.T) {
					client, log := answering(t, http.StatusOK, "application/json", body)
					wantProblem(t, object.call(t.Context(), t, client), request.DirectoryUnavailable, log)
				})
			}
		}
	}
}

func TestUnknownPropertyIsIgnored(t *testing.T) {
	for name, object := range answeredObjects {
		t.Run(name, func(t *testing.T) {
			more := maps.Clone(object.properties)
			for unknown, value := range map[string]any{"@odata.type": "#microsoft.graph.thing", "a": nil, "b": 1.5, "c": true, "d": "text",
				"e": []any{1, nil, []any{}}, "f": map[string]any{"id": 5}} {
				more[unknown] = value
			}
			client, _ := answering(t, http.StatusOK, "application/json", encoded(t, object.wrap(more)))
			err := object.call(t.Context(), t, client)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestErrorCodeIsReadDespiteMalformedDetails(t *testing.T) {
	for _, more := range []string{
		``, `,"details":"x"`, `,"details":[{"code":5}]`, `,"target":[]`, `,"innerError":null`, `,"innerError":"x"`, `,"innerError":[]`,
		`,"innerError":{"date":"yesterday"}`, `,"innerError":{"date":5,"client-request-id":[]}`, `,"innerError":{"innerError":{"code":"x"}}`,
		`,"innerError":5`, `,"innerError":true`, `,"innererror":5`, `,"innerError":{"request-id":5}`,
		`,"innerError":{"request-id":{}}`, `,"innerError":{"request-id":["x"]}`,
		`,"innerError":{"request-id":"x","request-id":"y"}`, `,"details":{"a":1,"a":2}`,
		`,"innerError":{"request-id":"\ud800"}`,
	} {
		client, log := answering(t, http.StatusForbidden, "application/json",
			`{"error":{"code":"Authorization_RequestDenied","message":"Guest invitations not allowed for your company."`+more+`},"more":1}`)
		wantProblem(t, second(client.Invite(t.Context(), invitation(t))), request.DirectoryInvitationsOff, log)
	}
}

// TestContradictingPropertiesAreError: a name that is given twice, or in other case beside itself,
// could make one user of two. A name that is not in its own case is not Graph's.
func TestContradictingPropertiesAreError(t *testing.T) {
	for name, object := range answeredObjects {
		for property, value := range object.properties {
			whole := encoded(t, object.wrap(object.properties))
			member := encoded(t, property) + ":" + encoded(t, value)
			other := encoded(t, strings.ToUpper(property[:1])+property[1:]) + ":" + encoded(t, value)
			if property == "@odata.nextLink" {
				other = `"@OData.nextLink":"http://127.0.0.1/"`
			}
			for what, body := range map[string]string{
				"twice":                 strings.Replace(whole, member, member+","+member, 1),
				"in other case as well": strings.Replace(whole, member, other+","+member, 1),
				"in other case":         strings.Replace(whole, member, other, 1),
			} {
				t.Run(name+": "+property+" "+what, func(t *testing.T) {
					if body == whole {
						t.Fatal("nothing is changed")
					}
					client, log := answering(t, http.StatusOK, "application/json", body)
					wantProblem(t, object.call(t.Context(), t, client), request.DirectoryUnavailable, log)
				})
			}
		}
	}
}

func TestNameThatIsCutOffHidesNobody(t *testing.T) {
	for _, name := range []string{`Ana \ud83d`, "Ana \xf0\x9f"} {
		user := strings.Replace(encoded(t, entry(guest, "displayName", "Ana")), `"Ana"`, `"`+name+`"`, 1)
		client, _ := answering(t, http.StatusOK, "application/json", `{"value":[`+user+`]}`)
		wantUser(t, client, address(t, email), request.User{ID: guest, Kind: request.AcceptedGuest})
	}
}

// TestErrorWithPartTwiceIsNotGraphs: it says two things.
func TestErrorWithPartTwiceIsNotGraphs(t *testing.T) {
	const suspicion = `"message":"Invitations are blocked for this directory due to suspicious activity."`
	for _, body := range []string{
		`{"error":{"code":"Forbidden","message":"The user's domain is blocked.",` + suspicion + `}}`,
		`{"error":{"code":"Forbidden","code":"BadRequest",` + suspicion + `}}`,
		`{"error":{},"error":{"code":"Forbidden",` + suspicion + `}}`,
		`{"error":{"code":"Forbidden",` + suspicion + `}}{}`,
		`{"error":{"code":"Forbidden",` + suspicion + `}`,
	} {
		client, log := answering(t, http.StatusForbidden, "application/json", body)
		wantProblem(t, second(client.Invite(t.Context(), invitation(t))), request.DirectoryUnknown, log)
	}
}
