package request

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/submission"
)

var proofNoon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func proofRequest(t testing.TB, address string) Request {
	t.Helper()
	email, err := submission.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return Request{
		ID: "01kvijsrstcbp297i3smtqoia4tm5i2bc197hl60teg7t06b", State: Proving, Created: proofNoon,
		Submission: submission.Submission{Email: email},
		Proof:      Proof{Wanted: proofNoon, Epoch: 1, Until: proofNoon.Add(ProofTime), Mailed: true},
	}
}

// TestDigitsOfCodesAreEvenlySpread: each digit comes up about as often as the others, at each
// place.
func TestDigitsOfCodesAreEvenlySpread(t *testing.T) {
	const codes = 40_000
	var counts [submission.ProofCodeLength][10]int
	seen := map[string]int{}
	r := proofRequest(t, "ana@contoso.com")
	random := rand.NewChaCha8([32]byte{1})
	var key ProofKey
	_, _ = random.Read(key[:])
	for n := range codes {
		r.ID = submission.ID(fmt.Sprintf("request %d", n))
		code := key.Code(r)
		if !submission.ValidProofCode(code) {
			t.Fatalf("%q is not a code", code)
		}
		seen[code]++
		for place, digit := range []byte(code) {
			counts[place][digit-'0']++
		}
	}
	// With 9 degrees of freedom chi squared is above 40 once in 130,000 times.
	for place, digits := range counts {
		sum := 0.0
		for _, n := range digits {
			d := float64(n) - codes/10
			sum += d * d / (codes / 10)
		}
		if sum > 40 {
			t.Errorf("place %d: chi squared is %.1f: %v", place, sum, digits)
		}
	}
	// Of 40,000 codes some eight pairs are equal.
	if pairs := codes - len(seen); pairs > 25 {
		t.Errorf("%d codes came up again", pairs)
	}
}

func TestCodeDependsOnAllThatItIsFor(t *testing.T) {
	key := ProofKey{1}
	r := proofRequest(t, "ana@contoso.com")
	code := key.Code(r)
	if again := key.Code(r); again != code {
		t.Error("the code is not the same again")
	}
	other, epoch, address := r, r, proofRequest(t, "anna@contoso.com")
	other.ID = "01kvijsrstcbp297i3smtqoia4tm5i2bc197hl60teg7t06c"
	epoch.Proof.Epoch++
	for what, got := range map[string]string{
		"request": key.Code(other), "time": key.Code(epoch), "address": key.Code(address), "key": ProofKey{2}.Code(r),
	} {
		if got == code {
			t.Errorf("another %s has the same code", what)
		}
	}
}

func TestTryCode(t *testing.T) {
	key := ProofKey{1}
	tests := map[string]struct {
		change func(*Request)
		code   func(Request) string // default: the right one
		takes  bool
		right  bool
	}{
		"the right code":      {takes: true, right: true},
		"a wrong code":        {code: func(Request) string { return "00000000" }, takes: true},
		"no code":             {code: func(Request) string { return "" }, takes: true},
		"at the last moment":  {change: func(r *Request) { r.Proof.Until = proofNoon.Add(time.Nanosecond) }, takes: true, right: true},
		"when time is over":   {change: func(r *Request) { r.Proof.Until = proofNoon }, takes: true},
		"none was mailed":     {change: func(r *Request) { r.Proof.Mailed = false }, takes: true},
		"the fifth try":       {change: func(r *Request) { r.Proof.Tries = MaxProofTries - 1 }, takes: true, right: true},
		"the sixth try":       {change: func(r *Request) { r.Proof.Tries = MaxProofTries }},
		"it is proved":        {change: func(r *Request) { r.Proof.At = proofNoon }},
		"it is withdrawn":     {change: func(r *Request) { r.Withdrawal = Instruction{At: proofNoon, By: ThePartner} }},
		"a person erases it":  {change: func(r *Request) { r.Withdrawal = Instruction{At: proofNoon, By: "desk@wingtiptoys.com"} }, takes: true},
		"a person erased it":  {change: func(r *Request) { r.State, r.Erased = Cancelled, proofNoon }, takes: true},
		"it was denied":       {change: func(r *Request) { r.State = Denied }, takes: true},
		"it ended lately":     {change: func(r *Request) { r.State, r.Created = Done, proofNoon.Add(-12*24*time.Hour) }, takes: true},
		"it ended long ago":   {change: func(r *Request) { r.State, r.Created = Done, proofNoon.Add(-codesCount) }},
		"the code of earlier": {code: func(r Request) string { r.Proof.Epoch--; return key.Code(r) }, takes: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := proofRequest(t, "ana@contoso.com")
			if test.change != nil {
				test.change(&r)
			}
			code := key.Code(r)
			if test.code != nil {
				code = test.code(r)
			}
			if got := r.TakesCode(proofNoon); got != test.takes {
				t.Fatalf("TakesCode is %t", got)
			}
			if !test.takes {
				return
			}
			c := Change{Request: r, Now: func() time.Time { return proofNoon }}
			right := c.TryCode(key, code)
			if right != test.right || c.Request.Proof.Tries != r.Proof.Tries+1 || c.Request.Proof.Done() != test.right {
				t.Errorf("right %t: %+v", right, c.Request.Proof)
			}
			for _, event := range c.Events {
				if code != "" && strings.Contains(event.Detail, code) {
					t.Error("the history has the code")
				}
			}
		})
	}
}

// TestProofKeepsCountOfCodes: the page shows the count, and must not tell by it that policy has
// asked for a proof.
func TestProofKeepsCountOfCodes(t *testing.T) {
	r := proofRequest(t, "ana@contoso.com")
	r.State, r.Proof = Received, Proof{Tries: 2}
	c := Change{Request: r, Now: func() time.Time { return proofNoon }}
	c.WantProof("the row says so")
	if got := c.Request.Proof.Tries; got != 2 {
		t.Errorf("%d codes count after the proof was asked for, want 2", got)
	}
}
