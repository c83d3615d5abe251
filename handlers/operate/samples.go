package operate

import (
	"context"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

// Samples returns the rows that a new table begins with. They invite nobody: everybody goes to review, and an example
// of each kind of partition stands beside it, switched off.
func Samples() []policy.Raw {
	return []policy.Raw{
		{Partition: "*", Name: "everybody", Columns: map[string]any{
			"Action": "review", "Note": "Whoever no other row is for: a person decides.",
		}},
		{Partition: "contoso.com", Name: "example partners", Columns: map[string]any{
			"Action": "invite", "Enabled": false, "Priority": int32(100),
			"Note": "Example. Make it anew under a partner's domain, set Sponsors and Groups to object ids of yours, " +
				"then set Enabled to true.",
		}},
		{Partition: "*.contoso.com", Name: "example subsidiaries", Columns: map[string]any{
			"Action": "review", "Enabled": false,
			"Note": "Example. Every domain below contoso.com, and not contoso.com itself.",
		}},
		{Partition: "mallory@contoso.com", Name: "example exception", Columns: map[string]any{
			"Action": "deny", "Enabled": false,
			"Note": "Example. A row for one address goes before those for its domain.",
		}},
	}
}

// Init writes the sample rows into an empty table. Into one with rows only if force is set; rows that exist are left as
// they are then. It returns the rows that were written. problem.Conflict, and nothing is written, if the table has rows
// and force is not set.
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
		_, exists := keyed(standing, row.Partition, row.Name)
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
