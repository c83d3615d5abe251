package graphsim

import (
	"fmt"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// Mail is a mail that the stand-in was told to send.
type Mail struct {
	At          string            `json:"at"` // RFC 3339, UTC
	Mailbox     string            `json:"mailbox"`
	To          []string          `json:"to"`
	Cc          []string          `json:"cc"`
	Bcc         []string          `json:"bcc"`
	ReplyTo     []string          `json:"replyTo"`
	Subject     string            `json:"subject"`
	ContentType string            `json:"contentType"` // "Text" or "HTML"
	Content     string            `json:"content"`
	Headers     map[string]string `json:"headers"`
	// InSentItems says that a copy lies in the mailbox.
	InSentItems bool `json:"inSentItems"`
}

// Mails returns every mail that was sent, oldest first.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.tenant.Mails)
}

// sendMailBody is the body of POST /users/{id}/sendMail, with the writable properties of a message
// that a mail without attachments can have.
type sendMailBody struct {
	Message *struct {
		Type    string  `json:"@odata.type"`
		Subject *string `json:"subject"`
		Body    *struct {
			Type        string  `json:"@odata.type"`
			ContentType string  `json:"contentType"`
			Content     *string `json:"content"`
		} `json:"body"`
		To         []mailRecipient `json:"toRecipients"`
		Cc         []mailRecipient `json:"ccRecipients"`
		Bcc        []mailRecipient `json:"bccRecipients"`
		ReplyTo    []mailRecipient `json:"replyTo"`
		Importance *string         `json:"importance"`
		Headers    []struct {
			Type  string  `json:"@odata.type"`
			Name  *string `json:"name"`
			Value *string `json:"value"`
		} `json:"internetMessageHeaders"`
	} `json:"message"`
	SaveToSentItems *bool `json:"saveToSentItems"`
}

type mailRecipient struct {
	Type         string `json:"@odata.type"`
	EmailAddress struct {
		Type    string  `json:"@odata.type"`
		Name    *string `json:"name"`
		Address *string `json:"address"`
	} `json:"emailAddress"`
}

// maxMailHeaders is how many header lines a message can have of its own:
// https://learn.microsoft.com/answers/questions/762243
const maxMailHeaders = 5

// sendMail serves POST /v1.0/users/{id}/sendMail. It knows the JSON form, not MIME, which Graph
// takes as text/plain.
func (s *Server) sendMail(c *call, mailbox string) reply {
	bad := func(code, message string) reply { return s.refuse(c, http.StatusBadRequest, code, message) }
	known := func(other string) bool { return strings.EqualFold(other, mailbox) }
	switch {
	case c.URL.RawQuery != "":
		return bad("BadRequest", "Query options are not allowed here.")
	case !isGUID(mailbox) && !isMailAddress(mailbox), s.config.Mailboxes != nil && !slices.ContainsFunc(s.config.Mailboxes, known):
		return s.refuse(c, http.StatusNotFound, "ErrorInvalidUser", "The requested user '"+mailbox+"' is invalid.")
	case slices.ContainsFunc(s.config.ForeignMailboxes, known):
		return s.refuse(c, http.StatusForbidden, "ErrorAccessDenied", accessDenied)
	}
	var body sendMailBody
	err := decodeStrict(c.body, &body)
	if err != nil {
		return bad("BadRequest", "The body can't be read as a message: "+err.Error()+".")
	}
	if body.Message == nil {
		return bad("ErrorInvalidArgument", "The parameter Message is required.")
	}
	sent, code, message := body.mail()
	if code != "" {
		return bad(code, message)
	}
	sent.At, sent.Mailbox = s.config.Now().UTC().Format(time.RFC3339), mailbox
	s.tenant.Mails = append(s.tenant.Mails, sent)
	return s.saved(c, reply{status: http.StatusAccepted})
}

// mail returns the mail that the body asks for, or Graph's code and message for what is wrong with
// it. Graph quotes addresses, and so does the stand-in.
func (b *sendMailBody) mail() (sent Mail, code, message string) {
	m := b.Message
	if len(m.To)+len(m.Cc)+len(m.Bcc) == 0 {
		return Mail{}, "ErrorInvalidRecipients", "At least one recipient must be specified."
	}
	for _, r := range slices.Concat(m.To, m.Cc, m.Bcc, m.ReplyTo) {
		if a := valueOr(r.EmailAddress.Address, ""); !isMailAddress(a) {
			return Mail{}, "ErrorInvalidRecipients", "At least one recipient is not valid: '" + a + "'."
		}
	}
	list := func(recipients []mailRecipient) []string {
		addresses := []string{}
		for _, r := range recipients {
			addresses = append(addresses, *r.EmailAddress.Address)
		}
		return addresses
	}
	sent = Mail{
		To: list(m.To), Cc: list(m.Cc), Bcc: list(m.Bcc), ReplyTo: list(m.ReplyTo), Subject: valueOr(m.Subject, ""),
		ContentType: "Text", Headers: map[string]string{}, InSentItems: b.SaveToSentItems == nil || *b.SaveToSentItems,
	}
	if m.Body != nil {
		sent.ContentType, sent.Content = m.Body.ContentType, valueOr(m.Body.Content, "")
	}
	if !slices.Contains([]string{"text", "html"}, strings.ToLower(sent.ContentType)) {
		return Mail{}, "RequestBodyRead", "Requested value '" + sent.ContentType + "' was not found."
	}
	if len(m.Headers) > maxMailHeaders {
		return Mail{}, "InvalidInternetMessageHeaderCollection",
			fmt.Sprintf("Maximum number of headers in one message should be less than or equal to %d.", maxMailHeaders)
	}
	for _, h := range m.Headers {
		name, value := valueOr(h.Name, ""), valueOr(h.Value, "")
		if len(name) < 3 || !strings.EqualFold(name[:2], "x-") {
			return Mail{}, "InvalidInternetMessageHeader",
				"The internet message header name '" + name + "' should start with 'x-' or 'X-'."
		}
		if value == "" || strings.ContainsAny(name+value, "\r\n") {
			return Mail{}, "InvalidInternetMessageHeader", "The value of the header '" + name + "' is not valid."
		}
		sent.Headers[name] = value
	}
	return sent, "", ""
}

// isMailAddress reports whether text is an address and nothing else.
func isMailAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && parsed.Name == "" && !strings.ContainsFunc(text, unsuitable)
}
