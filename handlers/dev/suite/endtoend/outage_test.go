package endtoend

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"

	"guestlist/handlers/dev/internal/apptest"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// service is a storage service behind a proxy that can refuse.
type service struct {
	url     string
	refuses atomic.Bool
}

// behind starts a proxy for the service whose endpoint the connection string names, and returns
// the string with the proxy's address.
func behind(t *testing.T, connection, endpoint string) (*service, string) {
	t.Helper()
	match := regexp.MustCompile(endpoint + `=(http://[^/;]+)`).FindStringSubmatch(connection)
	if match == nil {
		t.Fatalf("the connection string has no %s", endpoint)
	}
	target, err := url.Parse(match[1])
	if err != nil {
		t.Fatal(err)
	}
	s := &service{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.refuses.Load() {
			panic(http.ErrAbortHandler) // closes the connection
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.CloseClientConnections)
	s.url = server.URL
	return s, strings.Replace(connection, match[0], endpoint+"="+server.URL, 1)
}

// finding is one check of guestlist doctor.
type finding struct{ Part, Health, Found string }

// doctor runs guestlist doctor on the storage and the tenant. read is false if it could read no
// table.
func (s *stack) doctor(folder string) (findings []finding, read bool) {
	s.t.Helper()
	command := exec.Command(apptest.Program(s.t, "cmd/guestlist"), "doctor", "--output", "json")
	command.Dir = folder
	output, err := command.Output()
	if err != nil && command.ProcessState == nil {
		s.t.Fatal(err)
	}
	var answer struct{ Checks []finding }
	err = json.Unmarshal(output, &answer)
	if err != nil {
		s.t.Errorf("the doctor printed %q: %v", output, err)
	}
	return answer.Checks, command.ProcessState.ExitCode() != 3
}

// broken returns what guestlist doctor finds broken.
func (s *stack) broken(folder string) []string {
	s.t.Helper()
	findings, read := s.doctor(folder)
	if !read {
		s.t.Error("the doctor could read no table")
	}
	return broken(findings)
}

func broken(findings []finding) (parts []string) {
	for _, f := range findings {
		if f.Health == "broken" {
			parts = append(parts, f.Part+": "+f.Found)
		}
	}
	return parts
}

// TestOutageLosesNobody signs up 200 partners while the tables can't be reached, the handler and
// the host are killed, and the host forgets what fails on the poison queue. Every partner whose
// sign-up was accepted must be invited, once, and the doctor must never find all well while it is
// not.
func TestOutageLosesNobody(t *testing.T) {
	t.Parallel()
	const (
		partners = 200
		outage   = 20 * time.Second // with these tries and retries it is as five minutes in Azure
	)
	var tables, queues *service
	s := newStackThrough(t, func(s *stack) {
		var connection string
		tables, connection = behind(t, s.config.Storage, "TableEndpoint")
		queues, connection = behind(t, connection, "QueueEndpoint")
		s.config.Storage = connection
		s.config.Invisibility = 10 * time.Second
		s.config.PassOverPoison = true
	}, "AzureFunctionsJobHost__extensions__queues__maxDequeueCount=2")
	s.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	folder := t.TempDir()
	s.localRun(folder)

	var events sync.WaitGroup
	events.Go(func() {
		time.Sleep(2 * time.Second)
		tables.refuses.Store(true)
		for until := time.Now().Add(outage); time.Now().Before(until); {
			time.Sleep(outage / 5)
			_ = s.host.KillHandler()
			findings, read := s.doctor(folder)
			if read && len(broken(findings)) == 0 {
				t.Errorf("the tables can't be reached, and the doctor finds %+v", findings)
			}
		}
		tables.refuses.Store(false)
		s.host.Kill()
		s.startHost()
		time.Sleep(2 * time.Second)
		queues.refuses.Store(true)
		time.Sleep(2 * time.Second)
		queues.refuses.Store(false)
		s.host.Kill()
		s.startHost()
	})
	accepted := s.signUpAll("partner", partners, func(int) { time.Sleep(outage / partners) })
	events.Wait()
	s.allAre(request.Done, accepted)
	for _, p := range accepted {
		if n := len(s.invitationsTo(p.email)); n != 1 {
			t.Errorf("%s was invited %d times", p.email, n)
		}
	}
	if n := len(s.tenant.Guests()); n != partners {
		t.Errorf("%d guests, want %d", n, partners)
	}
	s.eventually("the doctor finds nothing broken", func() bool {
		findings, read := s.doctor(folder)
		return read && len(broken(findings)) == 0
	})
	s.eventually("the queue is empty", func() bool { return s.waiting() == 0 })
	kept, err := s.store.AllDeadLetters(t.Context())
	if err != nil || len(kept) != 0 {
		t.Errorf("%d dead letters, %v", len(kept), err)
	}
	poisoned := strings.Count(s.log.String(), "message poisoned")
	t.Logf("%d messages came to the poison queue", poisoned)
	if poisoned == 0 {
		t.Error("no message failed too often, so nothing was tested")
	}
}

// localRun makes the folder one in which guestlist finds the stack as a local run.
func (s *stack) localRun(folder string) {
	s.t.Helper()
	content, err := json.Marshal(map[string]string{"graph": s.graph, "storage": s.config.Storage})
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(folder, ".local", "run.json")
	err = os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, content, 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestStuckMessagesAreFoundAndReturned leaves messages on the poison queue that the host forgets.
func TestStuckMessagesAreFoundAndReturned(t *testing.T) {
	t.Parallel()
	// Nothing takes the messages from the poison queue, as if the function had been passed over.
	s := newStack(t, "AzureWebJobs.invite-poison.Disabled=true")
	s.row("contoso.com", "trusted", "Action", "invite")
	folder := t.TempDir()
	s.localRun(folder)
	s.finished(s.signUp("first@contoso.com"))
	s.eventually("the doctor finds nothing broken", func() bool { return len(s.broken(folder)) == 0 })
	id := s.poison("stuck@contoso.com")
	found := s.broken(folder)
	if len(found) != 1 || !strings.Contains(found[0], submission.PoisonQueue) {
		t.Errorf("the doctor finds broken: %q", found)
	}
	command := exec.Command(apptest.Program(t, "cmd/guestlist"), "poison", "return", "--wait", "20s")
	command.Dir = folder
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	s.allAre(request.Done, []partner{{"stuck@contoso.com", id}})
	if found := s.broken(folder); len(found) != 0 {
		t.Errorf("the doctor finds broken: %q", found)
	}
}

// poison puts a sign-up on the queue of messages that failed too often, and returns its id.
func (s *stack) poison(email string) submission.ID {
	s.t.Helper()
	now := time.Now()
	in := submission.Input{Email: email, GivenName: "Ana", FamilyName: "Silva", Company: "Contoso"}
	submitted, err := in.Submission(now)
	if err != nil {
		s.t.Fatal(err)
	}
	id, err := submission.NewID(now, rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := submission.Message{ID: id, Submission: &submitted}.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	queue, err := azqueue.NewQueueClientFromConnectionString(s.config.Storage, submission.PoisonQueue, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = queue.Create(s.t.Context(), nil)
	if err == nil {
		_, err = queue.EnqueueMessage(s.t.Context(), base64.StdEncoding.EncodeToString(body), nil)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}
