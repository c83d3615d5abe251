package mail

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Notice tells a person of the tenant what became of a request that people decide. It names no
// partner, and repeats nothing that a partner has typed but the domain of the address.
type Notice struct {
	Kind   request.NoticeKind
	Number submission.Reference // of the request
	Row    string               // the name of the policy row that asks for the review; empty for none
	Domain string               // of the partner's address; empty once it is erased
	// Stage is the one that the notice is about, of Stages; from 1 on.
	Stage, Stages int
	Deadline      time.Time // of the stage; zero for none, or if it is over
	Now           time.Time // when the mail is sent
	Link          string    // to the review page, which asks who it is; https, or http on this machine
}

// noticeTexts are what the keys of the texts of a kind begin with.
var noticeTexts = map[request.NoticeKind]string{
	request.AskedNotice: "mail.notice.asked", request.ReminderNotice: "mail.notice.reminder",
	request.EscalatedNotice: "mail.notice.escalated", request.LastDayNotice: "mail.notice.lastDay",
	request.DecidedNotice: "mail.notice.decided", request.ExpiredNotice: "mail.notice.expired",
}

// noticeWhy says why people who decide get mails.
const noticeWhy = "mail.notice.why"

// Notice writes a notice about one request. The recipient's Request does not count.
func (c *Composer) Notice(to Recipient, notice Notice) (request.Mail, error) {
	name, known := noticeTexts[notice.Kind]
	if !known {
		return request.Mail{}, fmt.Errorf("mail: there is no notice of the kind %q", notice.Kind)
	}
	l, page, err := c.noticeLetter(to, name, notice.Link)
	if err != nil {
		return request.Mail{}, err
	}
	about := details{{Label: l.Say("mail.notice.number"), Value: string(notice.Number), Direction: leftToRight}}
	if notice.Domain != "" {
		about = append(about, detail{l.Say("review.domain"), notice.Domain, leftToRight})
	}
	if row := oneLine(notice.Row); row != "" {
		about = append(about, detail{l.Say("review.row"), row, directionOf(row)})
	}
	if notice.Stages > 1 {
		about = append(about, detail{Label: l.Say("review.stage"), Value: l.With("review.stageOf",
			"Stage", strconv.Itoa(notice.Stage), "Stages", strconv.Itoa(notice.Stages))})
	}
	if !notice.Deadline.IsZero() {
		about = append(about, detail{Label: l.Say("review.deadline"), Value: l.With("mail.notice.deadlineIn",
			"At", l.moment(notice.Deadline), "Left", l.left(notice.Deadline.Sub(notice.Now)))})
	}
	l.add(block{Text: l.Say(name + ".text")}, block{Details: about},
		block{Link: link{Text: l.Say("mail.notice.open"), URL: page}, Button: notice.Kind.Waits()})
	if notice.Kind.Waits() {
		l.add(block{Text: l.Say("mail.notice.decides")})
	}
	return l.mail()
}

// Digest tells a person of several requests at once.
type Digest struct {
	Waiting int    // how many wait for the person's decision
	Over    int    // how many need it no more
	Link    string // to the list of requests; as for Notice
}

// Digest writes one mail in place of several notices.
func (c *Composer) Digest(to Recipient, digest Digest) (request.Mail, error) {
	l, page, err := c.noticeLetter(to, "mail.notice.digest", digest.Link)
	if err != nil {
		return request.Mail{}, err
	}
	if digest.Waiting > 0 {
		l.add(block{Text: l.Count("mail.notice.digest.waiting", digest.Waiting)})
	}
	if digest.Over > 0 {
		l.add(block{Text: l.Count("mail.notice.digest.over", digest.Over)})
	}
	l.add(block{Link: link{Text: l.Say("mail.notice.openAll"), URL: page}, Button: digest.Waiting > 0})
	if digest.Waiting > 0 {
		l.add(block{Text: l.Say("mail.notice.decides")})
	}
	return l.mail()
}

// noticeLetter begins a mail to a person of the tenant, with a link to a review page.
func (c *Composer) noticeLetter(to Recipient, name, url string) (l *letter, page string, err error) {
	page, valid := webAddress(url)
	if !valid {
		return nil, "", errors.New("mail: the address of the review page is not https, or too long")
	}
	l, err = c.begin(to, name)
	if err != nil {
		return nil, "", err
	}
	l.why = noticeWhy
	return l, page, nil
}

// left returns how long it is until then, in days or hours. A started day or hour does not count.
func (l *letter) left(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return l.Count("mail.notice.days", int(d/day))
	case d >= time.Hour:
		return l.Count("mail.notice.hours", int(d/time.Hour))
	}
	return l.Say("mail.notice.soon")
}
