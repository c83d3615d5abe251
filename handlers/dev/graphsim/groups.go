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
	RestrictedGroup     GroupKind = "restricted"      // in a restricted administrative unit
	OnPremisesGroup     GroupKind = "on-premises"     // mastered in a directory on-premises
	UnifiedGroup        GroupKind = "microsoft-365"   // takes members, and writes to them
)

var groupKinds = []GroupKind{
	"", SecurityGroup, DynamicGroup, MailEnabledGroup, RoleAssignableGroup, RestrictedGroup,
	OnPremisesGroup, UnifiedGroup,
}

// Group is a group of the tenant.
type Group struct {
	ID          string    `json:"id"`
	Kind        GroupKind `json:"kind,omitempty"`        // default SecurityGroup
	DisplayName string    `json:"displayName,omitempty"` // default "Group " and the id
	// VisibleFrom, if set, is when calls begin to see the group: a new group is late like a new
	// guest.
	VisibleFrom time.Time `json:"visibleFrom,omitzero"`
	// Deleted groups are seen by no call.
	Deleted bool `json:"deleted,omitempty"`
	// RefusesGuests: the group's settings let no user of the type Guest join.
	RefusesGuests bool `json:"refusesGuests,omitempty"`
	// MaxMembers, if set, is with how many members the group is full.
	MaxMembers int `json:"maxMembers,omitempty"`
	// HiddenMembers: only an app with a permission of its own sees who is in the group.
	HiddenMembers bool `json:"hiddenMembers,omitempty"`
}

func (g Group) check() error {
	switch {
	case !isGUID(g.ID):
		return fmt.Errorf("a group has the id %q, which is not a GUID", g.ID)
	case !slices.Contains(groupKinds, g.Kind):
		return fmt.Errorf("group %s is of the unknown kind %q", g.ID, g.Kind)
	case g.MaxMembers < 0:
		return fmt.Errorf("group %s has a negative number of members", g.ID)
	default:
		return nil
	}
}

// SetGroup adds the group, or replaces the one with its id. It fails if a property has a value
// that does not exist.
func (s *Server) SetGroup(group Group) error {
	err := group.check()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.tenant.group(group.ID)
	if i >= 0 {
		s.tenant.Groups[i] = group
	} else {
		s.tenant.Groups = append(s.tenant.Groups, group)
	}
	return s.save()
}

// group returns the index in Groups of the group of that id, or -1.
func (t *tenant) group(id string) int {
	return slices.IndexFunc(t.Groups, func(g Group) bool { return strings.EqualFold(g.ID, id) })
}

func (s *Server) changedGroups() []Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.tenant.Groups)
}

// takeGroup serves POST /stand-in/groups. What the body leaves out has its default.
func (s *Server) takeGroup(given Group, _ []byte) (status int, answer any) {
	err := s.SetGroup(given)
	if err != nil {
		return http.StatusBadRequest, "The group can't be kept: " + err.Error()
	}
	return http.StatusOK, given
}

// refusal is an answer for a group that does not take a member.
type refusal struct {
	status        int
	code, message string
}

// refusals are the answers for groups that do not take members from an app. For three of the
// kinds, Graph's words are those for a missing permission.
var refusals = map[GroupKind]refusal{
	DynamicGroup:        {http.StatusForbidden, "Authorization_RequestDenied", denied},
	RoleAssignableGroup: {http.StatusForbidden, "Authorization_RequestDenied", denied},
	RestrictedGroup:     {http.StatusForbidden, "Authorization_RequestDenied", denied},
	MailEnabledGroup: {http.StatusBadRequest, "Request_BadRequest",
		"Cannot Update a mail-enabled security groups and or distribution list."},
	OnPremisesGroup: {http.StatusBadRequest, "Request_BadRequest",
		"Unable to update the specified properties for on-premises mastered Directory Sync objects " +
			"or objects currently undergoing migration."},
}

// refusal returns why the group does not take members, or nil. The caller holds s.mu.
func (s *Server) refusal(group Group) *refusal {
	refused, refuses := refusals[group.Kind]
	if !refuses || group.Kind == RoleAssignableGroup && s.holdsRight(changeRoleGroups) {
		return nil
	}
	return &refused
}

// refusalOf returns why the group does not take this user, or nil. The words for a full group are
// the stand-in's own: Graph's are not documented. The caller holds s.mu.
func (s *Server) refusalOf(group Group, user *User) *refusal {
	members := 0
	for _, m := range s.tenant.Memberships {
		if strings.EqualFold(m.GroupID, group.ID) {
			members++
		}
	}
	switch {
	case group.RefusesGuests && user.UserType == "Guest":
		return &refusal{http.StatusForbidden, "Authorization_RequestDenied",
			"Guests users are not allowed to join this Unified Group due to policy setting. " +
				"paramName: Members, paramValue: , objectType: Microsoft.Online.DirectoryServices.Group"}
	case group.MaxMembers > 0 && members >= group.MaxMembers:
		return &refusal{http.StatusForbidden, "Directory_QuotaExceeded",
			"The group has reached the maximum number of members that are allowed."}
	default:
		return nil
	}
}

// addMember serves POST /v1.0/groups/{id}/members/$ref.
func (s *Server) addMember(c *call, groupID string) reply {
	var body struct {
		ID string `json:"@odata.id"`
	}
	err := decodeStrict(c.body, &body)
	if err != nil || body.ID == "" {
		return s.refuse(c, http.StatusBadRequest, "Request_BadRequest",
			"The body must be an object with the one property @odata.id.")
	}
	guestID := linkedObject(body.ID, "directoryObjects", "users")
	if guestID == "" {
		return s.refuse(c, http.StatusBadRequest, "Request_BadRequest",
			"The @odata.id is not the address of a directory object.")
	}
	group, known := s.group(groupID)
	if !known {
		return s.missing(c, groupID)
	}
	refused := s.refusal(group)
	if refused != nil {
		return s.refuse(c, refused.status, refused.code, refused.message)
	}
	guest := s.tenant.user(guestID)
	if guest == nil || !s.visible(guest) {
		return s.missing(c, guestID)
	}
	for _, membership := range s.tenant.Memberships {
		sameGroup := strings.EqualFold(membership.GroupID, groupID)
		if sameGroup && strings.EqualFold(membership.GuestID, guestID) {
			return s.refuse(c, http.StatusBadRequest, "Request_BadRequest",
				"One or more added object references already exist for the following modified properties: "+
					"'members'.")
		}
	}
	refused = s.refusalOf(group, guest)
	if refused != nil {
		return s.refuse(c, refused.status, refused.code, refused.message)
	}
	s.tenant.Memberships = append(s.tenant.Memberships, Membership{
		GroupID: strings.ToLower(groupID), GuestID: guest.ID,
		At: s.config.Now().UTC().Format(time.RFC3339),
	})
	return s.saved(c, reply{status: http.StatusNoContent})
}

// missing returns Graph's answer for an object that does not exist or is not visible yet.
func (s *Server) missing(c *call, id string) reply {
	return s.refuse(c, http.StatusNotFound, "Request_ResourceNotFound",
		"Resource '"+id+"' does not exist or one of its queried reference-property objects "+
			"are not present.")
}
