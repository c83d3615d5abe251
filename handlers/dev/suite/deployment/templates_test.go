package deployment

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/suite/deployment/bicep"
	"guestlist/handlers/settings"
	"guestlist/handlers/web"
)

const root = "../../../.."

// templatePaths returns all Bicep files, relative to the root.
func templatePaths(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := fs.WalkDir(os.DirFS(root), "infra", func(path string, entry fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".bicep") || strings.HasSuffix(path, ".bicepparam") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func load(t *testing.T) *bicep.Program {
	t.Helper()
	program, faults := bicep.Load(os.DirFS(root), templatePaths(t)...)
	for _, fault := range faults {
		t.Error(fault)
	}
	if t.Failed() {
		t.FailNow()
	}
	return program
}

const (
	mainFile     = "infra/main.bicep"
	appFile      = "infra/modules/app.bicep"
	settingsFile = "infra/settings.bicep"
)

func TestTheTemplatesHaveNoFaults(t *testing.T) {
	program := load(t)
	if len(program.Files()) < 15 {
		t.Errorf("only %d files were read", len(program.Files()))
	}
}

func TestTheGrammarUnderstandsTheTemplates(t *testing.T) {
	faults, err := bicep.Grammar(t.Context(), root, templatePaths(t)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestEverythingIsDescribed(t *testing.T) {
	described := func(t *testing.T, path, what string, decorator *bicep.Decorator) {
		t.Helper()
		if decorator == nil || len(decorator.Args) != 1 || len(decorator.Args[0].Text) < len("Region.") {
			t.Errorf("%s: %s has no description", path, what)
		}
	}
	for _, file := range load(t).Files() {
		if strings.HasSuffix(file.Path, ".bicepparam") {
			continue
		}
		about := false
		for _, d := range file.Declarations {
			about = about || d.Kind == bicep.Metadata && d.Name == "description" && d.Value.Text != ""
			exported := d.Decorated("export") != nil
			if d.Kind == bicep.Param || d.Kind == bicep.Output || d.Kind == bicep.Type || exported {
				described(t, file.Path, fmt.Sprintf("the %s %s", d.Kind, d.Name), d.Decorated("description"))
			}
			if d.Kind == bicep.Type {
				for _, property := range d.Type.Properties {
					described(t, file.Path, "the property "+d.Name+"."+property.Name, property.Decorated("description"))
				}
			}
		}
		if !about {
			t.Errorf("%s: the file does not say what it is for: metadata description = '...'", file.Path)
		}
	}
}

// declaration returns what the file declares by that kind and name.
func declaration(t *testing.T, program *bicep.Program, path string, kind bicep.Kind, name string) *bicep.Declaration {
	t.Helper()
	file := program.File(path)
	if file == nil {
		t.Fatalf("there is no %s", path)
	}
	for _, d := range file.Declarations {
		if d.Kind == kind && d.Name == name {
			return d
		}
		if d.Kind == bicep.Resource && d.Body() != nil {
			for _, nested := range d.Body().Resources {
				if kind == bicep.Resource && d.Name+"::"+nested.Name == name {
					return nested
				}
			}
		}
	}
	t.Fatalf("%s has no %s %s", path, kind, name)
	return nil
}

func texts(t *testing.T, list any) []string {
	t.Helper()
	var result []string
	elements, is := list.([]any)
	if !is {
		t.Fatalf("%v is no list", list)
	}
	for _, element := range elements {
		result = append(result, element.(string))
	}
	return result
}

// emitted returns the app settings that a module of main.bicep gives its app, with the values that are known before a deployment. A
// reference to the key vault is replaced as App Service replaces it.
func emitted(t *testing.T, program *bicep.Program, module string, params map[string]any) map[string]any {
	t.Helper()
	given := map[string]any{"organisation": "Wingtip Toys"}
	maps.Copy(given, params)
	settings, err := program.Compute(mainFile, declaration(t, program, mainFile, bicep.Module, module).Body().Get("params", "settings"), given)
	if err != nil {
		t.Fatalf("%s: %v", module, err)
	}
	of := declaration(t, program, appFile, bicep.Resource, "app::values").Value.Get("properties")
	computed, err := program.Compute(appFile, of, map[string]any{"settings": settings})
	if err != nil {
		t.Fatalf("%s: %v", module, err)
	}
	values := computed.(map[string]any)
	for name, value := range values {
		text, _ := value.(string)
		if strings.HasPrefix(text, "@Microsoft.KeyVault(SecretUri=") && strings.HasSuffix(text, ")") {
			values[name] = secret
		}
	}
	return values
}

// secret is what the key vault holds.
const secret = "sPq4-a0secret1of2letters3and4digits5"

// apps are the apps that a deployment may have, by the modules that make them.
var apps = []struct {
	name, module string
	split        bool
	form         bool // serves the form, so it must have the key, and no other may
}{
	{"everything", "workApp", false, true},
	{"the work", "workApp", true, false},
	{"the form", "formApp", true, true},
	{"the status page", "statusApp", true, false},
}

// platformSettings are the app settings that others than the program read: the Functions host, and its telemetry.
var platformSettings = []string{
	"APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "APPLICATIONINSIGHTS_CONNECTION_STRING",
	"AzureWebJobsStorage__blobServiceUri", "AzureWebJobsStorage__clientId", "AzureWebJobsStorage__credential", "AzureWebJobsStorage__queueServiceUri",
}

// notInAzure are the settings of the program that a deployment must not have: the connection string, whose presence alone would win over
// the identity, and the account's name, which would win over the addresses.
var notInAzure = []string{settings.StorageConnection, settings.StorageAccount}

func TestTheAppSettingsAreThoseThatAreRead(t *testing.T) {
	program := load(t)
	want := slices.Clone(platformSettings)
	for _, setting := range settings.All() {
		if !slices.Contains(notInAzure, setting.Name) {
			want = append(want, setting.Name)
		}
	}
	slices.Sort(want)
	for _, app := range apps {
		t.Run(app.name, func(t *testing.T) {
			got := slices.Sorted(maps.Keys(emitted(t, program, app.module, map[string]any{"splitIdentities": app.split})))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the app settings differ from what is read; a new one goes into infra/settings.bicep, into the type and into the function (-read +emitted):\n%s", diff)
			}
		})
	}
}

func TestTheAppSettingsHaveTheDefaultsOfTheProgram(t *testing.T) {
	got := emitted(t, load(t), "workApp", nil)
	for _, setting := range settings.All() {
		text, _ := got[setting.Name].(string)
		switch setting.Name {
		case settings.Organisation, settings.FormKeys, settings.GraphURL: // the deployment's own
			continue
		}
		if slices.Contains(notInAzure, setting.Name) || strings.HasPrefix(text, "?") {
			continue
		}
		if text != setting.Default {
			t.Errorf("%s is %q where nothing is said, and the program's default is %q", setting.Name, text, setting.Default)
		}
	}
}

// offered are the settings that an admin may give, each with a value of its own.
func offered(t *testing.T, program *bicep.Program) map[string]any {
	t.Helper()
	given := map[string]any{}
	for _, property := range declaration(t, program, settingsFile, bicep.Type, "ProgramSettings").Type.Properties {
		given[property.Name] = "given for " + property.Name
		if of := property.Type.Of; len(of) == 1 && of[0].Op == bicep.TypeLiteral {
			given[property.Name] = of[0].Literal.Text
		}
	}
	if len(given) < 20 {
		t.Fatalf("only %d settings are offered", len(given))
	}
	return given
}

// An admin's value must arrive, and the type must not offer what arrives nowhere.
func TestEverySettingThatIsOfferedArrives(t *testing.T) {
	program := load(t)
	given := offered(t, program)
	for _, split := range []bool{false, true} {
		module := "workApp"
		if split {
			module = "formApp"
		}
		arrived := emitted(t, program, module, map[string]any{"settings": given, "splitIdentities": split})
		for name, want := range given {
			if want == "vault" {
				want = secret
			}
			if arrived[name] != want {
				t.Errorf("%s arrives at %s as %v", name, module, arrived[name])
			}
		}
	}
}

// Secrets, and what can't do without one, are for the app with the form alone.
func TestSecretsReachTheFormOnly(t *testing.T) {
	program := load(t)
	for _, app := range apps {
		values := emitted(t, program, app.module, map[string]any{"settings": offered(t, program), "splitIdentities": app.split})
		for _, name := range []string{settings.FormKeys, settings.JSONKeys, settings.ChallengeSecret} {
			if (values[name] == secret) != app.form {
				t.Errorf("%s has %s = %q", app.name, name, values[name])
			}
		}
	}
}

// What the template emits, in each cloud and for each app, is what the program accepts.
func TestTheProgramStartsOnTheAppSettings(t *testing.T) {
	program := load(t)
	graph := declaration(t, program, mainFile, bicep.Var, "graphUrls").Value
	if len(graph.Properties) < 3 {
		t.Fatalf("only %d clouds are known", len(graph.Properties))
	}
	for _, cloud := range graph.Properties {
		for _, app := range apps {
			values := emitted(t, program, app.module, map[string]any{"splitIdentities": app.split, "entrance": map[string]any{
				"hostName": "join.contoso.com", "statusHostName": "status.contoso.com",
			}})
			values[settings.GraphURL] = cloud.Value.Text
			values[settings.StorageTablesURL] = "https://account.table.core.windows.net/"
			var pages web.Config
			_, err := settings.Read(func(name string) string {
				text, _ := values[name].(string)
				return text
			}, pages.Read)
			if err != nil {
				t.Errorf("%s, %s: %v", cloud.Key, app.name, err)
			}
			if app.split && app.form && pages.StatusOrigin != "https://status.contoso.com" {
				t.Errorf("the form leads to the status page at %q", pages.StatusOrigin)
			}
			if app.module == "statusApp" && pages.FormOrigin != "https://join.contoso.com" {
				t.Errorf("the status page leads to the form at %q", pages.FormOrigin)
			}
		}
	}
}

// functionFile is the part of a function.json that a deployment has to do with.
type functionFile struct {
	Bindings []struct {
		Type, QueueName, Connection, Schedule string
	}
}

func functionFiles(t *testing.T) map[string]functionFile {
	t.Helper()
	paths, err := filepath.Glob(root + "/*/function.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no function.json found: %v", err)
	}
	files := map[string]functionFile{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file functionFile
		err = json.Unmarshal(content, &file)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		files[filepath.Base(filepath.Dir(path))] = file
	}
	return files
}

func TestTheQueuesAreThoseOfTheFunctions(t *testing.T) {
	program := load(t)
	want := map[string]bool{}
	for _, file := range functionFiles(t) {
		for _, binding := range file.Bindings {
			if binding.QueueName != "" {
				want[binding.QueueName] = true
			}
			// The host puts what failed too often there, and would make the queue, which it has no right to.
			if binding.Type == "queueTrigger" && !strings.HasSuffix(binding.QueueName, "-poison") {
				want[binding.QueueName+"-poison"] = true
			}
		}
	}
	storage := declaration(t, program, mainFile, bicep.Module, "storage").Body().Get("params")
	made, err := program.Compute(mainFile, storage.Get("queueNames"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, name := range texts(t, made) {
		got[name] = true
		if !regexp.MustCompile(`^[a-z0-9](-?[a-z0-9]){2,62}$`).MatchString(name) {
			t.Errorf("%q is no name for a queue", name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the queues differ (-function.json +template):\n%s", diff)
	}
}

func TestTheTablesAreThoseOfTheProgram(t *testing.T) {
	program := load(t)
	storage := declaration(t, program, mainFile, bicep.Module, "storage").Body().Get("params")
	made, err := program.Compute(mainFile, storage.Get("tableNames"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, want := texts(t, made), tables.Names()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tables differ (-program +template):\n%s", diff)
	}
}

var settingReference = regexp.MustCompile(`%([^%]+)%`)

func TestTheFunctionsFindTheirSettings(t *testing.T) {
	got := emitted(t, load(t), "workApp", nil)
	for name, file := range functionFiles(t) {
		for _, binding := range file.Bindings {
			for _, match := range settingReference.FindAllStringSubmatch(binding.Schedule+binding.QueueName, -1) {
				if text, _ := got[match[1]].(string); text == "" {
					t.Errorf("%s names the setting %s, which is not emitted with a value", name, match[1])
				}
			}
			if binding.Connection != "" && (got[binding.Connection+"__queueServiceUri"] == nil || got[binding.Connection+"__clientId"] == nil ||
				got[binding.Connection+"__credential"] != "managedidentity") {
				t.Errorf("%s connects by %s, for which no address and identity are emitted", name, binding.Connection)
			}
		}
	}
}

// allowedRoles are the roles that may be given, and why (ids: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).
var allowedRoles = map[string]string{
	"b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
	"974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
	"19e7f393-937e-4f77-808e-94535e297925": "Storage Queue Data Reader",
	"c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
	"0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
	"76199698-9eea-4c19-bc75-cec21354c6b6": "Storage Table Data Reader",
	"3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
	"4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
}

const rolesFile = "infra/roles.bicep"

var guid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func TestOnlyAllowedRolesAreGivenAndAllAreUsed(t *testing.T) {
	program := load(t)
	used := map[string]bool{}
	for _, file := range program.Files() {
		for _, d := range file.Declarations {
			d.Value.Walk(func(e *bicep.Expr) {
				if e.Op == bicep.Member && e.Args[0].Op == bicep.Name && e.Args[0].Text == "roles" {
					used[e.Text] = true
				}
				if e.Op == bicep.String && guid.MatchString(e.Text) && file.Path != rolesFile && !strings.HasPrefix(file.Path, "infra/graph/") {
					t.Errorf("%s:%d: an id stands outside of %s", file.Path, e.Pos.Line, rolesFile)
				}
			})
		}
	}
	for _, role := range declaration(t, program, rolesFile, bicep.Var, "roles").Value.Properties {
		if allowedRoles[role.Value.Text] == "" {
			t.Errorf("the role %s (%s) is not on the list", role.Key, role.Value.Text)
		}
		if !used[role.Key] {
			t.Errorf("the role %s is given to nobody", role.Key)
		}
	}
}

// grant is one right as a template gives it.
type grant struct{ role, on, name string }

func grants(t *testing.T, program *bicep.Program, module string) []grant {
	t.Helper()
	of := declaration(t, program, mainFile, bicep.Module, module).Body().Get("params", "grants")
	computed, err := program.Compute(mainFile, of, nil)
	if err != nil {
		t.Fatalf("%s: %v", module, err)
	}
	var result []grant
	for _, one := range computed.([]any) {
		fields := one.(map[string]any)
		name, _ := fields["name"].(string)
		result = append(result, grant{allowedRoles[fields["role"].(string)], fields["on"].(string), name})
	}
	slices.SortFunc(result, func(a, b grant) int { return strings.Compare(a.role+a.on+a.name, b.role+b.on+b.name) })
	return result
}

// Nobody gets more than this, at no wider place.
func TestTheRightsAreTheNarrowestThatWork(t *testing.T) {
	const contributor, reader = "Storage Table Data Contributor", "Storage Table Data Reader"
	const sender, counter = "Storage Queue Data Message Sender", "Storage Queue Data Reader"
	state := func(role string) []grant {
		var list []grant
		for _, name := range tables.Names() {
			if name != "Policies" {
				list = append(list, grant{role, "table", name})
			}
		}
		slices.SortFunc(list, func(a, b grant) int { return strings.Compare(a.name, b.name) })
		return list
	}
	host := grant{"Storage Blob Data Owner", "account", ""}
	program := load(t)
	tests := map[string][]grant{
		"workAccess": slices.Concat([]grant{host, {"Storage Queue Data Contributor", "queue", "signups"}, {"Storage Queue Data Contributor", "queue", "signups-poison"}},
			state(contributor), []grant{{reader, "table", "Policies"}}),
		"formAccess":       {{sender, "queue", "signups"}},
		"formHostAccess":   {host},
		"statusAccess":     {{sender, "queue", "signups"}, {reader, "table", "Requests"}},
		"statusHostAccess": {host},
		"editorAccess":     {{contributor, "table", "Policies"}},
		"operatorAccess": slices.Concat([]grant{{sender, "queue", "signups"}, {counter, "queue", "signups"}, {counter, "queue", "signups-poison"}},
			state(contributor), []grant{{reader, "table", "Policies"}}),
	}
	for module, want := range tests {
		t.Run(module, func(t *testing.T) {
			if diff := cmp.Diff(want, grants(t, program, module), cmp.AllowUnexported(grant{})); diff != "" {
				t.Errorf("the rights differ (-want +template):\n%s", diff)
			}
		})
	}
	modules := 0
	for _, d := range program.File(mainFile).Declarations {
		if d.Kind == bicep.Module && d.Target.Text == "modules/access.bicep" {
			modules++
		}
	}
	if modules != len(tests) {
		t.Errorf("main.bicep gives rights in %d modules, and %d are tested", modules, len(tests))
	}
}

// refusedKeys are site properties that the Flex Consumption plan answers by error 51021, depending on the region.
var refusedKeys = []string{
	"linuxFxVersion", "windowsFxVersion", "netFrameworkVersion", "ftpsState", "use32BitWorkerProcess", "preWarmedInstanceCount",
	"functionsRuntimeScaleMonitoringEnabled", "alwaysOn", "healthCheckPath", "appSettings",
}

// refusedSettings are app settings that the plan takes from elsewhere, and refuses or misreads.
var refusedSettings = []string{
	"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_CONTENTSHARE",
	"WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", "SCM_DO_BUILD_DURING_DEPLOYMENT", "ENABLE_ORYX_BUILD",
	"WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT", "WEBSITE_TIME_ZONE", "TZ", "AzureWebJobsStorage",
}

func TestNothingIsSetThatThePlanRefuses(t *testing.T) {
	for _, file := range load(t).Files() {
		for _, d := range file.Declarations {
			d.Value.Walk(func(e *bicep.Expr) {
				for _, property := range e.Properties {
					if slices.Contains(refusedKeys, property.Key) || slices.Contains(refusedSettings, property.Key) {
						t.Errorf("%s:%d: the Flex Consumption plan refuses %s", file.Path, property.Pos.Line, property.Key)
					}
				}
			})
		}
	}
}

func TestTheAppIsACustomHandlerOnFlexConsumption(t *testing.T) {
	program := load(t)
	app := declaration(t, program, appFile, bicep.Resource, "app").Body()
	config := app.Get("properties", "functionAppConfig")
	got := []string{
		config.Get("runtime", "name").Text, config.Get("runtime", "version").Text, config.Get("deployment", "storage", "authentication", "type").Text,
		app.Get("kind").Text, declaration(t, program, appFile, bicep.Resource, "plan").Body().Get("sku", "name").Text,
	}
	if diff := cmp.Diff([]string{"custom", "1.0", "UserAssignedIdentity", "functionapp,linux", "FC1"}, got); diff != "" {
		t.Errorf("the app differs (-want +template):\n%s", diff)
	}
}

// hardened are the properties that keep others out.
var hardened = map[string]map[string]string{
	"infra/modules/storage.bicep account": {
		"allowSharedKeyAccess": "false", "allowBlobPublicAccess": "false", "minimumTlsVersion": "TLS1_2", "supportsHttpsTrafficOnly": "true",
		"defaultToOAuthAuthentication": "true", "isLocalUserEnabled": "false", "allowCrossTenantReplication": "false",
	},
	"infra/modules/app.bicep app":              {"httpsOnly": "true", "siteConfig minTlsVersion": "1.2", "siteConfig scmMinTlsVersion": "1.2"},
	"infra/modules/vault.bicep vault":          {"enableRbacAuthorization": "true", "enableSoftDelete": "true"},
	"infra/modules/monitoring.bicep workspace": {"features disableLocalAuth": "true"},
	"infra/modules/monitoring.bicep component": {"DisableLocalAuth": "true"},
}

func TestNothingOpensByAKey(t *testing.T) {
	program := load(t)
	for where, properties := range hardened {
		path, name, _ := strings.Cut(where, " ")
		body := declaration(t, program, path, bicep.Resource, name).Body().Get("properties")
		for property, want := range properties {
			got := body.Get(strings.Fields(property)...)
			if got == nil || got.Text != want {
				t.Errorf("%s: %s must be %s", where, property, want)
			}
		}
	}
}

// A service tag alone lets in whoever is a customer of that service.
func TestOnlyTheAllowedMayReachTheApp(t *testing.T) {
	got, err := load(t).Value(appFile, "rules", map[string]any{"allowedAddresses": []any{
		map[string]any{"name": "office", "range": "203.0.113.0/24"},
		map[string]any{"name": "front", "range": "AzureFrontDoor.Backend", "frontDoorId": "12345678-1234-1234-1234-123456789abc"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		map[string]any{"name": "office", "priority": 100, "action": "Allow", "ipAddress": "203.0.113.0/24", "tag": "Default", "headers": nil},
		map[string]any{
			"name": "front", "priority": 101, "action": "Allow", "ipAddress": "AzureFrontDoor.Backend", "tag": "ServiceTag",
			"headers": map[string]any{"x-azure-fdid": []any{"12345678-1234-1234-1234-123456789abc"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the rules differ (-want +template):\n%s", diff)
	}
}

func TestEachResourceTypeHasOneVersion(t *testing.T) {
	versions := map[string]string{}
	for _, file := range load(t).Files() {
		for _, d := range file.Declarations {
			if d.Kind != bicep.Resource {
				continue
			}
			kind, version, _ := strings.Cut(d.Target.Text, "@")
			if strings.HasSuffix(version, "-preview") && kind != "Microsoft.Insights/diagnosticSettings" {
				t.Errorf("%s:%d: %s is a preview", file.Path, d.Pos.Line, d.Target.Text)
			}
			if versions[kind] != "" && versions[kind] != version {
				t.Errorf("%s:%d: %s, elsewhere %s", file.Path, d.Pos.Line, d.Target.Text, versions[kind])
			}
			versions[kind] = version
		}
	}
}

// A secret goes from a secure parameter into secure parameters and into the key vault, and nowhere else.
func TestNoSecretLeaves(t *testing.T) {
	program := load(t)
	secrets := 0
	for _, file := range program.Files() {
		secure := map[string]bool{}
		for _, d := range file.Declarations {
			if d.Kind == bicep.Param && d.Decorated("secure") != nil {
				secure[d.Name] = true
				secrets++
			}
		}
		for _, d := range file.Declarations {
			if d.Kind == bicep.Output && suspicious.MatchString(d.Name) {
				t.Errorf("%s: the output %s sounds like a secret", file.Path, d.Name)
			}
			d.Value.Walk(func(e *bicep.Expr) {
				if e.Op == bicep.Name && secure[e.Text] && !mayHold(program, file, d, e) {
					t.Errorf("%s:%d: the secret %s goes into the %s %s", file.Path, e.Pos.Line, e.Text, d.Kind, d.Name)
				}
			})
		}
		for _, d := range file.Declarations {
			if d.Kind == bicep.Param && !secure[d.Name] && suspicious.MatchString(d.Name) {
				t.Errorf("%s: the parameter %s sounds like a secret and is not secure", file.Path, d.Name)
			}
		}
	}
	if secrets == 0 {
		t.Error("no secure parameter was found, so nothing was tested")
	}
}

var suspicious = regexp.MustCompile(`(?i)(password|secret|signingkey|accountkey|connectionstring$|token)`)

// mayHold reports whether the declaration may hold the secret: as a secure parameter of a module, or as the value of a vault's secret.
func mayHold(program *bicep.Program, file *bicep.File, d *bicep.Declaration, secret *bicep.Expr) bool {
	switch {
	case d.Kind == bicep.Resource && strings.HasPrefix(d.Target.Text, "Microsoft.KeyVault/vaults/secrets@"):
		// Beside the value itself, it may be asked whether there is one.
		return d.Body().Get("properties", "value") == secret || d.Value.Op == bicep.Cond && strings.Contains(asked(d.Value.Args[0]), "!empty "+secret.Text)
	case d.Kind == bicep.Module:
		target := program.File(filepath.ToSlash(filepath.Join(filepath.Dir(file.Path), d.Target.Text)))
		for _, property := range d.Body().Get("params").Properties {
			if property.Value != secret {
				continue
			}
			for _, param := range target.Declarations {
				if param.Kind == bicep.Param && param.Name == property.Key {
					return param.Decorated("secure") != nil
				}
			}
		}
	}
	return false
}

// asked spells a condition of the form !empty(x).
func asked(e *bicep.Expr) string {
	if e.Op == bicep.Unary && e.Args[0].Op == bicep.Call && len(e.Args[0].Args) == 2 {
		return e.Text + e.Args[0].Args[0].Text + " " + e.Args[0].Args[1].Text
	}
	return ""
}
