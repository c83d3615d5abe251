package submission

import (
	"bytes"
	"encoding/json"
	"io"

	"guestlist/handlers/problem"
)

// MaxMessageBytes is the largest encoded message: a storage queue takes 64 KiB on the wire, which is 48 KiB
// once the Functions host has made it base64.
const MaxMessageBytes = 48 * 1024

// messageVersion is the version of the wire form that this code writes and reads. Messages live up to seven days, across upgrades.
const messageVersion = 1

// Message says "advance this request". The first message of a request carries the submission; later ones need only the id.
type Message struct {
	ID         ID
	Submission *Submission
}

// wireMessage is the JSON form of a Message. Times and numbers in it must survive a host that re-formats JSON.
type wireMessage struct {
	Version    int         `json:"version"`
	ID         string      `json:"id"`
	Submission *Submission `json:"submission,omitempty"`
}

// Encode returns the message as JSON, at most MaxMessageBytes long.
func (m Message) Encode() ([]byte, error) {
	encoded, err := json.Marshal(wireMessage{Version: messageVersion, ID: string(m.ID), Submission: m.Submission})
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
	if wire.Submission == nil {
		return Message{ID: id}, nil
	}
	s := wire.Submission.normal()
	err = s.Check()
	if err != nil {
		return Message{}, problem.New(problem.MalformedMessage, "request %s: the submission has %s", id, brokenRules(err))
	}
	return Message{ID: id, Submission: &s}, nil
}
