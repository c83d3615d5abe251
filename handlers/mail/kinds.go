package mail

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/i18n"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Code proves the mailbox: who types it at the status page has read the mail.
type Code struct {
	Code         string    // see [submission.ValidProofCode]
	Until        time.Time // when it ends to be valid
	Asked        time.Time // when the form was sent
	FormLanguage string    // BCP 47
}

// Code writes the mail with a code. The code stands in the body alone, in no URL: a program that
// follows links proves nothing.
func (c *Composer) Code(to Recipient, code Code) (request.Mail, error) {
	if !submission.ValidProofCode(code.Code) {
		return request.Mail{}, errors.New("mail: the code is not eight digits")
	}
	l, err := c.letter(to, "mail.code")
	if err != nil {
		return request.Mail{}, err
	}
	asked := details{{Label: l.Say("mail.code.asked"), Value: l.moment(code.Asked)}}
	form, known := l.formLanguage(code.FormLanguage)
	if known {
		asked = append(asked, detail{l.Say("mail.code.form"), form.Name, direction(form.RightToLeft)})
	}
	const half = submission.ProofCodeLength / 2
	l.add(
		block{Text: l.Say("mail.code.lead")},
		block{Label: l.Say("mail.code.label"), Code: code.Code[:half] + " " + code.Code[half:]},
		block{Text: l.With("mail.code.until", "Until", l.moment(code.Until))},
		block{Link: link{Text: l.Say("mail.page"), URL: l.page()}, Button: true},
		block{Text: l.Say("mail.code.nothing")},
		block{Details: asked},
	)
	l.end("mail.notMe")
	return l.mail()
}

// formLanguage returns the language of the pages that a form in the language was shown in.
func (l *letter) formLanguage(text string) (form i18n.Language, known bool) {
	tag, valid := parseLanguage(text)
	if !valid {
		return i18n.Language{}, false
	}
	return l.Composer.texts.Best(tag)
}

// Invitation tells a guest that access is ready. Its words also hold where the tenant redeems
// invitations by itself and nothing is left to accept.
type Invitation struct {
	RedeemURL string // as Graph gave it; https, or http on this machine
	// Message is the policy row's, as it stands there: a text, or texts by language; see
	// [policy.ParseMessage].
	Message string
	// RedirectURL is where the guest arrives. The mail shows its host; empty or invalid, nothing.
	RedirectURL string
}

// Invitation writes the mail with the redeem URL, which stands nowhere but in the body.
func (c *Composer) Invitation(to Recipient, invitation Invitation) (request.Mail, error) {
	l, err := c.letter(to, "mail.invitation")
	if err != nil {
		return request.Mail{}, err
	}
	l.add(block{Text: l.Say("mail.invitation.lead")})
	l.quote("mail.invitation.message", invitation.Message)
	err = l.access(invitation.RedeemURL, invitation.RedirectURL)
	if err != nil {
		return request.Mail{}, err
	}
	l.end("mail.stop")
	return l.mail()
}

// Reminder tells a guest that an invitation has not been used.
type Reminder struct {
	RedeemURL   string    // as for Invitation
	RedirectURL string    // as for Invitation
	Invited     time.Time // when the invitation was sent
	Last        bool      // whether no further reminder follows
}

// Reminder writes a reminder of an invitation that has not been redeemed.
func (c *Composer) Reminder(to Recipient, reminder Reminder) (request.Mail, error) {
	l, err := c.letter(to, "mail.reminder")
	if err != nil {
		return request.Mail{}, err
	}
	l.add(block{Text: l.With("mail.reminder.lead", "At", l.date(reminder.Invited))})
	err = l.access(reminder.RedeemURL, reminder.RedirectURL)
	if err != nil {
		return request.Mail{}, err
	}
	idle := l.Say("mail.reminder.idle")
	if reminder.Last {
		idle += l.space() + l.Say("mail.reminder.last")
	}
	l.add(block{Text: idle})
	l.end("mail.stop")
	return l.mail()
}

// access writes the button with the redeem URL, and what belongs to it.
func (l *letter) access(redeemURL, redirectURL string) error {
	redeem, valid := webAddress(redeemURL)
	if !valid {
		return errors.New("mail: the redeem URL is not https, or too long")
	}
	where := details{{Label: l.Say("mail.invitation.address"), Value: l.to.Address.String(), Direction: leftToRight}}
	if host := hostOf(redirectURL); host != "" {
		where = append(where, detail{Label: l.Say("mail.invitation.leads"), Value: host, Direction: leftToRight})
	}
	l.add(
		block{Link: link{Text: l.Say("mail.invitation.open"), URL: redeem}, Button: true},
		block{Text: l.Say("mail.invitation.account")},
		block{Details: where},
		block{Text: l.Say("mail.invitation.yours")},
	)
	return nil
}

// end offers to end the request, and with it all mails about it. The keys of its texts begin with
// name.
func (l *letter) end(name string) {
	l.add(block{
		Quiet: true, Heading: l.Say(name + ".title"), Text: l.Say(name + ".text"),
		Link: link{Text: l.Say(name + ".link"), URL: l.page() + withdrawal},
	})
}

// Denial tells a partner that there will be no invitation.
type Denial struct {
	// Reason is what may be told of why: a text, or texts by language; see [policy.ParseMessage].
	// Empty for none.
	Reason string
}

// Denial writes the mail about a request that was denied.
func (c *Composer) Denial(to Recipient, denial Denial) (request.Mail, error) {
	l, err := c.letter(to, "mail.decision")
	if err != nil {
		return request.Mail{}, err
	}
	l.add(block{Text: l.Say("mail.decision.lead")})
	l.quote("mail.decision.reason", denial.Reason)
	l.add(
		block{Text: l.Say("next.refused")},
		block{Link: link{Text: l.Say("mail.page"), URL: l.page()}},
	)
	return l.mail()
}

// quote writes a text of the organisation in the language of the mail, if there is one.
func (l *letter) quote(heading, text string) {
	message, err := policy.ParseMessage(text)
	if err != nil {
		message = policy.Message{"": text} // rows are checked where they are read; here nothing is lost
	}
	paragraphs := lines(message.In(l.Tag))
	if len(paragraphs) > 0 {
		l.add(block{Heading: l.Say(heading), Quote: paragraphs})
	}
}

// space returns what separates two sentences in the language.
func (l *letter) space() string {
	switch l.Tag {
	case "ja", "zh-Hans":
		return ""
	}
	return " "
}

// date returns the day of a time, in UTC.
func (l *letter) date(t time.Time) string {
	year, month, day := t.UTC().Date()
	name := strconv.Itoa(int(month))
	if months := strings.Fields(l.Say("mail.months")); len(months) == 12 {
		name = months[month-1]
	}
	return l.With("mail.date", "Day", strconv.Itoa(day), "Month", name, "Year", strconv.Itoa(year))
}

// moment returns a time to the minute, with its zone, which is UTC.
func (l *letter) moment(t time.Time) string {
	return l.With("mail.moment", "Date", l.date(t), "Time", t.UTC().Format("15:04"))
}
