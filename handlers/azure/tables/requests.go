package tables

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

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

// The columns that more than one function names.
const (
	withdrawalColumn   = "WithdrawalWished"
	withdrawalByColumn = "WithdrawalWishedBy"
	emailColumn        = "Email"
	sponsorColumn      = "Sponsor" // the address that the partner named
	stateColumn        = "State"
	sinceColumn        = "Since"
	decisionColumn     = "Decision" // JSON, as the next
	approvalColumn     = "Approval"
	reviewingColumn    = "Reviewing"
	grantsColumn       = "Grants"
	failuresColumn     = "Failures"
	ordersColumn       = "Orders"
	openTurnColumn     = "OpenTurn"
	proofColumn        = "Proof"
	mailsColumn        = "Mails"
	owedColumn         = "Owed"
	remindColumn       = "RemindAt"
	repeatOfColumn     = "RepeatOf"
	guestIDColumn      = "GuestId" // of a claim too, as the next
	originColumn       = "Origin"
	attemptColumn      = "Attempt"
	unknownColumn      = "Unknown"
	vanishedColumn     = "Vanished"
	dueColumn          = "Due" // of a due entry too
	changedColumn      = "Changed"
	checkColumn        = "CheckAt"
	resendColumn       = "ResendWished"
	resendByColumn     = "ResendWishedBy"
	erasedColumn       = "Erased"
	atColumn           = "At" // of an event, a dead letter and the app's report
)

// requestFields returns the columns of a request, but for addresses and JSON. A column with
// personal data holds nothing else, so that it can be emptied.
func requestFields(r *request.Request) []field {
	return []field{
		{"GivenName", &r.Submission.GivenName},
		{"FamilyName", &r.Submission.FamilyName},
		{"Company", &r.Submission.Company},
		{"Country", &r.Submission.Country},
		{"PartnerReason", &r.Submission.Reason}, // in the partner's words
		{"Language", &r.Submission.Language},
		{"InviteCode", (*string)(&r.Submission.InviteCode)}, // its hash
		{"SubmittedAt", &r.Submission.SubmittedAt},
		{"TermsVersion", &r.Submission.Consent.Terms},
		{"TermsAcceptedAt", &r.Submission.Consent.At},
		{"TermsLanguage", &r.Submission.Consent.Language},

		{stateColumn, (*string)(&r.State)},
		{"StateReason", &r.Reason}, // in the program's words
		{"Words", &r.Words},        // a person's words, which may hold personal data
		{"Objection", &r.Objection},
		{sinceColumn, &r.Since},
		{repeatOfColumn, (*string)(&r.RepeatOf)},
		{guestIDColumn, &r.GuestID},
		{originColumn, (*string)(&r.Origin)},
		{"Joined", &r.Joined},
		{checkColumn, &r.CheckAt},
		{remindColumn, &r.RemindAt},
		{vanishedColumn, (*optional)(&r.Vanished)},
		{"FullOn", &r.FullOn},
		{attemptColumn, &r.Attempt},
		{unknownColumn, (*optional)(&r.Unknown)},
		{resendColumn, &r.Resend.At},
		{resendByColumn, &r.Resend.By},
		{"MailAsked", &r.MailAsked},
		{"Retried", &r.Retried},
		{withdrawalColumn, &r.Withdrawal.At},
		{withdrawalByColumn, &r.Withdrawal.By},
		{erasedColumn, &r.Erased},
		{dueColumn, &r.Due},
		{"Created", &r.Created},
		{changedColumn, &r.Changed},
		{"Events", &r.Events},
	}
}

// personalColumns are the columns with personal data, in words of the partner or of those who
// decided. They hold nothing else. The address may be in others too: see erase.
var personalColumns = []string{
	emailColumn, sponsorColumn, "GivenName", "FamilyName", "Company", "Country", "PartnerReason",
	"Language", "InviteCode", "TermsLanguage", "Words",
}

// eventFields returns the columns of an event.
func eventFields(event *request.Event) []field {
	return []field{{atColumn, &event.At}, {stateColumn, (*string)(&event.State)}, {"What", &event.What}, {"Detail", &event.Detail}, {"By", &event.By}}
}

// Load implements [request.Store].
func (s *Store) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	doing := fmt.Sprintf("loading request %s", id)
	_, err := submission.StoredID(string(id))
	if err != nil {
		return request.Request{}, failure("loading a request", err)
	}
	r, err := get(ctx, s.requests, string(id), recordName)
	if err != nil {
		return request.Request{}, failure(doing, err)
	}
	return decodeRequest(doing, r)
}

// Save implements [request.Store]. It returns times in UTC, cut to 100 ns. At most 99 events can
// be added at once. r.Events must be as loaded.
//
// What does not fit a row, or could not be read back, is a problem.Internal that names the column,
// and nothing is sent. After
// a problem.Conflict or a problem.StorageUnavailable the caller must load the request again: it
// may have been written, and the answer lost.
func (s *Store) Save(ctx context.Context, r request.Request, events []request.Event) (request.Request, error) {
	_, err := submission.StoredID(string(r.ID))
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
		encoded, err := newRow(string(r.ID), fmt.Sprintf("%s%06d", eventPrefix, r.Events), eventFields(&event)).encode()
		if err != nil {
			return request.Request{}, failure(fmt.Sprintf("%s: event %d", doing, r.Events), err)
		}
		actions = append(actions, aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd, Entity: encoded})
	}
	record, saved, err := writable(r)
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
	saved.Version = etags[0]
	return saved, nil
}

// reread returns the stored request if record was written. The answer to the write could not be
// read.
func (s *Store) reread(ctx context.Context, doing string, record row) (request.Request, error) {
	stored, err := get(ctx, s.requests, record.partition, record.name)
	if err != nil {
		return request.Request{}, problem.New(problem.StorageUnavailable, "%s: the answer can't be read, so the request may or may not be written: %w",
			doing, failure("reading it again", err))
	}
	if !reflect.DeepEqual(stored.columns, record.columns) {
		return request.Request{}, problem.New(problem.StorageUnavailable, "%s: the answer can't be read, and what is stored is something else", doing)
	}
	return decodeRequest(doing, stored)
}

// Forget implements [request.Store].
func (s *Store) Forget(ctx context.Context, r request.Request) error {
	_, err := submission.StoredID(string(r.ID))
	if err != nil {
		return nil // an invalid id is an unknown one
	}
	doing := fmt.Sprintf("forgetting request %s", r.ID)
	if r.Events > 0 {
		return problem.New(problem.Internal, "%s: it has a history", doing)
	}
	err = remove(ctx, doing, s.requests, string(r.ID), recordName, r.Version)
	if problem.CodeOf(err) == problem.NotFound {
		return nil
	}
	return err
}

// unreadableEvent is the name of an event that can't be read.
const unreadableEvent = "unreadable"

// History implements [request.Store]. An event that can't be read is one that says so: it must not
// hide the others.
func (s *Store) History(ctx context.Context, id submission.ID) ([]request.Event, error) {
	_, err := submission.StoredID(string(id))
	if err != nil {
		return nil, nil // an invalid id is an unknown one
	}
	filter := fmt.Sprintf("PartitionKey eq %s and RowKey ge %s and RowKey lt %s", rest.String(string(id)), rest.String(eventPrefix), rest.String(eventAfter))
	var events []request.Event
	// The service returns the rows of a partition by RowKey, page after page.
	err = s.list(ctx, s.requests, filter, nil, func(r row) error {
		// Any state is taken: people read the history, also with an older version of the program.
		var event request.Event
		columns := reader{row: r}
		columns.read(eventFields(&event))
		if columns.err != nil {
			event = request.Event{What: unreadableEvent, Detail: columns.faults[0]}
		}
		events = append(events, event)
		return nil
	})
	if err != nil {
		return nil, failure(fmt.Sprintf("reading the history of request %s", id), err)
	}
	return events, nil
}

// writable returns the record of a request, and the request as Load would return it. One that could
// not be read back is a problem.Internal.
func writable(r request.Request) (row, request.Request, error) {
	record, err := encodeRequest(r)
	if err != nil {
		return row{}, request.Request{}, err
	}
	read, columns := readRequest(record)
	if columns.err != nil {
		return row{}, request.Request{}, problem.New(problem.Internal, "it could not be read back: %s", columns.faults[0])
	}
	return record, read, nil
}

func encodeRequest(r request.Request) (row, error) {
	if !r.State.Known() {
		return row{}, problem.New(problem.Internal, "column %s: %.40q is not a state", stateColumn, r.State)
	}
	for _, grant := range r.Grants {
		if !grant.State.Known() {
			return row{}, problem.New(problem.Internal, "column %s: %.40q is not the state of a grant", grantsColumn, grant.State)
		}
	}
	for column, count := range map[string]int{
		attemptColumn: r.Attempt, unknownColumn: r.Unknown, vanishedColumn: r.Vanished,
	} {
		if count < 0 || count > maxEvents {
			return row{}, problem.New(problem.Internal, "column %s: %d is not a count of attempts", column, count)
		}
	}
	record := newRow(string(r.ID), recordName, requestFields(&r))
	record.set(emailColumn, r.Submission.Email.String())
	record.set(sponsorColumn, r.Submission.Sponsor.String())
	var errs []error
	if r.Decision != nil {
		errs = append(errs, record.setJSON(decisionColumn, r.Decision))
	}
	if r.Approval != nil {
		errs = append(errs, record.setJSON(approvalColumn, r.Approval))
	}
	if r.Reviewing != nil {
		errs = append(errs, record.setJSON(reviewingColumn, r.Reviewing))
	}
	if len(r.Grants) > 0 {
		errs = append(errs, record.setJSON(grantsColumn, r.Grants))
	}
	if r.Failures != (request.Failures{}) {
		errs = append(errs, record.setJSON(failuresColumn, r.Failures))
	}
	if r.Orders.Count > 0 || r.Orders.Ignored > 0 {
		errs = append(errs, record.setJSON(ordersColumn, r.Orders))
	}
	if r.OpenTurn != (request.Turn{}) {
		errs = append(errs, record.setJSON(openTurnColumn, r.OpenTurn))
	}
	if r.Proof != (request.Proof{}) {
		errs = append(errs, record.setJSON(proofColumn, r.Proof))
	}
	if len(r.Mails) > 0 {
		errs = append(errs, request.CheckMails(r.Mails), record.setJSON(mailsColumn, r.Mails))
	}
	if r.Owed != (request.Owed{}) {
		errs = append(errs, record.setJSON(owedColumn, r.Owed))
	}
	return record, errors.Join(errs...)
}

// decodeRequest reads the record of a request as it was stored, whatever the rules for input are
// now. A missing column is a zero value, so that a record can be read whose columns with personal
// data were emptied. A record without a known state, or with a value that can't be understood, is a
// problem.RecordUnreadable.
func decodeRequest(doing string, record row) (request.Request, error) {
	r, columns := readRequest(record)
	if columns.err != nil {
		return request.Request{}, failure(doing, columns.err)
	}
	return r, nil
}

// readRequest reads the record as far as it can be understood. The reader says what can't be.
func readRequest(record row) (request.Request, reader) {
	columns := reader{row: record}
	r := request.Request{ID: submission.ID(record.partition), Version: record.etag}
	columns.read(requestFields(&r))
	if !r.State.Known() {
		columns.fail(stateColumn, "a known state")
	}
	if !r.Origin.Known() {
		columns.fail(originColumn, "a known origin")
	}
	if r.RepeatOf != "" {
		_, err := submission.StoredID(string(r.RepeatOf))
		if err != nil {
			columns.fail(repeatOfColumn, "the id of a request")
		}
	}
	columns.address(emailColumn, &r.Submission.Email)
	columns.address(sponsorColumn, &r.Submission.Sponsor)
	columns.json(decisionColumn, &r.Decision, "a decision")
	decided := r.Decision != nil && slices.Contains([]policy.Action{policy.Invite, policy.Review, policy.Deny}, r.Decision.Action)
	if !decided && columns.text(decisionColumn) != "" {
		columns.fail(decisionColumn, "a decision")
	}
	columns.json(approvalColumn, &r.Approval, "an approval")
	approved := r.Approval != nil && r.Approval.By != ""
	if !approved && columns.text(approvalColumn) != "" {
		columns.fail(approvalColumn, "an approval")
	}
	columns.json(reviewingColumn, &r.Reviewing, "where a review stands")
	if r.Reviewing != nil && (r.Reviewing.Stage < request.FirstStage || r.Reviewing.Since.IsZero()) {
		columns.fail(reviewingColumn, "where a review stands")
	}
	columns.json(grantsColumn, &r.Grants, "a list of grants")
	if slices.ContainsFunc(r.Grants, func(grant request.Grant) bool { return !grant.State.Known() }) {
		columns.fail(grantsColumn, "a list of grants")
	}
	columns.json(failuresColumn, &r.Failures, "the failures of an effect")
	columns.json(ordersColumn, &r.Orders, "what has become of orders")
	columns.json(openTurnColumn, &r.OpenTurn, "a turn at the gate")
	columns.json(proofColumn, &r.Proof, "a proof of the mailbox")
	columns.json(mailsColumn, &r.Mails, "a list of mails")
	if request.CheckMails(r.Mails) != nil {
		columns.fail(mailsColumn, "a list of mails")
	}
	columns.json(owedColumn, &r.Owed, "a mail that is owed")
	return r, columns
}
