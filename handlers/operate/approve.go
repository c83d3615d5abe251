package operate

import (
	"fmt"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

// Approval is what a person is about to let a guest in with.
type Approval struct {
	Terms policy.Terms `json:"terms"`
	// Partition and Row name the row that the terms are of; empty if no row is.
	Partition string `json:"partition,omitempty"`
	Row       string `json:"row,omitempty"`
}

// NewApproval returns the terms for the request: those of the named row, else those of the row that decided, as it stands now. Where neither is given
// it is a plain invitation that grants nothing. The error says in a whole sentence why a row can't be used.
func NewApproval(rows []policy.Raw, r request.Request, named *policy.RowKey) (Approval, error) {
	key := named
	if key == nil && r.Decision != nil && r.Decision.Row != nil {
		key = &policy.RowKey{Partition: r.Decision.Row.Partition, Name: r.Decision.Row.Name}
	}
	if key == nil {
		return Approval{Terms: policy.Terms{SendInvitation: true, UserType: "Guest"}}, nil
	}
	raw, found := keyed(rows, key.Partition, key.Name)
	if !found {
		return Approval{}, fmt.Errorf("there is no row %q in the partition %q any more; name another with --row, or give --group and --sponsor", key.Name, key.Partition)
	}
	row := policy.Parse(raw)
	if len(row.Faults) > 0 {
		return Approval{}, fmt.Errorf("the row %q of %q can't be understood: %s; mend it, or name another with --row", key.Name, key.Partition, row.Faults[0])
	}
	return Approval{Terms: row.Terms, Partition: key.Partition, Row: key.Name}, nil
}
