// Package maildomain has what is generally known of the domains of e-mail addresses: where anyone
// can get a mailbox, where mailboxes are thrown away after minutes, and which popular domain a
// mistyped one was meant to be.
//
// It must not know partners, policy rows, or what is done with an address. It imports nothing of
// this module.
package maildomain
