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
)

// The codes that come from the directory (Microsoft Graph).
const (
	// DirectoryThrottled: too many calls; the error's RetryAfter says how long to wait.
	DirectoryThrottled Code = "directory-throttled"
	// DirectoryUnavailable: no answer, or an answer that says nothing about the request itself.
	DirectoryUnavailable Code = "directory-unavailable"
	// DirectoryNotReplicated: an object that was just created is not visible everywhere yet.
	DirectoryNotReplicated Code = "directory-not-replicated"
	// DirectoryRefused: the directory said no to this very request; asking again gives the same answer.
	DirectoryRefused Code = "directory-refused"
	// DirectoryForbidden: the app lacks a permission, or the tenant allows nobody to do this.
	DirectoryForbidden Code = "directory-forbidden"
)

// kind is what a code means outside.
type kind struct {
	status int
	title  string
	retry  bool
}

// kinds is the one place where codes become HTTP statuses, titles and retries.
var kinds = map[Code]kind{
	InvalidInput:         {http.StatusUnprocessableEntity, "Some fields need another look", false},
	MalformedBody:        {http.StatusBadRequest, "The request can't be read", false},
	BodyTooLarge:         {http.StatusRequestEntityTooLarge, "The request is too large", false},
	UnsupportedMediaType: {http.StatusUnsupportedMediaType, "The content type is not supported", false},
	MethodNotAllowed:     {http.StatusMethodNotAllowed, "The method is not allowed here", false},
	NotFound:             {http.StatusNotFound, "Nothing is here", false},

	Internal:           {http.StatusInternalServerError, "Something went wrong on our side", true},
	Conflict:           {http.StatusConflict, "Somebody else changed this first", true},
	StorageUnavailable: {http.StatusServiceUnavailable, "The service is busy", true},
	MalformedMessage:   {http.StatusBadRequest, "The message can't be read", false},

	DirectoryThrottled:     {http.StatusServiceUnavailable, "The service is busy", true},
	DirectoryUnavailable:   {http.StatusServiceUnavailable, "The service is busy", true},
	DirectoryNotReplicated: {http.StatusServiceUnavailable, "The service is busy", true},
	DirectoryRefused:       {http.StatusUnprocessableEntity, "The directory refused the request", false},
	DirectoryForbidden:     {http.StatusServiceUnavailable, "The service is not available", false},
}

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
func (c Code) Retryable() bool { return c.kind().retry }

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
