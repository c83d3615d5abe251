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

// The content types of bodies that pages take, and those of other forms.
const (
	formType      = "application/x-www-form-urlencoded"
	multipartType = "multipart/form-data"
	plainType     = "text/plain"
	jsonType      = "application/json"
)

// posted sets the format of the answer to that of the body, which must be a form or JSON, in UTF-8.
// A client that sends something else, and does not say what it accepts, gets a page if browsers
// send such things from forms.
func (x *Exchange) posted() error {
	media, parameters, err := mime.ParseMediaType(x.Request.Header.Get("Content-Type"))
	charset, given := parameters["charset"]
	switch {
	case err != nil || given && !isUTF8(charset):
	case media == formType:
		x.Format = HTML
		return nil
	case media == jsonType:
		x.Format = JSON
		return nil
	}
	if !x.namesFormat() && media != formType && media != multipartType && media != plainType {
		x.Format = JSON
	}
	return &problem.Error{Code: problem.UnsupportedMediaType, Detail: "neither form nor JSON"}
}

// isUTF8 reports whether a charset is UTF-8 by one of its names in the WHATWG's Encoding Standard,
// or ASCII, which is a part of it.
func isUTF8(charset string) bool {
	switch strings.ToLower(strings.Trim(charset, "\t\n\f\r ")) {
	case "utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8", "us-ascii", "ascii":
		return true
	}
	return false
}

// Members returns the members of a body that is a form or a flat JSON object, with duplicates. Its
// errors are BodyTooLarge, BodyMissing and MalformedBody.
func (x *Exchange) Members() ([]Member, error) {
	body, err := x.body()
	if err != nil {
		return nil, err
	}
	if x.Format == JSON {
		return readObject(body)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, x.bodyless()
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

// LogBodyless is the message of the log line for a form that came without its body.
const LogBodyless = "form without its body"

// bodyless returns the error for a form without a body, and logs what has taken it away. Browsers
// send no form without one. The Functions host loses bodies that come in chunks, without a length:
// a proxy or a gateway on the way does that.
func (x *Exchange) bodyless() error {
	x.site.service.Log.WarnContext(x.Request.Context(), LogBodyless,
		"cause", "a proxy or gateway in front of the app sends bodies in chunks, which the Functions host drops; let it send Content-Length",
		"chunked", len(x.Request.TransferEncoding) > 0, "via", gateway(x.Request.Header))
	return &problem.Error{Code: problem.BodyMissing, Detail: "a form without a body"}
}

// maxVia is how much of the name of a gateway is logged, in bytes.
const maxVia = 100

// gateway returns how the gateways on the way call themselves, as far as a log may have it.
func gateway(header http.Header) string {
	via := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '@' {
			return -1
		}
		return r
	}, strings.Join(header.Values("Via"), ", "))
	return via[:min(len(via), maxVia)]
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
