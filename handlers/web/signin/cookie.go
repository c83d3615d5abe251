package signin

import (
	"net/http"
	"strings"
	"time"

	"guestlist/handlers/web/session"
)

// The cookie. A browser takes one with this prefix only from the host itself, over TLS and for all
// paths, so no neighbouring host can plant one.
const (
	cookieName = "__Host-guestlist"
	// awayPrefix and sessionPrefix tell the two kinds of values.
	awayPrefix, sessionPrefix = "a.", "s."
	// maxCookie is more than any value has, in bytes.
	maxCookie = 1024
)

// cookie returns the value of the cookie, "" if there is none, or several.
func cookie(r *http.Request) string {
	all := r.CookiesNamed(cookieName)
	if len(all) != 1 {
		return ""
	}
	return all[0].Value
}

// awayOf returns the sign-in that is under way in the browser.
func awayOf(r *http.Request) (a away, found bool) {
	text, isAway := strings.CutPrefix(cookie(r), awayPrefix)
	if !isAway {
		return away{}, false
	}
	return parseAway(text)
}

// idOf returns the id of the browser's session, which need not exist.
func idOf(r *http.Request) (id session.ID, found bool) {
	text, isSession := strings.CutPrefix(cookie(r), sessionPrefix)
	if !isSession {
		return session.ID{}, false
	}
	return session.ParseID(text)
}

// setCookie replaces the cookie; a lifetime of 0 removes it.
//
// SameSite is Lax, because Strict cookies do not come along on the way back from the provider. No
// page changes anything by GET.
func setCookie(w http.ResponseWriter, value string, lifetime time.Duration) {
	c := http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: int(lifetime / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if lifetime == 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, &c)
}
