package main

import (
	"archive/zip"
	"debug/elf"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/azure/functions/functionjson"
)

func main() {
	root := flag.String("root", ".", "folder of host.json and the function folders")
	handler := flag.String("handler", "", "the handler, built for linux/amd64 without cgo")
	out := flag.String("o", "dist/guestlist.zip", "the zip to write; those of the parts are written beside it")
	flag.Parse()
	err := run(*root, *handler, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

// part is what one app runs if the form, the status page, the review pages and the work have an app
// each. A
// function without a folder can't run in an app. (The setting AzureWebJobs.NAME.Disabled is no
// alternative, because the name of a setting can't contain a hyphen on Linux.)
type part struct {
	suffix    string
	functions []string // nil: all that no other part has
}

var parts = []part{
	{"-form", []string{"signup-http"}},
	{"-status", []string{"status-http"}},
	{"-reviews", []string{"reviews-http"}},
	{"-work", nil},
}

// run writes the zip of all functions and those of the parts.
func run(root, handler, out string) error {
	all, err := collect(root, handler)
	if err != nil {
		return err
	}
	err = os.MkdirAll(filepath.Dir(out), 0o755)
	if err != nil {
		return err
	}
	base, extension := strings.TrimSuffix(out, filepath.Ext(out)), filepath.Ext(out)
	for _, p := range parts {
		entries, err := p.of(all)
		if err != nil {
			return err
		}
		err = pack(base+p.suffix+extension, entries)
		if err != nil {
			return err
		}
	}
	return pack(out, all)
}

// of returns the entries of the part.
func (p part) of(all []entry) ([]entry, error) {
	var taken []string
	for _, other := range parts {
		taken = append(taken, other.functions...)
	}
	var entries []entry
	found := 0
	for _, e := range all {
		function, isFunction := strings.CutSuffix(e.name, "/function.json")
		wanted := !isFunction || slices.Contains(p.functions, function) || p.functions == nil && !slices.Contains(taken, function)
		if wanted {
			entries = append(entries, e)
		}
		if wanted && isFunction {
			found++
		}
	}
	if found == 0 || found < len(p.functions) {
		return nil, fmt.Errorf("the part %s lacks functions: of %v there are %d", p.suffix, p.functions, found)
	}
	return entries, nil
}

// pack writes one zip as a whole or not at all.
func pack(out string, entries []entry) error {
	file, err := os.CreateTemp(filepath.Dir(out), filepath.Base(out))
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	err = write(file, entries)
	if err == nil {
		err = file.Chmod(0o644)
	}
	err = errors.Join(err, file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), out)
}

// entry is one file of the zip.
type entry struct {
	name string // in the zip
	path string // on disk
	mode fs.FileMode
}

// collect returns all entries, sorted by name.
func collect(root, handler string) ([]entry, error) {
	executable, err := executablePath(filepath.Join(root, "host.json"))
	if err != nil {
		return nil, err
	}
	err = checkHandler(handler)
	if err != nil {
		return nil, err
	}
	entries := []entry{
		{"host.json", filepath.Join(root, "host.json"), 0o644},
		{executable, handler, 0o755},
	}
	functions, err := functionjson.Find(root)
	if err != nil {
		return nil, err
	}
	for _, function := range functions {
		folder := filepath.Dir(function)
		files, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		if len(files) != 1 {
			return nil, fmt.Errorf("%s must hold its function.json and nothing else", folder)
		}
		entries = append(entries, entry{filepath.Base(folder) + "/function.json", function, 0o644})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return entries, nil
}

// executablePath returns the path of the handler in host.json.
func executablePath(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var host struct {
		CustomHandler struct {
			Description struct {
				DefaultExecutablePath string
			}
		}
	}
	err = json.Unmarshal(content, &host)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	executable := host.CustomHandler.Description.DefaultExecutablePath
	// func pack sets the execute bit on the entry of this name, so it must be a plain path.
	if !fs.ValidPath(executable) || executable == "." {
		return "", fmt.Errorf("%s: defaultExecutablePath must be a plain path inside the zip, such as bin/handler", path)
	}
	return executable, nil
}

// checkHandler returns an error if the handler would not start in Azure: a program for another
// system, or one that needs a C library.
func checkHandler(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("the handler is not a Linux program, build it with GOOS=linux GOARCH=amd64: %w", err)
	}
	defer file.Close()
	if file.Machine != elf.EM_X86_64 {
		return errors.New("the handler is for another processor, build it with GOARCH=amd64")
	}
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP {
			return errors.New("the handler is linked dynamically, build it with CGO_ENABLED=0")
		}
	}
	return nil
}

// modified is the time of every entry: the earliest that a zip can have.
var modified = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func write(out io.Writer, entries []entry) error {
	archive := zip.NewWriter(out)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: modified}
		header.SetMode(e.mode)
		writer, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		err = copyInto(writer, e.path)
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

func copyInto(writer io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(writer, file)
	return err
}
