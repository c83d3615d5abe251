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

// Approval says who decides the requests of a row that wait for a person, and by when. The zero
// Approval leaves both to the settings of the app.
type Approval struct {
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
func (a Approval) Stages() int {
	if len(a.SecondApprovers) > 0 {
		return 2
	}
	return 1
}

// Deciders returns the ids of those who decide at the stage, from 1 on, beside the reviewers of the
// app: users and groups, each once. None means that only reviewers decide.
func (a Approval) Deciders(stage int, escalated bool) []string {
	ids := slices.Clone(a.Approvers)
	if stage > 1 {
		ids = slices.Clone(a.SecondApprovers)
	} else if a.SponsorsDecide {
		ids = append(ids, a.Sponsors...)
	}
	if escalated {
		ids = append(ids, a.EscalateTo...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Rules returns the row's Approval, with its sponsors if they decide.
func (r Row) Rules() Approval {
	a := r.approvalOf()
	if a == nil {
		return Approval{}
	}
	return *a
}

// approvalOf is Rules, nil if the row says nothing.
func (r Row) approvalOf() *Approval {
	a := r.Approval
	if a.SponsorsDecide {
		a.Sponsors = slices.Clone(r.Terms.Sponsors)
	}
	a.Approvers, a.SecondApprovers = slices.Clone(a.Approvers), slices.Clone(a.SecondApprovers)
	a.EscalateTo = slices.Clone(a.EscalateTo)
	if !a.SponsorsDecide && len(a.Approvers)+len(a.SecondApprovers)+len(a.EscalateTo)+a.DecideWithin+a.EscalateAfter == 0 {
		return nil
	}
	return &a
}

// Withdrawn returns why nobody may be let in by the row as it is now, whatever a person says, as the
// rest of a sentence that begins with "the row"; "" if a person may.
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
