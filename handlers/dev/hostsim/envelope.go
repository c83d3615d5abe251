package hostsim

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// envelope is what the handler gets.
type envelope struct {
	Data     map[string]any
	Metadata map[string]any
}

func (e envelope) encode() ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(e)
	if err != nil {
		return nil, fmt.Errorf("writing the envelope: %w", err)
	}
	return buffer.Bytes(), nil
}

// httpRequest is the trigger value of an HTTP function
// (HttpRequestExtensions.GetRequestAsJObject).
type httpRequest struct {
	URL        string `json:"Url"`
	Method     string
	Query      map[string]string
	Headers    map[string][]string
	Params     map[string]any
	Identities []any
	Body       *string `json:",omitempty"` // absent without a Content-Length, or if that is 0
}

// anonymous is the .NET ClaimsIdentity of an anonymous request.
var anonymous = map[string]any{
	"AuthenticationType": nil, "IsAuthenticated": false, "Actor": nil, "BootstrapContext": nil, "Claims": []any{}, "Label": nil, "Name": nil,
	"NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
	"RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
}

// httpEnvelope returns the envelope of an HTTP request. The body is passed on only if the request
// has a Content-Length.
func httpEnvelope(f *function, r *http.Request, params map[string]any, body []byte, now time.Time) envelope {
	address := "http://" + r.Host + encodePath(decodePath(r.URL.EscapedPath()))
	if r.URL.RawQuery != "" {
		address += "?" + r.URL.RawQuery
	}
	query := readQuery(r.URL.RawQuery)
	headers := map[string][]string(r.Header.Clone())
	headers["Host"] = []string{r.Host}
	request := httpRequest{
		URL:        address,
		Method:     r.Method,
		Query:      query,
		Headers:    headers,
		Params:     params,
		Identities: []any{anonymous},
	}
	metadata := newMetadata(f.name, now)
	if r.ContentLength > 0 {
		// net/http removes Content-Length and Transfer-Encoding from the header.
		headers["Content-Length"] = []string{fmt.Sprint(r.ContentLength)}
		text := ""
		if isBinary(r.Header.Get("Content-Type")) {
			text = base64.StdEncoding.EncodeToString(body)
		} else {
			text = decodeText(body)
			metadata.spill(text)
		}
		request.Body = &text
	}
	if len(r.TransferEncoding) > 0 {
		headers["Transfer-Encoding"] = r.TransferEncoding
	}
	for name, value := range query {
		// "code" is a function key.
		if !strings.EqualFold(name, "code") {
			metadata.set(name, value)
		}
	}
	for name, value := range params {
		metadata.set(name, value)
	}
	joined := map[string]string{}
	for name, values := range headers {
		joined[name] = strings.Join(values, ",")
	}
	metadata.set("Query", query)
	metadata.set("Headers", joined)
	return envelope{Data: map[string]any{f.trigger.name: request}, Metadata: metadata.values}
}

// queueMessage is a message that was received from a queue.
type queueMessage struct {
	id, popReceipt, text       string
	dequeueCount               int64
	inserted, expires, visible time.Time
	body                       []byte // decoded
}

// queueEnvelope returns the envelope of a queue message. It fails for a body of invalid UTF-8
// unless the trigger is binary.
func queueEnvelope(f *function, m queueMessage, now time.Time) (envelope, error) {
	metadata := newMetadata(f.name, now)
	metadata.set("Id", m.id)
	metadata.set("PopReceipt", m.popReceipt)
	metadata.set("DequeueCount", m.dequeueCount)
	metadata.set("InsertionTime", m.inserted)
	metadata.set("ExpirationTime", m.expires)
	metadata.set("NextVisibleTime", m.visible)
	var data any
	if f.trigger.binary {
		data = base64.StdEncoding.EncodeToString(m.body)
	} else {
		text := string(m.body)
		if !utf8.Valid(m.body) {
			return envelope{}, fmt.Errorf("the message is not UTF-8: declare the trigger's dataType as binary")
		}
		// The properties of a JSON message overwrite those of the queue.
		metadata.spill(text)
		data = contextValue(text)
	}
	return envelope{Data: map[string]any{f.trigger.name: data}, Metadata: metadata.values}, nil
}

// timerStatus is the last and next run of a timer. It is zero before the first run.
type timerStatus struct {
	Last, Next, LastUpdated time.Time
}

// timerEnvelope returns the envelope of a timer's tick.
func timerEnvelope(f *function, status timerStatus, pastDue bool, now time.Time) envelope {
	var written any
	if !status.Last.IsZero() {
		written = map[string]any{
			"Last":        status.Last.Format(time.RFC3339Nano),
			"Next":        status.Next.Format(time.RFC3339Nano),
			"LastUpdated": status.LastUpdated.Format(time.RFC3339Nano),
		}
	}
	timer := map[string]any{
		"Schedule":       map[string]any{"AdjustForDST": true},
		"ScheduleStatus": written,
		"IsPastDue":      pastDue,
	}
	return envelope{Data: map[string]any{f.trigger.name: timer}, Metadata: newMetadata(f.name, now).values}
}

// metadata is the binding data of an invocation. It ignores the case of names.
type metadata struct {
	values map[string]any
	names  map[string]string // the name in values, by lower-case name
}

// ticks is .NET's round-trip format, in units of 100 ns.
const ticks = "2006-01-02T15:04:05.0000000Z"

func newMetadata(function string, now time.Time) *metadata {
	m := &metadata{values: map[string]any{}, names: map[string]string{}}
	m.set("sys", map[string]any{
		"MethodName": function,
		"UtcNow":     now.UTC().Format(ticks),
		"RandGuid":   newGUID(),
	})
	return m
}

// set sets a value. Like the host it ignores null, and names that end in "trigger".
func (m *metadata) set(name string, value any) {
	lower := strings.ToLower(name)
	if value == nil || strings.HasSuffix(lower, "trigger") {
		return
	}
	known, exists := m.names[lower]
	if exists {
		name = known
	}
	m.names[lower] = name
	m.values[name] = contextValue(value)
}

// spill sets the properties of a JSON object, except arrays (Utility.ApplyBindingData).
func (m *metadata) spill(text string) {
	var object map[string]json.RawMessage
	if !strings.HasPrefix(strings.TrimSpace(text), "{") || json.Unmarshal([]byte(text), &object) != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		raw := object[name]
		if raw[0] == '[' {
			continue
		}
		var value any
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		err := decoder.Decode(&value)
		if err == nil {
			m.set(name, value)
		}
	}
}

// contextValue converts a value for Metadata (GetHttpScriptInvocationContextValue): objects stay,
// times are cut to the second, and everything else becomes a string of JSON, so a string is
// encoded twice.
func contextValue(value any) any {
	switch value := value.(type) {
	case map[string]any, map[string]string:
		return value
	case time.Time:
		return value.UTC().Format("2006-01-02T15:04:05+00:00")
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	if err != nil {
		// Strings, numbers and booleans always encode.
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(buffer.String(), "\n")
}

// readQuery reads a query as ASP.NET does: it refuses nothing, ignores the case of names, and
// joins repeated values with commas.
func readQuery(raw string) map[string]string {
	query := map[string]string{}
	names := map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescape(name), unescape(value)
		lower := strings.ToLower(name)
		known, exists := names[lower]
		if exists {
			query[known] += "," + value
			continue
		}
		names[lower] = name
		query[name] = value
	}
	return query
}

// unescape decodes the percent-encoding of a query and keeps invalid escapes.
func unescape(text string) string {
	text = strings.ReplaceAll(text, "+", " ")
	if !strings.Contains(text, "%") {
		return text
	}
	var decoded strings.Builder
	for i := 0; i < len(text); i++ {
		if isEscape(text[i:]) {
			plain, _ := url.PathUnescape(text[i : i+3]) // it is an escape
			decoded.WriteString(plain)
			i += 2
			continue
		}
		decoded.WriteByte(text[i])
	}
	return decoded.String()
}

// isBinary reports whether a body of this content type is passed in base64.
func isBinary(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType, _, _ = strings.Cut(strings.ToLower(contentType), ";")
	}
	mediaType = strings.TrimSpace(mediaType)
	return mediaType == "application/octet-stream" || strings.HasPrefix(mediaType, "multipart/")
}

// decodeText reads text as .NET's StreamReader does: as UTF-8, or as UTF-16 after a byte order
// mark. Invalid bytes become U+FFFD.
func decodeText(body []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(body, []byte{0xEF, 0xBB, 0xBF}):
		body = body[3:]
	case bytes.HasPrefix(body, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	case bytes.HasPrefix(body, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	}
	if order == nil {
		return string([]rune(string(body)))
	}
	var units []uint16
	for body = body[2:]; len(body) >= 2; body = body[2:] {
		units = append(units, order.Uint16(body))
	}
	return string(utf16.Decode(units))
}

// newGUID returns a random (version 4) GUID.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
