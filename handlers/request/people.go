package request

import (
	"context"
	"slices"
	"strings"

	"guestlist/handlers/submission"
)

// Person is a user of the tenant as far as it matters for what the user may decide.
type Person struct {
	ID      string // object id in lower case
	Enabled bool   // may sign in
	Guest   bool   // a guest by user type; an external user who was made a member is none
	// Addresses are all addresses that the person is known by, see [AddressList]: mail, sign-in
	// name, other mails and proxy addresses.
	Addresses []string
}

// AddressList returns the texts, as a directory has them, for the Addresses of a [Person]. It
// changes the case of ASCII letters only: Unicode's lower case of the Kelvin sign is a k, which
// would make another address of it.
func AddressList(texts []string) (all []string) {
	for _, text := range texts {
		if text != "" {
			all = append(all, strings.Map(lowerASCII, text))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// Has reports whether the address is one of the person's.
func (p Person) Has(address submission.Address) bool {
	return slices.ContainsFunc(p.Addresses, address.Is)
}

// Addressee is a person who can be written to.
type Addressee struct {
	ID       string // object id in lower case
	Address  submission.Address
	Language string // that the person prefers, BCP 47; empty if the directory has none
	Guest    bool   // as for [Person]
	// Addresses are all addresses of the person, as for [Person].
	Addresses []string
}

// Has reports whether the address is one of the person's.
func (a Addressee) Has(address submission.Address) bool {
	return Person{Addresses: a.Addresses}.Has(address)
}

// Addressees are those whom a list of users and groups stands for at this moment. All ids are in
// lower case, each once and in one list only; the lists are sorted by id.
type Addressees struct {
	People []Addressee
	// Crowds are groups with more users than asked for. Members are among People only for another
	// reason.
	Crowds []string
	// Unreachable are users who may sign in and have no mailbox that can be written to.
	Unreachable []string
}

// People tells who people are who decide, at the moment of the call: nothing is cached, so that
// whoever has left or was taken out of a group has no say from then on. Ids are object ids in any
// case. Errors are as for [Directory]: DirectoryReadForbidden if the app may not read it, or if the
// answer leaves out what matters, and DirectoryRefused if an id is none. After an error nothing is
// known. Every implementation passes the suite of package peopletest.
type People interface {
	// Person returns the user of that id. problem.NotFound if there is no such user.
	Person(ctx context.Context, id string) (Person, error)
	// MemberOf returns those of the groups that the user is in, directly or by other groups, in
	// lower case and in the order given, each once. Ids that are not groups are left out, and so is
	// a group whose members the app may not see. problem.NotFound if there is no such user.
	// Without groups it asks nobody.
	MemberOf(ctx context.Context, personID string, groups []string) ([]string, error)
	// Principals returns what the ids stand for, by id in lower case: users and groups. Ids that
	// stand for neither have no entry.
	Principals(ctx context.Context, ids []string) (map[string]Principal, error)
	// GroupNames returns the display names of those of the ids that are groups, by id in lower
	// case, as the owners of the groups wrote them. It reads nothing about users.
	GroupNames(ctx context.Context, ids []string) (map[string]string, error)
	// Addressees returns who can be written to for the ids of users and groups: users who may sign
	// in, and of a group all such users in it, directly or by other groups, if it has at most most
	// users. Ids that stand for nothing are left out. Right after a change it may return who it was
	// before: no authority follows from it.
	Addressees(ctx context.Context, ids []string, most int) (Addressees, error)
}
