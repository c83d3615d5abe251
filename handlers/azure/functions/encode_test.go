package functions

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzWriteString holds our encoder of strings against encoding/json: both must say the same.
func FuzzWriteString(f *testing.F) {
	for _, seed := range []string{"", "plain", `"\/`, "<p class=\"x\">Zoë & you</p>\r\n\t", "\x00\x1f\x7f\u0080", "\u2028\u2029\ufeff\U0001f44d", "\xff\xc3x\xed\xa0\x80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		theirs, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		err = json.Unmarshal(theirs, &want)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		writeString(&b, text)
		err = json.Unmarshal(b.Bytes(), &got)
		if err != nil || got != want {
			t.Errorf("%q becomes %s, which is %q, %v; want %q", text, &b, got, err, want)
		}
	})
}
