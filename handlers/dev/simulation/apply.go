package simulation

import (
	"context"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// planApply plans that an admin replaces all rows, and that people sign up meanwhile. The command
// may end between any two writes, and may be given again, for the same file or another one.
func (r *run) planApply() {
	r.applies = true
	r.edited, r.rowless = true, true
	for range 1 + r.random.IntN(3) {
		at := r.now.Add(r.soon(3 * time.Hour))
		r.plan(at, func() { r.apply(r.drawRows()) })
		for range 1 + r.random.IntN(4) {
			r.plan(at.Add(r.soon(time.Minute)), r.submit)
		}
	}
}

// drawRows makes up a file of rows.
func (r *run) drawRows() (file []rowfile.Row) {
	keys := []string{"*", "*", "*.com", trusted, trusted, reviewed, denied, unlisted,
		addresses[trusted][0].String(), addresses[trusted][1].String()}
	drawn := map[policy.RowKey]bool{}
	for range 1 + r.random.IntN(7) {
		key := policy.RowKey{Partition: pick(r.random, keys...), Name: pick(r.random, "a", "trusted")}
		if drawn[key] {
			continue
		}
		drawn[key] = true
		columns := map[string]any{
			"Action": pick(r.random, "invite", "invite", "deny", "review"),
			"Groups": pick(r.random, groupOne, groupTwo, groupOne+" "+groupTwo),
		}
		switch r.random.IntN(6) {
		case 0:
			columns["Condition"] = `request.email.startsWith("a")`
		case 1:
			columns["Priority"] = int32(5)
		}
		raw := policy.Raw{Partition: key.Partition, Name: key.Name, Columns: columns}
		file = append(file, rowfile.Row{Raw: raw})
	}
	return file
}

// apply applies the file as the command does. If it is interrupted, somebody may do so again.
func (r *run) apply(file []rowfile.Row) {
	again := func() {
		switch r.random.IntN(4) {
		case 0, 1:
			r.plan(r.now.Add(r.soon(2*time.Hour)), func() { r.apply(file) })
		case 2:
			r.plan(r.now.Add(r.soon(2*time.Hour)), func() { r.apply(r.drawRows()) })
		}
		r.plan(r.now.Add(r.soon(time.Hour)), r.submit)
	}
	r.start(&instance{admin: true}, "policy apply", "", func() error {
		a := &application{run: r}
		before, err := a.AllRows(r.context)
		if err != nil {
			return err
		}
		a.old = r.outcomes(before)
		options := operate.PlanOptions{Delete: true, Overwrite: true}
		plan, err := operate.NewPlan(r.context, before, file, options, r.now)
		if err != nil {
			return err
		}
		a.becomes = r.outcomes(operate.Raws(file))
		_, err = operate.Apply(r.context, a, plan)
		return err
	}, func(err error) {
		if err != nil {
			r.judgeFailure("policy apply", err)
			again()
		}
	}, again)
}

// outcomes are what rows decide about addresses, as far as it lets somebody in: "" or the row and
// its groups.
type outcomes map[submission.Address]string

// outcomeOf returns the outcome of a decision.
func outcomeOf(d policy.Decision) string {
	if d.Action != policy.Invite {
		return ""
	}
	return d.Row.Partition + " " + d.Row.Name + " " + strings.Join(d.Terms.Groups, " ")
}

// outcomes returns what the rows decide, whatever seats are taken.
func (r *run) outcomes(raws []policy.Raw) outcomes {
	all := outcomes{}
	for _, list := range addresses {
		for _, address := range list {
			all[address] = r.outcome(raws, address)
		}
	}
	return all
}

// outcome returns what the rows decide about an address, whatever seats are taken.
func (r *run) outcome(raws []policy.Raw, address submission.Address) string {
	rows, usage := make([]policy.Row, 0, len(raws)), policy.Usage{}
	for _, raw := range raws {
		row := r.cache.Parse(raw)
		rows = append(rows, row)
		usage[row.Key()] = policy.Used{}
	}
	s := submission.Submission{Email: address, Company: company}
	return outcomeOf(policy.Decide(s, rows, usage, r.now))
}

// A snapshot is the rows from a happening on.
type snapshot struct {
	happening int
	rows      []policy.Raw
}

// rowsChanged keeps that the rows in the table have changed.
func (r *run) rowsChanged() {
	r.changes++
	r.rowsChangedAt = r.happenings
	if r.applies && !r.batch {
		r.snap()
	}
}

// snap keeps what the rows decide now.
func (r *run) snap() {
	rows, err := r.allRows()
	if err != nil {
		r.breach(lawInternal, "the rows can't be read: %v", err)
	}
	r.snapshots = append(r.snapshots, snapshot{r.happenings, rows})
}

// allRows returns every policy row.
func (r *run) allRows() ([]policy.Raw, error) {
	found, _, err := r.memory.ScanRows(r.context, "")
	if err != nil {
		return nil, err
	}
	var partitions []string
	for _, row := range found {
		partitions = append(partitions, row.Partition)
	}
	return r.memory.Rows(r.context, slices.Compact(partitions))
}

// application is the table of a policy apply. It implements [operate.Table].
type application struct {
	*run
	begun, made  int // the changes of the table before it, and those that it has made
	old, becomes outcomes
}

// AllRows implements [operate.Table].
func (a *application) AllRows(context.Context) ([]policy.Raw, error) {
	return get(store{a.run}, "AllRows", func() ([]policy.Raw, error) {
		if a.old == nil { // later it reads what it has written
			a.begun = a.changes // the answer may be slow
		}
		return a.allRows()
	})
}

// ChangeRows implements [operate.Table].
func (a *application) ChangeRows(_ context.Context, add, replace, remove []policy.Raw) error {
	return store{a.run}.do("ChangeRows", func() error {
		rows, err := a.allRows()
		if err != nil {
			return err
		}
		etags := map[policy.RowKey]string{}
		for _, row := range rows {
			etags[row.Key()] = row.ETag
		}
		for _, row := range slices.Concat(replace, remove) {
			if etags[row.Key()] != row.ETag {
				return problem.New(problem.Conflict, "a row was changed")
			}
		}
		for _, row := range add {
			if etags[row.Key()] != "" {
				return problem.New(problem.Conflict, "a row exists")
			}
		}
		a.batch = true
		for _, row := range remove {
			a.removeRow(row.Key())
		}
		for _, row := range slices.Concat(add, replace) {
			a.row(row.Partition, row.Name, row.Columns)
		}
		a.batch = false
		a.snap()
		a.made += len(add) + len(replace) + len(remove)
		a.wantNoWider()
		return nil
	})
}

// wantNoWider checks that the rows, of which some are written, invite only as the old or the new
// ones do.
func (a *application) wantNoWider() {
	if a.changes != a.begun+a.made {
		return // others have changed rows meanwhile
	}
	now := a.outcomes(a.snapshots[len(a.snapshots)-1].rows)
	for address, outcome := range now {
		if outcome != "" && outcome != a.old[address] && outcome != a.becomes[address] {
			a.breach(lawWider, "%s is invited by %q, with the old rows by %q, with the new ones by %q",
				address, outcome, a.old[address], a.becomes[address])
		}
	}
}

// wellSpelt leaves rows under misspelt keys out. They count only once upkeep has found them; see
// wantNoBan.
func wellSpelt(rows []policy.Raw) (left []policy.Raw) {
	for _, row := range rows {
		fault, _ := policy.JudgeKey(row.Partition)
		if fault == policy.KeyFine {
			left = append(left, row)
		}
	}
	return left
}

// wantOfOneMoment checks that a decision to invite, unless a proof is needed first, is that of the
// rows at one moment since the call began to read them.
func (r *run) wantOfOneMoment(by *call, record request.Request, decision policy.Decision) {
	outcome := outcomeOf(decision)
	// After a proof the rows are asked again.
	if !r.applies || outcome == "" || record.State == request.Proving {
		return
	}
	for i := len(r.snapshots) - 1; i >= 0; i-- {
		s := r.snapshots[i]
		if r.outcome(wellSpelt(s.rows), r.address[record.ID]) == outcome {
			return
		}
		if s.happening < by.reading.happening {
			break // the rows were like this when it began
		}
	}
	r.breach(lawWider, "%s is to be invited by %q, and at no moment did the rows say so",
		r.nameOf(record.ID), outcome)
}
