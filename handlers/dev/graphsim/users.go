package graphsim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// userProperties are the properties of a user that can be selected. Without $select, Graph
// returns only some of them.
var userProperties = map[string]func(*User) any{
	"id":                func(u *User) any { return u.ID },
	"displayName":       func(u *User) any { return u.DisplayName },
	"mail":              func(u *User) any { return orNull(u.Mail) },
	"otherMails":        func(u *User) any { return copied(u.OtherMails) },
	"userPrincipalName": func(u *User) any { return u.principalName() },
	"userType":          func(u *User) any { return orNull(u.UserType) },
	"externalUserState": func(u *User) any { return orNull(u.ExternalUserState) },
	"creationType":      func(u *User) any { return orNull(u.CreationType) },
	"accountEnabled":    func(u *User) any { return !u.Disabled },
	"proxyAddresses":    func(u *User) any { return u.proxyAddresses() },
	"preferredLanguage": func(u *User) any { return orNull(u.PreferredLanguage) },
	"deletedDateTime":   func(u *User) any { return orNull(u.DeletedAt) },
}

var defaultProperties = []string{"displayName", "mail", "userPrincipalName", "id"}

// orNull returns nil for the zero value.
func orNull[T comparable](value T) any {
	if value == *new(T) {
		return nil
	}
	return value
}

func (u *User) proxyAddresses() []string {
	addresses := copied(u.ProxyAddresses)
	primary := func(address string) bool { return strings.HasPrefix(address, "SMTP:") }
	if u.Mail != "" && !slices.ContainsFunc(addresses, primary) {
		addresses = append(addresses, "SMTP:"+u.Mail)
	}
	return addresses
}

// principalName returns the name for signing in. Deletion changes it, so that the old one is
// free.
func (u *User) principalName() string {
	if u.Deleted {
		return strings.ReplaceAll(u.ID, "-", "") + u.UserPrincipalName
	}
	return u.UserPrincipalName
}

// maxTop is the largest page of users that Graph returns; defaultTop the one without $top.
const (
	maxTop     = 999
	defaultTop = 100
)

// listUsers serves GET /v1.0/users.
func (s *Server) listUsers(c *call, _ string) reply { return s.listUsersWho(c, "users", s.visible) }

// listDeletedUsers serves GET /v1.0/directory/deletedItems/microsoft.graph.user.
func (s *Server) listDeletedUsers(c *call, _ string) reply {
	return s.listUsersWho(c, "directoryObjects/microsoft.graph.user", func(u *User) bool { return u.Deleted })
}

// listUsersWho serves a search among the users for which among is true.
func (s *Server) listUsersWho(c *call, set string, among func(*User) bool) reply {
	var all []*User
	for i := range s.tenant.Users {
		if among(&s.tenant.Users[i]) {
			all = append(all, &s.tenant.Users[i])
		}
	}
	return list(s, c, set, "user", defaultProperties, userProperties, userFilters, all)
}

// list serves a search among the objects.
func list[T any](
	s *Server, c *call, set, kind string, all []string, known map[string]func(T) any, filters filters, objects []T,
) reply {
	bad := func(code, message string) reply { return s.refuse(c, http.StatusBadRequest, code, message) }
	options, fault := c.options()
	if fault != "" {
		return bad("BadRequest", fault)
	}
	selected, top, skip, count := all, defaultTop, 0, false
	matches := func(T) bool { return true }
	eventual := strings.EqualFold(c.Header.Get("ConsistencyLevel"), "eventual")
	var err error
	for name, value := range options {
		switch name {
		case "$filter":
			matches, err = parseFilter(value, filters, known)
			if err != nil {
				return bad("Request_UnsupportedQuery", "Unsupported or invalid query filter clause: "+err.Error()+".")
			}
		case "$select":
			selected, fault = parseSelect(value, kind, known)
			if fault != "" {
				return bad("BadRequest", fault)
			}
		case "$top":
			top, err = strconv.Atoi(value)
			if err != nil || top < 1 || top > maxTop {
				return bad("Request_BadRequest", "Invalid page size specified; it must be between 1 and 999.")
			}
		case "$count":
			if value != "true" && value != "false" || value == "true" && !eventual {
				return bad("Request_BadRequest", "$count needs the header ConsistencyLevel: eventual.")
			}
			count = value == "true"
		case "$skiptoken":
			skip, err = strconv.Atoi(value)
			if err != nil || skip < 1 {
				return bad("Directory_ExpiredPageToken", "The specified page token value has expired or is invalid.")
			}
		default:
			return bad("Request_UnsupportedQuery", "The stand-in does not know the query option "+name+".")
		}
	}

	var found []T
	for _, object := range objects {
		if matches(object) {
			found = append(found, object)
		}
	}
	answer := map[string]any{"@odata.context": c.base + "/v1.0/$metadata#" + set + "(" + strings.Join(selected, ",") + ")"}
	if count {
		answer["@odata.count"] = len(found)
	}
	found = found[min(skip, len(found)):]
	if len(found) > top {
		found = found[:top]
		query := c.URL.Query()
		query.Set("$skiptoken", strconv.Itoa(skip+top))
		answer["@odata.nextLink"] = c.base + c.URL.Path + "?" + query.Encode()
	}
	list := []map[string]any{}
	for _, object := range found {
		entry := map[string]any{}
		for _, property := range selected {
			entry[property] = known[property](object)
		}
		list = append(list, entry)
	}
	answer["value"] = list
	return reply{status: http.StatusOK, body: answer}
}

// filters are the names of the properties that can be filtered.
type filters struct{ texts, collections []string }

var userFilters = filters{
	texts:       []string{"id", "mail", "userPrincipalName"},
	collections: []string{"otherMails", "proxyAddresses"},
}

const (
	// maxIn is how many values Graph takes in a list after "in".
	maxIn = 15
	// maxTerms is how many clauses Graph takes in a filter with "or", according to the text of its
	// error.
	maxTerms = 15
)

// parseFilter parses a filter for what identifies an object:
//
//	filter = term *(" or " term)
//	term   = property " eq " string
//	       / property " in (" string *("," string) ")"
//	       / collection "/any(" name ":" name " eq " string ")"
//
// A string stands in single quotes, with a quote inside it doubled. Comparisons ignore case,
// except that of a proxy address's kind: SMTP: is the primary address, smtp: any other, and
// nothing says that Graph takes one for the other.
func parseFilter[T any](text string, can filters, known map[string]func(T) any) (func(T) bool, error) {
	p := &filterParser{rest: text}
	var terms []func(T) bool
	for {
		term, err := parseTerm(p, can, known)
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
		if p.rest == "" {
			break
		}
		if !p.take(" or ") {
			return nil, errors.New("only 'or' can join terms here")
		}
	}
	if len(terms) > maxTerms {
		return nil, fmt.Errorf("too many clauses with 'or': %d; at most %d are allowed",
			len(terms), maxTerms)
	}
	return func(object T) bool {
		return slices.ContainsFunc(terms, func(matches func(T) bool) bool { return matches(object) })
	}, nil
}

func parseTerm[T any](p *filterParser, can filters, known map[string]func(T) any) (func(T) bool, error) {
	name := p.name()
	switch {
	case slices.Contains(can.texts, name):
		values, err := p.values(name)
		if err != nil {
			return nil, err
		}
		return func(object T) bool {
			property, isText := known[name](object).(string)
			return isText && slices.ContainsFunc(values, func(value string) bool { return strings.EqualFold(property, value) })
		}, nil
	case slices.Contains(can.collections, name):
		value, err := p.anyOf(name)
		if err != nil {
			return nil, err
		}
		return func(object T) bool {
			return slices.ContainsFunc(known[name](object).([]string), func(element string) bool {
				return strings.EqualFold(element, value) && (name != "proxyAddresses" || proxyKind(element) == proxyKind(value))
			})
		}, nil
	default:
		return nil, errors.New("the property '" + name + "' can't be filtered")
	}
}

type filterParser struct{ rest string }

func (p *filterParser) take(prefix string) bool {
	rest, found := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return found
}

// values takes what follows the name of a text: an operator, and what the text may be.
func (p *filterParser) values(name string) ([]string, error) {
	if p.take(" eq ") {
		value, err := p.quoted()
		return []string{value}, err
	}
	if !p.take(" in (") {
		return nil, errors.New("only 'eq' and 'in' are known for the property '" + name + "'")
	}
	var values []string
	for {
		value, err := p.quoted()
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		if p.take(")") {
			break
		}
		if !p.take(",") {
			return nil, errors.New("'in' needs the form in ('...','...')")
		}
	}
	if len(values) > maxIn {
		return nil, fmt.Errorf("too many values in the list of 'in': %d; at most %d are allowed", len(values), maxIn)
	}
	return values, nil
}

// anyOf takes what follows the name of a collection, and returns what one element must be.
func (p *filterParser) anyOf(name string) (string, error) {
	if !p.take("/any(") {
		return "", errors.New("only 'any' is known for the collection '" + name + "'")
	}
	variable := p.name()
	if variable == "" || !p.take(":") || p.name() != variable || !p.take(" eq ") {
		return "", errors.New("'any' needs the form any(x:x eq '...')")
	}
	value, err := p.quoted()
	if err != nil {
		return "", err
	}
	if !p.take(")") {
		return "", errors.New("'any' is not closed")
	}
	return value, nil
}

func proxyKind(address string) string {
	kind, _, _ := strings.Cut(address, ":")
	return kind
}

// name takes letters.
func (p *filterParser) name() string {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	p.rest = p.rest[end:]
	return name
}

// quoted takes a string in single quotes.
func (p *filterParser) quoted() (string, error) {
	if !p.take("'") {
		return "", errors.New("a string stands in single quotes")
	}
	var value strings.Builder
	for {
		before, after, found := strings.Cut(p.rest, "'")
		if !found {
			return "", errors.New("a string is not closed")
		}
		value.WriteString(before)
		p.rest = after
		if !p.take("'") {
			return value.String(), nil
		}
		value.WriteByte('\'')
	}
}
