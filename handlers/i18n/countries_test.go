package i18n

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/submission"
)

var update = flag.Bool("update", false, "write the names of countries anew, from the ICU of Node.js")

// cldrVersion is the version of CLDR that the names are from. ICU's names change a little from one
// to the next.
const cldrVersion = "48.0"

// mostChanges is how many names of a language another version of CLDR may have changed.
const mostChanges = 25

// listed are the countries of a language as ICU has them.
type listed []struct{ Code, Name string }

func (l listed) file() string {
	var text strings.Builder
	for _, c := range l {
		text.WriteString(c.Code + " " + c.Name + "\n")
	}
	return text.String()
}

// askICU returns the countries by language, and the version of CLDR.
func askICU(t *testing.T) (countries map[string]listed, cldr string) {
	t.Helper()
	codes, err := submission.Countries()
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{"testdata/countries.mjs"}
	for _, l := range Languages() {
		arguments = append(arguments, l.Tag)
	}
	printed, err := exec.Command("node", slices.Concat(arguments, []string{"--"}, codes)...).Output()
	if err != nil {
		t.Fatalf("asking Node.js, which make test needs: %v", err)
	}
	var answer struct {
		CLDR      string
		Countries map[string]listed
	}
	err = json.Unmarshal(printed, &answer)
	if err != nil || len(answer.Countries) != len(Languages()) {
		t.Fatalf("%d languages, error %v", len(answer.Countries), err)
	}
	return answer.Countries, answer.CLDR
}

// TestCountriesMatchICU compares the files with the ICU of Node.js. After an update of that, or of
// the accepted countries: go test ./handlers/i18n -run ICU -update, and set cldrVersion.
func TestCountriesMatchICU(t *testing.T) {
	countries, cldr := askICU(t)
	for language, want := range countries {
		path := "countries/" + language + ".txt"
		if *update {
			err := os.WriteFile(path, []byte(want.file()), 0o644)
			if err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if cldr == cldrVersion {
			if diff := cmp.Diff(want.file(), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
			continue
		}
		changed := 0
		for _, c := range want {
			if !strings.Contains("\n"+string(got), "\n"+c.Code+" "+c.Name+"\n") {
				changed++
			}
		}
		if changed > mostChanges || strings.Count(string(got), "\n") != len(want) {
			t.Errorf("%s: %d of %d names differ from CLDR %s", path, changed, len(want), cldr)
		}
	}
}

func TestNamesAndOrderOfCountries(t *testing.T) {
	names := map[string]map[string]string{
		"MK": {"en": "North Macedonia", "ar": "مقدونيا الشمالية", "de": "Nordmazedonien", "es": "Macedonia del Norte", "fr": "Macédoine du Nord",
			"ja": "北マケドニア", "ko": "북마케도니아", "pt": "Macedônia do Norte", "zh-Hans": "北马其顿"},
		"SZ": {"en": "Eswatini", "de": "Eswatini", "ja": "エスワティニ"},
		"TR": {"en": "Türkiye", "ko": "튀르키예"},
	}
	places := map[string]map[string]int{}
	for _, l := range Languages() {
		countries, err := Countries(l.Tag)
		if err != nil {
			t.Fatal(err)
		}
		places[l.Tag] = map[string]int{}
		for i, c := range countries {
			places[l.Tag][c.Code] = i
			if want := names[c.Code][l.Tag]; want != "" && c.Name != want {
				t.Errorf("%s: %s is %q, want %q", l.Tag, c.Code, c.Name, want)
			}
		}
	}
	for language, order := range map[string][]string{
		"ja": {"IS", "US", "SZ", "GH", "CV", "KE", "TR", "JP"},
		"de": {"EG", "AT", "CZ"}, "en": {"AF", "AX", "AL"}, "es": {"ES", "US"}, "fr": {"ET", "FI"}, "ko": {"GH", "GA", "KR"},
	} {
		for i, code := range order[1:] {
			if places[language][order[i]] >= places[language][code] {
				t.Errorf("%s: %s does not stand before %s", language, order[i], code)
			}
		}
	}
}
