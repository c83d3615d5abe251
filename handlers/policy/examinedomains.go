package policy

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
)

// holdsForMore records that a part of a domain is also one of domains that anybody can register.
func (x *examiner) holdsForMore(function string, e ast.Expr, t term, part string, s scope) {
	isDomain := t.field == "domain"
	if !isDomain && t.field != "email" && t.field != "sponsor" {
		return
	}
	name := variable + "." + t.field
	const exactly = `compare request.domain by == with the whole domain, and by endsWith with a dot before it for those below`
	// In an address, only what is after the @ matters.
	_, after, hasAt := strings.Cut(part, "@")
	if isDomain || !hasAt {
		after = part
	}
	more := ""
	switch {
	case function == "endsWith":
		if strings.HasPrefix(part, ".") || !isDomain && (hasAt || !strings.Contains(part, ".")) {
			return
		}
		more = "looks at the end of %s for a text without a dot before it, so it also holds for domains that only end in it"
		if !isDomain {
			more = "looks at the end of %s for a domain without an @ before it, so it also holds for domains that only end in it"
		}
	case !x.invites:
		return
	case function == "contains" && isAddress("a@"+strings.TrimPrefix(after, ".")):
		more = "looks anywhere in %s for a part of a domain, so it also holds for domains that have it before their ending"
	case function == "startsWith" && isDomain:
		more = "looks at the beginning of %s, so it also holds for domains with any ending"
	case function == "matches" && looseAtEnd(part) && (isDomain || hasAt && after != "" || dotInDomain.MatchString(part)):
		more = "has a pattern for %s that does not end in $, so it also holds for domains that go on after it"
	case function == "matches" && dotBetweenLetters.MatchString(after):
		more = "has a dot in the pattern for %s that stands for any character, so it also holds for domains with another one there"
	default:
		return
	}
	advice := exactly
	if function == "matches" {
		advice = "write [.] for a dot, and $ at the end of the pattern; or " + exactly
	}
	x.record(Doubt{HoldsForMore, fmt.Sprintf(more, name) + x.at(e, s), advice}, s)
}

// looseAtEnd reports whether a pattern for a domain goes on after what it matches.
func looseAtEnd(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	return err == nil && !endsText(re)
}

func endsText(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEndText, syntax.OpEndLine:
		return true
	case syntax.OpConcat:
		return endsText(re.Sub[len(re.Sub)-1])
	case syntax.OpCapture:
		return endsText(re.Sub[0])
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !endsText(sub) })
	}
	return false
}
