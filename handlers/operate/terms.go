package operate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"guestlist/handlers/policy"
)

// TermFields returns the terms as texts by their names in JSON. Terms that are not set are missing.
func TermFields(terms *policy.Terms) map[string]string {
	fields := map[string]string{}
	if terms == nil {
		return fields
	}
	text, err := json.Marshal(terms)
	var values map[string]any
	if err == nil {
		err = json.Unmarshal(text, &values)
	}
	if err != nil {
		return fields
	}
	delete(values, "sendInvitation")
	if terms.InvitationMail == policy.MailByDefault {
		values["invitationMail"] = "by default"
	}
	for name, value := range values {
		fields[name] = fmt.Sprint(value)
		list, isList := value.([]any)
		if isList { // of object ids
			fields[name] = strings.Join(strings.Fields(fmt.Sprintln(list...)), ", ")
		}
	}
	return fields
}

// TermChange is a term of an invitation that changes.
type TermChange struct {
	Name         string // in JSON
	Was, Becomes string // "" for a term that is not set
}

// TermChanges returns how the terms change where both decisions invite, by name.
func (c ReplayChange) TermChanges() []TermChange {
	if c.Was.Terms == nil || c.Becomes.Terms == nil {
		return nil
	}
	was, becomes := TermFields(c.Was.Terms), TermFields(c.Becomes.Terms)
	names := maps.Clone(was)
	maps.Copy(names, becomes)
	var changes []TermChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if was[name] != becomes[name] {
			changes = append(changes, TermChange{name, was[name], becomes[name]})
		}
	}
	return changes
}
