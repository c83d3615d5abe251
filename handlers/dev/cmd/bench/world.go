package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/azurite"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// calls counts requests by kind. It is safe for concurrent use.
type calls struct {
	mutex sync.Mutex
	kinds map[string]int
}

func (c *calls) add(kind string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.kinds == nil {
		c.kinds = map[string]int{}
	}
	c.kinds[kind]++
}

func (c *calls) total() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	n := 0
	for _, count := range c.kinds {
		n += count
	}
	return n
}

// clear forgets all calls.
func (c *calls) clear() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.kinds = nil
}

// perGuest lists the kinds with at least one call for each guest.
func (c *calls) perGuest(guests int) string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
		if c.kinds[kind] >= guests {
			parts = append(parts, fmt.Sprintf("%d %s", c.kinds[kind]/guests, kind))
		}
	}
	return strings.Join(parts, ", ")
}

// order is the calls of storage and of Graph in the order in which they were made.
type order struct {
	mutex sync.Mutex
	calls []string
}

// storageCall begins what an order has of a call of storage.
const storageCall = "storage: "

func (o *order) add(call string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.calls = append(o.calls, call)
}

// clear forgets all calls.
func (o *order) clear() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.calls = nil
}

// world is the storage emulator and the stand-ins, each behind a proxy that counts calls.
type world struct {
	emulator     *azurite.Server
	tenant       *graphsim.Server
	service      *acssim.Server
	store        *tables.Store
	connection   string // storage, through the proxy
	graphURL     string // the stand-ins, through the proxy
	mailURL      string
	storageCalls calls
	graphCalls   calls
	mailCalls    calls
	order        order // of the calls of storage and of Graph
}

func newWorld(ctx context.Context) (*world, error) {
	w := &world{}
	var err error
	w.emulator, err = azurite.Start(ctx, azurite.Config{})
	if err != nil {
		return nil, err
	}
	w.tenant, err = graphsim.New(graphsim.Config{KnowsAnyGroup: true, Users: []graphsim.User{
		{ID: approver, UserType: "Member", UserPrincipalName: "a@fabrikam.example"},
		{ID: secondApprover, UserType: "Member", UserPrincipalName: "b@fabrikam.example"},
		{ID: outsider, UserType: "Member", UserPrincipalName: "c@fabrikam.example"},
	}})
	if err != nil {
		return nil, err
	}
	w.service, err = acssim.New(acssim.Config{Senders: []string{sender}})
	if err != nil {
		return nil, err
	}
	w.graphURL, err = serveCounted(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.order.add(r.Method)
		w.tenant.ServeHTTP(rw, r)
	}), &w.graphCalls)
	if err != nil {
		return nil, err
	}
	w.mailURL, err = serveCounted(w.service, &w.mailCalls)
	if err != nil {
		return nil, err
	}

	_, _, port := w.emulator.Ports()
	endpoint := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = endpoint.Scheme, endpoint.Host
	}}
	counted, err := serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		call := r.Method + " " + table(r.URL.Path)
		w.storageCalls.add(call)
		w.order.add(storageCall + call)
		proxy.ServeHTTP(rw, r)
	}))
	if err != nil {
		return nil, err
	}
	w.connection = strings.Replace(w.emulator.ConnectionString(), endpoint.String(), counted, 1)

	w.store, err = tables.New(tables.Config{ConnectionString: w.connection})
	if err != nil {
		return nil, err
	}
	err = w.store.Create(ctx)
	if err != nil {
		return nil, err
	}
	return w, w.store.PutRow(ctx, policy.Raw{Partition: "contoso.com", Name: "trusted", Columns: map[string]any{
		"Action": "invite", "Groups": "aaaaaaaa-0000-4000-8000-000000000001", "Sponsors": "bbbbbbbb-0000-4000-8000-000000000001",
	}})
}

func (w *world) stop() { _ = w.emulator.Stop() }

// environment returns the environment of the handler.
func (w *world) environment() []string {
	return append(os.Environ(), "AzureWebJobsStorage="+w.connection, "GUESTLIST_STORAGE="+w.connection, "GUESTLIST_GRAPH_URL="+w.graphURL, "GUESTLIST_GRAPH_CREDENTIAL=none",
		"GUESTLIST_DAILY_INVITATIONS=0", "GUESTLIST_INVITATION_SPACING=0s",
		"GUESTLIST_FORM_KEYS="+key, "GUESTLIST_JSON_KEYS="+key)
}

// sender is where the app's own mails come from.
const sender = "guests@join.fabrikam.example"

// mailEnvironment is environment for a handler that sends mails of its own, with a quota that does
// not hold up a measurement.
func (w *world) mailEnvironment() []string {
	return append(w.environment(), "GUESTLIST_MAIL=acs", "GUESTLIST_MAIL_URL="+w.mailURL, "GUESTLIST_MAIL_SENDER="+sender,
		"GUESTLIST_MAIL_PER_MINUTE=10000", "GUESTLIST_MAIL_PER_HOUR=10000", "GUESTLIST_PUBLIC_ORIGINS=https://signup.example.com")
}

// table returns the table or operation of a request to the table service.
func table(path string) string {
	last := path[strings.LastIndex(path, "/")+1:]
	name, _, _ := strings.Cut(last, "(")
	return name
}

// objectID is an object id in the path of a call of Graph, or the id of a mail.
var objectID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// serveCounted is serve for a service whose calls are counted.
func serveCounted(service http.Handler, counted *calls) (string, error) {
	return serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		counted.add(r.Method + " " + objectID.ReplaceAllString(strings.TrimPrefix(r.URL.Path, "/v1.0"), "{id}"))
		service.ServeHTTP(rw, r)
	}))
}

// serve serves h on the loopback interface until the program ends, and returns the address.
func serve(h http.Handler) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { _ = http.Serve(listener, h) }()
	return "http://" + listener.Addr().String(), nil
}

// lookups measures one policy look-up among few rows and among many.
func lookups(ctx context.Context, w *world, many int) error {
	address, err := submission.ParseAddress("ana@sales.contoso.com")
	if err != nil {
		return err
	}
	partitions := policy.Partitions(address)
	measure := func(from, to int) (calls int, took time.Duration, err error) {
		const runs = 9
		err = fill(ctx, w, from, to)
		if err != nil {
			return 0, 0, err
		}
		before := w.storageCalls.total()
		var times []time.Duration
		for range runs {
			begun := time.Now()
			_, err := w.store.Rows(ctx, partitions)
			if err != nil {
				return 0, 0, err
			}
			times = append(times, time.Since(begun))
		}
		return (w.storageCalls.total() - before) / runs, median(times), nil
	}
	fewCalls, fewTook, err := measure(0, 10)
	if err != nil {
		return err
	}
	manyCalls, manyTook, err := measure(10, many)
	if err != nil {
		return err
	}
	figure("policy look-up of a sub-domain's address", "%d calls, %.1f ms among 10 rows; %d calls, %.1f ms among %d", fewCalls, ms(fewTook), manyCalls, ms(manyTook), many)
	return nil
}

// fill adds policy rows with the numbers from up to to, a hundred for each partner. They are
// written in one transaction for each partner, because single writes would take the emulator
// minutes.
func fill(ctx context.Context, w *world, from, to int) error {
	const (
		workers = 4
		each    = 100
	)
	failures := make([]error, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for partner := from/each + worker; partner*each < to && failures[worker] == nil; partner += workers {
				var rows []policy.Raw
				for n := max(from, partner*each); n < min(to, (partner+1)*each); n++ {
					rows = append(rows, policy.Raw{
						Partition: fmt.Sprintf("partner%d.example.com", partner), Name: fmt.Sprintf("row %d", n), Columns: map[string]any{"Action": "deny"},
					})
				}
				failures[worker] = w.store.ChangeRows(ctx, rows, nil, nil)
			}
		})
	}
	group.Wait()
	return errors.Join(failures...)
}
