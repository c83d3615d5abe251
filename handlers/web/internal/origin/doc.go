// Package senders says who may send: for forms, only our own pages; for JSON, only pages of the sites on a list, and programs with a key.
//
// What each check is worth: a browser tells truly which site a request comes from, so the check of forms keeps other sites from sending a form
// in a visitor's name, and the list of sites keeps other sites' scripts from sending JSON. A program can write any
// Origin it likes; against programs the list is no lock. That is why the list is empty unless it is set, why a challenge, where one is
// set, is asked of JSON from sites as well, and why the brake counts both. A key is a lock.
//
// It must not know what is being sent.
package origin
