package graphsim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/graphsim"
)

const (
	sendMailPath = "/v1.0/users/guests@fabrikam.example/sendMail"
	goodMail     = `{"message": {"subject": "Your code", "body": {"contentType": "HTML", "content": "<p>1234"},
		"toRecipients": [{"emailAddress": {"address": "ana@contoso.com"}}],
		"replyTo": [{"emailAddress": {"address": "desk@fabrikam.example", "name": "Desk"}}],
		"internetMessageHeaders": [{"name": "X-Auto-Response-Suppress", "value": "All"}]}, "saveToSentItems": false}`
)

func TestMailIsSentFromMailbox(t *testing.T) {
	n := newTenant(t, nil)
	a := n.send(http.MethodPost, sendMailPath, goodMail)
	if a.status != http.StatusAccepted || a.body != "" {
		t.Fatalf("%+v", a)
	}
	want := []graphsim.Mail{{
		At: "2026-05-04T09:00:00Z", Mailbox: "guests@fabrikam.example", To: []string{"ana@contoso.com"}, Cc: []string{}, Bcc: []string{},
		ReplyTo: []string{"desk@fabrikam.example"}, Subject: "Your code", ContentType: "HTML", Content: "<p>1234",
		Headers: map[string]string{"X-Auto-Response-Suppress": "All"},
	}}
	if diff := cmp.Diff(want, n.Mails()); diff != "" {
		t.Errorf("mails differ (-want +got):\n%s", diff)
	}
	a = n.send(http.MethodPost, sendMailPath, strings.Replace(goodMail, `, "saveToSentItems": false`, "", 1))
	if a.status != http.StatusAccepted || !n.Mails()[1].InSentItems {
		t.Errorf("%+v, %+v; Graph keeps a copy unless told not to", a, n.Mails())
	}
}

func TestMailIsHeldToGraphsRules(t *testing.T) {
	n := newTenant(t, func(c *graphsim.Config) {
		c.Mailboxes = []string{"guests@fabrikam.example", "other@fabrikam.example"}
		c.ForeignMailboxes = []string{"Other@fabrikam.example"}
	})
	change := func(old, replaced string) string {
		if !strings.Contains(goodMail, old) {
			t.Fatalf("the mail has no %s", old)
		}
		return strings.Replace(goodMail, old, replaced, 1)
	}
	header := `{"name": "X-A", "value": "b"}`
	tests := map[string]struct {
		path, body string
		status     int
		code       string
	}{
		"no message":           {sendMailPath, `{}`, 400, "ErrorInvalidArgument"},
		"no recipient":         {sendMailPath, change(`[{"emailAddress": {"address": "ana@contoso.com"}}]`, "[]"), 400, "ErrorInvalidRecipients"},
		"a bad recipient":      {sendMailPath, change("ana@contoso.com", "ana@contoso.com,"), 400, "ErrorInvalidRecipients"},
		"an unknown kind":      {sendMailPath, change(`"HTML"`, `"Markdown"`), 400, "RequestBodyRead"},
		"an unknown property":  {sendMailPath, change(`"subject"`, `"text": "x", "subject"`), 400, "BadRequest"},
		"a header of the mail": {sendMailPath, change("X-Auto-Response-Suppress", "Auto-Submitted"), 400, "InvalidInternetMessageHeader"},
		"an empty header":      {sendMailPath, change(`"All"`, `""`), 400, "InvalidInternetMessageHeader"},
		"six headers": {
			sendMailPath, change(`[{"name"`, "["+strings.Repeat(header+",", 5)+`{"name"`), 400, "InvalidInternetMessageHeaderCollection",
		},
		"a text for a boolean": {sendMailPath, change(`"saveToSentItems": false`, `"saveToSentItems": "no"`), 400, "BadRequest"},
		"an unknown mailbox":   {"/v1.0/users/nobody@fabrikam.example/sendMail", goodMail, 404, "ErrorInvalidUser"},
		"another's mailbox":    {"/v1.0/users/other@fabrikam.example/sendMail", goodMail, 403, "ErrorAccessDenied"},
		"a query":              {sendMailPath + "?x=y", goodMail, 400, "BadRequest"},
	}
	for name, test := range tests {
		a := n.send(http.MethodPost, test.path, test.body)
		if a.status != test.status || a.code() != test.code {
			t.Errorf("%s: %+v", name, a)
		}
	}
	err := n.Deny("Mail.Send")
	if err != nil {
		t.Fatal(err)
	}
	a := n.send(http.MethodPost, sendMailPath, goodMail)
	if a.status != http.StatusForbidden || a.code() != "ErrorAccessDenied" || len(n.Mails()) != 0 {
		t.Errorf("without the permission: %+v", a)
	}
}
