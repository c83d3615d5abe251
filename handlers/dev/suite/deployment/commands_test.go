package deployment

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// azCommands are the commands of the Azure CLI that guides, scripts and the workflow may use,
// with their options. They were checked in the help of the CLI 2.91; check a new one there too.
var azCommands = map[string]string{
	"account set":                                "--subscription",
	"account show":                               "",
	"ad app create":                              "--display-name",
	"ad app delete":                              "--id",
	"ad app federated-credential create":         "--id --parameters",
	"ad group show":                              "--group",
	"ad signed-in-user show":                     "",
	"ad sp create":                               "--id",
	"bicep install":                              "--version",
	"bicep upgrade":                              "",
	"cloud set":                                  "--name",
	"cloud show":                                 "",
	"deployment group create":                    "--resource-group --name --parameters --template-file",
	"deployment group show":                      "--resource-group --name",
	"deployment group what-if":                   "--resource-group --parameters --no-pretty-print --validation-level",
	"eventgrid event-subscription create":        "--name --source-resource-id --endpoint --endpoint-type --event-delivery-schema",
	"functionapp config appsettings delete":      "--resource-group --name --setting-names",
	"functionapp config appsettings list":        "--resource-group --name",
	"functionapp deployment source config-zip":   "--resource-group --name --src",
	"functionapp function list":                  "--resource-group --name",
	"functionapp list-flexconsumption-locations": "",
	"functionapp show":                           "--resource-group --name",
	"group create":                               "--name --location",
	"group delete":                               "--name",
	"group show":                                 "--name",
	"keyvault purge":                             "--name",
	"keyvault secret set":                        "--vault-name --name --value",
	"keyvault show":                              "--name",
	"lock delete":                                "--resource-group --resource --resource-type --name",
	"login":                                      "--tenant --allow-no-subscriptions",
	"provider register":                          "--namespace --wait",
	"rest":                                       "--method --url --headers --body",
	"resource delete":                            "--ids",
	"resource list":                              "--resource-group --resource-type",
	"role assignment create":                     "--assignee-object-id --assignee-principal-type --role --scope",
	"role definition create":                     "--role-definition",
}

var (
	azInner  = regexp.MustCompile(`\$\((az [^()]*)\)`)
	azCall   = regexp.MustCompile(`(?:^|[\s(;&|"])az ([a-z][a-z-]*(?: [a-z][a-z-]*)*)`)
	azOption = regexp.MustCompile(`(?:^|\s)(--[a-z-]+)`)
	comment  = regexp.MustCompile(`(?m)(?:^|\s)# .*$`)
	fence    = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$")
	span     = regexp.MustCompile("`([^`\n]+(?:\n[^`\n]+)?)`")
)

// misused returns what is wrong with the calls of az in a script, and the number of calls.
func misused(script string) (faults []string, calls int) {
	script = comment.ReplaceAllString(strings.ReplaceAll(script, "\\\n", " "), "")
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); i++ {
		// Check a command inside another one by itself.
		for _, match := range azInner.FindAllStringSubmatch(lines[i], -1) {
			lines = append(lines, match[1])
		}
		line := azInner.ReplaceAllString(lines[i], "VALUE")
		found := azCall.FindAllStringSubmatchIndex(line, -1)
		for n, at := range found {
			end := len(line)
			if n+1 < len(found) {
				end = found[n+1][0]
			}
			calls++
			words := strings.Fields(line[at[2]:at[3]])
			for len(words) > 0 {
				if _, known := azCommands[strings.Join(words, " ")]; known {
					break
				}
				words = words[:len(words)-1]
			}
			if len(words) == 0 {
				faults = append(faults, fmt.Sprintf("az %s is not a known command", line[at[2]:at[3]]))
				continue
			}
			for _, match := range azOption.FindAllStringSubmatch(line[at[3]:end], -1) {
				if !slices.Contains(strings.Fields(azCommands[strings.Join(words, " ")]+" --output --query --subscription"), match[1]) {
					faults = append(faults, fmt.Sprintf("az %s does not have the option %s", line[at[2]:at[3]], match[1]))
				}
			}
		}
	}
	return faults, calls
}

func TestCallsOfTheAzureCLIAreValid(t *testing.T) {
	for path, least := range map[string]int{
		"README.md": 2, "docs/deploy.md": 30, "docs/operations.md": 1, "docs/first-hour.md": 2,
		"infra/deploy.sh": 3, "infra/graph/grant.sh": 4, "infra/verify-mail-domain.sh": 5, ".github/workflows/azure.yml": 6,
	} {
		content, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		scripts := []string{string(content)}
		if strings.HasSuffix(path, ".md") {
			scripts = nil
			for _, match := range fence.FindAllStringSubmatch(string(content), -1) {
				scripts = append(scripts, match[1])
			}
			for _, match := range span.FindAllStringSubmatch(fence.ReplaceAllString(string(content), ""), -1) {
				scripts = append(scripts, strings.ReplaceAll(match[1], "\n", " "))
			}
		}
		total := 0
		for _, script := range scripts {
			faults, calls := misused(script)
			total += calls
			for _, fault := range faults {
				t.Errorf("%s: %s", path, fault)
			}
		}
		if total < least {
			t.Errorf("%s: %d calls of az were found, want %d at least", path, total, least)
		}
	}
}

func TestInvalidCallsOfTheAzureCLIAreFound(t *testing.T) {
	for script, want := range map[string]int{
		"az group create --name x --location y":                                0,
		"az group make --name x":                                               1,
		"az group create --name x --region y":                                  1,
		"az rest --url \"$(az group show --name x --query id)/y\" --uri z":     1,
		"id=$(az group show --group x) && az group delete --name x --yes":      2,
		"az group create \\\n  --name x \\\n  --location y # as az group make": 0,
	} {
		faults, _ := misused(script)
		if len(faults) != want {
			t.Errorf("%q: %q, want %d faults", script, faults, want)
		}
	}
}
