// Package site is what every page has in common: the frame of templates and style, the headers
// with the Content-Security-Policy, the choice of a language, the reading of bodies, and the
// answers to what a page can't take.
//
//	request ──▶ Site.Handler ──▶ page ──▶ Exchange.Show      a template of the page
//	              │ headers       │        Exchange.JSON      an answer to a program
//	              │ language      └──────▶ Exchange.Fail      a problem page, or problem details
//	              └ wrong method or type ▶ Exchange.Fail
//
// A page is a package of its own with a folder "page" of templates, scripts and styles. It passes
// them in [Config] and needs no change here. Package site must not know any page. It imports only
// branding, i18n, problem, submission, web/guard and web/problemdetails of this module.
package site
