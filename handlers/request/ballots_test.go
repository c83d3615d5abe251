package request

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

const ballotID = "01kvgo0gdbj7gfqfnnkhmrlohdpq93mi8saqok40vp8gklm9"

// ballotOf returns a ballot with every field set.
func ballotOf() CastBallot {
	return CastBallot{ID: ballotID, Ballot: Ballot{
		Seen: "2026-05-04T09:00:00.1234567Z", Shown: TermsMark(policy.Terms{UserType: "Guest"}), Stage: 2, By: "cccccccc-0000-4000-8000-000000000001", Name: "Rita Ruiz", Yes: true,
		Reason: "known", Note: "asked purchasing", Cast: time.Date(2026, 5, 4, 10, 0, 0, 123456700, time.UTC),
	}}
}

func TestBallotComesBackAsItWasCast(t *testing.T) {
	want := ballotOf()
	encoded, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeBallot(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-cast +read):\n%s", diff)
	}
	for _, text := range []string{"T09:00", "T10:00"} {
		if strings.Contains(string(encoded), `"2026-05-04`+text) {
			t.Errorf("the host would re-format a time in %s", encoded)
		}
	}
}

func TestBallotIsCheckedBeforeItIsSent(t *testing.T) {
	tests := map[string]struct {
		change func(*CastBallot)
		wrong  string // what the text for the person says; "" if it is taken
		want   func(*CastBallot)
	}{
		"a no without any words": {change: func(b *CastBallot) { b.Yes, b.Shown, b.Reason, b.Note = false, "", " \n", "\t" }, wrong: "a reason is needed"},
		"a no with a note only": {change: func(b *CastBallot) { b.Yes, b.Shown, b.Reason, b.Note = false, "", " \n", "asked purchasing" },
			want: func(b *CastBallot) { b.Yes, b.Shown, b.Reason, b.Note = false, "", "", "asked purchasing" }},
		"a yes of an older version": {change: func(b *CastBallot) { b.Shown = "" }, want: func(b *CastBallot) { b.Shown = "" }},
		"terms that are no mark":    {change: func(b *CastBallot) { b.Shown = "Member" }, wrong: "what is decided on"},
		"a no to some terms":        {change: func(b *CastBallot) { b.Yes = false }, wrong: "what is decided on"},
		"a yes without one":         {change: func(b *CastBallot) { b.Reason = "" }, want: func(b *CastBallot) { b.Reason = "" }},
		"a reason that is too long": {change: func(b *CastBallot) { b.Reason = strings.Repeat("x", 501) }, wrong: "at most 500"},
		"a note that is too long":   {change: func(b *CastBallot) { b.Note = strings.Repeat("x", 501) }, wrong: "at most 500"},
		"nobody":                    {change: func(b *CastBallot) { b.By = "rita" }, wrong: "who decides"},
		"no name":                   {change: func(b *CastBallot) { b.Name = "\u202e" }, wrong: "who decides"},
		"a stage that there is not": {change: func(b *CastBallot) { b.Stage = 3 }, wrong: "what is decided on"},
		"no stage":                  {change: func(b *CastBallot) { b.Stage = 0 }, wrong: "what is decided on"},
		"nothing seen":              {change: func(b *CastBallot) { b.Seen = "" }, wrong: "what is decided on"},
		"no time":                   {change: func(b *CastBallot) { b.Cast = time.Time{} }, wrong: "what is decided on"},
		"an id in capitals":         {change: func(b *CastBallot) { b.By = strings.ToUpper(b.By) }, want: func(*CastBallot) {}},
		"marks that turn the text":  {change: func(b *CastBallot) { b.Reason, b.Name = "kno\u202ewn", "Rita\x00 Ruiz" }, want: func(*CastBallot) {}},
		"words on several lines":    {change: func(b *CastBallot) { b.Note = "asked\r\n\tpurchasing " }, want: func(*CastBallot) {}},
		"a text that is no text":    {change: func(b *CastBallot) { b.Note = "asked \xffpurchasing" }, want: func(*CastBallot) {}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ballot := ballotOf()
			test.change(&ballot)
			got, err := ballot.Check()
			if test.wrong != "" {
				failure := problem.From(err)
				if failure.Code != problem.InvalidInput || !strings.Contains(failure.Public, test.wrong) {
					t.Errorf("got %v", err)
				}
				return
			}
			want := ballotOf()
			test.want(&want)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestMessageThatIsNoBallotIsRefused(t *testing.T) {
	encoded, err := ballotOf().Encode()
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) string {
		fields := map[string]any{}
		if json.Unmarshal(encoded, &fields) != nil {
			t.Fatal("no JSON")
		}
		fields = maps.Clone(fields)
		fields[name] = value
		changed, _ := json.Marshal(fields)
		return string(changed)
	}
	for name, body := range map[string]string{
		"nothing": "", "text": "hello", "two": string(encoded) + string(encoded),
		"groups":           with("groups", []string{"aaaaaaaa-0000-4000-8000-000000000001"}),
		"an authority":     with("authority", "reviewer"),
		"terms":            with("terms", map[string]any{"userType": "Member"}),
		"terms as a mark":  with("shown", map[string]any{"userType": "Member"}),
		"another version":  with("version", 2),
		"no id":            with("id", "x"),
		"a time of a host": with("cast", "2026-05-04T10:00:00Z"),
		"before all times": with("cast", "-1"),
		"no mark":          with("seen", "2026-05-04T09:00:00Z"),
		"no voter":         with("by", ""),
		"a third stage":    with("stage", 3),
	} {
		_, err := DecodeBallot([]byte(body))
		if problem.CodeOf(err) != problem.MalformedMessage || strings.Contains(fmt.Sprint(err), "Rita") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBallot(f *testing.F) {
	encoded, err := ballotOf().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ballot, err := DecodeBallot(body)
		if err != nil {
			if problem.CodeOf(err) != problem.MalformedMessage {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		again, err := ballot.Encode()
		if err != nil {
			t.Fatalf("a ballot that was read can't be sent: %v", err)
		}
		same, err := DecodeBallot(again)
		if err != nil || same != ballot {
			t.Fatalf("%v: %+v became %+v", err, ballot, same)
		}
	})
}
