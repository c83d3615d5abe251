package request

import (
	"strings"
	"unicode/utf8"

	"guestlist/handlers/problem"
)

// MaxWords is the longest reason or note of a person, in characters.
const MaxWords = 500

// CheckWords checks a person's words, which are called what, and returns them on one line. The
// error is InvalidInput, with a text for the person.
func CheckWords(what, words string, required bool) (string, error) {
	words = strings.Join(strings.Fields(words), " ")
	switch {
	case words == "" && required:
		return "", problem.Refuse("a %s is needed", what)
	case utf8.RuneCountInString(words) > MaxWords || !utf8.ValidString(words):
		return "", problem.Refuse("the %s must be text of at most %d characters", what, MaxWords)
	}
	return words, nil
}
