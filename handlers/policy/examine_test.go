package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"guestlist/handlers/submission"
)

// doubted returns the kinds of doubts about a condition in a row of the partition that invites.
func doubted(t fataler, partition, condition string) ([]DoubtKind, []Doubt) {
	t.Helper()
	raw := with("Condition", condition)
	raw.Partition = partition
	r := Parse(raw)
	if len(r.Faults) > 0 {
		t.Fatalf("%s: %v", condition, r.Faults)
	}
	doubts := Doubts(r)
	var kinds []DoubtKind
	for _, d := range doubts {
		kinds = append(kinds, d.Kind)
		if strings.Contains(d.Problem+d.Advice, "contoso") || strings.Contains(d.Problem+d.Advice, "\n") {
			t.Fatalf("%q is not fit for a log", d)
		}
	}
	return kinds, doubts
}

func TestConditionsThatNeverHold(t *testing.T) {
	for _, test := range []struct{ partition, condition, says string }{
		// Each field, by a comparison.
		{"*", `request.email == ""`, "compares request.email"},
		{"*", `request.email.startsWith("@")`, "looks in request.email"},
		{"*", `request.email.endsWith("@contoso.local")`, "looks in request.email"},
		{"*", `request.email.endsWith(".")`, "looks in request.email"},
		{"*", `request.email.contains("@contoso.com@")`, "looks in request.email"},
		{"*", `request.email.matches("^[A-Z]+@")`, "request.email never matches"},
		{"*", `request.email.matches("Contoso")`, "request.email never matches"},
		{"*", `request.email.size() > 254`, "the length of request.email"},
		{"*", `request.email.split("@")[1] == "Contoso.com"`, "compares request.domain"},
		{"*", `request.email.split("@")[0] == "Ana"`, "the part before the @"},
		{"*", `request.domain == ""`, "compares request.domain"},
		{"*", `request.domain.startsWith(".")`, "looks in request.domain"},
		{"*", `request.domain.matches("@contoso[.]com$")`, "request.domain never matches"},
		{"*", `request.domain.size() < 3`, "the length of request.domain"},
		{"*", `request.domain.endsWith(".local")`, "looks in request.domain"},
		{"*", `request.name == "Ana"`, "compares request.name"},
		{"*", `request.name == "Ana  Silva"`, "compares request.name"},
		{"*", `request.name == ""`, "compares request.name"},
		{"*", `request.givenName == " Ana"`, "compares request.givenName"},
		{"*", `request.givenName.size() == 0`, "the length of request.givenName"},
		{"*", `request.givenName.contains("<")`, "looks in request.givenName"},
		{"*", `request.familyName == "Mu\u0308ller"`, "compares request.familyName"},
		{"*", `request.familyName == "123"`, "compares request.familyName"},
		{"*", `request.company == "Contoso "`, "compares request.company"},
		{"*", `request.company.startsWith(" ")`, "looks in request.company"},
		{"*", `request.company.contains("a  b")`, "looks in request.company"},
		{"*", `request.company == "` + strings.Repeat("x", 101) + `"`, "compares request.company"},
		{"*", `request.company.trim().size() >= 101`, "the result of trim"},
		{"*", `request.country == "UK"`, "compares request.country"},
		{"*", `request.country in ["XX", "EU"]`, "compares request.country"},
		{"*", `request.country.lowerAscii() == "portugal"`, "the result of lowerAscii"},
		{"*", `request.country.lowerAscii() == "uk"`, "the result of lowerAscii"},
		{"*", `request.country.size() == 3`, "the length of request.country"},
		{"*", `request.country.matches("^Portugal$")`, "request.country never matches"},
		{"*", `request.country.matches("^pt$")`, "request.country never matches"},
		{"*", `request.reason.size() > 1000`, "the length of request.reason"},
		{"*", `request.reason == "a\r\nb"`, "compares request.reason"},
		{"*", `request.reason.contains("\t")`, "looks in request.reason"},
		{"*", `request.sponsor == "Boss"`, ""},
		{"*", `request.sponsor.matches("[A-Z]")`, "request.sponsor never matches"},
		{"*", `request.language == "DE"`, "compares request.language"},
		{"*", `request.language == "pt-br"`, "compares request.language"},
		{"*", `request.language == "german"`, "compares request.language"},
		{"*", `request.language in ["DE", "EN"]`, "compares request.language"},
		{"*", `request.language.startsWith("PT")`, "looks in request.language"},
		{"*", `request.language.endsWith("-br")`, "looks in request.language"},
		{"*", `request.language.contains("_")`, "looks in request.language"},
		{"*", `request.language.size() > 35`, "the length of request.language"},
		// Macros and operators.
		{"*", `["UK", "EU"].exists(c, c == request.country)`, "compares request.country"},
		{"*", `["PT", "UK"].all(c, c == request.country)`, ""},
		{"*", `!(request.language != "DE")`, "compares request.language"},
		{"*", `request.language == "DE" ? true : false`, "compares request.language"},
		{"*", `request.language == "DE" || request.country == "UK"`, ""},
		{"*", `request.reason.indexOf("\t") >= 0`, "the length of"},
		{"*", `false`, ""},
		{"*", `1 > 2`, ""},
		{"*", `"a" == "b"`, ""},
		// Contradictions.
		{"*", `request.country == "PT" && request.country == "ES"`, ""},
		{"*", `request.country in ["PT", "ES"] && request.country in ["DE", "AT"]`, ""},
		{"*", `request.country == "PT" && request.country.startsWith("E")`, ""},
		{"*", `request.email == "ana@contoso.com" && request.domain == "fabrikam.com"`, ""},
		{"*", `request.domain == "contoso.com" && request.domain.endsWith(".de")`, ""},
		{"*", `request.company == "A" && (request.company == "B" || request.company == "C")`, ""},
		// What the partition says of the address.
		{"contoso.com", `request.domain == "fabrikam.com"`, ""},
		{"contoso.com", `request.domain == "eu.contoso.com"`, ""},
		{"contoso.com", `request.domain.endsWith(".contoso.com")`, ""},
		{"contoso.com", `request.email.endsWith("@fabrikam.com")`, ""},
		{"contoso.com", `request.email in ["eva@fabrikam.com"]`, ""},
		{"*.contoso.com", `request.domain == "contoso.com"`, ""},
		{"*.contoso.com", `request.domain.endsWith(".fabrikam.com")`, ""},
		{"*.contoso.com", `request.email.endsWith("@contoso.com")`, ""},
		{"ana@contoso.com", `request.email == "bo@contoso.com"`, ""},
		{"ana@contoso.com", `request.domain != "contoso.com"`, ""},
		{"ana@contoso.com", `request.email.startsWith("bo")`, ""},
	} {
		t.Run(test.partition+" "+clip(test.condition, 80), func(t *testing.T) {
			raw := with("Condition", test.condition)
			raw.Partition = test.partition
			if r := Parse(raw); len(r.Faults) > 0 { // it was refused before
				return
			}
			kinds, doubts := doubted(t, test.partition, test.condition)
			if !slices.Contains(kinds, NeverHolds) || !strings.Contains(doubts[0].Problem, test.says) || doubts[0].Advice == "" {
				t.Errorf("%+v, want one that says %q", doubts, test.says)
			}
		})
	}
}

func TestConditionsOfWhichAPartNeverHolds(t *testing.T) {
	for condition, says := range map[string]string{
		`request.country in ["PT", "UK"]`:                                               "compares request.country with a text that it never is, at character 27",
		`request.language != "DE"`:                                                      "compares request.language with a text that it never is, at character 21",
		`request.country == "PT" || request.language == "PT-br"`:                        "compares request.language",
		`["de", "DE"].exists(l, request.language == l)`:                                 "compares request.language with a text that it never is, at character 8",
		`request.company.lowerAscii().endsWith("gmbh") || request.reason.size() > 2000`: "the length of request.reason",
	} {
		kinds, doubts := doubted(t, "*", condition)
		if !slices.Equal(kinds, []DoubtKind{PartIsNever}) || !strings.Contains(doubts[0].Problem, says) {
			t.Errorf("%s: %+v, want %q", condition, doubts, says)
		}
	}
}

func TestConditionsThatHoldForMoreDomains(t *testing.T) {
	for condition, says := range map[string]string{
		`request.domain.endsWith("contoso.com")`:                                      "without a dot before it",
		`request.domain.endsWith("com")`:                                              "without a dot before it",
		`request.email.endsWith("contoso.com")`:                                       "without an @ before it",
		`request.sponsor.endsWith("contoso.com")`:                                     "without an @ before it",
		`request.domain.lowerAscii().endsWith("contoso.com")`:                         "without a dot before it",
		`["contoso.com"].exists(d, request.domain.endsWith(d))`:                       "only end in it, at character 2",
		`request.email.split("@")[1].endsWith("contoso.com")`:                         "without a dot before it",
		`request.domain.contains("contoso.com")`:                                      "anywhere in request.domain",
		`request.email.contains("@contoso.com")`:                                      "anywhere in request.email",
		`request.domain.startsWith("contoso.")`:                                       "at the beginning of request.domain",
		`request.domain.matches("contoso[.]com")`:                                     "does not end in $",
		`request.domain.matches("^contoso.com$")`:                                     "stands for any character",
		`request.domain == "contoso.com" || request.domain.endsWith("x.contoso.com")`: "without a dot before it",
	} {
		kinds, doubts := doubted(t, "*", condition)
		if !slices.Equal(kinds, []DoubtKind{HoldsForMore}) || !strings.Contains(doubts[0].Problem, says) {
			t.Errorf("%s: %+v, want %q", condition, doubts, says)
		}
	}
	// The partition says that there are no others.
	for _, partition := range []string{"contoso.com", "*.contoso.com", "ana@contoso.com"} {
		if kinds, doubts := doubted(t, partition, `request.domain.endsWith("contoso.com")`); kinds != nil {
			t.Errorf("%s: %+v", partition, doubts)
		}
	}
	// Only an invitation is given to more people than was meant.
	raw := with("Condition", `request.domain.contains("contoso.com")`)
	raw.Columns["Action"] = "deny"
	if doubts := Doubts(Parse(raw)); len(doubts) > 0 {
		t.Errorf("a deny row: %+v", doubts)
	}
}

func TestConditionsWithoutDoubts(t *testing.T) {
	conditions := []string{
		`request.domain == "contoso.com" || request.domain.endsWith(".contoso.com")`,
		`request.domain.endsWith(".co.uk")`, `request.domain.endsWith(".kawasaki.jp")`, `request.domain.endsWith(".com")`,
		`request.email.endsWith("@eu.contoso.com")`, `request.email.endsWith(".contoso.com")`, `request.email.endsWith("silva@contoso.com")`,
		`request.email.startsWith("ext-")`, `request.email.contains(".silva@")`, `request.email.matches("^[a-z]+[.][a-z]+@")`,
		`request.domain.matches("(^|[.])contoso[.]com$")`, `request.domain.matches("^(contoso|fabrikam)[.]com$")`,
		`request.name == "Ana Maria Silva"`, `request.name.startsWith("Ana ")`, `request.company == ""`, `request.company != "Contoso Ltd"`,
		`request.company.trim() == ""`, `request.company.upperAscii() == "CONTOSO"`, `request.company.lowerAscii().contains("müller")`,
		`request.country == ""`, `request.country in ["GB", "PT"]`, `request.country.lowerAscii() == "pt"`, `request.country.matches("^(PT|ES)$")`,
		`request.country.startsWith("P")`, `request.country.size() == 2`, `request.country.size() == 0`,
		`request.reason.contains("\n")`, `request.reason.size() >= 20`, `request.reason.matches("(?i)contoso")`, `request.reason == "a\n\nb"`,
		`request.language == "de"`, `request.language == "pt-BR"`, `request.language == "zh-Hant-TW"`, `request.language == ""`,
		`request.language.startsWith("pt")`, `request.language.startsWith("pt-")`, `request.language.endsWith("-BR")`, `request.language.lowerAscii() == "pt-br"`,
		`request.language.contains("-")`, `request.language.substring(0, 2) == "de"`, `request.language.matches("^(?i)DE")`,
		`request.sponsor == ""`, `request.sponsor.endsWith("@wingtiptoys.com")`, `request.sponsor.size() == 0`,
		`request.email.upperAscii() == "ANA@CONTOSO.COM"`, `request.email.split("@")[0].startsWith("ext")`,
		`request.email == "ana@contoso.com" && request.domain == "contoso.com"`, `request.country == "PT" && request.country != "ES"`,
		`!(request.country in ["PT", "ES"])`, `["a", "b"].exists_one(w, request.company.startsWith(w))`, `["test"].all(w, !request.reason.contains(w))`,
		`true`, `"sales" in request.reason.split(" ")`, `request.reason.indexOf("SOW") >= 0`,
		`request.givenName + " " + request.familyName == request.name`,
	}
	for _, f := range append(functions[:len(functions):len(functions)], macros...) {
		conditions = append(conditions, f.example)
	}
	for _, condition := range conditions {
		if kinds, doubts := doubted(t, "*", condition); kinds != nil {
			t.Errorf("%s: %+v", condition, doubts)
		}
	}
	for partition, condition := range map[string]string{
		"contoso.com":     `request.email in ["eva@contoso.com", "ivo@contoso.com"]`,
		"eu.contoso.com":  `request.email.endsWith("contoso.com") && request.domain.endsWith(".contoso.com")`,
		"*.contoso.com":   `request.domain == "eu.contoso.com" || request.domain.endsWith(".eu.contoso.com") || request.domain.endsWith(".com")`,
		"ana@contoso.com": `request.country == "PT" && request.email == "ana@contoso.com"`,
	} {
		if kinds, doubts := doubted(t, partition, condition); slices.Contains(kinds, NeverHolds) {
			t.Errorf("%s: %s: %+v", partition, condition, doubts)
		}
	}
}

// TestDoubtedConditionsHoldForNobody looks for a submission for which a condition holds that never
// should.
func TestDoubtedConditionsHoldForNobody(t *testing.T) {
	people := map[string]submission.Input{
		"ana": {Email: "ana@contoso.com", GivenName: "Ana", FamilyName: "Silva", Company: "Contoso", Country: "PT", Reason: "Project X", Language: "pt-BR", Sponsor: "bo@fabrikam.com"},
		"bo":  {Email: "bo.li@eu.contoso.com", GivenName: "Bo", FamilyName: "Li", Company: "contoso", Country: "", Reason: "", Language: "de"},
		"cy":  {Email: "cy@fabrikam.com", GivenName: "Cy", FamilyName: "Ng", Company: "", Country: "DE", Reason: "a\nb", Language: "", Sponsor: "ana@contoso.com"},
		"dee": {Email: "dee@notcontoso.com", GivenName: "Dee", FamilyName: "O", Company: "ABC", Country: "ES", Reason: "x", Language: "zh-Hant-TW"},
	}
	field := rapid.Custom(func(t *rapid.T) string { return "request." + rapid.SampledFrom(fieldNames()).Draw(t, "field") })
	literal := rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%q", rapid.SampledFrom([]string{
			"", "ana@contoso.com", "contoso.com", ".contoso.com", "@contoso.com", "com", "PT", "pt", "DE", "de", "pt-BR", "-BR", "Contoso", "contoso", "Ana",
			"Ana Silva", "a", "A", ".", "@", " ", "x", "ABC", "zh-Hant-TW",
		}).Draw(t, "literal"))
	})
	var truth func(depth int) *rapid.Generator[string]
	truth = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			text := field.Draw(t, "text")
			shape := rapid.SampledFrom([]string{"", "", ".lowerAscii()", ".upperAscii()", ".trim()"}).Draw(t, "shape")
			kinds := 7
			if depth > 0 {
				kinds = 11
			}
			switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
			case 0, 1:
				return text + shape + rapid.SampledFrom([]string{" == ", " != "}).Draw(t, "operator") + literal.Draw(t, "right")
			case 2:
				return text + shape + ".startsWith(" + literal.Draw(t, "part") + ")"
			case 3:
				return text + shape + ".endsWith(" + literal.Draw(t, "part") + ")"
			case 4:
				return text + shape + ".contains(" + literal.Draw(t, "part") + ")"
			case 5:
				return text + shape + ".size() " + rapid.SampledFrom([]string{"==", "<", "<=", ">", ">=", "!="}).Draw(t, "operator") + " " +
					rapid.SampledFrom([]string{"0", "1", "2", "3", "15", "300"}).Draw(t, "number")
			case 6:
				return text + shape + " in [" + literal.Draw(t, "first") + ", " + literal.Draw(t, "second") + "]"
			case 7:
				return "!(" + truth(depth-1).Draw(t, "not") + ")"
			case 8:
				return "(" + truth(depth-1).Draw(t, "left") + rapid.SampledFrom([]string{" && ", " || "}).Draw(t, "operator") + truth(depth-1).Draw(t, "right") + ")"
			case 9:
				return "(" + truth(depth-1).Draw(t, "if") + " ? " + truth(depth-1).Draw(t, "then") + " : " + truth(depth-1).Draw(t, "else") + ")"
			default:
				return "[" + literal.Draw(t, "first") + ", " + literal.Draw(t, "second") + "]." + rapid.SampledFrom([]string{"exists", "all", "exists_one"}).Draw(t, "macro") +
					"(x, " + text + shape + rapid.SampledFrom([]string{" == x", ".endsWith(x)", ".contains(x)"}).Draw(t, "each") + ")"
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		condition := truth(3).Draw(t, "condition")
		for name, person := range people {
			s, err := person.Submission(now)
			if err != nil {
				t.Fatal(err)
			}
			for _, partition := range Partitions(s.Email) {
				raw := with("Condition", condition)
				raw.Partition = partition
				r := Parse(raw)
				if len(r.Faults) > 0 || r.Condition.program == nil {
					return
				}
				holds, _ := r.Condition.holds(applicantOf(s))
				if holds && slices.ContainsFunc(Doubts(r), func(d Doubt) bool { return d.Kind == NeverHolds }) {
					t.Fatalf("%s holds for %s under %s, and should never", condition, name, partition)
				}
			}
		}
	})
}
