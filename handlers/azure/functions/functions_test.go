package functions_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"guestlist/handlers/azure/functions"
)

const invocationID = "0f3f51a6-9d4d-4f0c-8f0e-0d7c3a9a3c11"

// logBuffer is a log that several goroutines may write to.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// lines returns the records of the log.
func (b *logBuffer) lines(t *testing.T) []map[string]any {
	t.Helper()
	var records []map[string]any
	for line := range strings.Lines(b.String()) {
		var record map[string]any
		err := json.Unmarshal([]byte(line), &record)
		if err != nil {
			t.Fatalf("the log has a line that is not JSON: %q", line)
		}
		records = append(records, record)
	}
	return records
}

// last returns the last record of the log.
func (b *logBuffer) last(t *testing.T) map[string]any {
	t.Helper()
	records := b.lines(t)
	if len(records) == 0 {
		t.Fatal("nothing was logged")
	}
	return records[len(records)-1]
}

func newApp(t testing.TB, config functions.Config) (*functions.App, *logBuffer) {
	t.Helper()
	log := new(logBuffer)
	config.Log = slog.New(slog.NewJSONHandler(log, nil))
	app, err := functions.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return app, log
}

// post sends an envelope as the host does, without a length.
func post(app *functions.App, name, envelope string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/"+name, strings.NewReader(envelope))
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("X-Azure-Functions-HostVersion", "4.1037.0")
	r.Header.Set("X-Azure-Functions-InvocationId", invocationID)
	r.Header.Set("User-Agent", "Azure-Functions-Host/4.1037.0")
	w := httptest.NewRecorder()
	app.Handler().ServeHTTP(w, r)
	return w
}

// accepted is what the host reads of a 2xx answer.
type accepted struct {
	Outputs     map[string]json.RawMessage
	Logs        []string
	ReturnValue any
}

// answer is the http output.
type answer struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       *string           `json:"body"`
}

// accept checks what the host demands of every successful invocation, and returns what it reads.
func accept(t *testing.T, w *httptest.ResponseRecorder) accepted {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d, want 200: the host would discard all outputs; body %s", w.Code, w.Body)
	}
	checkJSON(t, w)
	decoder := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	decoder.DisallowUnknownFields()
	var got accepted
	err := decoder.Decode(&got)
	if err != nil {
		t.Fatalf("decoding %s: %v", w.Body, err)
	}
	if got.ReturnValue != nil {
		t.Errorf("ReturnValue is %v; its keys would override the outputs", got.ReturnValue)
	}
	return got
}

// fail checks an answer that makes the host fail the invocation.
func fail(t *testing.T, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d; body %s", w.Code, status, w.Body)
	}
	checkJSON(t, w)
	if strings.Contains(w.Body.String(), "Outputs") {
		t.Errorf("a failed invocation has outputs: %s", w.Body)
	}
}

// checkJSON checks what must hold of every answer: a JSON object of type application/json.
func checkJSON(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	contentType := w.Header().Get("Content-Type")
	if contentType != "application/json" {
		t.Errorf("content type %q; the host reads application/json only", contentType)
	}
	var object map[string]json.RawMessage
	err := json.Unmarshal(w.Body.Bytes(), &object)
	if err != nil || object == nil {
		t.Errorf("the body is not a JSON object: %q", w.Body)
	}
	if w.Header().Get("Location") != "" || w.Code/100 == 3 {
		t.Errorf("a redirect (%d), which the host would follow", w.Code)
	}
}

// result returns the http output.
func result(t *testing.T, got accepted) answer {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(got.Outputs["res"]))
	decoder.DisallowUnknownFields() // the host has no other fields
	var res answer
	err := decoder.Decode(&res)
	if err != nil {
		t.Fatalf("Outputs.res is %s: %v", got.Outputs["res"], err)
	}
	if res.Body == nil {
		t.Fatalf("Outputs.res has no body: %s", got.Outputs["res"])
	}
	return res
}

// message returns a single queue output as the host enqueues it.
func message(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var text string
	err := json.Unmarshal(raw, &text)
	if err != nil {
		t.Fatalf("the queue output is not a string: %.200s", raw)
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("the queue output is not base64: %.200q", text)
	}
	return string(decoded)
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

// httpEnvelope is the envelope of a POST, as the host sends it.
func httpEnvelope(contentType, body string) string {
	return `{
  "Data": {
    "req": {
      "Url": "https://guestlist.example/signup/abc%2F1?code=TOPSECRETKEY&x=1&x=2",
      "Method": "POST",
      "Query": { "code": "TOPSECRETKEY", "x": "1,2" },
      "Headers": { "Content-Type": [` + quote(contentType) + `], "Content-Length": ["1"], "Host": ["guestlist.example"],
        "x-functions-key": ["TOPSECRETKEY"], "Accept-Language": ["de", "en"], "Cookie": ["a=b"] },
      "Params": { "id": "abc/1", "page": 7, "optional": null },
      "Identities": [ { "AuthenticationType": null, "IsAuthenticated": false, "Actor": null, "BootstrapContext": null, "Claims": [], "Label": null, "Name": null,
        "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role" } ],
      "Body": ` + quote(body) + `
    }
  },
  "Metadata": {
    "email": "\"ana@partner.example\"",
    "req": "\"not the request\"",
    "x": "\"1,2\"",
    "Query": { "code": "TOPSECRETKEY", "x": "1,2" },
    "Headers": { "Content-Type": "application/json", "Host": "guestlist.example" },
    "sys": { "MethodName": "signup-http", "UtcNow": "2026-11-23T05:00:00.1234567Z", "RandGuid": "6a0cf6f6-8a35-4a0e-a1b3-0a5d4a2b9f11" }
  }
}`
}

// queueEnvelope is the envelope of a queue message; data is the JSON of Data.message.
func queueEnvelope(data string) string {
	return `{
  "Data": { "message": ` + data + ` },
  "Metadata": {
    "DequeueCount": "3",
    "ExpirationTime": "2026-11-30T05:00:00+00:00",
    "Id": "\"800ae4b3-bdd2-4c08-badd-f08e5a34b865\"",
    "InsertionTime": "2026-11-23T05:00:00+00:00",
    "NextVisibleTime": "2026-11-23T05:10:00+00:00",
    "PopReceipt": "\"AgAAAAMAAAAAAAAA\"",
    "sys": { "MethodName": "invite-queue", "UtcNow": "2026-11-23T05:00:01Z", "RandGuid": "a1d2a3c4-0000-4000-8000-000000000001" }
  }
}`
}

const timerEnvelope = `{
  "Data": { "timer": { "Schedule": { "AdjustForDST": true }, "ScheduleStatus": { "Last": "2026-11-23T05:00:00Z", "Next": "2026-11-23T05:01:00Z", "LastUpdated": "2026-11-23T05:00:00Z" }, "IsPastDue": true } },
  "Metadata": { "sys": { "MethodName": "upkeep-timer", "UtcNow": "2026-11-23T05:01:00Z", "RandGuid": "a1d2a3c4-0000-4000-8000-000000000002" } }
}`

func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
