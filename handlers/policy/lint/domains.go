package lint

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"guestlist/handlers/policy"
)

// sharedDomains are domains that the public suffix list does not have, below which others get names that take mail: the
// initial domains of the tenants of Entra and its national clouds.
var sharedDomains = []string{"onmicrosoft.com", "onmicrosoft.us", "partner.onmschina.cn", "onmicrosoft.de"}

// checkKey tells whom the rows of a partition are for, where that is nobody or too many.
func (k *checker) checkKey(p *partition) {
	const column = "PartitionKey"
	if len(p.entries) > policy.MaxRows {
		k.record(p.key, "", column, ruleTooManyRows,
			fmt.Sprintf("The partition has %d rows, and no more than %d are read for a decision. Everybody it is for goes to review.", len(p.entries), policy.MaxRows),
			"Delete the rows that no longer matter, or move some to narrower partitions.")
	}
	below, wildcard := strings.CutPrefix(p.key, "*.")
	_, possible := parentOf(below)
	for _, e := range p.entries {
		if e.row.Disabled() || !e.sound(column) {
			continue
		}
		if wildcard && !possible {
			k.add(e, column, rulePartitionNobody,
				"No address can have a domain below this one: its ending does not exist, or it has too many parts. The row is for nobody.",
				"Make the row anew under the partner's own domain.")
			continue
		}
		if k.live(e) && e.row.Action == policy.Invite && e.sound("Action") && alwaysDecides(e.row) {
			k.checkDoor(e)
		}
	}
}

// checkDoor tells how far an invite row with neither condition nor code opens the door.
func (k *checker) checkDoor(e *entry) {
	const column = "PartitionKey"
	const narrow = "Use review here, and invite under the domains of partners"
	key := e.row.Partition
	if key == "*" {
		k.add(e, column, ruleEverybody, "The row invites everybody in the world for whom no narrower row decides, without a person looking.", narrow+".")
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
			"The row invites everybody below the ending ."+domain+", where anyone can register a domain, without a person looking.", narrow+".")
		return
	case wildcard && (suffix || slices.Contains(sharedDomains, domain)):
		k.add(e, column, ruleManyTenants,
			"The row invites everybody below "+domain+", where anyone can get a name, without a person looking.", narrow+".")
		return
	}
	// Below the domain of such a provider its customers have names of their own.
	where := "at "
	if wildcard {
		where = "below "
	}
	keeper, free := k.freeMail[domain]
	if free && !address {
		k.add(e, column, ruleFreeMail,
			"The row invites everybody "+where+domain+" ("+keeper+"), where anyone can get an address, without a person looking.",
			"Use review here, and invite single people under their whole address.")
	}
	_, throwAway := k.disposable[domain]
	if throwAway {
		k.add(e, column, ruleDisposable,
			"The row invites to a mailbox "+where+domain+", which gives away mailboxes for a few minutes. Others may read the invitation.",
			"Use deny here, and ask the partner for the address at work.")
	}
}

// publicSuffix reports whether names right below the domain are for anyone to register, and whether it is a private
// owner who lets them.
func publicSuffix(domain string) (private, is bool) {
	suffix, icann := publicsuffix.PublicSuffix(domain)
	if suffix == domain {
		return !icann && strings.Contains(domain, "."), true
	}
	// Of some domains the list has only what is below them, as a wildcard.
	suffix, icann = publicsuffix.PublicSuffix("a." + domain)
	return !icann, suffix == "a."+domain
}

// checkNeighbours tells where a domain and what is below it are treated otherwise than was probably meant.
func (k *checker) checkNeighbours(p *partition) {
	const column = "PartitionKey"
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
			"There are rows for what is below "+domain+", and none for "+domain+" itself, which the wildcard does not cover.",
			"Make a row under "+domain+" too; an exact copy if the same is meant.")
	case invite != nil && deny != nil:
		k.add(invite, column, ruleDomainDenied,
			"The row invites what is below "+domain+", while the row "+quoted(deny.row.Name)+" denies "+domain+" itself. The wildcard does not cover the domain itself, nor the other what is below it.",
			"If subdomains are to be denied too, write deny here; if the domain itself is to be invited, change its own row.")
	}
}

// checkBelow tells of a domain that is denied while what is below it is invited by a wider row.
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
			k.add(deny, "PartitionKey", ruleSubdomainsNotMeant,
				"The row denies "+domain+" only. What is below it is invited by the row "+quoted(invite.row.Name)+" of the partition "+key+".",
				"Make a row with deny under *."+domain+" too.")
		}
		return
	}
}

// first returns the first of the rows that is sure to mean the action, or nil.
func first(rows []*entry, action policy.Action) *entry {
	at := slices.IndexFunc(rows, func(e *entry) bool { return !e.faulty() && e.row.Action == action })
	if at < 0 {
		return nil
	}
	return rows[at]
}
