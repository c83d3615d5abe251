package bicep

import (
	"os"
	"path/filepath"
	"testing"
)

const root = "../../../../.."

func TestTheGrammarFindsWhatIsNoBicep(t *testing.T) {
	tests := map[string]struct {
		name, content string
		line          int // 0: nothing is wrong
	}{
		"a template":                   {"good.bicep", "param a string\n\nextension microsoftGraphV1\n\nvar b = a\n", 0},
		"parameters":                   {"good.bicepparam", "using 'main.bicep'\n\nparam a = 'x'\n", 0},
		"a brace that is never closed": {"bad.bicep", "var a = {\n  b: 1\n", 1},
		"two colons":                   {"bad.bicep", "var a = {\n  b:: 1\n}\n", 2},
		"parameters without a value":   {"bad.bicepparam", "using 'main.bicep'\n\nparam a = \n", 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.name)
			err := os.WriteFile(path, []byte(test.content), 0o644)
			if err != nil {
				t.Fatal(err)
			}
			faults, err := Grammar(t.Context(), root, path)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case test.line == 0 && len(faults) > 0:
				t.Errorf("found %v, want nothing", faults)
			case test.line > 0 && (len(faults) == 0 || faults[0].Pos.Line != test.line):
				t.Errorf("found %v, want something in line %d", faults, test.line)
			}
		})
	}
}
