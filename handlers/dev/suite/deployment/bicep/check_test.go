package bicep

import (
	"strings"
	"testing"
	"testing/fstest"
)

// others are files that the tested one may refer to.
var others = map[string]string{
	"part.bicep": "param size int\nparam label string = 'x'\n@secure()\nparam key string?\nparam kind 'a' | 'b' = 'a'\n" +
		"output all string = '${size}${label}${key ?? ''}${kind}'\n",
	"sub.bicep": "targetScope = 'subscription'\noutput x string = 'x'\n",
	"types.bicep": "@export()\ntype Box = {\n  width: int\n  lid: string?\n}\n@export()\nfunc area(box Box) int => box.width * box.width\n" +
		"@export()\nvar sizes = {\n  big: 3\n}\ntype Hidden = string\noutput x Hidden = 'x'\n" +
		"@export()\ntype Bounded = {\n  @minValue(2)\n  @maxValue(5)\n  size: int?\n}\n",
	"bounds.bicep": "@minValue(2)\n@maxValue(5)\nparam size int\n@minLength(3)\n@maxLength(20)\nparam name string\noutput o string = '${name}${size}'\n",
	"note.txt":     "x",
}

func faultsOf(t *testing.T, name, content string) []string {
	t.Helper()
	files := fstest.MapFS{name: {Data: []byte(content)}}
	paths := []string{name}
	for other, text := range others {
		files[other] = &fstest.MapFile{Data: []byte(text)}
		if strings.HasSuffix(other, ".bicep") {
			paths = append(paths, other)
		}
	}
	_, faults := Load(files, paths...)
	var texts []string
	for _, fault := range faults {
		if fault.Path != name {
			t.Fatalf("the test's own files are wrong: %v", fault)
		}
		texts = append(texts, fault.String())
	}
	return texts
}

func TestWhatIsRightHasNoFaults(t *testing.T) {
	tests := map[string]string{
		"a quote in a text": "@description('It\\'s')\nparam a string[] = []\noutput b string[] = a\n",
		"parameters and variables": "@description('text')\nparam names string[] = ['a', 'b']\nparam on bool = true\n" +
			"var long = map(names, (name, i) => '${name}${i}')\nvar lengths = toObject(names, name => name, name => length(name))\n" +
			"var some = filter(long, name => name != 'x' && length(name) > 1)\nvar choice = on\n  ? some\n  : []\n" +
			"output o object = union(lengths, { n: length(choice) + 2, 'a-b': [1, 2], c: null })\n",
		"types": "import { Box, area, sizes } from 'types.bicep'\nimport * as t from 'types.bicep'\n" +
			"param box Box = { width: 1 }\nparam more t.Box[]?\nvar lids = [for b in more ?? []: b.?lid ?? '']\n" +
			"output o int = area(box) + sizes.big\noutput p string[] = lids\noutput q int = t.area({ width: 2, lid: null })\n",
		"resources": "param names array\nresource a 'Microsoft.Storage/storageAccounts@2026-04-01' = {\n  name: 'a'\n\n  resource b 'queueServices' = {\n" +
			"    name: 'default'\n  }\n}\nresource c 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' = [for (name, i) in names: if (i > 0) {\n" +
			"  parent: a::b\n  name: name\n  dependsOn: [\n    d\n    a::b\n  ]\n}]\nresource d 'Microsoft.Web/sites@2025-03-01' existing = {\n  name: a.name\n}\n",
		"modules": "param deploy bool\nmodule a 'part.bicep' = {\n  params: { size: 1, key: null }\n}\nmodule b 'part.bicep' = if (deploy) {\n" +
			"  params: { size: length(a.outputs.all), kind: deploy ? 'a' : 'b' }\n}\nmodule c 'sub.bicep' = {\n  scope: subscription()\n}\n" +
			"output o string = deploy ? b!.outputs.all : c.outputs.x\noutput p string = b.?outputs.all ?? loadTextContent('note.txt')\n",
		"bounds": "@minLength(3)\n@maxLength(4)\nparam a string\nparam b string\nparam n int\nmodule m 'bounds.bicep' = {\n" +
			"  params: { size: n, name: 'abc${take(b, 4)}${uniqueString(a)}' }\n}\nmodule o 'bounds.bicep' = {\n  params: { size: 5, name: b }\n}\n",
		"functions of its own": "func twice(text string, n int?) string => '${text}${text}${n ?? 0}'\noutput o string = twice('a', null)\n",
		"a default made anew":  "@secure()\nparam a string = newGuid()\nparam b string = '${a}x'\noutput o bool = empty(b)\n",
		"comments":             "// a\n/* b\n */\n#disable-next-line no-unused-params\nparam a string\noutput o string = a // c\n",
		"a text in lines":      "output o string = '''\nit's ${plain}\n'''\n",
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			for _, fault := range faultsOf(t, "main.bicep", content) {
				t.Error(fault)
			}
		})
	}
}

func TestParametersFitTheirTemplate(t *testing.T) {
	tests := map[string]struct{ content, want string }{
		"all right":             {"using 'part.bicep'\n\nvar n = 1\nparam size = n\nparam kind = readEnvironmentVariable('X', '') == '' ? 'a' : 'b'\n", ""},
		"an unknown one":        {"using 'part.bicep'\nparam size = 1\nparam sise = 1\n", "has no parameter sise"},
		"a missing one":         {"using 'part.bicep'\nparam label = 'x'\n", "wants the parameter size"},
		"another type":          {"using 'part.bicep'\nparam size = 'big'\n", "size must be int"},
		"another literal":       {"using 'part.bicep'\nparam size = 1\nparam kind = 'c'\n", "kind must be 'a' or 'b'"},
		"a resource group":      {"using 'part.bicep'\nparam size = 1\nparam label = resourceGroup().name\n", "may not be called in a file of this kind"},
		"a template that isn't": {"using 'port.bicep'\nparam size = 1\n", "port.bicep is no file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { expectFault(t, "main.bicepparam", test.content, test.want) })
	}
}

// expectFault wants exactly one fault that holds the text, or none if the text is empty.
func expectFault(t *testing.T, name, content, want string) {
	t.Helper()
	got := faultsOf(t, name, content)
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("found %q, want nothing", got)
	case want != "" && (len(got) != 1 || !strings.Contains(got[0], want)):
		t.Errorf("found %q, want one fault that says %q", got, want)
	}
}

func TestMistakesAreFound(t *testing.T) {
	const site = "resource site 'Microsoft.Web/sites@2025-03-01' = {\n  name: 'a'\n}\n"
	const module = "module part 'part.bicep' = {\n  params: { size: 1 }\n}\n"
	const maybe = "param on bool\nmodule part 'part.bicep' = if (on) {\n  params: { size: 1 }\n}\n"
	const box = "import { Box } from 'types.bicep'\nparam box Box\n"
	tests := map[string]struct{ content, want string }{
		"an undeclared name":               {"output o string = nobody\n", "nobody is declared nowhere"},
		"an undeclared name in a string":   {"output o string = 'a${nobody}'\n", "nobody is declared nowhere"},
		"a name of a loop outside of it":   {"var a = [for x in []: x]\noutput o array = concat(a, x)\n", "x is declared nowhere"},
		"an unknown function":              {"output o string = toLowr('A')\n", "toLowr is no function"},
		"an unknown decorator":             {"@descripton('x')\nparam a string\noutput o string = a\n", "@descripton is no decorator"},
		"an unknown type":                  {"param a strin\noutput o string = a\n", "strin is no type"},
		"a name declared twice":            {"var a = 1\nvar a = 2\noutput o int = a\n", "a is declared twice"},
		"an unused parameter":              {"param a string\n", "the param a is used nowhere"},
		"an unused variable":               {"var a = 1\n", "the var a is used nowhere"},
		"an unused import":                 {"import { Box } from 'types.bicep'\n", "the import Box is used nowhere"},
		"an unused existing resource":      {"resource a 'Microsoft.Web/sites@2025-03-01' existing = {\n  name: 'x'\n}\n", "used nowhere"},
		"an import that is not exported":   {"import { Hidden } from 'types.bicep'\nparam a Hidden\noutput o string = a\n", "exports no Hidden"},
		"an import from nowhere":           {"import { Box } from 'tapes.bicep'\noutput o int = empty(Box) ? 1 : 2\n", "tapes.bicep is no file"},
		"a module that isn't":              {"module a 'port.bicep' = {\n}\n", "port.bicep is no file"},
		"a module without a parameter":     {"module a 'part.bicep' = {\n}\n", "wants the parameter size"},
		"a module with an unknown one":     {"module a 'part.bicep' = {\n  params: { size: 1, sise: 2 }\n}\n", "has no parameter sise"},
		"a parameter of another type":      {"module a 'part.bicep' = {\n  params: { size: 'x' }\n}\n", "size must be int"},
		"null for what takes none":         {"module a 'part.bicep' = {\n  params: { size: null }\n}\n", "size must be int"},
		"an output that isn't":             {module + "output o string = part.outputs.every\n", "has no output every"},
		"an output of another type":        {module + "output o int = part.outputs.all\n", "o must be int"},
		"a module of another scope":        {"module a 'sub.bicep' = {\n}\n", "needs a scope"},
		"a property of a module":           {"module a 'part.bicep' = {\n  parms: {}\n  params: { size: 1 }\n}\n", "a module has no parms"},
		"what may not be deployed":         {maybe + "output o string = part.outputs.all\n", "deployed under a condition"},
		"what may be null":                 {"param a { b: string }?\noutput o bool = empty(a.b)\n", "may be null"},
		"null in a string":                 {"param a string?\noutput o string = 'x${a}'\n", "may be null"},
		"null as a string":                 {"param a string?\noutput o string = a\n", "o must be string"},
		"a property that a type lacks":     {box + "output o int = box.hight\n", "no property hight"},
		"a property of a text":             {"param a string\noutput o string = a.b\n", "has no property b"},
		"a property too many":              {"import { Box } from 'types.bicep'\nparam box Box = { width: 1, hight: 2 }\noutput o int = box.width\n", "no property hight"},
		"a property too few":               {"import { Box } from 'types.bicep'\nparam box Box = {}\noutput o int = box.width\n", "wants a property width"},
		"a property of another type":       {"import { Box } from 'types.bicep'\nparam box Box = { width: '1' }\noutput o int = box.width\n", "width must be int"},
		"a property of an element":         {"import { Box } from 'types.bicep'\nparam boxes Box[]\noutput o array = [for b in boxes: b.hight]\n", "no property hight"},
		"a property in a lambda":           {"import { Box } from 'types.bicep'\nparam boxes Box[]\noutput o array = map(boxes, b => b.hight)\n", "no property hight"},
		"a property twice":                 {"output o object = { a: 1, a: 2 }\n", "stands in the object twice"},
		"a literal that is none of them":   {"param a 'x' | 'y' = 'z'\noutput o string = a\n", "must be 'x' or 'y'"},
		"a number below the least":         {"@minValue(2)\n@maxValue(5)\nparam a int = 1\noutput o int = a\n", "must be int of 2 to 5 and is 1"},
		"a number above the most":          {"import { Bounded } from 'types.bicep'\nparam a Bounded = { size: 6 }\noutput o int? = a.?size\n", "size must be int of 2 to 5 or null and is 6"},
		"a number that may be too low":     {"import { Bounded } from 'types.bicep'\n@minValue(1)\nparam a int\nparam b Bounded\nmodule m 'bounds.bicep' = {\n  params: { size: b.?size ?? a, name: 'abc' }\n}\n", "size must be int of 2 to 5"},
		"a text that is too short":         {"module m 'bounds.bicep' = {\n  params: { size: 2, name: 'ab' }\n}\n", "name must be string of 3 to 20 and is 'ab'"},
		"a text that may be too long":      {"@maxLength(5)\nparam a string\nmodule m 'bounds.bicep' = {\n  params: { size: 2, name: 'abc${a}${uniqueString(a)}' }\n}\n", "and is string of 16 to 21"},
		"a text that may be too short":     {"param a string\nvar b = take(a, 2)\nmodule m 'bounds.bicep' = {\n  params: { size: 2, name: 'a${b}' }\n}\n", "and is string of 1 to 3"},
		"an id that is too long":           {"module m 'bounds.bicep' = {\n  params: { size: 2, name: guid('a') }\n}\n", "and is string of 36 to 36"},
		"a sealed type that is open":       {"@sealed()\ntype T = {\n  *: string\n}\nparam a T\noutput o object = a\n", "is sealed"},
		"a condition that is none":         {"output o int = 'x' ? 1 : 2\n", "the condition must be bool"},
		"an argument too many":             {"func f(a string) string => a\noutput o string = f('a', 'b')\n", "takes 1 arguments"},
		"an argument of another type":      {"func f(a string) string => a\noutput o string = f(1)\n", "a must be string"},
		"a function that looks around":     {"param p string\nfunc f(a string) string => '${a}${p}'\noutput o string = f(p)\n", "sees its own parameters only"},
		"a name known too late":            {site + module + "resource b 'Microsoft.Web/sites@2025-03-01' = {\n  name: part.outputs.all\n}\noutput o string = site.id\n", "must be known before"},
		"a name known too late, by a var":  {site + "var late = site.properties.state\nresource b 'Microsoft.Web/sites@2025-03-01' = {\n  name: 'a${late}'\n}\n", "must be known before"},
		"a condition known too late":       {site + "resource b 'Microsoft.Web/sites@2025-03-01' = if (site.properties.enabled) {\n  name: 'b'\n}\n", "must be known before"},
		"a loop known too late":            {site + "resource b 'Microsoft.Web/sites@2025-03-01' = [for n in site.properties.hostNames: {\n  name: n\n}]\n", "must be known before"},
		"a resource without a name":        {"resource b 'Microsoft.Web/sites@2025-03-01' = {\n  location: 'x'\n}\n", "b has no name"},
		"a type without a version":         {"resource b 'Microsoft.Web/sites' = {\n  name: 'x'\n}\n", "no resource type with a version"},
		"a parent of another kind":         {site + "resource b 'Microsoft.Storage/storageAccounts/queueServices@2026-04-01' = {\n  parent: site\n  name: 'x'\n}\n", "is no child of"},
		"a grandchild as a child":          {site + "resource b 'Microsoft.Web/sites/a/b@2025-03-01' = {\n  parent: site\n  name: 'x'\n}\n", "is no child of"},
		"a nested resource that isn't":     {site + "output o string = site::config.id\n", "no resource config is nested"},
		"a need that is no resource":       {"var a = 1\nresource b 'Microsoft.Web/sites@2025-03-01' = {\n  name: 'x'\n  dependsOn: [\n    a\n  ]\n}\n", "dependsOn takes"},
		"a circle":                         {"var a = b\nvar b = a\noutput o string = a\n", "need each other"},
		"a circle of modules":              {"module a 'part.bicep' = {\n  params: { size: length(b.outputs.all) }\n}\nmodule b 'part.bicep' = {\n  params: { size: length(a.outputs.all) }\n}\n", "need each other"},
		"a new value outside of a default": {"output o string = newGuid()\n", "in the default of a parameter only"},
		"a default that names a variable":  {"var b = 'x'\nparam a string = b\noutput o string = a\n", "may name parameters only"},
		"a text from nowhere":              {"output o string = loadTextContent('nowhere.txt')\n", "no file nowhere.txt"},
		"keys of an account":               {site + "output o object = site.listKeys()\n", "is a secret"},
		"no statement":                     {"params a string\n", "begins no statement"},
		"half a statement":                 {"param a\n", "a type must be"},
		"two statements in a line":         {"var a = 1 var b = 2\n", "the line must end"},
		"a line in a sum":                  {"var a = 1 +\n2\noutput o int = a\n", "where a value must be"},
		"a line in a choice":               {"param p bool\noutput o int = p ?\n1 : 2\n", "where a value must be"},
		"a line after a colon":             {"output o object = {\n  a:\n  1\n}\n", "where a value must be"},
		"a line after a loop":              {"param p string[]\noutput o array = [for x in p:\n  x]\n", "where a value must be"},
		"a comma at the end of a line":     {"output o array = [\n  1,\n  2\n]\n", "the line ends after a ','"},
		"a comma after the last value":     {"output o array = concat([1], [2],\n)\n", "no value after the last ','"},
		"a decorator before another kind":  {"@onlyIfNotExists()\nparam a string\noutput o string = a\n", "@onlyIfNotExists may not stand before a param"},
		"a decorator of another type":      {"@minLength(1)\nparam a int\noutput o int = a\n", "@minLength may not stand before a int"},
		"a decorator of a property":        {"@export()\ntype T = {\n  @export()\n  a: string\n}\n", "@export may not stand before a property"},
		"a decorator twice":                {"@description('a')\n@description('b')\nparam a string\noutput o string = a\n", "stands here twice"},
		"a decorator without its argument": {"@description()\nparam a string\noutput o string = a\n", "takes 1 arguments"},
		"a bound of a named type":          {"import { Box } from 'types.bicep'\n@sealed()\nparam a Box\noutput o int = a.width\n", "belongs to where Box is declared"},
		"a length of one of a few":         {"@maxLength(3)\nparam a 'x' | 'y'\noutput o string = a\n", "says nothing about what is one of a few"},
		"a default beside null":            {"param a string? = 'x'\noutput o string = a ?? ''\n", "null by default"},
		"names that differ in their case":  {"var a = 1\nvar A = 2\noutput o int = a + A\n", "differ in their case only"},
		"a tag known too late":             {site + "resource b 'Microsoft.Web/sites@2025-03-01' = {\n  name: 'b'\n  tags: { a: site.properties.state }\n}\n", "must be known before"},
		"a loop in an argument":            {"param p string[]\noutput o array = concat([for x in p: x], [])\n", "a loop may not stand here"},
		"a loop in a variable's property":  {"param p string[]\nvar a = {\n  b: [for x in p: x]\n}\noutput o object = a\n", "a loop may not stand here"},
		"a loop in a loop":                 {"param p string[]\nresource b 'Microsoft.Web/sites@2025-03-01' = {\n  name: 'x'\n  properties: {\n    a: [for x in p: { c: [for y in p: y] }]\n  }\n}\n", "a loop may not stand here"},
		"a resource nested in a loop":      {"param p string[]\nresource a 'Microsoft.Web/sites@2025-03-01' = [for x in p: {\n  name: x\n\n  resource b 'config' = {\n    name: 'web'\n  }\n}]\n", "can have no resource nested"},
		"an argument too few":              {"param a string\noutput o string = replace(a, 'x')\n", "replace takes (string string string)"},
		"a number as a text":               {"param n int\noutput o string = toLower(n)\n", "toLower takes (string)"},
		"a text and a list":                {"output o array = concat('a', ['b'])\n", "concat takes (array array...), ("},
		"a text as a function":             {"param p string[]\noutput o array = map(p, 'x')\n", "map takes (array lambda)"},
		"an environment in a template":     {"output o string = readEnvironmentVariable('X')\n", "may not be called in a file of this kind"},
		"an open string":                   {"var a = 'b\n", "never closed"},
		"an open interpolation":            {"var a = 'b${c\n", "never closed"},
		"an open object":                   {"var a = {\n  b: 1\n", "a property must be"},
		"an unknown character":             {"var a = ~1\n", "has no meaning here"},
		"an unknown escape":                {"var a = 'b\\q'\n", "begins no escape"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { expectFault(t, "main.bicep", test.content, test.want) })
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range others {
		f.Add(text)
	}
	f.Add("@secure()\n@metadata()\nparam a ('x' | B)?\nresource r 'A.B/c@2025-01-01' = [for x in y: {\n  name: '${take(a, 3)}'\n  dependsOn: [m]\n}]\n")
	f.Add("var a = [for (x, i) in b!.c.?d[?0]: if (x) { 'y${z}': a::b(c, d => e) ? -1 : !f }]\n@x()\ntype T = ('a' | 1)[]?\n")
	f.Fuzz(func(t *testing.T, text string) {
		// Whatever it is, it is either read or refused, and what is read is checked without an end of its own.
		file, fault := Parse("main.bicep", text)
		if (file == nil) == (fault == nil) {
			t.Errorf("file = %v and fault = %v", file, fault)
		}
		program, _ := Load(fstest.MapFS{"main.bicep": {Data: []byte(text)}}, "main.bicep")
		program.Lint()
	})
}
