package request

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

const (
	// DecisionsQueue is the storage queue that carries ballots, as the function.json files name it.
	DecisionsQueue = "decisions"
	// DecisionsPoisonQueue is where the Functions host puts a message of [DecisionsQueue] that
	// failed too often.
	DecisionsPoisonQueue = DecisionsQueue + submission.PoisonSuffix
)

// ballotVersion is the version of the JSON form of a ballot on the queue.
const ballotVersion = 1

// maxVoter is the longest name of a person who votes, in characters.
const maxVoter = 256

// A CastBallot is a message on the queue of decisions: what a person who has signed in says about a
// request. Whoever may send to the queue can name anybody as the voter, so the worker checks all of
// it again: who the voter is, whether the voter may decide, and what the request is by then.
type CastBallot struct {
	ID submission.ID
	Ballot
	// Returns is how often the message was put back on the queue because it could not be applied.
	Returns int
}

// StaleVote is the name of the event of a vote on something that has changed since.
const StaleVote = "vote-stale"

// IgnoredVote returns what the history says of a vote in the name of the person that does not
// count, and why.
func IgnoredVote(by, why string) string {
	return "a vote in the name of " + by + " does not count: " + why
}

// WhyIgnored returns why a vote in the name of the person does not count, if the text of the
// history is about one.
func WhyIgnored(text, by string) (why string, is bool) {
	return strings.CutPrefix(text, IgnoredVote(by, ""))
}

// wireBallot is the JSON form of a CastBallot. It has no terms, groups or authority: those are not
// for a voter to say. Shown only names the terms that a yes is for. An older version sends none.
type wireBallot struct {
	Version int    `json:"version"`
	ID      string `json:"id"`
	Seen    string `json:"seen"` // with a letter in front, because the host re-formats what looks like a time
	Shown   string `json:"shown,omitempty"`
	Stage   int    `json:"stage"`
	By      string `json:"by"`
	Name    string `json:"name"`
	Yes     bool   `json:"yes"`
	Reason  string `json:"reason,omitempty"`
	Note    string `json:"note,omitempty"`
	Cast    string `json:"cast"` // nanoseconds since 1970
	Returns int    `json:"returns,omitempty"`
}

// seenPrefix begins wireBallot.Seen.
const seenPrefix = "seen "

// Encode returns the ballot as a message for the queue. Errors are those of Check.
func (b CastBallot) Encode() ([]byte, error) {
	checked, err := b.Check()
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(wireBallot{
		Version: ballotVersion, ID: string(checked.ID), Seen: seenPrefix + checked.Seen, Shown: checked.Shown,
		Stage: checked.Stage, By: checked.By, Name: checked.Name, Yes: checked.Yes, Reason: checked.Reason, Note: checked.Note,
		Cast: strconv.FormatInt(checked.Cast.UnixNano(), 10), Returns: checked.Returns,
	})
	if err != nil {
		return nil, problem.New(problem.Internal, "encoding a ballot: %w", err)
	}
	return encoded, nil
}

// DecodeBallot reads a message of the queue. The error is a MalformedMessage that quotes nothing of
// the content.
func DecodeBallot(data []byte) (CastBallot, error) {
	fail := func(what string) (CastBallot, error) {
		return CastBallot{}, problem.New(problem.MalformedMessage, "the ballot %s", what)
	}
	var wire wireBallot
	fault := readWire(data, &wire)
	switch {
	case fault != "":
		return fail(fault)
	case wire.Version != ballotVersion:
		return fail("is of a version that this program does not read")
	case wire.Returns < 0 || wire.Returns > submission.MaxReturns:
		return fail("can't have come back so often")
	}
	id, err := submission.ParseID(wire.ID)
	if err != nil {
		return fail("names no request")
	}
	cast, err := strconv.ParseInt(wire.Cast, 10, 64)
	seen, marked := strings.CutPrefix(wire.Seen, seenPrefix)
	if err != nil || cast <= 0 || !marked {
		return fail("does not say when it was cast, or on what")
	}
	ballot, err := CastBallot{id, Ballot{
		Seen: seen, Shown: wire.Shown, Stage: wire.Stage, By: wire.By, Name: wire.Name, Yes: wire.Yes,
		Reason: wire.Reason, Note: wire.Note, Cast: time.Unix(0, cast).UTC(),
	}, wire.Returns}.Check()
	if err != nil {
		return fail("has parts that no page and no command would send")
	}
	return ballot, nil
}

// Check returns the ballot in the one form in which it is stored. The error is InvalidInput, with a
// text for the person. A no needs a reason or a note: somebody must learn why.
func (b CastBallot) Check() (CastBallot, error) {
	var err error
	b.Note, err = CheckWords("note", printable(b.Note), false)
	if err != nil {
		return CastBallot{}, err
	}
	b.Reason, err = CheckWords("reason", printable(b.Reason), !b.Yes && b.Note == "")
	if err != nil {
		return CastBallot{}, err
	}
	id, isID := policy.ParseGUID(b.By)
	b.By, b.Name = id, strings.Join(strings.Fields(printable(b.Name)), " ")
	_, markErr := time.Parse(time.RFC3339Nano, b.Seen)
	switch {
	case !isID, b.Name == "", utf8.RuneCountInString(b.Name) > maxVoter:
		return CastBallot{}, &problem.Error{Code: problem.InvalidInput, Public: "who decides is not known",
			Detail: "the ballot has no voter"}
	case b.Stage < FirstStage, b.Stage > maxStages, markErr != nil, b.Cast.IsZero(),
		b.Shown != "" && !(b.Yes && isMark(b.Shown)):
		return CastBallot{}, &problem.Error{Code: problem.InvalidInput, Public: "what is decided on is not known",
			Detail: "the ballot does not say what it is about"}
	}
	b.Cast = b.Cast.UTC().Truncate(Tick)
	return b, nil
}

// maxStages is the most stages that a row can ask for.
const maxStages = 2

// printable returns the text as valid UTF-8 without controls and marks of direction, which would
// make another text of the page or the mail around it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case r == utf8.RuneError, unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Noncharacter_Code_Point):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}
