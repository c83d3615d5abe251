package acs

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"guestlist/handlers/azure/internal/mailing"
	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// maxAnswerBytes is more than any answer of the service, which has a few hundred bytes.
const maxAnswerBytes = 64 << 10

// bounded ends the body of an answer after one byte more than any answer may have. The pipeline
// reads all of an error's body, also if it is told not to.
type bounded struct{ transport http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.transport.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxAnswerBytes+1), response.Body}
	}
	return response, err
}

// An answer is what came back from a call, with the parts that may be believed.
type answer struct {
	status     int
	id         string // of the operation; "" if the body is not that of an operation
	state      string // of the operation
	code       string // of the error; "" if the body is not an error of the service
	requestID  string
	retryAfter time.Duration
}

// ours reports whether the answer is an error of the service itself, and not of something between
// the app and the service.
func (a answer) ours() bool { return a.code != "" }

// call makes one request. It returns an error only if there is no answer that could be read.
func (c *Client) call(
	ctx context.Context, doing, method, path string, id request.MailID, body []byte,
) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := runtime.NewRequest(ctx, method, c.base+path+"?api-version="+apiVersion)
	if err != nil {
		return answer{}, problem.New(request.MailUnavailable, "%s: the request can't be made", doing)
	}
	r.Raw().Header.Set("Accept", "application/json")
	if body != nil {
		r.Raw().Header.Set("Operation-Id", string(id))
		err = r.SetBody(streaming.NopCloser(bytes.NewReader(body)), "application/json")
		if err != nil {
			return answer{}, problem.New(request.MailUnavailable, "%s: the request can't be made", doing)
		}
	}
	begun := c.now()
	response, err := c.pipeline.Do(r)
	if err != nil {
		return answer{}, mailing.Unanswered(ctx, err, doing, c.timeout)
	}
	content, err := runtime.Payload(response) // which the pipeline has read
	a := answer{
		status:     response.StatusCode,
		requestID:  rest.Identifier(response.Header.Get("x-ms-request-id")),
		retryAfter: rest.RetryAfter(response.Header, c.now()),
	}
	level := slog.LevelInfo
	if a.status < 300 || a.status == http.StatusNotFound && method == http.MethodGet {
		level = slog.LevelDebug
	}
	c.log.LogAttrs(ctx, level, "mail service answered", slog.String("method", method),
		slog.String("mail", string(id)), slog.Int("status", a.status), slog.String("requestId", a.requestID),
		slog.Float64("duration_ms", float64(c.now().Sub(begun).Microseconds())/1000))
	if err != nil {
		return answer{}, mailing.Unanswered(ctx, err, doing, c.timeout)
	}
	if len(content) > maxAnswerBytes {
		return a, nil // the status is all that is known
	}
	a.read(response.Header.Get("Content-Type"), content)
	return a, nil
}

// read takes from the body what the service's own answers have. Words are not read: they can hold
// addresses.
func (a *answer) read(contentType string, content []byte) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" {
		return
	}
	var body struct {
		ID     string `json:"id"`
		Status string `json:"status"`
		Error  *struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	err = json.Unmarshal(content, &body)
	if err != nil {
		return
	}
	a.id, a.state = body.ID, body.Status
	if body.Error != nil {
		a.code = rest.Identifier(body.Error.Code)
	}
}

// about reports whether the answer is about the operation of that id: only then it says anything
// about the mail.
func (a answer) about(id request.MailID) bool {
	return strings.EqualFold(a.id, string(id)) && a.state != ""
}

// sendCode returns what the answer to POST /emails:send means, "" for taken.
func (a answer) sendCode(id request.MailID) problem.Code {
	switch {
	case a.status == http.StatusAccepted && a.about(id):
		return ""
	case a.status == http.StatusTooManyRequests:
		return request.MailThrottled
	case a.status == http.StatusUnauthorized:
		return request.MailForbidden // whoever answers, it is about the token
	case !a.ours():
		return request.MailUnavailable
	case a.status == http.StatusForbidden, a.aboutSender():
		return request.MailForbidden
	}
	switch a.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return request.MailRefused
	}
	return request.MailUnavailable
}

// aboutSender reports whether the service refuses all mails from the sender: its domain is not
// linked to the resource, the name before the @ is not known there, or the subscription is blocked.
func (a answer) aboutSender() bool {
	code := strings.ToLower(a.code)
	return a.status >= 400 && a.status < 500 &&
		(strings.Contains(code, "sender") || code == "domainnotlinked" || code == "subscriptionblocked")
}

// suppressed is a part of the codes for an address that is left alone. The service has documented
// none of its codes; the one that is seen is EmailDroppedAllRecipientsSuppressed.
const suppressed = "suppressed"

// mailStatus returns what the answer about an operation means, or the code of an error.
func (a answer) mailStatus(id request.MailID) (request.MailStatus, problem.Code) {
	switch {
	case a.status == http.StatusOK && a.about(id):
	case a.status == http.StatusNotFound && a.ours():
		return request.MailStatus{State: request.MailUnheard}, ""
	case a.status == http.StatusTooManyRequests:
		return request.MailStatus{}, request.MailThrottled
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden && a.ours():
		return request.MailStatus{}, request.MailForbidden
	default:
		return request.MailStatus{}, request.MailUnavailable
	}
	switch a.state {
	case "Succeeded":
		return request.MailStatus{State: request.MailHandedOver}, ""
	case "Failed", "Canceled":
		if strings.Contains(strings.ToLower(a.code), suppressed) {
			return request.MailStatus{State: request.MailSuppressed, Code: a.code}, ""
		}
		return request.MailStatus{State: request.MailFailed, Code: a.code}, ""
	}
	// NotStarted, Running, and what a later version may add.
	return request.MailStatus{State: request.MailUnderway, Again: a.retryAfter}, ""
}

// advice says what an admin can do, by the code of the error.
var advice = map[problem.Code]string{
	request.MailForbidden: "does the app's identity have the role Communication and Email Service " +
		"Owner on the resource, and is the sender's domain linked to it?",
}

// problem returns the error of the code for the answer, nil for no code.
func (a answer) problem(code problem.Code, doing string) error {
	if code == "" {
		return nil
	}
	said := mailing.Answer{
		Status: a.status, Code: a.code, RequestID: a.requestID, RetryAfter: a.retryAfter,
	}
	return said.Error(code, doing, advice[code])
}
