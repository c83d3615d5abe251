package submission

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"guestlist/handlers/problem"
)

const (
	// Queue is the storage queue that carries the messages, as the function.json files name it.
	Queue = "signups"
	// PoisonQueue is where the Functions host puts a message of [Queue] that failed too often.
	PoisonQueue = Queue + PoisonSuffix
	// PoisonSuffix ends the name of the poison queue of any queue. The Functions host fixes it.
	PoisonSuffix = "-poison"

	// MaxMessageBytes is the largest message: a storage queue takes 64 KiB, which is 48 KiB before
	// the Functions host makes it base64.
	MaxMessageBytes = 48 * 1024

	// MessageLifetime is how long a storage queue keeps a message: the default, which the Functions
	// host does not change.
	MessageLifetime = 7 * 24 * time.Hour

	// LongestForm is the most that a form may be open before it is sent, whatever the settings say:
	// a long weekend. It must stay well below MessageLifetime: a request's id is as old as its
	// form, and for that long the status page takes an unknown id for a new one.
	LongestForm = 4 * 24 * time.Hour
)

// messageVersion is the version of the JSON form that this code writes and reads. A message can
// be older than an upgrade of the app.
const messageVersion = 1

// Message asks for what its Kind says. The first message of a request carries the submission;
// later ones need only the id.
type Message struct {
	ID         ID
	Kind       Kind
	Submission *Submission // only with Advance
	// Code is the proof code that a partner typed: see [ParseProofCode]. Messages of the kind Prove
	// have one, others none. No log line and no error may have it.
	Code string
	// Due is the due time of the due entry in the store that caused the message, or zero. A worker
	// that finds nothing to do removes this entry, but not one that was written since.
	Due time.Time
	// Resumed says that upkeep sent the message because it is the parked request's turn. Only
	// Advance without a submission has it.
	Resumed bool
	// Returns is how often the message was put back on the queue because the tables could not be
	// written, and Returned when it was for the first time; both are zero for most.
	Returns  int
	Returned time.Time
}

// MaxReturns is the most that a message can have come back: one return in a second, for as long as
// the queue could keep it.
const MaxReturns = 1_000_000

// Kind is what a message asks for. The public functions can only put one of these on the queue.
// The worker decides whether to do it.
type Kind string

const (
	// Advance takes the request as far as possible.
	Advance Kind = ""
	// Resend sends the invitation mail again, if the guest was invited, has not accepted yet, and
	// has had no mail for a while. It can be repeated.
	Resend Kind = "resend"
	// Withdraw ends the request and erases its personal data. It can't be undone, and can be
	// repeated.
	Withdraw Kind = "withdraw"
	// Prove compares the message's code with the one that the app has mailed for the request, which
	// proves the mailbox. Every message counts as a try.
	Prove Kind = "prove"
)

func (k Kind) known() bool { return k == Advance || k == Resend || k == Withdraw || k == Prove }

// takes reports whether messages of the kind can have the code.
func (k Kind) takes(code string) bool {
	if k != Prove {
		return code == ""
	}
	return ValidProofCode(code)
}

// wireMessage is the JSON form of a Message. Its times and numbers must survive a host that
// re-formats JSON.
type wireMessage struct {
	Version    int         `json:"version"`
	ID         string      `json:"id"`
	Kind       Kind        `json:"kind,omitempty"`
	Submission *Submission `json:"submission,omitempty"`
	Code       string      `json:"code,omitempty"`
	// Note is Message.Due in nanoseconds since 1970, as a string, because the host re-formats what
	// looks like a time.
	Note    string `json:"note,omitempty"`
	Resumed bool   `json:"resumed,omitempty"`
	// Returns is Message.Returns, and Returned is Message.Returned in the form of Note.
	Returns  int    `json:"returns,omitempty"`
	Returned string `json:"returned,omitempty"`
}

// mayResume reports whether the message is of those that can have Resumed.
func (m Message) mayResume() bool { return m.Kind == Advance && m.Submission == nil }

// Encode returns the message as JSON, at most MaxMessageBytes long. Its errors quote nothing of the
// content.
func (m Message) Encode() ([]byte, error) {
	if !m.Kind.known() || m.Kind != Advance && m.Submission != nil {
		return nil, problem.New(problem.Internal, "the message of request %s is of an unknown kind, or of one without a submission", m.ID)
	}
	if !m.Kind.takes(m.Code) {
		return nil, problem.New(problem.Internal, "the message of request %s lacks its code, or has one that messages of its kind do not have", m.ID)
	}
	if m.Resumed && !m.mayResume() {
		return nil, problem.New(problem.Internal, "the message of request %s resumes, which messages of its kind do not", m.ID)
	}
	wire := wireMessage{
		Version: messageVersion, ID: string(m.ID), Kind: m.Kind, Submission: m.Submission, Code: m.Code,
		Note: note(m.Due), Resumed: m.Resumed, Returns: m.Returns, Returned: note(m.Returned),
	}
	encoded, err := json.Marshal(wire)
	if err != nil {
		return nil, problem.New(problem.Internal, "encoding the message of request %s: %w", m.ID, err)
	}
	if len(encoded) > MaxMessageBytes {
		return nil, problem.New(problem.BodyTooLarge, "the message of request %s has %d bytes, more than %d", m.ID, len(encoded), MaxMessageBytes)
	}
	return encoded, nil
}

// DecodeMessage decodes a message, also after the host has re-formatted it, and checks its
// submission by the rules of the form. The error is problem.MalformedMessage. It quotes nothing
// of the content.
func DecodeMessage(data []byte) (Message, error) {
	var wire wireMessage
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&wire)
	if rules := brokenRules(err); rules != "" {
		return Message{}, problem.New(problem.MalformedMessage, "the message's submission has %s", rules)
	}
	if err != nil {
		// The decoder's own text may quote the content.
		return Message{}, problem.New(problem.MalformedMessage, "the message is not JSON of the known form")
	}
	_, err = decoder.Token()
	if err != io.EOF {
		return Message{}, problem.New(problem.MalformedMessage, "something follows the message")
	}
	if wire.Version != messageVersion {
		return Message{}, problem.New(problem.MalformedMessage, "the message has version %d, this program reads %d", wire.Version, messageVersion)
	}
	id, err := ParseID(wire.ID)
	if err != nil {
		return Message{}, problem.New(problem.MalformedMessage, "the message has no valid id")
	}
	if !wire.Kind.known() {
		return Message{}, problem.New(problem.MalformedMessage, "the message for request %s asks for something that this program does not know", id)
	}
	if !wire.Kind.takes(wire.Code) {
		return Message{}, problem.New(problem.MalformedMessage, "the message for request %s lacks its code, or has one that messages of its kind do not have", id)
	}
	due, err := parseNote(wire.Note)
	returned, returnedErr := parseNote(wire.Returned)
	if err != nil || returnedErr != nil {
		return Message{}, problem.New(problem.MalformedMessage, "the message for request %s has a note that is not a time", id)
	}
	if wire.Returns < 0 || wire.Returns > MaxReturns || (wire.Returns > 0) != !returned.IsZero() {
		return Message{}, problem.New(problem.MalformedMessage, "the message for request %s counts its returns wrongly", id)
	}
	message := Message{
		ID: id, Kind: wire.Kind, Code: wire.Code, Due: due, Resumed: wire.Resumed,
		Returns: wire.Returns, Returned: returned, Submission: wire.Submission,
	}
	if message.Resumed && !message.mayResume() {
		return Message{}, problem.New(problem.MalformedMessage, "the message for request %s resumes, which messages of its kind do not", id)
	}
	if wire.Submission == nil {
		return message, nil
	}
	if wire.Kind != Advance {
		return Message{}, problem.New(problem.MalformedMessage, "the message for request %s has a submission, which messages of its kind do not have", id)
	}
	s := wire.Submission.normal()
	err = s.Check()
	if err != nil {
		return Message{}, problem.New(problem.MalformedMessage, "request %s: the submission has %s", id, brokenRules(err))
	}
	message.Submission = &s
	return message, nil
}

// note returns a time as nanoseconds since 1970, "" for the zero time.
func note(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixNano(), 10)
}

// parseNote is the opposite of note.
func parseNote(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	nanoseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(0, nanoseconds).UTC(), nil
}
