package policy

import (
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"guestlist/handlers/submission"
)

const (
	MaxCondition = 2000 // the longest Condition in characters
	// MaxConditionCost limits the work of a Condition for the longest submission, in units of CEL's
	// cost model: a comparison costs about one, reading ten characters one. It is estimated when
	// the condition is read, because counting at run time takes four times as long as running.
	// Within it, no condition takes longer than some milliseconds.
	MaxConditionCost = 20_000
	// stepsPerUnit is how many steps of a matches() pattern are a unit: each may be at work for
	// each character. CEL's model goes by the length of the pattern's text, and (.?){90} is short.
	stepsPerUnit = 20
	// maxPattern is the most steps of a compiled matches() pattern, for whatever text.
	maxPattern = 400
	// maxDepth limits the nesting of a Condition, maxNodes its parts after macros are expanded.
	maxDepth, maxNodes = 50, 2000
)

// Condition is a compiled condition. The zero value is true for everybody.
type Condition struct {
	text    string
	program cel.Program
}

// String returns the condition as written, without white space around it; "" for the zero value.
func (c Condition) String() string { return c.text }

// Equal reports whether both have the same text.
func (c Condition) Equal(other Condition) bool { return c.text == other.text }

// applicant is what a condition sees as "request": the values of the fields, in their order.
type applicant [10]ref.Val

// applicantOf returns what conditions see of the submission. It is nil if a field is longer than
// the form allows, since the cost of a condition has not been estimated for that.
func applicantOf(s submission.Submission) *applicant {
	texts := [len(applicant{})]string{
		s.Email.String(), s.Email.Domain(), s.Name(), s.GivenName, s.FamilyName, s.Company, s.Country, s.Reason, s.Sponsor.String(), s.Language,
	}
	who := new(applicant)
	for i, text := range texts {
		longest := fields[i].longest
		if len(text) > longest && utf8.RuneCountInString(text) > longest {
			return nil
		}
		who[i] = types.String(text)
	}
	return who
}

// variable is the only variable. To CEL each field is one with a dot, which takes half the time.
const variable = "request"

// field is a field of the variable.
type field struct {
	name, meaning string
	longest       int // characters
}

// fields are in the order of [applicant].
var fields = []field{
	{"email", "the address, in lower case", submission.MaxAddress},
	{"domain", "the part after the @, in lower case and punycode", maxDomain},
	{"name", "the display name: given name, space, family name; Chinese, Japanese and Korean names with the family name first", 2*submission.MaxName + 1},
	{"givenName", "the given name", submission.MaxName},
	{"familyName", "the family name", submission.MaxName},
	{"company", "the company, in the partner's own words", submission.MaxCompany},
	{"country", `two capital letters such as "PT" (ISO 3166), or ""`, 2},
	{"reason", `the reason, in the partner's own words, or ""`, submission.MaxReason},
	{"sponsor", `the address that the partner gave for the contact, in lower case, or ""; it is not verified`, submission.MaxAddress},
	{"language", `a language tag such as "de" or "pt-BR", or ""`, submission.MaxLanguage},
}

// function is what a condition may call.
type function struct{ name, example, meaning string }

// functions are all that a condition may call, beside operators and macros. Each is deterministic
// and takes time and memory in proportion to its arguments: no clock, no time zone, no replace.
var functions = []function{
	{"startsWith", `request.reason.startsWith("Project ")`, "begins with the text"},
	{"endsWith", `request.domain.endsWith(".contoso.com")`, "ends with the text; mind the dot"},
	{"contains", `request.company.contains("Contoso")`, "contains the text"},
	{"matches", `request.email.matches("^[a-z]+[.][a-z]+@")`, "the pattern (RE2) matches a part; ^ and $ are its beginning and end"},
	{"size", `request.reason.size() >= 20`, "the number of characters, or of entries of a list"},
	{"lowerAscii", `request.company.lowerAscii() == "contoso"`, "with A to Z in lower case"},
	{"upperAscii", `request.company.upperAscii() == "CONTOSO"`, "with a to z in upper case"},
	{"trim", `request.reason.trim() != ""`, "without white space around it"},
	{"split", `"sales" in request.reason.split(" ")`, "the list of its parts"},
	{"indexOf", `request.reason.indexOf("SOW") >= 0`, "the index of the text, from 0; -1 if there is none"},
	{"substring", `request.language.substring(0, 2) == "de"`, "the part between two indexes; an error if they are outside"},
}

// macros are what a condition may call on a list.
var macros = []function{
	{"exists", `["DE", "AT", "CH"].exists(c, c == request.country)`, "true for at least one entry"},
	{"all", `["test", "demo"].all(w, !request.reason.contains(w))`, "true for every entry"},
	{"exists_one", `["A", "B"].exists_one(w, request.company.startsWith(w))`, "true for exactly one entry"},
}

// calls are the operators that a condition may use, by their names in CEL.
var calls = []string{
	operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional,
	operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
	operators.In, operators.Index, operators.Add, operators.Subtract, operators.NotStrictlyFalse,
}

// compiler compiles conditions. Several goroutines may use it.
type compiler struct{ env *cel.Env }

// sharedCompiler is the compiler of [Parse]. It is made for the first condition: that takes a
// quarter of a millisecond, and many tenants have none.
var sharedCompiler = sync.OnceValues(newCompiler)

func newCompiler() (*compiler, error) {
	options := []cel.EnvOption{
		cel.StdLib(),
		cel.ClearMacros(),
		cel.Macros(cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro),
		ext.Strings(ext.StringsVersion(5)), // the first version with costs
		cel.HomogeneousAggregateLiterals(),
		cel.EagerlyValidateDeclarations(true),
		cel.EnableHiddenAccumulatorName(true),
		cel.ParserExpressionSizeLimit(MaxCondition),
		cel.ParserRecursionLimit(maxDepth),
		cel.ExpressionNodeLimit(maxNodes),
		cel.CostModelVersion(1),
	}
	for _, f := range fields {
		options = append(options, cel.Variable(variable+"."+f.name, cel.StringType))
	}
	env, err := cel.NewCustomEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("preparing for conditions: %w", err)
	}
	return &compiler{env}, nil
}

// readCondition reads a condition. A fault repeats nothing of its text, which may hold addresses.
func readCondition(cell any, row *Row) *wrong {
	const advice = `write an expression such as request.country == "PT" && request.reason.size() >= 20`
	truth, isBool := cell.(bool)
	if isBool {
		cell = fmt.Sprint(truth) // Storage Explorer makes a Boolean of it
	}
	text, w := readText(cell, maxText, advice)
	if w != nil {
		return w
	}
	if !utf8.ValidString(text) {
		return &wrong{"is not valid UTF-8", advice}
	}
	if utf8.RuneCountInString(text) > MaxCondition {
		return &wrong{fmt.Sprintf("is longer than %d characters", MaxCondition), "write a shorter one, or several rows"}
	}
	c, err := sharedCompiler()
	if err != nil {
		return &wrong{"can't be tried", "this is an error in the program; please report it"}
	}
	program, w := c.compile(text)
	if w != nil {
		return w
	}
	row.Condition = Condition{text, program}
	return nil
}

func (c *compiler) compile(text string) (cel.Program, *wrong) {
	parsed, issues := c.env.Parse(text)
	if issues.Err() != nil {
		where := ""
		all := issues.Errors()
		if len(all) > 0 {
			if strings.Contains(all[0].Message, "recursion limit") {
				return nil, &wrong{fmt.Sprintf("is nested more than %d deep", maxDepth), `write lists, such as request.country in ["PT", "ES"], or several rows`}
			}
			where = at(text, all[0].Location.Line(), all[0].Location.Column())
		}
		// The parser's message repeats the text.
		return nil, &wrong{"can't be read as an expression" + where,
			`check brackets and quotation marks, and write && for and, || for or, == for equals, "..." around texts`}
	}
	w := (&reviewer{text: text, source: parsed.NativeRep().SourceInfo()}).review(parsed.NativeRep().Expr(), nil)
	if w != nil {
		return nil, w
	}
	written := ast.Copy(parsed.NativeRep()) // the checker changes it
	checked, issues := c.env.Check(parsed)
	if issues.Err() != nil {
		return nil, typeFault(text, issues)
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, &wrong{"is neither true nor false but of the type " + checked.OutputType().String(),
			`make a comparison of it, such as request.country == "PT"`}
	}
	estimate, err := c.env.EstimateCost(checked, sizes{})
	if err != nil || estimate.Max > MaxConditionCost {
		return nil, &wrong{fmt.Sprintf("could take more than the allowed %d units of work for a long submission (%d)", MaxConditionCost, estimate.Max),
			"make lists, patterns and repeated searches in long texts shorter, or write several rows"}
	}
	w = misfit(text, written)
	if w != nil {
		return nil, w
	}
	program, err := c.env.Program(checked, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &wrong{"can't be prepared", "write it in a simpler way"} // the error might repeat a pattern
	}
	return program, nil
}

// typeFault returns the first fault that CEL's checker found. Its messages name only types and
// functions, since unknown names were refused before; a message with anything else is left out.
func typeFault(text string, issues *cel.Issues) *wrong {
	const advice = `compare texts with texts ("PT"), numbers with numbers, and combine true and false with && and ||`
	all := issues.Errors()
	if len(all) == 0 {
		return &wrong{"does not fit together", advice}
	}
	first := all[0]
	where := at(text, first.Location.Line(), first.Location.Column())
	const most = 200
	parts := strings.Split(first.Message, "'")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = strings.Trim(parts[i], "_@") // an operator is called '_==_' or '@in'
	}
	says, _, _ := strings.Cut(strings.Join(parts, ""), " candidates")
	if len(says) > most || strings.ContainsFunc(says, func(r rune) bool { return r >= 0x7f || r < ' ' || r == '@' || r == '"' }) {
		return &wrong{"does not fit together" + where, advice}
	}
	return &wrong{"does not fit together" + where + " (" + says + ")", advice}
}

// at returns a place in text for a person. line counts from 1, column from 0.
func at(text string, line, column int) string {
	if line < 1 || column < 0 {
		return ""
	}
	if !strings.Contains(text, "\n") {
		return fmt.Sprintf(", at character %d", column+1)
	}
	return fmt.Sprintf(", in line %d at character %d", line, column+1)
}

// sizes tells CEL's estimates how long the fields can be.
type sizes struct{}

// EstimateSize implements [cost.Estimator].
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	if len(path) != 1 {
		return nil
	}
	i := fieldIndex(path[0])
	if i < 0 {
		return nil
	}
	return &cost.SizeEstimate{Max: uint64(fields[i].longest)}
}

// EstimateCallCost implements [cost.Estimator]: CEL knows what its own functions cost, except for
// matches, which takes time for each step of the compiled pattern and each character.
func (sizes) EstimateCallCost(function, _ string, target *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	if function != "matches" {
		return nil
	}
	if target != nil {
		args = append([]cost.AstNode{*target}, args...)
	}
	if len(args) != 2 || args[1].Expr().Kind() != ast.LiteralKind {
		return nil // refused before
	}
	pattern, _ := args[1].Expr().AsLiteral().(types.String)
	steps, err := patternSteps(string(pattern))
	most := uint64(math.MaxUint32)
	if size := args[0].ComputedSize(); err == nil && size != nil && size.Max < most {
		byLength := (size.Max/10 + 1) * uint64(len(pattern)/4+1) // CEL's own estimate
		most = max(byLength, (size.Max+1)*uint64(steps)/stepsPerUnit+1)
	}
	return cost.NewCallEstimate(cost.Estimate{Min: 1, Max: most}, nil)
}

// patternSteps returns how many steps a pattern has once it is compiled.
func patternSteps(pattern string) (int, error) {
	read, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	steps, err := syntax.Compile(read.Simplify())
	if err != nil {
		return 0, err
	}
	return len(steps.Inst), nil
}

// reviewer checks what a parsed condition uses, before CEL's checker, with better advice.
type reviewer struct {
	text   string
	source *ast.SourceInfo
}

// review returns the expression's first fault. names are the loop variables around it.
func (r *reviewer) review(e ast.Expr, names []string) *wrong {
	switch e.Kind() {
	case ast.LiteralKind:
		return nil
	case ast.IdentKind:
		if slices.Contains(names, e.AsIdent()) {
			return nil
		}
		return r.unknownName(e)
	case ast.SelectKind:
		return r.reviewField(e, names)
	case ast.CallKind:
		return r.reviewCall(e, names)
	case ast.ListKind:
		return r.reviewAll(e.AsList().Elements(), names)
	case ast.ComprehensionKind:
		list := e.AsComprehension()
		w := r.reviewAll([]ast.Expr{list.IterRange(), list.AccuInit()}, names)
		if w != nil {
			return w
		}
		inside := append(slices.Clone(names), list.IterVar(), list.AccuVar())
		return r.reviewAll([]ast.Expr{list.LoopCondition(), list.LoopStep(), list.Result()}, inside)
	default:
		return &wrong{"has something in braces" + r.at(e), `write lists in brackets, such as ["PT", "ES"]`}
	}
}

func (r *reviewer) reviewAll(expressions []ast.Expr, names []string) *wrong {
	for _, e := range expressions {
		w := r.review(e, names)
		if w != nil {
			return w
		}
	}
	return nil
}

func (r *reviewer) reviewField(e ast.Expr, names []string) *wrong {
	selection := e.AsSelect()
	operand := selection.Operand()
	if operand.Kind() != ast.IdentKind || operand.AsIdent() != variable || slices.Contains(names, variable) {
		w := r.review(operand, names)
		if w != nil {
			return w
		}
		return &wrong{"asks for a field of something that has none" + r.at(e), "only request has fields: " + listed(fieldNames())}
	}
	if slices.Contains(fieldNames(), selection.FieldName()) {
		return nil
	}
	advice := "the fields are " + listed(fieldNames())
	near := nearestOf(selection.FieldName(), fieldNames())
	if near != "" {
		advice = "write request." + near + " if that is what was meant; " + advice
	}
	return &wrong{"asks for a field of request that does not exist" + r.at(e), advice}
}

func (r *reviewer) unknownName(e ast.Expr) *wrong {
	switch name := e.AsIdent(); {
	case name == variable:
		return &wrong{"has request without a field" + r.at(e), "write one of its fields, such as request.email"}
	case nearestOf(name, fieldNames()) != "":
		return &wrong{"has an unknown name" + r.at(e), "write request." + nearestOf(name, fieldNames()) + ", or put a text into quotation marks"}
	default:
		return &wrong{"has an unknown name" + r.at(e), "put texts into quotation marks; fields begin with request. (" + listed(fieldNames()) + ")"}
	}
}

func (r *reviewer) reviewCall(e ast.Expr, names []string) *wrong {
	call := e.AsCall()
	name := call.FunctionName()
	if !slices.Contains(calls, name) && !slices.Contains(functionNames(), name) {
		return r.unknownFunction(e, name)
	}
	if call.IsMemberFunction() {
		w := r.review(call.Target(), names)
		if w != nil {
			return w
		}
	}
	if name == "matches" {
		w := r.reviewPattern(call)
		if w != nil {
			return w
		}
	}
	w := r.reviewAll(call.Args(), names)
	if w != nil {
		return w
	}
	return r.reviewTexts(call, name)
}

// reviewTexts refuses a comparison of a field with a text that the field never is or has, such as
// request.domain == "Contoso.com": a row that was to stop somebody would not.
func (r *reviewer) reviewTexts(call ast.CallExpr, name string) *wrong {
	operands := call.Args()
	if call.IsMemberFunction() {
		operands = slices.Concat([]ast.Expr{call.Target()}, operands)
	}
	if len(operands) != 2 {
		return nil
	}
	whole := name == operators.Equals || name == operators.NotEquals || name == operators.In
	part := name == "startsWith" || name == "endsWith" || name == "contains" || name == "indexOf"
	if !whole && !part {
		return nil
	}
	for i, operand := range operands {
		what := comparedTo(operand)
		for _, text := range textsOf(operands[1-i], name == operators.In) {
			advice := neverIs(what, string(text.AsLiteral().(types.String)), whole)
			if advice != "" {
				return &wrong{"compares " + what + " with a text that it never is" + r.at(text), advice}
			}
		}
	}
	return nil
}

// The results of functions that can't be every text.
const lowered, raised = "the result of lowerAscii", "the result of upperAscii"

// comparedTo names what the expression is, if that can't be every text; else "".
func comparedTo(e ast.Expr) string {
	switch e.Kind() {
	case ast.SelectKind:
		return variable + "." + e.AsSelect().FieldName()
	case ast.CallKind:
		return map[string]string{"lowerAscii": lowered, "upperAscii": raised}[e.AsCall().FunctionName()]
	default:
		return ""
	}
}

// textsOf returns the texts that the expression is, or those that it lists, as far as they are
// written out.
func textsOf(e ast.Expr, listed bool) []ast.Expr {
	all := []ast.Expr{e}
	switch {
	case listed && e.Kind() == ast.ListKind:
		all = e.AsList().Elements()
	case listed:
		return nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(e ast.Expr) bool {
		return e.Kind() != ast.LiteralKind || e.AsLiteral().Type() != types.StringType
	})
}

// neverIs returns advice if what [comparedTo] names can't be the text, or can't have it as a part;
// "" if it can.
func neverIs(what, text string, whole bool) (advice string) {
	if text == "" {
		return ""
	}
	possible := true
	switch what {
	case lowered:
		advice = "write the text in lower case"
		possible = !strings.ContainsFunc(text, func(r rune) bool { return 'A' <= r && r <= 'Z' })
	case raised:
		advice = "write the text in capital letters"
		possible = !strings.ContainsFunc(text, func(r rune) bool { return 'a' <= r && r <= 'z' })
	case "request.email", "request.sponsor":
		advice = "write the address in lower case, without anything around it; " +
			"for a whole domain, compare request.domain"
		possible = isAddress(text) || !whole && !strings.ContainsFunc(text, notInAddress)
		if whole && hasApostrophe(text) {
			possible = false
			advice = "write the address without the apostrophe, which is taken for that of a spreadsheet; " +
				"if the address has it, write startsWith in place of =="
		}
	case "request.domain":
		advice = "write the domain in lower case and punycode, without anything around it, such as contoso.com"
		possible = isAddress("a@"+text) || !whole && !strings.ContainsFunc(text, notInDomain)
	case "request.country":
		advice = "write two capital letters, such as PT"
		possible = !strings.ContainsFunc(text, func(r rune) bool { return r < 'A' || r > 'Z' }) &&
			(len(text) == 2 || !whole && len(text) < 2)
	}
	if possible {
		return ""
	}
	return advice
}

func notInDomain(r rune) bool {
	return !('a' <= r && r <= 'z') && !('0' <= r && r <= '9') && r != '.' && r != '-'
}

func notInAddress(r rune) bool { return notInDomain(r) && !strings.ContainsRune("@'_", r) }

func (r *reviewer) unknownFunction(e ast.Expr, name string) *wrong {
	known := functionNames()
	for _, m := range macros {
		known = append(known, m.name)
	}
	advice := "there are " + listed(known)
	near := nearestOf(name, known)
	switch {
	case slices.Contains(known, name): // a macro with wrong arguments
		advice = "write it like " + macros[slices.IndexFunc(macros, func(m function) bool { return m.name == name })].example
	case name == operators.Has:
		advice = `compare with the empty text, such as request.country != ""`
	case near != "":
		advice = "write " + near + " if that is what was meant; " + advice
	}
	return &wrong{"uses a function or an operator that does not exist here" + r.at(e), advice}
}

// reviewPattern refuses patterns that contain what partners type, are invalid, or are too large.
func (r *reviewer) reviewPattern(call ast.CallExpr) *wrong {
	if len(call.Args()) == 0 {
		return nil // the checker refuses it
	}
	pattern := call.Args()[len(call.Args())-1]
	if pattern.Kind() != ast.LiteralKind || pattern.AsLiteral().Type() != types.StringType {
		return &wrong{"has a pattern that is not written out" + r.at(pattern), "write the pattern of matches() in quotation marks"}
	}
	text := string(pattern.AsLiteral().(types.String))
	_, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return &wrong{"has a pattern that can't be read" + r.at(pattern),
			`write patterns in the syntax of RE2; for a dot that is one, write [.]`}
	}
	steps, err := patternSteps(text)
	if err != nil || steps > maxPattern {
		return &wrong{"has a pattern that is too large" + r.at(pattern), "repeat less in it"}
	}
	return nil
}

// at returns the expression's place for a person.
func (r *reviewer) at(e ast.Expr) string {
	start := r.source.GetStartLocation(e.ID())
	return at(r.text, start.Line(), start.Column())
}

func fieldNames() []string { return mapped(fields, func(f field) string { return f.name }) }

func functionNames() []string { return mapped(functions, func(f function) string { return f.name }) }

func mapped[T, U any](all []T, f func(T) U) []U {
	results := make([]U, 0, len(all))
	for _, one := range all {
		results = append(results, f(one))
	}
	return results
}

func listed(names []string) string { return strings.Join(names, ", ") }

// holds reports whether the condition is true for the applicant, or else why it has no answer, as
// a clause. The zero value is always true.
func (c Condition) holds(who *applicant) (ok bool, unknown string) {
	if c.program == nil {
		return true, ""
	}
	if who == nil {
		return false, "its condition could take more work than is allowed, for a submission that is longer than any that passes the form"
	}
	result, _, err := c.program.Eval(who)
	if err != nil {
		// The error may repeat what the partner typed.
		return false, "its condition has no answer for this submission (such as a place in a text or a list that is not there)"
	}
	truth, isBool := result.(types.Bool)
	if !isBool {
		return false, "its condition has no answer for this submission"
	}
	return bool(truth), ""
}

// fieldIndex returns the index of the field that a name such as "request.email" means, or -1.
func fieldIndex(name string) int {
	name, found := strings.CutPrefix(name, variable+".")
	if !found {
		return -1
	}
	return slices.IndexFunc(fields, func(f field) bool { return f.name == name })
}

// ResolveName implements [interpreter.Activation].
func (a *applicant) ResolveName(name string) (any, bool) {
	i := fieldIndex(name)
	if i < 0 {
		return nil, false
	}
	return a[i], true
}

// Parent implements [interpreter.Activation].
func (*applicant) Parent() interpreter.Activation { return nil }
