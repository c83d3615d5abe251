package problem

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Code names a kind of failure. Codes are stable: logs, alerts and clients of the JSON interface match on them.
type Code string

// The codes that come from what a partner sent.
const (
	// InvalidInput: one or more fields can't be accepted; the fields say which and why.
	InvalidInput Code = "invalid-input"
	// MalformedBody: the body is not what its content type says, or has properties that nobody asked for.
	MalformedBody Code = "malformed-body"
	// BodyTooLarge: the body is larger than any honest sign-up.
	BodyTooLarge Code = "body-too-large"
	// UnsupportedMediaType: neither a form nor JSON.
	UnsupportedMediaType Code = "unsupported-media-type"
	// MethodNotAllowed: the address exists, the method does not.
	MethodNotAllowed Code = "method-not-allowed"
	// NotFound: nothing stands there, or nothing that this caller may know of.
	NotFound Code = "not-found"
	// SenderRefused: neither one of our pages nor a site or program that may send.
	SenderRefused Code = "sender-refused"
	// FormStale: the form came without a token of ours, too soon after it was fetched, or too late. Fetched and sent again it is as good as new.
	FormStale Code = "form-stale"
	// ChallengeFailed: the answer to the challenge that tells people from bots is missing, wrong or used up.
	ChallengeFailed Code = "challenge-failed"
	// TooManyRequests: the client sent a lot in a short time; the error's RetryAfter says how long to wait.
	TooManyRequests Code = "too-many-requests"
)

// The codes that come from our own parts.
const (
	// Internal: a fault of ours. It is what every error without a code counts as.
	Internal Code = "internal"
	// Conflict: somebody else changed the same thing first. Load it again and decide again.
	Conflict Code = "conflict"
	// StorageUnavailable: the storage account did not answer or could not do it now.
	StorageUnavailable Code = "storage-unavailable"
	// MalformedMessage: a queue message that is no message of ours. Another attempt would find the same.
	MalformedMessage Code = "malformed-message"
	// ChallengeUnavailable: the service that checks challenges did not answer, or does not know us. Nothing is taken without it.
	ChallengeUnavailable Code = "challenge-unavailable"
)

// The codes of the directory (Microsoft Graph) that pass by themselves.
const (
	// DirectoryThrottled: too many calls; the error's RetryAfter says how long to wait. Nothing was done.
	DirectoryThrottled Code = "directory-throttled"
	// DirectoryUnavailable: no answer, or an answer that says nothing about the request itself. It may have been done all the same.
	DirectoryUnavailable Code = "directory-unavailable"
	// DirectoryUnknown: an answer whose meaning is not known. It may pass, so it is worth a few attempts and no more; until it is given up
	// it counts as DirectoryUnavailable.
	DirectoryUnknown Code = "directory-unknown"
	// DirectoryNotReplicated: an object that was just created is not visible everywhere yet.
	DirectoryNotReplicated Code = "directory-not-replicated"
)

// The codes of the directory that are about one request: asking again gives the same answer, and other requests are not concerned.
const (
	// DirectoryRefused: the directory said no to this very request, for a reason that has no code of its own.
	DirectoryRefused Code = "directory-refused"
	// DirectoryBadAddress: the directory can't invite an address of this form, or of this kind, such as a group's.
	DirectoryBadAddress Code = "directory-bad-address"
	// DirectoryDomainBlocked: the address's domain is on the tenant's block list, or not on its allow list.
	DirectoryDomainBlocked Code = "directory-domain-blocked"
	// DirectoryCrossTenant: the cross-tenant access settings of our tenant or of the guest's do not let the guest in; which of the two is not said.
	DirectoryCrossTenant Code = "directory-cross-tenant"
	// DirectoryCrossTenantOurs: the inbound cross-tenant access settings of our tenant do not let the guest in.
	DirectoryCrossTenantOurs Code = "directory-cross-tenant-ours"
	// DirectoryCrossTenantTheirs: the outbound cross-tenant access settings of the guest's tenant do not let the guest out.
	DirectoryCrossTenantTheirs Code = "directory-cross-tenant-theirs"
	// DirectoryCrossCloud: the guest's tenant is in another Microsoft cloud, and collaboration between the two is not set up on both sides.
	DirectoryCrossCloud Code = "directory-cross-cloud"
	// DirectoryAddressTaken: another object of the tenant, such as a contact, a group or a user's second address, holds the address.
	DirectoryAddressTaken Code = "directory-address-taken"
	// DirectoryInvitationError: the invitation was made and has the status Error.
	DirectoryInvitationError Code = "directory-invitation-error"
	// DirectoryGuestDisabled: the guest exists, and the account is blocked from signing in. The error's Object is the guest, if the
	// directory named it.
	DirectoryGuestDisabled Code = "directory-guest-disabled"
	// DirectoryInternalUser: the address belongs to somebody who has an account in the tenant and needs no invitation. The error's Object
	// is that account, if the directory named it.
	DirectoryInternalUser Code = "directory-internal-user"
	// DirectoryGroupForbidden: the app may not change the members of this group. Groups differ: the app may own one and not the
	// other, and some take members only by rights that no app should have.
	DirectoryGroupForbidden Code = "directory-group-forbidden"
	// DirectoryReadForbidden: the app may not read users or groups. It may well be able to invite.
	DirectoryReadForbidden Code = "directory-read-forbidden"
)

// The codes of the directory that are about the whole tenant: every other invitation would fail in the same way. See Code.TenantWide.
const (
	// DirectorySuspicious: Microsoft has stopped the tenant's invitations because of suspicious activity. Only Microsoft's support lifts
	// that, and further attempts make it worse.
	DirectorySuspicious Code = "directory-suspicious-activity"
	// DirectoryInvitationsOff: the tenant's settings let nobody invite, or not this app.
	DirectoryInvitationsOff Code = "directory-invitations-off"
	// DirectoryForbidden: the app has no valid token, or lacks the permission to invite.
	DirectoryForbidden Code = "directory-forbidden"
	// DirectoryQuota: the tenant may hold no more objects, or may invite no more guests for now.
	DirectoryQuota Code = "directory-quota-exceeded"
)

// kind is what a code means outside.
type kind struct {
	status int
	title  string
	traits traits
}

// traits are what a code says of other attempts.
type traits uint8

const (
	retry      traits = 1 << iota // the same attempt may succeed later
	tenantWide                    // every other guest's attempt would fail too
	probe                         // one attempt from time to time may find it cured
)

// kinds is the one place where codes become HTTP statuses, titles and what to do with further attempts.
var kinds = map[Code]kind{
	InvalidInput:         {http.StatusUnprocessableEntity, "Some fields need another look", 0},
	MalformedBody:        {http.StatusBadRequest, "The request can't be read", 0},
	BodyTooLarge:         {http.StatusRequestEntityTooLarge, "The request is too large", 0},
	UnsupportedMediaType: {http.StatusUnsupportedMediaType, "The content type is not supported", 0},
	MethodNotAllowed:     {http.StatusMethodNotAllowed, "The method is not allowed here", 0},
	NotFound:             {http.StatusNotFound, "Nothing is here", 0},
	SenderRefused:        {http.StatusForbidden, "The sender is not allowed", 0},
	FormStale:            {http.StatusForbidden, "The form must be sent again", 0},
	ChallengeFailed:      {http.StatusForbidden, "The challenge was not passed", 0},
	TooManyRequests:      {http.StatusTooManyRequests, "Too many requests", retry},

	Internal:           {http.StatusInternalServerError, "Something went wrong on our side", retry},
	Conflict:           {http.StatusConflict, "Somebody else changed this first", retry},
	StorageUnavailable: {http.StatusServiceUnavailable, "The service is busy", retry},
	MalformedMessage:   {http.StatusBadRequest, "The message can't be read", 0},

	ChallengeUnavailable: {http.StatusServiceUnavailable, "The service is busy", retry},

	DirectoryThrottled:     {http.StatusServiceUnavailable, "The service is busy", retry},
	DirectoryUnavailable:   {http.StatusServiceUnavailable, "The service is busy", retry},
	DirectoryUnknown:       {http.StatusServiceUnavailable, "The service is busy", retry},
	DirectoryNotReplicated: {http.StatusServiceUnavailable, "The service is busy", retry},

	// To the public these are one and the same: which it is tells who has an account here, and whom the tenant does not let in.
	DirectoryRefused:           {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryBadAddress:        {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryDomainBlocked:     {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryCrossTenant:       {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryCrossTenantOurs:   {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryCrossTenantTheirs: {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryCrossCloud:        {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryAddressTaken:      {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryInvitationError:   {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryGuestDisabled:     {http.StatusUnprocessableEntity, refusedTitle, 0},
	DirectoryInternalUser:      {http.StatusUnprocessableEntity, refusedTitle, 0},

	DirectoryGroupForbidden: {http.StatusServiceUnavailable, "The service is not available", 0},
	DirectoryReadForbidden:  {http.StatusServiceUnavailable, "The service is not available", 0},

	DirectorySuspicious:     {http.StatusServiceUnavailable, "The service is not available", tenantWide},
	DirectoryInvitationsOff: {http.StatusServiceUnavailable, "The service is not available", tenantWide | probe},
	DirectoryForbidden:      {http.StatusServiceUnavailable, "The service is not available", tenantWide | probe},
	DirectoryQuota:          {http.StatusServiceUnavailable, "The service is not available", tenantWide | probe},
}

const refusedTitle = "The directory refused the request"

// Codes returns every code that exists, for tests and documentation. The order is not defined.
func Codes() []Code {
	codes := make([]Code, 0, len(kinds))
	for code := range kinds {
		codes = append(codes, code)
	}
	return codes
}

// Status returns the HTTP status for the code; an unknown code is a fault of ours.
func (c Code) Status() int { return c.kind().status }

// Title returns a short text for the public that is the same for every occurrence of the code.
func (c Code) Title() string { return c.kind().title }

// Retryable reports whether the same attempt may succeed later without anybody changing anything.
func (c Code) Retryable() bool { return c.kind().traits&retry != 0 }

// TenantWide reports whether every other guest's invitation would fail in the same way, so that it makes no sense, or does harm, to go on
// inviting until that is cured.
func (c Code) TenantWide() bool { return c.kind().traits&tenantWide != 0 }

// Probe reports whether a single attempt from time to time may find a failure that is TenantWide cured without an admin saying so. It is
// false where an attempt does harm.
func (c Code) Probe() bool { return c.kind().traits&probe != 0 }

func (c Code) kind() kind {
	k, known := kinds[c]
	if !known {
		return kinds[Internal]
	}
	return k
}

// Field is what is wrong with one field of the input.
type Field struct {
	// Name is the field's name as the client sent it.
	Name string `json:"name"`
	// Rule is the stable name of the rule that failed, for example "required".
	Rule string `json:"rule"`
	// Message says what to do, for the person who filled it in. It never repeats the input.
	Message string `json:"message"`
}

// Error is a failure with all that its readers need, each his own part.
//
// No part of it holds personal data, payloads, redeem URLs or keys: the log gets Error(), the public gets Public.
type Error struct {
	// Code is the kind of failure. Empty counts as Internal.
	Code Code
	// Public is for the partner: what happened and what to do. Empty means that the code's title is all there is to say.
	Public string
	// Detail is for the log: what was being done, with which identifiers.
	Detail string
	// Fields lists the fields at fault; only for InvalidInput.
	Fields []Field
	// RetryAfter is how long to wait before another attempt; zero where nothing is known.
	RetryAfter time.Duration
	// Ref is the other side's own id of the failed call (Graph's request-id), for its support.
	Ref string
	// Object is the object id, a GUID, of the user in the directory whom the failure is about, as the directory named it; "" if it named none.
	// It is never an address or a name, and is not looked up: ask the directory before acting on it.
	Object string
	// Err is the cause. It appears in Error(), so it must be fit for a log too.
	Err error
}

// Error returns the text for the log: code, detail, reference and cause.
func (e *Error) Error() string {
	text := string(e.code())
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Ref != "" {
		text += " (ref " + e.Ref + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an *Error of the same code, so that errors.Is(err, &Error{Code: NotFound}) works.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.code() == e.code()
}

func (e *Error) code() Code {
	if e.Code == "" {
		return Internal
	}
	return e.Code
}

// New returns an error of the code with a formatted detail for the log. %w keeps a cause, as in fmt.Errorf.
func New(code Code, format string, args ...any) *Error {
	formatted := fmt.Errorf(format, args...)
	cause := errors.Unwrap(formatted)
	if cause == nil {
		return &Error{Code: code, Detail: formatted.Error()}
	}
	// The text of the cause already stands in the formatted text: keep it once, and keep the chain.
	return &Error{Code: code, Err: formatted}
}

// CodeOf returns the code of the first *Error in err's chain, Internal for any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.code()
	}
	return Internal
}

// From returns the first *Error in err's chain, or err wrapped as an Internal one. It returns nil for nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Err: err}
}
