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

// HTTP registers the handler of an HTTP-triggered function, with the input binding "req" and the output binding "res".
// It panics if the name is no function name or taken.
//
// The handler sees the request as the host received it, with its route parameters as path values: r.URL has path and
// query as a server has them, r.Host the host name that the client used. RemoteAddr is empty, because the host does not
// tell; X-Forwarded-For is what the client and the proxies before the host say. The body is text: bytes that are no
// UTF-8 have been replaced, except in application/octet-stream and multipart/*. A body without Content-Length is lost
// in the host.
//
// The answer must be text in UTF-8, with header values in printable ASCII; anything else cannot pass, is logged, and
// becomes a 500. Only one Set-Cookie passes; the first is kept and the rest is logged as an error. The host sees the
// answer after the handler returned, with the queue messages that it enqueued, and sends both at the same time: if it
// fails to enqueue, the client gets a 500. So a 2xx means that the message is safe. With a 5xx nothing is enqueued.
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
		w := &recorder{header: make(http.Header, usualHeaders), noBody: r.Method == http.MethodHead}
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
	// The client sent it and can send less, so this is an answer and no failed invocation.
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

// answered ends an invocation of an HTTP function. A client that gets a 5xx tries again, so nothing
// may be on the queue then.
func (a *App) answered(ctx context.Context, call *invocation, result *httpResult, err error) outcome {
	messages := call.end()
	if result.Status >= http.StatusInternalServerError && len(messages) > 0 {
		a.log.LogAttrs(ctx, slog.LevelError, "queue messages dropped, because the answer is a server error",
			slog.Int("outputs", len(messages)))
		messages = nil
	}
	return outcome{code: http.StatusOK, body: response{outputs{result, messages}}, status: result.Status, err: err}
}

// failurePage is the answer in place of one that the handler could not give, as RFC 9457 problem details.
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
		// The host leaves a content type that it can't parse as text, and we may see it differently: then the text is
		// the body.
		raw, err := base64.StdEncoding.DecodeString(body)
		if err == nil {
			body = string(raw)
		}
	}
	// As in net/http, Host has moved to the field. The lengths spoke of the bytes before the host decoded them.
	header.Del("Host")
	header.Del("Content-Length")
	header.Del("Transfer-Encoding")

	r := new(http.Request).WithContext(ctx)
	r.Method = in.Method
	r.URL = address
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.Header = header
	r.Body = http.NoBody
	r.ContentLength = int64(len(body))
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

// splitURL returns the path and query of an absolute address, and its host. The host composes it from an escaped path
// and the query as the client sent it, so there is no address that it refuses: what doesn't unescape is taken
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

// bodyIsBase64 reports whether the host passes a body of the content type as base64 instead of text:
// application/octet-stream, and whatever has "multipart/" in its media type (azure-functions-host,
// IsMediaTypeOctetOrMultipart).
func bodyIsBase64(header string) bool {
	media, _, _ := strings.Cut(header, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "application/octet-stream" || strings.Contains(media, "multipart/")
}

// recorder is the http.ResponseWriter of an HTTP function. It behaves as the one of net/http does, as
// far as that can pass the host.
type recorder struct {
	header http.Header
	status int
	sent   headerLines // the header as it was at WriteHeader, without what is the host's business
	extra  int         // cookies beyond the first
	body   strings.Builder
	noBody bool // a HEAD request: what is written is dropped
}

// Header returns the header. Changes after WriteHeader have no effect.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader keeps the first final status. Informational ones can't pass the host. Like net/http it
// panics on an invalid status.
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
	keep, err := w.begin()
	if err != nil {
		return 0, err
	}
	if keep {
		w.body.Write(data)
	}
	return len(data), nil
}

// WriteString adds to the body.
func (w *recorder) WriteString(text string) (int, error) {
	keep, err := w.begin()
	if err != nil {
		return 0, err
	}
	if keep {
		w.body.WriteString(text)
	}
	return len(text), nil
}

// begin sends the header if need be, and tells whether what is written belongs to the answer.
func (w *recorder) begin() (keep bool, err error) {
	w.WriteHeader(http.StatusOK)
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return false, http.ErrBodyNotAllowed
	}
	return !w.noBody, nil
}

// hopByHop are headers that speak of a connection or of framing, which are the host's business.
var hopByHop = map[string]bool{
	"Connection": true, "Content-Length": true, "Keep-Alive": true, "Proxy-Connection": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true,
}

// result returns the recorded answer, or an error if it can't pass the host.
func (w *recorder) result() (*httpResult, error) {
	w.WriteHeader(http.StatusOK)
	result := &httpResult{w.status, w.sent, w.body.String()}
	if !utf8.ValidString(result.Body) {
		return nil, problem.New(problem.Internal, "the answer's body is not UTF-8 text, and the host passes nothing else")
	}
	typed := false
	for i, h := range result.Headers {
		switch {
		case !httpguts.ValidHeaderFieldName(h.name):
			return nil, problem.New(problem.Internal, "the answer has a header with an invalid name")
		case !printableASCII(h.value):
			// The host's server refuses them too, and then the client would learn less.
			return nil, problem.New(problem.Internal, "the answer's header %s has characters other than printable ASCII", h.name)
		case i > 0 && result.Headers[i-1].name == h.name:
			return nil, problem.New(problem.Internal, "the answer has the header %s in two spellings", h.name)
		}
		typed = typed || h.name == contentType && h.value != ""
	}
	if result.Body != "" && !typed {
		// As net/http does. The host would say text/plain of any page.
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
