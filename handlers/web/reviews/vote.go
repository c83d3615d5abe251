package reviews

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/web/site"
)

// form is what a person has sent about a request. It has no field for who votes, by what authority,
// or what the guest gets: Shown only names what the person was shown of that.
type form struct {
	Seen     string // the Mark of the request that the person had before them
	Shown    string // with a yes: the TermsMark of what an approval gives, as it was shown
	Stage    string
	Decision string
	Note     string // with a yes
	Reason   string // with a no
	DenyNote string // with a no
}

// The values of the field decision.
const (
	approve = "approve"
	deny    = "deny"
)

// sentQuery says when a vote was sent, in Unix seconds. It changes only what its writer is shown.
const sentQuery = "sent"

func sentOf(r *http.Request) time.Time {
	seconds, err := strconv.ParseInt(r.URL.Query().Get(sentQuery), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// readForm reads a form about a request.
func readForm(x *site.Exchange) (form, error) {
	fields, err := readFields(x, "seen", "shown", "stage", "decision", "note", "reason", "denyNote")
	if err != nil {
		return form{}, err
	}
	f := form{
		Seen: fields["seen"], Shown: fields["shown"], Stage: fields["stage"], Decision: fields["decision"],
		Note: fields["note"], Reason: fields["reason"], DenyNote: fields["denyNote"],
	}
	if f.Decision != approve && f.Decision != deny {
		return form{}, site.Malformed(`The decision must be "approve" or "deny".`)
	}
	return f, nil
}

// readFields reads the named fields of a form. A field that a page of ours does not send is left
// alone: extensions of browsers and gateways put fields into forms.
func readFields(x *site.Exchange, names ...string) (map[string]string, error) {
	if x.Format == site.JSON {
		return nil, &problem.Error{Code: problem.UnsupportedMediaType, Detail: "what a person sends is no form"}
	}
	members, err := x.Members()
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for _, m := range members {
		if !slices.Contains(names, m.Name) {
			continue
		}
		_, seen := fields[m.Name]
		if seen {
			return nil, site.Malformed("A field stands twice in the form.")
		}
		// What was typed may be shown again, and the host passes nothing but UTF-8.
		fields[m.Name] = strings.ToValidUTF8(m.Text, "\ufffd")
	}
	return fields, nil
}

// tooLong returns the field whose text is too long, "" if there is none.
func (f form) tooLong() string {
	words := []struct{ field, text string }{{"note", f.Note}}
	if f.Decision == deny {
		words = []struct{ field, text string }{{"reason", f.Reason}, {"denyNote", f.DenyNote}}
	}
	for _, w := range words {
		_, err := request.CheckWords(w.field, w.text, false)
		if err != nil {
			return w.field
		}
	}
	return ""
}

// vote takes a vote about the request, and puts it on the queue. Whether it counts is for the
// worker to say, who asks the directory who the person is by then.
func (p *pages) vote(x *site.Exchange, who person, r review) {
	ctx := x.Request.Context()
	f, err := readForm(x)
	if err != nil {
		x.Refuse(err)
		return
	}
	if r.Mark() == "" || f.Seen != r.Mark() || f.Stage != strconv.Itoa(r.Reviewing.Stage) {
		p.show(x, http.StatusConflict, who, r, notice{changed: true, typed: f})
		return
	}
	if r.obstacle(who) != "" || f.Decision == approve && r.row.Withdrawn != "" {
		p.show(x, http.StatusForbidden, who, r, notice{typed: f})
		return
	}
	terms := request.TermsMark(r.row.Terms)
	if f.Decision == approve && f.Shown != terms {
		p.show(x, http.StatusConflict, who, r, notice{changed: true, typed: f})
		return
	}
	long := f.tooLong()
	if long != "" {
		p.show(x, http.StatusUnprocessableEntity, who, r, notice{fault: long, text: x.Count("error.max", request.MaxWords), typed: f})
		return
	}
	ballot := request.Ballot{
		Seen: r.Mark(), Stage: r.Reviewing.Stage, By: who.Person, Name: cmp.Or(who.Name, who.Person), Yes: f.Decision == approve,
		Note: f.Note, Cast: p.Now(),
	}
	if ballot.Yes {
		ballot.Shown = terms
	} else {
		ballot.Reason, ballot.Note = f.Reason, f.DenyNote
	}
	cast, err := request.CastBallot{ID: r.ID, Ballot: ballot}.Check()
	if !ballot.Yes && (problem.CodeOf(err) == problem.InvalidInput || err == nil && cast.Reason == "") {
		// The command takes a no with a note alone. Here the partner is to hear why.
		n := notice{fault: "reason", text: x.Say("review.deny.required"), typed: f}
		p.show(x, http.StatusUnprocessableEntity, who, r, n)
		return
	}
	var message []byte
	if err == nil {
		message, err = cast.Encode()
	}
	if err == nil {
		err = p.Queue.Enqueue(ctx, message)
	}
	if err != nil {
		p.Log.ErrorContext(ctx, "a vote can't be put on the queue", site.Logged(err))
		x.RetryAfter(0)
		p.show(x, http.StatusServiceUnavailable, who, r, notice{unsent: true, typed: f})
		return
	}
	p.Log.InfoContext(ctx, "a vote is sent", "request", string(r.ID), "person", who.Person, "stage", ballot.Stage, "yes", ballot.Yes)
	x.Header().Set("Location", pathOf(r.ID)+"?"+url.Values{sentQuery: {strconv.FormatInt(p.Now().Unix(), 10)}}.Encode())
	x.WriteHeader(http.StatusSeeOther)
}
