package deployment

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/suite/deployment/bicep"
)

func guide(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(root + "/docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestTheGuideListsTheParameters(t *testing.T) {
	_, rest, found := strings.Cut(guide(t), "<!-- parameters -->\n")
	table, _, closed := strings.Cut(rest, "<!-- /parameters -->")
	if !found || !closed {
		t.Fatal("the guide has no table of parameters between its marks")
	}
	var got, want []string
	for _, match := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| .+ \\|$").FindAllStringSubmatch(table, -1) {
		got = append(got, match[1])
	}
	for _, d := range load(t).File(mainFile).Declarations {
		if d.Kind == bicep.Param {
			want = append(want, d.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table differs from the template (-template +guide):\n%s", diff)
	}
}

func TestWhatTheGuideNamesIsThere(t *testing.T) {
	text := guide(t)
	program := load(t)
	paths := regexp.MustCompile(`(?:infra|\.github)/[\w./-]+\.(?:bicepparam|bicep|sh|yml)\b`).FindAllString(text, -1)
	if len(paths) < 10 {
		t.Errorf("only %d paths were found", len(paths))
	}
	for _, path := range paths {
		_, err := os.Stat(filepath.Join(root, path))
		if err != nil {
			t.Errorf("the guide names %s: %v", path, err)
		}
	}
	outputs := map[string]bool{}
	for _, d := range program.File(mainFile).Declarations {
		outputs[d.Name] = outputs[d.Name] || d.Kind == bicep.Output
	}
	for _, match := range regexp.MustCompile("outputs\\.(\\w+)\\.value|the output `(\\w+)`").FindAllStringSubmatch(text, -1) {
		if !outputs[match[1]+match[2]] {
			t.Errorf("the guide names the output %s", match[1]+match[2])
		}
	}
	// Options that are written with a dot: a parameter and a property of its type.
	for _, match := range regexp.MustCompile("`(scale|network|entrance|people|watch)\\.(\\w+)`").FindAllStringSubmatch(text, -1) {
		kind := strings.ToUpper(match[1][:1]) + match[1][1:]
		known := false
		for _, property := range declaration(t, program, "infra/types.bicep", bicep.Type, kind).Type.Properties {
			known = known || property.Name == match[2]
		}
		if !known {
			t.Errorf("the guide names %s.%s", match[1], match[2])
		}
	}
	variables, err := os.ReadFile(root + "/infra/azd/main.bicepparam")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`azd env set (\w+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(variables), "'"+match[1]+"'") {
			t.Errorf("the guide sets %s, which azd's parameters do not read", match[1])
		}
	}
}
