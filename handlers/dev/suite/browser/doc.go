// Package browsertest holds the tests that see the pages as partners do: a real Chromium on what "make run" starts, with axe-core looking
// for barriers on every page. It has no code of its own. The steps in the browser are written in JavaScript, in suite, for its
// driver; the Go tests start the stack, and report each of them as a test.
//
// Every run leaves pictures of the pages' states in .local/screenshots, for people to look at.
package browser
