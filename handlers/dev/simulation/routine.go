package simulation

import "iter"

// A routine runs the bodies of calls, one after the other, each until it hands over. A schedule has
// hundreds of calls, and a goroutine whose stack has grown serves the next one as well.
type routine struct {
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	stop  func()
	body  func() // nil while the routine is idle
}

func newRoutine() *routine {
	t := &routine{}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		for goesOn := true; goesOn; goesOn = yield(struct{}{}) {
			t.body()
			t.body = nil
		}
	})
	return t
}

// resume runs the body until it hands over, and reports whether it has more to do.
func (t *routine) resume() bool {
	t.next()
	return t.body != nil
}

// routine returns one that is idle.
func (r *run) routine() *routine {
	if n := len(r.idle); n > 0 {
		t := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return t
	}
	t := newRoutine()
	r.routines = append(r.routines, t)
	return t
}

// stopAll ends all calls. No other can begin.
func (r *run) stopAll() {
	for _, t := range r.routines {
		t.stop()
	}
}
