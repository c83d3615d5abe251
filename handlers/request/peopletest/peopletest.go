// Package peopletest is the suite for implementations of [request.People]: each promise of that
// interface is a test.
//
// It must not know any directory: a [Tenant] says how a tenant changes. It imports only problem,
// request and submission of this module.
package peopletest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// User is a user of a tenant.
type User struct {
	ID, Name       string
	Mail           string // empty for none
	SignInName     string // never empty
	OtherMails     []string
	ProxyAddresses []string // each with its kind, as in smtp:ana@contoso.com
	Language       string
	Guest          bool // by user type
	Disabled       bool
}

// Group is a group of a tenant.
type Group struct {
	ID, Name string
	Members  []string // ids of users and groups that exist
	// Hidden: the app may not see who is in it.
	Hidden bool
}

// A Tenant is a directory of users and groups that changes. The changes fail the test if they
// can't be made.
type Tenant interface {
	request.People
	// SetUser adds the user, or replaces the one with that id. Memberships stay.
	SetUser(t *testing.T, user User)
	// RemoveUser deletes the user, with the memberships.
	RemoveUser(t *testing.T, id string)
	// SetGroup adds the group, or replaces the one with that id and its members.
	SetGroup(t *testing.T, group Group)
	// RemoveGroup deletes the group.
	RemoveGroup(t *testing.T, id string)
}

// id returns the id of the n-th object of a kind.
func id(kind string, n int) string {
	return fmt.Sprintf("%s-0000-4000-8000-%012d", strings.Repeat(kind, 8), n)
}

var (
	ana, bo, cy, di, ed    = id("a", 1), id("a", 2), id("a", 3), id("a", 4), id("a", 5)
	outer, middle, inner   = id("b", 1), id("b", 2), id("b", 3)
	nobody, empty, strange = id("c", 1), id("b", 4), "ana@contoso.com"
)

// open returns a tenant with a few people. ana is in inner, which is in middle, which is in outer;
// bo is in outer.
func open(t *testing.T, open func(*testing.T) Tenant) Tenant {
	t.Helper()
	tenant := open(t)
	for _, user := range []User{
		{ID: ana, Name: "Ana", Mail: "Ana.Lima@contoso.com", SignInName: "AL@contoso.com", Language: "pt-BR",
			OtherMails:     []string{"ana@outlook.com", "ana.lima@contoso.com"},
			ProxyAddresses: []string{"SMTP:Ana.Lima@contoso.com", "smtp:lima@contoso.com", "x500:/o=Contoso/cn=lima", "sip:ana@contoso.com"}},
		{ID: bo, Name: "Bo", Mail: "bo@contoso.com", SignInName: "bo@contoso.com"},
		{ID: cy, Name: "Cy", Mail: "cy@contoso.com", SignInName: "cy@contoso.com", Disabled: true},
		{ID: di, Name: "Di", Mail: "di@fabrikam.com", SignInName: "di_fabrikam.com#EXT#@contoso.onmicrosoft.com", Guest: true},
		{ID: ed, Name: "Ed", SignInName: "ed@contoso.com"},
	} {
		tenant.SetUser(t, user)
	}
	for _, group := range []Group{
		{ID: empty, Name: "Empty"},
		{ID: inner, Name: "Inner", Members: []string{ana}},
		{ID: middle, Name: "Middle", Members: []string{inner}},
		{ID: outer, Name: "Outer", Members: []string{bo, middle}},
	} {
		tenant.SetGroup(t, group)
	}
	return tenant
}

// Test runs the suite. Each call of make returns a new, empty tenant.
func Test(t *testing.T, make func(*testing.T) Tenant) {
	tests := map[string]func(*testing.T, Tenant){
		"Person": testPerson, "PersonWhoChanges": testPersonWhoChanges, "MemberOf": testMemberOf,
		"MemberOfChangingGroups": testMemberOfChangingGroups, "GroupsInACircle": testGroupsInACircle,
		"ManyGroups": testManyGroups, "Principals": testPrincipals, "ManyPrincipals": testManyPrincipals,
		"GroupNames": testGroupNames, "Addressees": testAddressees, "Crowds": testCrowds, "HiddenMembers": testHiddenMembers,
		"IDsThatAreNone": testIDsThatAreNone,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t, make)) })
	}
}

func same(t *testing.T, what string, got, want any, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	diff := cmp.Diff(want, got, cmp.Comparer(func(a, b submission.Address) bool { return a == b }),
		cmp.FilterValues(func(a, b []string) bool { return len(a)+len(b) == 0 }, cmp.Ignore()))
	if diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func wantCode(t *testing.T, what string, err error, code problem.Code) {
	t.Helper()
	if problem.CodeOf(err) != code {
		t.Errorf("%s: %v, want the code %s", what, err, code)
	}
}

func testPerson(t *testing.T, tenant Tenant) {
	for _, want := range []request.Person{
		{ID: ana, Enabled: true, Addresses: []string{"al@contoso.com", "ana.lima@contoso.com", "ana@outlook.com", "lima@contoso.com"}},
		{ID: cy, Addresses: []string{"cy@contoso.com"}},
		{ID: di, Enabled: true, Guest: true, Addresses: []string{"di@fabrikam.com", "di_fabrikam.com#ext#@contoso.onmicrosoft.com"}},
		{ID: ed, Enabled: true, Addresses: []string{"ed@contoso.com"}},
	} {
		got, err := tenant.Person(t.Context(), strings.ToUpper(want.ID))
		same(t, want.ID, got, want, err)
	}
	for _, other := range []string{nobody, outer} {
		got, err := tenant.Person(t.Context(), other)
		wantCode(t, "nobody", err, problem.NotFound)
		same(t, "nobody", got, request.Person{}, nil)
	}
}

func testPersonWhoChanges(t *testing.T, tenant Tenant) {
	tenant.SetUser(t, User{ID: ana, SignInName: "al@contoso.com", Mail: "new@contoso.com", Disabled: true})
	got, err := tenant.Person(t.Context(), ana)
	same(t, "disabled", got, request.Person{ID: ana, Addresses: []string{"al@contoso.com", "new@contoso.com"}}, err)
	tenant.SetUser(t, User{ID: ana, SignInName: "al@contoso.com", Mail: "mar\u212a@Contoso.com"})
	got, err = tenant.Person(t.Context(), ana)
	same(t, "with the Kelvin sign", got, request.Person{
		ID: ana, Enabled: true, Addresses: []string{"al@contoso.com", "mar\u212a@contoso.com"},
	}, err)
	tenant.RemoveUser(t, ana)
	_, err = tenant.Person(t.Context(), ana)
	wantCode(t, "removed", err, problem.NotFound)
	_, err = tenant.MemberOf(t.Context(), ana, []string{outer})
	wantCode(t, "removed", err, problem.NotFound)
}

func testMemberOf(t *testing.T, tenant Tenant) {
	all := []string{strings.ToUpper(outer), empty, inner, outer, middle}
	for _, test := range []struct {
		person       string
		groups, want []string
	}{
		{ana, all, []string{outer, inner, middle}},
		{strings.ToUpper(ana), []string{middle}, []string{middle}},
		{bo, all, []string{outer}},
		{di, all, nil},
		{cy, nil, nil},
		{ana, []string{ana, nobody, bo}, nil}, // none is a group
		{ana, []string{nobody, inner, bo, ana}, []string{inner}},
	} {
		got, err := tenant.MemberOf(t.Context(), test.person, test.groups)
		same(t, fmt.Sprintf("MemberOf(%s, %v)", test.person, test.groups), got, test.want, err)
	}
	for _, person := range []string{nobody, outer} {
		got, err := tenant.MemberOf(t.Context(), person, []string{outer, bo})
		wantCode(t, "groups of nobody", err, problem.NotFound)
		same(t, "groups of nobody", got, []string(nil), nil)
	}
}

func testMemberOfChangingGroups(t *testing.T, tenant Tenant) {
	check := func(what string, want ...string) {
		t.Helper()
		got, err := tenant.MemberOf(t.Context(), ana, []string{inner, middle, outer})
		same(t, what, got, want, err)
	}
	check("at first", inner, middle, outer)
	tenant.SetGroup(t, Group{ID: middle, Name: "Middle"})
	check("inner is taken out of middle", inner)
	tenant.SetGroup(t, Group{ID: middle, Name: "Middle", Members: []string{ana}})
	check("ana is put into middle", inner, middle, outer)
	tenant.RemoveGroup(t, middle)
	check("middle is deleted", inner)
	tenant.SetGroup(t, Group{ID: inner, Name: "Inner"})
	check("ana is taken out of inner")
}

func testGroupsInACircle(t *testing.T, tenant Tenant) {
	tenant.SetGroup(t, Group{ID: inner, Name: "Inner", Members: []string{ana, outer}})
	got, err := tenant.MemberOf(t.Context(), ana, []string{inner, middle, outer})
	same(t, "groups", got, []string{inner, middle, outer}, err)
	to, err := tenant.Addressees(t.Context(), []string{middle}, 5)
	same(t, "people", ids(to), []string{ana, bo}, err)
}

func testManyGroups(t *testing.T, tenant Tenant) {
	var groups, want []string
	for n := range 65 {
		group := Group{ID: id("d", n), Name: "Many"}
		if n%3 == 0 {
			group.Members = []string{bo}
			want = append(want, group.ID)
		}
		tenant.SetGroup(t, group)
		groups = append(groups, group.ID)
	}
	got, err := tenant.MemberOf(t.Context(), bo, groups)
	same(t, "of 65 groups", got, want, err)
}

func testPrincipals(t *testing.T, tenant Tenant) {
	got, err := tenant.Principals(t.Context(), []string{strings.ToUpper(ana), cy, ana, nobody, outer, di, empty})
	same(t, "principals", got, map[string]request.Principal{
		ana:   {ID: ana, DisplayName: "Ana", Kind: "user", Enabled: true},
		cy:    {ID: cy, DisplayName: "Cy", Kind: "user"},
		di:    {ID: di, DisplayName: "Di", Kind: "user", Enabled: true, Guest: true},
		outer: {ID: outer, DisplayName: "Outer", Kind: "group"},
		empty: {ID: empty, DisplayName: "Empty", Kind: "group"},
	}, err)
	tenant.RemoveUser(t, ana)
	tenant.RemoveGroup(t, empty)
	got, err = tenant.Principals(t.Context(), []string{ana, empty})
	same(t, "removed", got, map[string]request.Principal{}, err)
	got, err = tenant.Principals(t.Context(), nil)
	same(t, "none", got, map[string]request.Principal{}, err)
}

func testManyPrincipals(t *testing.T, tenant Tenant) {
	want := map[string]request.Principal{}
	var asked []string
	for n := range 33 {
		user, group := id("e", n), id("f", n)
		tenant.SetUser(t, User{ID: user, Name: "Many", SignInName: fmt.Sprintf("many%d@contoso.com", n)})
		tenant.SetGroup(t, Group{ID: group, Name: "Many"})
		want[user] = request.Principal{ID: user, DisplayName: "Many", Kind: "user", Enabled: true}
		want[group] = request.Principal{ID: group, DisplayName: "Many", Kind: "group"}
		asked = append(asked, group, user)
	}
	got, err := tenant.Principals(t.Context(), asked)
	same(t, "66 principals", got, want, err)
}

func testGroupNames(t *testing.T, tenant Tenant) {
	const written = "O'Hara & <b>Söhne</b> \u202eselaS "
	tenant.SetGroup(t, Group{ID: inner, Name: written, Hidden: true})
	got, err := tenant.GroupNames(t.Context(), []string{strings.ToUpper(outer), ana, nobody, inner, outer, di, empty})
	same(t, "names", got, map[string]string{outer: "Outer", inner: written, empty: "Empty"}, err)
	tenant.RemoveGroup(t, empty)
	tenant.SetGroup(t, Group{ID: outer, Name: "Renamed"})
	got, err = tenant.GroupNames(t.Context(), []string{outer, empty})
	same(t, "after changes", got, map[string]string{outer: "Renamed"}, err)
	got, err = tenant.GroupNames(t.Context(), nil)
	same(t, "of none", got, map[string]string{}, err)
	want := map[string]string{}
	var asked []string
	for n := range 40 {
		group := Group{ID: id("f", n), Name: fmt.Sprintf("Many %d", n)}
		tenant.SetGroup(t, group)
		want[group.ID] = group.Name
		asked = append(asked, group.ID, id("e", n))
	}
	got, err = tenant.GroupNames(t.Context(), asked)
	same(t, "of 80 ids", got, want, err)
}

// ids returns who is among the people.
func ids(to request.Addressees) []string {
	var all []string
	for _, person := range to.People {
		all = append(all, person.ID)
	}
	return all
}

func address(t *testing.T, text string) submission.Address {
	t.Helper()
	parsed, err := submission.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func testAddressees(t *testing.T, tenant Tenant) {
	tenant.SetGroup(t, Group{ID: empty, Name: "No longer empty", Members: []string{cy, ed}})
	to, err := tenant.Addressees(t.Context(), []string{outer, nobody, strings.ToUpper(di), ana, empty, di}, 5)
	same(t, "addressees", to, request.Addressees{
		People: []request.Addressee{
			{ID: ana, Address: address(t, "ana.lima@contoso.com"), Language: "pt-BR",
				Addresses: []string{"al@contoso.com", "ana.lima@contoso.com", "ana@outlook.com", "lima@contoso.com"}},
			{ID: bo, Address: address(t, "bo@contoso.com"), Addresses: []string{"bo@contoso.com"}},
			{ID: di, Address: address(t, "di@fabrikam.com"), Guest: true,
				Addresses: []string{"di@fabrikam.com", "di_fabrikam.com#ext#@contoso.onmicrosoft.com"}},
		},
		Unreachable: []string{ed},
	}, err)
	tenant.SetGroup(t, Group{ID: middle, Name: "Middle"})
	to, err = tenant.Addressees(t.Context(), []string{outer}, 5)
	same(t, "after inner was taken out of middle", ids(to), []string{bo}, err)
	to, err = tenant.Addressees(t.Context(), nil, 5)
	same(t, "of nobody", to, request.Addressees{}, err)
	tenant.SetUser(t, User{ID: bo, SignInName: "bo@contoso.com", Mail: "bo+x@contoso.com"})
	to, err = tenant.Addressees(t.Context(), []string{bo}, 5)
	same(t, "at an address that can't be written to", to, request.Addressees{Unreachable: []string{bo}}, err)
	tenant.SetUser(t, User{ID: bo, SignInName: "bo@contoso.com", Mail: "\uff42o@contoso.com"})
	to, err = tenant.Addressees(t.Context(), []string{bo}, 5)
	same(t, "at an address that only looks like one", to, request.Addressees{Unreachable: []string{bo}}, err)
	tenant.SetUser(t, User{ID: bo, SignInName: "bo@contoso.com", Mail: "bo@b\u00fccher.de"})
	to, err = tenant.Addressees(t.Context(), []string{bo}, 5)
	same(t, "at a domain in letters", to, request.Addressees{People: []request.Addressee{
		{ID: bo, Address: address(t, "bo@xn--bcher-kva.de"), Addresses: []string{"bo@b\u00fccher.de", "bo@contoso.com"}},
	}}, err)
}

func testCrowds(t *testing.T, tenant Tenant) {
	var members []string
	for n := range 20 {
		user := id("e", n)
		tenant.SetUser(t, User{ID: user, SignInName: fmt.Sprintf("many%d@contoso.com", n), Mail: fmt.Sprintf("many%d@contoso.com", n), Disabled: n > 15})
		members = append(members, user)
	}
	tenant.SetGroup(t, Group{ID: inner, Name: "Many", Members: members})
	to, err := tenant.Addressees(t.Context(), []string{outer, empty, inner}, 20)
	same(t, "20 of 21", to.Crowds, []string{outer}, err)
	same(t, "20 of 21", ids(to), members[:16], nil)
	to, err = tenant.Addressees(t.Context(), []string{inner, outer, inner}, 21)
	same(t, "21 of 21", to.Crowds, []string(nil), err)
	same(t, "21 of 21", ids(to), slices.Sorted(slices.Values(append([]string{bo}, members[:16]...))), nil)
	to, err = tenant.Addressees(t.Context(), []string{inner, outer, bo}, 0)
	same(t, "none", to.Crowds, []string{outer, inner}, err)
	same(t, "none", ids(to), []string{bo}, nil)
}

func testHiddenMembers(t *testing.T, tenant Tenant) {
	tenant.SetGroup(t, Group{ID: inner, Name: "Hidden", Members: []string{ana}, Hidden: true})
	got, err := tenant.MemberOf(t.Context(), ana, []string{inner})
	same(t, "membership", got, []string(nil), err)
	to, err := tenant.Addressees(t.Context(), []string{inner}, 5)
	same(t, "members", to, request.Addressees{}, err)
	known, err := tenant.Principals(t.Context(), []string{inner})
	same(t, "the group", known, map[string]request.Principal{inner: {ID: inner, DisplayName: "Hidden", Kind: "group"}}, err)
}

func testIDsThatAreNone(t *testing.T, tenant Tenant) {
	for _, none := range []string{"", strange, ana + "/memberOf", "me"} {
		_, err := tenant.Person(t.Context(), none)
		wantCode(t, none, err, request.DirectoryRefused)
		_, err = tenant.MemberOf(t.Context(), none, nil)
		wantCode(t, none, err, request.DirectoryRefused)
		_, err = tenant.MemberOf(t.Context(), ana, []string{inner, none})
		wantCode(t, none, err, request.DirectoryRefused)
		_, err = tenant.Principals(t.Context(), []string{ana, none})
		wantCode(t, none, err, request.DirectoryRefused)
		_, err = tenant.GroupNames(t.Context(), []string{outer, none})
		wantCode(t, none, err, request.DirectoryRefused)
		_, err = tenant.Addressees(t.Context(), []string{none, ana}, 5)
		wantCode(t, none, err, request.DirectoryRefused)
	}
}
