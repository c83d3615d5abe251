package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"guestlist/handlers/azure/functions"
	"guestlist/handlers/branding"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/signup"
	"guestlist/handlers/web/site"
)

// BenchmarkSignUp measures a sign-up in the public function, from envelope to envelope, without
// the network.
func BenchmarkSignUp(b *testing.B) {
	log := slog.New(slog.NewJSONHandler(new(discard), nil))
	app, err := functions.New(functions.Config{Log: log})
	if err != nil {
		b.Fatal(err)
	}
	guards, err := guard.New(guard.Config{
		FormKeys: []string{formKey}, FormLifetime: time.Hour, JSONKeys: []string{formKey}, Limit: guard.Limit{Burst: 1, Every: time.Hour},
	}, time.Now, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	form, err := signup.New(signup.Config{Random: rand.Reader, Service: site.Service{
		Style: branding.Style{Organisation: "Wingtip Toys"}, Guards: guards, Queue: functions.QueueOutput{Binding: signupsBinding}, Now: time.Now, Log: log,
	}})
	if err != nil {
		b.Fatal(err)
	}
	app.HTTP(signupHTTP, form)
	body := `{"email":"ana.silva@contoso.com","givenName":"Ana","familyName":"Silva","company":"Contoso Ltd","country":"PT","language":"pt-PT"}`
	envelope, err := json.Marshal(map[string]any{"Data": map[string]any{"req": map[string]any{
		"Url": "https://signup.example.com/signup", "Method": http.MethodPost, "Query": map[string]string{}, "Params": map[string]string{},
		"Headers": map[string][]string{"Content-Type": {"application/json"}, "Host": {"signup.example.com"}, guard.KeyHeader: {formKey}}, "Body": body,
	}}, "Metadata": map[string]any{}})
	if err != nil {
		b.Fatal(err)
	}
	handler := app.Handler()
	b.ReportAllocs()
	for b.Loop() {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/"+signupHTTP, bytes.NewReader(envelope)))
		if recorder.Code != http.StatusOK || !bytes.Contains(recorder.Body.Bytes(), []byte(`"statusCode":202`)) {
			b.Fatalf("%d %s", recorder.Code, recorder.Body)
		}
	}
}

// discard is like io.Discard, for which slog has a shortcut.
type discard struct{}

func (*discard) Write(p []byte) (int, error) { return len(p), nil }
