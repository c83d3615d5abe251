package workflow_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

const (
	groupOne = "aaaaaaaa-0000-4000-8000-000000000001"
	groupTwo = "aaaaaaaa-0000-4000-8000-000000000002"
	sponsor  = "bbbbbbbb-0000-4000-8000-000000000001"

	lease = 2 * time.Minute
)

// world is everything around a machine: a clock that only the test moves, a queue, the store, and a
// tenant behind the real Graph client.
type world struct {
	t       *testing.T
	now     time.Time
	random  *rand.ChaCha8
	queue   []submission.Message
	store   *memstore.Store
	tenant  *graphsim.Server
	client  *graph.Client
	log     *bytes.Buffer
	machine *workflow.Worker
	pace    request.Pace

	pressure  *workflow.Pressure
	retention time.Duration

	// Every operation of the machine on the store and the directory passes through here, so that a
	// test can interrupt it. An error is what the machine gets instead of the answer; a panic with
	// crash is the end of the process.
	interrupt func(op string, after bool) error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), random: rand.NewChaCha8([32]byte{1}), log: &bytes.Buffer{}}
	w.store = memstore.New()
	w.store.FailBefore = w.before
	w.store.FailAfter = func(op string) error { return w.after(op, nil) }
	tenant, err := graphsim.New(graphsim.Config{
		Now: w.clock, Random: rand.NewChaCha8([32]byte{2}), ReplicationDelay: 5 * time.Second, KnowsAnyGroup: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.tenant = tenant
	server := httptest.NewServer(tenant)
	t.Cleanup(server.Close)
	w.client, err = graph.New(graph.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	w.machine = w.newMachine()
	return w
}

func (w *world) clock() time.Time { return w.now }

func (w *world) newMachine() *workflow.Worker {
	w.t.Helper()
	machine, err := workflow.New(workflow.Config{
		Store:       w.store,
		Rows:        w.store,
		Seats:       w.store,
		Gates:       w.store,
		DeadLetters: w.store,
		Records:     w.store,
		Pressure:    w.pressure,
		Retention:   w.retention,
		Pace:        w.pace,
		Directory:   interruptedDirectory{w, w.client},
		Users:       interruptedDirectory{w, w.client},
		RedirectURL: "https://landing.example.com",
		IntentLease: lease,
		Now:         w.clock,
		Sleep: func(_ context.Context, d time.Duration) error {
			w.now = w.now.Add(d)
			return nil
		},
		Jitter: func(d time.Duration) time.Duration { return d },
		Log:    slog.New(slog.NewTextHandler(w.log, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return machine
}

// row puts a policy row into the table; columns come in pairs of name and value.
func (w *world) row(partition, name string, columns ...any) {
	w.t.Helper()
	raw := policy.Raw{Partition: partition, Name: name, ETag: "e1", Columns: map[string]any{}}
	for i := 0; i < len(columns); i += 2 {
		raw.Columns[columns[i].(string)] = columns[i+1]
	}
	err := w.store.PutRow(w.t.Context(), raw)
	if err != nil {
		w.t.Fatal(err)
	}
}

// submit puts a submission on the queue as the form does, and returns its id.
func (w *world) submit(email string, changes ...func(*submission.Submission)) submission.ID {
	w.t.Helper()
	address, err := submission.ParseAddress(email)
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := submission.NewID(w.now, w.random)
	if err != nil {
		w.t.Fatal(err)
	}
	message := submission.Message{ID: id, Submission: &submission.Submission{
		Email: address, GivenName: "Ana", FamilyName: "Silva", Company: "Contoso", Language: "pt-PT", SubmittedAt: w.now,
	}}
	for _, change := range changes {
		change(message.Submission)
	}
	// Through the wire form, as everything that reaches the machine.
	encoded, err := message.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	message, err = submission.DecodeMessage(encoded)
	if err != nil {
		w.t.Fatal(err)
	}
	w.queue = append(w.queue, message)
	return id
}

// outbox is the queue of upkeep.
type outbox []submission.Message

func (o *outbox) Enqueue(_ context.Context, encoded []byte) error {
	message, err := submission.DecodeMessage(encoded)
	if err != nil {
		return err
	}
	*o = append(*o, message)
	return nil
}

// crash is what an interrupted operation panics with: the process is gone.
type crash struct{}

// deliver hands the first message to the machine. A message whose delivery failed or crashed goes
// to the end of the queue, as one does whose invisibility ends.
func (w *world) deliver() error {
	message := w.queue[0]
	w.queue = w.queue[1:]
	err := w.survive(func() error { return w.machine.Advance(w.t.Context(), message) })
	if err != nil {
		w.queue = append(w.queue, message)
	}
	return err
}

// survive runs step and turns the end of the process into an error.
func (w *world) survive(step func() error) (err error) {
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case crash:
			err = errors.New("the process was killed")
		default:
			panic(reason)
		}
	}()
	return step()
}

// settle delivers and lets time pass, with upkeep every minute, for so many hours.
func (w *world) settle(hours int) {
	w.t.Helper()
	w.settleMinutes(hours * 60)
}

func (w *world) settleMinutes(minutes int) {
	w.t.Helper()
	for range minutes {
		for tries := 0; len(w.queue) > 0 && tries < 100; tries++ {
			err := w.deliver()
			if err != nil {
				w.t.Logf("a delivery failed: %v", err)
			}
		}
		w.now = w.now.Add(time.Minute)
		// As behind the host, what upkeep enqueues is sent only if it comes to its end.
		var due outbox
		err := w.survive(func() error {
			_, err := w.machine.Upkeep(w.t.Context(), &due)
			return err
		})
		if err != nil {
			w.t.Logf("upkeep failed: %v", err)
			continue
		}
		w.queue = append(w.queue, due...)
	}
	w.interrupt = nil
}

func (w *world) load(id submission.ID) request.Request {
	w.t.Helper()
	r, err := w.store.Load(w.t.Context(), id)
	if err != nil {
		w.t.Fatalf("request %s: %v", id, err)
	}
	return r
}

// whats returns the short names of the request's events.
func (w *world) whats(id submission.ID) []string {
	w.t.Helper()
	events, err := w.store.History(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, event := range events {
		names = append(names, event.What)
	}
	return names
}

func (w *world) wantState(id submission.ID, want request.State) request.Request {
	w.t.Helper()
	r := w.load(id)
	if r.State != want {
		w.t.Errorf("request %s is %s (%s), want %s; history %v", id, r.State, r.Reason, want, w.whats(id))
	}
	return r
}

// wantTenant compares how many invitations, guests and memberships the tenant has seen.
func (w *world) wantTenant(invitations, guests, memberships int) {
	w.t.Helper()
	got := []int{len(w.tenant.Invitations()), len(w.tenant.Guests()), len(w.tenant.Memberships())}
	if !slices.Equal(got, []int{invitations, guests, memberships}) {
		w.t.Errorf("invitations, guests, memberships = %v, want %v", got, []int{invitations, guests, memberships})
	}
}

func (w *world) before(op string) error {
	if w.interrupt == nil {
		return nil
	}
	return w.interrupt(op, false)
}

func (w *world) after(op string, err error) error {
	if w.interrupt == nil || err != nil {
		return err
	}
	return w.interrupt(op, true)
}

var unavailable = problem.New(problem.StorageUnavailable, "the test took the storage away")

// interruptedDirectory lets the test stop any operation before or after its effect.
type interruptedDirectory struct {
	w         *world
	directory *graph.Client
}

func (d interruptedDirectory) Invite(ctx context.Context, invitation request.Invitation) (string, error) {
	err := d.w.before("Invite")
	if err != nil {
		return "", err
	}
	guest, err := d.directory.Invite(ctx, invitation)
	return guest, d.w.after("Invite", err)
}

func (d interruptedDirectory) FindGuest(ctx context.Context, a submission.Address) (string, error) {
	err := d.w.before("FindGuest")
	if err != nil {
		return "", err
	}
	guest, err := d.directory.FindGuest(ctx, a)
	return guest, d.w.after("FindGuest", err)
}

func (d interruptedDirectory) FindUser(ctx context.Context, a submission.Address) (request.User, error) {
	err := d.w.before("FindUser")
	if err != nil {
		return request.User{}, err
	}
	user, err := d.directory.FindUser(ctx, a)
	return user, d.w.after("FindUser", err)
}

func (d interruptedDirectory) FindDeletedGuests(ctx context.Context, a submission.Address) ([]string, error) {
	err := d.w.before("FindDeletedGuests")
	if err != nil {
		return nil, err
	}
	guests, err := d.directory.FindDeletedGuests(ctx, a)
	return guests, d.w.after("FindDeletedGuests", err)
}

func (d interruptedDirectory) AddMember(ctx context.Context, group, guest string) (bool, error) {
	err := d.w.before("AddMember")
	if err != nil {
		return false, err
	}
	added, err := d.directory.AddMember(ctx, group, guest)
	return added, d.w.after("AddMember", err)
}
