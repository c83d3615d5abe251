package branding

import (
	"errors"
	"fmt"
	"slices"
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
type Fields map[string]Presence

// choosable are the names of the fields that an organisation can choose.
var choosable = []string{"company", "country", "reason", "sponsor", "inviteCode"}

// DefaultFields is the text of the default of ParseFields.
const DefaultFields = "company=required country=optional reason=optional sponsor=hidden inviteCode=linked"

// ParseFields reads pairs such as "country=required sponsor=optional". Other fields are as in
// DefaultFields.
func ParseFields(text string) (Fields, error) {
	f := Fields{}
	for _, list := range []string{DefaultFields, text} {
		seen := map[string]bool{}
		for pair := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ' ' || r == ',' }) {
			name, value, _ := strings.Cut(pair, "=")
			presence, known := presences[value]
			switch {
			case !slices.Contains(choosable, name):
				return nil, errors.New("names a field that can't be chosen; those that can are company, country, reason, sponsor and inviteCode")
			case !known:
				return nil, fmt.Errorf("must say %s=required, =optional, =linked (shown if the link fills it in) or =hidden", name)
			case seen[name]:
				return nil, fmt.Errorf("names %s twice", name)
			}
			seen[name] = true
			f[name] = presence
		}
	}
	return f, nil
}

// Of returns the presence of the field with the name: Required for fields that can't be chosen.
func (f Fields) Of(name string) Presence {
	if !slices.Contains(choosable, name) {
		return Required
	}
	return f[name]
}
