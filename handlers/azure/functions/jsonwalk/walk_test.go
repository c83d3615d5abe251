package jsonwalk

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// walk rebuilds a JSON value with nothing but the functions of this package.
func walk(t *testing.T, data []byte) any {
	data = data[skipSpace(data, 0):]
	switch data[0] {
	case '{':
		object := map[string]any{}
		for name, value := range Members(data) {
			object[string(name)] = walk(t, value)
		}
		return object
	case '[':
		array := []any{}
		for element := range Elements(data) {
			array = append(array, walk(t, element))
		}
		return array
	case '"':
		decoded, ok := Text(data[:skipString(data, 0)])
		if !ok {
			t.Errorf("Text refuses the string %q", data)
		}
		return decoded
	}
	return decode(t, data[:skipLiteral(data, 0)])
}

func decode(t *testing.T, data []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	if err != nil {
		t.Fatalf("encoding/json refuses %q: %v", data, err)
	}
	return value
}

// FuzzWalk holds the walk over a value against encoding/json: of every valid JSON value, both must find the same.
func FuzzWalk(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, ` { } `, "[\n]", `null`, `"x"`, `-1.5e+3 `, `[null]`, `[[],{},[{}]]`, `{"a":{"b":[1,"2",true,false,null]},"a":2}`,
		`{"\"":"\\","\\\\\"":"\\\"}","c":"]}"}`, " {\t\"a\" :\r\n1 , \"b\":[ 1 , 2 ] } ", `{"\u0044ata":"\ud800","é":"\u00e9"}`, "\"\xff\"", `{"":""}`,
		`"\b\f\n\r\t\/\"\\\u00e9\u00AF"`, `"\ud83d\udc4d"`, `"\ud83d\ud83d\udc4d"`, `"\udc4d\ud83d"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\u00e9"`, "\"\\n\xed\xa0\x80\"", `"\uFFFD\u0000"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		if data[skipSpace(data, 0)] == 'n' {
			for range Elements(bytes.TrimSpace(data)) {
				t.Error("null has an element")
			}
		}
		if diff := cmp.Diff(decode(t, data), walk(t, data)); diff != "" {
			t.Errorf("%q (-encoding/json +walk):\n%s", data, diff)
		}
	})
}
