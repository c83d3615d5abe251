package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// The domains of the partners, each with its own kind of policy.
const (
	trusted  = "contoso.com"
	reviewed = "fabrikam.com"
	denied   = "wingtip.com"
	unlisted = "adatum.com"
)

// The groups that rows grant, and one that no row grants.
const (
	groupOne   = "aaaaaaaa-0000-4000-8000-000000000001"
	groupTwo   = "aaaaaaaa-0000-4000-8000-000000000002"
	otherGroup = "aaaaaaaa-0000-4000-8000-000000000009"
)

// A Simulator runs schedules, one after another. Between them it keeps only compiled policy rows.
// It is not safe for concurrent use.
type Simulator struct {
	// Only is the name of an event, and Law that of a law: then every schedule has this event and
	// no other, and only this law counts.
	Only string
	Law  Law

	cache *policy.Cache
	// bend and bendPeople change what a worker and a reviewer are made of, for mutants.
	bend       func(*run, *workflow.Config)
	bendPeople func(*review.Config)
}

// config is what differs between the workers of schedules.
type config struct {
	pace      request.Pace
	lease     time.Duration
	retention time.Duration
	within    int // days for a decision
}

const month = 30 * 24 * time.Hour

// configs hold odd ones too. But every lease is longer than what may be left of it when an
// invitation is sent, one half, and stragglerWait together: with a shorter one a worker may
// search the directory while an invitation is still on its way.
var configs = []config{
	{pace: request.Pace{}, lease: 2 * time.Minute, retention: 0},
	{pace: request.Pace{Daily: 1}, lease: 2 * time.Minute, retention: 0},
	{pace: request.Pace{Daily: 2, Spacing: time.Second}, lease: 2 * time.Minute, retention: month},
	{pace: request.Pace{Spacing: 30 * time.Second}, lease: 2 * time.Minute, retention: 0},
	{pace: request.Pace{Daily: 80, Spacing: time.Second}, lease: 45 * time.Second, retention: month},
}

// NewSimulator returns a Simulator.
func NewSimulator() (*Simulator, error) {
	cache, err := policy.NewCache(100)
	if err != nil {
		return nil, fmt.Errorf("simulation: %w", err)
	}
	return &Simulator{cache: cache}, nil
}

// bootAll starts instances.
func (r *run) bootAll(instances int) {
	for i := range instances {
		on := &instance{number: i + 1}
		if len(r.offsets) > 0 {
			on.offset = r.offsets[i%len(r.offsets)]
		}
		r.boot(on)
		r.instances = append(r.instances, on)
	}
}

// boot gives an instance a new worker, as the start of a process does: what a worker keeps in
// memory ends with its process.
func (r *run) boot(on *instance) {
	pressure := &workflow.Pressure{}
	config := workflow.Config{
		Store: store{r}, Rows: store{r}, Seats: store{r}, Gates: store{r}, DeadLetters: store{r},
		Records: store{r}, Strays: store{r}, MailStore: store{r}, Reviews: store{r}, People: people{r},
		Queues:    queues{r},
		Directory: directory{r, callTimeout}, Users: directory{r, callTimeout},
		GroupNames: store{r}, Reviewers: reviewers, Operators: operators, DecideWithin: r.config.within,
		Pace:        r.config.pace,
		Pressure:    pressure,
		Retention:   r.config.retention,
		Parse:       r.cache.Parse,
		RedirectURL: "https://landing.example.com",
		IntentLease: r.config.lease,
		Now:         func() time.Time { return on.clock(r.now) },
		Sleep:       r.waitInPlace,
		Jitter: func(d time.Duration) time.Duration {
			return d + time.Duration(r.random.Int64N(int64(d)/5+1))
		},
		Log: slog.New(alertCounter{r}),
	}
	if r.load != nil {
		config.GroupNames = nil // nobody decides there, so nobody reads names
	}
	r.connectMails(on, &config)
	r.connectNotices(&config)
	if r.bend != nil {
		r.bend(r, &config)
	}
	worker, err := workflow.New(config)
	if err != nil {
		r.breach(lawInternal, "no worker: %v", err)
		return
	}
	on.worker, on.pressure = worker, pressure
}

// alertCounter is a log handler that counts the line for which alerts query.
type alertCounter struct{ *run }

func (a alertCounter) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}
func (a alertCounter) WithAttrs([]slog.Attr) slog.Handler { return a }
func (a alertCounter) WithGroup(string) slog.Handler      { return a }
func (a alertCounter) Handle(_ context.Context, record slog.Record) error {
	switch record.Message {
	case workflow.LogQueues, workflow.LogUpkeep, workflow.LogSwept:
		a.heartbeat(record)
	case workflow.LogBreakerOpened:
		if !stopLine(record) {
			a.alerts++
		}
	case workflow.LogRemains:
		record.Attrs(func(attr slog.Attr) bool {
			if attr.Key == "guest" {
				a.remains(attr.Value.String())
			}
			return true
		})
	case workflow.LogUnreadable:
		a.saidUnreadable(record)
	case workflow.LogUnchecked:
		a.current.unchecked = true
	case workflow.LogStray:
		record.Attrs(func(attr slog.Attr) bool {
			if attr.Key == "row" {
				a.named[attr.Value.String()] = true
			}
			return true
		})
	}
	return nil
}

// stopLine reports whether the line says that an admin has stopped everything.
func stopLine(record slog.Record) (is bool) {
	record.Attrs(func(attr slog.Attr) bool {
		is = is || attr.Key == "cause" && attr.Value.String() == string(request.StoppedByAdmin)
		return !is
	})
	return is
}

// source is the source of random bytes for ids.
type source struct{ *rand.Rand }

func (s source) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s.Uint32())
	}
	return len(p), nil
}

// version is a row as it was at some time.
type version struct {
	action   policy.Action
	groups   []string
	limited  bool
	misspelt bool
	mail     policy.InvitationMail
	proof    policy.Proof
	from, to time.Time // to is zero for the present version
}

// row writes a policy row, and keeps its version for the laws.
func (r *run) row(partition, name string, columns map[string]any) {
	err := r.memory.PutRow(r.context, policy.Raw{Partition: partition, Name: name, Columns: columns})
	if err != nil {
		r.breach(lawInternal, "a row can't be written: %v", err)
		return
	}
	raws, err := r.memory.Rows(r.context, []string{partition})
	if err != nil {
		r.breach(lawInternal, "a row can't be read: %v", err)
		return
	}
	for _, raw := range raws {
		if raw.Name != name {
			continue
		}
		r.endVersion(policy.RowKey{Partition: partition, Name: name})
		parsed := policy.Parse(raw)
		if len(parsed.Faults) > 0 {
			parsed.Action = policy.Review
		}
		r.versions[raw.ETag] = version{
			action: parsed.Action, misspelt: len(parsed.For) > 0, groups: parsed.Terms.Groups, mail: parsed.Terms.InvitationMail,
			proof:   parsed.Proof,
			limited: parsed.MaxGuests > 0 || parsed.MaxPerDay > 0, from: r.now,
		}
		r.rowOf[raw.ETag] = policy.RowKey{Partition: partition, Name: name}
	}
	r.rowsChanged()
}

// endVersion ends the present version of a row.
func (r *run) endVersion(key policy.RowKey) {
	for etag, old := range r.versions {
		if old.to.IsZero() && r.rowOf[etag] == key {
			old.to = r.now
			r.versions[etag] = old
		}
	}
}

var addresses = func() map[string][]submission.Address {
	list := map[string][]submission.Address{}
	for _, domain := range []string{trusted, reviewed, denied, unlisted} {
		for _, name := range []string{"ana", "bo", "cy", "dee"} {
			list[domain] = append(list[domain], parsed(name+"@"+domain))
		}
	}
	return list
}()

// parsed returns a well-formed address.
func parsed(text string) submission.Address {
	address, err := submission.ParseAddress(text)
	if err != nil {
		panic(err) // unreachable: the addresses are those of this package
	}
	return address
}
