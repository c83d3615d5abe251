package submission

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/go-playground/validator/v10"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"guestlist/handlers/problem"
)

// rules returns the validator, which caches what it learns of a struct and is safe for concurrent
// use.
var rules = sync.OnceValues(newRules)

func newRules() (*validator.Validate, error) {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(field reflect.StructField) string {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		return name
	})
	for tag, holds := range map[string]func(text string) bool{
		"intact":   func(text string) bool { return !broken(text) },
		"line":     readable,
		"plain":    func(text string) bool { return !strings.ContainsAny(text, "<>") },
		"person":   func(text string) bool { return !startsFormula(text) && !hasLink(text) },
		"formula":  func(text string) bool { return !isFormula(text) },
		"letter":   func(text string) bool { return strings.ContainsFunc(text, isLetter) },
		"word":     func(text string) bool { return strings.ContainsFunc(text, isLetterOrNumber) },
		"prose":    func(text string) bool { return !strings.ContainsFunc(text, deceptive) },
		"language": isLanguage,
		"address": func(text string) bool {
			_, rule := parseAddress(text)
			return rule == ""
		},
	} {
		err := v.RegisterValidation(tag, func(field validator.FieldLevel) bool { return holds(field.Field().String()) })
		if err != nil {
			return nil, fmt.Errorf("registering the rule %s: %w", tag, err)
		}
	}
	// This tag stands for many rules: faults finds the broken one. It is also checked for an empty
	// text.
	const alsoWhenEmpty = true
	err := v.RegisterValidation("guestemail", func(field validator.FieldLevel) bool {
		_, rule := parseAddress(field.Field().String())
		return rule == ""
	}, alsoWhenEmpty)
	if err != nil {
		return nil, fmt.Errorf("registering the rule guestemail: %w", err)
	}
	return v, nil
}

// faults returns the fields of a normal input that break a rule, in the order of the form, each
// with its first broken rule.
func faults(in Input) ([]problem.Field, error) {
	v, err := rules()
	if err != nil {
		return nil, problem.New(problem.Internal, "building the rules: %w", err)
	}
	var broken validator.ValidationErrors
	err = v.Struct(in)
	if err != nil && !errors.As(err, &broken) {
		return nil, problem.New(problem.Internal, "checking a submission: %w", err)
	}
	fields := make([]problem.Field, 0, len(broken)+1)
	nameless := in.GivenName == "" && in.FamilyName == ""
	for _, b := range broken {
		if nameless && b.Field() != emailField {
			fields, nameless = append(fields, fault(nameField, "required")), false
		}
		rule := b.Tag()
		if rule == "guestemail" {
			_, rule = parseAddress(in.Email)
		}
		fields = append(fields, fault(b.Field(), rule))
	}
	if nameless {
		fields = append(fields, fault(nameField, "required"))
	}
	return fields, nil
}

// nameField is the field that lacks a name where both do. One of the two is enough: many people
// have one name only.
const nameField = "givenName"

func isLetterOrNumber(r rune) bool { return isLetter(r) || unicode.IsNumber(r) }

// fault returns a field with the rule that it breaks.
func fault(field, rule string) problem.Field {
	return problem.Field{Name: field, Rule: rule}
}

// Rules returns, by field of an Input, the rules that it can break, each with its limit or 0.
// Each rule needs a text in every language.
func Rules() map[string]map[string]int {
	all := map[string]map[string]int{}
	for field := range reflect.TypeFor[Input]().Fields() {
		rules := map[string]int{}
		for rule := range strings.SplitSeq(field.Tag.Get("validate"), ",") {
			name, limit, _ := strings.Cut(rule, "=")
			switch name {
			case "omitempty":
				if field.Tag.Get("json") == nameField {
					rules["required"] = 0
				}
			case "guestemail":
				for _, name := range addressRules() {
					rules[name] = 0
				}
			default:
				rules[name], _ = strconv.Atoi(limit) // no limit is 0
			}
		}
		all[field.Tag.Get("json")] = rules
	}
	return all
}

// addressRules are the rules that an address can break.
func addressRules() []string {
	return []string{
		"required", "encoding", "too-long", "invisible", "space", "quoted", "comment", "guest-account", "no-at", "two-ats", "local-missing",
		"domain-missing", "local-ascii", "plus", "forbidden-character", "local-too-long", "local-dots", "local-hyphens", "ip-address",
		"domain-underscore", "domain-character", "domain-dots", "domain-hyphens", "label-too-long", "domain-too-deep", "domain-incomplete",
		"domain-international", "look-alike", "unknown-ending",
	}
}

// Countries returns the codes that the country field accepts, in alphabetical order.
func Countries() ([]string, error) {
	v, err := rules()
	if err != nil {
		return nil, problem.New(problem.Internal, "building the rules: %w", err)
	}
	var codes []string
	for first := 'A'; first <= 'Z'; first++ {
		for second := 'A'; second <= 'Z'; second++ {
			code := string(first) + string(second)
			if v.Var(code, "iso3166_1_alpha2") == nil {
				codes = append(codes, code)
			}
		}
	}
	return codes, nil
}

// normal returns the input in normal form. It is idempotent and repairs nothing that a rule
// refuses.
func (in Input) normal() Input {
	return Input{
		Email:      trimHidden(in.Email),
		GivenName:  normalName(in.GivenName),
		FamilyName: normalName(in.FamilyName),
		Company:    normalName(in.Company),
		Country:    strings.ToUpper(trimHidden(in.Country)),
		Reason:     normalProse(in.Reason),
		Sponsor:    trimHidden(in.Sponsor),
		Language:   normalLanguage(in.Language),
		InviteCode: normalLine(in.InviteCode),
	}
}

// normalLine composes characters, trims, replaces a run of spaces with one space, and drops
// invisible characters that change nothing. It keeps line breaks, which a rule refuses.
func normalLine(text string) string {
	text = norm.NFC.String(trimHidden(text))
	blank := func(r rune) bool { return r == '\t' || unicode.Is(unicode.Zs, r) }
	line := strings.Join(strings.FieldsFunc(text, blank), " ")
	for {
		// A word of dropped characters alone leaves two spaces behind.
		next := strings.Join(strings.FieldsFunc(trimHidden(dropIdle(line)), blank), " ")
		if next == line {
			return line
		}
		line = next
	}
}

// lineBreaks replaces every kind of line break with "\n", and a tab with a space.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n", "\t", " ")

// normalProse composes characters, trims the text and the end of each line, writes every line
// break as "\n", and keeps at most one empty line between two others.
func normalProse(text string) string {
	text = norm.NFC.String(text)
	text = lineBreaks.Replace(text)
	lines := strings.Split(text, "\n")
	kept := lines[:0]
	for _, line := range lines {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if line == "" && len(kept) > 0 && kept[len(kept)-1] == "" {
			continue
		}
		kept = append(kept, line)
	}
	return trimHidden(strings.Join(kept, "\n"))
}

// normalLanguage returns the canonical form of a language tag, with language, script and region
// only: variants, extensions and private subtags can be free text, which the directory might
// quote in an error. It returns "" for "und", "*" and a language that this program does not know,
// and text that is not a language tag unchanged.
func normalLanguage(text string) string {
	text = trimHidden(text)
	if text == "*" {
		return ""
	}
	known, is := parseLanguage(text)
	if !is {
		return text
	}
	base, script, region := known.Raw()
	tag, err := language.Compose(base, script, region)
	if err != nil || tag == language.Und {
		return ""
	}
	return tag.String()
}

func isLanguage(text string) bool {
	_, is := parseLanguage(text)
	return is
}

// parseLanguage returns the language tag without subtags that this program does not know. is is
// false if the text is none.
func parseLanguage(text string) (known language.Tag, is bool) {
	if len(text) > MaxLanguage {
		return language.Und, false
	}
	known, err := language.Parse(text)
	var unknown language.ValueError // well-formed, and perhaps registered since this program was built
	return known, err == nil || errors.As(err, &unknown)
}

// deceptive reports whether r can make a text of several lines look different from what it is:
// controls except the line break, bidirectional embeddings, overrides and isolates, and invisible
// tag characters. Joiners and variation selectors are allowed, because some scripts and most
// emoji need them.
func deceptive(r rune) bool {
	switch {
	case r == '\n':
		return false
	case unicode.IsControl(r), r == '\ufeff',
		'\u202a' <= r && r <= '\u202e', '\u2066' <= r && r <= '\u2069',
		'\U000e0000' <= r && r <= '\U000e0fff':
		return true
	}
	return unicode.Is(unicode.Noncharacter_Code_Point, r)
}
