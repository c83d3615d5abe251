// Package origin checks who may send: forms only from our own pages; JSON from pages of listed
// sites and from programs with a key.
//
// A browser states truly which site a request comes from. So the check of forms stops cross-site
// request forgery, and the list of sites keeps scripts of other sites from sending JSON. A
// program can write any Origin; only a key stops programs. That is why the list is empty by
// default, and why the captcha and the rate limiter also apply to JSON from listed sites.
//
// It must not know what is sent. It imports only problem and web/internal/formtoken of this
// module.
package origin
