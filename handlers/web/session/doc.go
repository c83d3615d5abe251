// Package session is a person who is signed in to the review pages: who it is, which roles and
// groups the directory named at sign-in, and until when that counts. It declares the [Store] that
// keeps sessions.
//
//	cookie ── ID, 256 random bits ──▶ SHA-256 ──▶ Key ──▶ Store ──▶ Session
//
// Only the browser has the ID. Who can read the store can't act as somebody from it.
//
// It must not know how people sign in, nor where sessions are kept. It imports nothing of this
// module.
package session
