package posting

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
)

// A Guard says which addresses may be called. It looks at the address of a connection that is about
// to be made, so a name can't lead elsewhere by another answer of the DNS than was looked at.
type Guard struct {
	// StandIn allows loopback addresses, and nothing else.
	StandIn bool
	// Private allows the addresses of private networks besides public ones, for services with
	// private endpoints.
	Private bool
}

// notPublic are the addresses of IPv4 that are not those of a host on the Internet
// (https://www.iana.org/assignments/iana-ipv4-special-registry). The last is Azure's own, through
// which virtual machines talk to the platform
// (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
var notPublic = prefixes("0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 " +
	"192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 " +
	"203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32")

// global are the addresses of IPv6 that are given to hosts, and notGlobal those among them that
// lead to an address of IPv4 or nowhere
// (https://www.iana.org/assignments/iana-ipv6-special-registry).
var (
	global    = netip.MustParsePrefix("2000::/3")
	notGlobal = prefixes("2001::/23 2001:db8::/32 2002::/16 3fff::/20")
)

// private are the addresses of private networks.
var private = prefixes("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7")

// metadata are addresses in private networks that clouds give to their metadata services.
var metadata = prefixes("fd00:ec2::/32")

func prefixes(list string) (all []netip.Prefix) {
	for _, text := range strings.Fields(list) {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func within(address netip.Addr, list []netip.Prefix) bool {
	for _, prefix := range list {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// Allows reports whether the address may be called.
func (g Guard) Allows(address netip.Addr) bool {
	address = address.Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	switch {
	case g.StandIn:
		return address.IsLoopback()
	case address.Zone() != "", within(address, metadata):
		return false
	case g.Private && within(address, private):
		return true
	case address.Is4():
		return !within(address, notPublic)
	}
	return global.Contains(address) && !within(address, notGlobal)
}

// errAddress is the error of a connection that the guard does not allow.
var errAddress = errors.New("an address that may not be called")

// control is for [net.Dialer.Control]: it runs once the name is resolved, for each address.
func (g Guard) control(_, address string, _ syscall.RawConn) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil || !g.Allows(parsed.Addr()) {
		return errAddress
	}
	return nil
}
