// Package guard keeps out what is not a partner's own sign-up: too many posts, forms of other
// sites, forms that were not fetched first, JSON of unknown senders, bots, and ids that were made
// up.
//
// It must not know the pages. It imports only problem and submission of this
// module.
package guard

import (
	"errors"
	"io"
	"net/http"
	"time"

	"guestlist/handlers/problem"
)

// Config is what the guards are built from. Origins are a scheme and a host in lower case, with a
// port if it is not the default, as browsers write them.
type Config struct {
	FormKeys      []string      // of at least MinKey characters; none where the app serves no page
	FormWait      time.Duration // the least time between fetching a form and sending it
	FormLifetime  time.Duration // how long a form may be sent, from when it was fetched
	PublicOrigins []string      // of our own pages, where a proxy hides them from us
	JSONOrigins   []string      // sites whose pages may send JSON
	JSONKeys      []string      // of programs that may send JSON; with several, one can be replaced without a gap
	Limit         Limit
	Proxies       int // our own, before the platform's front end
	Captcha       Captcha
}

// Guards are safe for concurrent use.
type Guards struct {
	Tokens  *Signer // nil without keys
	Origins *Origins
	Captcha *Checker // nil without one, which asks nobody

	limiter *limiter // nil without a limit
	proxies int
}

// New returns the guards. Its errors repeat no key.
func New(c Config, now func() time.Time, random io.Reader) (*Guards, error) {
	g := &Guards{proxies: c.Proxies}
	var ofOrigins, ofLimiter, ofTokens, ofCaptcha error
	g.Origins, ofOrigins = newOrigins(c)
	if c.Limit != (Limit{}) {
		g.limiter, ofLimiter = newLimiter(c.Limit, maxClients, now)
	}
	if len(c.FormKeys) > 0 {
		g.Tokens, ofTokens = newSigner(c, now, random)
	}
	if c.Captcha.Provider != "" {
		g.Captcha, ofCaptcha = newChecker(c.Captcha)
	}
	return g, errors.Join(ofOrigins, ofLimiter, ofTokens, ofCaptcha)
}

// Count counts a post. It returns zero if it may pass, else how long the client has to wait.
func (g *Guards) Count(r *http.Request) time.Duration {
	return g.limiter.take(clientOf(r, g.proxies))
}

func tooMany(wait time.Duration) error {
	return &problem.Error{Code: problem.TooManyRequests, RetryAfter: wait, Detail: "a client sent too much"}
}

// Form returns why a form can't be taken as it came. wait is what Count returned for it. The
// token that was held counts for Token even where the form is refused.
func (g *Guards) Form(r *http.Request, token string, wait time.Duration) (Token, error) {
	held, err := g.Tokens.Check(token)
	switch {
	case wait > 0:
		return held, tooMany(wait)
	case err != nil:
		return held, problem.New(problem.FormStale, "%w", err)
	}
	return held, g.Origins.OwnPage(r)
}

// Instruction returns why an instruction that a status page or a program sent can't be taken.
func (g *Guards) Instruction(r *http.Request) error {
	wait := g.Count(r)
	if wait > 0 {
		return tooMany(wait)
	}
	err := g.Origins.OwnPage(r)
	if err != nil {
		// Without the text for a form: the page has its own.
		return &problem.Error{Code: problem.OriginRefused, Detail: "a wish from another site"}
	}
	return nil
}

// JSON returns who sends a submission as JSON, or why it can't be taken. Programs with a key are
// not limited: they may bring many partners at once.
func (g *Guards) JSON(r *http.Request) (Sender, error) {
	sender, err := g.Origins.JSON(r)
	if sender == Program {
		return sender, nil
	}
	wait := g.Count(r)
	if wait > 0 {
		return 0, tooMany(wait)
	}
	return sender, err
}
