// Package request is the record of a submission: its states, its history, the claim on an address,
// the gate that all invitations pass, and the ports through which they are stored and carried out.
//
// A record changes by a [Change] only, which moves it along the legal transitions and explains each
// in the history. All that is known about a state is in one table (see [State]).
//
// It must not import the packages that move requests on or let people decide (workflow, review),
// nor adapters or pages. It imports only policy, problem and submission of this module.
package request
