// Package rest is what the services of Azure have in common over HTTP: their addresses, string
// literals of OData, Retry-After, which words of a service may be repeated in a log, and why there
// is no answer.
//
// It must not know any service. It imports nothing of this module.
package rest

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// String returns text as a string literal of an OData expression. Without the doubled quotes a
// text could end the literal and go on as an expression of its own.
func String(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// Base returns scheme and host of a service, which the text must be. A token needs https. Without a
// credential only a loopback address is accepted, so that a forgotten credential can't send
// addresses over the network. The errors name the example.
func Base(text string, credential bool, example string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("it is not a URL")
	}
	switch {
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("it has no host; give scheme and host, for example " + example)
	case u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery ||
		u.Fragment != "":
		return nil, errors.New("give scheme and host only, for example " + example)
	case credential && u.Scheme != "https":
		return nil, errors.New("with a credential it must be https")
	case !credential && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("without a credential it must be http on a loopback address, " +
			"for example http://127.0.0.1:8080")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

func loopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// maxRetryAfter bounds how long a server can make a caller wait.
const maxRetryAfter = 24 * time.Hour

// RetryAfter reads the header Retry-After, seconds or a date, as a duration between 0 and 24
// hours. It is 0 where the header is missing or can't be read.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		// Bounded before multiplying, which could overflow.
		seconds = min(max(0, seconds), int64(maxRetryAfter/time.Second))
		return time.Duration(seconds) * time.Second
	}
	if errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(text, "-") {
		return maxRetryAfter
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(0, date.Sub(now)), maxRetryAfter)
}

// identifier is what an error code or a request id looks like. The length is checked separately:
// a counted repetition takes long to compile, at every start of the program.
var identifier = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

const maxIdentifier = 64

// Identifier returns a service's error code or request id if it looks like one, else "": other
// text of a service may hold personal data and is not repeated.
func Identifier(text string) string {
	if len(text) > maxIdentifier || !identifier.MatchString(text) {
		return ""
	}
	return text
}

// Fault says why a call got no answer, without the text of err, which can hold the URL.
func Fault(err error) string {
	var dns *net.DNSError
	var errno syscall.Errno
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var network net.Error
	switch {
	case errors.As(err, &dns):
		return "the host's name can't be resolved"
	case errors.As(err, &authority), errors.As(err, &hostname):
		return "the host's certificate is not trusted"
	case errors.As(err, &errno):
		return "no connection: " + errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended before the answer did"
	case errors.As(err, &network) && network.Timeout():
		return "the connection timed out"
	default:
		return fmt.Sprintf("no answer that can be read (%T)", innermost(err))
	}
}

// Unreached reports whether a call that got no answer has certainly not come to the server: there
// was no connection to it, or the server was not the right one.
func Unreached(err error) bool {
	var dial *net.OpError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	return errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &authority) || errors.As(err, &hostname)
}

// innermost returns the error at the end of the chain, whose type tells most.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
