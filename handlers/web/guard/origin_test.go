package guard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guestlist/handlers/problem"
)

const (
	keyOne = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"
	keyTwo = "Jh2v9QeX7sKd4NwLz0RfTyBu6MgCp1Ao"
)

func originsOf(t *testing.T, config Config) *Origins {
	t.Helper()
	s, err := newOrigins(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// request returns a request to the app's own host name.
func request(method string, header map[string][]string) *http.Request {
	r := httptest.NewRequest(method, "https://guestlist.azurewebsites.net/signup", nil)
	for name, values := range header {
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
	return r
}

func TestOwnPage(t *testing.T) {
	s := originsOf(t, Config{PublicOrigins: []string{"https://signup.contoso.com"}, JSONOrigins: []string{"https://www.fabrikam.com"}})
	for name, test := range map[string]struct {
		header map[string][]string
		taken  bool
	}{
		"our page": {map[string][]string{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"null"}}, true},
		"our page behind a proxy that hides its name":  {map[string][]string{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"https://signup.contoso.com"}}, true},
		"typed into the address bar":                   {map[string][]string{"Sec-Fetch-Site": {"none"}}, true},
		"an old browser":                               {map[string][]string{"Origin": {"https://guestlist.azurewebsites.net"}}, true},
		"an old browser behind a proxy":                {map[string][]string{"Origin": {"https://signup.contoso.com"}}, true},
		"no browser":                                   {nil, true},
		"another site":                                 {map[string][]string{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, false},
		"another site that hides its name":             {map[string][]string{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"null"}}, false},
		"a neighbour under the same domain":            {map[string][]string{"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://other.contoso.com"}}, false},
		"another site in an old browser":               {map[string][]string{"Origin": {"https://evil.example"}}, false},
		"another port":                                 {map[string][]string{"Origin": {"https://signup.contoso.com:8443"}}, false},
		"without TLS":                                  {map[string][]string{"Origin": {"http://signup.contoso.com"}}, false},
		"a name that begins alike":                     {map[string][]string{"Origin": {"https://signup.contoso.com.evil.example"}}, false},
		"a site that may send JSON sends a form":       {map[string][]string{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://www.fabrikam.com"}}, false},
		"two answers to the question where it is from": {map[string][]string{"Sec-Fetch-Site": {"same-origin", "cross-site"}}, false},
		"two origins":                                  {map[string][]string{"Origin": {"https://signup.contoso.com", "https://evil.example"}}, false},
		"an unknown answer":                            {map[string][]string{"Sec-Fetch-Site": {"galaxy"}}, false},
		"a forwarded name that anybody can write":      {map[string][]string{"Origin": {"https://evil.example"}, "X-Forwarded-Host": {"evil.example"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.OwnPage(request(http.MethodPost, test.header))
			if test.taken && err != nil || !test.taken && problem.CodeOf(err) != problem.OriginRefused {
				t.Errorf("got %v", err)
			}
			err = s.OwnPage(request(http.MethodGet, map[string][]string{"Sec-Fetch-Site": {"cross-site"}}))
			if err != nil {
				t.Errorf("a link from another site is refused: %v", err)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	full := Config{PublicOrigins: []string{"https://signup.contoso.com"}, JSONOrigins: []string{"https://www.fabrikam.com"}, JSONKeys: []string{keyOne, keyTwo}}
	for name, test := range map[string]struct {
		config Config
		header map[string][]string
		want   Sender
	}{
		"a key":                            {full, map[string][]string{KeyHeader: {keyOne}}, Program},
		"the other key":                    {full, map[string][]string{KeyHeader: {keyTwo}}, Program},
		"an allowed site":                  {full, map[string][]string{"Origin": {"https://www.fabrikam.com"}}, Site},
		"a key and any origin":             {full, map[string][]string{KeyHeader: {keyOne}, "Origin": {"https://evil.example"}}, Program},
		"nothing":                          {full, nil, 0},
		"nothing is allowed":               {Config{}, map[string][]string{"Origin": {"https://www.fabrikam.com"}, KeyHeader: {""}}, 0},
		"another site":                     {full, map[string][]string{"Origin": {"https://evil.example"}}, 0},
		"a hidden site":                    {full, map[string][]string{"Origin": {"null"}}, 0},
		"our own page":                     {full, map[string][]string{"Origin": {"https://signup.contoso.com"}, "Sec-Fetch-Site": {"same-origin"}}, 0},
		"a wrong key from an allowed site": {full, map[string][]string{KeyHeader: {"wrong"}, "Origin": {"https://www.fabrikam.com"}}, 0},
		"an empty key":                     {full, map[string][]string{KeyHeader: {""}}, 0},
		"two keys":                         {full, map[string][]string{KeyHeader: {keyOne, keyTwo}}, 0},
		"half a key":                       {full, map[string][]string{KeyHeader: {keyOne[:16]}}, 0},
		"a very long key":                  {full, map[string][]string{KeyHeader: {strings.Repeat(keyOne, 10_000)}}, 0},
		"two origins":                      {full, map[string][]string{"Origin": {"https://www.fabrikam.com", "https://evil.example"}}, 0},
		"an origin in capitals":            {full, map[string][]string{"Origin": {"https://WWW.fabrikam.com"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := originsOf(t, test.config).JSON(request(http.MethodPost, test.header))
			if got != test.want || (err == nil) != (test.want != 0) || err != nil && problem.CodeOf(err) != problem.OriginRefused {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	s := originsOf(t, Config{JSONOrigins: []string{"https://www.fabrikam.com"}, JSONKeys: []string{keyOne}})
	for name, test := range map[string]struct {
		header map[string][]string
		taken  bool
	}{
		"an allowed site": {map[string][]string{"Origin": {"https://www.fabrikam.com"}, "Access-Control-Request-Method": {"POST"}}, true},
		"another site":    {map[string][]string{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"POST"}}, false},
		"no origin":       {map[string][]string{"Access-Control-Request-Method": {"POST"}}, false},
		"no question":     {map[string][]string{"Origin": {"https://www.fabrikam.com"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			err := s.Preflight(header, request(http.MethodOptions, test.header), "GET", "POST")
			if (err == nil) != test.taken {
				t.Fatalf("got %v", err)
			}
			if header.Get("Vary") != "Origin" {
				t.Errorf("Vary %q", header.Get("Vary"))
			}
			methods := header.Get("Access-Control-Allow-Methods")
			switch {
			case test.taken && (methods != "GET, POST" || header.Get("Access-Control-Allow-Origin") != "https://www.fabrikam.com"):
				t.Errorf("header %v", header)
			case test.taken && strings.Contains(header.Get("Access-Control-Allow-Headers"), KeyHeader):
				t.Error("a page may send a key, which everybody could read in it")
			case !test.taken && methods != "":
				t.Errorf("header %v", header)
			case header.Get("Access-Control-Allow-Credentials") != "":
				t.Error("cookies travel with it")
			}
		})
	}
}

func TestShare(t *testing.T) {
	s := originsOf(t, Config{JSONOrigins: []string{"https://www.fabrikam.com"}})
	for origin, want := range map[string]string{"https://www.fabrikam.com": "https://www.fabrikam.com", "https://evil.example": "", "null": "", "*": ""} {
		header := http.Header{"Cross-Origin-Resource-Policy": {"same-origin"}}
		s.Share(header, request(http.MethodPost, map[string][]string{"Origin": {origin}}))
		if header.Get("Access-Control-Allow-Origin") != want || (header.Get("Cross-Origin-Resource-Policy") == "") != (want != "") {
			t.Errorf("%s: %v", origin, header)
		}
	}
	header := http.Header{}
	originsOf(t, Config{}).Share(header, request(http.MethodPost, map[string][]string{"Origin": {"https://www.fabrikam.com"}}))
	if len(header) != 0 {
		t.Errorf("without a list: %v", header)
	}
}

func TestInvalidOriginsAndKeysAreRefused(t *testing.T) {
	for name, config := range map[string]Config{
		"an invalid own origin":        {PublicOrigins: []string{"contoso.com"}},
		"a site that is not an origin": {JSONOrigins: []string{"https://contoso.com/path"}},
		"a key too short":              {JSONKeys: []string{keyOne[:MinKey-1]}},
	} {
		_, err := newOrigins(config)
		if err == nil || strings.Contains(err.Error(), keyOne[:MinKey-1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
