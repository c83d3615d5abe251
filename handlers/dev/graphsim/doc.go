// Package graphsim is a stand-in for Microsoft Graph, for tests and for the local run. A [Server]
// is one tenant behind HTTP:
//
//	/v1.0/…      what Graph serves: invitations, users, deleted users, groups, members, mails of a
//	             mailbox
//	/stand-in/…  what Graph does not: what was received, faults to order ([Fault]), users, groups,
//	             contacts and rights to change, events to let happen ([Event]), and the page where
//	             a guest accepts ([Config].RedeemHere)
//
// It is as strict as Graph (required fields, forbidden characters, unknown properties, sponsors,
// filters), as late (replication) and as sparing of words: a group that takes nobody, and a user
// type that needs another right, are refused in the words for a missing permission. It fails as
// Graph does: when a test orders it ([Server.Order]), or when the calls exceed a [Throttle]. It
// delivers no mail.
//
// It must not import any other package of this program: what it accepts is what Graph accepts,
// not what we send. It imports nothing of this module.
package graphsim
