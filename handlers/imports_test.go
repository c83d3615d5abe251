// Package handlers_test holds the tree to its architecture: which package may import which.
package handlers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A rule says which packages of this module a package may import. All names are relative to
// handlers. "x/..." stands for x and every package below it.
type rule struct{ pkg, imports string }

// rules has one line for each package or subtree. A package may import only packages that
// stand above it, so there are no cycles between them.
//
// Tests of a package may import more, but product code never imports a package below dev.
var rules = []rule{
	// The domain.
	{"problem", ""},
	{"submission", "problem"},
	{"policy", "submission"},
	{"request", "policy problem submission"},
	{"maildomain", ""},
	{"policy/lint", "maildomain policy problem request submission"},
	{"policy/rowfile", "policy problem"},
	{"request/memstore", "policy problem request submission"},
	{"request/storetest", "policy problem request submission"},
	{"request/mailertest", "problem request submission"},
	{"request/channeltest", "policy problem request"},
	{"request/mempeople", "policy problem request submission"},
	{"request/peopletest", "problem request submission"},

	// The work.
	{"i18n", ""},
	{"review", "policy problem request submission"},
	{"operate", "i18n policy policy/lint policy/rowfile problem request submission"},

	// The pages and the mails.
	{"branding", "i18n maildomain submission"},
	{"mail", "branding i18n policy request submission"},
	{"workflow", "mail policy problem request submission"},
	{"settings", ""},
	{"web/problemdetails", "problem"},
	{"web/guard", "problem submission"},
	{"web/site", "branding i18n problem submission web/guard web/problemdetails"},
	{"web/internal/pagetest", "branding problem web/problemdetails web/site"},
	{"web/signup", "branding i18n maildomain problem submission web/guard web/problemdetails web/site"},
	{"web/status", "branding problem request submission web/site"},
	{"web/session", ""},
	{"web/session/sessiontest", "problem web/session"},
	{"web/signin", "problem web/problemdetails web/session web/site"},
	{"web/reviews", "operate policy policy/lint problem request submission web/session web/signin web/site"},
	{"web", "branding settings submission web/guard"},

	// The adapters to Azure.
	{"azure/internal/rest", ""},
	{"azure/identity", "policy"},
	{"azure/internal/mailing", "azure/identity azure/internal/rest problem request submission"},
	{"azure/internal/posting", "azure/identity azure/internal/rest problem request submission"},
	{"azure/acs", "azure/identity azure/internal/mailing azure/internal/rest problem request"},
	{"azure/eventgrid", "azure/internal/posting request"},
	{"azure/teams", "azure/internal/posting policy request"},
	{"azure/webhook", "azure/internal/posting request"},
	{"azure/channels", "azure/eventgrid azure/teams azure/webhook request settings"},
	{"azure/functions", "problem submission web/problemdetails"},
	{"azure/functions/functionjson", ""},
	{"azure/graph", "azure/identity azure/internal/mailing azure/internal/rest policy problem request submission"},
	{"azure/queues", "azure/internal/rest problem submission"},
	{"azure/tables", "azure/internal/rest policy problem request submission web/session"},

	// What is deployed, and the admin's command.
	{"cmd/handler", "azure/... mail problem request settings submission web/... workflow"},
	{"cmd/guestlist", "azure/acs azure/channels azure/functions/functionjson azure/graph azure/identity azure/queues azure/tables branding i18n mail operate policy/... problem request review settings submission web"},

	// Development.
	{"dev/internal/apptest", "azure/functions/functionjson"},
	{"dev/internal/subprocess", ""},
	{"dev/azurite", "dev/internal/subprocess"},
	{"dev/azurite/azuritetest", "dev/azurite"},
	{"dev/acssim", ""},
	{"dev/captchasim", ""},
	{"dev/noticesim", ""},
	{"dev/signinsim", ""},
	{"dev/tablesim", ""},
	{"dev/graphsim", ""},
	{"dev/hostsim", "azure/functions/functionjson dev/internal/subprocess"},
	{"dev/simulation", "dev/graphsim mail operate policy policy/rowfile problem request request/memstore request/mempeople review submission workflow"},
	{"dev/largetable", "dev/tablesim request submission workflow"},
	{"dev/cmd/bench/bare", ""},
	{"dev/cmd/bench", "azure/tables dev/acssim dev/azurite dev/graphsim dev/internal/subprocess dev/largetable dev/simulation dev/tablesim policy request submission web/guard"},
	{"dev/cmd/localhost", "azure/tables dev/acssim dev/azurite dev/graphsim dev/hostsim dev/internal/subprocess dev/noticesim dev/signinsim policy request settings submission"},
	{"dev/cmd/package", "azure/functions/functionjson"},
	{"dev/cmd/release", ""},
	{"dev/suite/...", ""},
}

// sdks lists the packages outside this module that only these packages may import.
var sdks = []struct{ imported, by string }{
	{"github.com/microsoftgraph/...", "azure/graph"},
	{"github.com/microsoft/...", "azure/graph"},
	{"github.com/Azure/azure-sdk-for-go/sdk/data/aztables/...", "azure/tables"},
	{"github.com/Azure/azure-sdk-for-go/sdk/azidentity/...", "azure/identity"},
	{"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/...", "azure/queues dev/..."},
	{"cel.dev/...", "policy"},
	{"github.com/coreos/go-oidc/...", "web/signin"},
	{"golang.org/x/oauth2/...", "web/signin"},
	{"github.com/cloudevents/...", "dev/noticesim"},
	{"github.com/standard-webhooks/...", "dev/noticesim"},
}

// unlinked lists the packages that a program must not contain, not even indirectly.
var unlinked = []struct{ program, packages string }{
	{"cmd/handler", "dev/... request/channeltest request/mailertest request/mempeople request/memstore request/peopletest request/storetest web/internal/pagetest web/session/sessiontest testing/... net/http/httptest"},
	{"cmd/guestlist", "dev/... request/channeltest request/mailertest request/mempeople request/memstore request/peopletest request/storetest web/internal/pagetest web/session/sessiontest web/signin testing/... net/http/httptest"},
}

// impure lists the standard packages that policy and submission must not import, because a
// decision depends on the submission, the rows and the given time alone.
const impure = "os/... io/fs io/ioutil net net/http/... syscall log/... database/sql/... math/rand/... plugin"

// clock lists the functions of package time that read the clock or wait.
const clock = "Now Since Until Sleep After AfterFunc Tick NewTicker NewTimer"

const module = "guestlist/handlers/"

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// packages returns the packages of this module and everything that they import, by import path
// relative to handlers.
var packages = sync.OnceValues(func() (map[string]listed, error) {
	command := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", "./...")
	var said strings.Builder
	command.Stderr = &said
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, &said)
	}
	all := map[string]listed{}
	decoder := json.NewDecoder(bytes.NewReader(output))
	for {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for i := range p.Imports {
			p.Imports[i] = strings.TrimPrefix(p.Imports[i], module)
		}
		for i := range p.Deps {
			p.Deps[i] = strings.TrimPrefix(p.Deps[i], module)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all[p.ImportPath] = p
	}
})

// sources returns the parsed files of each package of this module, without tests.
//
// It reads every file itself: a cached result of this test is valid only while they are
// unchanged, and go test does not see what go list reads.
var sources = sync.OnceValues(func() (map[string][]*ast.File, error) {
	all := map[string][]*ast.File{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, content, parser.ParseComments)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(name))
		all[pkg] = append(all[pkg], file)
		return nil
	})
	return all, err
})

func load(t *testing.T) (map[string]listed, map[string][]*ast.File) {
	t.Helper()
	files, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return all, files
}

// covers says whether one of the patterns, separated by spaces, stands for the package.
func covers(patterns, pkg string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(pattern string) bool {
		subtree, isSubtree := strings.CutSuffix(pattern, "/...")
		return pkg == subtree || isSubtree && strings.HasPrefix(pkg, subtree+"/")
	})
}

// ruleOf returns the rule of a package.
func ruleOf(pkg string) (rule, error) {
	for _, r := range rules {
		if covers(r.pkg, pkg) {
			return r, nil
		}
	}
	return rule{}, fmt.Errorf("package %s has no line in the table of imports", pkg)
}

func TestPackagesImportOnlyWhatTheirRuleAllows(t *testing.T) {
	all, files := load(t)
	for pkg := range files {
		r, err := ruleOf(pkg)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, imported := range all[pkg].Imports {
			if _, ours := files[imported]; ours && !covers(r.imports, imported) && !sameSubtree(r, imported) {
				t.Errorf("%s imports %s; its rule allows %q", pkg, imported, r.imports)
			}
		}
	}
}

// sameSubtree says whether the rule is about a subtree that the package is part of: packages of
// one subtree may import each other.
func sameSubtree(r rule, pkg string) bool {
	return strings.HasSuffix(r.pkg, "/...") && covers(r.pkg, pkg)
}

func TestRulesAllowOnlyPackagesAboveThem(t *testing.T) {
	_, files := load(t)
	var above []string
	for _, r := range rules {
		matched := false
		for pkg := range files {
			matched = matched || covers(r.pkg, pkg)
			if covers(r.imports, pkg) && !covers(strings.Join(above, " "), pkg) && !covers(r.pkg, pkg) {
				t.Errorf("%s may import %s, which does not stand above it", r.pkg, pkg)
			}
		}
		if !matched {
			t.Errorf("there is no package %s", r.pkg)
		}
		above = append(above, r.pkg)
	}
}

func TestProgramsLinkOnlyWhatShips(t *testing.T) {
	all, _ := load(t)
	for _, u := range unlinked {
		if len(all[u.program].Deps) == 0 {
			t.Errorf("there is no program %s", u.program)
		}
		for _, linked := range all[u.program].Deps {
			if covers(u.packages, linked) {
				t.Errorf("%s links %s, through %s", u.program, linked, strings.Join(chain(all, u.program, linked), " → "))
			}
		}
	}
}

// chain returns the shortest way from one package to another by imports.
func chain(all map[string]listed, from, to string) []string {
	ways := [][]string{{from}}
	seen := map[string]bool{}
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		for _, next := range all[way[len(way)-1]].Imports {
			longer := append(slices.Clone(way), next)
			if next == to {
				return longer
			}
			if !seen[next] {
				seen[next] = true
				ways = append(ways, longer)
			}
		}
	}
	return nil
}

func TestEachSDKHasOneImporter(t *testing.T) {
	all, files := load(t)
	for _, sdk := range sdks {
		used := false
		for pkg := range files {
			for _, imported := range all[pkg].Imports {
				if !covers(sdk.imported, imported) {
					continue
				}
				used = used || covers(sdk.by, pkg)
				if !covers(sdk.by, pkg) {
					t.Errorf("%s imports %s; only %s may", pkg, imported, sdk.by)
				}
			}
		}
		if !used {
			t.Errorf("%s does not import %s", sdk.by, sdk.imported)
		}
	}
}

func TestPolicyAndSubmissionDoNoIOAndReadNoClock(t *testing.T) {
	all, files := load(t)
	for _, pkg := range []string{"policy", "submission"} {
		for _, imported := range all[pkg].Imports {
			if covers(impure, imported) {
				t.Errorf("%s imports %s; it must do no I/O", pkg, imported)
			}
		}
		for _, file := range files[pkg] {
			ast.Inspect(file, func(node ast.Node) bool {
				selector, ok := node.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if name, ok := selector.X.(*ast.Ident); ok && name.Name == "time" && covers(clock, selector.Sel.Name) {
					t.Errorf("%s uses time.%s; the time is given to it", pkg, selector.Sel.Name)
				}
				return true
			})
		}
	}
}

// sentence returns what the comment of a package ends with, in one line.
func (r rule) sentence() string {
	names := strings.Fields(r.imports)
	switch last := len(names) - 1; {
	case last < 0:
		return "It imports nothing of this module."
	case last == 0:
		return "It imports only " + names[0] + " of this module."
	default:
		return "It imports only " + strings.Join(names[:last], ", ") + " and " + names[last] + " of this module."
	}
}

func TestPackageCommentsEndWithTheirRule(t *testing.T) {
	_, files := load(t)
	for pkg, parsed := range files {
		r, err := ruleOf(pkg)
		if err != nil || covers("dev/suite/...", pkg) { // all of those is tests
			continue
		}
		var comment string
		for _, file := range parsed {
			comment += file.Doc.Text()
		}
		if !strings.HasSuffix(strings.Join(strings.Fields(comment), " "), r.sentence()) {
			t.Errorf("the comment of package %s should end with\n%s", pkg, r.sentence())
		}
	}
}

func TestArchitecturePageShowsTheRules(t *testing.T) {
	page, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "<!-- imports -->\n")
	table, _, closed := strings.Cut(rest, "<!-- /imports -->")
	if !found || !closed {
		t.Fatal("the page has no table of imports between its marks")
	}
	var got []rule
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\S+)` \\| .{10,} \\| (.*) \\|$").FindAllStringSubmatch(table, -1) {
		imports := strings.NewReplacer("`", "", ",", "").Replace(row[2])
		got = append(got, rule{row[1], strings.TrimSpace(strings.TrimPrefix(imports, "nothing"))})
	}
	if !slices.Equal(got, rules) {
		var want strings.Builder
		for _, r := range rules {
			imports := "nothing"
			if r.imports != "" {
				imports = "`" + strings.ReplaceAll(r.imports, " ", "`, `") + "`"
			}
			fmt.Fprintf(&want, "| `%s` | ... | %s |\n", r.pkg, imports)
		}
		t.Errorf("the table of imports should have these rows:\n%s", want.String())
	}
}

func TestGuidesNameOnlyFilesThatExist(t *testing.T) {
	root, err := os.OpenRoot("..")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../README.md", "../.github/CONTRIBUTING.md", "../.github/SECURITY.md") {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var named []string
		for _, match := range regexp.MustCompile(`\]\(([^()#:]+)(?:#[^()]*)?\)`).FindAllStringSubmatch(string(content), -1) {
			named = append(named, path.Join(path.Dir(filepath.ToSlash(page)), match[1])[len("../"):])
		}
		for _, match := range regexp.MustCompile(`(?:handlers|infra|docs|\.github)/[\w./-]*\w`).FindAllString(string(content), -1) {
			named = append(named, strings.TrimSuffix(match, "/..."))
		}
		if len(named) == 0 && strings.HasSuffix(page, "CONTRIBUTING.md") {
			t.Errorf("%s names no file", page)
		}
		for _, name := range named {
			if _, err := root.Stat(name); err != nil {
				t.Errorf("%s names %s: %v", page, name, err)
			}
		}
	}
}
