package lint

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"guestlist/handlers/policy"
)

// sharedDomains are those of Entra's tenants, which anyone gets and the suffix list lacks.
var sharedDomains = []string{"onmicrosoft.com", "onmicrosoft.us", "partner.onmschina.cn", "onmicrosoft.de"}

// checkKey finds partitions whose rows are for nobody or for too many people.
func (k *checker) checkKey(p *partition) {
	const column = policy.PartitionKeyColumn
	if len(p.entries) > policy.MaxRows {
		k.record(p.key, "", column, ruleTooManyRows,
			fmt.Sprintf("The partition has %d rows, and at most %d are read for a decision. Everybody in it goes to review.", len(p.entries), policy.MaxRows),
			"Delete the rows that no longer matter, or move some to narrower partitions.")
	}
	k.checkEnding(p)
	for _, e := range p.entries {
		if e.row.Disabled() || !e.sound(column) {
			continue
		}
		if k.live(e) && e.row.Action == policy.Invite && e.sound(policy.ActionColumn) && alwaysDecides(e.row) {
			k.checkDoor(e)
		}
	}
}

// checkEnding finds domains that may be mistyped, or meant for what is below them.
func (k *checker) checkEnding(p *partition) {
	const column = policy.PartitionKeyColumn
	if fault, _ := policy.JudgeKey(p.key); fault != policy.KeyFine || p.key == "*" || len(k.alive(p.key)) == 0 {
		return
	}
	domain, wildcard := strings.CutPrefix(p.key, "*.")
	domain = domain[strings.LastIndexByte(domain, '@')+1:]
	suffix, icann := publicsuffix.PublicSuffix(domain)
	switch {
	case !icann && !strings.Contains(suffix, "."):
		k.record(p.key, "", column, ruleUnknownEnding,
			"The ending ."+suffix+" is not on the list of endings that this program was built with.",
			"Check how it is spelt. If the ending is new, there is nothing to do.")
	case icann && suffix == domain && !wildcard && !strings.Contains(p.key, "@"):
		k.record(p.key, "", column, ruleAtSuffix,
			"The rows are for mailboxes at "+domain+" itself. Below it others register their domains, which these rows do not cover.",
			"If they are meant, create the rows under *."+domain+".")
	}
}

// checkDoor finds invite rows without a condition or a code that are for too many people.
func (k *checker) checkDoor(e *entry) {
	const column = policy.PartitionKeyColumn
	const narrow = "Use review here, and invite under the domains of partners."
	key := e.row.Partition
	if key == "*" {
		k.add(e, column, ruleEverybody, "The row invites everybody in the world without a narrower row, and nobody reviews it.", narrow)
		return
	}
	domain, wildcard := strings.CutPrefix(key, "*.")
	at := strings.LastIndexByte(domain, '@')
	address := at >= 0
	domain = domain[at+1:]

	private, suffix := publicSuffix(domain)
	switch {
	case wildcard && suffix && !private:
		k.add(e, column, ruleEverybody,
			"The row invites everybody below the ending ."+domain+", where anyone can register a domain, and nobody reviews it.", narrow)
		return
	case wildcard && (suffix || slices.Contains(sharedDomains, domain)):
		k.add(e, column, ruleManyTenants,
			"The row invites everybody below "+domain+", where anyone can get a name, and nobody reviews it.", narrow)
		return
	}
	// Providers give their customers names below their domains.
	where := "at "
	if wildcard {
		where = "below "
	}
	keeper, free := k.freeMail[domain]
	if free && !address {
		k.add(e, column, ruleFreeMail,
			"The row invites everybody "+where+domain+" ("+keeper+"), where anyone can get an address, and nobody reviews it.",
			"Use review here, and invite single people under their whole address.")
	}
	_, throwAway := k.disposable[domain]
	if throwAway {
		k.add(e, column, ruleDisposable,
			"The row invites to a mailbox "+where+domain+", which offers mailboxes for a few minutes. Others may read the invitation.",
			"Use deny here, and ask the partner for a work address.")
	}
}

// publicSuffix reports whether anyone can get names below the domain, and whether it is private.
func publicSuffix(domain string) (private, is bool) {
	suffix, icann := publicsuffix.PublicSuffix(domain)
	if suffix == domain {
		return !icann && strings.Contains(domain, "."), true
	}
	// The list has some domains only as a wildcard.
	suffix, icann = publicsuffix.PublicSuffix("a." + domain)
	return !icann, suffix == "a."+domain
}

// checkNeighbours finds domains that are probably meant to be treated like their subdomains.
func (k *checker) checkNeighbours(p *partition) {
	const column = policy.PartitionKeyColumn
	rows := k.alive(p.key)
	if len(rows) == 0 || !rows[0].sound(column) || p.key == "*" || strings.Contains(p.key, "@") {
		return
	}
	domain, wildcard := strings.CutPrefix(p.key, "*.")
	if !wildcard {
		k.checkBelow(rows, domain)
		return
	}
	_, possible := domainOf(domain)
	if !possible {
		return // an ending, with no addresses of its own
	}
	bare := k.alive(domain)
	invite, deny := first(rows, policy.Invite), first(bare, policy.Deny)
	switch {
	case len(bare) == 0:
		k.record(p.key, "", column, ruleDomainMissing,
			"There are rows for subdomains of "+domain+", but none for "+domain+" itself, which the wildcard does not cover.",
			"Create a row under "+domain+" too; a copy if the same is meant.")
	case invite != nil && deny != nil:
		k.add(invite, column, ruleDomainDenied,
			"The row invites subdomains of "+domain+", while the row "+quoted(deny.row.Name)+" denies "+domain+" itself. Neither row covers the other's domains.",
			"To deny subdomains too, write deny here; to invite the domain itself, change its own row.")
	}
}

// checkBelow finds a domain that is denied while a wider row invites its subdomains.
func (k *checker) checkBelow(rows []*entry, domain string) {
	deny := first(rows, policy.Deny)
	if deny == nil || len(k.alive("*."+domain)) > 0 {
		return
	}
	for wider := domain; wider != ""; {
		_, parent, _ := strings.Cut(wider, ".")
		key := "*." + parent
		if parent == "" {
			key = "*"
		}
		wider = parent
		above := k.alive(key)
		if len(above) == 0 {
			continue
		}
		invite := first(above, policy.Invite)
		if invite != nil && alwaysDecides(invite.row) {
			k.add(deny, policy.PartitionKeyColumn, ruleSubdomainsNotMeant,
				"The row denies only "+domain+". The row "+quoted(invite.row.Name)+" of the partition "+key+" invites its subdomains.",
				"Create a row with deny under *."+domain+" too.")
		}
		return
	}
}

// first returns the first of the rows without faults that has the action, or nil.
func first(rows []*entry, action policy.Action) *entry {
	at := slices.IndexFunc(rows, func(e *entry) bool { return !e.faulty() && e.row.Action == action })
	if at < 0 {
		return nil
	}
	return rows[at]
}
