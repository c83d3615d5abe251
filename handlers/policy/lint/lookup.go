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

// Directory looks up users and groups by ids in lower case, for several goroutines. Its errors
// are *problem.Error: NotFound, DirectoryReadForbidden or DirectoryForbidden if the object may
// not be read, any other if the directory could not be asked.
type Directory interface {
	// Group returns the group of that id.
	Group(ctx context.Context, id string) (request.Group, error)
	// Principal returns the object of that id. NotFound also if it can't be a sponsor or approver.
	Principal(ctx context.Context, id string) (request.Principal, error)
	// Addressees returns the users of groups, as [request.People] does.
	Addressees(ctx context.Context, ids []string, most int) (request.Addressees, error)
}

const (
	parallelAsks = 8 // how many objects are asked for at the same time
	maxFailures  = 5 // how many failures in a row end the check
	// mostMembers is up to how many users of a group of approvers are looked at: with more, there
	// are enough people for two decisions.
	mostMembers = 20
)

// kind is what an object has to be good for.
type kind int

const (
	target    kind = iota // guests become its members
	principal             // a user or group that is a sponsor or decides
)

// object is a user or group that rows name, and the outcome of asking for it.
type object struct {
	kind
	id       string
	mentions []mention
	decides  bool // a row lets it decide
	outcome
}

// mention is a column of a row that names an object.
type mention struct {
	*entry
	column  string
	decides bool
}

type outcome struct {
	result    result
	group     request.Group
	principal request.Principal
	people    request.Addressees // of a group that decides
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
			for _, m := range o.mentions {
				hidden[shownAs(m.column)] = true
			}
		case failed:
			unknown, why = unknown+1, " ("+string(problem.CodeOf(o.err))+")"
		case unasked:
			unknown++
		}
	}
	for _, h := range hiddenParts {
		if hidden[h.column] {
			k.record("", "", h.column, ruleForbidden, h.problem, h.advice)
		}
	}
	if unknown > 0 {
		k.record("", "", "", ruleUnavailable,
			fmt.Sprintf("The directory did not answer for %d of the %d users and groups that rows name%s, so these were not checked.",
				unknown, len(objects), why),
			"Check again in a few minutes.")
	}
	k.decided = deciders(objects)
	return nil
}

// shownAs returns the column that stands for it in a finding about all rows.
func shownAs(column string) string {
	if column == policy.SecondApproversColumn || column == policy.EscalateToColumn {
		return policy.ApproversColumn
	}
	return column
}

// hiddenParts are what an account may not be able to read.
var hiddenParts = []struct{ column, problem, advice string }{
	{policy.GroupsColumn, "The directory does not allow groups to be read, so not all groups of the rows were checked.",
		"Use an account that may read groups: for an app, the permission GroupMember.Read.All."},
	{policy.SponsorsColumn, "The directory does not allow users and groups to be read, so not all sponsors of the rows were checked.",
		"Use an account that may read users and groups: for an app, the permissions User.Read.All and GroupMember.Read.All."},
	{policy.ApproversColumn, "The directory does not allow users and groups to be read, so not all approvers of the rows were checked.",
		"Use an account that may read users, groups and who is in them: for an app, the permissions User.Read.All and GroupMember.Read.All."},
}

// objects returns what the rows name, each once, by kind and id. Rows that deny do not count.
func (k *checker) objects() []*object {
	type key struct {
		kind
		id string
	}
	known := map[key]*object{}
	var list []*object
	collect := func(of kind, m mention, ids []string) {
		for _, id := range ids {
			o := known[key{of, id}]
			if o == nil {
				o = &object{kind: of, id: id}
				known[key{of, id}] = o
				list = append(list, o)
			}
			o.mentions = append(o.mentions, m)
			o.decides = o.decides || m.decides
		}
	}
	for _, p := range k.partitions {
		for _, e := range p.entries {
			if !k.live(e) || e.row.Action == policy.Deny {
				continue
			}
			rules := e.row.ReviewRules
			collect(target, mention{e, policy.GroupsColumn, false}, e.row.Terms.Groups)
			collect(principal, mention{e, policy.SponsorsColumn, rules.SponsorsDecide}, e.row.Terms.Sponsors)
			collect(principal, mention{e, policy.ApproversColumn, true}, rules.Approvers)
			collect(principal, mention{e, policy.SecondApproversColumn, true}, rules.SecondApprovers)
			collect(principal, mention{e, policy.EscalateToColumn, true}, rules.EscalateTo)
		}
	}
	slices.SortFunc(list, func(a, b *object) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.id, b.id))
	})
	return list
}

// askAll asks for the objects. It stops for a kind that may not be read, and altogether when
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

	hidden := map[kind]bool{}
	answered, failures, stopped := false, 0, false
	var failure error
	done, underway := 0, 0
	progress(0, len(objects))
	for rest := objects; len(rest) > 0 || underway > 0; {
		stopped = stopped || ctx.Err() != nil
		if len(rest) > 0 && (stopped || hidden[rest[0].kind]) {
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
				hidden[a.kind] = hidden[a.kind] || a.outcome.result == forbidden
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
		return problem.New(request.DirectoryUnavailable, "checking users and groups that rows name: given up: %w", context.Cause(ctx))
	case !answered:
		return problem.New(problem.CodeOf(failure), "checking users and groups that rows name: the directory answers nothing: %w", failure)
	}
	return nil
}

func ask(ctx context.Context, d Directory, o *object) outcome {
	var out outcome
	if o.kind == target {
		out.group, out.err = d.Group(ctx, o.id)
	} else {
		out.principal, out.err = d.Principal(ctx, o.id)
		if out.err == nil && o.decides && out.principal.Kind == "group" {
			out.people, out.err = d.Addressees(ctx, []string{o.id}, mostMembers)
		}
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
	for _, m := range o.mentions {
		tell := func(rule, problem, advice string) { k.add(m.entry, m.column, rule, problem, advice) }
		switch {
		case o.kind == target:
			checkGroup(o, tell)
		case m.column == policy.SponsorsColumn:
			checkSponsor(o, tell)
		default:
			checkApprover(o, tell)
		}
		if m.decides && o.empty() {
			tell(ruleApproverEmpty, titled("The group", o.principal.DisplayName, o.id)+
				" has no users who may sign in, or hides who is in it, so nobody decides as a member of it.",
				"Add people to it, or write the object id of another group or of a user.")
		}
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
