package bicep

// functions are the built-in functions that may be called, with what they return where that is one thing. Those that the language has and
// no template here uses may be added; a name that stands in no list is taken for a mistake.
var functions = map[string]*typ{
	"any": nil, "array": aList, "base64": aString, "concat": nil, "contains": aBool, "deployer": nil, "deployment": nil,
	"empty": aBool, "endsWith": aBool, "environment": nil, "filter": nil, "first": nil, "flatten": aList, "format": aString, "groupBy": aMap,
	"guid": ofLength(36), "indexOf": anInt, "int": anInt, "intersection": nil, "items": aList, "join": aString, "json": nil, "last": nil,
	"length": anInt, "loadJsonContent": nil, "loadTextContent": aString, "managementGroup": nil, "map": aList, "max": anInt, "min": anInt,
	"newGuid": ofLength(36), "objectKeys": aList, "padLeft": aString, "parseCidr": nil, "cidrSubnet": aString, "range": aList,
	"readEnvironmentVariable": aString, "reduce": nil, "replace": aString, "resourceGroup": nil, "resourceId": aString, "skip": nil, "sort": aList,
	"split": aList, "startsWith": aBool, "string": aString, "subscription": nil, "subscriptionResourceId": aString, "substring": aString,
	"take": nil, "tenant": nil, "toLower": aString, "toObject": aMap, "toUpper": aString, "trim": aString, "union": nil, "uniqueString": ofLength(13),
	"uri": aString, "uriComponent": aString, "utcNow": aString,
}

// fileFunctions take the path of a file, which must exist, as their first argument.
var fileFunctions = map[string]bool{"loadTextContent": true, "loadJsonContent": true}

// defaultOnly are the functions that may be called in the default of a parameter only.
var defaultOnly = map[string]bool{"newGuid": true, "utcNow": true}

// lambdaFunctions call their function for the elements of their first argument.
var lambdaFunctions = map[string]bool{"map": true, "filter": true, "toObject": true, "sort": true, "groupBy": true}

// signatures are what functions take, each way a word for each argument: what it may be, ? behind it where it may be left out, ... where more
// of them may follow. Functions that stand in no line here take what they like.
var signatures = map[string][]string{
	"cidrSubnet":              {"string int int"},
	"concat":                  {"array array...", "string|int|bool string|int|bool..."},
	"contains":                {"object string", "array any", "string string"},
	"empty":                   {"null|object|array|string"},
	"endsWith":                {"string string"},
	"environment":             {""},
	"filter":                  {"array lambda"},
	"guid":                    {"string string..."},
	"join":                    {"array string"},
	"length":                  {"string|object", "array"},
	"loadTextContent":         {"string string?"},
	"map":                     {"array lambda"},
	"newGuid":                 {""},
	"readEnvironmentVariable": {"string string?"},
	"replace":                 {"string string string"},
	"resourceGroup":           {""},
	"split":                   {"string any"},
	"startsWith":              {"string string"},
	"string":                  {"any"},
	"subscriptionResourceId":  {"string string string..."},
	"take":                    {"array int", "string int"},
	"tenant":                  {""},
	"toLower":                 {"string"},
	"toObject":                {"array lambda lambda?"},
	"toUpper":                 {"string"},
	"trim":                    {"string"},
	"union":                   {"object object object...", "array array array..."},
	"uniqueString":            {"string string..."},
}

// parametersOnly are the functions that only files of parameters have, and templatesOnly those that they don't.
var (
	parametersOnly = map[string]bool{"readEnvironmentVariable": true}
	templatesOnly  = map[string]bool{
		"deployer": true, "deployment": true, "environment": true, "managementGroup": true, "newGuid": true, "resourceGroup": true, "resourceId": true,
		"subscription": true, "subscriptionResourceId": true, "tenant": true, "utcNow": true,
	}
)

// typeProperty is a property of an object type, where decorators may stand too.
const typeProperty Kind = "property"

// decorator is where a decorator may stand.
type decorator struct {
	kinds  []Kind
	args   int
	shapes []shape // of the type that it bounds; nothing if it bounds none
}

var (
	typed      = []Kind{Param, Output, Type, typeProperty}
	decorators = map[string]decorator{
		"allowed":         {[]Kind{Param}, 1, []shape{text, number, boolean, list, object}},
		"batchSize":       {[]Kind{Resource, Module}, 1, nil},
		"description":     {[]Kind{Param, Var, Type, typeProperty, Func, Resource, Module, Output, Metadata}, 1, nil},
		"export":          {[]Kind{Type, Var, Func}, 0, nil},
		"maxLength":       {typed, 1, []shape{text, list}},
		"maxValue":        {typed, 1, []shape{number}},
		"metadata":        {typed, 1, nil},
		"minLength":       {typed, 1, []shape{text, list}},
		"minValue":        {typed, 1, []shape{number}},
		"onlyIfNotExists": {[]Kind{Resource}, 0, nil},
		"sealed":          {typed, 0, []shape{object}},
		"secure":          {typed, 0, []shape{text, object}},
	}
)

// neededAtStart are the properties of a resource that must be known before the deployment.
var neededAtStart = []string{
	"name", "scope", "parent", "location", "kind", "managedBy", "extendedLocation", "zones", "plan", "sku", "identity", "tags",
}

// knownAtStart is what is known before anything runs, of a resource: what Azure Resource Manager can compute without asking the resource.
var knownAtStart = map[string]bool{"id": true, "name": true, "type": true, "apiVersion": true}
