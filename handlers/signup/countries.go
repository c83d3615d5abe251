package signup

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"

	"guestlist/handlers/submission"
)

// countryOptions are the options of the country list. They are rendered once: with some 250 countries they are most of the page.
type countryOptions struct {
	html string
}

// newCountryOptions names every country that a submission may have, in English, in the order in which a reader looks for them.
func newCountryOptions() (countryOptions, error) {
	codes, err := submission.Countries()
	if err != nil {
		return countryOptions{}, err
	}
	names := display.English.Regions()
	type country struct{ code, name, key string }
	countries := make([]country, 0, len(codes))
	for _, code := range codes {
		region, err := language.ParseRegion(code)
		if err != nil {
			return countryOptions{}, fmt.Errorf("the country %s has no name: %w", code, err)
		}
		name := names.Name(region)
		countries = append(countries, country{code, name, sortKey(name)})
	}
	slices.SortFunc(countries, func(a, b country) int { return strings.Compare(a.key, b.key) })

	var options strings.Builder
	for _, c := range countries {
		fmt.Fprintf(&options, "<option value=\"%s\">%s</option>\n", c.code, template.HTMLEscapeString(c.name))
	}
	return countryOptions{options.String()}, nil
}

// selecting returns the options with the one of code selected; with none selected if code is no country.
func (o countryOptions) selecting(code string) template.HTML {
	// Only two capitals are ever looked for, so nothing that was typed gets into the page this way.
	code = strings.ToUpper(strings.TrimSpace(code))
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return template.HTML(o.html)
	}
	option := `<option value="` + code + `"`
	return template.HTML(strings.Replace(o.html, option, option+" selected", 1))
}

// sortKey leaves out accents and case, so that Åland stands with the A.
func sortKey(name string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(name))
	return plain
}
