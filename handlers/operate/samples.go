package operate

import (
	"context"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

// Samples returns the first rows of a new table. They invite nobody: everybody goes to review,
// and there is a disabled example of each kind of partition.
func Samples() []policy.Raw {
	return []policy.Raw{
		{Partition: "*", Name: "everybody", Columns: map[string]any{
			"Action": "review", "Note": "For everybody without another row: a person decides.",
		}},
		{Partition: "contoso.com", Name: "example partners", Columns: map[string]any{
			"Action": "invite", "Enabled": false, "Priority": int32(100),
			"Note": "Example. Create it again under a partner's domain, set Sponsors and Groups to your object ids, " +
				"then set Enabled to true.",
		}},
		{Partition: "*.contoso.com", Name: "example subsidiaries", Columns: map[string]any{
			"Action": "review", "Enabled": false,
			"Note": "Example. Every domain below contoso.com, but not contoso.com itself.",
		}},
		{Partition: "mallory@contoso.com", Name: "example exception", Columns: map[string]any{
			"Action": "deny", "Enabled": false,
			"Note": "Example. A row for one address is tried before those for its domain.",
		}},
	}
}

// Init writes those sample rows that do not exist yet, and returns them. If the table has any
// rows, it writes nothing and returns a problem.Conflict, unless force is set.
func Init(ctx context.Context, table Table, force bool) ([]policy.Raw, error) {
	standing, err := table.AllRows(ctx)
	if err != nil {
		return nil, err
	}
	if len(standing) > 0 && !force {
		return nil, problem.New(problem.Conflict, "the table has rows already (%d)", len(standing))
	}
	written := []policy.Raw{}
	for _, row := range Samples() {
		_, exists := find(standing, row.Key())
		if exists {
			continue
		}
		err = table.ChangeRows(ctx, []policy.Raw{row}, nil, nil)
		if err != nil {
			return written, err
		}
		written = append(written, row)
	}
	return written, nil
}
