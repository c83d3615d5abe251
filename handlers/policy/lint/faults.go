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

// keyRules has the rule for each fault of a PartitionKey.
var keyRules = map[policy.KeyFault]string{
	policy.KeyCapitals: rulePartitionCase,
	policy.KeyNotASCII: rulePartitionASCII,
	policy.KeySuffix:   rulePartitionPublic,
	policy.KeyNobody:   rulePartitionNobody,
	policy.KeyHidden:   rulePartitionSyntax,
	policy.KeyOther:    rulePartitionSyntax,
}

// checkBadKey reports what policy says of a PartitionKey that matches no address.
func (k *checker) checkBadKey(e *entry, f policy.Fault) {
	fault, _ := policy.JudgeKey(e.row.Partition)
	k.add(e, f.Column, keyRules[fault], sentence(f.Column, f.Problem), sentence(e.row.KeyAdvice()))
}

// domainOf returns the domain in the form of submissions. ok is false if no address can have it.
func domainOf(name string) (domain string, ok bool) {
	address, err := submission.ParseAddress("someone@" + name)
	if err != nil {
		return "", false
	}
	return address.Domain(), true
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
