package handlers_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/simulation"
)

// promising are the pages whose promises are held by laws and tests, which they name.
var promising = []string{"../docs/operations.md", "../docs/security.md"}

// readPage returns the text of a page.
func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testNames returns the names of all tests and fuzz targets of the tree.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(\w+ \*testing\.[TF]\)`)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, match := range function.FindAllStringSubmatch(readPage(t, path), -1) {
			names[match[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// holders returns what the page names as holding its promises, one string for each promise: the
// last cell of each row of a table whose last column is "held by", and each paragraph "Held by …".
func holders(page string) (all []string) {
	inTable := false
	for _, paragraph := range strings.Split(page, "\n\n") {
		if strings.HasPrefix(paragraph, "Held by ") {
			all = append(all, paragraph)
		}
		inTable = false
		for line := range strings.Lines(paragraph) {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			last := strings.TrimSpace(cells[len(cells)-1])
			heading := strings.HasPrefix(strings.TrimSpace(cells[0]), "**")
			switch {
			case last == "held by":
				inTable = true
			case inTable && !heading && !strings.HasPrefix(last, "---"):
				all = append(all, last)
			}
		}
	}
	return all
}

func TestPromisesNameLawsAndTestsThatExist(t *testing.T) {
	tests, laws := testNames(t), simulation.Laws()
	code := regexp.MustCompile("`([^`]+)`")
	for _, name := range promising {
		promises := holders(readPage(t, name))
		if len(promises) < 20 {
			t.Errorf("%s has %d promises", name, len(promises))
		}
		for _, promise := range promises {
			named := code.FindAllStringSubmatch(promise, -1)
			if len(named) == 0 {
				t.Errorf("%s: nothing holds a promise: %q", name, promise)
			}
			for _, match := range named {
				_, isLaw := laws[simulation.Law(match[1])]
				if !isLaw && !tests[match[1]] {
					t.Errorf("%s names %s, which is neither a law nor a test", name, match[1])
				}
			}
		}
	}
}

// TestPromisesNameEveryLaw finds laws that nobody outside is told of.
func TestPromisesNameEveryLaw(t *testing.T) {
	named := ""
	for _, name := range promising {
		named += strings.Join(holders(readPage(t, name)), "\n")
	}
	for law := range simulation.Laws() {
		if !strings.Contains(named, "`"+string(law)+"`") {
			t.Errorf("no promise names the law %s", law)
		}
	}
}

func TestArchitecturePageListsLaws(t *testing.T) {
	_, rest, _ := strings.Cut(readPage(t, "../docs/architecture.md"), "<!-- laws -->\n")
	table, _, found := strings.Cut(rest, "<!-- /laws -->")
	if !found {
		t.Fatal("the page has no table of laws")
	}
	want := "| law | what holds |\n| --- | --- |\n"
	laws := simulation.Laws()
	for _, law := range slices.Sorted(maps.Keys(laws)) {
		want += "| `" + string(law) + "` | " + laws[law] + " |\n"
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("(-simulation +page):\n%s", diff)
	}
}

// TestPagesNameTestsThatExist looks at every page.
func TestPagesNameTestsThatExist(t *testing.T) {
	tests := testNames(t)
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	for _, page := range append(pages, "../README.md", "../.github/CONTRIBUTING.md") {
		for _, name := range named.FindAllString(readPage(t, page), -1) {
			if !tests[name] {
				t.Errorf("%s names the test %s, which does not exist", page, name)
			}
		}
	}
}
