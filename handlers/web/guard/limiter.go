package guard

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Limit is what a client may post: Burst at once, then one each Every. Zero means no limit.
type Limit struct {
	Burst int
	Every time.Duration
}

// maxClients bounds the memory: the limiter remembers from so many to twice as many clients, each
// in about 100 bytes. It is more than a campaign brings in ten minutes.
const maxClients = 10_000

// limiter limits what each client sends, by the generic cell rate algorithm.
//
// It counts in the memory of one instance, since a public function may read no table: with n
// instances a client gets up to n times as much, and a restart forgets. It keeps one sender from
// filling the queue in minutes. Against many senders there is the captcha.
type limiter struct {
	limit      Limit
	maxClients int
	now        func() time.Time

	mu sync.Mutex
	// For each client, the time at which all that it sent is paid off, at one unit every Every. The
	// clients are in two generations: when young is full it becomes old, and the former old is
	// forgotten. That takes no scan and no list.
	young, old map[string]time.Time
}

func newLimiter(limit Limit, maxClients int, now func() time.Time) (*limiter, error) {
	switch {
	case limit.Burst < 1 || limit.Every <= 0 || maxClients < 1:
		return nil, errors.New("guard: the burst, the time for one more and the number of clients must be positive")
	case now == nil:
		return nil, errors.New("guard: the clock is missing")
	}
	return &limiter{limit: limit, maxClients: maxClients, now: now, young: make(map[string]time.Time)}, nil
}

// take counts one thing that the client sends. It returns zero if that may pass, else how long the
// client has to wait; what may not pass is not counted. A nil limiter and the client "", see
// clientOf, have no limit.
func (l *limiter) take(client string) time.Duration {
	if l == nil || client == "" {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	paid, known := l.young[client]
	if !known {
		paid = l.old[client]
	}
	if paid.Before(now) {
		paid = now
	}
	paid = paid.Add(l.limit.Every)
	ahead := paid.Sub(now) - time.Duration(l.limit.Burst)*l.limit.Every
	if ahead > 0 {
		return ahead
	}
	if !known && len(l.young) >= l.maxClients {
		l.old, l.young = l.young, make(map[string]time.Time)
	}
	l.young[client] = paid
	return 0
}

// forwardedFor is the header to whose end each proxy adds the address of its client. App Service's
// front end adds address and port; earlier entries came with the request and may be made up.
const forwardedFor = "X-Forwarded-For"

// maxHops bounds the work on a header that a client can make long.
const maxHops = 50

// clientOf names the client that a request is from: the IPv4 address or the IPv6 network that the
// platform saw, not what the client claims.
//
// proxies is the number of our own proxies before the platform's front end, such as 1 for Azure
// Front Door: the last entries of the header are theirs. With a number too high, the client could
// choose its name, so a header with fewer entries names nobody.
//
// It returns "" if the header is missing or has no address in that place. On App Service the
// front end always writes it. Without a front end, on a laptop, clients can't be told apart, and
// limiting them as one would be worse.
func clientOf(r *http.Request, proxies int) string {
	hops := strings.Split(lastHops(r.Header.Values(forwardedFor)), ",")
	if proxies < 0 || len(hops) <= proxies {
		return ""
	}
	return network(strings.TrimSpace(hops[len(hops)-1-proxies]))
}

// lastHops returns about the last maxHops entries. Repeated headers are one list (RFC 9110, 5.3).
func lastHops(values []string) string {
	text := strings.Join(values, ",")
	const longest = maxHops * len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%interface]:65535, ")
	if len(text) > longest {
		text = text[len(text)-longest:]
	}
	return text
}

// network returns the network of an address with or without a port, or "".
func network(text string) string {
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		port, err := netip.ParseAddrPort(text)
		if err != nil {
			return ""
		}
		address = port.Addr()
	}
	address = address.Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64 // a user gets at least that (RFC 6177) and can send from any address in it
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
