package deployment

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGuideListsTheParameters(t *testing.T) {
	_, rest, found := strings.Cut(readFile(t, "docs/deploy.md"), "<!-- parameters -->\n")
	table, _, closed := strings.Cut(rest, "<!-- /parameters -->")
	if !found || !closed {
		t.Fatal("the guide has no table of parameters between its markers")
	}
	var got []string
	for _, match := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| .+ \\|$").FindAllStringSubmatch(table, -1) {
		got = append(got, match[1])
	}
	if diff := cmp.Diff(declared(t, mainFile, "param"), got); diff != "" {
		t.Errorf("the table differs from the template (-template +guide):\n%s", diff)
	}
}

func TestGuideNamesOnlyWhatExists(t *testing.T) {
	text := readFile(t, "docs/deploy.md") + readFile(t, firstHour)
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
	outputs := declared(t, mainFile, "output")
	for _, match := range regexp.MustCompile("outputs\\.(\\w+)\\.value|the output `(\\w+)`").FindAllStringSubmatch(text, -1) {
		if !slices.Contains(outputs, match[1]+match[2]) {
			t.Errorf("the guide names the output %s", match[1]+match[2])
		}
	}
	// A dot separates a parameter and a property of its type.
	for _, match := range regexp.MustCompile("`(scale|network|entrance|rights|people|watch)\\.(\\w+)`").FindAllStringSubmatch(text, -1) {
		kind := strings.ToUpper(match[1][:1]) + match[1][1:]
		if !strings.Contains(block(t, "infra/types.bicep", "type "+kind+" = {"), "\n  "+match[2]+": ") {
			t.Errorf("the guide names %s.%s", match[1], match[2])
		}
	}
	for _, match := range regexp.MustCompile("`mail\\.(\\w+)`").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(block(t, "infra/types.bicep", "type AcsMail = {"), "\n  "+match[1]+": ") {
			t.Errorf("the guide names mail.%s", match[1])
		}
	}
	for _, match := range regexp.MustCompile(`service: '(\w+)'`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(readFile(t, "infra/types.bicep"), "\n  service: '"+match[1]+"'\n") {
			t.Errorf("the guide names the service %s", match[1])
		}
	}
	variables := readFile(t, "infra/azd/main.bicepparam")
	for _, match := range regexp.MustCompile(`azd env set (\w+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(variables, "'"+match[1]+"'") {
			t.Errorf("the guide sets %s, which azd's parameters do not read", match[1])
		}
	}
}
