package graphsim

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// userProperties are the properties of a user that can be selected. By default Graph returns only some of them.
var userProperties = map[string]func(*User) any{
	"id":                func(u *User) any { return u.ID },
	"displayName":       func(u *User) any { return u.DisplayName },
	"mail":              func(u *User) any { return orNull(u.Mail) },
	"otherMails":        func(u *User) any { return append([]string{}, u.OtherMails...) },
	"userPrincipalName": func(u *User) any { return u.principalName() },
	"userType":          func(u *User) any { return orNull(u.UserType) },
	"externalUserState": func(u *User) any { return orNull(u.ExternalUserState) },
	"creationType":      func(u *User) any { return orNull(u.CreationType) },
	"accountEnabled":    func(u *User) any { return !u.Disabled },
	"proxyAddresses":    func(u *User) any { return u.proxyAddresses() },
}

var defaultProperties = []string{"displayName", "mail", "userPrincipalName", "id"}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (u *User) proxyAddresses() []string {
	addresses := append([]string{}, u.ProxyAddresses...)
	primary := func(address string) bool { return strings.HasPrefix(address, "SMTP:") }
	if u.Mail != "" && !slices.ContainsFunc(addresses, primary) {
		addresses = append(addresses, "SMTP:"+u.Mail)
	}
	return addresses
}

// principalName is the name for signing in. A deleted user's is changed, so that it is free for others.
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

// listUsers serves GET /v1.0/users. The caller holds s.mu.
func (s *Server) listUsers(c *call, _ string) reply { return s.list(c, "users", s.visible) }

// listDeletedUsers serves GET /v1.0/directory/deletedItems/microsoft.graph.user. The caller holds s.mu.
func (s *Server) listDeletedUsers(c *call, _ string) reply {
	return s.list(c, "directoryObjects/microsoft.graph.user", func(u *User) bool { return u.Deleted })
}

// list serves a search among some of the users.
func (s *Server) list(c *call, set string, among func(*User) bool) reply {
	query, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return s.refuse(c, http.StatusBadRequest, "BadRequest", "The query can't be read.")
	}
	selected := defaultProperties
	top := defaultTop
	matches := func(*User) bool { return true }
	count := false
	eventual := strings.EqualFold(c.Header.Get("ConsistencyLevel"), "eventual")
	for name, values := range query {
		value := values[0]
		if len(values) > 1 {
			return s.refuse(c, http.StatusBadRequest, "BadRequest", "The query option "+name+" is given twice.")
		}
		switch name {
		case "$filter":
			matches, err = parseFilter(value)
			if err != nil {
				return s.refuse(c, http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause: "+err.Error()+".")
			}
		case "$select":
			selected = strings.Split(value, ",")
			for _, property := range selected {
				if userProperties[property] == nil {
					return s.refuse(c, http.StatusBadRequest, "BadRequest", "Could not find a property named '"+property+"' on type 'microsoft.graph.user'.")
				}
			}
		case "$top":
			top, err = strconv.Atoi(value)
			if err != nil || top < 1 || top > maxTop {
				return s.refuse(c, http.StatusBadRequest, "Request_BadRequest", "Invalid page size specified; it must be between 1 and 999.")
			}
		case "$count":
			if value != "true" && value != "false" || value == "true" && !eventual {
				return s.refuse(c, http.StatusBadRequest, "Request_BadRequest", "$count needs the header ConsistencyLevel: eventual.")
			}
			count = value == "true"
		default:
			return s.refuse(c, http.StatusBadRequest, "Request_UnsupportedQuery", "The stand-in does not know the query option "+name+".")
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

// parseFilter reads the shapes that find a user by what identifies one:
//
//	filter = term *(" or " term)
//	term   = property " eq " string
//	       / collection "/any(" name ":" name " eq " string ")"
//
// A string stands in single quotes, and a quote inside it is doubled. Comparisons ignore case, as the directory's do; but the kind in
// front of a proxy address counts as written, because nothing says that it does not: SMTP: is the primary one and smtp: any other.
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

// name takes a run of letters.
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
