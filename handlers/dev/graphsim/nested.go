package graphsim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// AddToGroup puts a user, or another group, into a group, as an admin does or a rule. A user may be
// named by an address that no other user has. It fails if one of them does not exist, or is
// deleted. A member that is in already stays.
func (s *Server) AddToGroup(groupID, member string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.group(groupID)
	if !known {
		return fmt.Errorf("there is no group %q", groupID)
	}
	memberID, err := s.memberNamed(member)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(s.tenant.Memberships, isMembership(groupID, memberID)) {
		return nil
	}
	s.tenant.Memberships = append(s.tenant.Memberships, Membership{
		GroupID: strings.ToLower(groupID), GuestID: memberID, At: s.config.Now().UTC().Format(time.RFC3339),
	})
	return s.save()
}

// RemoveFromGroup takes a user, or another group, out of a group. It fails if it is not in it.
func (s *Server) RemoveFromGroup(groupID, member string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	memberID, err := s.memberNamed(member)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.tenant.Memberships, isMembership(groupID, memberID))
	if i < 0 {
		return fmt.Errorf("%q is not in group %q", memberID, groupID)
	}
	s.tenant.Memberships = slices.Delete(s.tenant.Memberships, i, i+1)
	return s.save()
}

// memberNamed returns the id in lower case of a group or of a user who is not deleted. The caller
// holds s.mu.
func (s *Server) memberNamed(member string) (string, error) {
	user, err := s.tenant.named(member)
	_, isGroup := s.group(member)
	switch {
	case err == nil && !user.Deleted:
		return strings.ToLower(user.ID), nil
	case isGroup:
		return strings.ToLower(member), nil
	default:
		return "", cmp.Or(err, errNoUser)
	}
}

func isMembership(groupID, memberID string) func(Membership) bool {
	return func(m Membership) bool {
		return strings.EqualFold(m.GroupID, groupID) && strings.EqualFold(m.GuestID, memberID)
	}
}

// takeMembership serves POST /stand-in/memberships.
func (s *Server) takeMembership(given Membership, _ []byte) (status int, answer any) {
	err := s.AddToGroup(given.GroupID, given.GuestID)
	if err != nil {
		return http.StatusBadRequest, "The membership can't be kept: " + err.Error()
	}
	return http.StatusCreated, nil
}

// dropMembership serves DELETE /stand-in/memberships.
func (s *Server) dropMembership(given Membership, _ []byte) (status int, answer any) {
	err := s.RemoveFromGroup(given.GroupID, given.GuestID)
	if err != nil {
		return http.StatusNotFound, "The membership can't be removed: " + err.Error()
	}
	return http.StatusNoContent, nil
}

// groupsAbove returns the ids in lower case of the groups that the object is in, directly or by
// other groups. The caller holds s.mu.
func (s *Server) groupsAbove(id string) []string {
	above := []string{strings.ToLower(id)}
	for i := 0; i < len(above); i++ {
		for _, m := range s.tenant.Memberships {
			_, known := s.group(m.GroupID)
			if known && strings.EqualFold(m.GuestID, above[i]) && !slices.Contains(above, strings.ToLower(m.GroupID)) {
				above = append(above, strings.ToLower(m.GroupID))
			}
		}
	}
	return above[1:]
}

// maxGroupsPerCheck is for how many groups Graph checks one membership at once.
const maxGroupsPerCheck = 20

// checkMemberGroups serves POST /v1.0/users/{id}/checkMemberGroups. Groups whose membership is
// hidden count as groups that nobody is in.
func (s *Server) checkMemberGroups(c *call, userID string) reply {
	var body struct {
		GroupIDs []string `json:"groupIds"`
	}
	err := decodeStrict(c.body, &body)
	switch {
	case err != nil:
		return s.refuse(c, http.StatusBadRequest, "BadRequest", "The body must be an object with the one property groupIds.")
	case len(body.GroupIDs) == 0:
		return s.refuse(c, http.StatusBadRequest, "Request_BadRequest", "The collection groupIds must not be empty.")
	case len(body.GroupIDs) > maxGroupsPerCheck:
		return s.refuse(c, http.StatusBadRequest, "Request_BadRequest", "The collection groupIds has more than 20 entries.")
	}
	for i, id := range body.GroupIDs {
		if !isGUID(id) || slices.ContainsFunc(body.GroupIDs[:i], func(other string) bool { return strings.EqualFold(id, other) }) {
			return s.refuse(c, http.StatusBadRequest, "Request_BadRequest", "The collection groupIds has an entry that is no GUID, or that is repeated.")
		}
	}
	user := s.tenant.user(userID)
	if user == nil || !s.visible(user) {
		return s.missing(c, userID)
	}
	in := []string{}
	above := s.groupsAbove(userID)
	for _, id := range body.GroupIDs {
		group, known := s.group(id)
		switch {
		case !known && s.config.RefusesUnknownGroups:
			return s.missing(c, id)
		case known && !group.HiddenMembers && slices.Contains(above, strings.ToLower(id)):
			in = append(in, strings.ToLower(id))
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{
		"@odata.context": c.base + "/v1.0/$metadata#Collection(Edm.String)", "value": in,
	}}
}

// listUsersInGroup serves GET /v1.0/groups/{id}/transitiveMembers/microsoft.graph.user, which is an
// advanced query. It shows nobody of a group whose membership is hidden.
func (s *Server) listUsersInGroup(c *call, groupID string) reply {
	group, known := s.group(groupID)
	switch {
	case !strings.EqualFold(c.Header.Get("ConsistencyLevel"), "eventual") || c.URL.Query().Get("$count") != "true":
		return s.refuse(c, http.StatusBadRequest, "Request_UnsupportedQuery",
			"The specified filter to the reference property query is currently not supported.")
	case !known:
		return s.missing(c, groupID)
	}
	return s.listUsersWho(c, "users", func(u *User) bool {
		return s.visible(u) && !group.HiddenMembers && slices.Contains(s.groupsAbove(u.ID), strings.ToLower(groupID))
	})
}

// listGroups serves GET /v1.0/groups, which must be filtered by id here.
func (s *Server) listGroups(c *call, _ string) reply {
	var all []Group
	seen := map[string]bool{}
	add := func(id string) {
		group, known := s.group(id)
		if known && !seen[strings.ToLower(id)] {
			seen[strings.ToLower(id)] = true
			all = append(all, group)
		}
	}
	for id := range s.groups {
		add(id)
	}
	for _, group := range s.tenant.Groups {
		add(group.ID)
	}
	if s.config.KnowsAnyGroup {
		for _, id := range guids.FindAllString(c.URL.Query().Get("$filter"), -1) {
			add(id)
		}
	}
	slices.SortFunc(all, func(a, b Group) int { return strings.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID)) })
	return list(s, c, "groups", "group", defaultGroupProperties, groupProperties, groupFilters, all)
}

var groupFilters = filters{texts: []string{"id"}}
