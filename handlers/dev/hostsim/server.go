package hostsim

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The limits of the host's HTTP server, Kestrel, which the host leaves as they are
// (KestrelServerLimits of dotnet/aspnetcore). It answers what is over them without a body.
const (
	maxRequestLine  = 8 << 10  // bytes, with the line end
	maxHeaderBytes  = 32 << 10 // of all headers, with the empty line after them
	maxHeaderFields = 100
)

// overLimit returns the status with which the host refuses the request, 0 if it does not.
func overLimit(r *http.Request) int {
	const space, lineEnd, colon = 1, 2, 2
	if len(r.Method)+space+len(r.RequestURI)+space+len(r.Proto)+lineEnd > maxRequestLine {
		return http.StatusRequestURITooLong
	}
	// net/http takes these three out of the header.
	size, fields := lineEnd+len("Host")+colon+len(r.Host)+lineEnd, 1
	for _, encoding := range r.TransferEncoding {
		size, fields = size+len("Transfer-Encoding")+colon+len(encoding)+lineEnd, fields+1
	}
	for name, values := range r.Header {
		for _, value := range values {
			size, fields = size+len(name)+colon+len(value)+lineEnd, fields+1
		}
	}
	if size > maxHeaderBytes || fields > maxHeaderFields {
		return http.StatusRequestHeaderFieldsTooLarge
	}
	return 0
}

// homePageVariable switches the host's page at "/" off.
const homePageVariable = "AzureWebJobsDisableHomepage"

// serveHomePage answers a request for "/" that no function takes (HomepageMiddleware).
func (h *Host) serveHomePage(w http.ResponseWriter) {
	if h.noHomePage {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte("<!DOCTYPE html><title>Your Functions app is up and running</title>" +
		"<p>The real host shows a page of Microsoft's here, with links to Azure Functions."))
}

// keys are the function keys of the host, of which there are none that anybody knows. The host
// reads them from storage when a request seems to have one, also where the function needs none
// (AuthenticationLevelHandler, SecretManager).
type keys struct {
	read func() error

	mu        sync.Mutex
	cached    bool
	lastReset time.Time
}

// keyReset is the least time between two readings because of an unknown key.
const keyReset = time.Minute

// lookUp looks for the key of a request. Its error makes the request fail.
func (k *keys) lookUp(r *http.Request, now time.Time) error {
	key, given := "", false
	if values := r.Header.Values("X-Functions-Key"); len(values) > 0 {
		key, given = values[0], true
	}
	if !given {
		for name, value := range readQuery(r.URL.RawQuery) {
			if strings.EqualFold(name, "code") {
				key = value
			}
		}
	}
	if key == "" {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cached {
		if now.Sub(k.lastReset) <= keyReset {
			return nil
		}
		k.cached, k.lastReset = false, now
	}
	err := k.read()
	k.cached = err == nil
	return err
}

// decodePath decodes the path of a request line as Kestrel does: an encoded slash and what is not
// UTF-8 stay encoded, and segments of dots are removed.
func decodePath(escaped string) string {
	var decoded strings.Builder
	for i := 0; i < len(escaped); {
		// All escapes in a row, because a character may have several.
		end := i
		for end+2 < len(escaped) && isEscape(escaped[end:]) {
			end += 3
		}
		if end == i {
			decoded.WriteByte(escaped[i])
			i++
			continue
		}
		bytes, _ := url.PathUnescape(escaped[i:end]) // nothing but escapes
		for len(bytes) > 0 {
			char, size := utf8.DecodeRuneInString(bytes)
			if char == utf8.RuneError && size == 1 || char == '/' {
				decoded.WriteString(escaped[i : i+3])
			} else {
				decoded.WriteString(bytes[:size])
			}
			bytes, i = bytes[size:], i+3*size
		}
	}
	return removeDots(decoded.String())
}

func isEscape(text string) bool {
	isHex := func(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }
	return len(text) >= 3 && text[0] == '%' && isHex(text[1]) && isHex(text[2])
}

// removeDots removes the segments "." and "..", and keeps empty ones.
func removeDots(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	var kept []string
	parts := strings.Split(path, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		switch {
		case part == ".." && len(kept) > 1:
			kept = kept[:len(kept)-1]
			fallthrough
		case part == "." || part == "..":
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "/")
}

// encodePath writes a decoded path as .NET's PathString does: what looks like an escape stays.
func encodePath(path string) string {
	const plain = "/-._~!$&'()*+,;=:@"
	var encoded strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		alphanumeric := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if alphanumeric || strings.IndexByte(plain, c) >= 0 || isEscape(path[i:]) {
			encoded.WriteByte(c)
			continue
		}
		const hex = "0123456789ABCDEF"
		encoded.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return encoded.String()
}
