package mail

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"guestlist/handlers/branding"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Kinds returns the kinds of mails that a composer writes.
func Kinds() []request.MailKind {
	kinds := []request.MailKind{request.CodeMail, request.InvitationMail, request.ReminderMail, request.DecisionMail}
	for _, kind := range append(request.NoticeKinds(), request.DigestNotice) {
		kinds = append(kinds, kind.Mail())
	}
	return kinds
}

// What samples are about. No person has the address, and no deployment the page.
const (
	SampleOrigin  = "https://join.contoso.com"
	sampleReviews = "https://reviews.contoso.com/reviews"
	sampleAddress = "ana@fabrikam.com"
	sampleRequest = "01kvijsrstcbp297i3smtqoia4tm5i2bc197hl60teg7t06b"
	sampleRedeem  = "https://login.microsoftonline.com/redeem?rd=https%3a%2f%2finvitations.microsoft.com%2fredeem%2f%3ftenant%3d" +
		"00000000-0000-0000-0000-000000000000%26user%3d00000000-0000-0000-0000-000000000000%26ticket%3dSAMPLE%26ver%3d2.0"
	sampleTarget = "https://portal.contoso.com/welcome"
	sampleCode   = "27182818"
	sampleRow    = "partners of the harbour project"
)

// sampleTime is when the form of the samples was sent.
var sampleTime = time.Date(2026, time.November, 30, 14, 5, 0, 0, time.UTC)

//go:embed sample.json
var sampleFile []byte

// samples has the texts that the organisation writes, by language.
var samples = sync.OnceValues(func() (texts struct{ Message, Reason json.RawMessage }, err error) {
	err = json.Unmarshal(sampleFile, &texts)
	return texts, err
})

// SampleStyle returns the style of the organisation in samples.
func SampleStyle() branding.Style {
	return branding.Style{
		Organisation: "Contoso",
		Accent:       branding.Accent{Light: branding.Colour{R: 0x17, G: 0x56, B: 0x7f}, Dark: branding.Colour{R: 0x65, G: 0xb2, B: 0xe3}},
		Contact:      branding.Contact{Name: "partners@contoso.com", URL: "mailto:partners@contoso.com"},
		PrivacyURL:   "https://www.contoso.com/privacy",
	}
}

// Sample writes a mail of the kind with invented data, in a language of the pages.
func (c *Composer) Sample(kind request.MailKind, language string) (request.Mail, error) {
	texts, err := samples()
	if err != nil {
		return request.Mail{}, fmt.Errorf("mail: reading the samples: %w", err)
	}
	address, err := submission.ParseAddress(sampleAddress)
	if err != nil {
		return request.Mail{}, fmt.Errorf("mail: the address of the samples: %w", err)
	}
	to := Recipient{Address: address, Request: sampleRequest, Languages: []string{language}}
	switch kind {
	case request.CodeMail:
		return c.Code(to, Code{Code: sampleCode, Asked: sampleTime, Until: sampleTime.Add(24 * time.Hour), FormLanguage: language})
	case request.InvitationMail:
		return c.Invitation(to, Invitation{RedeemURL: sampleRedeem, Message: string(texts.Message), RedirectURL: sampleTarget})
	case request.ReminderMail:
		return c.Reminder(to, Reminder{RedeemURL: sampleRedeem, RedirectURL: sampleTarget, Invited: sampleTime, Last: true})
	case request.DecisionMail:
		return c.Denial(to, Denial{Reason: string(texts.Reason)})
	case request.DigestNotice.Mail():
		return c.Digest(to, Digest{Waiting: 4, Over: 2, Link: sampleReviews})
	}
	for _, notice := range request.NoticeKinds() {
		if notice.Mail() == kind {
			return c.Notice(to, sampleNotice(notice, address))
		}
	}
	return request.Mail{}, fmt.Errorf("mail: there is no mail of the kind %q", kind)
}

// sampleNotice returns a notice about the second stage of a request that waits.
func sampleNotice(kind request.NoticeKind, partner submission.Address) Notice {
	notice := Notice{
		Kind: kind, Number: submission.ID(sampleRequest).Reference(), Row: sampleRow, Domain: partner.Domain(),
		Stage: 2, Stages: 2, Now: sampleTime, Link: sampleReviews + "/" + sampleRequest,
	}
	if kind.Waits() {
		notice.Deadline = sampleTime.Add(3*24*time.Hour + time.Hour)
	}
	if kind == request.LastDayNotice {
		notice.Deadline = sampleTime.Add(24 * time.Hour)
	}
	return notice
}
