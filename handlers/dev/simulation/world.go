package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// The domains of the partners, each for one kind of policy.
const (
	trusted  = "contoso.com"
	reviewed = "fabrikam.com"
	denied   = "wingtip.com"
	unlisted = "adatum.com"
)

// The groups that rows grant, and one that none does.
const (
	groupOne = "aaaaaaaa-0000-4000-8000-000000000001"
	groupTwo = "aaaaaaaa-0000-4000-8000-000000000002"
	noGroup  = "aaaaaaaa-0000-4000-8000-000000000009"
)

// A Simulator runs schedules, one after another. What it keeps between them are policy rows with their compiled conditions. It must not be
// used by several goroutines at once.
type Simulator struct {
	world *world
	cache *policy.Cache
}

// config is what of a machine differs between schedules.
type config struct {
	pace      request.Pace
	lease     time.Duration
	retention time.Duration
}

const month = 30 * 24 * time.Hour

// configs are not only those that anybody would choose. But every lease is longer than what is left of it when an invitation is sent, a half, and
// stragglerWait together: whoever sets a shorter one may ask the directory while an invitation is still on its way.
var configs = []config{
	{request.Pace{}, 2 * time.Minute, 0},
	{request.Pace{Daily: 1}, 2 * time.Minute, 0},
	{request.Pace{Daily: 2, Spacing: time.Second}, 2 * time.Minute, month},
	{request.Pace{Spacing: 30 * time.Second}, 2 * time.Minute, 0},
	{request.Pace{Daily: 80, Spacing: time.Second}, 45 * time.Second, month},
}

// world is what the machines of a Simulator are connected to: the run of the present schedule.
type world struct {
	run *run
}

// NewSimulator returns a Simulator.
func NewSimulator() (*Simulator, error) {
	cache, err := policy.NewCache(100)
	if err != nil {
		return nil, fmt.Errorf("simulation: %w", err)
	}
	return &Simulator{world: &world{}, cache: cache}, nil
}

// boot gives an instance a machine of its own, as every process has one: with what it keeps in mind, which is gone when the process is.
func (r *run) boot(on *instance) {
	w := r.simulator.world
	c := r.config
	pressure := &workflow.Pressure{}
	machine, err := workflow.New(workflow.Config{
		Store: store{w}, Rows: store{w}, Seats: store{w}, Gates: store{w}, Poison: store{w}, Records: store{w},
		Directory: directory{w}, Users: directory{w},
		Pace:        c.pace,
		Pressure:    pressure,
		Retention:   c.retention,
		Parse:       r.simulator.cache.Parse,
		RedirectURL: "https://landing.example.com",
		IntentLease: c.lease,
		Now:         r.clock,
		Sleep:       w.waitInPlace,
		Jitter:      func(d time.Duration) time.Duration { return d + time.Duration(r.random.Int64N(int64(d)/5+1)) },
		Log:         slog.New(ear{w}),
	})
	if err != nil {
		r.breach("no machine: %v", err)
		return
	}
	on.machine, on.pressure = machine, pressure
}

// ear hears the one line of the log that alerts look for.
type ear struct{ *world }

func (e ear) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (e ear) WithAttrs([]slog.Attr) slog.Handler               { return e }
func (e ear) WithGroup(string) slog.Handler                    { return e }
func (e ear) Handle(_ context.Context, record slog.Record) error {
	if record.Message == workflow.LogBreakerOpened {
		e.run.alerts++
	}
	return nil
}

// source gives the random bytes of ids.
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
	send     bool
	from, to time.Time // to is zero for the present one
}

// row writes a policy row, and remembers what it said.
func (r *run) row(partition, name string, columns map[string]any) {
	err := r.memory.PutRow(r.context, policy.Raw{Partition: partition, Name: name, Columns: columns})
	if err != nil {
		r.breach("a row can't be written: %v", err)
		return
	}
	raws, err := r.memory.Rows(r.context, []string{partition})
	if err != nil {
		r.breach("a row can't be read: %v", err)
		return
	}
	for _, raw := range raws {
		if raw.Name != name {
			continue
		}
		for etag, old := range r.versions {
			if old.to.IsZero() && r.rowOf[etag] == (policy.RowKey{Partition: partition, Name: name}) {
				old.to = r.now
				r.versions[etag] = old
			}
		}
		parsed := policy.Parse(raw)
		r.versions[raw.ETag] = version{
			action: parsed.Action, groups: parsed.Terms.Groups, send: parsed.Terms.SendInvitation,
			limited: parsed.MaxGuests > 0 || parsed.MaxPerDay > 0, from: r.now,
		}
		r.rowOf[raw.ETag] = policy.RowKey{Partition: partition, Name: name}
	}
}

var addresses = func() map[string][]submission.Address {
	list := map[string][]submission.Address{}
	for _, domain := range []string{trusted, reviewed, denied, unlisted} {
		for _, name := range []string{"ana", "bo", "cy", "dee"} {
			address, err := submission.ParseAddress(name + "@" + domain)
			if err != nil {
				panic(err) // they are constants
			}
			list[domain] = append(list[domain], address)
		}
	}
	return list
}()
