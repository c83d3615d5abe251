package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// MaxDecisionBytes is the limit on a [Decision] as JSON. A property in Table Storage holds 32,768
// UTF-16 units, and JSON has no more units than bytes; the rest is room for future columns.
const MaxDecisionBytes = 28 * 1024

// Limits on the parts of a decision, in bytes of JSON. With the longest Terms and ReviewRules (51
// ids, six bytes for each character) they stay below MaxDecisionBytes, so the deciding row has
// always room.
const (
	maxReason    = 1024
	maxWhy       = 1024
	maxPartition = 512
	maxName      = 512
	maxETag      = 256
	maxValue     = 2048 // one column of a snapshot
	maxColumns   = 8192 // all columns of a snapshot
)

// maxLooks limits how many rows a decision lists.
const maxLooks = 200

// cutMark ends a text that was cut.
const cutMark = "… (cut)"

// escaped is the most bytes that one byte of text takes in JSON.
const escaped = len(`\u0000`)

// jsonSize returns how many bytes v takes as JSON.
func jsonSize(v any) int {
	encoded, _ := json.Marshal(v) // decisions and texts can always be encoded
	return len(encoded)
}

// textSize is jsonSize of a text. It spares ordinary texts the encoding.
func textSize(text string) int {
	encoded := func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) }
	if strings.ContainsFunc(text, encoded) {
		return jsonSize(text)
	}
	return len(text) + len(`""`)
}

// clip returns text as valid UTF-8, cut and marked if it takes more than most bytes in JSON.
func clip(text string, most int) string {
	if len(text) > most/escaped || !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\ufffd")
		if len(text) > most || textSize(text)-len(`""`) > most {
			runes := []rune(text[:min(len(text), most)])
			cut := sort.Search(len(runes), func(i int) bool {
				return textSize(string(runes[:i+1]))-len(`""`) > most-len(cutMark)
			})
			return string(runes[:cut]) + cutMark
		}
	}
	return text
}

// NotShown replaces an invite code, and its hash, from which a short code can be found.
const NotShown = "(not shown)"

// snapshot returns the row as it is recorded. Known columns come first, since they say what the
// row meant; unknown ones are left out if there is not enough room.
func snapshot(row *Row) *RowSnapshot {
	shot := &RowSnapshot{
		Partition: clip(row.Partition, maxPartition),
		Name:      clip(row.Name, maxName),
		ETag:      clip(row.ETag, maxETag),
		Columns:   make(map[string]string, len(row.Columns)),
	}
	left := maxColumns
	add := func(column, text string) {
		name := clip(column, maxName)
		_, taken := shot.Columns[name] // by another name that was cut to the same text
		room := min(left-escaped*len(name), maxValue)
		if taken || room < len(cutMark) {
			shot.Unlisted++
			return
		}
		value := clip(text, room)
		shot.Columns[name] = value
		left -= textSize(name) + textSize(value)
	}
	for _, c := range columns {
		cell, found := row.Columns[c.Name]
		switch {
		case !found:
		case c.Name == InviteCodeColumn && row.InviteCode != "":
			add(c.Name, hashPrefix+string(row.InviteCode))
		case c.Name == InviteCodeColumn:
			add(c.Name, NotShown)
		default:
			add(c.Name, cellText(cell))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(row.Columns)) {
		switch {
		case known(name):
		case Secret(name):
			add(name, NotShown)
		default:
			add(name, cellText(row.Columns[name]))
		}
	}
	return shot
}

// Secret reports whether no value of the column is shown to anybody: of InviteCode, and of what may
// be a misspelt InviteCode.
func Secret(column string) bool {
	lower := strings.ToLower(column)
	return strings.Contains(lower, "code") || strings.Contains(lower, "invite") || !known(column) && nearest(column) == InviteCodeColumn
}

// list puts as many of the first looks as fit into the decision, and always the one at decided
// unless that is negative. It drops columns only if that look would not fit otherwise.
func (d *Decision) list(looks []Look, decided int) {
	show := func(n int) {
		d.Looked, d.Unlisted = looks[:n], len(looks)-n
		if decided >= n && n > 0 {
			d.Looked = append(slices.Clone(looks[:n-1]), looks[decided])
		}
	}
	n := min(len(looks), maxLooks)
	show(n)
	if d.atMost() <= MaxDecisionBytes || jsonSize(d) <= MaxDecisionBytes {
		return
	}
	least := 0
	if decided >= 0 {
		least = 1
		show(least)
		for i := len(columns) - 1; i >= 0 && jsonSize(d) > MaxDecisionBytes; i-- {
			_, found := d.Row.Columns[columns[i].Name]
			if found {
				delete(d.Row.Columns, columns[i].Name)
				d.Row.Unlisted++
			}
		}
	}
	show(least + sort.Search(n-least, func(i int) bool {
		show(least + i + 1)
		return jsonSize(d) > MaxDecisionBytes
	}))
}

// atMost returns an upper bound of jsonSize in a small part of the time: a byte takes up to six,
// except in the reasons of rows that did not decide, which are plain ASCII.
func (d *Decision) atMost() int {
	const frame, lookFrame = 512, 64 // names of properties, punctuation, numbers, the time
	texts := []string{d.Reason, string(d.Proof)}
	if d.Row != nil {
		texts = append(texts, d.Row.Partition, d.Row.Name, d.Row.ETag)
		for name, value := range d.Row.Columns {
			texts = append(texts, name, value)
		}
	}
	if t := d.Terms; t != nil {
		texts = append(texts, t.RedirectURL, string(t.InvitationMail), t.MessageLanguage, t.Message, t.Cc, t.UserType)
		texts = append(append(texts, t.Groups...), t.Sponsors...)
	}
	rules := d.ReviewRules
	texts = slices.Concat(texts, rules.Approvers, rules.SecondApprovers, rules.EscalateTo, rules.Sponsors)
	if d.Limits != nil {
		texts = append(texts, d.Limits.Row.Partition, d.Limits.Row.Name)
	}
	size := frame
	for _, text := range texts {
		size += escaped*len(text) + len(`"":`)
	}
	for i := range d.Looked {
		look := &d.Looked[i]
		size += lookFrame + escaped*(len(look.Partition)+len(look.Name)) + len(look.Why)
		if look.Outcome == Decided || look.Outcome == Audited {
			size += (escaped - 1) * len(look.Why)
		}
	}
	return size
}
