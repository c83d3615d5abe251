package policy

import (
	"strings"
	"testing"
)

func TestMessageByLanguage(t *testing.T) {
	tests := map[string]struct {
		text, language, want string
	}{
		"none":                      {"", "de", ""},
		"one for all":               {" Welcome. ", "de", "Welcome."},
		"its language":              {`{"de": "Willkommen."}`, "de", "Willkommen."},
		"another language":          {`{"de": "Willkommen."}`, "fr", ""},
		"for all others":            {`{"": "Welcome.", "de": "Willkommen."}`, "fr", "Welcome."},
		"of a region":               {`{"": "Welcome.", "pt-BR": "Bem-vindo."}`, "pt", "Bem-vindo."},
		"for a region":              {`{"": "Welcome.", "pt": "Bem-vindo."}`, "pt-PT", "Bem-vindo."},
		"the region itself":         {`{"pt": "Olá.", "pt-BR": "Oi."}`, "pt-BR", "Oi."},
		"the first of regions":      {`{"de-CH": "Grüezi.", "de-AT": "Servus."}`, "de", "Servus."},
		"Chinese by its script":     {`{"zh-CN": "欢迎", "zh-TW": "歡迎"}`, "zh-Hans", "欢迎"},
		"an empty one for it":       {`{"": "Welcome.", "de": ""}`, "de", ""},
		"a language without a name": {`{"": "Welcome."}`, "?", "Welcome."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			message, err := ParseMessage(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := message.In(test.language); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestMessageThatCannotBeRead(t *testing.T) {
	for _, text := range []string{`{"de": }`, `{"de": ["x"]}`, `{"de": 1}`, `{"no language": "x"}`, "{x"} {
		_, err := ParseMessage(text)
		if err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
