package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Days returns the days that a text can mean as spreadsheets and people write dates, at their
// starts in UTC, and the time of day if there is one. There is none for a text that is no date, and
// there are several if the order of day and month can't be told: 05/01/2026 is in May or in
// January, 31/12/2026 can be one day only.
//
// Dates are three numbers. The year comes first or last and has four digits. A shorter year is not
// read, because it could be a day or a year of another calendar: 26. 12. 31. is a day of 2026 in
// Korea, and 2026 is 69 in Thailand. With dots, the day comes first unless the year does: no
// country writes the month first. Names of months are not read.
func Days(text string) (days []time.Time, clock time.Duration, hasClock bool) {
	date, ok := dateOf(text)
	if !ok {
		return nil, 0, false
	}
	first, second, third := date.numbers[0], date.numbers[1], date.numbers[2]
	switch {
	case len(first) == yearDigits:
		days = appendDay(days, first, second, third)
	case len(third) == yearDigits:
		days = appendDay(days, third, second, first)
		if date.separator != "." {
			days = appendDay(days, third, first, second)
		}
	}
	if days == nil {
		return nil, 0, false
	}
	return days, date.clock, date.hasClock
}

// IsDate reports whether a text is written like a date, also with a year that [Days] does not read.
func IsDate(text string) bool {
	days, _, _ := Days(text)
	date, ok := dateOf(text)
	if !ok || date.hasYear() {
		return len(days) > 0
	}
	for _, order := range [][3]int{{0, 1, 2}, {2, 1, 0}, {2, 0, 1}} { // year, month, day
		short, _ := strconv.Atoi(date.numbers[order[0]]) // the pattern has digits only
		days = appendDay(days, strconv.Itoa(2000+short), date.numbers[order[1]], date.numbers[order[2]])
	}
	return len(days) > 0
}

// yearDigits is how many digits the year of a date must have.
const yearDigits = 4

// date is a text that is written like a date.
type date struct {
	numbers   [3]string // in the order in which they are written
	separator string
	clock     time.Duration
	hasClock  bool
}

func (d date) hasYear() bool {
	return len(d.numbers[0]) == yearDigits || len(d.numbers[2]) == yearDigits
}

func dateOf(text string) (d date, ok bool) {
	text = strings.TrimSpace(norm.NFKC.String(text))
	if len(text) > maxWord {
		return date{}, false
	}
	parts := clockAtEnd.FindStringSubmatch(text)
	if parts != nil {
		d.clock, d.hasClock = clockOf(parts[2], parts[3], parts[4], parts[5])
		if !d.hasClock {
			return date{}, false
		}
		text = parts[1]
	}
	text = strings.TrimRight(eastAsianUnits.Replace(text), "- ")
	numbers := threeNumbers.FindStringSubmatch(text)
	if numbers == nil || numbers[2] != numbers[4] {
		return date{}, false
	}
	d.numbers, d.separator = [3]string{numbers[1], numbers[3], numbers[5]}, numbers[2]
	return d, true
}

var (
	threeNumbers = regexp.MustCompile(`^(\d{4}|\d\d?) ?([./-]) ?(\d\d?) ?([./-]) ?(\d{4}|\d\d?)\.?$`)
	clockAtEnd   = regexp.MustCompile(`^(.*\d\.?),?[ T]+(\d\d?):(\d\d)(?::(\d\d)(?:[.,]0+)?)?(?: ?([AaPp])\.?[Mm]\.?)?$`)
	// eastAsianUnits replaces what follows year, month and day in Japanese, Chinese and Korean.
	eastAsianUnits = strings.NewReplacer("年", "-", "月", "-", "日", "", "년", "-", "월", "-", "일", "")
)

// appendDay appends the day, unless there is no such day or it is in the list.
func appendDay(days []time.Time, year, month, day string) []time.Time {
	at, err := time.Parse("2006-1-2", year+"-"+month+"-"+day)
	if err != nil || slices.ContainsFunc(days, at.Equal) {
		return days
	}
	return append(days, at)
}

// clockOf returns a time of day. half is the first letter of am or pm, or empty.
func clockOf(hours, minutes, seconds, half string) (clock time.Duration, ok bool) {
	h, _ := strconv.Atoi(hours) // the pattern has digits only
	m, _ := strconv.Atoi(minutes)
	s, _ := strconv.Atoi(seconds)
	if half != "" {
		if h < 1 || h > 12 {
			return 0, false
		}
		h %= 12
		if strings.EqualFold(half, "p") {
			h += 12
		}
	}
	if h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second, true
}
