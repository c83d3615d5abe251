package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/rogpeppe/go-internal/testscript"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/azurite"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"guestlist": main})
}

// TestScripts runs the real command against a real storage emulator. Scripts have these commands
// besides those of testscript:
//
//	local-run                        start an emulator with empty tables and a Graph stand-in with
//	                                 groups and users, and write a run.json as a local run does
//	exits CODE COMMAND...            run a command that must end with the exit code
//	row PARTITION NAME COLUMN=VALUE  write a row; COLUMN:int32=7 and COLUMN:bool=true have types,
//	                                 and a text may have Go's escapes
//	request ADDRESS AGE              record a request that the present rows decided AGE ago
//	spoil VARIABLE TABLE COLUMN=VALUE COLUMN=VALUE
//	                                 find a row by the first column, write its PartitionKey into the
//	                                 variable, and replace its second column by a text
//	edit FILE OLD NEW                replace all OLD in a file; \n is a line break
//	sign-up VARIABLE ADDRESS         send a sign-up and process it
//	withdraw ID                      send a withdrawal and process it
//	upkeep                           run upkeep and everything that is due
//	refuses STATUS TEXT, heals       make the tenant refuse every invitation, and stop that
//	lacks PERMISSION...              take permissions away from the app
//	invited N GUESTS MEMBERSHIPS     fail unless the tenant has these numbers of each
//	keep ID TEXT                     store a dead letter
//	nowhere ADDRESS                  fail if a table but that of the rows has the address, or its hash
//	reports PERMISSION...            store a report of the app with its permissions
//	reports-mail SERVICE SENDER ANSWER WORDS [PROOF]
//	                                 store one with what it said of its mails
//	reports-reviewers GROUP          store one with the group of reviewers, or none
//	send-mails, fail-mails STATUS    let the app send mails of its own; make the service refuse them
//	reports-channels NAME...         store one with its channels
//	channels                         let a stand-in get notices, and write so into run.json
//	told CHANNEL N                   fail unless a channel has taken so many notices
//	fail-channel CHANNEL STATUS WAIT make a channel's next notice fail, with a time to wait or 0
//	prove ID [CODE]                  type the code of the last mail, or another, and process it
//	mailed N                         fail unless the mail service has taken so many mails
//	applies-votes                    make the queue of votes, and let the app apply them from now on
//	make-queue NAME                  create a queue
//	put-queue NAME TEXT SECONDS      put a text on a queue, hidden for so long
//	take-queue NAME FILE             write the messages of a queue into a file
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// The width of the terminal is the same everywhere.
			env.Setenv("COLUMNS", "120")
			env.Setenv("HOME", env.WorkDir)
			env.Values[tenantKey{}] = new(tenant)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"local-run":         localRun,
			"exits":             exits,
			"row":               putRow,
			"request":           putRequest,
			"spoil":             spoil,
			"edit":              edit,
			"sign-up":           signUp,
			"withdraw":          withdraw,
			"upkeep":            upkeep,
			"refuses":           refuses,
			"heals":             heals,
			"lacks":             lacks,
			"invited":           invited,
			"keep":              keep,
			"nowhere":           nowhere,
			"reports":           reports,
			"checked":           checked,
			"reports-mail":      reportsMail,
			"reports-reviewers": reportsReviewers,
			"reports-channels":  reportsChannels,
			"channels":          openChannels,
			"told":              told,
			"fail-channel":      failChannel,
			"send-mails":        sendMails,
			"fail-mails":        failMails,
			"prove":             prove,
			"mailed":            mailed,
			"applies-votes":     appliesVotes,
			"make-queue":        makeQueue,
			"put-queue":         putQueue,
			"take-queue":        takeQueue,
		},
	})
}

func localRun(ts *testscript.TestScript, _ bool, _ []string) {
	// The emulator is searched from the working directory upwards.
	server, err := azurite.Start(context.Background(), azurite.Config{})
	ts.Check(err)
	ts.Defer(func() { _ = server.Stop() })
	store, err := tables.New(tables.Config{ConnectionString: server.ConnectionString()})
	ts.Check(err)
	ts.Check(store.Create(context.Background()))
	directory, err := graphsim.New(graphsim.Config{Groups: []graphsim.Group{
		{ID: "11111111-1111-4111-8111-111111111111", DisplayName: "Project"},
		{ID: "22222222-2222-4222-8222-222222222222", DisplayName: "By rule", Kind: graphsim.DynamicGroup},
		{ID: "dddddddd-0000-4000-8000-000000000001", DisplayName: "Nobody"},
	}, Users: []graphsim.User{
		{ID: "aaaaaaaa-0000-4000-8000-000000000001", DisplayName: "Anne", Mail: "anne@fabrikam.example", UserType: "Member"},
		{ID: "aaaaaaaa-0000-4000-8000-000000000002", DisplayName: "Bert", Mail: "bert@fabrikam.example", UserType: "Member"},
		{ID: "aaaaaaaa-0000-4000-8000-000000000003", DisplayName: "Cleo", Mail: "cleo@fabrikam.example", UserType: "Member", Disabled: true},
	}})
	ts.Check(err)
	graph := httptest.NewServer(directory)
	ts.Defer(graph.Close)
	*tenantOf(ts) = tenant{server: directory, url: graph.URL}
	text, err := json.Marshal(map[string]string{"graph": graph.URL, "storage": server.ConnectionString()})
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(".local"), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(runFile), text, 0o644))
}

// store returns the tables of the script's local run.
func store(ts *testscript.TestScript) *tables.Store {
	var at struct{ Storage string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(runFile)), &at))
	store, err := tables.New(tables.Config{ConnectionString: at.Storage})
	ts.Check(err)
	return store
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exited *exec.ExitError
	switch {
	case errors.As(err, &exited):
		got = exited.ExitCode()
	case err != nil:
		ts.Fatalf("running %s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("%s exits with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func putRow(ts *testscript.TestScript, _ bool, args []string) {
	row := policy.Raw{Partition: args[0], Name: args[1], Columns: map[string]any{}}
	for _, arg := range args[2:] {
		column, text, _ := strings.Cut(arg, "=")
		column, kind, _ := strings.Cut(column, ":")
		switch kind {
		case "int32":
			number, err := strconv.ParseInt(text, 10, 32)
			ts.Check(err)
			row.Columns[column] = int32(number)
		case "bool":
			row.Columns[column] = text == "true"
		default:
			if strings.Contains(text, `\`) {
				unquoted, err := strconv.Unquote(`"` + text + `"`)
				ts.Check(err)
				text = unquoted
			}
			row.Columns[column] = text
		}
	}
	ts.Check(store(ts).PutRow(context.Background(), row))
}

func putRequest(ts *testscript.TestScript, _ bool, args []string) {
	age, err := time.ParseDuration(args[1])
	ts.Check(err)
	at := time.Now().Add(-age)
	in := submission.Input{Email: args[0], GivenName: "Ana", FamilyName: "Silva", Company: "Contoso"}
	s, err := in.Submission(at)
	ts.Check(err)
	store := store(ts)
	decision, err := request.Decider{Rows: store, Seats: store}.Decide(context.Background(), s, at)
	ts.Check(err)
	id, err := submission.NewID(at, bytes.NewReader(fmt.Appendf(nil, "%-16.16s", args[0])))
	ts.Check(err)
	record := request.Request{ID: id, Submission: s, State: request.Review, Decision: &decision, Created: at, Changed: at}
	_, err = store.Save(context.Background(), record, nil)
	ts.Check(err)
}

func spoil(ts *testscript.TestScript, _ bool, args []string) {
	var at struct{ Storage string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(runFile)), &at))
	service, err := aztables.NewServiceClientFromConnectionString(at.Storage, nil)
	ts.Check(err)
	table := service.NewClient(args[1])
	by, is, _ := strings.Cut(args[2], "=")
	filter := by + " eq '" + is + "'"
	page, err := table.NewListEntitiesPager(&aztables.ListEntitiesOptions{Filter: &filter}).NextPage(context.Background())
	ts.Check(err)
	if len(page.Entities) != 1 {
		ts.Fatalf("%d rows where %s", len(page.Entities), filter)
	}
	var row map[string]any
	ts.Check(json.Unmarshal(page.Entities[0], &row))
	ts.Setenv(args[0], row["PartitionKey"].(string))
	column, value, _ := strings.Cut(args[3], "=")
	changed, err := json.Marshal(map[string]any{
		"PartitionKey": row["PartitionKey"], "RowKey": row["RowKey"], column: value, column + "@odata.type": "Edm.String",
	})
	ts.Check(err)
	_, err = table.UpdateEntity(context.Background(), changed, &aztables.UpdateEntityOptions{UpdateMode: aztables.UpdateModeMerge})
	ts.Check(err)
}

// nowhere looks through every value of every table but that of the rows, which are an admin's.
func nowhere(ts *testscript.TestScript, not bool, args []string) {
	var at struct{ Storage string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(runFile)), &at))
	service, err := aztables.NewServiceClientFromConnectionString(at.Storage, nil)
	ts.Check(err)
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(args[0])))
	var places []string
	for _, name := range slices.DeleteFunc(tables.Names(), func(name string) bool { return name == "Policies" }) {
		for pages := service.NewClient(name).NewListEntitiesPager(nil); pages.More(); {
			page, err := pages.NextPage(context.Background())
			ts.Check(err)
			for _, entity := range page.Entities {
				var row map[string]any
				ts.Check(json.Unmarshal(entity, &row))
				for column, value := range row {
					text, _ := value.(string)
					decoded, _ := base64.StdEncoding.DecodeString(text) // how bytes are sent
					text = strings.ToLower(text + " " + string(decoded))
					if strings.Contains(text, args[0]) || strings.Contains(text, hash) {
						places = append(places, fmt.Sprintf("%s, column %s of %v %v", name, column, row["PartitionKey"], row["RowKey"]))
					}
				}
			}
		}
	}
	if (len(places) == 0) == not {
		ts.Fatalf("it is in these places:\n%s", strings.Join(places, "\n"))
	}
}

func edit(ts *testscript.TestScript, _ bool, args []string) {
	before := ts.ReadFile(args[0])
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], `\n`, "\n")
	}
	if !strings.Contains(before, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(before, args[1], args[2])), 0o644))
}
