package deployment

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/web/session"
	"guestlist/handlers/web/signin"
)

// ofRegistration reports whether a parameter file is one of the app registration, which the Graph
// extension makes.
func ofRegistration(t *testing.T, path string) bool {
	t.Helper()
	return strings.HasPrefix(path, "infra/graph/") || strings.Contains(readFile(t, path), "\nusing '../graph/") ||
		strings.HasPrefix(readFile(t, path), "using '../graph/")
}

// registrations are the parameter files of the app registration.
var registrations = []string{"infra/graph/reviews", "infra/test/registration"}

// registered returns the objects of the directory that a parameter file would make, each list by
// type.
func registered(t *testing.T, path string) map[string][]map[string]any {
	t.Helper()
	var predicted struct {
		PredictedResources []struct {
			Type       string
			Properties map[string]any
		}
		Diagnostics []any
	}
	err := json.Unmarshal([]byte(readFile(t, path+".snapshot.json")), &predicted)
	if err != nil || len(predicted.Diagnostics) != 0 {
		t.Fatalf("%s: %v, %v", path, err, predicted.Diagnostics)
	}
	objects := map[string][]map[string]any{}
	for _, r := range predicted.PredictedResources {
		kind := strings.TrimSuffix(strings.TrimPrefix(r.Type, "Microsoft.Graph/"), "@v1.0")
		objects[kind] = append(objects[kind], r.Properties)
	}
	return objects
}

// roleIDs are the ids of the roles in every tenant. They must never change: assignments refer to
// them.
var roleIDs = map[session.Role]string{
	session.Reviewer:     "d06b8f14-65f7-48d2-a4fd-457d5b74e4a4",
	session.Operator:     "edfa9621-d3e8-4f9e-8dc5-bfb6ac9be8f3",
	session.PolicyReader: "d47465c4-32fd-4abf-b3fc-c6841852a015",
	session.Auditor:      "5a643005-e5d2-4c12-8ed2-a1ecfe5aac6e",
}

// text returns a value as JSON, to be compared.
func text(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func TestRegistrationIsWhatSignInNeeds(t *testing.T) {
	for _, path := range registrations {
		objects := registered(t, path)
		application := objects["applications"][0]
		const origin = "https://reviews.wingtiptoys.example"
		redirects := []string{origin + signin.PathBack, origin + signin.PathSignedOut}
		if got := text(t, at(application, "web", "redirectUris")); got != text(t, redirects) {
			t.Errorf("%s: the redirect URIs are %s, want %s", path, got, redirects)
		}
		if got := at(application, "web", "homePageUrl"); got != origin+signin.Root {
			t.Errorf("%s: the home page is %v", path, got)
		}
		if got := text(t, at(application, "optionalClaims")); got != `{"idToken":[{"name":"acct"}]}` {
			t.Errorf("%s: the optional claims are %s", path, got)
		}
		if application["signInAudience"] != "AzureADMyOrg" {
			t.Errorf("%s: people of other tenants may sign in: %v", path, application["signInAudience"])
		}
		roles := map[session.Role]string{}
		for _, role := range application["appRoles"].([]any) {
			name, _ := at(role, "value").(string)
			roles[session.Role(name)], _ = at(role, "id").(string)
			if text(t, at(role, "allowedMemberTypes")) != `["User"]` || at(role, "isEnabled") != true {
				t.Errorf("%s: the role %s is %v", path, name, role)
			}
		}
		if diff := cmp.Diff(roleIDs, roles); diff != "" || len(roles) != len(session.Roles()) {
			t.Errorf("%s: the roles differ (-want +template):\n%s", path, diff)
		}
	}
}

// TestRegistrationGivesTheAppNothing: what a person's token is for, and no permission of the app's
// own; no secret; no token by the implicit flow.
func TestRegistrationGivesTheAppNothing(t *testing.T) {
	for _, path := range registrations {
		objects := registered(t, path)
		application := objects["applications"][0]
		const wanted = `[{"resourceAccess":[` +
			`{"id":"37f7f235-527c-4136-accd-4a02d197296e","type":"Scope"},` + // openid
			`{"id":"14dad69e-099b-42c9-810b-d002981feec1","type":"Scope"},` + // profile
			`{"id":"e1fe6dd8-ba31-4d61-89e7-88639da4683d","type":"Scope"}],` + // User.Read
			`"resourceAppId":"00000003-0000-0000-c000-000000000000"}]`
		if got := text(t, application["requiredResourceAccess"]); got != wanted {
			t.Errorf("%s: the permissions are %s", path, got)
		}
		if got := text(t, at(application, "web", "implicitGrantSettings")); got != `{"enableAccessTokenIssuance":false,"enableIdTokenIssuance":false}` {
			t.Errorf("%s: the implicit flow: %s", path, got)
		}
		for _, secret := range []string{"passwordCredentials", "keyCredentials"} {
			if application[secret] != nil {
				t.Errorf("%s: it has %s", path, secret)
			}
		}
		consents := objects["oauth2PermissionGrants"]
		if len(consents) != 1 || consents[0]["scope"] != "openid profile User.Read" || consents[0]["consentType"] != "AllPrincipals" {
			t.Errorf("%s: the consent is %v", path, consents)
		}
	}
}

func TestRegistrationTrustsTheIdentity(t *testing.T) {
	credentials := registered(t, registrations[1])["applications/federatedIdentityCredentials"]
	if len(credentials) != 1 {
		t.Fatalf("%d credentials", len(credentials))
	}
	got := credentials[0]
	audiences := text(t, got["audiences"])
	// One for each cloud, as the program asks for them.
	source := readFile(t, "handlers/azure/identity/assertion.go")
	for _, suffix := range []string{"", "USGov", "China"} {
		inSource := suffix == "" || strings.Contains(source, `"`+suffix+`/.default"`)
		if !strings.Contains(audiences, "'api://AzureADTokenExchange"+suffix+"'") || !inSource {
			t.Errorf("the audience %q: template %s, in the program %t", suffix, audiences, inSource)
		}
	}
	if got["subject"] != "abcdef44-4444-4444-8444-444444444444" || got["name"] != "wingtip-reviews/managed-identity" ||
		!strings.Contains(text(t, got["issuer"]), "/v2.0") {
		t.Errorf("the credential is %v", got)
	}
}

// fakeGraph answers the calls of az in reviews.sh from the file $STATE. It is as strict as Graph
// about what may be made twice, and knows a new object only at the second question.
const fakeGraph = `#!/usr/bin/env node
const fs = require('fs')
const args = process.argv.slice(2)
const state = JSON.parse(fs.readFileSync(process.env.STATE, 'utf8'))
state.calls++
const end = (code, text) => {
  fs.writeFileSync(process.env.STATE, JSON.stringify(state))
  if (code) console.error(text)
  else if (text) console.log(text)
  process.exit(code)
}
const option = name => {
  const i = args.indexOf(name)
  return i < 0 ? undefined : args[i + 1]
}
const command = args.slice(0, 2).join(' ')
if (command === 'cloud show') end(0, process.env.CLOUD + '\thttps://graph.microsoft.us/\thttps://login.microsoftonline.us')
if (command === 'account show') end(0, 'tenant-id')
if (args[0] !== 'rest') end(1, 'unexpected: ' + args.join(' '))
const base = 'https://graph.microsoft.us/v1.0/'
const method = option('--method')
const url = option('--url')
if (!url.startsWith(base)) end(1, 'another address: ' + url)
const path = url.slice(base.length).replace(/\?.*$/, '')
const query = option('--query')
const headers = args.slice(args.indexOf('--headers') + 1).filter(a => /^[\w-]+=/.test(a))
const body = option('--body') ? JSON.parse(option('--body')) : undefined
if (body && !headers.includes('Content-Type=application/json')) end(1, 'no content type')
if (process.env.REFUSE && method !== 'get') end(1, 'Insufficient privileges to complete the operation.')
const late = key => {
  state.asked[key] = (state.asked[key] || 0) + 1
  return state.asked[key] < 2
}
const put = (key, more) => {
  if (!headers.includes('Prefer=create-if-missing')) end(1, 'it does not exist')
  state[key] = Object.assign(state[key] || {}, body, more)
  end(0)
}
const tsv = rows => end(0, rows.map(r => [].concat(r).join('\t')).join('\n'))
const app = path.match(/^applications\((uniqueName|appId)='([^']+)'\)(.*)$/)
const sp = path.match(/^servicePrincipals\(appId='([^']+)'\)$/)
if (app) {
  const [, key, value, rest] = app
  const known = state.application && state.application[key] === value
  if (rest === '' && method === 'patch') {
    if (state.application && state.application.uniqueName !== value) end(1, 'another registration')
    put('application', {uniqueName: value, appId: 'client-id'})
  }
  if (!known) end(1, 'Not Found')
  if (rest === '' && method === 'get') {
    if (query === 'appId') late('application') ? end(1, 'Not Found') : end(0, state.application.appId)
    if (query === 'web.redirectUris[]') tsv(state.application.web.redirectUris)
  }
  if (rest === "/federatedIdentityCredentials(name='managed-identity')" && method === 'patch') put('credential')
  if (rest === '/federatedIdentityCredentials' && query === 'value[].subject') tsv([state.credential.subject])
}
if (sp) {
  if (sp[1] === '00000003-0000-0000-c000-000000000000' && query === 'id') end(0, 'graph-object')
  if (sp[1] !== 'client-id') end(1, 'Not Found')
  if (method === 'patch') {
    if (late('principal')) end(1, 'Not Found')
    put('principal')
  }
  if (query === 'id') end(0, 'principal-id')
  if (query === 'accountEnabled') end(0, String(state.principal.accountEnabled))
}
if (path === 'servicePrincipals/principal-id/oauth2PermissionGrants') {
  const found = state.grants.filter(g => g.consentType === 'AllPrincipals')
  if (query.endsWith('.scope')) tsv(found.map(g => g.scope))
  if (query.includes("resourceId=='graph-object'") && query.endsWith('.[id, scope]'))
    tsv(found.filter(g => g.resourceId === 'graph-object').map(g => [g.id, g.scope]))
}
if (path === 'oauth2PermissionGrants' && method === 'post') {
  if (state.grants.some(g => g.resourceId === body.resourceId && g.consentType === body.consentType)) end(1, 'Permission entry already exists.')
  state.grants.push({...body, id: 'grant-' + state.grants.length})
  end(0)
}
const grant = state.grants.find(g => path === 'oauth2PermissionGrants/' + g.id)
if (grant && method === 'patch') {
  Object.assign(grant, body)
  end(0)
}
if (path === 'servicePrincipals/principal-id/appRoleAssignedTo') {
  if (method === 'get' && query === 'value[].[appRoleId, principalId]') tsv(state.assignments.map(a => [a.appRoleId, a.principalId]))
  if (method === 'post') {
    if (state.assignments.some(a => a.appRoleId === body.appRoleId && a.principalId === body.principalId)) end(1, 'Permission being assigned already exists on the object')
    state.assignments.push(body)
    end(0)
  }
}
end(1, 'unexpected: ' + args.join(' '))
`

// directory is what fakeGraph keeps.
type directory struct {
	Application map[string]any
	Principal   map[string]any
	Credential  map[string]any
	Grants      []map[string]any
	Assignments []map[string]any
	Calls       int
}

// register returns what runs reviews.sh with a fake az, and what returns the directory.
func register(t *testing.T, state string, env ...string) (run func(args ...string) (string, error), kept func() directory) {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "state.json")
	for path, content := range map[string]string{filepath.Join(folder, "az"): fakeGraph, file: state} {
		err := os.WriteFile(path, []byte(content), 0o755)
		if err != nil {
			t.Fatal(err)
		}
	}
	run = func(args ...string) (string, error) {
		cmd := exec.Command(filepath.Join(root, "infra/graph/reviews.sh"), args...)
		cmd.Env = append(os.Environ(), append([]string{"PATH=" + folder + ":" + os.Getenv("PATH"), "STATE=" + file, "PAUSE=0", "CLOUD=AzureUSGovernment"}, env...)...)
		output, err := cmd.CombinedOutput()
		return string(output), err
	}
	kept = func() directory {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d directory
		err = json.Unmarshal(content, &d)
		if err != nil {
			t.Fatal(err)
		}
		d.Calls = 0
		return d
	}
	return run, kept
}

const emptyDirectory = `{"asked": {}, "calls": 0, "grants": [], "assignments": []}`

// TestScriptRegistersWhatTheTemplateDoes compares the two, property by property, from the same file
// of parameters, and again after a second run.
func TestScriptRegistersWhatTheTemplateDoes(t *testing.T) {
	parameters := filepath.Join(root, registrations[1]+".bicepparam")
	run, kept := register(t, emptyDirectory)
	output, err := run(parameters)
	if err != nil || !strings.HasSuffix(output, "client id, for settings.GUESTLIST_SIGN_IN_CLIENT_ID: client-id\n") {
		t.Fatalf("%v: %s", err, output)
	}
	first := kept()
	want := registered(t, registrations[1])
	application := want["applications"][0]
	delete(application, "owners")
	application["appId"] = "client-id"
	credential := want["applications/federatedIdentityCredentials"][0]
	delete(credential, "name")
	credential["audiences"] = []any{"api://AzureADTokenExchangeUSGov"}
	credential["issuer"] = "https://login.microsoftonline.us/tenant-id/v2.0"
	principal := want["servicePrincipals"][0]
	delete(principal, "appId")
	consent := want["oauth2PermissionGrants"][0]
	consent["clientId"], consent["resourceId"], consent["id"] = "principal-id", "graph-object", "grant-0"
	for _, assignment := range want["appRoleAssignedTo"] {
		assignment["resourceId"] = "principal-id"
	}
	wanted := directory{application, principal, credential, []map[string]any{consent}, want["appRoleAssignedTo"], 0}
	if diff := cmp.Diff(wanted, first); diff != "" {
		t.Errorf("the script differs (-template +script):\n%s", diff)
	}
	if len(first.Assignments) != 4 {
		t.Errorf("%d people have roles, want 4", len(first.Assignments))
	}
	output, err = run(parameters)
	if err != nil || strings.Count(output, " already\n") != 4 {
		t.Errorf("again: %v: %s", err, output)
	}
	if diff := cmp.Diff(first, kept()); diff != "" {
		t.Errorf("the second run changes something (-first +second):\n%s", diff)
	}
	output, err = run("--list", parameters)
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, line := range []string{
		"client id: client-id", "people can sign in: false", "redirect URI: https://reviews.wingtiptoys.example/reviews/signed-out",
		"identity: abcdef44-4444-4444-8444-444444444444", "consent for everybody: openid profile User.Read",
		"Reviewer: 22222222-2222-4222-8222-222222222222", "Operator: 33333333-3333-4333-8333-333333333333",
	} {
		if !strings.Contains(output, line+"\n") {
			t.Errorf("--list does not say %q: %s", line, output)
		}
	}
}

// TestScriptMendsRegistration: what somebody has changed is as the parameters say again, and a
// consent to more is taken back.
func TestScriptMendsRegistration(t *testing.T) {
	run, kept := register(t, `{"asked": {"application": 5, "principal": 5}, "calls": 0,
		"application": {"uniqueName": "wingtip-reviews", "appId": "client-id", "signInAudience": "AzureADMultipleOrgs",
			"web": {"redirectUris": ["https://evil.example/"]}},
		"principal": {"accountEnabled": true}, "credential": {"subject": "somebody"},
		"grants": [{"id": "grant-0", "clientId": "principal-id", "resourceId": "graph-object", "consentType": "AllPrincipals",
			"scope": "openid profile User.Read Directory.Read.All"}],
		"assignments": [{"appRoleId": "D06B8F14-65F7-48D2-A4FD-457D5B74E4A4", "principalId": "11111111-1111-4111-8111-111111111111"}]}`)
	output, err := run(filepath.Join(root, registrations[1]+".bicepparam"))
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	got := kept()
	if got.Application["signInAudience"] != "AzureADMyOrg" || strings.Contains(text(t, got.Application), "evil") ||
		got.Principal["accountEnabled"] != false || got.Credential["subject"] != "abcdef44-4444-4444-8444-444444444444" ||
		len(got.Grants) != 1 || got.Grants[0]["scope"] != "openid profile User.Read" || len(got.Assignments) != 4 {
		t.Errorf("%s", text(t, got))
	}
}

func TestScriptRefusesParametersBeforeItChangesAnything(t *testing.T) {
	whole := readFile(t, registrations[1]+".bicepparam")
	replaced := func(line, by string) string {
		changed := regexp.MustCompile(`(?m)^param `+line+` = .*$`).ReplaceAllLiteralString(whole, by)
		if changed == whole {
			t.Fatalf("there is no parameter %s", line)
		}
		return changed
	}
	tests := map[string]struct{ file, says string }{
		"no origin":               {replaced("origin", ""), "origin"},
		"an origin in the clear":  {replaced("origin", "param origin = 'http://reviews.wingtiptoys.example'"), "origin"},
		"an origin with a path":   {replaced("origin", "param origin = 'https://reviews.wingtiptoys.example/reviews'"), "origin"},
		"an expression":           {replaced("origin", "param origin = readEnvironmentVariable('ORIGIN')"), "can't be read"},
		"an expression in a text": {replaced("origin", "param origin = 'https://${host}'"), "can't be read"},
		"no identity":             {replaced("identityPrincipalId", "param identityPrincipalId = '00000000-0000-0000-0000-000000000000'"), "identityPrincipalId"},
		"an identity's name":      {replaced("identityPrincipalId", "param identityPrincipalId = 'id-guestlist'"), "identityPrincipalId"},
		"a quote in the name":     {replaced("displayName", "param displayName = 'Wing\"tip'"), "can't be read"},
		"a unique name with a '":  {replaced("uniqueName", `param uniqueName = 'a\'b'`), "can't be read"},
		"a unique name of words":  {replaced("uniqueName", "param uniqueName = 'a b'"), "uniqueName"},
		"a switch in words":       {replaced("enabled", "param enabled = 'yes'"), "can't be read"},
		"a person by name":        {replaced("auditors", "param auditors = ['ana@contoso.com']"), "not an object id"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "reviews.bicepparam")
			err := os.WriteFile(file, []byte(test.file), 0o644)
			if err != nil {
				t.Fatal(err)
			}
			run, kept := register(t, emptyDirectory)
			output, err := run(file)
			if err == nil || !strings.Contains(output, test.says) || kept().Application != nil {
				t.Errorf("%v: %s", err, output)
			}
		})
	}
}

// The file for admins has no identity yet, so it can't be used by mistake.
func TestScriptRefusesFileAsItComes(t *testing.T) {
	run, _ := register(t, emptyDirectory)
	for _, args := range [][]string{nil, {"--remove"}, {"a", "b"}, {"missing.bicepparam"}, {"--list"}} {
		output, err := run(args...)
		if err == nil {
			t.Errorf("%q: %s", args, output)
		}
	}
}

func TestScriptSaysWhatRightIsMissing(t *testing.T) {
	run, kept := register(t, emptyDirectory, "REFUSE=yes")
	output, err := run(filepath.Join(root, registrations[1]+".bicepparam"))
	if err == nil || !strings.Contains(output, "Cloud Application Administrator") || kept().Application != nil {
		t.Errorf("%v: %s", err, output)
	}
}

// TestRegistrationFileNamesEveryParameterOfPeople: nobody has to look for the roles.
func TestRegistrationFileNamesEveryParameterOfPeople(t *testing.T) {
	given := readFile(t, registrations[0]+".bicepparam")
	names := declared(t, "infra/graph/reviews.bicep", "param")
	for _, name := range []string{"origin", "identityPrincipalId", "reviewers", "operators", "policyReaders", "auditors"} {
		if !slices.Contains(names, name) || !strings.Contains(given, "\nparam "+name+" = ") {
			t.Errorf("the parameter %s is not in the template, or not in the file", name)
		}
	}
	full := readFile(t, registrations[1]+".bicepparam")
	for _, name := range names {
		if !strings.Contains(full, "\nparam "+name+" = ") {
			t.Errorf("%s.bicepparam does not give %s", registrations[1], name)
		}
	}
}
