package functions

import (
	"encoding/json"
	"net/http"
	"net/textproto"

	"guestlist/handlers/azure/functions/jsonwalk"
	"guestlist/handlers/problem"
)

// usualHeaders is for how many headers there is room at once: browsers send about a dozen, and so do we. It is what fits a map of 16 slots.
const usualHeaders = 14

// clientRequest is what the host tells of a client's request. The rest of the envelope is not used: Query and
// Identities say again what stands in the address and the headers, and of Metadata, whoever posts JSON chooses what
// stands there.
type clientRequest struct {
	url     string
	method  string
	header  http.Header
	params  map[string]string
	body    string
	present bool
}

// readRequest finds the client's request in an envelope. Its errors quote nothing of it.
//
// Everybody can call HTTP functions, so this has to be fast. encoding/json judges the envelope; what it then would do
// by reflection, also for the larger part of an envelope that is not used, is done here by walking over the members of
// what is known to be valid, and memory is taken for many headers at once.
func readRequest(envelope []byte) (clientRequest, error) {
	if !json.Valid(envelope) {
		return clientRequest{}, envelopeError(json.Unmarshal(envelope, new(json.RawMessage)))
	}
	var in clientRequest
	fine := true
	for name, data := range jsonwalk.Members(envelope) {
		if string(name) != "Data" {
			continue
		}
		for name, req := range jsonwalk.Members(data) {
			if string(name) == requestBinding {
				fine = in.read(req) && fine
			}
		}
	}
	switch {
	case !fine:
		return clientRequest{}, problem.New(problem.MalformedBody, "Data.%s has a value of the wrong type", requestBinding)
	case !in.present:
		return clientRequest{}, problem.New(problem.MalformedBody,
			"the envelope has no Data.%s; the httpTrigger binding must have that name", requestBinding)
	case in.method == "" || in.url == "":
		return clientRequest{}, problem.New(problem.MalformedBody, "Data.%s has no Method or no Url", requestBinding)
	}
	return in, nil
}

// read takes Data.req, and reports whether everything in it has the right type.
func (in *clientRequest) read(req []byte) (fine bool) {
	in.present = req[0] == '{'
	in.header = make(http.Header, usualHeaders)
	lines := make([]string, 0, usualHeaders)
	fine = true
	for name, value := range jsonwalk.Members(req) {
		ok := true
		switch string(name) {
		case "Url":
			in.url, ok = jsonwalk.Text(value)
		case "Method":
			in.method, ok = jsonwalk.Text(value)
		case "Body":
			in.body, ok = jsonwalk.Text(value)
		case "Headers":
			for name, values := range jsonwalk.Members(value) {
				key := textproto.CanonicalMIMEHeaderKey(string(name))
				for element := range jsonwalk.Elements(values) {
					var line string
					line, ok = jsonwalk.Text(element)
					if !ok {
						return false
					}
					lines = append(lines, line)
					// The capacity ends with the slice, so that another line of this header goes elsewhere.
					before := in.header[key]
					if before == nil {
						in.header[key] = lines[len(lines)-1 : len(lines) : len(lines)]
					} else {
						in.header[key] = append(before, line)
					}
				}
			}
		case "Params":
			for name, value := range jsonwalk.Members(value) {
				in.param(string(name), value)
			}
		}
		fine = fine && ok
	}
	return fine
}

// param takes a route parameter: a string, or a number or boolean where the route has a constraint. An optional one
// that is missing is null.
func (in *clientRequest) param(name string, value []byte) {
	if string(value) == "null" {
		return
	}
	decoded, ok := jsonwalk.Text(value)
	if !ok {
		decoded = string(value)
	}
	if in.params == nil {
		in.params = make(map[string]string)
	}
	in.params[name] = decoded
}

// envelopeError says that an envelope is not the JSON that it must be. The decoder's own text may quote it.
func envelopeError(err error) error {
	switch err := err.(type) {
	case *json.SyntaxError:
		return problem.New(problem.MalformedBody, "the envelope is no JSON: see byte %d", err.Offset)
	case *json.UnmarshalTypeError:
		return problem.New(problem.MalformedBody, "the envelope has a value of the wrong type before byte %d", err.Offset)
	}
	return problem.New(problem.MalformedBody, "the envelope can't be decoded")
}
