package signinsim

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A code counts for ten minutes, as Entra's does.
const codeLifetime = 10 * time.Minute

// grant is what a code stands for.
type grant struct {
	client, redirect, challenge, nonce string
	scopes                             []string
	person                             string
	until                              time.Time
	redeemed                           bool
}

// browserCookie remembers who was chosen in a browser.
const browserCookie = "sign-in-stand-in"

// order is a request to sign somebody in.
type order struct {
	parameters map[string]string
	grant      grant
}

// refusal is an error for the person: Entra shows a page, and sends nobody back.
type refusal struct {
	status  int
	message string
}

// readOrder reads a request to sign somebody in. An error code, if there is one, is for the client,
// to which the person is sent back.
func (s *Server) readOrder(tenant string, query url.Values) (o order, code, description string, refused *refusal) {
	refuse := func(message string) (order, string, string, *refusal) {
		return order{}, "", "", &refusal{http.StatusBadRequest, message}
	}
	parameters, once := single(query)
	client, known := s.client(parameters["client_id"])
	redirect := parameters["redirect_uri"]
	switch {
	case !once:
		return refuse("AADSTS900144: The request body must contain each parameter once.")
	case tenant != s.config.Tenant:
		return refuse("AADSTS90002: Tenant not found. Check to make sure you have the correct tenant ID.")
	case !known:
		return refuse("AADSTS700016: Application was not found in the directory.")
	case !slices.Contains(client.RedirectURIs, redirect):
		return refuse("AADSTS50011: The redirect URI specified in the request does not match the redirect URIs configured for the application.")
	}
	o = order{parameters, grant{
		client: client.ID, redirect: redirect, challenge: parameters["code_challenge"], nonce: parameters["nonce"],
		scopes: strings.Fields(parameters["scope"]),
	}}
	challenge, err := encoding.DecodeString(o.grant.challenge)
	switch {
	case parameters["response_type"] != "code":
		return o, "unsupported_response_type", "AADSTS700054: only response_type code is enabled for the application.", nil
	case parameters["response_mode"] != "query" && parameters["response_mode"] != "":
		return o, "invalid_request", "AADSTS70007: the stand-in supports only response_mode query.", nil
	case !slices.Contains(o.grant.scopes, "openid"):
		return o, "invalid_scope", "AADSTS70011: the scope must include openid.", nil
	case parameters["code_challenge_method"] != "S256" || err != nil || len(challenge) != 32:
		return o, "invalid_request", "AADSTS9002325: Proof Key for Code Exchange is required, by S256.", nil
	}
	return o, "", "", nil
}

// authorize serves the page with people, or sends a person back who was chosen before.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	o, code, description, refused := s.readOrder(r.PathValue("tenant"), r.URL.Query())
	if refused != nil {
		showRefusal(w, refused)
		return
	}
	s.mu.Lock()
	fault, faulty := s.take("", ErrorAnswer)
	chosen, known := s.chosen(r)
	s.mu.Unlock()
	prompt := o.parameters["prompt"]
	switch {
	case faulty:
		s.sendBack(w, r, o, url.Values{"error": {fault.Error}, "error_description": {"AADSTS90000: the stand-in was told to fail for rosa@standin.example."}})
	case code != "":
		s.sendBack(w, r, o, url.Values{"error": {code}, "error_description": {description}})
	case known && (prompt == "" || prompt == "none"):
		s.finish(w, r, o, chosen)
	case prompt == "none":
		s.sendBack(w, r, o, url.Values{"error": {"login_required"}, "error_description": {"AADSTS50058: no user is signed in."}})
	default:
		s.mu.Lock()
		people := slices.Clone(s.people)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_ = choice.Execute(w, map[string]any{"People": people, "Action": "/" + s.config.Tenant + "/login?" + r.URL.RawQuery})
	}
}

// chosen returns who was chosen in this browser. The caller holds s.mu.
func (s *Server) chosen(r *http.Request) (Person, bool) {
	cookie, err := r.Cookie(browserCookie)
	if err != nil {
		return Person{}, false
	}
	return s.person(s.browsers[cookie.Value])
}

var choice = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in (stand-in)</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}
button{font:inherit;padding:.5rem 1rem}li{margin:.75rem 0;list-style:none}ul{padding:0}</style>
<h1>Who do you want to be?</h1>
<p>This is a stand-in for the sign-in of Microsoft Entra. There are no passwords.</p>
<form method="post" action="{{.Action}}"><ul>
{{range .People}}<li><button name="person" value="{{.Key}}">{{.Name}}</button> {{.What}}</li>
{{end}}<li><button name="person" value="">Cancel</button></li>
</ul></form></html>
`))

var refusalPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sign in (stand-in)</title><h1>Sorry, but we’re having trouble signing you in.</h1><p>{{.}}</p></html>
`))

func showRefusal(w http.ResponseWriter, refused *refusal) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(refused.status)
	_ = refusalPage.Execute(w, refused.message)
}

// choose signs the person in who was chosen on the page, and remembers it in the browser.
func (s *Server) choose(w http.ResponseWriter, r *http.Request) {
	o, code, description, refused := s.readOrder(r.PathValue("tenant"), r.URL.Query())
	if refused != nil {
		showRefusal(w, refused)
		return
	}
	key := r.PostFormValue("person")
	s.mu.Lock()
	person, known := s.person(key)
	s.mu.Unlock()
	switch {
	case code != "":
		s.sendBack(w, r, o, url.Values{"error": {code}, "error_description": {description}})
	case key == "":
		s.sendBack(w, r, o, url.Values{
			"error": {"access_denied"}, "error_subcode": {"cancel"}, "error_description": {"AADSTS65004: User declined to consent to access the app."},
		})
	case !known:
		showRefusal(w, &refusal{http.StatusBadRequest, "AADSTS50034: The user account does not exist."})
	default:
		browser := s.text()
		s.mu.Lock()
		s.browsers[browser] = key
		s.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: browserCookie, Value: browser, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		s.finish(w, r, o, person)
	}
}

// finish sends the person back with a code.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, o order, person Person) {
	code := s.text()
	given := o.grant
	given.person, given.until = person.Key, s.config.Now().Add(codeLifetime)
	s.mu.Lock()
	s.codes[code] = &given
	s.mu.Unlock()
	s.sendBack(w, r, o, url.Values{"code": {code}, "session_state": {uuid.NewString()}})
}

// sendBack sends the person back to the client with an answer.
func (s *Server) sendBack(w http.ResponseWriter, r *http.Request, o order, answer url.Values) {
	state, given := o.parameters["state"]
	s.mu.Lock()
	_, wrong := s.take("", WrongState)
	s.mu.Unlock()
	if wrong {
		state += "x"
	}
	if given {
		answer.Set("state", state)
	}
	w.Header().Set("Cache-Control", "no-store, no-cache")
	http.Redirect(w, r, o.grant.redirect+"?"+answer.Encode(), http.StatusFound)
}

// logout forgets who was chosen. It sends the person on only to a registered address.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie(browserCookie)
	if err == nil {
		s.mu.Lock()
		delete(s.browsers, cookie.Value)
		s.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: browserCookie, Path: "/", MaxAge: -1})
	to := r.URL.Query().Get("post_logout_redirect_uri")
	for _, client := range s.config.Clients {
		if slices.Contains(client.RedirectURIs, to) {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
	}
	showRefusal(w, &refusal{http.StatusOK, cmp.Or(map[bool]string{true: "You signed out of your account."}[to == ""],
		"You signed out of your account. The address to go on at is not registered.")})
}
