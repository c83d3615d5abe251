package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/policy/lint"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// policyCommand is guestlist policy.
type policyCommand struct {
	account `group:"Which rows:"`
	format

	List    listCommand    `cmd:"" help:"List all rows in the order in which they are tried."`
	Show    showCommand    `cmd:"" help:"Show every column of a row, how it is read, and its faults."`
	Lint    lintCommand    `cmd:"" help:"Look for faults, and for what was probably not intended."`
	Explain explainCommand `cmd:"" help:"Tell what would be decided on a hypothetical submission, and why."`
	Replay  replayCommand  `cmd:"" help:"Decide on past submissions again and tell what would change. Writes nothing."`
	Export  exportCommand  `cmd:"" help:"Write all rows into a CSV file that a spreadsheet and Storage Explorer open."`
	Plan    planCommand    `cmd:"" help:"Tell how the table differs from a file. Writes nothing."`
	Apply   applyCommand   `cmd:"" help:"Change the table to match a file."`
	Init    initCommand    `cmd:"" help:"Write the first rows into an empty table: everybody to review, with disabled examples."`
}

func (policyCommand) Help() string {
	return `The rows are those of the table Policies. Every command except apply and init only reads.

Exit codes: 0 fine; 1 there are findings or differences, the decision is not the expected one, or there is no such row; 2 the command was not understood; 3 something could not be reached, read or written; 4 a row was changed by somebody else in the meantime.`
}

// rows returns all rows of the file, or of the table if file is empty.
func (p *policyCommand) rows(s *session, file string) ([]policy.Raw, error) {
	if file != "" {
		rows, err := s.readFile(file)
		return operate.Raws(rows), err
	}
	d, err := p.ProvideDeployment(s)
	if err != nil {
		return nil, err
	}
	return d.AllRows(s.ctx)
}

// readFile reads a file of rows; "-" is standard input.
func (s *session) readFile(name string) ([]rowfile.Row, error) {
	source := s.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		source = file
	}
	rows, err := rowfile.Read(source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows, nil
}

// moment is a time on the command line.
type moment struct{ time.Time }

func (m *moment) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		t, err := time.Parse(layout, string(text))
		if err == nil {
			m.Time = t.UTC()
			return nil
		}
	}
	return errors.New("write a time such as 2026-05-31T18:00:00Z, or a date for its start in UTC")
}

// or returns the time, or now if none was given.
func (m moment) or(now time.Time) time.Time {
	if m.IsZero() {
		return now
	}
	return m.Time
}

type listCommand struct{}

func (listCommand) Run(s *session, d *deployment) error {
	rows, err := d.AllRows(s.ctx)
	if err != nil {
		return err
	}
	summaries := operate.List(rows)
	return s.print(map[string]any{"rows": summaries}, func(w io.Writer) { printList(w, summaries) })
}

type showCommand struct {
	Partition string `arg:"" help:"The row's PartitionKey: an address, a domain, *.domain, or *."`
	Name      string `arg:"" help:"The row's RowKey."`
}

func (c showCommand) Run(s *session, d *deployment) error {
	rows, err := d.AllRows(s.ctx)
	if err != nil {
		return err
	}
	detail, found := operate.Show(rows, c.Partition, c.Name)
	if !found {
		return problem.New(problem.InvalidInput, "there is no row %q in the partition %q; guestlist policy list names all", c.Name, c.Partition)
	}
	return s.print(detail, func(w io.Writer) { printRow(w, detail) })
}

type lintCommand struct {
	Directory bool   `help:"Also ask the directory whether groups, sponsors and approvers exist and are suitable, and whether two people can decide where a row asks for two."`
	GraphURL  string `name:"graph-url" placeholder:"URL" help:"Microsoft Graph in a national cloud, for --directory."`
	Rows      string `placeholder:"FILE" help:"Lint the rows of a file instead of the table's; - is standard input."`
	FailOn    string `enum:"error,warning,info" default:"warning" placeholder:"SEVERITY" help:"Exit with 1 from findings of this severity on: error, warning or info."`
}

func (lintCommand) Help() string {
	return "Exits with 1 if there are errors or warnings; see --fail-on."
}

// rows returns the rows to look at. noReviewers says that the app has reported that it has no group
// of reviewers, which is known only beside its table.
func (c lintCommand) rows(s *session, p *policyCommand) (rows []policy.Raw, noReviewers bool, err error) {
	if c.Rows != "" {
		rows, err = p.rows(s, c.Rows)
		return rows, false, err
	}
	d, err := p.ProvideDeployment(s)
	if err != nil {
		return nil, false, err
	}
	rows, err = d.AllRows(s.ctx)
	if err != nil {
		return nil, false, err
	}
	report, err := d.Report(s.ctx)
	// The rows can be looked at without the report.
	return rows, err == nil && report.Reviewers == tables.NoReviewers, nil
}

func (c lintCommand) Run(s *session, p *policyCommand) error {
	rows, noReviewers, err := c.rows(s, p)
	if err != nil {
		return err
	}
	config := lint.Config{Rows: operate.Parse(rows), Now: s.now(), NoReviewers: noReviewers}
	if c.Directory {
		config.Directory, err = s.directory(p.account, c.GraphURL)
		if err != nil {
			return err
		}
		config.Progress = s.progress("asking for groups, sponsors and approvers")
	}
	// On an error, the findings that need no directory are complete.
	findings, lintErr := lint.Check(s.ctx, config)
	err = s.print(map[string]any{"findings": findings}, func(w io.Writer) { printFindings(w, findings, len(rows), c.Rows == "") })
	if err != nil {
		return err
	}
	if lintErr != nil {
		return lintErr
	}
	severities := []lint.Severity{lint.Error, lint.Warning, lint.Info}
	fails := severities[:slices.Index(severities, lint.Severity(c.FailOn))+1]
	if slices.ContainsFunc(findings, func(f lint.Finding) bool { return slices.Contains(fails, f.Severity) }) {
		return errFindings
	}
	return nil
}

type explainCommand struct {
	Email    string `arg:"" help:"Address of the partner."`
	Name     string `help:"Given name and family name; the last word is the family name."`
	Company  string `help:"Company, as the partner would write it."`
	Country  string `placeholder:"CODE" help:"Country, by its two-letter code."`
	Reason   string `placeholder:"TEXT" help:"Reason, as the partner would write it."`
	Sponsor  string `placeholder:"EMAIL" help:"Address of the contact that the partner names."`
	Language string `placeholder:"TAG" help:"Language of the partner, such as pt-BR."`
	Code     string `help:"Invite code, as the partner would type it; - reads it from standard input, since others on this machine can see command lines, and shells keep them."`
	At       moment `placeholder:"TIME" help:"Decide as of this time instead of now: 2026-05-31T18:00:00Z, or a date."`
	Rows     string `placeholder:"FILE" help:"Decide by the rows of a file instead of the table's; - is standard input."`
	Expect   string `enum:",invite,review,deny" default:"" placeholder:"ACTION" help:"Exit with 1 if the decision is not this one: invite, review or deny."`
}

func (explainCommand) Help() string {
	return `The decision is made exactly as for a real submission. Fields that are not given are empty, although the form requires some of them. With a file, no seats of rows with limits count as taken.`
}

func (c explainCommand) Run(s *session, p *policyCommand) error {
	question := operate.Question{
		Email: c.Email, Name: c.Name, Company: c.Company, Country: c.Country, Reason: c.Reason, Sponsor: c.Sponsor,
		Language: c.Language, Code: c.Code,
	}
	at := c.At.or(s.now())
	var err error
	if c.Code == "-" {
		if c.Rows == "-" {
			return usage("standard input can't hold both the rows and the code; write the rows into a file")
		}
		question.Code, err = s.readSecret("Invite code: ")
		if err != nil {
			return err
		}
	}
	_, _, err = question.Submission(at)
	refusals := operate.Refusals(err)
	if len(refusals) > 0 {
		return usage("the form would not take this: %s", strings.Join(refusals, "; "))
	}
	decider, err := c.decider(s, p)
	if err != nil {
		return err
	}
	explanation, err := operate.Explain(s.ctx, decider, question, at)
	if err != nil {
		return err
	}
	err = s.print(explanation, func(w io.Writer) { printExplanation(w, explanation) })
	if err != nil {
		return err
	}
	if c.Expect != "" && string(explanation.Decision.Action) != c.Expect {
		fmt.Fprintf(s.stderr, "guestlist: expected %s\n", c.Expect)
		return errFindings
	}
	return nil
}

// decider returns a decider by the table or by a file.
func (c explainCommand) decider(s *session, p *policyCommand) (request.Decider, error) {
	if c.Rows != "" {
		file, err := s.readFile(c.Rows)
		if err != nil {
			return request.Decider{}, err
		}
		return operate.MemoryDecider(operate.Raws(file))
	}
	d, err := p.ProvideDeployment(s)
	if err != nil {
		return request.Decider{}, err
	}
	return request.Decider{Rows: d, Strays: operate.TableStrays{Table: d}, Seats: d}, nil
}

type replayCommand struct {
	Last          int    `default:"500" placeholder:"N" help:"How many submissions to decide, the newest first; at most ${maxReplay}."`
	Rows          string `placeholder:"FILE" help:"Decide by the rows of a file, and compare with what the table's rows would decide; - is standard input."`
	ShowAddresses bool   `help:"Print addresses whole instead of masked."`
}

func (replayCommand) Help() string {
	return `Without --rows, it compares what the table's rows would decide with what was decided. With --rows, it compares the rows of the file with the table's, whatever was decided.

Each submission is decided as of the time of its own decision, and with no seats of rows with limits taken. It counts as changed if the action or the terms of the invitation differ.

Exits with 1 if anything would change.`
}

// maxReplay limits a replay to what a person waits for and a laptop holds.
const maxReplay = 10_000

func (c replayCommand) Run(s *session, p *policyCommand) error {
	if c.Last < 1 || c.Last > maxReplay {
		return usage("--last must be from 1 to %d", maxReplay)
	}
	var file []rowfile.Row
	var err error
	if c.Rows != "" {
		file, err = s.readFile(c.Rows)
		if err != nil {
			return err
		}
	}
	d, err := p.ProvideDeployment(s)
	if err != nil {
		return err
	}
	table, err := d.AllRows(s.ctx)
	if err != nil {
		return err
	}
	found, searched := d.RecentRequests(s.ctx, s.now(), c.Last)
	if searched != nil && len(found.Requests) == 0 {
		return s.partly(found, searched)
	}
	config := operate.ReplayConfig{
		Requests: found.Requests, ShowAddresses: c.ShowAddresses, Progress: s.progress("deciding on requests"),
	}
	config.Decider, err = operate.MemoryDecider(table)
	if err != nil {
		return err
	}
	if c.Rows != "" {
		before := config.Decider
		config.Before = &before
		config.Decider, err = operate.MemoryDecider(operate.Raws(file))
		if err != nil {
			return err
		}
	}
	replay, err := operate.NewReplay(context.WithoutCancel(s.ctx), config)
	if err != nil {
		return err
	}
	replay.Unreadable, replay.Incomplete = found.NumUnreadable(), searched != nil
	err = s.conclude(len(replay.Changes) > 0, replay, func(w io.Writer) {
		printReplay(w, replay)
		printUnreadable(w, found)
	})
	return cmp.Or(s.partly(found, searched), err)
}

type exportCommand struct {
	File      string    `arg:"" help:"The file to write; - is standard output."`
	Force     bool      `help:"Write over a file that exists."`
	Separator separator `default:"," placeholder:"CHARACTER" help:"What separates the cells: ',' (the default), ';' or tab. Spreadsheets of countries with a decimal comma open files with ';'. Every command reads all three."`
}

// separator separates the cells of a file.
type separator rune

func (r *separator) UnmarshalText(text []byte) error {
	written := strings.NewReplacer("comma", ",", "semicolon", ";", "tab", "\t", `\t`, "\t").Replace(string(text))
	if len(written) != 1 || !strings.Contains(rowfile.Separators, written) {
		return errors.New("write ',' or ';' or tab")
	}
	*r = separator(written[0])
	return nil
}

func (exportCommand) Help() string {
	return `Edit the file, check it with guestlist policy plan FILE, then run guestlist policy apply FILE. Each line is a row; unused columns may stay empty. Do not change Timestamp: apply uses it to detect that somebody else has changed a row meanwhile. New lines have none. The columns NAME@type, to the right, may be left alone.

If a spreadsheet shows everything in one column, export with --separator ';'. An apostrophe stands before each cell that a spreadsheet would change, such as '00123456 or 'May 2026, and is not part of it: leave it where it is, and write one before such a cell of your own. A day in the form of your country is understood where it can be one day only: 31.12.2026, but not 05/01/2026.

Keep a copy of the file to be able to return to it: guestlist policy apply --overwrite --delete FILE.`
}

func (c exportCommand) Run(s *session, p *policyCommand) error {
	if c.File != "-" && !c.Force {
		_, err := os.Stat(c.File)
		if err == nil {
			return usage("%s exists; add --force to write over it, and over what was edited in it", c.File)
		}
	}
	rows, err := p.rows(s, "")
	if err != nil {
		return err
	}
	if c.File == "-" {
		return rowfile.Write(s.stdout, rows, rune(c.Separator))
	}
	err = writeFile(c.File, rows, rune(c.Separator))
	if err != nil {
		return fmt.Errorf("writing %s: %w", c.File, err)
	}
	return s.print(map[string]any{"file": c.File, "rows": len(rows)}, func(w io.Writer) {
		fmt.Fprintf(w, "%s written to %s\n", count(len(rows), "row"), plain(c.File))
	})
}

// writeFile writes the whole file or none. Rows can hold addresses: only the owner may read it.
func writeFile(name string, rows []policy.Raw, separator rune) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".guestlist-*.csv") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	err = errors.Join(rowfile.Write(file, rows, separator), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// planFlags are the flags of plan and apply.
type planFlags struct {
	File      string `arg:"" help:"The file of rows, as export writes it; - is standard input."`
	Delete    bool   `help:"Delete the rows that the file does not have. Without it they stay."`
	Overwrite bool   `help:"Replace rows even if they were changed after the export: to return to an older file."`
	TakeOver  bool   `help:"Remove the temporary rows of an apply that is not finished, whatever its file is. Its partitions then have the rows that are there, and those of this file."`
}

// plan reads the file and compares it with the table.
func (c planFlags) plan(s *session, table operate.Table) (operate.Plan, error) {
	file, err := s.readFile(c.File)
	if err != nil {
		return operate.Plan{}, err
	}
	rows, err := table.AllRows(s.ctx)
	if err != nil {
		return operate.Plan{}, err
	}
	source := "standard input"
	if c.File != "-" {
		source = filepath.Base(c.File)
	}
	options := operate.PlanOptions{Delete: c.Delete, Overwrite: c.Overwrite, TakeOver: c.TakeOver, Source: source}
	return operate.NewPlan(s.ctx, rows, file, options, s.now())
}

type planCommand struct{ planFlags }

func (planCommand) Help() string {
	return `Exits with 1 if the table would change, and with 4 if a row of it was changed, created or deleted after the file was exported, or is in a partition that an unfinished apply has blocked.`
}

func (c planCommand) Run(s *session, d *deployment) error {
	plan, err := c.plan(s, d)
	if err != nil {
		return err
	}
	err = s.conclude(len(plan.Changes) > 0, plan, func(w io.Writer) { printPlan(w, plan) })
	if errors.Is(err, errFindings) {
		return cmp.Or(refused(plan), err)
	}
	return err
}

type applyCommand struct {
	planFlags
	confirmation
	ForceFaults bool `help:"Write the rows even if they bring new lint errors. A row with a fault invites nobody."`
}

func (applyCommand) Help() string {
	return `Shows the plan and asks before it writes. Nothing is written if a row of the table was changed after the file was exported (exit code 4), or if the change would bring new errors (exit code 1). Rows of one partition change together or not at all, up to 100 of them.

The writes are ordered so that only people that the old rows or the new ones invite are invited at any moment. Where no order is safe, a temporary row "!guestlist policy apply" sends everybody in a partition to review until all is written. If apply is interrupted, run it again with the same file: it goes on with what is left and removes such rows. Until then no other file changes the rows of these partitions (exit code 4), unless you add --take-over.

To edit further after it, export again: what was written has a new Timestamp. To go back to an older export: guestlist policy apply --overwrite --delete FILE.`
}

func (c applyCommand) Run(s *session, p *policyCommand) error {
	if !c.Yes && c.File == "-" {
		return usage("standard input can't hold both the rows and the answer; add --yes")
	}
	d, err := p.ProvideDeployment(s)
	if err != nil {
		return err
	}
	plan, err := c.plan(s, d)
	if err != nil {
		return err
	}
	result := struct {
		Plan    operate.Plan     `json:"plan"`
		Applied *operate.Applied `json:"applied"` // null if nothing was tried
	}{Plan: plan}
	if s.output == "table" {
		printPlan(s.stdout, plan)
	}
	refusal := c.approve(s, plan)
	if refusal == nil && len(plan.Changes) > 0 {
		plan.Progress = s.progress("writing rows")
		applied, err := operate.Apply(s.ctx, d, plan)
		result.Applied = &applied
		if s.output == "table" {
			printApplied(s.stdout, applied)
		}
		switch {
		case problem.CodeOf(err) == problem.Conflict && len(applied.Moved) > 0:
			refusal = conflicted(applied.Moved)
		case problem.CodeOf(err) == problem.Conflict && len(applied.Unblocked) > 0:
			refusal = unblocked(applied)
		case err != nil:
			refusal = writeFailed(s, d, err)
		}
	}
	if s.output == "json" {
		err = printJSON(s.stdout, result)
		if err != nil {
			return err
		}
	}
	return refusal
}

// writeFailed returns the error of a write, with what to do about it.
func writeFailed(s *session, d *deployment, err error) error {
	const again = "Then run the same command again: it goes on with what is left."
	code, answer := problem.CodeOf(err), problem.From(err).Answer
	switch {
	case s.ctx.Err() != nil:
		return advised{problem.New(problem.StorageUnavailable, "interrupted while rows were written"),
			"Run the same command again: it goes on with what is left."}
	case code == problem.InvalidInput, code == problem.Internal:
		return advised{err, "The table does not take one of the rows as it is, and none of those that change together with it. " +
			"Correct the file. " + again}
	case strings.HasPrefix(answer, "401 "), strings.HasPrefix(answer, "403 "):
		return advised{err, "The rows can be read and not written: that takes the role Storage Table Data Contributor on the account. " +
			"A new role takes some minutes. " + again}
	}
	return advised{err, "The table could be read before. " + again + " " + d.hint}
}

// approve returns why the plan must not be applied.
func (c applyCommand) approve(s *session, plan operate.Plan) error {
	err := refused(plan)
	switch {
	case err != nil:
		return err
	case len(plan.Unstorable()) > 0:
		fmt.Fprintf(s.stderr, "guestlist: nothing was written: no table holds %s as it is in the file. Correct it there.\n",
			count(len(plan.Unstorable()), "cell"))
		return errFindings
	case len(plan.NewErrors) > 0 && !c.ForceFaults:
		fmt.Fprintln(s.stderr, "guestlist: nothing was written: the change would bring new errors. "+
			"Correct the file, or add --force-faults.")
		return errFindings
	case len(plan.Changes) == 0:
		return nil
	}
	return c.ask(s, fmt.Sprintf("Change %s?", count(len(plan.Changes), "row")))
}

// refused returns why other changes stand against the plan.
func refused(plan operate.Plan) error {
	switch {
	case len(plan.Hindered()) > 0:
		names := make([]string, 0, len(plan.Hindered()))
		for _, block := range plan.Hindered() {
			names = append(names, block.Partition)
		}
		more := ""
		if len(names) > maxNamed {
			more = fmt.Sprintf(" and %d more", len(names)-maxNamed)
		}
		return advised{problem.New(problem.Conflict, "the file changes rows where another apply is not finished: %s%s",
			strings.Join(names[:min(maxNamed, len(names))], " "), more), operate.UnfinishedAdvice}
	case len(plan.Conflicts()) > 0:
		return conflicted(plan.Conflicts())
	}
	return nil
}

// unblocked returns the error of an apply whose temporary rows somebody removed too early.
func unblocked(applied operate.Applied) error {
	return advised{problem.New(problem.Conflict, "somebody removed the temporary rows while rows were written"),
		fmt.Sprintf("Of %s, some rows are as before and some as in the file, and they decide. Run the same command again: "+
			"it goes on with what is left.", count(len(applied.Unblocked), "partition"))}
}

// conflicted returns the error that names the rows that somebody else changed.
func conflicted(changes []operate.Change) error {
	var text strings.Builder
	text.WriteString("rows were changed meanwhile; they were not touched:")
	for _, change := range changes[:min(maxNamed, len(changes))] {
		fmt.Fprintf(&text, "\n  %s %q %s", change.Partition, change.Name, change.Conflict)
	}
	if more := len(changes) - maxNamed; more > 0 {
		fmt.Fprintf(&text, "\n  and %d more", more)
	}
	return advised{problem.New(problem.Conflict, "%s", text.String()),
		"Export again and repeat the edit, or add --overwrite to replace them."}
}

type initCommand struct {
	Force bool `help:"Add the rows to a table that has some; existing rows are not changed."`
}

func (initCommand) Help() string {
	return "Exits with 4, and writes nothing, if the table has rows already."
}

func (c initCommand) Run(s *session, d *deployment) error {
	written, err := operate.Init(s.ctx, d, c.Force)
	if problem.CodeOf(err) == problem.Conflict {
		return advised{fmt.Errorf("%w; nothing was written", err), "Add --force to add the samples to them."}
	}
	if err != nil {
		return err
	}
	summaries := operate.List(written)
	return s.print(map[string]any{"written": summaries}, func(w io.Writer) {
		printList(w, summaries)
		fmt.Fprintf(w, "\n%s written\n", count(len(written), "row"))
	})
}
