// Guestlist is the admin's command line: it shows and checks policy rows, tells what they would
// decide and what they would have decided, and changes them together from one file. It lets
// persons decide on requests, mends what failed, and finds out what a deployment lacks.
//
// It signs in as the admin who runs it, by the Azure CLI; beside a local run it uses that one's
// storage. What the commands do is in package admin; here stand their grammar, where the tables
// are, and how answers look.
package main
