package graph

import (
	"context"
	"net/http"
	"slices"
	"strings"

	abs "github.com/microsoft/kiota-abstractions-go"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Group implements [request.Directory]. The app needs the permission GroupMember.Read.All,
// or one that includes it. NotFound: there is no such group. DirectoryReadForbidden: also if the
// answer leaves out what kind of group it is.
func (c *Client) Group(ctx context.Context, id string) (request.Group, error) {
	const doing = "reading a group"
	var found group
	err := c.look(ctx, doing, "groups", id,
		[]string{"id", "displayName", "securityEnabled", "mailEnabled", "groupTypes", "isAssignableToRole", "onPremisesSyncEnabled",
			"isManagementRestricted"}, &found)
	if err != nil {
		return request.Group{}, err
	}
	if !strings.EqualFold(found.ID, id) {
		return request.Group{}, problem.New(request.DirectoryUnavailable, "%s: the answer is about another object", doing)
	}
	if found.SecurityEnabled == nil || found.MailEnabled == nil {
		// Every group has both.
		return request.Group{}, problem.New(request.DirectoryReadForbidden, "%s: the answer leaves out what kind of group it is", doing)
	}
	return request.Group{
		ID:              strings.ToLower(id),
		DisplayName:     found.DisplayName,
		SecurityEnabled: *found.SecurityEnabled,
		MailEnabled:     *found.MailEnabled,
		Dynamic:         slices.Contains(found.GroupTypes, "DynamicMembership"),
		Unified:         slices.Contains(found.GroupTypes, "Unified"),
		RoleAssignable:  found.IsAssignableToRole,
		OnPremises:      found.OnPremisesSyncEnabled,
		Restricted:      found.IsRestricted,
	}, nil
}

// Principal returns the user or group of that object id. The app needs the permissions
// User.Read.All and GroupMember.Read.All, or ones that include them; one call for any kind of
// object would need Directory.Read.All. NotFound: there is neither a user nor a group of that id.
// DirectoryReadForbidden: also if the answer leaves out whether the account is enabled.
func (c *Client) Principal(ctx context.Context, id string) (request.Principal, error) {
	const doing = "reading a user"
	var found user
	err := c.look(ctx, doing, "users", id, []string{"id", "displayName", "accountEnabled", "userType"}, &found)
	if problem.CodeOf(err) == problem.NotFound {
		group, err := c.Group(ctx, id)
		if err != nil {
			return request.Principal{}, err
		}
		return request.Principal{ID: group.ID, DisplayName: group.DisplayName, Kind: "group"}, nil
	}
	if err != nil {
		return request.Principal{}, err
	}
	if !strings.EqualFold(found.ID, id) {
		return request.Principal{}, problem.New(request.DirectoryUnavailable, "%s: the answer is about another object", doing)
	}
	if found.AccountEnabled == nil {
		return request.Principal{}, problem.New(request.DirectoryReadForbidden, "%s: the answer leaves out whether the account is enabled", doing)
	}
	return request.Principal{
		ID:          strings.ToLower(id),
		DisplayName: found.DisplayName,
		Kind:        "user",
		Enabled:     *found.AccountEnabled,
		Guest:       strings.EqualFold(found.UserType, "Guest"),
	}, nil
}

// look reads some properties of the object of that id in a set, groups or users.
func (c *Client) look(ctx context.Context, doing, set, id string, properties []string, into any) error {
	id, valid := policy.ParseGUID(id)
	if !valid {
		// With other text the path could name another resource.
		return problem.New(request.DirectoryRefused, "%s: the id is not a GUID", doing)
	}
	request := abs.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(
		abs.GET, "{+baseurl}/"+set+"/{id}{?%24select}", map[string]string{"id": id})
	request.AddQueryParameters(lookQuery{Select: properties})
	request.Headers.TryAdd("Accept", "application/json")
	return c.call(ctx, operation{
		doing:    doing,
		want:     []int{http.StatusOK},
		classify: classifyLook,
	}, func(ctx context.Context) error { return c.send(ctx, request, into) })
}

// lookQuery are the query parameters for one object, as the SDK takes them.
type lookQuery struct {
	Select []string `uriparametername:"%24select"`
}

// classifyLook recognises an object that does not exist. A 404 alone may also mean a wrong path.
func classifyLook(answer *answerError) problem.Code {
	if answer.status == http.StatusNotFound && answer.code == "Request_ResourceNotFound" {
		return problem.NotFound
	}
	return classifyRead(answer)
}
