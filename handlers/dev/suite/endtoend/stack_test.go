package endtoend

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/azurite"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/hostsim"
	"guestlist/handlers/dev/internal/apptest"
	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

const (
	groupOne   = "aaaaaaaa-0000-4000-8000-000000000001"
	groupTwo   = "aaaaaaaa-0000-4000-8000-000000000002"
	formKey    = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"
	programKey = "Jh2v9QeX7sKd4NwLz0RfTyBu6MgCp1Ao"
	sponsor    = "bbbbbbbb-0000-4000-8000-000000000001"
)

// stack is a deployment on this machine.
type stack struct {
	t       *testing.T
	storage *azurite.Server
	store   *tables.Store
	tenant  *graphsim.Server
	config  hostsim.Config
	host    *hostsim.Host
	graph   string // the address of the tenant
	url     string // the address of the host, also of a later one
	log     *apptest.Log
	client  *http.Client
}

func TestMain(m *testing.M) { apptest.Main(m) }

// newStack starts a stack with the repository's own host.json and function folders. settings are
// added to the environment.
func newStack(t *testing.T, settings ...string) *stack {
	t.Helper()
	return newStackThrough(t, func(*stack) {}, settings...)
}

// newStackThrough is newStack with a change of the host's configuration before it starts.
func newStackThrough(t *testing.T, change func(s *stack), settings ...string) *stack {
	t.Helper()
	s := &stack{t: t, log: &apptest.Log{}, client: &http.Client{
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var err error
	s.storage, err = azurite.Start(t.Context(), azurite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := s.storage.Stop()
		if err != nil {
			t.Errorf("stopping the storage emulator: %v", err)
		}
	})
	s.store, err = tables.New(tables.Config{ConnectionString: s.storage.ConnectionString()})
	if err != nil {
		t.Fatal(err)
	}
	err = s.store.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.tenant, err = graphsim.New(graphsim.Config{
		Now: time.Now, Random: rand.Reader, ReplicationDelay: 300 * time.Millisecond, KnowsAnyGroup: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	graph := httptest.NewServer(s.tenant)
	t.Cleanup(graph.Close)

	env := append(os.Environ(),
		"GUESTLIST_GRAPH_URL="+graph.URL,
		"GUESTLIST_GRAPH_CREDENTIAL=none",
		"GUESTLIST_UPKEEP_SCHEDULE=* * * * * *",
		"GUESTLIST_INTENT_LEASE=3s",
		"GUESTLIST_DAILY_INVITATIONS=0",
		"GUESTLIST_INVITATION_SPACING=0s",
		"GUESTLIST_FORM_KEYS="+formKey,
		"GUESTLIST_FORM_WAIT=0s",
		"GUESTLIST_JSON_KEYS="+programKey,
		// One second instead of half a minute in Azure.
		"AzureFunctionsJobHost__extensions__queues__visibilityTimeout=00:00:01",
		"AzureFunctionsJobHost__extensions__queues__maxPollingInterval=00:00:01",
	)
	s.graph = graph.URL
	s.config = hostsim.Config{
		Root: apptest.App(t), Env: append(env, settings...), Storage: s.storage.ConnectionString(), MaxCrashes: 10_000,
		Log: slog.New(slog.NewTextHandler(s.log, nil)),
	}
	change(s)
	s.config.Env = append(s.config.Env, "GUESTLIST_STORAGE="+s.config.Storage)
	s.startHost()
	t.Cleanup(func() {
		s.host.Stop()
		if t.Failed() {
			t.Logf("the host's log ends with\n%s", s.log.Tail())
		}
	})
	return s
}

// startHost starts a host, in place of one that has ended and at its address.
func (s *stack) startHost() {
	s.t.Helper()
	var err error
	s.host, err = hostsim.New(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	starting, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	err = s.host.Start(starting)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	s.url = s.host.URL()
	s.config.Listen = strings.TrimPrefix(s.url, "http://")
}

// row writes a policy row. columns are pairs of name and value.
func (s *stack) row(partition, name string, columns ...any) {
	s.t.Helper()
	raw := policy.Raw{Partition: partition, Name: name, Columns: map[string]any{}}
	for i := 0; i < len(columns); i += 2 {
		raw.Columns[columns[i].(string)] = columns[i+1]
	}
	err := s.store.PutRow(s.t.Context(), raw)
	if err != nil {
		s.t.Fatal(err)
	}
}

// reply is an HTTP response.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request. Without a response the reply has status 0.
func (s *stack) do(method, path, contentType, body string, header ...string) reply {
	s.t.Helper()
	record, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		record.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		record.Header.Set(header[i], header[i+1])
	}
	response, err := s.client.Do(record)
	if err != nil {
		return reply{}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}
	}
	return reply{response.StatusCode, response.Header, string(content)}
}

// tokenField matches the form's token.
var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// token fetches the form and returns its token.
func (s *stack) token() string {
	s.t.Helper()
	page := s.do(http.MethodGet, "/signup", "", "")
	match := tokenField.FindStringSubmatch(page.body)
	if match == nil {
		s.t.Fatalf("the form has no token: %d\n%s", page.status, page.body)
	}
	return match[1]
}

// form returns what a browser sends.
func form(token, email string) string {
	return url.Values{
		"token": {token},
		"email": {email}, "givenName": {"Ana"}, "familyName": {"Silva"}, "company": {"Contoso Ltd"}, "country": {"PT"},
		"reason": {"We build the portal together."},
	}.Encode()
}

// signUp posts the form as a browser does and returns the path of the status page.
func (s *stack) signUp(email string) string {
	s.t.Helper()
	r := s.do(http.MethodPost, "/signup", "application/x-www-form-urlencoded", form(s.token(), email), "Accept", "text/html")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), "/signup/") {
		s.t.Fatalf("the form was answered with %d, location %q:\n%s", r.status, r.header.Get("Location"), r.body)
	}
	return r.header.Get("Location")
}

// stage returns the stage that the status page tells in JSON, or "".
func (s *stack) stage(path string) string {
	s.t.Helper()
	r := s.do(http.MethodGet, path, "", "", "Accept", "application/json")
	var progress struct{ Stage string }
	err := json.Unmarshal([]byte(r.body), &progress)
	if r.status != http.StatusOK || err != nil {
		return ""
	}
	return progress.Stage
}

// finished waits until the status page says finished and the request has ended, which the page
// does not show.
func (s *stack) finished(status string) {
	s.t.Helper()
	s.eventually("the status page says finished", func() bool { return s.stage(status) == "finished" })
	s.eventually("nothing is left to do", func() bool {
		r, err := s.store.Load(s.t.Context(), submission.ID(path.Base(status)))
		return err == nil && r.State.Ended()
	})
}

// eventually waits until holds returns true, which usually takes seconds. After a kill it can
// take minutes: a request that upkeep has postponed comes back after the lease, and one that
// failed several times later.
func (s *stack) eventually(what string, holds func() bool) {
	s.t.Helper()
	const patience = 5 * time.Minute
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			s.t.Fatalf("after %v it does not hold that %s", patience, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// invitationsTo returns the invitations of the tenant to the address.
func (s *stack) invitationsTo(email string) []graphsim.Invitation {
	return slices.DeleteFunc(s.tenant.Invitations(), func(i graphsim.Invitation) bool { return i.Email != email })
}
