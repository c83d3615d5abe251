package mail

import "strings"

// block is a part of a mail. Its fields are shown in their order; most blocks have one or two.
type block struct {
	Heading string
	Label   string // of a code
	Text    string // a paragraph
	Quote   []string
	Code    string
	Details details
	Link    link
	Button  bool // whether the link is what the mail is for
	Quiet   bool // whether the block is set apart, below the others
}

type link struct{ Text, URL string }

type details []detail

type detail struct {
	Label, Value string
	Direction    string // of a value that is isolated; empty if it runs as the rest does
}

// maxLine is the longest line of a mail's text, in octets: RFC 5322 allows 998.
const maxLine = 900

// text returns the mail as plain text.
func (l *letter) text() string {
	parts := []string{l.Say(l.name + ".title")}
	for _, b := range l.blocks {
		parts = append(parts, l.textOf(b)...)
	}
	parts = append(parts, "-- \n"+l.organisation)
	for _, b := range l.after {
		parts = append(parts, l.textOf(b)...)
	}
	return strings.Join(parts, "\n\n") + "\n"
}

// textOf returns the paragraphs of a block.
func (l *letter) textOf(b block) (parts []string) {
	switch {
	case b.Code != "":
		parts = append(parts, l.label(b.Label)+"\n\n    "+l.leftToRight(b.Code))
	case len(b.Quote) > 0:
		parts = append(parts, l.label(b.Heading)+"\n\n"+quoted(b.Quote))
	case len(b.Details) > 0:
		var rows []string
		for _, d := range b.Details {
			value := d.Value
			if d.Direction == leftToRight {
				value = l.leftToRight(value)
			}
			rows = append(rows, l.label(d.Label)+" "+value)
		}
		parts = append(parts, strings.Join(rows, "\n"))
	case b.Heading != "":
		parts = append(parts, b.Heading+"\n"+broken(b.Text))
	case b.Text != "":
		parts = append(parts, broken(b.Text))
	}
	switch {
	case b.Link.URL == "":
	case b.Link == l.contact: // its text is the address
		parts[len(parts)-1] += "\n" + l.leftToRight(b.Link.URL)
	default:
		parts = append(parts, l.label(b.Link.Text)+"\n"+l.leftToRight(b.Link.URL))
	}
	return parts
}

// quoted returns lines as mails quote them.
func quoted(lines []string) string {
	var all []string
	for _, line := range lines {
		for _, piece := range pieces(line, maxLine) {
			all = append(all, strings.TrimRight("> "+piece, " "))
		}
	}
	return strings.Join(all, "\n")
}

// broken returns a paragraph without lines that are too long for a mail. Clients break the others.
func broken(text string) string { return strings.Join(pieces(text, maxLine), "\n") }

// label returns the text with a colon, as the language writes it.
func (l *letter) label(text string) string { return l.With("mail.label", "Label", text) }

// leftToRight returns an address or a code so that it reads from left to right. A space keeps
// clients that look for addresses from taking the mark behind it for a part.
func (l *letter) leftToRight(text string) string {
	if !l.RightToLeft {
		return text
	}
	return isolateLeftToRight + text + " " + endIsolate
}

// pieces returns the text in pieces of at most most octets, cut at spaces where there are any.
func pieces(text string, most int) []string {
	var all []string
	for len(text) > most {
		cut := strings.LastIndexByte(text[:most], ' ') + 1
		if cut == 0 {
			for cut = most; text[cut]&0xc0 == 0x80; cut-- { // not inside a character
			}
		}
		all = append(all, text[:cut])
		text = text[cut:]
	}
	return append(all, text)
}
