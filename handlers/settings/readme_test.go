package settings

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// readmeTable is the list of settings as the README shows it.
func readmeTable() string {
	var table strings.Builder
	table.WriteString("| setting | default | meaning |\n| --- | --- | --- |\n")
	for _, setting := range All() {
		value := ""
		if setting.Default != "" {
			value = "`" + setting.Default + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", setting.Name, value, setting.Meaning)
	}
	return table.String()
}

func TestTheReadmeListsEverySetting(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "<!-- settings -->\n")
	got, _, closed := strings.Cut(rest, "<!-- /settings -->")
	if !found || !closed {
		t.Fatal("the README has no list of settings between its marks")
	}
	if want := readmeTable(); got != want {
		t.Errorf("the README's list differs from the settings that are read; it should be\n%s", want)
	}
}
