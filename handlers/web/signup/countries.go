package signup

import (
	"html/template"
	"strings"

	"guestlist/handlers/i18n"
)

// countryOptions are the options of the country list in one language. They are rendered once: with some 250 countries they are a third of
// the page.
type countryOptions struct {
	html string
}

func newCountryOptions(texts *i18n.Texts) (countryOptions, error) {
	countries, err := texts.Countries()
	if err != nil {
		return countryOptions{}, err
	}
	var options strings.Builder
	for _, c := range countries {
		// HTML asks for neither the quotes nor the end tags, which would be a tenth of the page.
		options.WriteString("<option value=" + c.Code + ">" + template.HTMLEscapeString(c.Name))
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
	option := `<option value=` + code
	return template.HTML(strings.Replace(o.html, option+">", option+" selected>", 1))
}
