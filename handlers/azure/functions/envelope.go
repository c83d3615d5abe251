package functions

import (
	"errors"
	"net/http"
	"net/textproto"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"guestlist/handlers/problem"
)

// jsonOptions make reading and writing as tolerant as the host is: a name may come twice, and
// what is not UTF-8 becomes U+FFFD.
var jsonOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// usualHeaders is for how many headers there is room at once: browsers send about a dozen.
const usualHeaders = 14

// clientRequest is what the host tells of a client's request. Query and Identities repeat what
// the URL and the headers say, and a client that posts JSON controls Metadata, so none of them is
// read.
type clientRequest struct {
	URL     string `json:"Url"`
	Method  string
	Headers http.Header
	Params  map[string]jsontext.Value
	Body    string
}

// readRequest reads the client's request from an envelope. Its errors quote nothing of it.
func readRequest(envelope []byte) (*clientRequest, error) {
	var in struct {
		Data struct {
			Request clientRequest `json:"req"`
		}
	}
	req := &in.Data.Request
	req.Headers = make(http.Header, usualHeaders)
	err := json.Unmarshal(envelope, &in, jsonOptions)
	if err != nil {
		return nil, envelopeError(err)
	}
	if req.Method == "" || req.URL == "" {
		return nil, problem.New(problem.MalformedBody,
			"the envelope has no Data.%s with Method and Url; the httpTrigger binding must have that name", requestBinding)
	}
	for name, lines := range req.Headers {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if key != name {
			delete(req.Headers, name)
			req.Headers[key] = append(req.Headers[key], lines...)
		}
	}
	return req, nil
}

// envelopeError says that an envelope is not the JSON that it must be. The decoder's own text may
// quote it.
func envelopeError(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return problem.New(problem.MalformedBody, "the envelope is not JSON: see byte %d", syntax.ByteOffset)
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return problem.New(problem.MalformedBody, "the envelope has a value of the wrong type at byte %d", semantic.ByteOffset)
	}
	return problem.New(problem.MalformedBody, "the envelope can't be decoded")
}
