package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"guestlist/handlers/azure/functions/functionjson"
	"guestlist/handlers/azure/graph"
	"guestlist/handlers/azure/tables"
	"guestlist/handlers/operate"
	"guestlist/handlers/policy/lint"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/settings"
	"guestlist/handlers/submission"
	"guestlist/handlers/web"
)

// tryTimeout is how long one call to the queue service may take.
const tryTimeout = 10 * time.Second

// doctorCommand is guestlist doctor.
type doctorCommand struct {
	account `group:"Which deployment:"`
	format

	Project  string `placeholder:"FOLDER" help:"Look at host.json and the function.json files in this folder too. The working directory, if it has them."`
	Settings string `placeholder:"FILE" help:"Check the settings in a file: JSON with names and values, such as local.settings.json or what az functionapp config appsettings list prints."`
	FailOn   string `enum:"broken,warning" default:"broken" placeholder:"HEALTH" help:"Exit with 1 from this on: broken or warning."`
}

func (doctorCommand) Help() string {
	return `Only reads, and towards a local run's stand-in makes calls that do nothing. Which permissions the app has, the app itself has written down: nobody else sees its token.

Exit codes: 0 fine; 1 something is broken, see --fail-on; 2 the command was not understood; 3 the account could not be reached at all.`
}

func (c doctorCommand) Run(s *session, _ *doctorCommand) error {
	store, at, err := s.open(c.account)
	if err != nil {
		return err
	}
	checks, reached := c.storage(s, store)
	if !reached {
		return errors.Join(c.show(s, checks), advised{problem.New(problem.StorageUnavailable, "no table could be read"), at.hint})
	}
	checks = append(checks, c.queues(s, at)...)
	checks = append(checks, c.records(s, store)...)
	checks = append(checks, c.permissions(s, store, at)...)
	checks = append(checks, c.project()...)
	checks = append(checks, c.settings()...)
	err = c.show(s, checks)
	if err != nil {
		return err
	}
	for _, check := range checks {
		if check.Health == operate.Broken || check.Health == operate.Warning && c.FailOn == "warning" {
			return errFindings
		}
	}
	return nil
}

func (c doctorCommand) show(s *session, checks []operate.Check) error {
	return c.print(s, struct {
		Checks []operate.Check `json:"checks"`
	}{checks}, func(w io.Writer) { printChecks(w, checks) })
}

// storage looks at each table. reached is false if none can be read.
func (c doctorCommand) storage(s *session, store *tables.Store) (checks []operate.Check, reached bool) {
	for _, table := range store.CheckTables(s.ctx) {
		check := operate.Check{Part: "table " + table.Table, Health: operate.Fine, Found: "can be read"}
		switch {
		case table.Missing:
			check.Health, check.Found, check.Cure = operate.Broken, "there is no such table", "Deploy infra again: it makes the tables."
			reached = true
		case table.Err != nil:
			check.Health, check.Found = operate.Broken, "can't be read: "+message(table.Err)
			check.Cure = "You need the role Storage Table Data Reader, or Contributor, on the account."
		default:
			reached = true
		}
		checks = append(checks, check)
	}
	return checks, reached
}

func (c doctorCommand) queues(s *session, at place) []operate.Check {
	service, err := at.queues()
	if err != nil {
		return []operate.Check{{Part: "queues", Health: operate.Unknown, Found: message(err)}}
	}
	var checks []operate.Check
	for _, name := range []string{submission.Queue, submission.PoisonQueue} {
		n, missing, err := queueLength(s.ctx, service, name)
		if err != nil {
			checks = append(checks, operate.Check{Part: "queue " + name, Health: operate.Unknown, Found: message(err),
				Cure: "You need the role Storage Queue Data Reader on the account to see it."})
			continue
		}
		checks = append(checks, operate.CheckQueue(name, n, missing))
	}
	return checks
}

// records looks at what the tables say.
func (c doctorCommand) records(s *session, store *tables.Store) []operate.Check {
	failed := func(part string, err error) operate.Check {
		return operate.Check{Part: part, Health: operate.Unknown, Found: message(err), Cure: "Try again later."}
	}
	var checks []operate.Check
	state, _, err := breaker(s.ctx, store, s.now())
	if err != nil {
		checks = append(checks, failed("the tenant", err))
	} else {
		checks = append(checks, operate.CheckBreaker(state))
	}
	standing, err := store.Standing(s.ctx, request.Overdue(s.now()))
	if err != nil {
		checks = append(checks, failed("requests", err))
	} else {
		checks = append(checks, operate.CheckStanding(standing))
	}
	kept, err := store.AllPoison(s.ctx)
	switch {
	case err != nil:
		checks = append(checks, failed("kept messages", err))
	case len(kept) > 0:
		checks = append(checks, operate.Check{Part: "kept messages", Health: operate.Warning, Found: count(len(kept), "message"), Cure: "guestlist poison list tells of them."})
	default:
		checks = append(checks, operate.Check{Part: "kept messages", Health: operate.Fine, Found: "none"})
	}
	rows, err := store.AllRows(s.ctx)
	if err != nil {
		return append(checks, failed("policy rows", err))
	}
	findings, err := lint.Check(s.ctx, lint.Config{Rows: operate.Parse(rows), Now: s.now()})
	if err != nil {
		return append(checks, failed("policy rows", err))
	}
	wrong := 0
	for _, finding := range findings {
		if finding.Severity == lint.Error {
			wrong++
		}
	}
	check := operate.Check{Part: "policy rows", Health: operate.Fine, Found: count(len(rows), "row") + " without errors"}
	switch {
	case wrong > 0:
		check.Health, check.Found, check.Cure = operate.Warning, fmt.Sprintf("%s in %s", count(wrong, "error"), count(len(rows), "row")), "guestlist policy lint tells which."
	case len(rows) == 0:
		check.Health, check.Found, check.Cure = operate.Warning, "there are none, so everybody waits for a person", "guestlist policy init writes the first."
	}
	return append(checks, check)
}

// permissions says which permissions the app has: as it says itself, or, beside a local run, as harmless calls to the stand-in show.
func (c doctorCommand) permissions(s *session, store *tables.Store, at place) []operate.Check {
	report, err := store.Report(s.ctx)
	if err != nil {
		return []operate.Check{{Part: "the app", Health: operate.Unknown, Found: message(err), Cure: "Try again later."}}
	}
	checks := []operate.Check{operate.CheckReport(report.At, s.now())}
	switch {
	case report.Roles != nil:
		return append(checks, operate.CheckRoles(report.Roles)...)
	case at.graph != "":
		return append(checks, c.probes(s, store, at)...)
	case report.Why != "":
		return append(checks, operate.Check{Part: "permissions", Health: operate.Broken, Found: report.Why,
			Cure: "Look whether the managed identity is assigned to the app, and whether AZURE_CLIENT_ID is its client id."})
	default:
		return append(checks, operate.Check{Part: "permissions", Health: operate.Unknown, Found: "only the app can tell, and has not yet"})
	}
}

// probes asks the stand-in of a local run by calls that do nothing.
func (c doctorCommand) probes(s *session, store *tables.Store, at place) []operate.Check {
	tenant, err := graph.New(graph.Config{URL: at.graph})
	if err != nil {
		return []operate.Check{{Part: "the directory", Health: operate.Broken, Found: message(err)}}
	}
	nobody, err := submission.ParseAddress("nobody@example.com")
	if err != nil {
		return []operate.Check{{Part: "the directory", Health: operate.Unknown, Found: message(err)}}
	}
	_, read := tenant.FindUser(s.ctx, nobody)
	invites := operate.Check{Part: "permission User.Invite.All", Health: operate.Unknown, Found: "not asked while the breaker is open", Cure: "See to the breaker first."}
	gate, err := store.Gate(s.ctx)
	if err == nil && gate.Cause == "" {
		invites = operate.CheckProbe("User.Invite.All", tenant.MayInvite(s.ctx))
	}
	return []operate.Check{
		invites,
		operate.CheckProbe("GroupMember.ReadWrite.All", tenant.MayAddMembers(s.ctx)),
		operate.CheckProbe("User.Read.All", read),
	}
}

// project holds the queues of the functions together: what one sends to another must be there.
func (c doctorCommand) project() []operate.Check {
	folder := c.Project
	if folder == "" {
		_, err := os.Stat("host.json")
		if err != nil {
			return nil
		}
		folder = "."
	}
	const part = "host.json and functions"
	broken := func(found, cure string) []operate.Check {
		return []operate.Check{{Part: part, Health: operate.Broken, Found: found, Cure: cure}}
	}
	text, err := os.ReadFile(filepath.Join(folder, "host.json"))
	if err != nil {
		return broken("host.json can't be read", "Name the folder of the project by --project.")
	}
	var host struct {
		Extensions struct {
			Queues struct{ MessageEncoding string }
		}
	}
	err = json.Unmarshal(text, &host)
	if err != nil {
		return broken("host.json is no JSON", "Take it from the repository again.")
	}
	if encoding := host.Extensions.Queues.MessageEncoding; encoding != "" && encoding != "base64" {
		return broken("host.json has messageEncoding "+encoding, "It must be base64: guestlist poison replay and the tests write that.")
	}
	for function, want := range map[string]string{"signup-http": submission.Queue, "upkeep-timer": submission.Queue, "invite-queue": submission.Queue, "invite-poison": submission.PoisonQueue} {
		file, err := functionjson.Read(folder, function)
		if err != nil {
			return broken(function+"/function.json can't be read", "Take it from the repository again.")
		}
		found := file.Queue()
		if found != want {
			return broken(fmt.Sprintf("%s works with the queue %q", function, found), fmt.Sprintf("It must be %q, or nobody takes what another function sends.", want))
		}
	}
	return []operate.Check{{Part: part, Health: operate.Fine, Found: "the queues fit together"}}
}

// settings checks the settings of a file as the app does at its start.
func (c doctorCommand) settings() []operate.Check {
	if c.Settings == "" {
		return nil
	}
	const part = "settings"
	text, err := os.ReadFile(c.Settings)
	if err != nil {
		return []operate.Check{{Part: part, Health: operate.Unknown, Found: c.Settings + " can't be read"}}
	}
	values, ok := readSettings(text)
	if !ok {
		return []operate.Check{{Part: part, Health: operate.Unknown, Found: c.Settings + " has no settings in a form that is known",
			Cure: "Give local.settings.json, an object of names and values, or a list of objects with name and value."}}
	}
	_, err = settings.Read(func(name string) string { return values[name] }, new(web.Config).Read)
	if err != nil {
		return []operate.Check{{Part: part, Health: operate.Broken, Found: message(err), Cure: "docs/settings.md lists the settings. The app does not start like this."}}
	}
	return []operate.Check{{Part: part, Health: operate.Fine, Found: "the app would start with them"}}
}

func readSettings(text []byte) (map[string]string, bool) {
	var file struct{ Values map[string]string }
	if json.Unmarshal(text, &file) == nil && file.Values != nil {
		return file.Values, true
	}
	var list []struct{ Name, Value string }
	if json.Unmarshal(text, &list) == nil {
		values := map[string]string{}
		for _, setting := range list {
			values[setting.Name] = setting.Value
		}
		return values, true
	}
	var plain map[string]string
	if json.Unmarshal(text, &plain) == nil {
		return plain, true
	}
	return nil, false
}
