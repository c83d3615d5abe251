package graphsim

import (
	"html/template"
	"net/http"
	"net/url"
)

// redeemPath is where redeem URLs lead with Config.RedeemHere. Their query is that of Microsoft's.
const redeemPath = "/stand-in/redeem"

// redeemURL returns the redeem URL of an invitation. base is the scheme and host that the caller
// has used.
func (s *Server) redeemURL(base string, invitation Invitation) string {
	at := "https://login.microsoftonline.com/redeem"
	if s.config.RedeemHere {
		at = base + redeemPath
	}
	return at + "?rd=https%3a%2f%2finvitations.microsoft.com%2fredeem%2f%3ftenant%3d" + s.config.TenantName +
		"%26user%3d" + invitation.GuestID + "%26ticket%3d" + invitation.ID + "%26ver%3d2.0"
}

// redemption is what a redeem URL leads to.
type redemption struct {
	Tenant     string
	Invitation Invitation
	Accepted   bool
	// Fault is why the invitation can't be accepted, empty if it can.
	Fault  string
	Status int
}

// redemption returns what a query leads to, and the guest if the invitation can be accepted. The
// caller holds s.mu.
func (s *Server) redemption(query url.Values) (redemption, *User) {
	void := func(status int, fault string) (redemption, *User) {
		return redemption{Status: status, Fault: fault}, nil
	}
	inner, err := url.Parse(query.Get("rd"))
	if err != nil {
		return void(http.StatusNotFound, "This link leads nowhere: it is incomplete.")
	}
	named := inner.Query()
	for _, i := range s.tenant.Invitations {
		if named.Get("ticket") == "" || i.ID != named.Get("ticket") || i.GuestID != named.Get("user") {
			continue
		}
		user := s.tenant.user(i.GuestID)
		switch {
		case user == nil || user.Deleted:
			return void(http.StatusGone, "The guest of this invitation was deleted, and its links with it. A new invitation has a new link.")
		case !user.has(i.Email):
			return void(http.StatusGone, "This invitation is out of date: the guest was given another address since.")
		case user.Disabled:
			return void(http.StatusForbidden, "The guest's account is blocked from signing in.")
		case !user.external():
			return void(http.StatusGone, "This invitation is out of date: the account is one of the organisation's own by now.")
		}
		return redemption{Tenant: s.config.TenantName, Invitation: i, Accepted: user.ExternalUserState == "Accepted", Status: http.StatusOK}, user
	}
	return void(http.StatusNotFound, "There is no such invitation.")
}

// addRedeemPage adds the page of redeem URLs: GET shows it and changes nothing, since programs open
// links too, and POST accepts the invitation.
func (s *Server) addRedeemPage(mux *http.ServeMux) {
	mux.HandleFunc("GET "+redeemPath, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		found, _ := s.redemption(r.URL.Query())
		s.mu.Unlock()
		showRedemption(w, found)
	})
	mux.HandleFunc("POST "+redeemPath, func(w http.ResponseWriter, r *http.Request) {
		found, err := s.accept(r.URL.Query())
		switch {
		case err != nil:
			http.Error(w, "The stand-in could not keep its state: "+err.Error(), http.StatusInternalServerError)
		case found.Fault != "":
			showRedemption(w, found)
		default:
			w.Header().Set("Location", found.Invitation.RedirectURL)
			w.WriteHeader(http.StatusSeeOther)
		}
	})
}

// accept accepts the invitation that a query leads to.
func (s *Server) accept(query url.Values) (redemption, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, guest := s.redemption(query)
	if found.Fault != "" || found.Accepted {
		return found, nil
	}
	guest.ExternalUserState = "Accepted"
	return found, s.save()
}

// redeemPage asks for no sign-in: the stand-in has no accounts. It has no script.
var redeemPage = template.Must(template.New("redeem").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Invitation</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 36rem; overflow-wrap: anywhere; }
button { font: inherit; padding: .5rem 1.5rem; }
small { opacity: .8; }
</style>
<main>
{{if .Fault}}<h1>This link does not work</h1>
<p>{{.Fault}}
{{else if .Accepted}}<h1>The invitation was accepted</h1>
<p><bdi>{{.Invitation.Email}}</bdi> is a guest already. <a href="{{.Invitation.RedirectURL}}">Go on</a>
{{else}}<h1>Accept the invitation of <bdi>{{.Tenant}}</bdi></h1>
<p>It is for <bdi>{{.Invitation.Email}}</bdi>. After that you are sent on to <bdi>{{.Invitation.RedirectURL}}</bdi>.
<form method="post"><button>Accept</button></form>
{{end}}
<p><small>This is the stand-in for Microsoft Graph. Microsoft has you sign in here.</small>
</main>
`))

func showRedemption(w http.ResponseWriter, found redemption) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(found.Status)
	_ = redeemPage.Execute(w, found) // it fails if the client has gone
}
