package functions

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// answer is the body of an answer to the host. It writes itself as JSON: what goes back with every invocation has a form that is
// known, and to find it out by reflection would cost more than all else that happens here.
type answer interface {
	writeTo(b *bytes.Buffer) error
}

// response is the envelope that goes back to the host: an output for each binding of which the function said something, by the binding's
// name, whose case the host tells apart. ReturnValue is left out on purpose: its keys would override Outputs.
type response struct {
	result   *httpResult // nil for functions without an http output
	messages []queued
}

func (r response) writeTo(b *bytes.Buffer) error {
	if r.result == nil && len(r.messages) == 0 {
		b.WriteString("{}\n")
		return nil
	}
	b.WriteString(`{"Outputs":{`)
	if r.result != nil {
		writeString(b, responseBinding)
		b.WriteByte(':')
		r.result.writeTo(b)
	}
	for i, q := range r.messages {
		if i > 0 || r.result != nil {
			b.WriteByte(',')
		}
		writeString(b, q.binding)
		b.WriteByte(':')
		err := q.writeTo(b)
		if err != nil {
			return err
		}
	}
	b.WriteString("}}\n")
	return nil
}

// writeTo writes the output of the binding.
func (q queued) writeTo(b *bytes.Buffer) error {
	if !q.array && len(q.messages) == 1 {
		// The host tries base64 first, whatever a string looks like, so that only this passes any bytes unchanged.
		b.WriteByte('"')
		b.Write(base64.StdEncoding.AppendEncode(b.AvailableBuffer(), q.messages[0]))
		b.WriteByte('"')
		return nil
	}
	b.WriteByte('[')
	for i, message := range q.messages {
		if i > 0 {
			b.WriteByte(',')
		}
		err := json.Compact(b, message)
		if err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

// httpResult is the http output binding. Of the fields that the host knows, these are the ones that it heeds; headers
// must be strings, and the body a string, or it would be re-formatted.
type httpResult struct {
	status  int
	headers []headerLine // by name
	body    string
}

// headerLine is a header of an answer.
type headerLine struct{ name, value string }

func (r *httpResult) writeTo(b *bytes.Buffer) {
	b.WriteString(`{"statusCode":`)
	b.Write(strconv.AppendInt(b.AvailableBuffer(), int64(r.status), 10))
	if len(r.headers) > 0 {
		b.WriteString(`,"headers":{`)
		for i, h := range r.headers {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, h.name)
			b.WriteByte(':')
			writeString(b, h.value)
		}
		b.WriteByte('}')
	}
	b.WriteString(`,"body":`)
	writeString(b, r.body)
	b.WriteByte('}')
}

func (f failure) writeTo(b *bytes.Buffer) error {
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false) // the reader is the host; pages would only grow
	return encoder.Encode(f)
}

// writeString writes text as a JSON string. What is no UTF-8 becomes U+FFFD.
func writeString(b *bytes.Buffer, text string) {
	const hexadecimal = "0123456789abcdef"
	b.WriteByte('"')
	done := 0 // up to here it is written
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if c >= utf8.RuneSelf && !(r == utf8.RuneError && size == 1) {
			i += size
			continue
		}
		b.WriteString(text[done:i])
		switch c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		default:
			if c >= utf8.RuneSelf {
				b.WriteString("\ufffd")
			} else {
				b.WriteString(`\u00`)
				b.WriteByte(hexadecimal[c>>4])
				b.WriteByte(hexadecimal[c&0xf])
			}
		}
		i += size
		done = i
	}
	b.WriteString(text[done:])
	b.WriteByte('"')
}
