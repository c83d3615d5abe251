package workflow

import (
	"sync"

	"guestlist/handlers/submission"
)

// mostRedeemURLs is how many redeem URLs an instance remembers: more than there are mails that a
// service has not taken within some hours. One that is forgotten costs an invitation.
const mostRedeemURLs = 200

// redeemURLs are those that the directory gave for mails which could not be sent yet, so that it
// need not be asked again: that counts as an invitation. They are in memory only, and only save
// work.
type redeemURLs struct {
	mutex sync.Mutex
	known map[submission.ID]redeemURL
}

type redeemURL struct{ guestID, url string }

// keep remembers the URL of the request's guest.
func (u *redeemURLs) keep(id submission.ID, guestID, url string) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.known == nil || len(u.known) >= mostRedeemURLs {
		u.known = map[submission.ID]redeemURL{}
	}
	u.known[id] = redeemURL{guestID, url}
}

// of returns the URL of the request's guest, "" if none is known.
func (u *redeemURLs) of(id submission.ID, guestID string) string {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	known := u.known[id]
	if known.guestID != guestID {
		return ""
	}
	return known.url
}

// forget drops what is known for the request.
func (u *redeemURLs) forget(id submission.ID) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	delete(u.known, id)
}
