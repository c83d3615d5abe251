package graph

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	abs "github.com/microsoft/kiota-abstractions-go"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// maxFound is how many users with one address are read. Two guests are too many already; the rest
// is for internal users who hold the address too.
const maxFound = 10

// maxDeleted is how many deleted users with one address are read. An address can be invited and
// deleted many times within the 30 days.
const maxDeleted = 100

// holderProperties are what tells which addresses a user holds, and of what kind the user is.
var holderProperties = []string{
	"id", "userType", "mail", "otherMails", "proxyAddresses", "userPrincipalName", "accountEnabled",
	"externalUserState", "creationType",
}

// userQuery are the query parameters of a search, as the SDK takes them.
type userQuery struct {
	Filter *string  `uriparametername:"%24filter"`
	Select []string `uriparametername:"%24select"`
	Top    *int32   `uriparametername:"%24top"`
	Count  *bool    `uriparametername:"%24count"`
}

// FindUser implements [request.Users]. A user holds the address as mail, as one of the other
// mails, as a proxy address, or as the sign-in name. The app needs the permission User.Read.All;
// without it, it is DirectoryReadForbidden.
//
// A user who was just created may not be visible yet. A deleted one never is, see
// FindDeletedGuests. Contacts and groups can hold an address too, and are not searched.
func (c *Client) FindUser(ctx context.Context, address submission.Address) (request.User, error) {
	const doing = "looking for a user"
	holders, err := c.search(ctx, doing, address)
	if err != nil {
		return request.User{}, err
	}
	if holders.more {
		return request.User{Kind: request.SeveralUsers}, nil
	}
	var found request.User
	for _, holder := range holders.users {
		if found.ID != "" && found.ID != holder.ID {
			return request.User{Kind: request.SeveralUsers}, nil
		}
		found = request.User{ID: holder.ID, Kind: kindOf(holder)}
	}
	return found, nil
}

// UserByID implements [request.Users]. It needs the same permission as FindUser.
func (c *Client) UserByID(ctx context.Context, id string, address submission.Address) (request.User, error) {
	const doing = "reading a guest"
	if (address == submission.Address{}) {
		return request.User{}, problem.New(request.DirectoryRefused, "%s: without an address", doing)
	}
	var found user
	err := c.look(ctx, doing, "users", id, holderProperties, &found)
	if problem.CodeOf(err) == problem.NotFound {
		return request.User{}, nil
	}
	if err != nil {
		return request.User{}, err
	}
	if !strings.EqualFold(found.ID, id) {
		return request.User{}, problem.New(request.DirectoryUnavailable, "%s: the answer is about another object", doing)
	}
	kind := kindOf(&found)
	if !incomplete(&found) && !holds(&found, address) {
		kind = request.MovedUser
	}
	return request.User{ID: strings.ToLower(id), Kind: kind}, nil
}

// incomplete reports whether the answer leaves out what every user has. That does not mean that the
// app lacks a right: Graph then refuses the call.
func incomplete(holder *user) bool {
	return holder.AccountEnabled == nil || holder.UserPrincipalName == ""
}

// kindOf returns the kind of a user. Whether the account is enabled counts only for guests: an
// internal user is never invited.
func kindOf(holder *user) request.UserKind {
	switch {
	case incomplete(holder), unclear(holder):
		return request.UnclearUser
	case !external(holder):
		return request.InternalUser
	case !*holder.AccountEnabled:
		return request.DisabledGuest
	}
	switch holder.ExternalUserState {
	case "Accepted", "":
		// Guests who are older than this state have none. They can sign in.
		return request.AcceptedGuest
	default:
		return request.PendingGuest
	}
}

// FindGuest implements [request.Directory]. It returns the id in lower case. An internal user
// with the address is not a guest. DirectoryRefused: several guests hold it.
// DirectoryReadForbidden: the app lacks the permission User.Read.All.
func (c *Client) FindGuest(ctx context.Context, address submission.Address) (string, error) {
	const doing = "looking for a guest"
	holders, err := c.search(ctx, doing, address)
	if err != nil {
		return "", err
	}
	var found string
	for _, holder := range holders.users {
		id := holder.ID
		if !external(holder) {
			continue
		}
		if found != "" && found != id {
			return "", problem.New(request.DirectoryRefused, "%s: the guests %s and %s hold the same address", doing, found, id)
		}
		found = id
	}
	if holders.more {
		return "", problem.New(request.DirectoryRefused, "%s: more than %d users hold the same address", doing, maxFound)
	}
	return found, nil
}

// FindDeletedGuests implements [request.Users]. It returns ids in lower case, and needs the same
// permission as FindUser. If there are more deletions than are read, none has a time, because one
// that was not read may be later. If none of those that are read is a guest's, the error is
// DirectoryUnknown.
func (c *Client) FindDeletedGuests(ctx context.Context, address submission.Address) ([]request.Deletion, error) {
	const doing = "looking for deleted guests"
	search := newSearch("/directory/deletedItems/microsoft.graph.user", userQuery{
		// A deleted user keeps these two; the sign-in name is changed.
		Filter: anySpelling(address, func(a string) []string {
			quoted := rest.String(a)
			return []string{"mail eq " + quoted, "otherMails/any(x:x eq " + quoted + ")"}
		}),
		Select: []string{
			"id", "mail", "otherMails", "userPrincipalName", "externalUserState", "creationType", "deletedDateTime",
		},
		Top: new(int32(maxDeleted)),
		// With the header below this is an advanced query. Plain queries promise less for deleted
		// objects.
		Count: new(true),
	})
	search.Headers.TryAdd("ConsistencyLevel", "eventual")
	holders, err := c.find(ctx, doing, address, maxDeleted, search)
	if err != nil {
		return nil, err
	}
	var found []request.Deletion
	for _, holder := range holders.users {
		known := func(d request.Deletion) bool { return d.ID == holder.ID }
		if !external(holder) && !unclear(holder) || slices.ContainsFunc(found, known) {
			continue
		}
		at, err := time.Parse(time.RFC3339, holder.DeletedDateTime)
		if err != nil || holders.more {
			at = time.Time{} // it is not said, or not in a way that can be understood
		}
		found = append(found, request.Deletion{ID: holder.ID, At: at.UTC()})
	}
	if holders.more && found == nil {
		return nil, problem.New(request.DirectoryUnknown,
			"%s: more than %d deleted users held the address", doing, maxDeleted)
	}
	return found, nil
}

// search returns the users who hold the address.
func (c *Client) search(ctx context.Context, doing string, address submission.Address) (holders, error) {
	// All clauses work on the directory itself, without the eventually consistent index of advanced
	// queries: a new guest is visible earlier. A secondary proxy address has the prefix smtp:, the
	// primary one SMTP:.
	filter := anySpelling(address, func(a string) []string {
		return []string{
			"mail eq " + rest.String(a),
			"otherMails/any(x:x eq " + rest.String(a) + ")",
			"proxyAddresses/any(x:x eq " + rest.String("SMTP:"+a) + ")",
			"proxyAddresses/any(x:x eq " + rest.String("smtp:"+a) + ")",
			"userPrincipalName eq " + rest.String(a),
		}
	})
	return c.find(ctx, doing, address, maxFound, newSearch("/users", userQuery{
		Filter: filter,
		Select: holderProperties,
		Top:    new(int32(maxFound)),
	}))
}

// anySpelling returns a filter that joins the clauses for each spelling of the address with "or".
// Two spellings make ten clauses. Graph refuses more than 15, according to the text of its error.
func anySpelling(address submission.Address, clauses func(spelling string) []string) *string {
	var all []string
	for _, spelling := range address.Spellings() {
		all = append(all, clauses(spelling)...)
	}
	return new(strings.Join(all, " or "))
}

func newSearch(path string, query userQuery) *abs.RequestInformation {
	search := abs.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(
		abs.GET, "{+baseurl}"+path+"{?%24filter,%24select,%24top,%24count}", map[string]string{})
	search.AddQueryParameters(query)
	search.Headers.TryAdd("Accept", "application/json")
	return search
}

// maxPages is how many pages of an answer are read. Graph may search a part of its objects for each
// page, and find nobody in the first, or in the last.
const maxPages = 5

// holders are the users who hold an address, each with a valid id in lower case.
type holders struct {
	users []*user
	more  bool // there are others
}

// find sends a search, and reads on until there are most users. It drops the users of the answer
// who do not hold the address.
func (c *Client) find(
	ctx context.Context, doing string, address submission.Address, most int, search *abs.RequestInformation,
) (holders, error) {
	unusable := func(why string) (holders, error) {
		return holders{}, problem.New(request.DirectoryUnavailable, "%s: %s", doing, why)
	}
	if (address == submission.Address{}) {
		return holders{}, problem.New(request.DirectoryRefused, "%s: without an address", doing)
	}
	var found holders
	for range maxPages {
		page, err := readPage[user](ctx, c, doing, classifyRead, search, address.Spellings()...)
		if err != nil {
			return holders{}, err
		}
		for _, holder := range page.Entries {
			if !holds(holder, address) {
				continue
			}
			id, valid := policy.ParseGUID(holder.ID)
			if !valid {
				return unusable("a user's id in the answer is not a GUID")
			}
			holder.ID = id
			found.users = append(found.users, holder)
		}
		if page.NextLink == "" {
			return found, nil
		}
		if len(found.users) >= most {
			found.more = true
			return found, nil
		}
		next, err := url.Parse(page.NextLink)
		if err != nil {
			return unusable("the answer's link to its next page is not a URL")
		}
		search.SetUri(*next) // the guard refuses other hosts
	}
	if len(found.users) > 0 {
		found.more = true
		return found, nil
	}
	return holders{}, problem.New(request.DirectoryUnknown, "%s: the first %d pages of the answer have nobody with the address, and there are more", doing, maxPages)
}

// readPage gets one page of an answer that is a list without gaps. Errors don't repeat what is
// private.
func readPage[T any](
	ctx context.Context, c *Client, doing string, classify func(*answerError) problem.Code,
	call *abs.RequestInformation, private ...string,
) (page[T], error) {
	var read page[T]
	err := c.call(ctx, operation{
		doing:    doing,
		want:     []int{http.StatusOK},
		classify: classify,
		private:  private,
	}, func(ctx context.Context) error { return c.send(ctx, call, &read) })
	switch {
	case err != nil:
		return page[T]{}, err
	case read.Entries == nil:
		return page[T]{}, problem.New(request.DirectoryUnavailable, "%s: the answer has no list", doing)
	case slices.Contains(read.Entries, nil):
		return page[T]{}, problem.New(request.DirectoryUnavailable, "%s: the list in the answer has a gap", doing)
	}
	return read, nil
}

// holds reports whether the user has the address.
func holds(holder *user, address submission.Address) bool {
	return slices.ContainsFunc(addressesOf(holder), address.Is)
}

// external reports whether the user was invited and signs in elsewhere. The user type does not say:
// a member can be invited, and an internal account can have the type of a guest. The sign-in name
// of a user who was created by an invitation is made of the address, #EXT# and the tenant's domain.
// An account of the tenant's own that was invited later keeps its name, and gets a state.
func external(holder *user) bool {
	return holder.ExternalUserState != "" || strings.Contains(strings.ToUpper(holder.UserPrincipalName), "#EXT#@")
}

// unclear reports whether the user was created by an invitation and looks internal since: somebody
// may have turned the guest into an employee.
func unclear(holder *user) bool { return holder.CreationType == "Invitation" && !external(holder) }
