package acssim

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// message is the body of POST /emails:send: EmailMessage of the specification. A pointer is nil
// where a property is missing.
type message struct {
	Headers     map[string]string `json:"headers"`
	Sender      *string           `json:"senderAddress"`
	Content     *content          `json:"content"`
	Recipients  *recipients       `json:"recipients"`
	Attachments []struct {
		Name        *string `json:"name"`
		ContentType *string `json:"contentType"`
		Content     *string `json:"contentInBase64"`
	} `json:"attachments"`
	ReplyTo          []address `json:"replyTo"`
	TrackingDisabled bool      `json:"userEngagementTrackingDisabled"`
}

type content struct {
	Subject   *string `json:"subject"`
	PlainText string  `json:"plainText"`
	HTML      string  `json:"html"`
}

type recipients struct {
	To  []address `json:"to"`
	Cc  []address `json:"cc"`
	Bcc []address `json:"bcc"`
}

type address struct {
	Address     *string `json:"address"`
	DisplayName string  `json:"displayName"`
}

const (
	maxRecipients = 50
	retryAfter    = "20" // as in the examples of the specification
)

// send serves POST /emails:send. The caller holds s.mu.
func (s *Server) send(c *call) reply {
	id := cmp.Or(c.Header.Get("Operation-Id"), uuid.NewString())
	clientID := c.Header.Get("x-ms-client-request-id")
	var m message
	switch {
	case !isUUID(id):
		return refuse(http.StatusBadRequest, "InvalidOperationId", "The Operation-Id '"+id+"' is not a UUID.")
	case clientID != "" && !isUUID(clientID):
		return refuse(http.StatusBadRequest, "InvalidClientRequestId", "The x-ms-client-request-id is not a UUID.")
	case !isJSON(c.Header.Get("Content-Type")):
		return refuse(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "The body must be application/json.")
	case c.tooLarge:
		return refuse(http.StatusRequestEntityTooLarge, "RequestTooLarge", "The request is larger than 10 MB.")
	}
	err := decodeStrict(c.body, &m)
	if err != nil {
		return refuse(http.StatusBadRequest, "BadRequest", "The request body is not valid: "+err.Error())
	}
	fault := m.fault()
	if fault != "" {
		return refuse(http.StatusBadRequest, "BadRequest", fault)
	}
	for _, a := range m.addresses() {
		if a.Address == nil || !isAddress(*a.Address) {
			// The service quotes the address, and so does the stand-in: a program that logs these
			// messages logs addresses.
			return refuse(http.StatusBadRequest, "InvalidEmailAddress", "Invalid format for email address: "+text(a.Address))
		}
	}
	if out, refused := s.refuseSender(*m.Sender); refused {
		return out
	}
	messageID, valid := m.messageID()
	if !valid && strings.EqualFold(c.Header.Get("x-ms-acsemail-validate-message-id"), "true") {
		return refuse(http.StatusBadRequest, "InvalidMessageId", "The Message-ID is not valid.")
	}
	if !valid {
		messageID = "<" + uuid.NewString() + "@stand-in.azurecomm.net>"
	}
	return s.take(c, strings.ToLower(id), &m, messageID)
}

// take takes a mail that can be sent, and answers.
func (s *Server) take(c *call, id string, m *message, messageID string) reply {
	if c.fault.Trouble == OtherID {
		id = uuid.NewString()
	}
	taken, known := s.operations[id]
	switch {
	case known && s.config.SecondSend == Refuses:
		return refuse(http.StatusBadRequest, "BadRequest", "The Operation-Id was used before.")
	case known && s.config.SecondSend == Remembers:
	case known:
		s.deliver(taken, c.fault)
	default:
		taken = m.mail(id, messageID)
		taken.At, taken.Number = s.config.Now().UTC(), len(s.mails)+1
		s.mails = append(s.mails, taken)
		s.operations[id] = taken
		s.deliver(taken, c.fault)
	}
	scheme := "http://"
	if c.TLS != nil {
		scheme = "https://"
	}
	return reply{
		status: http.StatusAccepted,
		header: map[string]string{
			"Operation-Location": scheme + c.Host + "/emails/operations/" + id + "?" + c.URL.RawQuery,
			"Retry-After":        retryAfter,
		},
		body: map[string]any{"id": id, "status": Running, "error": nil},
	}
}

// fault returns what is wrong with the message, addresses and sender apart, or "".
func (m *message) fault() string {
	switch {
	case m.Sender == nil || *m.Sender == "":
		return "The SenderAddress field is required."
	case m.Content == nil || m.Content.Subject == nil || *m.Content.Subject == "":
		return "The Subject field is required."
	case m.Content.PlainText == "" && m.Content.HTML == "":
		return "One of the fields PlainText and Html is required."
	case m.Recipients == nil || len(m.Recipients.To) == 0:
		return "The To field is required."
	case len(m.Recipients.To)+len(m.Recipients.Cc)+len(m.Recipients.Bcc) > maxRecipients:
		return fmt.Sprintf("There are more than %d recipients.", maxRecipients)
	}
	var names []string
	for name, value := range m.Headers {
		names = append(names, textproto.CanonicalMIMEHeaderKey(name))
		switch {
		case !headerName(name):
			return "The header name '" + name + "' is not valid."
		case value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return "The value of the header '" + name + "' is not valid."
		case slices.ContainsFunc(ownHeaders, func(own string) bool { return strings.EqualFold(own, name) }):
			return "The header '" + name + "' can't be set."
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(m.Headers) {
		return "A header is given twice."
	}
	for _, a := range m.Attachments {
		if a.Name == nil || a.ContentType == nil || a.Content == nil || *a.Name == "" || *a.ContentType == "" {
			return "An attachment needs the fields Name, ContentType and ContentInBase64."
		}
		_, err := base64.StdEncoding.DecodeString(*a.Content)
		if err != nil {
			return "The content of an attachment is not base64."
		}
	}
	return ""
}

// headerName is what the name of a header line can be (RFC 5322, section 3.6.8).
var headerName = regexp.MustCompile(`^[!-9;-~]+$`).MatchString

// ownHeaders are the header lines that the service writes itself.
var ownHeaders = []string{
	"From", "Sender", "To", "Cc", "Bcc", "Reply-To", "Subject", "Date", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", "Return-Path", "Received", "DKIM-Signature",
}

// addresses returns every address of the message except the sender's.
func (m *message) addresses() []address {
	return slices.Concat(m.Recipients.To, m.Recipients.Cc, m.Recipients.Bcc, m.ReplyTo)
}

// refuseSender returns the refusal of a sender that is not one of the resource's.
func (s *Server) refuseSender(sender string) (reply, bool) {
	_, domain, _ := strings.Cut(sender, "@")
	linked := len(s.config.Senders) == 0
	for _, known := range s.config.Senders {
		_, knownDomain, _ := strings.Cut(known, "@")
		linked = linked || strings.EqualFold(knownDomain, domain)
		if strings.EqualFold(known, sender) {
			return reply{}, false
		}
	}
	switch {
	case !isAddress(sender):
		return refuse(http.StatusBadRequest, "InvalidEmailAddress", "Invalid format for email address: "+sender), true
	case !linked:
		return refuse(http.StatusNotFound, "DomainNotLinked", "The specified sender domain has not been linked."), true
	case len(s.config.Senders) > 0:
		return refuse(http.StatusBadRequest, "InvalidSenderUserName", "Invalid email sender username '"+sender+"'."), true
	}
	return reply{}, false
}

// messageIDForm is a Message-ID of RFC 5322, section 3.6.4, without its obsolete forms.
var messageIDForm = regexp.MustCompile("^<[0-9A-Za-z!#$%&'*+/=?^_`{|}~.-]+@[0-9A-Za-z.-]+>$")

// messageID returns the Message-ID that the message has, and whether it can be used.
func (m *message) messageID() (id string, valid bool) {
	for name, value := range m.Headers {
		if strings.EqualFold(name, "Message-ID") {
			return value, messageIDForm.MatchString(value)
		}
	}
	return "", false
}

// isAddress reports whether text is an address of ASCII characters and nothing else.
func isAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	_, domain, _ := strings.Cut(text, "@")
	return err == nil && parsed.Address == text && parsed.Name == "" && strings.Contains(domain, ".") &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

// A suppression is how long mails to an address are dropped.
type suppression struct {
	until time.Time
	step  int
}

// suppressionSteps are how long an address is left alone: each further mail to it makes that
// longer. See "sender-reputation-managed-suppression-list" in
// https://learn.microsoft.com/azure/communication-services/concepts/email/
var suppressionSteps = []time.Duration{
	24 * time.Hour, 48 * time.Hour, 96 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour,
}

// Suppress drops mails to the addresses for 24 hours from now on, and longer with each mail.
func (s *Server) Suppress(addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range addresses {
		s.suppressed[strings.ToLower(a)] = suppression{until: s.config.Now().Add(suppressionSteps[0])}
	}
}

// Bounce makes the addresses ones that do not exist: the next mail to each is handed over and
// comes back, and the address is suppressed from then on.
func (s *Server) Bounce(addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range addresses {
		s.bouncing[strings.ToLower(a)] = true
	}
}

// deliver decides what becomes of a mail that was taken, for the first time or again.
func (s *Server) deliver(m *Mail, fault Fault) {
	now := s.config.Now()
	dropped := 0
	everybody := slices.Concat(m.To, m.Cc, m.Bcc)
	for _, recipient := range everybody {
		recipient = strings.ToLower(recipient)
		held, found := s.suppressed[recipient]
		switch {
		case found && now.Before(held.until):
			dropped++
			held.step = min(held.step+1, len(suppressionSteps)-1)
			held.until = now.Add(suppressionSteps[held.step])
			s.suppressed[recipient] = held
		case s.bouncing[recipient]:
			s.suppressed[recipient] = suppression{until: now.Add(suppressionSteps[0])}
		}
	}
	switch {
	case dropped == len(everybody):
		m.Status, m.Code = Failed, "EmailDroppedAllRecipientsSuppressed"
		return
	case fault.Trouble == Fails:
		m.Status, m.Code = Failed, cmp.Or(fault.Code, "EmailDropped")
		return
	}
	m.Status, m.Code = Succeeded, ""
	m.Deliveries++
	if fault.Trouble == Twice {
		m.Deliveries++
	}
}
