package posting

import (
	"strings"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Type returns the type under which programs get notices of a kind, such as
// guestlist.notice.last_day: words of letters, digits and low lines, separated by full stops, as
// Standard Webhooks has it.
func Type(kind request.NoticeKind) string {
	return "guestlist.notice." + strings.ReplaceAll(string(kind), "-", "_")
}

// Data is what programs get of a notice. What does not apply is left out.
type Data struct {
	Number   submission.Reference `json:"number,omitempty"`
	Row      *Row                 `json:"row,omitempty"`
	Stage    int                  `json:"stage,omitempty"`
	Stages   int                  `json:"stages,omitempty"`
	Deadline time.Time            `json:"deadline,omitzero"`
	Link     string               `json:"link"`
}

// Row is the key of a policy row, without its partition if that is an address.
type Row struct {
	Partition string `json:"partition,omitempty"`
	Name      string `json:"name"`
}

// NewData returns the data of a notice. Times are in UTC.
func NewData(n request.Notice) Data {
	data := Data{Number: n.Number, Stage: n.Stage, Stages: n.Stages, Link: n.Link}
	if n.Row.Name != "" || n.Row.Partition != "" {
		data.Row = &Row{n.Row.Partition, n.Row.Name}
	}
	if !n.Deadline.IsZero() {
		data.Deadline = n.Deadline.UTC()
	}
	return data
}
