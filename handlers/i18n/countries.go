package i18n

import (
	"embed"
	"fmt"
	"strings"
)

// countryFiles has the names of countries, a file for each language. A line has the code and the
// name, in the order in which readers of the language look for them. The files are CLDR's,
// written once by the test that compares them: the tables of golang.org/x/text are many times as
// large, and slow at the start.
//
//go:embed countries
var countryFiles embed.FS

// Country is a country or region.
type Country struct {
	Code string // ISO 3166-1 alpha-2
	Name string
}

// Countries returns the countries that a submission can have, in one of Languages and in its order.
func Countries(language string) ([]Country, error) {
	content, err := countryFiles.ReadFile("countries/" + language + ".txt")
	if err != nil {
		return nil, fmt.Errorf("i18n: reading the countries for %s: %w", language, err)
	}
	var countries []Country
	for line := range strings.Lines(string(content)) {
		code, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		countries = append(countries, Country{code, name})
	}
	return countries, nil
}
