package site

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"

	"guestlist/handlers/i18n"
	"guestlist/handlers/submission"
)

const (
	// LanguageQuery is the query parameter that chooses the language of this page and the next
	// ones.
	LanguageQuery = "lang"
	// languageCookie remembers the choice: the tag of a language of the pages and nothing else.
	languageCookie = "language"
	// languageLifetime is how long, in seconds: a year.
	languageLifetime = 365 * 24 * 60 * 60
)

// Reader is the person who reads an answer.
type Reader struct {
	*i18n.Texts        // in the language of the pages that serves the reader best
	Wanted      string // the language that the reader likes best, of any: BCP 47, or ""
}

// Isolated returns an address so that it reads from left to right in any text (Unicode's isolates).
func (r Reader) Isolated(address string) string {
	if !r.RightToLeft {
		return address
	}
	return "\u2066" + address + "\u2069"
}

// Choose sets the reader: by the first of the chosen tags that can be read, else the query, else
// the cookie, else what the browser accepts.
func (x *Exchange) Choose(chosen ...string) {
	if x.Request.URL.RawQuery != "" {
		chosen = append(chosen, x.Request.URL.Query().Get(LanguageQuery))
	}
	cookie, err := x.Request.Cookie(languageCookie)
	if err == nil {
		chosen = append(chosen, cookie.Value)
	}
	accepted := x.site.accepted.languages(x.Request)
	for _, text := range chosen {
		tag, valid := parseLanguage(text)
		if !valid {
			continue
		}
		tag = refine(tag, accepted)
		best, served := x.site.bundle.Best(tag)
		if !served || len(accepted) > 0 && tag == accepted[0] {
			// What the browser likes best is not a choice: the page keeps the language that it had.
			best, _ = x.site.bundle.Best(accepted...)
		}
		x.Reader = Reader{x.texts(best.Tag), tag.String()}
		return
	}
	best, _ := x.site.bundle.Best(accepted...)
	x.Reader = Reader{Texts: x.texts(best.Tag)}
	if len(accepted) > 0 {
		x.Wanted = accepted[0].String()
	}
}

// texts returns the texts of a language that the pages have.
func (x *Exchange) texts(tag string) *i18n.Texts {
	texts, err := x.site.bundle.In(tag)
	if err != nil {
		x.site.service.Log.ErrorContext(x.Request.Context(), "a catalogue can't be read", "language", tag, "error", err)
		return &i18n.Texts{}
	}
	return texts
}

// Remember sets the cookie that keeps the language of the page, if the query chose it.
func (x *Exchange) Remember() {
	tag, valid := parseLanguage(x.Request.URL.Query().Get(LanguageQuery))
	if !valid {
		return
	}
	chosen, _ := tag.Base()
	got, _ := language.Make(x.Tag).Base()
	if chosen != got {
		return
	}
	http.SetCookie(x, &http.Cookie{
		Name: languageCookie, Value: x.Tag, Path: cmp.Or(x.site.config.Root, Root), MaxAge: languageLifetime, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// refine returns the tag with the region of an accepted one of the same language and script: for a
// reader who chose Portuguese in a Brazilian browser, Brazilian Portuguese.
func refine(tag language.Tag, accepted []language.Tag) language.Tag {
	base, script, _ := tag.Raw()
	if base.String() != tag.String() && base.String()+"-"+script.String() != tag.String() {
		return tag // it has a region already, or more
	}
	wantBase, _ := tag.Base()
	wantScript, _ := tag.Script()
	for _, candidate := range accepted {
		gotBase, _ := candidate.Base()
		gotScript, _ := candidate.Script()
		if gotBase == wantBase && gotScript == wantScript {
			return candidate
		}
	}
	return tag
}

// parseLanguage reads one language tag of any length.
func parseLanguage(text string) (tag language.Tag, valid bool) {
	if len(text) > submission.MaxLanguage {
		return language.Und, false
	}
	tag, err := language.Parse(text)
	return tag, err == nil && usable(tag)
}

// maxAccepted is how many headers an acceptCache remembers.
const maxAccepted = 256

// acceptCache remembers what Accept-Language headers say. Browsers send few different ones, and
// reading one takes a twentieth of the time of a sign-up. The zero value is empty. It is safe for
// concurrent use.
type acceptCache struct {
	mutex sync.RWMutex
	tags  map[string][]language.Tag // by header
}

// languages returns the usable languages of Accept-Language, the most liked first. They must not be
// changed.
func (c *acceptCache) languages(r *http.Request) []language.Tag {
	accept := strings.Join(r.Header.Values("Accept-Language"), ",")
	if accept == "" || len(accept) > maxHeader {
		return nil
	}
	c.mutex.RLock()
	tags, known := c.tags[accept]
	c.mutex.RUnlock()
	if known {
		return tags
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		tags = nil
	}
	tags = slices.Clip(slices.DeleteFunc(tags, func(tag language.Tag) bool { return !usable(tag) }))
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.tags == nil || len(c.tags) >= maxAccepted {
		c.tags = map[string][]language.Tag{} // of somebody who sends them at random nothing stays
	}
	c.tags[accept] = tags
	return tags
}

// usable reports whether a tag names a language. x/text reads the wildcard as "mul".
func usable(tag language.Tag) bool {
	base, _ := tag.Base()
	return tag != language.Und && base.String() != "mul" && len(tag.String()) <= submission.MaxLanguage
}
