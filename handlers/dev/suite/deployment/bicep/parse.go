package bicep

import (
	"fmt"
	"strings"
)

// Parse reads one file. Parameters files are those whose path ends in .bicepparam. The fault, if there is one, is the first.
func Parse(path, text string) (file *File, fault *Fault) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case syntaxError:
			file, fault = nil, &Fault{path, cause.pos, cause.text}
		default:
			panic(cause)
		}
	}()
	l := &lexer{text: text, pos: Pos{1, 1}}
	p := &parser{tokens: l.tokens(false)}
	file = &File{Path: path, Scope: "resourceGroup"}
	p.file(file, strings.HasSuffix(path, ".bicepparam"))
	return file, nil
}

type parser struct {
	tokens []token
	next   int
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != endToken {
		p.next++
	}
	return t
}

func (p *parser) fail(t token, format string, args ...any) {
	panic(syntaxError{t.pos, fmt.Sprintf(format, args...)})
}

func (t token) describe() string {
	switch t.kind {
	case endToken:
		return "the end"
	case newlineToken:
		return "the end of the line"
	case stringToken:
		return "a string"
	default:
		return "'" + t.text + "'"
	}
}

func (t token) is(symbol string) bool { return t.kind == symbolToken && t.text == symbol }

func (p *parser) accept(symbol string) bool {
	if p.peek().is(symbol) {
		p.next++
		return true
	}
	return false
}

func (p *parser) expect(symbol string) token {
	t := p.take()
	if !t.is(symbol) {
		p.fail(t, "%s where '%s' must be", t.describe(), symbol)
	}
	return t
}

func (p *parser) acceptWord(word string) bool {
	t := p.peek()
	if t.kind == nameToken && t.text == word {
		p.next++
		return true
	}
	return false
}

func (p *parser) name() token {
	t := p.take()
	if t.kind != nameToken {
		p.fail(t, "%s where a name must be", t.describe())
	}
	return t
}

func (p *parser) skipNewlines() {
	for p.peek().kind == newlineToken {
		p.next++
	}
}

// afterNewlines looks ahead to what comes after the ends of lines.
func (p *parser) afterNewlines() token {
	for i := p.next; ; i++ {
		if p.tokens[i].kind != newlineToken {
			return p.tokens[i]
		}
	}
}

func (p *parser) endOfStatement() {
	t := p.peek()
	if t.kind != newlineToken && t.kind != endToken {
		p.fail(t, "%s where the line must end", t.describe())
	}
}

// plainString reads a string without interpolation.
func (p *parser) plainString() *Expr {
	t := p.take()
	if t.kind != stringToken || len(t.parts) != 1 {
		p.fail(t, "%s where a plain string must be", t.describe())
	}
	return &Expr{Op: String, Pos: t.pos, Text: t.parts[0].text}
}

func (p *parser) file(file *File, parameters bool) {
	for {
		p.skipNewlines()
		if p.peek().kind == endToken {
			return
		}
		decorators := p.decorators()
		start := p.peek()
		word := p.name()
		switch word.text {
		case "targetScope":
			p.expect("=")
			file.Scope = p.plainString().Text
		case "using":
			file.Using = p.plainString()
		case "import":
			file.Imports = append(file.Imports, p.imports(start.pos)...)
		case "extension":
			file.Extensions = append(file.Extensions, p.name().text)
		default:
			file.Declarations = append(file.Declarations, p.declaration(word, decorators, parameters))
			decorators = nil
		}
		if len(decorators) > 0 {
			p.fail(start, "a decorator before what takes none")
		}
		p.endOfStatement()
	}
}

func (p *parser) decorators() []Decorator {
	var list []Decorator
	for p.peek().is("@") {
		p.next++
		call := p.postfix(p.primary())
		if call.Op != Call {
			panic(syntaxError{call.Pos, "a decorator must be a call, such as @description('...')"})
		}
		function := call.Args[0]
		name := function.Text
		if function.Op == Member && function.Args[0].Text != "sys" {
			panic(syntaxError{call.Pos, "decorators come from the namespace sys only"})
		}
		list = append(list, Decorator{Name: name, Pos: call.Pos, Args: call.Args[1:]})
		p.endOfStatement()
		p.skipNewlines()
	}
	return list
}

func (p *parser) imports(pos Pos) []Import {
	var list []Import
	if p.accept("*") {
		if !p.acceptWord("as") {
			p.fail(p.peek(), "%s where 'as' must be", p.peek().describe())
		}
		list = append(list, Import{Name: "*", As: p.name().text, Pos: pos})
	} else {
		p.expect("{")
		for p.skipNewlines(); !p.accept("}"); p.skipNewlines() {
			t := p.name()
			one := Import{Name: t.text, As: t.text, Pos: t.pos}
			if p.acceptWord("as") {
				one.As = p.name().text
			}
			list = append(list, one)
			p.accept(",")
		}
	}
	if !p.acceptWord("from") {
		p.fail(p.peek(), "%s where 'from' must be", p.peek().describe())
	}
	from := p.plainString().Text
	for i := range list {
		list[i].From = from
	}
	return list
}

func (p *parser) declaration(word token, decorators []Decorator, parameters bool) *Declaration {
	name := p.name()
	d := &Declaration{Kind: Kind(word.text), Name: name.text, Pos: name.pos, Decorators: decorators}
	switch d.Kind {
	case Param:
		if parameters {
			d.Kind = Assign
			p.expect("=")
			d.Value = p.expression()
			break
		}
		d.Type = p.typeExpr()
		if p.accept("=") {
			d.Value = p.expression()
		}
	case Var:
		if !p.peek().is("=") {
			d.Type = p.typeExpr()
		}
		p.expect("=")
		d.Value = p.expression()
	case Metadata:
		p.expect("=")
		d.Value = p.expression()
	case Output:
		d.Type = p.typeExpr()
		p.expect("=")
		d.Value = p.expression()
	case Type:
		p.expect("=")
		d.Type = p.typeExpr()
	case Func:
		p.expect("(")
		for p.skipNewlines(); !p.accept(")"); p.skipNewlines() {
			param := p.name().text
			d.Params = append(d.Params, TypedName{param, p.typeExpr()})
			p.accept(",")
		}
		d.Type = p.typeExpr()
		p.expect("=>")
		d.Value = p.expression()
	case Resource, Module:
		p.resource(d)
	default:
		p.fail(word, "'%s' begins no statement that is known here", word.text)
	}
	return d
}

// resource reads what follows the name of a resource or module.
func (p *parser) resource(d *Declaration) {
	d.Target = p.plainString()
	if d.Kind == Resource {
		d.Existing = p.acceptWord("existing")
	}
	p.expect("=")
	d.Value = p.expression()
	body := d.Body()
	if body.Op != Object {
		panic(syntaxError{body.Pos, "the body of a resource or module must be an object"})
	}
	for _, nested := range body.Resources {
		nested.Parent = d
	}
}

// expression reads a whole expression, with the forms that stand at the outside only: loops and conditions.
func (p *parser) expression() *Expr {
	t := p.peek()
	if t.kind == nameToken && t.text == "if" {
		p.next++
		p.expect("(")
		p.skipNewlines()
		condition := p.choice()
		p.skipNewlines()
		p.expect(")")
		return &Expr{Op: Cond, Pos: t.pos, Args: []*Expr{condition, p.expression()}}
	}
	return p.choice()
}

func (p *parser) choice() *Expr {
	left := p.binary(0)
	if !p.afterNewlines().is("?") {
		return left
	}
	p.skipNewlines()
	p.expect("?")
	yes := p.choice()
	p.skipNewlines()
	p.expect(":")
	return &Expr{Op: Choice, Pos: left.Pos, Args: []*Expr{left, yes, p.choice()}}
}

// levels are the binary operators, weakest first.
var levels = [][]string{
	{"??"}, {"||"}, {"&&"}, {"==", "!=", "=~", "!~"}, {"<", ">", "<=", ">="}, {"+", "-"}, {"*", "/", "%"},
}

func (p *parser) binary(level int) *Expr {
	if level == len(levels) {
		return p.unary()
	}
	left := p.binary(level + 1)
	for {
		operator := ""
		for _, symbol := range levels[level] {
			if p.peek().is(symbol) {
				operator = symbol
			}
		}
		if operator == "" {
			return left
		}
		p.next++
		left = &Expr{Op: Binary, Pos: left.Pos, Text: operator, Args: []*Expr{left, p.binary(level + 1)}}
	}
}

func (p *parser) unary() *Expr {
	t := p.peek()
	if t.is("!") || t.is("-") {
		p.next++
		return &Expr{Op: Unary, Pos: t.pos, Text: t.text, Args: []*Expr{p.unary()}}
	}
	return p.postfix(p.primary())
}

func (p *parser) postfix(e *Expr) *Expr {
	for {
		t := p.peek()
		switch {
		case t.is("!"):
			p.next++
			e = &Expr{Op: NonNull, Pos: t.pos, Args: []*Expr{e}}
		case t.is(".") || t.is(".?"):
			p.next++
			name := p.name()
			e = &Expr{Op: Member, Pos: name.pos, Text: name.text, Safe: t.text == ".?", Args: []*Expr{e}}
		case t.is("::"):
			p.next++
			name := p.name()
			e = &Expr{Op: Nested, Pos: name.pos, Text: name.text, Args: []*Expr{e}}
		case t.is("[") || t.is("[?"):
			p.next++
			index := p.choice()
			p.expect("]")
			e = &Expr{Op: Index, Pos: t.pos, Safe: t.text == "[?", Args: []*Expr{e, index}}
		case t.is("(") && (e.Op == Name || e.Op == Member):
			p.next++
			call := &Expr{Op: Call, Pos: e.Pos, Args: []*Expr{e}}
			for p.skipNewlines(); !p.accept(")"); p.skipNewlines() {
				call.Args = append(call.Args, p.choice())
				p.skipNewlines()
				switch {
				case p.accept(","):
					if p.afterNewlines().is(")") {
						p.fail(p.peek(), "no value after the last ','")
					}
				case !p.peek().is(")"):
					p.fail(p.peek(), "%s where ',' or ')' must be", p.peek().describe())
				}
			}
			e = call
		default:
			return e
		}
	}
}

func (p *parser) primary() *Expr {
	t := p.take()
	switch {
	case t.kind == numberToken:
		return &Expr{Op: Number, Pos: t.pos, Text: t.text}
	case t.kind == stringToken:
		return p.interpolated(t)
	case t.kind == nameToken && (t.text == "true" || t.text == "false"):
		return &Expr{Op: Bool, Pos: t.pos, Text: t.text}
	case t.kind == nameToken && t.text == "null":
		return &Expr{Op: Null, Pos: t.pos}
	case t.kind == nameToken && p.peek().is("=>"):
		p.next++
		p.skipNewlines()
		return &Expr{Op: Lambda, Pos: t.pos, Names: []string{t.text}, Args: []*Expr{p.choice()}}
	case t.kind == nameToken:
		return &Expr{Op: Name, Pos: t.pos, Text: t.text}
	case t.is("("):
		return p.parenthesis(t)
	case t.is("["):
		return p.array(t)
	case t.is("{"):
		return p.object(t)
	}
	p.fail(t, "%s where a value must be", t.describe())
	return nil
}

func (p *parser) interpolated(t token) *Expr {
	if len(t.parts) == 1 {
		return &Expr{Op: String, Pos: t.pos, Text: t.parts[0].text}
	}
	e := &Expr{Op: Template, Pos: t.pos}
	for _, piece := range t.parts {
		if piece.tokens == nil {
			e.Args = append(e.Args, &Expr{Op: String, Pos: t.pos, Text: piece.text})
			continue
		}
		inner := &parser{tokens: piece.tokens}
		e.Args = append(e.Args, inner.choice())
		if inner.peek().kind != endToken {
			p.fail(inner.peek(), "%s where '}' must be", inner.peek().describe())
		}
	}
	return e
}

// parenthesis reads what follows an opening one: an expression, or the names of a lambda.
func (p *parser) parenthesis(open token) *Expr {
	start := p.next
	var names []string
	for p.peek().kind == nameToken {
		names = append(names, p.take().text)
		if !p.accept(",") {
			break
		}
		p.skipNewlines()
	}
	if p.accept(")") && p.accept("=>") {
		p.skipNewlines()
		return &Expr{Op: Lambda, Pos: open.pos, Names: names, Args: []*Expr{p.choice()}}
	}
	p.next = start
	p.skipNewlines()
	e := p.choice()
	p.skipNewlines()
	p.expect(")")
	return e
}

func (p *parser) array(open token) *Expr {
	e := &Expr{Op: Array, Pos: open.pos}
	p.skipNewlines()
	if p.acceptWord("for") {
		loop := &Expr{Op: For, Pos: open.pos}
		if p.accept("(") {
			loop.Names = append(loop.Names, p.name().text)
			p.expect(",")
			loop.Names = append(loop.Names, p.name().text)
			p.expect(")")
		} else {
			loop.Names = append(loop.Names, p.name().text)
		}
		if !p.acceptWord("in") {
			p.fail(p.peek(), "%s where 'in' must be", p.peek().describe())
		}
		over := p.choice()
		p.expect(":")
		loop.Args = []*Expr{over, p.expression()}
		p.skipNewlines()
		p.expect("]")
		return loop
	}
	for ; !p.accept("]"); p.skipNewlines() {
		spread := p.peek()
		if p.accept("...") {
			e.Args = append(e.Args, &Expr{Op: Spread, Pos: spread.pos, Args: []*Expr{p.choice()}})
		} else {
			e.Args = append(e.Args, p.choice())
		}
		p.separator("]")
	}
	return e
}

// separator takes what stands between two elements: a comma or a new line, and not both.
func (p *parser) separator(end string) {
	t := p.peek()
	switch {
	case p.accept(","):
		if p.peek().kind == newlineToken {
			p.fail(t, "the line ends after a ','; what stands in lines is parted by these alone")
		}
	case t.kind != newlineToken && !t.is(end):
		p.fail(t, "%s where ',', a new line or '%s' must be", t.describe(), end)
	}
}

func (p *parser) object(open token) *Expr {
	e := &Expr{Op: Object, Pos: open.pos}
	for p.skipNewlines(); !p.accept("}"); p.skipNewlines() {
		decorators := p.decorators()
		t := p.take()
		switch {
		case t.is("..."):
			e.Properties = append(e.Properties, Property{Pos: t.pos, KeyExpr: &Expr{Op: Spread, Pos: t.pos}, Value: p.choice()})
		case t.kind == nameToken && t.text == "resource" && p.peek().kind == nameToken:
			name := p.name()
			nested := &Declaration{Kind: Resource, Name: name.text, Pos: name.pos, Decorators: decorators}
			p.resource(nested)
			e.Resources = append(e.Resources, nested)
		case t.kind == nameToken:
			e.Properties = append(e.Properties, Property{Key: t.text, Pos: t.pos, Value: p.value()})
		case t.kind == stringToken && len(t.parts) == 1:
			e.Properties = append(e.Properties, Property{Key: t.parts[0].text, Quoted: true, Pos: t.pos, Value: p.value()})
		case t.kind == stringToken:
			key := p.interpolated(t)
			e.Properties = append(e.Properties, Property{KeyExpr: key, Pos: t.pos, Value: p.value()})
		default:
			p.fail(t, "%s where a property must be", t.describe())
		}
		p.separator("}")
	}
	return e
}

func (p *parser) value() *Expr {
	p.expect(":")
	return p.choice()
}

// typeExpr reads a type: a union of what typePostfix reads.
func (p *parser) typeExpr() *TypeExpr {
	p.accept("|")
	first := p.typePostfix()
	if !p.peek().is("|") {
		return first
	}
	union := &TypeExpr{Op: TypeUnion, Pos: first.Pos, Of: []*TypeExpr{first}}
	for p.accept("|") {
		p.skipNewlines()
		union.Of = append(union.Of, p.typePostfix())
	}
	return union
}

func (p *parser) typePostfix() *TypeExpr {
	t := p.typePrimary()
	for {
		pos := p.peek().pos
		switch {
		case p.peek().is("[") && p.tokens[p.next+1].is("]"):
			p.next += 2
			t = &TypeExpr{Op: TypeArray, Pos: pos, Of: []*TypeExpr{t}}
		case p.accept("?"):
			t = &TypeExpr{Op: TypeNullable, Pos: pos, Of: []*TypeExpr{t}}
		default:
			return t
		}
	}
}

func (p *parser) typePrimary() *TypeExpr {
	t := p.take()
	switch {
	case t.is("("):
		p.skipNewlines()
		inner := p.typeExpr()
		p.skipNewlines()
		p.expect(")")
		return inner
	case t.is("{"):
		return p.typeObject(t)
	case t.kind == stringToken && len(t.parts) == 1:
		return &TypeExpr{Op: TypeLiteral, Pos: t.pos, Literal: &Expr{Op: String, Pos: t.pos, Text: t.parts[0].text}}
	case t.kind == numberToken:
		return &TypeExpr{Op: TypeLiteral, Pos: t.pos, Literal: &Expr{Op: Number, Pos: t.pos, Text: t.text}}
	case t.kind == nameToken && (t.text == "true" || t.text == "false"):
		return &TypeExpr{Op: TypeLiteral, Pos: t.pos, Literal: &Expr{Op: Bool, Pos: t.pos, Text: t.text}}
	case t.kind == nameToken:
		name := &TypeExpr{Op: TypeName, Pos: t.pos, Text: t.text}
		if p.accept(".") {
			name.Text += "." + p.name().text
		}
		return name
	}
	p.fail(t, "%s where a type must be", t.describe())
	return nil
}

func (p *parser) typeObject(open token) *TypeExpr {
	object := &TypeExpr{Op: TypeObject, Pos: open.pos}
	for p.skipNewlines(); !p.accept("}"); p.skipNewlines() {
		decorators := p.decorators()
		t := p.take()
		property := TypeProperty{Pos: t.pos, Decorators: decorators}
		switch {
		case t.is("*"):
			p.expect(":")
			object.Rest = p.typeExpr()
			p.separator("}")
			continue
		case t.kind == nameToken:
			property.Name = t.text
		case t.kind == stringToken && len(t.parts) == 1:
			property.Name = t.parts[0].text
		default:
			p.fail(t, "%s where a property must be", t.describe())
		}
		p.expect(":")
		property.Type = p.typeExpr()
		object.Properties = append(object.Properties, property)
		p.separator("}")
	}
	return object
}
