package tables

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	recordName  = "request"
	eventPrefix = "event-"
	eventAfter  = "event." // the first text after all that begin with eventPrefix
	maxEvents   = 999_999  // what six digits can count, so that names sort as numbers do
)

// The columns of a request. Those that hold personal data hold nothing else, so that they can be emptied for
// themselves.
const (
	emailColumn         = "Email"
	givenNameColumn     = "GivenName"
	familyNameColumn    = "FamilyName"
	companyColumn       = "Company"
	countryColumn       = "Country"
	partnerReasonColumn = "PartnerReason" // the partner's own words
	sponsorColumn       = "Sponsor"       // the address that the partner named
	languageColumn      = "Language"
	inviteCodeColumn    = "InviteCode" // its hash
	submittedAtColumn   = "SubmittedAt"
	termsColumn         = "TermsVersion" // what the partner agreed to: which terms, when, and in which language they were shown
	termsAtColumn       = "TermsAcceptedAt"
	termsLanguageColumn = "TermsLanguage"

	stateColumn       = "State"
	stateReasonColumn = "StateReason" // our words
	wordsColumn       = "Words"       // a person's; they may hold personal data
	sinceColumn       = "Since"
	decisionColumn    = "Decision"
	approvalColumn    = "Approval" // JSON
	repeatOfColumn    = "RepeatOf"
	guestIDColumn     = "GuestId"
	joinedColumn      = "Joined"
	attemptColumn     = "Attempt"
	unknownColumn     = "Unknown"
	resendAtColumn    = "ResendWished"
	resendByColumn    = "ResendWishedBy"
	withdrawAtColumn  = "WithdrawalWished"
	withdrawByColumn  = "WithdrawalWishedBy"
	erasedColumn      = "Erased"
	dueColumn         = "Due"
	grantsColumn      = "Grants" // JSON
	createdColumn     = "Created"
	changedColumn     = "Changed"
	eventsColumn      = "Events"

	// The columns of an event, beside State.
	atColumn     = "At"
	whatColumn   = "What"
	detailColumn = "Detail"
)

// Load is invite.Store's. A row that can't be understood is a problem.Internal.
func (s *Store) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	doing := fmt.Sprintf("loading request %s", id)
	_, err := submission.ParseID(string(id))
	if err != nil {
		return request.Request{}, failure("loading a request", err)
	}
	r, err := get(ctx, s.requests, string(id), recordName)
	if err != nil {
		return request.Request{}, failure(doing, err)
	}
	record, err := decodeRequest(r)
	if err != nil {
		return request.Request{}, failure(doing, err)
	}
	return record, nil
}

// Save is invite.Store's. Times come back in UTC, cut to 100 ns. At most 99 events can be added at once. r.Events must
// be as loaded.
//
// What does not fit a row is a problem.Internal that names the column; nothing is sent then. After a problem.Conflict
// or a problem.StorageUnavailable the caller must load the request again: this very call may have written it, and its
// answer been lost.
func (s *Store) Save(ctx context.Context, r request.Request, events []request.Event) (request.Request, error) {
	_, err := submission.ParseID(string(r.ID))
	if err != nil {
		return request.Request{}, failure("saving a request", err)
	}
	doing := fmt.Sprintf("saving request %s", r.ID)
	if r.Version == "" {
		r.Events = 0
	}
	if r.Events < 0 || r.Events+len(events) > maxEvents {
		return request.Request{}, problem.New(problem.Internal, "%s: the history would have %d events, more than %d", doing, r.Events+len(events), maxEvents)
	}
	actions := make([]aztables.TransactionAction, 1, 1+len(events))
	for _, event := range events {
		r.Events++
		encoded, err := encodeEvent(r.ID, r.Events, event).encode()
		if err != nil {
			return request.Request{}, failure(fmt.Sprintf("%s: event %d", doing, r.Events), err)
		}
		actions = append(actions, aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd, Entity: encoded})
	}
	record, err := encodeRequest(r)
	if err != nil {
		return request.Request{}, failure(doing, err)
	}
	encoded, err := record.encode()
	if err != nil {
		return request.Request{}, failure(doing, err)
	}
	actions[0] = aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd, Entity: encoded}
	if r.Version != "" {
		actions[0] = aztables.TransactionAction{ActionType: aztables.TransactionTypeUpdateReplace, Entity: encoded, IfMatch: ifMatch(r.Version)}
	}
	etags, err := submit(ctx, s.requests, actions)
	switch {
	case errors.Is(err, errUnreadable), err == nil && !entityTag.MatchString(etags[0]):
		return s.reread(ctx, doing, record)
	case r.Version != "" && hasCode(err, aztables.ResourceNotFound):
		return request.Request{}, problem.New(problem.Conflict, "%s: it has a version but is not stored", doing)
	case err != nil:
		return request.Request{}, failure(doing, err)
	}
	record.etag = etags[0]
	// What was written is read as Load would read it, so that both return the same.
	saved, err := decodeRequest(record)
	if err != nil {
		return request.Request{}, failure(doing, err)
	}
	return saved, nil
}

// reread finds out by what is stored whether record was written.
func (s *Store) reread(ctx context.Context, doing string, record row) (request.Request, error) {
	stored, err := get(ctx, s.requests, record.partition, record.name)
	if err != nil {
		return request.Request{}, problem.New(problem.StorageUnavailable, "%s: the answer can't be read, so whether it happened is not known: %w",
			doing, failure("reading it again", err))
	}
	if !reflect.DeepEqual(stored.columns, record.columns) {
		return request.Request{}, problem.New(problem.StorageUnavailable, "%s: the answer can't be read, and what is stored is something else", doing)
	}
	saved, err := decodeRequest(stored)
	if err != nil {
		return request.Request{}, failure(doing, err)
	}
	return saved, nil
}

// History is invite.Store's.
func (s *Store) History(ctx context.Context, id submission.ID) ([]request.Event, error) {
	_, err := submission.ParseID(string(id))
	if err != nil {
		return nil, nil // a text that is no id is an unknown id
	}
	filter := fmt.Sprintf("PartitionKey eq %s and RowKey ge %s and RowKey lt %s", rest.String(string(id)), rest.String(eventPrefix), rest.String(eventAfter))
	var events []request.Event
	// The service returns the rows of a partition by RowKey, page after page.
	err = s.list(ctx, s.requests, filter, nil, func(r row) error {
		event, err := decodeEvent(r)
		events = append(events, event)
		return err
	})
	if err != nil {
		return nil, failure(fmt.Sprintf("reading the history of request %s", id), err)
	}
	return events, nil
}

func encodeRequest(r request.Request) (row, error) {
	if !r.State.Known() {
		return row{}, problem.New(problem.Internal, "column %s: %.40q is no state", stateColumn, r.State)
	}
	for _, grant := range r.Grants {
		if !grant.State.Known() {
			return row{}, problem.New(problem.Internal, "column %s: %.40q is no state of a grant", grantsColumn, grant.State)
		}
	}
	for column, count := range map[string]int{attemptColumn: r.Attempt, unknownColumn: r.Unknown} {
		if count < 0 || count > maxEvents {
			return row{}, problem.New(problem.Internal, "column %s: %d is no count of attempts", column, count)
		}
	}
	record := row{partition: string(r.ID), name: recordName, columns: map[string]any{}}
	record.set(emailColumn, r.Submission.Email.String())
	record.set(givenNameColumn, r.Submission.GivenName)
	record.set(familyNameColumn, r.Submission.FamilyName)
	record.set(companyColumn, r.Submission.Company)
	record.set(countryColumn, r.Submission.Country)
	record.set(partnerReasonColumn, r.Submission.Reason)
	record.set(languageColumn, r.Submission.Language)
	record.set(inviteCodeColumn, string(r.Submission.InviteCode))
	record.set(submittedAtColumn, toTick(r.Submission.SubmittedAt))
	record.set(sponsorColumn, r.Submission.Sponsor.String())
	record.set(termsColumn, r.Submission.Consent.Terms)
	record.set(termsAtColumn, toTick(r.Submission.Consent.At))
	record.set(termsLanguageColumn, r.Submission.Consent.Language)

	record.set(stateColumn, string(r.State))
	record.set(stateReasonColumn, r.Reason)
	record.set(wordsColumn, r.Words)
	record.set(sinceColumn, toTick(r.Since))
	record.set(repeatOfColumn, string(r.RepeatOf))
	record.set(guestIDColumn, r.GuestID)
	record.set(joinedColumn, toTick(r.Joined))
	record.set(attemptColumn, int32(r.Attempt))
	if r.Unknown > 0 {
		record.set(unknownColumn, int32(r.Unknown))
	}
	record.set(resendAtColumn, toTick(r.Resend.At))
	record.set(resendByColumn, r.Resend.By)
	record.set(withdrawAtColumn, toTick(r.Withdrawal.At))
	record.set(withdrawByColumn, r.Withdrawal.By)
	record.set(erasedColumn, toTick(r.Erased))
	record.set(dueColumn, toTick(r.Due))
	record.set(createdColumn, toTick(r.Created))
	record.set(changedColumn, toTick(r.Changed))
	record.set(eventsColumn, int32(r.Events))
	if r.Decision != nil {
		text, err := encodeJSON(r.Decision)
		if err != nil {
			return row{}, problem.New(problem.Internal, "column %s: encoding failed (%T)", decisionColumn, err)
		}
		record.set(decisionColumn, text)
	}
	if r.Approval != nil {
		text, err := encodeJSON(r.Approval)
		if err != nil {
			return row{}, problem.New(problem.Internal, "column %s: encoding failed (%T)", approvalColumn, err)
		}
		record.set(approvalColumn, text)
	}
	if len(r.Grants) > 0 {
		text, err := encodeJSON(r.Grants)
		if err != nil {
			return row{}, problem.New(problem.Internal, "column %s: encoding failed (%T)", grantsColumn, err)
		}
		record.set(grantsColumn, text)
	}
	return record, nil
}

// decodeRequest reads the record of a request. Missing columns are zero values, so that emptying the columns with
// personal data leaves a record that can be read; without a known state, or with JSON or an id that can't be read,
// there is no request.
func decodeRequest(record row) (request.Request, error) {
	columns := reader{row: record}
	r := request.Request{
		ID: submission.ID(record.partition),
		Submission: submission.Submission{
			GivenName:   columns.text(givenNameColumn),
			FamilyName:  columns.text(familyNameColumn),
			Company:     columns.text(companyColumn),
			Country:     columns.text(countryColumn),
			Reason:      columns.text(partnerReasonColumn),
			Language:    columns.text(languageColumn),
			InviteCode:  submission.CodeHash(columns.text(inviteCodeColumn)),
			SubmittedAt: columns.time(submittedAtColumn),
			Consent: submission.Consent{
				Terms: columns.text(termsColumn), At: columns.time(termsAtColumn), Language: columns.text(termsLanguageColumn),
			},
		},
		State:      request.State(columns.text(stateColumn)),
		Reason:     columns.text(stateReasonColumn),
		Words:      columns.text(wordsColumn),
		Since:      columns.time(sinceColumn),
		RepeatOf:   submission.ID(columns.text(repeatOfColumn)),
		GuestID:    columns.text(guestIDColumn),
		Joined:     columns.time(joinedColumn),
		Attempt:    columns.count(attemptColumn),
		Unknown:    columns.count(unknownColumn),
		Due:        columns.time(dueColumn),
		Resend:     request.Instruction{At: columns.time(resendAtColumn), By: columns.text(resendByColumn)},
		Withdrawal: request.Instruction{At: columns.time(withdrawAtColumn), By: columns.text(withdrawByColumn)},
		Erased:     columns.time(erasedColumn),
		Created:    columns.time(createdColumn),
		Changed:    columns.time(changedColumn),
		Events:     columns.count(eventsColumn),
		Version:    record.etag,
	}
	if !r.State.Known() {
		columns.fail(stateColumn, "no known state")
	}
	if r.RepeatOf != "" {
		_, err := submission.ParseID(string(r.RepeatOf))
		if err != nil {
			columns.fail(repeatOfColumn, "no id of a request")
		}
	}
	email := columns.text(emailColumn)
	if email != "" {
		address, err := submission.ParseAddress(email)
		if err != nil {
			columns.fail(emailColumn, "no address that can be invited")
		}
		r.Submission.Email = address
	}
	sponsor := columns.text(sponsorColumn)
	if sponsor != "" {
		address, err := submission.ParseAddress(sponsor)
		if err != nil {
			columns.fail(sponsorColumn, "no address")
		}
		r.Submission.Sponsor = address
	}
	decision := columns.text(decisionColumn)
	if decision != "" {
		r.Decision = new(policy.Decision)
		err := json.Unmarshal([]byte(decision), r.Decision)
		if err != nil || !slices.Contains([]policy.Action{policy.Invite, policy.Review, policy.Deny}, r.Decision.Action) {
			columns.fail(decisionColumn, "no decision")
		}
	}
	approval := columns.text(approvalColumn)
	if approval != "" {
		r.Approval = new(request.Approval)
		err := json.Unmarshal([]byte(approval), r.Approval)
		if err != nil || r.Approval.By == "" {
			columns.fail(approvalColumn, "no approval")
		}
	}
	grants := columns.text(grantsColumn)
	if grants != "" {
		err := json.Unmarshal([]byte(grants), &r.Grants)
		if err != nil || slices.ContainsFunc(r.Grants, func(grant request.Grant) bool { return !grant.State.Known() }) {
			columns.fail(grantsColumn, "no list of grants")
		}
	}
	if columns.err != nil {
		return request.Request{}, columns.err
	}
	return r, nil
}

func encodeEvent(id submission.ID, number int, event request.Event) row {
	r := row{partition: string(id), name: fmt.Sprintf("%s%06d", eventPrefix, number), columns: map[string]any{}}
	r.set(atColumn, toTick(event.At))
	r.set(stateColumn, string(event.State))
	r.set(whatColumn, event.What)
	r.set(detailColumn, event.Detail)
	return r
}

// decodeEvent takes any state: a history is read by people, also by those who run an older version.
func decodeEvent(r row) (request.Event, error) {
	columns := reader{row: r}
	event := request.Event{
		At:     columns.time(atColumn),
		State:  request.State(columns.text(stateColumn)),
		What:   columns.text(whatColumn),
		Detail: columns.text(detailColumn),
	}
	return event, columns.err
}

// encodeJSON returns value as JSON that a person can read: without the escapes that only HTML needs.
func encodeJSON(value any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSuffix(text.String(), "\n"), err
}
