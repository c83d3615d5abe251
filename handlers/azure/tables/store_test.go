package tables

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

var start = time.Date(2026, time.March, 1, 10, 30, 15, 123456700, time.UTC)

// secrets must not appear in any error.
var secrets = []string{"ana", "Ana", "O'Hara", "line one", "Eby8"}

// newID returns an id that does not contain a secret by chance.
func newID(t testing.TB) submission.ID {
	t.Helper()
	for {
		id, err := submission.NewID(start, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(string(id), secret) }) {
			return id
		}
	}
}

func newRequest(t testing.TB) request.Request {
	t.Helper()
	return request.Request{
		ID:         newID(t),
		Submission: submission.Submission{Email: ana(t), GivenName: "Ana", FamilyName: "O'Hara", Reason: "line one", SubmittedAt: start},
		State:      request.Received,
		Created:    start,
	}
}

func ana(t testing.TB) submission.Address {
	t.Helper()
	address, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	return address
}

var events = []request.Event{{At: start, State: request.Received, What: "received"}, {At: start, State: request.Received, What: "decided"}}

// atOnce makes the SDK retry without a pause. (-1, which means no delay, overflows in azcore 1.24
// and becomes the longest delay.)
func atOnce(ctx context.Context) context.Context {
	return azpolicy.WithRetryOptions(ctx, azpolicy.RetryOptions{MaxRetries: maxRetries, RetryDelay: 1, MaxRetryDelay: maxRetryDelay})
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func wantCode(t *testing.T, what string, err error, want problem.Code) {
	t.Helper()
	got := problem.CodeOf(err)
	if got != want {
		t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
	if err == nil {
		return
	}
	for _, secret := range secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error repeats %q: %v", what, secret, err)
		}
	}
}

func wantRequest(t *testing.T, store *Store, want request.Request, history int) {
	t.Helper()
	got := must(store.Load(t.Context(), want.ID))(t)
	diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b submission.Address) bool { return a == b }))
	if diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
	kept := must(store.History(t.Context(), want.ID))(t)
	if len(kept) != history {
		t.Errorf("the history has %d events, want %d", len(kept), history)
	}
}

func TestNewNeedsOneAccount(t *testing.T) {
	const connection = "DefaultEndpointsProtocol=https;AccountName=ana;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"
	tests := map[string]struct {
		config Config
		ok     bool
	}{
		"a connection string":         {Config{ConnectionString: connection}, true},
		"a URL with a credential":     {Config{ServiceURL: "https://account.table.core.windows.net", Credential: credential{}}, true},
		"a URL with a slash":          {Config{ServiceURL: "https://account.table.core.windows.net/", Credential: credential{}}, true},
		"a prefix":                    {Config{ConnectionString: connection, Prefix: "Test1"}, true},
		"nothing":                     {Config{}, false},
		"both":                        {Config{ConnectionString: connection, ServiceURL: "https://account.table.core.windows.net", Credential: credential{}}, false},
		"both by half":                {Config{ConnectionString: connection, Credential: credential{}}, false},
		"a URL alone":                 {Config{ServiceURL: "https://account.table.core.windows.net"}, false},
		"a credential alone":          {Config{Credential: credential{}}, false},
		"a URL without TLS":           {Config{ServiceURL: "http://account.table.core.windows.net", Credential: credential{}}, false},
		"a URL with a signature":      {Config{ServiceURL: "https://account.table.core.windows.net?sig=ana", Credential: credential{}}, false},
		"a URL with a password":       {Config{ServiceURL: "https://ana:ana@account.table.core.windows.net", Credential: credential{}}, false},
		"no URL":                      {Config{ServiceURL: "account.table.core.windows.net", Credential: credential{}}, false},
		"a broken key":                {Config{ConnectionString: "AccountName=ana;AccountKey=Eby8="}, false},
		"a broken connection string":  {Config{ConnectionString: "ana AccountKey"}, false},
		"a prefix with a digit first": {Config{ConnectionString: connection, Prefix: "1"}, false},
		"a prefix with a hyphen":      {Config{ConnectionString: connection, Prefix: "a-b"}, false},
		"a long prefix":               {Config{ConnectionString: connection, Prefix: strings.Repeat("a", 56)}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store, err := New(test.config)
			if test.ok {
				wantCode(t, "New", err, "")
				return
			}
			wantCode(t, "New", err, problem.Internal)
			if store != nil {
				t.Error("a Store came with the error")
			}
		})
	}
}

type credential struct{}

func (credential) GetToken(context.Context, azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestCreateTwice(t *testing.T) {
	store := newTestStore(t, nil)
	wantCode(t, "the second Create", store.Create(t.Context()), "")
}

func TestCallsPerOperation(t *testing.T) {
	var count counter
	store := newTestStore(t, &count)
	record, address := newRequest(t), ana(t)
	var claim request.Claim
	var forgettable request.Request
	steps := []struct {
		name string
		want int64
		call func(context.Context) error
	}{
		{"insert with events", 1, func(ctx context.Context) (err error) { record, err = store.Save(ctx, record, events); return err }},
		{"insert without events", 1, func(ctx context.Context) (err error) {
			forgettable, err = store.Save(ctx, newRequest(t), nil)
			return err
		}},
		{"update with events", 1, func(ctx context.Context) (err error) { record, err = store.Save(ctx, record, events); return err }},
		{"update without events", 1, func(ctx context.Context) (err error) { record, err = store.Save(ctx, record, nil); return err }},
		{"forget", 1, func(ctx context.Context) error { return store.Forget(ctx, forgettable) }},
		{"load", 1, func(ctx context.Context) error { _, err := store.Load(ctx, record.ID); return err }},
		{"history", 1, func(ctx context.Context) error { _, err := store.History(ctx, record.ID); return err }},
		{"claim", 1, func(ctx context.Context) (err error) {
			claim, _, err = store.Claim(ctx, address, request.NewClaim(record.ID, start))
			return err
		}},
		{"claim what is claimed", 2, func(ctx context.Context) (err error) {
			claim, _, err = store.Claim(ctx, address, request.NewClaim(record.ID, start))
			return err
		}},
		{"update a claim", 1, func(ctx context.Context) (err error) { claim, err = store.UpdateClaim(ctx, address, claim); return err }},
		{"release", 1, func(ctx context.Context) error { return store.Release(ctx, address, claim) }},
		{"wait", 1, func(ctx context.Context) error { return store.Wait(ctx, record.ID, start) }},
		{"due", 1, func(ctx context.Context) error { _, err := store.Due(ctx, start, 10); return err }},
		{"due, nothing asked for", 0, func(ctx context.Context) error { _, err := store.Due(ctx, start, 0); return err }},
		{"stop waiting", 2, func(ctx context.Context) error { return store.StopWaiting(ctx, record.ID, start) }},
		{"rows of three partitions", 3, func(ctx context.Context) error { _, err := store.Rows(ctx, []string{"a", "b", "a", "c"}); return err }},
		{"rows of none", 0, func(ctx context.Context) error { _, err := store.Rows(ctx, nil); return err }},
	}
	for _, step := range steps {
		before := count.calls.Load()
		wantCode(t, step.name, step.call(t.Context()), "")
		calls := count.calls.Load() - before
		if calls != step.want {
			t.Errorf("%s: %d calls, want %d", step.name, calls, step.want)
		}
	}
}

func TestInvalidIDMakesNoCall(t *testing.T) {
	var count counter
	store := newTestStore(t, &count)
	before := count.calls.Load()
	for _, id := range []submission.ID{"", "x", "' or PartitionKey ne '", "../../x", submission.ID(strings.Repeat("Z", 34))} {
		_, err := store.Load(t.Context(), id)
		wantCode(t, "Load", err, problem.NotFound)
		_, err = store.Save(t.Context(), request.Request{ID: id, State: request.Received}, nil)
		wantCode(t, "Save", err, problem.NotFound)
		_, err = store.History(t.Context(), id)
		wantCode(t, "History", err, "")
		_, _, err = store.Claim(t.Context(), ana(t), request.NewClaim(id, start))
		wantCode(t, "Claim", err, problem.NotFound)
		wantCode(t, "Wait", store.Wait(t.Context(), id, start), problem.NotFound)
		wantCode(t, "StopWaiting", store.StopWaiting(t.Context(), id, start), "")
	}
	if calls := count.calls.Load() - before; calls != 0 {
		t.Errorf("%d calls, want none", calls)
	}
}

func TestUnstorableRequestIsNotSent(t *testing.T) {
	var count counter
	store := newTestStore(t, &count)
	long := strings.Repeat("x", maxTextUnits+1)
	tests := map[string]struct {
		change func(*request.Request)
		events []request.Event
		column string
	}{
		"the partner's reason": {func(r *request.Request) { r.Submission.Reason = long }, nil, "column PartnerReason"},
		"our reason":           {func(r *request.Request) { r.Reason = long }, nil, "column StateReason"},
		"the decision":         {func(r *request.Request) { r.Decision = &policy.Decision{Action: policy.Deny, Reason: long} }, nil, "column Decision"},
		"the grants":           {func(r *request.Request) { r.Grants = []request.Grant{{State: request.GrantFailed, Note: long}} }, nil, "column Grants"},
		"a state":              {func(r *request.Request) { r.State = "unheard-of" }, nil, "column State"},
		"a grant's state":      {func(r *request.Request) { r.Grants = []request.Grant{{}} }, nil, "column Grants"},
		"a time":               {func(r *request.Request) { r.Due = time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC) }, nil, "column Due"},
		"a count":              {func(r *request.Request) { r.Attempt = -1 }, nil, "column Attempt"},
		"an event":             {func(*request.Request) {}, []request.Event{{}, {Detail: long}}, "event 2: internal: column Detail"},
		"many events":          {func(*request.Request) {}, make([]request.Event, 100), "101 rows"},
		"large events": {func(*request.Request) {}, func() []request.Event {
			events := make([]request.Event, 99)
			for i := range events {
				events[i].Detail = strings.Repeat("會", maxTextUnits/2)
			}
			return events
		}(), "100 rows"},
		"a long history": {func(r *request.Request) { r.Events, r.Version = maxEvents, `W/"1"` }, events, "1000001 events"},
	}
	before := count.calls.Load()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			record := newRequest(t)
			test.change(&record)
			_, err := store.Save(t.Context(), record, test.events)
			wantCode(t, "Save", err, problem.Internal)
			if err != nil && !strings.Contains(err.Error(), test.column) {
				t.Errorf("got %v, want it to name %q", err, test.column)
			}
		})
	}
	if calls := count.calls.Load() - before; calls != 0 {
		t.Errorf("%d calls, want none", calls)
	}
}

// losing passes all calls on, and drops the answers to the next lost calls.
type losing struct{ lost int }

func (l *losing) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := network.RoundTrip(req)
	if err != nil || l.lost == 0 {
		return resp, err
	}
	l.lost--
	_ = resp.Body.Close()
	return nil, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
}

// The SDK sends an unanswered write again, which then meets its own effect.
func TestLostAnswer(t *testing.T) {
	var line losing
	store := newTestStore(t, &line)
	record, address := newRequest(t), ana(t)

	line.lost = 1
	_, err := store.Save(atOnce(t.Context()), record, events)
	wantCode(t, "insert", err, problem.Conflict)
	saved := must(store.Load(t.Context(), record.ID))(t)
	record.Version, record.Events = saved.Version, 2
	wantRequest(t, store, record, 2)

	line.lost = 1
	saved.State = request.Review
	_, err = store.Save(atOnce(t.Context()), saved, events)
	wantCode(t, "update", err, problem.Conflict)
	loaded := must(store.Load(t.Context(), record.ID))(t)
	saved.Version, saved.Events = loaded.Version, 4
	wantRequest(t, store, saved, 4)

	line.lost = 1
	claim, created, err := store.Claim(atOnce(t.Context()), address, request.NewClaim(record.ID, start))
	wantCode(t, "Claim", err, "")
	if created || claim.Owner != record.ID || !claim.IntentAt.Equal(start) || claim.Version == "" {
		t.Errorf("Claim: %+v, created = %t", claim, created)
	}

	line.lost = 1
	claim = must(claim.Sent("guest", request.OriginBrought, start))(t)
	_, err = store.UpdateClaim(atOnce(t.Context()), address, claim)
	wantCode(t, "UpdateClaim", err, problem.Conflict)
	claim, _, err = store.Claim(t.Context(), address, request.NewClaim(record.ID, start))
	wantCode(t, "Claim", err, "")
	if claim.GuestID != "guest" {
		t.Errorf("the update is not stored: %+v", claim)
	}

	line.lost = 1
	wantCode(t, "Release", store.Release(atOnce(t.Context()), address, claim), "")
	line.lost = 1
	wantCode(t, "Wait", store.Wait(atOnce(t.Context()), record.ID, start), "")
	line.lost = 1
	wantCode(t, "StopWaiting", store.StopWaiting(atOnce(t.Context()), record.ID, start), "")
	line.lost = maxRetries + 1
	_, err = store.Load(atOnce(t.Context()), record.ID)
	wantCode(t, "Load without any answer", err, problem.StorageUnavailable)
}

// spoiling replaces the answers to transactions. It passes the transactions on only with send.
type spoiling struct {
	send  bool
	spoil func(*http.Response)
	calls int
}

func (s *spoiling) RoundTrip(req *http.Request) (*http.Response, error) {
	s.calls++
	if s.spoil == nil || !strings.HasSuffix(req.URL.Path, "/$batch") {
		return network.RoundTrip(req)
	}
	resp := &http.Response{StatusCode: http.StatusAccepted, Header: http.Header{}, Body: http.NoBody, Request: req}
	if s.send {
		var err error
		resp, err = network.RoundTrip(req)
		if err != nil {
			return nil, err
		}
	}
	s.spoil(resp)
	return resp, nil
}

func TestUnreadableAnswer(t *testing.T) {
	body := func(text string) func(*http.Response) {
		return func(resp *http.Response) {
			_ = resp.Body.Close()
			resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
	}
	edit := func(change func(string) string) func(*http.Response) {
		return func(resp *http.Response) {
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Error(err)
			}
			body(change(string(text)))(resp)
		}
	}
	spoils := map[string]func(*http.Response){
		"empty":      body(""),
		"a line":     body("\r\n"),
		"JSON":       body(`{"a":1}`),
		"HTML":       body("<html>\r\n<h1>Welcome to the hotel's network</h1>\r\n</html>"),
		"no content": func(resp *http.Response) { resp.StatusCode = http.StatusNoContent; body("")(resp) },
		"cut":        edit(func(text string) string { return text[:len(text)/2] }),
		"one answer": edit(func(text string) string { return lastPart(text) }),
		"without tags": edit(func(text string) string {
			return strings.ReplaceAll(strings.ReplaceAll(text, "ETag", "X-Tag"), "etag", "x-tag")
		}),
	}
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			line := &spoiling{send: true}
			store := newTestStore(t, line)
			line.spoil, line.calls = spoil, 0
			record := newRequest(t)
			saved, err := store.Save(t.Context(), record, events)
			wantCode(t, "Save", err, "")
			if line.calls != 2 {
				t.Errorf("%d calls, want the write and one read", line.calls)
			}
			record.Version, record.Events = saved.Version, 2
			wantRequest(t, store, record, 2)
		})
	}
	t.Run("to a write that did not happen", func(t *testing.T) {
		line := &spoiling{}
		store := newTestStore(t, line)
		line.spoil = body("")
		_, err := store.Save(t.Context(), newRequest(t), events)
		wantCode(t, "insert", err, problem.StorageUnavailable)

		line.spoil = nil
		saved := must(store.Save(t.Context(), newRequest(t), events))(t)
		line.spoil = body("")
		changed := saved
		changed.State = request.Denied
		_, err = store.Save(t.Context(), changed, events)
		wantCode(t, "update", err, problem.StorageUnavailable)
		wantRequest(t, store, saved, 2)
	})
}

// lastPart removes all but the last answer of a changeset.
func lastPart(text string) string {
	begin := strings.Index(text, "--changesetresponse")
	end := strings.LastIndex(text[:strings.LastIndex(text, "--changesetresponse")], "--changesetresponse")
	return text[:begin] + text[end:]
}

// answering answers every call without a service.
func answering(status int, header http.Header, body string) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: header.Clone(), Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	})
}

// offline returns a Store whose calls the transport answers.
func offline(t *testing.T, transport http.RoundTripper) *Store {
	t.Helper()
	return must(New(Config{
		ConnectionString: "AccountName=account;AccountKey=c2VjcmV0;TableEndpoint=http://tables.invalid/account",
		Transport:        doer{transport},
	}))(t)
}

func TestFailuresHaveCodes(t *testing.T) {
	serviceError := func(code string) string {
		return `{"odata.error":{"code":"` + code + `","message":{"lang":"en-US","value":"ana@contoso.com line one"}}}`
	}
	header := http.Header{"Content-Type": {"application/json"}, "X-Ms-Request-Id": {"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}}
	busy := header.Clone()
	busy.Set("Retry-After", "17")
	tests := map[string]struct {
		transport http.RoundTripper
		load      problem.Code
		update    problem.Code
		wait      time.Duration
		says      string
	}{
		"no row":        {answering(404, header, serviceError("ResourceNotFound")), problem.NotFound, problem.Conflict, 0, ""},
		"no table":      {answering(404, header, serviceError("TableNotFound")), problem.StorageUnavailable, problem.StorageUnavailable, 0, "404 TableNotFound (ref 6ba7b810-9dad-11d1-80b4-00c04fd430c8)"},
		"no such page":  {answering(404, http.Header{}, "<h1>ana</h1>"), problem.StorageUnavailable, problem.StorageUnavailable, 0, "404 without an error code"},
		"stale":         {answering(412, header, serviceError("UpdateConditionNotSatisfied")), problem.Conflict, problem.Conflict, 0, ""},
		"being deleted": {answering(409, header, serviceError("TableBeingDeleted")), problem.StorageUnavailable, problem.StorageUnavailable, 0, "409 TableBeingDeleted"},
		"no right":      {answering(403, header, serviceError("AuthorizationPermissionMismatch")), problem.StorageUnavailable, problem.StorageUnavailable, 0, "403 AuthorizationPermissionMismatch"},
		"busy":          {answering(503, busy, serviceError("ServerBusy")), problem.StorageUnavailable, problem.StorageUnavailable, 17 * time.Second, "503 ServerBusy"},
		"a false code":  {answering(400, header, serviceError("ana@contoso.com")), problem.StorageUnavailable, problem.StorageUnavailable, 0, "400 without an error code"},
		"no JSON":       {answering(200, header, "ana"), problem.StorageUnavailable, "", 0, ""},
		"no network": {roundTripper(func(req *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: "https://x/ana", Err: &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}}
		}), problem.StorageUnavailable, problem.StorageUnavailable, 0, "dial tcp: connection refused"},
		"an odd failure": {roundTripper(func(req *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: "https://x/ana", Err: errors.New("ana")}
		}), problem.StorageUnavailable, problem.StorageUnavailable, 0, "*errors.errorString"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := offline(t, test.transport)
			_, err := store.Load(atOnce(t.Context()), newID(t))
			wantCode(t, "Load", err, test.load)
			e := problem.From(err)
			if e.RetryAfter != test.wait || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, wait %s; want %q, wait %s", err, e.RetryAfter, test.says, test.wait)
			}
			_, err = store.History(atOnce(t.Context()), newID(t))
			if problem.CodeOf(err) == "" {
				t.Error("History succeeded")
			}
			rows, err := store.Rows(atOnce(t.Context()), []string{"ana@contoso.com", "*"})
			if problem.CodeOf(err) == "" || len(rows) > 0 {
				t.Errorf("Rows returned %d rows and %v", len(rows), err)
			}
			wantCode(t, "Rows", err, problem.CodeOf(err)) // it must not hold a secret
			if test.update != "" {
				_, err = store.UpdateClaim(atOnce(t.Context()), ana(t),
					request.Claim{State: request.ClaimReserved, Owner: newID(t), Version: `W/"1"`})
				wantCode(t, "UpdateClaim", err, test.update)
			}
		})
	}
}

func TestRefusedTransactionIsError(t *testing.T) {
	refusal := func(status, code string) string {
		return answer("HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n\r\n" + `{"odata.error":{"code":"` + code + `","message":{"value":"0:ana line one"}}}`)
	}
	for name, test := range map[string]struct {
		body string
		want problem.Code
	}{
		"it exists":     {refusal("409 Conflict", "EntityAlreadyExists"), problem.Conflict},
		"it is stale":   {refusal("412 Precondition Failed", "UpdateConditionNotSatisfied"), problem.Conflict},
		"it is gone":    {refusal("404 Not Found", "ResourceNotFound"), problem.Conflict},
		"no table":      {refusal("404 Not Found", "TableNotFound"), problem.StorageUnavailable},
		"being deleted": {refusal("409 Conflict", "TableBeingDeleted"), problem.StorageUnavailable},
		"too large":     {refusal("400 Bad Request", "PropertyValueTooLarge"), problem.StorageUnavailable},
		"busy":          {refusal("503 Service Unavailable", "ServerBusy"), problem.StorageUnavailable},
		"broken":        {refusal("500 Internal Server Error", "ana@contoso.com"), problem.StorageUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			store := offline(t, answering(http.StatusAccepted, http.Header{"Content-Type": {answerType}}, test.body))
			record := newRequest(t)
			record.Version = `W/"1"`
			_, err := store.Save(t.Context(), record, events)
			wantCode(t, "Save", err, test.want)
		})
	}
}

func TestUnreadableRecordIsError(t *testing.T) {
	for name, test := range map[string]struct {
		column string
		value  any
	}{
		"no state":                     {"State", nil},
		"an unknown state":             {"State", "paused"},
		"a state that is a number":     {"State", int32(1)},
		"broken JSON":                  {"Decision", `{"action":"invite"`},
		"a decision of another kind":   {"Decision", `{"action":"shrug"}`},
		"a decision without action":    {"Decision", `{}`},
		"no decision":                  {"Decision", `null`},
		"broken grants":                {"Grants", `[{"group":1}]`},
		"an unknown state of grant":    {"Grants", `[{"group":"g","state":"perhaps"}]`},
		"a broken approval":            {"Approval", `{"by":"desk"`},
		"an approval of another kind":  {"Approval", `{"by":"desk","terms":[]}`},
		"an approval without a person": {"Approval", `{"terms":{"userType":"Member"}}`},
		"no approval":                  {"Approval", `null`},
		"a malformed sponsor":          {"Sponsor", "the boss"},
		"a large count":                {"Attempt", int64(1 << 31)},
		"a large count below zero":     {"Attempt", int64(-1)},
		"a time as text":               {"Due", "2026-01-01T00:00:00Z"},
		"a count below zero":           {"Attempt", int32(-1)},
		"a count as text":              {"Events", "7"},
		"a foreign id":                 {"RepeatOf", "ana@contoso.com"},
		"no address":                   {"Email", "ana at contoso"},
		"an address as a number":       {"Email", 1.5},
	} {
		t.Run(name, func(t *testing.T) {
			record := must(encodeRequest(newRequest(t)))(t)
			record.columns[test.column] = test.value
			if test.value == nil {
				delete(record.columns, test.column)
			}
			decoded, err := decodeRequest("decoding", record)
			wantCode(t, "decodeRequest", err, problem.RecordUnreadable)
			if decoded.ID != "" {
				t.Error("a request came with the error")
			}
			if err != nil && !strings.Contains(err.Error(), "column "+test.column) {
				t.Errorf("the error does not name the column %s: %v", test.column, err)
			}
		})
	}
}

func TestCountIsReadFromInt32AndInt64(t *testing.T) {
	for _, value := range []any{int32(0), int32(7), int64(0), int64(7), int64(1<<31 - 1)} {
		record := must(encodeRequest(newRequest(t)))(t)
		record.columns[attemptColumn] = value
		decoded, err := decodeRequest("decoding", record)
		wantCode(t, "decodeRequest", err, "")
		if fmt.Sprint(decoded.Attempt) != fmt.Sprint(value) {
			t.Errorf("%T %v is read as %d", value, value, decoded.Attempt)
		}
	}
}

// A record must stay readable when an admin empties the columns with personal data.
func TestPersonalDataHasOwnColumns(t *testing.T) {
	decoded := newRequest(t)
	decoded.Submission.Company, decoded.Submission.Country, decoded.Submission.Language = "Contoso", "ES", "es"
	decoded.Reason, decoded.Decision, decoded.Grants = "waits", &policy.Decision{Action: policy.Review}, []request.Grant{{State: request.GrantPending}}
	record := must(encodeRequest(decoded))(t)
	personal := map[string]any{
		"Email": "ana@contoso.com", "GivenName": "Ana", "FamilyName": "O'Hara", "Company": "Contoso", "Country": "ES", "PartnerReason": "line one", "Language": "es",
	}
	for column, want := range personal {
		if record.columns[column] != want {
			t.Errorf("column %s is %v, want %v", column, record.columns[column], want)
		}
		delete(record.columns, column)
	}
	for column, value := range record.columns {
		for _, secret := range secrets {
			if text, ok := value.(string); ok && strings.Contains(text, secret) {
				t.Errorf("column %s holds personal data", column)
			}
		}
	}
	decoded.Submission = submission.Submission{SubmittedAt: start}
	got := must(decodeRequest("decoding", record))(t)
	diff := cmp.Diff(decoded, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b submission.Address) bool { return a == b }))
	if diff != "" {
		t.Errorf("without the personal columns (-want +got):\n%s", diff)
	}
}

// The service needs the type for filters, and Storage Explorer shows it. Emulators are less
// strict.
func TestTimesAreStoredAsTimes(t *testing.T) {
	store := newTestStore(t, nil)
	id := newID(t)
	wantCode(t, "Wait", store.Wait(t.Context(), id, start), "")
	stored := must(store.waiting.GetEntity(t.Context(), waitingPartition, string(id), nil))(t)
	if !bytes.Contains(stored.Value, []byte(`"Due@odata.type":"Edm.DateTime"`)) {
		t.Errorf("the due entry is stored as %s", stored.Value)
	}
}

func TestClaimDoesNotHoldAddress(t *testing.T) {
	store := newTestStore(t, nil)
	_, _, err := store.Claim(t.Context(), ana(t), request.NewClaim(newID(t), start))
	wantCode(t, "Claim", err, "")
	var seen int
	err = store.list(t.Context(), store.guests, "PartitionKey ge '0'", nil, func(r row) error {
		seen++
		if len(r.partition) != 64 || strings.Trim(r.partition, "0123456789abcdef") != "" || r.name != claimName {
			t.Errorf("the claim is stored under %q, %q", r.partition, r.name)
		}
		for column, value := range r.columns {
			if strings.Contains(fmt.Sprint(value), "ana") {
				t.Errorf("column %s holds the address", column)
			}
		}
		return nil
	})
	wantCode(t, "list", err, "")
	if seen != 1 {
		t.Errorf("%d claims, want one", seen)
	}
}

func TestMailboxDoesNotHoldAddress(t *testing.T) {
	store := newTestStore(t, nil)
	_, err := store.SaveMailbox(t.Context(), ana(t), request.Mailbox{Changed: start}.Counted(request.CodeMail, start))
	wantCode(t, "SaveMailbox", err, "")
	wantCode(t, "MarkProved", store.MarkProved(t.Context(), ana(t), start), "")
	seen := 0
	err = store.list(t.Context(), store.guests, "PartitionKey ge '0'", nil, func(r row) error {
		seen++
		if len(r.partition) != 64 || strings.Trim(r.partition, "0123456789abcdef") != "" || r.name != mailboxName {
			t.Errorf("the mailbox is stored under %q, %q", r.partition, r.name)
		}
		for column, value := range r.columns {
			if strings.Contains(fmt.Sprint(value), "ana") {
				t.Errorf("column %s holds the address", column)
			}
		}
		return nil
	})
	wantCode(t, "list", err, "")
	if seen != 1 {
		t.Errorf("%d mailboxes, want one", seen)
	}
}

func TestUnreadableClaimIsError(t *testing.T) {
	store := newTestStore(t, nil)
	key := must(claimKey(ana(t)))(t)
	for name, columns := range map[string]map[string]any{
		"no owner":          {"GuestId": "guest"},
		"a foreign owner":   {"Owner": "somebody"},
		"an odd intent":     {"Owner": string(newID(t)), "IntentAt": "yesterday"},
		"a guest as number": {"Owner": string(newID(t)), "GuestId": int32(7)},
		"an odd state":      {"Owner": string(newID(t)), "State": "lost"},
		"an odd origin":     {"Owner": string(newID(t)), "State": "sent", "GuestId": "guest", "Origin": "stork"},
		"a contradiction":   {"Owner": string(newID(t)), "State": "sending", "GuestId": "guest"},
	} {
		t.Run(name, func(t *testing.T) {
			encoded := must(row{partition: key, name: claimName, columns: columns}.encode())(t)
			must(store.guests.UpsertEntity(t.Context(), encoded, &aztables.UpsertEntityOptions{UpdateMode: aztables.UpdateModeReplace}))(t)
			claim, created, err := store.Claim(t.Context(), ana(t), request.NewClaim(newID(t), start))
			wantCode(t, "Claim", err, problem.RecordUnreadable)
			if created || claim != (request.Claim{}) {
				t.Errorf("got %+v, created = %t", claim, created)
			}
		})
	}
}

// TestClaimOfEarlierVersionGetsState reads rows that were written before claims had a state.
func TestClaimOfEarlierVersionGetsState(t *testing.T) {
	store := newTestStore(t, nil)
	key, owner := must(claimKey(ana(t)))(t), newID(t)
	at := start.UTC().Truncate(request.Tick)
	for name, test := range map[string]struct {
		columns map[string]any
		want    request.Claim
	}{
		"nothing under way": {nil, request.Claim{State: request.ClaimReserved}},
		"an intent":         {map[string]any{"IntentAt": at}, request.Claim{State: request.ClaimSending, IntentAt: at}},
		"a receipt": {map[string]any{"IntentAt": at, "GuestId": "guest", "MailedAt": at, "Mails": int32(1)},
			request.Claim{State: request.ClaimSent, GuestID: "guest", SentAt: at, MailedAt: at, Mails: 1}},
		"mails": {map[string]any{"MailedAt": at, "Mails": int32(2), "MailsOnly": true},
			request.Claim{State: request.ClaimMails, MailedAt: at, Mails: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			r := row{partition: key, name: claimName, columns: map[string]any{"Owner": string(owner)}}
			for column, value := range test.columns {
				r.set(column, value)
			}
			encoded := must(r.encode())(t)
			must(store.guests.UpsertEntity(t.Context(), encoded, &aztables.UpsertEntityOptions{UpdateMode: aztables.UpdateModeReplace}))(t)
			claim := must(store.ClaimOf(t.Context(), ana(t)))(t)
			test.want.Owner, test.want.Version = owner, claim.Version
			if claim != test.want {
				t.Errorf("got  %+v\nwant %+v", claim, test.want)
			}
		})
	}
}

func TestForeignDueEntriesAreSkipped(t *testing.T) {
	var log bytes.Buffer
	store := newTestStore(t, nil)
	store.log = slog.New(slog.NewTextHandler(&log, nil))
	id := newID(t)
	wantCode(t, "Wait", store.Wait(t.Context(), id, start), "")
	for _, name := range []string{"ana@contoso.com", string(newID(t)) + "x"} {
		encoded := must(row{partition: waitingPartition, name: name, columns: map[string]any{dueColumn: start}}.encode())(t)
		must(store.waiting.AddEntity(t.Context(), encoded, nil))(t)
	}
	due := must(store.Due(t.Context(), start, 10))(t)
	if len(due) != 1 || due[0] != id {
		t.Errorf("due: %q, want %q alone", due, id)
	}
	if !strings.Contains(log.String(), "Waiting") || strings.Contains(log.String(), "ana") {
		t.Errorf("log: %q", log.String())
	}
}

func TestForeignDeadLettersAreSkipped(t *testing.T) {
	var log bytes.Buffer
	store := newTestStore(t, nil)
	store.log = slog.New(slog.NewTextHandler(&log, nil))
	ours := request.DeadLetter{ID: "m1", At: start, Body: []byte("body"), Why: "no JSON"}
	wantCode(t, "KeepDeadLetter", store.KeepDeadLetter(t.Context(), ours), "")
	for name, columns := range map[string]map[string]any{
		"ana@contoso.com": {messageColumn: "m2", atColumn: "yesterday"},
		"other":           {messageColumn: int32(5), atColumn: start},
	} {
		encoded := must(row{partition: poisonPartition, name: name, columns: columns}.encode())(t)
		must(store.poison.AddEntity(t.Context(), encoded, nil))(t)
	}
	kept := must(store.AllDeadLetters(t.Context()))(t)
	if len(kept) != 1 || kept[0].ID != "m1" {
		t.Errorf("kept: %+v, want m1 alone", kept)
	}
	if !strings.Contains(log.String(), "Poison") || strings.Contains(log.String(), "ana") {
		t.Errorf("log: %q", log.String())
	}
}

// meddler calls meddle before the first request of a method.
type meddler struct {
	method string
	meddle func()
}

func (m *meddler) RoundTrip(r *http.Request) (*http.Response, error) {
	if meddle := m.meddle; r.Method == m.method && meddle != nil {
		m.meddle = nil
		meddle()
	}
	return network.RoundTrip(r)
}

func TestForgetMailsKeepsClaimThatChangesMeanwhile(t *testing.T) {
	line := &meddler{method: http.MethodDelete}
	store := newTestStore(t, line)
	address, id := ana(t), newID(t)
	claim, _, err := store.Claim(t.Context(), address, request.NewClaim(id, start))
	wantCode(t, "Claim", err, "")
	claim.State, claim.IntentAt, claim.MailedAt, claim.Mails = request.ClaimMails, time.Time{}, start, 5
	claim, err = store.UpdateClaim(t.Context(), address, claim)
	wantCode(t, "UpdateClaim", err, "")
	line.meddle = func() {
		claim.State, claim.IntentAt = request.ClaimSending, start
		_, err := store.UpdateClaim(t.Context(), address, claim)
		wantCode(t, "UpdateClaim meanwhile", err, "")
	}
	if n := must(store.ForgetMails(t.Context(), request.Mails{Address: address}, 1))(t); n != 0 {
		t.Errorf("%d claims are removed", n)
	}
	claim, created, err := store.Claim(t.Context(), address, request.NewClaim(id, start))
	if err != nil || created || claim.Mails != 5 || claim.IntentAt.IsZero() {
		t.Errorf("%+v, %v, %v", claim, created, err)
	}
}
