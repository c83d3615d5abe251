package mail

import (
	"html"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/bidi"
)

// Unicode's isolates keep a text in one direction whatever is around it.
const (
	isolateLeftToRight = "\u2066"
	isolateByItself    = "\u2068"
	endIsolate         = "\u2069"
)

// isolate returns the text so that its direction does not change what is around it.
func isolate(text string) string { return isolateByItself + text + endIsolate }

// The directions of text, as the attribute dir has them.
const (
	leftToRight = "ltr"
	rightToLeft = "rtl"
)

func direction(isRightToLeft bool) string {
	if isRightToLeft {
		return rightToLeft
	}
	return leftToRight
}

// directionOf returns the direction of the first letter that has one (rule P2 of Unicode's
// bidirectional algorithm).
func directionOf(text string) string {
	for _, r := range text {
		properties, _ := bidi.LookupRune(r)
		switch properties.Class() {
		case bidi.L:
			return leftToRight
		case bidi.R, bidi.AL:
			return rightToLeft
		}
	}
	return leftToRight
}

// maxName is the longest name of an organisation that a mail shows whole, in characters.
const maxName = 100

// oneLine returns a name as one line of visible characters.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return visible(r)
	}, strings.ToValidUTF8(text, ""))), " ")
	if runes := []rune(text); len(runes) > maxName {
		return strings.TrimSpace(string(runes[:maxName])) + "…"
	}
	return text
}

// lines returns a text of several lines as its lines, without empty ones at its ends.
func lines(text string) []string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n", "\v", "\n", "\f", "\n").Replace(text)
	text = strings.ToValidUTF8(text, "")
	var all []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if r == '\t' {
				return ' '
			}
			return visible(r)
		}, line))
		if line == "" && (len(all) == 0 || all[len(all)-1] == "") {
			continue
		}
		all = append(all, line)
	}
	if len(all) > 0 && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// visible returns r, or -1 for what must not be in a mail: controls, marks of direction, and
// characters that can hide text. Joiners stay; scripts and emoji need them.
func visible(r rune) rune {
	switch {
	case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Noncharacter_Code_Point):
		return -1
	case r == '\ufeff', r == '\u00ad', '\ufff9' <= r && r <= '\ufffb', 0xe0000 <= r && r <= 0xe007f:
		return -1
	}
	return r
}

// maxURL is the longest address in a mail, in octets, with & and + as html/template writes them: a
// line of a mail has at most 998.
const maxURL = 950

// webAddress returns an address in ASCII if it is https, or http on this machine.
func webAddress(text string) (address string, valid bool) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Opaque != "" || u.Hostname() == "" {
		return "", false
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return "", false
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil && !isLoopback(u.Hostname()) {
		return "", false
	}
	if err == nil && host != u.Hostname() {
		u.Host = strings.Replace(u.Host, u.Hostname(), host, 1)
	}
	address = u.String()
	for _, c := range []byte(address) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}'", c) >= 0 {
			return "", false
		}
	}
	return address, len(html.EscapeString(address))+strings.Count(address, "+")*len("&#43") <= maxURL
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// hostOf returns the host of an address, or "" if it is not one for a mail.
func hostOf(text string) string {
	address, valid := webAddress(text)
	if !valid {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
