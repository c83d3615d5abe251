package signinsim

import (
	"fmt"
	"slices"
)

// A Person is somebody who can sign in.
type Person struct {
	Key      string // names the person in orders and on the page
	What     string // what the page says of the person
	ID       string // object id
	Name     string // display name
	UserName string
	Guest    bool
	Roles    []string // values of app roles
	Groups   []string // object ids, of all groups directly or by others
	Units    []string // object ids of administrative units, which Graph lists beside groups
}

// The groups of [People].
const (
	ReviewersGroup       = "a0000000-0000-4000-8000-000000000001"
	SponsorsGroup        = "a0000000-0000-4000-8000-000000000002"
	SecondApproversGroup = "a0000000-0000-4000-8000-000000000003"
	OperatorsGroup       = "a0000000-0000-4000-8000-000000000004"
)

// The keys of [People], and the object id of the sponsor.
const (
	Reviewer       = "reviewer"
	Sponsor        = "sponsor"
	GroupSponsor   = "group-sponsor"
	SecondApprover = "second-approver"
	Guest          = "guest"
	Nobody         = "nobody"
	Auditor        = "auditor"
	Operator       = "operator"
	PolicyReader   = "policy-reader"

	SponsorID = "b0000000-0000-4000-8000-000000000002"
)

// People returns the people that a tenant has by default.
func People() []Person {
	const unit = "d0000000-0000-4000-8000-000000000001"
	return []Person{
		{Key: Reviewer, What: "a reviewer: has the role Reviewer, and is in the group of reviewers",
			ID: "b0000000-0000-4000-8000-000000000001", Name: "Rosa Reviewer", UserName: "rosa@standin.example",
			Roles: []string{"Reviewer"}, Groups: []string{ReviewersGroup}, Units: []string{unit}},
		{Key: Sponsor, What: "a sponsor that a policy row names by object id",
			ID: SponsorID, Name: "Sami Sponsor", UserName: "sami@standin.example"},
		{Key: GroupSponsor, What: "a sponsor by a group that a policy row names",
			ID: "b0000000-0000-4000-8000-000000000003", Name: "Gina Groupsponsor", UserName: "gina@standin.example",
			Groups: []string{SponsorsGroup}, Units: []string{unit}},
		{Key: SecondApprover, What: "a second approver, by a group that a policy row names",
			ID: "b0000000-0000-4000-8000-000000000004", Name: "Sven Second", UserName: "sven@standin.example",
			Groups: []string{SecondApproversGroup}},
		{Key: Guest, What: "a guest of the tenant, with the role Reviewer",
			ID: "b0000000-0000-4000-8000-000000000005", Name: "Gus Guest", UserName: "gus_partner.example#EXT#@standin.example",
			Guest: true, Roles: []string{"Reviewer"}, Groups: []string{ReviewersGroup}},
		{Key: Nobody, What: "a member without any role or group",
			ID: "b0000000-0000-4000-8000-000000000006", Name: "Nora Nobody", UserName: "nora@standin.example"},
		{Key: Auditor, What: "an auditor, by a role",
			ID: "b0000000-0000-4000-8000-000000000007", Name: "Aude Auditor", UserName: "aude@standin.example", Roles: []string{"Auditor"}},
		{Key: Operator, What: "an operator: has the role Operator, and is in the group of operators",
			ID: "b0000000-0000-4000-8000-000000000008", Name: "Otto Operator", UserName: "otto@standin.example",
			Roles: []string{"Operator"}, Groups: []string{OperatorsGroup}},
		{Key: PolicyReader, What: "who reads policy rows, by a role",
			ID: "b0000000-0000-4000-8000-000000000009", Name: "Pia Policies", UserName: "pia@standin.example", Roles: []string{"PolicyReader"}},
	}
}

// Change changes a person. What a person's tokens say stays as it was; Graph says what is new.
func (s *Server) Change(key string, change func(*Person)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.people {
		if s.people[i].Key == key {
			change(&s.people[i])
			return nil
		}
	}
	return fmt.Errorf("signinsim: there is no person %q", key)
}

// person returns the person of the key. The caller holds s.mu.
func (s *Server) person(key string) (Person, bool) {
	i := slices.IndexFunc(s.people, func(p Person) bool { return p.Key == key })
	if i < 0 {
		return Person{}, false
	}
	return s.people[i], true
}
