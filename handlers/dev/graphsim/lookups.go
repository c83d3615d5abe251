package graphsim

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// groupProperties are the properties of a group that can be selected. Without $select, Graph
// returns them all.
var groupProperties = map[string]func(Group) any{
	"id":                     func(g Group) any { return strings.ToLower(g.ID) },
	"displayName":            func(g Group) any { return cmp.Or(g.DisplayName, "Group "+strings.ToLower(g.ID)) },
	"securityEnabled":        func(g Group) any { return g.Kind != UnifiedGroup },
	"mailEnabled":            func(g Group) any { return g.Kind == MailEnabledGroup || g.Kind == UnifiedGroup },
	"groupTypes":             func(g Group) any { return copied(groupTypes[g.Kind]) },
	"isAssignableToRole":     func(g Group) any { return orNull(g.Kind == RoleAssignableGroup) },
	"onPremisesSyncEnabled":  func(g Group) any { return orNull(g.Kind == OnPremisesGroup) },
	"isManagementRestricted": func(g Group) any { return orNull(g.Kind == RestrictedGroup) },
	"membershipRule":         func(g Group) any { return orNull(membershipRules[g.Kind]) },
}

var defaultGroupProperties = []string{
	"id", "displayName", "securityEnabled", "mailEnabled", "groupTypes", "isAssignableToRole", "onPremisesSyncEnabled",
	"isManagementRestricted", "membershipRule",
}

var membershipRules = map[GroupKind]string{DynamicGroup: `user.companyName -eq "Contoso"`}

var groupTypes = map[GroupKind][]string{DynamicGroup: {"DynamicMembership"}, UnifiedGroup: {"Unified"}}

// group returns the tenant's group of that id, if calls see it. The caller holds s.mu.
func (s *Server) group(id string) (Group, bool) {
	group, known := s.groups[strings.ToLower(id)]
	i := s.tenant.group(id)
	switch {
	case i >= 0:
		group, known = s.tenant.Groups[i], true
	case !known && s.config.KnowsAnyGroup && isGUID(id) && s.tenant.user(id) == nil:
		return Group{ID: id}, true
	}
	return group, known && !group.Deleted && !s.config.Now().Before(group.VisibleFrom)
}

// getGroup serves GET /v1.0/groups/{id}.
func (s *Server) getGroup(c *call, id string) reply {
	selected, fault := selection(c, "group", defaultGroupProperties, groupProperties)
	if fault != "" {
		return s.refuse(c, http.StatusBadRequest, "BadRequest", fault)
	}
	group, known := s.group(id)
	if !known {
		return s.missing(c, id)
	}
	return entity(c, "groups", selected, groupProperties, group)
}

// getUser serves GET /v1.0/users/{id}, by object id only.
func (s *Server) getUser(c *call, id string) reply {
	selected, fault := selection(c, "user", defaultProperties, userProperties)
	if fault != "" {
		return s.refuse(c, http.StatusBadRequest, "BadRequest", fault)
	}
	user := s.tenant.user(id)
	if user == nil || !s.visible(user) {
		return s.missing(c, id)
	}
	return entity(c, "users", selected, userProperties, user)
}

// options returns the options of the call's query, or what is wrong with them. Each may be given
// once.
func (c *call) options() (options map[string]string, fault string) {
	query, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return nil, "The query can't be read."
	}
	options = map[string]string{}
	for name, values := range query {
		if len(values) > 1 {
			return nil, "The query option " + name + " is given twice."
		}
		options[name] = values[0]
	}
	return options, ""
}

// selection returns the properties that a query for one object asks for, or what is wrong with
// it.
func selection[T any](c *call, kind string, all []string, known map[string]func(T) any) (selected []string, fault string) {
	options, fault := c.options()
	selected = all
	for name, value := range options {
		if name != "$select" {
			return nil, "The stand-in does not know the query option " + name + " here."
		}
		selected, fault = parseSelect(value, kind, known)
	}
	return selected, fault
}

// parseSelect returns the properties in the value of $select, or what is wrong with it.
func parseSelect[T any](value, kind string, known map[string]func(T) any) (selected []string, fault string) {
	selected = strings.Split(value, ",")
	for _, name := range selected {
		if known[name] == nil {
			return nil, "Could not find a property named '" + name + "' on type 'microsoft.graph." + kind + "'."
		}
	}
	return selected, ""
}

// entity returns the answer that is one object.
func entity[T any](c *call, set string, selected []string, properties map[string]func(T) any, object T) reply {
	body := map[string]any{"@odata.context": c.base + "/v1.0/$metadata#" + set + "(" + strings.Join(selected, ",") + ")/$entity"}
	for _, name := range selected {
		body[name] = properties[name](object)
	}
	return reply{status: http.StatusOK, body: body}
}
