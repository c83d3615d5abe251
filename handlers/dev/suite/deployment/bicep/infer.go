package bicep

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// resolve returns what a type expression means. A fault is told once, by the declaration that holds it.
func (u *unit) resolve(t *TypeExpr) *typ {
	switch t.Op {
	case TypeLiteral:
		return literal(t.Literal)
	case TypeArray:
		return just(option{shape: list, element: u.resolve(t.Of[0])})
	case TypeNullable:
		return u.resolve(t.Of[0]).withNull()
	case TypeUnion:
		result := &typ{}
		for _, of := range t.Of {
			result = either(result, u.resolve(of))
		}
		return result
	case TypeObject:
		o := option{shape: object, properties: map[string]*typ{}}
		for _, property := range t.Properties {
			u.checkDecorators(property.Decorators, typeProperty, property.Type)
			o.properties[property.Name] = u.resolve(property.Type).within(property.Decorators)
		}
		if t.Rest != nil {
			o.open, o.rest = true, u.resolve(t.Rest)
		}
		return just(o)
	}
	primitive, found := primitives[t.Text]
	if found {
		return primitive
	}
	base, _, dotted := strings.Cut(t.Text, ".")
	u.used[base] = true
	_, imported := u.imported[base]
	d, home := u.types[t.Text], u
	if d == nil {
		home, d = u.lookUp(t.Text)
	}
	if d == nil && imported && !dotted {
		return nil // told where it is imported
	}
	if d == nil || d.Kind != Type {
		u.fault(t.Pos, "%s is no type", t.Text)
		return nil
	}
	if home.inferring[d] {
		return nil
	}
	home.inferring[d] = true
	defer delete(home.inferring, d)
	return home.resolve(d.Type)
}

func literal(e *Expr) *typ {
	switch e.Op {
	case String:
		return just(option{shape: text, literal: "'" + e.Text + "'"})
	case Number:
		return just(option{shape: number, literal: e.Text})
	default:
		return just(option{shape: boolean, literal: e.Text})
	}
}

// checkExpr finds names that are declared nowhere, and everything else that is wrong whatever value is asked for.
func (u *unit) checkExpr(e *Expr, s *scope) {
	if e == nil {
		return
	}
	switch e.Op {
	case Name:
		u.checkName(e, s)
	case Member:
		u.checkExpr(e.Args[0], s)
		u.checkMember(e, s)
	case Nested:
		u.checkExpr(e.Args[0], s)
		if u.referred(e, s) == nil {
			u.fault(e.Pos, "no resource %s is nested there", e.Text)
		}
	case Call:
		u.checkCall(e, s)
	case For:
		u.checkExpr(e.Args[0], s)
		u.checkExpr(e.Args[1], s.with(u.loopNames(e, s)))
	case Lambda:
		// Outside of a function that is known to call it, nothing is known of what it gets.
		names := map[string]*typ{}
		for _, name := range e.Names {
			names[name] = nil
		}
		u.checkExpr(e.Args[0], s.with(names))
	case Binary:
		u.checkExpr(e.Args[0], s)
		u.checkExpr(e.Args[1], s)
		if strings.Contains("&& ||", e.Text) {
			u.assign(e.Args[0], aBool, s, "the left side of "+e.Text)
			u.assign(e.Args[1], aBool, s, "the right side of "+e.Text)
		}
	default:
		for _, arg := range e.Args {
			u.checkExpr(arg, s)
		}
		keys := map[string]bool{}
		for _, property := range e.Properties {
			if property.Key != "" && keys[property.Key] {
				u.fault(property.Pos, "%s stands in the object twice", property.Key)
			}
			keys[property.Key] = true
			u.checkExpr(property.KeyExpr, s)
			u.checkExpr(property.Value, s)
		}
		if e.Op == Choice || e.Op == Cond {
			u.assign(e.Args[0], aBool, s, "the condition")
		}
		if e.Op == Template {
			for _, arg := range e.Args {
				if u.infer(arg, s).nullable() {
					u.fault(arg.Pos, "what stands in a string may be null: give it another value by ??")
				}
			}
		}
	}
}

func (u *unit) checkName(e *Expr, s *scope) {
	_, local := s.find(e.Text)
	if local || s.resource(e.Text) != nil {
		return
	}
	u.used[e.Text] = true
	d := u.names[e.Text]
	_, imported := u.imported[e.Text]
	switch {
	case d == nil && !imported && e.Text != "sys" && e.Text != "az":
		u.fault(e.Pos, "%s is declared nowhere", e.Text)
	case d != nil && d.Kind != Param && s.inDefault():
		u.fault(e.Pos, "the default of a parameter may name parameters only, and %s is none", e.Text)
	}
}

func (u *unit) checkCall(e *Expr, s *scope) {
	name := e.Args[0].Text
	args := e.Args[1:]
	if e.Args[0].Op == Member {
		base := e.Args[0].Args[0]
		if base.Op == Name && (base.Text == "sys" || base.Text == "az") {
			base = nil
		}
		if base != nil {
			_, d := u.lookUp(base.Text + "." + name)
			u.used[base.Text] = true
			if d == nil || d.Kind != Func {
				u.fault(e.Pos, "%s is no function; what a resource lists (listKeys and the like) is a secret, and none is needed here", name)
			}
		}
	}
	_, builtin := functions[name]
	home, d := u, u.names[name]
	if d == nil {
		home, d = u.lookUp(name)
	}
	switch {
	case d != nil && d.Kind == Func:
		u.used[name] = true
		if len(args) != len(d.Params) {
			u.fault(e.Pos, "%s takes %d arguments", name, len(d.Params))
			break
		}
		for i, arg := range args {
			u.assign(arg, home.resolve(d.Params[i].Type), s, d.Params[i].Name)
		}
	case !builtin && e.Args[0].Op == Name:
		u.fault(e.Pos, "%s is no function that is known here", name)
	case defaultOnly[name] && !s.inDefault():
		u.fault(e.Pos, "%s may be called in the default of a parameter only", name)
	case parametersOnly[name] && u.file.Using == nil, templatesOnly[name] && u.file.Using != nil:
		u.fault(e.Pos, "%s may not be called in a file of this kind", name)
	case fileFunctions[name]:
		u.checkFile(e)
	}
	if d == nil {
		u.checkArguments(e, s)
	}
	for i, arg := range args {
		if arg.Op == Lambda && i > 0 && lambdaFunctions[name] {
			names := map[string]*typ{}
			for j, param := range arg.Names {
				names[param] = nil
				if j == 0 {
					names[param] = u.elementOf(args[0], s)
				}
			}
			u.checkExpr(arg.Args[0], s.with(names))
			continue
		}
		u.checkExpr(arg, s)
	}
}

// checkArguments compares the arguments of a built-in function with what it takes.
func (u *unit) checkArguments(e *Expr, s *scope) {
	name := e.Args[0].Text
	ways := signatures[name]
	if len(ways) > 0 && !slices.ContainsFunc(ways, func(way string) bool { return u.takes(way, e.Args[1:], s) }) {
		u.fault(e.Pos, "%s takes (%s)", name, strings.Join(ways, "), ("))
	}
}

// takes reports whether the arguments are as the way says.
func (u *unit) takes(way string, args []*Expr, s *scope) bool {
	for _, word := range strings.Fields(way) {
		base, more := strings.CutSuffix(word, "...")
		base, optional := strings.CutSuffix(base, "?")
		for len(args) > 0 && u.isA(args[0], base, s) {
			args = args[1:]
			optional = true
			if !more {
				break
			}
		}
		if !optional && !more {
			return false
		}
	}
	return len(args) == 0
}

// isA reports whether the argument may be one of the kinds, parted by |.
func (u *unit) isA(arg *Expr, kinds string, s *scope) bool {
	if arg.Op == Lambda || kinds == "lambda" {
		return arg.Op == Lambda && kinds == "lambda"
	}
	if kinds == "any" {
		return true
	}
	wanted := &typ{}
	for _, kind := range strings.Split(kinds, "|") {
		if kind == "null" {
			wanted.null = true
			continue
		}
		wanted = either(wanted, primitives[kind])
	}
	return fits(u.infer(arg, s), wanted)
}

func (u *unit) checkFile(e *Expr) {
	if len(e.Args) < 2 || e.Args[1].Op != String {
		u.fault(e.Pos, "%s takes the path of a file as a plain string", e.Args[0].Text)
		return
	}
	_, err := fs.Stat(u.root, u.beside(e.Args[1].Text))
	if err != nil {
		u.fault(e.Args[1].Pos, "there is no file %s", e.Args[1].Text)
	}
}

// checkMember finds properties that a type does not have, and those that are taken of what may be null.
func (u *unit) checkMember(e *Expr, s *scope) {
	d := u.referred(e.Args[0], s)
	if d != nil && conditional(d) && e.Args[0].Op != NonNull && !e.Safe && !(d.Kind == Resource && knownAtStart[e.Text]) {
		u.fault(e.Pos, "%s is deployed under a condition: take .%s by .? or after !", d.Name, e.Text)
	}
	u.infer(e, s) // tells of outputs that do not exist
	base := u.infer(e.Args[0], s)
	if base == nil {
		return
	}
	if base.null && !e.Safe {
		u.fault(e.Pos, "what .%s is taken of may be null: take it by .?", e.Text)
	}
	o, single := base.withoutNull().objectOption()
	if !single {
		if len(base.options) > 0 && !anyObject(base) {
			u.fault(e.Pos, "a %s has no property %s", base, e.Text)
		}
		return
	}
	_, known := o.properties[e.Text]
	if !known && !o.open {
		u.fault(e.Pos, "there is no property %s, only %s", e.Text, just(o))
	}
}

func anyObject(t *typ) bool {
	for _, o := range t.options {
		if o.shape == object {
			return true
		}
	}
	return false
}

// conditional reports whether the resource or module may not be deployed at all. A loop of such is not counted: its elements are.
func conditional(d *Declaration) bool { return d.Value != nil && d.Value.Op == Cond }

func (u *unit) loopNames(loop *Expr, s *scope) map[string]*typ {
	names := map[string]*typ{loop.Names[0]: u.elementOf(loop.Args[0], s)}
	if len(loop.Names) > 1 {
		names[loop.Names[1]] = anInt
	}
	return names
}

// elementOf returns the type of the elements of a list.
func (u *unit) elementOf(e *Expr, s *scope) *typ {
	t := u.infer(e, s)
	if t == nil || len(t.options) != 1 {
		return nil
	}
	return t.options[0].element
}

// infer returns what is known about the value of e. Of faults it tells only that a module has no such output.
func (u *unit) infer(e *Expr, s *scope) *typ {
	switch e.Op {
	case String, Number, Bool:
		return literal(e)
	case Template:
		return u.inferTemplate(e, s)
	case Null:
		return onlyNil
	case Name:
		return u.inferName(e, s)
	case Member:
		return u.inferMember(e, s)
	case Index:
		element := u.elementOf(e.Args[0], s)
		if e.Safe {
			return element.withNull()
		}
		return element
	case NonNull:
		return u.infer(e.Args[0], s).withoutNull()
	case Choice:
		return either(u.infer(e.Args[1], s), u.infer(e.Args[2], s))
	case Binary:
		switch e.Text {
		case "??":
			return either(u.infer(e.Args[0], s).withoutNull(), u.infer(e.Args[1], s))
		case "+", "-", "*", "/", "%":
			return anInt
		default:
			return aBool
		}
	case Unary:
		if e.Text == "!" {
			return aBool
		}
		return anInt
	case Array:
		return u.inferArray(e, s)
	case Object:
		return u.inferObject(e, s)
	case For:
		return just(option{shape: list, element: u.infer(e.Args[1], s.with(u.loopNames(e, s)))})
	case Call:
		return u.inferCall(e, s)
	default:
		return nil
	}
}

func (u *unit) inferName(e *Expr, s *scope) *typ {
	t, local := s.find(e.Text)
	if local {
		return t
	}
	d, home := u.names[e.Text], u
	if d == nil {
		home, d = u.lookUp(e.Text)
	}
	if d == nil || home.inferring[d] {
		return nil
	}
	home.inferring[d] = true
	defer delete(home.inferring, d)
	switch d.Kind {
	case Param:
		return home.parameterType(d)
	case Var:
		if d.Type != nil {
			return home.resolve(d.Type)
		}
		return home.infer(d.Value, nil)
	default:
		return nil
	}
}

// parameterType returns the type of a parameter, with its bounds.
func (u *unit) parameterType(d *Declaration) *typ { return u.resolve(d.Type).within(d.Decorators) }

// inferTemplate finds how long a string with expressions in it may be.
func (u *unit) inferTemplate(e *Expr, s *scope) *typ {
	least, most := 0, 0
	endless := false
	for _, arg := range e.Args {
		shortest, longest := u.length(arg, s)
		least += shortest
		most += longest
		endless = endless || longest < 0
	}
	if endless && least == 0 {
		return aString
	}
	if endless {
		return just(option{shape: text, least: &least})
	}
	return just(option{shape: text, least: &least, most: &most})
}

// length returns how short and how long the text of e may be; the longest is -1 where there is no knowing.
func (u *unit) length(e *Expr, s *scope) (shortest, longest int) {
	t := u.infer(e, s)
	if t == nil || len(t.options) == 0 {
		return 0, -1
	}
	shortest = -1
	for _, o := range t.options {
		low, high := 0, -1
		if o.shape == text && o.literal != "" {
			low = utf8.RuneCountInString(o.literal) - len("''")
			high = low
		} else if o.shape == text {
			if o.least != nil {
				low = *o.least
			}
			if o.most != nil {
				high = *o.most
			}
		}
		if shortest < 0 || low < shortest {
			shortest = low
		}
		if high < 0 || longest < 0 {
			longest = -1
		} else {
			longest = max(longest, high)
		}
	}
	return shortest, longest
}

// inferTake finds how long the beginning of a text may be.
func (u *unit) inferTake(e *Expr, s *scope) *typ {
	n, err := strconv.Atoi(e.Args[2].Text)
	t := u.infer(e.Args[1], s)
	if err != nil || !fits(t, aString) || t == nil {
		return nil
	}
	shortest, longest := u.length(e.Args[1], s)
	shortest = min(shortest, n)
	if longest < 0 || longest > n {
		longest = n
	}
	return just(option{shape: text, least: &shortest, most: &longest})
}

func (u *unit) inferMember(e *Expr, s *scope) *typ {
	inner := e.Args[0]
	if inner.Op == Member && inner.Text == "outputs" {
		d := u.referred(inner.Args[0], s)
		if d != nil && d.Kind == Module {
			return u.outputType(d, e, inner.Safe || e.Safe)
		}
	}
	base := u.infer(inner, s)
	o, single := base.withoutNull().objectOption()
	if base == nil || !single {
		return nil
	}
	t, known := o.properties[e.Text]
	if !known {
		t = o.rest
	}
	if base.null {
		return t.withNull()
	}
	return t
}

// outputType returns the type of an output of a module, and tells if there is none of that name.
func (u *unit) outputType(d *Declaration, e *Expr, safe bool) *typ {
	target := u.units[u.beside(d.Target.Text)]
	if target == nil {
		return nil
	}
	for _, output := range target.file.Declarations {
		if output.Kind == Output && output.Name == e.Text {
			t := target.resolve(output.Type)
			if safe {
				return t.withNull()
			}
			return t
		}
	}
	u.fault(e.Pos, "%s has no output %s", d.Target.Text, e.Text)
	return nil
}

func (u *unit) inferArray(e *Expr, s *scope) *typ {
	var element *typ
	for i, arg := range e.Args {
		if arg.Op == Spread {
			return aList
		}
		t := u.infer(arg, s)
		if i == 0 {
			element = t
		} else {
			element = either(element, t)
		}
	}
	return just(option{shape: list, element: element})
}

func (u *unit) inferObject(e *Expr, s *scope) *typ {
	o := option{shape: object, properties: map[string]*typ{}}
	for _, property := range e.Properties {
		if property.Key == "" {
			o.open = true
			continue
		}
		o.properties[property.Key] = u.infer(property.Value, s)
	}
	return just(o)
}

func (u *unit) inferCall(e *Expr, s *scope) *typ {
	name := e.Args[0].Text
	d, home := u.names[name], u
	if d == nil {
		home, d = u.lookUp(name)
	}
	switch {
	case d != nil && d.Kind == Func:
		return home.resolve(d.Type)
	case e.Args[0].Op == Member:
		return nil
	case name == "filter" && len(e.Args) > 1:
		return u.infer(e.Args[1], s)
	case name == "take" && len(e.Args) > 2:
		return u.inferTake(e, s)
	default:
		return functions[name]
	}
}

// assign tells where the value of e is not what is asked for. It looks into literals, so that the fault stands where the mistake is.
func (u *unit) assign(e *Expr, wanted *typ, s *scope, what string) {
	if wanted == nil || e == nil {
		return
	}
	switch e.Op {
	case Choice:
		u.assign(e.Args[1], wanted, s, what)
		u.assign(e.Args[2], wanted, s, what)
		return
	case Object:
		o, single := wanted.withoutNull().objectOption()
		if single && o.properties != nil {
			u.assignObject(e, o, s, what)
			return
		}
	case Array:
		if len(wanted.options) == 1 && wanted.options[0].shape == list {
			for _, arg := range e.Args {
				if arg.Op != Spread {
					u.assign(arg, wanted.options[0].element, s, "an element of "+what)
				}
			}
			return
		}
	}
	given := u.infer(e, s)
	if !fits(given, wanted) {
		u.fault(e.Pos, "%s must be %s and is %s", what, wanted, given)
	}
}

func (u *unit) assignObject(e *Expr, wanted option, s *scope, what string) {
	open := false
	for _, property := range e.Properties {
		if property.Key == "" {
			open = true
			continue
		}
		t, known := wanted.properties[property.Key]
		switch {
		case !known && !wanted.open:
			u.fault(property.Pos, "%s has no property %s, only %s", what, property.Key, just(wanted))
		case known:
			u.assign(property.Value, t, s, property.Key)
		default:
			u.assign(property.Value, wanted.rest, s, property.Key)
		}
	}
	for name, t := range wanted.properties {
		if !open && !t.nullable() && t != nil && e.Get(name) == nil {
			u.fault(e.Pos, "%s wants a property %s", what, name)
		}
	}
}
