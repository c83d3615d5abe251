// Package branding is what the inviting organisation decides about the pages: its name, colours,
// logo, links and introduction, the fields of the form, and the mail domains that it accepts.
//
// Each decision is read from one text, as an admin writes it into a setting, and checked at once;
// an error says what to write instead.
//
// It must not know settings, pages, or what becomes of a submission. It imports only i18n,
// maildomain and submission of this module.
package branding
