package graph

import (
	"context"
	"errors"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"
)

// The bodies and answers of Graph with the few properties that are used here, for the SDK's
// encoder and decoder. The SDK has models with all properties, in one package of 700,000 lines.
//
// An answer may hold unknown properties. A known property of an unexpected type is an error.

// send sends the request and reads the answer into the object. A property that the answer leaves
// out keeps its value.
func (c *Client) send(ctx context.Context, request *abs.RequestInformation, into serialization.Parsable) error {
	_, err := c.adapter.Send(ctx, request, func(serialization.ParseNode) (serialization.Parsable, error) { return into, nil }, nil)
	return err
}

// readers read the properties of an object, by their names.
type readers = map[string]func(serialization.ParseNode) error

// written is an object that is only written.
type written struct{}

func (written) GetFieldDeserializers() readers { return nil }

// read is an object that is only read.
type read struct{}

func (read) Serialize(serialization.SerializationWriter) error { return errors.ErrUnsupported }

// invitationBody asks for a guest. Empty properties are not sent, except sendMessage.
type invitationBody struct {
	written
	emailAddress string
	displayName  string
	redirectURL  string
	userType     string
	sendMessage  bool
	message      *messageInfo
	sponsors     []serialization.Parsable
}

func (b *invitationBody) Serialize(w serialization.SerializationWriter) error {
	err := errors.Join(
		writeText(w, "invitedUserDisplayName", b.displayName),
		writeText(w, "invitedUserEmailAddress", b.emailAddress),
	)
	if b.message != nil {
		err = errors.Join(err, w.WriteObjectValue("invitedUserMessageInfo", b.message))
	}
	return errors.Join(err,
		w.WriteCollectionOfObjectValues("invitedUserSponsors", b.sponsors),
		writeText(w, "invitedUserType", b.userType),
		writeText(w, "inviteRedirectUrl", b.redirectURL),
		w.WriteBoolValue("sendInvitationMessage", &b.sendMessage),
	)
}

// messageInfo describes the mail of an invitation.
type messageInfo struct {
	written
	language string
	body     string
	cc       string // an address
}

func (m *messageInfo) Serialize(w serialization.SerializationWriter) error {
	var copies []serialization.Parsable
	if m.cc != "" {
		copies = []serialization.Parsable{&recipient{address: m.cc}}
	}
	return errors.Join(
		w.WriteCollectionOfObjectValues("ccRecipients", copies),
		writeText(w, "customizedMessageBody", m.body),
		writeText(w, "messageLanguage", m.language),
	)
}

// recipient is the addressee of a mail.
type recipient struct {
	written
	address string
}

func (r *recipient) Serialize(w serialization.SerializationWriter) error {
	return w.WriteObjectValue("emailAddress", &emailAddress{address: r.address})
}

type emailAddress struct {
	written
	address string
}

func (a *emailAddress) Serialize(w serialization.SerializationWriter) error {
	return writeText(w, "address", a.address)
}

// objectID names an object of the directory by its id, without a type.
type objectID struct {
	written
	id string
}

func (i *objectID) Serialize(w serialization.SerializationWriter) error {
	return writeText(w, "id", i.id)
}

// reference names an object of the directory by its address.
type reference struct {
	written
	url string
}

func (r *reference) Serialize(w serialization.SerializationWriter) error {
	return writeText(w, "@odata.id", r.url)
}

// writeText writes a property unless its value is empty.
func writeText(w serialization.SerializationWriter, name, value string) error {
	if value == "" {
		return nil
	}
	return w.WriteStringValue(name, &value)
}

// createdInvitation is the answer to an invitation. The redeem URL is not read: it redeems for
// any holder.
type createdInvitation struct {
	read
	status  string
	invited *user // nil if the answer names nobody
}

func (i *createdInvitation) GetFieldDeserializers() readers {
	return readers{
		"status": textInto(&i.status),
		"invitedUser": func(node serialization.ParseNode) error {
			object, err := node.GetObjectValue(newUser)
			i.invited, _ = object.(*user)
			return err
		},
	}
}

// user is a user of the tenant, a guest or not. A property that is missing is empty.
type user struct {
	read
	id                string
	displayName       string
	mail              string
	otherMails        []string
	proxyAddresses    []string
	userPrincipalName string
	userType          string
	creationType      string
	externalUserState string
	accountEnabled    *bool // nil if the answer leaves it out
}

// newUser returns an empty user for the SDK to fill in. The SDK would accept a list or a text as
// an object without properties.
func newUser(node serialization.ParseNode) (serialization.Parsable, error) {
	content, err := node.GetRawValue()
	if err != nil {
		return nil, err
	}
	_, isObject := content.(map[string]any)
	if !isObject {
		return nil, errors.New("a user is not an object")
	}
	return &user{}, nil
}

func (u *user) GetFieldDeserializers() readers {
	return readers{
		"id":                textInto(&u.id),
		"displayName":       textInto(&u.displayName),
		"mail":              textInto(&u.mail),
		"otherMails":        textsInto(&u.otherMails),
		"proxyAddresses":    textsInto(&u.proxyAddresses),
		"userPrincipalName": textInto(&u.userPrincipalName),
		"userType":          textInto(&u.userType),
		"creationType":      textInto(&u.creationType),
		"externalUserState": textInto(&u.externalUserState),
		"accountEnabled":    boolInto(&u.accountEnabled),
	}
}

// userPage is the first page of an answer with users.
type userPage struct {
	read
	users    []*user // nil if the answer has no list; one of them is nil if the list has a gap
	nextLink string  // "" if there are no more
}

func (p *userPage) GetFieldDeserializers() readers {
	return readers{
		"@odata.nextLink": textInto(&p.nextLink),
		"value": func(node serialization.ParseNode) error {
			objects, err := node.GetCollectionOfObjectValues(newUser)
			if err != nil || objects == nil {
				return err
			}
			p.users = make([]*user, len(objects))
			for i, object := range objects {
				p.users[i], _ = object.(*user)
			}
			return nil
		},
	}
}

// group is a group of the tenant.
type group struct {
	read
	id                    string
	displayName           string
	groupTypes            []string
	securityEnabled       *bool // nil if the answer leaves it out, as the ones below
	mailEnabled           *bool
	isAssignableToRole    *bool
	onPremisesSyncEnabled *bool
}

func (g *group) GetFieldDeserializers() readers {
	return readers{
		"id":                    textInto(&g.id),
		"displayName":           textInto(&g.displayName),
		"groupTypes":            textsInto(&g.groupTypes),
		"securityEnabled":       boolInto(&g.securityEnabled),
		"mailEnabled":           boolInto(&g.mailEnabled),
		"isAssignableToRole":    boolInto(&g.isAssignableToRole),
		"onPremisesSyncEnabled": boolInto(&g.onPremisesSyncEnabled),
	}
}

// textInto reads a text; null leaves the field empty.
func textInto(field *string) func(serialization.ParseNode) error {
	return func(node serialization.ParseNode) error {
		text, err := node.GetStringValue()
		if err == nil && text != nil {
			*field = *text
		}
		return err
	}
}

// boolInto reads true or false; null leaves the field nil.
func boolInto(field **bool) func(serialization.ParseNode) error {
	return func(node serialization.ParseNode) error {
		var err error
		*field, err = node.GetBoolValue()
		return err
	}
}

// textsInto reads a list of texts; null is an empty one, and a null in it is left out.
func textsInto(field *[]string) func(serialization.ParseNode) error {
	return func(node serialization.ParseNode) error {
		values, err := node.GetCollectionOfPrimitiveValues("string")
		if err != nil {
			return err
		}
		for _, value := range values {
			text, isText := value.(*string)
			if isText && text != nil {
				*field = append(*field, *text)
			}
		}
		return nil
	}
}
