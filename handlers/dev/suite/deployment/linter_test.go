package deployment

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"guestlist/handlers/dev/suite/deployment/bicep"
)

// A rule at the level error stops a deployment, and no compiler runs here.
func TestTheLinterHasNothingToSay(t *testing.T) {
	for _, fault := range load(t).Lint() {
		t.Error(fault)
	}
}

// softRules are the rules of the linter that stop nothing, and why.
var softRules = map[string]string{
	"stacks-extensibility-compat": "it only says that the Graph extension and deployment stacks do not go together",
	"use-recent-api-versions":     "a new version somewhere must not stop a deployment that worked yesterday",
	"what-if-short-circuiting":    "names of role assignments hold the ids of identities, which exist later than what-if asks",
}

// keptElsewhere are the rules of the linter that bicep.Lint does not know, and what keeps them instead.
var keptElsewhere = map[string]string{
	"max-asserts":                        "bicep.Load knows no assert",
	"nested-deployment-template-scoping": "there is no deployment in a deployment: no-deployments-resources",
	"no-explicit-any":                    "bicep.Load knows no type any",
	"no-unused-existing-resources":       "bicep.Load",
	"no-unused-imports":                  "bicep.Load",
	"no-unused-params":                   "bicep.Load",
	"no-unused-types":                    "bicep.Load",
	"no-unused-vars":                     "bicep.Load",
	"secure-params-in-nested-deploy":     "there is no deployment in a deployment: no-deployments-resources",
	"use-description-outputs":            "TestEverythingIsDescribed",
	"use-description-params":             "TestEverythingIsDescribed",
	"use-description-type-properties":    "TestEverythingIsDescribed",
	"use-description-types":              "TestEverythingIsDescribed",
	"use-recent-module-versions":         "every module is a file: bicep.Load",
	"use-resource-symbol-reference":      "bicep.Load knows neither reference nor the list functions",
	"use-secure-value-for-secure-inputs": "TestNoSecretLeaves",
}

func TestTheLinterIsStrict(t *testing.T) {
	content, err := os.ReadFile(root + "/infra/bicepconfig.json")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Analyzers struct {
			Core struct {
				Enabled bool
				Rules   map[string]struct {
					Level        string
					MaxAgeInDays int
				}
			}
		}
	}
	err = json.Unmarshal(content, &config)
	if err != nil {
		t.Fatal(err)
	}
	rules := config.Analyzers.Core.Rules
	if !config.Analyzers.Core.Enabled || len(rules) < 40 {
		t.Errorf("the linter has %d rules", len(rules))
	}
	for name, rule := range rules {
		if (rule.Level == "error") == (softRules[name] != "") {
			t.Errorf("the rule %s is %q", name, rule.Level)
		}
		if softRules[name] == "" && keptElsewhere[name] == "" && !slices.Contains(bicep.LintRules(), name) {
			t.Errorf("the rule %s is none, or nothing here keeps it", name)
		}
	}
	for _, name := range bicep.LintRules() {
		if rules[name].Level == "" {
			t.Errorf("the rule %s is kept here and not in infra/bicepconfig.json", name)
		}
	}
	if rules["use-recent-api-versions"].MaxAgeInDays == 0 {
		t.Error("any version of a resource type is recent enough")
	}
}
