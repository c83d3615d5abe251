// Package noticesim is a stand-in for what gets notices, for tests and for the local run. A
// [Server] is one receiver of each kind behind HTTP:
//
//	POST /stand-in/notices/teams    a workflow of Power Automate that posts a card into Teams
//	POST /stand-in/notices/webhook  a receiver of webhooks as Standard Webhooks has it
//	POST /api/events                a custom topic of Event Grid that takes CloudEvents
//	/stand-in/…                     a page that shows what came, and faults to order ([Fault])
//
// It checks what it gets as the receivers do: webhooks by the library that the authors of Standard
// Webhooks publish, events by the SDK of the authors of CloudEvents, cards by what Teams documents.
// It shows what comes twice as such.
//
// It must not import any other package of this program: what it accepts is what receivers accept,
// not what we send. It imports nothing of this module.
package noticesim
