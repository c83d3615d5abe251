package submission

import (
	"crypto/rand"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestReferences(t *testing.T) {
	form := regexp.MustCompile(`^[23456789CDFHJKMNPQRTWXY]{4}(-[23456789CDFHJKMNPQRTWXY]{4}){2}$`)
	key := newIDKey(t, "the form's own key")
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(referenceEpoch, referenceEpoch+1<<referenceTimeBits-1).Draw(t, "seconds"), 0)
		id, err := key.NewID(at, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		reference := id.Reference()
		if !form.MatchString(string(reference)) {
			t.Errorf("%s has the reference %s", id, reference)
		}
		if !reference.Issued().Equal(at) {
			t.Errorf("%s is of %v, says %v", reference, at, reference.Issued())
		}
		if strings.Contains(string(id), strings.ToLower(strings.ReplaceAll(string(reference), "-", ""))) {
			t.Errorf("%s holds its reference %s", id, reference)
		}
		typed := rapid.SampledFrom([]string{
			string(reference), strings.ToLower(string(reference)), strings.ReplaceAll(string(reference), "-", ""),
			" " + strings.ReplaceAll(string(reference), "-", " ") + ".", strings.ReplaceAll(string(reference), "-", "–"),
			strings.ReplaceAll(string(reference), "2", "２"),
		}).Draw(t, "typed")
		parsed, err := ParseReference(typed)
		if err != nil || parsed != reference {
			t.Errorf("%q is read as %q, error %v", typed, parsed, err)
		}
	})
}

func TestReferencesOfOneSecondDiffer(t *testing.T) {
	seen := map[Reference]bool{}
	for range 100 {
		id, err := NewID(morning, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if seen[id.Reference()] {
			t.Fatalf("%s comes twice", id.Reference())
		}
		seen[id.Reference()] = true
	}
}

func TestNoTwoCharactersOfReferencesLookAlike(t *testing.T) {
	for _, group := range []string{"0ODQ", "1IL", "2Z", "5S", "6G", "8B", "UV", "VY", "AEIOU"} {
		used := 0
		for _, c := range group {
			if strings.ContainsRune(referenceAlphabet, c) {
				used++
			}
		}
		if most := map[string]int{"0ODQ": 2, "AEIOU": 0}; used > max(1, most[group]) || group == "AEIOU" && used > 0 {
			t.Errorf("%d of %s are used", used, group)
		}
	}
}

func TestTextsThatAreNoReference(t *testing.T) {
	if got := ID("a").Reference(); got != "" {
		t.Errorf("an id of another form has the reference %s", got)
	}
	for _, text := range []string{"", "3C7K", "3C7K-Q2WX-94T", "3C7K-Q2WX-94TMM", "3C7K-Q2WX-94TO", "3C7K-Q2WX-94T0", "ana@contoso.com", strings.Repeat("0", signedLength)} {
		reference, err := ParseReference(text)
		if err == nil || reference != "" {
			t.Errorf("%q is read as %q", text, reference)
		}
	}
}

func TestTypedIDs(t *testing.T) {
	key := newIDKey(t, "the form's own key")
	id, err := key.NewID(morning, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(id), string(id) + ".", string(id) + ")", string(id) + ").", string(id) + ",", string(id) + ">", string(id) + "\"", string(id) + "'",
		string(id) + "]", string(id) + "…", string(id) + "。", string(id) + "）", string(id) + "»", string(id) + "”", string(id) + "*", string(id) + "_",
		string(id) + "/", string(id) + "\u200b", string(id) + "\u00a0", string(id) + "\r\n", "<" + string(id) + ">", "(" + string(id), " " + string(id) + " ",
		strings.ToUpper(string(id)), strings.ToUpper(string(id)) + ".", strings.ToUpper(string(id[:10])) + string(id[10:]),
		"https://join.contoso.com/signup/" + string(id), "https://join.contoso.com/signup/" + string(id) + "?lang=de", "https://join.contoso.com/signup/" + string(id) + "#withdraw",
	} {
		got, err := TypedID(text)
		if err != nil || got != id {
			t.Errorf("%q is read as %q, error %v", text, got, err)
		}
	}
	for _, text := range []string{"", ".", string(id) + "x", string(id[1:]), string(id) + ".html", string(id) + ".0", "w" + string(id[1:]), string(id) + string(id), string(id[:20]) + "-" + string(id[20:])} {
		got, err := TypedID(text)
		if err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}
