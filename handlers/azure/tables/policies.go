package tables

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

// parallelQueries is how many partitions are read at the same time.
const parallelQueries = 4

// Rows implements [request.Rows]. It sends one query for each partition, whatever else the table
// holds, and reads a partition that is named twice once. A partition of more than
// [policy.MaxRows] rows is an error, as is any answer that can't be understood in full: nobody
// must be invited by half the rules.
//
// A whole number comes as int32 where it fits, also from a column of type Double.
func (s *Store) Rows(ctx context.Context, partitions []string) ([]policy.Raw, error) {
	partitions = slices.Compact(slices.Sorted(slices.Values(partitions)))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := make([][]policy.Raw, len(partitions))
	var (
		group sync.WaitGroup
		once  sync.Once
		first error // later errors may come from the cancelled context
		slots = make(chan struct{}, parallelQueries)
	)
	for i, partition := range partitions {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			rows, err := s.partition(ctx, partition)
			if err != nil {
				once.Do(func() { first = err })
				cancel()
				return
			}
			found[i] = rows
		})
	}
	group.Wait()
	if first != nil {
		return nil, first
	}
	return slices.Concat(found...), nil
}

// partition returns all rows of one partition.
func (s *Store) partition(ctx context.Context, partition string) ([]policy.Raw, error) {
	doing := "reading the policy rows of " + describe(partition)
	var rows []policy.Raw
	err := s.list(ctx, s.policies, "PartitionKey eq "+rest.String(partition), nil, func(r row) error {
		if r.partition != partition {
			return problem.New(problem.Internal, "the table service sent a row of another partition")
		}
		if len(rows) == policy.MaxRows {
			return problem.New(problem.Internal, "there are more than %d rows: delete those that no longer matter, or move some to partitions of narrower names", policy.MaxRows)
		}
		rows = append(rows, r.raw())
		return r.whole()
	})
	if err != nil {
		return nil, failure(doing, err)
	}
	return rows, nil
}

// describe names a partition for the log: by its domain alone if it is an address.
func describe(partition string) string {
	at := strings.LastIndexByte(partition, '@')
	if at >= 0 {
		return "an address at " + strconv.Quote(partition[at+1:])
	}
	return strconv.Quote(partition)
}

// PutRow writes a policy row in place of any that has its partition and name. It is for tests and
// for the samples of the local run: the deployed app has no right to write policy rows.
//
// raw.ETag is ignored. A row that the service can't hold is a problem.Internal.
func (s *Store) PutRow(ctx context.Context, raw policy.Raw) error {
	return put(ctx, "writing a policy row of "+describe(raw.Partition), s.policies, row{partition: raw.Partition, name: raw.Name, columns: raw.Columns})
}
