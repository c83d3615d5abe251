package functions

import (
	"cmp"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// response is the envelope that goes back to the host. It has no ReturnValue, whose keys would
// override Outputs.
type response struct {
	Outputs outputs `json:",omitempty"`
}

// outputs are the values of the output bindings, by the binding's name. To the host its case
// matters.
type outputs struct {
	result   *httpResult // nil for functions without an http output
	messages []queued
}

// MarshalJSONTo implements [json.MarshalerTo]. A map would do, but make a sign-up cost a tenth
// more.
func (o outputs) MarshalJSONTo(enc *jsontext.Encoder) error {
	err := enc.WriteToken(jsontext.BeginObject)
	if o.result != nil {
		err = cmp.Or(err, enc.WriteToken(jsontext.String(responseBinding)), json.MarshalEncode(enc, o.result))
	}
	for _, q := range o.messages {
		err = cmp.Or(err, enc.WriteToken(jsontext.String(q.binding)), json.MarshalEncode(enc, q.output()))
	}
	return cmp.Or(err, enc.WriteToken(jsontext.EndObject))
}

// output returns the value of the output binding.
func (q queued) output() any {
	if !q.array && len(q.messages) == 1 {
		// A []byte is written as base64. The host tries to decode base64 first, whatever a string
		// looks like, so only base64 passes any bytes unchanged.
		return q.messages[0]
	}
	elements := make([]jsontext.Value, len(q.messages))
	for i, message := range q.messages {
		elements[i] = message
	}
	return elements
}

// httpResult is the http output binding, with the fields that the host uses. The body must be a
// string: the host would re-format anything else.
type httpResult struct {
	Status  int         `json:"statusCode"`
	Headers headerLines `json:"headers,omitempty"`
	Body    string      `json:"body"`
}

// headerLines are the headers of an answer, sorted by name.
type headerLines []headerLine

type headerLine struct{ name, value string }

// MarshalJSONTo implements [json.MarshalerTo].
func (h headerLines) MarshalJSONTo(enc *jsontext.Encoder) error {
	err := enc.WriteToken(jsontext.BeginObject)
	for _, line := range h {
		err = cmp.Or(err, enc.WriteToken(jsontext.String(line.name)), enc.WriteToken(jsontext.String(line.value)))
	}
	return cmp.Or(err, enc.WriteToken(jsontext.EndObject))
}
