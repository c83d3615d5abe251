// Package mails tests the mails that partners get with programs that we did not write. mailpit says
// which mail clients do not support what a mail uses. In Chromium, every mail must fit a narrow
// window, load nothing, and be accessible, in light and in dark; also without its style element and
// the attributes of html and body, as webmail shows it.
//
// Every run saves pictures in .local/screenshots, for people to look at. Those of docs/mail.md are
// in docs/mail.
package mails
