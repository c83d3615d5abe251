package status

import (
	"net/url"
	"strconv"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/site"
)

// checkingFor is how long the page says that a code is being checked.
const checkingFor = 10 * time.Minute

// proofState says what the part of the page about the code shows. Scripts and tests know the
// names.
type proofState string

const (
	proofNone     proofState = ""         // nothing
	proofOpen     proofState = "open"     // the field
	proofChecking proofState = "checking" // a code was typed, and is not compared yet
	proofLate     proofState = "late"     // the same, for longer than usual: the field
	proofWrong    proofState = "wrong"    // the code that was typed was another one: the field
	proofSpent    proofState = "spent"    // the tries are used
	proofOver     proofState = "over"     // a code was typed after its time
	proofDone     proofState = "done"     // the mailbox is proved
)

// hasField reports whether a code can be typed.
func (p proofState) hasField() bool { return p == proofOpen || p == proofLate || p == proofWrong }

// proofState returns the state for the id. Unless the page is detailed, it depends on the id's age,
// on the tries and on Proved, and on nothing else of a request that was not withdrawn: what is
// decided makes no difference, nor whether a code was mailed or the request is recorded. A detailed
// page has the field as long as the request waits for a code. n changes only what its writer is
// shown.
func (s status) proofState(id submission.ID, progress request.Progress, n notice) proofState {
	past := progress.Outcome != request.OutcomeProving &&
		s.Now().Sub(id.Issued()) > request.TypingTime+s.FormLifetime+clockSkew
	switch {
	case !s.Codes, n.Withdrawn, isFinal(progress.Outcome):
		return proofNone
	case progress.Proved:
		return proofDone
	case past && n.Typed:
		return proofOver
	case past:
		return proofNone
	case progress.Tries >= request.MaxProofTries:
		return proofSpent
	case !n.Typed:
		return proofOpen
	case progress.Tries > n.Known:
		return proofWrong
	case n.Checking:
		return proofChecking
	}
	return proofLate
}

// isFinal reports whether the outcome leaves nothing to prove.
func isFinal(outcome request.Outcome) bool {
	switch outcome {
	case request.OutcomeInvited, request.OutcomeUnsent, request.OutcomeJoined, request.OutcomeRefused, request.OutcomeWithdrawn:
		return true
	}
	return false
}

// The query parameters after a code was typed: how many tries the page knew of, and when it was, in
// Unix seconds.
const (
	typedQuery = "typed"
	atQuery    = "at"
)

// proofFragment is the part of the page about the code.
const proofFragment = "#proof"

// typedAt returns the query after a code was typed into a page that knew of so many tries.
func typedAt(known int, now time.Time) url.Values {
	return url.Values{typedQuery: {strconv.Itoa(known)}, atQuery: {strconv.FormatInt(now.Unix(), 10)}}
}

// readTyped reads what typedAt has left in the query.
func (n *notice) readTyped(query url.Values, now time.Time) {
	known, ofTries := parseTries(query.Get(typedQuery))
	seconds, err := strconv.ParseInt(query.Get(atQuery), 10, 64)
	if !ofTries || err != nil {
		return
	}
	at := time.Unix(seconds, 0)
	n.Typed, n.Known = true, known
	n.Checking = now.Sub(at) < checkingFor && at.Sub(now) <= clockSkew
	n.keep = typedAt(known, at)
}

// parseTries reads how many tries a page knew of.
func parseTries(text string) (tries int, valid bool) {
	tries, err := strconv.Atoi(text)
	return tries, err == nil && tries >= 0 && tries <= request.MaxProofTries
}

// proofContent is what the part of the page about the code shows.
type proofContent struct {
	State proofState
	Field bool
	Tries int
	Error string
	Form  string // the address of the form
}

func (s status) proofContent(state proofState, progress request.Progress, reader site.Reader, n notice) proofContent {
	content := proofContent{State: state, Field: state.hasField(), Tries: progress.Tries, Form: s.FormOrigin + site.Root}
	switch {
	case !content.Field:
	case n.Misread:
		content.Error = reader.Say("code.invalid")
	case state == proofWrong:
		content.Error = reader.Count("code.wrong", request.MaxProofTries-progress.Tries)
	}
	return content
}
