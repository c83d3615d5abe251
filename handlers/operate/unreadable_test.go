package operate

import (
	"fmt"
	"strings"
	"testing"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

func TestCheckUnreadableNamesUpToFive(t *testing.T) {
	var ids []submission.ID
	for i := range 8 {
		ids = append(ids, submission.ID(fmt.Sprintf("id%d", i)))
	}
	for n, want := range map[int]struct {
		health Health
		found  string
	}{
		0: {Fine, "all that have not ended can be read"},
		1: {Warning, "1 can't be read, and wait: id0"},
		5: {Warning, "5 can't be read, and wait: id0 id1 id2 id3 id4"},
		8: {Warning, "8 can't be read, and wait: id0 id1 id2 id3 id4 and 3 more"},
	} {
		check := checkUnreadable(request.Tally{Unreadable: n, Examples: ids[:n]})
		if check.Health != want.health || check.Found != want.found || (check.Cure == "") != (n == 0) {
			t.Errorf("%d: %+v", n, check)
		}
	}
	unnamed := checkUnreadable(request.Tally{Unreadable: 30, Examples: []submission.ID{"", "id1", ""}})
	if unnamed.Found != "30 can't be read, and wait: id1 and 29 more" {
		t.Errorf("without keys: %+v", unnamed)
	}
	gate := CheckUnreadableGate("column Sent is not a count")
	if gate.Health != Broken || !strings.Contains(gate.Found, "column Sent") || !strings.Contains(gate.Cure, "table Tenant") {
		t.Errorf("the gate: %+v", gate)
	}
}

func TestShowUnreadable(t *testing.T) {
	outline := request.Outline{
		ID: "id", State: "paused", Faults: []string{"column State is not a known state"}, Personal: true,
		Withdrawal: request.Instruction{By: "desk"},
	}
	detail := ShowUnreadable(outline, nil)
	if detail.State != "paused" || len(detail.Faults) != 1 || !detail.Personal || detail.ErasureWished != "desk" || detail.History == nil ||
		!strings.Contains(detail.Cure, "guestlist request erase") {
		t.Errorf("got %+v", detail)
	}
}
