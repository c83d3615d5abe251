package guard

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var morning = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func limiterOf(t interface{ Fatal(...any) }, c *clock, burst, clients int, every time.Duration) *limiter {
	b, err := newLimiter(Limit{burst, every}, clients, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBurstThenOneEachInterval(t *testing.T) {
	c := &clock{morning}
	b := limiterOf(t, c, 3, 100, time.Minute)
	for i := range 3 {
		if wait := b.take("ana"); wait != 0 {
			t.Fatalf("number %d has to wait %v", i+1, wait)
		}
	}
	for range 5 {
		if wait := b.take("ana"); wait != time.Minute {
			t.Errorf("the fourth has to wait %v, want a minute, however often it is tried", wait)
		}
	}
	if wait := b.take("bo"); wait != 0 {
		t.Errorf("somebody else has to wait %v", wait)
	}
	c.now = c.now.Add(time.Minute - time.Nanosecond)
	if b.take("ana") == 0 {
		t.Error("one passes before its time")
	}
	c.now = c.now.Add(time.Nanosecond)
	if b.take("ana") != 0 || b.take("ana") != time.Minute {
		t.Error("after a minute exactly one passes")
	}
	c.now = c.now.Add(24 * time.Hour)
	for range 3 {
		if b.take("ana") != 0 {
			t.Error("a day of quiet gives less than a burst")
		}
	}
	if b.take("ana") == 0 {
		t.Error("a day of quiet gives more than a burst")
	}
}

func TestUnnamedClientIsNotLimited(t *testing.T) {
	b := limiterOf(t, &clock{morning}, 1, 100, time.Hour)
	for range 10 {
		if b.take("") != 0 {
			t.Fatal("nobody was slowed down")
		}
	}
}

// In any order of sending and waiting, a client gets at most its burst and one for each interval,
// and passes after the wait that it was told.
func TestLimitHoldsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{morning}
		burst := rapid.IntRange(1, 5).Draw(t, "burst")
		b := limiterOf(t, c, burst, 1000, time.Second)
		passed := 0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			c.now = c.now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "pause")) * time.Millisecond)
			wait := b.take("ana")
			if wait < 0 {
				t.Fatalf("a wait of %v", wait)
			}
			if wait == 0 {
				passed++
			}
			if most := burst + int(c.now.Sub(morning)/time.Second); passed > most {
				t.Fatalf("%d passed in %v", passed, c.now.Sub(morning))
			}
		}
		wait := b.take("ana")
		c.now = c.now.Add(wait)
		if wait > 0 && b.take("ana") != 0 {
			t.Fatal("a client that waited as told does not pass")
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	c := &clock{morning}
	const clients = 50
	b := limiterOf(t, c, 1, clients, time.Hour)
	b.take("ana")
	for i := range clients - 1 {
		b.take(fmt.Sprint("early ", i))
	}
	if b.take("ana") == 0 {
		t.Error("a client was forgotten before as many others came as are to be known")
	}
	for i := range 100 * clients {
		b.take(fmt.Sprint("late ", i))
		if known := len(b.young) + len(b.old); known > 2*clients {
			t.Fatalf("%d clients are kept, at most %d may be", known, 2*clients)
		}
	}
}

func TestConcurrentTake(t *testing.T) {
	b := limiterOf(t, &clock{morning}, 10, 100, time.Hour)
	var wait sync.WaitGroup
	var mu sync.Mutex
	passed := 0
	for range 100 {
		wait.Go(func() {
			if b.take("ana") == 0 {
				mu.Lock()
				passed++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if passed != 10 {
		t.Errorf("%d passed at once, want the burst of 10", passed)
	}
}

func TestLimiterNeedsAllParts(t *testing.T) {
	for name, test := range map[string]struct {
		limit   Limit
		clients int
		now     func() time.Time
	}{
		"burst":   {Limit{0, time.Second}, 1, time.Now},
		"every":   {Limit{1, 0}, 1, time.Now},
		"clients": {Limit{1, time.Second}, 0, time.Now},
		"clock":   {Limit{1, time.Second}, 1, nil},
	} {
		_, err := newLimiter(test.limit, test.clients, test.now)
		if err == nil {
			t.Errorf("a limiter without %s was made", name)
		}
	}
}

func TestClient(t *testing.T) {
	for name, test := range map[string]struct {
		header  []string
		proxies int
		want    string
	}{
		"App Service: address and port":         {[]string{"203.0.113.7:51234"}, 0, "203.0.113.7/32"},
		"without a port":                        {[]string{"203.0.113.7"}, 0, "203.0.113.7/32"},
		"what the client claims does not count": {[]string{"198.51.100.1, 10.0.0.1, 203.0.113.7:51234"}, 0, "203.0.113.7/32"},
		"nor in a header of its own":            {[]string{"198.51.100.1", "203.0.113.7:51234"}, 0, "203.0.113.7/32"},
		"behind one proxy":                      {[]string{"198.51.100.1, 203.0.113.7, 147.243.0.1:443"}, 1, "203.0.113.7/32"},
		"not behind the proxy":                  {[]string{"203.0.113.7:51234"}, 1, ""},
		"IPv6 with port":                        {[]string{"[2001:db8:1:2:3:4:5:6]:51234"}, 0, "2001:db8:1:2::/64"},
		"IPv6 in brackets":                      {[]string{"[2001:db8:1:2::6]"}, 0, "2001:db8:1:2::/64"},
		"IPv6 bare":                             {[]string{"2001:db8:1:2:ffff::1"}, 0, "2001:db8:1:2::/64"},
		"IPv4 inside IPv6":                      {[]string{"[::ffff:203.0.113.7]:1"}, 0, "203.0.113.7/32"},
		"IPv6 with a zone":                      {[]string{"fe80::1%eth0"}, 0, "fe80::/64"},
		"missing":                               {nil, 0, ""},
		"empty":                                 {[]string{""}, 0, ""},
		"a name":                                {[]string{"localhost:80"}, 0, ""},
		"unknown":                               {[]string{"unknown"}, 0, ""},
		"a last entry that is none":             {[]string{"203.0.113.7:1, "}, 0, ""},
		"an impossible number of proxies":       {[]string{"203.0.113.7:1"}, -1, ""},
		"very long":                             {[]string{strings.Repeat("198.51.100.1, ", 100_000) + "203.0.113.7:1"}, 0, "203.0.113.7/32"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{forwardedFor: test.header}}
			if got := clientOf(r, test.proxies); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzClient(f *testing.F) {
	f.Add("203.0.113.7:51234", "198.51.100.1")
	f.Add("[2001:db8::1]:1", "unknown")
	f.Fuzz(func(t *testing.T, last, before string) {
		alone := clientOf(&http.Request{Header: http.Header{forwardedFor: {last}}}, 0)
		if strings.Contains(last, ",") {
			return
		}
		behind := clientOf(&http.Request{Header: http.Header{forwardedFor: {before + "," + last}}}, 0)
		if alone != behind {
			t.Errorf("what a client sent changed its name from %q to %q", alone, behind)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	limiter, err := newLimiter(Limit{30, time.Second}, maxClients, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	r := &http.Request{Header: http.Header{forwardedFor: {"198.51.100.1, 203.0.113.7:51234"}}}
	b.ReportAllocs()
	for b.Loop() {
		limiter.take(clientOf(r, 0))
	}
}
