package simulation

import (
	"errors"
	"strings"
	"time"

	"guestlist/handlers/mail"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// letters writes mails that say only what the laws read in them. It implements [workflow.Letters].
type letters struct{}

// A letter is what the laws read in a mail.
type letter struct {
	kind    request.MailKind
	request submission.ID
	secret  string    // the code, or the redeem URL
	until   time.Time // when the code ends to be valid
}

// write returns the mail.
func (l letter) write(to mail.Recipient) (request.Mail, error) {
	lines := []string{string(to.Request), l.secret, l.until.Format(time.RFC3339Nano)}
	return request.Mail{To: to.Address, Subject: string(l.kind), Text: strings.Join(lines, "\n")}, nil
}

// read returns what is in a mail that was written by letters.
func read(m request.Mail) letter {
	lines := strings.Split(m.Text, "\n")
	until, err := time.Parse(time.RFC3339Nano, lines[2])
	if err != nil {
		panic(err) // unreachable: letters has written it
	}
	return letter{request.MailKind(m.Subject), submission.ID(lines[0]), lines[1], until}
}

// Code implements [workflow.Letters].
func (letters) Code(to mail.Recipient, code mail.Code) (request.Mail, error) {
	return letter{kind: request.CodeMail, secret: code.Code, until: code.Until}.write(to)
}

// Invitation implements [workflow.Letters].
func (letters) Invitation(to mail.Recipient, invitation mail.Invitation) (request.Mail, error) {
	if invitation.RedeemURL == "" {
		return request.Mail{}, errors.New("an invitation without a redeem URL")
	}
	return letter{kind: request.InvitationMail, secret: invitation.RedeemURL}.write(to)
}

// Reminder implements [workflow.Letters].
func (letters) Reminder(to mail.Recipient, reminder mail.Reminder) (request.Mail, error) {
	if reminder.RedeemURL == "" {
		return request.Mail{}, errors.New("a reminder without a redeem URL")
	}
	return letter{kind: request.ReminderMail, secret: reminder.RedeemURL}.write(to)
}

// Denial implements [workflow.Letters].
func (letters) Denial(to mail.Recipient, _ mail.Denial) (request.Mail, error) {
	return letter{kind: request.DecisionMail}.write(to)
}

// Notice implements [workflow.Letters].
func (letters) Notice(to mail.Recipient, notice mail.Notice) (request.Mail, error) {
	to.Request = submission.ID(notice.Link[strings.LastIndexByte(notice.Link, '/')+1:])
	return letter{kind: notice.Kind.Mail()}.write(to)
}

// Digest implements [workflow.Letters].
func (letters) Digest(to mail.Recipient, _ mail.Digest) (request.Mail, error) {
	return letter{kind: request.DigestNotice.Mail()}.write(to)
}
