package operate

// NoteOf returns the note of the blocks that the plan would set.
func NoteOf(p Plan) string { return p.aim.note() }
