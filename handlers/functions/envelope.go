package functions

import (
	"bytes"
	"encoding/json"
	"iter"
	"net/http"
	"net/textproto"
	"unicode/utf8"

	"guestlist/handlers/problem"
)

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
// what is known to be valid.
func readRequest(envelope []byte) (clientRequest, error) {
	if !json.Valid(envelope) {
		return clientRequest{}, envelopeError(json.Unmarshal(envelope, new(json.RawMessage)))
	}
	var in clientRequest
	fine := true
	for name, data := range members(envelope) {
		if name != "Data" {
			continue
		}
		for name, req := range members(data) {
			if name == requestBinding {
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
	in.header = make(http.Header)
	fine = true
	for name, value := range members(req) {
		ok := true
		switch name {
		case "Url":
			in.url, ok = text(value)
		case "Method":
			in.method, ok = text(value)
		case "Body":
			in.body, ok = text(value)
		case "Headers":
			for name, values := range members(value) {
				name = textproto.CanonicalMIMEHeaderKey(name)
				for element := range elements(values) {
					var one string
					one, ok = text(element)
					if !ok {
						return false
					}
					in.header[name] = append(in.header[name], one)
				}
			}
		case "Params":
			for name, value := range members(value) {
				in.param(name, value)
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
	decoded, ok := text(value)
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

// members yields the members of a JSON object; of any other value, none. data must be valid JSON.
func members(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		i := skipSpace(data, 0)
		if data[i] != '{' {
			return
		}
		i = skipSpace(data, i+1)
		for data[i] != '}' {
			end := skipString(data, i)
			name, _ := text(data[i:end])
			i = skipSpace(data, skipSpace(data, end)+1) // the colon is the one between
			end = skipValue(data, i)
			if !yield(name, data[i:end]) {
				return
			}
			i = skipSpace(data, end)
			if data[i] == ',' {
				i = skipSpace(data, i+1)
			}
		}
	}
}

// elements yields the elements of a JSON array; null has none, and any other value is its own only element. data must
// be valid JSON.
func elements(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if string(data) == "null" {
			return
		}
		if data[0] != '[' {
			yield(data)
			return
		}
		i := skipSpace(data, 1)
		for data[i] != ']' {
			end := skipValue(data, i)
			if !yield(data[i:end]) {
				return
			}
			i = skipSpace(data, end)
			if data[i] == ',' {
				i = skipSpace(data, i+1)
			}
		}
	}
}

// text decodes a JSON string. It takes null for "", as encoding/json does, and reports whether value is one of the two.
func text(value []byte) (decoded string, ok bool) {
	if string(value) == "null" {
		return "", true
	}
	if value[0] != '"' {
		return "", false
	}
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), true
	}
	err := json.Unmarshal(value, &decoded)
	return decoded, err == nil
}

// The functions below return the index behind what they skip. They rely on valid JSON, in which brackets match and
// strings end.

func skipSpace(data []byte, i int) int {
	for data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t' {
		i++
	}
	return i
}

func skipString(data []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(data[i:], '"')
		// A quotation mark after an odd number of backslashes belongs to the string.
		backslashes := 0
		for data[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i + 1
		}
	}
}

func skipValue(data []byte, i int) int {
	depth := 0
	for {
		switch data[i] {
		case '"':
			i = skipString(data, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\r', '\t':
			i++
			continue // none of them ends a value, and none begins one
		default:
			i = skipLiteral(data, i)
		}
		if depth == 0 {
			return i
		}
	}
}

// skipLiteral skips a number, true, false or null.
func skipLiteral(data []byte, i int) int {
	end := bytes.IndexAny(data[i:], ",]} \n\r\t")
	if end < 0 {
		return len(data)
	}
	return i + end
}
