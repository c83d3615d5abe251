package guard

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"guestlist/handlers/problem"
)

// KeyHeader is the header in which a program sends its key. App Service's own authentication reads
// Authorization, and the Functions host x-functions-key, so it is neither.
const KeyHeader = "X-Guestlist-Key"

// preflightLifetime is how long, in seconds, a browser remembers that a site may send: ten
// minutes, so that removing a site from the list takes effect soon.
const preflightLifetime = "600"

// Origins checks who may send: forms only from our own pages; JSON from pages of listed sites and
// from programs with a key.
//
// A browser states truly which site a request comes from. So the check of forms stops cross-site
// request forgery, and the list of sites keeps scripts of other sites from sending JSON. A program
// can write any Origin; only a key stops programs. That is why the list is empty by default, and
// why the captcha and the rate limiter also apply to JSON from listed sites.
type Origins struct {
	own   *http.CrossOriginProtection
	sites map[string]bool
	keys  [][sha256.Size]byte
}

func newOrigins(config Config) (*Origins, error) {
	c := &Origins{own: http.NewCrossOriginProtection(), sites: map[string]bool{}}
	for _, origin := range config.PublicOrigins {
		err := c.own.AddTrustedOrigin(origin)
		if err != nil {
			return nil, fmt.Errorf("guard: an own origin: %w", err)
		}
	}
	for _, origin := range config.JSONOrigins {
		err := http.NewCrossOriginProtection().AddTrustedOrigin(origin)
		if err != nil {
			return nil, fmt.Errorf("guard: the origin of a site: %w", err)
		}
		c.sites[origin] = true
	}
	for i, key := range config.JSONKeys {
		if len(key) < MinKey {
			return nil, fmt.Errorf("guard: key %d has %d characters, at least %d are needed", i+1, len(key), MinKey)
		}
		c.keys = append(c.keys, sha256.Sum256([]byte(key)))
	}
	return c, nil
}

var errForeignPage = &problem.Error{
	Code: problem.OriginRefused, Public: "This form was sent from another site. Open the sign-up form itself and send it from there.",
	Detail: "a form from another site",
}

// OwnPage returns problem.OriginRefused if the request comes from a page that is not ours. Only a
// browser can be made to act for its user. GET, HEAD and OPTIONS are never refused.
func (c *Origins) OwnPage(r *http.Request) error {
	for _, name := range []string{"Sec-Fetch-Site", "Origin"} {
		if len(r.Header.Values(name)) > 1 {
			// No browser does this, and proxies differ in which one they read.
			return errForeignPage
		}
	}
	if c.own.Check(r) != nil {
		return errForeignPage
	}
	return nil
}

// Sender is the kind of sender of JSON.
type Sender int

const (
	// Site is a page of a listed site, by its own word.
	Site Sender = iota + 1
	// Program is a program with a key.
	Program
)

var (
	errNobody = &problem.Error{
		Code:   problem.OriginRefused,
		Public: "JSON is taken from programs with a key, in the header " + KeyHeader + ", and from sites that are allowed to send it. Ask the operator of this service, or use the form.",
		Detail: "JSON from a sender without key and allowed origin",
	}
	errWrongKey = &problem.Error{
		Code: problem.OriginRefused, Public: "The key in " + KeyHeader + " is not known here.", Detail: "JSON with an unknown key",
	}
)

// JSON returns the sender of the request, or problem.OriginRefused. A wrong key is always
// refused, so that its owner learns of it. Keys are compared in constant time.
func (c *Origins) JSON(r *http.Request) (Sender, error) {
	keys := r.Header.Values(KeyHeader)
	if len(keys) > 0 {
		if len(keys) == 1 && c.knows(keys[0]) {
			return Program, nil
		}
		return 0, errWrongKey
	}
	if c.site(r) != "" {
		return Site, nil
	}
	return 0, errNobody
}

func (c *Origins) knows(key string) bool {
	sum := sha256.Sum256([]byte(key))
	found := 0
	for _, known := range c.keys {
		found |= subtle.ConstantTimeCompare(sum[:], known[:])
	}
	return found == 1
}

// site returns the request's origin if it is on the list, else "".
func (c *Origins) site(r *http.Request) string {
	origins := r.Header.Values("Origin")
	if len(origins) == 1 && c.sites[origins[0]] {
		return origins[0]
	}
	return ""
}

// Share lets the page that sent the request read the answer, if its site is listed.
func (c *Origins) Share(header http.Header, r *http.Request) {
	if len(c.sites) == 0 {
		return
	}
	header.Add("Vary", "Origin")
	site := c.site(r)
	if site == "" {
		return
	}
	header.Set("Access-Control-Allow-Origin", site)
	header.Set("Access-Control-Expose-Headers", "Location, Retry-After")
	// It would keep the listed page from reading the answer.
	header.Del("Cross-Origin-Resource-Policy")
}

var errPreflight = &problem.Error{
	Code: problem.OriginRefused, Public: "Pages of this origin may not send here.", Detail: "a preflight from an origin that is not on the list",
}

// Preflight answers a CORS preflight in header, or returns problem.OriginRefused. KeyHeader is for
// programs, so it is not among the allowed headers.
func (c *Origins) Preflight(header http.Header, r *http.Request, methods ...string) error {
	if c.site(r) == "" || r.Header.Get("Access-Control-Request-Method") == "" {
		c.Share(header, r)
		return errPreflight
	}
	c.Share(header, r)
	header.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	header.Set("Access-Control-Allow-Headers", "Content-Type, Accept-Language")
	header.Set("Access-Control-Max-Age", preflightLifetime)
	return nil
}
