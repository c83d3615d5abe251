package site

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"guestlist/handlers/problem"
)

// MaxBody is the largest body that a page takes, in bytes. The largest form is that of a sign-up:
// 3600 characters, which are 33 KB where each takes nine bytes (three of UTF-8, percent-encoded),
// and an answer to a captcha of 10 KB.
const MaxBody = 46 << 10

// posted sets the format of the answer to that of the body, which must be a form or JSON, in UTF-8.
func (x *Exchange) posted() error {
	media, parameters, err := mime.ParseMediaType(x.Request.Header.Get("Content-Type"))
	charset, given := parameters["charset"]
	switch {
	case err != nil || given && !strings.EqualFold(charset, "utf-8"):
	case media == "application/x-www-form-urlencoded":
		x.Format = HTML
		return nil
	case media == "application/json":
		x.Format = JSON
		return nil
	}
	return &problem.Error{Code: problem.UnsupportedMediaType, Detail: "neither form nor JSON"}
}

// Members returns the members of a body that is a form or a flat JSON object, with duplicates. Its
// errors are BodyTooLarge and MalformedBody.
func (x *Exchange) Members() ([]Member, error) {
	body, err := x.body()
	if err != nil {
		return nil, err
	}
	if x.Format == JSON {
		return readObject(body)
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, Malformed("The form is not encoded as application/x-www-form-urlencoded.")
	}
	members := make([]Member, 0, len(values))
	for name, texts := range values {
		for _, text := range texts {
			members = append(members, Member{name, text, true})
		}
	}
	return members, nil
}

func (x *Exchange) body() ([]byte, error) {
	reader := http.MaxBytesReader(x.ResponseWriter, x.Request.Body, MaxBody)
	var body []byte
	var err error
	if length := x.Request.ContentLength; 0 <= length && length <= MaxBody {
		body = make([]byte, length)
		_, err = io.ReadFull(reader, body)
	} else {
		body, err = io.ReadAll(reader)
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &problem.Error{Code: problem.BodyTooLarge, Detail: "the body is too large"}
	case err != nil:
		return nil, Malformed("The request's body ended early. Send it again.")
	}
	return body, nil
}

// Malformed returns the error for a body that no page sends. The text is for the author of a
// client, so it is always English. It must repeat nothing of the body.
func Malformed(text string) error {
	return &problem.Error{Code: problem.MalformedBody, Public: text, Detail: "the body of a submission"}
}

// Member is a field of a form or a member of a JSON object.
type Member struct {
	Name   string
	Text   string
	IsText bool // whether the value is a string; always true in a form
}

// readObject returns the members of a body that is one JSON object, in order and with duplicates.
// Invalid UTF-8 and half surrogate pairs become U+FFFD.
func readObject(body []byte) ([]Member, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		// The Functions host loses bodies that come in chunks.
		return nil, Malformed("The body is empty. Send a JSON object, with a Content-Length header.")
	}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if decoder.PeekKind() != jsontext.KindBeginObject {
		return nil, Malformed("The body is not a JSON object.")
	}
	_, err := decoder.ReadToken()
	members := make([]Member, 0, 8)
	for err == nil && decoder.PeekKind() != jsontext.KindEndObject {
		var m Member
		m, err = readMember(decoder)
		members = append(members, m)
	}
	if err != nil {
		return nil, Malformed("The body is not valid JSON.")
	}
	_, _ = decoder.ReadToken() // the closing brace
	_, err = decoder.ReadToken()
	if err != io.EOF {
		return nil, Malformed("Something follows the JSON object. Send one object.")
	}
	return members, nil
}

func readMember(decoder *jsontext.Decoder) (Member, error) {
	name, err := decoder.ReadToken()
	if err != nil {
		return Member{}, err
	}
	m := Member{Name: name.String(), IsText: decoder.PeekKind() == jsontext.KindString}
	if !m.IsText {
		return m, decoder.SkipValue()
	}
	text, err := decoder.ReadToken()
	if err == nil {
		m.Text = text.String()
	}
	return m, err
}
