package branding

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"guestlist/handlers/i18n"
	"guestlist/handlers/submission"
)

// Style is how the pages present the inviting organisation.
type Style struct {
	Organisation string // its name, as partners read it; required
	Accent       Accent // required
	Logo         Logo
	Contact      Contact
	PrivacyURL   string // https, or empty
	Terms        Terms
	Intro        Intro
}

// Terms are the terms of use that partners must accept; the zero value is none.
type Terms struct {
	URL     string // https
	Version string // see submission.ValidTerms
}

// IsLink reports whether text is an https address without a user.
func IsLink(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// Contact is where partners can ask; the zero value is nowhere.
type Contact struct {
	Name string // what a link to it reads
	URL  string // mailto or https
}

// ParseContact reads an e-mail address or an https address; empty is none.
func ParseContact(text string) (Contact, error) {
	if text == "" {
		return Contact{}, nil
	}
	if IsLink(text) {
		return Contact{strings.TrimPrefix(text, "https://"), text}, nil
	}
	address, err := submission.ParseAddress(text)
	if err != nil {
		return Contact{}, errors.New("must be one e-mail address, or an https address")
	}
	return Contact{address.String(), "mailto:" + address.String()}, nil
}

// maxIntro is the longest introduction, in characters.
const maxIntro = 600

// Intro is the introduction of the form, by the tag of a language, or under "" for all others.
type Intro map[string]string

// ParseIntro reads a text for all languages, or a JSON object of texts by language; empty is none.
func ParseIntro(text string) (Intro, error) {
	if text == "" {
		return nil, nil
	}
	intro := Intro{}
	if !strings.HasPrefix(text, "{") {
		intro[""] = text
	} else {
		err := json.Unmarshal([]byte(text), &intro)
		if err != nil {
			return nil, errors.New(`is not a text, nor a JSON object of texts by language such as {"en": "Welcome.", "de": "Willkommen."}`)
		}
	}
	var offered []string
	for _, l := range i18n.Languages() {
		offered = append(offered, l.Tag)
	}
	for tag, words := range intro {
		switch {
		case tag != "" && !slices.Contains(offered, tag):
			return nil, fmt.Errorf("has a language that the pages do not have; they have %s", strings.Join(offered, ", "))
		case strings.TrimSpace(words) == "" || utf8.RuneCountInString(words) > maxIntro:
			return nil, fmt.Errorf("has an empty text, or one of more than %d characters", maxIntro)
		case strings.ContainsFunc(words, unicode.IsControl):
			return nil, errors.New("has a control character or a line break; it is shown as one paragraph")
		}
	}
	return intro, nil
}

// In returns the introduction in the language, or "" for ours.
func (i Intro) In(tag string) string {
	text, given := i[tag]
	if !given {
		return i[""]
	}
	return text
}

// maxLogo is the largest logo in the page itself, in bytes of its data: address. It is sent with
// each page, and a page has at most 40 KB.
const maxLogo = 3 << 10

// Logo is the organisation's logo; the zero value is none.
type Logo struct {
	// URL is a data: address that holds the image, or a path on the pages' own origin.
	URL string
	// Source is what a Content-Security-Policy must allow for it: "data:" or "'self'".
	Source string
}

// ParseLogo reads a data: address of an SVG, PNG, JPEG or WebP image in base64, or a path on the
// pages' own origin such as /logo.svg, which a proxy before the form must answer. Empty is none.
// The pages ask no other host for anything.
func ParseLogo(text string) (Logo, error) {
	if text == "" {
		return Logo{}, nil
	}
	if strings.HasPrefix(text, "/") {
		u, err := url.Parse(text)
		if err != nil || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "\\ \"'<>") ||
			strings.HasPrefix(u.Path, "/signup") {
			return Logo{}, errors.New("must be a path on the pages' own origin such as /logo.svg, without query, and not below /signup")
		}
		return Logo{text, "'self'"}, nil
	}
	const advice = "must be a path on the pages' own origin such as /logo.svg, or a data: address of an SVG, PNG, JPEG or WebP image in base64"
	rest, isData := strings.CutPrefix(text, "data:")
	media, encoded, isBase64 := strings.Cut(rest, ";base64,")
	if !isData || !isBase64 {
		return Logo{}, errors.New(advice)
	}
	if len(text) > maxLogo {
		return Logo{}, fmt.Errorf("has %d bytes, and at most %d go into a page; simplify the image, or give a path on the pages' own origin", len(text), maxLogo)
	}
	image, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Logo{}, errors.New("is not in base64 after the comma")
	}
	isOfType, known := images[media]
	if !known {
		return Logo{}, errors.New(advice)
	}
	if !isOfType(image) {
		return Logo{}, fmt.Errorf("says that it is %s, and its content is something else", media)
	}
	return Logo{text, "data:"}, nil
}

// images has, by media type, whether content is of that type.
var images = map[string]func([]byte) bool{
	"image/png":  func(b []byte) bool { return bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) },
	"image/jpeg": func(b []byte) bool { return bytes.HasPrefix(b, []byte("\xff\xd8\xff")) },
	"image/webp": func(b []byte) bool {
		return len(b) > 12 && bytes.HasPrefix(b, []byte("RIFF")) && string(b[8:12]) == "WEBP"
	},
	"image/svg+xml": isSVG,
}

// isSVG reports whether the content is one well-formed SVG element. Its content does not matter:
// in an <img>, browsers run no scripts of an SVG and load nothing for it.
func isSVG(content []byte) bool {
	decoder := xml.NewDecoder(bytes.NewReader(content))
	root := ""
	for {
		token, err := decoder.Token()
		if err != nil {
			return root == "svg" && err == io.EOF
		}
		if start, isStart := token.(xml.StartElement); isStart && root == "" {
			root = start.Name.Local
		}
	}
}
