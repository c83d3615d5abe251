package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

func printRequests(w io.Writer, requests []operate.RequestSummary) {
	if len(requests) == 0 {
		fmt.Fprintln(w, "There are no such requests.")
		return
	}
	head := []string{"ID", "STATE", "ADDRESS", "COMPANY", "SUBMITTED", "REASON"}
	list(w, "", head, requests, func(r operate.RequestSummary) []string {
		return []string{string(r.ID), string(r.State), or(r.Address), or(r.Company), shortTime(r.Created), r.Reason}
	})
}

func shortTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func printRequest(w io.Writer, r operate.RequestDetail) {
	head := facts{{"request", string(r.ID)}, {"state", string(r.State)}, {"", r.Meaning}, {"reason", or(r.Reason)}}
	head.add("words", r.Words)
	if r.ResendWished != "" {
		head.add("mail again", "asked for by "+r.ResendWished+"; the app looks at it soon")
	}
	if r.ErasureWished != "" {
		head.add("erasure", "asked for by "+r.ErasureWished+"; the app does it soon")
	}
	head.add("goes on", stamp(r.Due))
	head.add("repeat of", string(r.RepeatOf))
	head.add("guest", r.GuestID)
	columns(w, "", head)

	fmt.Fprintln(w)
	printPartner(w, r)
	if r.Decision != nil {
		fmt.Fprintf(w, "\nPolicy decided: %s\n", r.Decision.Action)
		fmt.Fprintln(w, "  "+plain(r.Decision.Reason))
		list(w, "  ", nil, r.Decision.Looked, func(look policy.Look) []string {
			return []string{look.Partition, look.Name, string(look.Outcome), look.Why}
		})
	}
	if r.Approval != nil {
		fmt.Fprintf(w, "\nA person approved: %s, %s\n", plain(r.Approval.By), stamp(r.Approval.At))
		if r.Approval.Note != "" {
			fmt.Fprintln(w, "  "+plain(r.Approval.Note))
		}
	}
	if len(r.Grants) > 0 {
		fmt.Fprintln(w, "\nGroups:")
		list(w, "  ", nil, r.Grants, func(grant request.Grant) []string {
			return []string{grant.Group, string(grant.State), grant.Note}
		})
	}
	fmt.Fprintln(w, "\nHistory:")
	list(w, "  ", nil, r.History, func(event request.Event) []string {
		return []string{stamp(event.At), string(event.State), event.What, event.Detail}
	})
}

// printPartner prints what the partner sent.
func printPartner(w io.Writer, r operate.RequestDetail) {
	if r.Erased {
		fmt.Fprintln(w, "The personal data is erased.")
		return
	}
	s := r.Submission
	partner := facts{
		{"address", s.Email.String()}, {"name", s.Name()}, {"company", or(s.Company)}, {"country", or(s.Country)},
		{"language", or(s.Language)},
	}
	if r.CodeGiven {
		partner.add("invite code", policy.NotShown)
	}
	for i, line := range strings.Split(s.Reason, "\n") {
		name := "reason"
		if i > 0 {
			name = ""
		}
		partner.add(name, or(line))
	}
	partner.add("names as contact", s.Sponsor.String())
	if s.Consent.Terms != "" {
		partner.add("accepted terms", s.Consent.Terms+", "+stamp(s.Consent.At)+", shown in "+or(s.Consent.Language))
	}
	columns(w, "", partner)
}

func printTermsFor(w io.Writer, r request.Request, offer operate.RowTerms) {
	fmt.Fprintln(w, plain(fmt.Sprintf("%s, %s (%s)", r.Submission.Email, r.Submission.Name(), r.Submission.Company)))
	if offer.Row == (policy.RowKey{}) {
		fmt.Fprintln(w, "without a row:")
	} else {
		fmt.Fprintln(w, plain(fmt.Sprintf("on the terms of the row %s %q:", offer.Row.Partition, offer.Row.Name)))
	}
	printTerms(w, &offer.Terms)
	if len(offer.Terms.Groups) == 0 {
		fmt.Fprintln(w, "  no group is granted")
	}
}

func printBreaker(w io.Writer, b operate.Breaker) {
	var lines facts
	if b.Open {
		lines.add("breaker", "open")
		lines.add("cause", string(b.Cause))
		lines.add("", b.Means)
		lines.add("cure", b.Cure)
		lines.add("reference", b.Ref)
		lines.add("since", stamp(b.Since))
		lines.add("next probe", cmp.Or(stamp(b.NextProbe), "none: it stays open until guestlist breaker close"))
	} else {
		lines.add("breaker", "closed: invitations go out")
	}
	if !b.LastClosedAt.IsZero() {
		lines.add("last closed", stamp(b.LastClosedAt)+" by "+b.LastClosedBy)
	}
	sent := strconv.Itoa(b.SentToday)
	if b.Pace != nil && b.Pace.Daily > 0 {
		sent += " of " + strconv.Itoa(b.Pace.Daily)
	}
	lines.add("sent today", sent)
	lines.add("next one", stamp(b.NextInvitation))
	parked := strconv.Itoa(b.Parked.Requests)
	if b.Parked.More {
		parked = "more than " + parked
	}
	lines.add("parked", parked)
	columns(w, "", lines)
}

func printKept(w io.Writer, messages []keptMessage) {
	if len(messages) == 0 {
		fmt.Fprintln(w, "No message is kept.")
		return
	}
	head := []string{"ID", "KEPT", "BYTES", "CAN BE REPLAYED", "WHY"}
	list(w, "", head, messages, func(m keptMessage) []string {
		return []string{m.ID, shortTime(m.At), strconv.Itoa(m.Bytes), yes(m.Readable), m.Why}
	})
}

func printChecks(w io.Writer, checks []operate.Check) {
	found := map[operate.Health]int{}
	for _, check := range checks {
		found[check.Health]++
		for i, line := range strings.Split(check.Found, "\n") {
			if i == 0 {
				line = fmt.Sprintf("%-8s %s: %s", check.Health, check.Part, line)
			} else {
				line = "         " + line
			}
			fmt.Fprintln(w, plain(line))
		}
		if check.Cure != "" && check.Health != operate.Fine {
			fmt.Fprintln(w, plain("         "+check.Cure))
		}
	}
	fmt.Fprintf(w, "\n%d fine, %s, %d broken, %d unknown\n", found[operate.Fine], count(found[operate.Warning], "warning"), found[operate.Broken], found[operate.Unknown])
}
