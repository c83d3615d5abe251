// Command bare is a minimal handler that the real one is compared with. It decodes an envelope
// and answers a constant.
//
// It imports nothing of this module.
package main

import (
	"encoding/json"
	"net/http"
	"os"
)

type envelope struct {
	Data     map[string]json.RawMessage
	Metadata map[string]json.RawMessage
}

type request struct {
	Method  string
	Headers map[string][]string
	Body    string
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("POST /signup-http", func(w http.ResponseWriter, r *http.Request) {
		var e envelope
		err := json.NewDecoder(r.Body).Decode(&e)
		if err == nil {
			var req request
			err = json.Unmarshal(e.Data["req"], &req)
		}
		if err != nil {
			http.Error(w, "malformed envelope", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"Outputs":{"res":{"statusCode":202,"headers":{"Content-Type":"application/json"},"body":"{}"},"signups":"e30="}}`))
	})
	err := http.ListenAndServe("127.0.0.1:"+os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"), mux)
	if err != nil {
		os.Exit(1)
	}
}
