package i18n

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
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

// Languages returns the languages of the pages, in the order in which they are offered. The first is the one for whoever asks for none.
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

// Shelf holds the texts of all languages, with the organisation's name put in. Any number of callers may use it at once.
type Shelf struct {
	languages []Language
	match     func() language.Matcher
	texts     map[string]func() (*Texts, error)
}

// NewShelf returns the texts of all languages as organisation's partners read them.
func NewShelf(organisation string) (*Shelf, error) {
	if organisation == "" {
		return nil, errors.New("words: the name of the organisation is missing")
	}
	s := &Shelf{languages: Languages(), texts: map[string]func() (*Texts, error){}}
	s.match = sync.OnceValue(func() language.Matcher {
		tags := make([]language.Tag, len(s.languages))
		for i, l := range s.languages {
			tags[i] = language.Make(l.Tag)
		}
		return language.NewMatcher(tags)
	})
	for _, l := range s.languages {
		s.texts[l.Tag] = sync.OnceValues(func() (*Texts, error) { return read(l, organisation) })
	}
	return s, nil
}

// English returns the English texts, for whoever reads no page. Where they name the organisation, they leave it open.
func English() (*Texts, error) { return read(Languages()[0], "the organisation") }

// Best returns the language of the pages that serves a reader of the tags best, the tag that the reader likes most first. If the reader of none
// of them can be served, it is the first language, and false.
func (s *Shelf) Best(tags ...language.Tag) (Language, bool) {
	_, index, confidence := s.match().Match(tags...)
	if confidence == language.No {
		return s.languages[0], false
	}
	return s.languages[index], true
}

// In returns the texts of the language with the tag, which must be the tag of one of Languages.
func (s *Shelf) In(tag string) (*Texts, error) {
	texts, known := s.texts[tag]
	if !known {
		return nil, fmt.Errorf("words: there is no catalogue for %q", tag)
	}
	return texts()
}

// Texts are the texts of one language. The zero value has none, and says the keys.
type Texts struct {
	Language
	organisation string
	localizer    *i18n.Localizer
	// said are the texts that are always the same, once the organisation's name is in them.
	said map[string]string
}

// read reads the catalogue of a language.
func read(l Language, organisation string) (*Texts, error) {
	path := "catalogues/" + l.Tag + ".json"
	content, err := files.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("words: reading the catalogue for %s: %w", l.Tag, err)
	}
	tag, err := language.Parse(l.Tag)
	if err != nil {
		return nil, fmt.Errorf("words: %s is no language tag: %w", l.Tag, err)
	}
	// A bundle must not be changed while it is read, so each language has one of its own.
	bundle := i18n.NewBundle(tag)
	messages, err := bundle.ParseMessageBytes(tag, content, json.Unmarshal)
	if err != nil {
		return nil, fmt.Errorf("words: reading the catalogue for %s: %w", l.Tag, err)
	}
	t := &Texts{
		Language: l, organisation: organisation, localizer: i18n.NewLocalizer(bundle, l.Tag), said: make(map[string]string, len(messages)),
	}
	for _, message := range messages {
		text, err := t.localizer.Localize(&i18n.LocalizeConfig{MessageID: message.ID, TemplateData: map[string]string{organisationPlaceholder: organisation}})
		if err != nil {
			return nil, fmt.Errorf("words: the text %s for %s: %w", message.ID, l.Tag, err)
		}
		t.said[message.ID] = text
	}
	return t, nil
}

// Say returns the text of the key, or the key itself if there is none: a fault of ours that tests look for.
func (t *Texts) Say(key string) string {
	text, known := t.said[key]
	if !known {
		return key
	}
	return text
}

// Has reports whether there is a text of the key.
func (t *Texts) Has(key string) bool {
	_, known := t.said[key]
	return known
}

// Count returns the text of the key in the form for n things.
func (t *Texts) Count(key string, n int) string {
	return t.localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: n})
}

// With returns the text of the key with a value put in for a placeholder, and for further ones after it.
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

// Fault returns what to say of a field that breaks a rule; limit is the rule's limit, 0 for none. named says that the text names the field
// itself.
func (t *Texts) Fault(field, rule string, limit int) (text string, named bool) {
	for _, key := range []string{"error." + field + "." + rule, "error." + rule + "." + field} {
		if t.Has(key) {
			return t.Say(key), true
		}
	}
	if limit > 0 {
		return t.Count("error."+rule, limit), false
	}
	return t.Say("error." + rule), false
}
