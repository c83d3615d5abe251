package branding

import (
	"errors"
	"fmt"
	"strings"

	"guestlist/handlers/maildomain"
	"guestlist/handlers/submission"
)

// MailRules say which addresses the form refuses, by what is generally known of their domains. They
// know nothing of partners. The zero value accepts every address.
type MailRules struct {
	RefuseFreeMail   bool // at services where anyone can get an address
	RefuseDisposable bool // at services for throw-away mailboxes
	// Exceptions take precedence: true accepts a domain, false refuses it as if it were disposable.
	Exceptions map[string]bool
}

// ParseRefusal reads "refuse" as true and "accept" as false.
func ParseRefusal(text string) (refuse bool, err error) {
	switch text {
	case "accept":
		return false, nil
	case "refuse":
		return true, nil
	}
	return false, fmt.Errorf("must be %q or %q", "accept", "refuse")
}

// ParseExceptions reads the exceptions of MailRules, such as "+gmx.de -example.com".
func ParseExceptions(text string) (map[string]bool, error) {
	exceptions := map[string]bool{}
	for entry := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		address, err := submission.ParseAddress("a@" + entry[1:])
		if err != nil || entry[0] != '+' && entry[0] != '-' {
			return nil, errors.New("must list domains with a sign before each, + to take addresses there and - to refuse them, such as +gmx.de -example.com")
		}
		exceptions[address.Domain()] = entry[0] == '+'
	}
	return exceptions, nil
}

// Broken returns the rule that an address with the domain breaks: "free-mail", "disposable" or "".
// Customers of services for throw-away mailboxes have subdomains, so those are disposable too.
func (m MailRules) Broken(domain string) string {
	for below := domain; below != ""; _, below, _ = strings.Cut(below, ".") {
		taken, excepted := m.Exceptions[below]
		switch {
		case excepted && taken:
			return ""
		case excepted:
			return "disposable"
		}
	}
	if m.RefuseFreeMail {
		if _, free := maildomain.FreeMail()[domain]; free {
			return "free-mail"
		}
	}
	for below := domain; below != "" && m.RefuseDisposable; _, below, _ = strings.Cut(below, ".") {
		if _, disposable := maildomain.Disposable()[below]; disposable {
			return "disposable"
		}
	}
	return ""
}
