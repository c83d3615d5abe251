package reviews

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/site"
)

// How many requests a search reads at most, beside the session. One by reference looks for them
// among those of one second, and one by address asks who owns it and what waits for people of its
// domain. Looking through older requests costs what [request.Finder] says.
const (
	mostOfReference = 5
	mostOfDomain    = 20
)

// anew in the field "until" looks through the requests from now on.
const anew = "now"

// searchContent is what search.html gets.
type searchContent struct {
	account
	Wanted  string // as it was typed
	Fault   bool   // it is neither an address nor a reference
	Busy    bool   // the requests can't be read now
	Asked   bool   // something was looked for
	Entries []foundContent
	// Further: older requests of the address can be looked for, before Until.
	Further bool
	Until   string
	Reached moment // how far back they were looked for; zero if they were not
}

// search finds requests by an address or a reference. Both come in the body of a form: an address
// must stand in no link and no log.
func (p *pages) search(x *site.Exchange, who person) {
	content := &searchContent{account: p.signedInAs(x, who)}
	page := site.Page{Title: x.Say("review.search.title"), Path: searchPath, Content: content}
	if x.Request.Method != http.MethodPost {
		x.Show(http.StatusOK, "search.html", page)
		return
	}
	fields, err := readFields(x, "wanted", "until")
	if err != nil {
		x.Refuse(err)
		return
	}
	content.Wanted = fields["wanted"]
	reference, noReference := submission.ParseReference(content.Wanted)
	address, noAddress := submission.ParseAddress(strings.TrimSpace(content.Wanted))
	switch {
	case len(content.Wanted) > maxSearched || noReference != nil && noAddress != nil:
		content.Fault = true
		x.Show(http.StatusUnprocessableEntity, "search.html", page)
		return
	case noReference == nil:
		err = p.byReference(x, who, content, reference)
	case fields["until"] == "":
		err = p.byAddress(x, who, content, address)
	default:
		err = p.olderOf(x, who, content, address, fields["until"])
	}
	if err != nil {
		*content = searchContent{account: content.account, Wanted: content.Wanted, Until: fields["until"], Busy: true}
		p.askAgain(x, "search.html", page, "requests can't be searched", err)
		return
	}
	content.Asked = true
	p.Log.InfoContext(x.Request.Context(), "a person has searched for requests", "person", who.Person, "found", len(content.Entries))
	x.Show(http.StatusOK, "search.html", page)
}

// maxSearched is how long what is typed can be, in bytes.
const maxSearched = 1000

// byReference adds the requests of the reference.
func (p *pages) byReference(x *site.Exchange, who person, content *searchContent, reference submission.Reference) error {
	ids, err := p.Finder.Referred(x.Request.Context(), reference)
	if err != nil {
		return err
	}
	for _, id := range ids[:min(len(ids), mostOfReference)] {
		err = p.addFound(x, who, content, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// byAddress adds the request that owns the address, or did last, and those of the address that wait
// for people, which own nothing yet.
func (p *pages) byAddress(x *site.Exchange, who person, content *searchContent, address submission.Address) error {
	ctx := x.Request.Context()
	content.Further, content.Until = true, anew
	claim, err := p.Claims.ClaimOf(ctx, address)
	if err != nil && problem.CodeOf(err) != problem.RecordUnreadable { // else the requests can be looked through
		return err
	}
	waiting, err := p.Waiting.WaitingReviews(ctx, "", "", perLook)
	if err != nil {
		return err
	}
	looked := 0
	for _, entry := range slices.Backward(waiting) { // the newest first
		if entry.Domain != address.Domain() || entry.ID == claim.Owner || looked == mostOfDomain {
			continue
		}
		looked++
		r, err := p.Requests.Load(ctx, entry.ID)
		if problem.CodeOf(err) == problem.StorageUnavailable {
			return err
		}
		if err == nil && r.Submission.Email == address {
			content.Entries = append(content.Entries, p.found(x, who, r))
		}
	}
	if claim.Owner == "" {
		return nil
	}
	return p.addFound(x, who, content, claim.Owner)
}

// olderOf adds requests of the address from before the place.
func (p *pages) olderOf(x *site.Exchange, who person, content *searchContent, address submission.Address, until string) error {
	found, err := p.find(x.Request.Context(), request.Wanted{Address: address}, until, perPage)
	if err != nil {
		return err
	}
	content.Entries = p.entriesOf(x, who, found)
	content.Further, content.Until = found.Next != "", string(found.Next)
	content.Reached = momentOf(found.Next.Issued())
	return nil
}

// addFound adds the request, if it is still there.
func (p *pages) addFound(x *site.Exchange, who person, content *searchContent, id submission.ID) error {
	r, err := p.Requests.Load(x.Request.Context(), id)
	switch problem.CodeOf(err) {
	case "":
		content.Entries = append(content.Entries, p.found(x, who, r))
	case problem.NotFound:
	case problem.RecordUnreadable:
		content.Entries = append(content.Entries, unreadableEntry(id))
	default:
		return err
	}
	return nil
}

// find returns a part of the requests that are wanted, before the place, at most limit. It begins
// with the newest if the place is none, or lies in the future.
func (p *pages) find(ctx context.Context, wanted request.Wanted, until string, limit int) (request.Finding, error) {
	before, err := submission.ParseID(until)
	if err != nil || before.Issued().After(p.Now()) {
		before = ""
	}
	return p.Finder.FindBefore(ctx, wanted, before, p.Now(), limit)
}
