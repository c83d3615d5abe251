// Package maildomain is what is generally known of the domains of e-mail addresses: where anyone can get a mailbox, where mailboxes are
// thrown away after minutes, and which well-known domain a mistyped one was meant to be.
//
// It must not know who is a partner, what a policy row says, or what is done with an address.
package maildomain
