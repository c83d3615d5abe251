package request

import (
	"context"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/submission"
)

// Wanted says which requests to find. The zero Wanted means any but those in state [Void], of which
// there may be as many as somebody likes.
type Wanted struct {
	// States are the states to find; none means any but Void.
	States []State
	// Address is the address whose requests to find; the zero address means any. A request whose
	// personal data was erased has none.
	Address submission.Address
	// Domain is the domain of the addresses whose requests to find, in lower case; empty for any.
	Domain string
	// Row is the name of the policy row that decided them; empty for any.
	Row string
}

// Takes reports whether the request is wanted.
func (w Wanted) Takes(r Request) bool {
	email := r.Submission.Email
	switch {
	case len(w.States) == 0 && r.State == Void, len(w.States) > 0 && !slices.Contains(w.States, r.State):
		return false
	case w.Address != submission.Address{} && email != w.Address, w.Domain != "" && email.Domain() != w.Domain:
		return false
	case w.Row == "":
		return true
	}
	return r.Decision != nil && r.Decision.Row != nil && r.Decision.Row.Name == w.Row
}

// Finding is a part of the requests that are wanted.
type Finding struct {
	Requests []Request // the newest first
	// Unreadable are records of the same time that can't be read. They may be wanted.
	Unreadable []submission.ID
	// Next is the place before which the next part begins; empty after the last part. A part may be
	// empty and not the last.
	Next submission.ID
}

// Finder finds requests for people, the newest first. Errors are *problem.Error:
// StorageUnavailable.
type Finder interface {
	// FindBefore returns at most limit of the requests that are wanted and whose ids come before
	// the place: "" for now, else a Next. The work of one call is bounded, however many requests
	// there are, so it may find none and have a Next.
	FindBefore(ctx context.Context, wanted Wanted, before submission.ID, now time.Time, limit int) (Finding, error)
	// Referred returns the ids that have the reference, of requests that can't be read, too. It
	// reads the requests of one second.
	Referred(ctx context.Context, reference submission.Reference) ([]submission.ID, error)
}

// placeLength is how much of an id a place has: the time, and so much of the random part that no
// two requests share it.
const placeLength = 16

// PlaceOf returns the place before the request in a list whose newest requests come first. It is
// not the id: an id is the key to the partner's status page, and a place stands in addresses.
func PlaceOf(id submission.ID) submission.ID {
	const unsigned = 34 // characters of an id without a signature
	text := string(id)
	if len(text) < unsigned {
		return id
	}
	return submission.ID(text[:placeLength] + strings.Repeat("0", unsigned-placeLength))
}
