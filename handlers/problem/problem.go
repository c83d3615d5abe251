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
	// MalformedBody: the body is not what its content type says, or has unknown properties.
	MalformedBody Code = "malformed-body"
	// BodyMissing: a form came without its body, which something on the way has dropped.
	BodyMissing Code = "body-missing"
	// BodyTooLarge: the body is larger than any real sign-up.
	BodyTooLarge Code = "body-too-large"
	// UnsupportedMediaType: neither a form nor JSON.
	UnsupportedMediaType Code = "unsupported-media-type"
	// MethodNotAllowed: the address exists, the method does not.
	MethodNotAllowed Code = "method-not-allowed"
	// NotFound: nothing is there, or nothing that this caller may know of.
	NotFound Code = "not-found"
	// OriginRefused: the sender is neither one of the pages nor a site or program that may send.
	OriginRefused Code = "sender-refused"
	// FormStale: the form has no valid token, or was sent too soon or too late after it was
	// fetched. It can be fetched and sent again.
	FormStale Code = "form-stale"
	// CaptchaFailed: the answer to the captcha is missing, wrong or used up.
	CaptchaFailed Code = "challenge-failed"
	// TooManyRequests: the client is over the rate limit; the error's RetryAfter says how long to
	// wait.
	TooManyRequests Code = "too-many-requests"
)

// The codes of the pages for people who sign in.
const (
	// SignInNeeded: nobody is signed in, or not any more.
	SignInNeeded Code = "sign-in-needed"
	// SignInRefused: the sign-in came to nothing; signing in again may help.
	SignInRefused Code = "sign-in-refused"
	// SignInUnavailable: the provider that people sign in with does not answer, or the app can't
	// prove itself to it.
	SignInUnavailable Code = "sign-in-unavailable"
)

// The codes that come from the program and what it depends on.
const (
	// Internal: a fault of the program. Every error without a code counts as Internal.
	Internal Code = "internal"
	// Conflict: the stored state has changed meanwhile. Load it again and decide again.
	Conflict Code = "conflict"
	// StorageUnavailable: the storage account did not answer or could not do it now.
	StorageUnavailable Code = "storage-unavailable"
	// RecordUnreadable: this version of the program can't read something that is stored. Another
	// attempt fails too, until that or the version has changed.
	RecordUnreadable Code = "record-unreadable"
	// MalformedMessage: a queue message that this program did not write. Another attempt would fail
	// too.
	MalformedMessage Code = "malformed-message"
	// CaptchaUnavailable: the service that checks captchas did not answer, or refused the app's
	// key. No form is accepted without it.
	CaptchaUnavailable Code = "challenge-unavailable"
)

// Codes returns every code of this package, for tests and documentation. A code that another
// package adds, such as those of the directory in package request, is not among them.
func Codes() []Code {
	return []Code{
		InvalidInput, MalformedBody, BodyMissing, BodyTooLarge, UnsupportedMediaType, MethodNotAllowed, NotFound,
		OriginRefused, FormStale, CaptchaFailed, TooManyRequests,
		SignInNeeded, SignInRefused, SignInUnavailable,
		Internal, Conflict, StorageUnavailable, RecordUnreadable, MalformedMessage, CaptchaUnavailable,
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

// An Error is a failure with a part for each of its readers.
//
// It holds no personal data, payloads, redeem URLs or keys. The log gets Error(), the public gets
// Public.
type Error struct {
	// Code is the kind of failure. Empty counts as Internal.
	Code Code
	// Public is for the partner: what happened and what to do. It may be empty.
	Public string
	// Detail is for the log: what was being done, with which identifiers.
	Detail string
	// Fields lists the fields at fault; only for InvalidInput.
	Fields []Field
	// RetryAfter is how long to wait before another attempt; zero if that is not known.
	RetryAfter time.Duration
	// Ref is the service's id of the failed call (Graph's request-id), for its support.
	Ref string
	// Answer is the status and the code of the service's answer, such as "403 Forbidden". By it the
	// same answer is recognised when it comes again. Empty without an answer.
	Answer string
	// Err is the cause. It appears in Error(), so it must be safe for a log too.
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
func New(code Code, format string, args ...any) error {
	formatted := fmt.Errorf(format, args...)
	cause := errors.Unwrap(formatted)
	if cause == nil {
		return &Error{Code: code, Detail: formatted.Error()}
	}
	// The formatted text has the text of the cause already.
	return &Error{Code: code, Err: formatted}
}

// Refuse returns an InvalidInput with one formatted text, for the person and for the log. It must
// not repeat what the person has typed.
func Refuse(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return &Error{Code: InvalidInput, Public: text, Detail: text}
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
