package submission

import (
	"errors"
	"strings"
	"time"

	"guestlist/handlers/problem"
)

// The longest texts, in characters (Unicode code points) after normalisation.
const (
	MaxName     = 64   // each of the two names: Entra's givenName and surname take 64
	MaxCompany  = 100  // well above registered names, below anything worth hiding in
	MaxReason   = 1000 // a reviewer reads it whole
	MaxTerms    = 32   // the version of the terms of use, as the inviting organisation names it
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
	// Company is where the partner works, in the partner's own words, or empty.
	Company string `json:"company,omitempty"`
	// Country is an ISO 3166-1 alpha-2 code in capitals, or empty.
	Country string `json:"country,omitempty"`
	// Reason is why access is needed, in the partner's own words; several lines are fine, parted by "\n".
	Reason string `json:"reason,omitempty"`
	// Language is the BCP 47 tag of the language that the partner chose or the browser asked for, or empty.
	Language string `json:"language,omitempty"`
	// InviteCode stands for the code that the partner was given, or is empty. The code itself is nowhere.
	InviteCode CodeHash `json:"inviteCode,omitempty"`
	// Sponsor is the address of somebody in the inviting organisation whom the partner names, or empty. Nobody has asked that person.
	Sponsor Address `json:"sponsor,omitzero"`
	// Consent is what the partner agreed to; zero where the form asks for nothing, and in the messages of older versions.
	Consent Consent `json:"consent,omitzero"`
	// SubmittedAt is when the form was accepted, in UTC, to the second: finer parts may get lost where a host re-formats JSON.
	SubmittedAt time.Time `json:"submittedAt"`
}

// Consent says that the partner accepted the terms of use.
type Consent struct {
	// Terms is the version of the terms, as the inviting organisation names it. At most MaxTerms characters.
	Terms string `json:"terms"`
	// At is when they were accepted, in UTC, to the second.
	At time.Time `json:"at"`
	// Language is the BCP 47 tag of the language in which the form asked.
	Language string `json:"language,omitempty"`
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
	if rule := brokenTime(s.SubmittedAt); rule != "" {
		fields = append(fields, fault("submittedAt", rule))
	}
	if s.Consent != (Consent{}) {
		rule := brokenTime(s.Consent.At)
		switch {
		case rule != "":
			fields = append(fields, fault("consent", rule))
		case !ValidTerms(s.Consent.Terms):
			fields = append(fields, fault("consent", "terms"))
		case s.Consent.Language != "" && !isLanguage(s.Consent.Language):
			fields = append(fields, fault("consent", "language"))
		}
	}
	return refusal(fields)
}

// brokenTime returns the rule that a time breaks, "" for none.
func brokenTime(at time.Time) string {
	switch {
	case at.IsZero():
		return "required"
	case at.Year() < firstYear, at.Year() > lastYear:
		return "range"
	}
	return ""
}

// ValidTerms reports whether text can name a version of the terms of use: 1 to MaxTerms letters, digits and . _ - in ASCII.
func ValidTerms(text string) bool {
	for _, r := range text {
		if !asciiLetterOrDigit(r) && !strings.ContainsRune("._-", r) {
			return false
		}
	}
	return text != "" && len(text) <= MaxTerms
}

// input returns the submission as if it had been typed, but for the invite code, which nobody can tell from its hash.
func (s Submission) input() Input {
	return Input{
		Email: s.Email.String(), GivenName: s.GivenName, FamilyName: s.FamilyName, Company: s.Company, Country: s.Country,
		Reason: s.Reason, Sponsor: s.Sponsor.String(), Language: s.Language,
	}
}

// normal returns the submission in normal form: what the form would have made of the same texts.
func (s Submission) normal() Submission {
	in := s.input().normal()
	return Submission{
		Email: s.Email, GivenName: in.GivenName, FamilyName: in.FamilyName, Company: in.Company, Country: in.Country,
		Reason: in.Reason, Sponsor: s.Sponsor, Language: in.Language, InviteCode: s.InviteCode,
		SubmittedAt: s.SubmittedAt.UTC().Truncate(time.Second), Consent: s.Consent.normal(),
	}
}

func (c Consent) normal() Consent {
	if c == (Consent{}) {
		return c
	}
	return Consent{Terms: c.Terms, At: c.At.UTC().Truncate(time.Second), Language: normalLanguage(c.Language)}
}

// Input is what was typed: any text at all in any field.
//
// The tags are the rules; the order within a tag is the order in which they are tried, and the first that breaks is reported.
type Input struct {
	Email      string `json:"email" validate:"guestemail"`
	GivenName  string `json:"givenName" validate:"required,intact,line,plain,letter,max=64"`
	FamilyName string `json:"familyName" validate:"required,intact,line,plain,letter,max=64"`
	Company    string `json:"company" validate:"omitempty,intact,line,plain,letter,max=100"`
	Country    string `json:"country" validate:"omitempty,iso3166_1_alpha2"`
	Reason     string `json:"reason" validate:"omitempty,intact,prose,max=1000"`
	Sponsor    string `json:"sponsor" validate:"omitempty,address"`
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
	var sponsor Address
	if in.Sponsor != "" {
		sponsor, err = ParseAddress(in.Sponsor)
		if err != nil {
			return Submission{}, err
		}
	}
	s := Submission{
		Email: address, GivenName: in.GivenName, FamilyName: in.FamilyName, Company: in.Company, Country: in.Country,
		Reason: in.Reason, Sponsor: sponsor, Language: in.Language, InviteCode: HashCode(in.InviteCode), SubmittedAt: now.UTC().Truncate(time.Second),
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
