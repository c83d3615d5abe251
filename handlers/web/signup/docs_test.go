package signup

import (
	"os"
	"strings"
	"testing"

	"guestlist/handlers/web/site"
)

// Operators count these lines, so the page names them as they are.
func TestManualHasLinesOfForm(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "### Lines of the form\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("the page has no section on the lines of the form")
	}
	for _, message := range []string{LogHoneypot, site.LogBodyless} {
		if !strings.Contains(section, "| `"+message+"` | WARN |") || !strings.Contains(section, `"`+message+`"`) {
			t.Errorf("the page does not list or count the line %q", message)
		}
	}
}
