package site

import (
	"html/template"
	"net/url"
	"strings"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
)

// Page is what every template gets. Render sets Style, CSS and Script.
type Page struct {
	Reader
	Style   branding.Style
	CSS     template.CSS
	Script  template.JS
	Title   string
	Path    string     // of the page itself
	Keep    url.Values // the query that links to the same page in other languages need
	Content any
}

// Logo returns the address of the organisation's logo, or "". Package branding has checked it:
// templates do not trust data: addresses.
func (p Page) Logo() template.URL { return template.URL(p.Style.Logo.URL) }

// Direction returns the direction of the page's language.
func (p Page) Direction() string {
	if p.RightToLeft {
		return "rtl"
	}
	return "ltr"
}

// Languages returns a list item with a link for each language of the pages. Building it by hand
// saves a third of the work of a page.
func (p Page) Languages() template.HTML {
	var items strings.Builder
	keep := ""
	if len(p.Keep) > 0 {
		keep = "&amp;" + template.HTMLEscapeString(p.Keep.Encode())
	}
	path := template.HTMLEscapeString(p.Path)
	for _, l := range i18n.Languages() {
		items.WriteString(`<li><a href="` + path + "?" + LanguageQuery + "=" + l.Tag + keep + `" hreflang="` + l.Tag + `" lang="` + l.Tag + `"`)
		if l.RightToLeft {
			items.WriteString(` dir="rtl"`)
		}
		if l.Tag == p.Tag {
			items.WriteString(` aria-current="true"`)
		}
		items.WriteString(">" + l.Name + "</a></li>\n")
	}
	return template.HTML(items.String())
}
