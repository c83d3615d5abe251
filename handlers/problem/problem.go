package problem

import (
	"errors"
	"fmt"
	"time"
)

// Code names a kind of failure. Codes are stable: logs, alerts and clients of the JSON interface
// match on them.
type Code string

// The codes that come from what a partner sent.
const (
	// InvalidInput: one or more fields can't be accepted; the fields say which and why.
	InvalidInput Code = "invalid-input"
	// MalformedBody: the body is not what its content type says, or has properties that nobody asked
	// for.
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
	// FormStale: the form came without a token of ours, too soon after it was fetched, or too late.
	// Fetched and sent again it is as good as new.
	FormStale Code = "form-stale"
	// ChallengeFailed: the answer to the challenge that tells people from bots is missing, wrong or
	// used up.
	ChallengeFailed Code = "challenge-failed"
	// TooManyRequests: the client sent a lot in a short time; the error's RetryAfter says how long
	// to wait.
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
	// MalformedMessage: a queue message that is no message of ours. Another attempt would find the
	// same.
	MalformedMessage Code = "malformed-message"
	// ChallengeUnavailable: the service that checks challenges did not answer, or does not know us.
	// Nothing is taken without it.
	ChallengeUnavailable Code = "challenge-unavailable"
)

// Codes returns every code of this package, for tests and documentation. A code that another
// package adds, such as those of the directory in package request, is not among them.
func Codes() []Code {
	return []Code{
		InvalidInput, MalformedBody, BodyTooLarge, UnsupportedMediaType, MethodNotAllowed, NotFound,
		SenderRefused, FormStale, ChallengeFailed, TooManyRequests,
		Internal, Conflict, StorageUnavailable, MalformedMessage, ChallengeUnavailable,
	}
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
// No part of it holds personal data, payloads, redeem URLs or keys: the log gets Error(), the
// public gets Public.
type Error struct {
	// Code is the kind of failure. Empty counts as Internal.
	Code Code
	// Public is for the partner: what happened and what to do. Empty means that the code's title is
	// all there is to say.
	Public string
	// Detail is for the log: what was being done, with which identifiers.
	Detail string
	// Fields lists the fields at fault; only for InvalidInput.
	Fields []Field
	// RetryAfter is how long to wait before another attempt; zero where nothing is known.
	RetryAfter time.Duration
	// Ref is the other side's own id of the failed call (Graph's request-id), for its support.
	Ref string
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

// Is reports whether target is an *Error of the same code, so that errors.Is(err, &Error{Code:
// NotFound}) works.
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

// New returns an error of the code with a formatted detail for the log. %w keeps a cause, as in
// fmt.Errorf.
func New(code Code, format string, args ...any) *Error {
	formatted := fmt.Errorf(format, args...)
	cause := errors.Unwrap(formatted)
	if cause == nil {
		return &Error{Code: code, Detail: formatted.Error()}
	}
	// The text of the cause already stands in the formatted text: keep it once, and keep the chain.
	return &Error{Code: code, Err: formatted}
}

// CodeOf returns the code of the first *Error in err's chain, Internal for any other error, and
// "" for nil.
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

// From returns the first *Error in err's chain, or err wrapped as an Internal one. It returns nil
// for nil.
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
