package graphsim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// groupProperties are the properties of a group that can be selected. Graph returns all of these without a $select too.
var groupProperties = map[string]func(Group) any{
	"id":                    func(g Group) any { return strings.ToLower(g.ID) },
	"displayName":           func(g Group) any { return g.displayName() },
	"securityEnabled":       func(g Group) any { return g.Kind != UnifiedGroup },
	"mailEnabled":           func(g Group) any { return g.Kind == MailEnabledGroup || g.Kind == UnifiedGroup },
	"groupTypes":            func(g Group) any { return g.groupTypes() },
	"isAssignableToRole":    func(g Group) any { return trueOrNull(g.Kind == RoleAssignableGroup) },
	"onPremisesSyncEnabled": func(g Group) any { return trueOrNull(g.Kind == OnPremisesGroup) },
}

var defaultGroupProperties = []string{
	"id", "displayName", "securityEnabled", "mailEnabled", "groupTypes", "isAssignableToRole", "onPremisesSyncEnabled",
}

func (g Group) displayName() string {
	if g.DisplayName == "" {
		return "Group " + strings.ToLower(g.ID)
	}
	return g.DisplayName
}

func (g Group) groupTypes() []string {
	switch g.Kind {
	case DynamicGroup:
		return []string{"DynamicMembership"}
	case UnifiedGroup:
		return []string{"Unified"}
	default:
		return []string{}
	}
}

func trueOrNull(is bool) any {
	if is {
		return true
	}
	return nil
}

// group returns the tenant's group of that id.
func (s *Server) group(id string) (Group, bool) {
	group, known := s.groups[strings.ToLower(id)]
	if !known && s.config.KnowsAnyGroup && isGUID(id) {
		return Group{ID: id}, true
	}
	return group, known
}

// getGroup serves GET /v1.0/groups/{id}. The caller holds s.mu.
func (s *Server) getGroup(c *call, id string) reply {
	selected, fault := selection(c.URL.RawQuery, "group", defaultGroupProperties, func(name string) bool { return groupProperties[name] != nil })
	if fault != "" {
		return s.refuse(c, http.StatusBadRequest, "BadRequest", fault)
	}
	group, known := s.group(id)
	if !known {
		return s.missing(c, id)
	}
	return entity(c, "groups", selected, func(name string) any { return groupProperties[name](group) })
}

// getUser serves GET /v1.0/users/{id}, by object id only. The caller holds s.mu.
func (s *Server) getUser(c *call, id string) reply {
	selected, fault := selection(c.URL.RawQuery, "user", defaultProperties, func(name string) bool { return userProperties[name] != nil })
	if fault != "" {
		return s.refuse(c, http.StatusBadRequest, "BadRequest", fault)
	}
	user := s.tenant.user(id)
	if user == nil || !s.visible(user) {
		return s.missing(c, id)
	}
	return entity(c, "users", selected, func(name string) any { return userProperties[name](user) })
}

// selection returns the properties that a query for one object asks for, or what is wrong with it.
func selection(query, kind string, all []string, known func(string) bool) (selected []string, fault string) {
	options, err := url.ParseQuery(query)
	if err != nil {
		return nil, "The query can't be read."
	}
	selected = all
	for name, values := range options {
		switch {
		case name != "$select":
			return nil, "The stand-in does not know the query option " + name + " here."
		case len(values) > 1:
			return nil, "The query option " + name + " is given twice."
		}
		selected = strings.Split(values[0], ",")
		unknown := slices.IndexFunc(selected, func(name string) bool { return !known(name) })
		if unknown >= 0 {
			return nil, "Could not find a property named '" + selected[unknown] + "' on type 'microsoft.graph." + kind + "'."
		}
	}
	return selected, ""
}

// entity returns the answer that is one object.
func entity(c *call, set string, selected []string, property func(name string) any) reply {
	body := map[string]any{"@odata.context": c.base + "/v1.0/$metadata#" + set + "(" + strings.Join(selected, ",") + ")/$entity"}
	for _, name := range selected {
		body[name] = property(name)
	}
	return reply{status: http.StatusOK, body: body}
}
