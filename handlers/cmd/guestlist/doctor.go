package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/azure/channels"
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

// doctorCommand is guestlist doctor.
type doctorCommand struct {
	account `group:"Which deployment:"`
	format

	Project  string `placeholder:"FOLDER" help:"Also check host.json and the function.json files in this folder. Default: the working directory, if it has them."`
	Settings string `placeholder:"FILE" help:"Check the settings in a file: JSON with names and values, such as local.settings.json or what az functionapp config appsettings list prints."`
	FailOn   string `enum:"broken,warning" default:"broken" placeholder:"HEALTH" help:"Exit with 1 from this on: broken or warning."`
}

func (doctorCommand) Help() string {
	return `Only reads; to the stand-in of a local run it makes calls without effect. The permissions, and whether the app may send mails, are what the app has reported, since only the app has its token. It reports once an hour.

Exit codes: 0 fine; 1 something is broken, see --fail-on; 2 the command was not understood; 3 the account could not be reached at all.`
}

func (c doctorCommand) Run(s *session, d *deployment) error {
	checks, reached := checkTables(s, d)
	if !reached {
		return errors.Join(showChecks(s, checks, false), problem.New(problem.StorageUnavailable, "no table could be read"))
	}
	checks = append(checks, checkQueues(s, d)...)
	report, err := d.Report(s.ctx)
	checks = append(checks, checkRecords(s, d, report)...)
	if err != nil {
		checks = append(checks, operate.Unknown.Check("the app", message(err), "Try again later."))
	} else {
		checks = append(checks, checkApp(s, d, report)...)
	}
	checks = append(checks, c.project()...)
	checks = append(checks, c.settings()...)
	return showChecks(s, checks, slices.ContainsFunc(checks, func(check operate.Check) bool {
		return check.Health == operate.Broken || check.Health == operate.Warning && c.FailOn == "warning"
	}))
}

func showChecks(s *session, checks []operate.Check, found bool) error {
	return s.conclude(found, map[string]any{"checks": checks}, func(w io.Writer) { printChecks(w, checks) })
}

// checkTables checks each table. reached is false if the service answered for none.
func checkTables(s *session, d *deployment) (checks []operate.Check, reached bool) {
	for _, table := range d.CheckTables(s.ctx) {
		part := "table " + table.Table
		reached = reached || table.Missing || table.Err == nil
		switch {
		case table.Missing:
			checks = append(checks, operate.Broken.Check(part, "there is no such table", "Deploy infra again: it creates the tables."))
		case table.Err != nil:
			checks = append(checks, operate.Broken.Check(part, "can't be read: "+message(table.Err),
				"You need the role Storage Table Data Reader, or Contributor, on the account."))
		default:
			checks = append(checks, operate.Fine.Check(part, "can be read", ""))
		}
	}
	return checks, reached
}

func checkQueues(s *session, d *deployment) []operate.Check {
	service, err := d.queues()
	if err != nil {
		return []operate.Check{operate.Unknown.Check("queues", message(err), "")}
	}
	var checks []operate.Check
	for _, name := range []string{
		submission.Queue, submission.PoisonQueue, request.DecisionsQueue, request.DecisionsPoisonQueue,
	} {
		q := operate.Queue{Name: name}
		var err error
		q.Messages, q.Exists, err = service.Length(s.ctx, name)
		if err == nil {
			q.Oldest, err = service.Oldest(s.ctx, name)
		}
		if err != nil {
			checks = append(checks, operate.Unknown.Check("queue "+name, message(err),
				"You need the role Storage Queue Data Reader on the account to see it."))
			continue
		}
		checks = append(checks, operate.CheckQueue(q, s.now()))
	}
	return checks
}

// maxCounted is the most late requests, and the most kept messages, that are counted.
const maxCounted = 100

// noticeHorizon is beyond the time of the next attempt of every notice.
const noticeHorizon = 7 * 24 * time.Hour

// checkRecords checks the contents of the tables. What it reads does not grow with the requests:
// the sweep has looked through them. The report is zero if it can't be read.
func checkRecords(s *session, d *deployment, report tables.AppReport) []operate.Check {
	var checks []operate.Check
	add := func(part string, err error, check func() operate.Check) {
		if err != nil {
			checks = append(checks, operate.Unknown.Check(part, message(err), "Try again later."))
		} else {
			checks = append(checks, check())
		}
	}
	gate, err := readGate(s.ctx, d.Store, s.now())
	if cantRead(err) {
		checks = append(checks, operate.CheckUnreadableGate(message(err)))
	} else {
		add("the tenant", err, func() operate.Check { return operate.CheckBreaker(operate.NewBreaker(gate)) })
	}
	sweep, err := d.Sweep(s.ctx)
	if err != nil {
		checks = append(checks, operate.Unknown.Check("sweep", message(err), "Try again later."))
	} else {
		checks = append(checks, operate.CheckSweep(sweep, s.now())...)
	}
	late, err := d.CountDue(s.ctx, s.now().Add(-operate.LateAfter), maxCounted)
	add("upkeep", err, func() operate.Check { return operate.CheckDue(late, maxCounted) })
	waiting, err := d.DueNotices(s.ctx, s.now().Add(noticeHorizon), maxCounted)
	add("notices", err, func() operate.Check { return operate.CheckOutbox(waiting, maxCounted, s.now()) })
	kept, err := d.CountDeadLetters(s.ctx, maxCounted)
	add("kept messages", err, func() operate.Check { return checkKept(kept) })
	if !report.At.IsZero() { // else it is known that upkeep has not run
		strays, err := d.Strays(s.ctx)
		add("keys of policy rows", err, func() operate.Check { return operate.CheckStrays(strays, s.now()) })
	}
	rows, err := d.AllRows(s.ctx)
	var findings []lint.Finding
	if err == nil {
		findings, err = lint.Check(s.ctx, lint.Config{
			Rows: operate.Parse(rows), Now: s.now(), NoReviewers: report.Reviewers == tables.NoReviewers,
		})
	}
	add("policy rows", err, func() operate.Check { return checkRows(len(rows), findings) })
	if err == nil && report.Mail != "" && !sendsMails(report) {
		checks = append(checks, operate.CheckMailRows(operate.Parse(rows), report.Proof == settings.CodeProof))
	}
	return append(checks, operate.CheckRows(rows)...)
}

// sendsMails reports whether the app sends mails of its own.
func sendsMails(report tables.AppReport) bool {
	return report.Mail != "" && report.Mail != settings.NoMail && report.MailSender != ""
}

func checkKept(kept int) operate.Check {
	const part = "kept messages"
	if kept == 0 {
		return operate.Fine.Check(part, "none", "")
	}
	found := count(kept, "message")
	if kept == maxCounted {
		found = "at least " + found
	}
	return operate.Warning.Check(part, found, "guestlist poison list shows them.")
}

func checkRows(rows int, findings []lint.Finding) operate.Check {
	const part = "policy rows"
	wrong := len(slices.DeleteFunc(findings, func(f lint.Finding) bool { return f.Severity != lint.Error }))
	switch {
	case wrong > 0:
		return operate.Warning.Check(part, count(wrong, "error")+" in "+count(rows, "row"), "guestlist policy lint shows them.")
	case rows == 0:
		return operate.Warning.Check(part, "there are none, so everybody waits for a person", "guestlist policy init writes the first.")
	}
	return operate.Fine.Check(part, count(rows, "row")+" without errors", "")
}

// checkApp checks what the app has reported: when, whether it may send mails, and its permissions,
// which the calls of a stand-in may show.
func checkApp(s *session, d *deployment, report tables.AppReport) []operate.Check {
	checks := []operate.Check{operate.CheckReport(report.At, s.now())}
	if report.Mail != "" {
		checks = append(checks, checkMail(report))
	}
	if sendsMails(report) {
		checks = append(checks, checkMailGate(s, d, report))
	}
	if report.Channels != nil {
		checks = append(checks, operate.CheckChannels(report.Channels))
	}
	if report.Operators != "" {
		checks = append(checks, operate.CheckOperators(report.Operators, report.Operators == tables.NoOperators))
	}
	switch {
	case report.Roles != nil:
		return append(checks, operate.CheckRoles(report.Roles)...)
	case d.graph != "":
		return append(checks, probe(s, d)...)
	case report.Why != "":
		return append(checks, operate.Broken.Check("permissions", report.Why,
			"Check that the managed identity is assigned to the app, and that AZURE_CLIENT_ID is its client id."))
	default:
		return append(checks, operate.Unknown.Check("permissions", "only the app can tell, and it has not reported them yet", ""))
	}
}

// checkMail checks what the app has reported of its mails. Only the app can ask the mail service:
// it gives no token to a person who is signed in by the Azure CLI.
func checkMail(report tables.AppReport) operate.Check {
	mailing := operate.Mailing{Asked: report.MailProbe != "", Why: report.MailWhy}
	if sendsMails(report) {
		mailing.Sender = report.MailSender
	}
	if report.MailProbe != tables.MailAccepted {
		mailing.Fault = problem.Code(report.MailProbe)
	}
	return operate.CheckMail(mailing)
}

// checkMailGate checks how many mails were sent lately, and whether any are.
func checkMailGate(s *session, d *deployment, report tables.AppReport) operate.Check {
	gate, err := d.MailGate(s.ctx)
	if err != nil {
		return operate.Unknown.Check("mails sent", message(err), "Try again later.")
	}
	return operate.CheckMailGate(gate, request.MailQuota{PerMinute: report.MailPerMinute, PerHour: report.MailPerHour}, s.now())
}

// probe checks permissions by calls to a local run's stand-in that have no effect.
func probe(s *session, d *deployment) []operate.Check {
	const part = "the directory"
	tenant, err := graph.New(graph.Config{URL: d.graph})
	if err != nil {
		return []operate.Check{operate.Broken.Check(part, message(err), "")}
	}
	nobody, err := submission.ParseAddress("nobody@example.com")
	if err != nil {
		return []operate.Check{operate.Unknown.Check(part, message(err), "")}
	}
	const invite = "User.Invite.All"
	invites := operate.Unknown.Check("permission "+invite, "not asked while the breaker is open", "Close the breaker first.")
	gate, err := d.Gate(s.ctx)
	if err == nil && !gate.IsOpen() {
		invites = operate.CheckProbe(invite, tenant.MayInvite(s.ctx))
	}
	_, read := tenant.FindUser(s.ctx, nobody)
	return []operate.Check{
		invites,
		operate.CheckProbe("GroupMember.ReadWrite.All", tenant.MayAddMembers(s.ctx)),
		operate.CheckProbe("User.Read.All", read),
	}
}

// queueOf is the queue that each function of the project reads or writes.
var queueOf = map[string]string{
	"signup-http": submission.Queue, "upkeep-timer": submission.Queue, "invite-queue": submission.Queue,
	"invite-poison":   submission.PoisonQueue,
	"decisions-queue": request.DecisionsQueue, "decisions-poison": request.DecisionsPoisonQueue,
}

// project checks the queues in host.json and the function.json files.
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
	found, cure := projectFault(folder)
	if found != "" {
		return []operate.Check{operate.Broken.Check(part, found, cure)}
	}
	return []operate.Check{operate.Fine.Check(part, "the queues fit together", "")}
}

// projectFault returns what is wrong with the files of the project; "" if nothing is.
func projectFault(folder string) (found, cure string) {
	const restore = "Restore it from the repository."
	text, err := os.ReadFile(filepath.Join(folder, "host.json"))
	if err != nil {
		return "host.json can't be read", "Name the folder of the project with --project."
	}
	var host struct {
		Extensions struct {
			Queues struct{ MessageEncoding string }
		}
	}
	err = json.Unmarshal(text, &host)
	if err != nil {
		return "host.json is not JSON", restore
	}
	if encoding := host.Extensions.Queues.MessageEncoding; encoding != "" && encoding != "base64" {
		return "host.json has messageEncoding " + encoding, "It must be base64, as guestlist poison replay writes."
	}
	for _, function := range slices.Sorted(maps.Keys(queueOf)) {
		file, err := functionjson.Read(folder, function)
		if err != nil {
			return function + "/function.json can't be read", restore
		}
		queue := file.Queue()
		if want := queueOf[function]; queue != want {
			return fmt.Sprintf("%s works with the queue %q", function, queue),
				fmt.Sprintf("It must be %q, or the functions do not get each other's messages.", want)
		}
	}
	return "", ""
}

// settings checks the settings of a file as the app does at its start.
func (c doctorCommand) settings() []operate.Check {
	if c.Settings == "" {
		return nil
	}
	const part = "settings"
	text, err := os.ReadFile(c.Settings)
	if err != nil {
		return []operate.Check{operate.Unknown.Check(part, c.Settings+" can't be read", "")}
	}
	values, ok := readSettings(text)
	if !ok {
		return []operate.Check{operate.Unknown.Check(part, c.Settings+" has no settings in a known form",
			"Give local.settings.json, an object of names and values, or a list of objects with name and value.")}
	}
	var pages web.Config
	var notices channels.Config
	read, parts := settings.Read, []func(*settings.Reader){pages.Read, notices.Read}
	if values[settings.FormOrigin] != "" {
		read, parts = settings.ReadPages, parts[:1] // of a status page that is an app of its own
	}
	set, err := read(func(name string) string { return values[name] }, parts...)
	if err == nil && set.MailSender != "" && set.Mail != settings.NoMail {
		_, err = pages.LinkedByMails()
	}
	if err != nil {
		return []operate.Check{operate.Broken.Check(part, message(err), "docs/settings.md lists the settings. The app does not start with these.")}
	}
	checks := []operate.Check{operate.Fine.Check(part, "the app would start with them", "")}
	if names := notices.Configured(); len(names) > 0 {
		checks = append(checks, operate.CheckChannels(names))
	}
	for _, warning := range set.Warnings() {
		checks = append(checks, operate.Warning.Check(part, warning, ""))
	}
	if set.TablesURL != "" {
		checks = append(checks, checkHostStorage(part, values)...)
	}
	return checks
}

// checkHostStorage checks what the Functions host reads of the settings of an app that uses its
// identity for storage.
func checkHostStorage(part string, values map[string]string) (checks []operate.Check) {
	const deploy = "Deploy the template, which sets it."
	const queues, name = settings.StorageConnection + "__queueServiceUri", settings.HostStorage + "__accountName"
	if values[queues] == "" && values[settings.StorageAccount] == "" {
		checks = append(checks, operate.Broken.Check(part, "the functions have no "+queues+" and can't reach the queues", deploy))
	}
	if values[name] == "" {
		checks = append(checks, operate.Warning.Check(part, name+" is not set; without it the Functions host fails at some starts", deploy))
	}
	for _, connection := range []string{settings.HostStorage, settings.StorageConnection} {
		value, there := values[connection]
		if there && strings.TrimSpace(value) == "" {
			checks = append(checks, operate.Warning.Check(part, connection+" is there, although it is empty; the Functions host prefers it to the identity", "Delete it."))
		}
	}
	return checks
}

// readSettings reads settings in one of three forms.
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

func printChecks(w io.Writer, checks []operate.Check) {
	found := map[operate.Health]int{}
	for _, check := range checks {
		found[check.Health]++
		for i, line := range strings.Split(check.Found, "\n") {
			if i == 0 {
				line = fmt.Sprintf("%-8s %s: %s", check.Health, check.Part, line)
			} else {
				line = "         " + line
			}
			fmt.Fprintln(w, plain(line))
		}
		if check.Cure != "" && check.Health != operate.Fine {
			fmt.Fprintln(w, plain("         "+check.Cure))
		}
	}
	fmt.Fprintf(w, "\n%d fine, %s, %d broken, %d unknown\n", found[operate.Fine], count(found[operate.Warning], "warning"), found[operate.Broken], found[operate.Unknown])
}
