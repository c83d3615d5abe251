package signinsim

import (
	"crypto/rsa"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// How long tokens count. An ID token begins to count five minutes ago, as Entra's does.
const (
	tokenLifetime    = time.Hour
	tokenBackdate    = 5 * time.Minute
	identityLifetime = 24 * time.Hour
)

// access is what an access token stands for.
type access struct {
	person string
	scopes []string
	until  time.Time
}

// tokenError is an error of the token endpoint, in Entra's form.
type tokenError struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
	Timestamp   string `json:"timestamp"`
	Trace       string `json:"trace_id"`
	Correlation string `json:"correlation_id"`
}

func refused(status int, code string, number int, description string) *tokenError {
	return &tokenError{status: status, Code: code, Description: description, Codes: []int{number}}
}

func (s *Server) refuse(w http.ResponseWriter, e *tokenError) {
	e.Timestamp, e.Trace, e.Correlation = s.config.Now().UTC().Format("2006-01-02 15:04:05Z"), uuid.NewString(), uuid.NewString()
	e.Description += " Trace ID: " + e.Trace + " Correlation ID: " + e.Correlation + " Timestamp: " + e.Timestamp
	writeJSON(w, e.status, e)
}

// maxTokenRequest is more than any request for a token has, in bytes.
const maxTokenRequest = 64 << 10

// token gives an ID token and an access token for a code.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenRequest)
	err := r.ParseForm()
	parameters, once := single(r.PostForm)
	switch {
	case err != nil || !once || r.URL.RawQuery != "":
		s.refuse(w, refused(http.StatusBadRequest, "invalid_request", 9002313, "AADSTS9002313: Invalid request. Request is malformed or invalid."))
		return
	case r.PathValue("tenant") != s.config.Tenant:
		s.refuse(w, refused(http.StatusBadRequest, "invalid_request", 90002, "AADSTS90002: Tenant not found."))
		return
	case parameters["grant_type"] != "authorization_code":
		s.refuse(w, refused(http.StatusBadRequest, "unsupported_grant_type", 70003, "AADSTS70003: The app requested an unsupported grant type."))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	issuer := s.Issuer(base(r))
	refusal := s.checkClient(r, parameters, issuer)
	if refusal != nil {
		s.refuse(w, refusal)
		return
	}
	given, refusal := s.redeem(parameters)
	if refusal != nil {
		s.refuse(w, refusal)
		return
	}
	person, known := s.person(given.person)
	if !known {
		s.refuse(w, refused(http.StatusBadRequest, "invalid_grant", 50034, "AADSTS50034: The user account does not exist."))
		return
	}
	accessToken := s.text()
	s.tokens[accessToken] = access{given.person, given.scopes, s.config.Now().Add(tokenLifetime)}
	answer := map[string]any{
		"token_type": "Bearer", "scope": strings.Join(given.scopes, " "), "expires_in": int(tokenLifetime.Seconds()), "ext_expires_in": int(tokenLifetime.Seconds()),
		"access_token": accessToken,
	}
	idToken := s.idToken(given, person, issuer)
	if idToken != "" {
		answer["id_token"] = idToken
	}
	writeJSON(w, http.StatusOK, answer)
}

// checkClient returns why the client is not the one that it says it is. The caller holds s.mu.
func (s *Server) checkClient(r *http.Request, parameters map[string]string, issuer string) *tokenError {
	unproved := func(number int, description string) *tokenError {
		return refused(http.StatusUnauthorized, "invalid_client", number, description)
	}
	client, known := s.client(parameters["client_id"])
	if !known {
		return refused(http.StatusBadRequest, "unauthorized_client", 700016, "AADSTS700016: Application was not found in the directory.")
	}
	_, secret := parameters["client_secret"]
	token := parameters["client_assertion"]
	switch {
	case secret || r.Header.Get("Authorization") != "":
		return unproved(7000215, "AADSTS7000215: Invalid client secret provided.")
	case token == "" || parameters["client_assertion_type"] != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
		return unproved(7000218, "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	}
	claims, err := readAssertion(token)
	if err != nil {
		return unproved(50027, "AADSTS50027: JWT token is invalid or malformed.")
	}
	var key *rsa.PublicKey
	refusal := unproved(700211, "AADSTS700211: No matching federated identity record found for presented assertion issuer.")
	for _, credential := range client.Credentials {
		ofCredential := credential.Issuer
		if credential.Key == nil {
			ofCredential = issuer
		}
		switch {
		case claims.Issuer != ofCredential:
		case claims.Subject != credential.Subject:
			refusal = unproved(700213, "AADSTS700213: No matching federated identity record found for presented assertion subject.")
		case string(claims.Audience) != credential.Audience:
			refusal = unproved(700212, "AADSTS700212: No matching federated identity record found for presented assertion audience.")
		default:
			key = credential.Key
			if key == nil {
				platform, err := s.platform()
				if err != nil {
					return refused(http.StatusInternalServerError, "server_error", 90033, "AADSTS90033: A transient error has occurred.")
				}
				key = &platform.private.PublicKey
			}
		}
	}
	now := s.config.Now().Unix()
	switch {
	case key == nil:
		return refusal
	case !verified(token, key):
		return unproved(700027, "AADSTS700027: The certificate or key used to sign the client assertion is not registered on the application.")
	case claims.Expires <= now || claims.NotBefore > now:
		return unproved(700024, "AADSTS700024: Client assertion is not within its valid time range.")
	case claims.ID != "" && s.used[claims.ID]:
		return unproved(50027, "AADSTS50027: the stand-in takes an assertion with a jti once.")
	case claims.ID != "":
		s.used[claims.ID] = true
	}
	return nil
}

// redeem returns what the code stands for. The caller holds s.mu.
func (s *Server) redeem(parameters map[string]string) (grant, *tokenError) {
	invalid := func(number int, description string) (grant, *tokenError) {
		return grant{}, refused(http.StatusBadRequest, "invalid_grant", number, description)
	}
	given, known := s.codes[parameters["code"]]
	verifier := parameters["code_verifier"]
	sum := sha256.Sum256([]byte(verifier))
	switch {
	case !known || given.client != parameters["client_id"]:
		return invalid(9002313, "AADSTS9002313: The provided authorization code is not known.")
	case given.redeemed:
		return invalid(54005, "AADSTS54005: OAuth2 Authorization code was already redeemed.")
	case !s.config.Now().Before(given.until):
		return invalid(70008, "AADSTS70008: The provided authorization code has expired.")
	case given.redirect != parameters["redirect_uri"]:
		return invalid(500112, "AADSTS500112: The reply address does not match the reply address provided when requesting Authorization code.")
	case len(verifier) < 43 || len(verifier) > 128 || encoding.EncodeToString(sum[:]) != given.challenge:
		return invalid(501481, "AADSTS501481: The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	given.redeemed = true
	return *given, nil
}

// idToken returns the token that says who the person is, "" if a fault leaves it out. The caller
// holds s.mu.
func (s *Server) idToken(given grant, person Person, issuer string) string {
	now := s.config.Now()
	began := now.Add(-tokenBackdate).Unix()
	pairwise := sha256.Sum256([]byte(given.client + " " + person.ID))
	claims := map[string]any{
		"ver": "2.0", "iss": issuer, "aud": given.client, "tid": s.config.Tenant, "oid": person.ID,
		"sub": encoding.EncodeToString(pairwise[:]), "iat": began, "nbf": began, "exp": now.Add(tokenLifetime).Unix(),
		"uti": s.text()[:22], "acct": 0,
	}
	if person.Guest {
		claims["acct"] = 1
	}
	if given.nonce != "" {
		claims["nonce"] = given.nonce
	}
	if slices.Contains(given.scopes, "profile") {
		claims["name"], claims["preferred_username"] = person.Name, person.UserName
	}
	if len(person.Roles) > 0 {
		claims["roles"] = person.Roles
	}
	fault, _ := s.take("", ofToken...)
	switch fault.Kind {
	case WrongNonce:
		claims["nonce"] = s.text()
	case NoNonce:
		delete(claims, "nonce")
	case WrongAudience:
		claims["aud"] = uuid.NewString()
	case TwoAudiences:
		claims["aud"] = []string{given.client, uuid.NewString()}
	case WrongIssuer:
		claims["iss"] = strings.Replace(issuer, s.config.Tenant, uuid.NewString(), 1)
	case OtherTenant:
		claims["tid"] = uuid.NewString()
	case NoTenant:
		delete(claims, "tid")
	case NoPerson:
		delete(claims, "oid")
	case NoAccount:
		delete(claims, "acct")
	case Expired:
		claims["iat"], claims["nbf"], claims["exp"] = began-7200, began-7200, now.Add(-time.Minute).Unix()
	case Future:
		claims["iat"], claims["nbf"], claims["exp"] = now.Add(time.Hour).Unix(), now.Add(time.Hour).Unix(), now.Add(2*time.Hour).Unix()
	case Unsigned:
		return unsigned(claims)
	case PublicKey:
		return s.key.signByPublicKey(claims)
	case WrongKey:
		other, err := newKey()
		if err != nil {
			panic(err)
		}
		other.id = s.key.id
		return other.sign(claims)
	case NoIDToken:
		return ""
	}
	return s.key.sign(claims)
}

// identity hands out tokens of the managed identity, as App Service does
// (https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).
func (s *Server) identity(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	resource := query.Get("resource")
	switch {
	case r.Header.Get("X-IDENTITY-HEADER") == "":
		writeJSON(w, http.StatusUnauthorized, map[string]any{"statusCode": http.StatusUnauthorized, "message": "The header X-IDENTITY-HEADER is missing."})
		return
	case query.Get("api-version") != "2019-08-01" || resource == "":
		writeJSON(w, http.StatusBadRequest, map[string]any{"statusCode": http.StatusBadRequest, "message": "The api-version or the resource is missing."})
		return
	case s.config.Identity.ClientID == "" || query.Get("client_id") != s.config.Identity.ClientID:
		writeJSON(w, http.StatusBadRequest, map[string]any{"statusCode": http.StatusBadRequest, "message": "No User Assigned or Delegated Managed Identity found for specified ClientId."})
		return
	}
	platform, err := s.platform()
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]any{"statusCode": http.StatusInternalServerError, "message": "No key."})
		return
	}
	now := s.config.Now()
	until := now.Add(identityLifetime).Unix()
	token := platform.sign(map[string]any{
		"iss": s.Issuer(base(r)), "aud": resource, "sub": s.config.Identity.PrincipalID, "oid": s.config.Identity.PrincipalID,
		"tid": s.config.Tenant, "iat": now.Unix(), "nbf": now.Unix(), "exp": until, "uti": s.text()[:22], "ver": "2.0",
	})
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": token, "expires_on": until, "resource": resource, "token_type": "Bearer", "client_id": s.config.Identity.ClientID,
	})
}
