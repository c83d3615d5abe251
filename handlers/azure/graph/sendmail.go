package graph

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"guestlist/handlers/azure/identity"
	"guestlist/handlers/azure/internal/mailing"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// A Mailer sends mails from one mailbox of the tenant. It may be used by several goroutines at
// once.
//
// Graph takes a mail as JSON or as MIME. As MIME it has a text and an HTML part, and any header
// line, but Graph then always keeps a copy in Sent Items: only JSON has saveToSentItems. Codes and
// redeem links must not lie in a mailbox that others may read, so this is JSON. The price: the mail
// has the HTML alone, from which Exchange makes a text part on its way out; header lines must begin
// with X-, so there is no Auto-Submitted; and Exchange chooses the Message-ID.
//
// Graph can't be asked about a mail, and may have sent one although it answered 504.
type Mailer struct {
	client  *Client
	mailbox string
}

var _ request.Mailer = (*Mailer)(nil)

// NewMailer returns a mailer for the mailbox, which is an address or an object id. The app needs
// the Exchange role Application Mail.Send for that mailbox; Graph's permission Mail.Send would be
// for every mailbox of the tenant.
func NewMailer(client *Client, mailbox string) (*Mailer, error) {
	_, isID := policy.ParseGUID(mailbox)
	if !isID && !mailing.IsAddress(mailbox) {
		return nil, errors.New("graph: the mailbox that mails come from is neither an address nor an object id")
	}
	return &Mailer{client, mailbox}, nil
}

// SendMail implements [request.Mailer]. The id leaves no trace at Graph.
func (m *Mailer) SendMail(ctx context.Context, id request.MailID, mail request.Mail) error {
	const doing = "sending a mail"
	mail, err := mailing.Check(id, mail)
	if err != nil {
		return err
	}
	body := sendMailBody{Message: outgoingMail{
		Subject: mail.Subject,
		Body:    itemBody{Type: "HTML", Content: mail.HTML},
		To:      recipients(mail.To.String()),
		Headers: []mailHeader{{mailing.AutoResponseSuppress, mailing.AllResponses}},
	}}
	if strings.TrimSpace(mail.HTML) == "" {
		body.Message.Body = itemBody{Type: "Text", Content: mail.Text}
	}
	if mail.ReplyTo != "" {
		body.Message.ReplyTo = recipients(mail.ReplyTo)
	}
	call, err := newPost(doing, "/users/{mailbox}/sendMail", map[string]string{"mailbox": m.mailbox}, body)
	if err != nil {
		return problem.New(request.MailRefused, "%s: it can't be encoded", doing)
	}
	ctx, cancel := context.WithTimeout(ctx, m.client.timeout)
	defer cancel()
	sending := &exchange{want: []int{http.StatusAccepted}, means: operation{}.code, bare: true}
	err = guarded(context.WithValue(ctx, exchangeKey{}, sending), func(ctx context.Context) error {
		return m.client.adapter.SendNoContent(ctx, call, nil)
	})
	var answer *answerError
	var token *identity.TokenError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answer):
		return answer.mailProblem(doing)
	case errors.Is(err, errUnsafe), errors.Is(err, errPanicked):
		return problem.New(request.MailUnavailable, "%s: %w", doing, err)
	case errors.As(err, &token):
		err = token // the SDK's error around it is not needed
	}
	return mailing.Unanswered(ctx, err, doing, m.client.timeout)
}

// MailStatus implements [request.Mailer]: Graph can't be asked.
func (m *Mailer) MailStatus(context.Context, request.MailID) (request.MailStatus, error) {
	return request.MailStatus{State: request.MailUntold}, nil
}

// mailProblem returns the error for an answer to a mail that is not a success. Exchange quotes
// recipients in its words, so they are not repeated.
func (e *answerError) mailProblem(doing string) error {
	code := e.mailCode()
	advice := ""
	if code == request.MailForbidden {
		advice = "does the app's identity have the Exchange role Application Mail.Send for the mailbox?"
	}
	said := mailing.Answer{
		Status: e.status, Code: e.code, RequestID: e.requestID, RetryAfter: e.retryAfter,
	}
	return said.Error(code, doing, advice)
}

// mailCode returns what an answer to a mail means. Exchange's codes are those of Exchange Web
// Services:
// https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode
func (e *answerError) mailCode() problem.Code {
	code := strings.ToLower(e.code)
	switch {
	case e.status == http.StatusTooManyRequests:
		return request.MailThrottled
	case e.status == http.StatusUnauthorized:
		return request.MailForbidden
	case e.fault != "" || e.code == "" || e.status < 400 || e.status >= 500:
		return request.MailUnavailable
	case code == "errorexceededmessagelimit":
		return request.MailThrottled
	case e.status == http.StatusForbidden, e.status == http.StatusNotFound:
		return request.MailForbidden // for a mailbox that does not exist, 404
	case code == "errorinvaliduser", strings.Contains(code, "sendas"), strings.Contains(code, "mailbox"):
		return request.MailForbidden
	case e.status == http.StatusBadRequest, e.status == http.StatusRequestEntityTooLarge:
		return request.MailRefused
	}
	return request.MailUnavailable
}
