package mail

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"sync"

	"guestlist/handlers/branding"
)

//go:embed mail.html
var files embed.FS

// layout is parsed when it is first used: the start of the app does not wait for it.
var layout = sync.OnceValues(func() (*template.Template, error) {
	return template.New("mail.html").Funcs(template.FuncMap{
		"pieces":  func(text string) []string { return pieces(text, maxPiece) },
		"outlook": func(part string) template.HTML { return outlook[part] },
	}).ParseFS(files, "mail.html")
})

// outlook has what only Outlook for Windows reads, which knows no max-width. The package
// html/template removes comments from templates.
var outlook = map[string]template.HTML{
	"open": `<!--[if mso]><table role="presentation" width="560" align="center" cellpadding="0" ` +
		`cellspacing="0" border="0"><tr><td><![endif]-->`,
	"close": `<!--[if mso]></td></tr></table><![endif]-->`,
}

// maxPiece is the longest piece of a text in a line of HTML, in octets. An octet becomes at most
// five there, as in &#39; for an apostrophe.
const maxPiece = 120

// sheet is what the template writes.
type sheet struct {
	*letter
	Name         string // of the organisation
	Direction    string
	Start        string // left or right: where lines begin
	Font         template.CSS
	LineHeight   string
	Light, Dark  branding.Colour
	Blocks, Foot []block
}

// html returns the mail as HTML.
func (l *letter) html() (string, error) {
	s := sheet{
		letter: l, Name: l.organisation, Direction: direction(l.RightToLeft), Start: "left",
		Font: font(l.Tag), LineHeight: "1.5", Light: l.accent.Light, Dark: l.accent.Dark,
		Blocks: l.blocks, Foot: l.after,
	}
	if l.RightToLeft {
		s.Start, s.LineHeight = "right", "1.7"
	}
	page := new(bytes.Buffer)
	written, err := layout()
	if err == nil {
		err = written.Execute(page, s)
	}
	if err != nil {
		return "", fmt.Errorf("mail: writing the HTML: %w", err)
	}
	return page.String(), nil
}

// font returns the fonts for the script of a language, those of mail clients first. Outlook takes
// the first that it has, and without one Times New Roman.
func font(tag string) template.CSS {
	const rest = "Roboto, Helvetica, Arial, sans-serif"
	switch tag {
	case "ar":
		return "'Segoe UI', Tahoma, " + rest
	case "ja":
		return "'Hiragino Sans', 'Yu Gothic', Meiryo, " + rest
	case "ko":
		return "'Apple SD Gothic Neo', 'Malgun Gothic', " + rest
	case "zh-Hans":
		return "'PingFang SC', 'Microsoft YaHei', " + rest
	}
	return "'Segoe UI', " + rest
}

// Title returns what the mail says first.
func (s sheet) Title() string { return s.Say(s.name + ".title") }

// Subject returns the subject.
func (s sheet) Subject() string { return s.Say(s.name + ".subject") }

// Preheader returns what clients show beside the subject: never the code, which would stand on
// locked screens.
func (s sheet) Preheader() string { return s.Say(s.name + ".preheader") }

// DirectionOf returns the direction of a text of the organisation, which may be in another language
// than the mail.
func (s sheet) DirectionOf(text []string) string {
	for _, line := range text {
		if line != "" {
			return directionOf(line)
		}
	}
	return s.Direction
}

// StartOf returns the side on which text of the direction begins.
func (s sheet) StartOf(direction string) string {
	if direction == rightToLeft {
		return "right"
	}
	return "left"
}
