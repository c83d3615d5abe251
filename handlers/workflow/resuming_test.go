package workflow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

func TestRoomForParkedRequests(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	const day, quota = "2026-05-04", request.DirectoryQuota
	in := func(d time.Duration) time.Time { return noon.Add(d) }
	daily := request.Pace{Daily: 9}
	none := request.Pace{}
	slow := request.Pace{Spacing: 10 * time.Minute}
	pressed := request.Gate{Pressure: 200, PressedAt: noon}
	tests := map[string]struct {
		gate request.Gate
		pace request.Pace
		want int
	}{
		"no limit":                       {request.Gate{}, none, upkeepBatch},
		"a breaker that an admin closes": {request.Gate{Cause: quota}, none, 0},
		"a breaker that an admin opened": {request.Gate{Stop: request.Stop{At: noon}}, none, 0},
		"one of both":                    {request.Gate{Cause: quota, ProbeAt: noon, Stop: request.Stop{At: noon}}, none, 0},
		"a breaker before its probe":     {request.Gate{Cause: quota, ProbeAt: in(1)}, none, 0},
		"a breaker to be probed":         {request.Gate{Cause: quota, ProbeAt: noon}, none, probers},
		"the last probe of the day": {
			request.Gate{Cause: quota, ProbeAt: noon, Day: day, Sent: 8}, daily, 1},
		"a pause of the directory":       {request.Gate{HeldUntil: in(time.Second)}, none, 0},
		"a pause that is over":           {request.Gate{HeldUntil: noon}, none, upkeepBatch},
		"the rest of the day":            {request.Gate{Day: day, Sent: 4}, daily, 5},
		"a day that is spent":            {request.Gate{Day: day, Sent: 9}, daily, 0},
		"a day that was set lower":       {request.Gate{Day: day, Sent: 20}, daily, 0},
		"a new day":                      {request.Gate{Day: "2026-05-03", Sent: 9}, daily, 9},
		"turns that have come soon":      {request.Gate{}, request.Pace{Spacing: 3 * time.Second}, 10},
		"a turn that takes minutes":      {request.Gate{}, slow, 1},
		"a next turn that is far":        {request.Gate{NextAt: in(maxShortWait + 1)}, slow, 0},
		"a next turn at the longest":     {request.Gate{NextAt: in(10 * time.Minute)}, slow, 0},
		"a next turn that is near":       {request.Gate{NextAt: in(maxShortWait)}, slow, 1},
		"a next turn from a wrong clock": {request.Gate{NextAt: in(time.Hour)}, slow, 1},
		"a directory under pressure":     {pressed, none, 3},
		"more pressure than pace":        {pressed, request.Pace{Spacing: time.Second}, 3},
		"more pace than pressure": {
			request.Gate{Pressure: 80, PressedAt: noon}, request.Pace{Spacing: 15 * time.Second}, 2},
		"a pressure that is no longer new": {
			request.Gate{Pressure: 200, PressedAt: in(-time.Hour)}, none, upkeepBatch},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := room(test.gate, noon, test.pace); got != test.want {
				t.Errorf("room for %d, want %d", got, test.want)
			}
		})
	}
}

func TestParkedRequestsAreLookedAtWhenGateChanges(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	gate := request.Gate{Cause: request.DirectoryQuota, ProbeAt: noon, Day: "2026-05-04", Sent: 3}
	changes := map[string]struct {
		change func(*request.Gate)
		want   bool
	}{
		"nothing":                {func(*request.Gate) {}, false},
		"an invitation":          {func(g *request.Gate) { g.Sent, g.NextAt = 4, noon }, false},
		"a new cause":            {func(g *request.Gate) { g.Cause = request.DirectoryForbidden }, true},
		"a new probe":            {func(g *request.Gate) { g.ProbeAt = noon.Add(time.Hour) }, true},
		"an admin who closes it": {func(g *request.Gate) { g.ClosedAt = noon }, true},
		"a turn given back":      {func(g *request.Gate) { g.GivenBack = "3" }, true},
		"a new day":              {func(g *request.Gate) { g.Day = "2026-05-05" }, true},
	}
	for name, test := range changes {
		t.Run(name, func(t *testing.T) {
			var r resumption
			if !r.due(gate, noon) {
				t.Error("a new instance does not look")
			}
			r.lookAgain(noon.Add(time.Minute))
			changed := gate
			test.change(&changed)
			if got := r.due(changed, noon); got != test.want {
				t.Errorf("looks: %t, want %t", got, test.want)
			}
			if r.due(changed, noon.Add(time.Minute-1)) {
				t.Error("looks once more before the time has come")
			}
			if !r.due(changed, noon.Add(time.Minute)) {
				t.Error("does not look when the time has come")
			}
		})
	}
}

// parkedFor returns parked requests of the addresses. The first characters of an address are the id
// of its request.
func parkedFor(t *testing.T, emails ...string) (parked []request.Request) {
	t.Helper()
	for _, email := range emails {
		address, err := submission.ParseAddress(email)
		if err != nil {
			t.Fatal(err)
		}
		id, _, _ := strings.Cut(email, "@")
		parked = append(parked, request.Request{
			ID: submission.ID(id), Submission: submission.Submission{Email: address},
		})
	}
	return parked
}

// entriesOf returns the due entries of parked requests.
func entriesOf(parked []request.Request) (entries []request.ParkedEntry) {
	for _, r := range parked {
		entries = append(entries, request.ParkedEntry{ID: r.ID, Parking: parkingOf(r)})
	}
	return entries
}

func TestRequestsToResume(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	const day = "2026-05-04"
	contoso := newSharer("domain", "contoso.com", "contoso.com").key
	parked := parkedFor(t, "a@contoso.com", "b@contoso.com", "c@contoso.com",
		"d@fabrikam.com", "e@fabrikam.com")
	ids := func(ids ...submission.ID) []submission.ID { return ids }
	none := request.Pace{}
	spent := request.Gate{Day: day, Sent: 2, Shares: contoso + ":2"}
	yesterday := request.Gate{Day: "2026-05-03", Sent: 2, Shares: contoso + ":2"}
	begun := request.Gate{Day: day, Sent: 1, Shares: contoso + ":1"}
	open := request.Gate{Cause: request.DirectoryQuota, ProbeAt: noon}
	open.Witnesses[2] = request.Witness{ID: "b", Answer: "quota"}
	later := open
	later.ProbeAt = noon.Add(-probeEvery)
	closed := open.Close("desk", noon)
	closed.Witnesses = open.Witnesses
	shared := request.Pace{Daily: 4, Share: 50}
	tests := map[string]struct {
		gate request.Gate
		pace request.Pace
		want []submission.ID
	}{
		"all":                            {request.Gate{}, none, ids("a", "b", "c", "d", "e")},
		"the oldest":                     {request.Gate{}, request.Pace{Daily: 2}, ids("a", "b")},
		"nobody":                         {request.Gate{Day: day, Sent: 2}, request.Pace{Daily: 2}, nil},
		"a share for each":               {request.Gate{}, shared, ids("a", "b", "d", "e")},
		"whoever has a share left":       {spent, shared, ids("d", "e")},
		"the shares of a new day":        {yesterday, shared, ids("a", "b", "d", "e")},
		"no witness for a probe":         {open, none, ids("a", "c", "d")},
		"a witness an hour later":        {later, none, ids("a", "b", "c")},
		"a witness of a closed breaker":  {closed, request.Pace{Daily: 3}, ids("a", "b", "c")},
		"the rest of a share, then next": {begun, shared, ids("a", "d", "e")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := toResume(test.gate, noon, test.pace, entriesOf(parked))
			if !slices.Equal(got, test.want) {
				t.Errorf("resumed %v, want %v", got, test.want)
			}
		})
	}
}

// TestOlderRequestsOfLimitedRowKeepTheirTurns: of a row with a limit for the day one is resumed at
// a time, and nobody younger takes the turns of the others meanwhile.
func TestOlderRequestsOfLimitedRowKeepTheirTurns(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	limits := policy.Limits{Row: policy.RowKey{Partition: "contoso.com", Name: "trusted"}, MaxPerDay: 5}
	tests := map[string]struct {
		pace  request.Pace
		other string // the day on which another request found the row full
		want  []submission.ID
	}{
		"turns for two":                 {request.Pace{Daily: 2}, "", []submission.ID{"a"}},
		"turns for three":               {request.Pace{Daily: 3}, "", []submission.ID{"a"}},
		"turns for four":                {request.Pace{Daily: 4}, "", []submission.ID{"a", "d"}},
		"no budget":                     {request.Pace{}, "", []submission.ID{"a", "d", "e"}},
		"the row is full":               {request.Pace{Daily: 2}, "2026-05-04", []submission.ID{"a", "d"}},
		"the row was full yesterday":    {request.Pace{Daily: 2}, "2026-05-03", []submission.ID{"a"}},
		"a share that they would spend": {request.Pace{Daily: 4, Share: 50}, "", []submission.ID{"a", "d", "e"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			parked := parkedFor(t, "a@contoso.com", "b@contoso.com", "c@contoso.com", "d@fabrikam.com", "e@fabrikam.com", "f@contoso.com")
			for _, i := range []int{0, 1, 2, 5} {
				parked[i].Decision = &policy.Decision{Action: policy.Invite, Limits: &limits}
			}
			parked[5].FullOn = test.other
			if test.other == "" {
				parked = parked[:5]
			}
			got := toResume(request.Gate{}, noon, test.pace, entriesOf(parked))
			if !slices.Equal(got, test.want) {
				t.Errorf("resumed %v, want %v", got, test.want)
			}
		})
	}
}

func TestSharersOfRequest(t *testing.T) {
	r := parkedFor(t, "ana@contoso.com")[0]
	ofDomain := newSharer("domain", "contoso.com", "contoso.com")
	names := func(r request.Request) (names []string) {
		for _, s := range sharersOf(r) {
			names = append(names, s.kind+" "+s.name)
		}
		return names
	}
	if got := sharersOf(r); !slices.Equal(got, []sharer{ofDomain}) {
		t.Errorf("without a decision: %+v", got)
	}
	r.Decision = &policy.Decision{}
	if got := sharersOf(r); !slices.Equal(got, []sharer{ofDomain}) {
		t.Errorf("without a row: %+v", got)
	}
	r.Decision.Row = &policy.RowSnapshot{Partition: "contoso.com", Name: "trusted"}
	if got := names(r); !slices.Equal(got, []string{"domain contoso.com", "row contoso.com trusted"}) {
		t.Errorf("with a row: %q", got)
	}
	other := r
	row := policy.RowSnapshot{Partition: "contoso.co", Name: "m trusted"}
	other.Decision = &policy.Decision{Row: &row}
	if sharersOf(r)[1].key == sharersOf(other)[1].key {
		t.Error("two rows count as one")
	}
	r.Decision.Row.Partition = "ana@contoso.com"
	if got := names(r); !slices.Equal(got, []string{"domain contoso.com", "row contoso.com trusted"}) {
		t.Errorf("the row of an address: %q", got)
	}
	r.Approval = &request.Approval{}
	if got := sharersOf(r); got != nil {
		t.Errorf("a guest that a person approved takes the share of %+v", got)
	}
}

func TestShareOfDay(t *testing.T) {
	for _, test := range []struct {
		pace request.Pace
		want int
	}{
		{request.Pace{}, 0},
		{request.Pace{Daily: 10}, 0},
		{request.Pace{Share: 50}, 0},
		{request.Pace{Daily: 10, Share: 50}, 5},
		{request.Pace{Daily: 10, Share: 99}, 9},
		{request.Pace{Daily: 10, Share: 100}, 0},
		{request.Pace{Daily: 10, Share: 5}, 1},
		{request.Pace{Daily: 1, Share: 1}, 1},
	} {
		if got := shareOf(test.pace); got != test.want {
			t.Errorf("%+v: %d, want %d", test.pace, got, test.want)
		}
	}
}

func TestSharesAreCounted(t *testing.T) {
	a, b := sharer{key: "aaaaaaaaaaaa"}, sharer{key: "bbbbbbbbbbbb"}
	tests := map[string]struct {
		shares  string
		sharers []sharer
		by      int
		want    string
	}{
		"the first":   {"", []sharer{a}, 1, a.key + ":1"},
		"one more":    {a.key + ":9", []sharer{a}, 1, a.key + ":10"},
		"two at once": {a.key + ":1", []sharer{a, b}, 1, a.key + ":2 " + b.key + ":1"},
		"one given back": {a.key + ":2 " + b.key + ":3", []sharer{a}, -1,
			b.key + ":3 " + a.key + ":1"},
		"the last given back": {a.key + ":1 " + b.key + ":3", []sharer{a}, -1, b.key + ":3"},
		"none left":           {b.key + ":3", []sharer{a}, -1, b.key + ":3"},
		"nobody":              {b.key + ":3", nil, 1, b.key + ":3"},
		"a count that no program wrote": {a.key + ":x " + b.key, []sharer{a}, 1,
			b.key + " " + a.key + ":1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := countShares(request.Gate{Shares: test.shares}, keysOf(test.sharers), test.by)
			if got.Shares != test.want {
				t.Errorf("%q, want %q", got.Shares, test.want)
			}
		})
	}
}

func TestSmallestShareIsForgottenWhenThereIsNoRoom(t *testing.T) {
	var pairs []string
	for i := range mostSharers {
		count := 5
		if i == 700 {
			count = 2
		}
		pairs = append(pairs, fmt.Sprintf("%012d:%d", i, count))
	}
	full := request.Gate{Shares: strings.Join(pairs, " ")}
	known, small := sharer{key: "000000000003"}, sharer{key: "000000000700"}
	counted := countShares(full, []string{known.key}, 1)
	if shareOfDay(counted, known) != 6 || len(strings.Fields(counted.Shares)) != mostSharers {
		t.Errorf("one that is counted already: %d", shareOfDay(counted, known))
	}
	if shareOfDay(counted, small) != 2 {
		t.Error("one was forgotten although there is room")
	}
	newcomer := sharer{key: "newcomer"}
	counted = countShares(full, []string{newcomer.key}, 1)
	if shareOfDay(counted, newcomer) != 1 || shareOfDay(counted, small) != 0 {
		t.Errorf("the new one has %d, the smallest %d",
			shareOfDay(counted, newcomer), shareOfDay(counted, small))
	}
	if n := len(strings.Fields(counted.Shares)); n != mostSharers {
		t.Errorf("%d are counted, want %d", n, mostSharers)
	}
}

func TestRowWithLimitOfDayResumesOldestOnly(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	row := policy.RowKey{Partition: "contoso.com", Name: "trusted"}
	tests := map[string]struct {
		limits policy.Limits
		want   []submission.ID
	}{
		"a limit for the day": {policy.Limits{Row: row, MaxPerDay: 1}, []submission.ID{"a", "c"}},
		"a limit for ever":    {policy.Limits{Row: row, MaxGuests: 1}, []submission.ID{"a", "b", "c"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			parked := parkedFor(t, "a@contoso.com", "b@contoso.com", "c@fabrikam.com")
			for i := range 2 {
				parked[i].Decision = &policy.Decision{Action: policy.Invite, Limits: &test.limits}
			}
			got := toResume(request.Gate{}, noon, request.Pace{}, entriesOf(parked))
			if !slices.Equal(got, test.want) {
				t.Errorf("resumed %v, want %v", got, test.want)
			}
		})
	}
}
