package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

// One domain, and one policy row, get at most a share of the day's invitations: otherwise somebody
// who makes up addresses at a trusted domain spends the whole budget. The gate counts for both, in
// Gate.Shares: pairs of a hash and a count, "0123456789ab:5 …", so that it names nobody.

// A sharer is a domain or a policy row, as far as its share of the day goes.
type sharer struct {
	kind, name string // for the log: "domain" or "row", and its name without anybody's address
	key        string // its hash in Gate.Shares
}

const (
	// keyLength is how many characters of a hash tell the sharers of a day apart.
	keyLength = 12
	// mostSharers is how many are counted in a day: what the gate has room for. The smallest counts
	// are forgotten first, and those with a large share are never the smallest.
	mostSharers = 1000
)

func newSharer(kind, name, identity string) sharer {
	return sharer{kind, name, hashOf(kind, identity)}
}

// hashOf returns what tells the things of a kind apart in the gate, and names nobody.
func hashOf(kind, identity string) string {
	sum := sha256.Sum256([]byte(kind + " " + identity))
	return hex.EncodeToString(sum[:])[:keyLength]
}

// sharersOf returns whose shares an invitation of the request takes; none if a person has approved
// it.
func sharersOf(r request.Request) []sharer {
	if r.Approval != nil {
		return nil
	}
	domain := r.Submission.Email.Domain()
	sharers := []sharer{newSharer("domain", domain, domain)}
	if r.Decision != nil && r.Decision.Row != nil {
		row := r.Decision.Row
		sharers = append(sharers, rowSharer(policy.RowKey{Partition: row.Partition, Name: row.Name}))
	}
	return sharers
}

// rowSharer returns a row as a sharer.
func rowSharer(row policy.RowKey) sharer {
	_, place, ofAddress := strings.Cut(row.Partition, "@")
	if !ofAddress {
		place = row.Partition
	}
	identity := fmt.Sprintf("%d %s %s", len(row.Partition), row.Partition, row.Name)
	return newSharer("row", place+" "+row.Name, identity)
}

// shareOf returns how many invitations of a day one sharer may have; 0 for no limit.
func shareOf(pace request.Pace) int {
	if pace.Daily <= 0 || pace.Share <= 0 || pace.Share >= 100 {
		return 0
	}
	return max(1, pace.Daily*pace.Share/100)
}

// shareOfDay returns how many of the day's invitations the sharer had.
func shareOfDay(g request.Gate, s sharer) int {
	for pair := range strings.FieldsSeq(g.Shares) {
		key, count, _ := strings.Cut(pair, ":")
		if key == s.key {
			n, err := strconv.Atoi(count)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// spentShare returns the first of the sharers that has had its share of the day.
func spentShare(g request.Gate, pace request.Pace, sharers []sharer) (s sharer, spent bool) {
	share := shareOf(pace)
	if share == 0 {
		return sharer{}, false
	}
	i := slices.IndexFunc(sharers, func(s sharer) bool { return shareOfDay(g, s) >= share })
	if i < 0 {
		return sharer{}, false
	}
	return sharers[i], true
}

// keysOf returns the keys of the sharers.
func keysOf(sharers []sharer) []string {
	keys := make([]string, len(sharers))
	for i, s := range sharers {
		keys[i] = s.key
	}
	return keys
}

// countShares returns the gate with by more invitations for each of the sharers with the keys.
func countShares(g request.Gate, keys []string, by int) request.Gate {
	for _, key := range keys {
		count := max(0, shareOfDay(g, sharer{key: key})+by)
		pairs := slices.DeleteFunc(strings.Fields(g.Shares), func(pair string) bool {
			return strings.HasPrefix(pair, key+":")
		})
		if len(pairs) >= mostSharers {
			pairs = slices.Delete(pairs, smallest(pairs), smallest(pairs)+1)
		}
		if count > 0 {
			pairs = append(pairs, key+":"+strconv.Itoa(count))
		}
		g.Shares = strings.Join(pairs, " ")
	}
	return g
}

// smallest returns the index of the pair with the smallest count.
func smallest(pairs []string) int {
	count := func(pair string) int {
		_, text, _ := strings.Cut(pair, ":")
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0
		}
		return n
	}
	least := 0
	for i, pair := range pairs {
		if count(pair) < count(pairs[least]) {
			least = i
		}
	}
	return least
}

// logShares writes a line for each sharer whose share the very invitation used up for which the
// gate was changed.
func (j *job) logShares(ctx context.Context, gate request.Gate, sharers []sharer) {
	share := shareOf(j.config.Pace)
	for _, s := range sharers {
		if share > 0 && shareOfDay(gate, s) == share {
			j.log.WarnContext(ctx, LogShareUsed, "of", s.kind, "name", s.name, "sent", share, "daily", j.config.Pace.Daily)
		}
	}
}
