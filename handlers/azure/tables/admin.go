package tables

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// AllRows returns every policy row with its ETag, by partition, then by name. It reads the whole
// table, a call for each thousand rows, and is for admins: a decision needs [Store.Rows] only.
func (s *Store) AllRows(ctx context.Context) ([]policy.Raw, error) {
	rows, _, err := s.FirstRows(ctx, math.MaxInt)
	return rows, err
}

// FirstRows returns at most limit policy rows with their ETags, by partition, then by name, and
// whether there are more. It costs a call for each thousand rows that it reads, limit and one more.
func (s *Store) FirstRows(ctx context.Context, limit int) (rows []policy.Raw, more bool, err error) {
	err = s.list(ctx, s.policies, "PartitionKey ge ''", nil, func(r row) error {
		if len(rows) >= limit {
			more = true
			return errEnough
		}
		rows = append(rows, r.raw())
		return r.whole()
	})
	if err != nil && err != errEnough {
		return nil, false, failure("reading all policy rows", err)
	}
	slices.SortFunc(rows, func(a, b policy.Raw) int { return a.Key().Compare(b.Key()) })
	return rows, more, nil
}

// ChangeRows adds, replaces and removes policy rows of one partition, all or none of them, at
// most [policy.MaxChanges]. It is for admins: the deployed app has no right to.
//
// A row to be added must not exist; one to be replaced or removed must still have its ETag.
// Otherwise it is a problem.Conflict. After that, or a problem.StorageUnavailable, the caller
// must read the rows again: they may have been changed, and the answer lost. A row that the
// service can't hold is a problem.Internal that names the column, and nothing is sent. One that it
// refuses all the same, as too large or malformed, is a problem.InvalidInput.
func (s *Store) ChangeRows(ctx context.Context, add, replace, remove []policy.Raw) error {
	const doing = "changing policy rows"
	rows := slices.Concat(add, replace, remove)
	if len(rows) == 0 {
		return nil
	}
	doingThere := doing + " of " + describe(rows[0].Partition)
	actions := make([]aztables.TransactionAction, 0, len(rows))
	for i, raw := range rows {
		if raw.Partition != rows[0].Partition {
			return problem.New(problem.Internal, "%s: they are of several partitions", doing)
		}
		action := aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd}
		columns := raw.Columns
		switch {
		case i >= len(add)+len(replace):
			action.ActionType, action.IfMatch, columns = aztables.TransactionTypeDelete, ifMatch(raw.ETag), nil
		case i >= len(add):
			action.ActionType, action.IfMatch = aztables.TransactionTypeUpdateReplace, ifMatch(raw.ETag)
		}
		if raw.Partition == "" && i >= len(add) {
			return problem.New(problem.Internal, "%s: the PartitionKey of %q is empty; delete that row in a storage tool", doing, raw.Name)
		}
		encoded, err := row{partition: raw.Partition, name: raw.Name, columns: columns}.encode()
		if err != nil {
			return failure(doingThere, err)
		}
		action.Entity = encoded
		actions = append(actions, action)
	}
	_, err := submit(ctx, s.policies, actions)
	if hasCode(err, aztables.ResourceNotFound) {
		return problem.New(problem.Conflict, "%s: one of them is gone", doingThere)
	}
	if err == nil {
		return nil
	}
	err = failure(doingThere, err)
	failed := problem.From(err)
	if strings.HasPrefix(failed.Answer, "400 ") || strings.HasPrefix(failed.Answer, "413 ") {
		failed.Code = problem.InvalidInput
	}
	return err
}

// The windows of time that FindRequests searches. Each is twice as long as the later one.
const (
	firstWindow = time.Hour
	// farthest is how far back it searches: no submission is older than the program.
	farthest = 20 * 365 * 24 * time.Hour
)

// RequestFilter says which requests to find. The zero filter finds none, since its Limit is 0.
type RequestFilter struct {
	// States are the states to find; none means any but [request.Void], of which there may be as
	// many as somebody wants.
	States []request.State
	// Address is the address whose requests to find; the zero address means any. A request whose
	// personal data was erased has none.
	Address submission.Address
	// Domain is the domain of the addresses whose requests to find, in lower case; empty for any.
	Domain string
	// Row is the policy row that decided the requests to find; the zero key for any.
	Row policy.RowKey
	// Since and Until are when the oldest and the newest of them may have been submitted, to the
	// second; the zero time means at any time.
	Since, Until time.Time
	// Before, in place of Until, continues a search that found more: only requests with lower ids
	// are found. It is the id of the last request found. Empty means all.
	Before submission.ID
	// Reference finds only requests with this reference, all from one second; empty means all.
	Reference submission.Reference
	// Limit is how many to find at most.
	Limit int
}

// mostUnreadable is how many records that can't be read are named.
const mostUnreadable = 1000

// Found is what a search has found.
type Found struct {
	Requests []request.Request // the newest first
	// More says that more requests pass the filter than its Limit. Then the unreadable records are
	// only those as new as Requests.
	More bool
	// Unreadable are the ids of records that can't be read and may be among those asked for: at
	// most 1,000. Unnamed is how many there are besides.
	Unreadable []submission.ID
	Unnamed    int
	// Theirs are the ids of further records that can't be read, with the address asked for.
	Theirs []submission.ID
	// Looked is how many records the service has sent. It sends none of another state.
	Looked int
}

// NumUnreadable returns how many records can't be read.
func (f Found) NumUnreadable() int { return len(f.Theirs) + len(f.Unreadable) + f.Unnamed }

// RecentRequests finds the limit requests with the newest ids; see [Store.FindRequests].
func (s *Store) RecentRequests(ctx context.Context, now time.Time, limit int) (Found, error) {
	return s.FindRequests(ctx, now, RequestFilter{Limit: limit})
}

// FindRequests returns the requests with the newest ids that pass the filter, the newest first.
// It is for admins.
//
// The service can't read backwards, so the table is searched in windows of time: the hour before
// now, the two hours before that, the four before that and so on, until there are enough, or
// until filter.Since. The cost is that of reading every record since the beginning of the last
// window, a call for each thousand, in which the service skips events. A window without requests
// costs a call, some twenty for all years. About filter.Limit requests are kept in memory.
//
// The service filters by state, which saves the transfer and not the reading: for a rare state,
// only Since keeps the search from reading the whole table. One request more than filter.Limit is
// looked for, so that the caller knows whether there are more. Addresses are filtered here, because
// a filter is part of the call's URL, and URLs are in the logs of the service.
//
// Ids that claim to be from after now are found too. A record that can't be read is left out and
// named, unless its address can be read and is not the one asked for; with States, those without a
// known state are left out unnamed.
//
// With an error it returns what it has found until then.
func (s *Store) FindRequests(ctx context.Context, now time.Time, filter RequestFilter) (found Found, err error) {
	const doing = "looking for requests"
	if filter.Limit <= 0 {
		return Found{}, nil
	}
	defer func() { found.cut(filter.Limit) }()
	limit := filter.Limit + 1
	if filter.Reference != "" {
		filter.Since, filter.Until = filter.Reference.Issued(), filter.Reference.Issued()
	}
	before := string(filter.Before) // the first id after the window; "" if there is no limit
	switch {
	case before != "":
		now = filter.Before.Issued()
	case !filter.Until.IsZero():
		now = filter.Until
		before, err = firstID(now.Add(time.Second))
		if err != nil {
			return Found{}, failure(doing, err)
		}
	}
	length := firstWindow
	for start := now.Add(-length); len(found.Requests) < limit; {
		last := now.Sub(start) > farthest || start.Unix() <= 0
		if !start.After(filter.Since) {
			start, last = filter.Since, true
		}
		from, err := firstID(start)
		if err != nil {
			return found, failure(doing, err)
		}
		var window []request.Request // the oldest first
		err = s.list(ctx, s.requests, filter.odata(from, before), nil, func(r row) error {
			found.Looked++
			record, columns := readRequest(r)
			if columns.err != nil {
				found.addUnreadable(record, filter)
				return nil
			}
			if record.State == request.Void && len(filter.States) == 0 {
				return nil
			}
			if !filter.takes(record) {
				return nil
			}
			window = append(window, record)
			// Drop the oldest, many at once.
			if len(window) >= 2*limit+pageSize {
				window = slices.Clone(window[len(window)-limit:])
			}
			return nil
		})
		slices.Reverse(window)
		found.Requests = append(found.Requests, window[:min(len(window), limit-len(found.Requests))]...)
		if err != nil {
			return found, failure(doing, err)
		}
		if last {
			break
		}
		before = from
		length *= 2
		start = start.Add(-length)
	}
	return found, nil
}

// CountDue returns how many requests have been due since before the time: at most most, after which
// it stops. It is for admins.
func (s *Store) CountDue(ctx context.Context, before time.Time, most int) (int, error) {
	filter := fmt.Sprintf("PartitionKey eq %s and %s le %s", rest.String(waitingPartition), dueColumn, odataTime(before))
	n, err := s.countRows(ctx, s.waiting, filter, most)
	if err != nil {
		return 0, failure("counting the requests that are due", err)
	}
	return n, nil
}

// CountDeadLetters returns how many dead letters are kept: at most most, after which it stops. It
// is for admins.
func (s *Store) CountDeadLetters(ctx context.Context, most int) (int, error) {
	n, err := s.countRows(ctx, s.poison, "PartitionKey eq "+rest.String(poisonPartition), most)
	if err != nil {
		return 0, failure("counting the dead letters", err)
	}
	return n, nil
}

// countRows counts the rows that match the filter, at most most.
func (s *Store) countRows(ctx context.Context, table *aztables.Client, filter string, most int) (n int, err error) {
	err = s.list(ctx, table, filter, []string{"PartitionKey", "RowKey"}, func(row) error {
		if n++; n >= most {
			return errEnough
		}
		return nil
	})
	if err == errEnough {
		err = nil
	}
	return n, err
}

// cut leaves the first limit of the requests that were found.
func (f *Found) cut(limit int) {
	f.More = len(f.Requests) > limit
	if !f.More {
		return
	}
	f.Requests = f.Requests[:limit]
	last := f.Requests[limit-1].ID
	older := func(id submission.ID) bool { return id < last }
	f.Unreadable, f.Theirs = slices.DeleteFunc(f.Unreadable, older), slices.DeleteFunc(f.Theirs, older)
}

// addUnreadable adds a record of which only a part could be read.
func (f *Found) addUnreadable(part request.Request, filter RequestFilter) {
	email := part.Submission.Email
	known := email != submission.Address{}
	switch {
	case filter.Reference != "" && part.ID.Reference() != filter.Reference:
	case known && email == filter.Address && len(f.Theirs) < mostUnreadable:
		f.Theirs = append(f.Theirs, part.ID)
	case known && filter.Address != submission.Address{} && email != filter.Address,
		known && filter.Domain != "" && email.Domain() != filter.Domain:
	case len(f.Unreadable) < mostUnreadable:
		f.Unreadable = append(f.Unreadable, part.ID)
	default:
		f.Unnamed++
	}
}

// takes reports whether the request is of the address, the domain, the reference and the row of the
// filter.
func (f RequestFilter) takes(r request.Request) bool {
	email := r.Submission.Email
	switch {
	case f.Address != submission.Address{} && email != f.Address:
		return false
	case f.Domain != "" && email.Domain() != f.Domain:
		return false
	case f.Reference != "" && r.ID.Reference() != f.Reference:
		return false
	case f.Row == policy.RowKey{}:
		return true
	}
	return r.Decision != nil && r.Decision.Row != nil &&
		f.Row == policy.RowKey{Partition: r.Decision.Row.Partition, Name: r.Decision.Row.Name}
}

// odata returns the filter in OData for the ids from one on and before another, which may be
// empty.
func (f RequestFilter) odata(from, before string) string {
	text := fmt.Sprintf("PartitionKey ge %s and RowKey eq %s", rest.String(from), rest.String(recordName))
	if before != "" {
		text += " and PartitionKey lt " + rest.String(before)
	}
	if len(f.States) == 0 {
		return text
	}
	return text + " and (" + anyState(f.States) + ")"
}

func anyState(states []request.State) string {
	clauses := make([]string, 0, len(states))
	for _, state := range states {
		clauses = append(clauses, stateColumn+" eq "+rest.String(string(state)))
	}
	return strings.Join(clauses, " or ")
}

// firstID returns the smallest id of the second.
func firstID(t time.Time) (string, error) {
	if t.Unix() < 0 {
		t = time.Unix(0, 0)
	}
	id, err := submission.NewID(t, zeros{})
	return string(id), err
}

// zeros reads as endless zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
