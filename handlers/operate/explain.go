package operate

import (
	"context"
	"errors"
	"strings"
	"time"

	"guestlist/handlers/i18n"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Question is a hypothetical submission. Only Email is required.
type Question struct {
	Email    string
	Name     string // given name and family name; the last word is the family name
	Company  string
	Country  string
	Reason   string
	Sponsor  string // the contact's address
	Language string
	Code     string // the invite code, as typed
}

// Explanation is what would be decided, and why.
type Explanation struct {
	Submission submission.Submission `json:"submission"` // without the invite code
	// Missing are the fields that the form requires and the question lacks. They are empty, so a
	// row that uses them may decide differently on a real submission.
	Missing []string `json:"missing"`
	// Partitions are the partition keys whose rows count, the most specific first.
	Partitions []string        `json:"partitions"`
	Decision   policy.Decision `json:"decision"`
}

// Submission returns the question as a submission at now, as the form does, and the names of
// missing fields. The error is a problem.InvalidInput with the fields that the form would refuse.
func (q Question) Submission(now time.Time) (s submission.Submission, missing []string, err error) {
	const anything = "x" // a placeholder for a missing field while the others are checked
	in := submission.Input{
		Email: q.Email, Company: q.Company, Country: q.Country, Reason: q.Reason, Sponsor: q.Sponsor, Language: q.Language, InviteCode: q.Code,
	}
	words := strings.Fields(q.Name)
	if len(words) > 0 {
		in.GivenName, in.FamilyName = strings.Join(words[:len(words)-1], " "), words[len(words)-1]
	}
	missing = []string{}
	var blank []func(*submission.Submission)
	need := func(field *string, name string, clear func(*submission.Submission)) {
		if strings.TrimSpace(*field) == "" {
			*field = anything
			missing, blank = append(missing, name), append(blank, clear)
		}
	}
	need(&in.GivenName, "given name", func(s *submission.Submission) { s.GivenName = "" })
	need(&in.FamilyName, "family name", func(s *submission.Submission) { s.FamilyName = "" })
	need(&in.Company, "company", func(s *submission.Submission) { s.Company = "" })
	s, err = in.Submission(now)
	if err != nil {
		return submission.Submission{}, nil, err
	}
	for _, clear := range blank {
		clear(&s)
	}
	return s, missing, nil
}

// Explain answers the question as of now. Errors are [Question.Submission]'s and the decider's.
func Explain(ctx context.Context, decider request.Decider, q Question, now time.Time) (Explanation, error) {
	s, missing, err := q.Submission(now)
	if err != nil {
		return Explanation{}, err
	}
	decision, err := decider.Decide(ctx, s, now)
	if err != nil {
		return Explanation{}, err
	}
	s.InviteCode = "" // a short code can be found from its hash
	return Explanation{Submission: s, Missing: missing, Partitions: policy.Partitions(s.Email), Decision: decision}, nil
}

// Refusals returns what is wrong with each field of a question; none for any other error.
func Refusals(err error) []string {
	var refused *problem.Error
	if !errors.As(err, &refused) {
		return nil
	}
	var texts []string
	english, err := i18n.English()
	for _, field := range refused.Fields {
		text := field.Rule
		if err == nil {
			text, _ = english.Fault(field.Name, field.Rule, submission.Rules()[field.Name][field.Rule])
		}
		texts = append(texts, field.Name+": "+text)
	}
	return texts
}
