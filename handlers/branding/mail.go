package branding

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"guestlist/handlers/maildomain"
	"guestlist/handlers/submission"
)

// MailConfig says which addresses the form refuses.
type MailConfig struct {
	RefuseFreeMail   bool // at services where anyone can get an address
	RefuseDisposable bool // at services for throw-away mailboxes
	// Exceptions take precedence: true accepts a domain, false refuses it as if it were disposable.
	Exceptions map[string]bool
}

// MailRules say which addresses the form refuses, by what is generally known of their domains. They
// know nothing of partners. The zero value accepts every address.
type MailRules struct {
	config MailConfig
	lists  func() mailLists
}

type mailLists struct{ free, disposable map[string]string }

// NewMailRules returns the rules of a config.
func NewMailRules(config MailConfig) MailRules {
	// The lists are not needed at the start.
	return MailRules{config, sync.OnceValue(func() mailLists { return mailLists{maildomain.FreeMail(), maildomain.Disposable()} })}
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

// ParseExceptions reads the exceptions of a MailConfig, such as "+gmx.de -example.com".
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
		taken, excepted := m.config.Exceptions[below]
		switch {
		case excepted && taken:
			return ""
		case excepted:
			return "disposable"
		}
	}
	if m.lists == nil {
		return ""
	}
	lists := m.lists()
	if _, free := lists.free[domain]; free && m.config.RefuseFreeMail {
		return "free-mail"
	}
	for below := domain; below != "" && m.config.RefuseDisposable; _, below, _ = strings.Cut(below, ".") {
		if _, disposable := lists.disposable[below]; disposable {
			return "disposable"
		}
	}
	return ""
}
