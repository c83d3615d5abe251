package submission

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/runenames"
	"pgregory.net/rapid"

	"guestlist/handlers/problem"
)

func TestProofCodeIsReadAsPeopleTypeIt(t *testing.T) {
	tests := map[string]string{
		"as it is":                       "12345678",
		"grouped as in the mail":         "1234 5678",
		"with zeros first":               "0012 0034",
		"surrounded by space":            "\t 1234 5678\r\n",
		"each digit alone":               "1 2 3 4 5 6 7 8",
		"with a no-break space":          "1234\u00a05678",
		"with a narrow no-break space":   "1234\u202f5678",
		"with an ideographic space":      "1234\u30005678",
		"with a hyphen":                  "1234-5678",
		"with a no-break hyphen":         "1234\u20115678",
		"with an en dash":                "1234–5678",
		"with an em dash":                "1234 — 5678",
		"with a minus sign":              "1234\u22125678",
		"with a full-width hyphen":       "1234\uff0d5678",
		"with the dash of a kana layout": "1234ー5678",
		"in isolates":                    "\u20661234\u2069 \u20685678\u2069",
		"with marks of direction":        "\u200e1234\u200f \u061c5678\u200e",
		"in embeddings":                  "\u202a1234\u202c\u202d5678\u202c",
		"with a soft hyphen":             "1234\u00ad5678",
		"with what a file begins with":   "\ufeff12345678",
		"in Arabic-Indic digits":         "١٢٣٤ ٥٦٧٨",
		"in Persian digits":              "۱۲۳۴ ۵۶۷۸",
		"in full-width digits":           "１２３４　５６７８",
		"in Devanagari digits":           "१२३४५६७८",
		"in Bengali digits":              "১২৩৪৫৬৭৮",
		"in Thai digits":                 "๑๒๓๔๕๖๗๘",
		"in Adlam digits":                "𞥑𞥒𞥓𞥔𞥕𞥖𞥗𞥘",
		"in bold digits":                 "𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖",
		"in monospace digits":            "𝟷𝟸𝟹𝟺𝟻𝟼𝟽𝟾",
		"in digits of two scripts":       "١٢٣٤ 5678",
		"as long as it may be":           strings.Repeat("\u2003", MaxProofCode-8) + "１２３４５６７８",
	}
	for name, typed := range tests {
		want := "12345678"
		if name == "with zeros first" {
			want = "00120034"
		}
		got, err := ParseProofCode(typed)
		if got != want || err != nil {
			t.Errorf("%s: ParseProofCode(%+q) = %q, %v", name, typed, got, err)
		}
	}
}

func TestProofCodeIsEightDigits(t *testing.T) {
	tests := map[string]string{
		"nothing":                 "",
		"only spaces":             "  \u00a0 ",
		"seven digits":            "1234 567",
		"nine digits":             "1234 56789",
		"letters that look alike": "I234 567O",
		"a letter among them":     "1234 5678 a",
		"a point":                 "1234.5678",
		"a sign":                  "+12345678",
		"superscripts":            "¹²³⁴⁵⁶⁷⁸",
		"circled digits":          "①②③④⑤⑥⑦⑧",
		"numerals of China":       "一二三四五六七八",
		"Roman numerals":          "ⅠⅡⅢⅣⅤⅥⅦⅧ",
		"a keycap":                "1234567\u20e38",
		"invalid UTF-8":           "1234\xff5678",
		"the replacement":         "1234\ufffd5678",
		"a null":                  "1234\x005678",
		"too much around it":      strings.Repeat(" ", MaxProofCode-7) + "12345678",
		"a line of text":          "The code is 12345678",
		"markup":                  "<b>12345678</b>",
	}
	for name, typed := range tests {
		got, err := ParseProofCode(typed)
		if got != "" || !errors.Is(err, &problem.Error{Code: problem.InvalidInput}) {
			t.Errorf("%s: ParseProofCode(%+q) = %q, %v", name, typed, got, err)
			continue
		}
		if broken := brokenBy(t, err); len(broken) != 1 || broken[0] != "code/digits" {
			t.Errorf("%s: breaks %v", name, broken)
		}
		if strings.Contains(err.Error(), "5678") || len(err.Error()) > 80 {
			t.Errorf("%s: the error repeats what was typed: %v", name, err)
		}
	}
}

// Unicode's names say the value of a digit, whatever its place.
func TestValueOfDigitsOfEveryScript(t *testing.T) {
	words := strings.Fields("ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE")
	count := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		value, isDigit := digitValue(r)
		if isDigit != unicode.Is(unicode.Nd, r) {
			t.Fatalf("%U: a digit: %t", r, isDigit)
		}
		if !isDigit {
			continue
		}
		count++
		if name := runenames.Name(r); !strings.HasSuffix(name, "DIGIT "+words[value]) {
			t.Errorf("%U %s has the value %d", r, name, value)
		}
	}
	if count < 600 || count%10 != 0 {
		t.Errorf("%d digits", count)
	}
}

func TestProofCodeIsWhatDigitsSay(t *testing.T) {
	var zeros []rune
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if strings.HasSuffix(runenames.Name(r), "DIGIT ZERO") && unicode.IsDigit(r) {
			zeros = append(zeros, r)
		}
	}
	between := rapid.StringOfN(rapid.SampledFrom([]rune(" \u00a0\u2009-–\u2212\u200e\u2066\u2069\u202e")), 0, 5, -1)
	rapid.Check(t, func(t *rapid.T) {
		var typed, want strings.Builder
		for range ProofCodeLength {
			digit := rapid.IntRange(0, 9).Draw(t, "digit")
			want.WriteByte(byte('0' + digit))
			typed.WriteString(between.Draw(t, "between"))
			typed.WriteRune(rapid.SampledFrom(zeros).Draw(t, "script") + rune(digit))
		}
		got, err := ParseProofCode(typed.String())
		if got != want.String() || err != nil {
			t.Fatalf("ParseProofCode(%+q) = %q, %v, want %q", typed.String(), got, err, want.String())
		}
	})
}

func FuzzParseProofCode(f *testing.F) {
	f.Add("1234 5678")
	f.Add("\u2066١٢٣٤\u2069-۵۶۷۸")
	f.Add("１２３４ー５６７８")
	f.Add("12345678\xff")
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := ParseProofCode(typed)
		if err != nil {
			if code != "" || !errors.Is(err, &problem.Error{Code: problem.InvalidInput}) {
				t.Errorf("%q, %v", code, err)
			}
			return
		}
		if !ValidProofCode(code) {
			t.Errorf("%q is returned without an error", code)
		}
		if again, err := ParseProofCode(code); again != code || err != nil {
			t.Errorf("%q is read again as %q, %v", code, again, err)
		}
		encoded, err := Message{ID: "00qm5nh3o0000000000000000000000000", Kind: Prove, Code: code}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if message, err := DecodeMessage(encoded); err != nil || message.Code != code {
			t.Errorf("decoded as %q, %v", message.Code, err)
		}
	})
}
