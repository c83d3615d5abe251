package operate

import (
	"encoding/json"

	"guestlist/handlers/policy"
)

// termsKey returns a text that is the same for the same terms. It goes by the JSON that is stored with a decision, so
// that every term counts, and terms that were recorded compare with terms that were not.
func termsKey(terms *policy.Terms) string {
	text, err := json.Marshal(terms)
	if err != nil {
		return err.Error() // texts and lists of texts: it can't fail
	}
	return string(text)
}

func sameTerms(a, b *policy.Terms) bool { return termsKey(a) == termsKey(b) }
