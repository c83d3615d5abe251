package bicep

// File is one file of templates or of parameters.
type File struct {
	Path         string
	Using        *Expr // of a parameters file: the template
	Scope        string
	Declarations []*Declaration
	Imports      []Import
	Extensions   []string
}

// Kind is what a declaration declares.
type Kind string

// The kinds of declarations. Assign is the value that a parameters file gives to a parameter.
const (
	Param    Kind = "param"
	Assign   Kind = "value of param"
	Var      Kind = "var"
	Type     Kind = "type"
	Func     Kind = "func"
	Resource Kind = "resource"
	Module   Kind = "module"
	Output   Kind = "output"
	Metadata Kind = "metadata"
)

// Declaration is one statement that names something.
type Declaration struct {
	Kind       Kind
	Name       string
	Pos        Pos
	Decorators []Decorator
	// Target is the resource type with its version, or the path of a module.
	Target   *Expr
	Existing bool
	// Type is of a param, var, type, output, and what a func returns.
	Type *TypeExpr
	// Params are those of a func.
	Params []TypedName
	// Value is the default of a param, or what the declaration is made of. For resources and modules it may be a For or a Cond.
	Value *Expr
	// Parent is the resource that this one is nested in.
	Parent *Declaration
}

// Decorator is one @name(arguments).
type Decorator struct {
	Name string
	Pos  Pos
	Args []*Expr
}

// Import is one name that a file takes from another.
type Import struct {
	Name, As string // Name is * for all names, under As
	From     string
	Pos      Pos
}

// TypedName is a parameter of a func.
type TypedName struct {
	Name string
	Type *TypeExpr
}

// Decorated returns the first decorator of that name, or nil.
func (d *Declaration) Decorated(name string) *Decorator { return find(d.Decorators, name) }

func find(decorators []Decorator, name string) *Decorator {
	for i := range decorators {
		if decorators[i].Name == name {
			return &decorators[i]
		}
	}
	return nil
}

// Body returns the object that describes a resource or module, without the loop or condition around it.
func (d *Declaration) Body() *Expr {
	body := d.Value
	for body != nil && (body.Op == For || body.Op == Cond) {
		body = body.Args[1]
	}
	return body
}

// Op is what an expression is.
type Op string

// The kinds of expressions. Text and Args mean:
const (
	Name     Op = "name"     // Text
	String   Op = "string"   // Text, the value of a string without interpolation
	Template Op = "template" // Args: the texts as String and what is between them
	Number   Op = "number"   // Text
	Bool     Op = "bool"     // Text
	Null     Op = "null"
	Array    Op = "array"   // Args
	Object   Op = "object"  // Properties, and the resources nested in it
	Spread   Op = "spread"  // Args[0]
	Member   Op = "member"  // Args[0].Text; Safe for .?
	Nested   Op = "nested"  // Args[0]::Text
	Index    Op = "index"   // Args[0][Args[1]]; Safe for [?
	Call     Op = "call"    // Args[0] is the function, a Name or a Member; then the arguments
	Lambda   Op = "lambda"  // Names => Args[0]
	NonNull  Op = "nonnull" // Args[0]!
	Unary    Op = "unary"   // Text Args[0]
	Binary   Op = "binary"  // Args[0] Text Args[1]
	Choice   Op = "choice"  // Args[0] ? Args[1] : Args[2]
	For      Op = "for"     // for Names in Args[0]: Args[1]
	Cond     Op = "if"      // if (Args[0]) Args[1]
)

// Expr is an expression.
type Expr struct {
	Op         Op
	Pos        Pos
	Text       string
	Safe       bool
	Args       []*Expr
	Names      []string
	Properties []Property
	Resources  []*Declaration
}

// Property is one of an object. Key is empty if it is not a plain name or string; then KeyExpr holds it. Quoted says that Key is a string.
type Property struct {
	Key     string
	Quoted  bool
	KeyExpr *Expr
	Pos     Pos
	Value   *Expr
}

// Get returns the value of the property, or nil. It may be called on nil and on what is no object.
func (e *Expr) Get(path ...string) *Expr {
	for _, key := range path {
		if e == nil || e.Op != Object {
			return nil
		}
		var next *Expr
		for _, property := range e.Properties {
			if property.Key == key {
				next = property.Value
			}
		}
		e = next
	}
	return e
}

// Walk calls visit for e and everything in it, outer ones first.
func (e *Expr) Walk(visit func(*Expr)) {
	if e == nil {
		return
	}
	visit(e)
	for _, arg := range e.Args {
		arg.Walk(visit)
	}
	for _, property := range e.Properties {
		property.KeyExpr.Walk(visit)
		property.Value.Walk(visit)
	}
	for _, resource := range e.Resources {
		resource.Value.Walk(visit)
	}
}

// TypeOp is what a type expression is.
type TypeOp string

// The kinds of type expressions.
const (
	TypeName     TypeOp = "name"    // Text, with the name of an import before it: t.Foo
	TypeLiteral  TypeOp = "literal" // Literal
	TypeArray    TypeOp = "array"   // Of[0]
	TypeNullable TypeOp = "null"    // Of[0]
	TypeUnion    TypeOp = "union"   // Of
	TypeObject   TypeOp = "object"  // Properties, Rest
)

// TypeExpr is a type.
type TypeExpr struct {
	Op         TypeOp
	Pos        Pos
	Text       string
	Literal    *Expr
	Of         []*TypeExpr
	Properties []TypeProperty
	Rest       *TypeExpr // of all other properties; nil if there may be none
}

// Walk calls visit for t and every type in it, outer ones first.
func (t *TypeExpr) Walk(visit func(*TypeExpr)) {
	if t == nil {
		return
	}
	visit(t)
	for _, of := range t.Of {
		of.Walk(visit)
	}
	for _, property := range t.Properties {
		property.Type.Walk(visit)
	}
	t.Rest.Walk(visit)
}

// TypeProperty is one property of an object type.
type TypeProperty struct {
	Name       string
	Pos        Pos
	Decorators []Decorator
	Type       *TypeExpr
}

// Decorated returns the first decorator of that name, or nil.
func (p TypeProperty) Decorated(name string) *Decorator { return find(p.Decorators, name) }
