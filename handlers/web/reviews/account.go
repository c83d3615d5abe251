package reviews

import (
	"guestlist/handlers/web/signin"
	"guestlist/handlers/web/site"
)

// account is what every page says about the person who reads it.
type account struct {
	Who   string
	Pages []link // those that the person may open; none if there is one only
}

// link leads to a page.
type link struct {
	Path, Name string
	Here       bool // it is the page itself
}

func (p *pages) signedInAs(x *site.Exchange, who person) account {
	a := account{Who: x.With("review.signedIn", "Name", x.Isolated(who.Name))}
	add := func(of audience, path, name string) {
		if who.may(of) {
			a.Pages = append(a.Pages, link{path, name, path == x.Request.URL.Path})
		}
	}
	add(members, signin.Root, x.Say("review.toQueue"))
	add(seekers, searchPath, x.Say("review.toSearch"))
	add(seekers, historyPath, x.Say("review.toHistory"))
	add(readers, policiesPath, x.Say("review.toPolicies"))
	add(readers, explainPath, x.Say("review.toExplain"))
	add(operators, operationPath, x.Say("review.toOperation"))
	if len(a.Pages) == 1 {
		a.Pages = nil
	}
	return a
}
