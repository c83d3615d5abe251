package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/policy/lint"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/request"
)

// plain returns a text as one line without control characters, which anyone could have put in.
func plain(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// format is the flag for the form of the output.
type format struct {
	Output string `enum:"table,json" default:"table" placeholder:"FORMAT" help:"How to print: table for people, json for programs. JSON only gains fields from version to version."`
}

// AfterApply passes the form on, after the command line is parsed.
func (f format) AfterApply(s *session) error {
	s.output = f.Output
	return nil
}

// print prints the answer as JSON, or by table for people.
func (s *session) print(answer any, table func(w io.Writer)) error {
	if s.output == "json" {
		return printJSON(s.stdout, answer)
	}
	buffered := bufio.NewWriter(s.stdout)
	table(buffered)
	return buffered.Flush()
}

// conclude prints the answer, and then ends a command with exitFindings if there are any.
func (s *session) conclude(found bool, answer any, table func(w io.Writer)) error {
	err := s.print(answer, table)
	if err == nil && found {
		return errFindings
	}
	return err
}

// or returns the text, or a dash if there is none.
func or(text string) string { return cmp.Or(plain(text), "-") }

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// stamp returns a time for people; "" if it is zero.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func printJSON(w io.Writer, answer any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

// columns prints lines of cells, aligned. A line whose last cells are empty is shorter.
func columns(w io.Writer, indent string, lines [][]string) {
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range lines {
		for i := range cells {
			cells[i] = plain(cells[i])
		}
		for len(cells) > 1 && cells[len(cells)-1] == "" {
			cells = cells[:len(cells)-1]
		}
		fmt.Fprintln(aligned, indent+strings.Join(cells, "\t"))
	}
	_ = aligned.Flush() // an error of w shows when its buffer is flushed
}

// list prints a line of cells for each entry, aligned, below the head if there is one.
func list[T any](w io.Writer, indent string, head []string, entries []T, cells func(T) []string) {
	var lines [][]string
	if head != nil {
		lines = append(lines, head)
	}
	for _, entry := range entries {
		lines = append(lines, cells(entry))
	}
	columns(w, indent, lines)
}

// facts are names and values, for two columns.
type facts [][]string

// add adds a value unless it is empty.
func (f *facts) add(name, value string) {
	if value != "" {
		*f = append(*f, []string{name, value})
	}
}

func printList(w io.Writer, rows []operate.RowSummary) {
	if len(rows) == 0 {
		fmt.Fprintln(w, "There are no rows: everybody goes to review.")
		return
	}
	head := []string{"PARTITION", "NAME", "ACTION", "MODE", "PRIORITY", "ENABLED", "APPLIES", "FAULTS"}
	list(w, "", head, rows, func(row operate.RowSummary) []string {
		faults := "-"
		if row.Faults > 0 {
			faults = strconv.Itoa(row.Faults)
		}
		return []string{
			row.Partition, row.Name, or(row.Action), row.Mode, strconv.Itoa(row.Priority), yes(row.Enabled),
			applies(row.NotBefore, row.NotAfter), faults,
		}
	})
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func applies(from, to time.Time) string {
	switch {
	case from.IsZero() && to.IsZero():
		return "always"
	case to.IsZero():
		return "from " + stamp(from)
	case from.IsZero():
		return "until " + stamp(to)
	default:
		return stamp(from) + " to " + stamp(to)
	}
}

func printRow(w io.Writer, row operate.RowDetail) {
	columns(w, "", [][]string{{"partition", row.Partition}, {"name", row.Name}, {"changed", row.Version}})
	fmt.Fprintln(w)
	list(w, "", []string{"COLUMN", "IN THE TABLE", "TYPE", "READ AS"}, row.Columns, func(c operate.ColumnValue) []string {
		cell, reading := "-", or(c.Reading)
		if c.Set {
			cell = plain(c.Text)
		}
		switch {
		case !c.Known:
			reading = "(unknown column)"
		case c.Faulty:
			reading = "(fault)"
		case !c.Set && c.Reading != "":
			reading += " (default)"
		}
		return []string{c.Column, cell, or(c.Type), reading}
	})
	if len(row.Faults) > 0 {
		fmt.Fprintf(w, "\n%s: the row decides nothing but review\n", count(len(row.Faults), "fault"))
		for _, fault := range row.Faults {
			fmt.Fprintln(w, plain("  "+fault.Column+" "+fault.Problem+"; "+fault.Advice))
		}
	}
}

func printFindings(w io.Writer, findings []lint.Finding, rows int, table bool) {
	where := ""
	severities := map[lint.Severity]int{}
	for _, f := range findings {
		severities[f.Severity]++
		here := strings.TrimSpace(f.Partition + " " + quotedName(f.Row))
		if here == "" {
			here = "the directory"
		}
		if here != where {
			if where != "" {
				fmt.Fprintln(w)
			}
			fmt.Fprintln(w, plain(here))
			where = here
		}
		about := strings.TrimSpace(f.Column + " (" + f.Rule + ")")
		fmt.Fprintln(w, plain(fmt.Sprintf("  %-7s  %s: %s", f.Severity, about, f.Problem)))
		fmt.Fprintln(w, plain("           "+f.Advice))
	}
	if len(findings) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s looked at: %s, %s, %d to know\n", count(rows, "row"),
		count(severities[lint.Error], "error"), count(severities[lint.Warning], "warning"), severities[lint.Info])
	if table && rows == 0 {
		fmt.Fprintln(w, "There are no rows: everybody goes to review. guestlist policy init writes some.")
	}
}

func quotedName(name string) string {
	if name == "" {
		return ""
	}
	return strconv.Quote(name)
}

func printExplanation(w io.Writer, e operate.Explanation) {
	fmt.Fprintln(w, plain(e.Submission.Email.String()+": "+string(e.Decision.Action)))
	fmt.Fprintln(w, plain(e.Decision.Reason))
	if text := proofs[e.Decision.Proof]; text != "" {
		fmt.Fprintln(w, text)
	}
	fmt.Fprintf(w, "as of %s\n\n", e.Decision.At.Format(time.RFC3339))

	lines := [][]string{{"PARTITION", "ROW", "OUTCOME", "WHY"}}
	for _, look := range e.Decision.Looked {
		if !slices.Contains(e.Partitions, look.Partition) { // under a key that matches nobody
			lines = append(lines, []string{strconv.QuoteToASCII(look.Partition), look.Name, string(look.Outcome), look.Why})
		}
	}
	for _, partition := range e.Partitions {
		before := len(lines)
		for _, look := range e.Decision.Looked {
			if look.Partition == partition {
				lines = append(lines, []string{partition, look.Name, string(look.Outcome), look.Why})
			}
		}
		if len(lines) == before {
			lines = append(lines, []string{partition, "-", "-", "no row"})
		}
	}
	columns(w, "", lines)
	if e.Decision.Unlisted > 0 {
		fmt.Fprintf(w, "and %s more\n", count(e.Decision.Unlisted, "row"))
	}
	if e.Decision.Terms != nil {
		fmt.Fprintln(w, "\nThe invitation:")
		printTerms(w, e.Decision.Terms)
	}
	if e.Decision.Limits != nil {
		fmt.Fprintf(w, "\nThe row has limits: guests in all %s, guests a day %s.\n",
			anyNumber(e.Decision.Limits.MaxGuests), anyNumber(e.Decision.Limits.MaxPerDay))
	}
	if len(e.Missing) > 0 {
		fmt.Fprintf(w, "\nNot given, though the form asks for it: %s. A row that looks at it may decide otherwise.\n",
			strings.Join(e.Missing, ", "))
	}
}

// proofs says what the deciding row asks for, unless it leaves that to the app's default.
var proofs = map[policy.Proof]string{
	policy.ProofCode: "The partner must first prove the mailbox by a code.",
	policy.NoProof:   "The mailbox need not be proven.",
}

func printTerms(w io.Writer, terms *policy.Terms) {
	fields := operate.TermFields(terms)
	list(w, "  ", nil, slices.Sorted(maps.Keys(fields)), func(name string) []string { return []string{name, fields[name]} })
}

// anyNumber returns a limit as text; 0 means no limit.
func anyNumber(limit int) string {
	if limit == 0 {
		return "any number"
	}
	return strconv.Itoa(limit)
}

// maxListed is the most requests of one change that are printed for people.
const maxListed = 20

func printReplay(w io.Writer, r operate.Replay) {
	changed := 0
	for _, change := range r.Changes {
		changed += len(change.Requests)
		fmt.Fprintf(w, "%s: %s -> %s\n", count(len(change.Requests), "request"), verdict(change.Was), verdict(change.Becomes))
		if change.Was.Proof != change.Becomes.Proof {
			fmt.Fprintf(w, "  proof %s -> %s\n", or(string(change.Was.Proof)), or(string(change.Becomes.Proof)))
		}
		list(w, "  ", nil, change.TermChanges(), func(c operate.TermChange) []string {
			return []string{c.Name, or(c.Was) + " -> " + or(c.Becomes)}
		})
		listed := change.Requests[:min(maxListed, len(change.Requests))]
		list(w, "  ", nil, listed, func(r operate.ReplayRequest) []string {
			return []string{shortTime(r.DecidedAt), r.Address, string(r.ID)}
		})
		if len(change.Requests) > maxListed {
			fmt.Fprintf(w, "  and %d more; --output json has all\n", len(change.Requests)-maxListed)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s looked at: %d would be decided otherwise, %d the same way\n",
		count(r.Requests, "request"), changed, r.Same)
	left := func(n int, why string) {
		if n > 0 {
			fmt.Fprintf(w, "%d %s\n", n, why)
		}
	}
	left(r.Undecided, "not decided yet")
	left(r.Erased, "without personal data, since it was erased")
}

func verdict(v operate.Verdict) string {
	if v.Row == "" && v.Partition == "" {
		return string(v.Action) + " (no row)"
	}
	return plain(fmt.Sprintf("%s (%s %q)", v.Action, v.Partition, v.Row))
}

// marks are printed before the rows of a plan.
var marks = map[rowfile.Kind]string{rowfile.Added: "+", rowfile.Changed: "~", rowfile.Removed: "-"}

func printPlan(w io.Writer, plan operate.Plan) {
	kinds := map[rowfile.Kind]int{}
	for _, change := range plan.Changes {
		kinds[change.Kind]++
		fmt.Fprintln(w, plain(fmt.Sprintf("%s %s %q", marks[change.Kind], change.Partition, change.Name)))
		if change.Conflict != "" {
			fmt.Fprintln(w, plain("    conflict: the row "+change.Conflict))
		}
		list(w, "    ", nil, change.Cells, func(cell operate.CellChange) []string {
			text := cellText(cell.Was, cell.Becomes) + " -> " + cellText(cell.Becomes, cell.Was)
			if cell.Says != "" {
				text += ": " + cell.Says
			}
			return []string{cell.Column, text}
		})
	}
	if len(plan.NewErrors) > 0 {
		fmt.Fprintln(w, "\nErrors that the table does not have yet:")
		some(w, plan.NewErrors, func(f lint.Finding) string {
			return fmt.Sprintf("%s %s %s (%s): %s %s", f.Partition, quotedName(f.Row), f.Column, f.Rule, f.Problem, f.Advice)
		})
	}
	if len(plan.Changes) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%d to add, %d to change, %d to delete, %d the same",
		kinds[rowfile.Added], kinds[rowfile.Changed], kinds[rowfile.Removed], plan.Unchanged)
	if plan.Kept > 0 {
		fmt.Fprintf(w, "; %d in the table only, which stay (--delete deletes them)", plan.Kept)
	}
	fmt.Fprintln(w)
	if len(plan.Blocks) > 0 {
		fmt.Fprintf(w, "\nEverybody goes to review in %s, until an apply that was interrupted or still runs is done:\n",
			count(len(plan.Blocks), "partition"))
		some(w, plan.Blocks, func(b operate.Block) string {
			return b.Partition + ": the apply " + cmp.Or(b.Apply, "of an unknown file")
		})
		fmt.Fprintln(w, operate.UnfinishedAdvice)
	}
}

// cellText returns a cell for a plan, with its type if only that differs from the other.
func cellText(cell, other *operate.Cell) string {
	switch {
	case cell == nil:
		return "(none)"
	case cell.Text == policy.NotShown:
		return cell.Text
	case other != nil && cell.Text == other.Text:
		return strconv.Quote(cell.Text) + " (" + cell.Type + ")"
	default:
		return strconv.Quote(cell.Text)
	}
}

func printApplied(w io.Writer, applied operate.Applied) {
	fmt.Fprintf(w, "%s written", count(len(applied.Written), "row"))
	left := slices.Concat(applied.Moved, applied.Unwritten)
	if len(left) > 0 {
		fmt.Fprintf(w, ", %d not:", len(left))
	}
	fmt.Fprintln(w)
	named := func(change operate.Change) string {
		return fmt.Sprintf("%s %s %q", change.Kind, change.Partition, change.Name)
	}
	some(w, left, named)
	if len(applied.Unknown) > 0 {
		fmt.Fprintf(w, "%s written or not, there was no answer:\n", count(len(applied.Unknown), "row"))
		some(w, applied.Unknown, named)
	}
	if len(applied.Blocked) > 0 {
		fmt.Fprintf(w, "Until the rest is written, everybody goes to review in %s:\n", count(len(applied.Blocked), "partition"))
		some(w, applied.Blocked, func(key string) string { return key })
	}
	if len(applied.Unblocked) > 0 {
		fmt.Fprintf(w, "Somebody removed the temporary row before the rest was written, and half of the changes decide in %s:\n",
			count(len(applied.Unblocked), "partition"))
		some(w, applied.Unblocked, func(key string) string { return key })
	}
}

// some prints a line for each of the first entries, and how many there are besides.
func some[T any](w io.Writer, entries []T, text func(T) string) {
	for _, entry := range entries[:min(maxNamed, len(entries))] {
		fmt.Fprintln(w, plain("  "+text(entry)))
	}
	if more := len(entries) - maxNamed; more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}

func printRequests(w io.Writer, requests []operate.RequestSummary) {
	if len(requests) == 0 {
		fmt.Fprintln(w, "There are no such requests.")
		return
	}
	head := []string{"ID", "STATE", "ADDRESS", "PROVED", "COMPANY", "SUBMITTED", "REFERENCE", "REASON"}
	list(w, "", head, requests, func(r operate.RequestSummary) []string {
		return []string{
			string(r.ID), string(r.State), or(r.Address), yes(r.Proved), or(r.Company), shortTime(r.Created), string(r.Reference), r.Reason,
		}
	})
}

func shortTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func printRequest(w io.Writer, r operate.RequestDetail) {
	head := facts{
		{"request", string(r.ID)}, {"reference", string(r.Reference)}, {"state", string(r.State)}, {"", r.Meaning}, {"reason", or(r.Reason)},
	}
	head.add("words", r.Words)
	head = append(head, proofFacts(r.Proof)...)
	if r.Owed != nil {
		head.add("mail owed", owedText(*r.Owed))
	}
	if r.ResendWished != "" {
		head.add("mail again", "asked for by "+r.ResendWished+"; the app looks at it soon")
	}
	if r.ErasureWished != "" {
		head.add("erasure", "asked for by "+r.ErasureWished+"; the app does it soon")
	}
	if r.State == request.Proving {
		head.add("looked at", stamp(r.Due))
	} else {
		head.add("goes on", stamp(r.Due))
	}
	head.add("reminder", stamp(r.RemindAt))
	head.add("repeat of", string(r.RepeatOf))
	head.add("guest", r.GuestID)
	columns(w, "", head)

	fmt.Fprintln(w)
	printPartner(w, r)
	if r.Decision != nil {
		fmt.Fprintf(w, "\nPolicy decided: %s\n", r.Decision.Action)
		fmt.Fprintln(w, "  "+plain(r.Decision.Reason))
		if text := proofs[r.Decision.Proof]; text != "" {
			fmt.Fprintln(w, "  "+text)
		}
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
	if len(r.Mails) > 0 {
		fmt.Fprintln(w, "\nMails of the app's own, the last of each kind:")
		list(w, "  ", nil, r.Mails, func(m operate.SentMail) []string {
			means := m.Means
			if m.Code != "" {
				means += " (" + m.Code + ")"
			}
			if m.Repeats > 0 {
				means += fmt.Sprintf("; handed over %d times more, since the service said it had not taken it", m.Repeats)
			}
			return []string{stamp(m.At), string(m.Kind), strconv.Itoa(m.Ordinal), means}
		})
	}
	fmt.Fprintln(w, "\nHistory:")
	list(w, "  ", nil, r.History, func(event request.Event) []string {
		return []string{stamp(event.At), string(event.State), event.What, event.Text()}
	})
}

// proofFacts says whether the mailbox is proved, in the first line.
func proofFacts(p operate.Proof) (lines facts) {
	lines.add("mailbox", proofText(p))
	if !p.Proved {
		lines.add("proof asked for", stamp(p.AskedAt))
	}
	if p.Tries > 0 {
		lines.add("codes typed", fmt.Sprintf("%d of %d", p.Tries, p.MostTries))
	}
	return lines
}

// proofText says in a clause whether the mailbox is proved.
func proofText(p operate.Proof) string {
	switch {
	case p.How == operate.ProofByCode:
		return "proved " + stamp(p.At) + ", by the code that was mailed to it"
	case p.Proved:
		return "proved " + stamp(p.At) + ", by an earlier request"
	case !p.CodeValidUntil.IsZero():
		return "not proved; the code was mailed, and is valid until " + stamp(p.CodeValidUntil)
	case !p.WaitsUntil.IsZero():
		return "not proved; no code was mailed so far, and the request waits until " + stamp(p.WaitsUntil)
	case p.AskedAt.IsZero():
		return "not proved; no proof was asked for"
	}
	return "not proved"
}

// owedText describes a mail that is still to be sent.
func owedText(m operate.OwedMail) string {
	text := "the " + string(m.Kind) + " mail, since " + stamp(m.Since)
	if m.Person {
		text += ", as a person wishes"
	}
	if m.Why != "" {
		text += ": " + m.Why
	}
	return text
}

// printUnreadableRequest prints what can be told of a request that can't be read.
func printUnreadableRequest(w io.Writer, r operate.UnreadableRequest) {
	head := facts{{"request", string(r.ID)}, {"reference", string(r.Reference)}, {"state", or(string(r.State))}}
	for i, fault := range r.Faults {
		name := "can't be read"
		if i > 0 {
			name = ""
		}
		head = append(head, []string{name, fault})
	}
	head.add("cure", r.Cure)
	head.add("in this state", stamp(r.Since))
	head.add("goes on", stamp(r.Due))
	head.add("guest", r.GuestID)
	head.add("created", stamp(r.Created))
	head.add("changed", stamp(r.Changed))
	head.add("erasure", r.ErasureWished)
	head.add("personal data", map[bool]string{true: "is there, and not shown", false: "is erased"}[r.Personal])
	columns(w, "", head)
	fmt.Fprintln(w, "\nHistory:")
	list(w, "  ", nil, r.History, func(event request.Event) []string {
		return []string{stamp(event.At), string(event.State), event.What, event.Text()}
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
	fmt.Fprintln(w, "the mailbox is "+proofText(operate.NewProof(r)))
	fmt.Fprintln(w, plain(fmt.Sprintf("the request is %s: %s", r.State, r.Reason)))
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
