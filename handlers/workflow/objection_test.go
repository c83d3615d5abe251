package workflow

import (
	"testing"
	"time"

	"guestlist/handlers/request"
)

// A person who approved in view of one deletion has not answered another one that came later.
func TestApprovalAnswersEarlierDeletionsOnly(t *testing.T) {
	approved := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		deletedAt time.Time
		objects   bool
	}{
		"deleted before the approval": {approved.Add(-time.Hour), false},
		"deleted at an unknown time":  {time.Time{}, false},
		"deleted after the approval":  {approved.Add(time.Hour), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			j := &job{Change: request.Change{Request: request.Request{
				Approval: &request.Approval{At: approved, Saw: guestDeleted.what},
			}}}
			deleted := request.User{Kind: request.DeletedGuest, DeletedAt: test.deletedAt}
			objects := j.objectionTo(deleted) != (objection{})
			if objects != test.objects {
				t.Errorf("objects %t, want %t", objects, test.objects)
			}
		})
	}
}
