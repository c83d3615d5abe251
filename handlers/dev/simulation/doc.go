// Package simulation runs the real worker, reviewer, upkeep and policy in a world in which the
// clock, the queue, the failures of storage and the tenant are simulated. A seed makes every
// decision: what runs next, what fails and how, which process dies, what comes late or twice, what
// an admin does meanwhile. In half of the schedules the app sends mails of its own, and partners
// type the codes in them. Some schedules have unkind events too, see [Events]: guests who are
// removed, disabled or given another address, wrong clocks, rows that change between two steps,
// messages that are given up, an unlucky guest, days of full budget, tables or queues or the mail
// service that are gone for hours, records that nobody can read. The simulation checks laws at
// every step and at the end, see [Laws]. Each law has a mutant, a program with one fault, that
// breaks it.
//
//	seed ─▶ run ─▶ call (coroutine) ─▶ worker or reviewer ─┬─▶ store ────▶ memstore
//	         ▲                                            ├─▶ directory ─▶ Tenant
//	         │                                            └─▶ mailer ───▶ MailService
//	         └────── hands over before each operation ────────┘
//
// Everything that runs at the same time is a coroutine that hands over before each operation on
// storage, the directory or the mail service, so that the same seed always takes the same course.
// Nothing sleeps, and nothing runs in parallel within a schedule.
//
// These ends are held to others: memstore to the suite of the tables, the tenant and the mail
// service to the stand-ins for Microsoft Graph and Azure Communication Services behind the real
// clients. The package must not know HTTP or Table Storage; of the Functions host it knows the
// rules of its queues. It imports only dev/graphsim, mail, operate, policy, policy/rowfile,
// problem, request, request/memstore, request/mempeople, review, submission and workflow of this
// module.
package simulation
