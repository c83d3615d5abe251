package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/handlers/submission"
)

func TestFaultyKeyTellsWhomItWasMeantFor(t *testing.T) {
	tests := []struct {
		key   string
		fault KeyFault
		meant string // separated by spaces
	}{
		{"Fabrikam.com", KeyCapitals, "fabrikam.com"},
		{"*.Fabrikam.com", KeyCapitals, "*.fabrikam.com"},
		{"Ana@Fabrikam.com", KeyCapitals, "ana@fabrikam.com"},
		{"fabrikam.com ", KeyHidden, "fabrikam.com"},
		{"\tfabrikam.com", KeyHidden, "fabrikam.com"},
		{"fabrikam.com\u00a0", KeyHidden, "fabrikam.com"},
		{"\u3000fabrikam.com", KeyHidden, "fabrikam.com"},
		{"fabri\u200bkam.com", KeyHidden, "fabrikam.com"},
		{"\ufefffabrikam.com", KeyHidden, "fabrikam.com"},
		{"fabrikam\u00ad.com", KeyHidden, "fabrikam.com"},
		{"\u202efabrikam.com", KeyHidden, "fabrikam.com"},
		{"fabrikam. com", KeyHidden, "fabrikam.com"},
		{"* ", KeyHidden, "*"},
		{"*\u200b", KeyHidden, "*"},
		{"@fabrikam.com", KeyOther, "fabrikam.com"},
		{"*@fabrikam.com", KeyOther, "fabrikam.com"},
		{"*@*.fabrikam.com", KeyOther, "*.fabrikam.com"},
		{"*fabrikam.com", KeyOther, "fabrikam.com *.fabrikam.com"},
		{".fabrikam.com", KeyOther, "fabrikam.com *.fabrikam.com"},
		{"*.fabrikam.com.", KeyOther, "*.fabrikam.com"},
		{"*.*.fabrikam.com", KeyOther, "*.fabrikam.com"},
		{"eu.*.fabrikam.com", KeyOther, "*.fabrikam.com"},
		{"**.fabrikam.com", KeyOther, "*.fabrikam.com"},
		{"**", KeyOther, "*"},
		{"*.*", KeyOther, "*"},
		{"*@*", KeyOther, "*"},
		{"fabrikam.com.", KeyOther, "fabrikam.com"},
		{"fabrikam..com", KeyOther, "fabrikam.com"},
		{"fabrikam,com", KeyOther, "fabrikam.com"},
		{"https://fabrikam.com", KeyOther, "fabrikam.com"},
		{"https://www.fabrikam.com/about", KeyOther, "fabrikam.com"},
		{"HTTPS:fabrikam.com:443", KeyOther, "fabrikam.com"},
		{"mailto:ana@fabrikam.com", KeyOther, "ana@fabrikam.com"},
		{"Ana Silva <Ana.Silva@fabrikam.com>", KeyHidden, "ana.silva@fabrikam.com"},
		{"ana@fabrikam.com.", KeyOther, "ana@fabrikam.com"},
		{"ana+news@fabrikam.com", KeyOther, "ana@fabrikam.com"},
		{"ana silva@fabrikam.com", KeyHidden, "silva@fabrikam.com ana.silva@fabrikam.com anasilva@fabrikam.com"},
		{"änne@fabrikam.com", KeyNotASCII, "fabrikam.com"},
		{"\"ana\"@fabrikam.com", KeyOther, "fabrikam.com ana@fabrikam.com"},
		{"ana(at)fabrikam(dot)com", KeyOther, "ana@fabrikam.com"},
		{"fabrikam[.]com", KeyOther, "fabrikam.com"},
		{"fabrikam.com;contoso.com", KeyOther, "fabrikam.com contoso.com"},
		{"fabrikam.com, *.fabrikam.com", KeyHidden, "fabrikam.com *.fabrikam.com"},
		{"'fabrikam.com'", KeyOther, "fabrikam.com"},
		{"'ana@fabrikam.com", KeyOther, "ana@fabrikam.com"},
		{"''ana@fabrikam.com", KeyOther, "ana@fabrikam.com"},
		{"ｆａｂｒｉｋａｍ．ｃｏｍ", KeyNotASCII, "fabrikam.com"},
		{"ana＠fabrikam.com", KeyNotASCII, "ana@fabrikam.com"},
		{"＊", KeyNotASCII, "*"},
		{"fabrikam。com", KeyNotASCII, "fabrikam.com"},
		{"bücher.de", KeyNotASCII, "xn--bcher-kva.de"},
		{"*.BÜCHER.de", KeyNotASCII, "*.xn--bcher-kva.de"},
		{"ana@bücher.de", KeyNotASCII, "ana@xn--bcher-kva.de"},
		{"XN--BCHER-KVA.de", KeyCapitals, "xn--bcher-kva.de"},
		{"com", KeySuffix, "*.com"},
		{"co.uk", KeySuffix, "*.co.uk"},
		{".com", KeyOther, "*.com"},
		{"*.fabrikam.con", KeyFine, ""},
		{"fabrikam.con", KeyFine, ""},
		{"Fabrikam.WEB", KeyCapitals, "fabrikam.web"},
		{"nic.in", KeyFine, ""},
		{"mil.no", KeyFine, ""},
		{"ola@mil.no", KeyFine, ""},
		{"ana@co.uk", KeyFine, ""},
		{"*.fabrikam.local", KeyNobody, ""},
		{"fabrikam.local", KeyOther, ""},
		{"fabrikam", KeyOther, ""},
		{"fabrikam.*", KeyOther, ""},
		{"ana.lopez@fabrikam", KeyOther, ""},
		{"*.Fabrikam", KeyOther, ""},
		{"fabrıkam.com", KeyNotASCII, "xn--fabrkam-ufb.com fabrikam.com"},
		{"alı@fabrikam.com", KeyNotASCII, "fabrikam.com ali@fabrikam.com"},
		{"– fabrikam.com", KeyHidden, "fabrikam.com"},
		{"1. fabrikam.com", KeyHidden, "fabrikam.com"},
		{"fаbrikam.com", KeyNotASCII, "fabrikam.com"}, // a Cyrillic а
		{"fabrikam.com¹", KeyNotASCII, "fabrikam.com"},
		{"“ana@fabrikam.com”", KeyNotASCII, "ana@fabrikam.com"},
		{"fabrikam.com、fabrikam.de", KeyNotASCII, "fabrikam.com fabrikam.de"},
		{"col·legi.cat", KeyNotASCII, "xn--collegi-xma.cat"},
		{"*.fabrikam.com*", KeyOther, "*.fabrikam.com"},
		{"fabrikam.com@", KeyOther, "fabrikam.com"},
		{"_Ana@fabrikam.com_", KeyOther, "_ana@fabrikam.com ana@fabrikam.com"},
		{"ana@fabrikam.com&bob@fabrikam.de", KeyOther, "ana@fabrikam.com bob@fabrikam.de"},
		{"Ana <ana@fabrikam.newending>", KeyHidden, "ana@fabrikam.newending"},
		{"192.168.0.1", KeyOther, ""},
		{"", KeyOther, ""},
		{" ", KeyHidden, ""},
		{"\xff", KeyOther, ""},
		{strings.Repeat("fabrikam.com ", 1000), KeyHidden, ""},
		{"fabrikam.com", KeyFine, ""},
		{"*.fabrikam.com", KeyFine, ""},
		{"o'hara@fabrikam.com", KeyFine, ""},
		{"*", KeyFine, ""},
	}
	for _, test := range tests {
		t.Run(clip(test.key, 50), func(t *testing.T) {
			fault, meant := JudgeKey(test.key)
			if fault != test.fault || !slices.Equal(meant, strings.Fields(test.meant)) {
				t.Errorf("JudgeKey = %s %q, want %s %q", fault, meant, test.fault, test.meant)
			}
			for _, key := range meant {
				if !isPartition(key) {
					t.Errorf("%q is no partition", key)
				}
			}
		})
	}
}

func TestRowUnderFaultyKeySendsThoseMeantToReview(t *testing.T) {
	everybody := Raw{Partition: "*", Name: "all", Columns: map[string]any{"Action": "invite"}}
	deny := map[string]any{"Action": "deny"}
	tests := []struct {
		name, key string
		columns   map[string]any
		reviewed  string
		invited   string
	}{
		{"a domain with capitals", "Fabrikam.com", deny, "ana@fabrikam.com", "ana@eu.fabrikam.com ana@contoso.com"},
		{"a domain with a space", "fabrikam.com ", deny, "ana@fabrikam.com", "ana@contoso.com"},
		{"a domain with an @", "@fabrikam.com", deny, "ana@fabrikam.com", "ana@contoso.com"},
		{"a domain or what is below", "*fabrikam.com", deny, "ana@fabrikam.com ana@eu.fabrikam.com", "ana@contoso.com"},
		{"an address with capitals", "Ana@fabrikam.com", deny, "ana@fabrikam.com", "bo@fabrikam.com"},
		{"an address with an apostrophe", "'ana@fabrikam.com", deny, "ana@fabrikam.com 'ana@fabrikam.com", "bo@fabrikam.com"},
		{"a key nobody understands", "fabrikam", deny, "ana@fabrikam.com ana@contoso.com", ""},
		{"an ending that mail can't have", "*.fabrikam.local", deny, "ana@contoso.com", ""},
		{"an action that is not understood either", "fabrikam", map[string]any{"Action": "dny"}, "ana@contoso.com", ""},
		{"a row that would review", "Fabrikam.com", map[string]any{"Action": "review"}, "ana@fabrikam.com", "ana@contoso.com"},
		{"a row that would invite", "Fabrikam.com", map[string]any{"Action": "invite"}, "ana@fabrikam.com", "ana@contoso.com"},
		{"a row that would invite nobody knows whom", "fabrikam", map[string]any{"Action": "invite"}, "", "ana@fabrikam.com"},
		{"whatever its times", "Fabrikam.com", map[string]any{"Action": "deny", "NotAfter": "2020-01-01"}, "ana@fabrikam.com", ""},
		{"switched off", "Fabrikam.com", map[string]any{"Action": "deny", "Enabled": false}, "", "ana@fabrikam.com"},
		{"in audit mode", "Fabrikam.com", map[string]any{"Action": "deny", "Mode": "audit"}, "", "ana@fabrikam.com"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stray := Raw{Partition: test.key, Name: "no longer a supplier", Columns: test.columns}
			for _, strays := range [][]Raw{{stray}, Strays([]Raw{stray, everybody})} {
				rows := []Row{Parse(everybody)}
				for _, raw := range strays {
					rows = append(rows, Parse(raw))
				}
				for action, list := range map[Action]string{Review: test.reviewed, Invite: test.invited} {
					for _, email := range strings.Fields(list) {
						got := Decide(submission.Submission{Email: address(t, email)}, rows, nil, now)
						if got.Action != action {
							t.Errorf("%s: %s (%s), want %s", email, got.Action, got.Reason, action)
						}
					}
				}
			}
		})
	}
}

func TestKeyWithUnknownWordsCountsForMore(t *testing.T) {
	for key, covered := range map[string]string{
		"ana, bob@fabrikam.com":               "ana@fabrikam.com bob@fabrikam.com",
		"ana bob@fabrikam.com":                "ana@fabrikam.com bob@fabrikam.com",
		"ana@fabrikam.com,bob":                "ana@fabrikam.com bob@fabrikam.com",
		"Ana Silva <asilva@fabrikam.com>":     "ana@fabrikam.com asilva@fabrikam.com",
		"ana.lopez@fabrikam com":              "ana.lopez@fabrikam.com lopez@fabrikam.com",
		"ana.lopez@fabrikam":                  "ana.lopez@fabrikam.com",
		"Fabrikam Inc.":                       "ana@fabrikam.com",
		"Fabrikam Inc":                        "ana@fabrikam.com",
		"fabrikam com":                        "ana@fabrikam.com",
		"fabrikam.com and subdomains":         "ana@fabrikam.com ana@eu.fabrikam.com",
		"ana@fabrikam.com–left":               "ana@fabrikam.com left@fabrikam.com",
		"fabrikam.com–left":                   "ana@fabrikam.com ana@eu.fabrikam.com ana@northwind.com",
		"fabrikam.com, northwind":             "ana@fabrikam.com ana@northwind.com",
		"ana@fabrikam.com, Northwind.com inc": "ana@fabrikam.com ana@northwind.com ana@eu.northwind.com",
		"fabrıkam.com":                        "ana@fabrikam.com ana@xn--fabrkam-ufb.com",
	} {
		t.Run(key, func(t *testing.T) {
			rows := []Row{Parse(Raw{Partition: "*", Name: "all", Columns: map[string]any{"Action": "invite"}}),
				Parse(Raw{Partition: key, Name: "gone", Columns: map[string]any{"Action": "deny"}})}
			for _, email := range strings.Fields(covered) {
				got := Decide(submission.Submission{Email: address(t, email)}, rows, nil, now)
				if got.Action != Review {
					t.Errorf("%s: %s (%s)", email, got.Action, got.Reason)
				}
			}
			// Nobody gets in by a row that invites, so it need not count for everybody.
			invites := Parse(Raw{Partition: key, Name: "in", Columns: map[string]any{"Action": "invite"}})
			if slices.Contains(invites.For, "*") {
				t.Errorf("a row that invites counts for %q", invites.For)
			}
		})
	}
}

// A path, a number and a sign say nothing about who is meant.
func TestKeyWithoutUnknownWordsCountsForThoseMeantOnly(t *testing.T) {
	for _, key := range []string{"https://www.fabrikam.com/about", "HTTPS:fabrikam.com:443", "- fabrikam.com", "1. fabrikam.com"} {
		row := Parse(Raw{Partition: key, Name: "gone", Columns: map[string]any{"Action": "deny"}})
		if !slices.Equal(row.For, []string{"fabrikam.com"}) {
			t.Errorf("%q counts for %q", key, row.For)
		}
	}
}

// A narrower row decides before "*", so a row that counts for "*" only keeps nobody out of a domain
// that another row invites.
func TestKeyWithMarksCountsForNameInIt(t *testing.T) {
	marks := []string{
		"“%s”", "‘%s’", "„%s“", "«%s»", "「%s」", "%s’", "`%s´", "• %s", "•%s", "%s–left", "%s - left", "%s—left",
		"%s、bob@northwind.com", "%s&bob@northwind.com", "%s+northwind.com", "%s-", "-%s", "_%s", "%s_", "%s_left", "%s*", "%s**",
		"%s…", "%s·", "%s•left", "%s@", "%s@*", "%s¹", "%s™", "%s\u20e3", "%sʼ", "%sˮ", "→%s", "✗ %s", "%s?", "%s!", "%s%%", "#%s",
		"%s/left", "%s\u0001left", "%s (left)", "%s¦left", "%s、northwind.newending", "https://northwind.com/%s", "X%s\u0301X",
		"%s\u200bleft", "%s-Left",
	}
	for _, name := range []string{"mallory@fabrikam.com", "fabrikam.com", "*.fabrikam.com"} {
		email, invited := "mallory@fabrikam.com", "fabrikam.com"
		if strings.HasPrefix(name, "*.") {
			email, invited = "mallory@eu.fabrikam.com", "*.fabrikam.com"
		}
		for _, around := range marks {
			key := strings.ReplaceAll(fmt.Sprintf(around, name), "X", "")
			if !isPartition(key) { // as _mallory@fabrikam.com is
				wantReview(t, key, invited, email)
			}
		}
	}
	for _, key := range []string{
		"ana, mallory@fabrikam.newending", "mallory@fabrikam.newending, bob@fabrikam.newending",
		"Mallory <mallory@fabrikam.newending>", "“fabrikam.newending”", "fabrikam.newending and subdomains",
	} {
		wantReview(t, key, "fabrikam.newending", "mallory@fabrikam.newending")
	}
	wantReview(t, "fabrikam.com and subdomains", "*.fabrikam.com", "mallory@eu.fabrikam.com")
	wantReview(t, "*.fabrikam.com*", "fabrikam.com", "mallory@fabrikam.com")
	wantReview(t, "fabrikam.com*", "*.fabrikam.com", "mallory@eu.fabrikam.com")
	wantReview(t, "f\u0336a\u0336brikam.com", "fabrikam.com", "mallory@fabrikam.com")
	wantReview(t, "o’hara@fabrikam.com", "o'hara@fabrikam.com", "o'hara@fabrikam.com")
}

// wantReview tells that a row that denies keeps the address out of a partition that is invited.
func wantReview(t *testing.T, key, invited, email string) {
	t.Helper()
	rows := []Row{Parse(Raw{Partition: invited, Name: "in", Columns: map[string]any{"Action": "invite"}})}
	for _, raw := range Strays([]Raw{{Partition: key, Name: "gone", Columns: map[string]any{"Action": "deny"}}}) {
		rows = append(rows, Parse(raw))
	}
	got := Decide(submission.Submission{Email: address(t, email)}, rows, nil, now)
	if got.Action != Review {
		t.Errorf("%q: %s is decided %s: %s", key, email, got.Action, got.Reason)
	}
}

func TestReasonNamesFaultyKeyAndCure(t *testing.T) {
	stray := Parse(Raw{Partition: "Fabrikam.com\u00a0", Name: "gone", Columns: map[string]any{"Action": "deny"}})
	got := Decide(submission.Submission{Email: address(t, "ana@fabrikam.com")}, []Row{stray}, nil, now).Reason
	const want = `The row "gone" (PartitionKey "Fabrikam.com\u00a0") can't be understood, so a person decides: column PartitionKey ` +
		`has white space or characters that can't be seen, so it matches no address; create the row again under fabrikam.com; ` +
		`as long as this one stands, its sign-ups go to review.`
	if got != want {
		t.Errorf("Reason =\n%s, want\n%s", got, want)
	}
}

func TestNarrowerRowComesBeforeStray(t *testing.T) {
	rows := []Row{
		Parse(Raw{Partition: "Fabrikam.com", Name: "gone", Columns: map[string]any{"Action": "deny"}}),
		Parse(Raw{Partition: "ana@fabrikam.com", Name: "ana", Columns: map[string]any{"Action": "invite"}}),
		Parse(Raw{Partition: "fabrikam.com", Name: "all", Columns: map[string]any{"Action": "invite", "Priority": 0}}),
	}
	for email, want := range map[string]Action{"ana@fabrikam.com": Invite, "bo@fabrikam.com": Review} {
		got := Decide(submission.Submission{Email: address(t, email)}, rows, nil, now)
		if got.Action != want {
			t.Errorf("%s: %s, want %s", email, got.Action, want)
		}
	}
}

func TestStrayMayHaveNameOfAnotherRow(t *testing.T) {
	rows := []Row{
		Parse(Raw{Partition: "*", Name: "a", Columns: map[string]any{"Action": "invite"}}),
		Parse(Raw{Partition: "fabrikam", Name: "a", Columns: map[string]any{"Action": "deny", "Enabled": false}}),
	}
	got := Decide(submission.Submission{Email: address(t, "ana@contoso.com")}, rows, nil, now)
	if got.Action != Invite {
		t.Errorf("%s: %s, want the row of everybody to decide", got.Action, got.Reason)
	}
}

func TestQuotedKeyHoldsNoAddress(t *testing.T) {
	for key, want := range map[string]string{
		"Fabrikam.com":              `"Fabrikam.com"`,
		"fabri\u200bkam.com":        `"fabri\u200bkam.com"`,
		"@fabrikam.com":             `"@fabrikam.com"`,
		"*@fabrikam.com":            `"*@fabrikam.com"`,
		"Ana@Fabrikam.com":          "(like an address)",
		"ana＠fabrikam.com":          "(like an address)",
		"Ana <ana@fabrikam.com>":    "(like an address)",
		"ana at fabrikam.com":       "(like an address)",
		"änne@fabrikam.com":         `"\u2026@fabrikam.com"`,
		"ana@fabrikam":              `"\u2026@fabrikam"`,
		"ana@fabrikam.com":          "(like an address)",
		strings.Repeat("ana ", 500): `"` + strings.Repeat("ana ", 500)[:119] + `\u2026 (cut)"`,
	} {
		got := QuoteKey(key)
		if got != want {
			t.Errorf("QuoteKey(%q) = %s, want %s", key, got, want)
		}
	}
}

func TestWiderPartitionsAreThoseThatFollow(t *testing.T) {
	for _, email := range []string{"ana@contoso.com", "ana@eu.sales.contoso.com", "ana@contoso.com.br"} {
		partitions := Partitions(address(t, email))
		for i, key := range partitions {
			if diff := cmp.Diff(partitions[i+1:], Wider(key), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Wider(%q) (-want +got):\n%s", key, diff)
			}
		}
	}
	if got := Wider("Contoso.com"); got != nil {
		t.Errorf("a key that is none has %q", got)
	}
}

func FuzzJudgeKey(f *testing.F) {
	for _, key := range []string{"Fabrikam.com", "@fabrikam.com", "*", "ana＠fabrikam.com", "a, b.com", "https://x.com/"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		fault, meant := JudgeKey(key)
		if (fault == KeyFine) != isPartition(key) || fault == KeyFine && meant != nil {
			t.Errorf("JudgeKey = %q, %q", fault, meant)
		}
		for i, partition := range meant {
			if !isPartition(partition) || slices.Contains(meant[:i], partition) {
				t.Errorf("meant %q", meant)
			}
		}
		row := Parse(Raw{Partition: key, Columns: map[string]any{"Action": "deny"}})
		if (fault == KeyFine) != (len(row.For) == 0) || (fault == KeyFine) != (row.Faults == nil) {
			t.Errorf("the row counts for %q and has the faults %v", row.For, row.Faults)
		}
	})
}
