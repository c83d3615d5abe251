package reviews

import (
	"context"
	"slices"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/web/site"
)

// Names tells the names of groups, as [request.GroupNames] does. Upkeep keeps them: the pages have
// no right to ask the directory.
type Names interface {
	GroupNames(ctx context.Context, first, last string, limit int) ([]request.GroupName, error)
}

// mostNames is how many names a page reads at most: one call of Table Storage.
const mostNames = 1000

// agedName is how old a name is when a page says so: upkeep has not got a newer one for a day.
const agedName = 24 * time.Hour

// named is a user or a group as a page shows it. The id always stands there, too: it decides, and
// owners of groups choose the names.
type named struct {
	ID   string
	Name string // of a group; "" if it is not known, and for a user
	Aged string // in words, when the name was read, if that is long ago
}

// naming has the names of groups for one page.
type naming struct {
	x     *site.Exchange
	now   time.Time
	known map[string]request.GroupName
}

// names returns the names of those of the ids that are groups. It costs one call at most. If they
// can't be read, the page shows the ids alone, and so it does for guests of the tenant.
func (p *pages) names(x *site.Exchange, who person, lists ...[]string) naming {
	n := naming{x, p.Now(), map[string]request.GroupName{}}
	ids := slices.Concat(lists...)
	if len(ids) == 0 || who.Guest {
		return n
	}
	entries, err := p.Names.GroupNames(x.Request.Context(), slices.Min(ids), slices.Max(ids), mostNames)
	if err != nil {
		p.Log.WarnContext(x.Request.Context(), "the names of groups can't be read", site.Logged(err))
	}
	for _, entry := range entries {
		n.known[entry.ID] = entry
	}
	return n
}

// show returns the ids as a page shows them.
func (n naming) show(ids []string) []named {
	var shown []named
	for _, id := range ids {
		entry := n.known[id]
		one := named{ID: id, Name: entry.Name}
		if entry.Name != "" && n.now.Sub(entry.AskedAt) > agedName {
			one.Aged = n.x.With("review.nameAged", "At", n.x.Isolated(momentOf(entry.AskedAt).Text))
		}
		shown = append(shown, one)
	}
	return shown
}
