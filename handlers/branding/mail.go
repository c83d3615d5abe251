package branding

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"guestlist/handlers/maildomain"
	"guestlist/handlers/submission"
)

// MailRules say which addresses the form takes, by what is generally known of their domains. They know nothing of partners. The zero value
// takes every address.
type MailRules struct {
	refuseFreeMail   bool // addresses at services where anyone can get one
	refuseDisposable bool // addresses at services for throw-away mailboxes
	exceptions       map[string]bool
	lists            func() mailLists
}

type mailLists struct{ free, disposable map[string]string }

// NewMailRules returns the rules with the exceptions, which go before the lists: true is taken, false is refused as if it were throw-away.
func NewMailRules(refuseFreeMail, refuseDisposable bool, exceptions map[string]bool) MailRules {
	// Nobody waits for the lists at the start.
	lists := sync.OnceValue(func() mailLists { return mailLists{maildomain.FreeMail(), maildomain.Disposable()} })
	return MailRules{refuseFreeMail, refuseDisposable, exceptions, lists}
}

// ParseRefusal reads "refuse" as true and "accept" as false.
func ParseRefusal(text string) (bool, error) {
	switch text {
	case "accept":
		return false, nil
	case "refuse":
		return true, nil
	}
	return false, fmt.Errorf("must be %q or %q", "accept", "refuse")
}

// ParseExceptions reads domains such as "+gmx.de -example.com": + to take addresses there, - to refuse them.
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

// Broken returns the rule that an address with the domain breaks, "free-mail" or "disposable"; "" for none. Below the domain of a service
// for throw-away mailboxes its customers have names of their own, so all that is below counts as it does.
func (m MailRules) Broken(domain string) string {
	for below := domain; below != ""; _, below, _ = strings.Cut(below, ".") {
		taken, excepted := m.exceptions[below]
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
	if _, free := lists.free[domain]; free && m.refuseFreeMail {
		return "free-mail"
	}
	for below := domain; below != "" && m.refuseDisposable; _, below, _ = strings.Cut(below, ".") {
		if _, disposable := lists.disposable[below]; disposable {
			return "disposable"
		}
	}
	return ""
}
