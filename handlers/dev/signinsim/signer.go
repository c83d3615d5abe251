package signinsim

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// A Signer makes assertions of a client with a key of its own (private_key_jwt): each with a jti,
// for five minutes.
type Signer struct {
	key              signingKey
	client, audience string
	now              func() time.Time
}

// NewSigner returns a signer with a new key. The audience is the issuer of the provider, or what
// else its credential says.
func NewSigner(client, audience string, now func() time.Time) (*Signer, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	return &Signer{key, client, audience, now}, nil
}

// Credential returns what the client has to be registered with.
func (s *Signer) Credential() Credential {
	return Credential{Issuer: s.client, Subject: s.client, Audience: s.audience, Key: &s.key.private.PublicKey}
}

// JWK returns the public key for providers that take one.
func (s *Signer) JWK() map[string]string { return s.key.public() }

// Sign returns an assertion with the claims after the change.
func (s *Signer) Sign(change func(claims map[string]any)) string {
	now := s.now()
	claims := map[string]any{
		"iss": s.client, "sub": s.client, "aud": s.audience, "jti": uuid.NewString(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	if change != nil {
		change(claims)
	}
	return s.key.sign(claims)
}

// Assertion returns a new assertion.
func (s *Signer) Assertion(context.Context) (string, error) { return s.Sign(nil), nil }
