package lint

import (
	"fmt"
	"slices"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

// reviewColumns say who decides what waits for a person, and by when.
var reviewColumns = []string{
	policy.ApproversColumn, policy.SecondApproversColumn, policy.SponsorsDecideColumn,
	policy.DecideWithinColumn, policy.EscalateAfterColumn, policy.EscalateToColumn,
}

// checkReview reports what the columns about a person's decision lack, or say without effect.
func (k *checker) checkReview(e *entry) {
	if !k.live(e) || !e.sound(policy.ActionColumn) {
		return
	}
	if e.row.Action == policy.Deny {
		for _, column := range reviewColumns {
			if e.sound(column) && !unset(e.row.Columns[column]) {
				k.add(e, column, ruleReviewOfDenied, column+" has no effect in a row that denies: nobody is asked.", "Remove it.")
			}
		}
		return
	}
	// Every finding compares columns. With one that was not understood there is nothing to compare.
	if slices.ContainsFunc(append(reviewColumns, policy.SponsorsColumn), func(c string) bool { return !e.sound(c) }) {
		return
	}
	rules := e.row.Rules()
	if rules.SponsorsDecide && len(rules.Sponsors) == 0 {
		k.add(e, policy.SponsorsDecideColumn, ruleSponsorsDecide, "The row lets its sponsors decide, and has none.",
			"Write the object ids of the sponsors in Sponsors, or remove SponsorsDecide.")
	}
	k.checkEscalation(e, rules)
	asks := e.row.Action == policy.Review || len(rules.SecondApprovers) > 0
	if k.noReviewers && asks && len(rules.Deciders(request.FirstStage, escalates(rules))) == 0 {
		k.add(e, policy.ApproversColumn, ruleNobodyDecides,
			"Nobody can make the first decision about requests of the row: it names no approvers, and the app has no group of reviewers.",
			"Write the object ids of users or groups in Approvers, or name a group of reviewers in the app's settings.")
	}
}

// checkEscalation finds columns about an escalation that never brings anybody in.
func (k *checker) checkEscalation(e *entry, rules policy.ReviewRules) {
	switch {
	case len(rules.EscalateTo) > 0 && rules.EscalateAfter == 0:
		k.add(e, policy.EscalateToColumn, ruleEscalateHalf, "EscalateTo has no effect without EscalateAfter.",
			"Write in EscalateAfter after how many days these may decide too, or remove EscalateTo.")
	case len(rules.EscalateTo) == 0 && rules.EscalateAfter > 0:
		k.add(e, policy.EscalateAfterColumn, ruleEscalateHalf, "EscalateAfter has no effect without EscalateTo.",
			"Write in EscalateTo the object ids of those who may decide then, or remove EscalateAfter.")
	case escalates(rules) && rules.DecideWithin > 0 && rules.EscalateAfter >= rules.DecideWithin:
		k.add(e, policy.EscalateAfterColumn, ruleEscalateLate,
			fmt.Sprintf("A request expires after %d days (DecideWithin), so it is never escalated after %d.", rules.DecideWithin, rules.EscalateAfter),
			"Write fewer days in EscalateAfter, or more in DecideWithin.")
	}
	if !escalates(rules) {
		return
	}
	for stage := request.FirstStage; stage <= rules.Stages(); stage++ {
		if len(rules.Deciders(stage, true)) > len(rules.Deciders(stage, false)) {
			return
		}
	}
	k.add(e, policy.EscalateToColumn, ruleEscalateNobody, "All those in EscalateTo may decide from the beginning.",
		"Write the object ids of others, such as the superiors of the approvers, or remove EscalateTo and EscalateAfter.")
}

// escalates reports whether more people may decide after some days.
func escalates(rules policy.ReviewRules) bool {
	return len(rules.EscalateTo) > 0 && rules.EscalateAfter > 0
}

// people are those an id stands for who may sign in.
type people struct {
	ids  []string
	many bool // there are more
}

// empty reports whether the object is a group that nobody decides as a member of.
func (o *object) empty() bool {
	return o.result == found && o.decides && o.principal.Kind == "group" && len(o.people.People)+len(o.people.Crowds)+len(o.people.Unreachable) == 0
}

// deciders returns those who decide, by the ids in the rows, as far as the directory has said it.
func deciders(objects []*object) map[string]people {
	known := map[string]people{}
	for _, o := range objects {
		if o.kind != principal || !o.decides || o.result != found && o.result != missing {
			continue
		}
		var who people
		switch {
		case o.result == missing:
		case o.principal.Kind == "group":
			who = members(o.people)
		case o.principal.Kind == "user" && o.principal.Enabled:
			who.ids = []string{o.id}
		}
		known[o.id] = who
	}
	return known
}

// members returns the people of a group.
func members(of request.Addressees) people {
	who := people{ids: slices.Clone(of.Unreachable), many: len(of.Crowds) > 0}
	for _, p := range of.People {
		who.ids = append(who.ids, p.ID)
	}
	return who
}

// checkSecondPerson finds rows that ask for two people where only one can decide. Where the
// directory was not asked, it is known only that both decisions are for the same user or group.
func (k *checker) checkSecondPerson() {
	for _, p := range k.partitions {
		for _, e := range p.entries {
			rules := e.row.Rules()
			if rules.Stages() < 2 || !k.live(e) || e.row.Action == policy.Deny {
				continue
			}
			first := rules.Deciders(request.FirstStage, escalates(rules))
			second := rules.Deciders(request.FirstStage+1, escalates(rules))
			one, known := k.onePerson(first, second)
			switch {
			case known && one:
				k.add(e, policy.SecondApproversColumn, ruleOneApprover,
					"Both decisions are for the same one person, who can make only one of them. Without one of the app's reviewers, no guest is let in.",
					"Write the object ids of others in SecondApprovers, or add people to the groups that decide.")
			case !known && len(first) == 1 && slices.Equal(first, second):
				k.add(e, policy.SecondApproversColumn, ruleSameApprovers,
					"Both decisions are for "+first[0]+". If that is one user and not a group of several, only one of the app's reviewers can make the other.",
					"Check it with guestlist policy lint --directory, or write others in SecondApprovers.")
			}
		}
	}
}

// onePerson reports whether the ids of both stages stand for one and the same person, if that is
// known.
func (k *checker) onePerson(first, second []string) (one, known bool) {
	var stages [2][]string
	for i, ids := range [2][]string{first, second} {
		for _, id := range ids {
			who, asked := k.decided[id]
			if !asked {
				return false, false
			}
			if who.many {
				return false, true
			}
			stages[i] = append(stages[i], who.ids...)
		}
		slices.Sort(stages[i])
		stages[i] = slices.Compact(stages[i])
	}
	return len(stages[0]) == 1 && slices.Equal(stages[0], stages[1]), true
}

func checkApprover(o *object, tell func(rule, problem, advice string)) {
	const another = "Write the object id of a member of the inviting organisation who decides, or of a group of such people."
	p := o.principal
	called := titled("The approver", p.DisplayName, o.id)
	switch {
	case o.result == missing:
		tell(ruleApproverMissing, "There is no user or group "+o.id+" in the directory.", another)
	case p.Kind == "group":
	case p.Kind != "user":
		tell(ruleApproverKind, called+" is neither a user nor a group.", another)
	default:
		if !p.Enabled {
			tell(ruleApproverDisabled, called+" has an account that is disabled.", another)
		}
		if p.Guest {
			tell(ruleApproverGuest, called+" is a guest. Guests decide only if the app's settings say so.", another)
		}
	}
}
