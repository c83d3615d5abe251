package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../../../.."

// unpack unpacks a tar.gz into an empty folder and returns it.
func unpack(t *testing.T, path string) string {
	t.Helper()
	content, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	compressed, err := gzip.NewReader(content)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return folder
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		err = os.WriteFile(filepath.Join(folder, header.Name), text, header.FileInfo().Mode())
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The archive of this platform is unpacked into an empty folder and run there with no environment
// but a home.
func TestArchiveRunsFromEmptyFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Fatal("this test reads tar.gz files; make release runs on Linux and macOS")
	}
	out := t.TempDir()
	for path, text := range map[string]string{"guestlist_v0.9.0_plan9_386.tar.gz": "old", "guestlist.zip": "the app's"} {
		err := os.WriteFile(filepath.Join(out, path), []byte(text), 0o644)
		if err != nil {
			t.Fatal(err)
		}
	}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	err := run(root, "v9.8.7-rc.1", []string{platform}, out)
	if err != nil {
		t.Fatal(err)
	}
	archive := "guestlist_v9.8.7-rc.1_" + runtime.GOOS + "_" + runtime.GOARCH + ".tar.gz"
	folder := unpack(t, filepath.Join(out, archive))
	rows := "PartitionKey,RowKey,Action\ncontoso.com,trusted,invite\n"
	err = os.WriteFile(filepath.Join(folder, "rows.csv"), []byte(rows), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"version": "guestlist v9.8.7-rc.1, " + platform + ", " + runtime.Version() + "\n",
		"policy explain ana@contoso.com --rows rows.csv": "trusted",
		"--help": "Guestlist for admins",
	} {
		cmd := exec.Command("./guestlist", strings.Fields(args)...)
		cmd.Dir, cmd.Env = folder, []string{"HOME=" + t.TempDir()}
		output, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(output), want) {
			t.Errorf("guestlist %s: %v\n%s", args, err, output)
		}
	}
	checkSums(t, out, []string{"guestlist.zip", archive})
}

// checkSums checks that the checksums are those of the files and of no others.
func checkSums(t *testing.T, folder string, files []string) {
	t.Helper()
	var want strings.Builder
	slices.Sort(files)
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256(content), name)
	}
	got, err := os.ReadFile(filepath.Join(folder, sums))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("the checksums differ (-want +got):\n%s", diff)
	}
}

func TestArchivesHoldTheSameWhateverTheirForm(t *testing.T) {
	files := []file{
		{entry{"guestlist", "", 0o755}, []byte("program")}, {entry{"LICENSE", "", 0o644}, bytes.Repeat([]byte("x"), 1000)},
	}
	tarred, err := packTar(files)
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := packZip(files)
	if err != nil {
		t.Fatal(err)
	}
	again, err := packTar(files)
	if err != nil || !bytes.Equal(tarred, again) {
		t.Errorf("the same files give different archives (%v)", err)
	}
	path := filepath.Join(t.TempDir(), "a.tar.gz")
	err = os.WriteFile(path, tarred, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
	folder := unpack(t, path)
	for i, f := range files {
		content, err := os.ReadFile(filepath.Join(folder, f.name))
		info, _ := os.Stat(filepath.Join(folder, f.name))
		if err != nil || !bytes.Equal(content, f.content) || info.Mode().Perm() != f.mode {
			t.Errorf("tar.gz: %s has mode %v and %d bytes: %v", f.name, info.Mode(), len(content), err)
		}
		inside, err := archive.File[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err = io.ReadAll(inside)
		if err != nil || archive.File[i].Name != f.name || !bytes.Equal(content, f.content) || archive.File[i].Mode().Perm() != f.mode {
			t.Errorf("zip: %s has mode %v and %d bytes: %v", archive.File[i].Name, archive.File[i].Mode(), len(content), err)
		}
	}
}

func TestVersionMustBePartOfFileName(t *testing.T) {
	for _, version := range []string{"", "v1 -X main.x=y", "../v1", "v1/2", "-v"} {
		out := t.TempDir()
		err := run(root, version, nil, out)
		if err == nil || !strings.Contains(err.Error(), "-version") {
			t.Errorf("%q: %v", version, err)
		}
	}
	err := run(root, "v1.0.0", []string{"linux"}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "GOOS/GOARCH") {
		t.Errorf("a platform without a processor: %v", err)
	}
}
