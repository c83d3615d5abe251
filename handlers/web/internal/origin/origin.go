package origin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"guestlist/handlers/problem"
)

// KeyHeader is the header in which a program sends its key. It is not Authorization, which App Service's own authentication takes for
// its own where it is on, and not x-functions-key, which the Functions host reads.
const KeyHeader = "X-Guestlist-Key"

// MinKey is the least number of characters in a key: 128 bits even where a character holds only four.
const MinKey = 32

// preflightLifetime is how long, in seconds, a browser need not ask again whether a site may send: ten minutes, so that a site that is taken
// off the list is soon out.
const preflightLifetime = "600"

// Config lists who may send. Empty lists allow nobody, but for our own pages under the name that the request was sent to.
type Config struct {
	// Own are the origins under which partners reach our pages, such as https://signup.contoso.com, where a proxy hides them from us.
	Own []string
	// Sites are the origins whose pages may send JSON.
	Sites []string
	// Keys are those of programs that may send JSON. Several make it possible to change one without a gap.
	Keys []string
}

// Senders knows who may send. It is safe for concurrent use.
type Senders struct {
	own   *http.CrossOriginProtection
	sites map[string]bool
	keys  [][sha256.Size]byte
}

// New returns the Senders of the lists. Origins are a scheme and a host in lower case, with a port if it is not the scheme's own, as browsers
// write them. No error repeats a key.
func New(config Config) (*Senders, error) {
	s := &Senders{own: http.NewCrossOriginProtection(), sites: map[string]bool{}}
	for _, origin := range config.Own {
		err := s.own.AddTrustedOrigin(origin)
		if err != nil {
			return nil, fmt.Errorf("senders: an origin of our own: %w", err)
		}
	}
	for _, origin := range config.Sites {
		// The same rules make an origin here, and no other name has a place in the list.
		err := http.NewCrossOriginProtection().AddTrustedOrigin(origin)
		if err != nil {
			return nil, fmt.Errorf("senders: the origin of a site: %w", err)
		}
		s.sites[origin] = true
	}
	for i, key := range config.Keys {
		if len(key) < MinKey {
			return nil, fmt.Errorf("senders: key %d has %d characters, at least %d are needed", i+1, len(key), MinKey)
		}
		s.keys = append(s.keys, sha256.Sum256([]byte(key)))
	}
	return s, nil
}

// errForeignPage is told of a form that another site sent. Its visitor wanted something else, so there is little to say.
var errForeignPage = &problem.Error{
	Code: problem.SenderRefused, Public: "This form was sent from another site. Open the sign-up form itself and send it from there.",
	Detail: "a form from another site",
}

// OwnPage returns nil if the request comes from one of our own pages, or from something that is no browser and so acts for nobody but itself.
// Any other is problem.SenderRefused. Requests that change nothing (GET, HEAD, OPTIONS) are never refused.
func (s *Senders) OwnPage(r *http.Request) error {
	for _, name := range []string{"Sec-Fetch-Site", "Origin"} {
		if len(r.Header.Values(name)) > 1 {
			// No browser does, and two readers could take different ones.
			return errForeignPage
		}
	}
	if s.own.Check(r) != nil {
		return errForeignPage
	}
	return nil
}

// Sender is who sent something as JSON.
type Sender int

const (
	// Site is a page of a site on the list, by what it says of itself.
	Site Sender = iota + 1
	// Program is a program with a key.
	Program
)

var (
	errNobody = &problem.Error{
		Code:   problem.SenderRefused,
		Public: "JSON is taken from programs with a key, in the header " + KeyHeader + ", and from sites that are allowed to send it. Ask whoever runs this service, or use the form.",
		Detail: "JSON from a sender without key and allowed origin",
	}
	errWrongKey = &problem.Error{
		Code: problem.SenderRefused, Public: "The key in " + KeyHeader + " is not known here.", Detail: "JSON with an unknown key",
	}
)

// JSON returns who may send the request as JSON, or problem.SenderRefused. A key that is wrong is refused whatever else the request
// has, so that its owner learns of it. Keys are compared in a time that tells nothing of them.
func (s *Senders) JSON(r *http.Request) (Sender, error) {
	keys := r.Header.Values(KeyHeader)
	if len(keys) > 0 {
		if len(keys) == 1 && s.knows(keys[0]) {
			return Program, nil
		}
		return 0, errWrongKey
	}
	if s.site(r) != "" {
		return Site, nil
	}
	return 0, errNobody
}

func (s *Senders) knows(key string) bool {
	sum := sha256.Sum256([]byte(key))
	found := 0
	for _, known := range s.keys {
		found |= subtle.ConstantTimeCompare(sum[:], known[:])
	}
	return found == 1
}

// site returns the request's origin if it is on the list, else "".
func (s *Senders) site(r *http.Request) string {
	origins := r.Header.Values("Origin")
	if len(origins) == 1 && s.sites[origins[0]] {
		return origins[0]
	}
	return ""
}

// Share lets the page that sent the request read the answer, if its site is on the list. The answer differs by origin then, which
// caches are told in either case.
func (s *Senders) Share(header http.Header, r *http.Request) {
	if len(s.sites) == 0 {
		return
	}
	header.Add("Vary", "Origin")
	site := s.site(r)
	if site == "" {
		return
	}
	header.Set("Access-Control-Allow-Origin", site)
	header.Set("Access-Control-Expose-Headers", "Location, Retry-After")
	// Pages of the list are meant to read it; the browser would refuse them.
	header.Del("Cross-Origin-Resource-Policy")
}

var errPreflight = &problem.Error{
	Code: problem.SenderRefused, Public: "Pages of this origin may not send here.", Detail: "a preflight from an origin that is not on the list",
}

// Preflight answers, in header, a browser's question whether a page may send with the methods, such as "GET, POST". It returns
// problem.SenderRefused if it may not. Keys are for programs, so the header with one is not among the allowed ones.
func (s *Senders) Preflight(header http.Header, r *http.Request, methods ...string) error {
	if s.site(r) == "" || r.Header.Get("Access-Control-Request-Method") == "" {
		s.Share(header, r)
		return errPreflight
	}
	s.Share(header, r)
	header.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	header.Set("Access-Control-Allow-Headers", "Content-Type, Accept-Language")
	header.Set("Access-Control-Max-Age", preflightLifetime)
	return nil
}
