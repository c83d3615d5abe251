package teams

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

// maxMessage is the size of a message that Teams takes in practice, in bytes. The documented limit
// is 28 KB, with what Teams adds
// (https://learn.microsoft.com/microsoftteams/limits-specifications-teams).
const maxMessage = 21_000

// maxName is the longest name of a policy row on a card, in characters.
const maxName = 120

const cardType = "application/vnd.microsoft.card.adaptive"

// message is what a workflow takes. contentUrl must be there, and null.
type message struct {
	Type        string       `json:"type"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	ContentType string  `json:"contentType"`
	ContentURL  *string `json:"contentUrl"`
	Content     card    `json:"content"`
}

// card is an Adaptive Card with elements that every client of Teams shows.
type card struct {
	Schema  string   `json:"$schema"`
	Type    string   `json:"type"`
	Version string   `json:"version"`
	Body    []any    `json:"body"` // a textBlock and a factSet
	Actions []action `json:"actions"`
	Teams   struct {
		Width string `json:"width"`
	} `json:"msteams"`
}

type textBlock struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Weight string `json:"weight"`
	Wrap   bool   `json:"wrap"`
}

type factSet struct {
	Type  string `json:"type"`
	Facts []fact `json:"facts"`
}

type fact struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

type action struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

func newCard(n request.Notice) card {
	c := card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.2",
		Body: []any{
			textBlock{Type: "TextBlock", Text: sentence(n), Weight: "Bolder", Wrap: true},
			factSet{Type: "FactSet", Facts: facts(n)},
		},
		Actions: []action{{Type: "Action.OpenUrl", Title: "Open", URL: n.Link}},
	}
	c.Teams.Width = "full"
	return c
}

// sentence says what the notice tells.
func sentence(n request.Notice) string {
	switch n.Kind {
	case request.AskedNotice:
		return "A sign-up waits for a decision."
	case request.ReminderNotice:
		return "A sign-up still waits for a decision."
	case request.EscalatedNotice:
		return "A sign-up has waited for days. More people may decide on it now."
	case request.LastDayNotice:
		return "A sign-up ends within a day if nobody decides."
	case request.DecidedNotice:
		return "Somebody has decided on a sign-up. There is nothing left to do here."
	case request.ExpiredNotice:
		return "A sign-up has ended, because nobody decided in time."
	}
	return "This is a test. Guestlist can tell this channel about sign-ups that wait."
}

// facts returns what the card lists. There is always at least one.
func facts(n request.Notice) []fact {
	var all []fact
	if n.Number != "" {
		all = append(all, fact{"Number", string(n.Number)})
	}
	if n.Row != (policy.RowKey{}) {
		all = append(all, fact{"Policy row", row(n.Row)})
	}
	if n.Stages > 1 {
		all = append(all, fact{"Stage", fmt.Sprintf("%d of %d", n.Stage, n.Stages)})
	}
	if !n.Deadline.IsZero() && n.Kind != request.DecidedNotice && n.Kind != request.ExpiredNotice {
		all = append(all, fact{"Decide by", minute(n.Deadline)})
	}
	return append(all, fact{"As of", minute(n.At)})
}

// minute returns a time as people in several zones can read it.
func minute(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// row returns the name of a policy row.
func row(key policy.RowKey) string {
	if key.Partition == "" {
		return plain(key.Name) + " (for one address)"
	}
	return plain(key.Name) + " (for " + plain(key.Partition) + ")"
}

// marks are the characters that begin something in the Markdown of cards: emphasis, links, code.
const marks = "\\*_[]`<>~#"

// plain returns text that a card shows as it is, on one line, and cut where it is long. Teams reads
// the texts of a card as Markdown, and a policy row must not become a link.
func plain(text string) string {
	var b strings.Builder
	count := 0
	for _, c := range strings.ToValidUTF8(text, string(unicode.ReplacementChar)) {
		if count == maxName {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsSpace(c):
			c = ' '
		case unicode.In(c, unicode.C):
			continue
		case strings.ContainsRune(marks, c):
			b.WriteByte('\\')
		}
		b.WriteRune(c)
		count++
	}
	return b.String()
}
