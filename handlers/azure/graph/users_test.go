package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const quotedEmail = "'ana.o''neil@contoso.com'"

func TestSearchRequest(t *testing.T) {
	whole := url.Values{
		"$filter": {"mail eq " + quotedEmail + " or otherMails/any(x:x eq " + quotedEmail + ") or proxyAddresses/any(x:x eq 'SMTP:ana.o''neil@contoso.com')" +
			" or proxyAddresses/any(x:x eq 'smtp:ana.o''neil@contoso.com') or userPrincipalName eq " + quotedEmail},
		"$select": {"id,userType,mail,otherMails,proxyAddresses,userPrincipalName,accountEnabled,externalUserState,creationType"},
		"$top":    {"10"},
	}
	tests := map[string]struct {
		find  func(*graph.Client) (any, error)
		none  any
		path  string
		query url.Values
		level string
	}{
		"a guest": {func(c *graph.Client) (any, error) { return c.FindGuest(t.Context(), address(t, email)) }, "", "/v1.0/users", whole, ""},
		"a user":  {func(c *graph.Client) (any, error) { return c.FindUser(t.Context(), address(t, email)) }, request.User{}, "/v1.0/users", whole, ""},
		"deleted guests": {func(c *graph.Client) (any, error) { return c.FindDeletedGuests(t.Context(), address(t, email)) }, []request.Deletion(nil),
			"/v1.0/directory/deletedItems/microsoft.graph.user", url.Values{
				"$filter": {"mail eq " + quotedEmail + " or otherMails/any(x:x eq " + quotedEmail + ")"},
				"$select": {"id,mail,otherMails,userPrincipalName,externalUserState,creationType,deletedDateTime"},
				"$top":    {"100"},
				"$count":  {"true"},
			}, "eventual"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, seen := recording(t, http.StatusOK, `{"value":[]}`)
			got, err := test.find(client)
			if diff := cmp.Diff(test.none, got); err != nil || diff != "" {
				t.Fatalf("%v, %s", err, diff)
			}
			sent, err := url.Parse(seen()[0].uri)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.query, sent.Query()); diff != "" || sent.Path != test.path || len(seen()) != 1 {
				t.Errorf("%d requests, %s %s", len(seen()), sent.Path, diff)
			}
			if level := seen()[0].header.Get("ConsistencyLevel"); level != test.level {
				t.Errorf("the consistency level is %q", level)
			}
		})
	}
}

// TestSearchAsksForBothFormsOfDomain: Graph compares texts, and may hold an international domain in
// letters.
func TestSearchAsksForBothFormsOfDomain(t *testing.T) {
	clauses := func(of string) string {
		return "mail eq '" + of + "' or otherMails/any(x:x eq '" + of + "')"
	}
	deleted := clauses("ana@xn--bcher-kva.de") + " or " + clauses(inLetters)
	asked := address(t, inLetters)
	for name, find := range map[string]func(*graph.Client) error{
		"a user":  func(c *graph.Client) error { return second(c.FindUser(t.Context(), asked)) },
		"a guest": func(c *graph.Client) error { return second(c.FindGuest(t.Context(), asked)) },
		"deleted guests": func(c *graph.Client) error {
			return second(c.FindDeletedGuests(t.Context(), asked))
		},
	} {
		client, seen := recording(t, http.StatusOK, `{"value":[]}`)
		err := find(client)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := url.Parse(seen()[0].uri)
		if err != nil {
			t.Fatal(err)
		}
		filter := sent.Query().Get("$filter")
		for clause := range strings.SplitSeq(deleted, " or ") {
			if !strings.Contains(filter, clause) {
				t.Errorf("%s: the filter %q has no clause %q", name, filter, clause)
			}
		}
		if name == "deleted guests" && filter != deleted {
			t.Errorf("deleted guests: the filter is %q", filter)
		}
		for _, clause := range []string{
			"'SMTP:" + inLetters + "'", "'smtp:" + inLetters + "'", "userPrincipalName eq '" + inLetters + "'",
		} {
			if name != "deleted guests" && !strings.Contains(filter, clause) {
				t.Errorf("%s: the filter %q has no %s", name, filter, clause)
			}
		}
	}
}

// inLetters is an address as a directory may hold it.
const inLetters = "ana@b\u00fccher.de"

// TestGuestWithDomainInLettersIsFound: by each search, by the id, and as the answer to our own
// invitation.
func TestGuestWithDomainInLettersIsFound(t *testing.T) {
	holders := map[string]graphsim.User{
		"mail":                {Mail: inLetters, CreationType: "Invitation"},
		"mail in other case":  {Mail: "Ana@B\u00fccher.DE", CreationType: "Invitation"},
		"another mail":        {OtherMails: []string{inLetters}, CreationType: "Invitation"},
		"a proxy address":     {ProxyAddresses: []string{"smtp:" + inLetters}, CreationType: "Invitation"},
		"the primary address": {ProxyAddresses: []string{"SMTP:" + inLetters}, CreationType: "Invitation"},
		"in punycode":         {Mail: "ana@XN--bcher-kva.de", CreationType: "Invitation"},
	}
	for name, user := range holders {
		t.Run(name, func(t *testing.T) {
			user.ID, user.Disabled = guest, true
			sim, url := newSim(t, func(c *graphsim.Config) { c.Users = []graphsim.User{user} })
			client, _ := newClient(t, url, nil)
			asked := address(t, inLetters)
			want := request.User{ID: guest, Kind: request.DisabledGuest}
			wantUser(t, client, asked, want)
			got, err := client.UserByID(t.Context(), guest, asked)
			if err != nil || got != want {
				t.Errorf("by id: %+v, %v", got, err)
			}
			id, err := client.FindGuest(t.Context(), asked)
			if err != nil || id != guest {
				t.Errorf("guest %q, %v", id, err)
			}
			err = sim.DeleteUser(guest)
			if err != nil {
				t.Fatal(err)
			}
			deleted, err := client.FindDeletedGuests(t.Context(), asked)
			byMail := user.Mail != "" || user.OtherMails != nil
			if err != nil || byMail && len(deleted) != 1 {
				t.Errorf("deleted %v, %v", deleted, err)
			}
		})
	}
	t.Run("invited by us", func(t *testing.T) {
		sim, url := newSim(t, func(c *graphsim.Config) { c.DomainsInLetters = true })
		client, _ := newClient(t, url, nil)
		ours := invitation(t)
		ours.Address = address(t, inLetters)
		for range 2 {
			id, err := guestOf(client.Invite(t.Context(), ours))
			if err != nil || id != sim.Guests()[0].ID || sim.Guests()[0].Mail != inLetters {
				t.Errorf("%q, %v", id, err)
			}
		}
	})
}

// TestCharactersThatOnlyLookTheSameAreAnotherMailbox: Unicode folds the Kelvin sign into a k, and a
// long s into an s; a directory may answer a search with such an address.
func TestCharactersThatOnlyLookTheSameAreAnotherMailbox(t *testing.T) {
	ours := address(t, "mark.silva@contoso.com")
	for _, theirs := range []string{
		"mar\u212a.silva@contoso.com", "mark.\u017filva@contoso.com", "mark.silva@conto\u017fo.com",
		"\uff4dark.silva@contoso.com",
	} {
		for property, value := range map[string]any{
			"mail": theirs, "otherMails": []string{theirs}, "proxyAddresses": []string{"smtp:" + theirs},
			"userPrincipalName": theirs,
		} {
			user := entry(guest, "mail", nil, "proxyAddresses", []string{}, property, value)
			list := encoded(t, map[string]any{"value": []any{user}})
			client, _ := answering(t, 200, "application/json", list)
			wantUser(t, client, ours, request.User{})
			id, err := client.FindGuest(t.Context(), ours)
			if err != nil || id != "" {
				t.Errorf("%+q as %s: guest %q, %v", theirs, property, id, err)
			}
			deleted, err := client.FindDeletedGuests(t.Context(), ours)
			if err != nil || deleted != nil {
				t.Errorf("%+q as %s: deleted %v, %v", theirs, property, deleted, err)
			}
			client, _ = answering(t, 200, "application/json", encoded(t, user))
			got, err := client.UserByID(t.Context(), guest, ours)
			if err != nil || got.Kind != request.MovedUser {
				t.Errorf("%+q as %s, by id: %+v, %v", theirs, property, got, err)
			}
			person, err := client.Person(t.Context(), guest)
			if err != nil || person.Has(ours) {
				t.Errorf("%+q as %s: the person has %q, %v", theirs, property, person.Addresses, err)
			}
			client, _ = answering(t, 200, "application/json", list)
			to, err := client.Addressees(t.Context(), []string{guest}, 1)
			if err != nil || len(to.People) != 0 {
				t.Errorf("%+q as %s: a mail would go to %v, %v", theirs, property, to.People, err)
			}
		}
		client, log := answering(t, 201, "application/json", addressed(theirs))
		asked := invitation(t)
		asked.Address = ours
		wantProblem(t, second(client.Invite(t.Context(), asked)), request.DirectoryUnavailable, log)
	}
}

func TestSearchErrors(t *testing.T) {
	for status, want := range map[int]problem.Code{
		400: request.DirectoryRefused, 401: request.DirectoryReadForbidden, 403: request.DirectoryReadForbidden, 404: request.DirectoryRefused,
		409: request.DirectoryUnavailable, 429: request.DirectoryThrottled, 503: request.DirectoryUnavailable,
	} {
		for _, name := range []string{"FindGuest", "FindUser", "FindDeletedGuests"} {
			client, log := answering(t, status, "application/json", graphError("Code", "About "+email+": suspicious activity in this directory, insufficient privileges"))
			failure := wantProblem(t, operations[name](t.Context(), t, client), want, log)
			if status == 403 && (request.TenantWide(failure.Code) || !strings.Contains(failure.Detail, "User.Read.All")) {
				t.Errorf("%s: %v", name, failure)
			}
		}
	}
}

// entry is a user as Graph returns one: an accepted guest with the address as mail, unless
// changed by pairs of property and value.
func entry(id string, changes ...any) map[string]any {
	user := map[string]any{
		"id": id, "userType": "Guest", "mail": email, "otherMails": []string{}, "proxyAddresses": []string{"SMTP:" + email},
		"userPrincipalName": "ana_contoso.com#EXT#@fabrikam.onmicrosoft.com", "accountEnabled": true, "externalUserState": "Accepted",
		"creationType": "Invitation",
	}
	for i := 0; i < len(changes); i += 2 {
		user[changes[i].(string)] = changes[i+1]
	}
	return user
}

func TestFoundUsersMustHoldAddress(t *testing.T) {
	internal := []any{"userPrincipalName", "ana@fabrikam.com", "creationType", nil, "externalUserState", nil, "userType", "Member"}
	with := func(changes []any, more ...any) []any { return append(append([]any{}, changes...), more...) }
	only := func(property string, value any) []any {
		return []any{"mail", nil, "proxyAddresses", []string{}, property, value}
	}
	is := func(kind request.UserKind) request.User { return request.User{ID: guest, Kind: kind} }
	several := request.User{Kind: request.SeveralUsers}
	type users []map[string]any
	tests := map[string]struct {
		users    users
		nextLink string
		want     request.User
		code     problem.Code // of FindUser
		guest    string       // of FindGuest; "several" for its refusal
	}{
		"nobody":                          {nil, "", request.User{}, "", ""},
		"an accepted guest":               {users{entry(guest)}, "", is(request.AcceptedGuest), "", guest},
		"in other case":                   {users{entry(strings.ToUpper(guest), "mail", strings.ToUpper(email))}, "", is(request.AcceptedGuest), "", guest},
		"by another mail":                 {users{entry(guest, only("otherMails", []string{"x@y.com", email})...)}, "", is(request.AcceptedGuest), "", guest},
		"by the primary proxy address":    {users{entry(guest, only("proxyAddresses", []string{"SMTP:" + email})...)}, "", is(request.AcceptedGuest), "", guest},
		"by a secondary proxy address":    {users{entry(guest, only("proxyAddresses", []string{"SMTP:x@y.com", "smtp:" + email})...)}, "", is(request.AcceptedGuest), "", guest},
		"a guest of old, without a state": {users{entry(guest, "externalUserState", nil)}, "", is(request.AcceptedGuest), "", guest},
		"a pending guest":                 {users{entry(guest, "externalUserState", "PendingAcceptance")}, "", is(request.PendingGuest), "", guest},
		"a guest of an unknown state":     {users{entry(guest, "externalUserState", "Thinking")}, "", is(request.PendingGuest), "", guest},
		"a disabled guest":                {users{entry(guest, "accountEnabled", false)}, "", is(request.DisabledGuest), "", guest},
		"a disabled pending guest":        {users{entry(guest, "accountEnabled", false, "externalUserState", "PendingAcceptance")}, "", is(request.DisabledGuest), "", guest},
		"an invited member":               {users{entry(guest, "userType", "Member")}, "", is(request.AcceptedGuest), "", guest},
		"external by name only":           {users{entry(guest, "userType", "Member", "creationType", nil)}, "", is(request.AcceptedGuest), "", guest},
		"an internal user who accepted":   {users{entry(guest, with(internal, "externalUserState", "Accepted")...)}, "", is(request.AcceptedGuest), "", guest},
		"an internal user who is invited": {users{entry(guest, with(internal, "externalUserState", "PendingAcceptance")...)}, "", is(request.PendingGuest), "", guest},
		"a guest who was made internal": {users{entry(guest, with(internal, "creationType", "Invitation")...)}, "",
			is(request.UnclearUser), "", ""},
		"a guest who was made internal, and is disabled": {users{entry(guest, with(internal, "creationType", "Invitation", "accountEnabled", false)...)}, "",
			is(request.UnclearUser), "", ""},
		"external by creation only":        {users{entry(guest, "userPrincipalName", "ana@fabrikam.com")}, "", is(request.AcceptedGuest), "", guest},
		"an internal member":               {users{entry(guest, internal...)}, "", is(request.InternalUser), "", ""},
		"an internal guest":                {users{entry(guest, with(internal, "userType", "Guest")...)}, "", is(request.InternalUser), "", ""},
		"an internal user who is disabled": {users{entry(guest, with(internal, "accountEnabled", false)...)}, "", is(request.InternalUser), "", ""},
		"an internal user by sign-in name": {users{entry(guest, with(internal, only("userPrincipalName", strings.ToUpper(email))...)...)}, "", is(request.InternalUser), "", ""},
		"an internal user with a strange name": {users{entry(guest, with(internal, "userPrincipalName", "ext#@fabrikam.com")...)}, "",
			is(request.InternalUser), "", ""},
		"an internal user and a guest": {users{entry(other, internal...), entry(guest)}, "", several, "", guest},
		"two guests":                   {users{entry(guest), entry(other)}, "", several, "", "several"},
		"the same guest twice":         {users{entry(guest), entry(strings.ToUpper(guest))}, "", is(request.AcceptedGuest), "", guest},
		"another user":                 {users{entry(guest, only("mail", "bo@contoso.com")...)}, "", request.User{}, "", ""},
		"user with a longer address": {users{entry(guest, "mail", "x"+email, "otherMails", []string{email + "x"}, "proxyAddresses", []string{"smtp:x" + email})}, "",
			request.User{}, "", ""},
		"a proxy address of another kind":    {users{entry(guest, only("proxyAddresses", []string{"SIP:" + email, email})...)}, "", request.User{}, "", ""},
		"another user with an unreadable id": {users{entry("x", only("mail", "bo@contoso.com")...)}, "", request.User{}, "", ""},
		"unknown whether enabled":            {users{entry(guest, "accountEnabled", nil)}, "", is(request.UnclearUser), "", guest},
		"unknown sign-in name":               {users{entry(guest, "userPrincipalName", nil)}, "", is(request.UnclearUser), "", guest},
		"two, one of them without what all have": {users{entry(guest), entry(other, "accountEnabled", nil)}, "",
			several, "", "several"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			answer := map[string]any{"value": test.users}
			if test.users == nil {
				answer["value"] = []any{}
			}
			if test.nextLink != "" {
				answer["@odata.nextLink"] = test.nextLink
			}
			body, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			client, log := answering(t, 200, "application/json", string(body))
			got, err := client.FindUser(t.Context(), address(t, email))
			if test.code != "" {
				wantProblem(t, err, test.code, log)
			} else if err != nil || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
			id, err := client.FindGuest(t.Context(), address(t, email))
			if test.guest == "several" {
				wantProblem(t, err, request.DirectoryRefused, log)
			} else if err != nil || id != test.guest {
				t.Errorf("guest %q, %v, want %q", id, err, test.guest)
			}
		})
	}
}

// TestFindUserAndInviteAgreeOnEveryKindOfUser goes the whole way: what the search tells, and what
// an invitation to the same user is answered with.
func TestFindDeletedGuestsReturnsEachGuestOnce(t *testing.T) {
	body, err := json.Marshal(map[string]any{"value": []any{
		entry(other, "userPrincipalName", "0123ana@fabrikam.com", "creationType", nil, "externalUserState", nil), // an employee's, whose name is changed on deletion
		entry(guest, "deletedDateTime", "2026-05-04T09:30:00Z"), entry(strings.ToUpper(guest)),
		entry(sponsor1, "deletedDateTime", "lately"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	client, _ := answering(t, 200, "application/json", string(body))
	got, err := client.FindDeletedGuests(t.Context(), address(t, email))
	want := []request.Deletion{{ID: guest, At: time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)}, {ID: sponsor1}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// TestDeletionsThatAreNotReadAreNotDated: an approval answers the deletions up to a time, and one
// that was not read may be later.
func TestDeletionsThatAreNotReadAreNotDated(t *testing.T) {
	for pages, dated := range map[int]bool{2: true, 1_000_000: false} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			deleted := make([]any, 30)
			for i := range deleted {
				id := fmt.Sprintf("cccccccc-0000-4000-8000-%06d%06d", asked, i)
				deleted[i] = entry(id, "deletedDateTime", "2026-05-01T09:30:00Z")
			}
			answer := map[string]any{"value": deleted}
			if asked < pages {
				answer["@odata.nextLink"] = "http://" + r.Host + r.URL.Path + "?$skiptoken=x"
			}
			answerJSON(w, answer)
		}))
		client, _ := newClient(t, server.URL, nil)
		got, err := client.FindDeletedGuests(t.Context(), address(t, email))
		server.Close()
		if err != nil || len(got) != 30*min(pages, 4) {
			t.Fatalf("%d pages: %d deletions, %v", pages, len(got), err)
		}
		for _, deletion := range got {
			if deletion.At.IsZero() == dated {
				t.Errorf("%d pages: %+v", pages, deletion)
			}
		}
	}
}

func TestNobodyIsKnownOfManyDeletedUsers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		employee := entry(guest, "userPrincipalName", "0123ana@fabrikam.com", "creationType", nil,
			"externalUserState", nil)
		answerJSON(w, map[string]any{
			"value":           slices.Repeat([]any{employee}, 100),
			"@odata.nextLink": "http://" + r.Host + r.URL.Path + "?$skiptoken=x",
		})
	}))
	t.Cleanup(server.Close)
	client, log := newClient(t, server.URL, nil)
	_, err := client.FindDeletedGuests(t.Context(), address(t, email))
	wantProblem(t, err, request.DirectoryUnknown, log)
}

// TestDeletedGuestWithNameOfTenantIsFound: an account of the tenant's own that was invited keeps
// its sign-in name.
func TestDeletedGuestWithNameOfTenantIsFound(t *testing.T) {
	user := graphsim.User{
		ID: guest, Mail: email, UserPrincipalName: "ana@fabrikam.com",
		ExternalUserState: "Accepted", Deleted: true,
	}
	_, url := newSim(t, func(c *graphsim.Config) { c.Users = []graphsim.User{user} })
	client, _ := newClient(t, url, nil)
	got, err := client.FindDeletedGuests(t.Context(), address(t, email))
	if err != nil || len(got) != 1 || got[0].ID != guest {
		t.Errorf("%v, %v", got, err)
	}
}

// TestUserWhoIsNotWholeIsUnclear: whether the guest is disabled, or holds the address, is not known.
func TestUserWhoIsNotWholeIsUnclear(t *testing.T) {
	for _, changes := range [][]any{
		{"accountEnabled", nil},
		{"userPrincipalName", nil},
		{"accountEnabled", nil, "mail", nil, "proxyAddresses", nil},
	} {
		client, _ := answering(t, 200, "application/json", encoded(t, entry(guest, changes...)))
		got, err := client.UserByID(t.Context(), guest, address(t, email))
		if err != nil || got != (request.User{ID: guest, Kind: request.UnclearUser}) {
			t.Errorf("%v: %+v, %v", changes, got, err)
		}
	}
}

// TestEmptyPageDoesNotEndList: Graph may look through a part of its objects for each page, and
// find nobody in the first.
func TestEmptyPageDoesNotEndList(t *testing.T) {
	var link func(page int) string
	pages := [][]map[string]any{{}, {entry(other, "mail", "bo@contoso.com", "proxyAddresses", []string{})}, {entry(guest, "userPrincipalName", "ana_contoso.com#EXT#@fabrikam.com")}}
	three := pages
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := asked
		asked++
		if page > 0 && r.URL.Query().Get("$skiptoken") != fmt.Sprint(page) {
			t.Errorf("page %d is asked for as %s", page, r.URL)
		}
		if strings.Contains(r.URL.Path, "deletedItems") && r.Header.Get("ConsistencyLevel") != "eventual" {
			t.Errorf("page %d is asked for as %v", page, r.Header)
		}
		answer := map[string]any{"value": []any{}}
		if page < len(pages) {
			answer["value"] = pages[page]
		}
		if next := link(page + 1); next != "" {
			answer["@odata.nextLink"] = next
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	client, log := newClient(t, server.URL, nil)
	finds := map[string]func() (any, error){
		"a user":  func() (any, error) { u, err := client.FindUser(t.Context(), address(t, email)); return u.ID, err },
		"a guest": func() (any, error) { return client.FindGuest(t.Context(), address(t, email)) },
		"deleted guests": func() (any, error) {
			deleted, err := client.FindDeletedGuests(t.Context(), address(t, email))
			if len(deleted) == 0 {
				return "", err
			}
			return deleted[0].ID, err
		},
	}
	for name, find := range finds {
		t.Run(name, func(t *testing.T) {
			path := "/v1.0/users"
			if name == "deleted guests" {
				path = "/v1.0/directory/deletedItems/microsoft.graph.user"
			}
			to := func(base string, pages int) func(int) string {
				return func(page int) string {
					if page >= pages {
						return ""
					}
					return base + path + "?$skiptoken=" + fmt.Sprint(page)
				}
			}
			asked, link = 0, to(server.URL, 3)
			got, err := find()
			if err != nil || got != guest || asked != 3 {
				t.Errorf("%v, %v after %d pages", got, err, asked)
			}
			// The page of the holder need not be the last one.
			asked, link = 0, to(server.URL, 4)
			got, err = find()
			if err != nil || got != guest || asked != 4 {
				t.Errorf("%v, %v after %d pages, the last one without users", got, err, asked)
			}
			if name == "a user" {
				asked, link, pages = 0, to(server.URL, 3), [][]map[string]any{{entry(guest)}, {}, {entry(other)}}
				user, err := client.FindUser(t.Context(), address(t, email))
				if err != nil || user.Kind != request.SeveralUsers {
					t.Errorf("two holders on two pages: %+v, %v", user, err)
				}
				pages = three
			}
			// Without the last page, it is not known who holds the address.
			asked, link, pages = 0, to(server.URL, 1_000_000), pages[:2]
			_, err = find()
			pages = pages[:3]
			wantProblem(t, err, request.DirectoryUnknown, log)
			if asked > 20 {
				t.Errorf("%d pages were asked for", asked)
			}
			for _, strange := range []string{"https://elsewhere.example", "%zz", "http://127.0.0.1:1"} {
				asked, link = 0, to(strange, 3)
				_, err = find()
				wantProblem(t, err, request.DirectoryUnavailable, log)
				if asked != 1 {
					t.Errorf("%d pages were asked for", asked)
				}
			}
		})
	}
}

func TestFindUserAndInviteAgreeOnEveryKindOfUser(t *testing.T) {
	tests := map[string]struct {
		users  []graphsim.User
		kind   request.UserKind
		invite problem.Code
	}{
		"nobody":         {nil, request.NoUser, ""},
		"pending guest":  {[]graphsim.User{{Mail: email, CreationType: "Invitation", ExternalUserState: "PendingAcceptance"}}, request.PendingGuest, ""},
		"accepted guest": {[]graphsim.User{{Mail: email, CreationType: "Invitation", ExternalUserState: "Accepted"}}, request.AcceptedGuest, ""},
		"invited member": {[]graphsim.User{{Mail: email, UserType: "Member", CreationType: "Invitation", ExternalUserState: "Accepted"}}, request.AcceptedGuest, ""},
		"disabled guest": {[]graphsim.User{{Mail: email, CreationType: "Invitation", ExternalUserState: "Accepted", Disabled: true}}, request.DisabledGuest,
			request.DirectoryGuestDisabled},
		"internal member": {[]graphsim.User{{Mail: email}}, request.InternalUser, request.DirectoryInternalUser},
		"internal guest":  {[]graphsim.User{{Mail: email, UserType: "Guest"}}, request.InternalUser, request.DirectoryInternalUser},
		"internal user by a second address": {[]graphsim.User{{Mail: "ana@brand.com", ProxyAddresses: []string{"smtp:" + email}}}, request.InternalUser,
			request.DirectoryInternalUser},
		"internal user by the name for signing in": {[]graphsim.User{{UserPrincipalName: email}}, request.InternalUser, request.DirectoryInternalUser},
		"two guests": {[]graphsim.User{{Mail: email, CreationType: "Invitation"}, {OtherMails: []string{email}, CreationType: "Invitation"}}, request.SeveralUsers,
			request.DirectoryAddressTaken},
		"deleted guest": {[]graphsim.User{{Mail: email, CreationType: "Invitation", Deleted: true}}, request.NoUser, ""},
		"deleted guest who keeps the address": {[]graphsim.User{{Mail: email, CreationType: "Invitation", Deleted: true, KeepsAddress: true}},
			request.NoUser, request.DirectoryInternalUser},
		"internal user who accepted an invitation": {[]graphsim.User{{Mail: email, UserPrincipalName: "ana@ours.example", ExternalUserState: "Accepted"}},
			request.AcceptedGuest, ""},
		"internal user who was invited": {[]graphsim.User{{Mail: email, UserPrincipalName: "ana@ours.example", ExternalUserState: "PendingAcceptance"}},
			request.PendingGuest, ""},
		"invited user who was made internal": {[]graphsim.User{{Mail: email, UserPrincipalName: "ana@ours.example", CreationType: "Invitation"}},
			request.UnclearUser, request.DirectoryInternalUser},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sim, url := newSim(t, nil)
			want := request.User{Kind: test.kind}
			var last string
			for _, user := range test.users {
				added, err := sim.AddUser(user)
				if err != nil {
					t.Fatal(err)
				}
				last = added.ID
			}
			if test.kind != request.NoUser && test.kind != request.SeveralUsers {
				want.ID = last
			}
			client, log := newClient(t, url, nil)
			got, err := client.FindUser(t.Context(), address(t, email))
			if err != nil || got != want {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
			deleted, err := client.FindDeletedGuests(t.Context(), address(t, email))
			if err != nil || (len(deleted) == 1 && deleted[0].ID == last) != strings.HasPrefix(name, "deleted guest") {
				t.Errorf("deleted %v, %v", deleted, err)
			}
			id, err := guestOf(client.Invite(t.Context(), invitation(t)))
			if test.invite == "" {
				if err != nil || want.ID != "" && id != want.ID {
					t.Errorf("invited %q, %v", id, err)
				}
				return
			}
			wantProblem(t, err, test.invite, log)
		})
	}
}

func TestUserByID(t *testing.T) {
	invited := func(changes ...func(*graphsim.User)) *graphsim.User {
		user := &graphsim.User{ID: guest, Mail: email, CreationType: "Invitation", ExternalUserState: "Accepted"}
		for _, change := range changes {
			change(user)
		}
		return user
	}
	tests := map[string]struct {
		user *graphsim.User
		want request.UserKind
	}{
		"nobody":         {nil, request.NoUser},
		"accepted":       {invited(), request.AcceptedGuest},
		"pending":        {invited(func(u *graphsim.User) { u.ExternalUserState = "PendingAcceptance" }), request.PendingGuest},
		"disabled":       {invited(func(u *graphsim.User) { u.Disabled = true }), request.DisabledGuest},
		"deleted":        {invited(func(u *graphsim.User) { u.Deleted = true }), request.NoUser},
		"internal":       {&graphsim.User{ID: guest, Mail: email, UserType: "Member"}, request.InternalUser},
		"another mail":   {invited(func(u *graphsim.User) { u.Mail = "eve@contoso.com" }), request.MovedUser},
		"moved and shut": {invited(func(u *graphsim.User) { u.Mail, u.Disabled = "eve@contoso.com", true }), request.MovedUser},
		"second address": {invited(func(u *graphsim.User) { u.Mail, u.OtherMails = "eve@contoso.com", []string{email} }), request.AcceptedGuest},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, url := newSim(t, func(c *graphsim.Config) {
				if test.user != nil {
					c.Users = []graphsim.User{*test.user}
				}
			})
			client, _ := newClient(t, url, nil)
			want := request.User{Kind: test.want}
			if test.want != request.NoUser {
				want.ID = guest
			}
			got, err := client.UserByID(t.Context(), strings.ToUpper(guest), address(t, email))
			if err != nil || got != want {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
		})
	}
	t.Run("without the right to read users", func(t *testing.T) {
		_, url := newSim(t, func(c *graphsim.Config) {
			c.Denied, c.Users = []string{"User.Read.All"}, []graphsim.User{*invited()}
		})
		client, log := newClient(t, url, nil)
		_, err := client.UserByID(t.Context(), guest, address(t, email))
		wantProblem(t, err, request.DirectoryReadForbidden, log)
	})
}

func TestMissingPermission(t *testing.T) {
	tests := map[string]map[string]problem.Code{
		"User.Read.All":             {"FindGuest": request.DirectoryReadForbidden, "FindUser": request.DirectoryReadForbidden, "FindDeletedGuests": request.DirectoryReadForbidden},
		"User.Invite.All":           {"Invite": request.DirectoryForbidden},
		"GroupMember.ReadWrite.All": {"AddMember": request.DirectoryGroupForbidden},
	}
	for permission, denied := range tests {
		t.Run(permission, func(t *testing.T) {
			_, url := newSim(t, func(c *graphsim.Config) {
				c.Denied, c.KnowsAnyGroup = []string{permission}, true
				c.Users = []graphsim.User{{ID: guest, CreationType: "Invitation"}}
			})
			client, log := newClient(t, url, nil)
			for name, run := range operations {
				err := run(t.Context(), t, client)
				if code, isDenied := denied[name]; isDenied {
					wantProblem(t, err, code, log)
				} else if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}
