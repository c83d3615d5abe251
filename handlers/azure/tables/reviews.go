package tables

import (
	"context"
	"fmt"
	"strings"
	"time"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// reviewsPartition holds all entries, so that one query returns them by id.
const reviewsPartition = "waiting"

const stageColumn = "Stage"

// reviewFields returns the columns of an entry, but for the ids of those who decide.
func reviewFields(entry *request.WaitingReview) []field {
	return []field{
		{stageColumn, &entry.Stage},
		{sinceColumn, &entry.Since},
		{"Deadline", &entry.Deadline},
		{"Domain", &entry.Domain},
		{"RowPartition", &entry.Row.Partition},
		{"RowName", &entry.Row.Name},
	}
}

// decidersColumn has the object ids of users and groups, with spaces between.
const decidersColumn = "Deciders"

// ListReview implements [request.Reviews]. Times are cut to 100 ns.
func (s *Store) ListReview(ctx context.Context, entry request.WaitingReview) error {
	_, err := submission.StoredID(string(entry.ID))
	if err != nil {
		return failure("listing what waits for a person", err)
	}
	r := newRow(reviewsPartition, string(entry.ID), reviewFields(&entry))
	r.set(decidersColumn, strings.Join(entry.Deciders, " "))
	return put(ctx, fmt.Sprintf("listing request %s as waiting for a person", entry.ID), s.reviews, r)
}

// UnlistReview implements [request.Reviews].
func (s *Store) UnlistReview(ctx context.Context, id submission.ID, since time.Time) error {
	_, err := submission.StoredID(string(id))
	if err != nil {
		return nil // an invalid id has no entry
	}
	doing := fmt.Sprintf("removing request %s from what waits for a person", id)
	return removeOf(ctx, doing, s.reviews, reviewsPartition, string(id), sinceColumn, since)
}

// WaitingReviews implements [request.Reviews]. It costs one call for each thousand entries.
func (s *Store) WaitingReviews(ctx context.Context, after, last submission.ID, limit int) ([]request.WaitingReview, error) {
	if limit <= 0 {
		return nil, nil
	}
	filter := "PartitionKey eq " + rest.String(reviewsPartition)
	if after != "" {
		filter += " and RowKey gt " + rest.String(string(after))
	}
	if last != "" {
		filter += " and RowKey le " + rest.String(string(last))
	}
	var entries []request.WaitingReview
	err := s.list(ctx, s.reviews, filter, nil, func(r row) error {
		entry, read := decodeReview(r)
		if !read {
			s.log.WarnContext(ctx, "table Reviews has a row that this program did not write: delete it", "table", reviewsTable)
			return nil
		}
		entries = append(entries, entry)
		if len(entries) == limit {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return nil, failure("listing what waits for a person", err)
	}
	return entries, nil
}

func decodeReview(r row) (entry request.WaitingReview, read bool) {
	id, err := submission.StoredID(r.name)
	entry.ID = id
	columns := reader{row: r}
	columns.read(reviewFields(&entry))
	entry.Deciders = strings.Fields(columns.text(decidersColumn))
	return entry, err == nil && columns.err == nil && entry.Stage >= request.FirstStage && !entry.Since.IsZero()
}
