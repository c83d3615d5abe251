package deployment

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/settings"
)

// update makes TestTemplatesMatchTheirSnapshots write what it otherwise compares: make templates.
var update = flag.Bool("update", false, "format the templates, write their snapshots and their sums")

// root is the folder of go.mod.
const root = "../../../.."

// sumsFile has the SHA-256 sum of every file that the compiler reads or writes, as sha256sum
// prints it. It shows a stale snapshot on machines without the compiler.
const sumsFile = "infra/templates.sha256"

// infraFiles returns the files below infra with one of the suffixes, relative to the root.
func infraFiles(t *testing.T, suffixes ...string) []string {
	t.Helper()
	var paths []string
	err := fs.WalkDir(os.DirFS(root), "infra", func(path string, entry fs.DirEntry, err error) error {
		matches := func(suffix string) bool { return strings.HasSuffix(path, suffix) }
		if err == nil && !entry.IsDir() && slices.ContainsFunc(suffixes, matches) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// compilerVersion is the version of the Bicep compiler that writes the snapshots. Another one may
// predict or format differently.
const compilerVersion = "0.49.2"

// findCompiler returns an error if there is no compiler, if it does not run, or if it has another
// version.
func findCompiler(t *testing.T) (compiler, error) {
	t.Helper()
	path, err := exec.LookPath("bicep")
	if err != nil {
		return compiler{}, fmt.Errorf("the Bicep compiler %s is needed, "+
			"https://learn.microsoft.com/azure/azure-resource-manager/bicep/install: %w", compilerVersion, err)
	}
	c := compiler{t, path}
	output, err := c.run("--version")
	if err != nil || !strings.HasPrefix(output, "Bicep CLI version "+compilerVersion+" ") {
		return compiler{}, fmt.Errorf("the Bicep compiler %s is needed, and %s is %q (%v)",
			compilerVersion, path, output, err)
	}
	return c, nil
}

// compiler runs Microsoft's Bicep compiler.
type compiler struct {
	t    *testing.T
	path string
}

// run returns what the compiler prints, without its hints, and whether it succeeded.
func (c compiler) run(args ...string) (string, error) {
	cmd := exec.Command(c.path, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "AZURE_ENV_NAME=test", "AZURE_LOCATION=westeurope",
		"GUESTLIST_ORGANISATION=Wingtip Toys")
	output, err := cmd.CombinedOutput()
	hint := regexp.MustCompile(`(?m)^\S+ : Info .*\n`)
	return strings.TrimSpace(hint.ReplaceAllString(string(output), "")), err
}

// must runs the compiler, which must succeed and print nothing.
func (c compiler) must(args ...string) {
	c.t.Helper()
	output, err := c.run(args...)
	if err != nil || output != "" {
		c.t.Errorf("bicep %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// copyTemplates returns a folder with a copy of infra, which the compiler may change.
func (c compiler) copyTemplates() string {
	folder := c.t.TempDir()
	err := os.CopyFS(filepath.Join(folder, "infra"), os.DirFS(filepath.Join(root, "infra")))
	if err != nil {
		c.t.Fatal(err)
	}
	return folder
}

// format formats every template, or says which one is not formatted.
func (c compiler) format() {
	folder := c.copyTemplates()
	c.must("format", "--pattern", filepath.Join(folder, "infra/**/*.bicep"))
	c.must("format", "--pattern", filepath.Join(folder, "infra/**/*.bicepparam"))
	for _, path := range infraFiles(c.t, ".bicep", ".bicepparam") {
		content, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			c.t.Fatal(err)
		}
		if string(content) == readFile(c.t, path) {
			continue
		}
		if !*update {
			c.t.Errorf("%s is not formatted: run make templates", path)
			continue
		}
		err = os.WriteFile(filepath.Join(root, path), content, 0o644)
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// lintGraph lints the Graph template, which has no snapshot. Its types come from a registry, so
// tests need them beside the compiler.
func (c compiler) lintGraph() {
	types := c.graphTypes()
	switch {
	case types != "":
		c.must("lint", graphFile, "--config", c.graphConfig(types, c.t.TempDir()))
	case *update:
		c.must("lint", graphFile)
	}
}

// graphTypes returns the index of the Microsoft Graph extension's types where they lie beside the
// compiler, and nothing where they do not.
func (c compiler) graphTypes() string {
	program, err := filepath.EvalSymlinks(c.path)
	if err != nil {
		c.t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(filepath.Dir(program), "microsoftgraph-v1.0-*", "index.json"))
	if err != nil {
		c.t.Fatal(err)
	}
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// graphConfig writes the configuration of the Graph templates into the folder, with the types at
// hand in place of those in the registry, and returns its path.
func (c compiler) graphConfig(types, folder string) string {
	output, err := c.run("publish-extension", types, "--target", filepath.Join(folder, "msgraph.tgz"))
	if err != nil {
		c.t.Fatalf("packing the types of the Graph extension: %v\n%s", err, output)
	}
	registry := regexp.MustCompile(`"br:[^"]+"`)
	config := registry.ReplaceAllString(readFile(c.t, "infra/graph/bicepconfig.json"), `"./msgraph.tgz"`)
	path := filepath.Join(folder, "bicepconfig.json")
	err = os.WriteFile(path, []byte(config), 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	return path
}

// snapshots compares the snapshot beside each parameter file with what the compiler predicts, or
// writes it if it differs. The compiler orders outputs at random, so one that holds is left as it
// is. It also lints what it compiles; a warning fails. The compiler's own comparison (--mode
// validate) sees no outputs.
func (c compiler) snapshots() {
	folder := c.copyTemplates()
	types := c.graphTypes()
	if types != "" {
		c.graphConfig(types, filepath.Join(folder, "infra/graph"))
	}
	for _, path := range infraFiles(c.t, ".bicepparam") {
		if ofRegistration(c.t, path) && types == "" && !*update {
			continue
		}
		args := []string{
			"snapshot", filepath.Join(folder, path), "--mode", "overwrite", "--deployment-name", "guestlist", "--location", "westeurope",
			"--tenant-id", "00000000-0000-4000-8000-000000000001",
			"--subscription-id", "00000000-0000-4000-8000-000000000002",
		}
		if !strings.HasPrefix(path, "infra/azd/") {
			args = append(args, "--resource-group", "rg-guestlist")
		}
		c.must(args...)
		c.compare(folder, strings.TrimSuffix(path, ".bicepparam")+".snapshot.json")
	}
}

// compare compares a snapshot with the one that the compiler has written into the folder, or
// replaces it by that one if they differ.
func (c compiler) compare(folder, path string) {
	c.t.Helper()
	predicted, err := os.ReadFile(filepath.Join(folder, path))
	if err != nil {
		c.t.Fatal(err)
	}
	var want, got any
	err = json.Unmarshal(predicted, &want)
	if err != nil {
		c.t.Fatalf("%s: %v", path, err)
	}
	committed, err := os.ReadFile(filepath.Join(root, path))
	if err == nil {
		err = json.Unmarshal(committed, &got)
	}
	diff := cmp.Diff(want, got)
	switch {
	case err == nil && diff == "":
	case err != nil && !*update:
		c.t.Errorf("%s: run make templates: %v", path, err)
	case !*update:
		c.t.Errorf("%s: run make templates and look at what changed (-predicted +committed):\n%s", path, diff)
	default:
		err = os.WriteFile(filepath.Join(root, path), predicted, 0o644)
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// sums returns the content of [sumsFile].
func sums(t *testing.T) string {
	t.Helper()
	var list strings.Builder
	for _, path := range infraFiles(t, ".bicep", ".bicepparam", "bicepconfig.json", ".kql", ".snapshot.json") {
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256([]byte(readFile(t, path))), path)
	}
	return list.String()
}

// Without a compiler, the sums say that make templates accepted these very files.
func TestTemplatesMatchTheirSnapshots(t *testing.T) {
	c, err := findCompiler(t)
	switch {
	case err == nil:
		c.format()
		c.lintGraph()
		c.snapshots()
	case *update:
		t.Fatal(err)
	default:
		t.Logf("compared the sums alone: %v", err)
	}
	if *update && !t.Failed() {
		err = os.WriteFile(filepath.Join(root, sumsFile), []byte(sums(t)), 0o644)
		if err != nil {
			t.Fatal(err)
		}
	}
	committed := strings.Split(readFile(t, sumsFile), "\n")
	for line := range strings.Lines(sums(t)) {
		if line = strings.TrimSpace(line); !slices.Contains(committed, line) {
			t.Errorf("%s has changed since the last make templates", line[66:])
		}
	}
	if len(committed) != len(strings.Split(sums(t), "\n")) {
		t.Errorf("%s names files that are gone: run make templates", sumsFile)
	}
}

func TestEveryPlaceNamesTheCompilersVersion(t *testing.T) {
	for path, text := range map[string]string{
		".github/workflows/azure.yml": "BICEP_VERSION: v" + compilerVersion + "\n",
		".github/CONTRIBUTING.md":     compilerVersion,
	} {
		if !strings.Contains(readFile(t, path), text) {
			t.Errorf("%s does not name the Bicep compiler %s", path, compilerVersion)
		}
	}
}

// linterRules are the rules of the linter that must be errors.
const linterRules = `
	adminusername-should-not-be-literal artifacts-parameters decompiler-cleanup
	explicit-values-for-loc-params max-asserts max-outputs max-params max-resources max-variables
	nested-deployment-template-scoping no-conflicting-metadata no-deployments-resources
	no-explicit-any no-hardcoded-env-urls no-hardcoded-location no-hardcoded-outputs
	no-loc-expr-outside-params no-module-name no-unnecessary-dependson no-unused-existing-resources
	no-unused-imports no-unused-params no-unused-types no-unused-vars
	outputs-should-not-contain-secrets prefer-interpolation prefer-unquoted-property-names
	protect-commandtoexecute-secrets secure-parameter-default secure-params-in-nested-deploy
	secure-params-in-parameters-file secure-secrets-in-params simplify-interpolation
	simplify-json-null use-description-outputs use-description-params use-description-type-properties
	use-description-types use-parent-property use-recent-module-versions
	use-resource-symbol-reference use-safe-access use-secure-value-for-secure-inputs
	use-stable-resource-identifiers use-stable-vm-image use-user-defined-types`

// softRules are the rules of the linter that stop no deployment, and why.
var softRules = map[string]string{
	"stacks-extensibility-compat": "it only says that the Graph extension does not work in deployment stacks",
	"use-recent-api-versions":     "a new version somewhere must not stop a deployment that worked yesterday",
	"what-if-short-circuiting":    "names of role assignments hold the ids of identities, which what-if does not know",
}

// The compiler ignores a rule that it does not know, so a misspelt name would switch a rule off.
func TestLinterRulesAreErrors(t *testing.T) {
	var config struct {
		Analyzers struct {
			Core struct {
				Enabled bool
				Rules   map[string]struct {
					Level        string
					MaxAgeInDays int
				}
			}
		}
	}
	err := json.Unmarshal([]byte(readFile(t, "infra/bicepconfig.json")), &config)
	if err != nil {
		t.Fatal(err)
	}
	rules := config.Analyzers.Core.Rules
	if !config.Analyzers.Core.Enabled {
		t.Error("the linter is off")
	}
	names := strings.Fields(linterRules)
	for _, name := range names {
		if rules[name].Level != "error" {
			t.Errorf("the rule %s is %q", name, rules[name].Level)
		}
	}
	for name, rule := range rules {
		if !slices.Contains(names, name) && (softRules[name] == "" || rule.Level == "error") {
			t.Errorf("the rule %s is unknown, or must not be %q", name, rule.Level)
		}
	}
	if rules["use-recent-api-versions"].MaxAgeInDays == 0 {
		t.Error("any version of a resource type is recent enough")
	}
}

// snapshot is what a deployment would make, as the compiler predicts it. What only Azure knows is
// an expression in brackets.
type snapshot struct {
	path  string
	token string // ends all names
	layout
	PredictedResources []resource
	Outputs            map[string]any
	Diagnostics        []any
}

type resource struct {
	ID, Type, Name, Kind string
	Condition            any
	SKU                  struct{ Name string }
	Properties           map[string]any
}

// layout says what a snapshot's parameter file switches on.
type layout struct {
	split   bool // several apps
	reviews bool // the review pages, which are one more app of several
	full    bool // everything else
	fixed   bool // a file of infra/test; the others are for admins to edit
}

// snapshots returns all snapshots, or only those of infra/test, which nobody edits for a
// deployment.
func snapshots(t *testing.T, folder string) []snapshot {
	t.Helper()
	var list []snapshot
	for _, path := range infraFiles(t, ".bicepparam") {
		if !strings.HasPrefix(path, folder) || ofRegistration(t, path) {
			continue
		}
		s := snapshot{path: strings.TrimSuffix(path, ".bicepparam") + ".snapshot.json"}
		err := json.Unmarshal([]byte(readFile(t, s.path)), &s)
		if err != nil {
			t.Fatalf("%s: %v", s.path, err)
		}
		workspace := s.all("Microsoft.OperationalInsights/workspaces")
		if len(workspace) != 1 || len(s.Diagnostics) != 0 {
			t.Fatalf("%s has %d workspaces and the diagnostics %v", s.path, len(workspace), s.Diagnostics)
		}
		s.token = workspace[0].Name[strings.LastIndex(workspace[0].Name, "-")+1:]
		s.layout = layout{
			split: len(s.all("Microsoft.Web/sites")) > 1,
			full:  strings.HasSuffix(s.path, "-full.snapshot.json"),
			fixed: strings.HasPrefix(s.path, testLayouts),
		}
		for _, config := range s.all("Microsoft.Web/sites/config") {
			s.reviews = s.reviews || config.Properties[settings.SignInClientID] != ""
		}
		if s.fixed && s.reviews != (s.full || strings.Contains(s.path, "-reviews.")) {
			t.Errorf("%s: whether there are review pages is %t", s.path, s.reviews)
		}
		if s.fixed && s.split != strings.Contains(s.path, "/split") {
			t.Errorf("%s: whether identities are split is %t", s.path, s.split)
		}
		list = append(list, s)
	}
	if len(list) < 4 {
		t.Fatalf("only %d snapshots were found in %s", len(list), folder)
	}
	return list
}

// Folders of parameter files.
const (
	allLayouts  = "infra/"
	testLayouts = "infra/test/"
)

// snapshotOf returns the snapshot of one layout.
func snapshotOf(t *testing.T, path string) snapshot {
	t.Helper()
	for _, s := range snapshots(t, allLayouts) {
		if s.path == path {
			return s
		}
	}
	t.Fatalf("snapshot %s is missing", path)
	return snapshot{}
}

// all returns the resources of a type.
func (s snapshot) all(resourceType string) []resource {
	var list []resource
	for _, r := range s.PredictedResources {
		if r.Type == resourceType {
			list = append(list, r)
		}
	}
	return list
}

// wide tells whether the layout has the parameters for what only a subscription can show.
func (s snapshot) wide() bool { return strings.HasSuffix(s.path, "-wide.snapshot.json") }

// names returns the last part of the names of all resources of a type, sorted.
func (s snapshot) names(resourceType string) []string {
	var list []string
	for _, r := range s.all(resourceType) {
		list = append(list, r.Name[strings.LastIndex(r.Name, "/")+1:])
	}
	slices.Sort(list)
	return list
}

// app is a function app of a snapshot.
type app struct {
	name     string // everything, work, form, status or reviews
	site     resource
	settings map[string]string
}

// servesForm tells whether the app needs the key that signs forms.
func (a app) servesForm() bool { return a.name == "everything" || a.name == "form" }

// sendsMails tells whether the app has the worker, which alone sends mails.
func (a app) sendsMails() bool { return a.name == "everything" || a.name == "work" }

func (s snapshot) apps(t *testing.T) []app {
	t.Helper()
	var list []app
	for _, site := range s.all("Microsoft.Web/sites") {
		a := app{name: s.part(site.Name), site: site, settings: map[string]string{}}
		if !s.split {
			a.name = "everything"
		}
		for _, config := range s.all("Microsoft.Web/sites/config") {
			if config.Name != site.Name+"/appsettings" {
				continue
			}
			for name, value := range config.Properties {
				a.settings[name], _ = value.(string)
			}
		}
		list = append(list, a)
	}
	want := 1
	switch {
	case s.split && s.reviews:
		want = 4
	case s.split:
		want = 3
	}
	if len(list) != want {
		t.Fatalf("%s has %d apps, want %d", s.path, len(list), want)
	}
	return list
}

// part tells which part of a split deployment a name belongs to.
func (s snapshot) part(name string) string {
	for _, part := range []string{"form", "status", "reviews"} {
		if strings.Contains(name, "-"+part+"-"+s.token) {
			return part
		}
	}
	return "work"
}

// at returns the value below a path of keys, or nil.
func at(value any, keys ...string) any {
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// walk calls visit for every key and every text below a value, with the path to it.
func walk(path string, value any, visit func(path, key, text string)) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			visit(path, key, "")
			walk(path+"."+key, inner, visit)
		}
	case []any:
		for _, inner := range value {
			walk(path, inner, visit)
		}
	case string:
		visit(path, "", value)
	}
}
