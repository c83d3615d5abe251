package simulation

import (
	"context"
	"slices"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/workflow"
)

// anybody lets everybody be in every group.
type anybody struct{ request.People }

func (anybody) MemberOf(_ context.Context, _ string, groups []string) ([]string, error) {
	return groups, nil
}

// unaware takes every account for an enabled one.
type unaware struct{ request.People }

func (u unaware) Person(ctx context.Context, id string) (request.Person, error) {
	person, err := u.People.Person(ctx, id)
	person.Enabled = true
	return person, err
}

// oneStage hides the second stage of rows.
type oneStage struct{ rows request.Rows }

func (s oneStage) Rows(ctx context.Context, partitions []string) ([]policy.Raw, error) {
	rows, err := s.rows.Rows(ctx, partitions)
	for i := range rows {
		columns := map[string]any{}
		for name, value := range rows[i].Columns {
			if name != policy.SecondApproversColumn {
				columns[name] = value
			}
		}
		rows[i].Columns = columns
	}
	return rows, err
}

// noIndex lists nothing.
type noIndex struct{ request.Reviews }

func (noIndex) ListReview(context.Context, request.WaitingReview) error { return nil }

// forgetShown takes every yes for one to the terms that the row has by now.
func forgetShown(r *run, s *bentStore) {
	s.load = func(record request.Request) request.Request {
		if record.Reviewing == nil {
			return record
		}
		row, err := request.ReadReviewRow(r.context, r.memory, policy.Parse, record, r.now)
		if err != nil {
			return record
		}
		v := *record.Reviewing
		v.Votes, v.Ballots = slices.Clone(v.Votes), slices.Clone(v.Ballots)
		for i := range v.Votes {
			v.Votes[i].Shown = request.TermsMark(row.Terms)
		}
		for i := range v.Ballots {
			v.Ballots[i].Shown = request.TermsMark(row.Terms)
		}
		record.Reviewing = &v
		return record
	}
}

// voteMutants are the mutants about people who vote.
func voteMutants() []mutant {
	return []mutant{
		{lawVotes, "people vote", "everybody is a reviewer", func(_ *run, config *workflow.Config) {
			config.People = anybody{config.People}
		}},
		{lawVotes, "people leave", "those who are disabled still decide", func(_ *run, config *workflow.Config) {
			config.People = unaware{config.People}
		}},
		{lawVotes, "people vote", "those in EscalateTo decide at once", func(r *run, config *workflow.Config) {
			config.Parse = func(raw policy.Raw) policy.Row {
				row := r.cache.Parse(raw)
				row.ReviewRules = row.ReviewRules.Clone()
				row.ReviewRules.Approvers = append(row.ReviewRules.Approvers, row.ReviewRules.EscalateTo...)
				return row
			}
		}},
		{lawStages, "people vote", "one yes is enough", func(_ *run, config *workflow.Config) {
			config.Rows = oneStage{config.Rows}
		}},
		{lawApproval, "people vote", "an earlier stage approves whatever the row has by now", bendStore(forgetShown)},
		{lawApproval, "directory silent about people", "a kept vote is for whatever the row has by now", bendStore(forgetShown)},
		{lawListed, "people vote", "nothing is listed", func(_ *run, config *workflow.Config) {
			config.Reviews = noIndex{config.Reviews}
		}},
	}
}
