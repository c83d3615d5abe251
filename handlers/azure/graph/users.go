package graph

import (
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

// maxFound is how many users with one address are looked at. Two are one too many already; the rest is for internal users who hold the
// address too.
const maxFound = 10

// userQuery are the query parameters of a search, in the form in which the SDK wants them.
type userQuery struct {
	Filter *string  `uriparametername:"%24filter"`
	Select []string `uriparametername:"%24select"`
	Top    *int32   `uriparametername:"%24top"`
	Count  *bool    `uriparametername:"%24count"`
}

// FindUser returns who holds the address: as mail, as one of the other mails, as a proxy address, or as the name for signing in. The app
// needs the permission User.Read.All; without it, or where the app sees the user and not all that matters, DirectoryReadForbidden.
//
// A user who was just created may not be visible yet; one who was deleted never is, see FindDeletedGuests. Contacts and groups
// can hold an address too, and are not looked for.
func (c *Client) FindUser(ctx context.Context, address submission.Address) (request.User, error) {
	const doing = "looking for a user"
	holders, more, err := c.search(ctx, doing, address)
	if err != nil {
		return request.User{}, err
	}
	if more {
		return request.User{Kind: request.SeveralUsers}, nil
	}
	var found request.User
	for _, holder := range holders {
		kind, err := kindOf(doing, holder)
		if err != nil {
			return request.User{}, err
		}
		id := holder.id
		if found.ID != "" && found.ID != id {
			return request.User{Kind: request.SeveralUsers}, nil
		}
		found = request.User{ID: id, Kind: kind}
	}
	return found, nil
}

// kindOf returns what a user is. That the account is not enabled counts only for guests: an internal user is nobody to invite in any case.
func kindOf(doing string, holder *user) (request.UserKind, error) {
	if holder.accountEnabled == nil || holder.userPrincipalName == "" {
		// Every user has both.
		return "", problem.New(request.DirectoryReadForbidden, "%s: the answer leaves out what kind of user it is; the app needs the permission User.Read.All", doing)
	}
	switch {
	case !external(holder):
		return request.InternalUser, nil
	case !*holder.accountEnabled:
		return request.DisabledGuest, nil
	}
	switch holder.externalUserState {
	case "Accepted", "":
		// Guests of the time before there was this state have none, and sign in all the same.
		return request.AcceptedGuest, nil
	default:
		return request.PendingGuest, nil
	}
}

// FindGuest returns the object id, in lower case, of the guest that holds the address, or "" if none is visible. A guest
// that was just invited may not be visible yet. An internal user with the address is no guest. DirectoryRefused: several guests
// hold it. DirectoryReadForbidden: the app lacks the permission User.Read.All.
func (c *Client) FindGuest(ctx context.Context, address submission.Address) (string, error) {
	const doing = "looking for a guest"
	holders, more, err := c.search(ctx, doing, address)
	if err != nil {
		return "", err
	}
	var found string
	for _, holder := range holders {
		id := holder.id
		if !external(holder) {
			continue
		}
		if found != "" && found != id {
			return "", problem.New(request.DirectoryRefused, "%s: the guests %s and %s hold the same address", doing, found, id)
		}
		found = id
	}
	if more {
		return "", problem.New(request.DirectoryRefused, "%s: more than %d users hold the same address", doing, maxFound)
	}
	return found, nil
}

// FindDeletedGuests returns the object ids, in lower case, of the guests who held the address and were deleted within the last 30 days: an
// admin can restore them, with their memberships, in place of inviting anew. There may be several. It needs the same permission as
// FindUser.
func (c *Client) FindDeletedGuests(ctx context.Context, address submission.Address) ([]string, error) {
	const doing = "looking for deleted guests"
	quoted := rest.String(address.String())
	search := newSearch("/directory/deletedItems/microsoft.graph.user", userQuery{
		// A deleted user keeps these two; the name for signing in is changed.
		Filter: new("mail eq " + quoted + " or otherMails/any(x:x eq " + quoted + ")"),
		Select: []string{"id", "mail", "otherMails", "userPrincipalName", "creationType"},
		Top:    new(int32(maxFound)),
		// With the header below this is an advanced query: the plain ones promise less for deleted objects.
		Count: new(true),
	})
	search.Headers.TryAdd("ConsistencyLevel", "eventual")
	holders, _, err := c.find(ctx, doing, address, search)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, holder := range holders {
		id := holder.id
		if external(holder) && !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	return found, nil
}

// search returns the users who hold the address, each with a valid id. more says that there are others.
func (c *Client) search(ctx context.Context, doing string, address submission.Address) (holders []*user, more bool, err error) {
	quoted, smtp, primary := rest.String(address.String()), rest.String("smtp:"+address.String()), rest.String("SMTP:"+address.String())
	// All clauses work on the directory itself, without the eventually consistent index of advanced queries: a new guest is seen earlier.
	// The two forms of a proxy address are a secondary and the primary one.
	filter := "mail eq " + quoted + " or otherMails/any(x:x eq " + quoted + ") or proxyAddresses/any(x:x eq " + primary +
		") or proxyAddresses/any(x:x eq " + smtp + ") or userPrincipalName eq " + quoted
	return c.find(ctx, doing, address, newSearch("/users", userQuery{
		Filter: &filter,
		Select: []string{"id", "userType", "mail", "otherMails", "proxyAddresses", "userPrincipalName", "accountEnabled", "externalUserState", "creationType"},
		Top:    new(int32(maxFound)),
	}))
}

func newSearch(path string, query userQuery) *abs.RequestInformation {
	search := abs.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(
		abs.GET, "{+baseurl}"+path+"{?%24filter,%24select,%24top,%24count}", map[string]string{})
	search.AddQueryParameters(query)
	search.Headers.TryAdd("Accept", "application/json")
	return search
}

// maxPages is how many pages of an answer are looked at until one has somebody who holds the address. Graph may look through a part of its objects for
// each, and find nobody in the first.
const maxPages = 5

// find sends a search, and returns those of the answer who really hold the address: an answer is believed only if it fits the question. more says that
// there are others behind them.
func (c *Client) find(ctx context.Context, doing string, address submission.Address, search *abs.RequestInformation) (holders []*user, more bool, err error) {
	if (address == submission.Address{}) {
		return nil, false, problem.New(request.DirectoryRefused, "%s: without an address", doing)
	}
	for range maxPages {
		page, err := c.page(ctx, doing, address, search)
		if err != nil {
			return nil, false, err
		}
		for _, holder := range page.users {
			if holder == nil {
				return nil, false, problem.New(request.DirectoryUnavailable, "%s: the list in the answer has a gap", doing)
			}
			if !holds(holder, address.String()) {
				continue
			}
			id, valid := policy.ParseGUID(holder.id)
			if !valid {
				return nil, false, problem.New(request.DirectoryUnavailable, "%s: a user's id in the answer is not a GUID", doing)
			}
			holder.id = id
			holders = append(holders, holder)
		}
		if page.nextLink == "" || len(holders) > 0 {
			return holders, page.nextLink != "", nil
		}
		next, err := url.Parse(page.nextLink)
		if err != nil {
			return nil, false, problem.New(request.DirectoryUnavailable, "%s: the answer's link to its next page is none", doing)
		}
		search.SetUri(*next) // where it may lead, the guard says
	}
	return nil, false, problem.New(request.DirectoryUnknown, "%s: the first %d pages of the answer have nobody with the address, and there are more", doing, maxPages)
}

// page gets one page of the answer to a search.
func (c *Client) page(ctx context.Context, doing string, address submission.Address, search *abs.RequestInformation) (userPage, error) {
	var page userPage
	err := c.call(ctx, operation{
		doing:    doing,
		want:     []int{http.StatusOK},
		classify: classifyRead,
		private:  []string{address.String()},
	}, func(ctx context.Context) error { return c.send(ctx, search, &page) })
	if err != nil {
		return userPage{}, err
	}
	if page.users == nil {
		return userPage{}, problem.New(request.DirectoryUnavailable, "%s: the answer has no list", doing)
	}
	return page, nil
}

// holds reports whether the user really has the address.
func holds(holder *user, address string) bool {
	same := func(other string) bool { return strings.EqualFold(other, address) }
	return same(holder.mail) || same(holder.userPrincipalName) || slices.ContainsFunc(holder.otherMails, same) ||
		slices.ContainsFunc(holder.proxyAddresses, func(proxy string) bool {
			kind, other, _ := strings.Cut(proxy, ":")
			return strings.EqualFold(kind, "smtp") && same(other)
		})
}

// external reports whether the user came by an invitation. The user type does not say: a member can be invited, and an account of the
// tenant's own can have the type of a guest. The name of an invited user is made of the address, #EXT# and the tenant's domain.
func external(holder *user) bool {
	return holder.creationType == "Invitation" || strings.Contains(strings.ToUpper(holder.userPrincipalName), "#EXT#@")
}
