package policy

import (
	"strconv"
	"strings"

	"golang.org/x/net/idna"

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
// There are at most 12, since [submission.ParseAddress] limits domains to 10 parts. The zero
// Address has none, not even "*".
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

// partitionFault returns what is wrong with a row's PartitionKey, or nil.
func partitionFault(key string) *Fault {
	if isPartition(key) {
		return nil
	}
	fault := &Fault{
		Column:  PartitionKeyColumn,
		Problem: "matches no address, so the row would be for nobody",
		Advice: "make the row anew under an address (ana@contoso.com), a domain (contoso.com), everything below a domain " +
			"(*.contoso.com) or * for everybody; lower case, without white space, other scripts in punycode (xn--...)",
	}
	if len(key) > maxDomain+maxLabel {
		return fault
	}
	likely := likelyPartition(key)
	// An address is personal data, and this text may be logged.
	if likely != "" && !isAddress(likely) {
		fault.Advice = "make the row anew under " + likely
	}
	return fault
}

// likelyPartition returns the key that was probably meant, or "".
func likelyPartition(key string) string {
	wanted := strings.ToLower(strings.TrimSpace(key))
	wanted = strings.TrimSuffix(strings.TrimPrefix(wanted, "@"), ".")
	prefix := ""
	rest, found := strings.CutPrefix(wanted, "*")
	if found || strings.HasPrefix(rest, ".") {
		prefix, rest = "*.", strings.TrimPrefix(rest, ".")
	}
	ascii, err := idna.Lookup.ToASCII(rest)
	if err != nil {
		return ""
	}
	if isPartition(prefix + ascii) {
		return prefix + ascii
	}
	// "com" and "co.uk" can only mean what is below them.
	if isAddress("a@below." + ascii) {
		return "*." + ascii
	}
	return ""
}

// isPartition reports whether key may be one of the Partitions of an address.
func isPartition(key string) bool {
	if key == anyone {
		return true
	}
	below, wildcard := strings.CutPrefix(key, "*.")
	if wildcard {
		return isHost(below)
	}
	if strings.Contains(key, "@") {
		return isAddress(key)
	}
	return isAddress("a@" + key)
}

// isAddress reports whether key is an address in a submission's form: no other form matches.
func isAddress(key string) bool {
	address, err := submission.ParseAddress(key)
	return err == nil && address.String() == key
}

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

// called returns the row's name and the kind of its partition for a reason, never an address.
func called(raw Raw) string {
	kind := "of an unknown kind"
	switch {
	case raw.Partition == anyone:
		kind = "any"
	case !isPartition(raw.Partition):
		// It may hold anything, so it can't be logged.
	case strings.Contains(raw.Partition, "@"):
		kind = "address"
	case strings.HasPrefix(raw.Partition, "*."):
		kind = "wildcard " + raw.Partition
	default:
		kind = "domain " + raw.Partition
	}
	return "row " + quote(raw.Name) + " (" + kind + ")"
}

// quote returns a name in a form that may be logged: one line, bounded, without an address.
func quote(name string) string {
	const most = 128
	name = clip(name, most)
	if strings.ContainsAny(name, "@\uff20\ufe6b") {
		return "(named like an address)"
	}
	return strconv.Quote(name)
}
