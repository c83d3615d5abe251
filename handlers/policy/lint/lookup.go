package lint

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Directory is what is asked for groups and sponsors, by ids in lower case. It may be called by several goroutines at
// once. Its errors are *problem.Error: NotFound where there is nothing of that id, DirectoryReadForbidden or DirectoryForbidden
// where that may not be known, anything else where it could not be asked now.
type Directory interface {
	// Group returns the group of that id.
	Group(ctx context.Context, id string) (request.Group, error)
	// Principal returns the user, group or other object of that id. NotFound if it could be no sponsor whatever it is.
	Principal(ctx context.Context, id string) (request.Principal, error)
}

const (
	// parallelAsks is how many objects the directory is asked for at the same time.
	parallelAsks = 8
	// maxFailures is after how many failures in a row the directory counts as not answering.
	maxFailures = 5
)

// object is a group or a sponsor that rows name, and what came of asking for it.
type object struct {
	column string // Groups or Sponsors
	id     string
	rows   []*entry // that name it
	outcome
}

type outcome struct {
	result    result
	group     request.Group
	principal request.Principal
	err       error
}

type result int

const (
	unasked result = iota
	found
	missing
	forbidden
	failed
)

// checkDirectory asks for every group and sponsor and tells what is wrong with them. On an error it tells nothing.
func (k *checker) checkDirectory(ctx context.Context, d Directory, progress func(done, total int)) error {
	objects := k.objects()
	if len(objects) == 0 {
		return nil
	}
	err := askAll(ctx, d, objects, progress)
	if err != nil {
		return err
	}
	hidden := map[string]bool{}
	unknown, why := 0, ""
	for _, o := range objects {
		switch o.result {
		case found, missing:
			k.checkObject(o)
		case forbidden:
			hidden[o.column] = true
		case failed:
			unknown, why = unknown+1, " ("+string(problem.CodeOf(o.err))+")"
		case unasked:
			unknown++
		}
	}
	if hidden["Groups"] {
		k.record("", "", "Groups", ruleForbidden, "The directory does not let groups be read, so the groups of the rows were not checked, or not all.",
			"Let whoever checks the rows read groups: for an app, the permission GroupMember.Read.All.")
	}
	if hidden["Sponsors"] {
		k.record("", "", "Sponsors", ruleForbidden, "The directory does not let users and groups be read, so the sponsors of the rows were not checked, or not all.",
			"Let whoever checks the rows read users and groups: for an app, the permissions User.Read.All and GroupMember.Read.All.")
	}
	if unknown > 0 {
		k.record("", "", "", ruleUnavailable,
			fmt.Sprintf("The directory gave no answer for %d of the %d groups and sponsors%s, so these were not checked.", unknown, len(objects), why),
			"Check again in a few minutes.")
	}
	return nil
}

// objects returns what the rows name, each once, in the order of column and id. A row that denies gives nobody
// anything.
func (k *checker) objects() []*object {
	type key struct{ column, id string }
	known := map[key]*object{}
	var list []*object
	collect := func(e *entry, column string, ids []string) {
		for _, id := range ids {
			o := known[key{column, id}]
			if o == nil {
				o = &object{column: column, id: id}
				known[key{column, id}] = o
				list = append(list, o)
			}
			o.rows = append(o.rows, e)
		}
	}
	for _, p := range k.partitions {
		for _, e := range p.entries {
			if k.live(e) && e.row.Action != policy.Deny {
				collect(e, "Groups", e.row.Terms.Groups)
				collect(e, "Sponsors", e.row.Terms.Sponsors)
			}
		}
	}
	slices.SortFunc(list, func(a, b *object) int {
		return cmp.Or(strings.Compare(a.column, b.column), strings.Compare(a.id, b.id))
	})
	return list
}

// askAll asks for the objects and fills in their outcomes. It asks for no more of a column that may not be read, and no
// more at all once the directory is throttling or has failed often in a row. An error means that ctx has ended, or that
// there was no answer at all.
func askAll(ctx context.Context, d Directory, objects []*object, progress func(done, total int)) error {
	if progress == nil {
		progress = func(int, int) {}
	}
	asking, cancel := context.WithCancel(ctx)
	type answer struct {
		*object
		outcome
	}
	jobs := make(chan *object)
	answers := make(chan answer, parallelAsks) // so that no worker waits for somebody who has gone
	var workers sync.WaitGroup
	for range min(parallelAsks, len(objects)) {
		workers.Go(func() {
			for o := range jobs {
				answers <- answer{o, ask(asking, d, o)}
			}
		})
	}
	defer workers.Wait()
	defer close(jobs)
	defer cancel()

	hidden := map[string]bool{}
	answered, failures, stopped := false, 0, false
	var failure error
	done, underway := 0, 0
	progress(0, len(objects))
	for rest := objects; len(rest) > 0 || underway > 0; {
		stopped = stopped || ctx.Err() != nil
		if len(rest) > 0 && (stopped || hidden[rest[0].column]) {
			if !stopped {
				rest[0].result = forbidden
			}
			rest, done = rest[1:], done+1
			progress(done, len(objects))
			continue
		}
		var next *object
		var free chan<- *object // nil, which never takes anything, once all are given out
		if len(rest) > 0 {
			next, free = rest[0], jobs
		}
		select {
		case free <- next:
			rest, underway = rest[1:], underway+1
		case a := <-answers:
			a.object.outcome = a.outcome
			underway, done = underway-1, done+1
			progress(done, len(objects))
			switch {
			case a.outcome.result != failed:
				answered, failures = true, 0
				hidden[a.column] = hidden[a.column] || a.outcome.result == forbidden
				continue
			case stopped:
				a.object.outcome = outcome{} // it was told to give up
				continue
			}
			failures++
			if failure == nil {
				failure = a.outcome.err
			}
			if failures == maxFailures || problem.CodeOf(a.outcome.err) == request.DirectoryThrottled {
				stopped = true
				cancel()
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return problem.New(request.DirectoryUnavailable, "checking groups and sponsors: given up: %w", context.Cause(ctx))
	case !answered:
		return problem.New(problem.CodeOf(failure), "checking groups and sponsors: the directory answers nothing: %w", failure)
	}
	return nil
}

func ask(ctx context.Context, d Directory, o *object) outcome {
	var out outcome
	if o.column == "Groups" {
		out.group, out.err = d.Group(ctx, o.id)
	} else {
		out.principal, out.err = d.Principal(ctx, o.id)
	}
	switch problem.CodeOf(out.err) {
	case "":
		out.result = found
	case problem.NotFound:
		out.result = missing
	case request.DirectoryReadForbidden, request.DirectoryForbidden:
		out.result = forbidden
	default:
		out.result = failed
	}
	return out
}

// checkObject tells every row that names the object what is wrong with it.
func (k *checker) checkObject(o *object) {
	tell := func(rule, problem, advice string) {
		for _, e := range o.rows {
			k.add(e, o.column, rule, problem, advice)
		}
	}
	if o.column == "Groups" {
		checkGroup(o, tell)
	} else {
		checkSponsor(o, tell)
	}
}

func checkGroup(o *object, tell func(rule, problem, advice string)) {
	const another = "Write the object id of a security group with assigned members instead."
	if o.result == missing {
		tell(ruleGroupMissing, "There is no group "+o.id+" in the directory.", "Write the object id of a group as Entra shows it, or remove this one.")
		return
	}
	g := o.group
	name := titled("The group", g.DisplayName, o.id)
	if g.Dynamic {
		tell(ruleGroupDynamic, name+" has a rule that chooses its members, so nobody can be added.",
			"Write the object id of a group with assigned members instead.")
	}
	if g.RoleAssignable {
		tell(ruleGroupRoles, name+" can hold roles of the directory. The app can't add members to it, and should not be able to.",
			"Write the object id of a group that can hold no roles instead.")
	}
	if g.OnPremises {
		tell(ruleGroupOnPremises, name+" is mastered on-premises, so guests can't be added in the cloud.",
			"Write the object id of a group that was made in Entra instead.")
	}
	switch {
	case g.Unified:
		tell(ruleGroupUnified, name+" is a Microsoft 365 group: guests get its welcome mail and its conversations.",
			"Write the object id of a security group instead, if only access is meant.")
	case g.MailEnabled:
		tell(ruleGroupMail, name+" is mail-enabled: Exchange keeps its members, and the app can't add any.", another)
	case !g.SecurityEnabled:
		tell(ruleGroupNoSecurity, name+" is no security group, so nothing follows from being in it.", another)
	}
}

func checkSponsor(o *object, tell func(rule, problem, advice string)) {
	const another = "Write the object id of somebody of the own organisation who answers for the guests, or of a group of such people."
	if o.result == missing {
		tell(ruleSponsorMissing, "There is no user or group "+o.id+" in the directory.", another)
		return
	}
	p := o.principal
	switch {
	case p.Kind == "group":
	case p.Kind != "user":
		tell(ruleSponsorKind, titled("The sponsor", p.DisplayName, o.id)+" is neither a user nor a group.", another)
	default:
		if !p.Enabled {
			tell(ruleSponsorDisabled, titled("The sponsor", p.DisplayName, o.id)+" has an account that is disabled.", another)
		}
		if p.Guest {
			tell(ruleSponsorGuest, titled("The sponsor", p.DisplayName, o.id)+" is a guest.", another)
		}
	}
}

// titled returns how a sentence begins that is about an object.
func titled(kind, name, id string) string {
	if name == "" {
		return kind + " " + id
	}
	return kind + " " + quoted(name) + " (" + id + ")"
}
