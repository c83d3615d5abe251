// Package i18n has every text that partners read, in every language of the pages.
//
// A catalogue is one file of texts by key. It is read when its language is first asked for, so it
// does not slow down the start. All catalogues have the same keys and placeholders; tests hold
// that.
//
// It must not know pages, what the texts are said about, or how a language was chosen. It imports
// nothing of this module.
package i18n
