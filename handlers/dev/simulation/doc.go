// Package simulation runs the real state machine, the desk of an admin, upkeep and policy in a world of its own, where the clock, the queue, the
// tables' failures and the tenant are simulated and every decision comes from a seed: what runs next, what fails and how, what dies when,
// what comes late or twice, what an admin does in between. It watches laws that must hold at every moment and at the end, see [Run].
//
// Everything that runs at the same time is a coroutine that hands over before each operation on storage or on the directory, so one
// seed is one course of events, to be replayed as often as one likes. Nothing sleeps and nothing runs in parallel within a schedule.
//
// Storage is memstore, which is held to the same suite as the tables. The tenant is as strict as Microsoft Graph where that matters here, and
// a test holds it to the stand-in behind the real client. It must not know HTTP, Table Storage or the Functions host; what it knows of the
// host are the rules of its queues.
package simulation
