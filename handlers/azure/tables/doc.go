// Package tables keeps requests, claims, due entries, seats, gates and policy rows in Azure Table
// Storage. It is the only package that imports the tables SDK.
//
//	Requests   PartitionKey is the request's id. RowKey "request" is the record; "event-000001"
//	           and so on are its history
//	Guests     PartitionKey is the SHA-256 of the address. RowKey "guest" is the claim: the request
//	           that owns the address, and the guest's object id. "mailbox" is what is known about
//	           its mailbox: the last mails, and when it was proved
//	Waiting    PartitionKey "due", RowKey is the request's id: when it is due (a due entry)
//	Seats      PartitionKey is a hash of a policy row's key: its counters and the seats taken
//	Tenant     PartitionKey "tenant": the gate that all invitations pass and that of the app's own
//	           mails, the key of codes, what the app reports, how far the sweep is, and the policy
//	           rows that no look-up finds
//	Poison     PartitionKey "poison": dead letters
//	Policies   the rows that admins edit; the app only reads them
//	Sessions   PartitionKey is the SHA-256 of the session's id, RowKey "session": who is signed in
//	           to the review pages
//
// Requests, claims, seats and the gate are read and written by key, so no call becomes slower as
// the tables fill.
//
// The package makes up for three properties of the service. A refused transaction comes as a
// success (202) whose body holds the refusal. A time has a resolution of 100 ns, so times are cut
// to that before they are stored. If the answer to a write is lost, the SDK sends the write
// again, which then meets its own effect and is reported as a problem.Conflict. A Conflict
// therefore means "load it again and look", and does not mean that another writer was faster.
//
// It must not decide anything: it stores what package request defines, under ETags, with keys
// that no outsider can choose. It imports only azure/internal/rest, policy, problem, request,
// submission and web/session of this module.
package tables
