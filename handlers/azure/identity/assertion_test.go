package identity

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// platform is the endpoint for tokens that App Service gives to an app.
func platform(t *testing.T, serve http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	t.Setenv("IDENTITY_ENDPOINT", server.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "header-of-the-platform")
}

func TestAssertionIsTokenForTheExchange(t *testing.T) {
	clouds := map[string]string{
		"https://login.microsoftonline.com":        "api://AzureADTokenExchange",
		"https://login.microsoftonline.us":         "api://AzureADTokenExchangeUSGov",
		"https://login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
		"https://login.chinacloudapi.cn/":          "api://AzureADTokenExchangeChina",
		"http://127.0.0.1:7092":                    "api://AzureADTokenExchange",
		"%":                                        "api://AzureADTokenExchange",
	}
	for signInURL, audience := range clouds {
		t.Run(signInURL, func(t *testing.T) {
			clientID := uuid.NewString() // the SDK keeps tokens of an identity for the whole process
			platform(t, func(w http.ResponseWriter, r *http.Request) {
				query := r.URL.Query()
				if query.Get("resource") != audience || query.Get("client_id") != clientID || r.Header.Get("X-IDENTITY-HEADER") == "" {
					t.Errorf("asked %s", r.URL.RawQuery)
				}
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(map[string]string{
					"access_token": "header.of-" + clientID + ".signature", "expires_on": "4102444800", "resource": audience, "token_type": "Bearer",
				})
			})
			assertions, err := NewAssertions(clientID, signInURL)
			if err != nil {
				t.Fatal(err)
			}
			got, err := assertions.Assertion(t.Context())
			if err != nil || got != "header.of-"+clientID+".signature" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestAssertionsNeedAnIdentity(t *testing.T) {
	for _, id := range []string{"", "guestlist-reviews"} {
		_, err := NewAssertions(id, "https://login.microsoftonline.com")
		if err == nil || !strings.Contains(err.Error(), "client id") {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestFailedAssertionQuotesNothing(t *testing.T) {
	tests := map[string]struct {
		serve http.HandlerFunc
		says  string
	}{
		"an identity that does not exist": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"statusCode":400,"message":"secret of the platform"}`, http.StatusBadRequest)
		}, "400"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("secret of the platform"))
		}, "no token"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			platform(t, test.serve)
			assertions, err := NewAssertions(uuid.NewString(), "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := assertions.Assertion(t.Context())
			if got != "" || err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q, %v; want an error that says %q", got, err, test.says)
			}
		})
	}
	t.Run("given up", func(t *testing.T) {
		platform(t, func(http.ResponseWriter, *http.Request) {})
		assertions, err := NewAssertions(uuid.NewString(), "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = assertions.Assertion(ctx)
		if err == nil || !strings.Contains(err.Error(), "canceled") {
			t.Errorf("%v", err)
		}
	})
}
