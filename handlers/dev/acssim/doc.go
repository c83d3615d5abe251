// Package acssim is a stand-in for the mail of Azure Communication Services, for tests and for the
// local run. A [Server] is one resource behind HTTP:
//
//	POST /emails:send           takes a mail                       (REST version 2025-09-01)
//	GET  /emails/operations/ID  says what became of it
//	/stand-in/…                 what the service does not have: pages that show the mails, faults
//	                            to order ([Fault]), addresses to suppress
//
// It checks a request against the published specification and what is documented beside it: the
// form of every property, 50 recipients, 10 MB, the sender, a quota for each minute and hour
// ([Quota]). It is as unkind as the service: it takes mails for addresses that it then drops, it
// counts every further call, it quotes addresses in its errors, and what it does with an operation
// id that it has had before is a setting ([SecondSend]), since nobody documents it.
//
// It must not import any other package of this program: what it accepts is what the service
// accepts, not what we send. It imports nothing of this module.
package acssim
