package reviews

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/site"
)

// The query of the history. It holds no address.
const (
	untilQuery   = "until" // the place before which a page begins
	outcomeQuery = "outcome"
	domainQuery  = "domain"
	rowQuery     = "row"
)

// outcome is what has become of a request, by which the history can be filtered.
type outcome struct {
	name   string // the last part of the key of its text
	states []request.State
}

// outcomes has the first as the default. Together the others are the first.
var outcomes = []outcome{
	{"all", []request.State{
		request.Approved, request.Inviting, request.Parked, request.Granting, request.Done, request.Denied, request.Failed,
		request.Unproved, request.Cancelled,
	}},
	{"approved", []request.State{request.Approved, request.Inviting, request.Parked, request.Granting}},
	{"invited", []request.State{request.Done}},
	{"denied", []request.State{request.Denied}},
	{"failed", []request.State{request.Failed}},
	{"ended", []request.State{request.Unproved, request.Cancelled}},
}

// outcomeText returns the last part of the key of the text about a state.
func outcomeText(s request.State) string {
	for _, o := range outcomes[1:] {
		if slices.Contains(o.states, s) {
			return o.name
		}
	}
	if s == request.Review {
		return "waiting"
	}
	return "open"
}

// filter says which requests the history shows.
type filter struct {
	outcome outcome
	domain  string
	row     string
}

// values returns the query of the filter, without what is the default.
func (f filter) values() url.Values {
	values := url.Values{}
	for name, text := range map[string]string{outcomeQuery: f.outcome.name, domainQuery: f.domain, rowQuery: f.row} {
		if text != "" && text != outcomes[0].name {
			values.Set(name, text)
		}
	}
	return values
}

// maxRowName is how long the name of a row in a filter can be, in characters.
const maxRowName = 200

// filterOf reads a filter, and returns the name of the first field that is wrong, "" for none. A
// wrong field is left out.
func filterOf(get func(string) string) (f filter, wrong string) {
	f.outcome = outcomes[0]
	for _, o := range outcomes {
		if o.name == get(outcomeQuery) {
			f.outcome = o
		}
	}
	// The filter stands in the address of the page, so there can be no address of a person in it.
	domain := strings.TrimPrefix(strings.TrimSpace(get(domainQuery)), "@")
	if domain != "" {
		address, err := submission.ParseAddress("x@" + domain)
		if err != nil {
			wrong = domainQuery
		}
		f.domain = address.Domain()
	}
	row := strings.TrimSpace(get(rowQuery))
	if strings.Contains(row, "@") || utf8.RuneCountInString(row) > maxRowName {
		if wrong == "" {
			wrong = rowQuery
		}
		row = ""
	}
	f.row = row
	return f, wrong
}

// historyContent is what history.html gets.
type historyContent struct {
	account
	Outcomes []choice
	Domain   string // as typed
	Row      string
	Fault    string // names the field that is wrong, "" for none
	Entries  []foundContent
	Reached  moment // how far back the page goes; zero if there is nothing older
	Older    string // where the next page is, "" for none
	Newest   string // where the first page is, "" on that
}

// choice is an option of a list.
type choice struct {
	Value, Name string
	Chosen      bool
}

// history shows what was decided, the newest first. A form names the filter, and its answer is the
// address of the filtered list.
func (p *pages) history(x *site.Exchange, who person) {
	if x.Request.Method == http.MethodPost {
		p.filterHistory(x, who)
		return
	}
	query := x.Request.URL.Query()
	f, _ := filterOf(query.Get)
	wanted := request.Wanted{States: f.outcome.states, Domain: f.domain, Row: f.row}
	until := query.Get(untilQuery)
	found, err := p.find(x.Request.Context(), wanted, until, perPage)
	if err != nil {
		p.unavailable(x, "the history can't be read", err)
		return
	}
	content := p.historyPage(x, who, f)
	content.Entries = p.entriesOf(x, who, found)
	keep := f.values()
	if until != "" {
		content.Newest = historyAt(keep)
	}
	if found.Next != "" {
		content.Reached = momentOf(found.Next.Issued())
		keep.Set(untilQuery, string(found.Next))
		content.Older = historyAt(keep)
	}
	keep.Del(untilQuery)
	if content.Newest != "" {
		keep.Set(untilQuery, until)
	}
	x.Show(http.StatusOK, "history.html", site.Page{Title: x.Say("review.history.title"), Path: historyPath, Keep: keep, Content: content})
}

// historyAt returns the address of the history with the query.
func historyAt(query url.Values) string {
	if len(query) == 0 {
		return historyPath
	}
	return historyPath + "?" + query.Encode()
}

// filterHistory sends the browser to the history with the filter that was typed.
func (p *pages) filterHistory(x *site.Exchange, who person) {
	fields, err := readFields(x, outcomeQuery, domainQuery, rowQuery)
	if err != nil {
		x.Refuse(err)
		return
	}
	f, wrong := filterOf(func(name string) string { return fields[name] })
	if wrong != "" {
		content := p.historyPage(x, who, f)
		content.Domain, content.Row, content.Fault = fields[domainQuery], fields[rowQuery], wrong
		x.Show(http.StatusUnprocessableEntity, "history.html", site.Page{Title: x.Say("review.history.title"), Path: historyPath, Content: content})
		return
	}
	x.Header().Set("Location", historyAt(f.values()))
	x.WriteHeader(http.StatusSeeOther)
}

// historyPage returns the page without requests.
func (p *pages) historyPage(x *site.Exchange, who person, f filter) *historyContent {
	content := &historyContent{account: p.signedInAs(x, who), Domain: f.domain, Row: f.row}
	for _, o := range outcomes {
		content.Outcomes = append(content.Outcomes, choice{o.name, x.Say("review.outcome." + o.name), o.name == f.outcome.name})
	}
	return content
}

// foundContent is a request in a list of what was found.
type foundContent struct {
	Path       string // "" if the person may not open it
	Reference  submission.Reference
	Address    string // masked; "" if it is erased
	Outcome    string
	Why        string // in English, for those who can't open the request
	Row        string // "" if no row decided
	Submitted  moment
	Changed    moment
	Unreadable bool
}

// entriesOf returns the requests of a finding, the newest first.
func (p *pages) entriesOf(x *site.Exchange, who person, found request.Finding) []foundContent {
	var entries []foundContent
	unreadable := found.Unreadable
	for _, r := range found.Requests {
		for len(unreadable) > 0 && unreadable[0] > r.ID {
			entries, unreadable = append(entries, unreadableEntry(unreadable[0])), unreadable[1:]
		}
		entries = append(entries, p.found(x, who, r))
	}
	for _, id := range unreadable {
		entries = append(entries, unreadableEntry(id))
	}
	return entries
}

// found returns a request as the person may see it in a list.
func (p *pages) found(x *site.Exchange, who person, r request.Request) foundContent {
	content := foundContent{
		Reference: r.ID.Reference(), Address: x.Isolated(r.Submission.Email.Masked()), Outcome: x.Say("review.outcome." + outcomeText(r.State)),
		Submitted: momentOf(r.ID.Issued()), Changed: momentOf(r.Changed),
	}
	if r.Submission.Email == (submission.Address{}) {
		content.Address = ""
	}
	if r.Decision != nil && r.Decision.Row != nil {
		content.Row = r.Decision.Row.Name
	}
	switch {
	case who.all:
		content.Path = pathOf(r.ID)
		return content
	case who.operator && len(r.Operates()) > 0:
		content.Path = orderPathOf(r.ID)
	}
	content.Why = r.Reason
	return content
}

// unreadableEntry stands for a record that can't be read. Nothing but its reference is known.
func unreadableEntry(id submission.ID) foundContent {
	return foundContent{Reference: id.Reference(), Submitted: momentOf(id.Issued()), Unreadable: true}
}
