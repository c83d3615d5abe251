package bicep

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shape is what a value is, apart from null.
type shape string

const (
	text    shape = "string"
	number  shape = "int"
	boolean shape = "bool"
	list    shape = "array"
	object  shape = "object"
)

// typ is what is known about a value. A nil *typ means that nothing is.
type typ struct {
	// options are what the value may be, at least one unless it is null only.
	options []option
	null    bool // it may be null
}

// option is one thing that a value may be.
type option struct {
	shape   shape
	literal string // of a literal: its text, in quotes for a string
	// least and most are the bounds of a number, or of the length of a text, where they are known.
	least, most *int
	element     *typ // of a list
	// Of an object: its properties, and the type of all others. open says that there may be others.
	properties map[string]*typ
	rest       *typ
	open       bool
}

func just(o option) *typ { return &typ{options: []option{o}} }

var (
	aString = just(option{shape: text})
	anInt   = just(option{shape: number})
	aBool   = just(option{shape: boolean})
	aList   = just(option{shape: list})
	aMap    = just(option{shape: object, open: true})
	onlyNil = &typ{null: true}
)

// primitives are the types that have a name of their own. "any" is not among them: the templates have no use for it.
var primitives = map[string]*typ{"string": aString, "int": anInt, "bool": aBool, "array": aList, "object": aMap}

func (t *typ) nullable() bool { return t != nil && t.null }

func (t *typ) withNull() *typ {
	if t == nil {
		return nil
	}
	return &typ{options: t.options, null: true}
}

func (t *typ) withoutNull() *typ {
	if t == nil {
		return nil
	}
	return &typ{options: t.options}
}

// either is a value that is one of the two.
func either(a, b *typ) *typ {
	if a == nil || b == nil {
		return nil
	}
	return &typ{options: slices.Concat(a.options, b.options), null: a.null || b.null}
}

func (t *typ) String() string {
	if t == nil {
		return "anything"
	}
	var words []string
	for _, o := range t.options {
		word := string(o.shape)
		switch {
		case o.literal != "":
			word = o.literal
		case o.least != nil || o.most != nil:
			word += o.bounds()
		case o.shape == list && o.element != nil:
			word = o.element.String() + "[]"
		case o.shape == object && o.properties != nil:
			word = "{" + strings.Join(slices.Sorted(maps.Keys(o.properties)), ", ") + "}"
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	if t.null {
		words = append(words, "null")
	}
	return strings.Join(words, " or ")
}

// fits reports whether every value of from may stand where to is asked for.
func fits(from, to *typ) bool {
	if from == nil || to == nil {
		return true
	}
	if from.null && !to.null {
		return false
	}
	for _, o := range from.options {
		if !slices.ContainsFunc(to.options, func(wanted option) bool { return o.fits(wanted) }) {
			return false
		}
	}
	return true
}

func (o option) fits(wanted option) bool {
	if o.shape != wanted.shape {
		return false
	}
	switch o.shape {
	case list:
		return fits(o.element, wanted.element)
	case object:
		if wanted.properties == nil || o.properties == nil {
			return true
		}
		for name, property := range wanted.properties {
			given, has := o.properties[name]
			if !has && !property.nullable() && !o.open || has && !fits(given, property) {
				return false
			}
		}
		for name := range o.properties {
			_, known := wanted.properties[name]
			if !known && !wanted.open {
				return false
			}
		}
		return true
	default:
		return (wanted.literal == "" || wanted.literal == o.literal) && o.stays(wanted)
	}
}

// stays reports whether nothing of what is known of o's bounds is beyond those of wanted.
func (o option) stays(wanted option) bool {
	least, most := o.least, o.most
	switch {
	case o.literal == "":
	case o.shape == text:
		length := utf8.RuneCountInString(o.literal) - len("''")
		least, most = &length, &length
	case o.shape == number:
		value, err := strconv.Atoi(o.literal)
		if err == nil {
			least, most = &value, &value
		}
	}
	for _, known := range []*int{least, most} {
		if known != nil && (wanted.least != nil && *known < *wanted.least || wanted.most != nil && *known > *wanted.most) {
			return false
		}
	}
	return true
}

func (o option) bounds() string {
	say := func(bound *int) string {
		if bound == nil {
			return "any"
		}
		return strconv.Itoa(*bound)
	}
	return " of " + say(o.least) + " to " + say(o.most)
}

// ofLength is a text whose length is known.
func ofLength(n int) *typ { return just(option{shape: text, least: &n, most: &n}) }

// within returns the type with the bounds that decorators set.
func (t *typ) within(decorators []Decorator) *typ {
	if t == nil {
		return nil
	}
	bounded := &typ{options: slices.Clone(t.options), null: t.null}
	for i := range bounded.options {
		o := &bounded.options[i]
		for _, decorator := range decorators {
			if len(decorator.Args) != 1 || o.literal != "" {
				continue
			}
			n, err := strconv.Atoi(decorator.Args[0].Text)
			if err != nil {
				continue
			}
			switch {
			case o.shape == text && decorator.Name == "minLength", o.shape == number && decorator.Name == "minValue":
				o.least = &n
			case o.shape == text && decorator.Name == "maxLength", o.shape == number && decorator.Name == "maxValue":
				o.most = &n
			}
		}
	}
	return bounded
}

// objectOption returns the one object that the value may be, and whether there is one alone.
func (t *typ) objectOption() (option, bool) {
	if t == nil || len(t.options) != 1 || t.options[0].shape != object {
		return option{}, false
	}
	return t.options[0], true
}
