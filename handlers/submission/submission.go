package submission

import (
	"errors"
	"strings"
	"time"

	"guestlist/handlers/problem"
)

// The longest texts, in characters (Unicode code points) after normalisation.
const (
	MaxName     = 64   // each of the two names: the limit of Entra's givenName and surname
	MaxCompany  = 100  // longer than registered names
	MaxReason   = 1000 // short enough for a reviewer to read
	MaxTerms    = 32   // the version of the terms of use
	MaxLanguage = 35   // RFC 5646, section 4.4.1
)

// The range of years of a submission. JSON can't represent times after 9999, and a table none
// before 1601.
const (
	firstYear = 2020
	lastYear  = 9999
)

// Submission is what the partner sent, normalised and checked. [Input.Submission] and
// [DecodeMessage] return it.
//
// The longest submission must fit into a queue message: see [MaxMessageBytes].
type Submission struct {
	// Email is the address to invite.
	Email Address `json:"email"`
	// GivenName and FamilyName make the guest's display name. One of them may be "", for people who
	// have one name only.
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	// Company is where the partner works, in the partner's words, or "".
	Company string `json:"company,omitempty"`
	// Country is an ISO 3166-1 alpha-2 code in capitals, or "".
	Country string `json:"country,omitempty"`
	// Reason is why access is needed, in the partner's words. Lines are separated by "\n".
	Reason string `json:"reason,omitempty"`
	// Language is the BCP 47 tag of the language that the partner chose or the browser asked for,
	// or "".
	Language string `json:"language,omitempty"`
	// InviteCode is the hash of the partner's invite code, or "". The code itself is not kept.
	InviteCode CodeHash `json:"inviteCode,omitempty"`
	// Sponsor is the address of a contact in the inviting organisation, as the partner gave it. It
	// is not verified.
	Sponsor Address `json:"sponsor,omitzero"`
	// Consent is zero if the form asks for none, and in messages of older versions.
	Consent Consent `json:"consent,omitzero"`
	// SubmittedAt is when the form was accepted, in UTC. It is cut to the second, because the host
	// may re-format fractions.
	SubmittedAt time.Time `json:"submittedAt"`
}

// Consent says that the partner accepted the terms of use.
type Consent struct {
	// Terms is the version of the terms: see [ValidTerms].
	Terms string `json:"terms"`
	// At is when they were accepted, in UTC, cut to the second.
	At time.Time `json:"at"`
	// Language is the BCP 47 tag of the language of the form.
	Language string `json:"language,omitempty"`
}

// Name returns the guest's display name: the given name first, but the family name first where both
// are in Chinese, Japanese or Korean characters. With one name only it is that.
func (s Submission) Name() string {
	return displayName(s.GivenName, s.FamilyName)
}

// Check checks the submission by the rules of the form. The error is a *problem.Error of code
// InvalidInput with every field that breaks a rule, each once. It quotes nothing of the
// submission.
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

// brokenTime returns the rule that a time breaks, or "".
func brokenTime(at time.Time) string {
	switch {
	case at.IsZero():
		return "required"
	case at.Year() < firstYear, at.Year() > lastYear:
		return "range"
	}
	return ""
}

// ValidTerms reports whether text is a version of the terms of use: 1 to [MaxTerms] ASCII
// letters, digits and . _ -
func ValidTerms(text string) bool {
	for _, r := range text {
		if !asciiLetterOrDigit(r) && !strings.ContainsRune("._-", r) {
			return false
		}
	}
	return text != "" && len(text) <= MaxTerms
}

// input returns the input of the submission, without the invite code, which its hash does not
// tell.
func (s Submission) input() Input {
	return Input{
		Email: s.Email.String(), GivenName: s.GivenName, FamilyName: s.FamilyName, Company: s.Company, Country: s.Country,
		Reason: s.Reason, Sponsor: s.Sponsor.String(), Language: s.Language,
	}
}

// normal returns the submission in the normal form that [Input.Submission] describes.
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

// Input is what was typed: any text in any field.
//
// The tags are the rules. They are tried in order, and the first that is broken is reported. Beside
// them, one of the two names must be there.
type Input struct {
	Email      string `json:"email" validate:"guestemail"`
	GivenName  string `json:"givenName" validate:"omitempty,intact,line,plain,person,letter,max=64"`
	FamilyName string `json:"familyName" validate:"omitempty,intact,line,plain,person,letter,max=64"`
	Company    string `json:"company" validate:"omitempty,intact,line,plain,formula,word,max=100"`
	Country    string `json:"country" validate:"omitempty,iso3166_1_alpha2"`
	Reason     string `json:"reason" validate:"omitempty,intact,prose,max=1000"`
	Sponsor    string `json:"sponsor" validate:"omitempty,address"`
	Language   string `json:"language" validate:"omitempty,language"`
	InviteCode string `json:"inviteCode" validate:"omitempty,intact,line,max=64"` // the code itself
}

// Submission returns the input as a submission made at now, which is not checked. It first brings
// texts into normal form: composed characters (NFC), nothing invisible at the ends, single spaces
// inside, "\n" for line breaks, no "-" in place of a name, an upper-case country, a canonical
// language tag. The error is that of
// [Submission.Check].
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

// refusal returns the error for fields that break a rule, or nil if there are none.
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

// brokenRules returns what a log may say of an error of refusal, or "" for another error.
func brokenRules(err error) string {
	var refused *problem.Error
	if !errors.As(err, &refused) || refused.Code != problem.InvalidInput {
		return ""
	}
	return refused.Detail
}
