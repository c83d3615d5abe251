package reviews

import (
	"context"
	"net/http"
	"strings"
	"time"

	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/web/site"
)

// Strays tells what upkeep knows of policy rows that no look-up finds, as [request.StrayStore]
// does.
type Strays interface {
	Strays(ctx context.Context) (request.Strays, error)
}

// listedStrays are the strays of the list. An old list does for an explanation, and the pages have
// no right to make a new one.
type listedStrays struct{ Strays }

// StrayRows implements [request.StrayRows].
func (l listedStrays) StrayRows(ctx context.Context, _ time.Time) ([]policy.Raw, error) {
	strays, err := l.Strays.Strays(ctx)
	return strays.All(), err
}

// explainContent is what explain.html gets.
type explainContent struct {
	account
	Email, Company, Country, Sponsor string // as typed
	Fault                            string // names the field that is wrong, "" for none
	FaultText                        string
	Busy                             bool // the rows can't be read now

	Asked   bool
	Verdict string // in words
	Reason  string // in English
	Row     string
	RowPath string
	Terms   *policy.Terms // of an invitation
	Groups  []named       // of Terms
	Looked  []policy.Look
	More    int // how many rows were looked at beside those listed
}

// someone stands for a person at a domain, if no more than that is known.
const someone = "somebody"

// explain says what would be decided on a sign-up of the address, or of somebody at the domain.
// What is typed comes in the body of a form, and is stored nowhere.
func (p *pages) explain(x *site.Exchange, who person) {
	content := &explainContent{account: p.signedInAs(x, who)}
	page := site.Page{Title: x.Say("review.explain.title"), Path: explainPath, Content: content}
	if x.Request.Method != http.MethodPost {
		x.Show(http.StatusOK, "explain.html", page)
		return
	}
	fields, err := readFields(x, "email", "company", "country", "sponsor")
	if err != nil {
		x.Refuse(err)
		return
	}
	content.Email, content.Company, content.Country, content.Sponsor = fields["email"], fields["company"], fields["country"], fields["sponsor"]
	email := strings.TrimSpace(content.Email)
	if email != "" && !strings.Contains(email, "@") {
		email = "@" + email
	}
	if strings.HasPrefix(email, "@") {
		email = someone + email
	}
	question := operate.Question{Email: email, Company: content.Company, Country: content.Country, Sponsor: content.Sponsor}
	decider := request.Decider{Rows: p.Rows, Strays: listedStrays{p.Strays}, Seats: request.FreeSeats{}}
	explanation, err := operate.Explain(x.Request.Context(), decider, question, p.Now())
	if problem.CodeOf(err) == problem.InvalidInput {
		content.refuse(x, err)
		x.Show(http.StatusUnprocessableEntity, "explain.html", page)
		return
	}
	if err != nil {
		content.Busy = true
		p.askAgain(x, "explain.html", page, "a decision can't be explained", err)
		return
	}
	content.explain(x, explanation.Decision)
	if terms := content.Terms; terms != nil {
		content.Groups = p.names(x, who, terms.Groups).show(terms.Groups)
	}
	x.Show(http.StatusOK, "explain.html", page)
}

// refuse says which field is wrong.
func (c *explainContent) refuse(x *site.Exchange, err error) {
	c.Fault, c.FaultText = "email", x.Say("review.explain.wrong")
	fields := problem.From(err).Fields
	if len(fields) == 0 || fields[0].Name == "email" {
		return
	}
	for _, name := range []string{"company", "country", "sponsor"} {
		if fields[0].Name == name {
			c.Fault, c.FaultText = name, x.Say("review.explain.wrongField")
		}
	}
}

// explain adds the decision.
func (c *explainContent) explain(x *site.Exchange, d policy.Decision) {
	c.Asked, c.Verdict, c.Reason = true, x.Say("review.explain.verdict."+string(d.Action)), d.Reason
	c.Looked, c.More, c.Terms = d.Looked, d.Unlisted, d.Terms
	if d.Row != nil {
		c.Row = d.Row.Partition + " / " + d.Row.Name
		c.RowPath = pathOfRow(policy.RowKey{Partition: d.Row.Partition, Name: d.Row.Name})
	}
}
