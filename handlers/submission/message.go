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
	PoisonQueue = Queue + "-poison"

	// MaxMessageBytes is the largest message: a storage queue takes 64 KiB, which is 48 KiB before the
	// Functions host makes it base64.
	MaxMessageBytes = 48 * 1024

	// MessageLifetime is how long a storage queue keeps a message: the default, which the Functions host
	// does not change.
	MessageLifetime = 7 * 24 * time.Hour
)

// messageVersion is the version of the wire form that this code writes and reads. Messages live up to seven days, across upgrades.
const messageVersion = 1

// Message says "advance this request", or what else its Kind says. The first message of a request carries the submission; later ones
// need only the id.
type Message struct {
	ID         ID
	Kind       Kind
	Submission *Submission // only with Advance
	// Due is the due time of the note in the store that brought the message; zero for a message that none brought. Whoever finds nothing to be
	// done for it removes this note, and no other that was written since.
	Due time.Time
}

// Kind is what a message asks for. The public functions can do no more than put one of these on the queue; whether it is done is up to the
// worker, who answers nobody.
type Kind string

const (
	// Advance takes the request as far as it will go. It is the kind of a message that names none.
	Advance Kind = ""
	// Resend sends the mail of the invitation again. It does nothing but where a guest was invited, has not accepted yet, and has had no
	// mail for a while. It may be sent again at will.
	Resend Kind = "resend"
	// Withdraw ends the request, if it has not ended, and erases the personal data in it. It can't be undone, and may be sent again at will.
	Withdraw Kind = "withdraw"
)

func (k Kind) known() bool { return k == Advance || k == Resend || k == Withdraw }

// wireMessage is the JSON form of a Message. Times and numbers in it must survive a host that re-formats JSON.
type wireMessage struct {
	Version    int         `json:"version"`
	ID         string      `json:"id"`
	Kind       Kind        `json:"kind,omitempty"`
	Submission *Submission `json:"submission,omitempty"`
	// Note is in nanoseconds since 1970, as a string: a host that re-formats JSON shortens what looks like a time.
	Note string `json:"note,omitempty"`
}

// Encode returns the message as JSON, at most MaxMessageBytes long.
func (m Message) Encode() ([]byte, error) {
	if !m.Kind.known() || m.Kind != Advance && m.Submission != nil {
		return nil, problem.New(problem.Internal, "the message of request %s is of no known kind, or of one that carries no submission", m.ID)
	}
	wire := wireMessage{Version: messageVersion, ID: string(m.ID), Kind: m.Kind, Submission: m.Submission}
	if !m.Due.IsZero() {
		wire.Note = strconv.FormatInt(m.Due.UnixNano(), 10)
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

// DecodeMessage reads what Encode wrote, re-formatted or not, and checks the submission in it by the form's own rules.
// Anything else is problem.MalformedMessage; the error says what is wrong and repeats nothing of the content.
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
		return Message{}, problem.New(problem.MalformedMessage, "the message is no JSON of the known form")
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
	var note time.Time
	if wire.Note != "" {
		nanoseconds, err := strconv.ParseInt(wire.Note, 10, 64)
		if err != nil {
			return Message{}, problem.New(problem.MalformedMessage, "the message for request %s names a note that is no time", id)
		}
		note = time.Unix(0, nanoseconds).UTC()
	}
	if wire.Submission == nil {
		return Message{ID: id, Kind: wire.Kind, Due: note}, nil
	}
	if wire.Kind != Advance {
		return Message{}, problem.New(problem.MalformedMessage, "the message for request %s has a submission, which one of its kind has not", id)
	}
	s := wire.Submission.normal()
	err = s.Check()
	if err != nil {
		return Message{}, problem.New(problem.MalformedMessage, "request %s: the submission has %s", id, brokenRules(err))
	}
	return Message{ID: id, Submission: &s, Due: note}, nil
}
