package hostsim

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// route is a path of literals and parameters.
type route []segment

type segment struct {
	literal  string // as written
	param    string // "" for a literal
	only     string // the one value of a parameter, "" for any
	optional bool
	catchAll bool
}

// routeParameter also matches the one constraint that is supported: that the value is a word.
var routeParameter = regexp.MustCompile(`^\{(\*{0,2})([A-Za-z_][A-Za-z0-9_]*)(?::regex\(\^([a-z]+)\$\))?(\??)\}$`)

// parseRoute reads a route such as "signup/{id}", "a/{b?}", "{page:regex(^signup$)?}" or
// "files/{*rest}".
func parseRoute(text string) (route, error) {
	var r route
	parts := strings.Split(strings.Trim(text, "/"), "/")
	for i, part := range parts {
		match := routeParameter.FindStringSubmatch(part)
		switch {
		case match != nil:
			s := segment{param: match[2], only: match[3], optional: match[4] != "", catchAll: match[1] != ""}
			if (s.optional || s.catchAll) && i != len(parts)-1 {
				return nil, errors.New("route: an optional or catch-all parameter must come last")
			}
			if slices.ContainsFunc(r, func(other segment) bool { return strings.EqualFold(other.param, s.param) }) {
				return nil, fmt.Errorf("route: the parameter %s appears twice", s.param)
			}
			r = append(r, s)
		case part == "" || strings.ContainsAny(part, "{}*?#%"):
			return nil, errors.New("route: a segment is plain text, {name}, {name?} or {*name}; other constraints and mixed segments are not supported here")
		default:
			r = append(r, segment{literal: part})
		}
	}
	return r, nil
}

// match reports whether a path from [decodePath] is of this route, and returns the values of the
// parameters. A missing optional parameter is nil.
func (r route) match(path string) (params map[string]any, ok bool) {
	var parts []string
	trimmed := strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if trimmed != "" {
		parts = strings.Split(trimmed, "/")
	}
	params = map[string]any{}
	for i, s := range r {
		switch {
		case s.catchAll:
			params[s.param] = nil
			if i < len(parts) {
				params[s.param] = strings.Join(parts[i:], "/")
			}
			return params, true
		case i >= len(parts):
			if !s.optional {
				return nil, false
			}
			params[s.param] = nil
		case s.param != "":
			if parts[i] == "" {
				return nil, false
			}
			if s.only != "" && !strings.EqualFold(s.only, parts[i]) {
				return nil, false
			}
			params[s.param] = parts[i]
		case !strings.EqualFold(s.literal, parts[i]):
			return nil, false
		}
	}
	return params, len(parts) <= len(r)
}

// before reports whether r takes precedence over other: from the left, literals come before
// parameters, those with a constraint before others, and parameters before catch-alls.
func (r route) before(other route) bool {
	rank := func(r route, i int) int {
		switch {
		case i >= len(r):
			return 0
		case r[i].param == "":
			return 1
		case r[i].only != "":
			return 2
		case !r[i].catchAll:
			return 3
		default:
			return 4
		}
	}
	for i := range max(len(r), len(other)) {
		a, b := rank(r, i), rank(other, i)
		if a != b {
			return a < b
		}
	}
	return false
}

// same reports whether both routes match the same paths.
func (r route) same(other route) bool {
	return slices.EqualFunc(r, other, func(a, b segment) bool {
		return (a.param == "") == (b.param == "") && strings.EqualFold(a.literal, b.literal) && strings.EqualFold(a.only, b.only) && a.catchAll == b.catchAll && a.optional == b.optional
	})
}
