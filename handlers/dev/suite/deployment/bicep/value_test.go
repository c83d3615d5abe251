package bicep

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestValuesAreComputed(t *testing.T) {
	tests := map[string]struct {
		expression string
		want       any // nil if it can't be computed
	}{
		"a sum":                        {"p + 2 * 3", 10},
		"the largest number":           {"2147483640 + 7", 2147483647},
		"a sum that is too large":      {"2147483640 + 8", nil},
		"a product that is too large":  {"90 * 86400000", nil},
		"a large number":               {"7776000000", 7776000000},
		"a difference that is too low": {"0 - 2147483647 - 2", nil},
		"a text":                       {"'a${p}b'", "a4b"},
		"another value for null":       {"q.?size ?? 3", 3},
		"a list":                       {"map(['a', 'b'], (x, i) => '${x}${i}')", []any{"a0", "b1"}},
		"a choice":                     {"p > 3 && !empty(q) ? 'x' : 'y'", "y"},
		"what only Azure knows":        {"uniqueString('a')", "?uniqueString"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			content := "param p int = 4\nparam q object = {}\nvar v = " + test.expression + "\noutput o object = { p: p, q: q, v: v }\n"
			program, faults := Load(fstest.MapFS{"main.bicep": {Data: []byte(content)}}, "main.bicep")
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			got, err := program.Value("main.bicep", "v", nil)
			if (err == nil) != (test.want != nil) {
				t.Fatalf("the value is %v and the error %v", got, err)
			}
			if diff := cmp.Diff(test.want, got); err == nil && diff != "" {
				t.Error(diff)
			}
		})
	}
}
