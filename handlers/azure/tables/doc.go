// Package tables keeps requests, claims, due times and policy rows in Azure Table Storage. It is the only package that
// imports the tables SDK.
//
// Four tables, each read and written by key alone, so that no call becomes slower as others fill:
//
//	Requests   PartitionKey is the request's id; RowKey "request" is the record, "event-000001" and so on are its history
//	Guests     PartitionKey is the SHA-256 of the address, RowKey "guest": which request owns the address, and the guest's object id
//	Waiting    PartitionKey "due", RowKey is the request's id: when it wants to be looked at again
//	Policies   the rows that admins edit; only read here
//
// Two things that the service does differently from what a caller may expect are dealt with here, and one is passed on:
// a refused transaction comes as a success (202) whose body tells of the refusal; a time has a resolution of 100 ns, so
// times are cut to that before they are stored. And a write whose answer is lost is sent again by the SDK, finds its
// own effect, and is reported as a problem.Conflict: a Conflict therefore means "load it again and look", never "it was
// somebody else".
//
// It must not decide anything: it stores what package invite hands it, under ETags, with keys that nobody outside can
// choose.
package tables
