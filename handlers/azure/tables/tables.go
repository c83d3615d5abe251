package tables

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/web/session"
)

// The names of the tables, behind Config.Prefix.
const (
	requestsTable = "Requests"
	guestsTable   = "Guests"
	waitingTable  = "Waiting"
	seatsTable    = "Seats"
	tenantTable   = "Tenant"
	poisonTable   = "Poison"
	policiesTable = "Policies"
	sessionsTable = "Sessions"
	reviewsTable  = "Reviews"
	noticesTable  = "Notices"
)

// Names returns the names of all tables. In Azure the deployment makes them.
func Names() []string {
	return []string{requestsTable, guestsTable, waitingTable, seatsTable, tenantTable, poisonTable, policiesTable, sessionsTable, reviewsTable, noticesTable}
}

// How long a call may take when the service is slow: three tries of three seconds with at most
// two seconds between them. With the SDK's defaults (four tries without a time limit, up to a
// minute between them) a page would take too long.
const (
	maxRetries    = 2
	tryTimeout    = 3 * time.Second
	maxRetryDelay = 2 * time.Second
)

// pageSize is the most rows that the service returns in one answer
// (https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination).
const pageSize = 1000

// tableName is what the service takes as a table's name, as far as it is needed
// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model).
var tableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)

const minTableName, maxTableName = 3, 63

// Config says which storage account to use: either ConnectionString, or ServiceURL with
// Credential.
type Config struct {
	// ConnectionString names an account with its key. For the local run and tests: in Azure the
	// accounts have shared keys off.
	ConnectionString string
	// ServiceURL is the table endpoint, for example https://account.table.core.windows.net. It must
	// be https.
	ServiceURL string
	// Credential signs in at ServiceURL. It needs the role Storage Table Data Contributor on the
	// tables Requests, Guests, Waiting, Reviews, Notices, Seats, Tenant and Poison, Storage Table
	// Data Reader on Policies, and, for sessions, Storage Table Data Contributor on Sessions.
	Credential azcore.TokenCredential
	// Prefix is put before the names of the tables: letters and digits, beginning with a letter.
	// Empty in Azure; tests use it to share an account.
	Prefix string
	// PageTime is how long one page of a search may take; 0 is as long as any call. The service
	// itself stops after five seconds, with what it has found by then
	// (https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination).
	PageTime time.Duration
	// OnPage, if set, is called for each page of a search, with how many rows it has.
	// Several goroutines may call it at once.
	OnPage func(rows int)
	// Log gets what an admin should know though nothing failed. Nil: none.
	Log *slog.Logger
	// Transport sends the calls. Nil: the SDK's own. Tests and benchmarks put a stand-in here.
	Transport azpolicy.Transporter
}

// A Store implements the ports of package request, and session.Store, in Azure Table Storage. It
// holds no state of its own and may be used by several goroutines at once.
//
// Errors are *problem.Error as [request.Store] says. The SDK's errors are not wrapped: they hold
// addresses, payloads and URLs.
type Store struct {
	service *aztables.ServiceClient
	prefix  string

	requests, guests, waiting, seats, tenant, poison, policies, sessions, reviews, notices *aztables.Client

	log      *slog.Logger
	pageTime time.Duration
	onPage   func(rows int)
	pageSize int32 // rows per answer; tests use a smaller one
}

var (
	_ request.Store      = (*Store)(nil)
	_ request.Rows       = (*Store)(nil)
	_ request.Seats      = (*Store)(nil)
	_ request.GateStore  = (*Store)(nil)
	_ request.Records    = (*Store)(nil)
	_ request.StrayStore = (*Store)(nil)
	_ request.MailStore  = (*Store)(nil)
	_ request.Reviews    = (*Store)(nil)
	_ request.Notices    = (*Store)(nil)
	_ request.GroupNames = (*Store)(nil)
	_ session.Store      = (*Store)(nil)
)

// New returns a Store. It makes no call: an account that can't be reached shows at the first one.
func New(config Config) (*Store, error) {
	for _, table := range Names() {
		if !tableName.MatchString(config.Prefix+table) || len(config.Prefix+table) < minTableName || len(config.Prefix+table) > maxTableName {
			return nil, problem.New(problem.Internal, "the table prefix must be at most 55 letters and digits that begin with a letter")
		}
	}
	service, err := newService(config, &aztables.ClientOptions{ClientOptions: azcore.ClientOptions{
		Retry:           azpolicy.RetryOptions{MaxRetries: maxRetries, TryTimeout: tryTimeout, MaxRetryDelay: maxRetryDelay},
		Transport:       config.Transport,
		PerCallPolicies: []azpolicy.Policy{transactionPolicy{}},
	}})
	if err != nil {
		return nil, err
	}
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{service: service, prefix: config.Prefix, log: log, pageTime: config.PageTime, onPage: config.OnPage, pageSize: pageSize}
	s.requests, s.guests, s.waiting = s.table(requestsTable), s.table(guestsTable), s.table(waitingTable)
	s.seats, s.tenant, s.poison, s.policies = s.table(seatsTable), s.table(tenantTable), s.table(poisonTable), s.table(policiesTable)
	s.sessions, s.reviews, s.notices = s.table(sessionsTable), s.table(reviewsTable), s.table(noticesTable)
	return s, nil
}

func (s *Store) table(name string) *aztables.Client { return s.service.NewClient(s.prefix + name) }

func newService(config Config, options *aztables.ClientOptions) (*aztables.ServiceClient, error) {
	byKey := config.ConnectionString != ""
	byIdentity := config.ServiceURL != "" || config.Credential != nil
	switch {
	case byKey && byIdentity:
		return nil, problem.New(problem.Internal, "the storage account is named twice: set the connection string, or the table service's URL with a credential, not both")
	case byKey:
		service, err := aztables.NewServiceClientFromConnectionString(config.ConnectionString, options)
		if err != nil {
			// The SDK's error is left out: what it could quote holds the key.
			return nil, problem.New(problem.Internal, "the storage account's connection string can't be read: it needs AccountName, AccountKey (base64) and, for the emulator, TableEndpoint")
		}
		return service, nil
	case config.ServiceURL == "" || config.Credential == nil:
		return nil, problem.New(problem.Internal, "no storage account is named: set a connection string, or the table service's URL with a credential")
	}
	endpoint, err := url.Parse(config.ServiceURL)
	if err != nil || endpoint.Scheme != "https" || endpoint.Host == "" || endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		return nil, problem.New(problem.Internal, "the table service's URL must look like https://account.table.core.windows.net")
	}
	service, err := aztables.NewServiceClient(strings.TrimSuffix(config.ServiceURL, "/"), config.Credential, options)
	if err != nil {
		return nil, problem.New(problem.Internal, "setting up the table service's client failed (%T)", err)
	}
	return service, nil
}

// Create makes the missing tables. For the local run and tests: in Azure the deployment makes
// them, and the app has no right to.
func (s *Store) Create(ctx context.Context) error {
	for _, name := range Names() {
		_, err := s.table(name).CreateTable(ctx, nil)
		var answer *azcore.ResponseError
		if errors.As(err, &answer) && answer.ErrorCode == string(aztables.TableAlreadyExists) {
			continue
		}
		if err != nil {
			return failure("creating a table", err)
		}
	}
	return nil
}

// get reads one row.
func get(ctx context.Context, table *aztables.Client, partition, name string) (row, error) {
	answer, err := table.GetEntity(ctx, partition, name, nil)
	if err != nil {
		return row{}, err
	}
	return decodeRow(answer.Value)
}

// list calls each for every row that matches the filter, over all pages, and stops at the first
// error. columns names the columns to read; none means all.
func (s *Store) list(ctx context.Context, table *aztables.Client, filter string, columns []string, each func(row) error) error {
	if s.pageTime > 0 {
		ctx = azpolicy.WithRetryOptions(ctx, azpolicy.RetryOptions{
			MaxRetries: maxRetries, TryTimeout: s.pageTime, MaxRetryDelay: maxRetryDelay,
		})
	}
	size := s.pageSize
	options := aztables.ListEntitiesOptions{Filter: &filter, Top: &size}
	if len(columns) > 0 {
		selected := strings.Join(columns, ",")
		options.Select = &selected
	}
	for pages := table.NewListEntitiesPager(&options); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if s.onPage != nil {
			s.onPage(len(page.Entities))
		}
		for _, encoded := range page.Entities {
			r, err := decodeRow(encoded)
			if err != nil {
				return err
			}
			err = each(r)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// scanTimeout is how long one page of a scan may take: the service itself stops after five seconds
// (https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination), and is slow
// when it has to. The caller's context may end it earlier.
const scanTimeout = 30 * time.Second

// scanning returns a context for reading a page of a scan.
func scanning(ctx context.Context) context.Context {
	return azpolicy.WithRetryOptions(ctx, azpolicy.RetryOptions{
		MaxRetries: maxRetries, TryTimeout: scanTimeout, MaxRetryDelay: maxRetryDelay,
	})
}

// place is where a scan goes on, as the service says.
type place struct {
	Partition string `json:"p"`
	Row       string `json:"r,omitempty"`
}

// scan calls each for every row of one page that matches the filter, and returns the token of the
// rest, "" if there is none. A row that can't be decoded comes with an error. A page may be empty
// and not the last. A token that is of no use any more is a problem.Internal.
func scan(
	ctx context.Context, doing string, table *aztables.Client, options aztables.ListEntitiesOptions, token string,
	each func(row, error),
) (next string, err error) {
	if token != "" {
		var from place
		err = json.Unmarshal([]byte(token), &from)
		if err != nil {
			return "", problem.New(problem.Internal, "%s: the cursor can't be understood", doing)
		}
		options.NextPartitionKey, options.NextRowKey = &from.Partition, &from.Row
	}
	page, err := table.NewListEntitiesPager(&options).NextPage(scanning(ctx))
	var answer *azcore.ResponseError
	if token != "" && errors.As(err, &answer) && answer.StatusCode == http.StatusBadRequest {
		return "", problem.New(problem.Internal, "%s: the service refuses the cursor", doing)
	}
	if err != nil {
		return "", failure(doing, err)
	}
	for _, encoded := range page.Entities {
		each(decodeRow(encoded))
	}
	if page.NextPartitionKey == nil || *page.NextPartitionKey == "" {
		return "", nil
	}
	from := place{Partition: *page.NextPartitionKey}
	if page.NextRowKey != nil {
		from.Row = *page.NextRowKey
	}
	encoded, err := json.Marshal(from)
	if err != nil {
		return "", failure(doing, err)
	}
	return string(encoded), nil
}

// odataTime returns t as a time literal of a filter.
func odataTime(t time.Time) string {
	return "datetime'" + t.UTC().Format(policy.TimeLayout) + "'"
}

// neverMatches is a well-formed ETag that no row has: an ETag is made of the time of the last
// change.
const neverMatches = azcore.ETag(`W/"datetime'1601-01-01T00%3A00%3A00Z'"`)

// entityTag is what an ETag of the service looks like. It goes into headers, so it must not hold
// what ends one.
var entityTag = regexp.MustCompile(`^W/"[\x21\x23-\x7e]+"$`)

// ifMatch returns the condition that a row is still of version. A malformed version matches no
// row: an empty one would mean no condition, and "*" any row.
func ifMatch(version string) *azcore.ETag {
	tag := azcore.ETag(version)
	if !entityTag.MatchString(version) {
		tag = neverMatches
	}
	return &tag
}
