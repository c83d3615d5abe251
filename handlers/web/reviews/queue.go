package reviews

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/signin"
	"guestlist/handlers/web/site"
)

const (
	// perPage is how many requests a page of the queue shows.
	perPage = 50
	// perLook is how many entries of the index one page looks at: two calls of Table Storage, which
	// gives a thousand at a time. With that of the session they are three.
	perLook = 2000
	// afterQuery names the id after which a page of the queue begins.
	afterQuery = "after"
)

// queueContent is what queue.html gets.
type queueContent struct {
	account
	Entries []entryContent
	More    string // where the next page is, "" for none
	First   string // where the first page is, "" on that
}

// entryContent is a request that waits.
type entryContent struct {
	Path      string
	Reference submission.Reference
	Domain    string
	Row       string // "" if no row decided
	Stage     int
	Since     moment
	Deadline  moment // zero for none
	Late      bool   // the deadline has passed, and the request ends soon
}

// queue shows what waits for the person. An auditor and a reviewer see everything that waits.
func (p *pages) queue(x *site.Exchange, who person) {
	text := x.Request.URL.Query().Get(afterQuery)
	after, err := submission.ParseID(text)
	if err != nil {
		after = ""
	}
	all, err := p.Waiting.WaitingReviews(x.Request.Context(), after, "", perLook)
	if err != nil {
		p.unavailable(x, "what waits for people can't be read", err)
		return
	}
	content := queueContent{account: p.signedInAs(x, who)}
	found, last := 0, submission.ID("")
	for _, entry := range all {
		if !who.all && !who.among(entry.Deciders) {
			continue
		}
		found++
		if found <= perPage {
			content.Entries = append(content.Entries, p.entry(entry))
			last = entry.ID
		}
	}
	unread := len(all) == perLook
	switch {
	case found > perPage:
		content.More = queueFrom(last)
	case unread:
		content.More = queueFrom(all[len(all)-1].ID)
	}
	page := site.Page{Path: signin.Root, Content: &content}
	switch {
	case after != "":
		content.First = signin.Root
		page.Keep = url.Values{afterQuery: {string(after)}}
		page.Title = x.Say("review.queue.further")
	case unread:
		page.Title = x.With("review.queue.atLeast", "Count", strconv.Itoa(found))
	case found == 0:
		page.Title = x.Say("review.queue.none")
	default:
		page.Title = x.Count("review.queue.title", found)
	}
	x.Show(http.StatusOK, "queue.html", page)
}

// queueFrom returns the address of the part of the queue after the id.
func queueFrom(id submission.ID) string {
	return signin.Root + "?" + url.Values{afterQuery: {string(id)}}.Encode()
}

func (p *pages) entry(e request.WaitingReview) entryContent {
	content := entryContent{
		Path: pathOf(e.ID), Reference: e.ID.Reference(), Domain: e.Domain, Row: e.Row.Name, Stage: e.Stage,
		Since: momentOf(e.Since), Deadline: momentOf(e.Deadline), Late: !e.Deadline.IsZero() && !e.Deadline.After(p.Now()),
	}
	return content
}

// pathOf returns the path of the page of a request.
func pathOf(id submission.ID) string { return signin.Root + "/" + string(id) }

// moment is a time in a page, for programs and for people; both are "" for none.
type moment struct{ Machine, Text string }

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	t = t.UTC()
	return moment{t.Format(time.RFC3339), t.Format("2006-01-02 15:04") + " UTC"}
}
