package tablesim

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A filter is a parsed $filter. It knows the comparisons, and, or, not, and parentheses.
type filter struct {
	matches func(entity) bool
	bounds  []bound
}

// bound is a comparison of PartitionKey that every row must pass: the service looks at no other
// rows.
type bound struct{ operator, value string }

// first returns the smallest PartitionKey that can pass.
func (f filter) first() string {
	first := ""
	for _, b := range f.bounds {
		if b.operator == "eq" || b.operator == "ge" || b.operator == "gt" {
			first = max(first, b.value)
		}
	}
	return first
}

// beyond reports whether neither the key nor one after it can pass.
func (f filter) beyond(at key) bool {
	for _, b := range f.bounds {
		switch {
		case (b.operator == "eq" || b.operator == "le") && at.partition > b.value,
			b.operator == "lt" && at.partition >= b.value:
			return true
		}
	}
	return false
}

// token matches one word of a filter.
var token = regexp.MustCompile(`^\s*(\(|\)|datetime'[^']*'|'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*|-?[0-9]+)`)

type parser struct{ rest string }

func (p *parser) peek() string {
	found := token.FindStringSubmatch(p.rest)
	if found == nil {
		return ""
	}
	return found[1]
}

func (p *parser) take() string {
	text := p.peek()
	p.rest = strings.TrimLeft(p.rest, " ")[len(text):]
	return text
}

// expression is a part of a filter. bounds hold if it stands alone or is joined by "and".
type expression struct {
	matches func(entity) bool
	bounds  []bound
}

func parseFilter(text string) (filter, error) {
	if text == "" {
		return filter{matches: func(entity) bool { return true }}, nil
	}
	p := &parser{text}
	e, err := p.or()
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("the filter goes on with %q", p.rest)
	}
	return filter(e), err
}

func (p *parser) or() (expression, error) {
	left, err := p.and()
	for err == nil && p.peek() == "or" {
		p.take()
		a := left.matches
		var right expression
		right, err = p.and()
		left = expression{matches: func(e entity) bool { return a(e) || right.matches(e) }}
	}
	return left, err
}

func (p *parser) and() (expression, error) {
	left, err := p.not()
	for err == nil && p.peek() == "and" {
		p.take()
		a := left.matches
		var right expression
		right, err = p.not()
		left = expression{
			func(e entity) bool { return a(e) && right.matches(e) }, append(left.bounds, right.bounds...),
		}
	}
	return left, err
}

func (p *parser) not() (expression, error) {
	switch p.peek() {
	case "not":
		p.take()
		e, err := p.not()
		return expression{matches: func(row entity) bool { return !e.matches(row) }}, err
	case "(":
		p.take()
		e, err := p.or()
		if err == nil && p.take() != ")" {
			err = fmt.Errorf("a parenthesis is missing before %q", p.rest)
		}
		return e, err
	}
	return p.comparison()
}

func (p *parser) comparison() (expression, error) {
	column, operator, literal := p.take(), p.take(), p.take()
	passes, known := map[string]func(int) bool{
		"eq": func(c int) bool { return c == 0 }, "ne": func(c int) bool { return c != 0 },
		"lt": func(c int) bool { return c < 0 }, "le": func(c int) bool { return c <= 0 },
		"gt": func(c int) bool { return c > 0 }, "ge": func(c int) bool { return c >= 0 },
	}[operator]
	if column == "" || !known {
		return expression{}, fmt.Errorf("%q %q is not a comparison", column, operator)
	}
	compare, err := comparer(literal)
	if err != nil {
		return expression{}, err
	}
	e := expression{matches: func(row entity) bool {
		order, comparable := compare(row[column])
		return comparable && passes(order)
	}}
	if column == "PartitionKey" && strings.HasPrefix(literal, "'") {
		e.bounds = []bound{{operator, literalText(literal)}}
	}
	return e, nil
}

func literalText(literal string) string { return unquoted(literal[1 : len(literal)-1]) }

// comparer returns how a value compares with the literal; false if it is of another type. A row
// without the column passes no comparison.
func comparer(literal string) (func(any) (int, bool), error) {
	if text, isTime := strings.CutPrefix(literal, "datetime"); isTime {
		want, err := time.Parse(time.RFC3339Nano, literalText(text))
		return func(value any) (int, bool) {
			text, _ := value.(string)
			at, err := time.Parse(time.RFC3339Nano, text)
			return at.Compare(want), err == nil
		}, err
	}
	switch {
	case strings.HasPrefix(literal, "'"):
		want := literalText(literal)
		return func(value any) (int, bool) {
			text, ok := value.(string)
			return cmp.Compare(text, want), ok
		}, nil
	case literal == "true", literal == "false":
		return func(value any) (int, bool) {
			is, ok := value.(bool)
			if is == (literal == "true") {
				return 0, ok
			}
			return 1, ok
		}, nil
	}
	want, err := strconv.Atoi(literal)
	return func(value any) (int, bool) {
		switch value := value.(type) {
		case int:
			return cmp.Compare(value, want), true
		case float64:
			return cmp.Compare(value, float64(want)), true
		}
		return 0, false
	}, err
}
