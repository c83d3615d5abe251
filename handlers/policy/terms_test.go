package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMailOfTerms(t *testing.T) {
	tests := map[InvitationMail]struct{ withOwn, withoutOwn InvitationMail }{
		MailByDefault:    {OwnMail, MicrosoftMail},
		OwnMail:          {OwnMail, MicrosoftMail},
		MicrosoftMail:    {MicrosoftMail, MicrosoftMail},
		NoInvitationMail: {NoInvitationMail, NoInvitationMail},
	}
	for mail, want := range tests {
		terms := Terms{InvitationMail: mail}
		if got := terms.Mail(true); got != want.withOwn {
			t.Errorf("%q in an app with mails: %q, want %q", mail, got, want.withOwn)
		}
		if got := terms.Mail(false); got != want.withoutOwn {
			t.Errorf("%q in an app without mails: %q, want %q", mail, got, want.withoutOwn)
		}
	}
}

// TestStoredTermsAreRead reads what this version writes, an older one wrote, and a newer one may.
func TestStoredTermsAreRead(t *testing.T) {
	tests := map[string]struct {
		stored string
		want   InvitationMail
	}{
		"older, with a mail":              {`{"sendInvitation":true,"userType":"Guest"}`, MailByDefault},
		"older, without a mail":           {`{"sendInvitation":false,"userType":"Guest"}`, NoInvitationMail},
		"older, unsaid":                   {`{"userType":"Guest"}`, NoInvitationMail},
		"the default":                     {`{"userType":"Guest","sendInvitation":true}`, MailByDefault},
		"the app's own":                   {`{"invitationMail":"own","userType":"Guest","sendInvitation":false}`, OwnMail},
		"Microsoft's":                     {`{"invitationMail":"microsoft","userType":"Guest","sendInvitation":true}`, MicrosoftMail},
		"none":                            {`{"invitationMail":"none","userType":"Guest","sendInvitation":false}`, NoInvitationMail},
		"the new property wins":           {`{"invitationMail":"none","userType":"Guest","sendInvitation":true}`, NoInvitationMail},
		"newer, with Microsoft's mail":    {`{"invitationMail":"both","userType":"Guest","sendInvitation":true}`, MailByDefault},
		"newer, without Microsoft's mail": {`{"invitationMail":"pigeon","userType":"Guest","sendInvitation":false}`, NoInvitationMail},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := Terms{Cc: "left@contoso.com"}
			err := json.Unmarshal([]byte(test.stored), &got)
			if err != nil {
				t.Fatal(err)
			}
			diff := cmp.Diff(Terms{InvitationMail: test.want, UserType: "Guest"}, got)
			if diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBrokenTermsAreNotRead(t *testing.T) {
	for _, stored := range []string{`{"invitationMail":true}`, `{"sendInvitation":"no"}`, `[]`, `"own"`} {
		terms := Terms{UserType: "Guest"}
		err := json.Unmarshal([]byte(stored), &terms)
		if err == nil || terms.UserType != "Guest" {
			t.Errorf("%s: %v, %+v", stored, err, terms)
		}
	}
}

// TestEncoderDecidesWhetherTermsAreEscaped: an erasure looks for an address in JSON that is not.
func TestEncoderDecidesWhetherTermsAreEscaped(t *testing.T) {
	for _, escapes := range []bool{false, true} {
		want := `{"cc":"a&b@contoso.com","userType":"<>","sendInvitation":true}`
		if escapes {
			want = strings.NewReplacer("&", `\u0026`, "<", `\u003c`, ">", `\u003e`).Replace(want)
		}
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(escapes)
		err := encoder.Encode(&Terms{Cc: "a&b@contoso.com", UserType: "<>"})
		if got := strings.TrimSpace(text.String()); err != nil || got != want {
			t.Errorf("escaped for HTML: %t: %v, got %s, want %s", escapes, err, got, want)
		}
	}
}

// TestOlderVersionSendsNoForbiddenMail reads terms as a version does that knows no InvitationMail.
func TestOlderVersionSendsNoForbiddenMail(t *testing.T) {
	tests := map[InvitationMail]bool{MailByDefault: true, MicrosoftMail: true, OwnMail: false, NoInvitationMail: false}
	for mail, want := range tests {
		written := Terms{Groups: []string{group1}, InvitationMail: mail, Message: "Welcome", UserType: "Member"}
		for _, v := range []any{written, &written, Decision{Terms: &written}.Terms} {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var older struct{ SendInvitation *bool }
			err = json.Unmarshal(text, &older)
			if err != nil || older.SendInvitation == nil || *older.SendInvitation != want {
				t.Errorf("%q is written as %s", mail, text)
			}
			if strings.Contains(string(text), `"invitationMail"`) != (mail != MailByDefault) {
				t.Errorf("%q is written as %s", mail, text)
			}
			var read Terms
			err = json.Unmarshal(text, &read)
			diff := cmp.Diff(written, read)
			if err != nil || diff != "" {
				t.Errorf("%v (-written +read):\n%s", err, diff)
			}
		}
	}
}
