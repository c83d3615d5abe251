package workflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
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

// world is everything around a worker: a clock that only the test moves, a queue, the store, and a
// tenant behind the real Graph client.
type world struct {
	t      *testing.T
	now    time.Time
	random *rand.ChaCha8
	queue  []submission.Message
	store  *memstore.Store
	tenant *graphsim.Server
	client *graph.Client
	log    *bytes.Buffer
	config workflow.Config
	worker *workflow.Worker

	// put are the messages that the worker has put on queues itself.
	put []putMessage

	// interrupt is called within every operation on the store and the directory. Its error replaces
	// the answer; a panic with crash ends the process.
	interrupt func(op string, after bool) error
	// idle says that upkeep runs and nothing is due. There may be hundreds of such runs in a test,
	// all alike.
	idle bool
}

func newWorld(t *testing.T, changes ...func(*workflow.Config)) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), random: rand.NewChaCha8([32]byte{1}), log: &bytes.Buffer{}}
	w.store = memstore.New()
	w.store.FailBefore = w.beforeOp
	w.store.FailAfter = func(op string) error { return w.afterOp(op, nil) }
	w.tenant = must(graphsim.New(graphsim.Config{
		Now: w.clock, Random: rand.NewChaCha8([32]byte{2}), ReplicationDelay: 5 * time.Second, KnowsAnyGroup: true,
	}))(t)
	server := httptest.NewServer(w.tenant)
	t.Cleanup(server.Close)
	w.client = must(graph.New(graph.Config{URL: server.URL}))(t)
	w.config = workflow.Config{
		Store:       w.store,
		Rows:        w.store,
		Seats:       w.store,
		Gates:       w.store,
		DeadLetters: w.store,
		Records:     w.store,
		Queues:      queues{w},
		Strays:      w.store,
		Directory:   interruptedDirectory{w, w.client},
		Users:       interruptedDirectory{w, w.client},
		MailStore:   w.store,
		Reviews:     w.store,
		People:      w.client,
		RedirectURL: "https://landing.example.com",
		IntentLease: lease,
		Now:         w.clock,
		Sleep: func(_ context.Context, d time.Duration) error {
			w.now = w.now.Add(d)
			return nil
		},
		Jitter: func(d time.Duration) time.Duration { return d },
		Log:    slog.New(slog.NewTextHandler(w.log, nil)),
	}
	for _, change := range changes {
		change(&w.config)
	}
	w.worker = w.newWorker()
	return w
}

// putMessage is a message that the worker has put on a queue itself.
type putMessage struct {
	queue   string
	body    []byte
	visible time.Time
}

// queues are the queues as the worker sees them.
type queues struct{ w *world }

func (q queues) Put(ctx context.Context, queue string, message []byte, delay time.Duration) error {
	return q.w.change(ctx, "Put", func() {
		q.w.put = append(q.w.put, putMessage{queue, slices.Clone(message), q.w.now.Add(delay)})
	})
}

func (q queues) Length(ctx context.Context, queue string) (n int, exists bool, err error) {
	err = q.w.change(ctx, "Length", func() {
		for _, m := range q.w.put {
			if m.queue == queue {
				n++
			}
		}
	})
	return n, true, err
}

// change is an operation that the test can interrupt.
func (w *world) change(ctx context.Context, op string, effect func()) error {
	err := w.beforeOp(op)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return problem.New(problem.StorageUnavailable, "the call was cut off: %w", ctx.Err())
	}
	effect()
	return w.afterOp(op, nil)
}

func (w *world) clock() time.Time { return w.now }

func (w *world) newWorker() *workflow.Worker {
	w.t.Helper()
	return must(workflow.New(w.config))(w.t)
}

// row puts a policy row into the table; columns come in pairs of name and value.
func (w *world) row(partition, name string, columns ...any) {
	w.t.Helper()
	raw := policy.Raw{Partition: partition, Name: name, ETag: "e1", Columns: map[string]any{}}
	for i := 0; i < len(columns); i += 2 {
		raw.Columns[columns[i].(string)] = columns[i+1]
	}
	ok(w.t, w.store.PutRow(w.t.Context(), raw))
}

// newID returns an id issued at the time, as the form issues it.
func (w *world) newID(at time.Time) submission.ID {
	w.t.Helper()
	key := must(submission.NewIDKey("the key of the form"))(w.t)
	return must(key.NewID(at, w.random))(w.t)
}

// submit puts a submission on the queue as the form does, and returns its id.
func (w *world) submit(email string, changes ...func(*submission.Submission)) submission.ID {
	w.t.Helper()
	address := must(submission.ParseAddress(email))(w.t)
	id := w.newID(w.now)
	message := submission.Message{ID: id, Submission: &submission.Submission{
		Email: address, GivenName: "Ana", FamilyName: "Silva", Company: "Contoso", Language: "pt-PT", SubmittedAt: w.now,
	}}
	for _, change := range changes {
		change(message.Submission)
	}
	// Every message reaches the worker in its wire form.
	encoded := must(message.Encode())(w.t)
	message = must(submission.DecodeMessage(encoded))(w.t)
	w.queue = append(w.queue, message)
	return id
}

// signUp submits and delivers.
func (w *world) signUp(email string) submission.ID {
	w.t.Helper()
	id := w.submit(email)
	w.deliverAll()
	return id
}

// signUpFor submits, and settles for so many hours.
func (w *world) signUpFor(email string, hours int) submission.ID {
	w.t.Helper()
	id := w.submit(email)
	w.settle(hours)
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

// crash is the panic of an operation in which the process ends.
type crash struct{}

// deliver hands the first message to the worker. After an error or a crash the message goes to the
// end of the queue, like one whose invisibility ends.
func (w *world) deliver() error {
	message := w.queue[0]
	w.queue = w.queue[1:]
	err := w.survive(func() error { return w.worker.Advance(w.t.Context(), message) })
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

// settle delivers messages while hours pass, with upkeep every minute.
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
		interrupt := w.interrupt
		w.interrupt = nil
		w.idle = len(must(w.store.Due(w.t.Context(), w.now, 1))(w.t)) == 0
		w.interrupt = interrupt
		// As behind the host, messages of upkeep are sent only if it returns.
		var due outbox
		err := w.survive(func() error {
			_, err := w.worker.Upkeep(w.t.Context(), &due)
			return err
		})
		w.idle = false
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
	events := must(w.store.History(w.t.Context(), id))(w.t)
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

func (w *world) beforeOp(op string) error {
	if w.interrupt == nil {
		return nil
	}
	return w.interrupt(op, false)
}

func (w *world) afterOp(op string, err error) error {
	if w.interrupt == nil || err != nil {
		return err
	}
	return w.interrupt(op, true)
}

// before and after of an operation's effect, for on.
const (
	before = false
	after  = true
)

// on calls do within the operation, for the first so many times; -1 is always.
func (w *world) on(op string, when bool, times int, do func() error) {
	w.interrupt = func(at string, after bool) error {
		if at != op || after != when || times == 0 {
			return nil
		}
		times--
		return do()
	}
}

func fails() error { return unavailable }

func crashes() error { panic(crash{}) }

// submitMany submits requests for so many addresses at contoso.com.
func (w *world) submitMany(n int) (ids []submission.ID) {
	for i := range n {
		ids = append(ids, w.submit(fmt.Sprintf("partner.%d@contoso.com", i)))
	}
	return ids
}

// everyOperation runs test again and again. at lets do run within one operation of the worker,
// before or after its effect: in each run the next one, until there is none. It returns how many
// there were. Those of idle upkeep do not count.
func everyOperation(t *testing.T, test func(t *testing.T, w *world, at func(do func(op string, after bool) error))) (seen int) {
	for ; ; seen++ {
		reached := false
		t.Run(fmt.Sprintf("operation %d", seen), func(t *testing.T) {
			w := newWorld(t)
			test(t, w, func(do func(op string, after bool) error) {
				n, inside := 0, false
				w.interrupt = func(op string, after bool) error {
					if inside || w.idle {
						return nil
					}
					n++
					if n-1 != seen {
						return nil
					}
					reached, inside = true, true
					defer func() { inside = false }()
					return do(op, after)
				}
			})
		})
		if !reached {
			return seen
		}
	}
}

// ok fails the test on an error.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode fails the test unless the error has the code.
func wantCode(t *testing.T, what string, err error, want problem.Code) {
	t.Helper()
	if problem.CodeOf(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// must fails the test on an error, and returns the value.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		ok(t, err)
		return value
	}
}

// Calls of Graph that a fault can match.
var (
	invitations = graphsim.Match{Method: http.MethodPost, Path: "/v1.0/invitations"}
	lookUps     = graphsim.Match{Method: http.MethodGet, Path: "/v1.0/users"}
	userByID    = graphsim.Match{Method: http.MethodGet, Path: "/v1.0/users/*"}
)

func membersOf(group string) graphsim.Match {
	return graphsim.Match{Method: http.MethodPost, Path: "/v1.0/groups/" + group + "/members/$ref"}
}

func retryAfter(seconds string) map[string]string { return map[string]string{"Retry-After": seconds} }

func forbidden(match graphsim.Match, times int) graphsim.Fault {
	return graphsim.Fault{Match: match, Times: times, Status: 403,
		Code: "Authorization_RequestDenied", Message: "Insufficient privileges to complete the operation."}
}

var refusedOnce = graphsim.Fault{Match: invitations, Times: 1, Status: 400,
	Code: "BadRequest", Message: "This user can't be invited to this directory."}

func (w *world) order(faults ...graphsim.Fault) {
	w.t.Helper()
	for _, fault := range faults {
		ok(w.t, w.tenant.Order(fault))
	}
}

// wantNothingDue fails if any request has a due entry.
func (w *world) wantNothingDue() {
	w.t.Helper()
	due := must(w.store.Due(w.t.Context(), w.now.AddDate(1, 0, 0), 10))(w.t)
	if len(due) != 0 {
		w.t.Errorf("due %v", due)
	}
}

// deliverAll delivers what is on the queue now; the clock stands still.
func (w *world) deliverAll() {
	w.t.Helper()
	for len(w.queue) > 0 {
		ok(w.t, w.deliver())
	}
}

func (w *world) wantSeats(partition, name string, want int) {
	w.t.Helper()
	used, err := w.store.Used(w.t.Context(), policy.RowKey{Partition: partition, Name: name}, policy.Day(w.now))
	if err != nil || used.Guests != want {
		w.t.Errorf("%d seats are taken, error %v, want %d", used.Guests, err, want)
	}
}

func (w *world) gate() request.Gate {
	w.t.Helper()
	return must(w.store.Gate(w.t.Context()))(w.t)
}

var unavailable = problem.New(problem.StorageUnavailable, "the test took the storage away")

// interruptedDirectory lets the test stop any operation before or after its effect.
type interruptedDirectory struct {
	w         *world
	directory *graph.Client
}

// interrupted makes a call unless the test stops it before or after its effect.
func interrupted[T any](w *world, op string, call func() (T, error)) (T, error) {
	err := w.beforeOp(op)
	if err != nil {
		var none T
		return none, err
	}
	value, err := call()
	w.tenant.Calls() // waits for the stand-in, which looks at the clock of the world and may not have answered
	return value, w.afterOp(op, err)
}

func (d interruptedDirectory) Invite(ctx context.Context, invitation request.Invitation) (request.Invited, error) {
	return interrupted(d.w, "Invite", func() (request.Invited, error) { return d.directory.Invite(ctx, invitation) })
}

func (d interruptedDirectory) Group(ctx context.Context, id string) (request.Group, error) {
	return interrupted(d.w, "Group", func() (request.Group, error) { return d.directory.Group(ctx, id) })
}

func (d interruptedDirectory) FindGuest(ctx context.Context, a submission.Address) (string, error) {
	return interrupted(d.w, "FindGuest", func() (string, error) { return d.directory.FindGuest(ctx, a) })
}

func (d interruptedDirectory) FindUser(ctx context.Context, a submission.Address) (request.User, error) {
	return interrupted(d.w, "FindUser", func() (request.User, error) { return d.directory.FindUser(ctx, a) })
}

func (d interruptedDirectory) UserByID(ctx context.Context, id string, a submission.Address) (request.User, error) {
	return interrupted(d.w, "UserByID", func() (request.User, error) { return d.directory.UserByID(ctx, id, a) })
}

func (d interruptedDirectory) FindDeletedGuests(ctx context.Context, a submission.Address) ([]request.Deletion, error) {
	return interrupted(d.w, "FindDeletedGuests", func() ([]request.Deletion, error) { return d.directory.FindDeletedGuests(ctx, a) })
}

func (d interruptedDirectory) AddMember(ctx context.Context, group, guest string) (bool, error) {
	return interrupted(d.w, "AddMember", func() (bool, error) { return d.directory.AddMember(ctx, group, guest) })
}

// invite lets policy invite Ana, delivers her submission, and returns its id.
func (w *world) invite() submission.ID {
	w.t.Helper()
	w.row("contoso.com", "r", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	return id
}

// ask puts a message of the kind on the queue, as the status page does.
func (w *world) ask(kind submission.Kind, id submission.ID) {
	w.queue = append(w.queue, submission.Message{ID: id, Kind: kind})
}

// carryOut asks and delivers.
func (w *world) carryOut(kind submission.Kind, id submission.ID) {
	w.t.Helper()
	w.ask(kind, id)
	w.deliverAll()
}

// last returns the short name of the request's last event.
func (w *world) last(id submission.ID) string {
	history := w.whats(id)
	if len(history) == 0 {
		return ""
	}
	return history[len(history)-1]
}

// lastDetail returns the sentence of the request's last event.
func (w *world) lastDetail(id submission.ID) string {
	w.t.Helper()
	history := must(w.store.History(w.t.Context(), id))(w.t)
	if len(history) == 0 {
		return ""
	}
	return history[len(history)-1].Detail
}

// reached are ways to bring a request for Ana's address into a state.
var reached = map[request.State]func(*world) submission.ID{
	request.Received: func(w *world) submission.ID {
		w.store.FailBefore = func(op string) error {
			if op == "Rows" {
				return unavailable
			}
			return w.beforeOp(op)
		}
		return w.submit("ana@contoso.com")
	},
	request.Review:   reach("fabrikam.com"),
	request.Denied:   reach("ana@contoso.com", "Action", "deny", "Note", "Ana@Contoso.com left"),
	request.Done:     reach("ana@contoso.com", "Action", "invite", "MaxGuests", int32(3)),
	request.Parked:   reach("contoso.com", "Action", "invite", "MaxGuests", int32(3), blocked(suspicious)),
	request.Inviting: reach("contoso.com", "Action", "invite", "MaxGuests", int32(3), graphsim.Fault{Match: invitations, Times: 1, Status: 502}),
	request.Granting: reach("contoso.com", "Action", "invite", "MaxGuests", int32(3), "Groups", groupOne, graphsim.Fault{Match: membersOf(groupOne), Times: 1, Status: 503}),
	request.Failed:   reach("contoso.com", "Action", "invite", "MaxGuests", int32(3), refusedOnce),
}

// reach submits a request under a row with the columns. The last of them may be a fault of Graph.
func reach(partition string, columns ...any) func(*world) submission.ID {
	return func(w *world) submission.ID {
		columns := columns
		if n := len(columns); n%2 == 1 {
			w.order(columns[n-1].(graphsim.Fault))
			columns = columns[:n-1]
		}
		if len(columns) > 0 {
			w.row(partition, "r", columns...)
		}
		return w.submit("ana@contoso.com")
	}
}

// wantErased fails if anything that is stored still identifies the partner.
func (w *world) wantErased(id submission.ID) {
	w.t.Helper()
	r := w.load(id)
	if r.Erased.IsZero() {
		w.t.Errorf("the request is not erased: %s, history %v", r.State, w.whats(id))
	}
	events := must(w.store.History(w.t.Context(), id))(w.t)
	kept := must(w.store.AllDeadLetters(w.t.Context()))(w.t)
	text := must(json.Marshal(map[string]any{"request": r, "events": events}))(w.t)
	for _, poison := range kept {
		text = append(text, poison.Body...)
	}
	for _, name := range []string{"ana@", "ana", "silva", "contoso\"", "secret words"} {
		if strings.Contains(strings.ToLower(string(text)), name) {
			w.t.Errorf("%q is still stored: %.1500s", name, text)
		}
	}
	w.wantNothingDue()
}

// review brings a request to review.
func (w *world) review(t *testing.T, address string) submission.ID {
	t.Helper()
	id := w.signUp(address)
	w.wantState(id, request.Review)
	return id
}

// keep keeps a message as a dead letter.
func (w *world) keep(messageID, body string) {
	w.t.Helper()
	ok(w.t, w.worker.Keep(w.t.Context(), submission.Queue, messageID, []byte(body), problem.New(problem.MalformedMessage, "not one of ours")))
}

// kept returns the ids of the dead letters.
func (w *world) kept() []string {
	w.t.Helper()
	var ids []string
	kept := must(w.store.AllDeadLetters(w.t.Context()))(w.t)
	for _, poison := range kept {
		ids = append(ids, poison.ID)
	}
	return ids
}

// claim returns the claim on Ana's address; created says that there was none.
func (w *world) claim(id submission.ID) (claim request.Claim, created bool) {
	w.t.Helper()
	address := must(submission.ParseAddress("ana@contoso.com"))(w.t)
	claim, created, err := w.store.Claim(w.t.Context(), address, request.NewClaim(id, w.now))
	if err != nil {
		w.t.Fatal(err)
	}
	return claim, created
}

// tenantSays makes the directory refuse every invitation, with the message.
func (w *world) tenantSays(message string) {
	w.t.Helper()
	w.order(blocked(message))
}

func blocked(message string) graphsim.Fault {
	return graphsim.Fault{Match: invitations, Times: 1_000_000, Status: 403, Code: "Forbidden", Message: message}
}

// stop opens the breaker as two other requests would. In an hour a probe closes it.
func (w *world) stop() {
	w.t.Helper()
	gate := w.gate()
	gate.Cause, gate.OpenedAt, gate.ProbeAt = request.DirectoryInvitationsOff, w.now, w.now.Add(time.Hour)
	gate.Witnesses = [request.MostWitnesses]request.Witness{}
	must(w.store.SaveGate(w.t.Context(), gate))(w.t)
}

// attempts counts the invitations that reached the directory, refused ones included.
func (w *world) attempts() int { return w.tenant.Calls()["POST /v1.0/invitations"] }

// closeBreaker is what an admin does.
func (w *world) closeBreaker() {
	w.t.Helper()
	gate := w.gate()
	if gate.Cause != request.DirectorySuspicious {
		w.t.Errorf("the breaker is open because of %q", gate.Cause)
	}
	must(request.CloseBreaker(w.t.Context(), w.store, "desk@wingtiptoys.com", w.gate().Stop.At, w.now))(w.t)
}

// stateOf returns the request's state, or "" before it is recorded.
func (w *world) stateOf(id submission.ID) request.State {
	r, err := w.store.Load(w.t.Context(), id)
	if err != nil {
		return ""
	}
	return r.State
}

// changed returns what changes a guest in the tenant.
func changed(change func(*graphsim.User)) func(*world, string) {
	return func(w *world, guest string) { ok(w.t, w.tenant.ChangeUser(guest, change)) }
}

// answersEdited puts something between the worker and the tenant that changes answers.
func (w *world) answersEdited(edit func(r *http.Request, status int, body string) (int, string)) {
	w.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		recorded := httptest.NewRecorder()
		w.tenant.ServeHTTP(recorded, r)
		status, body := edit(r, recorded.Code, recorded.Body.String())
		maps.Copy(rw.Header(), recorded.Header())
		rw.Header().Del("Content-Length")
		rw.WriteHeader(status)
		fmt.Fprint(rw, body)
	}))
	w.t.Cleanup(server.Close)
	client := must(graph.New(graph.Config{URL: server.URL}))(w.t)
	w.config.Directory = interruptedDirectory{w, client}
	w.config.Users = interruptedDirectory{w, client}
	w.worker = w.newWorker()
}
