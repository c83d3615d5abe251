package functions

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"golang.org/x/net/http/httpguts"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/problemdetails"
)

// The bindings of an HTTP function.
const (
	requestBinding  = "req"
	responseBinding = "res"
)

const contentType = "Content-Type"

// HTTP registers the handler of an HTTP-triggered function, whose bindings are the input "req"
// and the output "res". It panics if the name is invalid or taken.
//
// The handler sees the request as the host received it, with the route parameters as path values.
// r.Host is the host name that the client used. RemoteAddr is empty, because the host does not
// tell it; X-Forwarded-For is what the client and the proxies in front of the host say. The body
// is text: except in application/octet-stream and multipart/*, the host replaces invalid UTF-8.
// The host loses a body without Content-Length.
//
// The response must be UTF-8 text, with header values in printable ASCII. Anything else is logged
// and becomes a 500. Only the first Set-Cookie passes; others are logged as an error. The host
// gets the response and the enqueued messages after the handler has returned, and sends both at
// the same time. If enqueueing fails, the client gets a 500, so a 2xx means that the message is
// safe. With a 5xx nothing is enqueued.
func (a *App) HTTP(name string, h http.Handler) {
	if h == nil {
		panic("functions: " + name + " has no handler")
	}
	f := &function{name: name, outputs: outputRules{reserved: responseBinding}}
	f.run = func(ctx context.Context, call *invocation, envelope []byte) outcome {
		r, err := newRequest(ctx, envelope)
		if err != nil {
			return refusal(problem.CodeOf(err), problem.From(err).Detail)
		}
		w := &recorder{header: make(http.Header, usualHeaders), isHEAD: r.Method == http.MethodHead}
		err = a.protect(ctx, func() error {
			h.ServeHTTP(w, r)
			return nil
		})
		if err != nil {
			return a.answered(ctx, call, failurePage(problem.Internal), err)
		}
		result, err := w.result()
		if err != nil {
			return a.answered(ctx, call, failurePage(problem.Internal), err)
		}
		if w.extra > 0 {
			a.log.LogAttrs(ctx, slog.LevelError, "only one Set-Cookie passes the host; the others are dropped", slog.Int("dropped", w.extra))
		}
		return a.answered(ctx, call, result, nil)
	}
	// The client is at fault, so this is a response and not a failed invocation.
	f.tooLarge = func() outcome {
		page := failurePage(problem.BodyTooLarge)
		return outcome{
			code:   http.StatusOK,
			body:   response{outputs{result: page}},
			status: page.Status,
			err:    problem.New(problem.BodyTooLarge, "the envelope has more than %d bytes", a.maxBody),
		}
	}
	a.register(f)
}

// answered ends an invocation of an HTTP function. A client that gets a 5xx tries again, so
// nothing may be on the queue then.
func (a *App) answered(ctx context.Context, call *invocation, result *httpResult, err error) outcome {
	messages := call.end()
	if result.Status >= http.StatusInternalServerError && len(messages) > 0 {
		a.log.LogAttrs(ctx, slog.LevelError, "queue messages dropped, because the answer is a server error",
			slog.Int("outputs", len(messages)))
		messages = nil
	}
	return outcome{code: http.StatusOK, body: response{outputs{result, messages}}, status: result.Status, err: err}
}

// failurePage is the answer in place of one that the handler could not give, as RFC 9457 problem
// details.
func failurePage(code problem.Code) *httpResult {
	body, _ := json.Marshal(newFailure(code, problemdetails.Status(code), "")) // strings and a number always encode
	return &httpResult{
		Status:  problemdetails.Status(code),
		Headers: headerLines{{"Cache-Control", "no-store"}, {contentType, "application/problem+json"}},
		Body:    string(body),
	}
}

// newRequest rebuilds the client's request. Its errors quote nothing of the envelope.
func newRequest(ctx context.Context, envelope []byte) (*http.Request, error) {
	in, err := readRequest(envelope)
	if err != nil {
		return nil, err
	}
	address, host := splitURL(in.URL)
	header := in.Headers
	if host == "" {
		host = header.Get("Host")
	}
	body := in.Body
	if bodyIsBase64(header.Get(contentType)) {
		// The host may parse the content type differently and pass text. Then the text is the body.
		raw, err := base64.StdEncoding.DecodeString(body)
		if err == nil {
			body = string(raw)
		}
	}
	// As in net/http, Host is a field of the request. The lengths are those before the host decoded
	// the body.
	header.Del("Host")
	header.Del("Content-Length")
	encodings := header.Values("Transfer-Encoding")
	header.Del("Transfer-Encoding")

	r := new(http.Request).WithContext(ctx)
	r.Method = in.Method
	r.URL = address
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.Header = header
	r.Body = http.NoBody
	r.ContentLength = int64(len(body))
	r.TransferEncoding = encodings
	r.Host = host
	r.RequestURI = address.RequestURI()
	if body != "" {
		r.Body = io.NopCloser(strings.NewReader(body))
	}
	for name, value := range in.Params {
		r.SetPathValue(name, unquote(value))
	}
	return r, nil
}

// splitURL returns the path and query of an absolute URL, and its host. It refuses nothing: the
// Functions host composes the URL of what the client sent, and what doesn't unescape is taken
// literally.
func splitURL(raw string) (*url.URL, string) {
	host := ""
	for _, scheme := range []string{"https://", "http://"} {
		rest, found := strings.CutPrefix(raw, scheme)
		if found {
			end := strings.IndexAny(rest, "/?")
			if end < 0 {
				end = len(rest)
			}
			host, raw = rest[:end], rest[end:]
			break
		}
	}
	path, query, _ := strings.Cut(raw, "?")
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	address := &url.URL{Path: path, RawQuery: query}
	unescaped, err := url.PathUnescape(path)
	if err == nil {
		address.Path = unescaped
		if address.EscapedPath() != path {
			address.RawPath = path
		}
	}
	return address, host
}

// bodyIsBase64 reports whether the host passes a body of this content type as base64
// (azure-functions-host, IsMediaTypeOctetOrMultipart).
func bodyIsBase64(header string) bool {
	media, _, _ := strings.Cut(header, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "application/octet-stream" || strings.Contains(media, "multipart/")
}

// recorder is the http.ResponseWriter of an HTTP function. It behaves as the one of net/http
// does, as far as that can pass the host.
type recorder struct {
	header http.Header
	status int
	sent   headerLines // the header at WriteHeader, without what the host sets
	extra  int         // cookies beyond the first
	body   strings.Builder
	isHEAD bool // the response has no body
}

// Header returns the header. Changes after WriteHeader have no effect.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader keeps the first final status. Informational ones can't pass the host. Like net/http
// it panics on an invalid status.
func (w *recorder) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic("functions: WriteHeader with an invalid status")
	}
	if status < 200 || w.status != 0 {
		return
	}
	w.status = status
	w.sent = make(headerLines, 0, len(w.header)+1) // room for a content type
	for name, lines := range w.header {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if len(lines) == 0 || hopByHop[name] || strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		value := lines[0]
		if name == "Set-Cookie" {
			w.extra += len(lines) - 1
		} else if len(lines) > 1 {
			value = strings.Join(lines, ", ")
		}
		w.sent = append(w.sent, headerLine{name, value})
	}
	slices.SortFunc(w.sent, func(a, b headerLine) int { return strings.Compare(a.name, b.name) })
}

// Write adds to the body.
func (w *recorder) Write(data []byte) (int, error) {
	err := w.begin()
	if err != nil {
		return 0, err
	}
	return w.body.Write(data)
}

// WriteString adds to the body.
func (w *recorder) WriteString(text string) (int, error) {
	err := w.begin()
	if err != nil {
		return 0, err
	}
	return w.body.WriteString(text)
}

// begin sends the header unless it is sent, and returns an error if the status allows no body.
func (w *recorder) begin() error {
	w.WriteHeader(http.StatusOK)
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return http.ErrBodyNotAllowed
	}
	return nil
}

// hopByHop are headers of a connection or of framing, which the host sets.
var hopByHop = map[string]bool{
	"Connection": true, "Content-Length": true, "Keep-Alive": true, "Proxy-Connection": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true,
}

// result returns the recorded answer, or an error if it can't pass the host.
func (w *recorder) result() (*httpResult, error) {
	w.WriteHeader(http.StatusOK)
	result := &httpResult{Status: w.status, Headers: w.sent}
	if !w.isHEAD {
		result.Body = w.body.String()
	}
	if !utf8.ValidString(result.Body) {
		return nil, problem.New(problem.Internal, "the answer's body is not UTF-8 text, and the host passes nothing else")
	}
	typed := false
	for i, h := range result.Headers {
		switch {
		case !httpguts.ValidHeaderFieldName(h.name):
			return nil, problem.New(problem.Internal, "the answer has a header with an invalid name")
		case !printableASCII(h.value):
			// The host's server would refuse them too, with a less helpful response.
			return nil, problem.New(problem.Internal, "the answer's header %s has characters other than printable ASCII", h.name)
		case i > 0 && result.Headers[i-1].name == h.name:
			return nil, problem.New(problem.Internal, "the answer has the header %s in two spellings", h.name)
		}
		typed = typed || h.name == contentType && h.value != ""
	}
	if result.Body != "" && !typed {
		// As net/http does. The host's default is text/plain.
		guessed := http.DetectContentType([]byte(result.Body[:min(len(result.Body), 512)]))
		result.Headers = slices.DeleteFunc(result.Headers, func(h headerLine) bool { return h.name == contentType })
		result.Headers = append(result.Headers, headerLine{contentType, guessed})
	}
	return result, nil
}

func printableASCII(text string) bool {
	for _, c := range []byte(text) {
		if (c < ' ' || c > '~') && c != '\t' {
			return false
		}
	}
	return true
}
