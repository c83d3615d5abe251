package main

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// program writes the headers of an ELF program and returns its path.
func program(t *testing.T, machine elf.Machine, segments ...elf.ProgType) string {
	t.Helper()
	var content bytes.Buffer
	header := elf.Header64{
		Ident:   [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:    uint16(elf.ET_EXEC),
		Machine: uint16(machine),
		Version: uint32(elf.EV_CURRENT),
		Phoff:   uint64(binary.Size(elf.Header64{})), Phentsize: uint16(binary.Size(elf.Prog64{})), Phnum: uint16(len(segments)),
	}
	err := binary.Write(&content, binary.LittleEndian, header)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range segments {
		err = binary.Write(&content, binary.LittleEndian, elf.Prog64{Type: uint32(kind)})
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "handler")
	create(t, path, content.String())
	return path
}

func create(t *testing.T, path, content string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(path, []byte(content), 0o644)
	if err != nil {
		t.Fatal(err)
	}
}

// repository is the root of this repository.
const repository = "../../../.."

func TestZipsContainWhatAzureNeedsAndNothingElse(t *testing.T) {
	handler := program(t, elf.EM_X86_64, elf.PT_LOAD)
	folder := filepath.Join(t.TempDir(), "dist")
	err := run(repository, handler, filepath.Join(folder, "app.zip"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{
		"app.zip":         {"decisions-poison", "decisions-queue", "invite-poison", "invite-queue", "reviews-http", "signup-http", "status-http", "upkeep-timer"},
		"app-form.zip":    {"signup-http"},
		"app-status.zip":  {"status-http"},
		"app-reviews.zip": {"reviews-http"},
		"app-work.zip":    {"decisions-poison", "decisions-queue", "invite-poison", "invite-queue", "upkeep-timer"},
	}
	for name, functions := range tests {
		t.Run(name, func(t *testing.T) {
			archive, err := zip.OpenReader(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			defer archive.Close()
			var got []string
			for _, file := range archive.File {
				got = append(got, fmt.Sprintf("%s %04o", file.Name, file.Mode().Perm()))
				if file.CreatorVersion>>8 != 3 {
					t.Errorf("%s is not marked as made on Unix, so its bits do not count", file.Name)
				}
			}
			want := []string{"bin/handler 0755", "host.json 0644"}
			for _, function := range functions {
				want = append(want, function+"/function.json 0644")
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the zip differs (-want +got):\n%s", diff)
			}
		})
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(tests) {
		t.Errorf("the folder holds %d files, want %d", len(files), len(tests))
	}
}

// The app that invites must not be reachable by HTTP.
func TestWorkPartHasNoHTTPFunction(t *testing.T) {
	all, err := collect(repository, program(t, elf.EM_X86_64, elf.PT_LOAD))
	if err != nil {
		t.Fatal(err)
	}
	work, err := parts[len(parts)-1].of(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range work {
		content, err := os.ReadFile(e.path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.name, "/function.json") && strings.Contains(strings.ToLower(string(content)), "httptrigger") {
			t.Errorf("%s answers HTTP and is in the zip of the work", e.name)
		}
	}
}

func TestSameInputGivesSameBytes(t *testing.T) {
	handler := program(t, elf.EM_X86_64, elf.PT_LOAD)
	var zips [][]byte
	for range 2 {
		path := filepath.Join(t.TempDir(), "app.zip")
		err := run(repository, handler, path)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		zips = append(zips, content)
		// The zip does not contain the times of files on disk.
		err = os.Chtimes(handler, time.Now().Add(time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(zips[0], zips[1]) {
		t.Error("two zips of the same files differ")
	}
}

func TestAppThatWouldNotStartIsNotPacked(t *testing.T) {
	good := `{"customHandler": {"description": {"defaultExecutablePath": "bin/handler"}}}`
	linux := program(t, elf.EM_X86_64, elf.PT_LOAD)
	windows := filepath.Join(t.TempDir(), "handler.exe")
	create(t, windows, "MZ")
	tests := map[string]struct{ host, stray, missing, handler, want string }{
		"another system's handler":    {good, "", "", windows, "GOOS=linux"},
		"a dynamic handler":           {good, "", "", program(t, elf.EM_X86_64, elf.PT_LOAD, elf.PT_INTERP), "CGO_ENABLED=0"},
		"another processor's handler": {good, "", "", program(t, elf.EM_AARCH64, elf.PT_LOAD), "GOARCH=amd64"},
		"no handler":                  {good, "", "", "nothing", "no such file"},
		"a path out of the zip":       {strings.Replace(good, "bin/", "../", 1), "", "", linux, "defaultExecutablePath"},
		"no path":                     {`{}`, "", "", linux, "defaultExecutablePath"},
		"a stray file":                {good, "f/notes.txt", "", linux, "nothing else"},
		"no form":                     {good, "", "signup-http", linux, "-form lacks"},
		"no work":                     {good, "", "f", linux, "-work lacks"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			create(t, filepath.Join(root, "host.json"), test.host)
			for _, function := range []string{"signup-http", "status-http", "reviews-http", "f"} {
				create(t, filepath.Join(root, function, "function.json"), "{}")
			}
			if test.missing != "" {
				err := os.RemoveAll(filepath.Join(root, test.missing))
				if err != nil {
					t.Fatal(err)
				}
			}
			if test.stray != "" {
				create(t, filepath.Join(root, test.stray), "x")
			}
			out := filepath.Join(t.TempDir(), "app.zip")
			err := run(root, test.handler, out)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want one that says %q", err, test.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("a zip was written")
			}
		})
	}
}
