package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"guestlist/handlers/submission"
)

// silva returns a submission with every field set.
func silva(t testing.TB) submission.Submission {
	s := from(t, "ana.silva@eu.contoso.com")
	s.Company, s.Country, s.Language = "Contoso Ltd", "PT", "pt-PT"
	s.Reason = "Project Tender: we build the portal with your sales team."
	s.Sponsor = from(t, "bo@wingtiptoys.com").Email
	return s
}

func TestConditions(t *testing.T) {
	tests := []struct {
		condition string
		want      bool
	}{
		{`true`, true},
		{`false`, false},
		{`request.email == "ana.silva@eu.contoso.com"`, true},
		{`request.email == "bo@eu.contoso.com"`, false},
		{`request.email.endsWith("@eu.contoso.com")`, true},
		{`request.sponsor != "" && request.domain != ""`, true},
		{`"contoso" == request.company.lowerAscii() || request.company == "Contoso "`, false},
		{`request.domain == "eu.contoso.com"`, true},
		{`request.domain.endsWith(".contoso.com")`, true},
		{`request.domain.endsWith(".fabrikam.com")`, false},
		{`request.name == "Ana Silva"`, true},
		{`request.givenName + " " + request.familyName == request.name`, true},
		{`request.company.lowerAscii() == "contoso ltd"`, true},
		{`request.company.upperAscii().startsWith("CONTOSO")`, true},
		{`request.country in ["ES", "PT"]`, true},
		{`!(request.country in ["ES", "PT"])`, false},
		{`["DE", "PT"].exists(c, c == request.country)`, true},
		{`["DE", "PT"].all(c, c == request.country)`, false},
		{`["DE", "PT"].exists_one(c, c == request.country)`, true},
		{`request.reason.matches("^Project [A-Z][a-z]+:")`, true},
		{`request.reason.matches("^Tender")`, false},
		{`request.reason.matches("(?i)(alpha|bravo|charlie|delta|echo|foxtrot|golf|hotel|india|juliett|tender)")`, true},
		{`request.reason.size() >= 20 && size(request.reason) < 1000`, true},
		{`"sales" in request.reason.split(" ")`, true},
		{`request.language.substring(0, 2) == "pt"`, true},
		{`request.language.indexOf("-") == 2`, true},
		{`request.reason.trim() != ""`, true},
		{`request.sponsor.endsWith("@wingtiptoys.com")`, true},
		{`request.country == "PT" ? request.company != "" : false`, true},
		{`request.email.split("@")[0] == "ana.silva"`, true},
		{"request.country == \"PT\" &&\n\trequest.reason.contains('Tender')", true},
	}
	for _, test := range tests {
		t.Run(test.condition, func(t *testing.T) {
			r := row("*", "conditional", "invite", "Condition", "\n "+test.condition+" ")
			if r.Faults != nil {
				t.Fatalf("Faults = %v", r.Faults)
			}
			if r.Condition.String() != test.condition {
				t.Errorf("String = %q", r.Condition)
			}
			got := Decide(silva(t), []Row{r}, nil, now)
			want := Look{"*", "conditional", Skipped, "its condition does not hold"}
			if test.want {
				want.Outcome, want.Why = Decided, "it is the first that applies"
			}
			if (got.Action == Invite) != test.want || got.Looked[0] != want {
				t.Errorf("%s, %+v, want %+v", got.Action, got.Looked, want)
			}
		})
	}
}

func TestConditionsRefused(t *testing.T) {
	tests := []struct{ condition, problem, advice string }{
		{`request.emial == "x"`, "a field of request that does not exist, at character 8", "write request.email if"},
		{`request.given_name == "x"`, "does not exist, at character 8", "write request.givenName if"},
		{`request.phone == "x"`, "does not exist", "the fields are email, domain, "},
		{"request.country == 'PT' &&\n  request.emial == 'x'", "in line 2 at character 10", "request.email"},
		{`country == "PT"`, "an unknown name, at character 1", "write request.country"},
		{`request.country == PT`, "an unknown name, at character 20", "quotation marks"},
		{`request`, "request without a field", "request.email"},
		{`request == request`, "request without a field", "request.email"},
		{`request.email.domain == "x"`, "of something that has none, at character 14", "only request has fields"},
		{`request.email`, "of the type string", "make a comparison"},
		{`1`, "of the type int", "make a comparison"},
		{`request.email = "x"`, "can't be read as an expression, at character 15", "== for equals"},
		{`request.country == "PT" and true`, "can't be read", "&& for and"},
		{`(true`, "can't be read", "brackets"},
		{`"ana@contoso.com" "x"`, "can't be read", "brackets"},
		{`request.country == 5`, "does not fit together, at character 17 (found no matching overload for == applied to (string, int))", "texts with texts"},
		{`"x" in request.email`, "applied to (string, string)", "texts with texts"},
		{`[1, "a"].size() == 2`, "expected type int but found string", "texts with texts"},
		{`request.email.matches()`, "does not fit together", "texts with texts"},
		{`request.company.lowerAsci() == "x"`, "a function or an operator that does not exist here, at character 26", "write lowerAscii if"},
		{`has(request.country)`, "does not exist here", `request.country != ""`},
		{`["a"].map(x, x) == ["a"]`, "does not exist here", "there are startsWith"},
		{`["a"].filter(x, x == "a").size() == 1`, "does not exist here", "there are startsWith"},
		{`["a"].exists(x)`, "does not exist here", "write it like ["},
		{`dyn(request).phone == "x"`, "does not exist here", "there are"},
		{`type(request) == type(1)`, "does not exist here", "there are"},
		{`int("1") == 1`, "does not exist here", "there are"},
		{`size("a") * 2 == 2`, "does not exist here", "there are"},
		{`size("a") / 0 == 2`, "does not exist here", "there are"},
		{`timestamp("2026-05-01T00:00:00Z").getHours("Europe/Lisbon") == 1`, "does not exist here", "there are"},
		{`request.reason.replace("", request.reason) == ""`, "does not exist here", "there are"},
		{`"%s".format([request.reason]) == ""`, "does not exist here", "there are"},
		{`{"a": true}["a"]`, "in braces, at character 1", "in brackets"},
		{`request{email: "x"}.email == "x"`, "in braces", "in brackets"},
		{`request.email.matches(request.company)`, "a pattern that is not written out, at character 30", "in quotation marks"},
		{`request.email.matches("(")`, "a pattern that can't be read, at character 23", "RE2"},
		{`request.email.matches("(a{100}){9}")`, "a pattern that is too large, at character 23", "repeat less"},
		// Macros allow nothing else.
		{`["a"].exists(x, request.email.matches(x))`, "a pattern that is not written out, at character 39", "in quotation marks"},
		{`["a"].all(x, x.matches("(a{100}){9}"))`, "a pattern that is too large, at character 24", "repeat less"},
		{`["a"].exists_one(x, x.replace("a", "aa") == "")`, "a function or an operator that does not exist", "substring"},
		{`[request.email.matches(request.company)].exists(x, x)`, "a pattern that is not written out", "in quotation marks"},
		{`["a"].exists(x, y == x)`, "an unknown name, at character 17", "quotation marks"},
		{`["a"].exists(x, ["b"].exists(y, request.email.matches(x + y)))`, "a pattern that is not written out", "in quotation marks"},
		{`request.reason.split("").all(a, request.reason.split("").all(b, a == b))`, "allowed 20000 units of work", "shorter"},
		{`["a","b","c"].all(a, ` + strings.Repeat(`["a","b","c"].all(a, `, 9) + `true` + strings.Repeat(")", 10), "units of work", "shorter"},
		{strings.Repeat(`request.reason.matches("(.?){90}c$") || `, 39) + `request.reason.matches("(.?){90}c$")`, "units of work", "patterns"},
		{`request.reason.matches("(.?){90}c$") || request.company.matches("(.?){90}c$")`, "units of work", "patterns"},
		{`(request.reason + request.reason + request.reason).matches("(\\pL?){40}c$")`, "units of work", "patterns"},
		{`request.reason.split("").exists(c, c.matches("(a?){40}b$"))`, "units of work", "patterns"},
		{`matches(request.reason, "(a|b|c|d|e|f){60}") || matches(request.reason, "((a{0,5}){0,5}){0,5}c")`, "units of work", "patterns"},
		{strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), "nested more than 50 deep", "lists"},
		{strings.Repeat("!", MaxCondition-3) + "true", "longer than 2000 characters", "shorter one"},
		{strings.Repeat(" ", 20_000) + "\x01" + strings.Repeat("x", 20_000), "longer than", "write an expression"},
		{"true || '\xff' == ''", "is not valid UTF-8", "write an expression"},
		{`null`, "of the type null_type", "make a comparison"},
		// Comparisons that never hold.
		{`request.email == "Ana.Silva@eu.contoso.com"`, "compares request.email with a text that it never is, at character 18", "in lower case"},
		{`request.domain == "Fabrikam.com"`, "compares request.domain with a text that it never is, at character 19", "in lower case and punycode"},
		{`"fabrikam.com " != request.domain`, "a text that it never is, at character 1", "without anything around it"},
		{`request.domain in ["contoso.com", "@fabrikam.com"]`, "a text that it never is, at character 35", "such as contoso.com"},
		{`request.domain == "fabrikam"`, "a text that it never is", "such as contoso.com"},
		{`request.domain == "bücher.de"`, "a text that it never is", "punycode"},
		{`request.domain.endsWith(".Fabrikam.com")`, "a text that it never is", "in lower case"},
		{`request.domain.endsWith("@fabrikam.com")`, "a text that it never is", "such as contoso.com"},
		{`request.email.contains("@fabrikam.com\u200b")`, "a text that it never is", "without anything around it"},
		{`request.email == "'ana@fabrikam.com"`, "compares request.email with a text that it never is", "without the apostrophe"},
		{`request.sponsor in ["boss@contoso.com", "'eva@contoso.com"]`, "compares request.sponsor", "without the apostrophe"},
		{`request.sponsor == "Boss@contoso.com"`, "compares request.sponsor", "in lower case"},
		{`request.country == "pt"`, "compares request.country", "two capital letters"},
		{`request.country in ["PT", "Spain"]`, "compares request.country", "two capital letters"},
		{`request.company.lowerAscii().contains("Fabrikam")`, "the result of lowerAscii", "in lower case"},
		{`request.company.upperAscii() == "Fabrikam"`, "the result of upperAscii", "in capital letters"},
	}
	for _, test := range tests {
		t.Run(clip(test.condition, 80), func(t *testing.T) {
			r := Parse(with("Condition", test.condition))
			if len(r.Faults) != 1 || r.Faults[0].Column != "Condition" {
				t.Fatalf("Faults = %v, want one of Condition", r.Faults)
			}
			fault := r.Faults[0]
			if !strings.Contains(fault.Problem, test.problem) || !strings.Contains(fault.Advice, test.advice) {
				t.Errorf("%q; %q; want %q; %q", fault.Problem, fault.Advice, test.problem, test.advice)
			}
			got := Decide(silva(t), []Row{r}, nil, now)
			if got.Action != Review || strings.Contains(got.Reason, "@") {
				t.Errorf("%s: %s", got.Action, got.Reason)
			}
		})
	}
}

func TestConditionsOfOtherTypes(t *testing.T) {
	r := Parse(with("Condition", true))
	if r.Faults != nil || r.Condition.String() != "true" {
		t.Errorf("a Boolean is %q with the faults %v", r.Condition, r.Faults)
	}
	r = Parse(with("Condition", int32(1)))
	if len(r.Faults) != 1 || !strings.Contains(r.Faults[0].Problem, "type Int32") {
		t.Errorf("Faults = %v", r.Faults)
	}
}

func TestConditionThatErrorsGoesToReview(t *testing.T) {
	for _, action := range []string{"invite", "deny"} {
		for _, condition := range []string{`request.email.split("@")[2] == "x"`, `request.country.substring(1, 9) == "x"`} {
			t.Run(action+" "+condition, func(t *testing.T) {
				got := Decide(silva(t), []Row{row("*", "a", action, "Condition", condition), row("*", "b", "invite")}, nil, now)
				const why = "its condition has no answer for this submission (such as a place in a text or a list that is not there)"
				if got.Action != Review || got.Row == nil || got.Row.Name != "a" || got.Terms != nil {
					t.Errorf("decided %s by %v, terms %v", got.Action, got.Row, got.Terms)
				}
				if want := `The row "a" (any) can't tell whether it applies, so a person decides: ` + why + `.`; got.Reason != want {
					t.Errorf("Reason = %s\nwant     %s", got.Reason, want)
				}
				if want := (Look{"*", "a", Decided, why}); got.Looked[0] != want {
					t.Errorf("looked %+v, want %+v", got.Looked[0], want)
				}
			})
		}
	}
}

// TestConditionOnOverlongSubmissionGoesToReview decides on submissions that are longer than the
// form allows.
func TestConditionOnOverlongSubmissionGoesToReview(t *testing.T) {
	rows := []Row{row("*", "a", "invite", "Condition", `request.reason.lowerAscii().contains("tender") || true`)}
	for name, change := range map[string]func(s *submission.Submission, n int){
		"name": func(s *submission.Submission, n int) {
			s.GivenName, s.FamilyName = strings.Repeat("é", n/2), strings.Repeat("é", n-n/2-1)
		},
		"givenName":  func(s *submission.Submission, n int) { s.GivenName, s.FamilyName = strings.Repeat("é", n), "" },
		"familyName": func(s *submission.Submission, n int) { s.GivenName, s.FamilyName = "", strings.Repeat("é", n) },
		"company":    func(s *submission.Submission, n int) { s.Company = strings.Repeat("é", n) },
		"country":    func(s *submission.Submission, n int) { s.Country = strings.Repeat("é", n) },
		"reason":     func(s *submission.Submission, n int) { s.Reason = strings.Repeat("é", n) },
		"language":   func(s *submission.Submission, n int) { s.Language = strings.Repeat("é", n) },
	} {
		longest := fields[slices.Index(fieldNames(), name)].longest
		for more, want := range map[int]Action{0: Invite, 1: Review, 5_000_000: Review} {
			s := silva(t)
			change(&s, longest+more)
			got := Decide(s, rows, nil, now)
			if got.Action != want || (want == Review) != strings.Contains(got.Reason, "could take more work than is allowed") {
				t.Errorf("%s with %d characters: %s: %s", name, longest+more, got.Action, got.Reason)
			}
		}
		if name != "name" {
			s := silva(t)
			change(&s, longest+1)
			got := Decide(s, []Row{row("*", "a", "invite")}, nil, now)
			if got.Action != Invite {
				t.Errorf("%s too long, without a condition: %s: %s", name, got.Action, got.Reason)
			}
		}
	}
}

func TestConditionsSeeEveryField(t *testing.T) {
	if len(fields) != len(applicant{}) {
		t.Fatalf("%d fields are documented, and %d are seen", len(fields), len(applicant{}))
	}
	s := silva(t)
	for name, want := range map[string]string{"email": s.Email.String(), "domain": "eu.contoso.com", "name": "Ana Silva", "givenName": "Ana",
		"familyName": "Silva", "company": s.Company, "country": "PT", "reason": s.Reason, "sponsor": "bo@wingtiptoys.com",
		"language": "pt-PT"} {
		got := Decide(s, []Row{row("*", "a", "invite", "Condition", fmt.Sprintf("request.%s == %q", name, want))}, nil, now)
		if got.Action != Invite {
			t.Errorf("request.%s is not %q", name, want)
		}
	}
}

func TestExamplesCompile(t *testing.T) {
	for _, f := range append(functions[:len(functions):len(functions)], macros...) {
		r := Parse(with("Condition", f.example))
		if r.Faults != nil {
			t.Errorf("the example of %s: %v", f.name, r.Faults)
		}
		if !strings.Contains(f.example, f.name+"(") {
			t.Errorf("the example of %s does not use it", f.name)
		}
	}
}

// TestCostliestConditionsCostAboutTheSame decides by conditions that are just allowed, and compares
// them with the costliest pattern, which is allowed once.
func TestCostliestConditionsCostAboutTheSame(t *testing.T) {
	const most = 4
	s := silva(t)
	s.Reason, s.Company = strings.Repeat("a", submission.MaxReason), strings.Repeat("a", submission.MaxCompany)
	fastestOf := func(f func()) time.Duration {
		fastest := time.Hour
		for range 5 { // the machine may be busy
			start := time.Now()
			f()
			fastest = min(fastest, time.Since(start))
		}
		return fastest
	}
	costliest := regexp.MustCompile("(.?){90}c$")
	once := fastestOf(func() {
		if costliest.MatchString(s.Reason) {
			t.Error("the pattern matches")
		}
	})
	for _, unit := range []string{
		`request.reason.matches("(.?){90}c$")`, `request.reason.matches("(\\pL?){20}c$")`, `request.reason.matches("(a|aa)+c")`,
		`request.company.matches("(a?){90}c$")`, `request.reason.matches("x")`, `(request.reason + request.company).matches("(.*)(.*)(.*)x")`,
		`request.reason.split("").exists(c, c.matches("b"))`, `request.reason.lowerAscii().contains("ab")`, `"b" in request.reason.split("")`,
		`request.reason.split("").all(c, c == "a") && false`, `request.reason.indexOf("aaaaaaaaaab") >= 0`,
	} {
		text, r := unit, Row{}
		for {
			more := Parse(with("Condition", text))
			if len(more.Faults) > 0 {
				break
			}
			r, text = more, text+" || "+unit
		}
		if r.Condition.program == nil {
			continue // not even once
		}
		who := applicantOf(s)
		cost := float64(fastestOf(func() {
			holds, unknown := r.Condition.holds(who)
			if holds || unknown != "" {
				t.Errorf("%s holds: %t, %s", unit, holds, unknown)
			}
		})) / float64(once)
		if cost > most {
			t.Errorf("%d times %s costs %.1f times as much as the costliest pattern", strings.Count(r.Condition.text, "||")+1, unit, cost)
		}
		t.Logf("%3d times %s: %.2f", strings.Count(r.Condition.text, "||")+1, unit, cost)
	}
}

func FuzzCondition(f *testing.F) {
	for _, fn := range append(functions[:len(functions):len(functions)], macros...) {
		f.Add(fn.example, "Contoso", "Project X", "PT")
	}
	f.Add(`request.email.split("@")[5] == "x" || true`, "", "a", "")
	f.Add(`["a", request.reason].exists(x, request.reason.split("").exists_one(y, x == y))`, "x", strings.Repeat("ab ", 300), "DE")
	f.Add(`request.reason.split("").all(a, request.reason.split("").all(b, a == b))`, "x", "aaaa", "DE")
	f.Add(`(request.reason + request.reason + request.company).matches("(a|b)*c")`, "x", strings.Repeat("a", 1000), "DE")
	f.Add(`request.country == "ana@contoso.com`, "", "", "")
	f.Add("request.`email` != '' ? [true][0] : [false][1 - 2]", "", "", "")
	c, err := sharedCompiler()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, company, reason, country string) {
		r := Parse(with("Condition", text))
		s := from(t, "ana@contoso.com")
		s.Company, s.Reason, s.Country = atMost(company, submission.MaxCompany), atMost(reason, submission.MaxReason), atMost(country, 2)
		got := Decide(s, []Row{r}, nil, now)
		checkStored(t, got, 1)
		if r.Faults != nil {
			if got.Action != Review || r.Condition.program != nil {
				t.Fatalf("%s with the fault %v", got.Action, r.Faults)
			}
			for _, fault := range r.Faults {
				if strings.ContainsAny(fault.Problem+fault.Advice, "@\n") || len(fault.Problem) > 400 {
					t.Fatalf("%q is not fit for a log", fault)
				}
			}
			return
		}
		if !cmp.Equal(got, Decide(s, []Row{r}, nil, now)) {
			t.Fatal("asked again, the condition answers otherwise")
		}
		if r.Condition.program == nil {
			return
		}
		checkCost(t, c, r.Condition.text, s)
	})
}

// checkCost fails if the condition costs more than estimated or allowed for the submission.
func checkCost(t fataler, c *compiler, text string, s submission.Submission) {
	t.Helper()
	checked, issues := c.env.Compile(text)
	if issues.Err() != nil {
		t.Fatalf("Compile: %v", issues.Err())
	}
	estimate, err := c.env.EstimateCost(checked, sizes{})
	if err != nil {
		t.Fatalf("EstimateCost: %v", err)
	}
	counting, err := c.env.Program(checked, cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost))
	if err != nil {
		t.Fatalf("Program: %v", err)
	}
	_, details, _ := counting.Eval(applicantOf(s)) // errors are allowed
	actual := *details.ActualCost()
	if actual > MaxConditionCost || actual > estimate.Max {
		t.Fatalf("%s costs %d units, estimated were at most %d", text, actual, estimate.Max)
	}
}

// TestConditionCostStaysBelowEstimate generates conditions from all elements, since the cost is
// not limited at run time.
func TestConditionCostStaysBelowEstimate(t *testing.T) {
	c, err := sharedCompiler()
	if err != nil {
		t.Fatal(err)
	}
	literals := rapid.SampledFrom([]string{`""`, `"a"`, `"PT"`, `" "`, `"Project"`, `"` + strings.Repeat("ab ", 60) + `"`})
	patterns := rapid.SampledFrom([]string{`"a"`, `"^[a-z]+@"`, `"(a|b)*c"`, `"(a|aa)+$"`, `".*x.*y.*"`})
	numbers := rapid.SampledFrom([]string{"0", "1", "2", "20", "1000"})
	var text, list, truth func(depth int, names []string) *rapid.Generator[string]
	text = func(depth int, names []string) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			kinds := 3
			if depth > 0 {
				kinds = 10
			}
			sub := func(label string) string { return text(depth-1, names).Draw(t, label) }
			switch rapid.IntRange(0, kinds-1).Draw(t, "text") {
			case 0:
				return literals.Draw(t, "literal")
			case 1:
				if len(names) > 0 {
					return rapid.SampledFrom(names).Draw(t, "name")
				}
				fallthrough
			case 2:
				return "request." + rapid.SampledFrom(fieldNames()).Draw(t, "field")
			case 3:
				return sub("text") + ".lowerAscii()"
			case 4:
				return sub("text") + ".upperAscii()"
			case 5:
				return sub("text") + ".trim()"
			case 6:
				return "(" + sub("left") + " + " + sub("right") + ")"
			case 7:
				return sub("text") + ".substring(" + numbers.Draw(t, "from") + ")"
			case 8:
				return "(" + truth(depth-1, names).Draw(t, "if") + " ? " + sub("then") + " : " + sub("else") + ")"
			default:
				return list(depth-1, names).Draw(t, "list") + "[" + numbers.Draw(t, "index") + "]"
			}
		})
	}
	list = func(depth int, names []string) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			if depth > 0 && rapid.Bool().Draw(t, "split") {
				return text(depth-1, names).Draw(t, "text") + ".split(" + literals.Draw(t, "separator") + ")"
			}
			return "[" + strings.Join(rapid.SliceOfN(text(max(0, depth-1), names), 1, 4).Draw(t, "entries"), ", ") + "]"
		})
	}
	truth = func(depth int, names []string) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			kinds := 7
			if depth > 0 {
				kinds = 11
			}
			one := func(label string) string { return text(max(0, depth-1), names).Draw(t, label) }
			switch rapid.IntRange(0, kinds-1).Draw(t, "truth") {
			case 0:
				return one("left") + rapid.SampledFrom([]string{" == ", " != ", " < ", " >= "}).Draw(t, "operator") + one("right")
			case 1:
				return one("text") + ".startsWith(" + one("part") + ")"
			case 2:
				return one("text") + ".endsWith(" + one("part") + ")"
			case 3:
				return one("text") + ".contains(" + one("part") + ")"
			case 4:
				return one("text") + ".matches(" + patterns.Draw(t, "pattern") + ")"
			case 5:
				return one("text") + ".size() >= " + numbers.Draw(t, "number")
			case 6:
				return one("text") + ".indexOf(" + one("part") + ") >= " + numbers.Draw(t, "number")
			case 7:
				return one("text") + " in " + list(depth-1, names).Draw(t, "list")
			case 8:
				return "!(" + truth(depth-1, names).Draw(t, "not") + ")"
			case 9:
				return "(" + truth(depth-1, names).Draw(t, "left") + rapid.SampledFrom([]string{" && ", " || "}).Draw(t, "operator") + truth(depth-1, names).Draw(t, "right") + ")"
			default:
				name := fmt.Sprint("x", len(names))
				return list(depth-1, names).Draw(t, "list") + "." + rapid.SampledFrom([]string{"all", "exists", "exists_one"}).Draw(t, "macro") +
					"(" + name + ", " + truth(depth-1, append(slices.Clip(names), name)).Draw(t, "each") + ")"
			}
		})
	}
	words := rapid.OneOf(rapid.SampledFrom([]string{"", "a", strings.Repeat("a", 2000), strings.Repeat("ab ", 700), strings.Repeat("Project é ", 200)}), rapid.String())
	rapid.Check(t, func(rt *rapid.T) {
		condition := truth(4, nil).Draw(rt, "condition")
		r := Parse(with("Condition", condition))
		if r.Condition.program == nil {
			return
		}
		s := from(t, "ana@contoso.com")
		s.GivenName, s.FamilyName = atMost(words.Draw(rt, "given name"), submission.MaxName), atMost(words.Draw(rt, "family name"), submission.MaxName)
		s.Company, s.Reason = atMost(words.Draw(rt, "company"), submission.MaxCompany), atMost(words.Draw(rt, "reason"), submission.MaxReason)
		checkCost(rt, c, condition, s)
	})
}

// atMost returns the text as the form sends it: valid UTF-8 and not too long.
func atMost(text string, characters int) string {
	text = strings.ToValidUTF8(text, "")
	if utf8.RuneCountInString(text) <= characters {
		return text
	}
	return string([]rune(text)[:characters])
}

func TestComparisonThatNeverHoldsIsFaultHoweverItIsWritten(t *testing.T) {
	for _, text := range []string{
		`["Mallory@Contoso.com"].exists(e, e == request.email)`,
		`["Contoso.com", "Fabrikam.com"].exists(d, request.domain == d)`,
		`["contoso.com", "Fabrikam.com"].exists(d, request.domain.endsWith("." + d))`,
		`!["Contoso.com"].all(d, request.domain != d)`,
		`request.email.split("@")[1] == "Contoso.com"`,
		`request.email.split("@")[0] in ["Mallory", "ana"]`,
		`request.email.trim() == "Mallory@Contoso.com"`,
		`request.email == "Mallory" + "@contoso.com"`,
		`request.email.lowerAscii().trim() == "Mallory@contoso.com"`,
		`request.company.lowerAscii().trim() == "Contoso"`,
		`request.email.upperAscii() == "MALLORY <M@CONTOSO.COM>"`,
		`"Mallory@contoso.com" in [request.email, request.sponsor]`,
		`request.country == "PT" ? request.domain == "Contoso" + ".com" : false`,
		`request.country.lowerAscii() == "prt"`,
		`request.domain.matches("^Contoso[.]com$")`,
		`request.email.trim().matches("@contoso[.]com>$")`,
		`request.email.split("@")[1].matches("Contoso")`,
	} {
		row := Parse(with("Condition", text))
		if len(row.Faults) != 1 || !strings.Contains(row.Faults[0].Problem, "never") {
			t.Errorf("%s: %v", text, row.Faults)
		}
	}
	for _, text := range []string{
		`["mallory@contoso.com"].exists(e, e == request.email)`,
		`request.email.split("@")[0] in ["mallory", "o'hara", "_ana"]`,
		`request.email.upperAscii() == "MALLORY@CONTOSO.COM"`,
		`request.domain.lowerAscii().upperAscii().startsWith("CONTOSO")`,
		`request.domain.matches("(?i)^Contoso[.]com$")`,
		`request.domain.upperAscii().matches("^CONTOSO[.]COM$")`,
		`request.domain.lowerAscii().upperAscii().matches("^CONTOSO[.]COM$")`,
		`request.email.matches("Mallory|mallory")`,
		`request.email.matches("M?allory")`,
		`request.company.trim() == "Contoso" || request.name.matches("^Mallory ")`,
		`request.country.lowerAscii() == "zz"`,
	} {
		row := Parse(with("Condition", text))
		if row.Faults != nil {
			t.Errorf("%s: %v", text, row.Faults)
		}
	}
}
