package mempeople_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/request/mempeople"
	"guestlist/handlers/request/peopletest"
)

// tenant is a People that a suite changes.
type tenant struct{ mempeople.People }

func (p *tenant) SetUser(_ *testing.T, u peopletest.User) {
	others := append([]string{u.SignInName}, u.OtherMails...)
	for _, proxy := range u.ProxyAddresses {
		if kind, address, _ := strings.Cut(proxy, ":"); strings.EqualFold(kind, "smtp") {
			others = append(others, address)
		}
	}
	p.People.SetUser(mempeople.User{
		ID: u.ID, Name: u.Name, Mail: u.Mail, Others: others, Language: u.Language, Guest: u.Guest, Disabled: u.Disabled,
	})
}

func (p *tenant) SetGroup(_ *testing.T, g peopletest.Group) {
	p.People.SetGroup(mempeople.Group{ID: g.ID, Name: g.Name, Members: g.Members, Hidden: g.Hidden})
}

func (p *tenant) RemoveUser(_ *testing.T, id string)  { p.Remove(id) }
func (p *tenant) RemoveGroup(_ *testing.T, id string) { p.Remove(id) }

func TestPeopleConform(t *testing.T) {
	peopletest.Test(t, func(*testing.T) peopletest.Tenant { return &tenant{} })
}

func TestPeopleFailWhenTold(t *testing.T) {
	const id = "aaaaaaaa-0000-4000-8000-000000000001"
	failure := errors.New("told to")
	var asked []string
	people := mempeople.People{Before: func(method string) error {
		asked = append(asked, method)
		return failure
	}}
	people.SetUser(mempeople.User{ID: id})
	_, err1 := people.Person(t.Context(), id)
	_, err2 := people.MemberOf(t.Context(), id, []string{id})
	_, err3 := people.Principals(t.Context(), []string{id})
	_, err4 := people.Addressees(t.Context(), []string{id}, 1)
	for _, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, failure) {
			t.Errorf("%v", err)
		}
	}
	if want := []string{"Person", "MemberOf", "Principals", "Addressees"}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
}
