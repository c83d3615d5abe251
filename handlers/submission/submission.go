package submission

import "time"

// Submission is what the partner sent, after normalisation and checking.
//
// The longest allowed submission must fit a queue message: 48 KiB, see [MaxMessageBytes].
type Submission struct {
	// Email is the address to invite.
	Email Address `json:"email"`
	// GivenName and FamilyName together are the guest's display name. At most 64 characters each, the limit of Entra's
	// givenName and surname.
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	// Company is where the partner works, in the partner's own words.
	Company string `json:"company"`
	// Country is an ISO 3166-1 alpha-2 code in capitals, or empty.
	Country string `json:"country,omitempty"`
	// Reason is why access is needed, in the partner's own words; several lines are fine.
	Reason string `json:"reason,omitempty"`
	// Language is the BCP 47 tag of the language that the partner chose or the browser asked for, or empty.
	Language string `json:"language,omitempty"`
	// SubmittedAt is when the form was accepted, in UTC.
	SubmittedAt time.Time `json:"submittedAt"`
}

// Name returns the guest's display name.
func (s Submission) Name() string {
	switch {
	case s.GivenName == "":
		return s.FamilyName
	case s.FamilyName == "":
		return s.GivenName
	default:
		return s.GivenName + " " + s.FamilyName
	}
}

// Stage is as much of a request's state as whoever holds the link to it may know. The person who submits has not
// proved to own the mailbox, so invited, refused and repeated look the same.
type Stage string

const (
	StageReceived Stage = "received" // accepted, nothing done yet
	StageInWork   Stage = "in-work"  // being worked on, or waiting for somebody or something
	StageFinished Stage = "finished" // over, whichever way
)

// Progress is what the status page shows.
type Progress struct {
	Stage Stage
	// Address is the masked address, for example "a***@c…"; empty while nothing is recorded.
	Address string
}

// Check is filled in next.
func (s *Submission) Check() error { return nil }
