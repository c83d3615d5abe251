package policy

import (
	"encoding/json"
	"errors"
	"strings"

	"golang.org/x/text/language"
)

// Message is a text for partners by language: BCP 47 tags, and "" for all others. The zero value is
// no text.
type Message map[string]string

// ParseMessage reads a text for all languages, or a JSON object of texts by language such as
// {"": "Welcome.", "de": "Willkommen."}; empty is none. It is read as GUESTLIST_INTRO is.
func ParseMessage(text string) (Message, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	if !strings.HasPrefix(text, "{") {
		return Message{"": text}, nil
	}
	message := Message{}
	err := json.Unmarshal([]byte(text), &message)
	if err != nil {
		return nil, errors.New(`is not a text, nor a JSON object of texts by language such as {"": "Welcome.", "de": "Willkommen."}`)
	}
	for tag := range message {
		_, err := language.Parse(tag)
		if err != nil && tag != "" {
			return nil, errors.New("has a key that is not a language such as de or pt-BR")
		}
	}
	return message, nil
}

// In returns the text for a reader of the language: the one with its tag, else one of the same
// language and script, else the one for all others, or "".
func (m Message) In(tag string) string {
	text, given := m[tag]
	if given || len(m) == 0 {
		return text
	}
	wanted, err := language.Parse(tag)
	if err != nil {
		return m[""]
	}
	best := ""
	for candidate := range m {
		if candidate == "" || best != "" && best < candidate {
			continue // the first by its tag, so that the choice does not depend on the map
		}
		got, err := language.Parse(candidate)
		if err == nil && sameLanguage(got, wanted) {
			best = candidate
		}
	}
	return m[best]
}

// MessageIn returns the message for a guest who reads the language.
func (t Terms) MessageIn(tag string) string {
	message, err := ParseMessage(t.Message)
	if err != nil {
		return t.Message // of a row that was read before messages could be by language
	}
	return message.In(tag)
}

func sameLanguage(a, b language.Tag) bool {
	baseOfA, _ := a.Base()
	baseOfB, _ := b.Base()
	scriptOfA, _ := a.Script()
	scriptOfB, _ := b.Script()
	return baseOfA == baseOfB && scriptOfA == scriptOfB
}
