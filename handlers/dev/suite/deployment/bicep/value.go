package bicep

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// errUnknown says that a value is known at the deployment only.
var errUnknown = errors.New("not known before the deployment")

// Value computes what a variable of a file holds when its parameters have the given values: strings, bools, ints, nil, []any and
// map[string]any. Parameters that are not given take their default. What only Azure knows (unique strings, properties of resources and the
// like) becomes a string that begins with "?", so that whatever does not depend on it can still be looked at.
func (p *Program) Value(name, variable string, params map[string]any) (any, error) {
	u := p.units[name]
	if u == nil {
		return nil, fmt.Errorf("%s was not loaded", name)
	}
	e := &evaluation{params: params}
	return e.value(u, &Expr{Op: Name, Text: variable}, nil)
}

// Compute is Value for an expression of the file.
func (p *Program) Compute(name string, expression *Expr, params map[string]any) (any, error) {
	u := p.units[name]
	if u == nil {
		return nil, fmt.Errorf("%s was not loaded", name)
	}
	e := &evaluation{params: params}
	return e.value(u, expression, nil)
}

// evaluation computes values under given parameters.
type evaluation struct {
	params map[string]any
	depth  int
}

// maxDepth ends circles, which have been told as faults before.
const maxDepth = 200

func unknown(what string) string { return "?" + what }

func isUnknown(value any) bool {
	s, is := value.(string)
	return is && strings.HasPrefix(s, "?")
}

func (e *evaluation) value(u *unit, x *Expr, local map[string]any) (any, error) {
	e.depth++
	defer func() { e.depth-- }()
	if e.depth > maxDepth {
		return nil, errors.New("the value needs itself")
	}
	switch x.Op {
	case String:
		return x.Text, nil
	case Number:
		return strconv.Atoi(x.Text)
	case Bool:
		return x.Text == "true", nil
	case Null:
		return nil, nil
	case Template:
		return e.template(u, x, local)
	case Name:
		return e.name(u, x.Text, local)
	case Array:
		return e.values(u, x.Args, local)
	case Object:
		return e.object(u, x, local)
	case NonNull:
		return e.value(u, x.Args[0], local)
	case Choice:
		condition, err := e.value(u, x.Args[0], local)
		if err != nil {
			return nil, err
		}
		if condition == true {
			return e.value(u, x.Args[1], local)
		}
		return e.value(u, x.Args[2], local)
	case Member, Index:
		return e.member(u, x, local)
	case Binary:
		return e.binary(u, x, local)
	case Unary:
		inner, err := e.value(u, x.Args[0], local)
		is, fine := inner.(bool)
		if err != nil || !fine || x.Text != "!" {
			return nil, errors.Join(err, errUnknown)
		}
		return !is, nil
	case Call:
		return e.call(u, x, local)
	case For:
		return e.loop(u, x, local)
	default:
		return nil, fmt.Errorf("%s: %w", x.Op, errUnknown)
	}
}

func (e *evaluation) values(u *unit, list []*Expr, local map[string]any) ([]any, error) {
	result := []any{}
	for _, x := range list {
		value, err := e.value(u, x, local)
		if err != nil {
			return nil, err
		}
		result = append(result, value)
	}
	return result, nil
}

func (e *evaluation) template(u *unit, x *Expr, local map[string]any) (any, error) {
	var text strings.Builder
	for _, arg := range x.Args {
		value, err := e.value(u, arg, local)
		if err != nil {
			return nil, err
		}
		fmt.Fprint(&text, value)
	}
	return text.String(), nil
}

func (e *evaluation) name(u *unit, name string, local map[string]any) (any, error) {
	value, found := local[name]
	if found {
		return value, nil
	}
	d, home := u.names[name], u
	if d == nil {
		home, d = u.lookUp(name)
	}
	if d == nil {
		return nil, fmt.Errorf("%s is declared nowhere", name)
	}
	switch d.Kind {
	case Param:
		value, given := e.params[name]
		switch {
		case given:
			return value, nil
		case d.Value != nil:
			return e.value(home, d.Value, nil)
		default:
			return unknown(name), nil
		}
	case Var:
		return e.value(home, d.Value, nil)
	default:
		return unknown(name), nil
	}
}

func (e *evaluation) object(u *unit, x *Expr, local map[string]any) (any, error) {
	result := map[string]any{}
	for _, property := range x.Properties {
		key := property.Key
		if property.KeyExpr != nil {
			computed, err := e.value(u, property.KeyExpr, local)
			if err != nil {
				return nil, err
			}
			key = fmt.Sprint(computed)
		}
		value, err := e.value(u, property.Value, local)
		if err != nil {
			return nil, err
		}
		result[key] = value
	}
	return result, nil
}

func (e *evaluation) member(u *unit, x *Expr, local map[string]any) (any, error) {
	base, err := e.value(u, x.Args[0], local)
	if err != nil {
		return nil, err
	}
	var key any = x.Text
	if x.Op == Index {
		key, err = e.value(u, x.Args[1], local)
		if err != nil {
			return nil, err
		}
	}
	switch container := base.(type) {
	case map[string]any:
		value, found := container[fmt.Sprint(key)]
		if !found && !x.Safe && !isUnknown(key) {
			return nil, fmt.Errorf("there is no %v", key)
		}
		if isUnknown(key) {
			return unknown("element"), nil
		}
		return value, nil
	case []any:
		i, fine := key.(int)
		if !fine || i < 0 || i >= len(container) {
			return nil, fmt.Errorf("there is no element %v", key)
		}
		return container[i], nil
	case nil:
		if x.Safe {
			return nil, nil
		}
		return nil, fmt.Errorf("%v is taken of null", key)
	default:
		return unknown(fmt.Sprintf("%s.%v", strings.TrimPrefix(fmt.Sprint(base), "?"), key)), nil
	}
}

func (e *evaluation) binary(u *unit, x *Expr, local map[string]any) (any, error) {
	left, err := e.value(u, x.Args[0], local)
	if err != nil {
		return nil, err
	}
	switch {
	case x.Text == "??" && left != nil, x.Text == "&&" && left == false, x.Text == "||" && left == true:
		return left, nil
	}
	right, err := e.value(u, x.Args[1], local)
	if err != nil {
		return nil, err
	}
	switch x.Text {
	case "??", "&&", "||":
		return right, nil
	case "==":
		return fmt.Sprint(left) == fmt.Sprint(right), nil
	case "!=":
		return fmt.Sprint(left) != fmt.Sprint(right), nil
	}
	a, fineA := left.(int)
	b, fineB := right.(int)
	if !fineA || !fineB {
		return nil, fmt.Errorf("%v %s %v: %w", left, x.Text, right, errUnknown)
	}
	switch x.Text {
	case ">":
		return a > b, nil
	case "<":
		return a < b, nil
	case "+":
		return counted(a + b)
	case "-":
		return counted(a - b)
	case "*":
		return counted(a * b)
	default:
		return nil, fmt.Errorf("the operator %s: %w", x.Text, errUnknown)
	}
}

// counted refuses what Azure Resource Manager may not be able to compute, since its numbers need not have more than 32 bits
// (https://learn.microsoft.com/azure/azure-resource-manager/templates/data-types#integers).
func counted(n int) (any, error) {
	if n != int(int32(n)) {
		return nil, fmt.Errorf("%d is more than can be counted on: write the number itself", n)
	}
	return n, nil
}

func (e *evaluation) loop(u *unit, x *Expr, local map[string]any) (any, error) {
	over, err := e.value(u, x.Args[0], local)
	if err != nil {
		return nil, err
	}
	elements, fine := over.([]any)
	if !fine {
		return nil, fmt.Errorf("a loop over %v: %w", over, errUnknown)
	}
	result := []any{}
	for i, element := range elements {
		inner := bind(local, x.Names, element, i)
		value, err := e.value(u, x.Args[1], inner)
		if err != nil {
			return nil, err
		}
		result = append(result, value)
	}
	return result, nil
}

func bind(local map[string]any, names []string, values ...any) map[string]any {
	inner := maps.Clone(local)
	if inner == nil {
		inner = map[string]any{}
	}
	for i, name := range names {
		if i < len(values) {
			inner[name] = values[i]
		}
	}
	return inner
}

func (e *evaluation) call(u *unit, x *Expr, local map[string]any) (any, error) {
	name := x.Args[0].Text
	if x.Args[0].Op == Name {
		home, d := u, u.names[name]
		if d == nil {
			home, d = u.lookUp(name)
		}
		if d != nil && d.Kind == Func {
			args, err := e.values(u, x.Args[1:], local)
			if err != nil {
				return nil, err
			}
			var names []string
			for _, param := range d.Params {
				names = append(names, param.Name)
			}
			return e.value(home, d.Value, bind(nil, names, args...))
		}
	}
	switch name {
	case "map", "filter", "toObject":
		return e.overElements(u, name, x, local)
	case "loadTextContent":
		return e.text(u, x)
	}
	args, err := e.values(u, x.Args[1:], local)
	if err != nil {
		return nil, err
	}
	compute, found := computable[name]
	if !found || slices.ContainsFunc(args, isUnknown) {
		return unknown(name), nil
	}
	return compute(args), nil
}

func (e *evaluation) text(u *unit, x *Expr) (any, error) {
	content, err := fs.ReadFile(u.root, u.beside(x.Args[1].Text))
	if err != nil {
		return nil, err
	}
	return string(content), nil
}

func (e *evaluation) overElements(u *unit, name string, x *Expr, local map[string]any) (any, error) {
	over, err := e.value(u, x.Args[1], local)
	if err != nil {
		return nil, err
	}
	elements, fine := over.([]any)
	if !fine || len(x.Args) < 3 || x.Args[2].Op != Lambda {
		return unknown(name), nil
	}
	list, object := []any{}, map[string]any{}
	for i, element := range elements {
		first, err := e.value(u, x.Args[2].Args[0], bind(local, x.Args[2].Names, element, i))
		if err != nil {
			return nil, err
		}
		switch {
		case name == "map":
			list = append(list, first)
		case name == "filter" && first == true:
			list = append(list, element)
		case name == "toObject":
			value := element
			if len(x.Args) > 3 {
				value, err = e.value(u, x.Args[3].Args[0], bind(local, x.Args[3].Names, element, i))
				if err != nil {
					return nil, err
				}
			}
			object[fmt.Sprint(first)] = value
		}
	}
	if name == "toObject" {
		return object, nil
	}
	return list, nil
}

// computable are the functions that need no cloud.
var computable = map[string]func([]any) any{
	"concat": func(args []any) any {
		result := []any{}
		for _, arg := range args {
			elements, _ := arg.([]any)
			result = append(result, elements...)
		}
		return result
	},
	"union": func(args []any) any {
		result := map[string]any{}
		for _, arg := range args {
			properties, _ := arg.(map[string]any)
			maps.Copy(result, properties)
		}
		return result
	},
	"empty": func(args []any) any {
		switch value := args[0].(type) {
		case nil:
			return true
		case string:
			return value == ""
		case []any:
			return len(value) == 0
		case map[string]any:
			return len(value) == 0
		default:
			return false
		}
	},
	"contains": func(args []any) any { return strings.Contains(fmt.Sprint(args[0]), fmt.Sprint(args[1])) },
	"replace": func(args []any) any {
		return strings.ReplaceAll(fmt.Sprint(args[0]), fmt.Sprint(args[1]), fmt.Sprint(args[2]))
	},
	"string":  func(args []any) any { return fmt.Sprint(args[0]) },
	"toLower": func(args []any) any { return strings.ToLower(fmt.Sprint(args[0])) },
	"join": func(args []any) any {
		var words []string
		elements, _ := args[0].([]any)
		for _, element := range elements {
			words = append(words, fmt.Sprint(element))
		}
		return strings.Join(words, fmt.Sprint(args[1]))
	},
}
