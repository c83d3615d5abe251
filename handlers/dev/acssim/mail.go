package acssim

import (
	"bytes"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// The states of an operation. Canceled and NotStarted are in the specification too; the stand-in
// never has them.
const (
	Running   = "Running"
	Succeeded = "Succeeded"
	Failed    = "Failed"
)

// Mail is a mail that was taken.
type Mail struct {
	Number    int               `json:"number"` // counted from 1
	ID        string            `json:"id"`     // the operation's
	At        time.Time         `json:"at"`
	From      string            `json:"from"`
	To        []string          `json:"to"`
	Cc        []string          `json:"cc"`
	Bcc       []string          `json:"bcc"`
	ReplyTo   []string          `json:"replyTo"`
	Subject   string            `json:"subject"`
	Text      string            `json:"text"`
	HTML      string            `json:"html"`
	Headers   map[string]string `json:"headers"` // those of the request except Message-ID
	MessageID string            `json:"messageId"`
	// Deliveries is how often it was handed over to the recipient's side.
	Deliveries int `json:"deliveries"`
	// Tracked says that its links would have been rewritten, if the domain tracks its mails.
	Tracked bool   `json:"tracked"`
	Status  string `json:"status"` // Succeeded or Failed, which is told after Config.Settling
	Code    string `json:"code"`   // why it has failed
}

// mail returns the message as a mail with that operation id.
func (m *message) mail(id, messageID string) *Mail {
	list := func(addresses []address) []string {
		plain := []string{}
		for _, a := range addresses {
			plain = append(plain, *a.Address)
		}
		return plain
	}
	headers := map[string]string{}
	for name, value := range m.Headers {
		if !strings.EqualFold(name, "Message-ID") {
			headers[name] = value
		}
	}
	return &Mail{
		ID: id, From: *m.Sender, To: list(m.Recipients.To), Cc: list(m.Recipients.Cc), Bcc: list(m.Recipients.Bcc),
		ReplyTo: list(m.ReplyTo), Subject: *m.Content.Subject, Text: m.Content.PlainText, HTML: m.Content.HTML,
		Headers: headers, MessageID: messageID, Tracked: !m.TrackingDisabled,
	}
}

// Mails returns every mail that was taken, oldest first.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	mails := []Mail{}
	for _, m := range s.mails {
		mails = append(mails, *m)
	}
	return mails
}

// ask serves GET /emails/operations/{id}. The caller holds s.mu.
func (s *Server) ask(c *call) reply {
	id := strings.ToLower(c.PathValue("id"))
	m, known := s.operations[id]
	now := s.config.Now()
	if !known || now.Before(m.At.Add(s.config.Unrecorded)) {
		return refuse(http.StatusNotFound, "EmailNotFound", "Requested message could not be located. "+
			"Couldn't find a record with the messageID: "+id)
	}
	settled := m.At.Add(s.config.Settling)
	switch {
	case now.Before(settled):
		return reply{
			status: http.StatusOK,
			header: map[string]string{"Retry-After": seconds(settled.Sub(now))},
			body:   map[string]any{"id": id, "status": Running, "error": nil},
		}
	case m.Status == Failed:
		return reply{status: http.StatusOK, body: map[string]any{"id": id, "status": Failed, "error": map[string]any{
			"code": m.Code, "message": "Message dropped. Recipients: " + strings.Join(m.To, ", "),
		}}}
	}
	return reply{status: http.StatusOK, body: map[string]any{"id": id, "status": m.Status, "error": nil}}
}

// Source returns the mail as it goes over the wire (RFC 5322, MIME).
func (m Mail) Source() []byte {
	var out bytes.Buffer
	line := func(name, value string) { out.WriteString(name + ": " + value + "\r\n") }
	list := func(name string, addresses []string) {
		var quoted []string
		for _, a := range addresses {
			quoted = append(quoted, (&mail.Address{Address: a}).String())
		}
		if len(quoted) > 0 {
			line(name, strings.Join(quoted, ",\r\n "))
		}
	}
	list("From", []string{m.From})
	list("To", m.To)
	list("Cc", m.Cc)
	list("Reply-To", m.ReplyTo)
	line("Subject", subjectLine(m.Subject))
	line("Date", m.At.Format(time.RFC1123Z))
	line("Message-ID", m.MessageID)
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		line(name, m.Headers[name])
	}
	line("MIME-Version", "1.0")
	m.writeContent(&out)
	return out.Bytes()
}

// subjectLine returns the subject as the value of its header line, with encoded words where it is
// not plain ASCII.
func subjectLine(subject string) string {
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", subject), "?= =?", "?=\r\n =?")
}

// writeContent writes the last header lines and the content: one part, or two of which a program
// shows the one that it can.
func (m Mail) writeContent(out *bytes.Buffer) {
	parts := []struct{ kind, content string }{{"text/plain", m.Text}, {"text/html", m.HTML}}
	parts = slices.DeleteFunc(parts, func(p struct{ kind, content string }) bool { return p.content == "" })
	if len(parts) == 1 {
		out.WriteString("Content-Type: " + parts[0].kind + "; charset=utf-8\r\n" +
			"Content-Transfer-Encoding: quoted-printable\r\n\r\n")
		writeQuoted(quotedprintable.NewWriter(out), parts[0].content)
		return
	}
	writer := multipart.NewWriter(out)
	// A line with "=_" can't be in quoted-printable content.
	must(writer.SetBoundary("=_" + m.ID))
	out.WriteString("Content-Type: multipart/alternative; boundary=\"" + writer.Boundary() + "\"\r\n\r\n")
	for _, p := range parts {
		part, err := writer.CreatePart(textproto.MIMEHeader{
			"Content-Type": {p.kind + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
		})
		must(err)
		writeQuoted(quotedprintable.NewWriter(part), p.content)
	}
	must(writer.Close())
}

func writeQuoted(writer *quotedprintable.Writer, content string) {
	_, err := writer.Write([]byte(content))
	must(err)
	must(writer.Close())
}

// must panics on an error of a writer to memory, which has none.
func must(err error) {
	if err != nil {
		panic("acssim: writing a mail: " + err.Error())
	}
}
