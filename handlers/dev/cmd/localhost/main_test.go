package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/acs"
	"guestlist/handlers/azure/channels"
	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/internal/apptest"
	"guestlist/handlers/policy"
	"guestlist/handlers/request/channeltest"
	"guestlist/handlers/request/mailertest"
	"guestlist/handlers/settings"
	"guestlist/handlers/submission"
	"guestlist/handlers/web"
	"guestlist/handlers/web/guard"
)

// mainVariable makes this test binary run the program. The stand-ins inherit it.
const mainVariable = "GUESTLIST_TEST_LOCALHOST"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		main()
		return
	}
	apptest.Main(m)
}

// programKey allows these tests to sign up with JSON.
const programKey = "Jh2v9QeX7sKd4NwLz0RfTyBu6MgCp1Ao"

// repository is the root of this repository.
const repository = "../../../.."

// program returns the command, which has not been started.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), mainVariable+"=1", "PORT=0", settings.JSONKeys+"="+programKey)
	return cmd
}

// running is a started program that is ready.
type running struct {
	*exec.Cmd
	addresses
	stdout *bufio.Reader
}

func start(t *testing.T, root string) running {
	t.Helper()
	cmd := program("-root", root)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log := &strings.Builder{}
	cmd.Stderr = log
	err = cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	r := running{Cmd: cmd, stdout: bufio.NewReader(stdout)}
	line, err := r.stdout.ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("not ready: %v\n%s", err, log)
	}
	content, err := os.ReadFile(filepath.Join(root, ".local", "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	err = json.Unmarshal(content, &r.addresses)
	if err != nil {
		t.Fatal(err)
	}
	if line != "ready "+r.Signup+"\n" {
		t.Errorf("the line %q differs from run.json's %s", line, r.Signup)
	}
	line, err = r.stdout.ReadString('\n')
	if err != nil || line != "mails "+r.Mails+"\n" {
		t.Errorf("the line %q differs from run.json's %s (%v)", line, r.Mails, err)
	}
	line, err = r.stdout.ReadString('\n')
	if err != nil || line != "reviews "+r.Reviews+"\n" {
		t.Errorf("the line %q differs from run.json's %s (%v)", line, r.Reviews, err)
	}
	line, err = r.stdout.ReadString('\n')
	if err != nil || line != "notices "+r.Notices+"\n" {
		t.Errorf("the line %q differs from run.json's %s (%v)", line, r.Notices, err)
	}
	return r
}

// hosts returns the host:port of every part.
func (r running) hosts(t *testing.T) []string {
	t.Helper()
	var hosts []string
	links := []string{r.Signup, r.Graph, r.Mails, r.SignIn, r.Notices}
	for part := range strings.SplitSeq(r.Storage, ";") {
		name, value, _ := strings.Cut(part, "=")
		if strings.HasSuffix(name, "Endpoint") {
			links = append(links, value)
		}
	}
	for _, link := range links {
		parsed, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, parsed.Host)
	}
	if len(hosts) != 8 {
		t.Fatalf("run.json names %d addresses", len(hosts))
	}
	return hosts
}

// memberships returns how many group memberships the stand-in has, beside those of the people who
// can sign in.
func (r running) memberships(t *testing.T) int {
	t.Helper()
	response, err := http.Get(r.Graph + "/stand-in/memberships")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var list []json.RawMessage
	err = json.NewDecoder(response.Body).Decode(&list)
	if err != nil {
		t.Fatal(err)
	}
	_, colleagues := colleagues()
	return len(list) - len(colleagues)
}

// postJSON posts as a program that may, and returns the answer.
func (r running) postJSON(t *testing.T, link, body string) []byte {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, link, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(guard.KeyHeader, programKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusAccepted {
		t.Fatalf("%s was answered with %s (%v)", body, response.Status, err)
	}
	return answer
}

// What a mail may have in its text.
var (
	codeInText   = regexp.MustCompile(`(?m)^\s*(\d{4} \d{4})\s*$`)
	redeemInText = regexp.MustCompile(`(?m)^(https?://\S*redeem\S*)$`)
)

// lastMail returns what the last mail that was taken has in its text, "" if it has none.
func (r running) lastMail(t *testing.T, what *regexp.Regexp) string {
	t.Helper()
	response, err := http.Get(r.Mails + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var mails []struct{ Text string }
	err = json.NewDecoder(response.Body).Decode(&mails)
	if err != nil {
		t.Fatal(err)
	}
	if len(mails) == 0 {
		return ""
	}
	match := what.FindStringSubmatch(mails[len(mails)-1].Text)
	if match == nil {
		return ""
	}
	return match[1]
}

// accept accepts the invitation as a person does, on the page of the redeem URL.
func (r running) accept(t *testing.T, link string) {
	t.Helper()
	page, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	sent, err := client.PostForm(link, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sent.Body.Close()
	target := sent.Header.Get("Location")
	if page.StatusCode != http.StatusOK || sent.StatusCode != http.StatusSeeOther || target != "https://myapplications.microsoft.com" {
		t.Errorf("the redeem URL is answered with %s, accepting with %s to %q", page.Status, sent.Status, target)
	}
	response, err := http.Get(r.Graph + "/stand-in/users")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var users []struct{ Mail, ExternalUserState string }
	err = json.NewDecoder(response.Body).Decode(&users)
	colleagues, _ := colleagues()
	if err != nil || len(users) != len(colleagues)+1 || users[len(colleagues)].ExternalUserState != "Accepted" {
		t.Errorf("after that the users are %v, %v", users, err)
	}
}

// eventually waits until another process has made the condition true.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func answers(host string) bool {
	connection, err := net.Dial("tcp", host)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

func TestFormKeyIsKeptAndPrivate(t *testing.T) {
	data := t.TempDir()
	key, err := formKey(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := formKey(data)
	if err != nil || again != key || len(key) < guard.MinKey {
		t.Errorf("a second run has another key, or the key is short: %v", err)
	}
	other, err := formKey(t.TempDir())
	if err != nil || other == key {
		t.Errorf("two data folders have one key: %v", err)
	}
	info, err := os.Stat(filepath.Join(data, formKeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the key: %v, %v", info, err)
	}
	_, err = formKey(filepath.Join(data, "missing"))
	if err == nil {
		t.Error("a key was kept nowhere")
	}
}

func TestLocalRunInvitesAndStopsCompletely(t *testing.T) {
	root := apptest.App(t)
	r := start(t, root)
	body := r.postJSON(t, r.Signup,
		`{"email":"ana@contoso.com","givenName":"Ana","familyName":"Silva","company":"Contoso Ltd"}`)
	var accepted struct {
		ID string `json:"id"`
	}
	code := ""
	eventually(t, "the mail with the code", func() bool {
		code = r.lastMail(t, codeInText)
		return code != ""
	})
	if err := json.Unmarshal(body, &accepted); err != nil || accepted.ID == "" {
		t.Fatalf("the sign-up was answered with %q", body)
	}
	r.postJSON(t, r.Signup+"/"+accepted.ID, `{"action":"prove","code":"`+code+`"}`)
	eventually(t, "the guest in both groups of the sample row", func() bool { return r.memberships(t) == 2 })
	link := ""
	eventually(t, "the invitation mail", func() bool {
		link = r.lastMail(t, redeemInText)
		return link != ""
	})
	r.accept(t, link)

	second := program("-root", root)
	output, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "-data") {
		t.Errorf("a second run on the same data: %v, %s", err, output)
	}

	err = r.Process.Signal(os.Interrupt)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r.stdout)
	if err != nil || len(rest) > 0 {
		t.Errorf("standard output goes on with %q (%v)", rest, err)
	}
	err = r.Wait()
	if err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	for _, host := range r.hosts(t) {
		if answers(host) {
			t.Errorf("%s still answers after the end", host)
		}
	}
	if _, err := os.Stat(filepath.Join(root, ".local", "run.json")); err == nil {
		t.Error("run.json names the addresses of a run that has ended")
	}

	again := start(t, root)
	if n := again.memberships(t); n != 2 {
		t.Errorf("after a restart the tenant has %d memberships", n)
	}
	// SIGKILL gives the program no chance to stop its parts.
	err = again.Process.Kill()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range again.hosts(t) {
		eventually(t, "the end of "+host, func() bool { return !answers(host) })
	}
}

func TestMailsOfLocalRunAreShown(t *testing.T) {
	r := start(t, apptest.App(t))
	client, err := acs.New(acs.Config{URL: strings.TrimSuffix(r.Mails, acssim.MailsPath), Sender: "guests@join.fabrikam.example"})
	if err != nil {
		t.Fatal(err)
	}
	err = client.SendMail(t.Context(), mailertest.ID, mailertest.Mail(t))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(r.Mails)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(page), mailertest.Mail(t).Subject) {
		t.Errorf("%s: %s, %v", r.Mails, page, err)
	}
}

func TestNoticesOfLocalRunAreShown(t *testing.T) {
	r := start(t, apptest.App(t))
	var configured channels.Config
	_, err := settings.Read(func(name string) string { return r.Settings[name] }, configured.Read)
	if err != nil {
		t.Fatal(err)
	}
	told, err := configured.Open(channels.Options{})
	if err != nil || len(told) != 3 {
		t.Fatalf("%d channels, %v", len(told), err)
	}
	for _, channel := range told {
		err := channel.SendNotice(t.Context(), channeltest.Notice())
		if err != nil {
			t.Errorf("%s: %v", channel.Name(), err)
		}
	}
	response, err := http.Get(r.Notices)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || strings.Count(string(page), string(channeltest.Notice().Number)) < 3 {
		t.Errorf("%s: %s, %v", r.Notices, page, err)
	}
}

func TestPortsComeFromFlagsThenEnvironment(t *testing.T) {
	root := t.TempDir()
	tests := map[string]struct {
		args, environ []string
		want          []int
	}{
		"defaults":                {nil, nil, []int{7071, 7090, 7091, 7092, 7093, 10000, 10001, 10002}},
		"the environment":         {nil, []string{"PORT=8080", "GRAPH_PORT=8081", "AZURITE_TABLE_PORT=1"}, []int{8080, 8081, 7091, 7092, 7093, 10000, 10001, 1}},
		"a flag wins":             {[]string{"-port", "9"}, []string{"PORT=8080"}, []int{9, 7090, 7091, 7092, 7093, 10000, 10001, 10002}},
		"0 is for everything":     {nil, []string{"PORT=0"}, []int{0, 0, 0, 0, 0, 0, 0, 0}},
		"except chosen ports":     {[]string{"-port=0", "-queue-port=5"}, []string{"GRAPH_PORT=7090"}, []int{0, 7090, 0, 0, 0, 0, 5, 0}},
		"an empty variable":       {nil, []string{"PORT="}, []int{7071, 7090, 7091, 7092, 7093, 10000, 10001, 10002}},
		"the last of two entries": {nil, []string{"PORT=1", "PORT=2"}, []int{2, 7090, 7091, 7092, 7093, 10000, 10001, 10002}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o, err := readOptions(append(test.args, "-root", root), test.environ, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, p := range o.ports {
				got = append(got, p.number)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the ports differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInvalidCommandLineIsRefused(t *testing.T) {
	tests := map[string]struct {
		args, environ []string
		want          string
	}{
		"not a number":    {nil, []string{"PORT=http"}, "PORT must be a number"},
		"out of range":    {[]string{"-graph-port", "70000"}, nil, "-graph-port"},
		"a stray word":    {[]string{"now"}, nil, `"now"`},
		"an unknown flag": {[]string{"-fast"}, nil, "-fast"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readOptions(test.args, test.environ, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want one that says %s", err, test.want)
			}
		})
	}
	t.Run("no project", func(t *testing.T) {
		t.Chdir(t.TempDir())
		_, err := readOptions(nil, nil, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "host.json") {
			t.Errorf("err = %v", err)
		}
	})
}

func TestErrorForTakenPortSaysWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	number := taken.Addr().(*net.TCPAddr).Port
	o, err := readOptions([]string{"-root", t.TempDir(), "-port=0", "-graph-port", strconv.Itoa(number)}, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	err = o.checkPorts()
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(number)) || !strings.Contains(err.Error(), "GRAPH_PORT=") {
		t.Errorf("err = %v", err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	err := os.WriteFile(path, []byte(content), 0o644)
	if err != nil {
		t.Fatal(err)
	}
}

func TestSampleSettingsAreValid(t *testing.T) {
	// A copy, since the repository may have a local.settings.json beside the sample.
	root := t.TempDir()
	sample, err := os.ReadFile(filepath.Join(repository, "local.settings.sample.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "local.settings.sample.json"), string(sample))
	env, err := readLocalSettings(root, "")
	if err != nil {
		t.Fatal(err)
	}
	// As README.md says for func start.
	env = append(env, settings.FormKeys+"="+programKey, settings.PublicOrigins+"=http://localhost:7071")
	var pages web.Config
	_, err = settings.Read(func(name string) string { return variable(env, name) }, pages.Read)
	if err != nil {
		t.Error(err)
	}
	_, err = pages.LinkedByMails()
	if err != nil {
		t.Error(err)
	}
	if variable(env, settings.UpkeepSchedule) == "" {
		t.Errorf("%s is not set, and the host needs it", settings.UpkeepSchedule)
	}
}

func TestLocalSettingsReplaceSample(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "local.settings.sample.json"), `{"Values": {"A": "sample"}}`)
	tests := map[string]struct{ own, want, fault string }{
		"none":        {"", "sample", ""},
		"own":         {`{"Values": {"A": "own"}}`, "own", ""},
		"encrypted":   {`{"IsEncrypted": true, "Values": {"A": "CfDJ8"}}`, "", "encrypted"},
		"a number":    {`{"Values": {"A": 1}}`, "", "must be strings"},
		"broken JSON": {`{`, "", "local.settings.json"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.own != "" {
				path := filepath.Join(root, "local.settings.json")
				write(t, path, test.own)
				defer os.Remove(path)
			}
			env, err := readLocalSettings(root, "")
			if test.fault == "" && err != nil || test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)) {
				t.Fatalf("err = %v, want %q", err, test.fault)
			}
			if got := variable(env, "A"); got != test.want {
				t.Errorf("A = %q, want %q", got, test.want)
			}
		})
	}
}

func TestSampleRowsAreValid(t *testing.T) {
	for _, raw := range samples() {
		row := policy.Parse(raw)
		if len(row.Faults) > 0 {
			t.Errorf("row %q of %q: %v", raw.Name, raw.Partition, row.Faults)
		}
	}
}

func TestColleaguesCanBeWrittenTo(t *testing.T) {
	users, _ := colleagues()
	for _, user := range users {
		if _, err := submission.ParseAddress(user.Mail); err != nil && user.UserType == "Member" {
			t.Errorf("%s has the address %q: %v", user.DisplayName, user.Mail, err)
		}
	}
}
