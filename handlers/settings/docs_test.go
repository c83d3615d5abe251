package settings

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write the tables of settings into README.md and docs/settings.md")

// essential are the settings that the README lists: those of a first deployment.
var essential = []string{Organisation, Contact, PrivacyURL, FormKeys, RedirectURL, DailyInvitations}

// table returns a Markdown table of the settings; with names, of those only.
func table(names ...string) string {
	var rows strings.Builder
	rows.WriteString("| setting | default | meaning |\n| --- | --- | --- |\n")
	for _, setting := range All() {
		if len(names) > 0 && !slices.Contains(names, setting.Name) {
			continue
		}
		value := ""
		if setting.Default != "" {
			value = "`" + setting.Default + "`"
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", setting.Name, value, setting.Meaning)
	}
	return rows.String()
}

// TestDocsListSettings compares the tables in the docs with All. After a change of All, run:
//
//	go test ./handlers/settings -run TestDocsListSettings -write
func TestDocsListSettings(t *testing.T) {
	for path, want := range map[string]string{"../../docs/settings.md": table(), "../../README.md": table(essential...)} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		const start, end = "<!-- settings -->\n", "<!-- /settings -->"
		before, rest, opened := strings.Cut(string(page), start)
		got, after, closed := strings.Cut(rest, end)
		switch {
		case !opened || !closed:
			t.Errorf("%s has no table between %q and %q", path, start, end)
		case got != want && *write:
			err = os.WriteFile(path, []byte(before+start+want+end+after), 0o644)
			if err != nil {
				t.Fatal(err)
			}
		case got != want:
			t.Errorf("%s differs from the settings that are read; it should have\n%s", path, want)
		}
	}
}
