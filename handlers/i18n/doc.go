// Package words is every text that partners read, in every language that the pages have.
//
// A catalogue is one file of texts by key. The catalogue of a language is read when somebody first asks for that language, so a start of the
// program costs nothing. All catalogues have the same keys and the same placeholders; tests hold them to that.
//
// It must not know pages, what the texts are said about, or how a language was chosen.
package i18n
