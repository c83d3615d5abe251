package mail

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/language"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// statusPath is the path below which the status pages are; see site.PathOf, which a test compares.
const statusPath = "/signup/"

// withdrawal is the fragment of the part of a status page where a sign-up is withdrawn; see
// status.Withdrawal, which a test compares.
const withdrawal = "#withdraw"

// Composer writes the mails of one organisation. It is safe for concurrent use.
type Composer struct {
	organisation string
	accent       branding.Accent
	contact      link
	replyTo      string
	privacy      string // https, or empty
	status       string // the address of all status pages, without an id
	// The texts name the organisation. Where text runs from right to left, its name is isolated.
	texts, isolated *i18n.Bundle
}

// NewComposer returns a composer for an organisation whose status pages have the origin, which is a
// scheme and a host such as https://join.contoso.com.
func NewComposer(style branding.Style, origin string) (*Composer, error) {
	c := &Composer{organisation: oneLine(style.Organisation), accent: style.Accent}
	if c.organisation == "" {
		return nil, errors.New("mail: the name of the organisation is missing")
	}
	if c.accent == (branding.Accent{}) {
		return nil, errors.New("mail: the accent colour is missing")
	}
	base, valid := webAddress(origin)
	if !valid || base != origin || strings.Count(base, "/") != len("//") || strings.ContainsAny(base, "?#") {
		return nil, errors.New("mail: the origin of the status page is not https and a host")
	}
	c.status = base + statusPath
	if style.PrivacyURL != "" {
		c.privacy, valid = webAddress(style.PrivacyURL)
		if !valid {
			return nil, errors.New("mail: the address of the privacy notice is not https")
		}
	}
	if style.Contact != (branding.Contact{}) {
		err := c.readContact(style.Contact.URL)
		if err != nil {
			return nil, err
		}
	}
	var err error
	c.texts, err = i18n.NewBundle(c.organisation)
	if err == nil {
		c.isolated, err = i18n.NewBundle(isolate(c.organisation))
	}
	return c, err
}

// readContact reads the address of a contact: mailto or https.
func (c *Composer) readContact(url string) error {
	text, isMail := strings.CutPrefix(url, "mailto:")
	if isMail {
		address, err := submission.ParseAddress(text)
		if err != nil {
			return errors.New("mail: the contact is not an e-mail address")
		}
		c.replyTo = address.String()
		return nil
	}
	page, valid := webAddress(url)
	if !valid {
		return errors.New("mail: the contact is neither mailto nor https")
	}
	c.contact = link{Text: strings.TrimPrefix(page, "https://"), URL: page}
	return nil
}

// Recipient is who gets a mail, and about which request.
type Recipient struct {
	Address submission.Address
	Request submission.ID
	// Languages are BCP 47 tags, the most wanted first: the MessageLanguage of the policy row, then
	// the language of the form. What can't be read is left out.
	Languages []string
}

// letter is a mail that is being written.
type letter struct {
	*Composer
	*i18n.Texts
	to     Recipient
	name   string // what the keys of the kind's texts begin with
	why    string // the key of the text that says why the mail came; empty for a partner's
	blocks []block
	after  []block // in the foot
}

// letter begins a mail of the kind whose texts have the keys NAME.subject and so on.
func (c *Composer) letter(to Recipient, name string) (*letter, error) {
	if _, err := submission.ParseID(string(to.Request)); err != nil {
		return nil, errors.New("mail: the request has no valid id")
	}
	return c.begin(to, name)
}

// begin begins a mail that need not be about a request of the recipient's.
func (c *Composer) begin(to Recipient, name string) (*letter, error) {
	if to.Address == (submission.Address{}) {
		return nil, errors.New("mail: the recipient has no address")
	}
	var tags []language.Tag
	for _, text := range to.Languages {
		tag, valid := parseLanguage(text)
		if valid {
			tags = append(tags, tag)
		}
	}
	best, _ := c.texts.Best(tags...)
	bundle := c.texts
	if best.RightToLeft {
		bundle = c.isolated
	}
	texts, err := bundle.In(best.Tag)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return &letter{Composer: c, Texts: texts, to: to, name: name}, nil
}

// parseLanguage reads one language tag.
func parseLanguage(text string) (tag language.Tag, valid bool) {
	if text == "" || len(text) > submission.MaxLanguage {
		return language.Und, false
	}
	tag, err := language.Parse(text)
	return tag, err == nil && tag != language.Und
}

// page returns the address of the request's status page.
func (l *letter) page() string { return l.status + string(l.to.Request) }

func (l *letter) add(blocks ...block) { l.blocks = append(l.blocks, blocks...) }

// mail ends the letter and returns the mail.
func (l *letter) mail() (request.Mail, error) {
	l.foot()
	html, err := l.html()
	if err != nil {
		return request.Mail{}, err
	}
	m := request.Mail{To: l.to.Address, Subject: l.Say(l.name + ".subject"), Text: l.text(), HTML: html}
	if l.why == "" {
		m.ReplyTo = l.replyTo // partners ask there
	}
	return m, nil
}

// foot writes what is below every mail: why it came, and for a partner where to ask, and the
// privacy notice.
func (l *letter) foot() {
	switch {
	case l.why != "":
		l.after = append(l.after, block{Text: l.Say(l.why)})
		return
	case l.replyTo != "":
		l.after = append(l.after, block{Text: l.Say("mail.help.reply")})
	case l.contact.URL != "":
		l.after = append(l.after, block{Text: l.Say("mail.help.contact"), Link: l.contact})
	default:
		l.after = append(l.after, block{Text: l.Say("mail.help.person")})
	}
	l.after = append(l.after, block{Text: l.Say("mail.why")})
	if l.privacy != "" {
		l.after = append(l.after, block{Link: link{Text: l.Say("page.privacy"), URL: l.privacy}})
	}
}
