package guard

import (
	"net/http"
	"net/netip"
	"strings"
)

// forwardedFor is the header to whose end each proxy adds the address from which it got the
// request. App Service's front end adds address and port; earlier entries came with the request
// and may be made up.
const forwardedFor = "X-Forwarded-For"

// maxHops bounds the work on a header that a client can make long.
const maxHops = 50

// The networks that count as one client. An IPv6 user gets at least a /64 (RFC 6177) and can send
// from any address in it.
const (
	ipv4Bits = 32
	ipv6Bits = 64
)

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
	bits := ipv4Bits
	if address.Is6() {
		bits = ipv6Bits
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
