package graphsim

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	// forbiddenCharacters, maxSponsors and maxDisplayName are documented with Graph's resources.
	forbiddenCharacters = "~!#$%^&*()+=[]{}\\/|;:\"<>?,"
	maxSponsors         = 5
	maxDisplayName      = 256
	maxAddress          = 254 // RFC 5321 with its erratum
)

// invitationBody is the body of POST /invitations: the writable properties of the resource.
type invitationBody struct {
	Type         string       `json:"@odata.type"`
	EmailAddress string       `json:"invitedUserEmailAddress"`
	RedirectURL  string       `json:"inviteRedirectUrl"`
	DisplayName  *string      `json:"invitedUserDisplayName"`
	UserType     *string      `json:"invitedUserType"`
	SendMessage  bool         `json:"sendInvitationMessage"`
	MessageInfo  *messageInfo `json:"invitedUserMessageInfo"`
	Sponsors     []struct {
		Type string `json:"@odata.type"`
		ID   string `json:"id"`
	} `json:"invitedUserSponsors"`
	SponsorsBind    []string        `json:"invitedUserSponsors@odata.bind"`
	ResetRedemption bool            `json:"resetRedemption"`
	InvitedUser     json.RawMessage `json:"invitedUser"`
}

type messageInfo struct {
	Type         string `json:"@odata.type,omitempty"`
	CcRecipients []struct {
		Type         string `json:"@odata.type,omitempty"`
		EmailAddress struct {
			Type    string  `json:"@odata.type,omitempty"`
			Name    *string `json:"name"`
			Address *string `json:"address"`
		} `json:"emailAddress"`
	} `json:"ccRecipients"`
	CustomBody *string `json:"customizedMessageBody"`
	Language   *string `json:"messageLanguage"`
}

// invite serves POST /v1.0/invitations.
func (s *Server) invite(c *call, _ string) reply {
	bad := func(message string) reply { return s.refuse(c, http.StatusBadRequest, "BadRequest", message) }
	if c.URL.RawQuery != "" {
		return bad("Query options are not allowed here.")
	}
	var body invitationBody
	err := decodeStrict(c.body, &body)
	if err != nil {
		return bad("The body can't be read as an invitation: " + err.Error() + ".")
	}
	sponsors, fault := sponsorIDs(body)
	fault = cmp.Or(body.fault(), fault)
	if fault != "" {
		return bad(fault)
	}
	if len(body.InvitedUser) > 0 || body.ResetRedemption {
		return s.refuse(c, http.StatusNotImplemented, "NotImplemented", "The stand-in can't reset a redemption.")
	}
	invitation := body.invitation(sponsors)
	invitation.Email = s.kept(invitation.Email)
	if invitation.UserType == "Member" && !s.holdsRight(inviteMembers) {
		return s.refuse(c, http.StatusUnauthorized, "Unauthorized", inviteDenial)
	}
	guest, obstacle := s.guest(&invitation)
	if obstacle != "" {
		return bad(obstacle)
	}
	invitation.ID, invitation.GuestID = s.newGUID(), guest.ID
	invitation.RedeemURL = s.redeemURL(c.base, invitation)
	s.tenant.Invitations = append(s.tenant.Invitations, invitation)

	status := "PendingAcceptance"
	if guest.ExternalUserState == "Accepted" {
		status = "Completed"
	}
	return s.saved(c, reply{status: http.StatusCreated, body: map[string]any{
		"@odata.context":          c.base + "/v1.0/$metadata#invitations/$entity",
		"id":                      invitation.ID,
		"inviteRedeemUrl":         invitation.RedeemURL,
		"invitedUserDisplayName":  body.DisplayName,
		"invitedUserType":         invitation.UserType,
		"invitedUserEmailAddress": invitation.Email,
		"sendInvitationMessage":   invitation.SendInvitation,
		"resetRedemption":         false,
		"inviteRedirectUrl":       invitation.RedirectURL,
		"status":                  status,
		"invitedUserMessageInfo":  body.MessageInfo,
		"invitedUser":             map[string]string{"id": guest.ID},
	}})
}

// fault returns what is wrong with the body, sponsors apart, or "". Graph quotes the address that
// it was sent, and so does the stand-in: a program that logs these messages logs addresses.
func (b *invitationBody) fault() string {
	userType := valueOr(b.UserType, "Guest")
	switch {
	case b.Type != "" && b.Type != "#microsoft.graph.invitation":
		return "Invalid type '" + b.Type + "'."
	case b.EmailAddress == "":
		return "The property invitedUserEmailAddress is required."
	case b.RedirectURL == "":
		return "The property inviteRedirectUrl is required."
	case !invitable(b.EmailAddress):
		return "The invited user email address '" + b.EmailAddress + "' is not valid."
	case !absoluteWebURL(b.RedirectURL):
		return "The redirect URL '" + b.RedirectURL + "' is not valid."
	case utf8.RuneCountInString(valueOr(b.DisplayName, "")) > maxDisplayName:
		return fmt.Sprintf("The property invitedUserDisplayName is longer than %d characters.", maxDisplayName)
	case userType != "Guest" && userType != "Member":
		return "Invalid value '" + userType + "' for the property invitedUserType."
	case b.MessageInfo != nil && len(b.MessageInfo.CcRecipients) > 1:
		return "Only one recipient is supported in ccRecipients."
	default:
		return ""
	}
}

// invitation returns what a body without a fault asks for.
func (b *invitationBody) invitation(sponsors []string) Invitation {
	asked := Invitation{
		Email:          b.EmailAddress,
		DisplayName:    valueOr(b.DisplayName, ""),
		RedirectURL:    b.RedirectURL,
		UserType:       valueOr(b.UserType, "Guest"),
		SendInvitation: b.SendMessage,
		Cc:             []string{},
		Sponsors:       sponsors,
	}
	if b.MessageInfo != nil {
		asked.MessageLanguage = valueOr(b.MessageInfo.Language, "")
		asked.CustomMessage = valueOr(b.MessageInfo.CustomBody, "")
		for _, cc := range b.MessageInfo.CcRecipients {
			asked.Cc = append(asked.Cc, valueOr(cc.EmailAddress.Address, ""))
		}
	}
	return asked
}

// kept returns an invited address as the tenant keeps it.
func (s *Server) kept(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	letters, err := idna.Punycode.ToUnicode(domain)
	if !s.config.DomainsInLetters || err != nil {
		return email
	}
	return local + "@" + letters
}

// guest returns the guest that has the invitation's address, visible or not, or creates it, and
// completes the invitation accordingly. If the address can't be invited, it returns Graph's
// message.
func (s *Server) guest(asked *Invitation) (guest *User, obstacle string) {
	local, domain, _ := strings.Cut(asked.Email, "@")
	holders := s.tenant.holders(asked.Email)
	now := s.config.Now().UTC()
	asked.At = now.Format(time.RFC3339)
	switch {
	case slices.ContainsFunc(s.config.VerifiedDomains, func(own string) bool { return strings.EqualFold(own, domain) }):
		return nil, "Invitee is in inviter tenant."
	case s.tenant.keeper(asked.Email) != "":
		return nil, "The invited user already exists in the directory as object ID: " + s.tenant.keeper(asked.Email) +
			". They can use that account to sign in to shared apps and resources."
	case slices.ContainsFunc(holders, func(u *User) bool { return !u.external() }):
		return nil, "A non-external user already exists with the given mail address and can't be invited."
	case len(holders) > 1:
		return nil, "This user can't be invited to this directory. Please try a different email address for the user."
	case len(holders) == 1 && holders[0].Disabled:
		return nil, "The invited user already exists in the directory as object ID: " + holders[0].ID + ", but the account is blocked from signing in. " +
			"If the account is unblocked, they can use that account to sign in to shared apps and resources."
	case len(holders) == 1:
		return holders[0], ""
	}
	asked.NewGuest = true
	mail := asked.Email
	if s.tenant.sharedByContact(mail) {
		mail = ""
	}
	s.tenant.Users = append(s.tenant.Users, User{
		ID:                s.newGUID(),
		Mail:              mail,
		OtherMails:        []string{asked.Email},
		DisplayName:       cmp.Or(asked.DisplayName, local),
		UserPrincipalName: s.freeExternalName(asked.Email),
		UserType:          asked.UserType,
		ExternalUserState: "PendingAcceptance",
		CreationType:      "Invitation",
		Sponsors:          asked.Sponsors,
		CreatedAt:         now,
	})
	return &s.tenant.Users[len(s.tenant.Users)-1], ""
}

// invitable reports whether Graph accepts the address, by the rules of its documentation.
func invitable(email string) bool {
	local, domain, found := strings.Cut(email, "@")
	if !found || local == "" || len(email) > maxAddress {
		return false
	}
	if strings.ContainsAny(email, forbiddenCharacters) || strings.ContainsFunc(email, unsuitable) {
		return false
	}
	if strings.Trim(local, ".-") != local {
		return false
	}
	return !strings.Contains(domain, "@") && strings.Contains(domain, ".") && strings.Trim(domain, ".-") == domain
}

func unsuitable(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError
}

func absoluteWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != ""
}

// sponsorIDs returns the sponsors, which have two forms, or what is wrong with them.
func sponsorIDs(body invitationBody) (ids []string, fault string) {
	ids = []string{}
	if body.Sponsors != nil && body.SponsorsBind != nil {
		return nil, "The property invitedUserSponsors is given twice."
	}
	types := []string{"", "#microsoft.graph.directoryObject", "#microsoft.graph.user", "#microsoft.graph.group"}
	for _, sponsor := range body.Sponsors {
		if !slices.Contains(types, sponsor.Type) {
			return nil, "A sponsor is a user or a group."
		}
		ids = append(ids, sponsor.ID)
	}
	for _, link := range body.SponsorsBind {
		ids = append(ids, linkedObject(link, "users", "groups", "directoryObjects"))
	}
	if len(ids) > maxSponsors {
		return nil, fmt.Sprintf("A guest has at most %d sponsors.", maxSponsors)
	}
	if slices.ContainsFunc(ids, func(id string) bool { return !isGUID(id) }) {
		return nil, "A sponsor is named by its object id."
	}
	return ids, ""
}

// linkedObject returns the object id of a link such as
// https://graph.microsoft.com/v1.0/users/{id}, or "" if the link does not lead to one of the
// collections.
func linkedObject(link string, collections ...string) string {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	for _, collection := range collections {
		id, found := strings.CutPrefix(u.Path, "/v1.0/"+collection+"/")
		if found && isGUID(id) {
			return id
		}
	}
	return ""
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// decoded returns the body as it was before its content encoding.
func decoded(r *http.Request) (io.Reader, error) {
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return r.Body, nil
	case "gzip":
		return gzip.NewReader(r.Body)
	default:
		return nil, fmt.Errorf("unknown content encoding %q", encoding)
	}
}

func valueOr(value *string, otherwise string) string {
	if value == nil {
		return otherwise
	}
	return *value
}
