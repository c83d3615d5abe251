package policy

import (
	"slices"
	"time"
)

const (
	// MaxApprovers is the most ids in each of Approvers, SecondApprovers and EscalateTo. With five
	// sponsors and the app's reviewers, those of a stage are as many as the directory takes in one
	// question about memberships, which is 20.
	MaxApprovers = 7
	// MaxDays is the most days of DecideWithin and EscalateAfter.
	MaxDays = 365
)

// ReviewRules say who decides the requests of a row that wait for a person, and by when. The zero
// ReviewRules leave both to the settings of the app.
type ReviewRules struct {
	// Approvers, SecondApprovers and EscalateTo are object ids of users or groups, in lower case.
	// With SecondApprovers another person decides after the first. EscalateTo are added to those of
	// the stage once that has waited for EscalateAfter days.
	Approvers       []string `json:"approvers,omitempty"`
	SecondApprovers []string `json:"secondApprovers,omitempty"`
	EscalateTo      []string `json:"escalateTo,omitempty"`
	// SponsorsDecide adds the row's sponsors to Approvers. Sponsors has them then.
	SponsorsDecide bool     `json:"sponsorsDecide,omitempty"`
	Sponsors       []string `json:"sponsors,omitempty"`
	DecideWithin   int      `json:"decideWithin,omitempty"`  // days for each stage; 0: as the app does
	EscalateAfter  int      `json:"escalateAfter,omitempty"` // days
}

// Stages returns how many people must say yes.
func (rules ReviewRules) Stages() int {
	if len(rules.SecondApprovers) > 0 {
		return 2
	}
	return 1
}

// Deciders returns the ids of those who decide at the stage, from 1 on, beside the reviewers of the
// app: users and groups, each once. None means that only reviewers decide. At a second stage that
// the rules do not ask for any more, another one of the first stage decides.
func (rules ReviewRules) Deciders(stage int, escalated bool) []string {
	ids := slices.Clone(rules.Approvers)
	if stage > 1 && len(rules.SecondApprovers) > 0 {
		ids = slices.Clone(rules.SecondApprovers)
	} else if rules.SponsorsDecide {
		ids = append(ids, rules.Sponsors...)
	}
	if escalated {
		ids = append(ids, rules.EscalateTo...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Clone returns a copy that shares nothing with rules.
func (rules ReviewRules) Clone() ReviewRules {
	rules.Approvers, rules.SecondApprovers = slices.Clone(rules.Approvers), slices.Clone(rules.SecondApprovers)
	rules.EscalateTo, rules.Sponsors = slices.Clone(rules.EscalateTo), slices.Clone(rules.Sponsors)
	return rules
}

// Rules returns the row's ReviewRules, with its sponsors if they decide.
func (r Row) Rules() ReviewRules {
	rules := r.ReviewRules
	if rules.SponsorsDecide {
		rules.Sponsors = r.Terms.Sponsors
	}
	return rules.Clone()
}

// Withdrawn returns why nobody may be let in by the row as it is now, whatever a person says, as
// the rest of a sentence that begins with "the row"; "" if a person may.
func (r Row) Withdrawn(now time.Time) string {
	switch idle := r.idle(now); {
	case r.Disabled():
		return "is switched off now"
	case !r.sound():
		return "can't be understood now"
	case r.Mode == Audit:
		return "is in audit mode now"
	case r.Action == Deny:
		return "denies now"
	case idle != "":
		return "does not apply now: " + idle
	default:
		return ""
	}
}
