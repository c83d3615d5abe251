package signup

import (
	"html/template"
	"strings"

	"guestlist/handlers/i18n"
)

// countryOptions are the options of the country list in one language. They are rendered once,
// since 250 countries are a third of the page.
type countryOptions string

func newCountryOptions(l i18n.Language) (countryOptions, error) {
	countries, err := i18n.Countries(l.Tag)
	if err != nil {
		return "", err
	}
	var options strings.Builder
	for _, c := range countries {
		// HTML does not need the quotes and end tags, which are a tenth of the page.
		options.WriteString("<option value=" + c.Code + ">" + template.HTMLEscapeString(c.Name))
	}
	return countryOptions(options.String()), nil
}

// selecting returns the options with that of code selected, if code is a country.
func (o countryOptions) selecting(code string) template.HTML {
	// Only two capitals get into the page, nothing else that was typed.
	code = strings.ToUpper(strings.TrimSpace(code))
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return template.HTML(o)
	}
	option := `<option value=` + code
	return template.HTML(strings.Replace(string(o), option+">", option+" selected>", 1))
}
