package policy

// NamingColumns are the columns that [Named] needs: those that hold object ids of users and groups,
// what a row grants first.
func NamingColumns() []string {
	return []string{GroupsColumn, SponsorsColumn, ApproversColumn, SecondApproversColumn, EscalateToColumn}
}

// IDs returns the object ids that the row has in one of the [NamingColumns], in lower case; none of
// another column.
func (r Row) IDs(column string) []string {
	switch column {
	case GroupsColumn:
		return r.Terms.Groups
	case SponsorsColumn:
		return r.Terms.Sponsors
	case ApproversColumn:
		return r.ReviewRules.Approvers
	case SecondApproversColumn:
		return r.ReviewRules.SecondApprovers
	case EscalateToColumn:
		return r.ReviewRules.EscalateTo
	}
	return nil
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
	for _, column := range NamingColumns() {
		for _, row := range parsed {
			for _, id := range row.IDs(column) {
				if !known[id] {
					known[id] = true
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}
