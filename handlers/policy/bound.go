package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxDecisionBytes is the most that a [Decision] takes as JSON. A property of Table Storage holds 32,768 UTF-16 units,
// and JSON has no more units than bytes; the rest is room for columns to come.
const MaxDecisionBytes = 24 * 1024

// The parts of a decision, in bytes of JSON. Together with the longest Terms (maxURL bytes, each up to six in JSON, and
// 25 ids) they stay under MaxDecisionBytes, so that there is always room for the row that decided.
const (
	maxReason    = 1024
	maxWhy       = 1024
	maxPartition = 512
	maxName      = 512
	maxETag      = 256
	maxValue     = 2048 // one column of a snapshot
	maxColumns   = 8192 // all columns of a snapshot
)

// maxLooks is the most rows that a decision lists.
const maxLooks = 200

// cutMark ends a text that was cut.
const cutMark = "… (cut)"

// clip returns text in valid UTF-8, cut and marked if it would take more than most bytes inside a JSON string. It reads
// no more than that of the text.
func clip(text string, most int) string {
	size, cut := 0, 0
	for i, r := range text {
		if size <= most-len(cutMark) {
			cut = i
		}
		size += jsonSize(r)
		if size > most {
			return strings.ToValidUTF8(text[:cut], "\ufffd") + cutMark
		}
	}
	return strings.ToValidUTF8(text, "\ufffd")
}

// jsonSize returns the most bytes that encoding/json needs for the rune inside a string. Whatever is no rune counts as
// U+FFFD and is written as such.
func jsonSize(r rune) int {
	const escape = 6 // \u0000
	switch {
	case r < ' ', r == '<', r == '>', r == '&', r == '\u2028', r == '\u2029', r == utf8.RuneError:
		return escape
	case r == '"', r == '\\':
		return 2
	default:
		return utf8.RuneLen(r)
	}
}

// textSize returns the most bytes of text as a JSON string, without the quotes.
func textSize(text string) int {
	size := 0
	for _, r := range text {
		size += jsonSize(r)
	}
	return size
}

// snapshot returns the row for the record. Known columns come first if there is not room for all, since they say what
// the row meant.
func snapshot(row *Row) *RowSnapshot {
	raw := row.Raw
	shot := &RowSnapshot{
		Partition: clip(raw.Partition, maxPartition),
		Name:      clip(raw.Name, maxName),
		ETag:      clip(raw.ETag, maxETag),
		Columns:   make(map[string]string),
	}
	left := maxColumns
	add := func(column string) {
		const frame = len(`"":"",`)
		name := clip(column, maxName)
		_, taken := shot.Columns[name] // only by another that was cut to the same
		room := min(left-frame-textSize(name), maxValue)
		if taken || room < len(cutMark) {
			shot.Unlisted++
			return
		}
		text := cellText(raw.Columns[column])
		if column == inviteCode && text != "" {
			text = "(not understood)"
			if row.InviteCode != "" {
				text = hashPrefix + string(row.InviteCode)
			}
		}
		value := clip(text, room)
		shot.Columns[name] = value
		left -= frame + textSize(name) + textSize(value)
	}
	for _, c := range columns {
		_, found := raw.Columns[c.Name]
		if found {
			add(c.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(raw.Columns)) {
		if !known(name) {
			add(name)
		}
	}
	return shot
}

// list puts as many looks into the decision as it has room for. The look at index decided, if it is not negative, is
// one of them.
func (d *Decision) list(looks []Look, decided int) {
	const frame = len(`{"partition":"","name":"","outcome":"","why":""},`)
	size := func(l Look) int {
		return frame + textSize(l.Partition) + textSize(l.Name) + len(l.Outcome) + textSize(l.Why)
	}
	const rest = 128 // the time, Unlisted and their names
	left, places := MaxDecisionBytes-rest-d.size(), maxLooks
	if decided >= 0 {
		left, places = left-size(looks[decided]), places-1
	}
	d.Looked = make([]Look, 0, min(len(looks), maxLooks))
	full := false
	for i, look := range looks {
		if i == decided {
			d.Looked = append(d.Looked, look)
			continue
		}
		// The first that does not fit ends the list: what follows would stand as if it came right after.
		full = full || places == 0 || left < size(look)
		if full {
			d.Unlisted++
			continue
		}
		left, places = left-size(look), places-1
		d.Looked = append(d.Looked, look)
	}
}

// size returns the bytes of the decision as JSON with neither time nor looks.
func (d *Decision) size() int {
	encoded, err := json.Marshal(Decision{Action: d.Action, Reason: d.Reason, Row: d.Row, Terms: d.Terms, Looked: []Look{}})
	if err != nil {
		return MaxDecisionBytes // strings, numbers and maps of strings: it can't fail
	}
	return len(encoded)
}
