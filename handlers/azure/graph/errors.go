package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"guestlist/handlers/azure/identity"
	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// An answerError is an answer that is not a success.
type answerError struct {
	status     int
	code       string // Graph's code for the error; "" if the answer has none
	message    string // Graph's text. It may quote anything, so only scrubbed may repeat it
	requestID  string
	retryAfter time.Duration
	fault      string // what is wrong with the answer itself; "" if it is one of Graph's errors
}

// Error says no more than the status: the SDK puts the text of this error into its own.
func (e *answerError) Error() string { return fmt.Sprintf("status %d", e.status) }

// says reports whether Graph's message holds one of the texts, which are in lower case.
func (e *answerError) says(texts ...string) bool {
	message := strings.ToLower(e.message)
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(message, text) })
}

// aboutPermission reports whether Graph's message says that the app lacks a permission. Graph says
// so with the status 401 too, which otherwise means that it does not accept the token.
func (e *answerError) aboutPermission() bool {
	return e.fault == "" && e.says("insufficient privilege", "insufficient permission")
}

// An operation is what a call of the SDK is for.
type operation struct {
	doing string // for the log
	want  []int  // the statuses that are a success
	// classify returns what one of Graph's errors means for this operation, "" if the status says
	// it.
	classify func(*answerError) problem.Code
	private  []string // what an error's text must not repeat
}

// call runs one call of the SDK and turns a failure into a *problem.Error. Only call sees errors
// of the SDK.
func (c *Client) call(ctx context.Context, op operation, run func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	err := guarded(context.WithValue(ctx, exchangeKey{}, &exchange{want: op.want, means: op.code}), run)
	if err == nil {
		return nil
	}
	return op.problem(ctx, err, c.timeout)
}

// errPanicked replaces a panic of the SDK. Its value is not kept: it may quote the answer.
var errPanicked = errors.New("the SDK can't read the answer")

// guarded runs a call of the SDK and recovers from its panics: the SDK's readers assert types
// without a check.
func guarded(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanicked
		}
	}()
	return run(ctx)
}

// problem returns the error for the caller. It does not call the Error method of an error of the
// SDK: some panic, others quote addresses and answers.
func (op operation) problem(ctx context.Context, err error, timeout time.Duration) error {
	var answer *answerError
	var token *identity.TokenError
	unavailable := func(detail string) error {
		return problem.New(request.DirectoryUnavailable, "%s: %s", op.doing, detail)
	}
	switch {
	case errors.As(err, &answer):
		return op.answered(answer)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return problem.New(request.DirectoryUnavailable, "%s: no answer within %v: %w", op.doing, timeout, context.DeadlineExceeded)
	case ctx.Err() != nil:
		return problem.New(request.DirectoryUnavailable, "%s: given up: %w", op.doing, context.Canceled)
	case errors.As(err, &token):
		return op.withoutToken(token)
	case errors.Is(err, errUnsafe):
		return unavailable(errUnsafe.Error())
	case errors.Is(err, errPanicked):
		return unavailable(errPanicked.Error())
	default:
		return unavailable(rest.Fault(err))
	}
}

// answered returns the error for an answer that is not a success.
func (op operation) answered(answer *answerError) error {
	code := op.code(answer)
	detail := op.words(answer, advice[code])
	wait := answer.retryAfter
	if !request.Retryable(code) && !request.Probe(code) {
		wait = 0
	}
	return &problem.Error{
		Code: code, Public: request.DirectoryPublic(code), Detail: detail, RetryAfter: wait, Ref: answer.requestID,
		Answer: strings.TrimSpace(fmt.Sprintf("%d %s", answer.status, answer.code)),
	}
}

// words returns what an answer says, and the advice, if there is some.
func (op operation) words(answer *answerError, advice string) string {
	detail := fmt.Sprintf("%s: status %d", op.doing, answer.status)
	if answer.code != "" {
		detail += " " + answer.code
	}
	if answer.fault != "" {
		detail += ": " + answer.fault
	}
	if text := scrubbed(answer.message, op.private); text != "" {
		detail += ": " + text
	}
	if advice == "" {
		return detail
	}
	return strings.TrimRight(detail, ".") + "; " + advice
}

// code returns what an answer means: first by its status, then by Graph's words for this
// operation.
func (op operation) code(answer *answerError) problem.Code {
	switch {
	case answer.status == http.StatusTooManyRequests:
		return request.DirectoryThrottled
	case answer.status == http.StatusUnauthorized && answer.fault != "":
		return request.DirectoryNoToken
	case answer.status < 400:
		return request.DirectoryUnavailable
	case answer.fault != "" && answer.status < 500 && answer.status != http.StatusRequestTimeout:
		// It is not Graph's text: something between the app and Graph answers, perhaps to this
		// request only.
		return request.DirectoryUnknown
	case answer.fault != "":
		return request.DirectoryUnavailable
	}
	if op.classify != nil {
		code := op.classify(answer)
		if code != "" {
			return code
		}
	}
	switch answer.status {
	case http.StatusUnauthorized:
		if answer.aboutPermission() {
			return request.DirectoryForbidden
		}
		return request.DirectoryNoToken
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusLocked, http.StatusTooEarly:
		// Another client is changing the same object, or the service is busy.
		return request.DirectoryUnavailable
	}
	switch {
	case answer.status >= 500:
		return request.DirectoryUnavailable
	case answer.message == "":
		// An error without words does not say that it is about this request.
		return request.DirectoryUnknown
	case answer.status == http.StatusBadRequest, answer.status == http.StatusNotFound,
		answer.status == http.StatusUnprocessableEntity:
		return request.DirectoryRefused
	}
	// Graph documents no other status as a refusal of what was asked for.
	return request.DirectoryUnknown
}

// classifyRead recognises a missing permission. A 403 that speaks of anything else is unknown: it
// may pass, and the app may well be allowed to read.
func classifyRead(answer *answerError) problem.Code {
	switch {
	case answer.status == http.StatusUnauthorized && answer.aboutPermission():
		return request.DirectoryReadForbidden
	case answer.status != http.StatusForbidden:
		return ""
	case strings.HasPrefix(answer.code, "Authorization_"), strings.EqualFold(answer.code, "accessDenied"),
		answer.says("privilege", "permission", "authoriz", "consent", "scope", "access denied"):
		return request.DirectoryReadForbidden
	}
	return request.DirectoryUnknown
}

// alreadyMember reports whether the guest is a member already.
func alreadyMember(answer *answerError) bool {
	return answer.status == http.StatusBadRequest && answer.says("object references already exist", "already a member")
}

// classifyMember recognises an object that is not visible yet, and a group that takes no guests.
// For a missing guest and a missing group Graph uses the same words, with 404 and sometimes 400.
// It can name the one and mean the other, so the answer never says which of the two is missing.
//
// No answer is about the tenant: Graph reports insufficient privileges also for a single group
// that the app does not own, or whose kind takes no guests.
func classifyMember(answer *answerError) problem.Code {
	switch answer.status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
	default:
		return ""
	}
	switch {
	case answer.status == http.StatusNotFound, answer.says("does not exist or one of its queried reference-property objects"),
		answer.says("unable to read the company information"):
		// The last text comes shortly after an invitation too.
		return request.DirectoryNotReplicated
	case answer.says("dynamic membership", "dynamic group", "mail-enabled", "distribution list", "on-premises mastered",
		"assignable to roles", "role-assignable", "restricted management", "are not allowed to join"):
		return request.DirectoryGroupClosed
	case answer.status == http.StatusForbidden && answer.says("insufficient privilege", "insufficient permission"):
		return request.DirectoryGroupForbidden
	default:
		return request.DirectoryUnknown
	}
}

// withoutToken distinguishes an identity that does not exist or may not be used from one that
// can't be asked now.
func (op operation) withoutToken(err error) error {
	code := request.DirectoryUnavailable
	detail := op.doing + ": no token from the app's identity"
	status := identity.RefusalStatus(err)
	if status != 0 {
		detail += fmt.Sprintf(": status %d", status)
		if identity.RefusalLasts(status) {
			code = request.DirectoryNoToken
			detail += "; is the managed identity assigned to this app, and its client id right?"
		}
	}
	return problem.New(code, "%s", detail)
}

const (
	// maxMessage is more than any message of Graph, in bytes. A longer one is ignored.
	maxMessage = 8 << 10
	// maxText is how much of Graph's message is repeated, in characters. The first sentence says
	// what is wrong.
	maxText = 200
	// maxWord is longer than a quoted GUID and shorter than a token.
	maxWord = 45

	removed = "[removed]"
)

// scrubbed returns a message of Graph for the log: one short line, without anything that may be
// an address, a link, a user name or a token, and without the private values.
func scrubbed(message string, private []string) string {
	for _, secret := range private {
		for _, form := range []string{secret, strings.ReplaceAll(secret, "@", "_")} {
			if form != "" {
				form = strings.ToValidUTF8(form, string(utf8.RuneError)) // as JSON has it, and a pattern must have it
				message = regexp.MustCompile("(?i)"+regexp.QuoteMeta(form)).ReplaceAllString(message, " "+removed+" ")
			}
		}
	}
	// An invisible character could hide a separator from the rules below.
	message = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, message)
	words := strings.Fields(message)
	for i, word := range words {
		afterBearer := i > 0 && strings.EqualFold(strings.Trim(words[i-1], ":'\""), "bearer")
		if afterBearer || strings.ContainsAny(word, "@＠﹫/\\%=#") || utf8.RuneCountInString(word) > maxWord {
			words[i] = removed
		}
	}
	text := []rune(strings.Join(words, " "))
	if len(text) > maxText {
		text = append(text[:maxText-1], '…')
	}
	return string(text)
}
