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

// Directory looks up groups and sponsors by ids in lower case, for several goroutines. Its errors
// are *problem.Error: NotFound, DirectoryReadForbidden or DirectoryForbidden if the object may
// not be read, any other if the directory could not be asked.
type Directory interface {
	// Group returns the group of that id.
	Group(ctx context.Context, id string) (request.Group, error)
	// Principal returns the object of that id. NotFound also if it can't be a sponsor.
	Principal(ctx context.Context, id string) (request.Principal, error)
}

const (
	parallelAsks = 8 // how many objects are asked for at the same time
	maxFailures  = 5 // how many failures in a row end the check
)

// object is a group or a sponsor that rows name, and the outcome of asking for it.
type object struct {
	column string // Groups or Sponsors
	id     string
	rows   []*entry // those that name it
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

// checkDirectory asks for every group and sponsor. It records findings only without an error.
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
	if hidden[policy.GroupsColumn] {
		k.record("", "", policy.GroupsColumn, ruleForbidden, "The directory does not allow groups to be read, so not all groups of the rows were checked.",
			"Use an account that may read groups: for an app, the permission GroupMember.Read.All.")
	}
	if hidden[policy.SponsorsColumn] {
		k.record("", "", policy.SponsorsColumn, ruleForbidden, "The directory does not allow users and groups to be read, so not all sponsors of the rows were checked.",
			"Use an account that may read users and groups: for an app, the permissions User.Read.All and GroupMember.Read.All.")
	}
	if unknown > 0 {
		k.record("", "", "", ruleUnavailable,
			fmt.Sprintf("The directory did not answer for %d of the %d groups and sponsors%s, so these were not checked.", unknown, len(objects), why),
			"Check again in a few minutes.")
	}
	return nil
}

// objects returns what the rows name, each once, by column and id. Rows that deny do not count.
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
				collect(e, policy.GroupsColumn, e.row.Terms.Groups)
				collect(e, policy.SponsorsColumn, e.row.Terms.Sponsors)
			}
		}
	}
	slices.SortFunc(list, func(a, b *object) int {
		return cmp.Or(strings.Compare(a.column, b.column), strings.Compare(a.id, b.id))
	})
	return list
}

// askAll asks for the objects. It stops for a column that may not be read, and altogether when
// the directory throttles or fails maxFailures times. An error: ctx ended, or no answer.
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
	answers := make(chan answer, parallelAsks) // so no worker blocks when nobody reads any more
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
		var free chan<- *object // nil, which blocks for ever, when no jobs are left
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
				a.object.outcome = outcome{} // it was cancelled
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
	if o.column == policy.GroupsColumn {
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

// checkObject records findings on the object for every row that names it.
func (k *checker) checkObject(o *object) {
	tell := func(rule, problem, advice string) {
		for _, e := range o.rows {
			k.add(e, o.column, rule, problem, advice)
		}
	}
	if o.column == policy.GroupsColumn {
		checkGroup(o, tell)
	} else {
		checkSponsor(o, tell)
	}
}

func checkGroup(o *object, tell func(rule, problem, advice string)) {
	const another = "Write the object id of a security group with assigned members instead."
	if o.result == missing {
		tell(ruleGroupMissing, "There is no group "+o.id+" in the directory.", "Write the object id of a group as shown by Entra, or remove this one.")
		return
	}
	g := o.group
	name := titled("The group", g.DisplayName, o.id)
	if g.Dynamic {
		tell(ruleGroupDynamic, name+" has a rule that chooses its members, so nobody can be added.",
			"Write the object id of a group with assigned members instead.")
	}
	if g.RoleAssignable {
		tell(ruleGroupRoles, name+" can hold directory roles. The app can't add members to it, and should not be able to.",
			"Write the object id of a group that can't hold roles instead.")
	}
	if g.OnPremises {
		tell(ruleGroupOnPremises, name+" is mastered on-premises, so guests can't be added in the cloud.",
			"Write the object id of a group that was created in Entra instead.")
	}
	switch {
	case g.Unified:
		tell(ruleGroupUnified, name+" is a Microsoft 365 group: guests get its welcome mail and its conversations.",
			"Write the object id of a security group instead, if only access is meant.")
	case g.MailEnabled:
		tell(ruleGroupMail, name+" is mail-enabled: Exchange owns its members, so the app can't add any.", another)
	case !g.SecurityEnabled:
		tell(ruleGroupNoSecurity, name+" is not a security group, so membership gives no access.", another)
	}
}

func checkSponsor(o *object, tell func(rule, problem, advice string)) {
	const another = "Write the object id of a member of the inviting organisation who answers for the guests, or of a group of such people."
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

// titled begins a sentence about an object.
func titled(kind, name, id string) string {
	if name == "" {
		return kind + " " + id
	}
	return kind + " " + quoted(name) + " (" + id + ")"
}
