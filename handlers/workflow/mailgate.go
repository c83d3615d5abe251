package workflow

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// mailHour and lastMinutes are how many minutes count as the last hour, and as the last minute.
	// They are more than the service counts, since a mail is sent up to a minute after it was
	// counted, and by clocks that are up to a minute apart.
	mailHour    = 63
	lastMinutes = 4
	// leastShare is how many codes in an hour a domain may have at least, and shareOfCodes the part
	// of the codes otherwise.
	leastShare   = 3
	shareOfCodes = 2
	// mostDomains is how many domains are counted in an hour: what the gate has room for.
	mostDomains = 1000
	// longestMailPause is the longest time for which the mail service is left alone because it asks
	// for that; see longestPause.
	longestMailPause = time.Hour
	// mailProbe is how long a mail service is left alone at least that does not let the app send.
	mailProbe = 15 * time.Minute
	// mailsStopAfter is how many mails in a row have tried the service in vain, in more than half
	// an hour, when the log says that mails have stopped.
	mailsStopAfter = 5
	// probeTakes is for how long a mail that tries a failing service keeps others from it. It is
	// longer than any call.
	probeTakes = 3 * time.Minute
)

// mailTurn is the answer of the gate of mails to one mail.
type mailTurn struct {
	wait    time.Duration // before asking again; 0 means: send now
	probe   bool          // the mail tries a service that failed; others wait for what comes of it
	trouble bool          // the service takes no mails
	why     string        // for an admin
}

// mailBooking is a mail that asks for a turn at the gate of mails.
type mailBooking struct {
	kind    request.MailKind
	domain  string    // the hash of the mailbox's domain
	request string    // the hash of the request
	at      time.Time // when it asks
	number  int64     // of the turn, of those that the instance has asked for
	probe   bool      // see mailTurn, once it has its turn
}

// minute returns the minute in which the mail counts.
func (b mailBooking) minute() int64 { return b.at.Unix() / 60 }

// name tells the turn from others of its minute.
func (b mailBooking) name() string {
	return strconv.FormatInt(b.at.UnixNano(), 36) + b.request[:min(4, len(b.request))] + "." + strconv.FormatInt(b.number, 36)
}

// bookMail returns the gate after one more mail, or why there may not be one now: then the gate is
// as it was. It is a pure function.
func bookMail(g request.MailGate, quota request.MailQuota, asks mailBooking) (request.MailGate, mailTurn) {
	now := asks.at
	if left := mailsHeldFor(g, now); left > 0 {
		return g, mailTurn{wait: left, trouble: mailsFail(g), why: "the mail service is left alone for now"}
	}
	minute := asks.minute()
	next := recentMinutes(g, minute)
	var hour, lately request.MailMinute // counts
	for _, m := range next.Minutes {
		if hour.Mails == 0 {
			hour.Minute = m.Minute
		}
		hour = addMails(hour, m)
		if m.Minute > minute-lastMinutes {
			if lately.Mails == 0 {
				lately.Minute = m.Minute
			}
			lately = addMails(lately, m)
		}
	}
	code, ofCodes := asks.kind == request.CodeMail, quota.Codes()
	notice, ofNotices, reserved := asks.kind.IsNotice(), quota.Notices(), quota.Reserved()
	switch {
	case hour.Mails >= quota.PerHour, code && hour.Codes >= ofCodes.PerHour,
		notice && hour.Mails >= ofNotices.PerHour && hour.Notices >= reserved.PerHour:
		free := time.Duration(hour.Minute+mailHour-minute) * time.Minute
		return g, mailTurn{wait: max(time.Minute, free), why: "the mails of the hour are sent"}
	case lately.Mails >= quota.PerMinute, code && lately.Codes >= ofCodes.PerMinute,
		notice && lately.Mails >= ofNotices.PerMinute && lately.Notices >= reserved.PerMinute:
		free := time.Duration(lately.Minute+lastMinutes-minute) * time.Minute
		return g, mailTurn{wait: max(time.Minute, free), why: "the mails of the minute are sent"}
	case code && next.Domains[asks.domain] >= max(leastShare, ofCodes.PerHour/shareOfCodes):
		left := time.Unix((next.Hour+1)*3600, 0).Sub(now)
		return g, mailTurn{wait: max(time.Minute, left), why: "the domain has had its share of the codes of the hour"}
	}
	// By a clock that is behind, the minute may be before the last one.
	i, counted := slices.BinarySearchFunc(next.Minutes, minute, func(m request.MailMinute, minute int64) int {
		return cmp.Compare(m.Minute, minute)
	})
	if !counted {
		next.Minutes = slices.Insert(next.Minutes, i, request.MailMinute{Minute: minute})
	}
	next.Minutes[i].Mails++
	if notice {
		next.Minutes[i].Notices++
	}
	if code {
		next.Minutes[i].Codes++
		next.Domains[asks.domain]++
		forgetSmallest(next.Domains, asks.domain)
	}
	if !mailsFail(g) {
		return next, mailTurn{}
	}
	next.HeldUntil = now.Add(probeTakes)
	return next, mailTurn{probe: true}
}

// addMails adds up what was sent; the minute is that of the first.
func addMails(a, b request.MailMinute) request.MailMinute {
	a.Mails, a.Codes, a.Notices = a.Mails+b.Mails, a.Codes+b.Codes, a.Notices+b.Notices
	return a
}

// mailsFail reports whether the service takes no mails, as far as is known.
func mailsFail(g request.MailGate) bool { return g.Failures > 0 || g.Cause != "" }

// forgetSmallest removes a domain that has had the fewest codes, other than the one that is named,
// if there are more than the gate has room for.
func forgetSmallest(domains map[string]int, except string) {
	if len(domains) <= mostDomains {
		return
	}
	smallest := ""
	for domain, n := range domains {
		fewer := cmp.Or(cmp.Compare(n, domains[smallest]), cmp.Compare(domain, smallest)) < 0
		if domain != except && (smallest == "" || fewer) {
			smallest = domain
		}
	}
	delete(domains, smallest)
}

// mostBack is how many turns of a minute the gate knows that were given back: more than other calls
// give back while one tries to.
const mostBack = 8

// unbookOnce returns unbookMail for the mail, for use in a change that may be called several times.
// A turn that is not given back counts for an hour, and one that is given back twice exceeds the
// quota.
func unbookOnce(booked mailBooking) func(request.MailGate) (next request.MailGate, changed bool) {
	once := giveBackOnce{name: booked.name(), most: mostBack}
	return func(g request.MailGate) (request.MailGate, bool) {
		var given []string
		for _, m := range g.Minutes {
			if m.Minute == booked.minute() {
				given = m.Back
			}
		}
		if !once.may(given) {
			return g, false
		}
		return unbookMail(g, booked)
	}
}

// unbookMail returns the gate without a mail that was booked and certainly was not sent, unless it
// does not count any more. It is a pure function.
func unbookMail(g request.MailGate, booked mailBooking) (next request.MailGate, changed bool) {
	minute := booked.minute()
	i := slices.IndexFunc(g.Minutes, func(m request.MailMinute) bool { return m.Minute == minute })
	if i < 0 || g.Minutes[i].Mails == 0 {
		return g, false
	}
	if booked.probe && g.HeldUntil.Sub(booked.at.Add(probeTakes)).Abs() <= request.Tick {
		g.HeldUntil = time.Time{} // the next one tries
	}
	g.Minutes, g.Domains = slices.Clone(g.Minutes), maps.Clone(g.Domains)
	m := &g.Minutes[i]
	m.Mails--
	if booked.kind.IsNotice() && m.Notices > 0 {
		m.Notices--
	}
	if booked.kind == request.CodeMail {
		m.Codes--
		if g.Hour == hourOf(g, minute) && g.Domains[booked.domain] > 0 {
			g.Domains[booked.domain]--
		}
	}
	m.Back = append(slices.Clone(m.Back[max(0, len(m.Back)+1-mostBack):]), booked.name())
	return g, true
}

// minutesAhead is how far ahead another clock may be.
const minutesAhead = int64(clockError / time.Minute)

// hourOf returns the hour in which the minute counts: that of the gate if it has just begun by
// another clock.
func hourOf(g request.MailGate, minute int64) int64 {
	if g.Hour == (minute+minutesAhead)/60 {
		return g.Hour
	}
	return minute / 60
}

// recentMinutes returns the gate with what counts at that minute alone, in memory of its own.
// Minutes and an hour that lie ahead of the clocks of all instances were written by a wrong one.
func recentMinutes(g request.MailGate, minute int64) request.MailGate {
	var minutes []request.MailMinute
	for _, m := range g.Minutes {
		if m.Minute > minute-mailHour && m.Minute <= minute+minutesAhead {
			minutes = append(minutes, m)
		}
	}
	g.Minutes = minutes
	hour, domains := hourOf(g, minute), map[string]int{}
	if g.Hour == hour {
		for domain, n := range g.Domains {
			domains[domain] = n
		}
	}
	g.Hour, g.Domains = hour, domains
	return g
}

// mailsHeldFor returns for how long the mail service is still left alone.
func mailsHeldFor(g request.MailGate, now time.Time) time.Duration {
	left := g.HeldUntil.Sub(now)
	if left > longestMailPause+clockError {
		return 0 // no correct clock can have written that
	}
	return max(0, left)
}

// holdMails returns the gate after the service has not taken the mail. It is left alone longer each
// time that a mail has tried it in vain. That a mail had no usable answer may be its own trouble,
// so that takes a second request to say the same.
func holdMails(g request.MailGate, now time.Time, mail mailBooking, failure *problem.Error) request.MailGate {
	if failure.Code == request.MailUnavailable && !mailsFail(g) && (g.Witness == "" || g.Witness == mail.request) {
		g.Witness = mail.request
		return g
	}
	if g.Failures == 0 || mail.probe {
		g.Failures++
	}
	g.Witness = ""
	pause := failingMails.after(g.Failures-1, min(failure.RetryAfter, longestMailPause))
	if failure.Code == request.MailForbidden {
		pause = max(pause, mailProbe)
		if g.Cause == "" {
			g.CauseAt = now
		}
		g.Cause = failure.Code
	}
	until := now.Add(pause)
	if until.After(g.HeldUntil) || mailsHeldFor(g, now) == 0 {
		g.HeldUntil = until
	}
	return g
}

// mailTaken returns the gate after the service has taken a mail, or answered that it does not want
// this one.
func mailTaken(g request.MailGate) (next request.MailGate, changed bool) {
	if !mailsFail(g) && g.Witness == "" {
		return g, false
	}
	g.Cause, g.CauseAt, g.HeldUntil, g.Failures, g.Witness = "", time.Time{}, time.Time{}, 0, ""
	return g, true
}
