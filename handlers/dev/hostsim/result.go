package hostsim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// result is the handler's answer. Errors about it quote nothing of it, because it contains
// personal data.
type result struct {
	outputs map[string]json.RawMessage // nil if the answer had none; names as the handler wrote them
	logs    []string
}

// errNull is an answer with no body or with null. The host does not complete the invocation then,
// and waits for the timeout.
var errNull = errors.New("the answer is empty or null: the host waits for the timeout")

// readResult reads the handler's answer by the host's rules (GetHttpScriptInvocationResult).
func readResult(status int, contentType string, body []byte) (result, error) {
	if status < 200 || status > 299 {
		return result{}, fmt.Errorf("the handler answered with status %d", status)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return result{}, errNull
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != "application/json" && mediaType != "text/json" {
		return result{}, fmt.Errorf("the handler answered with content type %q, not application/json", contentType)
	}
	if bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		return result{}, errNull
	}
	// Like Newtonsoft, encoding/json ignores the case of these names. The names in Outputs are
	// case-sensitive.
	var answer struct {
		Outputs     map[string]json.RawMessage
		Logs        []any
		ReturnValue json.RawMessage
	}
	err = json.NewDecoder(bytes.NewReader(body)).Decode(&answer)
	if err != nil {
		return result{}, fmt.Errorf("the handler's answer is not what it must be: %w", withoutInput(err))
	}
	r := result{outputs: answer.Outputs}
	for _, line := range answer.Logs {
		switch line := line.(type) {
		case map[string]any, []any:
			return result{}, errors.New("the handler's answer is not what it must be: Logs holds strings only")
		case nil:
		default:
			r.logs = append(r.logs, fmt.Sprint(line))
		}
	}
	// Without a $return binding an object in ReturnValue overrides the outputs.
	var returned map[string]json.RawMessage
	if bytes.HasPrefix(bytes.TrimSpace(answer.ReturnValue), []byte("{")) {
		err := json.Unmarshal(answer.ReturnValue, &returned)
		if err != nil {
			return result{}, errors.New("the handler's answer is not what it must be: ReturnValue can't be read")
		}
		if r.outputs == nil {
			r.outputs = map[string]json.RawMessage{}
		}
		maps.Copy(r.outputs, returned)
	}
	return r, nil
}

// withoutInput returns where decoding failed, without quoting the input.
func withoutInput(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("invalid JSON at byte %d", syntax.Offset)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("a %s is not allowed at byte %d", kind.Value, kind.Offset)
	}
	return errors.New("invalid JSON")
}

// httpResponse is what the caller of an HTTP function gets.
type httpResponse struct {
	status int
	header http.Header
	body   []byte
}

const plainText = "text/plain; charset=utf-8"

// httpResponse returns the response that the http output of that name means
// (GetHttpOutputBindingResponse, HttpBinding.cs).
func (r result) httpResponse(name string) (httpResponse, error) {
	response := httpResponse{status: http.StatusOK, header: http.Header{}}
	if r.outputs == nil {
		return response, nil
	}
	raw, exists := r.outputs[name]
	if !exists {
		response.header.Set("Content-Type", plainText)
		response.body = []byte("{}")
		return response, nil
	}
	// The output may be a string that holds the object.
	var text string
	if json.Unmarshal(raw, &text) == nil && text != "" {
		raw = json.RawMessage(text)
	}
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return response, fmt.Errorf("output %s is neither an object nor a string that contains one", name)
	}
	// The host ignores "status".
	var output struct {
		StatusCode json.RawMessage
		Body       json.RawMessage
		Headers    map[string]json.RawMessage
	}
	err := json.Unmarshal(raw, &output)
	if err != nil {
		return response, fmt.Errorf("output %s: %w", name, withoutInput(err))
	}
	response.status, err = readStatus(output.StatusCode)
	if err != nil {
		return response, fmt.Errorf("output %s: %w", name, err)
	}
	response.body, err = scalar(output.Body)
	if err != nil {
		return response, fmt.Errorf("output %s: body: %w", name, err)
	}
	response.header.Set("Content-Type", plainText)
	for header, raw := range output.Headers {
		if isNull(raw) {
			return response, fmt.Errorf("output %s: a header is null", name)
		}
		value, err := scalar(raw)
		if err != nil || !httpguts.ValidHeaderFieldName(header) || !httpguts.ValidHeaderFieldValue(string(value)) {
			return response, fmt.Errorf("output %s: a header has an invalid name or value", name)
		}
		if strings.EqualFold(header, "Content-Type") {
			value, err = contentType(string(value))
			if err != nil {
				return response, fmt.Errorf("output %s: %w", name, err)
			}
		}
		response.header.Set(header, string(value))
	}
	return response, nil
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

func readStatus(raw json.RawMessage) (int, error) {
	if isNull(raw) {
		return http.StatusOK, nil
	}
	status, err := strconv.Atoi(strings.Trim(string(raw), `"`))
	if err != nil || status < 100 || status > 999 {
		return 0, errors.New("statusCode is not an HTTP status")
	}
	return status, nil
}

// charset matches the parameter of a content type.
var charset = regexp.MustCompile(`(?i);\s*charset\s*=[^;]*`)

// contentType returns the content type of a response. Its body is text, so the host's formatter
// gives it a charset, whatever the type is (TextOutputFormatter of dotnet/aspnetcore).
func contentType(value string) ([]byte, error) {
	mediaType, parameters, err := mime.ParseMediaType(value)
	if err != nil || !strings.Contains(mediaType, "/") {
		return nil, errors.New("the content type is invalid")
	}
	switch strings.ToLower(parameters["charset"]) {
	case "utf-8":
		return []byte(value), nil
	case "utf-16":
		return nil, errors.New("the content type asks for UTF-16, which is not supported here")
	}
	return []byte(charset.ReplaceAllString(value, "") + "; charset=utf-8"), nil
}

// scalar returns a value as .NET's ToString writes it: a string verbatim, null as nothing,
// objects and arrays as indented JSON.
func scalar(raw json.RawMessage) ([]byte, error) {
	if isNull(raw) {
		return nil, nil
	}
	switch raw[0] {
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		if err != nil {
			return nil, withoutInput(err)
		}
		return []byte(text), nil
	case 't':
		return []byte("True"), nil
	case 'f':
		return []byte("False"), nil
	}
	return reformat(raw)
}

// queueMessages returns the messages of a queue output (FunctionBinding.ReadAsEnumerable,
// BindAsyncCollectorAsync).
func queueMessages(raw json.RawMessage, binaryOutput bool) ([][]byte, error) {
	if isNull(raw) {
		return nil, nil
	}
	if raw[0] == '[' {
		return elements(raw)
	}
	var text string
	if raw[0] != '"' {
		return one(scalar(raw))
	}
	err := json.Unmarshal(raw, &text)
	if err != nil {
		return nil, withoutInput(err)
	}
	// A string that is valid base64 is decoded. .NET skips white space in it.
	if !binaryOutput {
		decoded, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(text))
		if err == nil {
			return [][]byte{decoded}, nil
		}
	}
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(trimmed, "[") && strings.HasSuffix(trimmed, "]"):
		return elements(json.RawMessage(trimmed))
	case strings.HasPrefix(trimmed, "{") && strings.HasSuffix(trimmed, "}"):
		return one(reformat(json.RawMessage(trimmed)))
	}
	return [][]byte{[]byte(text)}, nil
}

func one(message []byte, err error) ([][]byte, error) {
	if err != nil {
		return nil, err
	}
	return [][]byte{message}, nil
}

// elements returns one message for each element of an array. Strings are not decoded from base64.
func elements(raw json.RawMessage) ([][]byte, error) {
	var values []json.RawMessage
	err := json.Unmarshal(raw, &values)
	if err != nil {
		return nil, withoutInput(err)
	}
	var messages [][]byte
	for _, value := range values {
		if isNull(value) {
			continue
		}
		message, err := scalar(value)
		if err != nil {
			return nil, err
		}
		messages = append(messages, message)
	}
	return messages, nil
}
