package request

import (
	"context"
	"fmt"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// asked is all that a Decider asks.
type asked struct {
	Seats
	rows, strays                []policy.Raw
	noRows, noStrays, noCounter error
	used                        policy.Used
}

func (a asked) Rows(context.Context, []string) ([]policy.Raw, error) { return a.rows, a.noRows }

func (a asked) StrayRows(context.Context, time.Time) ([]policy.Raw, error) {
	return a.strays, a.noStrays
}

func (a asked) Used(context.Context, policy.RowKey, string) (policy.Used, error) {
	return a.used, a.noCounter
}

func TestDecider(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	address, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	row := func(partition, action string, more ...any) policy.Raw {
		columns := map[string]any{"Action": action}
		for i := 0; i < len(more); i += 2 {
			columns[more[i].(string)] = more[i+1]
		}
		return policy.Raw{Partition: partition, Name: "r", ETag: "e", Columns: columns}
	}
	invite := []policy.Raw{row("contoso.com", "invite")}
	limited := []policy.Raw{row("contoso.com", "invite", "MaxGuests", int32(2))}
	stray := []policy.Raw{row("Contoso.com", "deny")}
	away := problem.New(problem.StorageUnavailable, "no answer")
	const gone = problem.StorageUnavailable
	broken := problem.New(problem.MalformedBody, "not a counter")
	deny := func(raw policy.Raw) policy.Row {
		raw.Columns = map[string]any{"Action": "deny"}
		return policy.Parse(raw)
	}
	noStrays := func(d *Decider) { d.Strays = nil }
	noSeats := func(d *Decider) { d.Seats = nil }
	denies := func(d *Decider) { d.Parse = deny }
	one, two := policy.Used{Guests: 1}, policy.Used{Guests: 2}
	tests := map[string]struct {
		asked  asked
		change func(*Decider)
		want   policy.Action
		err    problem.Code
	}{
		"a row":                          {asked{rows: invite}, nil, policy.Invite, ""},
		"no row":                         {asked{}, nil, policy.Review, ""},
		"rows that can't be read":        {asked{noRows: away}, nil, "", gone},
		"a misspelt row":                 {asked{rows: invite, strays: stray}, nil, policy.Review, ""},
		"misspelt rows are not known":    {asked{rows: invite, noStrays: away}, nil, "", gone},
		"nobody knows of misspelt rows":  {asked{rows: invite, strays: stray}, noStrays, policy.Invite, ""},
		"rows that are read otherwise":   {asked{rows: invite}, denies, policy.Deny, ""},
		"a row with seats":               {asked{rows: limited, used: one}, nil, policy.Invite, ""},
		"a row that is full":             {asked{rows: limited, used: two}, nil, policy.Review, ""},
		"seats that can't be read now":   {asked{rows: limited, noCounter: away}, nil, "", gone},
		"seats that can never be read":   {asked{rows: limited, noCounter: broken}, nil, policy.Review, ""},
		"seats that nobody counts":       {asked{rows: limited}, noSeats, policy.Review, ""},
		"counters that need not be read": {asked{rows: invite, noCounter: away}, nil, policy.Invite, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			decider := Decider{Rows: test.asked, Strays: test.asked, Seats: test.asked}
			if test.change != nil {
				test.change(&decider)
			}
			s := submission.Submission{Email: address, SubmittedAt: now}
			decision, err := decider.Decide(t.Context(), s, now)
			if problem.CodeOf(err) != test.err || decision.Action != test.want {
				t.Errorf("%s (%s), error %v", decision.Action, decision.Reason, err)
			}
		})
	}
}

// correction is a table in which a misspelt row is corrected while a decision is made: the right
// row is written first, and the misspelt one is gone from the list after that.
type correction struct {
	stray, right policy.Raw
	done         bool
}

func (c *correction) Rows(context.Context, []string) ([]policy.Raw, error) {
	defer func() { c.done = true }()
	invite := policy.Raw{Partition: "*", Name: "all", Columns: map[string]any{"Action": "invite"}}
	if c.done {
		return []policy.Raw{invite, c.right}, nil
	}
	return []policy.Raw{invite}, nil
}

func (c *correction) StrayRows(context.Context, time.Time) ([]policy.Raw, error) {
	defer func() { c.done = true }()
	if c.done {
		return nil, nil
	}
	return []policy.Raw{c.stray}, nil
}

func TestRowThatIsCorrectedMeanwhileCounts(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	address, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	deny := map[string]any{"Action": "deny"}
	table := &correction{
		stray: policy.Raw{Partition: "Contoso.com", Name: "left", Columns: deny},
		right: policy.Raw{Partition: "contoso.com", Name: "left", Columns: deny},
	}
	decider := Decider{Rows: table, Strays: table}
	decision, err := decider.Decide(t.Context(), submission.Submission{Email: address}, now)
	if err != nil || decision.Action == policy.Invite {
		t.Errorf("%s (%s), error %v", decision.Action, decision.Reason, err)
	}
}

// changing is a table that is changed between two reads of a partition.
type changing struct {
	states [][]policy.Raw // the last one stays
}

func (c *changing) Rows(_ context.Context, partitions []string) (read []policy.Raw, _ error) {
	for _, partition := range partitions {
		for _, row := range c.states[0] {
			if row.Partition == partition {
				read = append(read, row)
			}
		}
		if len(c.states) > 1 {
			c.states = c.states[1:]
		}
	}
	return read, nil
}

func TestInvitationIsByTheRowsOfOneMoment(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	address, err := submission.ParseAddress("ana@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	row := func(partition, action, version string) policy.Raw {
		return policy.Raw{Partition: partition, Name: "r", ETag: version, Columns: map[string]any{"Action": action}}
	}
	deny, all, none := row("contoso.com", "deny", "1"), row("*", "invite", "2"), row("*", "review", "3")
	partner := row("contoso.com", "invite", "4")
	var restless [][]policy.Raw
	for i := range 40 {
		restless = append(restless, []policy.Raw{row("contoso.com", "invite", fmt.Sprint(i))})
	}
	// The partitions are read in this order: the address, contoso.com, *.com, everybody.
	tests := map[string]struct {
		states [][]policy.Raw
		want   policy.Action
		err    problem.Code
	}{
		"nothing changes": {[][]policy.Raw{{partner, all}}, policy.Invite, ""},
		"a denial and then an invitation of all are written": {
			[][]policy.Raw{{none}, {none}, {deny, none}, {deny, all}}, policy.Deny, ""},
		"rows that do not matter change": {
			[][]policy.Raw{{partner, none}, {partner, none}, {partner, all}, {partner}}, policy.Invite, ""},
		"the deciding row changes": {
			[][]policy.Raw{{partner}, {partner}, {deny}}, policy.Deny, ""},
		"rows change all the time": {restless, "", problem.StorageUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			decider := Decider{Rows: &changing{states: test.states}}
			s := submission.Submission{Email: address}
			decision, err := decider.Decide(t.Context(), s, now)
			if problem.CodeOf(err) != test.err || decision.Action != test.want {
				t.Errorf("%s (%s), error %v", decision.Action, decision.Reason, err)
			}
		})
	}
}
