package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/operate"
	"guestlist/handlers/request"
)

func printRequests(w io.Writer, requests []operate.RequestSummary) {
	if len(requests) == 0 {
		fmt.Fprintln(w, "There are no such requests.")
		return
	}
	lines := [][]string{{"ID", "STATE", "ADDRESS", "COMPANY", "SUBMITTED", "REASON"}}
	for _, r := range requests {
		lines = append(lines, []string{string(r.ID), string(r.State), or(r.Address), or(r.Company), shortTime(r.Created), r.Reason})
	}
	columns(w, "", lines)
}

func shortTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func printRequest(w io.Writer, r operate.RequestDetail) {
	head := [][]string{{"request", string(r.ID)}, {"state", string(r.State)}, {"", r.Meaning}, {"reason", or(r.Reason)}}
	add := func(name, value string) {
		if value != "" {
			head = append(head, []string{name, value})
		}
	}
	add("words", r.Words)
	if r.ResendWished != "" {
		add("mail again", "wished by "+r.ResendWished+"; the app looks at it soon")
	}
	if r.ErasureWished != "" {
		add("erasure", "wished by "+r.ErasureWished+"; the app does it soon")
	}
	if r.Due != nil {
		add("looks again", r.Due.UTC().Format(time.RFC3339))
	}
	add("repeat of", string(r.RepeatOf))
	add("guest", r.GuestID)
	columns(w, "", head)

	fmt.Fprintln(w)
	if r.Erased {
		fmt.Fprintln(w, "The personal data is erased.")
	} else {
		s := r.Submission
		partner := [][]string{{"address", s.Email.String()}, {"name", s.Name()}, {"company", or(s.Company)}, {"country", or(s.Country)}, {"language", or(s.Language)}}
		if r.CodeGiven {
			partner = append(partner, []string{"invite code", operate.NotShown})
		}
		for i, line := range strings.Split(s.Reason, "\n") {
			name := "reason"
			if i > 0 {
				name = ""
			}
			partner = append(partner, []string{name, or(line)})
		}
		if sponsor := s.Sponsor.String(); sponsor != "" {
			partner = append(partner, []string{"names as contact", sponsor})
		}
		if s.Consent.Terms != "" {
			partner = append(partner, []string{"accepted terms", s.Consent.Terms + ", " + s.Consent.At.UTC().Format(time.RFC3339) + ", shown in " + or(s.Consent.Language)})
		}
		columns(w, "", partner)
	}
	if r.Decision != nil {
		fmt.Fprintf(w, "\nPolicy decided: %s\n", r.Decision.Action)
		fmt.Fprintln(w, "  "+plain(r.Decision.Reason))
		lines := [][]string{}
		for _, look := range r.Decision.Looked {
			lines = append(lines, []string{look.Partition, look.Name, string(look.Outcome), look.Why})
		}
		columns(w, "  ", lines)
	}
	if r.Approval != nil {
		fmt.Fprintf(w, "\nA person let the guest in: %s, %s\n", plain(r.Approval.By), r.Approval.At.UTC().Format(time.RFC3339))
		if r.Approval.Note != "" {
			fmt.Fprintln(w, "  "+plain(r.Approval.Note))
		}
	}
	if len(r.Grants) > 0 {
		fmt.Fprintln(w, "\nGroups:")
		lines := [][]string{}
		for _, grant := range r.Grants {
			lines = append(lines, []string{grant.Group, string(grant.State), grant.Note})
		}
		columns(w, "  ", lines)
	}
	fmt.Fprintln(w, "\nHistory:")
	lines := [][]string{}
	for _, event := range r.History {
		lines = append(lines, []string{event.At.UTC().Format(time.RFC3339), string(event.State), event.What, event.Detail})
	}
	columns(w, "  ", lines)
}

func printApproval(w io.Writer, r request.Request, approval operate.Approval) {
	fmt.Fprintln(w, plain(fmt.Sprintf("%s, %s (%s)", r.Submission.Email, r.Submission.Name(), r.Submission.Company)))
	if approval.Row == "" {
		fmt.Fprintln(w, "on the terms of no row:")
	} else {
		fmt.Fprintln(w, plain(fmt.Sprintf("on the terms of the row %s %q:", approval.Partition, approval.Row)))
	}
	fields := fieldsOf(&approval.Terms)
	var lines [][]string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		lines = append(lines, []string{name, fields[name]})
	}
	columns(w, "  ", lines)
	if len(approval.Terms.Groups) == 0 {
		fmt.Fprintln(w, "  no group is granted")
	}
}

func printBreaker(w io.Writer, b operate.Breaker) {
	var lines [][]string
	if b.Open {
		lines = append(lines, []string{"breaker", "open"}, []string{"cause", string(b.Cause)}, []string{"", b.Means}, []string{"cure", b.Cure})
		if b.Ref != "" {
			lines = append(lines, []string{"reference", b.Ref})
		}
		if b.Since != nil {
			lines = append(lines, []string{"since", b.Since.UTC().Format(time.RFC3339)})
		}
		if b.NextProbe != nil {
			lines = append(lines, []string{"next probe", b.NextProbe.UTC().Format(time.RFC3339)})
		} else {
			lines = append(lines, []string{"next probe", "none: it stays open until guestlist breaker close"})
		}
	} else {
		lines = append(lines, []string{"breaker", "closed: invitations go out"})
	}
	if b.LastClosedAt != nil {
		lines = append(lines, []string{"last closed", b.LastClosedAt.UTC().Format(time.RFC3339) + " by " + b.LastClosedBy})
	}
	sent := strconv.Itoa(b.SentToday)
	if b.Pace != nil && b.Pace.Daily > 0 {
		sent += " of " + strconv.Itoa(b.Pace.Daily)
	}
	lines = append(lines, []string{"sent today", sent})
	if b.NextInvitation != nil {
		lines = append(lines, []string{"next one", b.NextInvitation.UTC().Format(time.RFC3339)})
	}
	parked := strconv.Itoa(b.Parked.Requests)
	if b.Parked.More {
		parked = "more than " + parked
	}
	lines = append(lines, []string{"parked", parked})
	columns(w, "", lines)
}

func printKept(w io.Writer, messages []keptMessage) {
	if len(messages) == 0 {
		fmt.Fprintln(w, "No message is kept.")
		return
	}
	lines := [][]string{{"ID", "KEPT", "BYTES", "CAN BE REPLAYED", "WHY"}}
	for _, m := range messages {
		readable := "no"
		if m.Readable {
			readable = "yes"
		}
		lines = append(lines, []string{m.ID, shortTime(m.At), strconv.Itoa(m.Bytes), readable, m.Why})
	}
	columns(w, "", lines)
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
