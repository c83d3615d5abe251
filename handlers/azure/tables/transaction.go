package tables

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

// Limits of a transaction
// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions).
const (
	maxActions          = policy.MaxChanges
	maxTransactionBytes = 4 * 1024 * 1024
	// actionBytes is room for the headers and the URL of one action, and for the frame around it.
	actionBytes = 2 * 1024
)

// errUnreadable is an answer to a transaction that does not tell whether it happened.
var errUnreadable = errors.New("the answer to the transaction can't be read")

// submit does all actions or none, in one call, and returns the new ETag of each row. Errors are
// those of the SDK: a refusal is an *azcore.ResponseError of the refused action. errUnreadable
// means that the outcome is not known.
func submit(ctx context.Context, table *aztables.Client, actions []aztables.TransactionAction) ([]string, error) {
	size := 0
	for _, action := range actions {
		size += len(action.Entity) + actionBytes
	}
	if len(actions) > maxActions || size > maxTransactionBytes {
		return nil, problem.New(problem.Internal, "the transaction has %d rows and %d bytes, more than %d or %d", len(actions), size, maxActions, maxTransactionBytes)
	}
	outcome := transactionOutcome{actions: len(actions)}
	_, err := table.SubmitTransaction(context.WithValue(ctx, outcomeKey{}, &outcome), actions, nil)
	if err != nil {
		return nil, err
	}
	return outcome.etags, nil
}

// transactionOutcome is where transactionPolicy leaves the ETags, which SubmitTransaction does
// not return.
type transactionOutcome struct {
	actions int
	etags   []string
}

type outcomeKey struct{}

// transactionPolicy corrects a transaction before the SDK sends it, and reads the answer before
// the SDK does. In the addresses of actions the SDK does not double the apostrophes of keys, as it
// does in single calls (aztables 1.4.1). It reports a refusal as status 202 without a code, takes
// a truncated answer for a success, and panics at an empty one.
type transactionPolicy struct{}

func (transactionPolicy) Do(req *azpolicy.Request) (*http.Response, error) {
	outcome, wanted := req.Raw().Context().Value(outcomeKey{}).(*transactionOutcome)
	if wanted {
		err := doubleApostrophes(req)
		if err != nil {
			return nil, err
		}
	}
	resp, err := req.Next()
	if err != nil || !wanted || resp.StatusCode >= http.StatusMultipleChoices {
		return resp, err
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return nil, errUnreadable
	}
	results, err := readTransaction(resp.Header.Get("Content-Type"), body)
	if err != nil {
		return nil, err
	}
	refused := slices.IndexFunc(results, func(result actionResult) bool { return result.status >= http.StatusMultipleChoices })
	if refused >= 0 {
		return nil, &azcore.ResponseError{StatusCode: results[refused].status, ErrorCode: results[refused].code, RawResponse: resp}
	}
	if len(results) != outcome.actions {
		return nil, errUnreadable
	}
	for _, result := range results {
		outcome.etags = append(outcome.etags, result.etag)
	}
	return resp, nil
}

// actionLine is the line that begins an action: its method and its address. No value of a row is
// on such a line, since JSON escapes line ends.
var actionLine = regexp.MustCompile(`(?m)^[A-Z]+ \S+ HTTP/1\.1\r$`)

// doubleApostrophes doubles the apostrophes of keys in the addresses of a transaction's actions, as
// OData has it. The SDK has escaped those of keys, and not those around keys.
func doubleApostrophes(req *azpolicy.Request) error {
	body, err := io.ReadAll(req.Body())
	if err != nil {
		return err
	}
	body = actionLine.ReplaceAllFunc(body, func(line []byte) []byte {
		return bytes.ReplaceAll(line, []byte("%27"), []byte("%27%27"))
	})
	return req.SetBody(streaming.NopCloser(bytes.NewReader(body)), req.Raw().Header.Get("Content-Type"))
}

// actionResult is the service's answer to one action. There is one for each action if the
// transaction happened, else one for the refused action.
type actionResult struct {
	status int
	etag   string
	code   string // the service's error code of a refusal
}

// readTransaction reads the answer to a transaction: a multipart body that holds one multipart
// body that holds HTTP answers. It returns errUnreadable for anything else.
func readTransaction(contentType string, body []byte) ([]actionResult, error) {
	inner, contentType, err := onlyPart(contentType, body)
	if err != nil {
		return nil, err
	}
	parts, err := openMultipart(contentType, inner)
	if err != nil {
		return nil, err
	}
	var results []actionResult
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF && len(results) > 0 {
			return results, nil
		}
		if err != nil || len(results) == maxActions {
			return nil, errUnreadable
		}
		answer, err := http.ReadResponse(bufio.NewReader(part), nil)
		if err != nil {
			return nil, errUnreadable
		}
		content, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, errUnreadable
		}
		result := actionResult{status: answer.StatusCode, etag: answer.Header.Get("ETag")}
		if result.status >= http.StatusMultipleChoices {
			result.code = serviceCode(content)
		}
		results = append(results, result)
	}
}

// onlyPart returns the first part of a multipart body with its content type.
func onlyPart(contentType string, body []byte) ([]byte, string, error) {
	parts, err := openMultipart(contentType, body)
	if err != nil {
		return nil, "", err
	}
	part, err := parts.NextRawPart()
	if err != nil {
		return nil, "", errUnreadable
	}
	inner, err := io.ReadAll(part)
	if err != nil {
		return nil, "", errUnreadable
	}
	return inner, part.Header.Get("Content-Type"), nil
}

func openMultipart(contentType string, body []byte) (*multipart.Reader, error) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/mixed" || parameters["boundary"] == "" {
		return nil, errUnreadable
	}
	// The SDK takes any first line for the boundary.
	if !bytes.HasPrefix(body, []byte("--"+parameters["boundary"]+"\r\n")) {
		return nil, errUnreadable
	}
	return multipart.NewReader(bytes.NewReader(body), parameters["boundary"]), nil
}

// serviceCode returns the error code in the body of a refusal, "" if there is none.
func serviceCode(content []byte) string {
	var refusal struct {
		Error struct {
			Code string `json:"code"`
		} `json:"odata.error"`
	}
	err := json.Unmarshal(content, &refusal)
	if err != nil {
		return ""
	}
	return refusal.Error.Code
}
