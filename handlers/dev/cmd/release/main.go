package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// platforms are those that a release has archives for, as GOOS/GOARCH.
const platforms = "windows/amd64 windows/arm64 darwin/amd64 darwin/arm64 linux/amd64 linux/arm64"

func main() {
	root := flag.String("root", ".", "folder of go.mod")
	version := flag.String("version", "", "version of the release, such as v1.0.0; required")
	list := flag.String("platforms", platforms, "platforms to build for, separated by spaces")
	out := flag.String("o", "dist", "folder for archives and checksums")
	flag.Parse()
	err := run(*root, *version, strings.Fields(*list), *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// versions are those that can be part of a file's name and of the linker's flags.
var versions = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+-]*$`)

// run writes an archive for each platform, in place of those of other versions, and then the
// checksums of everything in the folder.
func run(root, version string, platforms []string, out string) error {
	if !versions.MatchString(version) {
		return fmt.Errorf("-version: %q can't be part of a file's name; give one such as v1.0.0", version)
	}
	err := os.MkdirAll(out, 0o755)
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(out, "guestlist_*"))
	if err != nil {
		return err
	}
	for _, path := range old {
		err = os.Remove(path)
		if err != nil {
			return err
		}
	}
	for _, platform := range platforms {
		err = release(root, version, platform, out)
		if err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
	}
	return sum(out)
}

// release builds the command for a platform and packs it.
func release(root, version, platform, out string) error {
	system, processor, valid := strings.Cut(platform, "/")
	if !valid {
		return errors.New("a platform is GOOS/GOARCH")
	}
	scratch, err := os.MkdirTemp("", "guestlist")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	program := "guestlist"
	if system == "windows" {
		program += ".exe"
	}
	built := filepath.Join(scratch, program)
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version,
		"-o", built, "./handlers/cmd/guestlist")
	build.Dir, build.Stderr = root, os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor)
	err = build.Run()
	if err != nil {
		return fmt.Errorf("building: %w", err)
	}
	files, err := read(entry{program, built, 0o755},
		entry{"LICENSE", filepath.Join(root, "LICENSE"), 0o644}, entry{"README.md", filepath.Join(root, "README.md"), 0o644})
	if err != nil {
		return err
	}
	pack, extension := packTar, ".tar.gz"
	if system == "windows" {
		pack, extension = packZip, ".zip"
	}
	content, err := pack(files)
	if err != nil {
		return fmt.Errorf("packing: %w", err)
	}
	return os.WriteFile(filepath.Join(out, "guestlist_"+version+"_"+system+"_"+processor+extension), content, 0o644)
}

// entry is one file of an archive.
type entry struct {
	name string // in the archive
	path string // on disk
	mode fs.FileMode
}

// file is an entry that was read.
type file struct {
	entry
	content []byte
}

func read(entries ...entry) ([]file, error) {
	var files []file
	for _, e := range entries {
		content, err := os.ReadFile(e.path)
		if err != nil {
			return nil, err
		}
		files = append(files, file{e, content})
	}
	return files, nil
}

// modified is the time of every entry: the earliest that a zip can have.
var modified = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func packZip(files []file) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: modified}
		header.SetMode(f.mode)
		writer, err := archive.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		_, err = writer.Write(f.content)
		if err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return out.Bytes(), err
}

func packTar(files []file) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	for _, f := range files {
		err := archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode), Size: int64(len(f.content)), ModTime: modified,
		})
		if err != nil {
			return nil, err
		}
		_, err = archive.Write(f.content)
		if err != nil {
			return nil, err
		}
	}
	err := errors.Join(archive.Close(), compressed.Close())
	return out.Bytes(), err
}

// sums is the file with the checksums, as sha256sum writes and checks it.
const sums = "SHA256SUMS"

// sum writes the checksums of all other files in the folder.
func sum(folder string) error {
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, f := range files {
		if f.Name() == sums || !f.Type().IsRegular() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(content), f.Name())
	}
	return os.WriteFile(filepath.Join(folder, sums), []byte(list.String()), 0o644)
}
