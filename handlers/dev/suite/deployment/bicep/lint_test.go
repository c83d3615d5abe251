package bicep

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// many declares n things, each after the pattern.
func many(n int, pattern string) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, pattern, i)
	}
	return text.String()
}

func TestTheLinterFinds(t *testing.T) {
	const site = "resource site 'Microsoft.Web/sites@2025-03-01' = {\n  name: 'a'\n}\n"
	tests := map[string]struct{ right, wrong string }{
		"adminusername-should-not-be-literal": {"param a string\nvar b = { adminUsername: a }\n", "var b = { adminUsername: 'root' }\n"},
		"artifacts-parameters":                {"param artifacts string\n", "param _artifactsLocation string\n"},
		"decompiler-cleanup":                  {"var a = 1\n", "var a_var = 1\n"},
		"explicit-values-for-loc-params":      {"module a 'placed.bicep' = {\n  params: { location: 'global' }\n}\n", "module a 'placed.bicep' = {\n}\n"},
		"max-outputs":                         {many(64, "output o%d string = a\n"), many(65, "output o%d string = a\n")},
		"max-params":                          {many(256, "param p%d string\n"), many(257, "param p%d string\n")},
		"max-resources":                       {many(800, "resource r%d 'A.B/c@2025-01-01' = {}\n"), many(801, "resource r%d 'A.B/c@2025-01-01' = {}\n")},
		"max-variables":                       {many(512, "var v%d = {}\n"), many(513, "var v%d = {}\n")},
		"no-conflicting-metadata":             {"@metadata({ a: 'b' })\n@description('x')\nparam a string\n", "@metadata({ description: 'b' })\n@description('x')\nparam a string\n"},
		"no-deployments-resources":            {site, "resource d 'Microsoft.Resources/deployments@2025-04-01' = {\n  name: 'a'\n}\n"},
		"no-hardcoded-env-urls":               {"var a = 'https://contoso.com/xcore.windows.net'\n", "var a = 'https://x${b}.blob.core.windows.net'\n"},
		"no-hardcoded-location":               {"resource a 'A.B/c@2025-01-01' = {\n  location: 'global'\n}\n", "resource a 'A.B/c@2025-01-01' = {\n  location: 'westeurope'\n}\n"},
		"no-hardcoded-outputs":                {"param p string\noutput o object = { a: [p] }\n", "output o object = { a: [-1, null, true, 'x'] }\n"},
		"no-loc-expr-outside-params":          {"param a string = resourceGroup().location\nvar b = resourceGroup().id\n", "var b = resourceGroup().location\n"},
		"no-module-name":                      {"module a 'part.bicep' = {\n}\n", "module a 'part.bicep' = {\n  name: 'a'\n}\n"},
		"no-unnecessary-dependson": {
			site + "resource b 'A.B/c@2025-01-01' = {\n  properties: {}\n  dependsOn: [site]\n}\n",
			site + "var id = site.id\nresource b 'A.B/c@2025-01-01' = {\n  properties: { id: id }\n}\nresource c 'A.B/c@2025-01-01' = {\n  properties: { id: b.id }\n  dependsOn: [site]\n}\n",
		},
		"outputs-should-not-contain-secrets": {"@secure()\nparam a string\n@secure()\noutput o string = a\n", "@secure()\nparam a string\noutput o string = 'x${a}'\n"},
		"prefer-interpolation":               {"var a = concat(b, ['x'])\n", "var a = concat(b, 'x')\n"},
		"prefer-unquoted-property-names":     {"var a = { 'b-c': 1, '${x}': 2, d: a['e-f'] }\n", "var a = { 'b_c': 1 }\n"},
		"protect-commandtoexecute-secrets":   {"var a = { command: 'x' }\n", "var a = { settings: { commandToExecute: 'x' } }\n"},
		"secure-parameter-default":           {"@secure()\nparam a string = ''\n@secure()\nparam b string = 'x${newGuid()}'\nparam c string = 'x'\n", "@secure()\nparam a string = 'x'\n"},
		"secure-params-in-parameters-file":   {"using 'part.bicep'\nparam label = 'x'\nparam key = readEnvironmentVariable('KEY')\n", "using 'part.bicep'\nparam key = 'x'\n"},
		"secure-secrets-in-params":           {"@secure()\nparam secret string\nparam secretName string\nparam secrets int\n", "param clientSecret string?\n"},
		"simplify-interpolation":             {"param a string\nparam n int\nvar b = { '${a}': '${a}x', c: '${n}' }\n", "param a string\nvar b = { c: '${a}' }\n"},
		"simplify-json-null":                 {"var a = json('{}')\n", "var a = json('null')\n"},
		"use-parent-property":                {"resource b 'A.B/c@2025-01-01' = {\n  name: replace(x, '/', '-')\n}\n", "resource b 'A.B/c/d@2025-01-01' = {\n  name: '${a}/b'\n}\n"},
		"use-safe-access":                    {"param a object\nvar b = contains(a, 'c') ? 1 : 2\nvar d = a.?c ?? 2\n", "param a object\nvar b = contains(a, 'c') ? a.c : 2\n"},
		"use-stable-resource-identifiers": {
			"param a string = newGuid()\nresource b 'A.B/c@2025-01-01' = {\n  name: 'b'\n  properties: { key: a }\n}\n",
			"param a string = newGuid()\nvar d = 'x${a}'\nresource b 'A.B/c@2025-01-01' = {\n  name: d\n}\n",
		},
		"use-stable-vm-image":    {"var a = { image: {} }\n", "var a = { imageReference: {} }\n"},
		"use-user-defined-types": {"param a { b: string, *: int }?\nparam c string[]\n", "func a(b string) object => { c: b }\n"},
	}
	for _, rule := range LintRules() {
		test, found := tests[rule]
		if !found {
			t.Errorf("the rule %s is not tested", rule)
			continue
		}
		t.Run(rule, func(t *testing.T) {
			if got := linted(rule, test.right); len(got) > 0 {
				t.Errorf("what is right: %q", got)
			}
			if got := linted(rule, test.wrong); len(got) != 1 {
				t.Errorf("what is wrong is found as %q", got)
			}
		})
	}
	if len(tests) != len(LintRules()) {
		t.Errorf("%d rules are tested, and there are %d", len(tests), len(LintRules()))
	}
}

// Every place where a type may stand is looked at.
func TestTypesAreWantedEverywhere(t *testing.T) {
	for _, content := range []string{
		"param a object\n", "param a array?\n", "param a { b: { c: object[] } }\n", "type a = { *: object }\n", "output a object = {}\n", "var a array = []\n",
		"func a(b object) string => 'x'\n", "func a(b string) array => [b]\n", "param a (object | array)\n",
	} {
		if got := linted("use-user-defined-types", content); len(got) != 1+strings.Count(content, "|") {
			t.Errorf("%q: %q", content, got)
		}
	}
}

// linted returns what the rule finds in a file.
func linted(rule, content string) []string {
	name := "main.bicep"
	if strings.HasPrefix(content, "using") {
		name = "main.bicepparam"
	}
	files := fstest.MapFS{
		name:           {Data: []byte(content)},
		"part.bicep":   {Data: []byte(others["part.bicep"])},
		"placed.bicep": {Data: []byte("param location string = 'x'\n")},
	}
	program, _ := Load(files, name, "part.bicep", "placed.bicep")
	var texts []string
	for _, fault := range program.Lint() {
		if fault.Path == name && strings.HasPrefix(fault.Text, rule+": ") {
			texts = append(texts, fault.String())
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}
