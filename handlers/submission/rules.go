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
		"line":     func(text string) bool { return !strings.ContainsFunc(text, Invisible) },
		"plain":    func(text string) bool { return !strings.ContainsAny(text, "<>") },
		"letter":   func(text string) bool { return strings.ContainsFunc(text, unicode.IsLetter) },
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
	err = v.Struct(in)
	if err == nil {
		return nil, nil
	}
	var broken validator.ValidationErrors
	if !errors.As(err, &broken) {
		return nil, problem.New(problem.Internal, "checking a submission: %w", err)
	}
	fields := make([]problem.Field, 0, len(broken))
	for _, b := range broken {
		rule := b.Tag()
		if rule == "guestemail" {
			_, rule = parseAddress(in.Email)
		}
		fields = append(fields, fault(b.Field(), rule))
	}
	return fields, nil
}

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
		"domain-international", "look-alike", "unknown-ending", "public-suffix",
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
		Email:      strings.TrimSpace(in.Email),
		GivenName:  normalLine(in.GivenName),
		FamilyName: normalLine(in.FamilyName),
		Company:    normalLine(in.Company),
		Country:    strings.ToUpper(strings.TrimSpace(in.Country)),
		Reason:     normalProse(in.Reason),
		Sponsor:    strings.TrimSpace(in.Sponsor),
		Language:   normalLanguage(in.Language),
		InviteCode: normalLine(in.InviteCode),
	}
}

// normalLine composes characters, trims, and replaces a run of spaces with one space. It keeps
// line breaks, which a rule refuses.
func normalLine(text string) string {
	text = norm.NFC.String(strings.TrimSpace(text))
	blank := func(r rune) bool { return r == '\t' || unicode.Is(unicode.Zs, r) }
	return strings.Join(strings.FieldsFunc(text, blank), " ")
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
	return strings.TrimSpace(strings.Join(kept, "\n"))
}

// normalLanguage returns the canonical form of a language tag, with language, script and region
// only: variants, extensions and private subtags can be free text, which the directory might
// quote in an error. It returns "" for "und" and "*", and text that is not a language tag
// unchanged.
func normalLanguage(text string) string {
	text = strings.TrimSpace(text)
	if text == "*" {
		return ""
	}
	if len(text) > MaxLanguage {
		return text // too long to be worth parsing
	}
	tag, err := language.Parse(text)
	if err != nil {
		return text
	}
	base, script, region := tag.Raw()
	tag, err = language.Compose(base, script, region)
	if err != nil || tag == language.Und {
		return ""
	}
	return tag.String()
}

func isLanguage(text string) bool {
	if len(text) > MaxLanguage {
		return false
	}
	_, err := language.Parse(text)
	return err == nil
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
