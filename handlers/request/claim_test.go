package request

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

var (
	claimTime = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	later     = claimTime.Add(time.Hour)
)

const (
	owner submission.ID = "owner"
	other submission.ID = "other"
)

// claimsOf are claims in every state, each with all that its state lets it have.
var claimsOf = map[ClaimState]Claim{
	ClaimFree:     {},
	ClaimReserved: {State: ClaimReserved, Owner: owner, MailedAt: claimTime, Mails: 1},
	ClaimSending:  {State: ClaimSending, Owner: owner, IntentAt: claimTime, MailedAt: claimTime, Mails: 1},
	ClaimSent: {State: ClaimSent, Owner: owner, GuestID: "guest", SentAt: claimTime, Origin: OriginBrought,
		MailedAt: claimTime, Mails: 1},
	ClaimMails: {State: ClaimMails, Owner: owner, MailedAt: claimTime, Mails: 1},
}

// claimChanges are all changes of a claim, and the state to which each leads from those that allow
// it.
var claimChanges = map[string]struct {
	change func(Claim) (Claim, error)
	leads  map[ClaimState]ClaimState
}{
	"TakeOver": {func(c Claim) (Claim, error) { return c.TakeOver(other) },
		map[ClaimState]ClaimState{ClaimReserved: ClaimReserved, ClaimSending: ClaimSending, ClaimMails: ClaimReserved}},
	"Begin": {func(c Claim) (Claim, error) { return c.Begin(later) },
		map[ClaimState]ClaimState{ClaimReserved: ClaimSending, ClaimSending: ClaimSending, ClaimMails: ClaimSending}},
	"BeginAnew": {func(c Claim) (Claim, error) { return c.BeginAnew(other, later) },
		map[ClaimState]ClaimState{ClaimSent: ClaimSending}},
	"NotSent": {func(c Claim) (Claim, error) { return c.NotSent(time.Time{}) },
		map[ClaimState]ClaimState{ClaimSending: ClaimReserved}},
	"NotSent with a doubt": {func(c Claim) (Claim, error) { return c.NotSent(later) },
		map[ClaimState]ClaimState{ClaimSending: ClaimSending}},
	"Sent": {func(c Claim) (Claim, error) { return c.Sent("guest", OriginBrought, later) },
		map[ClaimState]ClaimState{ClaimSending: ClaimSent}},
	"Found": {func(c Claim) (Claim, error) { return c.Found("guest", OriginFound) },
		map[ClaimState]ClaimState{ClaimSending: ClaimSent}},
	"Restore": {func(c Claim) (Claim, error) { return c.Restore(owner, "guest", OriginFound) },
		map[ClaimState]ClaimState{ClaimReserved: ClaimSent, ClaimMails: ClaimSent}},
	"Restore by another": {func(c Claim) (Claim, error) { return c.Restore(other, "guest", OriginFound) },
		map[ClaimState]ClaimState{ClaimMails: ClaimSent}},
	"KeepMails": {func(c Claim) (Claim, error) { return c.KeepMails() },
		map[ClaimState]ClaimState{ClaimReserved: ClaimMails, ClaimSending: ClaimMails, ClaimSent: ClaimMails, ClaimMails: ClaimMails}},
	"nobody as guest": {func(c Claim) (Claim, error) { return c.Found("", OriginFound) }, nil},
	"nobody restored": {func(c Claim) (Claim, error) { return c.Restore(owner, "", OriginFound) }, nil},
}

func TestClaimChangesOnlyAsItsStateAllows(t *testing.T) {
	for name, test := range claimChanges {
		for from, claim := range claimsOf {
			changed, err := test.change(claim)
			to, legal := test.leads[from]
			if !legal {
				if problem.CodeOf(err) != problem.Internal || changed != claim {
					t.Errorf("%s of a claim that is %q: %+v, %v", name, from, changed, err)
				}
				continue
			}
			if err != nil || changed.State != to || changed.Check() != nil {
				t.Errorf("%s of a claim that is %q: %+v, %v, want %q", name, from, changed, err, to)
			}
			if changed.Mails != claim.Mails || changed.MailedBefore != claim.MailedBefore || !changed.MailedAt.Equal(claim.MailedAt) {
				t.Errorf("%s of a claim that is %q forgets mails", name, from)
			}
		}
	}
	_, err := Claim{State: ClaimReserved, Owner: owner}.KeepMails()
	if problem.CodeOf(err) != problem.Internal {
		t.Errorf("a claim without mails is kept for them: %v", err)
	}
}

func TestTakenOverClaimIsStillAsked(t *testing.T) {
	claim, err := claimsOf[ClaimSending].TakeOver(other)
	if err != nil || claim.Owner != other || !claim.IntentAt.Equal(claimTime) {
		t.Errorf("%+v, %v", claim, err)
	}
	claim, err = claim.Begin(later)
	if err != nil {
		t.Fatal(err)
	}
	claim, err = claim.NotSent(claimTime)
	if err != nil || !claim.IntentAt.Equal(claimTime) {
		t.Errorf("after an attempt that sent nothing: %+v, %v", claim, err)
	}
}

func TestReceiptSaysWhenInvitationWasSent(t *testing.T) {
	sent, _ := claimsOf[ClaimSending].Sent("guest", OriginBrought, later)
	found, _ := claimsOf[ClaimSending].Found("guest", OriginFound)
	if !sent.SentAt.Equal(later) || sent.Origin != OriginBrought || !found.SentAt.IsZero() || found.Origin != OriginFound {
		t.Errorf("sent %+v, found %+v", sent, found)
	}
	if mailed := sent.Mailed(later.Add(1)); mailed.Mails != 2 || !mailed.SentAt.Equal(later) || mailed.Unmailed(sent) != sent {
		t.Errorf("%+v", mailed)
	}
}

func TestClaimOfEarlierVersionHasState(t *testing.T) {
	for state, claim := range claimsOf {
		if state == ClaimFree {
			continue
		}
		old := claim
		old.State, old.SentAt, old.Origin = "", time.Time{}, ""
		if state == ClaimSent {
			old.IntentAt = claimTime
			claim.Origin = OriginUnknown
		}
		if state == ClaimReserved {
			old.Mails, claim.Mails = 0, 0
		}
		if got := old.Derive(); got != claim || got.Check() != nil {
			t.Errorf("%s: %+v, want %+v", state, got, claim)
		}
	}
}

// TestDiagramShowsStatesOfClaim holds the drawing to the table of states, and that to the changes.
func TestDiagramShowsStatesOfClaim(t *testing.T) {
	drawing := section(t, "architecture.md", "%% the states of a claim\n", "```")
	drawn := map[[2]ClaimState]bool{}
	edges := regexp.MustCompile(`(?m)^ *(\w+|\[\*\]) --> (\w+|\[\*\])`)
	free := func(text string) ClaimState {
		if text == "[*]" {
			return ClaimFree
		}
		return ClaimState(text)
	}
	for _, edge := range edges.FindAllStringSubmatch(drawing, -1) {
		drawn[[2]ClaimState{free(edge[1]), free(edge[2])}] = true
	}
	table, made := map[[2]ClaimState]bool{}, map[[2]ClaimState]bool{}
	for _, from := range ClaimStates() {
		for _, to := range from.Next() {
			if from != to {
				table[[2]ClaimState{from, to}] = true
			}
			if to == ClaimFree || from == ClaimFree { // by the store
				made[[2]ClaimState{from, to}] = true
			}
		}
	}
	for _, change := range claimChanges {
		for from, to := range change.leads {
			if !slices.Contains(from.Next(), to) {
				t.Errorf("a change leads from %q to %q, which the table does not have", from, to)
			}
			if from != to {
				made[[2]ClaimState{from, to}] = true
			}
		}
	}
	if !maps.Equal(drawn, table) || !maps.Equal(made, table) {
		t.Errorf("drawn %v\ntable %v\nmade  %v", drawn, table, made)
	}
}

// TestOnlyMethodsChangeClaims looks for code outside this package that writes a field of a claim.
func TestOnlyMethodsChangeClaims(t *testing.T) {
	writes := regexp.MustCompile(`(?i)\bclaim\.(State|Owner|IntentAt|GuestID|SentAt|Origin|MailedAt|MailedBefore|Mails)\b` +
		`(, [\w.]+)* *(=[^=]|\+\+|--|[+-]=)`)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") ||
			strings.Contains(path, "storetest") {
			return err
		}
		text, err := os.ReadFile(path)
		if found := writes.Find(text); found != nil {
			t.Errorf("%s has %q: only the methods of request.Claim change a claim", path, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestContradictoryClaimsAreFound(t *testing.T) {
	others := func(state ClaimState) []ClaimState {
		all := []ClaimState{ClaimReserved, ClaimSending, ClaimSent, ClaimMails}
		return slices.DeleteFunc(all, func(s ClaimState) bool { return s == state })
	}
	changes := map[string]struct {
		change func(*Claim)
		right  []ClaimState // the states in which the claim is right all the same
	}{
		"unchanged":           {func(*Claim) {}, others("")},
		"of no known state":   {func(c *Claim) { c.State = "lost" }, nil},
		"of no known origin":  {func(c *Claim) { c.Origin = "mars" }, nil},
		"fewer than no mails": {func(c *Claim) { c.Mails = -1 }, nil},
		"an intent":           {func(c *Claim) { c.IntentAt = later }, []ClaimState{ClaimSending}},
		"no intent":           {func(c *Claim) { c.IntentAt = time.Time{} }, others(ClaimSending)},
		"a guest":             {func(c *Claim) { c.GuestID = "another" }, []ClaimState{ClaimSent}},
		"no guest":            {func(c *Claim) { c.GuestID = "" }, others(ClaimSent)},
		"a time of sending":   {func(c *Claim) { c.SentAt = later }, []ClaimState{ClaimSent}},
		"an origin":           {func(c *Claim) { c.Origin = OriginFound }, []ClaimState{ClaimSent}},
		"no mails":            {func(c *Claim) { c.Mails = 0 }, others(ClaimMails)},
	}
	for name, test := range changes {
		for state, claim := range claimsOf {
			test.change(&claim)
			err := claim.Check()
			if slices.Contains(test.right, state) != (err == nil) ||
				err != nil && problem.CodeOf(err) != problem.Internal {
				t.Errorf("%q, %s: %v", state, name, err)
			}
		}
	}
}

func TestClaimChangesWriteWhoAndWhen(t *testing.T) {
	reserved, sending := claimsOf[ClaimReserved], claimsOf[ClaimSending]
	sent, mails := claimsOf[ClaimSent], claimsOf[ClaimMails]
	anew := must(sent.BeginAnew(other, later))(t)
	if anew.Owner != other || !anew.IntentAt.Equal(later) {
		t.Errorf("begun anew: %+v", anew)
	}
	if begun := must(reserved.Begin(later))(t); begun.Owner != owner || !begun.IntentAt.Equal(later) {
		t.Errorf("begun: %+v", begun)
	}
	if taken := must(mails.TakeOver(other))(t); taken.Owner != other {
		t.Errorf("taken over: %+v", taken)
	}
	restored := must(mails.Restore(other, "guest", OriginFound))(t)
	if restored.Owner != other || restored.GuestID != "guest" || restored.Origin != OriginFound {
		t.Errorf("restored: %+v", restored)
	}
	if kept := must(sent.KeepMails())(t); kept.Owner != owner || kept.Mails != 1 {
		t.Errorf("kept: %+v", kept)
	}
	if !sending.UnderWay(claimTime.Add(time.Minute-1), time.Minute) ||
		sending.UnderWay(claimTime.Add(time.Minute), time.Minute) ||
		sent.UnderWay(claimTime, time.Minute) {
		t.Error("an invitation is under way from its intent to the end of the lease")
	}
	mailed := reserved.Mailed(later)
	mailed.Version = "a later version"
	if back := mailed.Unmailed(reserved); back.Version != "a later version" || back.Mails != 1 {
		t.Errorf("unmailed: %+v", back)
	}
}

// must fails the test on an error, and returns the value.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
