package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// The macros, by what they compile to.
const (
	exists = iota + 1
	all
	existsOne
)

// loopBody returns what a macro asks of each entry.
func loopBody(loop ast.ComprehensionExpr) (body ast.Expr, kind int) {
	step := loop.LoopStep()
	if step.Kind() != ast.CallKind {
		return nil, 0
	}
	args := step.AsCall().Args()
	switch step.AsCall().FunctionName() {
	case operators.LogicalOr:
		return args[1], exists
	case operators.LogicalAnd:
		return args[1], all
	case operators.Conditional:
		return args[0], existsOne
	}
	return nil, 0
}

func (s scope) bind(name string, entry ast.Expr) scope {
	s.names = maps.Clone(s.names)
	if s.names == nil {
		s.names = map[string]ast.Expr{}
	}
	s.names[name] = entry
	return s
}

// truth reports whether the expression can be true and whether it can be false. It says so of
// everything that it does not know.
func (x *examiner) truth(e ast.Expr, s scope) (canHold, canFail bool) {
	switch e.Kind() {
	case ast.LiteralKind:
		value, isBool := e.AsLiteral().(types.Bool)
		if isBool {
			return bool(value), !bool(value)
		}
	case ast.ComprehensionKind:
		return x.loop(e.AsComprehension(), s)
	case ast.CallKind:
		return x.call(e, s)
	}
	return true, true
}

func (x *examiner) loop(loop ast.ComprehensionExpr, s scope) (canHold, canFail bool) {
	body, kind := loopBody(loop)
	if kind == 0 || loop.IterRange().Kind() != ast.ListKind {
		return true, true
	}
	hold, fail := 0, 0 // entries for which the body can
	entries := loop.IterRange().AsList().Elements()
	for _, entry := range entries {
		canHold, canFail := x.truth(body, s.bind(loop.IterVar(), entry))
		if canHold {
			hold++
		}
		if canFail {
			fail++
		}
	}
	switch kind {
	case exists:
		return hold > 0, fail == len(entries)
	case all:
		return hold == len(entries), fail > 0
	}
	return hold > 0, true
}

func (x *examiner) call(e ast.Expr, s scope) (canHold, canFail bool) {
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr:
		hold1, fail1 := x.truth(args[0], s)
		hold2, fail2 := x.truth(args[1], s)
		if call.FunctionName() == operators.LogicalAnd {
			return hold1 && hold2, fail1 || fail2
		}
		return hold1 || hold2, fail1 && fail2
	case operators.LogicalNot:
		hold, fail := x.truth(args[0], s)
		return fail, hold
	case operators.Conditional:
		then, otherwise := x.truth(args[0], s)
		hold1, fail1 := x.truth(args[1], s)
		hold2, fail2 := x.truth(args[2], s)
		return then && hold1 || otherwise && hold2, then && fail1 || otherwise && fail2
	case operators.Equals:
		return x.equal(args[0], args[1], s)
	case operators.NotEquals:
		hold, fail := x.equal(args[0], args[1], s)
		return fail, hold
	case operators.In:
		if args[1].Kind() != ast.ListKind {
			return true, true
		}
		hold, fail := false, true
		for _, entry := range args[1].AsList().Elements() {
			canBe, canDiffer := x.equal(args[0], entry, s)
			hold, fail = hold || canBe, fail && canDiffer
		}
		return hold, fail
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return x.compare(e, s)
	case "startsWith", "endsWith", "contains", "matches":
		return x.part(e, s)
	}
	return true, true
}

// equal compares two texts or two numbers.
func (x *examiner) equal(a, b ast.Expr, s scope) (canHold, canFail bool) {
	one, other := termOf(a, s), termOf(b, s)
	switch {
	case one.exact && other.exact:
		return one.text == other.text, one.text != other.text
	case one.exact:
		one, other, a, b = other, one, b, a
	}
	if one.field != "" && other.exact {
		if x.reads {
			x.fits(b, s, one, other.text, true)
			return true, true
		}
		if one.mayBe(other.text, s) {
			return true, true
		}
		x.isNever(b, s, one, "compares %s with a text that it never is")
		return false, true
	}
	r, isNumber := x.rangeOf(a, s)
	q, isOther := x.rangeOf(b, s)
	if isNumber && isOther {
		if r.from > q.to || q.from > r.to {
			x.isNever(a, s, r.of, "compares the length of %s with a number that it never is")
			return false, true
		}
		return true, r.from != r.to || q.from != q.to || r.from != q.from
	}
	return true, true
}

// numbers are those from one to another. of is the text whose length they are, if it is one.
type numbers struct {
	from, to int64
	of       term
}

// rangeOf returns the numbers that an expression can be.
func (x *examiner) rangeOf(e ast.Expr, s scope) (r numbers, ok bool) {
	switch e.Kind() {
	case ast.LiteralKind:
		value, isInt := e.AsLiteral().(types.Int)
		return numbers{from: int64(value), to: int64(value)}, isInt
	case ast.CallKind:
	default:
		return numbers{}, false
	}
	call := e.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	switch {
	case call.FunctionName() == "size" && len(args) == 1:
		t := termOf(args[0], s)
		if t.exact {
			n := int64(utf8.RuneCountInString(t.text))
			return numbers{n, n, t}, true
		}
		i := slices.Index(fieldNames(), t.field)
		if i < 0 {
			return numbers{}, false
		}
		least := int64(shortest[t.field])
		if slices.Contains(t.shape, "trim") {
			least = 0
		}
		return numbers{least, int64(fields[i].longest), t}, true
	case call.FunctionName() == "indexOf" && len(args) == 2:
		t, part := termOf(args[0], s), termOf(args[1], s)
		if x.reads && t.field != "" && part.exact {
			x.fits(args[1], s, t, part.text, false)
			return numbers{}, false
		}
		if t.field != "" && part.exact && !t.mayHave(part.text, anywhere, s) {
			return numbers{-1, -1, t}, true
		}
	}
	return numbers{}, false
}

// shortest has the fewest characters of the fields that are not empty.
var shortest = map[string]int{"email": 5, "domain": 3, "name": 3, "givenName": 1, "familyName": 1}

// compare compares numbers by < and the like.
func (x *examiner) compare(e ast.Expr, s scope) (canHold, canFail bool) {
	args := e.AsCall().Args()
	a, isNumber := x.rangeOf(args[0], s)
	b, isOther := x.rangeOf(args[1], s)
	if !isNumber || !isOther {
		return true, true
	}
	of := a.of
	if of.field == "" {
		of = b.of
	}
	switch e.AsCall().FunctionName() {
	case operators.Greater:
		a, b = b, a
		fallthrough
	case operators.Less:
		canHold, canFail = a.from < b.to, a.to >= b.from
	case operators.GreaterEquals:
		a, b = b, a
		fallthrough
	default:
		canHold, canFail = a.from <= b.to, a.to > b.from
	}
	if !canHold {
		x.isNever(e, s, of, "compares the length of %s with a number that it never reaches")
	}
	return canHold, canFail
}

// The places of a part in a text.
const (
	atStart = iota
	atEnd
	anywhere
	whole
)

// part looks for a part or a pattern in a text.
func (x *examiner) part(e ast.Expr, s scope) (canHold, canFail bool) {
	call := e.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	if len(args) != 2 {
		return true, true
	}
	t, part := termOf(args[0], s), termOf(args[1], s)
	if !part.exact || !t.exact && t.field == "" {
		return true, true
	}
	name := call.FunctionName()
	switch {
	case x.reads && name == "matches":
		x.fitsPattern(args[1], s, t, part.text)
		return true, true
	case x.reads:
		x.fits(args[1], s, t, part.text, false)
		return true, true
	}
	if name == "matches" {
		pattern, err := regexp.Compile(part.text)
		switch {
		case err != nil:
			return true, true
		case t.exact:
			holds := pattern.MatchString(t.text)
			return holds, !holds
		case !t.mayMatch(pattern, part.text):
			x.isNever(args[1], s, t, "has a pattern that %s never matches")
			return false, true
		}
		x.holdsForMore(name, args[1], t, part.text, s)
		return true, true
	}
	where := map[string]int{"startsWith": atStart, "endsWith": atEnd, "contains": anywhere}[name]
	if t.exact {
		holds := hasPart(t.text, part.text, where)
		return holds, !holds
	}
	if !t.mayHave(part.text, where, s) {
		x.isNever(args[1], s, t, "looks in %s for a text that it never has there")
		return false, true
	}
	x.holdsForMore(name, args[1], t, part.text, s)
	return true, part.text != ""
}

func hasPart(text, part string, where int) bool {
	switch where {
	case atStart:
		return strings.HasPrefix(text, part)
	case atEnd:
		return strings.HasSuffix(text, part)
	}
	return strings.Contains(text, part)
}
