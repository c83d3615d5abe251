// Package acs implements the port for mails by Azure Communication Services.
//
//	SendMail    POST /emails:send            the MailID is the operation's id, so the mail can be
//	MailStatus  GET  /emails/operations/ID   asked about by a process that never saw the answer
//	Probe       GET  /emails/operations/0…   may the app send at all?
//
// There is no SDK for mails in Go, and the two calls need none: this is the pipeline of azcore with
// its retries off. A second POST for a mail is what doubles mails, so nothing here makes one.
//
// It must not know what a mail says, or when one is due. It imports only azure/identity,
// azure/internal/mailing, azure/internal/rest, problem and request of this module.
package acs
