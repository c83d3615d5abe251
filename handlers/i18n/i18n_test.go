package i18n

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"

	"guestlist/handlers/submission"
)

// catalogue has texts by key and plural form, which is "" for a text with one form.
type catalogue map[string]map[string]string

func load(t *testing.T, tag string) catalogue {
	t.Helper()
	content, err := files.ReadFile("catalogues/" + tag + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	err = json.Unmarshal(content, &raw)
	if err != nil {
		t.Fatalf("%s: %v", tag, err)
	}
	read := catalogue{}
	for key, value := range raw {
		var text string
		forms := map[string]string{}
		if json.Unmarshal(value, &text) == nil {
			forms[""] = text
		} else if err := json.Unmarshal(value, &forms); err != nil {
			t.Fatalf("%s: %s: %v", tag, key, err)
		}
		read[key] = forms
	}
	return read
}

// pluralForms are the forms that CLDR has for whole numbers below a million.
var pluralForms = map[string][]string{
	"en": {"one", "other"}, "de": {"one", "other"}, "es": {"one", "other"}, "fr": {"one", "other"}, "pt": {"one", "other"},
	"ja": {"other"}, "ko": {"other"}, "zh-Hans": {"other"},
	"ar": {"few", "many", "one", "other", "two", "zero"},
}

var placeholder = regexp.MustCompile(`{{[^}]*}}`)

func TestCataloguesHaveTheSameKeys(t *testing.T) {
	english := load(t, "en")
	entries, err := filepath.Glob("catalogues/*.json")
	if err != nil || len(entries) != len(Languages()) {
		t.Fatalf("%d catalogues for %d languages, error %v", len(entries), len(Languages()), err)
	}
	for _, l := range Languages() {
		t.Run(l.Tag, func(t *testing.T) {
			got := load(t, l.Tag)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(english)), slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("keys (-English +%s):\n%s", l.Tag, diff)
			}
			for key, forms := range got {
				want := []string{""}
				if len(english[key]) > 1 {
					want = pluralForms[l.Tag]
				}
				if have := slices.Sorted(maps.Keys(forms)); !slices.Equal(have, want) {
					t.Errorf("%s has the forms %q, want %q", key, have, want)
				}
				for form, text := range forms {
					original := english[key][""] + english[key]["other"]
					if diff := cmp.Diff(placeholders(original), placeholders(text)); diff != "" {
						t.Errorf("%s %s: placeholders (-English +%s):\n%s", key, form, l.Tag, diff)
					}
					if strings.TrimSpace(text) != text || text == "" || strings.Contains(text, "  ") {
						t.Errorf("%s %s is empty, or has space around or twice inside: %q", key, form, text)
					}
					if l.Tag != "en" && text == original && len(placeholder.ReplaceAllString(text, "")) > 10 {
						t.Errorf("%s is still in English: %q", key, text)
					}
				}
			}
		})
	}
}

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func bundle(t testing.TB) *Bundle {
	t.Helper()
	s, err := NewBundle("Contoso {{.Secret}} & <Partners>")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTextsRender(t *testing.T) {
	s := bundle(t)
	for _, l := range Languages() {
		texts, err := s.In(l.Tag)
		if err != nil {
			t.Fatal(err)
		}
		for key, forms := range load(t, l.Tag) {
			said := texts.Say(key)
			if said == key {
				t.Errorf("%s: %s is not said", l.Tag, key)
			}
			if strings.Contains(forms[""], "{{.Organisation}}") && !strings.Contains(said, "Contoso {{.Secret}} & <Partners>") {
				t.Errorf("%s: %s does not name the organisation as it is written: %q", l.Tag, key, said)
			}
			if len(forms) == 1 && forms[""] != "" {
				continue
			}
			for n := range 1001 {
				counted := texts.Count(key, n)
				if counted == key || strings.Contains(counted, "<no value>") || !strings.ContainsAny(counted, "0123456789") {
					t.Fatalf("%s: %s for %d: %q", l.Tag, key, n, counted)
				}
			}
		}
	}
}

func TestPlurals(t *testing.T) {
	s := bundle(t)
	tests := []struct {
		tag  string
		n    int
		want string
	}{
		{"en", 1, "Please check 1 entry"}, {"en", 2, "Please check 2 entries"}, {"de", 1, "Bitte prüfen Sie 1 Angabe"},
		{"fr", 0, "Veuillez vérifier 0 champ"}, {"ja", 1, "1 件の入力内容をご確認ください"},
		{"ar", 2, "يُرجى مراجعة حقلين (2)"}, {"ar", 3, "يُرجى مراجعة 3 حقول"}, {"ar", 11, "يُرجى مراجعة 11 حقلًا"}, {"ar", 100, "يُرجى مراجعة 100 حقل"},
	}
	for _, test := range tests {
		texts, err := s.In(test.tag)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts.Count("form.problems", test.n); got != test.want {
			t.Errorf("%s, %d: %q, want %q", test.tag, test.n, got, test.want)
		}
	}
}

func TestRulesHaveTexts(t *testing.T) {
	s := bundle(t)
	for _, l := range Languages() {
		texts, err := s.In(l.Tag)
		if err != nil {
			t.Fatal(err)
		}
		for field, rules := range submission.Rules() {
			for rule, limit := range rules {
				if text, _ := texts.Fault(field, rule, limit); strings.HasPrefix(text, "error.") {
					t.Errorf("%s: %s/%s has no text", l.Tag, field, rule)
				}
			}
		}
	}
}

func TestRuleNamesItsLimit(t *testing.T) {
	texts, err := English()
	if err != nil {
		t.Fatal(err)
	}
	text, named := texts.Fault("company", "max", submission.MaxCompany)
	if text != "Shorten this to 100 characters." || named {
		t.Errorf("got %q, names the field: %t", text, named)
	}
	text, named = texts.Fault("company", "required", 0)
	if text != "Enter the company or organisation that you work for." || !named {
		t.Errorf("got %q, names the field: %t", text, named)
	}
}

// The program uses no key that is missing, and no text is unused.
func TestProgramUsesEveryKeyAndNoOther(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"../web/*/*.go", "../web/*/*/*.html", "../mail/*.go", "*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(content)
		}
	}
	english := load(t, "en")
	asked := regexp.MustCompile(`(?:Say|Count|With)(?:\(| )"([a-z][A-Za-z0-9_.-]*)"`)
	for _, found := range asked.FindAllStringSubmatch(sources.String(), -1) {
		if english[found[1]] == nil && !strings.HasSuffix(found[1], ".") {
			t.Errorf("%s is used and missing", found[1])
		}
	}
	// The first parts of composed keys. Other tests check the lists of the second parts.
	composed := []string{"label.", "name.", "hint.", "error.", "happened.", "status.", "now.", "next.", "review.authority.", "review.obstacle.", "review.outcome.", "review.policies.is.", "review.explain.verdict.", "review.proof.", "review.state."}
	for key := range english {
		about := regexp.MustCompile(`\.(title|text|link|subject|preheader)$`).ReplaceAllString(key, "")
		direct := strings.Contains(sources.String(), `"`+key+`"`)
		failure := about != key && strings.Contains(sources.String(), `"`+about+`"`)
		put := slices.ContainsFunc(composed, func(part string) bool {
			return strings.HasPrefix(key, part) && strings.Contains(sources.String(), `"`+part+`"`)
		})
		if !direct && !failure && !put {
			t.Errorf("%s is not used", key)
		}
	}
}

func TestBestLanguage(t *testing.T) {
	tests := map[string]string{
		"en-GB": "en", "ko-KR": "ko", "ja": "ja", "de-CH": "de", "fr-CA": "fr", "es-419": "es", "pt-BR": "pt", "pt-PT": "pt",
		"zh-CN": "zh-Hans", "zh": "zh-Hans", "zh-Hans-SG": "zh-Hans", "ar-EG": "ar", "gsw": "de", "cs": "en", "nl": "en", "he": "en",
	}
	s := bundle(t)
	for asked, want := range tests {
		if got, _ := s.Best(language.MustParse(asked)); got.Tag != want {
			t.Errorf("for %s: %s, want %s", asked, got.Tag, want)
		}
	}
	if got, served := s.Best(language.MustParse("cs"), language.MustParse("fr-BE")); got.Tag != "fr" || !served {
		t.Errorf("for Czech, else French: %s", got.Tag)
	}
	if got, served := s.Best(language.MustParse("cs")); got.Tag != "en" || served {
		t.Errorf("for Czech: %s, served: %t", got.Tag, served)
	}
	if got, served := s.Best(); got.Tag != "en" || served {
		t.Errorf("for nobody knows what: %s, served: %t", got.Tag, served)
	}
}

func TestBundleNeedsOrganisation(t *testing.T) {
	_, err := NewBundle("")
	if err == nil {
		t.Error("a bundle without an organisation was made")
	}
	_, err = bundle(t).In("tlh")
	if err == nil {
		t.Error("there is a catalogue in Klingon")
	}
}

func TestMissingTextIsItsKey(t *testing.T) {
	var texts Texts
	if texts.Say("form.title") != "form.title" || texts.Count("form.problems", 2) != "form.problems" || texts.With("now.finished", "Address", "x") != "now.finished" {
		t.Error("missing texts are not said by their keys")
	}
}

func BenchmarkFirstPageInALanguage(b *testing.B) {
	for b.Loop() {
		_, err := read(Language{"ar", "العربية", true, false}, "Contoso")
		if err != nil {
			b.Fatal(err)
		}
	}
}
