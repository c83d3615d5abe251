// Package ratelimit limits how much each client sends: a burst, then one every so often.
//
// It counts in the memory of one instance, since a public function may read no table: with n
// instances a client gets up to n times as much, and a restart forgets. It keeps one sender from
// filling the queue in minutes. Against many senders there is the captcha.
//
// [Client] says which client a request is from: the address that the platform saw, not what the
// client claims.
//
// It must not know what is sent. It imports nothing of this module.
package ratelimit
