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
		k.checkStorable(p, e)
		for _, f := range e.row.Faults {
			at := slices.IndexFunc(columns, func(c policy.Column) bool { return c.Name == f.Column })
			switch {
			case f.Column == policy.PartitionKeyColumn:
				k.checkBadKey(e, f)
			case f.Column == policy.RowKeyColumn:
				k.add(e, f.Column, ruleRowKey, sentence(f.Column, f.Problem), sentence(f.Advice))
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

// checkStorable reports what a table can't hold. That is of rows of a file only.
func (k *checker) checkStorable(p *partition, e *entry) {
	for _, f := range policy.Unstorable(e.row.Raw) {
		subject, advice := f.Column, f.Advice
		switch f.Column {
		case policy.PartitionKeyColumn:
			advice = e.row.KeyAdvice()
		case policy.RowKeyColumn:
			name := policy.StorableName(e.row.Name)
			if name != e.row.Name && name != "" {
				advice = "call the row " + quoted(p.free(name))
			}
		default:
			subject = "the column " + quoted(f.Column)
		}
		k.add(e, f.Column, Unstorable, sentence(subject, f.Problem), sentence(advice))
	}
}

// free returns the name, or with a number after it if a row of the partition has it.
func (p *partition) free(name string) string {
	free := name
	for n := 2; slices.ContainsFunc(p.entries, func(e *entry) bool { return e.row.Name == free }); n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free
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
