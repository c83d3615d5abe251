package tablesim

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ConnectionString names the account for the SDK. Nothing is sent to the address in it if the
// Service is the client's transport.
const ConnectionString = "AccountName=tablesim;AccountKey=dGFibGVzaW0=;TableEndpoint=https://tablesim.invalid/"

// The limits of a page
// (https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination).
const (
	MaxRows  = 1000
	PageTime = 5 * time.Second
)

// A Row is a row of a table. A column is a string, bool, int or time.Time.
type Row struct {
	Partition, Name string
	Columns         map[string]any
}

// A Table is what a table held at the beginning.
type Table struct {
	Len int
	// Row makes a row, from 0 on. The keys ascend. It must be safe for concurrent use.
	Row func(i int) Row
}

// Rows returns a table of these rows, in any order.
func Rows(rows ...Row) Table {
	sorted := slices.SortedFunc(slices.Values(rows), func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Name, b.Name))
	})
	return Table{len(sorted), func(i int) Row { return sorted[i] }}
}

// Call is a call that the service has answered.
type Call struct {
	Method string
	Table  string
	Query  bool // whether it asked for a page
	Looked int  // at how many rows
	Found  int  // of those, how many were returned
	More   bool // whether there is a continuation
}

// Service is a storage account. It is an http.Handler, and the transport of an HTTP client or of
// the SDK. Its fields must not change after the first call.
type Service struct {
	// Tables are the tables that exist, by their names.
	Tables map[string]Table
	// Speed is how many rows a query looks at in a second; 0 is as many as there are, in no time.
	Speed int
	// Cut is how many rows a page looks at at most; 0 is as many as Speed allows in [PageTime].
	// With it, a service that takes no time still sends pages that are not full.
	Cut int

	mutex   sync.Mutex
	written map[string]map[key]entity // what was written since; a nil entity was removed
	writes  int
	calls   []Call
}

// Calls returns the calls that were answered, in their order.
func (s *Service) Calls() []Call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.calls)
}

// Do sends a request, as the SDK's transport.
func (s *Service) Do(req *http.Request) (*http.Response, error) { return s.RoundTrip(req) }

// RoundTrip implements [http.RoundTripper].
func (s *Service) RoundTrip(req *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, req)
	err := req.Context().Err()
	if err != nil {
		return nil, err
	}
	answer := recorder.Result()
	answer.Request = req
	return answer, nil
}

// entityPath matches the address of a table or of a row.
var entityPath = regexp.MustCompile(`^([A-Za-z0-9]+)(?:\((.*)\))?$`)

// rowKeys matches the keys in the address of a row.
var rowKeys = regexp.MustCompile(`^PartitionKey='((?:[^']|'')*)',RowKey='((?:[^']|'')*)'$`)

// ServeHTTP implements [http.Handler].
func (s *Service) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
	parts := entityPath.FindStringSubmatch(path)
	if parts == nil {
		refuse(w, http.StatusNotImplemented, "NotImplemented")
		return
	}
	name := parts[1]
	table, exists := s.Tables[name]
	if !exists {
		refuse(w, http.StatusNotFound, "TableNotFound")
		return
	}
	call := Call{Method: req.Method, Table: name}
	keys := rowKeys.FindStringSubmatch(parts[2])
	switch {
	case keys != nil:
		at := key{unquoted(keys[1]), unquoted(keys[2])}
		s.serveRow(w, req, name, table, at)
	case req.Method == http.MethodPost:
		s.insert(w, req, name, table)
	case req.Method == http.MethodGet:
		call.Query = true
		if !s.query(w, req, table, &call) {
			return
		}
	default:
		refuse(w, http.StatusNotImplemented, "NotImplemented")
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.calls = append(s.calls, call)
}

func unquoted(text string) string { return strings.ReplaceAll(text, "''", "'") }

// refuse answers with an error of the service.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"odata.error":{"code":%q,"message":{"lang":"en-US","value":"refused"}}}`, code)
}

// serveRow reads, writes or removes one row.
func (s *Service) serveRow(w http.ResponseWriter, req *http.Request, name string, table Table, at key) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	stored := s.find(name, table, at)
	if req.Method == http.MethodGet {
		if stored == nil {
			refuse(w, http.StatusNotFound, "ResourceNotFound")
			return
		}
		answer(w, stored.selected(""))
		return
	}
	condition := req.Header.Get("If-Match")
	switch {
	case condition != "" && stored == nil:
		refuse(w, http.StatusNotFound, "ResourceNotFound")
		return
	case condition != "" && condition != "*" && condition != stored.etag():
		refuse(w, http.StatusPreconditionFailed, "UpdateConditionNotSatisfied")
		return
	}
	switch req.Method {
	case http.MethodDelete:
		s.write(name, at, nil)
	case http.MethodPut:
		written, err := readEntity(req.Body)
		if err != nil {
			refuse(w, http.StatusBadRequest, "InvalidInput")
			return
		}
		w.Header().Set("ETag", s.write(name, at, written))
	default:
		refuse(w, http.StatusNotImplemented, "NotImplemented")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// insert adds a row.
func (s *Service) insert(w http.ResponseWriter, req *http.Request, name string, table Table) {
	added, err := readEntity(req.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidInput")
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	at := added.key()
	if s.find(name, table, at) != nil {
		refuse(w, http.StatusConflict, "EntityAlreadyExists")
		return
	}
	w.Header().Set("ETag", s.write(name, at, added))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(added.selected(""))
}

// write stores an entity, nil to remove it, and returns its ETag. The caller holds s.mutex.
func (s *Service) write(name string, at key, e entity) string {
	if s.written == nil {
		s.written = map[string]map[key]entity{}
	}
	if s.written[name] == nil {
		s.written[name] = map[key]entity{}
	}
	s.writes++
	if e != nil {
		e["odata.etag"] = fmt.Sprintf(`W/"datetime'2026-01-01T00%%3A00%%3A00.%07dZ'"`, s.writes)
	}
	s.written[name][at] = e
	return e.etag()
}

// find returns the entity at the key, nil if there is none. The caller holds s.mutex.
func (s *Service) find(name string, table Table, at key) entity {
	written, changed := s.written[name][at]
	if changed {
		return written
	}
	i := table.from(at)
	if i < table.Len {
		row := table.Row(i)
		if (key{row.Partition, row.Name}) == at {
			return row.entity()
		}
	}
	return nil
}

// from returns the index of the first row at or after the key.
func (t Table) from(at key) int {
	low, high := 0, t.Len
	for low < high {
		middle := (low + high) / 2
		row := t.Row(middle)
		if (key{row.Partition, row.Name}).compare(at) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// query answers with a page. It reports false if the client does not wait for it.
func (s *Service) query(w http.ResponseWriter, req *http.Request, table Table, call *Call) bool {
	values := req.URL.Query()
	filter, err := parseFilter(values.Get("$filter"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidInput")
		return true
	}
	limit := MaxRows
	if top, err := strconv.Atoi(values.Get("$top")); err == nil && top > 0 {
		limit = min(limit, top)
	}
	start := key{partition: filter.first()}
	if values.Has("NextPartitionKey") {
		start, err = cursorKey(values)
		if err != nil {
			refuse(w, http.StatusBadRequest, "InvalidInput")
			return true
		}
	}
	cut := table.Len + 1
	if s.Speed > 0 {
		cut = s.Speed * int(PageTime/time.Second)
	}
	if s.Cut > 0 {
		cut = min(cut, s.Cut)
	}
	found := []entity{}
	next := func() *key {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		for at, e := range s.after(call.Table, table, start) {
			switch {
			case filter.beyond(at):
				return nil
			case call.Looked == cut, len(found) == limit:
				return &at
			}
			call.Looked++
			if filter.matches(e) {
				found = append(found, e.selected(values.Get("$select")))
			}
		}
		return nil
	}()
	if s.Speed > 0 {
		wait := time.NewTimer(time.Duration(call.Looked) * time.Second / time.Duration(s.Speed))
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-req.Context().Done():
			return false
		}
	}
	if next != nil {
		w.Header().Set("x-ms-continuation-NextPartitionKey", encodeKey(next.partition))
		w.Header().Set("x-ms-continuation-NextRowKey", encodeKey(next.name))
	}
	call.Found, call.More = len(found), next != nil
	answer(w, map[string]any{"value": found})
	return true
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// after returns the entities from the key on, in the order of their keys. The caller holds s.mutex.
func (s *Service) after(name string, table Table, start key) func(yield func(key, entity) bool) {
	return func(yield func(key, entity) bool) {
		var changed []key
		for at := range s.written[name] {
			if at.compare(start) >= 0 {
				changed = append(changed, at)
			}
		}
		slices.SortFunc(changed, key.compare)
		i := table.from(start)
		for i < table.Len || len(changed) > 0 {
			var e entity
			var at key
			if i < table.Len {
				e = table.Row(i).entity()
				at = e.key()
			}
			if len(changed) > 0 && (e == nil || changed[0].compare(at) <= 0) {
				if e != nil && changed[0] == at {
					i++
				}
				at = changed[0]
				e, changed = s.written[name][at], changed[1:]
			} else {
				i++
			}
			if e != nil && !yield(at, e) {
				return
			}
		}
	}
}

// The keys of a continuation mean nothing to the client.
func encodeKey(text string) string {
	return "1!" + base64.RawURLEncoding.EncodeToString([]byte(text))
}

func cursorKey(values url.Values) (key, error) {
	var texts [2]string
	for i, name := range []string{"NextPartitionKey", "NextRowKey"} {
		text, ok := strings.CutPrefix(values.Get(name), "1!")
		if !ok && values.Get(name) != "" {
			return key{}, fmt.Errorf("%s is not a continuation", name)
		}
		decoded, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return key{}, err
		}
		texts[i] = string(decoded)
	}
	return key{texts[0], texts[1]}, nil
}

type key struct{ partition, name string }

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.partition, other.partition), cmp.Compare(k.name, other.name))
}

// entity is a row as JSON has it, with its annotations.
type entity map[string]any

func readEntity(body io.Reader) (entity, error) {
	var e entity
	err := json.NewDecoder(body).Decode(&e)
	_, partition := e["PartitionKey"].(string)
	_, name := e["RowKey"].(string)
	if err == nil && !(partition && name) {
		err = fmt.Errorf("the row has no keys")
	}
	return e, err
}

// firstETag is the ETag of a row that was not written since the beginning.
const firstETag = `W/"datetime'2025-01-01T00%3A00%3A00Z'"`

// annotation is behind the name of a column in the name of its type.
const annotation = "@odata.type"

func (r Row) entity() entity {
	e := entity{"PartitionKey": r.Partition, "RowKey": r.Name, "odata.etag": firstETag}
	for column, value := range r.Columns {
		at, ok := value.(time.Time)
		if ok {
			e[column], e[column+annotation] = at.UTC().Format("2006-01-02T15:04:05.0000000Z"), "Edm.DateTime"
			continue
		}
		e[column] = value
	}
	return e
}

func (e entity) key() key {
	partition, _ := e["PartitionKey"].(string)
	name, _ := e["RowKey"].(string)
	return key{partition, name}
}

func (e entity) etag() string {
	text, _ := e["odata.etag"].(string)
	return text
}

// selected returns the entity with the columns that are named, separated by commas; with all for
// "".
func (e entity) selected(names string) entity {
	if names == "" {
		return e
	}
	chosen := entity{"odata.etag": e["odata.etag"]}
	for name := range strings.SplitSeq(names, ",") {
		chosen[name] = e[name] // null without such a column, as the service does
		if kind, has := e[name+annotation]; has {
			chosen[name+annotation] = kind
		}
	}
	return chosen
}
