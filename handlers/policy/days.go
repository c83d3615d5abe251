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
// Dates are three numbers. A year of four digits comes first or last; one of two is from 2000 to
// 2039, because later ones are of other calendars: 2026 is 69 in Thailand, and 48 in Saudi Arabia.
// With dots, the day comes first unless the year does: no country writes the month before it.
// Names of months are not read.
func Days(text string) (days []time.Time, clock time.Duration, hasClock bool) {
	text = strings.TrimSpace(norm.NFKC.String(text))
	if len(text) > maxWord {
		return nil, 0, false
	}
	date := text
	parts := clockAtEnd.FindStringSubmatch(text)
	if parts != nil {
		hasClock = true
		clock, hasClock = clockOf(parts[2], parts[3], parts[4], parts[5])
		if !hasClock {
			return nil, 0, false
		}
		date = parts[1]
	}
	date = strings.TrimRight(eastAsianUnits.Replace(date), "- ")
	numbers := threeNumbers.FindStringSubmatch(date)
	if numbers == nil || numbers[2] != numbers[4] {
		return nil, 0, false
	}
	first, separator, second, third := numbers[1], numbers[2], numbers[3], numbers[5]
	switch {
	case len(first) == 4:
		days = appendDay(days, first, second, third)
	case separator == ".":
		days = appendDay(days, third, second, first)
	default:
		days = appendDay(days, third, second, first)
		days = appendDay(days, third, first, second)
		if len(third) <= 2 {
			days = appendDay(days, first, second, third)
		}
	}
	if days == nil {
		return nil, 0, false
	}
	return days, clock, hasClock
}

var (
	threeNumbers = regexp.MustCompile(`^(\d{4}|\d\d?) ?([./-]) ?(\d\d?) ?([./-]) ?(\d{4}|\d\d?)\.?$`)
	clockAtEnd   = regexp.MustCompile(`^(.*\d\.?),?[ T]+(\d\d?):(\d\d)(?::(\d\d)(?:[.,]0+)?)?(?: ?([AaPp])\.?[Mm]\.?)?$`)
	// eastAsianUnits replaces what follows year, month and day in Japanese, Chinese and Korean.
	eastAsianUnits = strings.NewReplacer("年", "-", "月", "-", "日", "", "년", "-", "월", "-", "일", "")
)

// lastShortYear is the last year that may be written with two digits, 2039.
const lastShortYear = 39

// appendDay appends the day, unless there is no such day or it is in the list.
func appendDay(days []time.Time, year, month, day string) []time.Time {
	if len(year) != 4 {
		short, _ := strconv.Atoi(year) // the pattern has digits only
		if short > lastShortYear {
			return days
		}
		year = strconv.Itoa(2000 + short)
	}
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
