package graphsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// GroupKind is what a group is, as far as it matters for taking guests.
type GroupKind string

// The kinds of groups.
const (
	SecurityGroup       GroupKind = "security"
	DynamicGroup        GroupKind = "dynamic"         // a rule chooses the members
	MailEnabledGroup    GroupKind = "mail-enabled"    // Exchange owns the members
	RoleAssignableGroup GroupKind = "role-assignable" // needs a permission that no app should have
	OnPremisesGroup     GroupKind = "on-premises"     // mastered in a directory on-premises
	UnifiedGroup        GroupKind = "microsoft-365"   // takes members, and writes to them
)

// Group is a group of the tenant.
type Group struct {
	ID          string
	Kind        GroupKind // default SecurityGroup
	DisplayName string    // default "Group " and the id
}

func (g Group) check() error {
	if !isGUID(g.ID) {
		return fmt.Errorf("a group has the id %q, which is not a GUID", g.ID)
	}
	known := []GroupKind{"", SecurityGroup, DynamicGroup, MailEnabledGroup, RoleAssignableGroup, OnPremisesGroup, UnifiedGroup}
	if !slices.Contains(known, g.Kind) {
		return fmt.Errorf("group %s is of the unknown kind %q", g.ID, g.Kind)
	}
	return nil
}

// refusals are the answers for groups that do not take members from an app.
var refusals = map[GroupKind]struct {
	status        int
	code, message string
}{
	DynamicGroup:        {http.StatusForbidden, "Request_BadRequest", "Members of a group with dynamic membership can't be changed."},
	MailEnabledGroup:    {http.StatusForbidden, "Request_BadRequest", "Cannot update a mail-enabled security group or a distribution list."},
	RoleAssignableGroup: {http.StatusForbidden, "Authorization_RequestDenied", "The group is assignable to roles and can't take members by this permission."},
	OnPremisesGroup: {http.StatusBadRequest, "Request_BadRequest",
		"Unable to update the specified properties for on-premises mastered Directory Sync objects."},
}

// addMember serves POST /v1.0/groups/{id}/members/$ref.
func (s *Server) addMember(c *call, groupID string) reply {
	var body struct {
		ID string `json:"@odata.id"`
	}
	err := decodeStrict(c.body, &body)
	if err != nil || body.ID == "" {
		return s.refuse(c, http.StatusBadRequest, "Request_BadRequest", "The body must be an object with the one property @odata.id.")
	}
	guestID := linkedObject(body.ID, "directoryObjects", "users")
	if guestID == "" {
		return s.refuse(c, http.StatusBadRequest, "Request_BadRequest", "The @odata.id is not the address of a directory object.")
	}
	group, known := s.group(groupID)
	if !known {
		return s.missing(c, groupID)
	}
	refusal, refuses := refusals[group.Kind]
	if refuses {
		return s.refuse(c, refusal.status, refusal.code, refusal.message)
	}
	guest := s.tenant.user(guestID)
	if guest == nil || !s.visible(guest) {
		return s.missing(c, guestID)
	}
	for _, membership := range s.tenant.Memberships {
		if strings.EqualFold(membership.GroupID, groupID) && strings.EqualFold(membership.GuestID, guestID) {
			return s.refuse(c, http.StatusBadRequest, "Request_BadRequest",
				"One or more added object references already exist for the following modified properties: 'members'.")
		}
	}
	s.tenant.Memberships = append(s.tenant.Memberships, Membership{
		GroupID: strings.ToLower(groupID), GuestID: guest.ID, At: s.config.Now().UTC().Format(time.RFC3339),
	})
	return s.saved(c, reply{status: http.StatusNoContent})
}

// missing returns Graph's answer for an object that does not exist or is not visible yet.
func (s *Server) missing(c *call, id string) reply {
	return s.refuse(c, http.StatusNotFound, "Request_ResourceNotFound",
		"Resource '"+id+"' does not exist or one of its queried reference-property objects are not present.")
}
