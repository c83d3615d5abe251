package noticesim

import (
	"bytes"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"slices"
)

// addPages adds the paths that receivers do not have.
func (s *Server) addPages() {
	s.mux.HandleFunc("GET /{$}", about)
	s.mux.HandleFunc("GET /stand-in", about)
	s.mux.HandleFunc("GET "+NoticesPath, s.list)
	s.mux.HandleFunc("GET "+NoticesPath+".json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Notices())
	})
	s.mux.HandleFunc("POST /stand-in/faults", s.order)
}

func about(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, `This is a stand-in for what gets notices to those who decide, for tests and for the local run.

  POST /stand-in/notices/teams    take a card, as a workflow of Power Automate does
  POST /stand-in/notices/webhook  take a webhook, and check its signature
  POST /api/events                take an event, as a topic of Event Grid does

  GET  /stand-in/notices          everything that was taken; /stand-in/notices.json for programs
  POST /stand-in/faults           make a channel's next notice fail, such as
                                  {"channel": "teams", "status": 429, "retryAfter": 60}
`)
}

// order takes a fault.
func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	// A page of another site can send a form across origins, but not JSON.
	if !isType(r, "application/json") {
		http.Error(w, "An order needs the Content-Type application/json.", http.StatusUnsupportedMediaType)
		return
	}
	var fault Fault
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&fault)
	if err == nil {
		err = s.Order(fault)
	}
	if err != nil {
		http.Error(w, "The order is invalid: "+err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// page is the list of notices, the newest first. It has no script; the browser reloads it.
var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5">
<title>Notices of the stand-in</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem; }
article { border: 1px solid #999; border-radius: .5rem; margin: 1rem 0; padding: .5rem 1rem; }
h2 { font-size: 1rem; margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .5rem 0; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { overflow-x: auto; }
</style>
<h1>Notices</h1>
<p>What the app has told those who decide, the newest first. Nothing leaves this machine. The page looks for new ones by itself.
{{range .}}<article>
<h2>{{.Notice.Text}}</h2>
<p>{{.Notice.Channel}}, {{.Notice.At.Format "15:04:05"}}{{if .Notice.Again}}, again{{end}}
<dl>{{range .Notice.Facts}}<dt>{{.Title}}<dd>{{.Value}}{{end}}</dl>
{{if .Notice.Link}}<p><a href="{{.Notice.Link}}">Open</a>{{end}}
<details><summary>Source</summary><pre>{{.Source}}</pre></details>
</article>{{else}}<p>No notice has come yet.{{end}}
`))

// listed is a notice on the page.
type listed struct {
	Notice Notice
	Source string
}

func (s *Server) list(w http.ResponseWriter, _ *http.Request) {
	var all []listed
	for _, n := range slices.Backward(s.Notices()) {
		var source bytes.Buffer
		if json.Indent(&source, n.Body, "", "  ") != nil {
			source.Write(n.Body)
		}
		all = append(all, listed{n, source.String()})
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, all) // it fails if the client has gone
}
