package signup

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"guestlist/handlers/jsonwalk"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// maxBody is the largest body of a submission. The form lets a browser send at most 3092 characters ([maxTyped] times the limits of
// the fields), which is 28 KB where each takes nine bytes (three of UTF-8, percent-encoded).
const maxBody = 32 << 10

// kind is how a submission is written, and how it is answered.
type kind int

const (
	formKind kind = iota
	jsonKind
)

// kindOf returns the kind that the content type says. Anything but the two, and any charset but UTF-8, is UnsupportedMediaType.
func kindOf(contentType string) (kind, error) {
	unsupported := &problem.Error{Code: problem.UnsupportedMediaType, Public: english.Media, Detail: "neither form nor JSON"}
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
	buffer := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), maxBody)+bytes.MinRead))
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &problem.Error{Code: problem.BodyTooLarge, Public: english.TooLarge, Detail: "the body is too large"}
	case err != nil:
		return nil, malformed("The request's body ended early. Send it again.")
	}
	return buffer.Bytes(), nil
}

// malformed returns the error for a body that no form of ours sends. text repeats nothing of the body.
func malformed(text string) *problem.Error {
	return &problem.Error{Code: problem.MalformedBody, Public: text, Detail: "the body of a submission"}
}

// fieldNames are the fields of a submission, for the client that used another one.
const fieldNames = "email, givenName, familyName, company, country, reason, inviteCode and language"

// fieldOf returns the field of the name, nil if there is none.
func fieldOf(in *submission.Input, name string) *string {
	switch name {
	case "email":
		return &in.Email
	case "givenName":
		return &in.GivenName
	case "familyName":
		return &in.FamilyName
	case "company":
		return &in.Company
	case "country":
		return &in.Country
	case "reason":
		return &in.Reason
	case "inviteCode":
		return &in.InviteCode
	case "language":
		return &in.Language
	}
	return nil
}

// readForm reads a form body. A field that is out is empty; an unknown one, or one that comes twice, is MalformedBody.
func readForm(body []byte) (submission.Input, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return submission.Input{}, malformed("The form is not encoded as application/x-www-form-urlencoded.")
	}
	var in submission.Input
	for name, texts := range values {
		field := fieldOf(&in, name)
		switch {
		case field == nil:
			return submission.Input{}, malformed("The form has a field that is not known here. The fields are " + fieldNames + ".")
		case len(texts) != 1:
			return submission.Input{}, malformed("A field comes more than once in the form. Send each field once.")
		}
		*field = texts[0]
	}
	return in, nil
}

// readJSON reads a body of one flat JSON object whose values are all strings. A property that is out is empty; an unknown one, one that
// comes twice, or a value of another type is MalformedBody. Names are taken as they are written, unlike encoding/json does it.
func readJSON(body []byte) (submission.Input, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		// The Functions host loses bodies that come in chunks.
		return submission.Input{}, malformed("The body is empty. Send a JSON object, with a Content-Length header.")
	}
	body = bytes.TrimLeft(body, " \t\r\n")
	if body[0] != '{' {
		return submission.Input{}, malformed("The body is not a JSON object.")
	}
	if !json.Valid(body) {
		err := json.NewDecoder(bytes.NewReader(body)).Decode(new(json.RawMessage))
		if err == nil {
			return submission.Input{}, malformed("Something follows the JSON object. Send one object.")
		}
		return submission.Input{}, malformed("The body is not valid JSON.")
	}
	var in submission.Input
	seen := make([]*string, 0, 8)
	for name, value := range jsonwalk.Members(body) {
		field := fieldOf(&in, string(name))
		switch {
		case field == nil:
			return submission.Input{}, malformed("The body has a property that is not known here. The properties are " + fieldNames + ".")
		case slices.Contains(seen, field):
			return submission.Input{}, malformed("The property " + string(name) + " comes more than once. Send each property once.")
		case value[0] != '"':
			return submission.Input{}, malformed("The property " + string(name) + " must be a string. Leave it out if there is nothing to say.")
		}
		seen = append(seen, field)
		*field, _ = jsonwalk.Text(value) // a valid string can always be decoded
	}
	return in, nil
}

// asked returns the language that the client would like best: the first of the tags that can be read, else the first of the
// Accept-Language header, else "".
func asked(r *http.Request, tags ...string) string {
	for _, text := range tags {
		if len(text) > submission.MaxLanguage {
			continue
		}
		tag, err := language.Parse(text)
		if err == nil && usable(tag) {
			return tag.String()
		}
	}
	accept := strings.Join(r.Header.Values("Accept-Language"), ",")
	if len(accept) > maxHeader {
		return ""
	}
	accepted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return ""
	}
	for _, tag := range accepted {
		if usable(tag) {
			return tag.String()
		}
	}
	return ""
}

// usable reports whether a tag names a language. x/text reads the wildcard as "mul", several languages.
func usable(tag language.Tag) bool {
	base, _ := tag.Base()
	return tag != language.Und && base.String() != "mul" && len(tag.String()) <= submission.MaxLanguage
}
