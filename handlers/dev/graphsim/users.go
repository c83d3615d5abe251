package graphsim

import (
	"errors"
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
func (s *Server) listUsers(c *call, _ string) reply { return s.list(c, "users", s.visible) }

// listDeletedUsers serves GET /v1.0/directory/deletedItems/microsoft.graph.user.
func (s *Server) listDeletedUsers(c *call, _ string) reply {
	return s.list(c, "directoryObjects/microsoft.graph.user", func(u *User) bool { return u.Deleted })
}

// list serves a search among the users for which among is true.
func (s *Server) list(c *call, set string, among func(*User) bool) reply {
	bad := func(code, message string) reply { return s.refuse(c, http.StatusBadRequest, code, message) }
	options, fault := c.options()
	if fault != "" {
		return bad("BadRequest", fault)
	}
	selected, top, count := defaultProperties, defaultTop, false
	matches := func(*User) bool { return true }
	eventual := strings.EqualFold(c.Header.Get("ConsistencyLevel"), "eventual")
	var err error
	for name, value := range options {
		switch name {
		case "$filter":
			matches, err = parseFilter(value)
			if err != nil {
				return bad("Request_UnsupportedQuery", "Unsupported or invalid query filter clause: "+err.Error()+".")
			}
		case "$select":
			selected, fault = parseSelect(value, "user", userProperties)
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
		default:
			return bad("Request_UnsupportedQuery", "The stand-in does not know the query option "+name+".")
		}
	}

	var found []*User
	for i := range s.tenant.Users {
		if among(&s.tenant.Users[i]) && matches(&s.tenant.Users[i]) {
			found = append(found, &s.tenant.Users[i])
		}
	}
	answer := map[string]any{"@odata.context": c.base + "/v1.0/$metadata#" + set + "(" + strings.Join(selected, ",") + ")"}
	if count {
		answer["@odata.count"] = len(found)
	}
	if len(found) > top {
		found = found[:top]
		query := c.URL.Query()
		query.Set("$skiptoken", "more")
		answer["@odata.nextLink"] = c.base + c.URL.Path + "?" + query.Encode()
	}
	list := []map[string]any{}
	for _, user := range found {
		entry := map[string]any{}
		for _, property := range selected {
			entry[property] = userProperties[property](user)
		}
		list = append(list, entry)
	}
	answer["value"] = list
	return reply{status: http.StatusOK, body: answer}
}

// parseFilter parses a filter for what identifies a user:
//
//	filter = term *(" or " term)
//	term   = property " eq " string
//	       / collection "/any(" name ":" name " eq " string ")"
//
// A string stands in single quotes, with a quote inside it doubled. Comparisons ignore case,
// except that of a proxy address's kind: SMTP: is the primary address, smtp: any other, and
// nothing says that Graph takes one for the other.
func parseFilter(text string) (func(*User) bool, error) {
	p := &filterParser{rest: text}
	var terms []func(*User) bool
	for {
		term, err := p.term()
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
	return func(u *User) bool {
		return slices.ContainsFunc(terms, func(matches func(*User) bool) bool { return matches(u) })
	}, nil
}

type filterParser struct{ rest string }

func (p *filterParser) take(prefix string) bool {
	rest, found := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return found
}

func (p *filterParser) term() (func(*User) bool, error) {
	name := p.name()
	switch name {
	case "id", "mail", "userPrincipalName":
		if !p.take(" eq ") {
			return nil, errors.New("only 'eq' is known for the property '" + name + "'")
		}
		value, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return func(u *User) bool {
			property, isText := userProperties[name](u).(string)
			return isText && strings.EqualFold(property, value)
		}, nil
	case "otherMails", "proxyAddresses":
		if !p.take("/any(") {
			return nil, errors.New("only 'any' is known for the collection '" + name + "'")
		}
		variable := p.name()
		if variable == "" || !p.take(":") || p.name() != variable || !p.take(" eq ") {
			return nil, errors.New("'any' needs the form any(x:x eq '...')")
		}
		value, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, errors.New("'any' is not closed")
		}
		return func(u *User) bool {
			return slices.ContainsFunc(userProperties[name](u).([]string), func(element string) bool {
				return strings.EqualFold(element, value) && (name != "proxyAddresses" || proxyKind(element) == proxyKind(value))
			})
		}, nil
	default:
		return nil, errors.New("the property '" + name + "' can't be filtered")
	}
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
