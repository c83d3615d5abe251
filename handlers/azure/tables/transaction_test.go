package tables

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// answer returns the answer to a transaction as the service writes it, with the given HTTP
// answers.
func answer(parts ...string) string {
	text := "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n"
	for _, part := range parts {
		text += "--changesetresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n" + part + "\r\n"
	}
	return text + "--changesetresponse_1--\r\n--batchresponse_1--\r\n"
}

const (
	answerType = "multipart/mixed; boundary=batchresponse_1"

	created = "HTTP/1.1 204 No Content\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\nPreference-Applied: return-no-content\r\n" +
		"DataServiceVersion: 3.0;\r\nLocation: https://account.table.core.windows.net/Requests(PartitionKey='x',RowKey='request')\r\n" +
		"ETag: W/\"datetime'2026-03-01T10%3A30%3A15.1234567Z'\"\r\n\r\n"
	changed = "HTTP/1.1 204 No Content\r\nCache-Control: no-cache\r\nDataServiceVersion: 1.0;\r\nETag: W/\"datetime'2026-03-01T10%3A30%3A16.1Z'\"\r\n\r\n"
	stale   = "HTTP/1.1 412 Precondition Failed\r\nX-Content-Type-Options: nosniff\r\nDataServiceVersion: 3.0;\r\n" +
		"Content-Type: application/json;odata=minimalmetadata;streaming=true;charset=utf-8\r\n\r\n" +
		`{"odata.error":{"code":"UpdateConditionNotSatisfied","message":{"lang":"en-US","value":"0:The update condition specified in the request was not satisfied.\nRequestId:1\nTime:2026-03-01T10:30:15.1234567Z"}}}`
)

func TestReadTransaction(t *testing.T) {
	const first, second = `W/"datetime'2026-03-01T10%3A30%3A15.1234567Z'"`, `W/"datetime'2026-03-01T10%3A30%3A16.1Z'"`
	tests := map[string]struct {
		contentType, body string
		want              []actionResult // nil: unreadable
	}{
		"one row":   {answerType, answer(created), []actionResult{{204, first, ""}}},
		"two rows":  {answerType, answer(changed, created), []actionResult{{204, second, ""}, {204, first, ""}}},
		"a refusal": {answerType, answer(stale), []actionResult{{412, "", "UpdateConditionNotSatisfied"}}},
		"a refusal without a code": {answerType, answer("HTTP/1.1 503 Server Busy\r\nContent-Type: text/html\r\n\r\n<h1>busy</h1>"),
			[]actionResult{{503, "", ""}}},
		"a quoted boundary": {`multipart/mixed; boundary="batchresponse_1"`, answer(created), []actionResult{{204, first, ""}}},

		"nothing":                      {answerType, "", nil},
		"one empty line":               {answerType, "\r\n", nil},
		"no line end":                  {answerType, "--batchresponse_1", nil},
		"no parts":                     {answerType, answer(), nil},
		"no content type":              {"", answer(created), nil},
		"no boundary":                  {"multipart/mixed", answer(created), nil},
		"another boundary":             {"multipart/mixed; boundary=other", answer(created), nil},
		"JSON":                         {"application/json", `{"odata.error":{"code":"InvalidInput"}}`, nil},
		"text before the parts":        {answerType, "hello\r\n" + answer(created), nil},
		"an empty changeset":           {answerType, "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n\r\n--batchresponse_1--\r\n", nil},
		"a changeset of another kind":  {answerType, strings.Replace(answer(created), "multipart/mixed", "text/plain", 1), nil},
		"a part that is not an answer": {answerType, answer("hello"), nil},
		"cut in the second part":       {answerType, answer(created, changed)[:len(answer(created))], nil},
		"too many parts":               {answerType, answer(slices.Repeat([]string{created}, maxActions+1)...), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readTransaction(test.contentType, []byte(test.body))
			if (test.want == nil) != errors.Is(err, errUnreadable) || !slices.Equal(got, test.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

// A truncated answer must not be taken for the answer to fewer actions.
func TestTruncatedTransactionAnswerIsError(t *testing.T) {
	whole := answer(created, changed, created)
	end := strings.Index(whole, "--changesetresponse_1--")
	for length := range end {
		results, err := readTransaction(answerType, []byte(whole[:length]))
		if err == nil {
			t.Fatalf("an answer cut after %d of %d bytes was read as %d results", length, len(whole), len(results))
		}
	}
}

func FuzzReadTransaction(f *testing.F) {
	f.Add(answerType, []byte(answer(created, changed)))
	f.Add(answerType, []byte(answer(stale)))
	f.Add("multipart/mixed; boundary=a", []byte("--a\r\n\r\n--a--"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		results, err := readTransaction(contentType, body)
		if err != nil {
			if !errors.Is(err, errUnreadable) || results != nil {
				t.Errorf("got %v, %v", results, err)
			}
			return
		}
		if len(results) == 0 || len(results) > maxActions {
			t.Errorf("%d results and no error", len(results))
		}
		for _, result := range results {
			if result.status < http.StatusMultipleChoices && result.code != "" {
				t.Errorf("a success has the error code %q", result.code)
			}
		}
	})
}
