package mails

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/smtp"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/internal/apptest"
	"guestlist/handlers/dev/internal/subprocess"
	"guestlist/handlers/i18n"
	"guestlist/handlers/mail"
	"guestlist/handlers/request"
)

var update = flag.Bool("update", false, "take the pictures of docs/mail.md anew")

const repository = "../../../.."

// patience makes a test fail instead of hang, also on a busy machine.
const patience = 5 * time.Minute

// sample is a mail with invented data.
type sample struct {
	name string // KIND-LANGUAGE
	request.Mail
}

// samples returns a mail of every kind in every language.
func samples(t *testing.T) []sample {
	t.Helper()
	composer, err := mail.NewComposer(mail.SampleStyle(), mail.SampleOrigin)
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	for _, kind := range mail.Kinds() {
		for _, language := range i18n.Languages() {
			m, err := composer.Sample(kind, language.Tag)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, sample{string(kind) + "-" + language.Tag, m})
		}
	}
	return all
}

// mailpit is a client of a running mailpit.
type mailpit struct {
	http.Client
	smtp string // its socket
}

// startMailpit starts mailpit on sockets, so that it takes no port, and without connections to
// anywhere.
func startMailpit(t *testing.T) *mailpit {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(repository, ".local", "mailpit", "mailpit"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(program)
	if err != nil {
		t.Fatal("mailpit is not installed: run make setup")
	}
	folder, err := os.MkdirTemp("", "mailpit") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket, smtp := filepath.Join(folder, "http"), filepath.Join(folder, "smtp")
	cmd := exec.Command(program,
		"--listen", "unix:"+socket+":600", "--smtp", "unix:"+smtp+":600",
		"--database", filepath.Join(folder, "db"), "--disable-version-check", "--smtp-disable-rdns", "--quiet")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	process, err := subprocess.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Kill() })
	m := &mailpit{smtp: smtp}
	m.Timeout = patience
	m.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	deadline := time.After(patience)
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		answer, err := m.Get("http://mailpit/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return m
			}
		}
		select {
		case <-process.Done():
			t.Fatalf("mailpit ended: %v: %s", process.Wait(), &said)
		case <-deadline:
			t.Fatalf("mailpit does not answer: %v", err)
		case <-retry.C:
		}
	}
}

// send delivers a mail by SMTP.
func (m *mailpit) send(t *testing.T, s sample) {
	t.Helper()
	conn, err := net.Dial("unix", m.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	const from = "guests@contoso.com"
	err = errors.Join(client.Mail(from), client.Rcpt(s.To.String()))
	if err != nil {
		t.Fatal(err)
	}
	data, err := client.Data()
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for _, part := range []struct{ media, text string }{{"text/plain", s.Text}, {"text/html", s.HTML}} {
		header := textproto.MIMEHeader{"Content-Type": {part.media + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}}
		writer, err := parts.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		encoder := quotedprintable.NewWriter(writer)
		_, err = encoder.Write([]byte(part.text))
		err = errors.Join(err, encoder.Close())
		if err != nil {
			t.Fatal(err)
		}
	}
	err = parts.Close()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(data, "From: %s\r\nTo: %s\r\nReply-To: %s\r\nSubject: %s\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: multipart/alternative; boundary=%s\r\n\r\n%s",
		from, s.To, s.ReplyTo, mime.QEncoding.Encode("utf-8", s.Subject), parts.Boundary(), &body)
	err = errors.Join(data.Close(), client.Quit())
	if err != nil {
		t.Fatal(err)
	}
}

// get reads the JSON of an answer.
func (m *mailpit) get(t *testing.T, path string, answer any) {
	t.Helper()
	response, err := m.Get("http://mailpit/api/v1/" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s, error %v", path, response.Status, text, err)
	}
	err = json.Unmarshal(text, answer)
	if err != nil {
		t.Fatalf("%s: %v: %s", path, err, text)
	}
}

// check is what mailpit says of a mail's HTML.
type check struct {
	Total    struct{ Supported, Partial, Unsupported float64 }
	Warnings []struct {
		Slug  string
		Score struct{ Unsupported float64 }
	}
}

// unsupported are the features that some clients do not have, and that the mails use all the same.
var unsupported = map[string]string{
	"html-body":     "language and direction stand on an element inside too",
	"html-style":    "has only what a mail does without: dark colours, rounded corners",
	"css-at-media":  "as html-style",
	"css-max-width": "Outlook for Windows lacks it, and gets a table of fixed width",
}

func TestMailClientsSupportWhatMailsUse(t *testing.T) {
	m := startMailpit(t)
	used := map[string]bool{}
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			m.send(t, s)
			var found check
			m.get(t, "message/latest/html-check", &found)
			if found.Total.Supported < 85 || len(found.Warnings) == 0 {
				t.Errorf("the clients support %.1f %%", found.Total.Supported)
			}
			for _, warning := range found.Warnings {
				if warning.Score.Unsupported == 0 {
					continue
				}
				used[warning.Slug] = true
				if unsupported[warning.Slug] == "" {
					t.Errorf("%.1f %% of the clients do not support %s", warning.Score.Unsupported, warning.Slug)
				}
			}
			var read struct{ Subject, Text, HTML string }
			m.get(t, "message/latest", &read)
			if read.Subject != s.Subject || read.HTML == "" || lines(read.Text) != lines(s.Text) {
				t.Errorf("the mail is read back with the subject %q and the text\n%s", read.Subject, read.Text)
			}
		})
	}
	for feature := range unsupported {
		if !used[feature] {
			t.Errorf("no mail uses %s any more", feature)
		}
	}
}

// lines returns a text with the line breaks of this machine and without space at its ends.
func lines(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}

// pictured says whether docs/mail.md shows the mail.
func pictured(s sample) bool {
	kind, language, _ := strings.Cut(s.name, "-")
	return slices.Contains([]string{"code", "invitation"}, kind) && slices.Contains([]string{"en", "de", "ar", "ja"}, language)
}

const (
	pictures = repository + "/docs/mail"
	sumFile  = pictures + "/mails.sha256"
)

// sumOfPictured returns the sum of the mails that docs/mail.md shows.
func sumOfPictured(t *testing.T) string {
	t.Helper()
	sum := sha256.New()
	for _, s := range samples(t) {
		if pictured(s) {
			fmt.Fprintln(sum, s.HTML)
		}
	}
	return fmt.Sprintf("%x\n", sum.Sum(nil))
}

func TestPicturesShowPresentMails(t *testing.T) {
	if *update {
		return // TestMailsInBrowser takes them
	}
	sum, err := os.ReadFile(sumFile)
	if err != nil || string(sum) != sumOfPictured(t) {
		t.Errorf("the mails differ from their pictures in docs/mail: run "+
			"go test ./handlers/dev/suite/mails -update, and look at them (error %v)", err)
	}
}

// fault is what the script finds wrong with a mail.
type fault struct{ Mail, Fault string }

// TestMailsInBrowser opens each mail in Chromium.
func TestMailsInBrowser(t *testing.T) {
	folder := t.TempDir()
	all := samples(t)
	for _, s := range all {
		err := os.WriteFile(filepath.Join(folder, s.name+".html"), []byte(s.HTML), 0o644)
		if err != nil {
			t.Fatal(err)
		}
	}
	found := inBrowser(t, folder)
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			looked := false
			for _, f := range found {
				if f.Mail == s.name {
					looked = true
					if f.Fault != "" {
						t.Error(f.Fault)
					}
				}
			}
			if !looked {
				t.Error("was not looked at")
			}
		})
	}
	if *update && !t.Failed() {
		takePictures(t, all, apptest.Screenshots(t))
	}
}

// takePictures copies the screenshots that docs/mail.md shows.
func takePictures(t *testing.T, all []sample, screenshots string) {
	t.Helper()
	err := os.MkdirAll(pictures, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		for _, scheme := range []string{"light", "dark"} {
			if !pictured(s) {
				continue
			}
			name := s.name + "-" + scheme + ".png"
			screenshot, err := os.ReadFile(filepath.Join(screenshots, "mail-"+name))
			if err != nil {
				t.Fatal(err)
			}
			full, err := png.Decode(bytes.NewReader(screenshot))
			if err != nil {
				t.Fatal(err)
			}
			smaller, err := apptest.WithPalette(full)
			if err != nil {
				t.Fatal(err)
			}
			err = os.WriteFile(filepath.Join(pictures, name), smaller, 0o644)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	err = os.WriteFile(sumFile, []byte(sumOfPictured(t)), 0o644)
	if err != nil {
		t.Fatal(err)
	}
}

// inBrowser runs the script. It returns a fault for each that it finds, and an empty one for each
// mail.
func inBrowser(t *testing.T, folder string) []fault {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "mails.mjs", folder)
	cmd.Env = apptest.Browser(t)
	var said bytes.Buffer
	cmd.Stderr = &said
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("the script ended early: %v: %s", err, &said)
	}
	var found []fault
	err = json.Unmarshal(output, &found)
	if err != nil {
		t.Fatalf("the script printed no JSON: %v: %s", err, output)
	}
	return found
}
