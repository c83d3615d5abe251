package submission

import (
	"errors"
	"time"

	"guestlist/handlers/problem"
)

// The longest texts, in characters (Unicode code points) after normalisation.
const (
	MaxName     = 64   // each of the two names: Entra's givenName and surname take 64
	MaxCompany  = 100  // well above registered names, below anything worth hiding in
	MaxReason   = 1000 // a reviewer reads it whole
	MaxLanguage = 35   // RFC 5646, section 4.4.1
)

// The years of an honest submission. Beyond lie times that JSON (after 9999) or a table (before 1601) can't hold.
const (
	firstYear = 2020
	lastYear  = 9999
)

// Submission is what the partner sent, after normalisation and checking. [Input.Submission] and [DecodeMessage] make them.
//
// The longest allowed submission must fit a queue message: 48 KiB, see [MaxMessageBytes].
type Submission struct {
	// Email is the address to invite.
	Email Address `json:"email"`
	// GivenName and FamilyName together are the guest's display name. At most MaxName characters each.
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	// Company is where the partner works, in the partner's own words.
	Company string `json:"company"`
	// Country is an ISO 3166-1 alpha-2 code in capitals, or empty.
	Country string `json:"country,omitempty"`
	// Reason is why access is needed, in the partner's own words; several lines are fine, parted by "\n".
	Reason string `json:"reason,omitempty"`
	// Language is the BCP 47 tag of the language that the partner chose or the browser asked for, or empty.
	Language string `json:"language,omitempty"`
	// InviteCode stands for the code that the partner was given, or is empty. The code itself is nowhere.
	InviteCode CodeHash `json:"inviteCode,omitempty"`
	// SubmittedAt is when the form was accepted, in UTC, to the second: finer parts may get lost where a host re-formats JSON.
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

// Check holds the submission to the rules of the form. The error is a *problem.Error of code InvalidInput that lists
// every field at fault, each once. It repeats nothing of the submission.
func (s Submission) Check() error {
	fields, err := faults(s.input())
	if err != nil {
		return err
	}
	if !s.InviteCode.Valid() {
		fields = append(fields, fault("inviteCode", "hash"))
	}
	switch {
	case s.SubmittedAt.IsZero():
		fields = append(fields, fault("submittedAt", "required"))
	case s.SubmittedAt.Year() < firstYear, s.SubmittedAt.Year() > lastYear:
		fields = append(fields, fault("submittedAt", "range"))
	}
	return refusal(fields)
}

// input returns the submission as if it had been typed, but for the invite code, which nobody can tell from its hash.
func (s Submission) input() Input {
	return Input{
		Email: s.Email.String(), GivenName: s.GivenName, FamilyName: s.FamilyName, Company: s.Company, Country: s.Country,
		Reason: s.Reason, Language: s.Language,
	}
}

// normal returns the submission in normal form: what the form would have made of the same texts.
func (s Submission) normal() Submission {
	in := s.input().normal()
	return Submission{
		Email: s.Email, GivenName: in.GivenName, FamilyName: in.FamilyName, Company: in.Company, Country: in.Country,
		Reason: in.Reason, Language: in.Language, InviteCode: s.InviteCode, SubmittedAt: s.SubmittedAt.UTC().Truncate(time.Second),
	}
}

// Input is what was typed: any text at all in any field.
//
// The tags are the rules; the order within a tag is the order in which they are tried, and the first that breaks is reported.
type Input struct {
	Email      string `json:"email" validate:"guestemail"`
	GivenName  string `json:"givenName" validate:"required,intact,line,plain,letter,max=64"`
	FamilyName string `json:"familyName" validate:"required,intact,line,plain,letter,max=64"`
	Company    string `json:"company" validate:"required,intact,line,plain,letter,max=100"`
	Country    string `json:"country" validate:"omitempty,iso3166_1_alpha2"`
	Reason     string `json:"reason" validate:"omitempty,intact,prose,max=1000"`
	Language   string `json:"language" validate:"omitempty,language"`
	InviteCode string `json:"inviteCode" validate:"omitempty,intact,line,max=64"` // the code itself; a Submission has its hash
}

// Submission returns what was typed as a submission of the time now. Texts are brought into normal form first: composed characters
// (NFC), no space around, single spaces inside, "\n" for line breaks, an upper-case country, a canonical language tag.
//
// The error is as of [Submission.Check]; now is the caller's affair and not checked.
func (in Input) Submission(now time.Time) (Submission, error) {
	in = in.normal()
	fields, err := faults(in)
	if err != nil {
		return Submission{}, err
	}
	err = refusal(fields)
	if err != nil {
		return Submission{}, err
	}
	address, err := ParseAddress(in.Email)
	if err != nil {
		return Submission{}, err
	}
	s := Submission{
		Email: address, GivenName: in.GivenName, FamilyName: in.FamilyName, Company: in.Company, Country: in.Country,
		Reason: in.Reason, Language: in.Language, InviteCode: HashCode(in.InviteCode), SubmittedAt: now.UTC().Truncate(time.Second),
	}
	return s, nil
}

// refusal returns the error for the fields at fault, nil if there are none.
func refusal(fields []problem.Field) error {
	if len(fields) == 0 {
		return nil
	}
	detail := "fields that break a rule:"
	for _, field := range fields {
		detail += " " + field.Name + "/" + field.Rule
	}
	return &problem.Error{Code: problem.InvalidInput, Detail: detail, Fields: fields}
}

// brokenRules returns what a log may say of an error that refusal made, "" for any other error.
func brokenRules(err error) string {
	var refused *problem.Error
	if !errors.As(err, &refused) || refused.Code != problem.InvalidInput {
		return ""
	}
	return refused.Detail
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
