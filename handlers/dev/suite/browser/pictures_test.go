package browser

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/branding"
	"guestlist/handlers/dev/internal/apptest"
	"guestlist/handlers/mail"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/signup"
	"guestlist/handlers/web/site"
	"guestlist/handlers/web/status"
)

var update = flag.Bool("update", false, "take the pictures of docs/form.md anew")

const (
	pictures = "../../../../docs/form"
	sumFile  = pictures + "/pages.sha256"
)

// pictured are the languages of the pictures.
var pictured = []string{"en", "de", "ar", "ja"}

// always is a source of randomness that gives the same each time.
type always byte

func (a always) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(a)
	}
	return len(p), nil
}

// samplePages serves the form and one status page. They are the same in every run.
func samplePages(t *testing.T) (pages http.Handler, statusPage string) {
	t.Helper()
	const key = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"
	const random = always(7)
	now := func() time.Time { return time.Date(2026, time.November, 30, 14, 5, 0, 0, time.UTC) }
	guards, err := guard.New(guard.Config{FormKeys: []string{key}, FormLifetime: time.Hour}, now, random)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := submission.NewIDKey(key)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ids.NewID(now(), random)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := branding.ParseFields(branding.DefaultFields)
	if err != nil {
		t.Fatal(err)
	}
	style := mail.SampleStyle()
	style.Terms = branding.Terms{URL: "https://www.contoso.com/terms", Version: "2026-11"}
	requests := &comparer{
		progress: map[submission.ID]request.Progress{id: {Stage: request.StageFinished}}, typed: map[submission.ID][]string{},
	}
	service := site.Service{Style: style, Guards: guards, Queue: requests, Now: now, Log: slog.New(slog.DiscardHandler)}
	form, err := signup.New(signup.Config{Service: service, Random: random, Fields: fields, Codes: true})
	if err != nil {
		t.Fatal(err)
	}
	page, err := status.New(status.Config{Service: service, Requests: requests, Codes: true, FormLifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(site.Root, form)
	mux.Handle(site.Root+"/{id}", page)
	return mux, site.PathOf(id)
}

// sumOfPages returns the sum of the pages that the pictures show.
func sumOfPages(t *testing.T) string {
	t.Helper()
	pages, statusPage := samplePages(t)
	sum := sha256.New()
	ask := func(method, address, body string, want int) string {
		r := httptest.NewRequest(method, address, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if w.Code != want {
			t.Fatalf("%s %s is answered with %d", method, address, w.Code)
		}
		_, _ = io.WriteString(sum, w.Body.String())
		return w.Body.String()
	}
	token := regexp.MustCompile(`name="token" value="([^"]+)"`)
	for _, language := range pictured {
		opened := ask(http.MethodGet, site.Root+"?lang="+language, "", http.StatusOK)
		found := token.FindStringSubmatch(opened)
		if found == nil {
			t.Fatal("the form has no token")
		}
		ask(http.MethodPost, site.Root, url.Values{"token": {found[1]}, "language": {language}}.Encode(), http.StatusUnprocessableEntity)
		ask(http.MethodGet, statusPage+"?lang="+language, "", http.StatusOK)
	}
	return fmt.Sprintf("%x\n", sum.Sum(nil))
}

func TestPicturesShowPresentPages(t *testing.T) {
	if *update {
		return // TestPictures takes them
	}
	sum, err := os.ReadFile(sumFile)
	if err != nil || string(sum) != sumOfPages(t) {
		t.Errorf("the pages differ from their pictures in docs/form: run "+
			"go test ./handlers/dev/suite/browser -run Pictures -update, and look at them (error %v)", err)
	}
}

// TestPictures takes the screenshots that docs/form.md shows, and puts them into docs/form if it is
// asked to.
func TestPictures(t *testing.T) {
	pages, statusPage := samplePages(t)
	server := httptest.NewServer(pages)
	defer server.Close()
	id := statusPage[strings.LastIndex(statusPage, "/")+1:]
	run(t, stack{Local: &apptest.Local{Signup: server.URL + site.Root, Graph: server.URL}, unrecorded: submission.ID(id)}, "pictures.mjs")
	if !*update || t.Failed() {
		return
	}
	err := os.MkdirAll(pictures, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"form", "errors", "status"} {
		for width, columns := range map[int]int{390: 4, 1280: 2} {
			var taken []image.Image
			for _, language := range pictured {
				name := fmt.Sprintf("picture-%s-%s-%d.png", page, language, width)
				content, err := os.ReadFile(filepath.Join(apptest.Screenshots(t), name))
				if err != nil {
					t.Fatal(err)
				}
				full, err := png.Decode(bytes.NewReader(content))
				if err != nil {
					t.Fatal(err)
				}
				taken = append(taken, full)
			}
			small, err := apptest.WithPalette(apptest.Grid(taken, columns))
			if err != nil {
				t.Fatal(err)
			}
			err = os.WriteFile(filepath.Join(pictures, fmt.Sprintf("%s-%d.png", page, width)), small, 0o644)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	err = os.WriteFile(sumFile, []byte(sumOfPages(t)), 0o644)
	if err != nil {
		t.Fatal(err)
	}
}
