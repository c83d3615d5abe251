package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

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

// Doubts returns what is doubtful about the row's condition, at most one of a kind. A condition
// that it calls false never holds; there are others that it does not find. It knows in which form
// the fields come from the form, and what the PartitionKey says of the address.
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
	// reads says that the condition is read, and misfits are looked for in place of doubts.
	reads  bool
	misfit *wrong
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
