package signinsim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// How many entries a page of Graph has by default, and at most.
const pageSize, maxPageSize = 100, 999

// refuseGraph answers with an error in Graph's form.
func (s *Server) refuseGraph(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"code": code, "message": message,
		"innerError": map[string]string{"date": s.config.Now().UTC().Format("2006-01-02T15:04:05"), "request-id": uuid.NewString(), "client-request-id": uuid.NewString()},
	}})
}

// groups serves what the person of the access token is in.
func (s *Server) groups(w http.ResponseWriter, r *http.Request) {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	given, known := s.tokens[token]
	person, exists := s.person(given.person)
	may := slices.ContainsFunc(given.scopes, func(scope string) bool { return scope == "User.Read" || strings.HasSuffix(scope, "/User.Read") })
	switch {
	case !isBearer || token == "":
		s.refuseGraph(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty.")
		return
	case !known || !exists || !s.config.Now().Before(given.until):
		s.refuseGraph(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
		return
	case !may:
		s.refuseGraph(w, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
		return
	}
	query := r.URL.Query()
	size, from := pageSize, 0
	for name := range query {
		text, err := query.Get(name), error(nil)
		switch name {
		case "$select":
		case "$top":
			size, err = strconv.Atoi(text)
		case "$skiptoken":
			from, err = strconv.Atoi(text)
		default:
			s.refuseGraph(w, http.StatusBadRequest, "Request_UnsupportedQuery", "The stand-in does not know the query parameter.")
			return
		}
		if err != nil || size < 1 || size > maxPageSize || from < 0 {
			s.refuseGraph(w, http.StatusBadRequest, "Request_UnsupportedQuery", "Invalid page size or page.")
			return
		}
	}
	type entry struct {
		Type string `json:"@odata.type"`
		ID   string `json:"id"`
	}
	all := []entry{}
	for _, id := range person.Units {
		all = append(all, entry{"#microsoft.graph.administrativeUnit", id})
	}
	for _, id := range person.Groups {
		all = append(all, entry{"#microsoft.graph.group", id})
	}
	to := min(from+size, len(all))
	answer := map[string]any{"@odata.context": base(r) + "/v1.0/$metadata#directoryObjects(id)", "value": all[min(from, to):to]}
	next := r.URL.Path + "?" + url.Values{"$select": {"id"}, "$top": {strconv.Itoa(size)}, "$skiptoken": {strconv.Itoa(to)}}.Encode()
	if to < len(all) {
		answer["@odata.nextLink"] = base(r) + next
	}
	fault, _ := s.take("", EndlessPages, PagesElsewhere)
	switch fault.Kind {
	case EndlessPages:
		s.faults = append([]Fault{{Kind: EndlessPages, Times: 1}}, s.faults...)
		answer["@odata.nextLink"] = base(r) + r.URL.Path
	case PagesElsewhere:
		answer["@odata.nextLink"] = "http://elsewhere.invalid" + next
	}
	writeJSON(w, http.StatusOK, answer)
}
