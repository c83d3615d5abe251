package signup

import (
	"cmp"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/site"
)

// maxTyped is how often the limit of a field may be typed in the browser. With maxlength at the
// limit, a browser would silently cut a pasted text; so it comes back with an explanation.
const maxTyped = 2

// The names of fields with rules of their own.
const (
	emailField = "email"
	codeField  = "inviteCode"
	termsField = "terms"
	// oldCodeQuery fills in the code in old links. The Functions host takes it for a key of its
	// own, and looks that up: see [site.ReservedQueries].
	oldCodeQuery = "code"
)

// entry is what a client sent: a submission, and what only the form has.
type entry struct {
	submission.Input
	// Terms is the version of the accepted terms of use.
	Terms string
	// ConfirmedEmail is an address that looked mistyped and about which the partner was asked.
	ConfirmedEmail string

	// For the guards.
	token    string
	honeypot string
	trapped  bool   // the honeypot was filled in, so the form comes again without it
	answer   string // to the captcha
	held     guard.Token
}

// fieldOf returns the field of the name, or nil.
func fieldOf(e *entry, name string) *string {
	if name == "language" {
		return &e.Language
	}
	for _, d := range definitions {
		if d.name == name {
			return d.of(e)
		}
	}
	return nil
}

// fieldNames lists the fields of a submission for the author of a client.
const fieldNames = "email, givenName, familyName, company, country, reason, sponsor, inviteCode, terms and language, and for JSON challenge"

// definition is one visible field of the form.
type definition struct {
	name, control, inputType, autocomplete string
	limit                                  int // characters
	of                                     func(*entry) *string
}

// definitions are the visible fields in the order of the page.
var definitions = []definition{
	{"givenName", "input", "text", "given-name", submission.MaxName, func(e *entry) *string { return &e.GivenName }},
	{"familyName", "input", "text", "family-name", submission.MaxName, func(e *entry) *string { return &e.FamilyName }},
	{emailField, "input", "email", "email", submission.MaxAddress, func(e *entry) *string { return &e.Email }},
	{"company", "input", "text", "organization", submission.MaxCompany, func(e *entry) *string { return &e.Company }},
	{"country", "select", "", "country", 2, func(e *entry) *string { return &e.Country }},
	{"reason", "textarea", "", "off", submission.MaxReason, func(e *entry) *string { return &e.Reason }},
	{"sponsor", "input", "email", "off", submission.MaxAddress, func(e *entry) *string { return &e.Sponsor }},
	{codeField, "input", "text", "off", submission.MaxCode, func(e *entry) *string { return &e.InviteCode }},
	{termsField, "checkbox", "", "", submission.MaxTerms, func(e *entry) *string { return &e.Terms }},
}

// nameFields are the two names, which stand side by side, and of which one is enough.
var nameFields = []string{"givenName", "familyName"}

func isName(field string) bool { return slices.Contains(nameFields, field) }

// inOrder returns the definitions in the order of a language: some write family names first.
func inOrder(page site.Reader) []definition {
	if !page.FamilyFirst {
		return definitions
	}
	ordered := slices.Clone(definitions)
	ordered[0], ordered[1] = ordered[1], ordered[0]
	return ordered
}

// presence says whether the form asks for a field.
func (f *form) presence(name string) branding.Presence {
	if name == termsField {
		if f.Style.Terms == (branding.Terms{}) {
			return branding.Hidden
		}
		return branding.Required
	}
	return f.Fields.Of(name)
}

// check returns the submission, or every rule that the entry breaks, in the order of the page:
// rules of package submission and of the inviting organisation.
func (f *form) check(e entry, page site.Reader) (submission.Submission, []problem.Field, error) {
	now := f.Now()
	accepted, err := e.Submission(now)
	var wrong []problem.Field
	switch {
	case problem.CodeOf(err) == problem.InvalidInput:
		wrong = problem.From(err).Fields
	case err != nil:
		return submission.Submission{}, nil, err
	}
	// The mail rules are checked even if something else is wrong, so that all faults are told at
	// once.
	address := accepted.Email
	if len(wrong) > 0 {
		address, _ = submission.ParseAddress(e.Email) // its fault is in wrong
	}
	rule := f.Mail.Broken(address.Domain())
	if rule != "" {
		wrong = append(wrong, problem.Field{Name: emailField, Rule: rule})
	}
	for _, d := range definitions {
		known := isName(d.name) || slices.ContainsFunc(wrong, func(field problem.Field) bool { return field.Name == d.name })
		if !known && f.presence(d.name) == branding.Required && strings.TrimSpace(*d.of(&e)) == "" {
			wrong = append(wrong, problem.Field{Name: d.name, Rule: "required"})
		}
	}
	switch terms := f.Style.Terms; {
	case terms == (branding.Terms{}) || e.Terms == "":
	case e.Terms != terms.Version:
		wrong = append(wrong, problem.Field{Name: termsField, Rule: "changed"})
	default:
		accepted.Consent = submission.Consent{Terms: terms.Version, At: accepted.SubmittedAt, Language: page.Tag}
	}
	if len(wrong) == 0 {
		return accepted, nil, nil
	}
	order := inOrder(page)
	for i, field := range wrong {
		if isName(field.Name) && field.Rule == "required" {
			wrong[i].Name = order[0].name // where both names are missing, the first field says so
		}
	}
	place := func(name string) int {
		return slices.IndexFunc(order, func(d definition) bool { return d.name == name })
	}
	slices.SortStableFunc(wrong, func(a, b problem.Field) int { return place(a.Name) - place(b.Name) })
	for i, field := range wrong {
		wrong[i].Message, _ = page.Fault(field.Name, field.Rule, f.rules()[field.Name][field.Rule])
	}
	return submission.Submission{}, wrong, nil
}

// fieldContent is one field of the page.
type fieldContent struct {
	Name, Control, Type, Autocomplete string
	Label, Hint, Value, Error         string
	Summary                           string // the error in the box above the form
	MaxLength                         int
	Required, Checked, Half           bool // Half: stands beside its neighbour
	OneOfTwo                          bool // a name: it may be left empty if the other one is not
	Options                           template.HTML
	// Limit is how many characters a text may have, 0 for another control.
	Limit int
	// Faults are texts by rule, for the script that checks a field when it is left.
	Faults map[string]string
}

// State returns the attributes of a required or wrong field, the ids of its texts, and what the
// script needs to check it.
func (c fieldContent) State() template.HTMLAttr {
	state := ""
	if c.Required {
		state = "required "
	}
	if c.Limit > 0 {
		state += `data-limit="` + strconv.Itoa(c.Limit) + `" `
	}
	for _, rule := range slices.Sorted(maps.Keys(c.Faults)) {
		state += "data-" + rule + `="` + template.HTMLEscapeString(c.Faults[rule]) + `" `
	}
	hint, wrong := c.Name+"-hint", c.Name+"-error"
	switch {
	case c.Hint != "" && c.Error != "":
		state += `aria-invalid="true" aria-describedby="` + hint + " " + wrong + `"`
	case c.Hint != "":
		state += `aria-describedby="` + hint + `"`
	case c.Error != "":
		state += `aria-invalid="true" aria-describedby="` + wrong + `"`
	}
	return template.HTMLAttr(state)
}

// addressRules are the rules of an address that the script knows. An address breaks the others
// rarely, or only the server can judge them.
var addressRules = []string{
	"space", "no-at", "two-ats", "local-missing", "domain-missing", "plus", "forbidden-character", "local-dots", "domain-dots", "domain-incomplete",
}

// faults returns the texts for the rules of a field that the script knows.
func (f *form) faults(d definition, required bool, page site.Reader) map[string]string {
	rules := f.rules()[d.name]
	texts := map[string]string{}
	tell := func(rule string) { texts[rule], _ = page.Fault(d.name, rule, rules[rule]) }
	if required {
		tell("required")
	}
	for _, rule := range []string{"max", "address"} {
		if _, known := rules[rule]; known {
			tell(rule)
		}
	}
	if d.name == emailField {
		for _, rule := range addressRules {
			tell(rule)
		}
	}
	return texts
}

// contents returns the fields to show: those that the organisation asks for, and wrong ones.
func (f *form) contents(e entry, page site.Reader, wrong []problem.Field) ([]fieldContent, error) {
	contents := make([]fieldContent, 0, len(definitions))
	for i, d := range inOrder(page) {
		value := *d.of(&e)
		at := slices.IndexFunc(wrong, func(field problem.Field) bool { return field.Name == d.name })
		presence := f.presence(d.name)
		if at < 0 && (presence == branding.Hidden || presence == branding.Linked && value == "") {
			continue
		}
		c := fieldContent{
			Name: d.name, Control: d.control, Type: d.inputType, Autocomplete: d.autocomplete, Label: page.Say("label." + d.name),
			MaxLength: maxTyped * d.limit, Required: presence == branding.Required && !isName(d.name), Half: isName(d.name), OneOfTwo: isName(d.name),
		}
		c.Faults = f.faults(d, c.Required, page)
		if c.Faults["max"] != "" {
			c.Limit = d.limit
		}
		// Only valid UTF-8 passes the Functions host. The rules have refused anything else.
		c.Value = strings.ToValidUTF8(value, "\ufffd")
		if at >= 0 {
			c.Error, c.Summary = wrong[at].Message, wrong[at].Message
			_, named := page.Fault(d.name, wrong[at].Rule, 0)
			if !named {
				name := cmp.Or(page.Find("name."+d.name), c.Label) // the label may be a sentence
				c.Summary = page.With("form.errorItem", "Field", name, "Error", c.Error)
			}
		}
		switch {
		case isName(d.name) && i == 1:
			c.Hint = page.Say("hint.oneName")
		case d.name == "reason":
			c.Hint = page.Count("hint.reason", d.limit)
		case d.name == termsField:
			c.Checked = e.Terms == f.Style.Terms.Version
			c.Value = f.Style.Terms.Version
		default:
			c.Hint = page.Find("hint." + d.name)
		}
		if d.control == "select" {
			options, err := f.countries[page.Tag]()
			if err != nil {
				return nil, err
			}
			c.Options = options.selecting(c.Value)
		}
		contents = append(contents, c)
	}
	return contents, nil
}

// countryOptions are the options of the country list in one language. They are rendered once,
// since 250 countries are a third of the page.
type countryOptions string

func newCountryOptions(l i18n.Language) (countryOptions, error) {
	countries, err := i18n.Countries(l.Tag)
	if err != nil {
		return "", err
	}
	var options strings.Builder
	for _, c := range countries {
		// HTML does not need the quotes and end tags, which are a tenth of the page.
		options.WriteString("<option value=" + c.Code + ">" + template.HTMLEscapeString(c.Name))
	}
	return countryOptions(options.String()), nil
}

// selecting returns the options with that of code selected, if code is a country.
func (o countryOptions) selecting(code string) template.HTML {
	// Only two capitals get into the page, nothing else that was typed.
	code = strings.ToUpper(strings.TrimSpace(code))
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return template.HTML(o)
	}
	option := `<option value=` + code
	return template.HTML(strings.Replace(string(o), option+">", option+" selected>", 1))
}
