// Package browser tests the pages in Chromium on what "make run" starts. axe-core checks the
// accessibility of every page, html-validate its HTML. The steps are written in JavaScript, in
// folder suite; the Go tests start the stack and report each step as a test.
//
// Every run saves screenshots in .local/screenshots, for people to look at.
package browser
