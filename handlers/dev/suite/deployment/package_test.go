package deployment

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/azurite"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/hostsim"
	"guestlist/handlers/dev/internal/apptest"
	"guestlist/handlers/dev/signinsim"
	"guestlist/handlers/policy"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// packed is the result of packing the handler once for all tests of this process.
var packed struct {
	sync.Once
	err error
}

// zips packs the handler and returns the folder of the zips.
func zips(t *testing.T) string {
	t.Helper()
	folder, handler := apptest.Folder(t), apptest.Program(t, "cmd/handler")
	packed.Do(func() {
		cmd := exec.Command("go", "run", "guestlist/handlers/dev/cmd/package", "-root", root, "-handler", handler, "-o", filepath.Join(folder, "guestlist.zip"))
		output, err := cmd.CombinedOutput()
		if err != nil {
			packed.err = fmt.Errorf("packing: %w\n%s", err, output)
		}
	})
	if packed.err != nil {
		t.Fatal(packed.err)
	}
	return folder
}

// unpack unpacks a zip into an empty folder as Azure does, with the permissions in the zip.
func unpack(t *testing.T, name string) string {
	t.Helper()
	archive, err := zip.OpenReader(filepath.Join(zips(t), name))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	target := t.TempDir()
	for _, file := range archive.File {
		path := filepath.Join(target, filepath.FromSlash(file.Name))
		err = os.MkdirAll(filepath.Dir(path), 0o755)
		if err != nil {
			t.Fatal(err)
		}
		content, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, file.Mode().Perm())
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(out, content)
		if err != nil {
			t.Fatal(err)
		}
		err = out.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return target
}

var browser = &http.Client{
	Timeout:       20 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// tokenField matches the form's field with the token, which a submission needs.
var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// signUp fetches the form, sends it and returns the address of the status page.
func signUp(t *testing.T, form, email string) *url.URL {
	t.Helper()
	return fillIn(t, form, email, "")
}

// fillIn is signUp with a text in the field that people can't see.
func fillIn(t *testing.T, form, email, honeypot string) *url.URL {
	t.Helper()
	page, err := browser.Get(form)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	opened, err := io.ReadAll(page.Body)
	if err != nil {
		t.Fatal(err)
	}
	token := tokenField.FindSubmatch(opened)
	if token == nil {
		t.Fatalf("the form has no token:\n%s", opened)
	}
	r, err := browser.PostForm(form, url.Values{
		"token": {string(token[1])},
		"email": {email}, "givenName": {"Ana"}, "familyName": {"Silva"}, "company": {"Contoso Ltd"}, "country": {"PT"},
		"reason": {"We build the portal together."}, "website": {honeypot},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	content, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	location, err := r.Location()
	if r.StatusCode != http.StatusSeeOther || err != nil {
		t.Fatalf("the form was answered with %s (%v):\n%s", r.Status, err, content)
	}
	return location
}

// read gets a JSON value. Any other answer leaves the value as it is.
func read(t *testing.T, link string, value any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_ = json.NewDecoder(response.Body).Decode(value)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 90 s: %s", what)
		}
	}
}

// finished waits until the status page says finished. It does so once the request is decided,
// while an invitation may still be under way.
func finished(t *testing.T, status string) {
	t.Helper()
	eventually(t, "the status page says finished", func() bool {
		var progress struct{ Stage string }
		read(t, status, &progress)
		return progress.Stage == "finished"
	})
}

func TestZipCompletesASignUpInAnEmptyFolder(t *testing.T) {
	app := unpack(t, "guestlist.zip")
	at := apptest.StartLocal(t, app, t.TempDir(), "GUESTLIST_FORM_WAIT=0s", "GUESTLIST_PROOF=none")
	finished(t, signUp(t, at.Signup, "ana@contoso.com").String())
	var before, invitations, memberships []map[string]any
	for _, p := range signinsim.People() { // who are in groups of the tenant from the start
		for _, group := range p.Groups {
			before = append(before, map[string]any{"groupId": group})
		}
	}
	eventually(t, "the tenant has an invitation and two more memberships", func() bool {
		read(t, at.Graph+"/stand-in/invitations", &invitations)
		read(t, at.Graph+"/stand-in/memberships", &memberships)
		return len(invitations) == 1 && len(memberships) == len(before)+2
	})
	at.Stop()
	// The app's folder may be read-only in Azure.
	_, err := os.Stat(filepath.Join(app, ".local"))
	if err == nil {
		t.Error("the run left a file in the app's folder")
	}
}

// formKey signs forms. Only the app that serves the form has it.
const formKey = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"

// nowhere is the address of table service and directory for an app that has no right to use them.
const nowhere = "http://127.0.0.1:9"

// nowhereStorage is the connection string of an account that does not answer, for an app that uses
// its queues only to send.
const nowhereStorage = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=c2VjcmV0;" +
	"QueueEndpoint=" + nowhere + "/devstoreaccount1;TableEndpoint=" + nowhere + "/devstoreaccount1"

// host runs one part of the deployment, and prints its log if the test fails.
func host(t *testing.T, zipped, storage string, settings ...string) *hostsim.Host {
	t.Helper()
	log := &apptest.Log{}
	h := startHost(t, zipped, storage, slog.NewTextHandler(log, nil), settings...)
	t.Cleanup(func() {
		h.Stop()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", zipped, log)
		}
	})
	return h
}

// startHost runs a zip, with intervals of a second where Azure has half a minute.
func startHost(t *testing.T, zipped, storage string, log slog.Handler, settings ...string) *hostsim.Host {
	t.Helper()
	h, err := hostsim.New(hostsim.Config{
		Root: unpack(t, zipped), Storage: storage, Log: slog.New(log),
		Env: append(os.Environ(), append([]string{
			"GUESTLIST_STORAGE=" + storage,
			"GUESTLIST_GRAPH_CREDENTIAL=none", "GUESTLIST_GRAPH_URL=" + nowhere, "GUESTLIST_UPKEEP_SCHEDULE=* * * * * *", "GUESTLIST_INVITATION_SPACING=0s", "GUESTLIST_FORM_WAIT=0s",
			"AzureFunctionsJobHost__extensions__queues__visibilityTimeout=00:00:01", "AzureFunctionsJobHost__extensions__queues__maxPollingInterval=00:00:01",
		}, settings...)...),
	})
	if err != nil {
		t.Fatal(err)
	}
	starting, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = h.Start(starting)
	if err != nil {
		t.Fatalf("%s: %v", zipped, err)
	}
	t.Cleanup(h.Stop)
	return h
}

// Each part reaches only what its identity may use: the form the queue, the status page also the
// tables, and the work everything.
func TestPartsTogetherCompleteASignUp(t *testing.T) {
	// The test needs an emulator of its own because function.json fixes the names of the queues.
	server, err := azurite.Start(t.Context(), azurite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	storage := server.ConnectionString()
	store, err := tables.New(tables.Config{ConnectionString: storage})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = store.PutRow(t.Context(), policy.Raw{Partition: "contoso.com", Name: "trusted", Columns: map[string]any{"Action": "invite"}})
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := graphsim.New(graphsim.Config{KnowsAnyGroup: true})
	if err != nil {
		t.Fatal(err)
	}
	graph := httptest.NewServer(tenant)
	defer graph.Close()

	status := host(t, "guestlist-status.zip", storage)
	form := host(t, "guestlist-form.zip", without(storage, "Table"), "GUESTLIST_FORM_KEYS="+formKey, "GUESTLIST_STATUS_ORIGIN="+status.URL())
	work := host(t, "guestlist-work.zip", storage, "GUESTLIST_GRAPH_URL="+graph.URL)

	location := signUp(t, form.URL()+"/signup", "ana@contoso.com")
	if "http://"+location.Host != status.URL() {
		t.Fatalf("the form leads to %s, and the status page is at %s", location, status.URL())
	}
	finished(t, location.String())
	eventually(t, "the tenant has an invitation", func() bool { return len(tenant.Invitations()) == 1 })
	response, err := browser.PostForm(status.URL()+location.Path, url.Values{"action": {"withdraw"}, "confirm": {"yes"}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusSeeOther {
		t.Errorf("a withdrawal is answered with %s", response.Status)
	}
	eventually(t, "the request is withdrawn", func() bool {
		var progress struct{ Outcome string }
		read(t, location.String(), &progress)
		return progress.Outcome == "withdrawn"
	})
	for link, want := range map[string]int{
		form.URL() + location.Path: http.StatusNotFound, status.URL() + "/signup": http.StatusNotFound,
		work.URL() + "/signup": http.StatusNotFound, work.URL() + location.Path: http.StatusNotFound,
	} {
		response, err := browser.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s is answered with %s, want %d", link, response.Status, want)
		}
	}
}

// without returns the connection string with the address of one service replaced by [nowhere].
func without(connection, service string) string {
	var parts []string
	for part := range strings.SplitSeq(connection, ";") {
		if strings.HasPrefix(part, service+"Endpoint=") {
			part = service + "Endpoint=" + nowhere + "/devstoreaccount1"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ";")
}
