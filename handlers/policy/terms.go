package policy

import (
	"bytes"
	"encoding/json"
)

// Terms are the row terms of an invitation: columns of the deciding row, with defaults filled in.
//
// JSON has the property sendInvitation as well: see [Terms.MarshalJSON].
type Terms struct {
	Groups          []string       `json:"groups,omitempty"`          // object ids, lower case, in the row's order, each once
	Sponsors        []string       `json:"sponsors,omitempty"`        // object ids, lower case, at most 5
	RedirectURL     string         `json:"redirectUrl,omitempty"`     // empty: the application's default
	InvitationMail  InvitationMail `json:"invitationMail,omitempty"`  // see Mail
	MessageLanguage string         `json:"messageLanguage,omitempty"` // empty: the submission's language, else Graph's default
	Message         string         `json:"message,omitempty"`         // for the mail; see ParseMessage. Lines end in "\n"
	Cc              string         `json:"cc,omitempty"`              // an address that gets a copy of Microsoft's mail
	UserType        string         `json:"userType"`                  // "Guest" or "Member"
}

// InvitationMail says which mail tells a guest of the invitation.
type InvitationMail string

const (
	MailByDefault    InvitationMail = "" // OwnMail if the app sends mails of its own, else MicrosoftMail
	OwnMail          InvitationMail = "own"
	MicrosoftMail    InvitationMail = "microsoft"
	NoInvitationMail InvitationMail = "none"
)

// Mail returns the mail that an app sends by the terms: OwnMail, MicrosoftMail or
// NoInvitationMail. An app that has no mails of its own sends Microsoft's in their place.
func (t Terms) Mail(ownMails bool) InvitationMail {
	switch t.InvitationMail {
	case MicrosoftMail, NoInvitationMail:
		return t.InvitationMail
	}
	if ownMails {
		return OwnMail
	}
	return MicrosoftMail
}

// plainTerms are Terms without methods.
type plainTerms Terms

// storedTerms are Terms as JSON. A version without InvitationMail knows only SendInvitation:
// whether Microsoft sends its mail.
type storedTerms struct {
	plainTerms
	SendInvitation bool `json:"sendInvitation"`
}

// MarshalJSON writes sendInvitation beside invitationMail, for an older version that reads what
// this one wrote: after a rollback, it sends no mail that a row forbade. It sends none either in
// place of the app's own, which it does not have.
//
// It escapes nothing for HTML. A [json.Encoder] or [json.Marshal] does that where it is asked to.
func (t Terms) MarshalJSON() ([]byte, error) {
	sends := t.InvitationMail == MailByDefault || t.InvitationMail == MicrosoftMail
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(storedTerms{plainTerms(t), sends})
	return text.Bytes(), err
}

// UnmarshalJSON reads terms of this version, and those of an older one, which have no
// invitationMail: without sendInvitation there is no mail. An unknown invitationMail, which a
// newer version wrote, is read in the same way.
func (t *Terms) UnmarshalJSON(data []byte) error {
	var stored storedTerms
	err := json.Unmarshal(data, &stored)
	if err != nil {
		return err
	}
	*t = Terms(stored.plainTerms)
	switch {
	case t.InvitationMail == OwnMail, t.InvitationMail == MicrosoftMail, t.InvitationMail == NoInvitationMail:
	case stored.SendInvitation:
		t.InvitationMail = MailByDefault
	default:
		t.InvitationMail = NoInvitationMail
	}
	return nil
}
