package signup

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"

	"guestlist/handlers/i18n"
	"guestlist/handlers/submission"
)

const (
	// languageQuery is the query parameter that chooses the language of a page, and of all pages after it.
	languageQuery = "lang"
	// languageCookie remembers the choice. It holds the tag of a language of the pages and nothing else.
	languageCookie = "language"
	// languageLifetime is how long, in seconds: a year.
	languageLifetime = 365 * 24 * 60 * 60
)

// reader is whoever reads the answer.
type reader struct {
	*i18n.Texts // in the language of the pages that serves the reader best
	// tag is the language that the reader would like best, whether the pages have it or not: BCP 47, or "" if nothing is known.
	tag string
}

// Isolated returns an address so that it reads from left to right where the text around it does not (Unicode's isolates).
func (r reader) Isolated(address string) string {
	if !r.RightToLeft {
		return address
	}
	return "\u2066" + address + "\u2069"
}

// readerOf finds out about the reader of an answer: the first of the chosen tags that can be read counts, then the query, then the cookie,
// then what the browser asks for.
func (s *site) readerOf(r *http.Request, chosen ...string) reader {
	if len(r.URL.RawQuery) > 0 {
		chosen = append(chosen, r.URL.Query().Get(languageQuery))
	}
	cookie, err := r.Cookie(languageCookie)
	if err == nil {
		chosen = append(chosen, cookie.Value)
	}
	accepted := acceptedBy(r)
	for _, text := range chosen {
		tag, known := parseLanguage(text)
		if known {
			tag = refined(tag, accepted)
			page, served := s.shelf.Best(tag)
			if !served || len(accepted) > 0 && tag == accepted[0] {
				// What the browser likes best is no choice of its own: the page is what it was when it was opened.
				page, _ = s.shelf.Best(accepted...)
			}
			return reader{s.texts(page.Tag, r), tag.String()}
		}
	}
	if len(accepted) == 0 {
		return reader{s.texts(i18n.Languages()[0].Tag, r), ""}
	}
	page, _ := s.shelf.Best(accepted...)
	return reader{s.texts(page.Tag, r), accepted[0].String()}
}

// texts returns the texts of a language that the pages have.
func (s *site) texts(tag string, r *http.Request) *i18n.Texts {
	texts, err := s.shelf.In(tag)
	if err != nil {
		s.log.ErrorContext(r.Context(), "a catalogue can't be read", "language", tag, "error", err)
		return &i18n.Texts{}
	}
	return texts
}

// remember lets the cookie keep the language of the page if the query chose it.
func remember(w http.ResponseWriter, r *http.Request, page reader) {
	tag, known := parseLanguage(r.URL.Query().Get(languageQuery))
	chosen, _ := tag.Base()
	got, _ := language.Make(page.Tag).Base()
	if !known || chosen != got {
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: page.Tag, Path: Path, MaxAge: languageLifetime, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// refined returns the tag with the region of an accepted one of the same language and script: whoever chose Portuguese and has a browser in
// Brazilian Portuguese means that.
func refined(tag language.Tag, accepted []language.Tag) language.Tag {
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
func parseLanguage(text string) (language.Tag, bool) {
	if text == "" || len(text) > submission.MaxLanguage {
		return language.Und, false
	}
	tag, err := language.Parse(text)
	return tag, err == nil && usable(tag)
}

// acceptedBy returns the usable languages of the Accept-Language header, the one that is liked most first.
func acceptedBy(r *http.Request) []language.Tag {
	accept := strings.Join(r.Header.Values("Accept-Language"), ",")
	if accept == "" || len(accept) > maxHeader {
		return nil
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return nil
	}
	kept := tags[:0]
	for _, tag := range tags {
		if usable(tag) {
			kept = append(kept, tag)
		}
	}
	return kept
}

// usable reports whether a tag names a language. x/text reads the wildcard as "mul", several languages.
func usable(tag language.Tag) bool {
	base, _ := tag.Base()
	return tag != language.Und && base.String() != "mul" && len(tag.String()) <= submission.MaxLanguage
}
