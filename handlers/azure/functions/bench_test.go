package functions_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guestlist/handlers/azure/functions"
)

// signupEnvelope is what the host sends for an ordinary sign-up from a browser.
const signupEnvelope = `{"Data":{"req":{"Url":"https://guestlist.example/signup","Method":"POST","Query":{},` +
	`"Headers":{"Accept":["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],"Accept-Encoding":["gzip, deflate, br"],` +
	`"Accept-Language":["en-GB,en;q=0.7,de;q=0.3"],"Connection":["keep-alive"],"Content-Length":["212"],` +
	`"Content-Type":["application/x-www-form-urlencoded"],"Host":["guestlist.example"],"Origin":["https://guestlist.example"],` +
	`"Referer":["https://guestlist.example/signup"],"User-Agent":["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],` +
	`"X-Forwarded-For":["203.0.113.7:51234"],"X-Forwarded-Proto":["https"]},"Params":{},` +
	`"Identities":[{"AuthenticationType":null,"IsAuthenticated":false,"Actor":null,"BootstrapContext":null,"Claims":[],"Label":null,"Name":null,` +
	`"NameClaimType":"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name","RoleClaimType":"http://schemas.microsoft.com/ws/2008/06/identity/claims/role"}],` +
	`"Body":"email=ana%40partner.example&name=Ana+Example&company=Partner+Ltd&country=DE&reason=We+build+the+new+portal+together+and+need+the+shared+drawings"}},` +
	`"Metadata":{"Query":{},"Headers":{"Accept":"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8","Accept-Encoding":"gzip, deflate, br",` +
	`"Accept-Language":"en-GB,en;q=0.7,de;q=0.3","Connection":"keep-alive","Content-Length":"212","Content-Type":"application/x-www-form-urlencoded",` +
	`"Host":"guestlist.example","Origin":"https://guestlist.example","Referer":"https://guestlist.example/signup",` +
	`"User-Agent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","X-Forwarded-For":"203.0.113.7:51234","X-Forwarded-Proto":"https"},` +
	`"sys":{"MethodName":"signup-http","UtcNow":"2026-11-23T05:00:00.1234567Z","RandGuid":"6a0cf6f6-8a35-4a0e-a1b3-0a5d4a2b9f11"}}}`

// BenchmarkEnvelope answers a sign-up envelope with a handler of this package. It must reach half
// the rate of BenchmarkBareHandler.
func BenchmarkEnvelope(b *testing.B) {
	app, err := functions.New(functions.Config{Log: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	app.HTTP("signup-http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		if err != nil {
			b.Error(err)
		}
		err = signups.Enqueue(r.Context(), []byte(`{"version":1,"id":"0000000000000000000000000000000000"}`))
		if err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"0000000000000000000000000000000000"}`)
	}))
	benchmark(b, app.Handler())
}

// BenchmarkBareHandler decodes the request in the same envelope and answers a constant.
func BenchmarkBareHandler(b *testing.B) {
	benchmark(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var envelope struct {
			Data struct {
				Req struct {
					URL     string `json:"Url"`
					Method  string
					Headers map[string][]string
					Params  map[string]string
					Body    string
				} `json:"req"`
			}
		}
		err := json.NewDecoder(r.Body).Decode(&envelope)
		if err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"Outputs":{"res":{"statusCode":202,"body":"{}"}}}`)
	}))
}

func benchmark(b *testing.B, h http.Handler) {
	b.ReportAllocs()
	b.SetBytes(int64(len(signupEnvelope)))
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/signup-http", strings.NewReader(signupEnvelope))
		r.Header.Set("X-Azure-Functions-InvocationId", invocationID)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("status %d", w.Code)
		}
	}
}
