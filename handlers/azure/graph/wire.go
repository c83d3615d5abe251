package graph

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	khttp "github.com/microsoft/kiota-http-go"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
)

const (
	// maxAnswerBytes is more than any expected answer: the largest, a page of ten users, has a few
	// kilobytes.
	maxAnswerBytes = 1 << 20

	// leastPressure is the least use of a limit that Graph reports; 1 is all of it.
	// https://learn.microsoft.com/graph/throttling-limits
	leastPressure = 0.8
)

// exchange is what the middleware must know of the call that a request belongs to. It is in the
// request's context.
type exchange struct {
	want       []int                           // the statuses that are a success
	means      func(*answerError) problem.Code // what another answer means
	bare       bool                            // a success has no body
	challenged bool                            // a new token was asked for once
}

type exchangeKey struct{}

// sizedBody sends bodies with a Content-Length. The SDK sets none, and some front ends of Graph
// answer 411 to a chunked body.
type sizedBody struct{}

func (sizedBody) Intercept(pipeline khttp.Pipeline, index int, r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return pipeline.Next(r, index)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the request's body: %w", err)
	}
	r.Body = khttp.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	return pipeline.Next(r, index)
}

// errUnsafe means that a request was about to go to another host, or without a token.
var errUnsafe = errors.New("the request would have gone to another host, or without a token")

// guard checks that a request goes to Graph only, and with a token if there is a credential. The
// SDK sends requests to unknown hosts without a token and without an error.
type guard struct {
	base   *url.URL
	bearer bool
}

func (g guard) Intercept(pipeline khttp.Pipeline, index int, r *http.Request) (*http.Response, error) {
	token, hasToken := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if r.URL.Scheme != g.base.Scheme || r.URL.Host != g.base.Host || hasToken != g.bearer || hasToken && token == "" {
		return nil, errUnsafe
	}
	return pipeline.Next(r, index)
}

// answers passes only successful answers of bounded size that the SDK can read. Every other
// answer becomes an *answerError with its status: the SDK loses the status of an answer that is
// not JSON, returns errors that panic while they are printed, and takes any status below 400 for
// a success.
type answers struct {
	log      *slog.Logger
	now      func() time.Time
	pressure func(float64)
}

// report passes on how much of a limit is used, by a header of Graph.
func (a answers) report(header string) {
	used, err := strconv.ParseFloat(strings.TrimSpace(header), 64)
	if a.pressure != nil && err == nil && used >= leastPressure && !math.IsInf(used, 0) {
		a.pressure(used)
	}
}

func (a answers) Intercept(pipeline khttp.Pipeline, index int, r *http.Request) (*http.Response, error) {
	begun := a.now()
	response, err := pipeline.Next(r, index)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	// The body has been read, so an error while closing does not matter.
	_ = response.Body.Close()
	failure := newAnswer(response, a.now())
	call, known := r.Context().Value(exchangeKey{}).(*exchange)
	if !known {
		call = &exchange{want: []int{http.StatusOK}, means: operation{}.code}
	}
	wanted := slices.Contains(call.want, response.StatusCode)
	level := slog.LevelInfo
	if wanted {
		level = slog.LevelDebug
	}
	a.log.LogAttrs(r.Context(), level, "graph answered",
		slog.String("method", r.Method), slog.String("path", logged(r.URL.Path)), slog.Int("status", response.StatusCode),
		slog.String("requestId", failure.requestID), slog.Float64("duration_ms", float64(a.now().Sub(begun).Microseconds())/1000))
	a.report(response.Header.Get("x-ms-throttle-limit-percentage"))
	switch {
	case err != nil && wanted:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case len(body) > maxAnswerBytes:
		failure.fault = "the answer is too large"
		return nil, failure
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))

	if response.StatusCode == http.StatusUnauthorized && !call.challenged {
		claims := challenge(response.Header.Values("WWW-Authenticate"))
		read := *failure
		read.read(response.Header.Get("Content-Type"), body, err)
		if claims == "" && call.means(&read) == request.DirectoryNoToken {
			claims = newToken(a.now())
		}
		if claims != "" {
			// The SDK gets a new token with these claims and sends the request again. Its parser of
			// the header is lax, so it gets a clean one.
			call.challenged = true
			response.Header.Set("WWW-Authenticate", `Bearer claims="`+claims+`"`)
			return response, nil
		}
	}
	if !wanted {
		failure.read(response.Header.Get("Content-Type"), body, err)
		return nil, failure
	}
	switch {
	case call.bare && len(body) > 0:
		failure.fault = "the answer has a body"
		return nil, failure
	case call.bare, response.StatusCode == http.StatusNoContent:
	case !isJSON(response.Header.Get("Content-Type")) || !isObject(body):
		failure.fault = "the answer is not JSON"
		return nil, failure
	}
	return response, nil
}

// logged returns a path for the log, without addresses.
func logged(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if strings.Contains(segment, "@") {
			segments[i] = removed
		}
	}
	return strings.Join(segments, "/")
}

// newAnswer returns what status and headers say. They count even if the body can't be read.
func newAnswer(response *http.Response, now time.Time) *answerError {
	return &answerError{
		status:     response.StatusCode,
		requestID:  rest.Identifier(response.Header.Get("request-id")),
		retryAfter: rest.RetryAfter(response.Header, now),
	}
}

// read takes code and message from the body of an answer, if it is one of Graph's errors. broken is
// why the body may not be whole.
func (e *answerError) read(contentType string, body []byte, broken error) {
	parts := errorParts(body)
	content, err := graphError(parts)
	if !isJSON(contentType) || err != nil || value(content.GetCode()) == "" && value(content.GetMessage()) == "" {
		e.fault = "the answer is not an error of Graph"
		if broken != nil {
			e.fault = "the answer breaks off"
		}
		return
	}
	e.code = rest.Identifier(value(content.GetCode()))
	if strings.HasPrefix(strings.TrimSpace(value(content.GetMessage())), "<") {
		// Graph passes on what a service behind it, or in between, has answered.
		e.fault = "the words of the error are a page"
		return
	}
	if len(value(content.GetMessage())) <= maxMessage {
		e.message = value(content.GetMessage())
	}
	if e.requestID == "" {
		var id string
		err = json.Unmarshal(members(parts["innerError"])["request-id"], &id)
		if err == nil { // else there is none: a detail can only be absent
			e.requestID = rest.Identifier(id)
		}
	}
}

// errorParts returns the members of the error that a body consists of, nil if it is none. Parts of
// Graph answer in an older form: {"odata.error": …}, with the words in an object. They are returned
// in the present one.
func errorParts(body []byte) map[string]jsontext.Value {
	whole := members(body)
	outer, present := whole["error"]
	if !present {
		outer = whole["odata.error"]
	}
	parts := members(outer)
	if message := parts["message"]; message.Kind() == '{' {
		delete(parts, "message")
		if words := members(message)["value"]; words.Kind() == '"' {
			parts["message"] = words
		}
	}
	return parts
}

// members returns the members of a JSON object, nil if it is none or has a name twice. It does not
// look into them, so that an odd detail makes nothing else unreadable.
func members(object jsontext.Value) map[string]jsontext.Value {
	lax := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	if !object.IsValid(lax...) || object.Kind() != '{' {
		return nil
	}
	all := map[string]jsontext.Value{}
	decoder := jsontext.NewDecoder(bytes.NewReader(object), lax...)
	_, err := decoder.ReadToken()
	for err == nil && decoder.PeekKind() == '"' {
		var name jsontext.Token
		name, err = decoder.ReadToken()
		if err != nil {
			return nil
		}
		text := name.String()
		_, twice := all[text]
		if twice {
			return nil
		}
		var member jsontext.Value
		member, err = decoder.ReadValue()
		all[text] = slices.Clone(member)
	}
	if err != nil {
		return nil
	}
	return all
}

// graphError reads code and message of Graph's error into the SDK's model. Reading all of it would
// fail at one odd date or detail. The Error method of the model panics if there is no message.
func graphError(parts map[string]jsontext.Value) (*odataerrors.MainError, error) {
	body, err := json.Marshal(map[string]jsontext.Value{"code": parts["code"], "message": parts["message"]})
	if err != nil {
		return nil, err
	}
	node, err := jsonserialization.NewJsonParseNode(body)
	if err != nil {
		return nil, err
	}
	content := odataerrors.NewMainError()
	return content, readProperties(node, content, "code", "message")
}

// readProperties reads the named properties of the node with the model's readers.
func readProperties(node serialization.ParseNode, model serialization.Parsable, names ...string) error {
	readers := model.GetFieldDeserializers()
	for _, name := range names {
		property, err := node.GetChildNode(name)
		if err != nil {
			return err
		}
		if property == nil {
			continue
		}
		err = readers[name](property)
		if err != nil {
			return err
		}
	}
	return nil
}

func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

func isObject(body []byte) bool {
	return json.Valid(body) && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
}

var claimsForm = regexp.MustCompile(`(?i)^(?:.*,\s*)?Bearer\s(?:.*[\s,])?claims="([A-Za-z0-9+/_-]+=*)"`)

// challenge returns the claims of a request for a new token (continuous access evaluation) in
// standard base64, "" if there is none. Each line of the header may hold one, in base64 or
// base64url, with or without padding.
func challenge(lines []string) string {
	for _, line := range lines {
		match := claimsForm.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(match[1], "="))
		claims, err := base64.RawStdEncoding.DecodeString(text)
		if err == nil && json.Valid(claims) {
			return base64.StdEncoding.EncodeToString(claims)
		}
	}
	return ""
}

// newToken returns the claims that ask for a token issued from now on. A credential does not answer
// them from its cache.
func newToken(now time.Time) string {
	claims := fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, now.Unix())
	return base64.StdEncoding.EncodeToString([]byte(claims))
}
