package simulation

import (
	"context"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// A MailService is a service like Azure Communication Services where it matters to a worker: for a
// while it may say that it never took a mail that it has taken, and then not know what became of
// it; it takes mails that it drops; and a mail that is handed over twice is delivered twice. It
// answers at once and never fails by itself.
type MailService struct {
	// Now is the service's clock.
	Now func() time.Time
	// Unrecorded is how long it knows nothing of a mail that it has taken, and Settling how long
	// nothing final.
	Unrecorded, Settling time.Duration
	// Untold says that it can't be asked about mails, like Microsoft Graph.
	Untold bool

	taken   map[request.MailID]*takenMail
	fates   map[submission.Address]request.MailState // of the mails to an address that is not handed-over
	refuses map[submission.Address]bool              // the addresses whose mails it does not take
}

// takenMail is a mail that the service has taken.
type takenMail struct {
	at    time.Time
	times int // how often it was handed over
	state request.MailState
}

// NewMailService returns a service without mails, which hands each one over at once.
func NewMailService(now func() time.Time) *MailService {
	return &MailService{
		Now: now, taken: map[request.MailID]*takenMail{},
		fates: map[submission.Address]request.MailState{}, refuses: map[submission.Address]bool{},
	}
}

// Suppress makes the service drop all mails to the address.
func (s *MailService) Suppress(address submission.Address) { s.fates[address] = request.MailSuppressed }

// Fail makes the service give up all mails to the address.
func (s *MailService) Fail(address submission.Address) { s.fates[address] = request.MailFailed }

// Deliveries returns how often the mail with the id was delivered.
func (s *MailService) Deliveries(id request.MailID) int {
	m := s.taken[id]
	if m == nil || m.state != request.MailHandedOver {
		return 0
	}
	return m.times
}

// SendMail implements [request.Mailer].
func (s *MailService) SendMail(_ context.Context, id request.MailID, mail request.Mail) error {
	if s.refuses[mail.To] {
		return problem.New(request.MailRefused, "the simulated service does not take the mail")
	}
	m := s.taken[id]
	if m == nil {
		m = &takenMail{at: s.Now(), state: request.MailHandedOver}
		if fate := s.fates[mail.To]; fate != "" {
			m.state = fate
		}
		s.taken[id] = m
	}
	m.times++
	return nil
}

// codes are those of the states in which a mail was not delivered.
var codes = map[request.MailState]string{
	request.MailFailed: "EmailDropped", request.MailSuppressed: "EmailDroppedAllRecipientsSuppressed",
}

// MailStatus implements [request.Mailer].
func (s *MailService) MailStatus(_ context.Context, id request.MailID) (request.MailStatus, error) {
	m := s.taken[id]
	switch {
	case s.Untold:
		return request.MailStatus{State: request.MailUntold}, nil
	case m == nil || s.Now().Before(m.at.Add(s.Unrecorded)):
		return request.MailStatus{State: request.MailUnheard}, nil
	case s.Now().Before(m.at.Add(s.Settling)):
		return request.MailStatus{State: request.MailUnderway, Again: m.at.Add(s.Settling).Sub(s.Now())}, nil
	}
	return request.MailStatus{State: m.state, Code: codes[m.state]}, nil
}
