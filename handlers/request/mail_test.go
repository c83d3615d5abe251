package request

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"guestlist/handlers/submission"
)

func TestMailIDNamesOneMailForGood(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	rapid.Check(t, func(t *rapid.T) {
		type mail struct {
			id      submission.ID
			kind    MailKind
			ordinal int
		}
		draw := rapid.Custom(func(t *rapid.T) mail {
			return mail{
				submission.ID(rapid.StringMatching(`[0-9a-v]{48}`).Draw(t, "id")),
				rapid.SampledFrom([]MailKind{CodeMail, InvitationMail, DecisionMail, ReminderMail}).Draw(t, "kind"),
				rapid.IntRange(1, 100).Draw(t, "ordinal"),
			}
		})
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		x, y := NewMailID(a.id, a.kind, a.ordinal), NewMailID(b.id, b.kind, b.ordinal)
		if !form.MatchString(string(x)) {
			t.Fatalf("%q is no UUID of version 8", x)
		}
		if (x == y) != (a == b) {
			t.Fatalf("%+v and %+v: %s and %s", a, b, x, y)
		}
	})
	// Mails that are on their way when the program is replaced must keep their ids.
	const want = "7e2bc89e-f611-876b-bec2-c7d48b3787e7"
	if got := NewMailID("01kvijsrstcbp297i3smtqoia4tm5i2bc197hl60teg7t06b", CodeMail, 1); got != want {
		t.Errorf("the id is %s, want %s", got, want)
	}
}
