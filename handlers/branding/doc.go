// Package house is what the inviting organisation decides about the pages that its partners meet: its name and colours, logo, links and
// opening words, which fields the form asks for, and which mail domains it takes addresses from.
//
// Each decision is made of one text, as an admin writes it into a setting, and is checked at once; an error says what to write instead.
//
// It must not know settings, pages, or what becomes of a submission.
package branding
