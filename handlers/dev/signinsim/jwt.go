package signinsim

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
)

const keyBits = 2048

// signingKey is a key of the tenant.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

func newKey() (signingKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return signingKey{}, fmt.Errorf("signinsim: making a key: %w", err)
	}
	return named(private), nil
}

// named returns the key with an id.
func named(private *rsa.PrivateKey) signingKey {
	if private == nil {
		return signingKey{}
	}
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&private.PublicKey))
	return signingKey{encoding.EncodeToString(sum[:20]), private}
}

var encoding = base64.RawURLEncoding

func segment(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("signinsim: encoding a token: %v", err)) // maps of texts and numbers encode
	}
	return encoding.EncodeToString(text)
}

// sign returns a JWT that the key signs (RS256).
func (k signingKey) sign(claims map[string]any) string {
	content := segment(map[string]string{"typ": "JWT", "alg": "RS256", "kid": k.id}) + "." + segment(claims)
	sum := sha256.Sum256([]byte(content))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.private, crypto.SHA256, sum[:])
	if err != nil {
		panic(fmt.Sprintf("signinsim: signing: %v", err)) // the key is long enough
	}
	return content + "." + encoding.EncodeToString(signature)
}

// unsigned returns a JWT without a signature.
func unsigned(claims map[string]any) string {
	return segment(map[string]string{"typ": "JWT", "alg": "none"}) + "." + segment(claims) + "."
}

// signByPublicKey returns a JWT with an HMAC by the public key, which everybody knows.
func (k signingKey) signByPublicKey(claims map[string]any) string {
	content := segment(map[string]string{"typ": "JWT", "alg": "HS256", "kid": k.id}) + "." + segment(claims)
	mac := hmac.New(sha256.New, x509.MarshalPKCS1PublicKey(&k.private.PublicKey))
	mac.Write([]byte(content))
	return content + "." + encoding.EncodeToString(mac.Sum(nil))
}

// keys serves the public keys.
func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	public := key.public()
	public["issuer"] = s.Issuer(base(r))
	writeJSON(w, http.StatusOK, map[string]any{"keys": []map[string]string{public}})
}

// public returns the public key as a JWK (RFC 7517).
func (k signingKey) public() map[string]string {
	public := k.private.PublicKey
	return map[string]string{
		"kty": "RSA", "use": "sig", "kid": k.id,
		"n": encoding.EncodeToString(public.N.Bytes()), "e": encoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}
}

// assertionClaims are the claims of an assertion.
type assertionClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Expires   int64    `json:"exp"`
	NotBefore int64    `json:"nbf"`
	ID        string   `json:"jti"`
}

// audience is one text, also in a list.
type audience string

func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience(one)
		return nil
	}
	var list []string
	err := json.Unmarshal(text, &list)
	if err != nil || len(list) != 1 {
		return errors.New("the audience is not one text")
	}
	*a = audience(list[0])
	return nil
}

// readAssertion reads the claims without looking at the signature.
func readAssertion(token string) (assertionClaims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return assertionClaims{}, errors.New("it is not a JWT")
	}
	payload, err := encoding.DecodeString(parts[1])
	if err != nil {
		return assertionClaims{}, err
	}
	var claims assertionClaims
	return claims, json.Unmarshal(payload, &claims)
}

// verified reports whether the key has signed the JWT (RS256).
func verified(token string, key *rsa.PublicKey) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	text, ofHeader := encoding.DecodeString(parts[0])
	signature, ofSignature := encoding.DecodeString(parts[2])
	if ofHeader != nil || ofSignature != nil || json.Unmarshal(text, &header) != nil || header.Algorithm != "RS256" {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
}
