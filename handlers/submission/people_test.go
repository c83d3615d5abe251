package submission

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/publicsuffix"
	"time"
)

// TestNamesOfPeople has names as people write them, with what is kept of them.
func TestNamesOfPeople(t *testing.T) {
	tests := map[string]struct{ typed, want string }{
		"Persian with a non-joiner":            {"علی\u200cرضا", "علی\u200cرضا"},
		"non-joiner without effect":            {"دار\u200cا", "دارا"},
		"non-joiner at the end":                {"علی\u200c", "علی"},
		"non-joiner before a space":            {"علی\u200c رضا", "علی رضا"},
		"two non-joiners":                      {"علی\u200c\u200cرضا", "علی\u200cرضا"},
		"Sinhala":                              {"ශ්\u200dරී", "ශ්\u200dරී"},
		"Hindi with a joiner":                  {"क्\u200dष", "क्\u200dष"},
		"Kannada with a non-joiner":            {"ರಾಜ್\u200cಕುಮಾರ್", "ರಾಜ್\u200cಕುಮಾರ್"},
		"Malayalam chillu at the end":          {"അനില്\u200d", "അനില്\u200d"},
		"Bengali ya-phalaa":                    {"র\u200d্যান্ডি", "র\u200d্যান্ডি"},
		"Khmer with breaks":                    {"សុខ\u200bណារី", "សុខណារី"},
		"Thai with a break":                    {"สม\u200bชาย", "สมชาย"},
		"Mongolian with a vowel separator":     {"ᠰᠠᠷ\u180eᠠ", "ᠰᠠᠷ\u180eᠠ"},
		"Mongolian with a variant":             {"ᠠ\u180bᠪ", "ᠠ\u180bᠪ"},
		"ideographic variant":                  {"辻\U000e0100", "辻\U000e0100"},
		"ideographic variant inside":           {"葛\U000e0100城", "葛\U000e0100城"},
		"standard variant":                     {"神\ufe00田", "神\ufe00田"},
		"an ideograph of 2023":                 {"\U0002ebf0", "\U0002ebf0"},
		"an ideograph of 2025":                 {"\U000323b0", "\U000323b0"},
		"zero width at both ends":              {"\u200bAna\u200b", "Ana"},
		"byte order mark":                      {"\ufeffAna", "Ana"},
		"marks of direction":                   {"\u202bمحمد\u202c\u200f", "محمد"},
		"soft hyphen at the end":               {"Ana\u00ad", "Ana"},
		"a word of nothing":                    {"Ana \u200b Maria", "Ana Maria"},
		"tag at the end":                       {"Ana\U000e0041", "Ana"},
		"filler in front":                      {"\u3164Ana", "Ana"},
		"Irish":                                {"Sinéad O’Connor-Walsh", "Sinéad O’Connor-Walsh"},
		"Dutch":                                {"'t Hooft", "'t Hooft"},
		"Malaysian":                            {"Ramasamy a/l Muthu", "Ramasamy a/l Muthu"},
		"Swedish":                              {"K:son", "K:son"},
		"Filipino":                             {"Ma.Cristina", "Ma.Cristina"},
		"Filipino, small":                      {"Ma.de los Angeles", "Ma.de los Angeles"},
		"Korean with a dot":                    {"Soo.Kim", "Soo.Kim"},
		"Khoekhoe":                             {"!Naruseb", "!Naruseb"},
		"initials":                             {"J.R.R.", "J.R.R."},
		"initials and a name":                  {"J.R.R. Tolkien", "J.R.R. Tolkien"},
		"initials of a name that is an ending": {"J.R.Kim", "J.R.Kim"},
		"an initial before a short name":       {"J.Li", "J.Li"},
		"a saint":                              {"St.John", "St.John"},
		"a doctor":                             {"Dr.Müller", "Dr.Müller"},
		"a doctor, with an ending":             {"Prof.Dr.Weber", "Prof.Dr.Weber"},
		"a doctor of medicine":                 {"Dr.med. Weber", "Dr.med. Weber"},
		"an engineer":                          {"Dipl.-Ing. Weber", "Dipl.-Ing. Weber"},
		"degrees":                              {"Ana M.Sc., B.Com.", "Ana M.Sc., B.Com."},
		"the younger":                          {"Jr.", "Jr."},
		"double name with a dot":               {"Anne-Marie.Kim", "Anne-Marie.Kim"},
		"Japanese numerals":                    {"五十嵐 一二三", "五十嵐 一二三"},
		"Tamil initial":                        {"ர.குமார்", "ர.குமார்"},
		"Thai titles":                          {"ด.ช.สมชาย", "ด.ช.สมชาย"},
		"Korean with an ending":                {"김.한국", "김.한국"},
		"Cyrillic initials":                    {"А.С.Пушкин", "А.С.Пушкин"},
		"Roman ordinal":                        {"John Ⅷ", "John Ⅷ"},
		"ordinal":                              {"John 3rd", "John 3rd"},
		"nickname":                             {`Robert "Bob"`, `Robert "Bob"`},
		"double name in kana, full-width sign": {"レヴィ＝ストロース", "レヴィ＝ストロース"},
		"no-break space":                       {"Ana\u00a0Maria", "Ana Maria"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := ana()
			in.GivenName = test.typed
			got, err := in.Submission(morning)
			if err != nil || got.GivenName != test.want {
				t.Fatalf("%+q, want %+q; error %v", got.GivenName, test.want, err)
			}
			encoded, err := Message{ID: ID(strings.Repeat("0", unsignedLength)), Submission: &got}.Encode()
			if err != nil {
				t.Fatal(err)
			}
			message, err := DecodeMessage(encoded)
			if err != nil || message.Submission.GivenName != test.want {
				t.Errorf("behind the queue it is refused, or another name: %v", err)
			}
		})
	}
}

func TestNamesThatNobodyHas(t *testing.T) {
	tests := map[string]string{
		`=HYPERLINK("https://evil.example")`: "person", "@SUM(A1)": "person", "+1+1": "person", "-cmd|' /C calc'!A0": "person",
		"＝HYPERLINK(1)": "person", "＠SUM(A1)": "person", "＋Ana": "person", "﹦1": "person", "\u200b=1+1": "person", "−Ana": "person",
		"Ana https://evil.example": "person", "Ana www.evil.com": "person", "evil.com": "person", "Visit EVIL.COM now": "person",
		"bit.ly/x": "person", "t.me/x": "person", "evil。com": "person", "ｅｖｉｌ．ｃｏｍ": "person", "mail.evil.de": "person", "(evil.com)": "person",
		"Verify.Payroll-update.Com": "person", "Visit payroll-update.Com now": "person", "login.contoso-portal.Net": "person", "Evil.Co.Uk": "person",
		"evil.Io": "person", "payroll.рф": "person", "PAYROLL.РФ": "person", "pay.xn--p1ai": "person", "Pay.XN--P1AI": "person", "Evil.Github.Io": "person",
		"evil.com.np": "person", "Evil.Com.Np": "person", "evil.er": "person", "xn--99zzzz.com": "person",
		"Ana|evil.io": "person", "Ana~evil.io": "person", "Ana–evil.io–": "person", "evil.io:8080": "person", "evil.io?a": "person", "支付系统.com": "person",
		"Call ❶❽⓿⓿❺❺❺❶❷❸❹": "person", "Call ①⑧⓪⓪⑤⑤": "person", "Call ⒈⒏⒈⒈⒌⒌": "person", "Call ⓲⓫⓫": "person", "Call 一八〇〇五五五": "person",
		"Call ١٨٠٠٥٥": "person", "Call 𝟏𝟖𝟎𝟎𝟓𝟓": "person",
		"ana@contoso.com": "person", "ana＠contoso.com": "person", "javascript:alert(1)": "person", "hxxps://evil": "person",
		"mailto:ana": "person", `\\evil\share`: "person", "Call +49 30 123456": "person", "Ring 0800 123456": "person", "{{7*7}}": "person", "[Ana](x)": "person",
		"Sil\u200bva": "line", "Sil\u200cva": "line", "Sil\u200dva": "line", "Ana\u202eevil": "line", "a\ufe00b": "line", "Ana\ufe0fx": "line",
		"\u0627\u2066\u0628": "line", "x\u180ey": "line", "007": "letter",
	}
	for typed, rule := range tests {
		in := ana()
		in.GivenName = typed
		_, err := in.Submission(morning)
		if diff := cmp.Diff([]string{"givenName/" + rule}, brokenBy(t, err)); diff != "" {
			t.Errorf("%+q: %s", typed, diff)
		}
		in.GivenName, in.FamilyName = "Ana", typed
		_, err = in.Submission(morning)
		if diff := cmp.Diff([]string{"familyName/" + rule}, brokenBy(t, err)); diff != "" {
			t.Errorf("%+q: %s", typed, diff)
		}
	}
}

// A name that could be a web address, or shows a number only where both names are read together,
// passes the form, and is not taken for a plain one.
func TestNamesThatMayHaveALink(t *testing.T) {
	tests := map[[2]string]bool{
		{"Soo.Kim", ""}: true, {"Evil.Io", ""}: true, {"Payroll-Update.App", ""}: true, {"Prof.Dr.Weber", ""}: true, {"Dr.med. Weber", ""}: true,
		{"支付.公司", ""}: true, {"Evil", "Update.App"}: true, {"Call 1800", "Ext 5551"}: true,
		{"Ana", "Silva"}: false, {"J.R.R.", "Tolkien"}: false, {"J.Kim", ""}: false, {"J.R.Li", ""}: false, {"K.H.Er", ""}: false, {"Ma.de los", "Angeles"}: false,
		{"Ana M.Sc.", "B.Com."}: false, {"St.John", ""}: false, {"Dr.Müller", "Jr."}: false, {"Dipl.-Ing. Ana", "Silva"}: false, {"ด.ช.สมชาย", ""}: false,
		{"А.С.Пушкин", ""}: false, {"一二三", "五十嵐"}: false, {"Ramasamy a/l", "Muthu"}: false, {"John", "3rd"}: false, {"Gal·la", "Martí"}: false,
	}
	for name, want := range tests {
		in := ana()
		in.GivenName, in.FamilyName = name[0], name[1]
		got, err := in.Submission(morning)
		if err != nil || got.MayHaveLink() != want {
			t.Errorf("%q: may have a link: %t, want %t; error %v", name, got.MayHaveLink(), want, err)
		}
	}
}

func TestOneOfTwoNamesIsEnough(t *testing.T) {
	for _, none := range []string{"", " ", "-", ".", "--", "—", "_", "n/a", "N/A", "－", "ー", "。", "…", "\u200b", "/", "*", "''", "·"} {
		for name, in := range map[string]Input{
			"given":  {Email: "ana@contoso.com", GivenName: "Suharto", FamilyName: none},
			"family": {Email: "ana@contoso.com", GivenName: none, FamilyName: "Suharto"},
		} {
			got, err := in.Submission(morning)
			if err != nil || got.Name() != "Suharto" || got.Check() != nil {
				t.Errorf("only a %s name, and %q: the guest is %q; error %v", name, none, got.Name(), err)
			}
		}
		_, err := Input{Email: "ana@contoso.com", GivenName: none, FamilyName: none}.Submission(morning)
		if diff := cmp.Diff([]string{"givenName/required"}, brokenBy(t, err)); diff != "" {
			t.Errorf("%q twice: %s", none, diff)
		}
	}
}

func TestDisplayNames(t *testing.T) {
	tests := []struct{ given, family, want string }{
		{"Ana", "Silva", "Ana Silva"},
		{"太郎", "髙橋", "髙橋 太郎"},
		{"たろう", "髙橋", "髙橋 たろう"},
		{"タロー", "タカハシ", "タカハシ タロー"},
		{"ﾀﾛｰ", "ﾀｶﾊｼ", "ﾀｶﾊｼ ﾀﾛｰ"},
		{"一郎", "佐々木", "佐々木 一郎"},
		{"一郎", "辻\U000e0100", "辻\U000e0100 一郎"},
		{"길동", "홍", "홍 길동"},
		{"伟", "张", "张 伟"},
		{"伟", "\U0002ebf0", "\U0002ebf0 伟"},
		{"太郎", "Takahashi", "太郎 Takahashi"},
		{"Taro", "髙橋", "Taro 髙橋"},
		{"محمد", "الفارسي", "محمد الفارسي"},
		{"", "髙橋", "髙橋"},
		{"太郎", "", "太郎"},
	}
	for _, test := range tests {
		got := Submission{GivenName: test.given, FamilyName: test.family}.Name()
		if got != test.want {
			t.Errorf("%s and %s: %q, want %q", test.given, test.family, got, test.want)
		}
	}
}

func TestCompanies(t *testing.T) {
	tests := map[string]struct{ want, rule string }{
		"1&1": {"1&1", ""}, "4711": {"4711", ""}, "４７１１": {"４７１１", ""}, "٣": {"٣", ""}, "½": {"½", ""}, "株式会社": {"株式会社", ""},
		"شرکت داده\u200cپردازی": {"شرکت داده\u200cپردازی", ""}, "Contoso™\ufe0f": {"Contoso™\ufe0f", ""}, "\u200eContoso\u200e": {"Contoso", ""},
		"+pluswerk AG": {"+pluswerk AG", ""}, "@leisure": {"@leisure", ""}, "Booking.com": {"Booking.com", ""}, "-": {"", ""}, "n/a": {"", ""},
		"!?": {"", "word"}, "=1+1": {"", "formula"}, `=HYPERLINK("https://evil.example")`: {"", "formula"}, "@SUM(A1)": {"", "formula"},
		"＠ＳＵＭ（Ａ１）": {"", "formula"}, "＝Ａ１": {"", "formula"}, "-2+3": {"", "formula"}, "+cmd|' /C calc'!A0": {"", "formula"}, "Con\u200btoso": {"", "line"},
	}
	for typed, test := range tests {
		in := ana()
		in.Company = typed
		var want []string
		if test.rule != "" {
			want = []string{"company/" + test.rule}
		}
		got, err := in.Submission(morning)
		if diff := cmp.Diff(want, brokenBy(t, err)); diff != "" || got.Company != test.want {
			t.Errorf("%+q is %+q, want %+q: %s", typed, got.Company, test.want, diff)
		}
	}
}

// A language of later is none that pages have, and no reason to refuse a partner.
func TestLanguageThatIsNotKnownYet(t *testing.T) {
	for typed, want := range map[string]string{"zzq": "", "de-QQ": "de-QQ", "pt-Zzzx-BR": "pt-BR", "de\u200b": "de"} {
		in := ana()
		in.Language = typed
		got, err := in.Submission(morning)
		if err != nil || got.Language != want {
			t.Errorf("%q is %q, want %q; error %v", typed, got.Language, want, err)
		}
	}
}

// oldest is how old the compiled-in public suffix list may be. Registries get new endings several
// times a year; the list only asks questions, so some months do no harm.
const oldest = 18 * 30 * 24 * time.Hour

// tooOld returns what to do about a list with the version at the time, or "".
func tooOld(version string, now time.Time) string {
	at := strings.LastIndexByte(version, '(')
	made, err := time.Parse(time.RFC3339, strings.Trim(version[at+1:], "()"))
	switch {
	case err != nil:
		return "its version has no time: " + version
	case now.Sub(made) > oldest:
		return "it is of " + made.Format(time.DateOnly) + ": go get golang.org/x/net@latest"
	}
	return ""
}

func TestPublicSuffixListIsNotTooOld(t *testing.T) {
	version := publicsuffix.List.String()
	if advice := tooOld(version, time.Now()); advice != "" {
		t.Errorf("the public suffix list is too old: %s", advice)
	}
	if tooOld(version, time.Now().Add(oldest)) == "" || tooOld("of late", time.Now()) == "" {
		t.Error("a list of long ago, or of an unknown time, passes")
	}
}
