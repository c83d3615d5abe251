package i18n

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed catalogues
var files embed.FS

// organisationPlaceholder is where a text names the inviting organisation.
const organisationPlaceholder = "Organisation"

// Language is a language that the pages have.
type Language struct {
	Tag         string // BCP 47
	Name        string // as its readers write it
	RightToLeft bool
	FamilyFirst bool // whether family names stand before given names
}

// Languages returns the languages of the pages as they are offered. The first is the default.
func Languages() []Language {
	return []Language{
		{"en", "English", false, false},
		{"ar", "العربية", true, false},
		{"de", "Deutsch", false, false},
		{"es", "Español", false, false},
		{"fr", "Français", false, false},
		{"ja", "日本語", false, true},
		{"ko", "한국어", false, true},
		{"pt", "Português", false, false},
		{"zh-Hans", "简体中文", false, true},
	}
}

// ByLanguage returns, for the tag of each language, what build makes when it is first asked for.
func ByLanguage[T any](build func(Language) (T, error)) map[string]func() (T, error) {
	built := map[string]func() (T, error){}
	for _, l := range Languages() {
		built[l.Tag] = sync.OnceValues(func() (T, error) { return build(l) })
	}
	return built
}

// Bundle has the texts of all languages for one organisation. It is safe for concurrent use.
type Bundle struct {
	languages []Language
	match     func() language.Matcher
	texts     map[string]func() (*Texts, error)
}

// NewBundle returns the texts of all languages as the organisation's partners read them.
func NewBundle(organisation string) (*Bundle, error) {
	if organisation == "" {
		return nil, errors.New("i18n: the name of the organisation is missing")
	}
	b := &Bundle{languages: Languages(), texts: ByLanguage(func(l Language) (*Texts, error) { return read(l, organisation) })}
	b.match = sync.OnceValue(func() language.Matcher {
		tags := make([]language.Tag, len(b.languages))
		for i, l := range b.languages {
			tags[i] = language.Make(l.Tag)
		}
		return language.NewMatcher(tags)
	})
	return b, nil
}

// English returns the English texts for other uses than pages. They name no organisation.
func English() (*Texts, error) { return read(Languages()[0], "the organisation") }

// Best returns the language that serves a reader of the tags best; the most liked tag comes
// first. If none of them can be served, it is the default, and served is false.
func (b *Bundle) Best(tags ...language.Tag) (best Language, served bool) {
	_, index, confidence := b.match().Match(tags...)
	if confidence == language.No {
		return b.languages[0], false
	}
	return b.languages[index], true
}

// In returns the texts of one of Languages.
func (b *Bundle) In(tag string) (*Texts, error) {
	texts, known := b.texts[tag]
	if !known {
		return nil, fmt.Errorf("i18n: there is no catalogue for %q", tag)
	}
	return texts()
}

// Texts are the texts of one language. The zero value has none and returns the keys.
type Texts struct {
	Language
	organisation string
	localizer    *i18n.Localizer
	// said are the texts without further placeholders than the organisation's name.
	said map[string]string
}

// read reads the catalogue of a language.
func read(l Language, organisation string) (*Texts, error) {
	path := "catalogues/" + l.Tag + ".json"
	content, err := files.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("i18n: reading the catalogue for %s: %w", l.Tag, err)
	}
	tag, err := language.Parse(l.Tag)
	if err != nil {
		return nil, fmt.Errorf("i18n: %s is not a language tag: %w", l.Tag, err)
	}
	// A bundle of go-i18n must not be changed while it is read, so each language has its own.
	bundle := i18n.NewBundle(tag)
	messages, err := bundle.ParseMessageBytes(tag, content, json.Unmarshal)
	if err != nil {
		return nil, fmt.Errorf("i18n: reading the catalogue for %s: %w", l.Tag, err)
	}
	t := &Texts{
		Language: l, organisation: organisation, localizer: i18n.NewLocalizer(bundle, l.Tag), said: make(map[string]string, len(messages)),
	}
	for _, message := range messages {
		text, err := t.localizer.Localize(&i18n.LocalizeConfig{MessageID: message.ID, TemplateData: map[string]string{organisationPlaceholder: organisation}})
		if err != nil {
			return nil, fmt.Errorf("i18n: the text %s for %s: %w", message.ID, l.Tag, err)
		}
		t.said[message.ID] = text
	}
	return t, nil
}

// Say returns the text of the key, or the key itself if there is none, which tests look for.
func (t *Texts) Say(key string) string {
	text, known := t.said[key]
	if !known {
		return key
	}
	return text
}

// Find returns the text of the key, or "".
func (t *Texts) Find(key string) string { return t.said[key] }

// Count returns the text of the key in the form for n things.
func (t *Texts) Count(key string, n int) string {
	return t.localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: n})
}

// With returns the text of the key with the value of a placeholder; more has further pairs.
func (t *Texts) With(key, placeholder, value string, more ...string) string {
	values := map[string]string{organisationPlaceholder: t.organisation, placeholder: value}
	for i := 0; i+1 < len(more); i += 2 {
		values[more[i]] = more[i+1]
	}
	return t.localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: values})
}

func (t *Texts) localize(config *i18n.LocalizeConfig) string {
	if t.localizer == nil {
		return t.Say(config.MessageID)
	}
	text, err := t.localizer.Localize(config)
	if err != nil && text == "" {
		return t.Say(config.MessageID)
	}
	return text // where a rare plural form is missing, the usual one
}

// Fault returns the text for a field that breaks a rule with the limit, 0 for none. named reports
// whether the text names the field itself.
func (t *Texts) Fault(field, rule string, limit int) (text string, named bool) {
	text = cmp.Or(t.Find("error."+field+"."+rule), t.Find("error."+rule+"."+field))
	if text != "" {
		return text, true
	}
	if limit > 0 {
		return t.Count("error."+rule, limit), false
	}
	return t.Say("error." + rule), false
}

// countryFiles has the names of countries, a file for each language. A line has the code and the
// name, in the order in which readers of the language look for them. The files are ICU's, written
// once by the test that compares them with Node.js: the tables of golang.org/x/text are many times
// as large, and slow at the start.
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
