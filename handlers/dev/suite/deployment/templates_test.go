package deployment

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/channels"
	"guestlist/handlers/azure/functions/functionjson"
	"guestlist/handlers/azure/tables"
	"guestlist/handlers/settings"
	"guestlist/handlers/web"
)

const mainFile = "infra/main.bicep"

// declared returns the names that a template declares by a keyword, in their order.
func declared(t *testing.T, path, keyword string) []string {
	t.Helper()
	var names []string
	statement := regexp.MustCompile(`(?m)^` + keyword + ` (\w+)\b`)
	for _, match := range statement.FindAllStringSubmatch(readFile(t, path), -1) {
		names = append(names, match[1])
	}
	return names
}

// block returns the lines of a template from the one that begins with a text to the closing
// bracket.
func block(t *testing.T, path, begin string) string {
	t.Helper()
	_, rest, found := strings.Cut(readFile(t, path), "\n"+begin)
	inside, _, closed := strings.Cut(rest, "\n}")
	if !found || !closed {
		t.Fatalf("%s has no %s", path, begin)
	}
	return inside
}

// The linter's rules ask for the other descriptions.
func TestEverythingIsDescribed(t *testing.T) {
	short := regexp.MustCompile(`@description\('.{0,6}'\)`)
	exported := regexp.MustCompile(`(?m)^@export\(\)\n((?:@.*\n)*)(.*)`)
	for _, path := range infraFiles(t, ".bicep") {
		text := readFile(t, path)
		if !strings.HasPrefix(text, "metadata description = '") {
			t.Errorf("%s: the file does not say what it is for: metadata description = '...'", path)
		}
		if match := short.FindString(text); match != "" {
			t.Errorf("%s: %s describes nothing", path, match)
		}
		for _, match := range exported.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(match[1], "@description(") {
				t.Errorf("%s: %s is not described", path, match[2])
			}
		}
	}
}

// platformSettings are the app settings that the Functions host and its telemetry read, and not
// the program.
var platformSettings = []string{
	"APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "APPLICATIONINSIGHTS_CONNECTION_STRING",
	"AzureWebJobsDisableHomepage", "AzureWebJobsStorage__accountName", "AzureWebJobsStorage__clientId",
	"AzureWebJobsStorage__credential",
	"GUESTLIST_STORAGE__clientId", "GUESTLIST_STORAGE__credential", "GUESTLIST_STORAGE__queueServiceUri",
}

// notInAzure are the settings of the program that a deployment must not have: connection strings,
// which the host prefers to the identity, and the account's name, which it prefers to the addresses
// of queues.
var notInAzure = []string{settings.StorageConnection, settings.StorageAccount, settings.HostStorage}

func TestAppSettingsAreThoseTheProgramReads(t *testing.T) {
	want := slices.Clone(platformSettings)
	for _, setting := range settings.All() {
		if !slices.Contains(notInAzure, setting.Name) {
			want = append(want, setting.Name)
		}
	}
	slices.Sort(want)
	for _, s := range snapshots(t, allLayouts) {
		for _, app := range s.apps(t) {
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(app.settings))); diff != "" {
				t.Errorf("%s, %s: the app settings differ from what is read; "+
					"a new one goes into infra/settings.bicep, type and function (-read +set):\n%s", s.path, app.name, diff)
			}
		}
	}
}

func TestAppSettingsHaveTheProgramsDefaults(t *testing.T) {
	set := snapshotOf(t, "infra/test/one.snapshot.json").apps(t)[0].settings
	for _, setting := range settings.All() {
		switch setting.Name {
		case settings.Organisation, settings.FormKeys, settings.GraphURL: // the deployment's own
			continue
		}
		value := set[setting.Name]
		if slices.Contains(notInAzure, setting.Name) || strings.HasPrefix(value, "[") {
			continue
		}
		if value != setting.Default {
			t.Errorf("%s is %q by default, and in the program %q", setting.Name, value, setting.Default)
		}
	}
}

// An address in place of the account's name fails at some starts of the host
// (Azure/azure-functions-host#11787). With a name, the host takes no address for the bindings,
// whose queues are in another account where identities are split.
func TestHostFindsItsStorageByName(t *testing.T) {
	account := regexp.MustCompile(`/storageAccounts/(st[fsr]?)[a-z0-9]+'`)
	for _, s := range snapshots(t, allLayouts) {
		names := s.names("Microsoft.Storage/storageAccounts")
		for _, app := range s.apps(t) {
			prefix := map[string]string{"form": "stf", "status": "sts", "reviews": "str"}[app.name]
			if prefix == "" {
				prefix = "st"
			}
			name := app.settings["AzureWebJobsStorage__accountName"]
			if !slices.Contains(names, name) || account.FindStringSubmatch("/storageAccounts/" + name + "'")[1] != prefix {
				t.Errorf("%s, %s: the host's account is %q", s.path, app.name, name)
			}
			match := account.FindStringSubmatch(app.settings["GUESTLIST_STORAGE__queueServiceUri"])
			if match == nil || match[1] != "st" {
				t.Errorf("%s, %s: the queues are at %s", s.path, app.name, app.settings["GUESTLIST_STORAGE__queueServiceUri"])
			}
		}
		for _, file := range functionFiles(t) {
			for _, binding := range file.Bindings {
				if binding.QueueName != "" && binding.Connection != settings.StorageConnection {
					t.Errorf("the queue %s is reached by the connection %q", binding.QueueName, binding.Connection)
				}
			}
		}
	}
}

// Many regions refuse fewer instances or less memory (Azure/azure-functions-host#10523,
// Azure/azure-rest-api-specs#40898).
func TestScaleIsWhatEveryRegionTakes(t *testing.T) {
	for _, s := range snapshots(t, allLayouts) {
		for _, app := range s.apps(t) {
			scale := at(app.site.Properties, "functionAppConfig", "scaleAndConcurrency")
			instances, memory := at(scale, "maximumInstanceCount").(float64), at(scale, "instanceMemoryMB").(float64)
			if instances < 40 || memory < 2048 {
				t.Errorf("%s, %s: %v instances of %v MB", s.path, app.name, instances, memory)
			}
			if !s.full && (instances != 100 || memory != 2048) {
				t.Errorf("%s, %s: %v instances of %v MB are not the platform's default", s.path, app.name, instances, memory)
			}
		}
	}
}

// secret stands for what the key vault holds.
const secret = "sPq4-a0secret1of2letters3and4digits5"

// vaultReference matches the expression for a reference to a secret, by whose value App Service
// replaces it.
var vaultReference = regexp.MustCompile(`'@Microsoft\.KeyVault\(SecretUri=\{0\}([\w-]+)\)'`)

// everySetting returns the settings of infra/test/settings.bicep, which must be all that are
// offered.
func everySetting(t *testing.T) map[string]string {
	t.Helper()
	given := map[string]string{}
	assignment := regexp.MustCompile(`(?m)^  (\w+): '(.*)'$`)
	for _, match := range assignment.FindAllStringSubmatch(readFile(t, "infra/test/settings.bicep"), -1) {
		given[match[1]] = match[2]
	}
	offered := regexp.MustCompile(`(?m)^  (\w+): .*\?$`).FindAllStringSubmatch(
		block(t, "infra/settings.bicep", "type ProgramSettings = {"), -1)
	if len(offered) < 20 || len(offered) != len(given) {
		t.Errorf("%d settings are offered, and infra/test/settings.bicep gives %d", len(offered), len(given))
	}
	for _, match := range offered {
		if given[match[1]] == "" {
			t.Errorf("infra/test/settings.bicep does not give %s", match[1])
		}
	}
	for _, setting := range settings.All() {
		if setting.Default != "" && given[setting.Name] == setting.Default {
			t.Errorf("infra/test/settings.bicep gives %s its default, so nothing is tested", setting.Name)
		}
	}
	return given
}

func TestEveryOfferedSettingReachesTheApp(t *testing.T) {
	given := everySetting(t)
	for _, s := range snapshots(t, testLayouts) {
		for _, app := range s.apps(t) {
			if !s.full || !app.servesForm() {
				continue
			}
			for name, want := range given {
				if slices.Contains(channelSettings, name) && !app.sendsMails() {
					continue // TestOnlyTheWorkerGetsChannels is about these
				}
				got := app.settings[name]
				if want == "vault" && vaultReference.MatchString(got) {
					continue
				}
				if got != want {
					t.Errorf("%s, %s: %s is %q, want %q", s.path, app.name, name, got, want)
				}
			}
		}
	}
}

// A captcha cannot do without its secret, so the other apps have none. The status page knows by the
// form's key which ids were issued. The worker needs no secret but those of channels.
func TestOnlyTheAppsThatNeedThemGetSecrets(t *testing.T) {
	for _, s := range snapshots(t, allLayouts) {
		kept := s.names("Microsoft.KeyVault/vaults/secrets")
		for _, app := range s.apps(t) {
			for name, value := range app.settings {
				// The others are there if an admin wants them.
				optional := name == settings.JSONKeys || name == settings.CaptchaSecret
				ofChannel := name == settings.TeamsURL || name == settings.WebhookKeys
				needed := app.servesForm() && optional && (s.full || !s.fixed && value != "") ||
					app.sendsMails() && ofChannel && (s.full || !s.fixed && value != "") ||
					name == settings.FormKeys && (app.servesForm() || app.name == "status")
				match := vaultReference.FindStringSubmatch(value)
				if (match != nil) != needed {
					t.Errorf("%s, %s: %s is %q", s.path, app.name, name, value)
				}
				if match != nil && !slices.Contains(kept, match[1]) {
					t.Errorf("%s, %s: %s refers to %s, and the vault holds %v", s.path, app.name, name, match[1], kept)
				}
			}
			if captcha := app.settings[settings.Captcha]; captcha != "none" && !app.servesForm() {
				t.Errorf("%s, %s: the captcha is %q", s.path, app.name, captcha)
			}
		}
	}
}

// clouds returns the address of Microsoft Graph in each cloud, from the expression for the
// setting.
func clouds(expression string) map[string]string {
	addresses := map[string]string{}
	entry := regexp.MustCompile(`'(\w+)', '(https://[^']+)'`)
	for _, match := range entry.FindAllStringSubmatch(expression, -1) {
		addresses[match[1]] = match[2]
	}
	return addresses
}

// appHost matches the name of the app whose host an expression is about: the last replacement.
var appHost = regexp.MustCompile(`'(func-[\w-]+)'\)+\]$`)

// deployed returns the value of a setting after the deployment to a cloud, as far as the program
// sees.
func deployed(name, value, graph string) string {
	switch {
	case vaultReference.MatchString(value) && channelSecrets[name] != "":
		return channelSecrets[name]
	case vaultReference.MatchString(value):
		return secret
	case name == settings.EventGridURL && isExpression(value):
		return "https://topic.westeurope-1.eventgrid.azure.net/api/events"
	case name == settings.GraphURL:
		return graph
	case name == settings.StorageTablesURL:
		return "https://account.table.core.windows.net/"
	case name == settings.MailURL && isExpression(value):
		return "https://account.europe.communication.azure.com"
	case name == settings.MailSender && isExpression(value):
		return "donotreply@0.azurecomm.net"
	}
	if match := appHost.FindStringSubmatch(value); match != nil {
		return "https://" + match[1] + ".azurewebsites.net"
	}
	return value
}

// isExpression reports whether only Azure knows the value.
func isExpression(value string) bool { return strings.HasPrefix(value, "[") }

func TestProgramAcceptsTheAppSettings(t *testing.T) {
	for _, s := range snapshots(t, allLayouts) {
		for _, app := range s.apps(t) {
			addresses := clouds(app.settings[settings.GraphURL])
			if len(addresses) < 3 {
				t.Errorf("%s, %s: only the clouds %v are known", s.path, app.name, addresses)
			}
			for cloud, graph := range addresses {
				var pages web.Config
				var notices channels.Config
				read, parts := settings.ReadPages, []func(*settings.Reader){pages.Read}
				if app.sendsMails() {
					read, parts = settings.Read, append(parts, notices.Read)
				}
				_, err := read(func(name string) string {
					return deployed(name, app.settings[name], graph)
				}, parts...)
				if err != nil {
					t.Errorf("%s, %s, %s: %v", s.path, app.name, cloud, err)
				}
				if s.fixed && len(notices.Configured()) != wantChannels(s, app) {
					t.Errorf("%s, %s: the channels %q", s.path, app.name, notices.Configured())
				}
				if s.fixed {
					checkOrigins(t, s, app, pages)
					checkSignIn(t, s, app, pages)
				}
			}
		}
	}
}

// checkOrigins checks that form and status page lead to each other where they are apps of their
// own, and that mails lead to the status page.
func checkOrigins(t *testing.T, s snapshot, app app, pages web.Config) {
	t.Helper()
	formHost := "func-guestlist-form-" + s.token + ".azurewebsites.net"
	statusHost := "func-guestlist-status-" + s.token + ".azurewebsites.net"
	if s.full {
		formHost, statusHost = "join.wingtiptoys.example", "status.wingtiptoys.example"
	}
	var form, status string
	switch app.name {
	case "form":
		status = "https://" + statusHost
	case "status":
		form = "https://" + formHost
	case "work", "everything":
		status = strings.ReplaceAll(wantMail(t, s).status, "TOKEN", s.token)
	}
	if pages.FormOrigin != form || pages.StatusOrigin != status {
		t.Errorf("%s, %s: the form is at %q and the status page at %q, want %q and %q",
			s.path, app.name, pages.FormOrigin, pages.StatusOrigin, form, status)
	}
	if app.settings[settings.MailSender] != "" && pages.StatusPages() == "" {
		t.Errorf("%s, %s: mails do not find the status page", s.path, app.name)
	}
}

// checkSignIn checks that every app knows where the review pages are and how people sign in to
// them, where there are such pages.
func checkSignIn(t *testing.T, s snapshot, app app, pages web.Config) {
	t.Helper()
	var want web.SignIn
	switch {
	case s.full:
		want = web.SignIn{
			Origin: "https://reviews.wingtiptoys.example", Tenant: "aaaaaaaa-0000-4000-8000-000000000002",
			ClientID: "aaaaaaaa-0000-4000-8000-000000000003", Guests: true,
		}
	case s.reviews:
		host := "func-guestlist-" + s.token
		if s.split {
			host = "func-guestlist-reviews-" + s.token
		}
		want = web.SignIn{
			Origin: "https://" + host + ".azurewebsites.net", Tenant: "00000000-0000-4000-8000-000000000001",
			ClientID: "aaaaaaaa-0000-4000-8000-000000000003",
		}
	}
	want.URL = pages.SignIn.URL // of the cloud
	if pages.SignIn != want {
		t.Errorf("%s, %s: people sign in by %+v, want %+v", s.path, app.name, pages.SignIn, want)
	}
}

// The app registration of the review pages is made with the outputs of a deployment, the first
// time before there is a client id.
func TestOutputsForTheRegistration(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		origin, _ := s.Outputs["reviewOrigin"].(string)
		identity, _ := s.Outputs["reviewIdentityPrincipalId"].(string)
		suffix := ""
		if s.split {
			suffix = "reviews-"
		}
		if want := "id-" + baseName(s) + "-" + suffix + s.token + "'"; !strings.Contains(identity, want) {
			t.Errorf("%s: the identity is %q, want %q", s.path, identity, want)
		}
		want := "https://reviews.wingtiptoys.example"
		switch {
		case s.full:
		case strings.HasSuffix(s.path, "/one-existing.snapshot.json"):
			want = "https://join.wingtiptoys.example"
		default:
			want = "https://func-guestlist-" + suffix + s.token + ".azurewebsites.net"
		}
		if got := deployed(settings.ReviewOrigin, origin, ""); got != want {
			t.Errorf("%s: the review pages are at %q, want %q", s.path, got, want)
		}
	}
}

// baseName returns what the names of a layout of infra/test begin with.
func baseName(s snapshot) string {
	if s.full {
		return "wingtip-guests"
	}
	return "guestlist"
}

func functionFiles(t *testing.T) map[string]functionjson.File {
	t.Helper()
	files, err := functionjson.ReadAll(root)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestQueuesAreThoseOfTheFunctions(t *testing.T) {
	queues := map[string]bool{}
	for _, file := range functionFiles(t) {
		for _, binding := range file.Bindings {
			if binding.QueueName != "" {
				queues[binding.QueueName] = true
			}
			// The host puts dead letters there. It has no right to create the queue.
			if binding.Type == "queueTrigger" && !strings.HasSuffix(binding.QueueName, "-poison") {
				queues[binding.QueueName+"-poison"] = true
			}
		}
	}
	want := slices.Sorted(maps.Keys(queues))
	for _, s := range snapshots(t, allLayouts) {
		got := s.names("Microsoft.Storage/storageAccounts/queueServices/queues")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the queues differ (-function.json +template):\n%s", s.path, diff)
		}
	}
	for _, name := range want {
		if !regexp.MustCompile(`^[a-z0-9](-?[a-z0-9]){2,62}$`).MatchString(name) {
			t.Errorf("a queue can't be named %q", name)
		}
	}
}

func TestTablesAreThoseOfTheProgram(t *testing.T) {
	want := tables.Names()
	slices.Sort(want)
	for _, s := range snapshots(t, allLayouts) {
		got := s.names("Microsoft.Storage/storageAccounts/tableServices/tables")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the tables differ (-program +template):\n%s", s.path, diff)
		}
	}
}

func TestFunctionsFindTheirSettings(t *testing.T) {
	reference := regexp.MustCompile(`%([^%]+)%`)
	for _, s := range snapshots(t, allLayouts) {
		for _, app := range s.apps(t) {
			for name, file := range functionFiles(t) {
				for _, binding := range file.Bindings {
					for _, match := range reference.FindAllStringSubmatch(binding.Schedule+binding.QueueName, -1) {
						if app.settings[match[1]] == "" {
							t.Errorf("%s, %s: %s needs the setting %s", s.path, app.name, name, match[1])
						}
					}
					connection := binding.Connection
					if connection != "" && (app.settings[connection+"__queueServiceUri"] == "" ||
						app.settings[connection+"__clientId"] == "" ||
						app.settings[connection+"__credential"] != "managedidentity") {
						t.Errorf("%s, %s: %s connects by %s, which has no address and identity",
							s.path, app.name, name, connection)
					}
				}
			}
		}
	}
}

// allowedRoles are the only roles that a deployment assigns
// (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).
var allowedRoles = map[string]string{
	"b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
	"974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
	"19e7f393-937e-4f77-808e-94535e297925": "Storage Queue Data Reader",
	"8a0f0c08-91a1-4084-bc3d-661d67233fed": "Storage Queue Data Message Processor",
	"c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
	"0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
	"76199698-9eea-4c19-bc75-cec21354c6b6": "Storage Table Data Reader",
	"3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
	"4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
	"09976791-48a7-449e-bb21-39d1a415f350": "Communication and Email Service Owner",
	"d5a91429-5739-47e2-a06b-3470a27159e7": "EventGrid Data Sender",
	"33333333-3333-4333-8333-333333333333": "a role of the admin's", // in infra/test/split-full.bicepparam
}

var guid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func TestRolesAreAllowedUsedAndInOneFile(t *testing.T) {
	for _, path := range infraFiles(t, ".bicep") {
		if path == "infra/roles.bicep" || strings.HasPrefix(path, "infra/graph/") {
			continue
		}
		if id := guid.FindString(readFile(t, path)); id != "" {
			t.Errorf("%s has the id %s, which belongs into infra/roles.bicep", path, id)
		}
	}
	var templates strings.Builder
	for _, path := range infraFiles(t, ".bicep") {
		templates.WriteString(readFile(t, path))
	}
	role := regexp.MustCompile(`(?m)^  (\w+): '([^']+)'$`)
	for _, match := range role.FindAllStringSubmatch(readFile(t, "infra/roles.bicep"), -1) {
		if allowedRoles[match[2]] == "" {
			t.Errorf("infra/roles.bicep has the role %s (%s), which is not allowed", match[1], match[2])
		}
		if !regexp.MustCompile(`\broles\.` + match[1] + `\b`).MatchString(templates.String()) {
			t.Errorf("the role %s is given to nobody", match[1])
		}
	}
}

var (
	assignmentScope = regexp.MustCompile(`^(?:\[extensionResourceId\(')?(/subscriptions/.*?)` +
		`(?:'|/providers/Microsoft\.Authorization/roleAssignments/)`)
	storagePlace = regexp.MustCompile(`/storageAccounts/(st[fsr]?)[a-z0-9]+` +
		`(?:/(queue|table)Services/default/\w+/([\w-]+))?$`)
)

// grants returns every role assignment as "who: role on what".
func grants(t *testing.T, s snapshot) []string {
	t.Helper()
	var list []string
	for _, r := range s.all("Microsoft.Authorization/roleAssignments") {
		principal, _ := r.Properties["principalId"].(string)
		switch {
		case strings.Contains(principal, "/userAssignedIdentities/id-"):
			principal = s.part(principal)
		case principal == "11111111-1111-4111-8111-111111111111":
			principal = "editor"
		case principal == "22222222-2222-4222-8222-222222222222":
			principal = "operator"
		}
		role, _ := r.Properties["roleDefinitionId"].(string)
		role = role[strings.LastIndex(role, "/")+1:]
		if allowedRoles[role] == "" {
			t.Errorf("%s: the role %s is not allowed", s.path, role)
		}
		scope := assignmentScope.FindStringSubmatch(r.ID)
		if scope == nil {
			t.Fatalf("%s: no scope in %s", s.path, r.ID)
		}
		list = append(list, principal+": "+allowedRoles[role]+" on "+place(scope[1]))
	}
	slices.Sort(list)
	return list
}

// place returns a short name for a scope of role assignments.
func place(scope string) string {
	if match := storagePlace.FindStringSubmatch(scope); match != nil {
		account := map[string]string{"st": "", "stf": "form ", "sts": "status ", "str": "reviews "}[match[1]]
		if match[2] != "" {
			return account + match[2] + " " + match[3]
		}
		return account + "storage"
	}
	for kind, name := range map[string]string{
		"/providers/Microsoft.Insights/components/": "telemetry",
		"/providers/Microsoft.KeyVault/vaults/kv-":  "vault",
		"/providers/Microsoft.KeyVault/vaults/kvn":  "vault for channels",
		"/providers/Microsoft.EventGrid/topics/":    "topic",

		"/providers/Microsoft.Communication/communicationServices/": "mail",
	} {
		_, rest, found := strings.Cut(scope, kind)
		if found && !strings.Contains(rest, "/") {
			return name
		}
		if _, secret, found := strings.Cut(rest, "/secrets/"); found {
			return secret
		}
	}
	return scope
}

func TestRightsAreTheNarrowestThatWork(t *testing.T) {
	// Only what serves the review pages has a right on Sessions.
	state := func(who string) []string {
		list := []string{who + ": Storage Table Data Reader on table Policies"}
		for _, name := range tables.Names() {
			if name != "Policies" && name != "Sessions" {
				list = append(list, who+": Storage Table Data Contributor on table "+name)
			}
		}
		return list
	}
	const sender = ": Storage Queue Data Message Sender on queue "
	const counter = ": Storage Queue Data Reader on queue "
	work := append(state("work"), "work: Storage Blob Data Owner on storage",
		"work: Monitoring Metrics Publisher on telemetry",
		"work: Storage Queue Data Contributor on queue signups",
		"work: Storage Queue Data Contributor on queue signups-poison",
		"work: Storage Queue Data Contributor on queue decisions",
		"work: Storage Queue Data Contributor on queue decisions-poison")
	one := []string{"work: Key Vault Secrets User on vault"}
	split := []string{
		"form: Key Vault Secrets User on vault", "form: Storage Blob Data Owner on form storage",
		"form: Monitoring Metrics Publisher on telemetry", "form" + sender + "signups",
		"status: Storage Blob Data Owner on status storage",
		"status: Monitoring Metrics Publisher on telemetry",
		"status" + sender + "signups", "status: Storage Table Data Reader on table Requests",
		"status: Key Vault Secrets User on form-signing-key",
	}
	// It changes no request, no policy row and nothing in the directory.
	reviews := []string{
		"reviews: Storage Blob Data Owner on reviews storage",
		"reviews: Monitoring Metrics Publisher on telemetry",
		"reviews" + sender + "decisions",
		"reviews: Storage Table Data Contributor on table Sessions",
		"reviews: Storage Table Data Reader on table Requests",
		"reviews: Storage Table Data Reader on table Guests",
		"reviews: Storage Table Data Reader on table Reviews",
		"reviews: Storage Table Data Reader on table Policies",
		"reviews: Storage Table Data Reader on table Tenant",
	}
	people := append(state("operator"), "operator"+sender+"signups", "operator"+counter+"signups",
		"operator"+counter+"signups-poison",
		"operator: Storage Queue Data Message Processor on queue signups-poison",
		"operator"+sender+"decisions", "operator"+counter+"decisions", "operator"+counter+"decisions-poison",
		"operator: Storage Queue Data Message Processor on queue decisions-poison", "editor: Storage Table Data Contributor on table Policies")
	// The reading of Policies stays, and so do the roles that take no transaction and wake nobody.
	const everything = ": Storage Table Data Contributor on storage"
	wide := append(slices.Clone(split), "work"+everything, "editor"+everything, "operator"+everything,
		"work: Storage Blob Data Owner on storage", "work: Monitoring Metrics Publisher on telemetry",
		"work: Storage Queue Data Contributor on storage", "work: Storage Table Data Reader on table Policies",
		"operator: Storage Table Data Reader on table Policies", "operator"+sender+"signups",
		"operator"+counter+"signups", "operator"+counter+"signups-poison",
		"operator: Storage Queue Data Message Processor on queue signups-poison",
		"operator"+sender+"decisions", "operator"+counter+"decisions", "operator"+counter+"decisions-poison",
		"operator: Storage Queue Data Message Processor on queue decisions-poison")
	for _, s := range snapshots(t, testLayouts) {
		want := slices.Clone(work)
		if s.split {
			want = append(want, split...)
		} else {
			want = append(want, one...)
		}
		switch {
		case s.reviews && s.split:
			want = append(want, reviews...)
		case s.reviews:
			want = append(want, "work: Storage Table Data Contributor on table Sessions")
		}
		if s.full {
			want = append(want, people...)
		}
		if s.full {
			want = append(want, "work: Key Vault Secrets User on vault for channels")
		}
		if s.full && s.split {
			want = append(want, "work: EventGrid Data Sender on topic")
		}
		if s.wide() {
			want = wide
		}
		if role := wantMail(t, s).role; role != "" {
			want = append(want, "work: "+role+" on mail")
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, grants(t, s)); diff != "" {
			t.Errorf("%s: the rights differ (-want +template):\n%s", s.path, diff)
		}
	}
}

// refusedKeys are site properties that the Flex Consumption plan answers by error 51021 in some
// regions.
var refusedKeys = []string{
	"linuxFxVersion", "windowsFxVersion", "netFrameworkVersion", "ftpsState",
	"use32BitWorkerProcess", "preWarmedInstanceCount", "functionsRuntimeScaleMonitoringEnabled",
	"alwaysOn", "healthCheckPath", "appSettings",
}

// refusedSettings are app settings that the plan takes from elsewhere, and refuses or misreads.
var refusedSettings = []string{
	"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE",
	"WEBSITE_CONTENTSHARE", "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
	"SCM_DO_BUILD_DURING_DEPLOYMENT", "ENABLE_ORYX_BUILD",
	"WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT", "WEBSITE_TIME_ZONE", "TZ", "AzureWebJobsStorage",
}

func TestNothingIsSetThatThePlanRefuses(t *testing.T) {
	refused := slices.Concat(refusedKeys, refusedSettings)
	for _, s := range snapshots(t, allLayouts) {
		for _, r := range s.PredictedResources {
			walk(r.Type, r.Properties, func(path, key, _ string) {
				if slices.Contains(refused, key) {
					t.Errorf("%s: %s has %s, which the Flex Consumption plan refuses", s.path, path, key)
				}
			})
		}
	}
}

func TestAppIsCustomHandlerOnFlexConsumption(t *testing.T) {
	for _, s := range snapshots(t, allLayouts) {
		for _, app := range s.apps(t) {
			config := app.site.Properties["functionAppConfig"]
			got := []any{
				at(config, "runtime", "name"), at(config, "runtime", "version"),
				at(config, "deployment", "storage", "authentication", "type"), app.site.Kind,
			}
			if diff := cmp.Diff([]any{"custom", "1.0", "UserAssignedIdentity", "functionapp,linux"}, got); diff != "" {
				t.Errorf("%s, %s: the app differs (-want +template):\n%s", s.path, app.name, diff)
			}
		}
		plans := s.all("Microsoft.Web/serverfarms")
		for _, plan := range plans {
			if plan.SKU.Name != "FC1" {
				t.Errorf("%s: the plan %s is %s", s.path, plan.Name, plan.SKU.Name)
			}
		}
		if len(plans) != len(s.apps(t)) {
			t.Errorf("%s has %d plans, want one for each app", s.path, len(plans))
		}
	}
}

// An instance that always runs costs money, so it is for partners only.
func TestOnlyPagesForPartnersAreAlwaysReady(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		for _, app := range s.apps(t) {
			ready := []any{}
			if s.full && app.name != "work" && app.name != "reviews" {
				ready = []any{map[string]any{"name": "http", "instanceCount": 2.0}}
			}
			got := at(app.site.Properties, "functionAppConfig", "scaleAndConcurrency", "alwaysReady")
			if diff := cmp.Diff(any(ready), got); diff != "" {
				t.Errorf("%s, %s (-want +template):\n%s", s.path, app.name, diff)
			}
		}
	}
}

// Each app of a split deployment has its own package.
func TestEachAppRunsItsZip(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		got := map[string]any{}
		for _, r := range s.all("Microsoft.Web/sites/extensions") {
			got[s.part(r.Name)] = r.Properties["packageUri"]
		}
		const release = "https://github.com/OWNER/REPOSITORY/releases/download/v1.0.0/guestlist"
		want := map[string]any{}
		switch s.layout {
		case layout{full: true, fixed: true, reviews: true}:
			want = map[string]any{"work": release + ".zip"}
		case layout{split: true, full: true, fixed: true, reviews: true}:
			want = map[string]any{
				"work": release + "-work.zip", "form": release + "-form.zip", "status": release + "-status.zip",
				"reviews": release + "-reviews.zip",
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the packages differ (-want +template):\n%s", s.path, diff)
		}
	}
}

// optional are the types of hardened resources that not every layout has.
var optional = []string{communicationServices, topics}

// hardened are the properties that keep others out.
var hardened = map[string]map[string]any{
	"Microsoft.Storage/storageAccounts": {
		"allowSharedKeyAccess": false, "allowBlobPublicAccess": false, "minimumTlsVersion": "TLS1_2",
		"supportsHttpsTrafficOnly": true, "defaultToOAuthAuthentication": true,
		"isLocalUserEnabled": false, "allowCrossTenantReplication": false,
	},
	"Microsoft.Web/sites": {
		"httpsOnly": true, "siteConfig minTlsVersion": "1.2", "siteConfig scmMinTlsVersion": "1.2",
	},
	"Microsoft.KeyVault/vaults":                {"enableRbacAuthorization": true, "enableSoftDelete": true},
	"Microsoft.OperationalInsights/workspaces": {"features disableLocalAuth": true},
	"Microsoft.Insights/components":            {"DisableLocalAuth": true},
	communicationServices:                      {"disableLocalAuth": true},
	topics:                                     {"disableLocalAuth": true, "minimumTlsVersionAllowed": "1.2", "inputSchema": "CloudEventSchemaV1_0"},
}

func TestNothingOpensByAKey(t *testing.T) {
	for _, s := range snapshots(t, allLayouts) {
		for resourceType, properties := range hardened {
			found := s.all(resourceType)
			if len(found) == 0 && !slices.Contains(optional, resourceType) {
				t.Errorf("%s has no %s", s.path, resourceType)
			}
			for _, r := range found {
				for property, want := range properties {
					if got := at(r.Properties, strings.Fields(property)...); got != want {
						t.Errorf("%s: %s of %s is %v, want %v", s.path, property, r.Name, got, want)
					}
				}
			}
		}
	}
}

// A service tag alone lets in every customer of that service.
func TestOnlyAllowedAddressesReachTheApp(t *testing.T) {
	allowed := []any{
		map[string]any{
			"name": "office", "priority": 100.0, "action": "Allow", "ipAddress": "203.0.113.0/24",
			"tag": "Default", "headers": nil,
		},
		map[string]any{
			"name": "front", "priority": 101.0, "action": "Allow", "ipAddress": "AzureFrontDoor.Backend",
			"tag": "ServiceTag", "headers": map[string]any{"x-azure-fdid": []any{"12345678-1234-4234-8234-123456789abc"}},
		},
	}
	for _, s := range snapshots(t, testLayouts) {
		for _, app := range s.apps(t) {
			rules, others := []any{}, "Allow"
			switch {
			case app.name == "work" && !s.wide():
				others = "Deny"
			case s.full && app.name == "reviews":
				rules, others = allowed[:1], "Deny"
			case s.full:
				rules, others = allowed, "Deny"
			}
			got := at(app.site.Properties, "siteConfig", "ipSecurityRestrictions")
			if diff := cmp.Diff(any(rules), got); diff != "" {
				t.Errorf("%s, %s: the rules differ (-want +template):\n%s", s.path, app.name, diff)
			}
			if got := at(app.site.Properties, "siteConfig", "ipSecurityRestrictionsDefaultAction"); got != others {
				t.Errorf("%s, %s: other addresses: %v, want %s", s.path, app.name, got, others)
			}
		}
	}
}

func TestPrivateAndZoneRedundantLayouts(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		full := s.full
		access, others, sku := "Enabled", "Allow", "Standard_LRS"
		if full {
			access, others, sku = "Disabled", "Deny", "Standard_ZRS"
		}
		reached := map[string]bool{}
		for _, endpoint := range s.all("Microsoft.Network/privateEndpoints") {
			for _, connection := range endpoint.Properties["privateLinkServiceConnections"].([]any) {
				target, _ := at(connection, "properties", "privateLinkServiceId").(string)
				for _, service := range at(connection, "properties", "groupIds").([]any) {
					reached[target+" "+service.(string)] = true
				}
			}
		}
		needed := map[string]bool{}
		for _, account := range s.all("Microsoft.Storage/storageAccounts") {
			services := []string{"blob", "queue", "table"}
			if regexp.MustCompile(`^st[fsr]`).MatchString(account.Name) {
				services = services[:1] // the host of a public app keeps blobs there and nothing else
			}
			for _, service := range services {
				needed[account.ID+" "+service] = full
			}
			if account.SKU.Name != sku {
				t.Errorf("%s: %s is %s, want %s", s.path, account.Name, account.SKU.Name, sku)
			}
		}
		for _, vault := range s.all("Microsoft.KeyVault/vaults") {
			needed[vault.ID+" vault"] = full
		}
		maps.DeleteFunc(needed, func(_ string, needed bool) bool { return !needed })
		if diff := cmp.Diff(needed, reached); diff != "" {
			t.Errorf("%s: the private endpoints differ (-want +template):\n%s", s.path, diff)
		}
		stores := append(s.all("Microsoft.Storage/storageAccounts"), s.all("Microsoft.KeyVault/vaults")...)
		for _, r := range stores {
			got := []any{r.Properties["publicNetworkAccess"], at(r.Properties, "networkAcls", "defaultAction")}
			if diff := cmp.Diff([]any{access, others}, got); diff != "" {
				t.Errorf("%s: the public network of %s differs (-want +template):\n%s", s.path, r.Name, diff)
			}
		}
		for _, app := range s.apps(t) {
			if subnet := app.site.Properties["virtualNetworkSubnetId"]; (subnet != nil) != full {
				t.Errorf("%s, %s: the app is in the subnet %v", s.path, app.name, subnet)
			}
		}
		for _, plan := range s.all("Microsoft.Web/serverfarms") {
			if plan.Properties["zoneRedundant"] != full {
				t.Errorf("%s: zone redundancy of %s is %v", s.path, plan.Name, plan.Properties["zoneRedundant"])
			}
		}
	}
}

func TestEachResourceTypeHasOneVersion(t *testing.T) {
	versions := map[string]string{}
	reference := regexp.MustCompile(`(?m)^\s*resource \w+ '([\w./]+)@([\w.-]+)'`)
	for _, path := range infraFiles(t, ".bicep") {
		for _, match := range reference.FindAllStringSubmatch(readFile(t, path), -1) {
			kind, version := match[1], match[2]
			if strings.HasSuffix(version, "-preview") && kind != "Microsoft.Insights/diagnosticSettings" {
				t.Errorf("%s: %s@%s is a preview", path, kind, version)
			}
			if versions[kind] != "" && versions[kind] != version {
				t.Errorf("%s: %s@%s, elsewhere %s", path, kind, version, versions[kind])
			}
			versions[kind] = version
		}
	}
	if len(versions) < 15 {
		t.Errorf("only %d resource types were found", len(versions))
	}
}

// A signing key that is replaced makes open forms worthless, and a binding without a certificate
// takes away the one that the host name has. The snapshots do not show the decorator.
func TestExistingKeyAndHostNameAreKept(t *testing.T) {
	for path, resource := range map[string]string{
		"infra/modules/vault.bicep": "resource signingKey ", "infra/modules/domain.bicep": "resource name ",
	} {
		if !strings.Contains(readFile(t, path), "\n@onlyIfNotExists()\n"+resource) {
			t.Errorf("%s: %smust have @onlyIfNotExists()", path, resource)
		}
	}
}

var (
	suspicious = regexp.MustCompile(`(?i)(password|secret|signingkey|accountkey|connectionstring$|token)`)
	// secretValue matches expressions with a secure parameter, a new key, or the keys of an
	// account.
	secretValue  = regexp.MustCompile(`parameters\('|newGuid\(\)|\blist\w*\(`)
	secureParam  = regexp.MustCompile(`(?m)^@secure\(\)\n(?:@.*\n)*param (\w+)`)
	moduleTarget = regexp.MustCompile(`^module \w+ '([^']+)'`)
)

// secureParams returns the names of a template's secure parameters.
func secureParams(t *testing.T, path string) []string {
	t.Helper()
	var names []string
	for _, match := range secureParam.FindAllStringSubmatch(readFile(t, path), -1) {
		names = append(names, match[1])
	}
	return names
}

// A secret goes from a secure parameter into secure parameters and into the key vault, and
// nowhere else. A snapshot shows a secure parameter by its name where it stands.
func TestSecretsStayInTheVault(t *testing.T) {
	for _, s := range snapshots(t, allLayouts) {
		found := 0
		check := func(path, _, text string) {
			if !secretValue.MatchString(text) {
				return
			}
			found++
			if path != "Microsoft.KeyVault/vaults/secrets.value" {
				t.Errorf("%s: a secret is in %s: %s", s.path, path, text)
			}
		}
		for _, r := range s.PredictedResources {
			walk(r.Type, r.Properties, check)
			walk(r.Type+" name", r.Name, check)
		}
		walk("the outputs", s.Outputs, check)
		if found < 3 {
			t.Errorf("%s: only %d secrets were found", s.path, found)
		}
	}
	for _, path := range infraFiles(t, ".bicep") {
		secure := secureParams(t, path)
		for _, name := range append(declared(t, path, "param"), declared(t, path, "output")...) {
			if suspicious.MatchString(name) && !slices.Contains(secure, name) {
				t.Errorf("%s: %s sounds like a secret and is not secure", path, name)
			}
		}
		for _, name := range secure {
			checkSecret(t, path, name)
		}
	}
}

// checkSecret checks every use of a secure parameter in a template. A module's parameters are
// logged unless they are secure.
func checkSecret(t *testing.T, path, name string) {
	t.Helper()
	use := regexp.MustCompile(`\b` + name + `\b`)
	handed := regexp.MustCompile(`^    (\w+): ` + name + `$`)
	module := ""
	for line := range strings.Lines(readFile(t, path)) {
		line = strings.TrimSuffix(line, "\n")
		if match := moduleTarget.FindStringSubmatch(line); match != nil {
			module = match[1]
		}
		if !use.MatchString(line) || strings.HasPrefix(line, "param "+name+" ") ||
			strings.HasPrefix(line, "@description(") {
			continue
		}
		vault := strings.Contains(line, " 'Microsoft.KeyVault/vaults/secrets@") &&
			strings.HasSuffix(line, "= if (!empty("+name+")) {")
		match := handed.FindStringSubmatch(line)
		switch {
		case vault, match != nil && match[1] == "value":
		case match != nil && module != "" &&
			slices.Contains(secureParams(t, filepath.Join(filepath.Dir(path), module)), match[1]):
		default:
			t.Errorf("%s: the secret %s must not be used in: %s", path, name, strings.TrimSpace(line))
		}
	}
}
