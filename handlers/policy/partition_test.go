package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/submission"
)

// address parses an address.
func address(t testing.TB, text string) submission.Address {
	t.Helper()
	a, err := submission.ParseAddress(text)
	if err != nil {
		t.Fatalf("ParseAddress(%q): %v", text, err)
	}
	return a
}

func TestPartitionsFromAddressToEverybody(t *testing.T) {
	tests := []struct {
		name, address string
		want          []string
	}{
		{"a domain of two parts", "ana@contoso.com", []string{"ana@contoso.com", "contoso.com", "*.com", "*"}},
		{"every ancestor has a wildcard", "ana@eu.sales.contoso.com", []string{
			"ana@eu.sales.contoso.com", "eu.sales.contoso.com", "*.sales.contoso.com", "*.contoso.com", "*.com", "*"}},
		{"case is folded", "Ana@Contoso.COM", []string{"ana@contoso.com", "contoso.com", "*.com", "*"}},
		{"punycode stays", "ana@xn--bcher-kva.com", []string{"ana@xn--bcher-kva.com", "xn--bcher-kva.com", "*.com", "*"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			diff := cmp.Diff(test.want, Partitions(address(t, test.address)))
			if diff != "" {
				t.Errorf("Partitions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPartitionsAreBoundedInNumber(t *testing.T) {
	got := Partitions(address(t, "ana@"+strings.Repeat("a.", 8)+"contoso.com"))
	if len(got) != 12 {
		t.Errorf("a domain of 10 parts has %d partitions, want 12", len(got))
	}
	_, err := submission.ParseAddress("ana@" + strings.Repeat("a.", 9) + "contoso.com")
	if err == nil {
		t.Error("a domain of 11 parts is accepted, which makes for more partitions than Partitions promises")
	}
}

func TestZeroAddressHasNoPartitions(t *testing.T) {
	got := Partitions(submission.Address{})
	if got != nil {
		t.Errorf("Partitions of the zero address = %q, want none", got)
	}
}

func TestPartitionKeys(t *testing.T) {
	tests := []struct {
		key    string
		valid  bool
		advice string // part of it; only if not valid
	}{
		{"*", true, ""},
		{"contoso.com", true, ""},
		{"*.contoso.com", true, ""},
		{"*.com", true, ""},
		{"ana@contoso.com", true, ""},
		{"xn--mnchen-3ya.com", true, ""},
		{"", false, "contoso.com"},
		{"com", false, "under *.com"},
		{"co.uk", false, "under *.co.uk"},
		{"contoso.local", false, "lower case"},
		{"*.contoso.local", false, "lower case"},
		{"Contoso.com", false, "under contoso.com"},
		{" contoso.com", false, "under contoso.com"},
		{"@contoso.com", false, "under contoso.com"},
		{"contoso.com.", false, "under contoso.com"},
		{".contoso.com", false, "under contoso.com or *.contoso.com"},
		{"*contoso.com", false, "under contoso.com or *.contoso.com"},
		{"münchen.com", false, "under xn--mnchen-3ya.com"},
		{"*.München.com", false, "under *.xn--mnchen-3ya.com"},
		{"*.*.contoso.com", false, "*.contoso.com"},
		{"eu.*.contoso.com", false, "under *.contoso.com"},
		{"Ana@contoso.com", false, "lower case"},
		{"*@contoso.com.", false, "under contoso.com"},
		{"contoso_com", false, "under contoso.com"},
		{"192.168.0.1", false, "lower case"},
		{strings.Repeat("a.", 40) + "com", false, "lower case"},
		{strings.Repeat("ü", 100_000), false, "lower case"},
	}
	for _, test := range tests {
		t.Run(clip(test.key, 50), func(t *testing.T) {
			row := Parse(Raw{Partition: test.key, Columns: map[string]any{"Action": "invite"}})
			if test.valid {
				if row.Faults != nil {
					t.Errorf("Faults = %v, want none", row.Faults)
				}
				return
			}
			if len(row.Faults) != 1 || row.Faults[0].Column != "PartitionKey" {
				t.Fatalf("Faults = %v, want one of PartitionKey", row.Faults)
			}
			got := row.Faults[0].Advice
			if !strings.Contains(got, test.advice) {
				t.Errorf("Advice = %q, want it to contain %q", got, test.advice)
			}
		})
	}
}
