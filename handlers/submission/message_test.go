package submission

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"guestlist/handlers/problem"
)

// firstMessage returns a first message with a submission in it.
func firstMessage(t testing.TB) Message {
	t.Helper()
	id, err := NewID(morning, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ana().Submission(morning)
	if err != nil {
		t.Fatal(err)
	}
	s.Consent = Consent{Terms: "2026-11", At: s.SubmittedAt, Language: "pt"}
	return Message{ID: id, Submission: &s}
}

func TestDecodeMessageReadsVersionWithoutConsent(t *testing.T) {
	const old = `{"version":1,"id":"01lg7uarhuaud6bdn7gi3ttdvqqvaj4bt0","submission":{"email":"ana@contoso.com","givenName":"Ana","familyName":"Silva",` +
		`"company":"Contoso","submittedAt":"2026-11-23T07:30:15Z"}}`
	message, err := DecodeMessage([]byte(old))
	if err != nil {
		t.Fatal(err)
	}
	if message.Submission.Consent != (Consent{}) || message.Submission.Sponsor != (Address{}) {
		t.Errorf("read as %+v", message.Submission)
	}
	again, err := Message{ID: message.ID, Submission: message.Submission}.Encode()
	if err != nil || strings.Contains(string(again), "consent") || strings.Contains(string(again), "sponsor") {
		t.Errorf("written as %s, error %v", again, err)
	}
}

func TestMessageRoundTrip(t *testing.T) {
	first := firstMessage(t)
	tests := map[string]Message{"with a submission": first, "id only": {ID: first.ID},
		"sends the mail again": {ID: first.ID, Kind: Resend}, "withdraws": {ID: first.ID, Kind: Withdraw},
		"proves the mailbox": {ID: first.ID, Kind: Prove, Code: "00120034"},
		"with a due time":    {ID: first.ID, Due: time.Date(2026, 5, 4, 9, 0, 0, 123456700, time.UTC)},
		"resumed":            {ID: first.ID, Due: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), Resumed: true},
		"put back": {
			ID: first.ID, Submission: first.Submission, Returns: 3, Returned: time.Date(2026, 5, 4, 9, 0, 0, 1, time.UTC),
		}}
	for name, message := range tests {
		t.Run(name, func(t *testing.T) {
			encoded, err := message.Encode()
			if err != nil {
				t.Fatal(err)
			}
			var indented bytes.Buffer
			err = json.Indent(&indented, encoded, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			// Another JSON library may order and escape otherwise.
			var loose map[string]any
			err = json.Unmarshal(encoded, &loose)
			if err != nil {
				t.Fatal(err)
			}
			reordered, err := json.Marshal(loose)
			if err != nil {
				t.Fatal(err)
			}
			for form, data := range map[string][]byte{"as encoded": encoded, "indented": indented.Bytes(), "reordered": reordered, "with a line end": append(encoded, '\n')} {
				got, err := DecodeMessage(data)
				if err != nil {
					t.Fatalf("%s: %v", form, err)
				}
				if diff := cmp.Diff(message, got, cmp.AllowUnexported(Address{})); diff != "" {
					t.Errorf("%s (-want +got):\n%s", form, diff)
				}
			}
		})
	}
}

func TestMessageRoundTripOfAnySubmission(t *testing.T) {
	id := firstMessage(t).ID
	rapid.Check(t, func(t *rapid.T) {
		s, err := inputs().Draw(t, "input").Submission(morning)
		if err != nil {
			return
		}
		encoded, err := Message{ID: id, Submission: &s}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeMessage(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if *got.Submission != s {
			t.Errorf("(-want +got):\n%s", cmp.Diff(s, *got.Submission, cmp.AllowUnexported(Address{})))
		}
	})
}

func TestLargestSubmissionFitsIntoMessage(t *testing.T) {
	id := firstMessage(t).ID
	long := strings.Repeat("a", 63)
	rapid.Check(t, func(t *rapid.T) {
		// Every character that costs most once it is JSON: escaped to six bytes, or four bytes as
		// it is.
		dear := rapid.SampledFrom([]string{"&", "\u2028x", "𝐚", "\\", "\"", "漢"})
		fill := func(label string, characters int, start string) string {
			text := start
			for len([]rune(text)) < characters {
				text += dear.Draw(t, label)
			}
			return string([]rune(text)[:characters])
		}
		in := Input{
			Email:     "a@" + long + "." + long + "." + long + "." + strings.Repeat("b", 56) + ".com",
			GivenName: strings.Repeat("&", MaxName-1) + "a", FamilyName: strings.Repeat("&", MaxName-1) + "a",
			Company: strings.Repeat("&", MaxCompany-1) + "a", Country: "PT",
			Reason:   strings.ReplaceAll(fill("reason", MaxReason, ""), "\u2028", "&"),
			Language: "en-a-bbb-x-a-ccccccc-ddddddd-eeeeee", InviteCode: strings.Repeat("&", MaxCode),
		}
		s, err := in.Submission(morning)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := Message{ID: id, Submission: &s}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var indented bytes.Buffer
		err = json.Indent(&indented, encoded, "", "  ")
		if err != nil || indented.Len() > MaxMessageBytes/2 {
			t.Errorf("the message has %d bytes, error %v; half of the limit is for a host that escapes more", indented.Len(), err)
		}
	})
}

func TestDecodeMessageRefuses(t *testing.T) {
	encoded, err := firstMessage(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	good := string(encoded)
	replaced := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the message", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	proof := func(code string) string {
		return `{"version":1,"id":"` + string(firstMessage(t).ID) + `","kind":"prove","code":` + code + `}`
	}
	tests := map[string]struct{ data, detail string }{
		"empty":                     {"", "not JSON"},
		"null":                      {"null", "version 0"},
		"a string":                  {`"advance"`, "not JSON"},
		"an array":                  {"[" + good + "]", "not JSON"},
		"half":                      {good[:len(good)/2], "not JSON"},
		"two":                       {good + good, "something follows"},
		"trailing text":             {good + "x", "something follows"},
		"another version":           {replaced(`"version":1`, `"version":2`), "version 2"},
		"no version":                {replaced(`"version":1,`, ``), "version 0"},
		"unknown property":          {replaced(`"version":1`, `"version":1,"approved":true`), "not JSON"},
		"unknown in submission":     {replaced(`"country"`, `"groups":["x"],"country"`), "not JSON"},
		"no id":                     {replaced(`"id":"`, `"id":"x`), "no valid id"},
		"upper-case id":             {strings.ToUpper(good[:60]) + good[60:], "no valid id"},
		"no address":                {replaced(`"email":"ana@contoso.com",`, ``), "email/required"},
		"null address":              {replaced(`"email":"ana@contoso.com"`, `"email":null`), "email/required"},
		"look-alike address":        {replaced(`ana@contoso.com`, `ana@contоso.com`), "email/look-alike"},
		"guest account":             {replaced(`ana@contoso.com`, `a_b.com#EXT#@contoso.com`), "email/guest-account"},
		"number as name":            {replaced(`"givenName":"Ana"`, `"givenName":1`), "not JSON"},
		"markup as name":            {replaced(`"givenName":"Ana"`, `"givenName":"<b>"`), "givenName/plain"},
		"line break as name":        {replaced(`"givenName":"Ana"`, `"givenName":"A\nna"`), "givenName/line"},
		"invite code as typed":      {replaced(`"inviteCode":"`+string(HashCode("spring-2026")), `"inviteCode":"spring-2026`), "inviteCode/hash"},
		"no time":                   {replaced(`,"submittedAt":"2026-11-23T07:30:15Z"`, ``), "submittedAt/required"},
		"invalid time":              {replaced(`2026-11-23T07:30:15Z`, `yesterday`), "not JSON"},
		"time that UTC overflows":   {replaced(`"submittedAt":"2026-11-23T07:30:15Z`, `"submittedAt":"9999-12-31T23:59:59-01:00`), "submittedAt/range"},
		"unknown kind":              {replaced(`"version":1`, `"version":1,"kind":"approve"`), "does not know"},
		"a note that is not a time": {replaced(`"version":1`, `"version":1,"note":"2026-05-04T09:00:00Z"`), "not a time"},
		"a return that is no time":  {replaced(`"version":1`, `"version":1,"returns":1,"returned":"x"`), "not a time"},
		"returns without a time":    {replaced(`"version":1`, `"version":1,"returns":1`), "returns wrongly"},
		"a time without returns":    {replaced(`"version":1`, `"version":1,"returned":"1"`), "returns wrongly"},
		"negative returns":          {replaced(`"version":1`, `"version":1,"returns":-1,"returned":"1"`), "returns wrongly"},
		"withdraws what it sends":   {replaced(`"version":1`, `"version":1,"kind":"withdraw"`), "has a submission"},
		"resumes what it sends":     {replaced(`"version":1`, `"version":1,"resumed":true`), "resumes, which"},
		"resumes to withdraw": {
			`{"version":1,"id":"` + string(firstMessage(t).ID) + `","kind":"withdraw","resumed":true}`, "resumes, which"},
		"a code to advance":        {replaced(`"version":1`, `"version":1,"code":"48151623"`), "has one that"},
		"a proof without a code":   {proof(`""`), "lacks its code"},
		"a proof with null":        {proof(`null`), "lacks its code"},
		"a code that is a number":  {proof(`48151623`), "not JSON"},
		"a code of seven digits":   {proof(`"4815162"`), "lacks its code"},
		"a code of nine digits":    {proof(`"481516234"`), "lacks its code"},
		"a code as typed":          {proof(`"4815 1623"`), "lacks its code"},
		"a code of other digits":   {proof(`"４８１５１６２３"`), "lacks its code"},
		"a code with a submission": {replaced(`"version":1`, `"version":1,"kind":"prove","code":"48151623"`), "has a submission"},
		"a code to withdraw":       {strings.Replace(proof(`"48151623"`), "prove", "withdraw", 1), "has one that"},
		"invalid UTF-8":            {replaced(`Contoso`, "Cont\xffoso"), "company/intact"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			message, err := DecodeMessage([]byte(test.data))
			if !errors.Is(err, &problem.Error{Code: problem.MalformedMessage}) || !strings.Contains(err.Error(), test.detail) {
				t.Fatalf("message %v, error %v; want malformed-message with %q", message, err, test.detail)
			}
			if strings.Contains(err.Error(), "ana@") || strings.Contains(err.Error(), "Contoso") || strings.Contains(err.Error(), "4815") {
				t.Errorf("the error repeats the content: %v", err)
			}
		})
	}
}

func TestDecodeMessageNormalises(t *testing.T) {
	id := firstMessage(t).ID
	data := `{"version": 1, "id": "` + string(id) + `", "submission": {"email": "ANA@Contoso.com", "givenName": " Ana ", "familyName": "Sil  va",
		"company": "Contoso", "country": "pt", "submittedAt": "2026-11-23T08:30:15.5+01:00"}}`
	message, err := DecodeMessage([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	want := Submission{
		Email: Address{"ana", "contoso.com"}, GivenName: "Ana", FamilyName: "Sil va", Company: "Contoso", Country: "PT",
		SubmittedAt: morning.UTC().Truncate(1e9),
	}
	if *message.Submission != want {
		t.Errorf("(-want +got):\n%s", cmp.Diff(want, *message.Submission, cmp.AllowUnexported(Address{})))
	}
}

func TestEncodeRefusesTooLargeMessage(t *testing.T) {
	message := firstMessage(t)
	message.Submission.Reason = strings.Repeat("x", MaxMessageBytes)
	_, err := message.Encode()
	if !errors.Is(err, &problem.Error{Code: problem.BodyTooLarge}) {
		t.Errorf("error %v, want body-too-large", err)
	}
}

func TestEncodeRefusesWhatKindDoesNotHave(t *testing.T) {
	first := firstMessage(t)
	for name, message := range map[string]Message{
		"unknown kind":                   {ID: first.ID, Kind: "approve"},
		"a submission with a withdrawal": {ID: first.ID, Kind: Withdraw, Submission: first.Submission},
		"a submission with a code":       {ID: first.ID, Kind: Prove, Code: "48151623", Submission: first.Submission},
		"a code with a withdrawal":       {ID: first.ID, Kind: Withdraw, Code: "48151623"},
		"a proof without a code":         {ID: first.ID, Kind: Prove},
		"a code as typed":                {ID: first.ID, Kind: Prove, Code: "4815 1623"},
	} {
		_, err := message.Encode()
		if !errors.Is(err, &problem.Error{Code: problem.Internal}) || strings.Contains(err.Error(), "4815") {
			t.Errorf("%s: error %v, want internal without the code", name, err)
		}
	}
}

func FuzzDecodeMessage(f *testing.F) {
	encoded, err := firstMessage(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Add([]byte(`{"version":1,"id":"00qm5nh3o0000000000000000000000000"}`))
	f.Add([]byte(`{"version":1,"id":"00qm5nh3o0000000000000000000000000","kind":"withdraw"}`))
	f.Add([]byte(`{"version":1,"id":"00qm5nh3o0000000000000000000000000","kind":"prove","code":"00120034"}`))
	f.Add([]byte(`{"version":1,"id":"","submission":{"language":"x-a-b-c"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := DecodeMessage(data)
		if err != nil {
			if !errors.Is(err, &problem.Error{Code: problem.MalformedMessage}) {
				t.Errorf("the error has another code: %v", err)
			}
			return
		}
		if message.Submission != nil {
			err = message.Submission.Check()
			if err != nil {
				t.Fatalf("decoded, then refused: %v", err)
			}
			checkAccepted(t, message.Submission.Email)
		}
		encoded, err := message.Encode()
		if err != nil {
			t.Fatalf("decoded, but not encoded: %v", err)
		}
		again, err := DecodeMessage(encoded)
		if err != nil {
			t.Fatalf("encoded, but not decoded: %v", err)
		}
		if diff := cmp.Diff(message, again, cmp.AllowUnexported(Address{})); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}
