package submission

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"guestlist/handlers/problem"
)

var morning = time.Date(2026, 11, 23, 8, 30, 15, 987654321, time.FixedZone("", 3600))

// ana returns a valid input.
func ana() Input {
	return Input{
		Email: "ana@contoso.com", GivenName: "Ana", FamilyName: "Silva", Company: "Contoso", Country: "PT",
		Reason: "Joint tender.\nUntil June.", Sponsor: "bob@wingtip.com", Language: "pt-PT", InviteCode: "spring-2026",
	}
}

// brokenBy returns the field/rule pairs of an error, in order.
func brokenBy(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var refused *problem.Error
	if !errors.As(err, &refused) || refused.Code != problem.InvalidInput {
		t.Fatalf("error %v is not a refusal", err)
	}
	var pairs []string
	for _, field := range refused.Fields {
		pairs = append(pairs, field.Name+"/"+field.Rule)
	}
	return pairs
}

func TestFormRules(t *testing.T) {
	tests := map[string]struct {
		change func(in *Input)
		want   []string
	}{
		"nothing wrong":       {func(in *Input) {}, nil},
		"all that may be out": {func(in *Input) { in.Company, in.Country, in.Reason, in.Sponsor, in.Language = "", "", "", "", "" }, nil},
		"empty":               {func(in *Input) { *in = Input{} }, []string{"email/required", "givenName/required"}},
		"spaces only": {func(in *Input) { in.GivenName, in.FamilyName, in.Company, in.Reason = " ", "\u00a0", "\t\n", "\n \n" },
			[]string{"givenName/required"}},
		"all at once": {func(in *Input) {
			*in = Input{"ana+x@contoso.com", "A\u202eB", "<b>", strings.Repeat("c", 101), "Portugal", "a\x07b", "bob", "not a language", strings.Repeat("c", 65)}
		}, []string{"email/plus", "givenName/line", "familyName/plain", "company/max", "country/iso3166_1_alpha2", "reason/prose", "sponsor/address", "language/language", "inviteCode/max"}},
		"look-alike address":          {func(in *Input) { in.Email = "ana@contоso.com" }, []string{"email/look-alike"}},
		"64 characters":               {func(in *Input) { in.GivenName = strings.Repeat("ä", 64) }, nil},
		"64 characters in 128":        {func(in *Input) { in.GivenName = strings.Repeat("a\u0308", 64) }, nil},
		"65 characters":               {func(in *Input) { in.FamilyName = strings.Repeat("ä", 65) }, []string{"familyName/max"}},
		"100 characters of company":   {func(in *Input) { in.Company = strings.Repeat("漢", 100) }, nil},
		"1000 characters of reason":   {func(in *Input) { in.Reason = strings.Repeat("漢\r\n", 500) }, nil},
		"1001 characters of reason":   {func(in *Input) { in.Reason = strings.Repeat("x", 1001) }, []string{"reason/max"}},
		"name of digits":              {func(in *Input) { in.GivenName = "007" }, []string{"givenName/letter"}},
		"name of marks":               {func(in *Input) { in.FamilyName = "!?" }, []string{"familyName/letter"}},
		"name with a line break":      {func(in *Input) { in.GivenName = "Ana\r\nBcc: all@contoso.com" }, []string{"givenName/line"}},
		"name with a null":            {func(in *Input) { in.GivenName = "Ana\x00" }, []string{"givenName/line"}},
		"name with an escape":         {func(in *Input) { in.GivenName = "\x1b[31mAna" }, []string{"givenName/line"}},
		"name with a zero width":      {func(in *Input) { in.FamilyName = "Sil\u200bva" }, []string{"familyName/line"}},
		"name with a BOM":             {func(in *Input) { in.FamilyName = "Sil\ufeffva" }, []string{"familyName/line"}},
		"name with a filler":          {func(in *Input) { in.FamilyName = "Sil\u3164va" }, []string{"familyName/line"}},
		"name with tag characters":    {func(in *Input) { in.FamilyName = "Sil\U000e0041va" }, []string{"familyName/line"}},
		"name in private characters":  {func(in *Input) { in.FamilyName = "Silva\ue000" }, []string{"familyName/line"}},
		"name as a script":            {func(in *Input) { in.GivenName = "<script>alert(1)</script>" }, []string{"givenName/plain"}},
		"name as a template":          {func(in *Input) { in.GivenName = "{{.Secret}}" }, []string{"givenName/person"}},
		"damaged name":                {func(in *Input) { in.GivenName = "Jos\ufffd" }, []string{"givenName/intact"}},
		"name in Latin-1":             {func(in *Input) { in.GivenName = "Jos\xe9" }, []string{"givenName/intact"}},
		"damaged reason":              {func(in *Input) { in.Reason = "caf\xe9" }, []string{"reason/intact"}},
		"reason turned around":        {func(in *Input) { in.Reason = "pay \u202eecneloiv" }, []string{"reason/prose"}},
		"reason with an isolate":      {func(in *Input) { in.Reason = "pay \u2066x" }, []string{"reason/prose"}},
		"reason with hidden text":     {func(in *Input) { in.Reason = "x\U000e0049\U000e0047x" }, []string{"reason/prose"}},
		"reason with a delete":        {func(in *Input) { in.Reason = "x\x7f" }, []string{"reason/prose"}},
		"reason with angle brackets":  {func(in *Input) { in.Reason = "a < b && c > d" }, nil},
		"reason with an emoji family": {func(in *Input) { in.Reason = "👨\u200d👩\u200d👧 ❤\ufe0f" }, nil},
		"reason in Persian":           {func(in *Input) { in.Reason = "می\u200cخواهم" }, nil},
		"no code":                     {func(in *Input) { in.InviteCode = "" }, nil},
		"64 characters of code":       {func(in *Input) { in.InviteCode = strings.Repeat("ä", 64) }, nil},
		"65 characters of code":       {func(in *Input) { in.InviteCode = strings.Repeat("a", 65) }, []string{"inviteCode/max"}},
		"damaged code":                {func(in *Input) { in.InviteCode = "caf\xe9" }, []string{"inviteCode/intact"}},
		"code with a zero width":      {func(in *Input) { in.InviteCode = "spring\u200b2026" }, []string{"inviteCode/line"}},
		"sponsor":                     {func(in *Input) { in.Sponsor = " Bob@Wingtip.com " }, nil},
		"sponsor without a domain":    {func(in *Input) { in.Sponsor = "Bob" }, []string{"sponsor/address"}},
		"sponsor that looks alike":    {func(in *Input) { in.Sponsor = "bob@wingtiр.com" }, []string{"sponsor/address"}},
		"two sponsors":                {func(in *Input) { in.Sponsor = "bob@wingtip.com, al@wingtip.com" }, []string{"sponsor/address"}},
		"header in the sponsor":       {func(in *Input) { in.Sponsor = "bob@wingtip.com\r\nBcc: x@y.com" }, []string{"sponsor/address"}},
		"unknown country":             {func(in *Input) { in.Country = "ZZ" }, []string{"country/iso3166_1_alpha2"}},
		"country of three letters":    {func(in *Input) { in.Country = "PRT" }, []string{"country/iso3166_1_alpha2"}},
		"country as a null":           {func(in *Input) { in.Country = "\x00" }, []string{"country/iso3166_1_alpha2"}},
		"small country":               {func(in *Input) { in.Country = "pt" }, nil},
		"language too long":           {func(in *Input) { in.Language = "de-" + strings.Repeat("abcdefgh-", 5) }, []string{"language/language"}},
		"huge language":               {func(in *Input) { in.Language = strings.Repeat("a-", 100000) }, []string{"language/language"}},
		"language list":               {func(in *Input) { in.Language = "de, en;q=0.5" }, []string{"language/language"}},
		"any language":                {func(in *Input) { in.Language = "*" }, nil},
		"name from Ireland":           {func(in *Input) { in.GivenName, in.FamilyName = "Sinéad", "O’Connor-Walsh" }, nil},
		"name in Arabic":              {func(in *Input) { in.GivenName, in.FamilyName = "محمد", "الفارسي" }, nil},
		"name in Chinese":             {func(in *Input) { in.GivenName, in.FamilyName = "伟", "张" }, nil},
		"name in Thai":                {func(in *Input) { in.GivenName, in.FamilyName = "ศิริวรรณ", "จันทร์" }, nil},
		"name with an initial":        {func(in *Input) { in.GivenName = "J. R." }, nil},
		"company with marks":          {func(in *Input) { in.Company = "Müller & Söhne GmbH (Berlin) / 3M, Inc." }, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := ana()
			test.change(&in)
			s, err := in.Submission(morning)
			if diff := cmp.Diff(test.want, brokenBy(t, err)); diff != "" {
				t.Fatalf("broken rules (-want +got):\n%s", diff)
			}
			if err != nil {
				if s != (Submission{}) {
					t.Error("a refused submission is not empty")
				}
				return
			}
			err = s.Check()
			if err != nil {
				t.Errorf("accepted, then refused: %v", err)
			}
		})
	}
}

func TestNormalForm(t *testing.T) {
	in := Input{
		Email: " Ana@Contoso.COM ", GivenName: "  Jose\u0301  Maria\u00a0\u3000\tde ", FamilyName: "Silva\r\n", Company: "Contoso  Ltd",
		Country: " pt ", Reason: "\r\n one \t\r\ntwo\rthree\u2028four\n\n\n\nfive  \n", Language: "pt_pt",
	}
	got, err := in.Submission(morning)
	if err != nil {
		t.Fatal(err)
	}
	want := Submission{
		Email: Address{"ana", "contoso.com"}, GivenName: "José Maria de", FamilyName: "Silva", Company: "Contoso Ltd", Country: "PT",
		Reason: "one\ntwo\nthree\nfour\n\nfive", Language: "pt-PT", SubmittedAt: time.Date(2026, 11, 23, 7, 30, 15, 0, time.UTC),
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Address{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReasonRefusesDeceptiveCharacters(t *testing.T) {
	for _, r := range "\x00\x07\x7f\u0080\u009f\ufeff\u202a\u202e\u2066\u2069\ufdd0\uffff\U000e0000\U000e0041\U000e0fff\U0010ffff" {
		in := ana()
		in.Reason = "for the " + string(r) + " project"
		_, err := in.Submission(morning)
		if diff := cmp.Diff([]string{"reason/prose"}, brokenBy(t, err)); diff != "" {
			t.Errorf("%U: %s", r, diff)
		}
	}
	for _, r := range "\n\t\u200d\u200c\ufe0f\u00a0é漢👩" {
		in := ana()
		in.Reason = "for the " + string(r) + " project"
		_, err := in.Submission(morning)
		if err != nil {
			t.Errorf("%U: %v", r, err)
		}
	}
}

func TestLanguageKeepsLanguageScriptAndRegion(t *testing.T) {
	for typed, want := range map[string]string{
		"pt_br": "pt-BR", " zh-hant-tw ": "zh-Hant-TW", "es-419": "es-419", "no": "no", "i-klingon": "tlh",
		"": "", " * ": "", "und": "", "x-blocked": "", "und-x-blocked": "",
		"en-x-invite-blocked-company": "en", "en-u-co-phonebk": "en", "ca-valencia": "ca", "de-DE-1996": "de-DE",
	} {
		in := ana()
		in.Language = typed
		s, err := in.Submission(morning)
		if err != nil || s.Language != want {
			t.Errorf("%q: %q, %v, want %q", typed, s.Language, err, want)
		}
	}
}

func TestSubmittedAtIsInRange(t *testing.T) {
	tests := map[string]struct {
		at   time.Time
		want []string
	}{
		"now":     {morning, nil},
		"never":   {time.Time{}, []string{"submittedAt/required"}},
		"1600":    {time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), []string{"submittedAt/range"}},
		"10000":   {time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), []string{"submittedAt/range"}},
		"minimum": {time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := ana().Submission(morning)
			if err != nil {
				t.Fatal(err)
			}
			s.SubmittedAt = test.at
			if diff := cmp.Diff(test.want, brokenBy(t, s.Check())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConsentIsCompleteOrZero(t *testing.T) {
	given := Consent{Terms: "2026-11", At: morning, Language: "de"}
	tests := map[string]struct {
		change func(c *Consent)
		want   []string
	}{
		"given":               {func(*Consent) {}, nil},
		"none":                {func(c *Consent) { *c = Consent{} }, nil},
		"no language":         {func(c *Consent) { c.Language = "" }, nil},
		"no version":          {func(c *Consent) { c.Terms = "" }, []string{"consent/terms"}},
		"version as a script": {func(c *Consent) { c.Terms = "<b>" }, []string{"consent/terms"}},
		"version as formula":  {func(c *Consent) { c.Terms = "=1+1" }, []string{"consent/terms"}},
		"version too long":    {func(c *Consent) { c.Terms = strings.Repeat("1", MaxTerms+1) }, []string{"consent/terms"}},
		"no time":             {func(c *Consent) { c.At = time.Time{} }, []string{"consent/required"}},
		"time out of range":   {func(c *Consent) { c.At = time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC) }, []string{"consent/range"}},
		"invalid language":    {func(c *Consent) { c.Language = "not a language" }, []string{"consent/language"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := ana().Submission(morning)
			if err != nil {
				t.Fatal(err)
			}
			s.Consent = given
			test.change(&s.Consent)
			if diff := cmp.Diff(test.want, brokenBy(t, s.Check())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestZeroSubmissionIsRefused(t *testing.T) {
	want := []string{"email/required", "givenName/required", "submittedAt/required"}
	if diff := cmp.Diff(want, brokenBy(t, Submission{}.Check())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrorsQuoteNothing(t *testing.T) {
	const secret = "zq7secret"
	in := Input{
		Email: secret, GivenName: secret + "<", FamilyName: secret + "\u200bx", Company: secret + strings.Repeat("x", 100), Country: secret,
		Reason: secret + "\x00", Sponsor: secret, Language: secret + " x", InviteCode: secret + "\u200bx",
	}
	_, err := in.Submission(morning)
	var refused *problem.Error
	if !errors.As(err, &refused) || len(refused.Fields) != 9 {
		t.Fatalf("error %v, want nine fields", err)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("a refusal repeats what was typed: %v", err)
	}
}

func TestRulesMatchLimits(t *testing.T) {
	rules := Rules()
	for field, limit := range map[string]int{
		"givenName": MaxName, "familyName": MaxName, "company": MaxCompany, "reason": MaxReason, "inviteCode": MaxCode,
	} {
		if got := rules[field]["max"]; got != limit {
			t.Errorf("%s is limited to %d, the constant says %d", field, got, limit)
		}
	}
	if len(rules) != reflect.TypeFor[Input]().NumField() {
		t.Errorf("rules of %d fields, an input has %d", len(rules), reflect.TypeFor[Input]().NumField())
	}
	for field, broken := range rules {
		if len(broken) == 0 {
			t.Errorf("%s has no rules", field)
		}
	}
}

func TestCountriesAreAccepted(t *testing.T) {
	countries, err := Countries()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(countries, "NZ") || !slices.Contains(countries, "ZA") {
		t.Error("the last letter of the alphabet is missing")
	}
	if len(countries) < 240 || !slices.IsSorted(countries) {
		t.Fatalf("%d countries, sorted: %t", len(countries), slices.IsSorted(countries))
	}
	for _, code := range countries {
		in := ana()
		in.Country = code
		_, err := in.Submission(morning)
		if err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// inputs draws inputs, many of them valid.
func inputs() *rapid.Generator[Input] {
	line := rapid.OneOf(
		rapid.StringMatching(`[A-Za-zÀ-ÿ' .-]{1,20}`),
		rapid.StringOfN(rapid.Rune(), 0, 70, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune("a\u0301\u0308 \t\u00a0\u2000ᄀ\u1161\u11a8é<&\"\u2028\n")), 0, 70, -1),
	)
	prose := rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune("a \t\r\n\u2028\u2029\u0085\u00a0\u0301<>&\\\"𝐚")), 0, 1100, -1),
		rapid.StringOfN(rapid.Rune(), 0, 100, -1),
	)
	return rapid.Custom(func(t *rapid.T) Input {
		return Input{
			Email:      rapid.OneOf(rapid.Just("ana@contoso.com"), addressText()).Draw(t, "email"),
			GivenName:  line.Draw(t, "givenName"),
			FamilyName: line.Draw(t, "familyName"),
			Company:    line.Draw(t, "company"),
			Country:    rapid.SampledFrom([]string{"", "PT", "de ", "ZZ"}).Draw(t, "country"),
			Reason:     prose.Draw(t, "reason"),
			Sponsor:    rapid.SampledFrom([]string{"", "bob@wingtip.com ", "BOB@wingtip.com", "bob"}).Draw(t, "sponsor"),
			Language:   rapid.SampledFrom([]string{"", "en", "pt_BR", "zh-hant-tw", "und", "sh", "i-klingon", "x-y", "en-u-co-phonebk"}).Draw(t, "language"),
			InviteCode: rapid.OneOf(rapid.Just(""), line).Draw(t, "inviteCode"),
		}
	})
}

func TestNormalFormIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		once := inputs().Draw(t, "input").normal()
		if diff := cmp.Diff(once, once.normal()); diff != "" {
			t.Errorf("the second time changes more (-first +second):\n%s", diff)
		}
		for _, text := range []string{once.GivenName, once.FamilyName, once.Company, once.Reason} {
			if utf8.ValidString(text) && !norm.NFC.IsNormalString(text) {
				t.Errorf("%+q is not composed", text)
			}
		}
	})
}

func TestAcceptedSubmissionPassesCheck(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := inputs().Draw(t, "input").Submission(morning)
		if err != nil {
			return
		}
		err = s.Check()
		if err != nil {
			t.Errorf("accepted, then refused: %v", err)
		}
		if again := s.normal(); again != s {
			t.Errorf("an accepted submission is not in normal form:\n%s", cmp.Diff(s, again, cmp.AllowUnexported(Address{})))
		}
		if n := utf8.RuneCountInString(s.Name()); n > 256 {
			t.Errorf("the display name has %d characters", n)
		}
	})
}

func BenchmarkSubmission(b *testing.B) {
	for b.Loop() {
		_, err := ana().Submission(morning)
		if err != nil {
			b.Fatal(err)
		}
	}
}
