package bicep

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Program is a set of files that refer to each other.
type Program struct {
	files  map[string]*File
	root   fs.FS
	faults []Fault

	units map[string]*unit
}

// Load parses the files at the paths, relative to root, and checks them all. The faults are in the order of files and places; without any,
// the files are as right as can be told from here.
func Load(root fs.FS, paths ...string) (*Program, []Fault) {
	p := &Program{files: map[string]*File{}, root: root, units: map[string]*unit{}}
	for _, name := range paths {
		content, err := fs.ReadFile(root, name)
		if err != nil {
			p.faults = append(p.faults, Fault{name, Pos{1, 1}, err.Error()})
			continue
		}
		file, fault := Parse(name, string(content))
		if fault != nil {
			p.faults = append(p.faults, *fault)
			continue
		}
		p.files[name] = file
		p.units[name] = newUnit(p, file)
	}
	for _, name := range slices.Sorted(maps.Keys(p.units)) {
		p.units[name].check()
	}
	slices.SortStableFunc(p.faults, func(a, b Fault) int {
		if a.Path != b.Path {
			return strings.Compare(a.Path, b.Path)
		}
		return (a.Pos.Line-b.Pos.Line)*1000 + a.Pos.Column - b.Pos.Column
	})
	return p, slices.Compact(p.faults)
}

// File returns the file at the path, or nil if it was not loaded or could not be parsed.
func (p *Program) File(name string) *File { return p.files[name] }

// Files returns all files by path.
func (p *Program) Files() []*File {
	var list []*File
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		list = append(list, p.files[name])
	}
	return list
}

// unit is a file with what its check needs.
type unit struct {
	*Program
	file     *File
	names    map[string]*Declaration // what expressions can name
	types    map[string]*Declaration
	imported map[string]Import
	used     map[string]bool
	// inferring holds the declarations whose type is being found, against circles.
	inferring map[*Declaration]bool
}

func newUnit(p *Program, file *File) *unit {
	u := &unit{
		Program: p, file: file, names: map[string]*Declaration{}, types: map[string]*Declaration{}, imported: map[string]Import{},
		used: map[string]bool{}, inferring: map[*Declaration]bool{},
	}
	seen := map[string]bool{}
	claim := func(name string, pos Pos) {
		if seen[name] {
			u.fault(pos, "%s is declared twice", name)
		}
		seen[name] = true
	}
	// Azure Resource Manager does not tell names of one kind apart by their case.
	spelled := map[string]string{}
	distinct := func(d *Declaration) {
		key := string(d.Kind) + " " + strings.ToLower(d.Name)
		if other := spelled[key]; other != "" && other != d.Name {
			u.fault(d.Pos, "%s and %s differ in their case only", other, d.Name)
		}
		spelled[key] = d.Name
	}
	for _, one := range file.Imports {
		claim(one.As, one.Pos)
		u.imported[one.As] = one
	}
	for _, d := range file.Declarations {
		distinct(d)
		switch d.Kind {
		case Output, Metadata:
			claim(string(d.Kind)+" "+d.Name, d.Pos)
		case Type:
			claim(d.Name, d.Pos)
			u.types[d.Name] = d
		default:
			claim(d.Name, d.Pos)
			u.names[d.Name] = d
		}
	}
	return u
}

func (u *unit) fault(pos Pos, format string, args ...any) {
	u.faults = append(u.faults, Fault{u.file.Path, pos, fmt.Sprintf(format, args...)})
}

// beside returns the path of what the file calls name.
func (u *unit) beside(name string) string { return path.Join(path.Dir(u.file.Path), name) }

// scope is the names that loops, lambdas and nested resources add to those of the file.
type scope struct {
	outer *scope
	names map[string]*typ
	// resources are those nested in the object around.
	resources map[string]*Declaration
	// defaults says that the expression is the default of a parameter.
	defaults bool
}

func (s *scope) with(names map[string]*typ) *scope { return &scope{outer: s, names: names} }

func (s *scope) find(name string) (*typ, bool) {
	for ; s != nil; s = s.outer {
		t, found := s.names[name]
		if found {
			return t, true
		}
	}
	return nil, false
}

func (s *scope) resource(name string) *Declaration {
	for ; s != nil; s = s.outer {
		if s.resources[name] != nil {
			return s.resources[name]
		}
	}
	return nil
}

func (s *scope) inDefault() bool {
	for ; s != nil; s = s.outer {
		if s.defaults {
			return true
		}
	}
	return false
}

func (u *unit) check() {
	for _, one := range u.file.Imports {
		u.checkImport(one)
	}
	for _, d := range u.file.Declarations {
		u.checkDeclaration(d, nil)
	}
	if u.file.Using != nil {
		u.checkParameters()
	}
	u.checkUnused()
	u.checkCircles()
}

func (u *unit) checkImport(one Import) {
	from := u.units[u.beside(one.From)]
	if from == nil {
		u.fault(one.Pos, "%s is no file that was loaded", one.From)
		return
	}
	if one.Name == "*" {
		return
	}
	d := from.exported(one.Name)
	if d == nil {
		u.fault(one.Pos, "%s exports no %s", one.From, one.Name)
	}
}

// exported returns the type, variable or function that other files may import, or nil.
func (u *unit) exported(name string) *Declaration {
	for _, d := range []*Declaration{u.types[name], u.names[name]} {
		if d != nil && d.Decorated("export") != nil {
			return d
		}
	}
	return nil
}

// lookUp finds an imported name: what it is and in which file.
func (u *unit) lookUp(name string) (*unit, *Declaration) {
	base, member, dotted := strings.Cut(name, ".")
	one, found := u.imported[base]
	if !found {
		return nil, nil
	}
	from := u.units[u.beside(one.From)]
	switch {
	case from == nil:
		return nil, nil
	case one.Name == "*" && dotted:
		return from, from.exported(member)
	case one.Name != "*" && !dotted:
		return from, from.exported(one.Name)
	default:
		return nil, nil
	}
}

var resourceType = regexp.MustCompile(`^[A-Za-z]+(\.[A-Za-z]+)+(/[A-Za-z]+)+@(\d{4}-\d{2}-\d{2}(-preview)?|v1\.0)$`)

func (u *unit) checkDeclaration(d *Declaration, s *scope) {
	u.checkDecorators(d.Decorators, d.Kind, d.Type)
	switch d.Kind {
	case Param:
		if d.Type.Op == TypeNullable && d.Value != nil {
			u.fault(d.Pos, "%s may be null, so it is null by default and can have no other", d.Name)
		}
		declared := u.parameterType(d)
		if d.Value != nil {
			inner := &scope{defaults: true}
			u.checkExpr(d.Value, inner)
			u.assign(d.Value, declared, inner, "the default of "+d.Name)
		}
	case Var, Output, Metadata:
		u.checkExpr(d.Value, s)
		u.checkLoops(d.Value, d.Kind == Var || d.Kind == Output, false)
		if d.Type != nil {
			u.assign(d.Value, u.resolve(d.Type), s, d.Name)
		}
	case Type:
		u.resolve(d.Type)
		if d.Decorated("sealed") != nil && d.Type.Rest != nil {
			u.fault(d.Pos, "%s is sealed, and takes any property", d.Name)
		}
	case Func:
		names := map[string]*typ{}
		for _, param := range d.Params {
			names[param.Name] = u.resolve(param.Type)
		}
		// A function sees its parameters only, and other functions.
		inner := (&scope{}).with(names)
		u.checkExpr(d.Value, inner)
		u.assign(d.Value, u.resolve(d.Type), inner, "what "+d.Name+" returns")
		u.checkClosed(d, names)
	case Assign:
		u.checkExpr(d.Value, s)
	case Resource, Module:
		u.checkResource(d, s)
	}
}

// checkClosed makes sure that a func names nothing but its own parameters and functions.
func (u *unit) checkClosed(d *Declaration, names map[string]*typ) {
	bound := map[string]bool{}
	called := map[*Expr]bool{}
	d.Value.Walk(func(e *Expr) {
		if e.Op == Call {
			called[e.Args[0]] = true
		}
		for _, name := range e.Names {
			bound[name] = true
		}
	})
	d.Value.Walk(func(e *Expr) {
		_, own := names[e.Text]
		if e.Op == Name && !own && !bound[e.Text] && !called[e] && e.Text != "sys" && e.Text != "az" {
			u.fault(e.Pos, "the function %s names %s, and a function sees its own parameters only", d.Name, e.Text)
		}
	})
}

// checkDecorators makes sure that the decorators may stand before what they stand before.
func (u *unit) checkDecorators(list []Decorator, before Kind, t *TypeExpr) {
	seen := map[string]bool{}
	for _, one := range list {
		known, found := decorators[one.Name]
		switch {
		case !found:
			u.fault(one.Pos, "@%s is no decorator that is known here", one.Name)
		case seen[one.Name]:
			u.fault(one.Pos, "@%s stands here twice", one.Name)
		case !slices.Contains(known.kinds, before):
			u.fault(one.Pos, "@%s may not stand before a %s", one.Name, before)
		case len(one.Args) != known.args:
			u.fault(one.Pos, "@%s takes %d arguments", one.Name, known.args)
		case known.shapes != nil && t != nil:
			u.checkBounds(one, known.shapes, t)
		}
		seen[one.Name] = true
		for _, arg := range one.Args {
			u.checkExpr(arg, nil)
		}
	}
}

// checkBounds makes sure that a decorator that says more about a type stands before one of which it can be said.
func (u *unit) checkBounds(one Decorator, shapes []shape, t *TypeExpr) {
	for t.Op == TypeNullable {
		t = t.Of[0]
	}
	_, primitive := primitives[t.Text]
	is := u.resolve(t)
	length := one.Name == "minLength" || one.Name == "maxLength"
	switch {
	case t.Op == TypeName && !primitive:
		u.fault(one.Pos, "@%s belongs to where %s is declared", one.Name, t.Text)
	case length && (t.Op == TypeUnion || t.Op == TypeLiteral):
		u.fault(one.Pos, "@%s says nothing about what is one of a few", one.Name)
	case is != nil && slices.ContainsFunc(is.options, func(o option) bool { return !slices.Contains(shapes, o.shape) }):
		u.fault(one.Pos, "@%s may not stand before a %s", one.Name, is)
	}
}

// checkResource checks a resource or module with the loop and the condition around it.
func (u *unit) checkResource(d *Declaration, s *scope) {
	e := d.Value
	for e.Op == For || e.Op == Cond {
		u.checkExpr(e.Args[0], s)
		what := "the condition of " + d.Name
		if e.Op == For {
			what = "what " + d.Name + " loops over"
			s = s.with(u.loopNames(e, s))
		}
		u.checkKnown(e.Args[0], what)
		e = e.Args[1]
	}
	nested := map[string]*Declaration{}
	for _, resource := range e.Resources {
		nested[resource.Name] = resource
	}
	inner := &scope{outer: s, resources: nested}
	for _, resource := range e.Resources {
		if d.Value.Op == For {
			u.fault(resource.Pos, "what is deployed in a loop can have no resource nested in it")
		}
		u.checkDeclaration(resource, inner)
	}
	for _, property := range e.Properties {
		u.checkExpr(property.Value, inner)
		u.checkLoops(property.Value, true, true)
	}
	for _, key := range neededAtStart {
		value := e.Get(key)
		if value != nil {
			u.checkKnown(value, "the "+key+" of "+d.Name)
		}
	}
	for _, needed := range d.needs() {
		if e.Get(needed) == nil {
			u.fault(d.Pos, "%s has no %s", d.Name, needed)
		}
	}
	if depends := e.Get("dependsOn"); depends != nil {
		for _, one := range depends.Args {
			if u.referred(one, inner) == nil {
				u.fault(one.Pos, "dependsOn takes the names of resources and modules")
			}
		}
	}
	if d.Kind == Module {
		u.checkModule(d, e, inner)
	} else {
		u.checkResourceType(d, e, inner)
	}
}

// checkLoops finds loops where none may stand: they are the whole value of a declaration or of a property, and not one in another.
func (u *unit) checkLoops(e *Expr, here, properties bool) {
	if e.Op == For {
		if !here {
			u.fault(e.Pos, "a loop may not stand here: it is the value of a declaration, or of a property of a resource or module")
		}
		u.checkLoops(e.Args[0], false, false)
		u.checkLoops(e.Args[1], false, false)
		return
	}
	inside := properties && (e.Op == Object || e.Op == Array)
	for _, arg := range e.Args {
		u.checkLoops(arg, false, inside)
	}
	for _, property := range e.Properties {
		u.checkLoops(property.Value, inside, inside)
	}
}

// needs returns the properties that the declaration must have.
func (d *Declaration) needs() []string {
	if d.Kind == Resource && !strings.HasPrefix(d.Target.Text, "Microsoft.Graph/") {
		return []string{"name"}
	}
	return nil
}

func (u *unit) checkResourceType(d *Declaration, body *Expr, s *scope) {
	name := d.Target.Text
	if d.Parent != nil {
		if strings.ContainsAny(name, "/@") {
			u.fault(d.Target.Pos, "a nested resource takes the last word of its type, and the version from the one around it")
		}
		return
	}
	if !resourceType.MatchString(name) {
		u.fault(d.Target.Pos, "%q is no resource type with a version", name)
		return
	}
	parent := body.Get("parent")
	kind, _, _ := strings.Cut(name, "@")
	if parent == nil {
		// With the parent in the name: both have as many parts.
		return
	}
	above := u.referred(parent, s)
	if above == nil {
		u.fault(parent.Pos, "the parent must be a resource of this file")
		return
	}
	aboveKind := above.fullType()
	rest, below := strings.CutPrefix(kind, aboveKind+"/")
	if !below || strings.Contains(rest, "/") {
		u.fault(parent.Pos, "%s is no child of %s", kind, aboveKind)
	}
}

// fullType returns the type without its version, of a nested resource too.
func (d *Declaration) fullType() string {
	kind, _, _ := strings.Cut(d.Target.Text, "@")
	if d.Parent != nil {
		return d.Parent.fullType() + "/" + kind
	}
	return kind
}

// referred returns the resource or module that e names, or nil.
func (u *unit) referred(e *Expr, s *scope) *Declaration {
	switch e.Op {
	case Name:
		nested := s.resource(e.Text)
		if nested != nil {
			return nested
		}
		d := u.names[e.Text]
		if d != nil && (d.Kind == Resource || d.Kind == Module) {
			return d
		}
	case Index, NonNull:
		return u.referred(e.Args[0], s)
	case Nested:
		above := u.referred(e.Args[0], s)
		if above != nil {
			for _, nested := range above.Body().Resources {
				if nested.Name == e.Text {
					return nested
				}
			}
		}
	}
	return nil
}

func (u *unit) checkModule(d *Declaration, body *Expr, s *scope) {
	target := u.units[u.beside(d.Target.Text)]
	if target == nil {
		u.fault(d.Target.Pos, "%s is no file that was loaded", d.Target.Text)
		return
	}
	if target.file.Scope != u.file.Scope && body.Get("scope") == nil {
		u.fault(d.Pos, "%s deploys to a %s and this file to a %s: the module needs a scope", d.Target.Text, target.file.Scope, u.file.Scope)
	}
	given := body.Get("params")
	if given == nil {
		given = &Expr{Op: Object, Pos: d.Pos}
	}
	u.checkGiven(d.Pos, target, given, s, d.Target.Text)
	for _, property := range body.Properties {
		if !slices.Contains([]string{"params", "scope", "dependsOn", "name"}, property.Key) {
			u.fault(property.Pos, "a module has no %s", property.Key)
		}
	}
}

// checkGiven compares values with the parameters of a template.
func (u *unit) checkGiven(pos Pos, target *unit, given *Expr, s *scope, template string) {
	for _, property := range given.Properties {
		param := target.names[property.Key]
		if param == nil || param.Kind != Param {
			u.fault(property.Pos, "%s has no parameter %s", template, property.Key)
			continue
		}
		wanted := target.parameterType(param)
		if param.Value != nil {
			// Null takes the default.
			wanted = wanted.withNull()
		}
		u.assign(property.Value, wanted, s, property.Key)
	}
	for _, param := range target.file.Declarations {
		if param.Kind == Param && param.Value == nil && !target.resolve(param.Type).nullable() && given.Get(param.Name) == nil {
			u.fault(pos, "%s wants the parameter %s", template, param.Name)
		}
	}
}

// checkParameters compares a parameters file with its template.
func (u *unit) checkParameters() {
	target := u.units[u.beside(u.file.Using.Text)]
	if target == nil {
		u.fault(u.file.Using.Pos, "%s is no file that was loaded", u.file.Using.Text)
		return
	}
	given := &Expr{Op: Object}
	for _, d := range u.file.Declarations {
		if d.Kind == Assign {
			given.Properties = append(given.Properties, Property{Key: d.Name, Pos: d.Pos, Value: d.Value})
		}
	}
	u.checkGiven(u.file.Using.Pos, target, given, nil, u.file.Using.Text)
}

func (u *unit) checkUnused() {
	for _, d := range u.file.Declarations {
		unused := !u.used[d.Name] && d.Decorated("export") == nil
		switch d.Kind {
		case Param, Var, Type, Func:
			if unused {
				u.fault(d.Pos, "the %s %s is used nowhere", d.Kind, d.Name)
			}
		case Resource:
			if unused && d.Existing {
				u.fault(d.Pos, "the existing resource %s is used nowhere", d.Name)
			}
		}
	}
	for _, one := range u.file.Imports {
		if !u.used[one.As] {
			u.fault(one.Pos, "the import %s is used nowhere", one.As)
		}
	}
}

// checkCircles finds declarations that need each other.
func (u *unit) checkCircles() {
	const visiting, visited = 1, 2
	state := map[*Declaration]int{}
	var visit func(d *Declaration)
	visit = func(d *Declaration) {
		state[d] = visiting
		d.Value.Walk(func(e *Expr) {
			next := u.names[e.Text]
			if e.Op != Name || next == nil {
				return
			}
			switch state[next] {
			case visiting:
				u.fault(e.Pos, "%s and %s need each other", d.Name, next.Name)
			case 0:
				visit(next)
			}
		})
		state[d] = visited
	}
	for _, d := range u.file.Declarations {
		if state[d] == 0 {
			visit(d)
		}
	}
}

// checkKnown makes sure that e can be computed before the deployment starts: nothing in it may come out of a resource or module.
func (u *unit) checkKnown(e *Expr, what string) {
	var check func(e *Expr, seen map[string]bool)
	check = func(e *Expr, seen map[string]bool) {
		e.Walk(func(inner *Expr) {
			switch inner.Op {
			case Member:
				d := u.referred(inner.Args[0], nil)
				if d != nil && (d.Kind == Module || !knownAtStart[inner.Text]) {
					u.fault(inner.Pos, "%s must be known before the deployment, and %s.%s is not", what, d.Name, inner.Text)
				}
			case Name:
				d := u.names[inner.Text]
				if d != nil && d.Kind == Var && !seen[d.Name] {
					seen[d.Name] = true
					check(d.Value, seen)
				}
			}
		})
	}
	check(e, map[string]bool{})
}
