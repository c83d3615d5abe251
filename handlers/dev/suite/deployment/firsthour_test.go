package deployment

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const firstHour = "docs/first-hour.md"

// phone is a request header: the request comes from another network than that of the test.
const phone = "Test-Phone"

// behind returns the address of proxies in front of a server. Each adds its client's address to
// X-Forwarded-For, as App Service's front end and Front Door do.
func behind(t *testing.T, address string, proxies int) string {
	t.Helper()
	for range proxies {
		target, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
		}}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get(phone) != "" {
				r.Header.Del(phone)
				r.RemoteAddr = "198.51.100.7:50000"
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		address = server.URL
	}
	return address
}

// The page's command tells the right number of proxies from others.
func TestFirstHourFindsTheClientsAddress(t *testing.T) {
	_, section, found := strings.Cut(readFile(t, firstHour), "\n## The client's address")
	match := fence.FindStringSubmatch(section)
	if !found || match == nil || !strings.Contains(match[1], "FORM-URL") {
		t.Fatalf("%s has no command for the client's address", firstHour)
	}
	// One more may pass every 20 seconds.
	const limited = `3[0-5] 403,\d+ 429`
	for name, test := range map[string]struct {
		ours    int // proxies of our own, besides the platform's
		setting string
		counts  string // what the command prints, as a regular expression
		phone   int    // the status of a form from another network
	}{
		"no proxy":                          {0, "0", limited, http.StatusForbidden},
		"no proxy, and the number too high": {0, "1", "40 403", http.StatusForbidden},
		"a proxy":                           {1, "1", limited, http.StatusForbidden},
		"a proxy, and the number too low":   {1, "0", limited, http.StatusTooManyRequests},
		"a proxy, and the number too high":  {1, "2", "40 403", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			form := host(t, "guestlist-form.zip", nowhereStorage,
				"GUESTLIST_FORM_KEYS="+formKey, "GUESTLIST_PROXIES="+test.setting)
			address := behind(t, form.URL(), test.ours+1) + "/signup"
			output, err := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(match[1], "FORM-URL", address)).CombinedOutput()
			counts := strings.Join(regexp.MustCompile(`\d+ \d+`).FindAllString(string(output), -1), ",")
			if err != nil || !regexp.MustCompile(`^`+test.counts+`$`).MatchString(counts) {
				t.Errorf("%v\n%s\nwant %s", err, output, test.counts)
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("email=x"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set(phone, "yes")
			response, err := browser.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != test.phone {
				t.Errorf("a form from another network is answered with %d, want %d", response.StatusCode, test.phone)
			}
		})
	}
}

// What the page says that one sees is what program, script and stand-in print.
func TestFirstHourQuotesWhatIsPrinted(t *testing.T) {
	page := readFile(t, firstHour)
	for text, path := range map[string]string{
		"the form answers": "infra/deploy.sh", "Azure has not found these functions yet": "infra/deploy.sh",
		"a setting is doubtful":               "handlers/cmd/handler/main.go",
		"403 AuthorizationPermissionMismatch": "handlers/azure/tables/store_test.go",
	} {
		if !strings.Contains(page, text) || !strings.Contains(readFile(t, path), text) {
			t.Errorf("%q is not in both %s and %s", text, firstHour, path)
		}
	}
	// Each check names what to run, and a setting or another way for the case that it fails.
	for _, section := range strings.Split(page, "\n## ")[1:] {
		title, _, _ := strings.Cut(section, "\n")
		runs := fence.MatchString(section) || strings.Contains(section, "The deployment itself shows it")
		if !runs || !regexp.MustCompile("(?i)`(entrance|scale)\\.|param rights|GUESTLIST_PROXIES|appsettings delete|deploy the template").MatchString(section) {
			t.Errorf("%s: nothing to run, or nothing to change", title)
		}
	}
}
