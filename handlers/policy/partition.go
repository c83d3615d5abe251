package policy

import (
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"guestlist/handlers/submission"
)

const (
	// anyone is the partition of the rows for every address.
	anyone = "*"
	// maxDomain is the longest domain name in characters (RFC 1035, section 2.3.4, without the final dot), maxLabel the
	// longest part of it.
	maxDomain = 253
	maxLabel  = 63
)

// Partitions returns the partition keys of all rows that can decide on the address, the most specific first: the
// address, its domain, "*." and each ancestor of the domain from the nearest to the top-level domain, and "*". A
// wildcard stands for any depth below its domain and not for the domain itself. For ana@eu.contoso.com:
//
//	ana@eu.contoso.com
//	eu.contoso.com
//	*.contoso.com
//	*.com
//	*
//
// There are at most 12, since [submission.ParseAddress] takes no domain of more than 10 parts. The zero Address has
// none, not even "*".
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
		Column:  "PartitionKey",
		Problem: "is none that an address could have, so the row would be for nobody",
		Advice: "make the row anew under an address (ana@contoso.com), a domain (contoso.com), everything below a domain " +
			"(*.contoso.com) or * for everybody; lower case, without white space, other scripts in punycode (xn--...)",
	}
	if len(key) > maxDomain+maxLabel {
		return fault
	}
	likely := likelyPartition(key)
	// An address is personal data, and this text may go to a log.
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

// isAddress reports whether key is an address in the very form in which a submission has it: another spelling would
// never match.
func isAddress(key string) bool {
	address, err := submission.ParseAddress(key)
	return err == nil && address.String() == key
}

// isHost reports whether name is a host name in lower-case ASCII (RFC 1123, section 2.1) and no IP address.
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

// called returns how a reason speaks of the row: its name and the kind of its partition. There is no address in it: the
// partition's is left out, and a name that looks as if it held one is not repeated.
func called(raw Raw) string {
	kind := "of an unknown kind"
	switch {
	case raw.Partition == anyone:
		kind = "any"
	case !isPartition(raw.Partition):
		// Nothing of it is fit for a log.
	case strings.Contains(raw.Partition, "@"):
		kind = "address"
	case strings.HasPrefix(raw.Partition, "*."):
		kind = "wildcard " + raw.Partition
	default:
		kind = "domain " + raw.Partition
	}
	return "row " + quote(raw.Name) + " (" + kind + ")"
}

// quote returns a name that an admin chose in a form that is fit for a log: on one line, bounded, and no address.
func quote(name string) string {
	const most = 128
	name = clip(name, most)
	if strings.ContainsAny(name, "@\uff20\ufe6b") {
		return "(named like an address)"
	}
	return strconv.Quote(name)
}
