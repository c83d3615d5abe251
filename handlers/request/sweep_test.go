package request

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"guestlist/handlers/submission"
)

func TestSweepIsDueHourlyAndWhileRoundIsUnderWay(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		sweep Sweep
		want  bool
	}{
		"none yet":                              {Sweep{}, true},
		"a round that has just ended":           {Sweep{Began: noon}, false},
		"one that began just under an hour ago": {Sweep{Began: noon.Add(1 - SweepEvery)}, false},
		"one that began an hour ago":            {Sweep{Began: noon.Add(-SweepEvery)}, true},
		"one that began by a clock ahead":       {Sweep{Began: noon.Add(SweepEvery)}, true},
		"one that looks for requests":           {Sweep{Began: noon, Part: SweepRequests}, true},
		"one that looks for dead letters":       {Sweep{Began: noon, Part: SweepLetters}, true},
		"one at a part of another version":      {Sweep{Began: noon, Part: "later"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.sweep.Due(noon); got != test.want {
				t.Errorf("due: %t, want %t", got, test.want)
			}
		})
	}
}

func TestRoundOfSweep(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	last := Tally{Erased: 7}
	place := Cursor{After: "a", Token: "t"}
	want := func(what string, got, want Sweep) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	s := Sweep{Began: noon.Add(-time.Hour), At: place, Tally: Tally{Erased: 1}, Last: last, Version: "v"}
	s = s.Begin(noon)
	want("a round that begins", s, Sweep{Began: noon, Part: SweepRequests, Last: last, Version: "v"})
	s.At, s.Tally = place, Tally{Erased: 2}
	want("a round under way", s.Begin(noon.Add(time.Minute)), s)
	foreign := Sweep{Began: noon, Part: "later", At: place}
	want("a round of another version", foreign.Begin(noon), Sweep{Began: noon, Part: SweepRequests})
	want("one that begins anew", s.Restart(),
		Sweep{Began: noon, Part: SweepRequests, Last: last, Version: "v"})
	for _, part := range []SweepPart{SweepMails, SweepMailboxes, SweepLetters, SweepOver} {
		s.At = place
		s = s.Next()
		want("the next part", s,
			Sweep{Began: noon, Part: part, Tally: Tally{Erased: 2}, Last: last, Version: "v"})
	}
	ended := noon.Add(time.Minute)
	s.At = place
	want("a round that ends", s.End(ended),
		Sweep{Began: noon, Last: Tally{Erased: 2}, Ended: ended, Version: "v"})
	s.Part = SweepMails
	want("a round that ends early", s.End(ended),
		Sweep{Began: noon, Last: Tally{Erased: 2}, Ended: ended, Version: "v"})
}

func TestWhatSweepLooksFor(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	search := Search{Expired: noon, Overdue: map[State]time.Time{Review: noon}}
	tests := map[string]struct {
		brief            Brief
		expires, overdue bool
	}{
		"a finished one that is old":         {Brief{State: Done, Changed: noon.Add(-1)}, true, false},
		"a finished one that is not":         {Brief{State: Done, Changed: noon}, false, false},
		"one that waits, however old":        {Brief{State: Parked, Changed: noon.Add(-1), Since: noon.Add(-1)}, false, false},
		"one that waits for a person":        {Brief{State: Review, Changed: noon, Since: noon.Add(-1)}, false, true},
		"one that does not wait for long":    {Brief{State: Review, Changed: noon, Since: noon}, false, false},
		"one of which it is not known":       {Brief{State: Review, Changed: noon}, false, false},
		"a finished one, since ever so long": {Brief{State: Done, Changed: noon, Since: noon.Add(-1)}, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			expires, overdue := search.Expires(test.brief), search.IsOverdue(test.brief)
			if expires != test.expires || overdue != test.overdue {
				t.Errorf("expires: %t, overdue: %t", expires, overdue)
			}
		})
	}
}

func TestTallyCountsOverdueByStateWithOldest(t *testing.T) {
	var before Tally
	after := before
	for _, b := range []Brief{{ID: "c", State: Review}, {ID: "b", State: Review}, {ID: "d", State: Review}, {ID: "e", State: Parked}} {
		before = after
		after = before.CountOverdue(b)
	}
	want := map[State]Standing{Review: {Requests: 3, Oldest: "b"}, Parked: {Requests: 1, Oldest: "e"}}
	if !reflect.DeepEqual(after.Overdue, want) {
		t.Errorf("counted %+v, want %+v", after.Overdue, want)
	}
	if len(before.Overdue) != 1 {
		t.Errorf("the tally before changed to %+v", before.Overdue)
	}
}

func TestTallyCountsWhatWaitsForMails(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var tally Tally
	for _, b := range []Brief{
		{State: Proving}, {State: Proving, OwedSince: noon}, {State: Unproved}, {State: Review},
		{State: Done, OwedSince: noon.Add(-time.Hour)}, {State: Denied, OwedSince: noon.Add(time.Hour)}, {State: Done},
	} {
		tally = tally.CountMails(b)
		if wanted := b.State == Proving || b.State == Review || !b.OwedSince.IsZero(); (Search{}).Finds(b, true) != wanted {
			t.Errorf("%+v is found: %t", b, !wanted)
		}
	}
	if want := (Tally{Proving: 2, Owed: 3, OwedSince: noon.Add(-time.Hour)}); !reflect.DeepEqual(tally, want) {
		t.Errorf("counted %+v, want %+v", tally, want)
	}
}

func TestTallyNotesFirstUnreadableRecords(t *testing.T) {
	var tally Tally
	for i := range maxUnreadable + 2 {
		tally = tally.CountUnreadable(submission.ID(fmt.Sprint(i)))
	}
	if tally.Unreadable != maxUnreadable+2 || len(tally.Examples) != maxUnreadable || tally.Examples[0] != "0" {
		t.Errorf("counted %d, noted %q", tally.Unreadable, tally.Examples)
	}
	one := Tally{Examples: make([]submission.ID, 1, 2)}
	first, second := one.CountUnreadable("a"), one.CountUnreadable("b")
	if first.Examples[1] != "a" || second.Examples[1] != "b" {
		t.Errorf("two tallies share their examples: %q, %q", first.Examples, second.Examples)
	}
}
