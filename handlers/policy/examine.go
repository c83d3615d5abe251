package policy

import (
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"golang.org/x/text/unicode/norm"

	"guestlist/handlers/submission"
)

// Doubt is what makes a condition say something else than its author meant, probably.
type Doubt struct {
	Kind DoubtKind
	// Problem is the rest of a sentence that begins with the column. It repeats nothing of the
	// condition. Advice says what to write instead.
	Problem, Advice string
}

// DoubtKind is a kind of doubt.
type DoubtKind string

const (
	NeverHolds   DoubtKind = "never"          // it holds for no submission that the row is for
	PartIsNever  DoubtKind = "part is never"  // a comparison in it is true for no submission
	HoldsForMore DoubtKind = "holds for more" // it holds for domains that others can register
)

// Doubts returns what is doubtful about the row's condition, at most one of a kind. A condition that
// it calls false never holds; there are others that it does not find. It knows in which form the
// fields come from the form, and what the PartitionKey says of the address.
func Doubts(row Row) []Doubt {
	c, err := sharedCompiler()
	if err != nil || row.Condition.text == "" {
		return nil
	}
	parsed, issues := c.env.Parse(row.Condition.text)
	if issues.Err() != nil {
		return nil
	}
	x := &examiner{text: row.Condition.text, source: parsed.NativeRep().SourceInfo(), invites: row.Action == Invite}
	e := parsed.NativeRep().Expr()
	forms := map[formKey]bool{}
	x.truth(e, scope{reports: true, forms: forms})
	doubts := x.doubts
	here := scopeOf(row.Partition)
	here.forms = forms
	if len(here.known)+len(here.tails) > 0 { // the row is for no other domain, whatever the condition says
		doubts = slices.DeleteFunc(doubts, func(d Doubt) bool { return d.Kind == HoldsForMore })
	}
	if x.never(e, here) {
		never := Doubt{NeverHolds, "is true for no sign-up that the row is for, so the row never applies",
			"correct it, or set Enabled to false"}
		i := slices.IndexFunc(doubts, func(d Doubt) bool { return d.Kind == PartIsNever })
		if i >= 0 {
			never.Problem += ": it " + doubts[i].Problem
			never.Advice = doubts[i].Advice
			doubts = slices.Delete(doubts, i, i+1)
		}
		doubts = append([]Doubt{never}, doubts...)
	}
	return doubts
}

// examiner examines one condition.
type examiner struct {
	text    string
	source  *ast.SourceInfo
	invites bool
	doubts  []Doubt
}

// scope is what is known where an expression stands.
type scope struct {
	names map[string]ast.Expr // loop variables with their entry of the list
	known map[string]string   // fields with their values
	tails map[string]string   // fields with the end of their values
	// reports says that doubts about comparisons are recorded.
	reports bool
	forms   map[formKey]bool // what is known of fields and texts, which takes time to find out
}

// formKey is a question whether a field can be a text, or have it at a place.
type formKey struct {
	field, text string
	where       int
}

// once answers a question, the second time from memory.
func (s scope) once(field, text string, where int, answer func() bool) bool {
	key := formKey{field, text, where}
	known, found := s.forms[key]
	if !found {
		known = answer()
		s.forms[key] = known
	}
	return known
}

// scopeOf returns what is known of the sign-ups that rows of the partition are for.
func scopeOf(partition string) scope {
	s := scope{known: map[string]string{}, tails: map[string]string{}}
	below, isWildcard := strings.CutPrefix(partition, "*.")
	switch {
	case !isPartition(partition), partition == anyone:
	case isWildcard:
		s.tails["email"], s.tails["domain"] = "."+below, "."+below
	case strings.Contains(partition, "@"):
		s = s.with("email", partition)
	default:
		s.known["domain"], s.tails["email"] = partition, "@"+partition
	}
	return s
}

// with returns the scope with a field that is known too.
func (s scope) with(field, value string) scope {
	s.known = maps.Clone(s.known)
	if s.known == nil {
		s.known = map[string]string{}
	}
	s.known[field] = value
	local, domain, isAddress := strings.Cut(value, "@")
	if field == "email" && isAddress {
		s.known["domain"], s.known[localField] = domain, local
	}
	return s
}

// localField names the part of the address before the @, which is no field.
const localField = "the part before the @"

// never reports whether the expression is true for nobody.
func (x *examiner) never(e ast.Expr, s scope) bool {
	possible, _ := x.truth(e, s)
	if !possible {
		return true
	}
	only := x.only(e, s)
	if strings.Contains(x.text, "country") {
		only["country"] = narrowed(countries(), only["country"])
	}
	for _, field := range slices.Sorted(maps.Keys(only)) {
		_, isKnown := s.known[field]
		if isKnown {
			continue
		}
		holds := slices.ContainsFunc(only[field], func(value string) bool {
			possible, _ := x.truth(e, s.with(field, value))
			return possible
		})
		if !holds {
			return true
		}
	}
	return false
}

// countries are the values of request.country.
var countries = sync.OnceValue(func() []string {
	codes, err := submission.Countries()
	if err != nil {
		return nil
	}
	return append([]string{""}, codes...)
})

// narrowed returns the values that are in both lists. A nil list has all.
func narrowed(a, b []string) []string {
	if a == nil || b == nil {
		return append(a, b...)
	}
	both := []string{}
	for _, value := range a {
		if slices.Contains(b, value) {
			both = append(both, value)
		}
	}
	return both
}

// only returns for some fields the values that they can have where the expression is true.
func (x *examiner) only(e ast.Expr, s scope) map[string][]string {
	none := map[string][]string{}
	if e.Kind() == ast.ComprehensionKind {
		// The entries of exists are alternatives.
		loop := e.AsComprehension()
		body, kind := loopBody(loop)
		if kind != exists || loop.IterRange().Kind() != ast.ListKind {
			return none
		}
		var found map[string][]string
		for i, entry := range loop.IterRange().AsList().Elements() {
			more := x.only(body, s.bind(loop.IterVar(), entry))
			if i == 0 {
				found = more
			} else {
				found = either(found, more)
			}
		}
		return found
	}
	if e.Kind() != ast.CallKind {
		return none
	}
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		both := x.only(args[0], s)
		for field, values := range x.only(args[1], s) {
			both[field] = narrowed(both[field], values)
		}
		return both
	case operators.LogicalOr:
		return either(x.only(args[0], s), x.only(args[1], s))
	case operators.Equals:
		for i := range args {
			one, other := termOf(args[i], s), termOf(args[1-i], s)
			if one.field != "" && one.shape == nil && other.exact {
				none[one.field] = []string{other.text}
			}
		}
	case operators.In:
		one := termOf(args[0], s)
		if one.field == "" || one.shape != nil || args[1].Kind() != ast.ListKind {
			return none
		}
		values := []string{}
		for _, entry := range args[1].AsList().Elements() {
			value := termOf(entry, s)
			if !value.exact {
				return none
			}
			values = append(values, value.text)
		}
		none[one.field] = values
	}
	return none
}

// either returns what holds where one of two expressions is true.
func either(a, b map[string][]string) map[string][]string {
	both := map[string][]string{}
	for field, values := range a {
		if b[field] != nil {
			both[field] = append(slices.Clone(values), b[field]...)
		}
	}
	return both
}

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

// isNever records that a comparison is true for nobody.
func (x *examiner) isNever(e ast.Expr, s scope, t term, problem string) {
	if t.field == "" {
		return
	}
	name := t.field
	advice := ""
	i := slices.Index(fieldNames(), t.field)
	if i >= 0 {
		name = variable + "." + name
		advice = name + " is " + fields[i].meaning
		if fields[i].longest > 2 {
			advice += fmt.Sprintf(", of at most %d characters", fields[i].longest)
		}
	}
	if len(t.shape) > 0 {
		name = "the result of " + t.shape[len(t.shape)-1]
	}
	if advice == "" {
		advice = "write it in lower case"
	}
	x.record(Doubt{PartIsNever, fmt.Sprintf(problem, name) + x.at(e, s), advice}, s)
}

func (x *examiner) record(d Doubt, s scope) {
	if s.reports && !slices.ContainsFunc(x.doubts, func(known Doubt) bool { return known.Kind == d.Kind }) {
		x.doubts = append(x.doubts, d)
	}
}

// at returns the place of an expression, or of the list's entry that a loop variable stands for.
func (x *examiner) at(e ast.Expr, s scope) string {
	if e.Kind() == ast.IdentKind && s.names[e.AsIdent()] != nil {
		e = s.names[e.AsIdent()]
	}
	start := x.source.GetStartLocation(e.ID())
	return at(x.text, start.Line(), start.Column())
}

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

var (
	dotBetweenLetters = regexp.MustCompile(`[a-z0-9]\.[a-z0-9]`)              // which is not [.]
	dotInDomain       = regexp.MustCompile(`(\[\.\]|\\\.|\.)[a-z]{2,}[)$]*$`) // at the end
)

// term is a text in a condition: exact, or a field after some functions, or neither if it is not
// known.
type term struct {
	exact bool
	text  string
	field string
	shape []string // lowerAscii, upperAscii, trim, in the order in which they are applied
}

func termOf(e ast.Expr, s scope) term {
	switch e.Kind() {
	case ast.LiteralKind:
		text, isText := e.AsLiteral().(types.String)
		return term{exact: isText, text: string(text)}
	case ast.IdentKind:
		entry := s.names[e.AsIdent()]
		if entry != nil {
			return termOf(entry, s)
		}
	case ast.SelectKind:
		return fieldTerm(e.AsSelect().FieldName(), s)
	case ast.CallKind:
		return callTerm(e.AsCall(), s)
	}
	return term{}
}

func fieldTerm(name string, s scope) term {
	value, isKnown := s.known[name]
	if isKnown {
		return term{exact: true, text: value}
	}
	return term{field: name}
}

func callTerm(call ast.CallExpr, s scope) term {
	args := call.Args()
	switch name := call.FunctionName(); name {
	case "lowerAscii", "upperAscii", "trim":
		if !call.IsMemberFunction() {
			return term{}
		}
		t := termOf(call.Target(), s)
		if t.exact {
			return term{exact: true, text: shaped(t.text, name)}
		}
		t.shape = append(slices.Clone(t.shape), name)
		return t
	case operators.Add:
		a, b := termOf(args[0], s), termOf(args[1], s)
		return term{exact: a.exact && b.exact, text: a.text + b.text}
	case operators.Index: // request.email.split("@")[1]
		index, isInt := args[1].AsLiteral().(types.Int)
		if args[1].Kind() != ast.LiteralKind || !isInt || args[0].Kind() != ast.CallKind {
			return term{}
		}
		split := args[0].AsCall()
		if split.FunctionName() != "split" || len(split.Args()) != 1 || !split.IsMemberFunction() {
			return term{}
		}
		whole, at := termOf(split.Target(), s), termOf(split.Args()[0], s)
		local, domain, isAddress := strings.Cut(whole.text, "@")
		switch {
		case whole.field != "email" && !whole.exact, whole.shape != nil, at.text != "@", index > 1, index < 0:
			return term{}
		case whole.exact && isAddress:
			return term{exact: true, text: []string{local, domain}[index]}
		case whole.exact:
			return term{}
		}
		return fieldTerm([]string{localField, "domain"}[index], s)
	}
	return term{}
}

func shaped(text, function string) string {
	lower := func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	upper := func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r + 'A' - 'a'
		}
		return r
	}
	switch function {
	case "lowerAscii":
		return strings.Map(lower, text)
	case "upperAscii":
		return strings.Map(upper, text)
	}
	return strings.TrimSpace(text)
}

// originals returns texts of which the functions of the term may make the text.
func (t term) originals(text string) []string {
	if t.shape == nil {
		return []string{text}
	}
	var found []string
	for _, candidate := range []string{text, shaped(text, "lowerAscii"), shaped(text, "upperAscii"), submitted("language", text)} {
		result := candidate
		for _, function := range t.shape {
			result = shaped(result, function)
		}
		if result == text {
			found = append(found, candidate)
		}
	}
	return found
}

// mayBe reports whether some submission has the text there.
func (t term) mayBe(text string, s scope) bool {
	return slices.ContainsFunc(t.originals(text), func(original string) bool {
		is := s.once(t.field, original, whole, func() bool { return inForm(t.field, original) })
		return is && (s.tails[t.field] == "" || strings.HasSuffix(original, s.tails[t.field]))
	})
}

// inForm reports whether a field can be the text.
func inForm(field, text string) bool {
	switch field {
	case "country":
		return slices.Contains(countries(), text)
	case "email":
		return isAddress(text)
	case "sponsor":
		return text == "" || isAddress(text)
	case "domain":
		return isAddress("a@" + text)
	case localField:
		return isAddress(text + "@contoso.com")
	case "name":
		for i, r := range text {
			if r == ' ' && inForm("givenName", text[:i]) && inForm("familyName", text[i+1:]) {
				return true
			}
		}
		return false
	}
	return submitted(field, text) == text && (text != "" || shortest[field] == 0)
}

// submitted returns what becomes of a text in the field of a form; an invalid character if the form
// refuses it.
func submitted(field, text string) string {
	const refused = "\xff"
	in := submission.Input{Email: "ana@contoso.com", GivenName: "a", FamilyName: "a"}
	var value func(submission.Submission) string
	switch field {
	case "givenName":
		in.GivenName, value = text, func(s submission.Submission) string { return s.GivenName }
	case "familyName":
		in.FamilyName, value = text, func(s submission.Submission) string { return s.FamilyName }
	case "company":
		in.Company, value = text, func(s submission.Submission) string { return s.Company }
	case "reason":
		in.Reason, value = text, func(s submission.Submission) string { return s.Reason }
	case "language":
		in.Language, value = text, func(s submission.Submission) string { return s.Language }
	default:
		return text
	}
	s, err := in.Submission(time.Unix(2e9, 0))
	if err != nil {
		return refused
	}
	return value(s)
}

// mayHave reports whether some submission may have the part there.
func (t term) mayHave(part string, where int, s scope) bool {
	if part == "" {
		return true
	}
	for _, function := range t.shape {
		if function != "trim" && shaped(part, function) != part {
			return false
		}
	}
	parts := []string{part}
	if t.shape != nil {
		parts = append(parts, shaped(part, "lowerAscii"), shaped(part, "upperAscii"))
	}
	return slices.ContainsFunc(parts, func(part string) bool {
		if tail := s.tails[t.field]; where == atEnd && tail != "" && !strings.HasSuffix(part, tail) && !strings.HasSuffix(tail, part) {
			return false
		}
		return s.once(t.field, part, where, func() bool { return fieldMayHave(t.field, part, where) })
	})
}

func fieldMayHave(field, part string, where int) bool {
	i := slices.Index(fieldNames(), field)
	if i >= 0 && utf8.RuneCountInString(part) > fields[i].longest {
		return false
	}
	switch field {
	case "country":
		return slices.ContainsFunc(countries(), func(code string) bool { return hasPart(code, part, where) })
	case "language":
		return slices.ContainsFunc(languageForms, func(form string) bool { return hasPart(form, letterForm(part), where) })
	case "email", "sponsor", "domain", localField:
		return addressMayHave(field, part, where)
	}
	if strings.ContainsFunc(part, func(r rune) bool { return !inText(field, r) }) || norm.NFC.String(part) != part {
		return false
	}
	edges := where == atStart && strings.TrimLeftFunc(part, unicode.IsSpace) != part ||
		where == atEnd && strings.TrimRightFunc(part, unicode.IsSpace) != part
	return !edges && (field == "reason" || !strings.Contains(part, "  "))
}

// languageForms are the forms of language tags: aa for letters, Aa with a capital one, 9 for digits.
var languageForms = []string{
	"aa", "aaa", "aa-AA", "aaa-AA", "aa-999", "aaa-999", "aa-Aaaa", "aaa-Aaaa", "aa-Aaaa-AA", "aaa-Aaaa-AA", "aa-Aaaa-999", "aaa-Aaaa-999",
}

func letterForm(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return 'a'
		case 'A' <= r && r <= 'Z':
			return 'A'
		case '0' <= r && r <= '9':
			return '9'
		}
		return r
	}, text)
}

func addressMayHave(field, part string, where int) bool {
	isIn := notInAddress
	if field == "domain" {
		isIn = notInDomain
	}
	dots, ats := ".-", strings.Count(part, "@")
	switch {
	case strings.ContainsFunc(part, isIn), strings.Contains(part, ".."), ats > 1, ats > 0 && field == localField,
		strings.Contains(part, ".@"), strings.Contains(part, "@."),
		where == atStart && strings.ContainsAny(part[:1], dots+"@"),
		where == atEnd && strings.ContainsAny(part[len(part)-1:], dots+"@"):
		return false
	case where != atEnd || field == localField || len(part) > submission.MaxAddress/2:
		return true
	}
	// The ending is whole if there is a dot or an @ before it.
	if !strings.ContainsAny(part, ".@") {
		return true
	}
	for _, before := range []string{"", "a", "a.a", "a@", "a@a", "a@a.a", "a@a.a.a"} {
		if isAddress(before+part) || isAddress("a@"+before+part) {
			return true
		}
	}
	return false
}

// inText reports whether a field in the partner's own words can have the character.
func inText(field string, r rune) bool {
	if field == "reason" {
		return r != '\r' && r != '\t' && r != utf8.RuneError && (r == '\n' || !unicode.IsControl(r))
	}
	return !submission.Invisible(r) && r != '<' && r != '>' && r != utf8.RuneError && (r == ' ' || !unicode.IsSpace(r))
}

// mayMatch reports whether some submission may match the pattern there.
func (t term) mayMatch(pattern *regexp.Regexp, text string) bool {
	if t.field == "country" {
		return slices.ContainsFunc(countries(), func(code string) bool {
			for _, function := range t.shape {
				code = shaped(code, function)
			}
			return pattern.MatchString(code)
		})
	}
	re, err := syntax.Parse(text, syntax.Perl)
	return err != nil || t.mayMatchTree(re.Simplify())
}

// mayMatchTree reports false if the pattern needs a character that the text never has.
func (t term) mayMatchTree(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch:
		return false
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if !t.mayHaveRune(r) && !(re.Flags&syntax.FoldCase != 0 && t.mayHaveRune(unicode.SimpleFold(r))) {
				return false
			}
		}
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= min(re.Rune[i+1], unicode.MaxASCII); r++ {
				if t.mayHaveRune(r) {
					return true
				}
			}
			if re.Rune[i+1] > unicode.MaxASCII && t.mayHaveRune('é') {
				return true
			}
		}
		return false
	case syntax.OpPlus, syntax.OpCapture:
		return t.mayMatchTree(re.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !t.mayMatchTree(sub) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, t.mayMatchTree)
	}
	return true
}

// mayHaveRune reports whether the text may have the character.
func (t term) mayHaveRune(r rune) bool {
	for _, function := range t.shape {
		if function != "trim" && shaped(string(r), function) != string(r) {
			return false
		}
	}
	may := func(r rune) bool {
		switch t.field {
		case "email", "sponsor":
			return !notInAddress(r)
		case "domain":
			return !notInDomain(r)
		case localField:
			return !notInAddress(r) && r != '@'
		case "language":
			return r == '-' || strings.ContainsRune("aA9", []rune(letterForm(string(r)))[0])
		}
		return inText(t.field, r)
	}
	if t.shape == nil {
		return may(r)
	}
	return may(r) || may(unicode.ToLower(r)) || may(unicode.ToUpper(r))
}
