package signin

import (
	"log/slog"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/problemdetails"
	"guestlist/handlers/web/site"
)

// cause is why a sign-in came to nothing, for the log and for the page.
type cause string

const (
	noCookie     cause = "no-cookie"         // an answer to nobody, or in another browser
	otherCookie  cause = "other-cookie"      // an answer to another sign-in than this browser's
	signedIn     cause = "signed-in-already" // an answer that comes once more
	malformed    cause = "malformed-answer"
	late         cause = "late"
	otherIssuer  cause = "other-issuer" // the answer is another provider's
	cancelled    cause = "cancelled"    // by the person, or by the tenant's rules
	failed       cause = "provider-error"
	tooMany      cause = "too-many"
	noAssertion  cause = "no-assertion" // the app can't prove itself
	noAnswer     cause = "no-answer"    // of the provider
	notExchanged cause = "code-refused"
	noToken      cause = "no-token"
	badToken     cause = "token-refused"
	clock        cause = "clock"
	otherTenant  cause = "other-tenant"
	noPerson     cause = "no-person"
	guest        cause = "guest"
	notStored    cause = "not-stored"
	notEnded     cause = "not-ended"    // a session that could not be removed
	foreignPost  cause = "foreign-post" // of another site
	manyPosts    cause = "too-many-posts"
)

// consequence is what follows from a cause.
type consequence struct {
	code  problem.Code
	about string // names the texts of the page
	level slog.Level
}

// consequences has an entry for each cause. What an admin can do something about is an error.
var consequences = map[cause]consequence{
	noCookie:     {problem.SignInRefused, "signin.foreign", slog.LevelInfo},
	otherCookie:  {problem.SignInRefused, "signin.foreign", slog.LevelInfo},
	malformed:    {problem.SignInRefused, "signin.foreign", slog.LevelInfo},
	signedIn:     {problem.SignInRefused, "signin.used", slog.LevelInfo},
	late:         {problem.SignInRefused, "signin.late", slog.LevelInfo},
	otherIssuer:  {problem.SignInRefused, "signin.failed", slog.LevelWarn},
	cancelled:    {problem.SignInRefused, "signin.cancelled", slog.LevelInfo},
	failed:       {problem.SignInRefused, "signin.failed", slog.LevelWarn},
	tooMany:      {problem.TooManyRequests, "signin.busy", slog.LevelWarn},
	noAssertion:  {problem.SignInUnavailable, "signin.busy", slog.LevelError},
	noAnswer:     {problem.SignInUnavailable, "signin.busy", slog.LevelWarn},
	notExchanged: {problem.SignInRefused, "signin.failed", slog.LevelError},
	noToken:      {problem.SignInRefused, "signin.failed", slog.LevelError},
	badToken:     {problem.SignInRefused, "signin.failed", slog.LevelError},
	clock:        {problem.SignInRefused, "signin.clock", slog.LevelError},
	otherTenant:  {problem.SignInRefused, "signin.tenant", slog.LevelWarn},
	noPerson:     {problem.SignInRefused, "signin.account", slog.LevelError},
	guest:        {problem.SignInRefused, "signin.guest", slog.LevelInfo},
	notStored:    {problem.StorageUnavailable, "signin.busy", slog.LevelError},
	notEnded:     {problem.StorageUnavailable, "signin.notEnded", slog.LevelError},
	foreignPost:  {problem.OriginRefused, "signin.notEnded", slog.LevelInfo},
	manyPosts:    {problem.TooManyRequests, "signin.notEnded", slog.LevelWarn},
}

// refusal is a sign-in, or a sign-out, that came to nothing.
type refusal struct {
	why    cause
	detail string // for the log: no name, token, code or assertion
	to     string // where the person wanted to go, "" for the start page
	err    error  // with a wait, for too many requests
	spent  bool   // the browser's cookie must not be used again
}

// refuse answers a sign-in that came to nothing.
func (s *SignIn) refuse(x *site.Exchange, r *refusal) {
	follows := consequences[r.why]
	attributes := []slog.Attr{slog.String("cause", string(r.why))}
	if r.detail != "" {
		attributes = append(attributes, slog.String("detail", r.detail))
	}
	s.config.Log.LogAttrs(x.Request.Context(), follows.level, "sign-in refused", attributes...)
	if r.spent {
		setCookie(x, "", 0)
	}
	failure := &problem.Error{Code: follows.code}
	if r.err != nil {
		failure.RetryAfter = problem.From(r.err).RetryAfter
	}
	if x.Format == site.JSON {
		x.Fail(failure, follows.about)
		return
	}
	if failure.RetryAfter > 0 || problemdetails.Passes(follows.code) {
		x.RetryAfter(failure.RetryAfter)
	}
	x.Show(problemdetails.Status(follows.code), "refused.html", site.Page{
		Title: x.Say(follows.about + ".title"), Path: PathSignedOut,
		Content: refusedContent{
			Text: x.Say(follows.about + ".text"), Cause: string(r.why), Again: again(r.to), Home: Root,
			SignedIn: r.why == signedIn, NotEnded: follows.about == "signin.notEnded",
		},
	})
}

// refusedContent is what refused.html gets.
type refusedContent struct {
	Text, Cause string
	Again       string // where to sign in
	Home        string
	SignedIn    bool // the person is signed in, and can go on
	NotEnded    bool // the person wanted to sign out
}
