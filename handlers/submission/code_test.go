package submission

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSpellingsOfOneCodeHaveOneHash(t *testing.T) {
	// The SHA-256 of "spring2026".
	const want = "5c7acb9bafe684b1987fc289942f21a6cf91b7bc22033589d4dc3cc6db8d1ab2"
	for _, typed := range []string{"spring2026", "Spring-2026", " SPRING 2026\t", "s p r i n g – 2026", "ｓｐｒｉｎｇ２０２６", "spring\u22122026", "spring\u00a02026"} {
		if got := HashCode(typed); got != want {
			t.Errorf("HashCode(%q) = %s of %q", typed, got, NormalCode(typed))
		}
	}
	for _, typed := range []string{"spring2027", "spring_2026", "spring2026.", "sprıng2026", want} {
		if HashCode(typed) == want {
			t.Errorf("HashCode(%q) is that of spring2026", typed)
		}
	}
	for _, typed := range []string{"", "  ", "- – —"} {
		if got := HashCode(typed); got != "" {
			t.Errorf("HashCode(%q) = %s, want none", typed, got)
		}
	}
}

func TestHashOfCodeIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("aA-\u0301\u00b4 ９\u2212")))).Draw(t, "code")
		if !HashCode(typed).Valid() {
			t.Fatalf("HashCode = %q", HashCode(typed))
		}
		if HashCode(NormalCode(typed)) != HashCode(typed) {
			t.Fatalf("the normal form of %q has another hash", NormalCode(typed))
		}
	})
}

func TestInvalidHashes(t *testing.T) {
	good := string(HashCode("spring2026"))
	for _, hash := range []string{good[1:], good + "0", strings.ToUpper(good), "g" + good[1:], " " + good[1:], "spring2026", "sha256:" + good} {
		s, err := ana().Submission(morning)
		if err != nil {
			t.Fatal(err)
		}
		s.InviteCode = CodeHash(hash)
		got := brokenBy(t, s.Check())
		if len(got) != 1 || got[0] != "inviteCode/hash" {
			t.Errorf("%q breaks %v, want inviteCode/hash", hash, got)
		}
	}
}

func TestSubmissionHasHashInPlaceOfCode(t *testing.T) {
	in := ana()
	in.InviteCode = " Tulip-4711 "
	s, err := in.Submission(morning)
	if err != nil {
		t.Fatal(err)
	}
	if s.InviteCode != HashCode("tulip4711") {
		t.Errorf("InviteCode = %q", s.InviteCode)
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.ToLower(string(encoded)); strings.Contains(text, "tulip") || strings.Contains(text, "4711") || !strings.Contains(text, `"invitecode":"`) {
		t.Errorf("the submission is %s", text)
	}
	in.InviteCode = ""
	s, err = in.Submission(morning)
	if err != nil || s.InviteCode != "" {
		t.Errorf("without a code: %q, %v", s.InviteCode, err)
	}
}
