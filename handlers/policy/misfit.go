package policy

import (
	"regexp/syntax"
	"slices"

	"cel.dev/cel-go/common/ast"
)

// misfit returns the first comparison of a field with a text or a pattern that can never hold. It
// finds those that [reviewer.reviewTexts] misses: behind functions, in loops, in joined texts.
// Like reviewTexts, it uses the letters that a field can have and no lists that change.
func misfit(text string, parsed *ast.AST) *wrong {
	x := &examiner{text: text, source: parsed.SourceInfo(), reads: true}
	x.truth(parsed.Expr(), scope{forms: map[formKey]bool{}})
	return x.misfit
}

// fits records a misfit of a field with a text that stands at the expression.
func (x *examiner) fits(e ast.Expr, s scope, t term, text string, whole bool) {
	what, advice := t.neverIs(text, whole)
	if advice != "" && x.misfit == nil {
		x.misfit = &wrong{"compares " + what + " with a text that it never is" + x.at(e, s), advice}
	}
}

// fitsPattern is like fits, for a pattern. It judges only addresses and their parts, which have few
// possible letters.
func (x *examiner) fitsPattern(e ast.Expr, s scope, t term, pattern string) {
	if x.misfit != nil || !slices.Contains([]string{"email", "domain", "sponsor", localField}, t.field) {
		return
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err == nil && !t.mayMatchTree(re.Simplify()) {
		x.misfit = &wrong{"has a pattern that " + t.whole() + " never matches" + x.at(e, s),
			"write it in lower case, or (?i) before it, without characters that no address has"}
	}
}

// whole returns the name of the field that the term is, or of which it is a part.
func (t term) whole() string {
	if t.field == localField {
		return variable + ".email"
	}
	return variable + "." + t.field
}

// neverIs is like the function neverIs, for a field to which functions were applied.
func (t term) neverIs(text string, whole bool) (what, advice string) {
	function := t.letters()
	if function != "" {
		what = map[string]string{"lowerAscii": lowered, "upperAscii": raised}[function]
		advice = neverIs(what, text, whole)
		if advice != "" {
			return what, advice
		}
		// The field itself has letters of one case only.
		function = "lowerAscii"
		if t.field == "country" {
			function = "upperAscii"
		}
		text = shaped(text, function)
	}
	return t.whole(), neverIs(t.whole(), text, whole && t.field != localField)
}

// letters returns the last of the term's functions that changes the case of letters, or "".
func (t term) letters() string {
	for _, function := range slices.Backward(t.shape) {
		if function != "trim" {
			return function
		}
	}
	return ""
}
