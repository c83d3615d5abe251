// Package brake slows down clients that send too much: so many at once, then one every so often, for each client by itself.
//
// It is a local brake. It counts in the memory of one instance, and a public function that may read no table can do no better: with n
// instances a client gets up to n times as much, and a restart forgets. It keeps one sender from filling the queue in minutes; it is no
// guard against many senders, which is what the challenge is for, and it does not stand in for the policies behind the queue.
//
// [Client] says whom a request is from: the address that the platform saw, not what the client claims.
//
// It must not know what is being sent.
package ratelimit
