// Package mail writes every mail that partners get, and those to the people who decide: its words,
// in the languages of the pages, and its layout.
//
// A [Composer] is built once for an organisation. Each of its methods writes one kind of mail:
//
//	Code        proves the mailbox            a code, to be typed at the status page
//	Invitation  the guest is there            the redeem URL, and the policy row's message
//	Reminder    the invitation is not used    a redeem URL
//	Denial      there will be no invitation   the reason that may be told
//	Notice      a request waits for people    what waits, until when, and a link
//	Digest      several do                    how many
//
// A mail is a list of blocks, such as a paragraph or a button. The blocks are written twice, as
// plain text and as HTML, so both say the same. The plain text is enough alone. The HTML is made
// for mail clients: tables, inline styles, nothing from other hosts. Its style element adds the
// dark colours, and nothing else depends on it.
//
// No mail repeats what was typed into the form, except the address. What comes from settings and
// policy rows is text and never markup; controls and marks of direction are removed from it.
//
// The package must not send mails, nor decide who gets one. It imports only branding, i18n, policy,
// request and submission of this module.
package mail
