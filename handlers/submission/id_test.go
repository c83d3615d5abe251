package submission

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guestlist/handlers/problem"
)

func TestIDRoundTripAndTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 1<<40-1).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		id, err := NewID(at, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := ParseID(string(id))
		if err != nil || parsed != id {
			t.Errorf("%s became %s, error %v", id, parsed, err)
		}
		if got := parsed.Issued(); !got.Equal(at.Truncate(time.Second)) || got.Location() != time.UTC {
			t.Errorf("issued at %v, says %v", at, got)
		}
	})
}

func newIDKey(t testing.TB, configured string) IDKey {
	t.Helper()
	key, err := NewIDKey(configured)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSignedIDs(t *testing.T) {
	key, other := newIDKey(t, "the form's own key"), newIDKey(t, "another key")
	id, err := key.NewID(morning, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseID(string(id))
	if err != nil || parsed != id || !id.Issued().Equal(morning.Truncate(time.Second)) || !id.HasSignature() {
		t.Errorf("%s became %s, issued %v, error %v", id, parsed, id.Issued(), err)
	}
	if !key.Signed(id) || other.Signed(id) {
		t.Errorf("%s: signed %v, by another key %v", id, key.Signed(id), other.Signed(id))
	}
	for i := range id {
		for _, c := range "0v" {
			changed := id[:i] + ID(c) + id[i+1:]
			if changed != id && key.Signed(changed) {
				t.Errorf("%s passes for signed", changed)
			}
		}
	}
	unsigned, err := NewID(morning, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, none := range []ID{"", "x", unsigned, unsigned + ID(strings.Repeat("0", signedLength-unsignedLength)), id[:unsignedLength], id + "0", ID(strings.ToUpper(string(id)))} {
		if key.Signed(none) {
			t.Errorf("%q passes for signed", none)
		}
	}
	if unsigned.HasSignature() {
		t.Errorf("%s has a signature", unsigned)
	}
}

func TestSignedIDsDependOnTimeAndRandomPartAlone(t *testing.T) {
	key := newIDKey(t, "the form's own key")
	random := strings.Repeat("r", idRandom)
	first, ofFirst := key.NewID(morning, strings.NewReader(random))
	again, ofAgain := key.NewID(morning, strings.NewReader(random))
	if ofFirst != nil || ofAgain != nil || first != again {
		t.Errorf("%s and %s, errors %v, %v", first, again, ofFirst, ofAgain)
	}
	_, err := key.NewID(morning, strings.NewReader("too short"))
	if err == nil {
		t.Error("an id was issued with too little randomness")
	}
}

func TestIDsSortByTime(t *testing.T) {
	key := newIDKey(t, "the form's own key")
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Int64Range(0, 1<<40-2).Draw(t, "first")
		second := rapid.Int64Range(first+1, 1<<40-1).Draw(t, "second")
		earlier, err := NewID(time.Unix(first, 0), bytes.NewReader(bytes.Repeat([]byte{0xff}, idRandom)))
		if err != nil {
			t.Fatal(err)
		}
		later, err := NewID(time.Unix(second, 0), bytes.NewReader(make([]byte, idRandom)))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := key.NewID(time.Unix(second, 0), bytes.NewReader(make([]byte, idRandom)))
		if err != nil {
			t.Fatal(err)
		}
		if earlier >= signed || later >= signed {
			t.Errorf("%s of %d does not sort after %s and %s", signed, second, earlier, later)
		}
		if earlier >= later {
			t.Errorf("%s of %d does not sort before %s of %d", earlier, first, later, second)
		}
	})
}

func TestIDsOfSameSecondDiffer(t *testing.T) {
	seen := map[ID]bool{}
	for range 1000 {
		id, err := NewID(morning, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if seen[id] {
			t.Fatalf("%s was issued twice", id)
		}
		seen[id] = true
	}
}

func TestNewIDFailsWithoutRandomness(t *testing.T) {
	_, err := NewID(morning, strings.NewReader("too short"))
	if err == nil {
		t.Error("an id was issued with too little randomness")
	}
}

func TestParseIDRefuses(t *testing.T) {
	good, err := NewID(morning, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"empty":           "",
		"short":           string(good[1:]),
		"long":            string(good) + "0",
		"capitals":        strings.ToUpper(string(good[:33])) + "W",
		"letter w":        string(good[:10]) + "w" + string(good[11:]),
		"padding":         string(good[:33]) + "=",
		"slash":           "../" + string(good[3:]),
		"null":            string(good[:33]) + "\x00",
		"line break":      string(good[:33]) + "\n",
		"break inside":    string(good[:10]) + "\r\n" + string(good[12:]),
		"not ASCII":       string(good[:32]) + "é",
		"quote":           string(good[:20]) + "' or '1' eq '1",
		"left-over bits":  string(good[:33]) + "v",
		"a GUID":          "0f8fad5b-d9cb-469f-a165-70867728950e",
		"percent-encoded": string(good[:31]) + "%30",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := ParseID(text)
			if !errors.Is(err, &problem.Error{Code: problem.NotFound}) || id != "" {
				t.Errorf("%q gave %q, error %v; want not-found", text, id, err)
			}
		})
	}
}

func TestIssuedOfInvalidIDIsZero(t *testing.T) {
	for _, id := range []ID{"", "x", "00", ID(strings.Repeat("z", unsignedLength))} {
		if got := id.Issued(); !got.IsZero() {
			t.Errorf("%q was issued at %v", id, got)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("00qm5nh3o0000000000000000000000000")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		if err == nil && (string(id) != text || len(id) != unsignedLength && len(id) != signedLength || id.Issued().IsZero()) {
			t.Errorf("%q parses as %q, issued %v", text, id, id.Issued())
		}
	})
}
