package graph

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	abs "github.com/microsoft/kiota-abstractions-go"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	// idsPerFilter is how many values Graph takes in a filter with "in".
	idsPerFilter = 15
	// groupsPerCheck is for how many groups Graph checks one membership at once.
	groupsPerCheck = 20
	// membersPerPage is the most that Graph puts on a page.
	membersPerPage = 999
)

var _ request.People = (*Client)(nil)

// Person implements [request.People]. The app needs the permission User.Read.All.
func (c *Client) Person(ctx context.Context, id string) (request.Person, error) {
	const doing = "reading a person"
	var found user
	err := c.look(ctx, doing, "users", id, []string{
		"id", "userType", "mail", "otherMails", "proxyAddresses", "userPrincipalName", "accountEnabled",
	}, &found)
	if err != nil {
		return request.Person{}, err
	}
	if !strings.EqualFold(found.ID, id) {
		return request.Person{}, problem.New(request.DirectoryUnavailable, "%s: the answer is about another object", doing)
	}
	if found.AccountEnabled == nil || found.UserPrincipalName == "" {
		// Every user has both. An answer without them leaves out the addresses, too.
		return request.Person{}, leftOut(doing)
	}
	return request.Person{
		ID: strings.ToLower(id), Enabled: *found.AccountEnabled, Guest: guestByType(&found),
		Addresses: addressesOf(&found),
	}, nil
}

// leftOut returns the error for an answer without what every user has.
func leftOut(doing string) error {
	return problem.New(request.DirectoryReadForbidden,
		"%s: the answer leaves out what kind of user it is; the app needs the permission User.Read.All", doing)
}

// guestByType reports whether the user counts as a guest: by the user type, and where that is not
// said, by where the user signs in.
func guestByType(u *user) bool {
	return strings.EqualFold(u.UserType, "Guest") || u.UserType == "" && external(u)
}

// addressesOf returns the addresses of a user for [request.Person].
func addressesOf(u *user) []string {
	addresses := append([]string{u.Mail, u.UserPrincipalName}, u.OtherMails...)
	for _, proxy := range u.ProxyAddresses {
		kind, address, _ := strings.Cut(proxy, ":")
		// The lengths must be equal because EqualFold accepts the long s for an s.
		if len(kind) == len("smtp") && strings.EqualFold(kind, "smtp") {
			addresses = append(addresses, address)
		}
	}
	return request.AddressList(addresses)
}

// objectIDs returns the ids in lower case, each once, in the order given.
func objectIDs(doing string, ids []string) ([]string, error) {
	var all []string
	for i, text := range ids {
		id, valid := policy.ParseGUID(text)
		if !valid {
			return nil, problem.New(request.DirectoryRefused, "%s: id %d of %d is not a GUID", doing, i+1, len(ids))
		}
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all, nil
}

// MemberOf implements [request.People]. The app needs the permissions User.Read.All and
// GroupMember.Read.All, or ones that include them. One call checks 20 groups.
func (c *Client) MemberOf(ctx context.Context, personID string, groups []string) ([]string, error) {
	const doing = "asking which groups a person is in"
	person, valid := policy.ParseGUID(personID)
	if !valid {
		return nil, problem.New(request.DirectoryRefused, "%s: the person's id is not a GUID", doing)
	}
	asked, err := objectIDs(doing, groups)
	if err != nil {
		return nil, err
	}
	var in []string
	for some := range slices.Chunk(asked, groupsPerCheck) {
		found, err := c.check(ctx, doing, person, some)
		switch problem.CodeOf(err) {
		case problem.NotFound, request.DirectoryRefused:
			// Graph's documentation does not say how it takes ids that are not groups.
			found, err = c.checkGroups(ctx, doing, person, some, err)
		}
		if err != nil {
			return nil, err
		}
		in = append(in, found...)
	}
	return in, nil
}

// checkGroups is check for those of the ids that are groups, after a check of all was refused.
func (c *Client) checkGroups(ctx context.Context, doing, person string, ids []string, refused error) ([]string, error) {
	known, err := c.Principals(ctx, append([]string{person}, ids...))
	if err != nil {
		return nil, err
	}
	if known[person].Kind != "user" {
		return nil, problem.New(problem.NotFound, "%s: there is no such user", doing)
	}
	groups := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return known[id].Kind != "group" })
	switch {
	case len(groups) == 0:
		return nil, nil
	case len(groups) < len(ids):
		found, err := c.check(ctx, doing, person, groups)
		if problem.CodeOf(err) != problem.NotFound {
			return found, err
		}
	case problem.CodeOf(refused) != problem.NotFound:
		return nil, refused
	}
	return nil, problem.New(request.DirectoryUnknown,
		"%s: the answer is that something does not exist, and the user and all groups do", doing)
}

// check returns those of the groups that the person is in, in the order given.
func (c *Client) check(ctx context.Context, doing, person string, groups []string) ([]string, error) {
	call, err := newPost(doing, "/users/{id}/checkMemberGroups", map[string]string{"id": person}, groupIDs{groups})
	if err != nil {
		return nil, err
	}
	var answer foundIDs
	err = c.call(ctx, operation{
		doing:    doing,
		want:     []int{http.StatusOK},
		classify: classifyLook,
	}, func(ctx context.Context) error { return c.send(ctx, call, &answer) })
	if err != nil {
		return nil, err
	}
	if answer.IDs == nil {
		return nil, problem.New(request.DirectoryUnavailable, "%s: the answer has no list", doing)
	}
	for i, id := range answer.IDs {
		answer.IDs[i] = strings.ToLower(id)
		if !slices.Contains(groups, answer.IDs[i]) {
			return nil, problem.New(request.DirectoryUnavailable, "%s: the answer names a group that was not asked for", doing)
		}
	}
	return slices.DeleteFunc(slices.Clone(groups), func(id string) bool { return !slices.Contains(answer.IDs, id) }), nil
}

// Principals implements [request.People]. The app needs the permissions User.Read.All and
// GroupMember.Read.All, or ones that include them; one call for any kind of object would need
// Directory.Read.All. One call looks for 15 ids among the users, or among the groups.
func (c *Client) Principals(ctx context.Context, ids []string) (map[string]request.Principal, error) {
	const doing = "reading users and groups"
	asked, err := objectIDs(doing, ids)
	if err != nil {
		return nil, err
	}
	found := map[string]request.Principal{}
	err = objects(ctx, c, doing, "users", asked, []string{"id", "displayName", "accountEnabled", "userType", "userPrincipalName"},
		func(u *user) string { return u.ID },
		func(id string, u *user) error {
			if u.AccountEnabled == nil {
				return leftOut(doing)
			}
			found[id] = request.Principal{
				ID: id, DisplayName: u.DisplayName, Kind: "user", Enabled: *u.AccountEnabled, Guest: guestByType(u),
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(asked, func(id string) bool { return found[id].ID != "" })
	err = objects(ctx, c, doing, "groups", rest, []string{"id", "displayName"},
		func(g *group) string { return g.ID },
		func(id string, g *group) error {
			found[id] = request.Principal{ID: id, DisplayName: g.DisplayName, Kind: "group"}
			return nil
		})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// GroupNames implements [request.People]. The app needs the permission GroupMember.Read.All, or one
// that includes it. One call looks for 15 ids among the groups.
func (c *Client) GroupNames(ctx context.Context, ids []string) (map[string]string, error) {
	const doing = "reading the names of groups"
	asked, err := objectIDs(doing, ids)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	err = objects(ctx, c, doing, "groups", asked, []string{"id", "displayName"},
		func(g *group) string { return g.ID },
		func(id string, g *group) error {
			if g.DisplayName == "" {
				// Every group has one.
				return problem.New(request.DirectoryReadForbidden,
					"%s: the answer leaves out a name; the app needs the permission GroupMember.Read.All", doing)
			}
			names[id] = g.DisplayName
			return nil
		})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// objects reads some properties of those of the objects that are in the set, users or groups, and
// passes each on with its id in lower case.
func objects[T any](
	ctx context.Context, c *Client, doing, set string, ids, properties []string,
	idOf func(*T) string, take func(id string, object *T) error,
) error {
	for some := range slices.Chunk(ids, idsPerFilter) {
		quoted := make([]string, len(some))
		for i, id := range some {
			quoted[i] = rest.String(id)
		}
		call := newSearch("/"+set, userQuery{
			Filter: new("id in (" + strings.Join(quoted, ",") + ")"),
			Select: properties,
		})
		err := everyPage(ctx, c, doing, classifyRead, call, func(object *T) (more bool, err error) {
			id := strings.ToLower(idOf(object))
			if !slices.Contains(some, id) {
				return false, problem.New(request.DirectoryUnavailable, "%s: the answer is about another object", doing)
			}
			return true, take(id, object)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// everyPage passes on what a list has, page by page, until take wants no more. Of a list with more
// than maxPages pages nothing is known.
func everyPage[T any](
	ctx context.Context, c *Client, doing string, classify func(*answerError) problem.Code,
	call *abs.RequestInformation, take func(*T) (more bool, err error),
) error {
	for range maxPages {
		page, err := readPage[T](ctx, c, doing, classify, call)
		if err != nil {
			return err
		}
		for _, entry := range page.Entries {
			more, err := take(entry)
			if err != nil || !more {
				return err
			}
		}
		if page.NextLink == "" {
			return nil
		}
		next, err := url.Parse(page.NextLink)
		if err != nil {
			return problem.New(request.DirectoryUnavailable, "%s: the answer's link to its next page is not a URL", doing)
		}
		call.SetUri(*next) // the guard refuses other hosts
	}
	return problem.New(request.DirectoryUnknown, "%s: the answer has more than %d pages", doing, maxPages)
}

// mailboxProperties are what is read of a user who may be written to.
var mailboxProperties = []string{
	"id", "mail", "preferredLanguage", "accountEnabled", "userType", "userPrincipalName", "otherMails", "proxyAddresses",
}

// Addressees implements [request.People]. The app needs the permissions User.Read.All and
// GroupMember.Read.All, or ones that include them; of a group with a hidden membership Graph shows
// nobody to such an app. One call looks for 15 users, and one lists a group.
func (c *Client) Addressees(ctx context.Context, ids []string, most int) (request.Addressees, error) {
	const doing = "reading who can be written to"
	asked, err := objectIDs(doing, ids)
	if err != nil {
		return request.Addressees{}, err
	}
	users, crowds := map[string]*user{}, []string(nil)
	known := func(u *user) string { return u.ID }
	err = objects(ctx, c, doing, "users", asked, mailboxProperties, known, func(id string, u *user) error {
		users[id] = u
		return nil
	})
	if err != nil {
		return request.Addressees{}, err
	}
	for _, id := range slices.DeleteFunc(asked, func(id string) bool { return users[id] != nil }) {
		members, err := c.members(ctx, doing, id, most)
		switch {
		case problem.CodeOf(err) == problem.NotFound:
			continue
		case err != nil:
			return request.Addressees{}, err
		case len(members) > most:
			crowds = append(crowds, id)
			continue
		}
		for id, member := range members {
			users[id] = member
		}
	}
	slices.Sort(crowds)
	to := request.Addressees{Crowds: crowds}
	for id, u := range users {
		if u.AccountEnabled == nil {
			return request.Addressees{}, leftOut(doing)
		}
		if !*u.AccountEnabled {
			continue
		}
		address, err := submission.ParseAddress(u.Mail)
		if err != nil || !address.Is(u.Mail) {
			to.Unreachable = append(to.Unreachable, id)
			continue
		}
		to.People = append(to.People, request.Addressee{
			ID: id, Address: address, Language: u.PreferredLanguage, Guest: guestByType(u), Addresses: addressesOf(u),
		})
	}
	slices.Sort(to.Unreachable)
	slices.SortFunc(to.People, func(a, b request.Addressee) int { return cmp.Compare(a.ID, b.ID) })
	return to, nil
}

// members returns the users who are in the group, directly or by other groups, by id; not all of
// them if they are more than most. NotFound: there is no such group.
func (c *Client) members(ctx context.Context, doing, group string, most int) (map[string]*user, error) {
	call := abs.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abs.GET,
		"{+baseurl}/groups/{id}/transitiveMembers/microsoft.graph.user{?%24select,%24top,%24count}", map[string]string{"id": group})
	call.AddQueryParameters(userQuery{
		Select: mailboxProperties,
		Top:    new(int32(max(1, min(most+1, membersPerPage)))),
		// With the header below this is an advanced query; only one can choose the users of a list.
		Count: new(true),
	})
	call.Headers.TryAdd("Accept", "application/json")
	call.Headers.TryAdd("ConsistencyLevel", "eventual")
	members := map[string]*user{}
	err := everyPage(ctx, c, doing, classifyLook, call, func(member *user) (more bool, err error) {
		id, valid := policy.ParseGUID(member.ID)
		if !valid {
			return false, problem.New(request.DirectoryUnavailable, "%s: a user's id in the answer is not a GUID", doing)
		}
		members[id] = member
		return len(members) <= most, nil
	})
	return members, err
}
