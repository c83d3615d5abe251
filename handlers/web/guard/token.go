package guard

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/submission"
)

// The faults of a token. They are for the log: the form says the same for all of them.
var (
	ErrForged  = errors.New("the form token is missing or not signed by a known key")
	ErrEarly   = errors.New("the form token came back too early")
	ErrExpired = errors.New("the form token has expired")
)

const (
	// MinKey is the least number of characters in a key: 128 bits if a character holds only four.
	MinKey = 32
	// clockSkew is how far the clock of the instance that issued a token may run ahead of this one.
	clockSkew = time.Minute
	// keyDerivation names the use of the keys, so that a signature made elsewhere with the same key
	// does not count here.
	keyDerivation = "guestlist form token 1"
)

// Signer issues and checks tokens, and the ids of requests. It is safe for concurrent use if random
// is.
type Signer struct {
	wait, lifetime time.Duration
	now            func() time.Time
	random         io.Reader
	keys           []derived
}

// derived are the keys made of a configured one, so that a signature can't pass for a mark.
type derived struct {
	sign, mark []byte
	ids        submission.IDKey
}

// newSigner returns a Signer. Its errors tell only the lengths of keys.
func newSigner(config Config, now func() time.Time, random io.Reader) (*Signer, error) {
	switch {
	case len(config.FormKeys) == 0:
		return nil, errors.New("guard: there is no key")
	case config.FormWait < 0 || config.FormLifetime <= config.FormWait:
		return nil, errors.New("guard: the lifetime of a form must be longer than the wait, and the wait not negative")
	case now == nil:
		return nil, errors.New("guard: the clock is missing")
	case random == nil:
		return nil, errors.New("guard: the source of randomness is missing")
	}
	s := &Signer{wait: config.FormWait, lifetime: config.FormLifetime, now: now, random: random}
	for i, key := range config.FormKeys {
		if len(key) < MinKey {
			return nil, fmt.Errorf("guard: key %d has %d characters, at least %d are needed", i+1, len(key), MinKey)
		}
		sign, ofSign := hkdf.Key(sha256.New, []byte(key), nil, keyDerivation+" sign", sha256.Size)
		mark, ofMark := hkdf.Key(sha256.New, []byte(key), nil, keyDerivation+" mark", sha256.Size)
		ids, ofIDs := submission.NewIDKey(key)
		err := errors.Join(ofSign, ofMark, ofIDs)
		if err != nil {
			return nil, fmt.Errorf("guard: deriving a key: %w", err)
		}
		s.keys = append(s.keys, derived{sign, mark, ids})
	}
	return s, nil
}

// A token is, in base64 for URLs: the time of its issue and the time from which it counts (each
// Unix milliseconds in 6 bytes), a nonce, and the signature of these.
const (
	timeBytes  = 6
	nonceBytes = 16
	signedPart = 2*timeBytes + nonceBytes
	rawLength  = signedPart + sha256.Size
)

// TokenLength is the number of characters of a token.
var TokenLength = encoding.EncodedLen(rawLength)

// encoding is strict, so that a token has only one spelling.
var encoding = base64.RawURLEncoding.Strict()

// Token, in a hidden field of the form, proves that our form was fetched before it was sent, not
// too recently and not too long ago. Nothing is stored, so every instance checks the tokens of
// every other, also after a restart. The zero value is none.
//
// A token is bound to the deployment and this use by its key, and to its time. It is not bound to
// an address, a browser or a session: partners change networks between two pages, and a bot can
// send from where it fetched.
//
// A token may be sent several times until it expires, since the public function writes no table.
// [Token.Mark] bounds that: the form makes the request's id of the mark, so a form that is sent
// twice or replayed is one request. Other content under the same token counts against the sender's
// rate limit. If the mark did not depend on the content, a partner who goes back, corrects an error
// and sends again would be taken for the first submission, and an attacker who saw a token could
// send something under it first and so have the partner's own submission dropped.
type Token struct {
	issued, ready time.Time
	nonce         [nonceBytes]byte
	key           derived // that signed it; zero in the zero value
}

// Issue returns a token for a form that is shown. A form that is shown again with what was typed,
// under the token held, need not wait again. held may be the zero Token.
func (s *Signer) Issue(held Token) (string, error) {
	now := s.now()
	ready := now.Add(s.wait)
	if held.key.mark != nil && held.ready.Before(ready) {
		ready = held.ready
	}
	raw := make([]byte, signedPart, rawLength)
	putTime(raw, now)
	putTime(raw[timeBytes:], ready)
	_, err := io.ReadFull(s.random, raw[2*timeBytes:])
	if err != nil {
		return "", fmt.Errorf("reading randomness for a form token: %w", err)
	}
	return encoding.EncodeToString(append(raw, signature(s.keys[0].sign, raw)...)), nil
}

// Check returns the token of the text. It also returns a genuine token with ErrEarly and
// ErrExpired, for Issue.
func (s *Signer) Check(text string) (Token, error) {
	if len(text) != TokenLength || strings.ContainsAny(text, "\r\n") {
		// The decoder skips line breaks.
		return Token{}, ErrForged
	}
	raw, err := encoding.DecodeString(text)
	if err != nil || len(raw) != rawLength {
		return Token{}, ErrForged
	}
	for _, key := range s.keys {
		if !hmac.Equal(raw[signedPart:], signature(key.sign, raw[:signedPart])) {
			continue
		}
		t := Token{issued: takeTime(raw), ready: takeTime(raw[timeBytes:]), nonce: [nonceBytes]byte(raw[2*timeBytes : signedPart]), key: key}
		now := s.now()
		switch {
		case t.issued.After(now.Add(clockSkew)):
			// Clocks of instances do not run that far ahead; the key may have been used elsewhere.
			return Token{}, ErrForged
		case now.Before(t.ready):
			return t, ErrEarly
		case now.Sub(t.issued) > s.lifetime:
			return t, ErrExpired
		}
		return t, nil
	}
	return Token{}, ErrForged
}

// Issued returns when the token was issued, to the millisecond.
func (t Token) Issued() time.Time { return t.issued }

// Mark returns 16 bytes that are the same for the same content under the same token, and that look
// random without the keys. The token must be one that Check returned.
func (t Token) Mark(content []byte) [16]byte {
	mac := hmac.New(sha256.New, t.key.mark)
	mac.Write(t.nonce[:])
	mac.Write(content)
	return [16]byte(mac.Sum(nil)[:16])
}

// NewID returns the id of a request with the content under the token, made of the mark. It is the
// same for every instance, also while a key is being replaced. The token must be one that Check
// returned.
func (t Token) NewID(content []byte) (submission.ID, error) {
	mark := t.Mark(content)
	return t.key.ids.NewID(t.issued, bytes.NewReader(mark[:]))
}

// NewID returns an id for a request without a token, issued at the time.
func (s *Signer) NewID(at time.Time, random io.Reader) (submission.ID, error) {
	return s.keys[0].ids.NewID(at, random)
}

// Issued reports whether one of the keys signed the id. Without keys, of a nil Signer, it is false.
func (s *Signer) Issued(id submission.ID) bool {
	return s != nil && slices.ContainsFunc(s.keys, func(key derived) bool { return key.ids.Signed(id) })
}

func signature(key, data []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return mac.Sum(nil)
}

func putTime(raw []byte, t time.Time) {
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], uint64(t.UnixMilli()))
	copy(raw[:timeBytes], wide[8-timeBytes:])
}

func takeTime(raw []byte) time.Time {
	var wide [8]byte
	copy(wide[8-timeBytes:], raw[:timeBytes])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(wide[:]))).UTC()
}
