package i18n

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"guestlist/handlers/submission"
)

var update = flag.Bool("update", false, "write the names of countries anew, from golang.org/x/text")

// TestCountriesMatchCLDR compares the files with golang.org/x/text. After an update of that, or
// of the accepted countries: go test ./handlers/i18n -run CLDR -update
func TestCountriesMatchCLDR(t *testing.T) {
	codes, err := submission.Countries()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range Languages() {
		tag := language.MustParse(l.Tag)
		names := display.Regions(tag)
		order := collate.New(tag)
		byName := map[string]string{}
		var sorted []string
		for _, code := range codes {
			name := names.Name(language.MustParseRegion(code))
			if name == "" || byName[name] != "" {
				t.Fatalf("%s: %s has the name %q", l.Tag, code, name)
			}
			byName[name] = code
			sorted = append(sorted, name)
		}
		order.SortStrings(sorted)
		var want strings.Builder
		for _, name := range sorted {
			want.WriteString(byName[name] + " " + name + "\n")
		}
		path := "countries/" + l.Tag + ".txt"
		if *update {
			err := os.WriteFile(path, []byte(want.String()), 0o644)
			if err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}
