package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDecisionBytes is the most that a [Decision] takes as JSON. A property of Table Storage holds 32,768 UTF-16 units,
// and JSON has no more units than bytes; the rest is room for columns to come.
const MaxDecisionBytes = 28 * 1024

// The parts of a decision, in bytes of JSON. Together with the longest Terms (MaxMessage characters and maxURL bytes, each up to
// six in JSON, and 25 ids) they stay under MaxDecisionBytes, so that there is always room for the row that decided.
const (
	maxReason    = 1024
	maxWhy       = 1024
	maxPartition = 512
	maxName      = 512
	maxETag      = 256
	maxValue     = 2048 // one column of a snapshot
	maxColumns   = 8192 // all columns of a snapshot, fewer where the terms are long
)

// maxLooks is the most rows that a decision lists.
const maxLooks = 200

// Room in a decision beside its parts: the time, Unlisted and their names; and the look that decided.
const (
	restRoom = 128
	lookRoom = maxPartition + maxName + maxWhy + len(lookFrame) + len(Unneeded)
)

// cutMark ends a text that was cut.
const cutMark = "… (cut)"

const escaped = len(`\u0000`)

// jsonSizes has the most bytes that encoding/json needs for a byte of valid UTF-8 inside a string. U+2028, U+2029 and U+FFFD,
// which it may write as six, are counted at their first byte.
var jsonSizes = func() (sizes [256]int) {
	for b := range sizes {
		sizes[b] = 1
		if b < ' ' {
			sizes[b] = escaped
		}
	}
	for _, b := range []byte("<>&") {
		sizes[b] = escaped
	}
	for _, b := range []byte(`"\`) {
		sizes[b] = 2
	}
	for _, r := range "\u2028\ufffd" {
		sizes[utf8.AppendRune(nil, r)[0]] = escaped - 2
	}
	return sizes
}()

// textSize returns at least the bytes that text takes as a JSON string, without the quotes; at most five too many for some characters
// of three bytes. The text must be valid UTF-8.
func textSize(text string) int {
	size := 0
	for i := range len(text) {
		size += jsonSizes[text[i]]
	}
	return size
}

// clip returns text in valid UTF-8, cut and marked if it would take more than most bytes inside a JSON string. It reads
// no more than that of the text.
func clip(text string, most int) string {
	if len(text) <= most/escaped && utf8.ValidString(text) || len(text) <= most && utf8.ValidString(text) && textSize(text) <= most {
		return text
	}
	size, cut := 0, 0
	for i, r := range text {
		if size <= most-len(cutMark) {
			cut = i
		}
		if r == utf8.RuneError {
			size += escaped // whether it stands there, or for what is no rune
		} else {
			size += textSize(text[i : i+utf8.RuneLen(r)])
		}
		if size > most {
			return strings.ToValidUTF8(text[:cut], "\ufffd") + cutMark
		}
	}
	return strings.ToValidUTF8(text, "\ufffd")
}

// notShown stands in a snapshot for what may be an invite code.
const notShown = "(not shown)"

// snapshot returns the row for the record, with at most room bytes of columns. Known columns come first if there is not room for all,
// since they say what the row meant.
func snapshot(row *Row, room int) *RowSnapshot {
	shot := &RowSnapshot{
		Partition: clip(row.Partition, maxPartition),
		Name:      clip(row.Name, maxName),
		ETag:      clip(row.ETag, maxETag),
		Columns:   make(map[string]string, len(row.Columns)),
	}
	left := min(room, maxColumns)
	add := func(column, text string) {
		const frame = len(`"":"",`)
		name := clip(column, maxName)
		_, taken := shot.Columns[name] // only by another that was cut to the same
		room := min(left-frame-textSize(name), maxValue)
		if taken || room < len(cutMark) {
			shot.Unlisted++
			return
		}
		value := clip(text, room)
		shot.Columns[name] = value
		left -= frame + textSize(name) + textSize(value)
	}
	for _, c := range columns {
		cell, found := row.Columns[c.Name]
		switch {
		case !found:
		case c.Name == inviteCode && row.InviteCode != "":
			add(c.Name, hashPrefix+string(row.InviteCode))
		case c.Name == inviteCode:
			add(c.Name, notShown)
		default:
			add(c.Name, cellText(cell))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(row.Columns)) {
		switch {
		case known(name):
		case strings.Contains(strings.ToLower(name), "code") || nearest(name) == inviteCode:
			add(name, notShown) // a misspelt one
		default:
			add(name, cellText(row.Columns[name]))
		}
	}
	return shot
}

const lookFrame = `{"partition":"","name":"","outcome":"","why":""},`

// size returns at least the bytes of the look as JSON.
func (l Look) size() int {
	return len(lookFrame) + textSize(l.Partition) + textSize(l.Name) + len(l.Outcome) + textSize(l.Why)
}

// list puts as many looks into the decision as it has room for. The look at index decided, if it is not negative, is
// one of them.
func (d *Decision) list(looks []Look, decided int) {
	left, places := MaxDecisionBytes-restRoom-d.size(), maxLooks
	if decided >= 0 {
		left, places = left-looks[decided].size(), places-1
	}
	// What follows the first that does not fit is left out: it would stand as if it came right after.
	listed, full := 0, false
	var lastPartition, lastWhy string // most rows have the partition and the reason of the one before
	var partitionSize, whySize int
	keep := func(i int) {
		if listed < i {
			looks[listed] = looks[i]
		}
		listed++
	}
	for i := range looks {
		if i == decided {
			keep(i)
			continue
		}
		look := &looks[i]
		if look.Partition != lastPartition {
			lastPartition, partitionSize = look.Partition, textSize(look.Partition)
		}
		if look.Why != lastWhy {
			lastWhy, whySize = look.Why, textSize(look.Why)
		}
		size := len(lookFrame) + partitionSize + textSize(look.Name) + len(look.Outcome) + whySize
		full = full || places == 0 || left < size
		if full {
			d.Unlisted++
			continue
		}
		left, places = left-size, places-1
		keep(i)
	}
	d.Looked = looks[:listed]
}

// size returns at least the bytes of the decision as JSON with neither time nor looks. It is arithmetic because to encode the decision
// would take longer than to make it.
func (d *Decision) size() int {
	const digits = 20
	size := len(`{"action":"","reason":"",`) + len(d.Action) + textSize(d.Reason)
	if d.Row != nil {
		size += len(`"row":{"partition":"","name":"","etag":"","columns":{},"unlisted":},`) + digits +
			textSize(d.Row.Partition) + textSize(d.Row.Name) + textSize(d.Row.ETag)
		for name, value := range d.Row.Columns {
			size += len(`"":"",`) + textSize(name) + textSize(value)
		}
	}
	if d.Terms != nil {
		size += len(`"terms":{"groups":[],"sponsors":[],"redirectUrl":"","messageLanguage":"","sendInvitation":false,"message":"","cc":"","userType":""},`) +
			textSize(d.Terms.RedirectURL) + textSize(d.Terms.MessageLanguage) + textSize(d.Terms.Message) + textSize(d.Terms.Cc) + textSize(d.Terms.UserType)
		for _, ids := range [][]string{d.Terms.Groups, d.Terms.Sponsors} {
			for _, id := range ids {
				size += len(`"",`) + textSize(id)
			}
		}
	}
	if d.Limits != nil {
		size += len(`"limits":{"row":{"partition":"","name":""},"maxGuests":,"maxPerDay":},`) +
			len(strconv.Itoa(d.Limits.MaxGuests)) + len(strconv.Itoa(d.Limits.MaxPerDay)) +
			textSize(d.Limits.Row.Partition) + textSize(d.Limits.Row.Name)
	}
	return size
}
