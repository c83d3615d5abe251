package policy

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"golang.org/x/text/unicode/norm"

	"guestlist/handlers/submission"
)

var (
	dotBetweenLetters = regexp.MustCompile(`[a-z0-9]\.[a-z0-9]`)              // which is not [.]
	dotInDomain       = regexp.MustCompile(`(\[\.\]|\\\.|\.)[a-z]{2,}[)$]*$`) // at the end
)

// term is a text in a condition: exact, or a field after some functions, or neither if it is not
// known.
type term struct {
	exact bool
	text  string
	field string
	shape []string // lowerAscii, upperAscii, trim, in the order in which they are applied
}

func termOf(e ast.Expr, s scope) term {
	switch e.Kind() {
	case ast.LiteralKind:
		text, isText := e.AsLiteral().(types.String)
		return term{exact: isText, text: string(text)}
	case ast.IdentKind:
		entry := s.names[e.AsIdent()]
		if entry != nil {
			return termOf(entry, s)
		}
	case ast.SelectKind:
		return fieldTerm(e.AsSelect().FieldName(), s)
	case ast.CallKind:
		return callTerm(e.AsCall(), s)
	}
	return term{}
}

func fieldTerm(name string, s scope) term {
	value, isKnown := s.known[name]
	if isKnown {
		return term{exact: true, text: value}
	}
	return term{field: name}
}

func callTerm(call ast.CallExpr, s scope) term {
	args := call.Args()
	switch name := call.FunctionName(); name {
	case "lowerAscii", "upperAscii", "trim":
		if !call.IsMemberFunction() {
			return term{}
		}
		t := termOf(call.Target(), s)
		if t.exact {
			return term{exact: true, text: shaped(t.text, name)}
		}
		t.shape = append(slices.Clone(t.shape), name)
		return t
	case operators.Add:
		a, b := termOf(args[0], s), termOf(args[1], s)
		return term{exact: a.exact && b.exact, text: a.text + b.text}
	case operators.Index: // request.email.split("@")[1]
		index, isInt := args[1].AsLiteral().(types.Int)
		if args[1].Kind() != ast.LiteralKind || !isInt || args[0].Kind() != ast.CallKind {
			return term{}
		}
		split := args[0].AsCall()
		if split.FunctionName() != "split" || len(split.Args()) != 1 || !split.IsMemberFunction() {
			return term{}
		}
		whole, at := termOf(split.Target(), s), termOf(split.Args()[0], s)
		local, domain, isAddress := strings.Cut(whole.text, "@")
		switch {
		case whole.field != "email" && !whole.exact, whole.shape != nil, at.text != "@", index > 1, index < 0:
			return term{}
		case whole.exact && isAddress:
			return term{exact: true, text: []string{local, domain}[index]}
		case whole.exact:
			return term{}
		}
		return fieldTerm([]string{localField, "domain"}[index], s)
	}
	return term{}
}

func shaped(text, function string) string {
	lower := func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	upper := func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r + 'A' - 'a'
		}
		return r
	}
	switch function {
	case "lowerAscii":
		return strings.Map(lower, text)
	case "upperAscii":
		return strings.Map(upper, text)
	}
	return strings.TrimSpace(text)
}

// originals returns texts of which the functions of the term may make the text.
func (t term) originals(text string) []string {
	if t.shape == nil {
		return []string{text}
	}
	var found []string
	for _, candidate := range []string{text, shaped(text, "lowerAscii"), shaped(text, "upperAscii"), submitted("language", text)} {
		result := candidate
		for _, function := range t.shape {
			result = shaped(result, function)
		}
		if result == text {
			found = append(found, candidate)
		}
	}
	return found
}

// mayBe reports whether some submission has the text there.
func (t term) mayBe(text string, s scope) bool {
	return slices.ContainsFunc(t.originals(text), func(original string) bool {
		is := s.once(t.field, original, whole, func() bool { return inForm(t.field, original) })
		return is && (s.tails[t.field] == "" || strings.HasSuffix(original, s.tails[t.field]))
	})
}

// inForm reports whether a field can be the text.
func inForm(field, text string) bool {
	switch field {
	case "country":
		return slices.Contains(countries(), text)
	case "email":
		return isAddress(text)
	case "sponsor":
		return text == "" || isAddress(text)
	case "domain":
		return isAddress("a@" + text)
	case localField:
		return isAddress(text + "@contoso.com")
	case "name":
		for i, r := range text {
			if r == ' ' && inForm("givenName", text[:i]) && inForm("familyName", text[i+1:]) {
				return true
			}
		}
		return false
	}
	return submitted(field, text) == text && (text != "" || shortest[field] == 0)
}

// submitted returns what becomes of a text in the field of a form; an invalid character if the form
// refuses it.
func submitted(field, text string) string {
	const refused = "\xff"
	in := submission.Input{Email: "ana@contoso.com", GivenName: "a", FamilyName: "a"}
	var value func(submission.Submission) string
	switch field {
	case "givenName":
		in.GivenName, value = text, func(s submission.Submission) string { return s.GivenName }
	case "familyName":
		in.FamilyName, value = text, func(s submission.Submission) string { return s.FamilyName }
	case "company":
		in.Company, value = text, func(s submission.Submission) string { return s.Company }
	case "reason":
		in.Reason, value = text, func(s submission.Submission) string { return s.Reason }
	case "language":
		in.Language, value = text, func(s submission.Submission) string { return s.Language }
	default:
		return text
	}
	s, err := in.Submission(time.Unix(2e9, 0))
	if err != nil {
		return refused
	}
	return value(s)
}

// mayHave reports whether some submission may have the part there.
func (t term) mayHave(part string, where int, s scope) bool {
	if part == "" {
		return true
	}
	if t.letters() != "" && shaped(part, t.letters()) != part {
		return false
	}
	parts := []string{part}
	if t.shape != nil {
		parts = append(parts, shaped(part, "lowerAscii"), shaped(part, "upperAscii"))
	}
	return slices.ContainsFunc(parts, func(part string) bool {
		if tail := s.tails[t.field]; where == atEnd && tail != "" && !strings.HasSuffix(part, tail) && !strings.HasSuffix(tail, part) {
			return false
		}
		return s.once(t.field, part, where, func() bool { return fieldMayHave(t.field, part, where) })
	})
}

func fieldMayHave(field, part string, where int) bool {
	i := slices.Index(fieldNames(), field)
	if i >= 0 && utf8.RuneCountInString(part) > fields[i].longest {
		return false
	}
	switch field {
	case "country":
		return slices.ContainsFunc(countries(), func(code string) bool { return hasPart(code, part, where) })
	case "language":
		return slices.ContainsFunc(languageForms, func(form string) bool { return hasPart(form, letterForm(part), where) })
	case "email", "sponsor", "domain", localField:
		return addressMayHave(field, part, where)
	}
	if strings.ContainsFunc(part, func(r rune) bool { return !inText(field, r) }) || norm.NFC.String(part) != part {
		return false
	}
	edges := where == atStart && strings.TrimLeftFunc(part, unicode.IsSpace) != part ||
		where == atEnd && strings.TrimRightFunc(part, unicode.IsSpace) != part
	return !edges && (field == "reason" || !strings.Contains(part, "  "))
}

// languageForms are the forms of language tags: aa for letters, Aa with a capital one, 9 for
// digits.
var languageForms = []string{
	"aa", "aaa", "aa-AA", "aaa-AA", "aa-999", "aaa-999", "aa-Aaaa", "aaa-Aaaa", "aa-Aaaa-AA", "aaa-Aaaa-AA", "aa-Aaaa-999", "aaa-Aaaa-999",
}

func letterForm(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return 'a'
		case 'A' <= r && r <= 'Z':
			return 'A'
		case '0' <= r && r <= '9':
			return '9'
		}
		return r
	}, text)
}

func addressMayHave(field, part string, where int) bool {
	isIn := notInAddress
	if field == "domain" {
		isIn = notInDomain
	}
	dots, ats := ".-", strings.Count(part, "@")
	switch {
	case strings.ContainsFunc(part, isIn), strings.Contains(part, ".."), ats > 1, ats > 0 && field == localField,
		strings.Contains(part, ".@"), strings.Contains(part, "@."),
		where == atStart && strings.ContainsAny(part[:1], dots+"@"),
		where == atEnd && strings.ContainsAny(part[len(part)-1:], dots+"@"):
		return false
	case where != atEnd || field == localField || len(part) > submission.MaxAddress/2:
		return true
	}
	// The ending is whole if there is a dot or an @ before it.
	if !strings.ContainsAny(part, ".@") {
		return true
	}
	for _, before := range []string{"", "a", "a.a", "a@", "a@a", "a@a.a", "a@a.a.a"} {
		if isAddress(before+part) || isAddress("a@"+before+part) {
			return true
		}
	}
	return false
}

// inText reports whether a field in the partner's own words can have the character.
func inText(field string, r rune) bool {
	if field == "reason" {
		return r != '\r' && r != '\t' && r != utf8.RuneError && (r == '\n' || !unicode.IsControl(r))
	}
	return !submission.Invisible(r) && r != '<' && r != '>' && r != utf8.RuneError && (r == ' ' || !unicode.IsSpace(r))
}

// mayMatch reports whether some submission may match the pattern there.
func (t term) mayMatch(pattern *regexp.Regexp, text string) bool {
	if t.field == "country" {
		return slices.ContainsFunc(countries(), func(code string) bool {
			for _, function := range t.shape {
				code = shaped(code, function)
			}
			return pattern.MatchString(code)
		})
	}
	re, err := syntax.Parse(text, syntax.Perl)
	return err != nil || t.mayMatchTree(re.Simplify())
}

// mayMatchTree reports false if the pattern needs a character that the text never has.
func (t term) mayMatchTree(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch:
		return false
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if !t.mayHaveRune(r) && !(re.Flags&syntax.FoldCase != 0 && t.mayHaveRune(unicode.SimpleFold(r))) {
				return false
			}
		}
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= min(re.Rune[i+1], unicode.MaxASCII); r++ {
				if t.mayHaveRune(r) {
					return true
				}
			}
			if re.Rune[i+1] > unicode.MaxASCII && t.mayHaveRune('é') {
				return true
			}
		}
		return false
	case syntax.OpPlus, syntax.OpCapture:
		return t.mayMatchTree(re.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !t.mayMatchTree(sub) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, t.mayMatchTree)
	}
	return true
}

// mayHaveRune reports whether the text may have the character.
func (t term) mayHaveRune(r rune) bool {
	if t.letters() != "" && shaped(string(r), t.letters()) != string(r) {
		return false
	}
	may := func(r rune) bool {
		switch t.field {
		case "email", "sponsor":
			return !notInAddress(r)
		case "domain":
			return !notInDomain(r)
		case localField:
			return !notInAddress(r) && r != '@'
		case "language":
			return r == '-' || strings.ContainsRune("aA9", []rune(letterForm(string(r)))[0])
		}
		return inText(t.field, r)
	}
	if t.shape == nil {
		return may(r)
	}
	return may(r) || may(unicode.ToLower(r)) || may(unicode.ToUpper(r))
}
