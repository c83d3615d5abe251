package graphsim_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/graphsim"
)

const (
	plainGroup   = "aaaaaaaa-0000-4000-8000-000000000001"
	dynamicGroup = "aaaaaaaa-0000-4000-8000-000000000002"
	mailGroup    = "aaaaaaaa-0000-4000-8000-000000000003"
	roleGroup    = "aaaaaaaa-0000-4000-8000-000000000004"
	unifiedGroup = "aaaaaaaa-0000-4000-8000-000000000005"
	onPremGroup  = "aaaaaaaa-0000-4000-8000-000000000006"
	restricted   = "aaaaaaaa-0000-4000-8000-000000000007"
	unknownGroup = "aaaaaaaa-0000-4000-8000-000000000009"

	sponsor   = "bbbbbbbb-0000-4000-8000-000000000001"
	internal  = "cccccccc-0000-4000-8000-000000000001"
	disabled  = "cccccccc-0000-4000-8000-000000000002"
	accepted  = "cccccccc-0000-4000-8000-000000000003"
	nobody    = "dddddddd-0000-4000-8000-000000000001"
	wellFormd = `{"invitedUserEmailAddress":"ana@contoso.com","inviteRedirectUrl":"https://portal.example.com/"}`
)

// tenant is a stand-in behind a real HTTP server, with a clock that only the test moves.
type tenant struct {
	*graphsim.Server
	t   *testing.T
	url string
	mu  sync.Mutex
	now time.Time
}

func (n *tenant) clock() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now
}

func (n *tenant) pass(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now = n.now.Add(d)
}

func newTenant(t *testing.T, change func(*graphsim.Config)) *tenant {
	t.Helper()
	n := &tenant{t: t, now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)}
	config := graphsim.Config{
		Now: n.clock, Random: rand.NewChaCha8([32]byte{7}), ReplicationDelay: 5 * time.Second, VerifiedDomains: []string{"fabrikam.example"},
		Groups: []graphsim.Group{
			{ID: plainGroup}, {ID: dynamicGroup, Kind: graphsim.DynamicGroup}, {ID: mailGroup, Kind: graphsim.MailEnabledGroup},
			{ID: roleGroup, Kind: graphsim.RoleAssignableGroup}, {ID: unifiedGroup, Kind: graphsim.UnifiedGroup}, {ID: onPremGroup, Kind: graphsim.OnPremisesGroup},
			{ID: restricted, Kind: graphsim.RestrictedGroup},
		},
		Users: []graphsim.User{
			{ID: internal, Mail: "bo@brand.example", UserPrincipalName: "bo@fabrikam.example", UserType: "Member"},
			{ID: disabled, Mail: "gone@contoso.com", UserType: "Guest", CreationType: "Invitation", Disabled: true},
			{ID: accepted, Mail: "cy@contoso.com", OtherMails: []string{"cy@contoso.com"}, UserType: "Guest", CreationType: "Invitation", ExternalUserState: "Accepted"},
		},
	}
	if change != nil {
		change(&config)
	}
	server, err := graphsim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	n.Server, n.url = server, listener.URL
	return n
}

// answer is an answer of the stand-in.
type answer struct {
	status int
	header http.Header
	body   string
}

// code returns the code of Graph's error, or "".
func (a answer) code() string {
	var e struct {
		Error struct{ Code string }
	}
	err := json.Unmarshal([]byte(a.body), &e)
	if err != nil {
		return ""
	}
	return e.Error.Code
}

// decode returns the body of an answer.
func decode[T any](t *testing.T, a answer) (value T) {
	t.Helper()
	err := json.Unmarshal([]byte(a.body), &value)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func (n *tenant) send(method, path, body string, headers ...string) answer {
	n.t.Helper()
	a, err := n.try(method, path, body, headers...)
	if err != nil {
		n.t.Fatal(err)
	}
	return a
}

func (n *tenant) try(method, path, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

func (n *tenant) invite(email string) (guestID string) {
	n.t.Helper()
	a := n.send("POST", "/v1.0/invitations", fmt.Sprintf(`{"invitedUserEmailAddress":%q,"inviteRedirectUrl":"https://portal.example.com/"}`, email))
	var invitation struct{ InvitedUser struct{ ID string } }
	err := json.Unmarshal([]byte(a.body), &invitation)
	if err != nil || a.status != http.StatusCreated {
		n.t.Fatalf("inviting: %d %s", a.status, a.body)
	}
	return invitation.InvitedUser.ID
}

func members(group string) string { return "/v1.0/groups/" + group + "/members/$ref" }

func reference(id string) string {
	return `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/` + id + `"}`
}

func users(query ...string) string {
	values := url.Values{}
	for i := 0; i < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	return "/v1.0/users?" + values.Encode()
}

func TestInvitationRules(t *testing.T) {
	with := func(property string) string { return strings.TrimSuffix(wellFormd, "}") + "," + property + "}" }
	to := func(address string) string { return strings.Replace(wellFormd, "ana@contoso.com", address, 1) }
	sponsors := func(n int) string {
		return with(`"invitedUserSponsors":[` + strings.TrimSuffix(strings.Repeat(`{"id":"`+sponsor+`"},`, n), ",") + `]`)
	}
	tests := map[string]struct {
		body   string
		status int
		code   string
	}{
		"as small as it can be":        {wellFormd, 201, ""},
		"with its type":                {with(`"@odata.type":"#microsoft.graph.invitation"`), 201, ""},
		"another type":                 {with(`"@odata.type":"#microsoft.graph.user"`), 400, "BadRequest"},
		"everything":                   {with(`"invitedUserDisplayName":"Ana","invitedUserType":"Member","sendInvitationMessage":true,"resetRedemption":false,"invitedUserMessageInfo":{"messageLanguage":"pt-PT","customizedMessageBody":null,"ccRecipients":[{"emailAddress":{"name":"Bo","address":"bo@brand.example"}}]}`), 201, ""},
		"no address":                   {`{"inviteRedirectUrl":"https://portal.example.com/"}`, 400, "BadRequest"},
		"empty address":                {to(""), 400, "BadRequest"},
		"no redirect URL":              {`{"invitedUserEmailAddress":"ana@contoso.com"}`, 400, "BadRequest"},
		"relative redirect URL":        {`{"invitedUserEmailAddress":"ana@contoso.com","inviteRedirectUrl":"/start"}`, 400, "BadRequest"},
		"unknown property":             {with(`"sendInvitation":true`), 400, "BadRequest"},
		"property in another case":     {with(`"InvitedUserType":"Guest"`), 400, "BadRequest"},
		"property given twice":         {with(`"inviteRedirectUrl":"https://portal.example.com/"`), 400, "BadRequest"},
		"read-only property":           {with(`"status":"Completed"`), 400, "BadRequest"},
		"property of another type":     {with(`"sendInvitationMessage":"true"`), 400, "BadRequest"},
		"unknown user type":            {with(`"invitedUserType":"guest"`), 400, "BadRequest"},
		"unknown property of message":  {with(`"invitedUserMessageInfo":{"language":"fr"}`), 400, "BadRequest"},
		"two copies":                   {with(`"invitedUserMessageInfo":{"ccRecipients":[{"emailAddress":{"address":"a@b.example"}},{"emailAddress":{"address":"c@d.example"}}]}`), 400, "BadRequest"},
		"long name":                    {with(`"invitedUserDisplayName":"` + strings.Repeat("é", 256) + `"`), 201, ""},
		"name too long":                {with(`"invitedUserDisplayName":"` + strings.Repeat("é", 257) + `"`), 400, "BadRequest"},
		"five sponsors":                {sponsors(5), 201, ""},
		"six sponsors":                 {sponsors(6), 400, "BadRequest"},
		"sponsor by name":              {with(`"invitedUserSponsors":[{"id":"bo@brand.example"}]`), 400, "BadRequest"},
		"sponsor without id":           {with(`"invitedUserSponsors":[{}]`), 400, "BadRequest"},
		"sponsor with more than an id": {with(`"invitedUserSponsors":[{"id":"` + sponsor + `","mail":"x@y.example"}]`), 400, "BadRequest"},
		"sponsor of a type":            {with(`"invitedUserSponsors":[{"@odata.type":"#microsoft.graph.group","id":"` + sponsor + `"}]`), 201, ""},
		"sponsor of a wrong type":      {with(`"invitedUserSponsors":[{"@odata.type":"#microsoft.graph.device","id":"` + sponsor + `"}]`), 400, "BadRequest"},
		"bound sponsor":                {with(`"invitedUserSponsors@odata.bind":["https://graph.microsoft.com/v1.0/users/` + sponsor + `"]`), 201, ""},
		"bound to something else":      {with(`"invitedUserSponsors@odata.bind":["https://graph.microsoft.com/v1.0/devices/` + sponsor + `"]`), 400, "BadRequest"},
		"sponsors in both forms":       {with(`"invitedUserSponsors":[],"invitedUserSponsors@odata.bind":[]`), 400, "BadRequest"},
		"reset of a redemption":        {with(`"resetRedemption":true`), 501, "NotImplemented"},
		"no JSON":                      {"invitedUserEmailAddress=ana@contoso.com", 400, "BadRequest"},
		"no object":                    {"[]", 400, "BadRequest"},
		"null":                         {"null", 400, "BadRequest"},
		"nothing":                      {"", 400, "BadRequest"},
		"two values":                   {wellFormd + wellFormd, 400, "BadRequest"},
		"too large":                    {with(`"invitedUserDisplayName":"` + strings.Repeat("a", 1<<20) + `"`), 413, "RequestEntityTooLarge"},
		"underscores anywhere":         {to("_a_n_a_@contoso.com"), 201, ""},
		"apostrophe":                   {to("o'neil@contoso.com"), 201, ""},
		"dots and hyphens inside":      {to("a.n-a@contoso.com"), 201, ""},
		"dot at the start":             {to(".ana@contoso.com"), 400, "BadRequest"},
		"dot at the end":               {to("ana.@contoso.com"), 400, "BadRequest"},
		"hyphen at the start":          {to("-ana@contoso.com"), 400, "BadRequest"},
		"hyphen at the end":            {to("ana-@contoso.com"), 400, "BadRequest"},
		"two at signs":                 {to("ana@bo@contoso.com"), 400, "BadRequest"},
		"no at sign":                   {to("contoso.com"), 400, "BadRequest"},
		"no local part":                {to("@contoso.com"), 400, "BadRequest"},
		"no dot in the domain":         {to("ana@localhost"), 400, "BadRequest"},
		"space":                        {to("ana silva@contoso.com"), 400, "BadRequest"},
		"longest address":              {to("ana@" + strings.Repeat("a", 254-4-4) + ".com"), 201, ""},
		"address too long":             {to("ana@" + strings.Repeat("a", 255-4-4) + ".com"), 400, "BadRequest"},
		"verified domain":              {to("ana@fabrikam.example"), 400, "BadRequest"},
		"internal user":                {to("bo@brand.example"), 400, "BadRequest"},
		"disabled guest":               {to("gone@contoso.com"), 400, "BadRequest"},
		"accepted guest":               {to("cy@contoso.com"), 201, ""},
		"control character":            {to(`ana\u0000@contoso.com`), 400, "BadRequest"},
		"lone surrogate":               {to(`ana\ud800@contoso.com`), 400, "BadRequest"},
	}
	for _, forbidden := range "~!#$%^&*()+=[]{}/|;:<>?," {
		tests["with a "+string(forbidden)] = struct {
			body   string
			status int
			code   string
		}{to("a" + string(forbidden) + "na@contoso.com"), 400, "BadRequest"}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, func(c *graphsim.Config) { c.Granted = []string{"User.ReadWrite.All"} })
			got := n.send("POST", "/v1.0/invitations", test.body)
			if got.status != test.status || got.code() != test.code {
				t.Errorf("answer %d %q, want %d %q: %.300s", got.status, got.code(), test.status, test.code, got.body)
			}
			if recorded := len(n.Invitations()) == 1; recorded != (test.status == 201) {
				t.Errorf("recorded is %v after status %d", recorded, got.status)
			}
		})
	}
}

func TestHTTPRules(t *testing.T) {
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, err := writer.Write([]byte(wellFormd))
	if err != nil {
		t.Fatal(err)
	}
	err = writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code               string
	}{
		"form in place of JSON":     {"POST", "/v1.0/invitations", wellFormd, []string{"Content-Type", "text/plain"}, 400, "BadRequest"},
		"content type with charset": {"POST", "/v1.0/invitations", wellFormd, []string{"Content-Type", "application/json; charset=utf-8"}, 201, ""},
		"zipped":                    {"POST", "/v1.0/invitations", zipped.String(), []string{"Content-Encoding", "gzip"}, 201, ""},
		"said to be zipped":         {"POST", "/v1.0/invitations", wellFormd, []string{"Content-Encoding", "gzip"}, 400, "BadRequest"},
		"unknown encoding":          {"POST", "/v1.0/invitations", wellFormd, []string{"Content-Encoding", "br"}, 400, "BadRequest"},
		"query on an invitation":    {"POST", "/v1.0/invitations?$select=id", wellFormd, nil, 400, "BadRequest"},
		"another method":            {"GET", "/v1.0/invitations", "", nil, 405, "Request_BadRequest"},
		"unknown path":              {"GET", "/v1.0/me", "", nil, 404, "BadRequest"},
		"another version":           {"POST", "/beta/invitations", wellFormd, nil, 404, "BadRequest"},
		"longer path":               {"POST", "/v1.0/invitations/", wellFormd, nil, 404, "BadRequest"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, nil)
			got := n.send(test.method, test.path, test.body, test.headers...)
			if got.status != test.status || got.code() != test.code {
				t.Errorf("answer %d %q, want %d %q: %s", got.status, got.code(), test.status, test.code, got.body)
			}
		})
	}
}

func TestChunkedBodyIsRefused(t *testing.T) {
	n := newTenant(t, nil)
	// A reader whose length net/http does not know is sent in chunks.
	request, err := http.NewRequestWithContext(t.Context(), "POST", n.url+"/v1.0/invitations", io.MultiReader(strings.NewReader(wellFormd)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusLengthRequired {
		t.Errorf("status %d, want 411", response.StatusCode)
	}
}

func TestInvitationAnswer(t *testing.T) {
	n := newTenant(t, nil)
	got := n.send("POST", "/v1.0/invitations", `{"invitedUserEmailAddress":"Ana@Contoso.com","inviteRedirectUrl":"https://portal.example.com/",
		"invitedUserDisplayName":"Ana Silva","sendInvitationMessage":true,"invitedUserMessageInfo":{"messageLanguage":"pt-PT"},
		"invitedUserSponsors":[{"id":"`+sponsor+`"}]}`)
	if got.status != http.StatusCreated {
		t.Fatalf("%d %s", got.status, got.body)
	}
	body := decode[map[string]any](t, got)
	guest := n.Guests()[len(n.Guests())-1]
	for property, want := range map[string]any{
		"status": "PendingAcceptance", "invitedUserEmailAddress": "Ana@Contoso.com", "invitedUserDisplayName": "Ana Silva", "invitedUserType": "Guest",
		"sendInvitationMessage": true, "inviteRedirectUrl": "https://portal.example.com/", "invitedUser": map[string]any{"id": guest.ID},
	} {
		if diff := cmp.Diff(want, body[property]); diff != "" {
			t.Errorf("%s: %s", property, diff)
		}
	}
	if redeem, _ := body["inviteRedeemUrl"].(string); !strings.HasPrefix(redeem, "https://login.microsoftonline.com/redeem?rd=https%3a%2f%2finvitations.microsoft.com%2fredeem") {
		t.Errorf("the redeem URL is %q", redeem)
	}
	if body["invitedUserSponsors"] != nil {
		t.Error("Graph does not return sponsors")
	}
	want := graphsim.User{ID: guest.ID, Mail: "Ana@Contoso.com", OtherMails: []string{"Ana@Contoso.com"}, DisplayName: "Ana Silva",
		UserPrincipalName: "Ana_Contoso.com#EXT#@standin.onmicrosoft.com", UserType: "Guest", ExternalUserState: "PendingAcceptance",
		CreationType: "Invitation", Sponsors: []string{sponsor}, CreatedAt: n.clock()}
	if diff := cmp.Diff(want, guest); diff != "" {
		t.Error(diff)
	}
	sent := n.Invitations()[0]
	wantSent := graphsim.Invitation{ID: sent.ID, At: "2026-05-04T09:00:00Z", GuestID: guest.ID, NewGuest: true, Email: "Ana@Contoso.com", DisplayName: "Ana Silva",
		RedirectURL: "https://portal.example.com/", UserType: "Guest", SendInvitation: true, MessageLanguage: "pt-PT", Cc: []string{}, Sponsors: []string{sponsor},
		RedeemURL: sent.RedeemURL}
	if diff := cmp.Diff(wantSent, sent); diff != "" {
		t.Error(diff)
	}
}

func TestSecondInvitationFindsSameGuestAndSendsAnotherMail(t *testing.T) {
	n := newTenant(t, nil)
	first := n.invite("ana@contoso.com")
	second := n.invite("ANA@contoso.com")
	other := n.invite("bo@contoso.com")
	if first != second || first == other {
		t.Errorf("guests %s, %s, %s", first, second, other)
	}
	var newGuests []bool
	for _, invitation := range n.Invitations() {
		newGuests = append(newGuests, invitation.NewGuest)
	}
	if want := []bool{true, false, true}; !slices.Equal(newGuests, want) {
		t.Errorf("new guests %v, want %v", newGuests, want)
	}
	got := n.send("POST", "/v1.0/invitations", strings.Replace(wellFormd, "ana@", "cy@", 1))
	if !strings.Contains(got.body, `"status":"Completed"`) || !strings.Contains(got.body, accepted) {
		t.Errorf("a guest who has accepted: %s", got.body)
	}
}

func TestTenantKeepsDomainsInLetters(t *testing.T) {
	const punycode, letters = "ana@xn--bcher-kva.de", "ana@b\u00fccher.de"
	for inLetters, want := range map[bool]string{false: punycode, true: letters} {
		n := newTenant(t, func(c *graphsim.Config) { c.DomainsInLetters = inLetters })
		n.invite(punycode)
		n.invite(punycode)
		n.pass(time.Minute)
		guests, invitations := n.Guests(), n.Invitations()
		last, again := guests[len(guests)-1], invitations[1]
		if last.Mail != want || again.Email != want || again.NewGuest {
			t.Errorf("in letters %t: guest %v, invitation %v", inLetters, last, again)
		}
		for _, asked := range []string{punycode, letters} {
			got := n.send("GET", users("$filter", "mail eq '"+asked+"'", "$select", "mail"), "")
			found := decode[struct{ Value []struct{ Mail string } }](t, got)
			if (len(found.Value) == 1) != (asked == want) {
				t.Errorf("in letters %t: a search for %q finds %v", inLetters, asked, found.Value)
			}
		}
	}
}

func TestUserSearchRules(t *testing.T) {
	const guest, or = "o'neil@contoso.com", " or mail eq 'y'"
	tests := map[string]struct {
		query   []string
		headers []string
		status  int
		code    string
		mails   []string
	}{
		"by mail":                      {[]string{"$filter", "mail eq 'o''neil@contoso.com'"}, nil, 200, "", []string{guest}},
		"in another case":              {[]string{"$filter", "mail eq 'O''NEIL@contoso.com'"}, nil, 200, "", []string{guest}},
		"by mail or other mails":       {[]string{"$filter", "mail eq 'x@y.example' or otherMails/any(x:x eq 'o''neil@contoso.com')"}, nil, 200, "", []string{guest}},
		"by proxy address":             {[]string{"$filter", "proxyAddresses/any(p:p eq 'SMTP:o''neil@contoso.com')"}, nil, 200, "", []string{guest}},
		"by another proxy address":     {[]string{"$filter", "proxyAddresses/any(p:p eq 'smtp:o''neil@contoso.com')"}, nil, 200, "", nil},
		"by principal name":            {[]string{"$filter", "userPrincipalName eq 'bo@fabrikam.example'"}, nil, 200, "", []string{"bo@brand.example"}},
		"by id":                        {[]string{"$filter", "id eq '" + internal + "'"}, nil, 200, "", []string{"bo@brand.example"}},
		"nobody":                       {[]string{"$filter", "mail eq 'x@y.example'"}, nil, 200, "", nil},
		"a page of one":                {[]string{"$top", "1"}, nil, 200, "", []string{"bo@brand.example"}},
		"quote not doubled":            {[]string{"$filter", "mail eq 'o'neil@contoso.com'"}, nil, 400, "Request_UnsupportedQuery", nil},
		"string not closed":            {[]string{"$filter", "mail eq 'x"}, nil, 400, "Request_UnsupportedQuery", nil},
		"no string":                    {[]string{"$filter", "mail eq x"}, nil, 400, "Request_UnsupportedQuery", nil},
		"and":                          {[]string{"$filter", "mail eq 'x' and mail eq 'y'"}, nil, 400, "Request_UnsupportedQuery", nil},
		"ne":                           {[]string{"$filter", "mail ne 'x'"}, nil, 400, "Request_UnsupportedQuery", nil},
		"two variables":                {[]string{"$filter", "otherMails/any(x:y eq 'x')"}, nil, 400, "Request_UnsupportedQuery", nil},
		"all in place of any":          {[]string{"$filter", "otherMails/all(x:x eq 'x')"}, nil, 400, "Request_UnsupportedQuery", nil},
		"any not closed":               {[]string{"$filter", "otherMails/any(x:x eq 'x'"}, nil, 400, "Request_UnsupportedQuery", nil},
		"unknown property in a filter": {[]string{"$filter", "signInNames eq 'x'"}, nil, 400, "Request_UnsupportedQuery", nil},
		"15 clauses":                   {[]string{"$filter", "mail eq 'x'" + strings.Repeat(or, 14)}, nil, 200, "", nil},
		"16 clauses":                   {[]string{"$filter", "mail eq 'x'" + strings.Repeat(or, 15)}, nil, 400, "Request_UnsupportedQuery", nil},
		"empty filter":                 {[]string{"$filter", ""}, nil, 400, "Request_UnsupportedQuery", nil},
		"unknown property selected":    {[]string{"$select", "id,mails"}, nil, 400, "BadRequest", nil},
		"too large a page":             {[]string{"$top", "1000"}, nil, 400, "Request_BadRequest", nil},
		"count without the header":     {[]string{"$count", "true"}, nil, 400, "Request_BadRequest", nil},
		"count with the header":        {[]string{"$count", "true", "$top", "1"}, []string{"ConsistencyLevel", "eventual"}, 200, "", []string{"bo@brand.example"}},
		"unknown option":               {[]string{"$orderby", "mail"}, nil, 400, "Request_UnsupportedQuery", nil},
		"selection":                    {[]string{"$select", "mail", "$top", "1"}, nil, 200, "", []string{"bo@brand.example"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, nil)
			n.invite(guest)
			n.pass(time.Minute)
			got := n.send("GET", users(test.query...), "", test.headers...)
			if got.status != test.status || got.code() != test.code {
				t.Fatalf("answer %d %q, want %d %q: %s", got.status, got.code(), test.status, test.code, got.body)
			}
			page := decode[struct{ Value []map[string]any }](t, got)
			var mails []string
			for _, user := range page.Value {
				mails = append(mails, user["mail"].(string))
				if slices.Contains(test.query, "$select") && len(user) != 1 {
					t.Errorf("more than was selected: %v", user)
				}
			}
			if diff := cmp.Diff(test.mails, mails); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGuestProperties(t *testing.T) {
	n := newTenant(t, nil)
	id := n.invite("ana@contoso.com")
	n.pass(time.Minute)
	got := n.send("GET", users("$filter", "mail eq 'ana@contoso.com'",
		"$select", "id,mail,otherMails,userPrincipalName,userType,externalUserState,creationType,accountEnabled"), "")
	page := decode[struct{ Value []map[string]any }](t, got)
	want := []map[string]any{{"id": id, "mail": "ana@contoso.com", "otherMails": []any{"ana@contoso.com"},
		"userPrincipalName": "ana_contoso.com#EXT#@standin.onmicrosoft.com", "userType": "Guest", "externalUserState": "PendingAcceptance",
		"creationType": "Invitation", "accountEnabled": true}}
	if diff := cmp.Diff(want, page.Value); diff != "" {
		t.Error(diff)
	}
}

func TestMembershipRules(t *testing.T) {
	link := func(id string) string { return `{"@odata.id":"` + id + `"}` }
	tests := map[string]struct {
		group, body string
		status      int
		names       string // what the message must name
	}{
		"a guest":                   {plainGroup, reference(accepted), 204, ""},
		"by the users collection":   {plainGroup, link("https://graph.microsoft.com/v1.0/users/" + accepted), 204, ""},
		"group id in capitals":      {strings.ToUpper(plainGroup), reference(accepted), 204, ""},
		"unknown group":             {unknownGroup, reference(accepted), 404, unknownGroup},
		"group by name":             {"partners", reference(accepted), 404, "partners"},
		"unknown guest":             {plainGroup, reference(nobody), 404, nobody},
		"dynamic group":             {dynamicGroup, reference(accepted), 403, "Insufficient privileges to complete the operation."},
		"mail-enabled group":        {mailGroup, reference(accepted), 400, "mail-enabled"},
		"role-assignable group":     {roleGroup, reference(accepted), 403, "Insufficient privileges to complete the operation."},
		"restricted group":          {restricted, reference(accepted), 403, "Insufficient privileges to complete the operation."},
		"Microsoft 365 group":       {unifiedGroup, reference(accepted), 204, ""},
		"on-premises group":         {onPremGroup, reference(accepted), 400, "on-premises mastered"},
		"no reference":              {plainGroup, `{}`, 400, "@odata.id"},
		"reference to a mail":       {plainGroup, link("https://graph.microsoft.com/v1.0/directoryObjects/cy@contoso.com"), 400, "@odata.id"},
		"relative reference":        {plainGroup, link("/v1.0/directoryObjects/" + accepted), 400, "@odata.id"},
		"reference to another kind": {plainGroup, link("https://graph.microsoft.com/v1.0/devices/" + accepted), 400, "@odata.id"},
		"more than a reference":     {plainGroup, `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/` + accepted + `","id":"x"}`, 400, "@odata.id"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, nil)
			got := n.send("POST", members(test.group), test.body)
			if got.status != test.status || !strings.Contains(got.body, test.names) {
				t.Errorf("answer %d, want %d naming %q: %s", got.status, test.status, test.names, got.body)
			}
			if test.status == 204 {
				want := []graphsim.Membership{{GroupID: strings.ToLower(test.group), GuestID: accepted, At: "2026-05-04T09:00:00Z"}}
				if diff := cmp.Diff(want, n.Memberships()); diff != "" || got.body != "" {
					t.Errorf("body %q, %s", got.body, diff)
				}
			}
		})
	}
}

func TestSecondMembershipIsRefused(t *testing.T) {
	n := newTenant(t, nil)
	n.send("POST", members(plainGroup), reference(accepted))
	got := n.send("POST", members(plainGroup), reference(strings.ToUpper(accepted)))
	if got.status != 400 || !strings.Contains(got.body, "already exist for the following modified properties: 'members'") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if len(n.Memberships()) != 1 {
		t.Errorf("memberships %v", n.Memberships())
	}
}

func TestKnowsAnyGroupAddsOnlySecurityGroups(t *testing.T) {
	n := newTenant(t, func(c *graphsim.Config) { c.KnowsAnyGroup = true })
	for group, want := range map[string]int{unknownGroup: 204, dynamicGroup: 403, "partners": 404} {
		if got := n.send("POST", members(group), reference(accepted)); got.status != want {
			t.Errorf("%s: %d, want %d", group, got.status, want)
		}
	}
}

func TestNewGuestIsFoundOnlyAfterReplication(t *testing.T) {
	n := newTenant(t, nil)
	guest := n.invite("ana@contoso.com")
	search := users("$filter", "mail eq 'ana@contoso.com'")
	n.pass(5*time.Second - 1)
	if got := n.send("GET", search, ""); strings.Contains(got.body, guest) {
		t.Errorf("seen too early: %s", got.body)
	}
	if got := n.send("POST", members(plainGroup), reference(guest)); got.status != 404 || got.code() != "Request_ResourceNotFound" || !strings.Contains(got.body, guest) {
		t.Errorf("added too early: %d %s", got.status, got.body)
	}
	if again := n.invite("ana@contoso.com"); again != guest {
		t.Errorf("a second invitation before replication created another guest: %s, %s", guest, again)
	}
	n.pass(1)
	if got := n.send("GET", search, ""); !strings.Contains(got.body, guest) {
		t.Errorf("not seen: %s", got.body)
	}
	if got := n.send("POST", members(plainGroup), reference(guest)); got.status != 204 {
		t.Errorf("not added: %d %s", got.status, got.body)
	}
}

func TestAnswersCarryRequestIDs(t *testing.T) {
	n := newTenant(t, nil)
	seen := map[string]bool{}
	for _, got := range []answer{
		n.send("POST", "/v1.0/invitations", wellFormd, "client-request-id", "mine"),
		n.send("POST", "/v1.0/invitations", "{}", "client-request-id", "mine"),
		n.send("GET", users(), "", "client-request-id", "mine"),
		n.send("GET", "/v1.0/nowhere", "", "client-request-id", "mine"),
	} {
		id := got.header.Get("request-id")
		if id == "" || seen[id] || got.header.Get("client-request-id") != "mine" {
			t.Errorf("headers %v", got.header)
		}
		seen[id] = true
		if got.status >= 400 && !strings.Contains(got.body, `"innerError":{"date":"2026-05-04T09:00:00","request-id":"`+id+`","client-request-id":"mine"}`) {
			t.Errorf("body %s", got.body)
		}
	}
}

func TestRequireBearer(t *testing.T) {
	n := newTenant(t, func(c *graphsim.Config) { c.RequireBearer = true })
	if got := n.send("POST", "/v1.0/invitations", wellFormd); got.status != 401 || got.code() != "InvalidAuthenticationToken" {
		t.Errorf("without: %d %s", got.status, got.body)
	}
	if got := n.send("POST", "/v1.0/invitations", wellFormd, "Authorization", "Bearer x"); got.status != 201 {
		t.Errorf("with: %d %s", got.status, got.body)
	}
}

func TestFaultsHitMatchingCallsInOrder(t *testing.T) {
	n := newTenant(t, nil)
	for _, order := range []string{
		`{"match":{"method":"POST","path":"/v1.0/invitations"},"times":2,"status":429,"headers":{"Retry-After":"3"}}`,
		`{"match":{"path":"/v1.0/invitations"},"status":503,"code":"Busy","message":"Come back."}`,
		`{"match":{"path":"/v1.0/groups/*"},"status":502,"body":"<html>","contentType":"text/html"}`,
	} {
		if got := n.send("POST", "/stand-in/faults", order); got.status != 201 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	type seen struct {
		status             int
		code, retry, media string
	}
	look := func(a answer) seen {
		media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		return seen{a.status, a.code(), a.header.Get("Retry-After"), media}
	}
	var got []seen
	got = append(got, look(n.send("GET", users(), "")))
	for range 4 {
		got = append(got, look(n.send("POST", "/v1.0/invitations", wellFormd)))
	}
	got = append(got, look(n.send("POST", members(plainGroup), reference(accepted))))
	want := []seen{
		{200, "", "", "application/json"},
		{429, "TooManyRequests", "3", "application/json"}, {429, "TooManyRequests", "3", "application/json"},
		{503, "Busy", "", "application/json"}, {201, "", "", "application/json"},
		{502, "", "", "text/html"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("answers %v, want %v", got, want)
	}
	if len(n.Faults()) != 0 {
		t.Errorf("left: %v", n.Faults())
	}
	wantCalls := map[string]int{"GET /v1.0/users": 1, "POST /v1.0/invitations": 4, "POST /v1.0/groups/{id}/members/$ref": 1}
	if !maps.Equal(n.Calls(), wantCalls) {
		t.Errorf("calls %v, want %v", n.Calls(), wantCalls)
	}
}

func TestFaultAfterEffectLosesOnlyTheAnswer(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"by a gateway":  {Status: 504, AfterEffect: true},
		"by the wire":   {DropConnection: true, AfterEffect: true},
		"before it all": {Status: 504},
		"wire, before":  {DropConnection: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, nil)
			err := n.Order(fault)
			if err != nil {
				t.Fatal(err)
			}
			got, err := n.try("POST", "/v1.0/invitations", wellFormd)
			if fault.DropConnection && err == nil || !fault.DropConnection && got.status != 504 {
				t.Errorf("answer %d, error %v", got.status, err)
			}
			if done := len(n.Invitations()) == 1; done != fault.AfterEffect {
				t.Errorf("done is %v", done)
			}
		})
	}
}

func TestFaultBreaksAnswerOff(t *testing.T) {
	for status, done := range map[int]int{0: 1, 429: 0} {
		n := newTenant(t, nil)
		err := n.Order(graphsim.Fault{Status: status, BreaksOff: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.try("POST", "/v1.0/invitations", wellFormd)
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(n.Invitations()) != done {
			t.Errorf("status %d: %v, %d invitations", status, err, len(n.Invitations()))
		}
	}
}

func TestFaultBodiesAndStatuses(t *testing.T) {
	tests := map[string]struct {
		fault        graphsim.Fault
		status       int
		body, header string
	}{
		"created, with nothing to show": {graphsim.Fault{Status: 201}, 201, "", ""},
		"error without a body":          {graphsim.Fault{Status: 500, EmptyBody: true}, 500, "", ""},
		"broken JSON":                   {graphsim.Fault{Status: 400, Body: `{"error":`}, 400, `{"error":`, ""},
		"redirect":                      {graphsim.Fault{Status: 302, Headers: map[string]string{"Location": "https://elsewhere.example/"}}, 302, "", "https://elsewhere.example/"},
		"late, but well":                {graphsim.Fault{DelayMs: 1, Match: graphsim.Match{Path: "/v1.0/*"}}, 201, "*", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, nil)
			err := n.Order(test.fault)
			if err != nil {
				t.Fatal(err)
			}
			got := n.send("POST", "/v1.0/invitations", wellFormd)
			if got.status != test.status || test.body != "*" && got.body != test.body || got.header.Get("Location") != test.header {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestContradictoryFaultIsRefused(t *testing.T) {
	tests := map[string]struct{ order, says string }{
		"nothing to do":             {`{}`, "say what is to happen"},
		"unknown property":          {`{"status":500,"time":2}`, "time"},
		"no JSON":                   {`status=500`, "not JSON"},
		"two orders":                {`{"status":500}{"status":500}`, "after top-level value"},
		"no such status":            {`{"status":99}`, "status"},
		"always, and some times":    {`{"status":500,"always":true,"times":2}`, "choose one"},
		"no effect, and a failure":  {`{"status":500,"withoutEffect":true}`, "withoutEffect"},
		"unknown form":              {`{"status":500,"form":"xml"}`, "odata.error"},
		"form of a success":         {`{"status":200,"form":"page"}`, "form needs"},
		"form and a body":           {`{"status":500,"form":"page","body":"x"}`, "form needs"},
		"negative times":            {`{"status":500,"times":-1}`, "times"},
		"negative delay":            {`{"status":500,"delayMs":-1}`, "delayMs"},
		"endless delay":             {`{"status":500,"delayMs":600001}`, "delayMs"},
		"status of no answer":       {`{"status":500,"dropConnection":true}`, "choose one"},
		"headers of no answer":      {`{"dropConnection":true,"headers":{"Retry-After":"1"}}`, "need an answer"},
		"body of no answer":         {`{"delayMs":1,"body":"x"}`, "need a status"},
		"two bodies":                {`{"status":500,"code":"x","body":"y"}`, "choose one"},
		"a body and none":           {`{"status":500,"body":"y","emptyBody":true}`, "choose one"},
		"content type of no body":   {`{"status":500,"contentType":"text/html"}`, "needs a body"},
		"effect and then no fault":  {`{"delayMs":5,"afterEffect":true}`, "afterEffect"},
		"path without a slash":      {`{"status":500,"match":{"path":"invitations"}}`, "match.path"},
		"method in lower case":      {`{"status":500,"match":{"method":"post"}}`, "match.method"},
		"no answer that breaks off": {`{"dropConnection":true,"breaksOff":true}`, "breaksOff"},
		"no body that breaks off":   {`{"status":500,"emptyBody":true,"breaksOff":true}`, "breaksOff"},
		"a value of the wrong type": {`{"status":"500"}`, "status"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, nil)
			got := n.send("POST", "/stand-in/faults", test.order)
			if got.status != 400 || !strings.Contains(got.body, test.says) {
				t.Errorf("answer %d %q, want 400 with %q", got.status, got.body, test.says)
			}
			if len(n.Faults()) != 0 {
				t.Error("it was accepted")
			}
		})
	}
	n := newTenant(t, nil)
	if got := n.send("POST", "/stand-in/faults", `{"status":500}`, "Content-Type", "text/plain"); got.status != 415 {
		t.Errorf("an order without JSON's content type: %d", got.status)
	}
}

func TestFaultsCanBeListedAndCleared(t *testing.T) {
	n := newTenant(t, nil)
	n.send("POST", "/stand-in/faults", `{"status":500,"times":3}`)
	n.send("GET", users(), "")
	if got := n.send("GET", "/stand-in/faults", ""); !strings.Contains(got.body, "\"times\": 2") {
		t.Errorf("faults %s", got.body)
	}
	if got := n.send("DELETE", "/stand-in/faults", ""); got.status != 204 {
		t.Errorf("status %d", got.status)
	}
	if got := n.send("GET", users(), ""); got.status != 200 {
		t.Errorf("status %d after the order was taken back", got.status)
	}
}

func TestStandInPages(t *testing.T) {
	n := newTenant(t, nil)
	for _, page := range []string{"invitations", "memberships", "faults", "groups", "contacts"} {
		if got := n.send("GET", "/stand-in/"+page, ""); got.body != "[]\n" {
			t.Errorf("%s at the start: %q", page, got.body)
		}
	}
	n.invite("ana@contoso.com")
	for page, want := range map[string]string{
		"/":                     "stand-in for Microsoft Graph",
		"/stand-in":             "stand-in for Microsoft Graph",
		"/stand-in/invitations": "    \"email\": \"ana@contoso.com\"",
		"/stand-in/users":       "    \"mail\": \"ana@contoso.com\"",
		"/stand-in/calls":       "  \"POST /v1.0/invitations\": 1",
	} {
		if got := n.send("GET", page, ""); got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", page, got.status, got.body)
		}
	}
	if got := n.send("GET", "/stand-in/weather", ""); got.status != 404 {
		t.Errorf("unknown page: %d", got.status)
	}
}

func TestStateFileSurvivesRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenant.json")
	keep := func(c *graphsim.Config) { c.StateFile = file }
	before := newTenant(t, keep)
	guest := before.invite("ana@contoso.com")
	before.pass(time.Minute)
	before.send("POST", members(plainGroup), reference(guest))

	after := newTenant(t, keep)
	if diff := cmp.Diff([]any{before.Guests(), before.Invitations(), before.Memberships()}, []any{after.Guests(), after.Invitations(), after.Memberships()}); diff != "" {
		t.Error(diff)
	}
	files, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(files) != 1 {
		t.Errorf("files %v, error %v: a temporary file is left", files, err)
	}
}

func TestUnwritableStateFileFailsTheCall(t *testing.T) {
	n := newTenant(t, func(c *graphsim.Config) {
		c.StateFile = filepath.Join(t.TempDir(), "no", "such", "folder", "tenant.json")
	})
	if got := n.send("POST", "/v1.0/invitations", wellFormd); got.status != 500 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestInvalidConfigIsRefused(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "tenant.json")
	err := os.WriteFile(broken, []byte("{"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		config graphsim.Config
		says   string
	}{
		"unreadable state":   {graphsim.Config{StateFile: broken}, "move it away"},
		"group by name":      {graphsim.Config{Groups: []graphsim.Group{{ID: "partners"}}}, "partners"},
		"unknown group kind": {graphsim.Config{Groups: []graphsim.Group{{ID: plainGroup, Kind: "odd"}}}, "odd"},
		"user by name":       {graphsim.Config{Users: []graphsim.User{{ID: "bo"}}}, "bo"},
		"negative delay":     {graphsim.Config{ReplicationDelay: -1}, "negative"},
		"unknown user type":  {graphsim.Config{Users: []graphsim.User{{ID: internal, UserType: "guest"}}}, "userType"},
		"unknown permission": {graphsim.Config{Denied: []string{"User.Read"}}, "User.Read.All"},
		"unknown grant":      {graphsim.Config{Granted: []string{"User.Read.All"}}, "User.ReadWrite.All"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := graphsim.New(test.config)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one with %q", err, test.says)
			}
		})
	}
}

func TestLogHasNoAddresses(t *testing.T) {
	var log bytes.Buffer
	n := newTenant(t, func(c *graphsim.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	n.invite("ana@contoso.com")
	n.send("GET", users("$filter", "mail eq 'ana@contoso.com'"), "")
	n.send("POST", "/v1.0/users/ana@contoso.com", "{}")
	if text := log.String(); strings.Count(text, "\n") != 3 || strings.Contains(text, "contoso") || strings.Contains(text, "redeem") {
		t.Errorf("log %s", text)
	}
}

func TestConcurrentInvitationsCreateOneGuest(t *testing.T) {
	n := newTenant(t, func(c *graphsim.Config) { c.StateFile = filepath.Join(t.TempDir(), "tenant.json") })
	existing := len(n.Guests())
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_, err := n.try("POST", "/v1.0/invitations", wellFormd)
			if err != nil {
				t.Error(err)
			}
			n.Invitations()
			n.Calls()
		})
	}
	group.Wait()
	if guests, invitations := len(n.Guests())-existing, len(n.Invitations()); guests != 1 || invitations != 20 {
		t.Errorf("%d guests, %d invitations", guests, invitations)
	}
}

// FuzzFilter looks for filters that break the parser or find a user that they do not name.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"mail eq 'a@b.example'", "otherMails/any(x:x eq 'a''b@c.example') or id eq ''", "mail eq ''' or mail eq '", "(", ""} {
		f.Add(seed)
	}
	server, err := graphsim.New(graphsim.Config{Users: []graphsim.User{{ID: internal, Mail: "bo@brand.example", UserPrincipalName: "bo@brand.example"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, httptest.NewRequest("GET", users("$filter", filter), nil))
		found := strings.Contains(recorder.Body.String(), "bo@brand.example")
		named := strings.Contains(strings.ToLower(filter), "bo@brand.example") || strings.Contains(strings.ToLower(filter), internal)
		if recorder.Code != 200 && recorder.Code != 400 || recorder.Code == 200 && found && !named {
			t.Errorf("filter %q: %d %s", filter, recorder.Code, recorder.Body)
		}
	})
}
