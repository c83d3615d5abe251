// Package bicep reads Bicep files and finds the mistakes that need no compiler and no cloud to be seen: names that are declared nowhere,
// declarations that nobody uses, references to files, parameters and outputs that do not exist, values of another type than the one that is
// asked for, values that may be null and are used as if they could not, and circles of references. It also knows the rules of Bicep's linter.
//
// It exists because the Bicep compiler is not to be had where the tests run, and a template that fails in somebody else's subscription fails
// too late. It knows the language as far as the templates of this project use it, and refuses the rest. It knows no resource types: what a
// resource may hold is for the real compiler, which the workflow runs.
package bicep
