package branding

import (
	"errors"
	"fmt"
	"strings"
)

// Presence says whether the form asks for a field.
type Presence int

const (
	Hidden   Presence = iota // not shown
	Linked                   // shown if the link that led to the form fills it in
	Optional                 // shown, and may stay empty
	Required                 // shown, and must be filled in
)

var presences = map[string]Presence{"hidden": Hidden, "linked": Linked, "optional": Optional, "required": Required}

// Fields says what the form asks for beside names and address, which every invitation needs.
// Fields that are not shown are still accepted from clients.
type Fields struct {
	Company, Country, Reason, Sponsor, InviteCode Presence
}

// DefaultFields is the text of the default of ParseFields.
const DefaultFields = "company=required country=optional reason=optional sponsor=hidden inviteCode=linked"

// ParseFields reads pairs such as "country=required sponsor=optional". Other fields are as in
// DefaultFields.
func ParseFields(text string) (Fields, error) {
	var f Fields
	for _, list := range []string{DefaultFields, text} {
		seen := map[string]bool{}
		for pair := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ' ' || r == ',' }) {
			name, value, _ := strings.Cut(pair, "=")
			field := f.of(name)
			presence, known := presences[value]
			switch {
			case field == nil:
				return Fields{}, errors.New("names a field that can't be chosen; those that can are company, country, reason, sponsor and inviteCode")
			case !known:
				return Fields{}, fmt.Errorf("must say %s=required, =optional, =linked (shown if the link fills it in) or =hidden", name)
			case seen[name]:
				return Fields{}, fmt.Errorf("names %s twice", name)
			}
			seen[name] = true
			*field = presence
		}
	}
	return f, nil
}

func (f *Fields) of(name string) *Presence {
	switch name {
	case "company":
		return &f.Company
	case "country":
		return &f.Country
	case "reason":
		return &f.Reason
	case "sponsor":
		return &f.Sponsor
	case "inviteCode":
		return &f.InviteCode
	}
	return nil
}

// Of returns the presence of the field with the name: Required for fields that can't be chosen.
func (f Fields) Of(name string) Presence {
	presence := f.of(name)
	if presence == nil {
		return Required
	}
	return *presence
}
