package operate

import (
	"fmt"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

// RowTerms are the terms of a policy row; Row is zero for those of no row.
type RowTerms struct {
	Terms policy.Terms
	Row   policy.RowKey
}

// TermsFor returns the terms on which a person would approve the request: those of the named row,
// or else of the row that decided, as it is now. Without either it is an invitation without
// groups. The error says in a sentence why a row can't be used.
func TermsFor(rows []policy.Raw, r request.Request, named *policy.RowKey) (RowTerms, error) {
	key := named
	if key == nil && r.Decision != nil && r.Decision.Row != nil {
		key = &policy.RowKey{Partition: r.Decision.Row.Partition, Name: r.Decision.Row.Name}
	}
	if key == nil {
		return RowTerms{Terms: policy.Terms{SendInvitation: true, UserType: "Guest"}}, nil
	}
	raw, found := find(rows, *key)
	if !found {
		return RowTerms{}, fmt.Errorf("there is no row %q in the partition %q any more; "+
			"name another with --row, or give --group and --sponsor", key.Name, key.Partition)
	}
	row := policy.Parse(raw)
	if len(row.Faults) > 0 {
		return RowTerms{}, fmt.Errorf("the row %q of %q can't be understood: %s; "+
			"correct it, or name another with --row", key.Name, key.Partition, row.Faults[0])
	}
	return RowTerms{row.Terms, *key}, nil
}
