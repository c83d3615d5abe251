package bicep

// functions are the built-in functions that may be called, with what they return where that is one thing. Those that the language has and
// no template here uses may be added; a name that stands in no list is taken for a mistake.
var functions = map[string]*typ{
	"any": nil, "array": aList, "base64": aString, "concat": nil, "contains": aBool, "createArray": aList, "deployer": nil, "deployment": nil,
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

// decorators are those that may stand anywhere.
var decorators = map[string]bool{
	"allowed": true, "batchSize": true, "description": true, "export": true, "maxLength": true, "maxValue": true, "metadata": true,
	"minLength": true, "minValue": true, "onlyIfNotExists": true, "sealed": true, "secure": true,
}

// known before anything runs, of a resource: what Azure Resource Manager can compute without asking the resource.
var knownAtStart = map[string]bool{"id": true, "name": true, "type": true, "apiVersion": true}
