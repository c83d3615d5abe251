package lint

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// checkFaults reports what policy could not understand.
func (k *checker) checkFaults(p *partition) {
	columns := policy.Columns()
	told := map[string]bool{} // names of rows that come twice
	for _, e := range p.entries {
		if e.copy && !told[e.row.Name] {
			told[e.row.Name] = true
			k.add(e, policy.RowKeyColumn, ruleTwins,
				"Another row has the same PartitionKey and RowKey, so both send everybody to review.",
				"Keep one of them, or change the RowKey of one.")
		}
		for _, f := range e.row.Faults {
			at := slices.IndexFunc(columns, func(c policy.Column) bool { return c.Name == f.Column })
			switch {
			case f.Column == policy.PartitionKeyColumn:
				k.checkBadKey(e, f)
			case at < 0:
				k.add(e, f.Column, ruleUnknownColumn, sentence("The column", quoted(f.Column), f.Problem), sentence(f.Advice))
			default:
				rule := "invalid-"
				if columns[at].Required && unset(e.row.Columns[f.Column]) {
					rule = "missing-"
				}
				k.add(e, f.Column, rule+kebab(f.Column), sentence(f.Column, f.Problem), sentence(f.Advice))
			}
		}
	}
}

// unset reports whether policy reads the cell as empty.
func unset(cell any) bool {
	text, isText := cell.(string)
	return cell == nil || isText && strings.TrimSpace(text) == ""
}

// checkBadKey reports what is wrong with a PartitionKey that matches no address.
func (k *checker) checkBadKey(e *entry, f policy.Fault) {
	key := e.row.Partition
	meant, isSuffix := meantKey(key)
	switch {
	case isSuffix:
		k.add(e, f.Column, rulePartitionPublic,
			"PartitionKey is an ending under which others register their domains, and nobody has an address at it.",
			"Create the row again under "+meant+" if everybody below it is meant, or under the partner's own domain.")
	case meant != "" && meant == strings.ToLower(key):
		k.add(e, f.Column, rulePartitionCase,
			"PartitionKey has capital letters. Addresses are compared in lower case, so the row would be for nobody.",
			"Create the row again under "+meant+".")
	case meant != "" && strings.ContainsFunc(strings.TrimSpace(key), func(r rune) bool { return r > unicode.MaxASCII }):
		k.add(e, f.Column, rulePartitionASCII,
			"PartitionKey is not in ASCII. International names are compared in punycode, so the row would be for nobody.",
			"Create the row again under "+meant+", which is the same name in punycode.")
	case meant != "":
		k.add(e, f.Column, rulePartitionSyntax, sentence(f.Column, f.Problem), "Create the row again under "+meant+".")
	default:
		k.add(e, f.Column, rulePartitionSyntax, sentence(f.Column, f.Problem), sentence(f.Advice))
	}
}

// meantKey returns the valid partition key that an invalid one probably means, or "". For an
// ending such as co.uk that is the wildcard below it, and isSuffix is true.
func meantKey(key string) (meant string, isSuffix bool) {
	const longest = 512 // bytes; a longer one is not a typing error
	if len(key) > longest || !utf8.ValidString(key) {
		return "", false
	}
	wanted := strings.TrimSpace(key)
	at := strings.LastIndexByte(wanted, '@')
	if at > 0 {
		address, err := submission.ParseAddress(wanted)
		if err != nil {
			return "", false
		}
		return address.String(), false
	}
	wanted = strings.TrimSuffix(wanted[at+1:], ".")
	below, wildcard := strings.CutPrefix(wanted, "*")
	if wildcard || strings.HasPrefix(below, ".") {
		parent, ok := parentOf(strings.TrimPrefix(below, "."))
		if !ok {
			return "", false
		}
		return "*." + parent, false
	}
	domain, ok := domainOf(wanted)
	if ok {
		return domain, false
	}
	parent, ok := parentOf(wanted)
	if ok {
		return "*." + parent, true
	}
	return "", false
}

// domainOf returns the domain in the form of submissions. ok is false if no address can have it.
func domainOf(name string) (domain string, ok bool) {
	address, err := submission.ParseAddress("someone@" + name)
	if err != nil {
		return "", false
	}
	return address.Domain(), true
}

// parentOf is like domainOf, but ok says whether an address can have a domain below it.
func parentOf(name string) (parent string, ok bool) {
	// Some endings need two more parts: the public suffix list has everything directly below them.
	for _, below := range []string{"a.", "a.a."} {
		domain, ok := domainOf(below + name)
		if ok {
			return strings.TrimPrefix(domain, below), true
		}
	}
	return "", false
}

// sentence joins clauses into a sentence.
func sentence(clauses ...string) string {
	text := strings.Join(clauses, " ")
	first, size := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(first)) + text[size:]
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// quoted returns a text that somebody typed as one line, in quotes, and not too long.
func quoted(text string) string {
	const most = 80
	runes := []rune(text)
	if len(runes) > most {
		text = string(runes[:most-1]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
