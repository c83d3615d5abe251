package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

func TestManyRequestsAreNamedUpToTwenty(t *testing.T) {
	var found []request.Request
	var ids []submission.ID
	var failed []review.Failure
	for i := range 25 {
		id := submission.ID(fmt.Sprintf("id%02d", i))
		ids = append(ids, id)
		found = append(found, request.Request{ID: id, State: request.Parked})
		failed = append(failed, review.Failure{ID: id, Err: errors.New("an invitation may be under way")})
	}
	const (
		why  = ": an invitation may be under way\n"
		both = "\n1 request is cancelled.\n1 could not be cancelled:\n  id01" + why
		some = "\n20 requests are cancelled.\n5 were not tried.\n"
	)
	tests := map[string]struct {
		result cancellation
		want   string
	}{
		"none":            {newCancellation(nil, nil, nil), ""},
		"one":             {newCancellation(ids[:1], ids[:1], nil), "\n1 request is cancelled.\n"},
		"all":             {newCancellation(ids, ids, nil), "\n25 requests are cancelled.\n"},
		"not all tried":   {newCancellation(ids, ids[:20], nil), some},
		"one of two":      {newCancellation(ids[:2], ids[:1], failed[1:2]), both},
		"none of so many": {newCancellation(ids, nil, failed), "  id19" + why + "  and 5 more\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			printCancellation(&text, test.result)
			if !strings.HasSuffix(text.String(), test.want) || test.want == "" && text.Len() > 0 {
				t.Errorf("got %q", text.String())
			}
			if strings.Contains(text.String(), "id20") || len(test.result.Named) > maxNamed {
				t.Errorf("too many are named: %q, %v", text.String(), test.result.Named)
			}
		})
	}
	var text strings.Builder
	printMany(&text, found, cancellation{More: true})
	printUnreadable(&text, tables.Found{Unreadable: ids, Unnamed: 7})
	for _, part := range []string{"id19", "and 5 more", "than 1000", "32 records can't be read: id00, ", "id19 and 12 more; "} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("without %q: %s", part, text.String())
		}
	}
	if strings.Contains(text.String(), "id20") {
		t.Errorf("too many are named: %s", text.String())
	}
}
