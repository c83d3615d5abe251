package guard

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guestlist/handlers/submission"
)

func signerOf(t interface{ Fatal(...any) }, c *clock, keys ...string) *Signer {
	s, err := newSigner(Config{FormKeys: keys, FormWait: 3 * time.Second, FormLifetime: 2 * time.Hour}, c.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func issue(t interface{ Fatal(...any) }, s *Signer) string {
	text, err := s.Issue(Token{})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTokenCountsFromWaitToLifetime(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration
		want  error
	}{
		"at once":                        {0, ErrEarly},
		"a moment before the wait ends":  {3*time.Second - time.Millisecond, ErrEarly},
		"when the wait ends":             {3 * time.Second, nil},
		"at the end of its lifetime":     {2 * time.Hour, nil},
		"after its lifetime":             {2*time.Hour + time.Millisecond, ErrExpired},
		"by a clock behind":              {-time.Minute, ErrEarly},
		"by a clock impossibly far back": {-time.Minute - time.Millisecond, ErrForged},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{morning}
			s := signerOf(t, c, keyOne)
			text := issue(t, s)
			c.now = c.now.Add(test.after)
			token, err := s.Check(text)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if !errors.Is(test.want, ErrForged) && !token.Issued().Equal(morning) {
				t.Errorf("issued at %v", token.Issued())
			}
		})
	}
}

func TestTokensOfOtherInstancesAndAfterKeyRotation(t *testing.T) {
	c := &clock{morning}
	before := signerOf(t, c, keyOne)
	other := signerOf(t, c, keyOne)
	rotated := signerOf(t, c, keyTwo, keyOne)
	after := signerOf(t, c, keyTwo)
	old, fresh := issue(t, before), issue(t, rotated)
	c.now = c.now.Add(time.Minute)
	for name, test := range map[string]struct {
		signer *Signer
		text   string
		want   error
	}{
		"another instance":                          {other, old, nil},
		"the old key while both are configured":     {rotated, old, nil},
		"the new key":                               {rotated, fresh, nil},
		"the new key after the old one was removed": {after, fresh, nil},
		"the old key after it was removed":          {after, old, ErrForged},
		"the new key before it is configured":       {before, fresh, ErrForged},
	} {
		_, err := test.signer.Check(test.text)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	one, err := before.Check(old)
	if err != nil {
		t.Fatal(err)
	}
	two, err := rotated.Check(old)
	if err != nil {
		t.Fatal(err)
	}
	if one.Mark([]byte("x")) != two.Mark([]byte("x")) {
		t.Error("a new key changes the mark of a form")
	}
	first, ofFirst := one.NewID([]byte("x"))
	second, ofSecond := two.NewID([]byte("x"))
	if ofFirst != nil || ofSecond != nil || first != second {
		t.Errorf("a new key changes the id of a form from %s to %s; errors %v, %v", first, second, ofFirst, ofSecond)
	}
}

func TestIDsAreRecognisedByTheirKeys(t *testing.T) {
	c := &clock{morning}
	before := signerOf(t, c, keyOne)
	rotated := signerOf(t, c, keyTwo, keyOne)
	after := signerOf(t, c, keyTwo)
	old, ofOld := before.NewID(morning, rand.Reader)
	fresh, ofFresh := rotated.NewID(morning, rand.Reader)
	madeUp, ofMadeUp := submission.NewID(morning, rand.Reader)
	if err := errors.Join(ofOld, ofFresh, ofMadeUp); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		signer *Signer
		id     submission.ID
		want   bool
	}{
		"the old key while both are configured": {rotated, old, true},
		"the new key":                           {rotated, fresh, true},
		"the old key after it was removed":      {after, old, false},
		"the new key before it is configured":   {before, fresh, false},
		"no key":                                {nil, fresh, false},
		"no signature":                          {rotated, madeUp, false},
	} {
		if got := test.signer.Issued(test.id); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFormShownAgainDoesNotWaitAgain(t *testing.T) {
	for name, test := range map[string]struct {
		fetched time.Duration // how long ago
		forged  bool
		want    error // of the renewed token, at once
	}{
		"after errors":               {time.Minute, false, nil},
		"after expiry":               {3 * time.Hour, false, nil},
		"sent too early":             {time.Second, false, ErrEarly},
		"with a forged token":        {0, true, ErrEarly},
		"at the end of its lifetime": {2 * time.Hour, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{morning.Add(-test.fetched)}
			s := signerOf(t, c, keyOne)
			text := issue(t, s)
			if test.forged {
				text = "x"
			}
			c.now = morning
			old, _ := s.Check(text)
			renewed, err := s.Issue(old)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Check(renewed)
			if !errors.Is(err, test.want) {
				t.Errorf("at once: got %v, want %v", err, test.want)
			}
			c.now = morning.Add(2 * time.Hour)
			_, err = s.Check(renewed)
			if err != nil {
				t.Errorf("it expires before a new one: %v", err)
			}
		})
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	c := &clock{morning}
	s := signerOf(t, c, keyOne)
	text := issue(t, s)
	c.now = c.now.Add(time.Minute)
	_, err := s.Check(text)
	if err != nil {
		t.Fatal(err)
	}
	forged := map[string]string{
		"none":                  "",
		"cut short":             text[:len(text)-1],
		"cut to the signature":  text[signedPart:],
		"longer":                text + "A",
		"padded":                text[:len(text)-1] + "=",
		"twice":                 text + text,
		"with a line break":     text[:40] + "\n" + text[41:],
		"a line break more":     text[:40] + "\n" + text[40:],
		"in another alphabet":   strings.Repeat("+", len(text)),
		"of zeros":              strings.Repeat("A", len(text)),
		"signed by another key": issue(t, signerOf(t, &clock{morning}, keyTwo)),
		"very long":             strings.Repeat(text, 100),
		"not ASCII":             strings.Repeat("é", len(text)/2),
	}
	for name, text := range forged {
		_, err := s.Check(text)
		if !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	raw, err := encoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for _, bit := range []byte{1, 0x80} {
			changed := bytes.Clone(raw)
			changed[i] ^= bit
			_, err := s.Check(encoding.EncodeToString(changed))
			if !errors.Is(err, ErrForged) {
				t.Errorf("a changed byte %d: %v", i, err)
			}
		}
	}
}

func TestTokenHasOneSpelling(t *testing.T) {
	c := &clock{morning}
	s := signerOf(t, c, keyOne)
	text := issue(t, s)
	c.now = c.now.Add(time.Minute)
	accepted := 0
	for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		_, err := s.Check(text[:len(text)-1] + string(last))
		if err == nil {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("%d last characters are accepted, want one", accepted)
	}
}

func TestMarkDependsOnTokenAndContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{morning}
		s := signerOf(t, c, keyOne)
		one, two := issue(t, s), issue(t, s)
		c.now = c.now.Add(time.Minute)
		first, err := s.Check(one)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Check(one)
		if err != nil {
			t.Fatal(err)
		}
		other, err := s.Check(two)
		if err != nil {
			t.Fatal(err)
		}
		content := rapid.SliceOf(rapid.Byte()).Draw(t, "content")
		changed := append(bytes.Clone(content), rapid.Byte().Draw(t, "more"))
		if first.Mark(content) != again.Mark(content) {
			t.Error("the same content under the same token has two marks")
		}
		if first.Mark(content) == other.Mark(content) || first.Mark(content) == first.Mark(changed) {
			t.Error("another token or other content has the same mark")
		}
	})
}

func TestSignerNeedsAllParts(t *testing.T) {
	good := Config{FormKeys: []string{keyOne}, FormWait: time.Second, FormLifetime: time.Hour}
	for name, breakIt := range map[string]func(c *Config, now *func() time.Time, random *io.Reader){
		"key":             func(c *Config, _ *func() time.Time, _ *io.Reader) { c.FormKeys = nil },
		"long keys":       func(c *Config, _ *func() time.Time, _ *io.Reader) { c.FormKeys = []string{keyOne, keyOne[:MinKey-1]} },
		"clock":           func(_ *Config, now *func() time.Time, _ *io.Reader) { *now = nil },
		"randomness":      func(_ *Config, _ *func() time.Time, random *io.Reader) { *random = nil },
		"lifetime":        func(c *Config, _ *func() time.Time, _ *io.Reader) { c.FormLifetime = 0 },
		"time to fill in": func(c *Config, _ *func() time.Time, _ *io.Reader) { c.FormWait = c.FormLifetime },
		"positive wait":   func(c *Config, _ *func() time.Time, _ *io.Reader) { c.FormWait = -1 },
	} {
		config, now, random := good, time.Now, rand.Reader
		breakIt(&config, &now, &random)
		_, err := newSigner(config, now, random)
		if err == nil {
			t.Errorf("a signer without %s was made", name)
		}
	}
	s, err := newSigner(good, time.Now, strings.NewReader("too short"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Issue(Token{})
	if err == nil {
		t.Error("a token without randomness was issued")
	}
}

func FuzzToken(f *testing.F) {
	c := &clock{morning}
	// Every process of the fuzzer must have the same genuine token.
	s, err := newSigner(Config{FormKeys: []string{keyOne, keyTwo}, FormWait: time.Second, FormLifetime: time.Hour}, c.Now, strings.NewReader(strings.Repeat("r", 100)))
	if err != nil {
		f.Fatal(err)
	}
	genuine := issue(f, s)
	c.now = c.now.Add(time.Minute)
	f.Add(genuine)
	f.Add("")
	f.Add(strings.Repeat("A", TokenLength))
	f.Fuzz(func(t *testing.T, text string) {
		_, err := s.Check(text)
		if (err == nil) != (text == genuine) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func BenchmarkToken(b *testing.B) {
	c := &clock{morning}
	s := signerOf(b, c, keyOne, keyTwo)
	text := issue(b, s)
	c.now = c.now.Add(time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		_, err := s.Issue(Token{})
		if err != nil {
			b.Fatal(err)
		}
		_, err = s.Check(text)
		if err != nil {
			b.Fatal(err)
		}
	}
}
