package endtoend

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/request"
)

// A step is a call of the handler that changes something elsewhere: the n-th of its kind that a
// guest costs.
type step struct {
	kind string
	n    int
}

// steps are those of a guest who proves the mailbox and joins a group, in the order in which they
// are made. docs/architecture.md lists them, with the calls that change nothing.
var steps = []step{
	// The sign-up.
	{"PUT Tenant", 1}, {"POST Guests", 1}, {"TRANSACTION Requests", 1}, {"POST /emails:send", 1}, {"PUT Waiting", 1}, {"TRANSACTION Requests", 2},
	// The code.
	{"TRANSACTION Requests", 3}, {"PATCH Guests", 1}, {"TRANSACTION Requests", 4}, {"POST Guests", 2}, {"PUT Tenant", 2}, {"POST /invitations", 1},
	{"PUT Guests", 1}, {"TRANSACTION Requests", 5}, {"POST /groups", 1}, {"TRANSACTION Requests", 6},
	// The invitation mail.
	{"PUT Tenant", 3}, {"PUT Guests", 2}, {"TRANSACTION Requests", 7}, {"POST /emails:send", 2}, {"PUT Waiting", 2}, {"TRANSACTION Requests", 8},
}

// killer kills the handler at a step, before or after its effect.
type killer struct {
	kill func() error

	mu    sync.Mutex
	armed bool
	at    step
	after bool
	seen  int // calls of the kind
	fired chan struct{}
}

// arm lets the handler be killed at the next such step. The channel is closed when that has
// happened.
func (k *killer) arm(at step, after bool) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed, k.at, k.after, k.seen, k.fired = true, at, after, 0, make(chan struct{})
	return k.fired
}

// strikes reports whether the handler is to be killed at a call of the kind.
func (k *killer) strikes(kind string) (strikes, after bool, fired chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.armed || kind != k.at.kind {
		return false, false, nil
	}
	k.seen++
	if k.seen < k.at.n {
		return false, false, nil
	}
	k.armed = false
	return true, k.after, k.fired
}

// guard returns what stands before a service. name returns the kind of a call.
func (k *killer) guard(t *testing.T, service http.Handler, name func(r *http.Request, body []byte) string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the handler has died
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		strikes, after, fired := k.strikes(name(r, body))
		if !strikes {
			service.ServeHTTP(w, r)
			return
		}
		if after {
			service.ServeHTTP(httptest.NewRecorder(), r)
		}
		err = k.kill()
		if err != nil {
			t.Errorf("killing the handler: %v", err)
		}
		close(fired)
		panic(http.ErrAbortHandler) // nobody waits for the answer
	}))
	t.Cleanup(server.CloseClientConnections)
	return server.URL
}

// tableName is the table in an address of the table service.
var tableName = regexp.MustCompile(`/devstoreaccount1/([A-Z][a-z]+)`)

// storageCall returns the kind of a call of the table service. Several changes at once are a
// TRANSACTION.
func storageCall(r *http.Request, body []byte) string {
	method, where := r.Method, r.URL.Path
	if strings.HasSuffix(where, "/$batch") {
		method, where = "TRANSACTION", string(body)
	}
	found := tableName.FindStringSubmatch(where)
	if found == nil {
		return method
	}
	return method + " " + found[1]
}

// serviceCall returns the kind of a call of Graph or of the mail service: its method and the first
// part of its path.
func serviceCall(r *http.Request, _ []byte) string {
	path := strings.TrimPrefix(r.URL.Path, "/v1.0")
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return r.Method + " /" + first
}

// newKilledStack starts a stack behind a killer. It polls fast, and retries at once.
func newKilledStack(t *testing.T) (*mailStack, *killer) {
	t.Helper()
	k := &killer{}
	m := newMailStackThrough(t, func(m *mailStack, service http.Handler) string {
		k.kill = func() error { return m.host.KillHandler() }
		endpoint := regexp.MustCompile(`TableEndpoint=(http://[^/;]+)`).FindStringSubmatch(m.config.Storage)
		if endpoint == nil {
			t.Fatal("the connection string has no table service")
		}
		target, err := url.Parse(endpoint[1])
		if err != nil {
			t.Fatal(err)
		}
		tables := k.guard(t, httputil.NewSingleHostReverseProxy(target), storageCall)
		m.config.Storage = strings.Replace(m.config.Storage, endpoint[1], tables, 1)
		m.config.Env = append(m.config.Env, "GUESTLIST_GRAPH_URL="+k.guard(t, m.tenant, serviceCall))
		return k.guard(t, service, serviceCall)
	},
		"GUESTLIST_INTENT_LEASE=2s",
		"AzureFunctionsJobHost__extensions__queues__maxDequeueCount=100",
		"AzureFunctionsJobHost__extensions__queues__visibilityTimeout=00:00:00",
		"AzureFunctionsJobHost__extensions__queues__maxPollingInterval=00:00:00.2",
	)
	return m, k
}

// proveMailbox does what a person does: reads the code as soon as it comes, and types it until the
// page takes it.
func (m *mailStack) proveMailbox(p partner) {
	for m.t.Context().Err() == nil {
		mails := m.mailsTo(p.email)
		if len(mails) > 0 {
			body := url.Values{"action": {"prove"}, "code": {m.codeIn(mails[0].Text)}}.Encode()
			if m.do(http.MethodPost, p.path(), "application/x-www-form-urlencoded", body).status == http.StatusSeeOther {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestHandlerKilledAtEveryStepSendsEachMailOnce kills the handler after every step of a guest's
// way, before it has heard of that, and before each step that another service takes. Before any
// other it knows no more than after the one that went ahead. Each guest gets one code and one
// invitation.
func TestHandlerKilledAtEveryStepSendsEachMailOnce(t *testing.T) {
	t.Parallel()
	m, k := newKilledStack(t)
	m.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	first := m.signUpAs("first@contoso.com") // makes what all guests share
	m.proveMailbox(first)
	partners := []partner{first}
	m.eventuallyMailed(first.email, 2)
	kills := 0
	since := map[string]int{} // how often the handler was killed before, for those who wait out a lease

	var people sync.WaitGroup
	for i, at := range steps {
		for _, after := range []bool{false, true} {
			if !after && !strings.Contains(at.kind, " /") {
				continue
			}
			fired := k.arm(at, after)
			p := m.signUpAs(fmt.Sprintf("partner.%d.%t@contoso.com", i, after))
			partners = append(partners, p)
			people.Go(func() { m.proveMailbox(p) })
			m.eventually(fmt.Sprintf("the handler is killed at %v", at), func() bool {
				select {
				case <-fired:
					return true
				default:
					return false
				}
			})
			// The next guest comes once this one has all mails, or has to wait out a lease.
			kills++
			for end := time.Now().Add(3 * time.Second); len(m.mailsTo(p.email)) < 2 && time.Now().Before(end); {
				time.Sleep(20 * time.Millisecond)
			}
			if len(m.mailsTo(p.email)) < 2 {
				since[p.email] = kills
			}
		}
	}
	people.Wait()
	defer func() {
		for _, p := range partners {
			if r := m.record(p.path()); t.Failed() && r.State != request.Done {
				history, err := m.store.History(t.Context(), p.id)
				t.Logf("%s is %s (%s), due %v, mails %+v; history %+v, %v", p.email, r.State, r.Reason, r.Due, r.Mails, history, err)
			}
		}
	}()
	m.allAre(request.Done, partners)
	m.eventually("no mail is owed", func() bool {
		return !slices.ContainsFunc(partners, func(p partner) bool {
			r := m.record(p.path())
			return r.Owed != (request.Owed{}) || r.Mail(request.InvitationMail).Open() || len(r.Mails) != 2
		})
	})
	for _, p := range partners {
		var subjects []string
		for _, mail := range m.mailsTo(p.email) {
			subjects = append(subjects, mail.Subject)
		}
		// The link of a mail is asked for by another invitation, once in each process.
		most := 2
		if before, waited := since[p.email]; waited {
			most += kills - before
		}
		if len(subjects) != 2 || subjects[0] == subjects[1] || len(m.invitationsTo(p.email)) > most {
			t.Errorf("%s got the mails %q and %d invitations", p.email, subjects, len(m.invitationsTo(p.email)))
		}
	}
	if mails := m.service.Mails(); slices.ContainsFunc(mails, func(mail acssim.Mail) bool { return mail.Deliveries != 1 }) {
		t.Errorf("mails were delivered twice: %+v", mails)
	}
	if guests, members := len(m.tenant.Guests()), len(m.tenant.Memberships()); guests != len(partners) || members != len(partners) {
		t.Errorf("%d guests and %d memberships, want %d each", guests, members, len(partners))
	}
}
