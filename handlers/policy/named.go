package policy

// NamingColumns are the columns that [Named] needs: those that hold object ids of users and groups,
// what a row grants first.
func NamingColumns() []string {
	return []string{GroupsColumn, SponsorsColumn, ApproversColumn, SecondApproversColumn, EscalateToColumn}
}

// Named returns the object ids of users and groups in the rows, in lower case, each once, in the
// order of [NamingColumns]. A column that can't be read has none.
func Named(rows []Raw) []string {
	parsed := make([]Row, 0, len(rows))
	for _, raw := range rows {
		cells := map[string]any{}
		for _, name := range NamingColumns() {
			cells[name] = raw.Columns[name]
		}
		parsed = append(parsed, Parse(Raw{Columns: cells}))
	}
	var ids []string
	known := map[string]bool{}
	for _, column := range []func(Row) []string{
		func(r Row) []string { return r.Terms.Groups },
		func(r Row) []string { return r.Terms.Sponsors },
		func(r Row) []string { return r.ReviewRules.Approvers },
		func(r Row) []string { return r.ReviewRules.SecondApprovers },
		func(r Row) []string { return r.ReviewRules.EscalateTo },
	} {
		for _, row := range parsed {
			for _, id := range column(row) {
				if !known[id] {
					known[id] = true
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}
