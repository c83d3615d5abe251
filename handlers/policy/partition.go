package policy

import (
	"strconv"
	"strings"

	"guestlist/handlers/submission"
)

const (
	anyone = "*" // the partition of rows for every address
	// maxDomain and maxLabel limit a domain name and its parts, in characters (RFC 1035, 2.3.4).
	maxDomain = 253
	maxLabel  = 63
)

// Partitions returns the partition keys of all rows that can decide on the address, the most
// specific first: the address, its domain, "*." and each ancestor of the domain from the nearest
// on, and "*". A wildcard covers any depth below its domain, but not the domain itself. For
// ana@eu.contoso.com:
//
//	ana@eu.contoso.com
//	eu.contoso.com
//	*.contoso.com
//	*.com
//	*
//
// There are at most 12, since [submission.ParseAddress] limits domains to 10 parts, or a few more
// for an address that was stored under other rules. The zero Address has none, not even "*".
func Partitions(a submission.Address) []string {
	domain := a.Domain()
	if domain == "" {
		return nil
	}
	keys := []string{a.String(), domain}
	for {
		_, parent, found := strings.Cut(domain, ".")
		if !found {
			return append(keys, anyone)
		}
		keys = append(keys, "*."+parent)
		domain = parent
	}
}

// isPartition reports whether a row under the key is for one of the Partitions of an address.
func isPartition(key string) bool {
	if key == anyone {
		return true
	}
	below, wildcard := strings.CutPrefix(key, "*.")
	if wildcard {
		return isHost(below) && hasDomainsBelow(below)
	}
	if strings.Contains(key, "@") {
		return isAddress(key) && !hasApostrophe(key)
	}
	address, err := submission.ParseAddress("a@" + key)
	// Under co.uk, a row is meant for what is below. At nic.in there are mailboxes.
	return err == nil && address.Domain() == key && address.Doubt() != submission.OnlyEnding
}

// hasDomainsBelow reports whether an address can have a domain below the one.
func hasDomainsBelow(domain string) bool { return isAddress("a@a." + domain) }

// isAddress reports whether key is an address in a submission's form: no other form matches.
func isAddress(key string) bool {
	address, err := submission.ParseAddress(key)
	return err == nil && address.String() == key
}

// hasApostrophe reports whether a text that names an address begins with an apostrophe.
// Spreadsheets keep the one that makes a cell a text, so it counts as theirs, although an address
// may begin with one.
func hasApostrophe(text string) bool { return strings.HasPrefix(text, "'") }

// isHost reports whether name is a host in lower-case ASCII (RFC 1123, 2.1), not an IP address.
func isHost(name string) bool {
	if len(name) > maxDomain {
		return false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && !('0' <= c && c <= '9') && !('a' <= c && c <= 'z') {
				return false
			}
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// Wider returns the partitions that are tried after the one of the key for every address that has
// both: those from which [Partitions] goes on. It returns nil for a key that is none, and for "*".
func Wider(key string) []string {
	if key == anyone || !isPartition(key) {
		return nil
	}
	var wider []string
	domain := key
	below, isWildcard := strings.CutPrefix(key, "*.")
	local, at, isAddress := strings.Cut(key, "@")
	switch {
	case isWildcard:
		domain = below
	case isAddress && local != "":
		domain = at
		wider = append(wider, domain)
	}
	for {
		_, parent, found := strings.Cut(domain, ".")
		if !found {
			return append(wider, anyone)
		}
		wider = append(wider, "*."+parent)
		domain = parent
	}
}

// called returns the row's name and the kind of its partition for a reason, never an address.
func called(raw Raw) string {
	kind := ""
	switch {
	case raw.Partition == anyone:
		kind = "any"
	case raw.Partition == unlistedKey:
		kind = "PartitionKeys that match nobody"
	case !isPartition(raw.Partition):
		kind = "PartitionKey " + QuoteKey(raw.Partition)
	case strings.Contains(raw.Partition, "@"):
		kind = "address"
	case strings.HasPrefix(raw.Partition, "*."):
		kind = "wildcard " + raw.Partition
	default:
		kind = "domain " + raw.Partition
	}
	return "row " + QuoteName(raw.Name) + " (" + kind + ")"
}

// maxQuoted is the most bytes of a name or a key that a reason repeats.
const maxQuoted = 128

// atSigns are the characters that look like the one in an address.
const atSigns = "@\uff20\ufe6b"

// QuoteName returns the name of a row or a column in a form that may be logged: one line, bounded,
// without an address.
func QuoteName(name string) string {
	name = clip(name, maxQuoted)
	if strings.ContainsAny(name, atSigns) {
		return "(named like an address)"
	}
	return strconv.Quote(name)
}
