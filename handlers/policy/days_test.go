package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDays(t *testing.T) {
	tests := map[string]struct {
		days  []string
		clock string
	}{
		"2026-12-31":          {[]string{"2026-12-31"}, ""},
		"2026/12/31":          {[]string{"2026-12-31"}, ""},
		"2026/5/1":            {[]string{"2026-05-01"}, ""},
		"2026.05.01.":         {[]string{"2026-05-01"}, ""},
		"2026. 12. 31.":       {[]string{"2026-12-31"}, ""},
		"2026年12月31日":         {[]string{"2026-12-31"}, ""},
		"2026년 12월 31일":       {[]string{"2026-12-31"}, ""},
		"２０２６／１２／３１":          {[]string{"2026-12-31"}, ""},
		"12/31/2026":          {[]string{"2026-12-31"}, ""},
		"31/12/2026":          {[]string{"2026-12-31"}, ""},
		"31.12.2026":          {[]string{"2026-12-31"}, ""},
		"1.5.2026":            {[]string{"2026-05-01"}, ""},
		"31. 12. 2026":        {[]string{"2026-12-31"}, ""},
		"31-12-2026":          {[]string{"2026-12-31"}, ""},
		"05/05/2026":          {[]string{"2026-05-05"}, ""},
		" 12/31/2026 ":        {[]string{"2026-12-31"}, ""},
		"05/01/2026":          {[]string{"2026-01-05", "2026-05-01"}, ""},
		"5-1-2026":            {[]string{"2026-01-05", "2026-05-01"}, ""},
		"12/31/2026 18:00":    {[]string{"2026-12-31"}, "18h0m0s"},
		"12/31/2026 6:00 PM":  {[]string{"2026-12-31"}, "18h0m0s"},
		"12/31/2026 12:30 AM": {[]string{"2026-12-31"}, "30m0s"},
		"31.12.2026 00:00:00": {[]string{"2026-12-31"}, "0s"},
		"2026/12/31, 18:00":   {[]string{"2026-12-31"}, "18h0m0s"},
		"31.12.26":            {},
		"12/31/26":            {},
		"26. 12. 31.":         {}, // Korean, with the year first
		"31/12/69":            {}, // 2026 in Thailand
		"12/31/48":            {}, // 2026 in Saudi Arabia
		"69-12-31":            {},
		"30.02.2026":          {},
		"13/13/2026":          {},
		"31/12.2026":          {},
		"12/2026":             {},
		"2026":                {},
		"Dec 31, 2026":        {},
		"1/2/3/4":             {},
		"12/31/2026 25:00":    {},
		"12/31/2026 18:00 PM": {},
		"tomorrow":            {},
		"":                    {},
	}
	for text, test := range tests {
		t.Run(text, func(t *testing.T) {
			days, clock, hasClock := Days(text)
			var got []string
			for _, day := range days {
				got = append(got, day.Format(time.DateOnly))
			}
			diff := cmp.Diff(test.days, got)
			if diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if hasClock != (test.clock != "") || hasClock && clock.String() != test.clock {
				t.Errorf("the time of day is %s, %t", clock, hasClock)
			}
		})
	}
}

func TestDateMayHaveShortYear(t *testing.T) {
	for text, want := range map[string]bool{
		"2026-12-31": true, "12/31/26": true, "31.12.26": true, "26. 12. 31.": true, "31/12/69": true, "1-2-3": true,
		"12/31/26 01:00 AM": true, "05/01/2026": true, "13/32/26": false, "45.45.45": false, "12/2026": false, "tulip": false,
	} {
		if IsDate(text) != want {
			t.Errorf("IsDate(%q) = %t", text, !want)
		}
	}
}
