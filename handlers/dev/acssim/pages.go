package acssim

import (
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// MailsPath is the page that lists the mails.
const MailsPath = "/stand-in/mails"

// addPages adds the paths that the service does not have.
func (s *Server) addPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", about)
	mux.HandleFunc("GET /stand-in", about)
	mux.HandleFunc("GET /stand-in/{$}", about)
	mux.HandleFunc("GET "+MailsPath, s.listMails)
	mux.HandleFunc("GET "+MailsPath+"/{name}", s.showMail)
	mux.HandleFunc("GET "+MailsPath+".json", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Mails()) })
	mux.HandleFunc("GET /stand-in/calls", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Calls()) })
	mux.HandleFunc("GET /stand-in/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Faults()) })
	mux.HandleFunc("DELETE /stand-in/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /stand-in/faults", ordered(s.Order))
	mux.HandleFunc("POST /stand-in/suppressed", ordered(func(given struct {
		Address string `json:"address"`
	}) error {
		s.Suppress(given.Address)
		return nil
	}))
	mux.HandleFunc("/stand-in/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "The stand-in has no "+r.Method+" here. GET / lists what it has.", http.StatusNotFound)
	})
}

func about(w http.ResponseWriter, _ *http.Request) {
	writeText(w, `This is a stand-in for the mail of Azure Communication Services, for tests and for the local run.
It delivers nothing.

  POST /emails:send                  take a mail
  GET  /emails/operations/{id}       say what became of it

  GET  /stand-in/mails               every mail that was taken; /stand-in/mails.json for programs
  GET  /stand-in/mails/{n}.html      one mail, also .txt and .eml
  GET  /stand-in/calls               how often each route was called
  POST, GET, DELETE /stand-in/faults make it fail, see what is ordered, stop that
  POST /stand-in/suppressed          drop the mails to an address
`)
}

// ordered returns a handler that takes JSON.
func ordered[T any](take func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// A page of another site can send a form across origins, but not JSON.
		if !isJSON(r.Header.Get("Content-Type")) {
			http.Error(w, "An order needs the Content-Type application/json.", http.StatusUnsupportedMediaType)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		var given T
		if err == nil {
			err = decodeStrict(body, &given)
		}
		if err == nil {
			err = take(given)
		}
		if err != nil {
			http.Error(w, "The order is invalid: "+err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}
}

// list is the page of all mails, the newest first. It has no script; the browser reloads it.
var list = template.Must(template.New("list").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5">
<title>Mails of the stand-in</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem; }
table { border-collapse: collapse; }
th, td { text-align: start; vertical-align: top; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid #999; }
td:not([dir]) { white-space: nowrap; }
</style>
<h1>Mails</h1>
<p>What the app has sent, the newest first. Nothing leaves this machine. The page looks for new mails by itself.
{{if .}}<table>
<tr><th>Number<th>Taken<th>To<th>Subject<th>State<th>Delivered<th>Show
{{range .}}<tr><td>{{.Number}}<td>{{.At.Format "15:04:05"}}<td>{{range .To}}{{.}} {{end}}
<td dir="auto"><a href="/stand-in/mails/{{.Number}}.html">{{.Subject}}</a><td>{{.Status}} {{.Code}}<td>{{.Deliveries}} ×
<td><a href="/stand-in/mails/{{.Number}}.html">HTML</a>
<a href="/stand-in/mails/{{.Number}}.txt">text</a> <a href="/stand-in/mails/{{.Number}}.eml">source</a>
{{end}}</table>{{else}}<p>No mail was taken yet.{{end}}
`))

func (s *Server) listMails(w http.ResponseWriter, _ *http.Request) {
	mails := s.Mails()
	for i, j := 0, len(mails)-1; i < j; i, j = i+1, j-1 {
		mails[i], mails[j] = mails[j], mails[i]
	}
	secure(w, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = list.Execute(w, mails) // it fails if the client has gone
}

// showMail serves one mail, by its number and the form that it is wanted in.
func (s *Server) showMail(w http.ResponseWriter, r *http.Request) {
	name, form, _ := strings.Cut(r.PathValue("name"), ".")
	number, err := strconv.Atoi(name)
	mails := s.Mails()
	if err != nil || number < 1 || number > len(mails) {
		http.Error(w, "There is no such mail.", http.StatusNotFound)
		return
	}
	m := mails[number-1]
	switch form {
	case "html":
		// The sandbox keeps scripts and forms of a mail from running; links can be followed.
		secure(w, "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "+
			"style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, m.HTML) // it fails if the client has gone, as below
	case "txt":
		writeText(w, m.Text)
	case "eml":
		writeText(w, string(m.Source()))
	default:
		http.Error(w, "A mail has the forms .html, .txt and .eml.", http.StatusNotFound)
	}
}

// secure sets the headers of a page: what it may load, and that it tells nobody where it is.
func secure(w http.ResponseWriter, policy string) {
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
}

func writeText(w http.ResponseWriter, text string) {
	secure(w, "default-src 'none'; sandbox")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text)
}

func writeJSON(w http.ResponseWriter, value any) {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		panic("acssim: encoding a list: " + err.Error())
	}
	secure(w, "default-src 'none'; sandbox")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(append(data, '\n'))
}
