package tables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
)

// failure turns an error of the SDK into a *problem.Error; doing says what was being done. A
// *problem.Error keeps its code.
//
// The SDK's text is not kept: it quotes whole answers and URLs, and a filter in a URL may hold an
// address.
func failure(doing string, err error) error {
	var known *problem.Error
	if errors.As(err, &known) {
		return problem.New(known.Code, "%s: %w", doing, err)
	}
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return answered(doing, answer)
	}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return problem.New(problem.StorageUnavailable, "%s: no answer from the table service: %w", doing, ended)
		}
	}
	// A url.Error holds the URL; what it wraps holds at most host addresses and ports.
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return problem.New(problem.StorageUnavailable, "%s: the table service can't be reached: %s", doing, network)
	}
	return problem.New(problem.StorageUnavailable, "%s: no answer from the table service (%T)", doing, err)
}

// answered is failure for an answer of the service.
func answered(doing string, answer *azcore.ResponseError) error {
	service := aztables.TableErrorCode(answer.ErrorCode)
	code := problem.StorageUnavailable
	switch {
	case answer.StatusCode == http.StatusNotFound && (service == aztables.ResourceNotFound || service == aztables.EntityNotFound):
		// A 404 counts only with the service's code: a proxy in between may answer 404 too.
		code = problem.NotFound
	case answer.StatusCode == http.StatusConflict && service == aztables.EntityAlreadyExists,
		answer.StatusCode == http.StatusPreconditionFailed:
		code = problem.Conflict
	}
	said := cmp.Or(rest.Identifier(answer.ErrorCode), "without an error code")
	e := &problem.Error{
		Code: code, Detail: fmt.Sprintf("%s: the table service answered %d %s", doing, answer.StatusCode, said),
		Answer: strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, rest.Identifier(answer.ErrorCode))),
	}
	if answer.RawResponse != nil {
		e.RetryAfter = rest.RetryAfter(answer.RawResponse.Header, time.Now())
		e.Ref = rest.Identifier(answer.RawResponse.Header.Get("x-ms-request-id"))
	}
	return e
}

// hasCode reports whether err, as the SDK returned it, is an answer with the code.
func hasCode(err error, code aztables.TableErrorCode) bool {
	var answer *azcore.ResponseError
	return errors.As(err, &answer) && answer.ErrorCode == string(code)
}
