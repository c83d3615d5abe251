package operate

import (
	"fmt"
	"strings"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// setUpChannels says where the setting up of channels is described.
const setUpChannels = "docs/deploy.md shows how to set it up."

// CheckOutbox says whether notices to those who decide wait although they were tried. most is how
// many entries of the outbox were asked for.
func CheckOutbox(entries []request.NoticeEntry, most int, now time.Time) Check {
	const part = "notices"
	tried, oldest := 0, now
	for _, e := range entries {
		if e.Tries > 0 {
			tried++
			if e.At.Before(oldest) {
				oldest = e.At
			}
		}
	}
	if tried == 0 {
		return Fine.Check(part, fmt.Sprintf("%d wait to be sent, and none has failed", len(entries)), "")
	}
	found := fmt.Sprintf("%d of %d that wait could not be told to everybody yet, the first for %s", tried, len(entries), now.Sub(oldest).Round(time.Minute))
	if len(entries) == most {
		found = "at least " + found
	}
	return Warning.Check(part, found, "They are tried again. The log lines \"a channel did not take a notice\" and \"the mail service did not "+
		"take a notice\" say why, and guestlist notify test tries the channels.")
}

// CheckTestNotice says what came of a test notice through the channel of that name.
func CheckTestNotice(channel string, err error) Check {
	if err == nil {
		found := "has taken the test"
		if channel == "teams" {
			found = "the workflow has taken the test; whether it can post shows in the channel"
		}
		return Fine.Check(channel, found, "")
	}
	failure := problem.From(err)
	found := strings.TrimPrefix(said(failure), "sending a notice to "+channel+": ")
	switch failure.Code {
	case request.NoticeThrottled:
		wait := "later"
		if failure.RetryAfter > 0 {
			wait = "in " + failure.RetryAfter.Round(time.Second).String()
		}
		return Warning.Check(channel, "it gets too much now: "+found, "Try again "+wait+".")
	case request.NoticeUnavailable:
		return Broken.Check(channel, "it may have taken the test, and did not say so: "+found,
			"Look there whether the test came, and in the receiver's own log. Then try again.")
	case request.NoticeUnreached:
		return Broken.Check(channel, "the test did not get there: "+found,
			"Check the address, and whether this machine can connect to it. Then try again.")
	case request.NoticeRefused:
		return Broken.Check(channel, "it does not take notices of this form: "+found,
			"Check that the receiver expects what docs/deploy.md describes.")
	}
	return Broken.Check(channel, "it lets nobody send: "+found, setUpChannels)
}

// said returns what an error says besides its code.
func said(failure *problem.Error) string {
	if failure.Detail == "" && failure.Err != nil {
		return failure.Err.Error()
	}
	return failure.Detail
}

// CheckTestMail says what came of a test mail.
func CheckTestMail(err error) Check {
	const part = "mail"
	if err == nil {
		return Fine.Check(part, "the service has taken the test; whether it arrives shows in the mailbox", "")
	}
	failure := problem.From(err)
	cure := "Try again later."
	switch failure.Code {
	case request.MailForbidden:
		cure = "You may lack the right that the app has: guestlist doctor says what the service answers to the app. " +
			"docs/deploy.md lists what the app needs."
	case request.MailRefused:
		cure = "Check the address, and GUESTLIST_MAIL_SENDER."
	}
	return Broken.Check(part, said(failure), cure)
}

// CheckChannels says which channels get notices. The app has read their settings at its start, so
// they are well-formed.
func CheckChannels(names []string) Check {
	const part = "channels"
	if len(names) == 0 {
		return Fine.Check(part, "none is configured", "")
	}
	return Fine.Check(part, strings.Join(names, ", ")+": configured and well-formed; guestlist notify test tries them", "")
}
