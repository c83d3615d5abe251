package signup

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"guestlist/handlers/problem"
)

// maxBody is the largest body of a submission. The form lets a browser send at most 3600 characters ([maxTyped] times the limits of
// the fields), which is 33 KB where each takes nine bytes (three of UTF-8, percent-encoded), and an answer to the challenge of 10 KB.
const maxBody = 46 << 10

// kind is how a submission is written, and how it is answered.
type kind int

const (
	formKind kind = iota
	jsonKind
)

// kindOf returns the kind that the content type says. Anything but the two, and any charset but UTF-8, is UnsupportedMediaType.
func kindOf(contentType string) (kind, error) {
	unsupported := &problem.Error{Code: problem.UnsupportedMediaType, Detail: "neither form nor JSON"}
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0, unsupported
	}
	charset, given := parameters["charset"]
	if given && !strings.EqualFold(charset, "utf-8") {
		return 0, unsupported
	}
	switch media {
	case "application/x-www-form-urlencoded":
		return formKind, nil
	case "application/json":
		return jsonKind, nil
	}
	return 0, unsupported
}

// readBody returns the body, or BodyTooLarge.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	reader := http.MaxBytesReader(w, r.Body, maxBody)
	var body []byte
	var err error
	if 0 <= r.ContentLength && r.ContentLength <= maxBody {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(reader, body)
	} else {
		body, err = io.ReadAll(reader)
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &problem.Error{Code: problem.BodyTooLarge, Detail: "the body is too large"}
	case err != nil:
		return nil, malformed("The request's body ended early. Send it again.")
	}
	return body, nil
}

// malformed returns the error for a body that no form of ours sends. text is for whoever writes a client, so it is in English whoever asks;
// it repeats nothing of the body.
func malformed(text string) *problem.Error {
	return &problem.Error{Code: problem.MalformedBody, Public: text, Detail: "the body of a submission"}
}

// readForm reads a form body. A field that is out is empty; an unknown one, or one that comes twice, is MalformedBody. answerField is the one
// with the answer to the challenge, "" for none.
func readForm(body []byte, answerField string) (entry, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return entry{}, malformed("The form is not encoded as application/x-www-form-urlencoded.")
	}
	var in entry
	for name, texts := range values {
		field := fieldOf(&in, name)
		switch name {
		case "confirmedEmail":
			field = &in.ConfirmedEmail
		case tokenField:
			field = &in.pass.token
		case trapField:
			field = &in.pass.trap
		case answerField:
			field = &in.pass.answer
		case "g-recaptcha-response":
			if answerField != "" {
				continue // hCaptcha's widget adds it, for servers that were written for another service
			}
		}
		switch {
		case field == nil:
			return entry{}, malformed("The form has a field that is not known here. The fields are " + fieldNames + ".")
		case len(texts) != 1:
			return entry{}, malformed("A field comes more than once in the form. Send each field once.")
		}
		*field = texts[0]
	}
	return in, nil
}

// readJSON reads a body of one flat JSON object of strings. A missing property is empty. An unknown
// one, a repeated one or a value of another type is MalformedBody. Names are case-sensitive.
func readJSON(body []byte) (entry, error) {
	properties, err := readObject(body)
	if err != nil {
		return entry{}, err
	}
	var in entry
	seen := make([]*string, 0, 8)
	for _, p := range properties {
		field := fieldOf(&in, p.name)
		if p.name == answerProperty {
			field = &in.pass.answer
		}
		switch {
		case field == nil:
			return entry{}, malformed("The body has a property that is not known here. The properties are " + fieldNames + ".")
		case slices.Contains(seen, field):
			return entry{}, malformed("The property " + p.name + " comes more than once. Send each property once.")
		case !p.isString:
			return entry{}, malformed("The property " + p.name + " must be a string. Leave it out if there is nothing to say.")
		}
		seen = append(seen, field)
		*field = p.text
	}
	return in, nil
}

// property is a member of a JSON object.
type property struct {
	name     string
	isString bool
	text     string // the value, if it is a string
}

// readObject returns the members of a body that is one JSON object, in their order, repeated ones
// included. Invalid UTF-8 and half surrogate pairs become U+FFFD. Anything else is MalformedBody.
func readObject(body []byte) ([]property, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		// The Functions host loses bodies that come in chunks.
		return nil, malformed("The body is empty. Send a JSON object, with a Content-Length header.")
	}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if decoder.PeekKind() != jsontext.KindBeginObject {
		return nil, malformed("The body is not a JSON object.")
	}
	_, err := decoder.ReadToken()
	properties := make([]property, 0, 8)
	for err == nil && decoder.PeekKind() != jsontext.KindEndObject {
		var p property
		p, err = readProperty(decoder)
		properties = append(properties, p)
	}
	if err != nil {
		return nil, malformed("The body is not valid JSON.")
	}
	_, _ = decoder.ReadToken() // the closing brace
	_, err = decoder.ReadToken()
	if err != io.EOF {
		return nil, malformed("Something follows the JSON object. Send one object.")
	}
	return properties, nil
}

// readProperty reads the next member of an object.
func readProperty(decoder *jsontext.Decoder) (property, error) {
	token, err := decoder.ReadToken()
	if err != nil {
		return property{}, err
	}
	p := property{name: token.String(), isString: decoder.PeekKind() == jsontext.KindString}
	if !p.isString {
		return p, decoder.SkipValue()
	}
	token, err = decoder.ReadToken()
	if err == nil {
		p.text = token.String()
	}
	return p, err
}
