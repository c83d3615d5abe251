package memstore

import (
	"context"
	"maps"
	"slices"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// ScanNaming implements [request.GroupNames].
func (s *Store) ScanNaming(ctx context.Context, cursor string) (rows []policy.Raw, next string, err error) {
	return s.scanRows(ctx, "ScanNaming", policy.NamingColumns(), cursor)
}

// GroupNames implements [request.GroupNames].
func (s *Store) GroupNames(ctx context.Context, first, last string, limit int) ([]request.GroupName, error) {
	return get(ctx, s, "GroupNames", func() ([]request.GroupName, error) {
		var entries []request.GroupName
		for _, id := range slices.Sorted(maps.Keys(s.groupNames)) {
			if id >= first && (last == "" || id <= last) && len(entries) < limit {
				entries = append(entries, s.groupNames[id])
			}
		}
		return entries, nil
	})
}

// KeepGroupNames implements [request.GroupNames].
func (s *Store) KeepGroupNames(ctx context.Context, entries []request.GroupName) error {
	return s.do(ctx, "KeepGroupNames", func() error {
		for _, entry := range entries {
			toTicks(&entry.AskedAt)
			s.groupNames[entry.ID] = entry
		}
		return nil
	})
}

// DropGroupNames implements [request.GroupNames].
func (s *Store) DropGroupNames(ctx context.Context, ids []string) error {
	return s.do(ctx, "DropGroupNames", func() error {
		for _, id := range ids {
			delete(s.groupNames, id)
		}
		return nil
	})
}

// GroupNameRound implements [request.GroupNames].
func (s *Store) GroupNameRound(ctx context.Context) (request.GroupNameRound, error) {
	return get(ctx, s, "GroupNameRound", func() (request.GroupNameRound, error) {
		round := s.groupNameRound
		round.Found = slices.Clone(round.Found)
		return round, nil
	})
}

// SaveGroupNameRound implements [request.GroupNames].
func (s *Store) SaveGroupNameRound(ctx context.Context, round request.GroupNameRound) error {
	return s.do(ctx, "SaveGroupNameRound", func() error {
		if round.Version != s.groupNameRound.Version {
			return problem.New(problem.Conflict, "the round is saved as version %q, stored is %q", round.Version, s.groupNameRound.Version)
		}
		round.Version, round.Found = s.newVersion(), slices.Clone(round.Found)
		toTicks(&round.Began)
		s.groupNameRound = round
		return nil
	})
}
