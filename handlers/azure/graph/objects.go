package graph

import (
	"context"
	"errors"
	"reflect"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	abs "github.com/microsoft/kiota-abstractions-go"
)

// The bodies and answers of Graph with the few properties that are used here. The SDK has models
// with all properties, in one package of 700,000 lines.
//
// An answer may hold unknown properties. A known property of an unexpected type is an error, and so
// is one that is there twice or under a name in other case. A property that is null or missing is
// empty.

// send sends the call and reads the answer into the object.
func (c *Client) send(ctx context.Context, call *abs.RequestInformation, into any) error {
	answer, err := c.adapter.SendPrimitive(ctx, call, "[]byte", nil)
	if err != nil {
		return err
	}
	body, _ := answer.([]byte)
	return decode(body, into)
}

// errAmbiguous means that an answer can be read in two ways. It does not quote the answer.
var errAmbiguous = errors.New("the answer has a property under a name in other case")

// decode reads an answer into the object, which is a pointer to a zero value. It also reads the
// answer with names in any case, and refuses it if the results differ: two programs could then read
// it as an answer about two users.
func decode(body []byte, into any) error {
	anyCase := reflect.New(reflect.TypeOf(into).Elem()).Interface()
	anyText := jsontext.AllowInvalidUTF8(true) // a name may end in half an emoji
	err := jsonv2.Unmarshal(body, anyCase, anyText, jsonv2.MatchCaseInsensitiveNames(true))
	if err != nil {
		return err
	}
	err = jsonv2.Unmarshal(body, into, anyText)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(anyCase, into) {
		return errAmbiguous
	}
	return nil
}

// invitationBody asks for a guest.
type invitationBody struct {
	DisplayName  string       `json:"invitedUserDisplayName,omitempty"`
	EmailAddress string       `json:"invitedUserEmailAddress"`
	Message      *messageInfo `json:"invitedUserMessageInfo,omitempty"`
	Sponsors     []objectID   `json:"invitedUserSponsors,omitempty"`
	UserType     string       `json:"invitedUserType,omitempty"`
	RedirectURL  string       `json:"inviteRedirectUrl"`
	SendMessage  bool         `json:"sendInvitationMessage"`
}

// messageInfo describes the mail of an invitation.
type messageInfo struct {
	Copies   []recipient `json:"ccRecipients,omitempty"`
	Body     string      `json:"customizedMessageBody,omitempty"`
	Language string      `json:"messageLanguage,omitempty"`
}

// recipient is the addressee of a mail.
type recipient struct {
	EmailAddress struct {
		Address string `json:"address"`
	} `json:"emailAddress"`
}

// recipients returns a list of one addressee.
func recipients(address string) []recipient {
	list := make([]recipient, 1)
	list[0].EmailAddress.Address = address
	return list
}

// sendMailBody asks for a mail to be sent.
type sendMailBody struct {
	Message         outgoingMail `json:"message"`
	SaveToSentItems bool         `json:"saveToSentItems"` // Graph's default is true
}

// outgoingMail is a mail before it is sent.
type outgoingMail struct {
	Subject string       `json:"subject"`
	Body    itemBody     `json:"body"`
	To      []recipient  `json:"toRecipients"`
	ReplyTo []recipient  `json:"replyTo,omitempty"`
	Headers []mailHeader `json:"internetMessageHeaders"`
}

// itemBody is the content of a mail: Text or HTML, not both.
type itemBody struct {
	Type    string `json:"contentType"`
	Content string `json:"content"`
}

// mailHeader is a header line, whose name must begin with X-.
type mailHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// objectID names an object of the directory by its id, without a type.
type objectID struct {
	ID string `json:"id"`
}

// reference names an object of the directory by its address.
type reference struct {
	URL string `json:"@odata.id"`
}

// createdInvitation is the answer to an invitation. The redeem URL is a secret of the guest's.
type createdInvitation struct {
	Address   string `json:"invitedUserEmailAddress"`
	Status    string `json:"status"`
	RedeemURL string `json:"inviteRedeemUrl"`
	Invited   *user  `json:"invitedUser"`
}

// user is a user of the tenant, a guest or not.
type user struct {
	ID                string   `json:"id"`
	DisplayName       string   `json:"displayName"`
	Mail              string   `json:"mail"`
	OtherMails        []string `json:"otherMails"`
	ProxyAddresses    []string `json:"proxyAddresses"`
	UserPrincipalName string   `json:"userPrincipalName"`
	UserType          string   `json:"userType"`
	CreationType      string   `json:"creationType"`
	ExternalUserState string   `json:"externalUserState"`
	PreferredLanguage string   `json:"preferredLanguage"`
	AccountEnabled    *bool    `json:"accountEnabled"` // nil if the answer leaves it out
	DeletedDateTime   string   `json:"deletedDateTime"`
}

// page is a page of an answer that is a list.
type page[T any] struct {
	Entries  []*T   `json:"value"` // nil if the answer has no list; an entry is nil for a gap in it
	NextLink string `json:"@odata.nextLink"`
}

// groupIDs are groups to be looked at.
type groupIDs struct {
	IDs []string `json:"groupIds"`
}

// foundIDs are those of the groups that somebody is in.
type foundIDs struct {
	IDs []string `json:"value"` // nil if the answer has no list
}

// group is a group of the tenant.
type group struct {
	ID                    string   `json:"id"`
	DisplayName           string   `json:"displayName"`
	GroupTypes            []string `json:"groupTypes"`
	SecurityEnabled       *bool    `json:"securityEnabled"` // nil if the answer leaves it out, as the next
	MailEnabled           *bool    `json:"mailEnabled"`
	IsAssignableToRole    bool     `json:"isAssignableToRole"`
	OnPremisesSyncEnabled bool     `json:"onPremisesSyncEnabled"`
	IsRestricted          bool     `json:"isManagementRestricted"`
}
